// The boxes on the image of a form, which the user can draw, choose, move and resize.

const STEP = 0.2; // per cent of the page by which an arrow key moves or resizes a box
const MIN_SIDE = 0.5; // per cent of the page; minimum width and height of a box
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const limited = (value, least, most) => Math.max(least, Math.min(value, most));
const rounded = (value) => Math.round(100 * value) / 100;

// A box is an array of left, top, width and height in per cent of the page. Dispatches "drawn" with
// a new box, "chosen" with a field or null, and "changed" after a box is moved or resized.
// Dispatches "name" or "delete" with a field when the user presses Enter or Delete on its box.
export class Boxes extends EventTarget {
  #layer;
  #shown = new Map(); // field -> its element
  #chosen = null;
  #drag = null; // action of the pointer: {start, field, box, resizes} or {start, drawn, element}

  constructor(layer) {
    super();
    this.#layer = layer;
    layer.addEventListener("pointerdown", (event) => this.#down(event));
    layer.addEventListener("pointermove", (event) => this.#move(event));
    layer.addEventListener("pointerup", () => this.#up());
    layer.addEventListener("pointercancel", () => this.#up());
  }

  // Shows the boxes of these fields; Tab visits them in the given order.
  show(fields) {
    const element = (field) => this.#shown.get(field) ?? this.#made(field);
    this.#shown = new Map(fields.map((field) => [field, element(field)]));
    this.#layer.replaceChildren(...this.#shown.values());
    this.update();
  }

  // Updates the names and places of the boxes after their fields have changed.
  update() {
    for (const [field, element] of this.#shown) {
      place(element, field.box);
      element.querySelector(".name").textContent = field.name;
      element.classList.toggle("chosen", field === this.#chosen);
      element.setAttribute("aria-pressed", field === this.#chosen);
    }
  }

  // Chooses a field and highlights its box. With null, no field is chosen.
  choose(field) {
    if (field !== this.#chosen) {
      this.#chosen = field;
      this.update();
      this.#tell("chosen", field);
    }
  }

  focus(field) {
    this.#shown.get(field)?.focus();
  }

  #made(field) {
    const element = document.createElement("button");
    element.type = "button";
    element.className = "box";
    for (const part of ["name", "corner"]) {
      element.append(Object.assign(document.createElement("span"), { className: part }));
    }
    element.addEventListener("focus", () => this.choose(field));
    element.addEventListener("keydown", (event) => this.#key(event, field));
    return element;
  }

  #key(event, field) {
    const arrow = ARROWS[event.key];
    if (arrow) {
      const [right, down] = arrow.map((to) => to * STEP);
      this.#put(field, shifted(field.box, event.shiftKey, right, down));
    } else if (event.key === "Enter") this.#tell("name", field);
    else if (event.key === "Delete" || event.key === "Backspace") this.#tell("delete", field);
    else return;
    event.preventDefault();
  }

  #down(event) {
    if (!event.isPrimary || event.button !== 0) return;
    event.preventDefault(); // keeps the browser from dragging or selecting
    this.#layer.setPointerCapture(event.pointerId);
    const start = this.#at(event);
    const element = event.target.closest(".box");
    const [field] = [...this.#shown].find(([, shown]) => shown === element) ?? [null];
    if (field) {
      this.focus(field);
      const resizes = event.target.classList.contains("corner");
      this.#drag = { field, start, resizes, box: field.box };
      return;
    }
    document.activeElement.blur(); // otherwise, keys would still act on the box that had the focus
    this.choose(null);
    const drawn = { box: [...start, 0, 0] };
    this.#drag = { drawn, start, element: this.#made(drawn) };
    this.#layer.append(this.#drag.element);
  }

  #move(event) {
    if (!this.#drag || !event.isPrimary) return;
    const { field, start, drawn, resizes, box, element } = this.#drag;
    const at = this.#at(event);
    if (field) {
      this.#put(field, shifted(box, resizes, at[0] - start[0], at[1] - start[1]));
      return;
    }
    drawn.box = between(start, at);
    place(element, drawn.box);
  }

  #up() {
    const { drawn, element } = this.#drag ?? {};
    this.#drag = null;
    element?.remove();
    if (drawn && Math.min(drawn.box[2], drawn.box[3]) >= MIN_SIDE) this.#tell("drawn", drawn.box);
  }

  #put(field, box) {
    field.box = box;
    this.update();
    this.#tell("changed");
  }

  // Returns the place of the pointer in per cent of the page.
  #at({ clientX, clientY }) {
    const { left, top, width, height } = this.#layer.getBoundingClientRect();
    return [
      limited((100 * (clientX - left)) / width, 0, 100),
      limited((100 * (clientY - top)) / height, 0, 100),
    ];
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function place(element, [left, top, width, height]) {
  const sides = { left, top, width, height };
  for (const [side, share] of Object.entries(sides)) element.style[side] = `${share}%`;
}

// Moves a box, or resizes it if `resizes`. Returns the new box, which stays within the page.
function shifted([left, top, width, height], resizes, right, down) {
  if (resizes) {
    const wide = limited(width + right, MIN_SIDE, 100 - left);
    return [left, top, rounded(wide), rounded(limited(height + down, MIN_SIDE, 100 - top))];
  }
  const x = rounded(limited(left + right, 0, 100 - width));
  return [x, rounded(limited(top + down, 0, 100 - height)), width, height];
}

// Returns the box with two given places as opposite corners.
function between([x0, y0], [x1, y1]) {
  const [left, top] = [rounded(Math.min(x0, x1)), rounded(Math.min(y0, y1))];
  return [left, top, rounded(Math.max(x0, x1) - left), rounded(Math.max(y0, y1) - top)];
}
