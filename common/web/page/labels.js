// Finds places for the labels of boxes, so that no label covers a digit or another label.

const CHARACTER = 0.6; // width of a character of the monospaced font, relative to the font size
const CAPITAL = 0.75; // height of a digit, relative to the font size
const SPACE = 0.12; // space around a label, relative to the font size
const SIZES = [1, 0.7, 0.5, 0.35]; // font sizes to try, relative to the wanted size

const overlap = (one, other) =>
  one.left < other.right &&
  other.left < one.right &&
  one.top < other.bottom &&
  other.top < one.bottom;

// Returns a place {x, y, size} for each text, or null if the text is empty or fits nowhere. `x` and
// `y` are the left end of the baseline, and `size` is the font size.
export function placesFor(boxes, texts, width, height) {
  const taken = boxes.map(([left, top, wide, high]) => {
    return { left, top, right: left + wide, bottom: top + high };
  });
  return boxes.map((box, index) => {
    if (texts[index] === "") return null;
    const wanted = Math.max(Math.min(box[3] / 3, height / 12), height / 40);
    const places = SIZES.flatMap((share) => around(box, texts[index].length, wanted * share));
    const free = places.find(
      ({ area }) =>
        area.left >= 0 &&
        area.top >= 0 &&
        area.right <= width &&
        area.bottom <= height &&
        !taken.some((other) => overlap(area, other)),
    );
    if (!free) return null;
    taken.push(free.area);
    return free;
  });
}

// Returns possible places around a box for a text of `length` characters, the best first.
function around([x, y, wide, high], length, size) {
  const space = SPACE * size;
  const across = CHARACTER * size * length + 2 * space;
  const down = CAPITAL * size + 2 * space;
  const corners = [
    [x - space, y - down],
    [x + wide - across + space, y - down],
    [x - space, y + high],
    [x + wide - across + space, y + high],
    [x + wide, y],
    [x - across, y],
    [x + wide, y + high - down],
    [x - across, y + high - down],
  ];
  return corners.map(([left, top]) => ({
    x: left + space,
    y: top + down - space,
    size,
    area: { left, top, right: left + across, bottom: top + down },
  }));
}
