// Draws a box around each mark on the stage, and labels the boxes of digits.

import { placesFor } from "./labels.js";
import { svg } from "./svg.js";

// Replaces the boxes, and returns the SVG elements of the marks, in the same order.
export function showBoxes({ width, height }, marks) {
  const boxes = document.getElementById("boxes");
  boxes.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const texts = marks.map(labelOf);
  const places = placesFor(marks.map(({ box }) => box), texts, width, height);
  boxes.replaceChildren(
    ...marks.map(({ kind, box }, index) => {
      const group = svg("g", { class: kind });
      group.append(svg("rect", { x: box[0], y: box[1], width: box[2], height: box[3] }));
      if (places[index]) {
        const { x, y, size } = places[index];
        group.append(svg("text", { x, y, "font-size": size }, texts[index]));
      }
      return group;
    }),
  );
  return boxes.children;
}

// Returns the label of a mark, which is empty for an ignored mark.
export function labelOf({ kind, digit }) {
  return { sure: String(digit), unsure: `${digit}?`, "left-out": "" }[kind];
}
