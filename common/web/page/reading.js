// Shows a reading: the text, boxes over the picture, and each digit with its probabilities.

const SURE = 0.9; // as in the pictures that predict_image.py --save draws
const MAYBE = 0.3; // a mark that is left out may be a digit from this confidence on
const SVG = "http://www.w3.org/2000/svg";

const byId = (id) => document.getElementById(id);
const percent = (share) => `${(Math.floor(share * 1000) / 10).toFixed(1)} %`;

const keptAs = new Map(); // what digits were kept as, by their pictures

// reading: as the server gives it; keep(mark, digit): asked for with a mark's form, resolves to
// whether it was kept.
export function show(reading, keep) {
  const marks = [
    ...reading.digits.map((mark) => ({ ...mark, kind: mark.confidence >= SURE ? "sure" : "unsure" })),
    ...reading.left_out.map((mark) => ({ ...mark, kind: "left-out" })),
  ].sort((one, other) => one.place - other.place);
  showText(reading);
  const boxes = showBoxes(reading, marks);
  showCards(marks.map((mark, index) => card(mark, boxes[index], keep)));
}

// Replaces the cards; what is being typed on one whose digit is the same stays.
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

// Takes everything away again; says why there is no reading.
export function showNothing(text) {
  show({ width: 1, height: 1, text: "", digits: [], left_out: [] });
  byId("text").textContent = text;
}

function showText({ text, digits, left_out: leftOut }) {
  const output = byId("text");
  const wanted = text || (leftOut.length ? whyLeftOut(leftOut) : "No digit found");
  output.classList.toggle("digits", text !== "");
  if (output.textContent !== wanted) output.textContent = wanted; // is read aloud when it changes
  byId("copy").hidden = digits.length === 0;
}

function whyLeftOut(marks) {
  if (marks.some(({ confidence }) => confidence >= 0.5)) return "This looks like other writing";
  return marks.some(({ confidence }) => confidence >= MAYBE) ? "Unsure" : "No digit";
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

function card(mark, box, keep) {
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
  const saysNothing = mark.kind === "left-out" && mark.confidence < MAYBE;
  find(".confidence").textContent = saysNothing ? "" : before + percent(mark.confidence);
  const bars = find(".bars");
  bars.setAttribute("aria-label", "Probabilities");
  bars.append(...shares.map((share, digit) => bar(share, digit, digit === mark.digit)));
  const form = find("form");
  const sayKept = () => {
    if (keptAs.has(mark.picture)) find(".kept-as").textContent = `kept as ${keptAs.get(mark.picture)}`;
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const digit = form.querySelector("input").value;
    if (await keep(mark, digit)) {
      keptAs.set(mark.picture, digit);
      sayKept();
    }
  });
  sayKept();
  return item;
}

function leftOutAs({ confidence }) {
  if (confidence >= 0.5) return "other writing";
  return confidence >= MAYBE ? "unsure" : "no digit";
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
