// The web page for forms: connects the image, the boxes on it and the inputs for each field.

import { Boxes } from "./form_boxes.js";
import { fieldOf, fileText, freeName } from "./form_file.js";
import { problemOf, proposedFields } from "./form_server.js";
import { upright } from "./server.js";

const NEW_BOX = [35, 45, 30, 5];
const TEXTS = ["name", "pattern", "check", "country", "format"];
const NUMBERS = ["least", "most"];

const byId = (id) => document.getElementById(id);
const boxes = new Boxes(byId("boxes"));
let fields = [];
let template = null; // file name of the image
let chosen = null;
let isSaved = true;

function say(message, isProblem = false) {
  byId("status").textContent = message;
  byId("status").classList.toggle("problem", isProblem);
}

function change(newFields) {
  fields = newFields;
  isSaved = false;
  boxes.show(fields);
  byId("save").disabled = fields.length === 0;
}

let opened = 0; // number of the latest image; an earlier image may arrive after it

async function open(file) {
  if (!isSaved && !confirm("Discard your changes to the boxes?")) return;
  const mine = ++opened;
  say("Looking for boxes …");
  try {
    const [shown, proposed] = await Promise.all([upright(file), proposedFields(file)]);
    if (mine !== opened) return;
    URL.revokeObjectURL(byId("image").src);
    byId("image").src = URL.createObjectURL(shown);
    byId("image").hidden = false;
    byId("placeholder").hidden = true;
    byId("add").disabled = false;
    byId("stage").classList.add("shows-image");
    template = file.name;
    boxes.choose(null);
    change(proposed.map(fieldOf));
    isSaved = true; // the user has not changed anything yet
    const count = proposed.length;
    const none = "No boxes or combs found. Draw a box around each field.";
    const some = count === 1 ? "1 box or comb found." : `${count} boxes and combs found.`;
    say(count ? some : none);
  } catch (error) {
    if (mine === opened) say(error.message, true);
  }
}

function add(box) {
  const field = fieldOf({ name: freeName(fields), box });
  change([...fields, field]);
  boxes.focus(field);
}

function remove(field) {
  const place = fields.indexOf(field);
  boxes.choose(null);
  change(fields.filter((other) => other !== field));
  const next = fields[Math.min(place, fields.length - 1)];
  if (next) boxes.focus(next);
  else byId("add").focus();
}

function showField(field) {
  chosen = field;
  byId("field").hidden = field === null;
  byId("no-field").hidden = field !== null;
  if (!field) return;
  for (const key of [...TEXTS, ...NUMBERS]) byId(key).value = field[key];
  showChecks();
}

function showChecks() {
  byId("country-label").hidden = chosen.check !== "iban";
  byId("format-label").hidden = chosen.check !== "date";
}

function takeField({ target }) {
  for (const key of TEXTS) chosen[key] = byId(key).value.trim();
  chosen.country = chosen.country.toUpperCase();
  const isDate = chosen.check === "date" && ["check", "format"].includes(target.id);
  for (const key of NUMBERS) {
    if (isDate) byId(key).value = chosen.format.length;
    chosen[key] = byId(key).valueAsNumber;
  }
  isSaved = false;
  showChecks();
  boxes.update();
}

async function save() {
  const name = template;
  const text = fileText(name, fields);
  try {
    const problem = await problemOf(text);
    if (problem) {
      say(problem, true);
      return;
    }
  } catch (error) {
    say(error.message, true);
    return;
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = `${name.replace(/\.[^.]*$/, "")}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // after the browser has saved the file
  // The boxes may have changed during the check.
  isSaved = template !== null && fileText(template, fields) === text;
  say(`Saved as ${link.download}. Keep it in the folder of ${name}.`);
}

boxes.addEventListener("drawn", ({ detail }) => template !== null && add(detail));
boxes.addEventListener("chosen", ({ detail }) => showField(detail));
boxes.addEventListener("changed", () => (isSaved = false));
boxes.addEventListener("delete", ({ detail }) => remove(detail));
boxes.addEventListener("name", () => byId("name").select());
byId("field").addEventListener("input", takeField);
byId("field").addEventListener("submit", (event) => event.preventDefault());
byId("delete").addEventListener("click", () => remove(chosen));
byId("add").addEventListener("click", () => add(NEW_BOX));
byId("save").addEventListener("click", save);
byId("choose").addEventListener("click", () => byId("file").click());
byId("file").addEventListener("change", ({ target }) => {
  if (target.files.length) open(target.files[0]);
  target.value = ""; // lets the user choose the same file again
});
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
});
addEventListener("beforeunload", (event) => {
  if (!isSaved) event.preventDefault();
});
