// Shows the finder's heat map over the stage, on request or if no digit is found.

import * as server from "./server.js";

const PATIENCE = 700; // ms to wait before showing the heat map of a picture without digits

const byId = (id) => document.getElementById(id);

export class Heat {
  #say;
  #picture = null; // the picture that was read last, or null
  #request = 0; // number of the latest request; the answers to earlier ones are out of date
  #timer;

  constructor(stage, say) {
    this.#say = say;
    stage.addEventListener("change", () => {
      this.#picture = null;
      this.#hide();
    });
    byId("show-heat").addEventListener("click", ({ currentTarget }) => {
      currentTarget.setAttribute("aria-pressed", String(!this.#isWanted));
      this.#hide();
      if (this.#isWanted) this.#show();
    });
  }

  // Shows the heat map of the picture just read, if the user wants it or if no digit was found.
  follow({ picture, reading }) {
    this.#hide();
    this.#picture = picture;
    if (this.#isWanted) this.#show();
    else if (picture && !reading.digits.length) {
      this.#timer = setTimeout(() => this.#show(), PATIENCE);
    }
  }

  get #isWanted() {
    return byId("show-heat").getAttribute("aria-pressed") === "true";
  }

  #hide() {
    this.#request++;
    clearTimeout(this.#timer);
    byId("heat").hidden = byId("heat-note").hidden = true;
  }

  async #show() {
    if (!this.#picture) return;
    const mine = ++this.#request;
    try {
      const content = await server.heat(this.#picture);
      if (mine !== this.#request) return;
      URL.revokeObjectURL(byId("heat").src);
      byId("heat").src = URL.createObjectURL(content);
      byId("heat").hidden = byId("heat-note").hidden = false;
    } catch (error) {
      this.#say(error.message);
    }
  }
}
