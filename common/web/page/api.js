// Shows the server's description of itself.

window.SwaggerUIBundle({ url: "openapi.json", dom_id: "#interface" });
