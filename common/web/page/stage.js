// The stage shows what is read: the paper, or an image that the user has chosen instead.

import { Paper } from "./paper.js";
import * as server from "./server.js";

const byId = (id) => document.getElementById(id);

// Dispatches "change" when the drawing or the image changes. Dispatches "ready" with the time of
// the last change when the picture can be read. Dispatches "problem" with a message.
export class Stage extends EventTarget {
  #image = null; // the image file shown instead of the paper, or null
  #opening = 0; // number of the latest image; an earlier image may arrive after it
  version = 0; // number of changes so far

  constructor() {
    super();
    this.paper = new Paper(
      byId("paper"),
      () => this.#changed(),
      (since) => this.#tell("ready", since),
    );
    this.#acceptFiles();
  }

  get image() {
    return this.#image;
  }

  get isEmpty() {
    return this.#image === null && this.paper.isEmpty;
  }

  get picture() {
    return this.#image ?? this.paper.picture();
  }

  undo() {
    if (this.#image) this.#close();
    else this.paper.undo();
  }

  redo() {
    if (!this.#image) this.paper.redo();
  }

  clear() {
    this.show({ strokes: [], ratio: 1 });
  }

  // Replaces the current drawing or image with a drawing.
  show(drawing) {
    this.#opening++;
    if (this.#image) this.#close();
    this.paper.open(drawing);
  }

  async open(file) {
    const mine = ++this.#opening;
    try {
      const shown = await server.upright(file);
      if (mine !== this.#opening) return;
      const url = URL.createObjectURL(shown);
      URL.revokeObjectURL(byId("image").src);
      byId("image").src = url;
      await byId("image").decode().catch(() => {});
      this.#cover(file);
    } catch (error) {
      this.#tell("problem", error.message);
    }
  }

  #close() {
    this.#cover(null);
  }

  #cover(image) {
    this.#image = image;
    byId("image").hidden = image === null;
    byId("paper").hidden = image !== null;
    byId("stage").classList.toggle("shows-image", image !== null);
    this.#changed();
    this.#tell("ready", performance.now());
  }

  #changed() {
    this.version++;
    this.#tell("change");
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  // Opens images that the user chooses with a button, pastes, or drops on the web page.
  #acceptFiles() {
    for (const [button, input] of [["choose", "file"], ["photograph", "camera"]]) {
      byId(button).addEventListener("click", () => byId(input).click());
      byId(input).addEventListener("change", ({ target }) => {
        if (target.files.length) this.open(target.files[0]);
        target.value = ""; // lets the user choose the same file again
      });
    }
    document.addEventListener("paste", ({ clipboardData }) => {
      if (clipboardData.files.length) this.open(clipboardData.files[0]);
    });
    const mark = (isOver) => byId("stage").classList.toggle("dropping", isOver);
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      mark(true);
    });
    document.addEventListener("dragleave", () => mark(false));
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      mark(false);
      if (event.dataTransfer.files.length) this.open(event.dataTransfer.files[0]);
    });
  }
}
