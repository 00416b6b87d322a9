"""Reads the fields of forms from images."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from common.finding.finder import scale_for
from common.forms.best_value import Value, best_value, plain_value
from common.forms.field_file import Field, Form
from common.forms.reading import FieldReading, FieldRecord, FormReading
from common.forms.registration import Registration, printed_ink
from common.images.contents import failures_named
from common.preprocessing import digit_picture
from common.reading import Box, DigitReading, Glyph, Reading
from common.recognizer import MIN_CONFIDENCE, DigitRecognizer, Setup

# Chosen on 300 generated forms with MNIST training digits; see `benchmarks/forms.py`.
MIN_ACCEPTED = 0.95  # values with at least this confidence need no review
FIELD_HEIGHT = 72  # pixels; fields are scaled to this height before they are read
DIGIT_SIZES = (0.45, 0.64, 0.9)  # expected heights of digits, as shares of the field's height
MARGIN = 0.25  # added around a field for digits that cross its edge, as a share of its height
MAX_REDUCTION = 8  # maximum factor by which a field is oversampled before it is scaled down
MAX_WIDTH = 4000  # pixels; wider fields are scaled to this width instead
MIN_WRITTEN = 0.5  # share of a mark's ink that must remain when print is removed
PRINT_MARGIN = 9  # pixels; diameter of the brush that widens print before it is removed


@dataclass(frozen=True)
class FormSetup(Setup):
    """The settings with which a form is read. They can be sent to other processes.

    Attributes:
        form: The form to read.
    """

    form: Form

    def recognizer(self, threads: int | None = None) -> "FormReader":
        """Loads the models, and returns a reader for the form; see `Setup.recognizer`."""
        return FormReader(self.form, self.model, self.min_confidence, threads, self.finder)

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names of the fields, in the order of the output."""
        return tuple(field.name for field in self.form.fields)

    @property
    def form_sha256(self) -> str:
        """Hash of the field file and the template."""
        return self.form.sha256


@dataclass(frozen=True)
class _Crop:
    """A field and its margin, cut out of an image.

    Attributes:
        page: The pixels after print is removed, uint8 (height, width).
        original: The pixels before print is removed, uint8 (height, width).
        field: Box of the field without its margin, in pixels of `page`.
        matrix: Homography from pixels of `page` to pixels of the image, float64 (3, 3).
    """

    page: np.ndarray
    original: np.ndarray
    field: Box
    matrix: np.ndarray


class FormReader(DigitRecognizer):
    """Reads the fields of a form, and ignores everything else on the page.

    Args:
        form: The form to read.
        model, min_confidence, threads, finder: As for `DigitRecognizer`.

    Raises:
        ModelError: A model is missing or cannot be used.
        UserError: Too little is printed on the template.
    """

    def __init__(
        self,
        form: Form,
        model: str | Path | None = None,
        min_confidence: float = MIN_CONFIDENCE,
        threads: int | None = None,
        finder: str | Path | None = None,
    ) -> None:
        template = form.template
        # An unusable template is reported before the models are loaded, which takes longer.
        self.registration = None if template is None else Registration(template)
        super().__init__(model, min_confidence, threads, finder)
        setup = self.setup
        self.form = form
        self.setup = FormSetup(setup.model, setup.min_confidence, setup.finder, form)
        self.print = None if template is None else (printed_ink(template) > 0.3).astype(np.uint8)

    def read_many(self, sources: Iterable[tuple[str, str | Path | bytes]]) -> Iterator[Reading]:
        """Reads the form on any number of images; see `DigitRecognizer.read_many`."""
        for reading in super().read_many(sources):
            if isinstance(reading, FormReading):
                yield reading
            else:
                yield FormReading(reading.image, error=reading.error, models=self.models)

    def examine(self, image: np.ndarray, name: str = "The image") -> tuple[list[Glyph], Reading]:
        """Reads the form on a grey image, uint8 (height, width). The list of glyphs is empty.

        Raises:
            ImageError: The image cannot be aligned with the template, or there is not enough
                memory.
        """
        with failures_named(name):
            if self.registration is None:
                height, width = image.shape
                matrix, shape = np.eye(3), (height, width)
            else:
                matrix = self.registration.locate(image, name)
                shape = self.registration.template.shape[:2]
            digits: list[DigitReading] = []
            fields: list[FieldReading] = []
            line = 0
            for field in self.form.fields:
                crop = self._crop(image, field, matrix, shape)
                value, record, pictures = self._read_field(crop, field)
                corners = tuple((x, y) for x, y in _corners(crop.field, crop).tolist())
                fields.append(FieldReading(field.name, record, corners, pictures))
                digits += (_on_image(digit, crop, line) for digit in value.digits)
                line += bool(value.digits)
        return [], FormReading(name, tuple(digits), models=self.models, fields=tuple(fields))

    def _crop(
        self, image: np.ndarray, field: Field, matrix: np.ndarray, shape: tuple[int, ...]
    ) -> _Crop:
        """Cuts a field out of an image, and removes the print of the template from it.

        Args:
            image: The whole image, uint8 (height, width).
            field: The field to cut out.
            matrix: Homography from the template to the image, float64 (3, 3).
            shape: Height and width of the template in pixels.
        """
        unit = np.array([shape[1], shape[0]]) / 100
        corner, size = np.array(field.box[:2]) * unit, np.array(field.box[2:]) * unit
        scale = min(FIELD_HEIGHT / size[1], MAX_WIDTH / size[0])
        margin = round(MARGIN * FIELD_HEIGHT)
        width, height = (max(1, round(side)) for side in size * scale)
        to_template = np.array(
            [
                [1 / scale, 0, corner[0] - margin / scale],
                [0, 1 / scale, corner[1] - margin / scale],
                [0, 0, 1],
            ]
        )
        total = (width + 2 * margin, height + 2 * margin)
        page = original = _warped(image, matrix @ to_template, total)
        if self.print is not None:
            printed = _warped(255 * self.print, to_template, total) > 64
            brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (PRINT_MARGIN, PRINT_MARGIN))
            mask = cv2.dilate(printed.astype(np.uint8), brush)
            page = cv2.inpaint(original, mask, 3, cv2.INPAINT_TELEA)
        return _Crop(page, original, Box(margin, margin, width, height), matrix @ to_template)

    def _read_field(
        self, crop: _Crop, field: Field
    ) -> tuple[Value, FieldRecord, tuple[bytes, ...]]:
        """Reads a field; returns its value, its record, and the pictures for `FieldReading`."""
        sizes = [size * crop.field.height for size in DIGIT_SIZES]
        # Very wide fields are only a few pixels high, and enlarging them would add no detail.
        scales = sorted({min(scale_for(size), 1.0) for size in sizes})
        found = self.marks(crop.page, scales)
        marks = [
            mark
            for _, mark in found
            if _inside(mark.box, crop.field) and not _is_print(mark.box, crop)
        ]
        marks.sort(key=lambda mark: mark.box.x + mark.box.width / 2)
        plain = plain_value(marks, self.setup.min_confidence)
        objection = field.objection(plain.text)
        value = plain
        if objection is not None or plain.probability < MIN_ACCEPTED:
            best = best_value(marks, field)
            if best is not None:
                value, objection = best, None
        confidence = round(value.probability, 6)
        if objection is None and confidence < MIN_ACCEPTED:
            objection = f"confidence below {MIN_ACCEPTED:.0%}"
        differs = plain.text if plain.text != value.text else None
        record = FieldRecord(value.text, confidence, objection is None, objection, differs)
        if record.ok:
            return value, record, ()
        inks = {mark.box: glyph.ink for glyph, mark in found}
        pictures = tuple(digit_picture(inks[digit.box]).tobytes() for digit in value.digits)
        return value, record, pictures


