// Converts between the fields of the web page and a field file; see docs/forms.md.

const DIGITS = [1, 10]; // minimum and maximum number of digits of a new field

// Returns a field that the web page can edit, from an entry of a field file.
export function fieldOf({ name, box, digits = DIGITS }) {
  const [least, most] = Array.isArray(digits) ? digits : [digits, digits];
  return { name, box, least, most, pattern: "", check: "", country: "", format: "DDMMYYYY" };
}

// Returns a name that no field has yet.
export function freeName(fields) {
  const taken = new Set(fields.map(({ name }) => name.toLowerCase()));
  let number = 1;
  while (taken.has(`field_${number}`)) number++;
  return `field_${number}`;
}

// Returns the text of a field file, with the fields from top to bottom.
export function fileText(template, fields) {
  const below = ({ box: one }, { box: other }) => one[1] - other[1] || one[0] - other[0];
  const ordered = fields.toSorted(below);
  const lines = ordered.map((field) => `    ${JSON.stringify(entryOf(field))}`).join(",\n");
  return `{\n  "template": ${JSON.stringify(template)},\n  "fields": [\n${lines}\n  ]\n}\n`;
}

function entryOf({ name, box, least, most, pattern, check, country, format }) {
  return {
    name,
    box,
    digits: least === most ? least : [least, most],
    ...(pattern && { pattern }),
    ...(check && { check }),
    ...(check === "iban" && { country }),
    ...(check === "date" && { format }),
  };
}
