// A game: the user writes ten digits, and the model's confidence in each of them gives points.

import { sharesOf } from "./marks.js";
import * as server from "./server.js";
import { load, save } from "./stored.js";

const KEY = "best score";
const MAX_POINTS = 100; // for one digit

const byId = (id) => document.getElementById(id);
const named = (digit) => `${digit === 8 ? "an" : "a"} ${digit}`;

export class Game {
  #stage;
  #reader;
  #say;
  #game = 0; // number of the latest game; answers for earlier games are ignored
  #digits = []; // the digits to write, in this order
  #round = 0;
  #score = 0;

  // clear() empties the stage before the first round.
  constructor(stage, reader, clear, say) {
    this.#stage = stage;
    this.#reader = reader;
    this.#say = say;
    byId("play").addEventListener("click", () => {
      clear();
      this.#start();
    });
    byId("play-again").addEventListener("click", () => this.#start());
    byId("done").addEventListener("click", () => this.#finishRound());
    byId("stop").addEventListener("click", () => this.#stop());
  }

  #start() {
    this.#game++;
    this.#digits = shuffled([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    this.#round = this.#score = 0;
    byId("done").disabled = false;
    byId("game").hidden = false;
    byId("play").hidden = true;
    byId("outcome").textContent = "Write clearly: the surer the model, the more points.";
    this.#showRound();
    byId("game").scrollIntoView({ block: "nearest" });
  }

  #stop() {
    this.#game++;
    byId("game").hidden = true;
    byId("play").hidden = false;
    byId("play").focus();
  }

  #showRound() {
    const isOver = this.#round === this.#digits.length;
    byId("done").hidden = isOver;
    byId("play-again").hidden = !isOver;
    const task = isOver ? this.#result() : `Write ${named(this.#digits[this.#round])}`;
    byId("task").textContent = task;
    const rounds = this.#digits.length;
    const round = Math.min(this.#round + 1, rounds);
    byId("progress").textContent = `Round ${round} of ${rounds}, ${this.#score} points`;
  }

  // Returns the final score in words, and stores the best score.
  #result() {
    const best = Math.max(Number(load(KEY)) || 0, this.#score);
    save(KEY, best);
    const record = this.#score === best ? "your best so far" : `your best: ${best}`;
    return `${this.#score} of ${MAX_POINTS * this.#digits.length} points, ${record}`;
  }

  async #finishRound() {
    const wanted = this.#digits[this.#round];
    if (this.#stage.isEmpty) {
      byId("outcome").textContent = `Write ${named(wanted)} first.`;
      return;
    }
    const game = this.#game;
    byId("done").disabled = true;
    try {
      const reading = await server.look(this.#stage.picture, this.#reader.model);
      if (game === this.#game) this.#judge(reading, wanted);
    } catch (error) {
      this.#say(error.message);
    }
    if (game !== this.#game) return;
    byId("done").disabled = false;
    byId("done").focus({ preventScroll: true });
  }

  #judge({ digits, left_out }, wanted) {
    if (digits.length > 1) {
      byId("outcome").textContent = `It sees ${digits.length} digits. Write only one.`;
      return;
    }
    const [mark] = digits.length ? digits : left_out;
    const points = mark ? Math.round(MAX_POINTS * sharesOf(mark)[wanted]) : 0;
    const read = digits.length ? `It read ${named(mark.digit)}` : "It found no digit";
    byId("outcome").textContent = `${read}: ${points} ${points === 1 ? "point" : "points"}.`;
    this.#score += points;
    this.#round++;
    this.#stage.clear();
    this.#showRound();
  }
}

function shuffled(items) {
  const left = [...items];
  return items.map(() => left.splice(Math.floor(Math.random() * left.length), 1)[0]);
}
