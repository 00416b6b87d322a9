"""The digit recogniser: from an image to what is written on it."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

from common.finding.digits import cut_out, is_seen
from common.finding.finder import find
from common.finding.hints import hint
from common.finding.layout import lines_of
from common.finding.orientation import rotation_of, turned, turned_back
from common.finding.rules.page import digits_on
from common.finding.rules.paper import has_flat_paper
from common.images.decoding import ImageError, failures_named, grey, read_image
from common.preprocessing import digit_picture, network_input
from common.reading import DigitReading, Glyph, Reading
from common.storage.model_files import (
    PRETRAINED_FINDER,
    chosen_model,
    load_finder,
    load_predictor,
)

MIN_CONFIDENCE = 0.5  # digits below it are ignored
MIN_CONFIDENCE_ON_PHOTO = 0.6  # ... where only the finder has found them
SURE_ON_PHOTO = 0.85  # ... and of at least one of them, for any of them to count
SURE = 0.9  # confidence of a digit that is not in doubt
OTHER_WRITING = 3  # marks that are no digits, from which on an image may be a page of writing
DIGITS_ONLY = 0.67  # least share of digits in a page's marks, by height, for them to be read
IMAGES_AT_ONCE = 64  # decoded and read together; more are no faster and take more memory
PIXELS_AT_ONCE = 4_000_000  # ... and less, where they are large

Mark = TypeVar("Mark", Glyph, DigitReading)
ImageSource = str | Path | bytes | Image.Image | np.ndarray


@dataclass(frozen=True)
class Setup:
    """What makes two recognisers read alike; it can be sent to other processes.

    Attributes:
        model: The classifier's file.
        min_confidence: As for `DigitRecognizer`.
        finder: The finder's file.
    """

    model: Path
    min_confidence: float
    finder: Path

    def recognizer(self, threads: int | None = None) -> "DigitRecognizer":
        """Loads the models.

        Raises:
            ModelError: One is missing or does not fit.
        """
        return DigitRecognizer(self.model, self.min_confidence, threads, self.finder)


class DigitRecognizer:
    """Reads handwritten digits from images.

    Rules find the digits first: on a drawing, connected ink is exact and fast. On a photo, and
    where a mark is in doubt, the finder must confirm each digit. Where no digit is left, it finds
    the digits itself.

    Args:
        model: A `.keras`, `.h5` or `.tflite` file; by default the model trained last, else the
            pretrained one.
        min_confidence: Digits below this confidence, 0 to 1, are ignored. So is every mark on a
            page of writing, where at least three marks, and a third of them by height, do not look
            like digits: what looks like a digit there is more likely a letter. 0 ignores nothing.
        threads: Threads of the networks; by default as many as there are cores, at most 4.
        finder: A `.tflite` file of a finder; by default the pretrained one.

    Raises:
        ModelError: There is no such model, or it does not fit.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        min_confidence: float = MIN_CONFIDENCE,
        threads: int | None = None,
        finder: str | Path | None = None,
    ) -> None:
        self.setup = Setup(chosen_model(model), min_confidence, Path(finder or PRETRAINED_FINDER))
        self.predictor = load_predictor(self.setup.model, threads)
        self.finder = load_finder(self.setup.finder, threads)

    def read(self, image: ImageSource) -> Reading:
        """Reads one image.

        Args:
            image: A path, the bytes of an image file, a Pillow image, or a grey uint8 array of
                shape (height, width).

        Raises:
            ImageError: The image cannot be read.
        """
        name = str(image) if isinstance(image, str | Path) else "image"
        return self.examine(_grey_image(image), name)[1]

    def read_many(self, sources: Iterable[tuple[str, str | Path | bytes]]) -> Iterator[Reading]:
        """Reads any number of images in batches; one that cannot be read does not stop the rest.

        Args:
            sources: Pairs of a name and a path or the bytes of an image file.

        Yields:
            One reading for each source, in their order; an unreadable one has its `error` set.
        """
        for batch in _decoded(sources):
            readings = self._read_batch(batch)
            del batch  # its images need not be kept while the next ones are decoded
            yield from readings

    def _read_batch(self, batch: list[tuple[str, np.ndarray | str]]) -> list[Reading]:
        found = [(name, self._found(name, image)) for name, image in batch]
        readings = []
        for reading, (_, glyphs), (_, image) in zip(
            self.read_glyphs(found), found, batch, strict=True
        ):
            if isinstance(glyphs, str) or isinstance(image, str) or reading.error:
                readings.append(reading)
                continue
            try:
                readings.append(self._completed(image, glyphs, reading)[1])
            except ImageError as error:
                readings.append(Reading(reading.image, error=str(error)))
        return readings

    def _found(self, name: str, image: np.ndarray | str) -> list[Glyph] | str:
        """The digits that rules find on a grey image, or why it could not be read."""
        if isinstance(image, str):
            return image
        try:
            return digits_on(image, self.judge, name)
        except ImageError as error:
            return str(error)

    def examine(self, image: np.ndarray, name: str = "The image") -> tuple[list[Glyph], Reading]:
        """Reads a grey image, and gives the ink of each mark besides.

        Args:
            image: uint8 (height, width), upright.
            name: What the reading and errors call the image.

        Returns:
            The marks that were found, and the reading, whose digits and ignored marks they are.

        Raises:
            ImageError: There is not enough memory to read it.
        """
        glyphs = digits_on(image, self.judge, name)
        reading = self.read_glyphs([(name, glyphs)])[0]
        if reading.error:
            raise ImageError(reading.error)
        return self._completed(image, glyphs, reading)

    def read_by_finder(self, image: np.ndarray) -> Reading:
        """Reads a grey image, uint8 (height, width), by the finder alone, to measure it."""
        return self._of_finder(cut_out(image, find(image, self.finder)), "image", MIN_CONFIDENCE)

    def _completed(
        self,
        image: np.ndarray,
        glyphs: list[Glyph],
        reading: Reading,
        may_be_turned: bool = True,
    ) -> tuple[list[Glyph], Reading]:
        """The finder's word on what rules found, and a hint where there is no digit.

        Raises:
            ImageError: There is not enough memory.
        """
        if not self._needs_finder(image, reading):
            return glyphs, reading
        with failures_named(reading.image):
            found = find(image, self.finder)
            if may_be_turned and (angle := rotation_of(image, self.finder, found)):
                return self._turned(image, angle, reading.image)
            confirmed = [digit for digit in reading.digits if is_seen(digit.box, found)]
            if confirmed:
                others = [digit for digit in reading.digits if digit not in confirmed]
                left_out = (*reading.left_out, *others)
                return glyphs, Reading(reading.image, _in_lines(confirmed), left_out)
            own = cut_out(image, found)
            by_finder = self._of_finder(own, reading.image, MIN_CONFIDENCE_ON_PHOTO)
        if max((digit.confidence for digit in by_finder.digits), default=0) >= SURE_ON_PHOTO:
            return own, by_finder
        left_out = (*reading.left_out, *reading.digits)
        text = hint(image, len(left_out))
        return glyphs, Reading(reading.image, left_out=left_out, hint=text)

    def _needs_finder(self, image: np.ndarray, reading: Reading) -> bool:
        """Whether the reading by rules is in doubt."""
        if not reading.digits:
            return True
        if not self.setup.min_confidence:
            return False
        all_sure = not reading.left_out and (reading.confidence or 0) >= SURE
        return not (all_sure and has_flat_paper(image))

    def _turned(self, image: np.ndarray, angle: int, name: str) -> tuple[list[Glyph], Reading]:
        """Reads an image turned clockwise by `angle` degrees; boxes are those before turning."""
        upright = turned(image, angle)
        glyphs = digits_on(upright, self.judge, name)
        reading = self.read_glyphs([(name, glyphs)])[0]
        glyphs, reading = self._completed(upright, glyphs, reading, may_be_turned=False)
        height, width = image.shape

        def before(mark: Mark) -> Mark:
            return replace(mark, box=turned_back(mark.box, angle, height, width))

        digits, left_out = (
            tuple(map(before, marks)) for marks in (reading.digits, reading.left_out)
        )
        rotation = angle if digits else 0
        reading = replace(reading, digits=digits, left_out=left_out, rotation=rotation)
        return [before(glyph) for glyph in glyphs], reading

    def _of_finder(self, glyphs: list[Glyph], name: str, least: float) -> Reading:
        """The reading of what the finder found."""
        least = max(least, self.setup.min_confidence) if self.setup.min_confidence else 0
        shares = self._probabilities([glyph.ink for glyph in glyphs])
        marks = [_digit_reading(*pair) for pair in zip(glyphs, shares, strict=True)]
        kept = [mark for mark in marks if mark.confidence >= least]
        left_out = tuple(mark for mark in marks if mark.confidence < least)
        return Reading(name, _in_lines(kept), left_out)

    def judge(self, inks: Sequence[np.ndarray]) -> np.ndarray:
        """How sure the classifier is that each ink is one digit: float (N,), 0 to 1."""
        return self._probabilities(inks).max(axis=1)

    def _probabilities(self, inks: Sequence[np.ndarray]) -> np.ndarray:
        """Float (N, 10) for the ink of N digits."""
        return self._predicted([digit_picture(ink) for ink in inks])

    def _predicted(self, pictures: list[np.ndarray]) -> np.ndarray:
        """Float (N, 10) for N pictures of digits."""
        stacked = np.stack(pictures) if pictures else np.zeros((0, 28, 28), np.uint8)
        return self.predictor.predict(network_input(stacked))

    def read_glyphs(self, found: list[tuple[str, list[Glyph] | str]]) -> list[Reading]:
        """Reads the digits that rules found on several images in one go.

        Args:
            found: For each image its name, and its digits or why it could not be read.
        """
        pictures: list[np.ndarray] = []
        checked: list[tuple[str, list[Glyph] | str]] = []
        for name, glyphs in found:
            try:
                with failures_named(name):
                    if not isinstance(glyphs, str):
                        pictures += [digit_picture(glyph.ink) for glyph in glyphs]
                    checked.append((name, glyphs))
            except ImageError as error:
                checked.append((name, str(error)))
        shares = iter(self._predicted(pictures))
        return [
            Reading(name, error=glyphs)
            if isinstance(glyphs, str)
            else self._reading(name, [_digit_reading(glyph, next(shares)) for glyph in glyphs])
            for name, glyphs in checked
        ]

    def _reading(self, name: str, marks: list[DigitReading]) -> Reading:
        """The reading of an image, its marks sorted into digits and what is ignored."""
        least = self.setup.min_confidence
        others = [mark.box.height for mark in marks if mark.confidence < MIN_CONFIDENCE]
        most = (1 - DIGITS_ONLY) * sum(mark.box.height for mark in marks)
        if least and len(others) >= OTHER_WRITING and sum(others) > most:
            return Reading(name, left_out=tuple(marks))
        kept = [mark for mark in marks if mark.confidence >= least]
        left_out = tuple(mark for mark in marks if mark.confidence < least)
        if left_out:  # perhaps whole lines
            lines = sorted({mark.line for mark in kept})
            kept = [replace(mark, line=lines.index(mark.line)) for mark in kept]
        return Reading(name, tuple(kept), left_out)


