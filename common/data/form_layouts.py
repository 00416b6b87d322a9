"""Draws three empty forms with printed labels, boxes, combs and lines, and describes their fields.

`benchmarks/forms.py` uses all of them. The sample in `docs/order_form/` shows one of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from common.data.canvas import Mark, printed
from common.data.glyphs import bundled_fonts

HEIGHT, WIDTH = 1754, 1240  # pixels; A4 at 150 dpi
PEN = 2  # pixels; width of printed lines
INK = 0.85  # ink of printed text and lines, 0 to 1


@dataclass(frozen=True)
class PrintedField:
    """A field of a layout.

    Attributes:
        entry: The entry for the field in a field file.
        digits: Minimum and maximum number of digits.
        cells: Rectangles in which digits are written, each x, y, width and height in pixels. There
            is one rectangle for each digit, or a single one for all digits.
    """

    entry: dict[str, object]
    digits: tuple[int, int]
    cells: list[tuple[int, int, int, int]]


@dataclass
class Layout:
    """An empty form.

    Attributes:
        ink: Printed ink, float32 (HEIGHT, WIDTH), 0 to 1.
        fields: The fields of the form.
    """

    ink: np.ndarray = field(default_factory=lambda: np.zeros((HEIGHT, WIDTH), np.float32))
    fields: list[PrintedField] = field(default_factory=list)

    @property
    def image(self) -> np.ndarray:
        """The image of the empty form, uint8 (HEIGHT, WIDTH); 255 is paper."""
        return np.rint(255 * (1 - self.ink)).astype(np.uint8)

    def write(self, text: str, x: int, baseline: int, size: float, font: int = 0) -> None:
        """Prints text from column `x` on, with capitals that are about `size` pixels high."""
        mark: Mark = printed(text, bundled_fonts()[font], size)
        rows, columns = mark.ink.shape
        top = baseline + mark.drop - rows
        region = self.ink[top : top + rows, x : x + columns]
        np.maximum(region, INK * mark.ink[:, : region.shape[1]], out=region)

    def rectangle(self, x: int, y: int, width: int, height: int) -> None:
        """Draws a rectangle whose top left corner is at (x, y)."""
        cv2.rectangle(self.ink, (x, y), (x + width, y + height), INK, PEN)

    def boxes(
        self, x: int, y: int, count: int, side: int, digits: tuple[int, int], **entry: object
    ) -> None:
        """Draws a row of `count` boxes, and adds a field with one digit per box."""
        for number in range(count):
            self.rectangle(x + number * side, y, side, round(1.2 * side))
        self._add(_cells(x, y, count, side), digits, entry)

    def comb(
        self, x: int, y: int, count: int, side: int, digits: tuple[int, int], **entry: object
    ) -> None:
        """Draws a comb with `count` gaps, and adds a field with one digit per gap."""
        bottom = y + round(1.2 * side)
        cv2.line(self.ink, (x, bottom), (x + count * side, bottom), INK, PEN)
        for number in range(count + 1):
            at = x + number * side
            cv2.line(self.ink, (at, bottom - round(0.4 * side)), (at, bottom), INK, PEN)
        self._add(_cells(x, y, count, side), digits, entry)

    def frame(
        self, x: int, y: int, width: int, height: int, digits: tuple[int, int], **entry: object
    ) -> None:
        """Draws an empty rectangle, and adds a field whose digits share this rectangle."""
        self.rectangle(x, y, width, height)
        self._add([(x, y, width, height)], digits, entry)

    def _add(
        self,
        cells: list[tuple[int, int, int, int]],
        digits: tuple[int, int],
        entry: dict[str, object],
    ) -> None:
        x, y, _, height = cells[0]
        shares = x / WIDTH, y / HEIGHT, sum(cell[2] for cell in cells) / WIDTH, height / HEIGHT
        box = [round(100 * share, 2) for share in shares]
        least, most = digits
        known = {"box": box, "digits": least if least == most else [least, most]}
        whole = {"name": entry["name"], **known, **entry}
        self.fields.append(PrintedField(whole, digits, cells))


def _cells(x: int, y: int, count: int, side: int) -> list[tuple[int, int, int, int]]:
    """Returns rectangles for `count` digits side by side."""
    return [(x + number * side, y, side, round(1.2 * side)) for number in range(count)]


def order_form() -> Layout:
    """Draws an order form: labels beside rows of boxes."""
    form = Layout()
    form.write("ORDER FORM", 100, 150, 40, 1)
    form.write("Please write one digit in each box, with a dark pen.", 100, 220, 18)
    form.write("Customer number", 100, 355, 22)
    form.boxes(520, 310, 8, 56, name="customer", digits=(8, 8), check="luhn")
    form.write("Date of order", 100, 515, 22)
    form.boxes(520, 470, 8, 56, name="date", digits=(8, 8), check="date")
    form.write("Article", 100, 675, 22)
    form.boxes(520, 630, 6, 56, name="article", digits=(6, 6))
    form.write("Quantity", 100, 835, 22)
    form.boxes(520, 790, 4, 56, name="quantity", digits=(1, 4), pattern="[1-9][0-9]*")
    form.write("Post code", 100, 995, 22)
    form.boxes(520, 950, 5, 56, name="postcode", digits=(5, 5))
    _terms(form, 1180)
    return form


def transfer_form() -> Layout:
    """Draws a form for a bank transfer: labels above combs."""
    form = Layout()
    form.write("Credit transfer", 140, 170, 46, 4)
    form.write("Savings Bank of the Valley, branch 17", 140, 240, 20, 4)
    form.write("IBAN of the payee (DE)", 100, 380, 18, 4)
    form.comb(90, 410, 20, 52, name="iban", digits=(20, 20), check="iban", country="DE")
    form.write("Amount in cents", 100, 570, 18, 4)
    form.comb(640, 600, 7, 52, name="amount", digits=(1, 7))
    form.write("Day, month and year", 100, 760, 18, 4)
    form.comb(100, 790, 8, 52, name="date", digits=(8, 8), check="date", format="DDMMYYYY")
    form.write("Reference", 640, 760, 18, 4)
    form.comb(640, 790, 9, 52, name="reference", digits=(4, 9))
    _terms(form, 1060)
    return form


def meter_form() -> Layout:
    """Draws a form for meter readings: labels beside empty frames, some of them in a table."""
    form = Layout()
    form.write("METER READINGS 2026", 320, 160, 36, 2)
    form.write("Return this card to your supplier within 10 days.", 300, 220, 17, 2)
    form.write("Contract", 110, 352, 24, 2)
    form.frame(420, 300, 520, 84, name="contract", digits=(6, 9))
    for row, (label, name) in enumerate(
        (("Electricity, day", "day"), ("Electricity, night", "night"), ("Gas", "gas"))
    ):
        top = 470 + 130 * row
        form.rectangle(80, top - 20, 1080, 130)
        form.write(label, 110, top + 55, 24, 2)
        form.frame(420, top, 400, 84, name=name, digits=(5, 5))
        form.write("kWh", 860, top + 55, 24, 2)
    form.write("Telephone", 110, 960, 24, 2)
    form.frame(420, 906, 560, 84, name="telephone", digits=(6, 11), pattern="0[0-9]+")
    _terms(form, 1120)
    return form


def _terms(form: Layout, top: int) -> None:
    """Prints terms in small type. They contain digits outside the fields, which must be ignored."""
    sentences = (
        "1. A machine reads the details above. Corrections outside the fields are not seen.",
        "2. Offers are valid for 30 days. Prices include 19 % tax and 4.90 for each parcel.",
        "3. Complaints must reach us within 14 days, by telephone 0800 555 0142 or in writing.",
        "4. Keep a copy of this form. Section 7 of our terms of 2019 applies in all other cases.",
    )
    for number, sentence in enumerate(sentences):
        form.write(sentence, 100, top + 70 * number, 15)
    form.write("Signature", 100, top + 390, 17)
    cv2.line(form.ink, (240, top + 390), (800, top + 390), INK, PEN)


LAYOUTS: dict[str, Callable[[], Layout]] = {
    "order": order_form,
    "transfer": transfer_form,
    "meter": meter_form,
}
