// Shows the digits of a reading, with line breaks and spaces as on the picture.

const DIGIT_WIDTH = 0.6; // width of a digit, relative to its height
const MIN_INDENT = 1.2; // in digit widths; smaller indents are ignored
const MAX_INDENT = 4; // in digit widths
const TURNS = { 90: "90° clockwise", 180: "by 180°", 270: "90° anticlockwise" };

// Shows the text of a reading, or a hint that says why no digit was found. The hint is highlighted,
// unless the stage is empty.
export function showText({ text, hint, digits, rotation, isEmpty = false }) {
  showTurn(rotation);
  const output = document.getElementById("text");
  const wanted = text || hint;
  output.classList.toggle("digits", text !== "");
  output.classList.toggle("missing", text === "" && !isEmpty);
  const lines = text ? linesOf(digits, rotation) : [];
  const longest = Math.max(1, ...lines.map((parts) => parts.reduce(widthOf, 0)));
  output.style.setProperty("--longest", longest);
  const content = lines.length ? lines.flatMap(lineContent) : [wanted];
  const changed = document.createElement("div");
  changed.append(...content);
  // Screen readers announce every change, so the same text is not written again.
  if (output.innerHTML !== changed.innerHTML) output.replaceChildren(...changed.childNodes);
}

function showTurn(rotation) {
  const note = document.getElementById("turned");
  note.hidden = rotation === 0;
  note.textContent = note.hidden ? "" : `The picture was turned ${TURNS[rotation]} to be read.`;
}

const widthOf = (sum, { space, text }) => sum + space + text.length;

// Returns the numbers of each line as {space, text}; `space` before a number is in digit widths.
function linesOf(digits, rotation) {
  const heights = digits.map(({ box }) => box[3]).sort((one, other) => one - other);
  const unit = DIGIT_WIDTH * heights[heights.length >> 1];
  const start = Math.min(...digits.map(({ box }) => box[0]));
  // The boxes of a turned picture do not show how far a line is indented.
  const indentOf = ([x]) => {
    const indent = (x - start) / unit;
    return rotation === 0 && indent > MIN_INDENT ? Math.min(indent, MAX_INDENT) : 0;
  };
  const lines = [];
  for (const { digit, line, number, box } of digits) {
    const parts = (lines[line] ??= []);
    parts[number] ??= { space: number ? 1 : indentOf(box), text: "" };
    parts[number].text += digit;
  }
  return lines;
}

function lineContent(parts, index) {
  const elements = parts.map(({ space, text }) => {
    const number = document.createElement("span");
    number.style.marginLeft = `${space}ch`;
    number.textContent = text;
    return number;
  });
  return index ? ["\n", ...elements] : elements;
}
