// Draws the boxes and digits of a reading on its picture, as a PNG file.

import { labelOf } from "./boxes.js";
import { placesFor } from "./labels.js";

const MIN_SIDE = 800; // pixels; smaller pictures are enlarged
const COLOURS = { sure: "#00795a", unsure: "#b34a00", "left-out": "#6b7280" };

// Resolves to the PNG file. `shown` is the canvas or image element with the picture. `width` and
// `height` are the size of the picture that was read, to which the boxes refer.
export function annotated(shown, { width, height }, marks) {
  const [wide, high] = [shown.naturalWidth ?? shown.width, shown.naturalHeight ?? shown.height];
  const enlarged = Math.max(1, MIN_SIDE / Math.max(wide, high));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(wide * enlarged);
  canvas.height = Math.round(high * enlarged);
  const context = canvas.getContext("2d");
  context.drawImage(shown, 0, 0, canvas.width, canvas.height);
  const scale = canvas.width / width;
  const texts = marks.map(labelOf);
  const places = placesFor(marks.map(({ box }) => box), texts, width, height);
  marks.forEach(({ kind, box }, index) => {
    context.strokeStyle = context.fillStyle = COLOURS[kind];
    context.lineWidth = 2;
    context.setLineDash(kind === "left-out" ? [6, 4] : []);
    context.strokeRect(...box.map((side) => side * scale));
    if (places[index]) writeLabel(context, texts[index], places[index], scale);
  });
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function writeLabel(context, text, { x, y, size }, scale) {
  context.setLineDash([]);
  context.font = `bold ${size * scale}px ui-monospace, monospace`;
  context.lineWidth = 0.2 * size * scale;
  context.lineJoin = "round";
  context.strokeStyle = "#fff"; // keeps the label readable on any picture
  context.strokeText(text, x * scale, y * scale);
  context.fillText(text, x * scale, y * scale);
}
