// The requests that the web page for forms sends to the server.

import { ask } from "./server.js";

// Resolves to the proposed fields of an empty form: a list of {name, box, digits}.
export async function proposedFields(image) {
  return (await (await ask("find-fields", image)).json()).fields;
}

// Resolves to what is wrong with the text of a field file, or to null if it is valid.
export async function problemOf(text) {
  return (await (await ask("check-fields", new Blob([text]))).json()).problem;
}
