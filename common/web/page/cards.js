// Shows a card for each mark: its picture, the digit, an explanation, and a form to correct it.

import { percent, sharesOf } from "./marks.js";

const MAYBE = 0.3; // minimum confidence of an ignored mark that may be a digit

const savedAs = new Map(); // picture (data: URL) -> the digit that it was saved as

// Replaces the cards. A card with the same picture as before keeps the text and focus of its input.
// The form of a card calls actions.keep(mark, digit), which resolves to whether the mark was saved.
// The button of a card calls actions.why(mark), which resolves to the answer of /why, or to null.
// `boxes` are the elements to highlight together with the cards.
export function showCards(marks, boxes, actions) {
  const list = document.getElementById("marks");
  const input = (item) => item.querySelector("input");
  const earlier = new Map([...list.children].map((item) => [item.dataset.picture, input(item)]));
  const focused = document.activeElement;
  const cards = marks.map((mark, index) => card(mark, boxes[index], actions));
  list.replaceChildren(...cards);
  for (const item of cards) {
    const before = earlier.get(item.dataset.picture);
    if (before) input(item).value = before.value;
    if (before && before === focused) input(item).focus();
  }
}

function card(mark, box, actions) {
  const item = document.getElementById("mark").content.cloneNode(true).firstElementChild;
  const find = (selector) => item.querySelector(selector);
  item.classList.add(mark.kind);
  item.dataset.picture = mark.picture;
  const highlight = (event, on) =>
    item.addEventListener(event, () => box.classList.toggle("chosen", on));
  for (const event of ["pointerenter", "focusin"]) highlight(event, true);
  for (const event of ["pointerleave", "focusout"]) highlight(event, false);
  find(".picture").src = mark.picture;
  find(".picture").alt = `What the network sees: 28 by 28 pixels, read as ${mark.digit}`;
  find(".digit").textContent = mark.kind === "left-out" ? leftOutAs(mark) : mark.digit;
  find(".confidence").textContent = confidenceOf(mark);
  const bars = find(".bars");
  bars.setAttribute("aria-label", "Probabilities");
  bars.append(...sharesOf(mark).map((share, digit) => bar(share, digit, digit === mark.digit)));
  find(".why").addEventListener("click", () => toggleReasons(item, mark, actions.why));
  correctWith(item, mark, actions.keep);
  return item;
}

function confidenceOf({ kind, digit, confidence }) {
  if (kind === "left-out" && confidence < MAYBE) return "";
  const before = { sure: "", unsure: "unsure, ", "left-out": `perhaps ${digit}, ` }[kind];
  return before + percent(confidence);
}

function correctWith(item, mark, keep) {
  const form = item.querySelector("form");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const digit = form.querySelector("input").value;
    if (!(await keep(mark, digit))) return;
    savedAs.set(mark.picture, digit);
    // Update all cards, since the mark has a new card if the picture was read again meanwhile.
    for (const each of document.getElementById("marks").children) showSaved(each);
  });
  showSaved(item);
}

function showSaved(item) {
  const digit = savedAs.get(item.dataset.picture);
  if (digit !== undefined) item.querySelector(".kept-as").textContent = `saved as ${digit}`;
}

async function toggleReasons(item, mark, why) {
  const [button, reasons] = [item.querySelector(".why"), item.querySelector(".reasons")];
  if (reasons.hidden && !reasons.dataset.known) {
    const answer = await why(mark);
    if (!answer) return;
    const [occlusion, ...layers] = reasons.querySelectorAll("figure img");
    occlusion.src = answer.occlusion;
    occlusion.alt = `Evidence for a ${mark.digit} in red, against it in blue`;
    layers.forEach((picture, index) => (picture.src = answer.layers[index] ?? ""));
    layers.forEach((picture) => (picture.parentElement.hidden = picture.src === ""));
    showNearest(reasons.querySelector(".nearest"), answer);
    reasons.dataset.known = "yes";
  }
  reasons.hidden = !reasons.hidden;
  button.setAttribute("aria-expanded", String(!reasons.hidden));
}

function showNearest(area, { nearest, nearest_error }) {
  const about = "The most similar pictures in the training data, with their labels";
  area.querySelector("p").textContent = nearest_error ? `No training digits: ${nearest_error}` : about;
  area.querySelector("ol").replaceChildren(...nearest.map(neighbour));
}

function neighbour({ digit, picture }) {
  const item = document.getElementById("neighbour").content.cloneNode(true).firstElementChild;
  item.querySelector("img").src = picture;
  item.querySelector("img").alt = `A training digit that is a ${digit}`;
  item.querySelector("span").textContent = digit;
  return item;
}

function leftOutAs({ confidence }) {
  if (confidence >= 0.5) return "other writing";
  return confidence >= MAYBE ? "unsure" : "not a digit";
}

function bar(share, digit, isFirst) {
  const item = document.createElement("li");
  const column = document.createElement("span");
  column.style.height = `${100 * share}%`;
  item.classList.toggle("first", isFirst);
  item.title = percent(share);
  item.setAttribute("aria-label", `${digit}: ${percent(share)}`);
  item.append(column, String(digit));
  return item;
}
