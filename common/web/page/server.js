// The web page's requests to the server.

const MAX_BYTES = 20e6;

async function ask(path, image) {
  if (image && image.size > MAX_BYTES) {
    throw new Error("The image has more than 20 MB, the maximum.");
  }
  let answer;
  try {
    answer = await fetch(path, image ? { method: "POST", body: image } : {});
  } catch {
    throw new Error("The server does not respond. Is draw_digit.py still running?");
  }
  if (!answer.ok) {
    const body = await answer.json().catch(() => ({}));
    throw new Error(body.error ?? `The server responded with status ${answer.status}.`);
  }
  return answer;
}

// The reading of an image: {width, height, text, hint, rotation, digits, left_out}.
export async function look(image) {
  return (await ask("look", image)).json();
}

// The reading of an image as other programs get it: a text in JSON.
export async function read(image) {
  return (await ask("read", image)).text();
}

// The address at which other programs send an image.
export function readAddress() {
  return new URL("read", location.href).href;
}

// The upright image, as a Blob that every browser can show.
export async function upright(image) {
  return (await ask("upright", image)).blob();
}

// Where the finder sees digits, as a Blob to be laid over the upright image.
export async function heat(image) {
  return (await ask("heat", image)).blob();
}

// How the mark in a box of an image was read: {layers, occlusion}, data: URLs of pictures.
export async function why(image, [x, y, width, height]) {
  return (await ask(`why?${new URLSearchParams({ x, y, width, height })}`, image)).json();
}

// The state of the server: {status, model}.
export async function health() {
  return (await ask("health")).json();
}

// The saved digits, and the command to train on them: {folder, count, command}.
export async function kept() {
  return (await ask("kept")).json();
}

// Saves the mark in a box of an image as a digit; returns the same as `kept`.
export async function keep(image, digit, [x, y, width, height]) {
  const query = new URLSearchParams({ digit, x, y, width, height });
  return (await ask(`keep?${query}`, image)).json();
}
