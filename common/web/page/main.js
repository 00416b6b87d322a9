// Starts the web page: connects the stage and the reader with the parts that show readings.

import { showBoxes } from "./boxes.js";
import { showCards } from "./cards.js";
import { Heat } from "./heat.js";
import { Kept } from "./kept.js";
import { marksOf } from "./marks.js";
import { Models } from "./models.js";
import { Game } from "./play.js";
import { Reader } from "./reader.js";
import * as server from "./server.js";
import { Share } from "./share.js";
import { Stage } from "./stage.js";
import { load, save } from "./stored.js";
import { Strip } from "./strip.js";
import { compact, isDrawing } from "./strokes.js";
import { showText } from "./text.js";
import { connectTools } from "./tools.js";
import { Training } from "./training.js";

const KEY = "drawing";
const NOTHING = { width: 1, height: 1, text: "", rotation: 0, digits: [], left_out: [], isEmpty: true };

const byId = (id) => document.getElementById(id);
const stage = new Stage();
const reader = new Reader(stage);
const heat = new Heat(stage, say);
const models = new Models(reader, say);
const keptDigits = new Kept(say);
const share = new Share(stage, say);
const strip = new Strip(replaceDrawing);
let text = null; // text read from the stage, or null if the stage has changed since

function say(message) {
  byId("status").textContent = message;
}

function show(reading, actions) {
  const marks = marksOf(reading);
  text = reading.text;
  showText(reading);
  showCards(marks, showBoxes(reading, marks), actions);
}

function showReading({ picture, reading, model }) {
  say("");
  if (!picture) {
    show({ ...NOTHING, hint: "Nothing drawn yet" });
    return;
  }
  show(reading, {
    keep: (mark, digit) => keep(server.keep(picture, digit, mark.box, model)),
    why: (mark) => tried(server.why(picture, mark.box, model)),
  });
}

// Adds the current drawing to the strip, and shows another one.
function replaceDrawing(drawing) {
  strip.add(stage.paper.drawing, stage.image ? null : text);
  stage.show(drawing);
}

function clear() {
  replaceDrawing({ strokes: [], ratio: 1 });
}

// Resolves to an answer of the server. After an error, shows the message and resolves to null.
async function tried(answer) {
  try {
    return await answer;
  } catch (error) {
    say(error.message);
    return null;
  }
}

// Shows the answer to a request to save a mark. Resolves to whether the mark was saved.
async function keep(answer) {
  const kept = await tried(answer);
  if (!kept) return false;
  say("");
  keptDigits.show(kept);
  return true;
}

stage.addEventListener("change", () => (text = null));
stage.addEventListener("problem", ({ detail }) => say(detail));
stage.addEventListener("ready", () => save(KEY, compact(stage.paper.drawing)));
reader.addEventListener("slow", () => say("Reading …"));
reader.addEventListener("read", ({ detail }) => {
  showReading(detail);
  heat.follow(detail);
  share.follow(detail);
  models.follow(detail);
});
reader.addEventListener("problem", ({ detail }) => {
  show({ ...NOTHING, hint: "" });
  share.follow({ picture: null, reading: null, model: null });
  say(detail);
});
connectTools(stage, clear);
new Game(stage, reader, clear, say);
new Training(models);
byId("copy-command").addEventListener("click", () => share.copy(byId("command").textContent));
const stored = load(KEY);
if (isDrawing(stored)) stage.paper.open(stored);
