// Paints, scales and checks the strokes of the pen and the eraser.
//
// A stroke is {width, erases, points: [[x, y, force], ...]}. The unit of its width and coordinates
// is the width of the paper. A drawing is {strokes, ratio}, where `ratio` is the height of its
// paper divided by the width.

const INK = "#111";
const PAPER = "#fff";

// Paints strokes on clean paper.
export function paint(context, strokes) {
  context.fillStyle = PAPER;
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
  for (const stroke of strokes) paintStroke(context, stroke, 1);
}

// Paints the segments of a stroke that end at the point with index `first` or later.
export function paintStroke(context, stroke, first) {
  const scale = context.canvas.width;
  context.strokeStyle = context.fillStyle = stroke.erases ? PAPER : INK;
  context.lineCap = context.lineJoin = "round";
  if (first === 1) {
    const [x, y, force] = stroke.points[0];
    context.beginPath();
    context.arc(x * scale, y * scale, (stroke.width * force * scale) / 2, 0, 2 * Math.PI);
    context.fill();
  }
  for (let i = first; i < stroke.points.length; i++) {
    const [fromX, fromY] = stroke.points[i - 1];
    const [toX, toY, force] = stroke.points[i];
    context.lineWidth = stroke.width * force * scale;
    context.beginPath();
    context.moveTo(fromX * scale, fromY * scale);
    context.lineTo(toX * scale, toY * scale);
    context.stroke();
  }
}

// Returns the strokes of a drawing, scaled down if its paper was taller than this one.
export function fitted({ strokes, ratio }, paperRatio) {
  const scale = Math.min(1, paperRatio / ratio);
  return strokes.map(({ width, erases, points }) => ({
    width: width * scale,
    erases,
    points: points.map(([x, y, force]) => [x * scale + (1 - scale) / 2, y * scale, force]),
  }));
}

// Returns a copy of a drawing with rounded numbers, which needs less space in the local storage.
export function compact({ strokes, ratio }) {
  const short = (number) => Math.round(number * 1e4) / 1e4;
  return {
    ratio: short(ratio),
    strokes: strokes.map(({ width, erases, points }) => ({
      width: short(width),
      erases,
      points: points.map((point) => point.map(short)),
    })),
  };
}

// Checks whether a value from the local storage is a drawing with at least one stroke.
export function isDrawing(value) {
  const isPoint = (point) => point.length === 3 && point.every(Number.isFinite);
  const isStroke = ({ width, points }) => width > 0 && points.length > 0 && points.every(isPoint);
  try {
    return value.ratio > 0 && value.strokes.length > 0 && value.strokes.every(isStroke);
  } catch {
    return false;
  }
}
