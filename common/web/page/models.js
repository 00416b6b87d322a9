// Lists the models. The user chooses the model that reads, or compares models on the same picture.

import { percent } from "./marks.js";
import * as server from "./server.js";

const MAX_COMPARED = 8; // the server keeps this many models in memory

const byId = (id) => document.getElementById(id);

// Dispatches "change" after the list has been fetched.
export class Models extends EventTarget {
  #reader;
  #say;
  #models = [];
  #picture = null; // the picture that was read last, or null
  #comparison = 0; // number of the latest comparison; the answers to earlier ones are out of date

  constructor(reader, say) {
    super();
    this.#reader = reader;
    this.#say = say;
    byId("compare").addEventListener("click", ({ currentTarget }) => {
      currentTarget.setAttribute("aria-pressed", String(!this.#isComparing));
      this.#compare();
    });
    this.refresh();
  }

  // Fetches the list again. If `chosen` is given, the model of that name reads from now on.
  refresh(chosen = this.#reader.model) {
    return this.#showAnswer(server.models(), chosen);
  }

  // Returns the model of that name, or undefined. A model is {name, network, data, own, accuracy,
  // default, deletable}.
  named(name) {
    return this.#models.find((model) => model.name === name);
  }

  async #showAnswer(answer, chosen) {
    try {
      this.#models = await answer;
    } catch (error) {
      this.#say(error.message);
      return;
    }
    const known = this.named(chosen) ?? this.#models[0];
    byId("models").replaceChildren(...this.#models.map((model) => this.#row(model, model === known)));
    byId("compare").hidden = this.#models.length < 2;
    byId("one-model").hidden = this.#models.length > 1;
    this.dispatchEvent(new Event("change"));
    if (chosen !== null) this.#choose(known.name);
    this.#compare();
  }

  // Sets the picture to compare the models on. Compares them if the user has turned this on.
  follow({ picture }) {
    this.#picture = picture;
    this.#compare();
  }

  get #isComparing() {
    return byId("compare").getAttribute("aria-pressed") === "true";
  }

  #choose(name) {
    this.#reader.model = name;
    this.#reader.read();
  }

  #row(model, isChosen) {
    const item = row(model, isChosen);
    item.querySelector("input").addEventListener("change", () => this.#choose(model.name));
    item.querySelector(".delete").addEventListener("click", () => {
      const question = `Delete the model ${model.name}? It cannot be restored.`;
      if (confirm(question)) this.#showAnswer(server.discardModel(model.name), this.#reader.model);
    });
    return item;
  }

  async #compare() {
    const mine = ++this.#comparison;
    const cells = [...document.querySelectorAll("#models .reads")];
    byId("models").classList.toggle("comparing", this.#isComparing);
    if (!this.#isComparing || !this.#picture) {
      for (const cell of cells) cell.replaceChildren();
      return;
    }
    const picture = this.#picture;
    for (const [index, { name }] of this.#models.slice(0, MAX_COMPARED).entries()) {
      let content;
      try {
        content = reads(JSON.parse(await server.read(picture, name)));
      } catch (error) {
        content = [error.message];
      }
      if (mine !== this.#comparison) return;
      cells[index].replaceChildren(...content);
    }
  }
}

export const accuracyOf = ({ accuracy }) =>
  accuracy === null ? "unknown" : `${(100 * accuracy).toFixed(2)} %`;

function row(model, isChosen) {
  const { name, network, data, own, accuracy, deletable } = model;
  const item = byId("model-row").content.cloneNode(true).firstElementChild;
  const find = (selector) => item.querySelector(selector);
  const input = find("input");
  input.value = name;
  input.checked = isChosen;
  find(".name").textContent = name;
  find(".delete").hidden = !deletable;
  find(".delete").setAttribute("aria-label", `Delete the model ${name}`);
  const trainedOn = [data, own].filter(Boolean).join(" and ");
  const known = [
    network,
    trainedOn && `trained on ${trainedOn}`,
    accuracy !== null && `test accuracy ${accuracyOf(model)}`,
  ];
  find(".about").textContent = known.filter(Boolean).join(", ") || "no card";
  return item;
}

// Returns what one model reads: the text, and the confidence of its least certain digit.
function reads({ lines, digits }) {
  const text = document.createElement("strong");
  text.textContent = lines.join(" ") || "no digit";
  if (!digits.length) return [text];
  const lowest = Math.min(...digits.map(({ confidence }) => confidence));
  return [text, ` ${percent(lowest)}`];
}
