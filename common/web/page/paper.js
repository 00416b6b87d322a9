// The paper: a canvas on which the user draws with a mouse, finger or pen.

import { History } from "./history.js";
import { fitted, paint, paintStroke } from "./strokes.js";

const REST = 40; // ms without movement after which the pen counts as resting
const MAX_WIDTH = 1000; // pixels; maximum width of the picture that is read
const DARK = 128; // grey level; darker pixels are ink

export class Paper {
  #canvas;
  #context;
  #history = new History();
  #open = new Map(); // id of a pointer -> the stroke that it is drawing
  #isBlank = true;
  #timer;

  // Calls changed() when the drawing changes, and rested(time) when the pen has not moved since
  // `time`.
  constructor(canvas, changed, rested) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { willReadFrequently: true });
    this.pen = { width: 12, erases: false }; // `width` is in CSS pixels
    this.changed = changed;
    this.rested = rested;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => this.#up(event));
    }
    new ResizeObserver(() => this.#fit()).observe(canvas);
  }

  get isEmpty() {
    return this.#isBlank;
  }

  get canUndo() {
    return this.#history.canUndo;
  }

  get canRedo() {
    return this.#history.canRedo;
  }

  get drawing() {
    return { strokes: this.#history.current, ratio: this.#ratio };
  }

  // Undoes the last stroke, or the last call of `clear` or `open`.
  undo() {
    this.#open.clear(); // a stroke in progress ends here
    this.#history.undo();
    this.#redraw();
  }

  redo() {
    this.#open.clear();
    this.#history.redo();
    this.#redraw();
  }

  clear() {
    this.#replace([]);
  }

  // Replaces the drawing with another one.
  open(drawing) {
    this.#fit();
    this.#replace(fitted(drawing, this.#ratio));
  }

  // Returns the drawing as a PNG file. `toBlob` is not used, since it may wait up to a second until
  // the browser is idle.
  picture() {
    const [, base64] = this.#canvas.toDataURL("image/png").split(",");
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return new Blob([bytes], { type: "image/png" });
  }

  get #ratio() {
    return this.#canvas.height / this.#canvas.width;
  }

  #replace(strokes) {
    this.#open.clear();
    if (strokes.length || this.#history.current.length) this.#history.add(strokes);
    this.#redraw();
  }

  #down(event) {
    if (event.button !== 0) return;
    this.#canvas.setPointerCapture(event.pointerId);
    const { width, erases } = this.pen;
    if (erases && this.#isBlank) return;
    const stroke = { width: width / this.#canvas.clientWidth, erases, points: [] };
    this.#history.add([...this.#history.current, stroke]);
    this.#open.set(event.pointerId, stroke);
    if (!erases) this.#isBlank = false;
    this.#extend(stroke, [event]);
  }

  #move(event) {
    const stroke = this.#open.get(event.pointerId);
    if (!stroke) return;
    const all = event.getCoalescedEvents?.() ?? [];
    this.#extend(stroke, all.length ? all : [event]);
  }

  #up(event) {
    if (this.#open.delete(event.pointerId)) this.#rest(performance.now());
  }

  #extend(stroke, events) {
    const { left, top, width } = this.#canvas.getBoundingClientRect();
    const known = stroke.points.length;
    for (const { clientX, clientY, pointerType, pressure } of events) {
      const force = pointerType === "pen" && pressure > 0 ? 0.4 + 1.2 * pressure : 1;
      stroke.points.push([(clientX - left) / width, (clientY - top) / width, force]);
    }
    paintStroke(this.#context, stroke, Math.max(known, 1));
    this.changed();
    const time = performance.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#rest(time), REST);
  }

  #rest(time) {
    clearTimeout(this.#timer);
    if (this.#history.current.some(({ erases }) => erases)) {
      this.#isBlank = !this.#hasInk();
      this.changed();
    }
    this.rested(time);
  }

  #hasInk() {
    const { data } = this.#context.getImageData(0, 0, this.#canvas.width, this.#canvas.height);
    for (let i = 0; i < data.length; i += 4) if (data[i] < DARK) return true;
    return false;
  }

  #redraw() {
    const strokes = this.#history.current;
    paint(this.#context, strokes);
    this.#isBlank = strokes.length === 0;
    this.changed();
    this.#rest(performance.now());
  }

  #fit() {
    const { clientWidth, clientHeight } = this.#canvas;
    if (clientWidth === 0) return; // the paper is hidden while an image is shown
    const scale = Math.min(window.devicePixelRatio, MAX_WIDTH / clientWidth);
    const width = Math.round(clientWidth * scale);
    const height = Math.round(clientHeight * scale);
    if (width === this.#canvas.width && height === this.#canvas.height) return;
    this.#canvas.width = width;
    this.#canvas.height = height;
    this.#redraw();
  }
}
