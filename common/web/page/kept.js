// Lists the saved digits, and lets the user delete them.

import * as server from "./server.js";

const byId = (id) => document.getElementById(id);

export class Kept {
  #say;

  constructor(say) {
    this.#say = say;
    this.#showAnswer(server.kept());
  }

  // Shows an answer of /kept: {folder, count, command, digits}.
  show({ folder, count, command, digits }) {
    const noun = count === 1 ? "digit" : "digits";
    byId("kept").textContent = count
      ? `${count} ${noun} saved in ${folder}.`
      : "Was a digit misread? Enter the correct digit beside it to save it for training.";
    byId("kept-digits").replaceChildren(...digits.map((digit) => this.#entry(digit)));
    byId("command").textContent = command;
    byId("training").hidden = count === 0;
  }

  #entry({ digit, name }) {
    const item = byId("kept-digit").content.cloneNode(true).firstElementChild;
    const picture = item.querySelector("img");
    const button = item.querySelector("button");
    picture.src = server.keptAddress(digit, name);
    picture.alt = `A digit saved as ${digit}`;
    item.querySelector(".label").textContent = digit;
    button.setAttribute("aria-label", `Delete this ${digit}`);
    button.addEventListener("click", () => this.#showAnswer(server.discard(digit, name)));
    return item;
  }

  async #showAnswer(answer) {
    try {
      this.show(await answer);
    } catch (error) {
      this.#say(error.message);
    }
  }
}