def _in_lines(digits: list[DigitReading]) -> tuple[DigitReading, ...]:
    """Digits in reading order, each with the number of its line."""
    lines = lines_of([digit.box for digit in digits])
    return tuple(replace(digits[i], line=number) for number, line in enumerate(lines) for i in line)


def _decoded(
    sources: Iterable[tuple[str, str | Path | bytes]],
) -> Iterator[list[tuple[str, np.ndarray | str]]]:
    """Batches of names and grey images; in the place of one that cannot be read, why.

    To decode several images and then to find digits on them is a tenth faster than to take turns.
    """
    batch: list[tuple[str, np.ndarray | str]] = []
    pixels = 0
    for name, source in sources:
        try:
            image = _grey_image(source)
            batch.append((name, image))
            pixels += image.size
        except ImageError as error:
            batch.append((name, str(error)))
        if len(batch) == IMAGES_AT_ONCE or pixels >= PIXELS_AT_ONCE:
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch


def _grey_image(source: ImageSource) -> np.ndarray:
    if isinstance(source, Image.Image):
        return grey(ImageOps.exif_transpose(source))
    if not isinstance(source, np.ndarray):
        return read_image(source)
    if source.dtype != np.uint8 or source.ndim != 2 or source.size == 0:
        raise ImageError(
            f"An array of {source.dtype} and shape {source.shape} is no grey image; "
            "expected uint8 of shape (height, width)."
        )
    return source


def _digit_reading(glyph: Glyph, shares: np.ndarray) -> DigitReading:
    if glyph.score is not None:
        # What every digit has in common is the classifier's doubt that it sees one at all: that is
        # the finder's to say.
        shares = shares - shares.min() + 1e-6
        shares = shares / shares.sum()
    digit = int(shares.argmax())
    probabilities = tuple(shares.tolist())
    confidence = probabilities[digit]
    if glyph.score is not None:
        confidence = math.sqrt(confidence * glyph.score)
    return DigitReading(digit, confidence, glyph.line, glyph.box, probabilities)
