// The web page's requests to the server.

const MAX_BYTES = 20e6;

// Sends a GET request, or a POST request if there is an image or `null`.
export async function ask(path, image) {
  if (image?.size > MAX_BYTES) {
    throw new Error("The image has more than 20 MB, the maximum.");
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

// A path with the parameters that are not null.
function path(name, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null);
  return given.length ? `${name}?${new URLSearchParams(given)}` : name;
}

// In all of these, `model` is the name of a model, or null for the server's own.

// The reading of an image: {width, height, text, hint, rotation, digits, left_out}.
export async function look(image, model) {
  return (await ask(path("look", { model }), image)).json();
}

// The reading of an image as other programs get it: a text in JSON.
export async function read(image, model) {
  return (await ask(path("read", { model }), image)).text();
}

// The address at which other programs send an image.
export function readAddress(model) {
  return new URL(path("read", { model }), location.href).href;
}

// The upright image, as a Blob that every browser can show.
export async function upright(image) {
  return (await ask("upright", image)).blob();
}

// Where the finder sees digits, as a Blob to be laid over the upright image.
export async function heat(image) {
  return (await ask("heat", image)).blob();
}

// How the mark in a box of an image was read: {layers, occlusion, nearest, nearest_error}; all
// pictures are data: URLs.
export async function why(image, [x, y, width, height], model) {
  return (await ask(path("why", { x, y, width, height, model }), image)).json();
}

// The models, the server's own first: {name, network, data, own, accuracy, default, deletable}.
export async function models() {
  return (await ask("models")).json();
}

// Deletes a model; returns the same as `models`.
export async function discardModel(model) {
  return (await ask(path("discard-model", { model }), null)).json();
}

// The saved digits, and the command to train on them: {folder, count, command, digits}.
export async function kept() {
  return (await ask("kept")).json();
}

// Saves the mark in a box of an image as a digit; returns the same as `kept`.
export async function keep(image, digit, [x, y, width, height], model) {
  return (await ask(path("keep", { digit, x, y, width, height, model }), image)).json();
}

// The address of the picture of a saved digit.
export function keptAddress(digit, name) {
  return `kept/${digit}/${name}`;
}

// The picture of a saved digit, as a Blob.
export async function keptPicture(digit, name) {
  return (await ask(keptAddress(digit, name))).blob();
}

// Deletes a saved digit; returns the same as `kept`.
export async function discard(digit, name) {
  return (await ask(path("discard", { digit, name }), null)).json();
}

// The latest training: {state, name, start, seconds, epochs, history, error,
// comparison, allowed}.
export async function training() {
  return (await ask("training")).json();
}

// Starts a training; returns the same as `training`.
export async function train() {
  return (await ask("train", null)).json();
}

// Cancels the training; returns the same as `training`.
export async function cancel() {
  return (await ask("cancel", null)).json();
}
