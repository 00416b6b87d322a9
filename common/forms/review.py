"""Writes a static web page on which people check the values that need a review.

For training, the folder `digits` beside the web page holds one picture for each value. The picture
shows, side by side, the 28x28 pixels that the classifier saw of each digit.
"""

import base64
import hashlib
import html
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from common import printable
from common.files import replacing
from common.forms.reading import FieldReading, FormReading
from common.images.decoding import read_image
from common.preprocessing import PICTURE_SIZE
from common.reading import Reading

PICTURE_HEIGHT = 72  # pixels; height of a field in its picture
MAX_PICTURE_WIDTH = 1400  # pixels; maximum width of a field in its picture
MARGIN = 0.3  # width of the surroundings shown with a field, as a share of the field's height

HEAD = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Review</title>
<style>
  body { font: 16px system-ui, sans-serif; margin: 2em; }
  td, th { padding: 0.4em 0.8em; text-align: left; border-bottom: 1px solid #ccc; }
  img { max-width: 100%; display: block; }
  input { font: 20px monospace; width: 24ch; }
  .changed { background: #ffefb0; }
</style>
<h1>Review</h1>
<p>Correct the values, then save them. Enter moves to the next value, Shift+Enter to the previous
one.</p>
<p><button id="save">Save as CSV</button></p>
<table>
<tr><th>Image</th><th>Field</th><th>Picture</th><th>Value</th><th>Reason</th></tr>
"""

TAIL = """</table>
<script>
const inputs = [...document.querySelectorAll("input")];
inputs.forEach((input, place) => {
  input.addEventListener("input", () =>
    input.classList.toggle("changed", input.value !== input.dataset.read));
  input.addEventListener("keydown", event => {
    if (event.key !== "Enter") return;
    const next = inputs[place + (event.shiftKey ? -1 : 1)];
    if (next) { next.focus(); next.select(); }
  });
});
// Spreadsheet programs evaluate text that starts with = as a formula. ./=1.png is the same file.
const file = name => /^[=+@\\uFF1D\\uFF0B\\uFF0D\\uFF20-]/.test(name) ? "./" + name : name;
const cell = text => `"${text.replaceAll('"', '""')}"`;
document.getElementById("save").addEventListener("click", () => {
  const rows = inputs.map(input =>
    [file(input.dataset.image), input.dataset.field, input.dataset.read, input.value,
      input.dataset.digits]);
  const text = [["image", "field", "read", "value", "digits"], ...rows]
    .map(row => row.map(cell).join(",") + "\\n").join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "text/csv"}));
  link.download = "review.csv";
  link.click();
});
if (inputs.length) inputs[0].focus();
</script>
</html>
"""


@dataclass
class ReviewPage:
    """Collects the values that need a review, and writes the web page.

    Attributes:
        path: The HTML file to write.
        rows: Confidence and HTML table row of each value so far.
    """

    path: Path
    rows: list[tuple[float, str]] = field(default_factory=list)

    def add(self, source: str | Path | bytes, reading: Reading) -> None:
        """Adds the values of a form that need a review, with their pictures.

        Args:
            source: The image of the form. It is decoded again if a value needs a review.
            reading: The reading of that image.

        Raises:
            ImageError: The image cannot be decoded again.
            UserError: A picture of the digits cannot be saved.
        """
        fields = reading.fields if isinstance(reading, FormReading) else ()
        doubtful = [one for one in fields if not one.record.ok]
        if doubtful:
            image = read_image(source)
            for one in doubtful:
                row = _row(reading.image, one, _picture(image, one), self._save_digits(one))
                self.rows.append((one.record.confidence, row))

    def _save_digits(self, one: FieldReading) -> str:
        """Saves the digits of a value as one picture. Returns its path, or "" without digits."""
        if not one.pictures:
            return ""
        pixels = b"".join(one.pictures)
        tiles = np.frombuffer(pixels, np.uint8).reshape(-1, PICTURE_SIZE, PICTURE_SIZE)
        name = f"digits/{hashlib.sha256(pixels).hexdigest()[:16]}.png"
        with replacing(self.path.parent / name) as temporary:
            temporary.write_bytes(bytes(cv2.imencode(".png", np.hstack([*tiles]))[1]))
        return name

    def write(self) -> None:
        """Writes the web page, with the least certain values first.

        Raises:
            UserError: The file cannot be written.
        """
        ranked = sorted(self.rows, key=lambda row: row[0])
        with replacing(self.path) as temporary:
            temporary.write_text(HEAD + "".join(row for _, row in ranked) + TAIL, encoding="utf-8")


def _row(image: str, one: FieldReading, picture: bytes, digits: str) -> str:
    name, label, text, reason = (
        html.escape(printable(value))
        for value in (image, one.name, one.record.text, one.record.reason or "")
    )
    data = base64.b64encode(picture).decode()
    return (
        f'<tr><td>{name}</td><td>{label}</td><td><img alt="" src="data:image/png;base64,{data}">'
        f'</td><td><input aria-label="{label} of {name}" data-image="{name}" data-field="{label}" '
        f'data-read="{text}" data-digits="{digits}" value="{text}" inputmode="numeric"></td>'
        f"<td>{reason}</td></tr>\n"
    )


def _picture(image: np.ndarray, one: FieldReading) -> bytes:
    """Returns a PNG file with an upright picture of a field and its surroundings."""
    corners = np.array(one.corners, np.float32)
    width = float(np.linalg.norm(corners[1] - corners[0]))
    height = max(float(np.linalg.norm(corners[3] - corners[0])), 1.0)
    scale = PICTURE_HEIGHT / height
    margin = MARGIN * PICTURE_HEIGHT
    right, bottom = min(width * scale, MAX_PICTURE_WIDTH) + margin, PICTURE_HEIGHT + margin
    places = np.array(
        [(margin, margin), (right, margin), (right, bottom), (margin, bottom)], np.float32
    )
    matrix = cv2.getPerspectiveTransform(corners, places)
    size = round(right + margin), round(bottom + margin)
    picture = cv2.warpPerspective(image, matrix, size, borderValue=255)
    return bytes(cv2.imencode(".png", picture)[1])
