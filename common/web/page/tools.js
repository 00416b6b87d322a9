// Connects the drawing tools and their keyboard shortcuts.

const byId = (id) => document.getElementById(id);
const ERASER = 32; // width of the eraser in CSS pixels

// Connects the tools with the stage. The tool "Clear" calls clear(), not stage.clear().
export function connectTools(stage, clear) {
  const pens = [...document.querySelectorAll("[name=pen]")];
  const eraser = byId("eraser");
  let pen = pens.find(({ checked }) => checked); // the pen to return to after erasing
  const take = () => {
    const chosen = pens.find(({ checked }) => checked);
    if (chosen !== eraser) pen = chosen;
    const erases = chosen === eraser;
    stage.paper.pen = { width: erases ? ERASER : Number(chosen.value), erases };
    byId("paper").classList.toggle("erasing", erases);
  };
  for (const each of pens) each.addEventListener("change", take);
  byId("undo").addEventListener("click", () => stage.undo());
  byId("redo").addEventListener("click", () => stage.redo());
  byId("clear").addEventListener("click", clear);
  stage.addEventListener("change", () => showState(stage));
  const toggleEraser = () => {
    (eraser.checked ? pen : eraser).checked = true;
    take();
  };
  addShortcuts({ undo: () => stage.undo(), redo: () => stage.redo(), clear, toggleEraser });
}

function showState({ paper, image, isEmpty }) {
  byId("placeholder").hidden = !isEmpty;
  byId("undo").disabled = !paper.canUndo && image === null;
  byId("redo").disabled = !paper.canRedo || image !== null;
  byId("clear").disabled = isEmpty;
  byId("pens").disabled = image !== null;
}

function addShortcuts({ undo, redo, clear, toggleEraser }) {
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input:not([type=radio]), select") || event.altKey) return;
    const key = event.key.toLowerCase();
    const command = event.ctrlKey || event.metaKey;
    let action;
    if (command && key === "z") action = event.shiftKey ? redo : undo;
    else if (command && key === "y") action = redo;
    else if (!command && key === "delete") action = clear;
    else if (!command && key === "e" && !byId("pens").disabled) action = toggleEraser;
    if (!action) return;
    event.preventDefault();
    action();
  });
}
