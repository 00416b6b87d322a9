// Copies the reading, and saves the picture.

import { annotated } from "./annotate.js";
import { marksOf } from "./marks.js";
import * as server from "./server.js";

const byId = (id) => document.getElementById(id);

export class Share {
  #stage;
  #say;
  #read = { picture: null, reading: null, model: null };

  constructor(stage, say) {
    this.#stage = stage;
    this.#say = say;
    const actions = {
      "copy-text": () => this.copy(this.#read.reading.text),
      "copy-json": () => this.copy(server.read(this.#read.picture, this.#read.model)),
      "copy-curl": () => this.copy(this.#curl()),
      "save-picture": () => this.#saveAnnotated(),
      "save-drawing": () => save(this.#read.picture, "drawing.png"),
    };
    for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
  }

  // Sets the reading to share, {picture, reading, model}.
  follow(read) {
    this.#read = read;
    byId("share").hidden = !read.picture;
    byId("copy-text").hidden = !read.reading?.text;
    byId("save-drawing").hidden = this.#stage.image !== null;
  }

  // Copies a text to the clipboard. `text` may also be a promise that resolves to the text.
  async copy(text) {
    try {
      await navigator.clipboard.writeText(await text);
      this.#say("Copied.");
    } catch (error) {
      const isRefused = error instanceof DOMException || error instanceof TypeError;
      const refusal = "Your browser does not allow this web page to copy text.";
      this.#say(isRefused ? refusal : error.message);
    }
  }

  // Returns a curl command that reads the same picture.
  #curl() {
    const file = `@${this.#stage.image?.name ?? "drawing.png"}`;
    const quoted = /^[\w@.-]+$/.test(file) ? file : `'${file.replaceAll("'", String.raw`'\''`)}'`;
    const address = server.readAddress(this.#read.model);
    return `curl --data-binary ${quoted} ${this.#read.model === null ? address : `'${address}'`}`;
  }

  async #saveAnnotated() {
    const shown = byId(this.#stage.image ? "image" : "paper");
    const { reading } = this.#read;
    save(await annotated(shown, reading, marksOf(reading)), "digits.png");
  }
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // after the browser has saved the file
}
