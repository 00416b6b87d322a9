// A strip with the recent drawings, from the browser's local storage. A click brings one back.

import { load, save } from "./stored.js";
import { compact, isDrawing, paint } from "./strokes.js";

const KEY = "drawings";
const MAX_DRAWINGS = 12;
const WIDTH = 240; // pixels of a thumbnail

const byId = (id) => document.getElementById(id);

export class Strip {
  #kept; // an array of {drawing, text}, the newest first
  #show;

  // Calls show(drawing) when the user clicks on a drawing.
  constructor(show) {
    this.#show = show;
    const stored = load(KEY);
    this.#kept = Array.isArray(stored) ? stored.filter((item) => isDrawing(item?.drawing)) : [];
    byId("forget").addEventListener("click", () => this.#keep([]));
    this.#keep(this.#kept);
  }

  // Puts a drawing at the front. `text` is what was read on it, or null if it was not read.
  add(drawing, text) {
    if (!isDrawing(drawing)) return;
    const item = { drawing: compact(drawing), text };
    const same = JSON.stringify(item.drawing);
    const others = this.#kept.filter((other) => JSON.stringify(other.drawing) !== same);
    this.#keep([item, ...others].slice(0, MAX_DRAWINGS));
  }

  #keep(items) {
    this.#kept = items;
    save(KEY, items);
    byId("drawings").replaceChildren(...items.map((item) => this.#thumbnail(item)));
    byId("no-drawings").hidden = items.length > 0;
    byId("forget").hidden = items.length === 0;
  }

  #thumbnail({ drawing, text }) {
    const entry = document.createElement("li");
    const button = document.createElement("button");
    const canvas = document.createElement("canvas");
    const caption = document.createElement("span");
    canvas.width = WIDTH;
    canvas.height = WIDTH * Math.min(drawing.ratio, 1);
    paint(canvas.getContext("2d"), drawing.strokes);
    caption.textContent = text === null ? "not read" : text || "no digit";
    button.type = "button";
    button.title = "Bring this drawing back";
    button.append(canvas, caption);
    button.addEventListener("click", () => this.#show(drawing));
    entry.append(button);
    return entry;
  }
}
