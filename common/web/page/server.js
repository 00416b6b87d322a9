// The requests that the web page sends to the server.

const MAX_BYTES = 20e6;

// Sends a POST request with an image, or with no body if `image` is null. Without the argument
// `image`, sends a GET request. Resolves to the answer, or rejects with a message for the user.
export async function ask(path, image) {
  if (image?.size > MAX_BYTES) {
    throw new Error("The image is larger than 20 MB, the limit.");
  }
  let answer;
  try {
    answer = await fetch(path, image === undefined ? {} : { method: "POST", body: image });
  } catch {
    throw new Error("The server does not respond. Is draw_digit.py still running?");
  }
  if (!answer.ok) {
    const body = await answer.json().catch(() => ({}));
    throw new Error(body.error ?? `The server responded with status ${answer.status}.`);
  }
  return answer;
}

// Returns a path with those parameters that are not null.
function path(name, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null);
  return given.length ? `${name}?${new URLSearchParams(given)}` : name;
}

// In all functions below, `model` is the name of a model, or null for the server's own.

// Resolves to the reading of an image: {width, height, text, hint, rotation, digits, left_out}.
export async function look(image, model) {
  return (await ask(path("look", { model }), image)).json();
}

// Resolves to the answer of /read for an image, as JSON text.
export async function read(image, model) {
  return (await ask(path("read", { model }), image)).text();
}

// Returns the address to which other programs can send an image.
export function readAddress(model) {
  return new URL(path("read", { model }), location.href).href;
}

// Resolves to the upright image, as a Blob that every browser can show.
export async function upright(image) {
  return (await ask("upright", image)).blob();
}

// Resolves to the finder's heat map, as a Blob to show over the upright image.
export async function heat(image) {
  return (await ask("heat", image)).blob();
}

// Resolves to an explanation of how the mark in a box was read: {layers, occlusion, nearest,
// nearest_error}. All pictures are data: URLs.
export async function why(image, [x, y, width, height], model) {
  return (await ask(path("why", { x, y, width, height, model }), image)).json();
}

// Resolves to the models, the server's own first: {name, network, data, own, accuracy, default,
// deletable}.
export async function models() {
  return (await ask("models")).json();
}

// Deletes a model, and resolves to the remaining models; see `models`.
export async function discardModel(model) {
  return (await ask(path("discard-model", { model }), null)).json();
}

// Resolves to the saved digits and the command to train on them: {folder, count, command, digits}.
export async function kept() {
  return (await ask("kept")).json();
}

// Saves the mark in a box of an image as a digit; resolves to the same as `kept`.
export async function keep(image, digit, [x, y, width, height], model) {
  return (await ask(path("keep", { digit, x, y, width, height, model }), image)).json();
}

// Returns the address of the picture of a saved digit.
export function keptAddress(digit, name) {
  return `kept/${digit}/${name}`;
}

// Resolves to the picture of a saved digit, as a Blob.
export async function keptPicture(digit, name) {
  return (await ask(keptAddress(digit, name))).blob();
}

// Deletes a saved digit; resolves to the same as `kept`.
export async function discard(digit, name) {
  return (await ask(path("discard", { digit, name }), null)).json();
}

// Resolves to the latest training run: {state, name, start, seconds, epochs, history, error,
// comparison, allowed}.
export async function training() {
  return (await ask("training")).json();
}

// Starts training; resolves to the same as `training`.
export async function train() {
  return (await ask("train", null)).json();
}

// Cancels training; resolves to the same as `training`.
export async function cancel() {
  return (await ask("cancel", null)).json();
}
