// The requests of the page for forms.

import { ask } from "./server.js";

// The fields of a field file that an empty form seems to have: a list of {name, box, digits}.
export async function proposedFields(image) {
  return (await (await ask("find-fields", image)).json()).fields;
}

// What is wrong with the text of a field file, or null.
export async function problemOf(text) {
  return (await (await ask("check-fields", new Blob([text]))).json()).problem;
}
