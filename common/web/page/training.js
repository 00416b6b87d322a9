// Starts and cancels training on the saved digits, and shows its progress.

import { BeforeAndAfter } from "./before_after.js";
import { drawCurve } from "./curve.js";
import * as server from "./server.js";

const PAUSE = 1000; // ms between two requests for the state of training

const byId = (id) => document.getElementById(id);
const asPercent = (share) => `${(100 * share).toFixed(1)}%`;
const asNumber = (value) => value.toPrecision(2);
const inWords = (seconds) =>
  seconds < 100 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} minutes`;

export class Training {
  #models;
  #beforeAndAfter;
  #timer;
  #latest = null; // the last answer of /training
  #progress = { rows: 0, seconds: 0 }; // rows so far, and duration when the last one arrived
  #wasRunning = false;
  #hasSeenEnd = false; // whether a training run ended while the web page was open

  // `models` is the list of models, a `Models`. It is fetched again after training.
  constructor(models) {
    this.#models = models;
    this.#beforeAndAfter = new BeforeAndAfter(models);
    models.addEventListener("change", () => this.#showNewModel());
    byId("train").addEventListener("click", () => this.#follow(server.train()));
    byId("cancel").addEventListener("click", () => this.#follow(server.cancel()));
    byId("use").addEventListener("click", ({ currentTarget }) =>
      models.refresh(currentTarget.dataset.name),
    );
    this.#follow(server.training());
  }

  // Shows the answer to a request, and repeats the request for the state until the training ends.
  async #follow(answer) {
    clearTimeout(this.#timer);
    let training;
    try {
      training = await answer;
    } catch (error) {
      byId("training-state").textContent = error.message;
      if (this.#wasRunning) this.#askLater();
      return;
    }
    this.#show(training);
    const isRunning = training.state === "running";
    if (isRunning) this.#askLater();
    else if (this.#wasRunning) {
      this.#hasSeenEnd = true;
      this.#models.refresh();
    }
    this.#wasRunning = isRunning;
  }

  #askLater() {
    this.#timer = setTimeout(() => this.#follow(server.training()), PAUSE);
  }

  #show(training) {
    const { state, name, history, epochs, comparison, allowed } = training;
    byId("train").hidden = state === "running" || !allowed;
    byId("cancel").hidden = state !== "running" || !allowed;
    byId("training-area").classList.toggle("read-only", !allowed);
    if (history.length !== this.#progress.rows) {
      this.#progress = { rows: history.length, seconds: training.seconds };
    }
    byId("training-state").textContent = stateOf(training, this.#progress.seconds);
    byId("training-bar").hidden = state !== "running";
    if (history.length) byId("training-bar").value = history.at(-1).epoch / epochs;
    else byId("training-bar").removeAttribute("value");
    byId("curves").hidden = history.length === 0;
    if (history.length) {
      drawCurve(byId("accuracy-curve"), history, "accuracy", epochs, asPercent);
      drawCurve(byId("loss-curve"), history, "loss", epochs, asNumber);
    }
    byId("measured").hidden = !comparison;
    byId("comparison").textContent = comparison ?? "";
    byId("use").dataset.name = name;
    byId("use").textContent = `Read with ${name}`;
    this.#latest = training;
    this.#showNewModel();
  }

  // Offers to read with the new model if it exists.
  #showNewModel() {
    if (!this.#latest) return;
    const { state, start, name } = this.#latest;
    const isThere = state === "done" && this.#models.named(name) !== undefined;
    byId("use").hidden = !isThere;
    this.#beforeAndAfter.offer(start, isThere ? name : null, this.#hasSeenEnd);
  }
}

// Returns the state in words. `reached` is the duration of the training when its last row arrived.
function stateOf({ state, name, seconds, epochs, history, error, allowed }, reached) {
  if (state === "idle") {
    return allowed
      ? "Training takes a few minutes. You can go on drawing in the meantime."
      : "Training and deleting are only possible on the computer that runs the server.";
  }
  if (state === "running" && !history.length) {
    return "Starting … The first training downloads MNIST.";
  }
  if (state === "running") {
    const { epoch, accuracy } = history.at(-1);
    if (epoch >= epochs) return "Measuring the accuracy before and after …";
    const left = reached * (epochs / epoch) - seconds;
    const known = `Epoch ${epoch} of ${epochs}, accuracy ${asPercent(accuracy)}`;
    return left > 1 ? `${known}, about ${inWords(left)} left` : known;
  }
  if (state === "failed") return `The training failed: ${error}`;
  if (state === "cancelled") return "The training was cancelled.";
  return `Trained the model ${name} in ${inWords(seconds)}.`;
}
