// Draws the curve of a metric during training.

import { svg } from "./svg.js";

const [WIDTH, HEIGHT, LEFT, BOTTOM, MARGIN] = [300, 150, 46, 22, 10]; // in units of the SVG

// Draws the curve into an <svg> element. Each row has an `epoch` and the metric. The last row of an
// epoch also has the metric on validation images, with the prefix `val_`. `asText` formats a value.
export function drawCurve(element, rows, metric, epochs, asText) {
  const values = rows.flatMap((row) => [row[metric], row[`val_${metric}`]]).filter(Number.isFinite);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const across = (epoch) => LEFT + (epoch / epochs) * (WIDTH - LEFT - MARGIN);
  const range = high - low || 1;
  const down = (value) => MARGIN + ((high - value) / range) * (HEIGHT - MARGIN - BOTTOM);
  const place = (row, key) => `${across(row.epoch)},${down(row[key])}`;
  const line = rows.filter((row) => Number.isFinite(row[metric]));
  const checks = rows.filter((row) => Number.isFinite(row[`val_${metric}`]));
  element.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  element.replaceChildren(
    svg("path", { class: "axis", d: `M${LEFT},${MARGIN}V${HEIGHT - BOTTOM}H${WIDTH - MARGIN}` }),
    ...[...new Set([high, low])].map((value) =>
      svg("text", { x: LEFT - 5, y: down(value) + 4, "text-anchor": "end" }, asText(value)),
    ),
    ...Array.from({ length: epochs + 1 }, (_, epoch) =>
      svg("text", { x: across(epoch), y: HEIGHT - 6, "text-anchor": "middle" }, String(epoch)),
    ),
    svg("polyline", { points: line.map((row) => place(row, metric)).join(" ") }),
    ...checks.map((row) =>
      svg("circle", { cx: across(row.epoch), cy: down(row[`val_${metric}`]), r: 4 }),
    ),
  );
}
