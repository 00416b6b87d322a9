// The marks of a reading: digits and what was ignored, in reading order.

const SURE = 0.9; // as in the pictures of predict_image.py --save

export const percent = (share) => `${(Math.floor(share * 1000) / 10).toFixed(1)} %`;

// The marks of a reading, with the kind "sure", "unsure" or "left-out" of each.
export function marksOf({ digits, left_out }) {
  return [
    ...digits.map((mark) => ({ ...mark, kind: mark.confidence >= SURE ? "sure" : "unsure" })),
    ...left_out.map((mark) => ({ ...mark, kind: "left-out" })),
  ].sort((one, other) => one.place - other.place);
}

// The probabilities of the ten digits for a mark.
export function sharesOf({ digit, confidence, alternatives }) {
  const shares = Array(10).fill(0);
  shares[digit] = confidence;
  for (const other of alternatives) shares[other.digit] = other.confidence;
  return shares;
}