def _warped(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Maps a part of an image to an upright rectangle, with anti-aliasing.

    Args:
        image: The whole image, uint8 (height, width).
        matrix: Homography from pixels of the rectangle to pixels of the image, float64 (3, 3).
        size: Width and height of the rectangle in pixels.

    Returns:
        The rectangle, uint8 (height, width).
    """
    width, height = size
    corners = np.array([[(0, 0), (width, 0), (width, height), (0, height)]], np.float64)
    area = cv2.contourArea(cv2.perspectiveTransform(corners, matrix).astype(np.float32))
    factor = min(max(1, round((area / (width * height)) ** 0.5)), MAX_REDUCTION)
    finer = matrix @ np.diag([1 / factor, 1 / factor, 1.0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(
        image,
        finer,
        (width * factor, height * factor),
        flags=flags,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(cv2.resize(warped, size, interpolation=cv2.INTER_AREA))


def _inside(box: Box, field: Box) -> bool:
    """Checks whether the centre of a box is inside a field."""
    x, y = box.x + box.width / 2, box.y + box.height / 2
    return field.x <= x < field.right and field.y <= y < field.bottom


def _is_print(box: Box, crop: _Crop) -> bool:
    """Checks whether most of the ink in a box disappeared when print was removed."""
    rows, columns = slice(box.y, box.bottom), slice(box.x, box.right)
    paper = float(np.median(crop.page))
    left, all_ink = (
        (paper - page[rows, columns]).clip(0).sum() for page in (crop.page, crop.original)
    )
    return bool(left < MIN_WRITTEN * all_ink)


def _corners(box: Box, crop: _Crop) -> np.ndarray:
    """Maps the corners of a box in a crop to the image: float64 (4, 2), clockwise from top left."""
    corners = [(box.x, box.y), (box.right, box.y), (box.right, box.bottom), (box.x, box.bottom)]
    return np.asarray(cv2.perspectiveTransform(np.array([corners], np.float64), crop.matrix)[0])


def _on_image(digit: DigitReading, crop: _Crop, line: int) -> DigitReading:
    """Returns a digit of a crop with its line number, and with its box in pixels of the image."""
    places = _corners(digit.box, crop)
    left, top = np.floor(places.min(axis=0)).clip(0).astype(int).tolist()
    right, bottom = np.ceil(places.max(axis=0)).astype(int).tolist()
    return replace(digit, line=line, box=Box(left, top, right - left, bottom - top))
