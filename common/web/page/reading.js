// Shows a reading: the text, boxes over the picture, and each digit with its probabilities.

const SURE = 0.9; // as in the pictures of predict_image.py --save
const MAYBE = 0.3; // an ignored mark with at least this confidence may be a digit
const SVG = "http://www.w3.org/2000/svg";

const byId = (id) => document.getElementById(id);
const percent = (share) => `${(Math.floor(share * 1000) / 10).toFixed(1)} %`;

const savedAs = new Map(); // picture -> the digit it was saved as

// `reading` is the answer of /look. A mark's form calls actions.keep(mark, digit), which resolves to
// whether the mark was saved, and its button calls actions.why(mark), which resolves to the answer of
// /why, or to null.
export function show(reading, actions) {
  const marks = [
    ...reading.digits.map((mark) => ({ ...mark, kind: mark.confidence >= SURE ? "sure" : "unsure" })),
    ...reading.left_out.map((mark) => ({ ...mark, kind: "left-out" })),
  ].sort((one, other) => one.place - other.place);
  showText(reading);
  const boxes = showBoxes(reading, marks);
  showCards(marks.map((mark, index) => card(mark, boxes[index], actions)));
}

// Replaces the cards. An input keeps its text and focus if its picture is still there.
function showCards(cards) {
  const input = (item) => item.querySelector("input");
  const earlier = new Map([...byId("marks").children].map((item) => [item.dataset.picture, input(item)]));
  const focused = document.activeElement;
  byId("marks").replaceChildren(...cards);
  for (const item of cards) {
    const before = earlier.get(item.dataset.picture);
    if (before) input(item).value = before.value;
    if (before && before === focused) input(item).focus();
  }
}

// Removes the reading, and shows why there is none.
export function showNothing(hint) {
  show({ width: 1, height: 1, text: "", hint, digits: [], left_out: [] });
}

function showText({ text, hint, digits }) {
  const output = byId("text");
  const wanted = text || hint;
  output.classList.toggle("digits", text !== "");
  if (output.textContent !== wanted) output.textContent = wanted; // screen readers announce changes
  byId("copy").hidden = digits.length === 0;
}

function showBoxes({ width, height }, marks) {
  const boxes = byId("boxes");
  boxes.setAttribute("viewBox", `0 0 ${width} ${height}`);
  boxes.replaceChildren(
    ...marks.map(({ kind, digit, box: [x, y, wide, high] }) => {
      const group = svg("g", { class: kind });
      group.append(svg("rect", { x, y, width: wide, height: high }));
      if (kind !== "left-out") {
        const size = Math.max(Math.min(high / 3, height / 12), height / 40);
        const above = y > 1.1 * size ? y - 0.2 * size : y + size;
        const label = svg("text", { x, y: above, "font-size": size });
        label.textContent = kind === "sure" ? digit : `${digit}?`;
        group.append(label);
      }
      return group;
    }),
  );
  return boxes.children;
}

function svg(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function card(mark, box, { keep, why }) {
  const item = byId("mark").content.cloneNode(true).firstElementChild;
  const find = (selector) => item.querySelector(selector);
  const shares = shareOfEach(mark);
  item.classList.add(mark.kind);
  item.dataset.picture = mark.picture;
  for (const [event, on] of [["pointerenter", true], ["pointerleave", false], ["focusin", true], ["focusout", false]]) {
    item.addEventListener(event, () => box.classList.toggle("chosen", on));
  }
  find(".picture").src = mark.picture;
  find(".picture").alt = `What the network sees: 28 by 28 pixels, read as ${mark.digit}`;
  find(".digit").textContent = mark.kind === "left-out" ? leftOutAs(mark) : mark.digit;
  const before = { sure: "", unsure: "unsure, ", "left-out": `perhaps ${mark.digit}, ` }[mark.kind];
  const isNotADigit = mark.kind === "left-out" && mark.confidence < MAYBE;
  find(".confidence").textContent = isNotADigit ? "" : before + percent(mark.confidence);
  const bars = find(".bars");
  bars.setAttribute("aria-label", "Probabilities");
  bars.append(...shares.map((share, digit) => bar(share, digit, digit === mark.digit)));
  const form = find("form");
  const showSaved = () => {
    if (savedAs.has(mark.picture)) find(".kept-as").textContent = `saved as ${savedAs.get(mark.picture)}`;
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const digit = form.querySelector("input").value;
    if (await keep(mark, digit)) {
      savedAs.set(mark.picture, digit);
      showSaved();
    }
  });
  showSaved();
  find(".why").addEventListener("click", () => toggleReasons(item, mark, why));
  return item;
}

async function toggleReasons(item, mark, why) {
  const [button, reasons] = [item.querySelector(".why"), item.querySelector(".reasons")];
  if (reasons.hidden && !reasons.dataset.known) {
    const answer = await why(mark);
    if (!answer) return;
    const [occlusion, ...layers] = reasons.querySelectorAll("img");
    occlusion.src = answer.occlusion;
    occlusion.alt = `Which parts speak for a ${mark.digit}`;
    layers.forEach((picture, index) => (picture.src = answer.layers[index] ?? ""));
    layers.forEach((picture) => (picture.parentElement.hidden = picture.src === ""));
    reasons.dataset.known = "yes";
  }
  reasons.hidden = !reasons.hidden;
  button.setAttribute("aria-expanded", String(!reasons.hidden));
}

function leftOutAs({ confidence }) {
  if (confidence >= 0.5) return "other writing";
  return confidence >= MAYBE ? "unsure" : "not a digit";
}

function shareOfEach({ digit, confidence, alternatives }) {
  const shares = Array(10).fill(0);
  shares[digit] = confidence;
  for (const other of alternatives) shares[other.digit] = other.confidence;
  return shares;
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
