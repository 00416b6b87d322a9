// Lists the marks of a reading: its digits and its ignored marks, in reading order.

const SURE = 0.9; // minimum confidence of a sure digit, as in predict_image.py --save

export const percent = (share) => `${(Math.floor(share * 1000) / 10).toFixed(1)} %`;

// Returns the marks of a reading. Each has a kind: "sure", "unsure" or "left-out" (ignored).
export function marksOf({ digits, left_out }) {
  return [
    ...digits.map((mark) => ({ ...mark, kind: mark.confidence >= SURE ? "sure" : "unsure" })),
    ...left_out.map((mark) => ({ ...mark, kind: "left-out" })),
  ].sort((one, other) => one.place - other.place);
}

// Returns the probabilities of the ten digits for a mark.
export function sharesOf({ digit, confidence, alternatives }) {
  const shares = Array(10).fill(0);
  shares[digit] = confidence;
  for (const other of alternatives) shares[other.digit] = other.confidence;
  return shares;
}
