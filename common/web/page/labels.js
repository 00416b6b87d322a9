// Finds places for the labels of boxes where they cover no digit and no other label.

const CHARACTER = 0.6; // width of a character of the monospaced font, relative to its size
const CAPITAL = 0.75; // height of a digit
const SPACE = 0.12; // around a label
const SMALLER = [1, 0.7, 0.5, 0.35];

const overlap = (one, other) =>
  one.left < other.right &&
  other.left < one.right &&
  one.top < other.bottom &&
  other.top < one.bottom;

// Returns a place {x, y, size} for each text, or null where there is no space for it. `x` and `y`
// are the left end of the baseline; `wanted` is the size of the font. An empty text has no label.
export function placesFor(boxes, texts, width, height) {
  const taken = boxes.map(([left, top, wide, high]) => {
    return { left, top, right: left + wide, bottom: top + high };
  });
  return boxes.map((box, index) => {
    if (texts[index] === "") return null;
    const wanted = Math.max(Math.min(box[3] / 3, height / 12), height / 40);
    const places = SMALLER.flatMap((share) => around(box, texts[index].length, wanted * share));
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

// The places around a box for a text of some length, the best first.
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
