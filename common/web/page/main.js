// The web page: sends a drawing or an image to the server, and shows the reading.

import { Paper } from "./paper.js";
import { show, showNothing } from "./reading.js";
import * as server from "./server.js";

const byId = (id) => document.getElementById(id);
const SLOW = 300; // ms; slower readings show a message
const paper = new Paper(byId("paper"), drawn, read);
let image = null; // the file shown instead of the paper, or null
let version = 0; // number of changes to the drawing or the image
let isReading = false;
let opening = 0; // number of images chosen; an older one may arrive after a newer one
let waiting = null; // time at which the unread drawing or image was ready, or null

function drawn() {
  version++;
  byId("heat").hidden = true;
  byId("placeholder").hidden = !paper.isEmpty || image !== null;
  byId("undo").disabled = !paper.canUndo && image === null;
  byId("clear").disabled = paper.isEmpty && image === null;
  byId("pens").disabled = image !== null;
}

// Reads the current drawing or image, one request at a time. `since` is the time at which it was
// ready; the test of the reading time needs it.
async function read(since) {
  waiting = since;
  if (isReading) return;
  isReading = true;
  while (waiting !== null) {
    const [started, seen] = [waiting, version];
    const slow = setTimeout(() => say("Reading …"), SLOW);
    waiting = null;
    try {
      await readOnce(seen);
      performance.measure("reading", { start: started, end: performance.now() });
    } catch (error) {
      showNothing("");
      say(error.message);
    } finally {
      clearTimeout(slow);
    }
  }
  isReading = false;
}

async function readOnce(seen) {
  if (paper.isEmpty && image === null) {
    showNothing("Nothing drawn yet");
    return;
  }
  const picture = image ?? paper.picture();
  const reading = await server.look(picture);
  if (seen !== version) return; // out of date
  say("");
  show(reading, {
    keep: (mark, digit) => keep(picture, mark, digit),
    why: (mark) => why(picture, mark),
  });
  await showHeat(picture, seen);
}

// Lays the finder's heat map over the picture if the user wants to see it.
async function showHeat(picture, seen) {
  const layer = byId("heat");
  if (byId("show-heat").getAttribute("aria-pressed") !== "true") return;
  const url = URL.createObjectURL(await server.heat(picture));
  if (seen !== version) return;
  URL.revokeObjectURL(layer.src);
  layer.src = url;
  layer.hidden = false;
}

function toggleHeat() {
  const button = byId("show-heat");
  const on = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(on));
  byId("heat").hidden = true;
  if (on) read(performance.now());
}

async function why(picture, mark) {
  try {
    return await server.why(picture, mark.box);
  } catch (error) {
    say(error.message);
    return null;
  }
}

function say(text) {
  byId("status").textContent = text;
}

async function open(file) {
  const mine = ++opening;
  try {
    const shown = await server.upright(file);
    if (mine !== opening) return;
    const url = URL.createObjectURL(shown);
    closeImage();
    image = file;
    byId("image").src = url;
    byId("image").hidden = false;
    byId("paper").hidden = true;
    drawn();
    read(performance.now());
  } catch (error) {
    say(error.message);
  }
}

function closeImage() {
  if (image === null) return;
  URL.revokeObjectURL(byId("image").src);
  image = null;
  byId("image").hidden = true;
  byId("paper").hidden = false;
  drawn();
}

function undo() {
  if (image === null) {
    paper.undo();
  } else {
    closeImage();
    read(performance.now());
  }
}

function clear() {
  opening++;
  closeImage();
  paper.clear();
}

// Resolves to whether the mark was saved.
async function keep(picture, mark, digit) {
  try {
    showKept(await server.keep(picture, digit, mark.box));
    say("");
    return true;
  } catch (error) {
    say(error.message);
    return false;
  }
}

function showKept({ folder, count, command }) {
  const digits = count === 1 ? "1 digit" : `${count} digits`;
  byId("kept").textContent = count
    ? `${digits} saved in ${folder}; delete any that you do not want. To train on them, stop the server, run this command, and start the server again:`
    : "Is a digit wrong? Enter the correct one beside it to save it for training.";
  byId("command").textContent = command;
  byId("training").hidden = count === 0;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied.");
  } catch {
    say("This browser does not allow copying; select the text and copy it yourself.");
  }
}

for (const input of document.querySelectorAll("[name=pen]")) {
  input.addEventListener("change", () => (paper.penWidth = Number(input.value)));
}
byId("undo").addEventListener("click", undo);
byId("clear").addEventListener("click", clear);
byId("show-heat").addEventListener("click", toggleHeat);
byId("copy").addEventListener("click", () => copy(byId("text").textContent));
byId("copy-command").addEventListener("click", () => copy(byId("command").textContent));
for (const [button, input] of [["choose", "file"], ["photograph", "camera"]]) {
  byId(button).addEventListener("click", () => byId(input).click());
  byId(input).addEventListener("change", ({ target }) => {
    if (target.files.length) open(target.files[0]);
    target.value = ""; // lets the user choose the same file again
  });
}
document.addEventListener("paste", ({ clipboardData }) => {
  if (clipboardData.files.length) open(clipboardData.files[0]);
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  byId("stage").classList.add("dropping");
});
document.addEventListener("dragleave", () => byId("stage").classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  byId("stage").classList.remove("dropping");
  if (event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
});
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input:not([type=radio])")) return;
  if (event.key === "z" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    undo();
  } else if (event.key === "Delete") {
    clear();
  }
});
server.health().then(({ model }) => (byId("model").textContent = `Read by ${model}.`), () => {});
server.kept().then(showKept, (error) => say(error.message));
