// Shows a reading: the text, boxes over the picture, and each digit with its probabilities.

const SURE = 0.9; // as in the pictures that predict_image.py --save draws
const MAYBE = 0.3; // a mark that is left out may be a digit from this confidence on
const SVG = "http://www.w3.org/2000/svg";

const byId = (id) => document.getElementById(id);
const percent = (share) => `${(Math.floor(share * 1000) / 10).toFixed(1)} %`;

// reading: as the server gives it; keep(mark, digit): asked for with a mark's form.
export function show(reading, keep) {
  const marks = [
    ...reading.digits.map((mark) => ({ ...mark, kind: mark.confidence >= SURE ? "sure" : "unsure" })),
    ...reading.left_out.map((mark) => ({ ...mark, kind: "left-out" })),
  ];
  showText(reading);
  showBoxes(reading, marks);
  byId("marks").replaceChildren(...marks.map((mark) => card(mark, keep)));
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
}

function svg(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function card(mark, keep) {
  const item = byId("mark").content.cloneNode(true).firstElementChild;
  const find = (selector) => item.querySelector(selector);
  const shares = shareOfEach(mark);
  item.classList.add(mark.kind);
  find(".picture").src = mark.picture;
  find(".picture").alt = `What the network sees: 28 by 28 pixels, read as ${mark.digit}`;
  find(".digit").textContent = mark.kind === "left-out" ? leftOutAs(mark) : mark.digit;
  const before = { sure: "", unsure: "unsure, ", "left-out": `nearest: ${mark.digit}, ` }[mark.kind];
  find(".confidence").textContent = before + percent(mark.confidence);
  const bars = find(".bars");
  bars.setAttribute("aria-label", "Probabilities");
  bars.append(...shares.map((share, digit) => bar(share, digit, digit === mark.digit)));
  const form = find("form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    keep(mark, form.querySelector("input").value);
  });
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
