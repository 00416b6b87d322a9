// Draws a box around each mark on the stage, and labels the digits.

import { placesFor } from "./labels.js";

const SVG = "http://www.w3.org/2000/svg";

// Replaces the boxes, and returns the element of each mark.
export function showBoxes({ width, height }, marks) {
  const boxes = document.getElementById("boxes");
  boxes.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const texts = marks.map(labelOf);
  const places = placesFor(marks.map(({ box }) => box), texts, width, height);
  boxes.replaceChildren(
    ...marks.map(({ kind, box: [x, y, wide, high] }, index) => {
      const group = svg("g", { class: kind });
      group.append(svg("rect", { x, y, width: wide, height: high }));
      if (places[index]) group.append(label(texts[index], places[index]));
      return group;
    }),
  );
  return boxes.children;
}

// The label of a mark; ignored marks have none.
export function labelOf({ kind, digit }) {
  return { sure: String(digit), unsure: `${digit}?`, "left-out": "" }[kind];
}

function label(text, { x, y, size }) {
  const element = svg("text", { x, y, "font-size": size });
  element.textContent = text;
  return element;
}

function svg(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
