// What the page asks the server.

const MOST_BYTES = 20e6;

async function ask(path, image) {
  if (image && image.size > MOST_BYTES) {
    throw new Error("The image has more than 20 MB.");
  }
  let answer;
  try {
    answer = await fetch(path, image ? { method: "POST", body: image } : {});
  } catch {
    throw new Error("The server does not answer. Is draw_digit.py still running?");
  }
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw new Error(said.error ?? `The server answers with ${answer.status}.`);
  }
  return answer;
}

// What is on an image: {width, height, text, digits, left_out}.
export async function look(image) {
  return (await ask("look", image)).json();
}

// The image upright, as a Blob that every browser shows.
export async function upright(image) {
  return (await ask("upright", image)).blob();
}

// Which model reads: {status, model}.
export async function health() {
  return (await ask("health")).json();
}

// How many digits are kept, and how to train on them: {folder, count, command}.
export async function kept() {
  return (await ask("kept")).json();
}

// Keeps the mark in a box of an image as a digit; answers as `kept`.
export async function keep(image, digit, [x, y, width, height]) {
  const query = new URLSearchParams({ digit, x, y, width, height });
  return (await ask(`keep?${query}`, image)).json();
}
