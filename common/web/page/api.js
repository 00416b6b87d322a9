// Shows the server's OpenAPI description.

window.SwaggerUIBundle({ url: "openapi.json", dom_id: "#interface" });
