// A canvas to draw on with mouse, finger or pen.

const REST = 40; // ms without movement after which the pen rests
const INK = "#111";
const MAX_WIDTH = 1000; // pixels of the picture that is read

export class Paper {
  #canvas;
  #pen;
  #cleared = []; // strokes removed by the last `clear`, until a new one is drawn
  #strokes = []; // each: {width, points: [[x, y, pressure], ...]}, in units of the canvas's width
  #open = new Map(); // strokes being drawn, by pointer
  #timer;

  // Calls changed() when the drawing changes, and rested(time) when the pen has rested since `time`.
  constructor(canvas, changed, rested) {
    this.#canvas = canvas;
    this.#pen = canvas.getContext("2d", { willReadFrequently: true });
    this.penWidth = 12; // CSS pixels
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
    return this.#strokes.length === 0;
  }

  get canUndo() {
    return !this.isEmpty || this.#cleared.length > 0;
  }

  // Undoes the last stroke, or the last `clear`.
  undo() {
    this.#open.clear(); // a stroke in progress ends here
    if (this.isEmpty) {
      this.#strokes = this.#cleared;
      this.#cleared = [];
    } else {
      this.#strokes.pop();
    }
    this.#redraw();
  }

  clear() {
    this.#open.clear();
    if (!this.isEmpty) this.#cleared = this.#strokes;
    this.#strokes = [];
    this.#redraw();
  }

  // The drawing as a PNG. `toBlob` may wait a second until the browser is idle.
  picture() {
    const [, base64] = this.#canvas.toDataURL("image/png").split(",");
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return new Blob([bytes], { type: "image/png" });
  }

  #down(event) {
    if (event.button !== 0) return;
    this.#canvas.setPointerCapture(event.pointerId);
    const stroke = { width: this.penWidth / this.#canvas.clientWidth, points: [] };
    this.#strokes.push(stroke);
    this.#cleared = [];
    this.#open.set(event.pointerId, stroke);
    this.#extend(stroke, [event]);
  }

  #move(event) {
    const stroke = this.#open.get(event.pointerId);
    if (!stroke) return;
    const all = event.getCoalescedEvents?.() ?? [];
    this.#extend(stroke, all.length ? all : [event]);
  }

  #up(event) {
    if (!this.#open.delete(event.pointerId)) return;
    clearTimeout(this.#timer);
    this.rested(performance.now());
  }

  #extend(stroke, events) {
    const { left, top, width } = this.#canvas.getBoundingClientRect();
    const known = stroke.points.length;
    for (const { clientX, clientY, pointerType, pressure } of events) {
      const force = pointerType === "pen" && pressure > 0 ? 0.4 + 1.2 * pressure : 1;
      stroke.points.push([(clientX - left) / width, (clientY - top) / width, force]);
    }
    this.#draw(stroke, Math.max(known, 1));
    this.changed();
    const time = performance.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.rested(time), REST);
  }

  // Draws a stroke from the point with index `first` on.
  #draw(stroke, first) {
    const scale = this.#canvas.width;
    const pen = this.#pen;
    pen.strokeStyle = pen.fillStyle = INK;
    pen.lineCap = pen.lineJoin = "round";
    const [x, y, force] = stroke.points[0];
    if (first === 1) {
      pen.beginPath();
      pen.arc(x * scale, y * scale, (stroke.width * force * scale) / 2, 0, 2 * Math.PI);
      pen.fill();
    }
    for (let i = first; i < stroke.points.length; i++) {
      const [fromX, fromY] = stroke.points[i - 1];
      const [toX, toY, toForce] = stroke.points[i];
      pen.lineWidth = stroke.width * toForce * scale;
      pen.beginPath();
      pen.moveTo(fromX * scale, fromY * scale);
      pen.lineTo(toX * scale, toY * scale);
      pen.stroke();
    }
  }

  #redraw() {
    this.#pen.fillStyle = "#fff";
    this.#pen.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
    for (const stroke of this.#strokes) this.#draw(stroke, 1);
    this.changed();
    this.rested(performance.now());
  }

  #fit() {
    const { clientWidth, clientHeight } = this.#canvas;
    if (clientWidth === 0) return; // hidden behind an image
    const scale = Math.min(window.devicePixelRatio, MAX_WIDTH / clientWidth);
    const width = Math.round(clientWidth * scale);
    const height = Math.round(clientHeight * scale);
    if (width === this.#canvas.width && height === this.#canvas.height) return;
    this.#canvas.width = width;
    this.#canvas.height = height;
    this.#redraw();
  }
}
