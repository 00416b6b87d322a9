// Shows what the models before and after training read on the saved digits.

import { accuracyOf } from "./models.js";
import * as server from "./server.js";

const byId = (id) => document.getElementById(id);

export class BeforeAndAfter {
  #models;
  #names = null; // names of the models before and after, or null if they cannot be compared
  #comparison = 0; // number of the latest comparison; any earlier one stops

  // `models` is the list of the server's models, a `Models`.
  constructor(models) {
    this.#models = models;
    byId("before-and-after").addEventListener("toggle", () => this.#compare());
  }

  // Offers to compare two models, given by name. If `isWanted`, the comparison starts at once.
  offer(before, after, isWanted) {
    const names = [before, after];
    const canCompare = names.every((name) => this.#models.named(name));
    byId("before-and-after").hidden = !canCompare;
    if (!canCompare) {
      byId("before-and-after").open = false;
      this.#names = null;
    } else if (String(names) !== String(this.#names)) {
      this.#names = names;
      byId("before-and-after").open = isWanted;
    }
  }

  async #compare() {
    const mine = ++this.#comparison;
    if (!byId("before-and-after").open) return;
    const [names, rows] = [this.#names, byId("scores").rows];
    fill(rows[0], names.map((name, index) => `${["before", "after"][index]}: ${name}`));
    fill(rows[1], ["", ""]);
    const models = names.map((name) => this.#models.named(name));
    rows[2].cells[0].textContent = `test accuracy on ${dataOf(models)}`;
    fill(rows[2], models.map(accuracyOf));
    byId("pairs").replaceChildren();
    byId("pairs-problem").textContent = "";
    try {
      const { digits } = await server.kept();
      const right = [0, 0];
      for (const [index, kept] of digits.entries()) {
        const texts = await textsOf(kept, names);
        if (mine !== this.#comparison) return;
        byId("pairs").append(pair(kept, texts));
        texts.forEach((text, which) => (right[which] += text === String(kept.digit)));
        fill(rows[1], right.map((count) => `${count} of ${index + 1}`));
      }
    } catch (error) {
      byId("pairs-problem").textContent = error.message;
    }
  }
}

// Returns the names of the data on which the models were tested.
function dataOf(models) {
  return [...new Set(models.map(({ data }) => data ?? "unknown data"))].join(" and ");
}

// Resolves to a list of texts: what each model reads on the picture of a saved digit.
async function textsOf({ digit, name }, models) {
  const picture = await onPaper(await server.keptPicture(digit, name));
  const texts = [];
  for (const model of models) texts.push(JSON.parse(await server.read(picture, model)).text);
  return texts;
}

// Resolves to the picture with a wide white margin. Saved digits have narrow margins, and a digit
// at the edge of a picture is read with less confidence, since it may be cut off.
async function onPaper(content) {
  const picture = await createImageBitmap(content);
  const { width, height } = picture;
  const margin = Math.ceil(Math.max(width, height) / 2);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width + 2 * margin, height + 2 * margin];
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, margin, margin);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function pair({ digit, name }, texts) {
  const item = byId("pair").content.cloneNode(true).firstElementChild;
  item.querySelector("img").src = server.keptAddress(digit, name);
  item.querySelector("img").alt = `A digit saved as ${digit}`;
  item.querySelector(".label").textContent = digit;
  item.querySelectorAll(".read").forEach((place, index) => {
    const isRight = texts[index] === String(digit);
    place.textContent = `${isRight ? "✓" : "✗"} ${texts[index] || "none"}`;
    place.classList.toggle("right", isRight);
    place.title = index ? "after" : "before";
  });
  return item;
}

// Writes texts into the cells of a row, after its first cell.
function fill(row, texts) {
  texts.forEach((text, index) => (row.cells[index + 1].textContent = text));
}
