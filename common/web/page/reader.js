// Reads the picture on the stage, with one request at a time.

import * as server from "./server.js";

const SLOW = 300; // ms; slower readings show a message

// Dispatches "read" with {picture, reading, model} after each reading; `picture` and `reading` are
// null if the stage is empty. Dispatches "slow" if a reading takes long, and "problem" with a
// message if a reading fails.
export class Reader extends EventTarget {
  #stage;
  #isReading = false;
  #waiting = null; // time at which the next picture to read was ready, or null

  model = null; // name of the model; null for the server's own

  constructor(stage) {
    super();
    this.#stage = stage;
    stage.addEventListener("ready", ({ detail }) => this.read(detail));
  }

  // Reads the stage. `since` is the time at which its picture was ready. The performance measure
  // "reading", which tests use, starts at this time.
  async read(since = performance.now()) {
    this.#waiting = since;
    if (this.#isReading) return;
    this.#isReading = true;
    while (this.#waiting !== null) {
      const started = this.#waiting;
      const slow = setTimeout(() => this.#tell("slow"), SLOW);
      this.#waiting = null;
      try {
        await this.#readOnce();
        performance.measure("reading", { start: started, end: performance.now() });
      } catch (error) {
        this.#tell("problem", error.message);
      } finally {
        clearTimeout(slow);
      }
    }
    this.#isReading = false;
  }

  async #readOnce() {
    const { version, isEmpty } = this.#stage;
    const { model } = this;
    const picture = isEmpty ? null : this.#stage.picture;
    const reading = isEmpty ? null : await server.look(picture, model);
    if (version === this.#stage.version) this.#tell("read", { picture, reading, model });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
