"""The digit recogniser: from an image to what is written on it."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from common.finding.digits import found_digits
from common.finding.layout import lines_of
from common.finding.rules.page import digits_on
from common.images.decoding import ImageError, failures_named, grey, read_image
from common.preprocessing import digit_picture, network_input
from common.reading import DigitReading, Glyph, Reading
from common.storage.model_files import chosen_model, load_finder, load_predictor

MIN_CONFIDENCE = 0.5  # what is a digit with less confidence is left out
OTHER_WRITING = 3  # marks that are no digits, from which on an image may be a page of writing
DIGITS_ONLY = 0.67  # least share of digits in a page's marks, by height, for them to be read
IMAGES_AT_ONCE = 64  # decoded and read together; more are no faster and take more memory
PIXELS_AT_ONCE = 4_000_000  # ... and less, where they are large

ImageSource = str | Path | bytes | Image.Image | np.ndarray


@dataclass(frozen=True)
class Setup:
    """What makes two recognisers read alike; it can be sent to other processes.

    Attributes:
        model: The classifier's file.
        min_confidence: As for `DigitRecognizer`.
        finder: The finder's file; None where rules find the digits.
    """

    model: Path
    min_confidence: float
    finder: Path | None

    def recognizer(self, threads: int | None = None) -> "DigitRecognizer":
        """Loads the models.

        Raises:
            ModelError: One is missing or does not fit.
        """
        return DigitRecognizer(self.model, self.min_confidence, threads, self.finder)


class DigitRecognizer:
    """Reads handwritten digits from images.

    Args:
        model: a `.keras`, `.h5` or `.tflite` file; by default the model trained last, else the
            pretrained one.
        min_confidence: what is a digit with less confidence, from 0 to 1, is left out. So is
            every mark on a page of writing, where three marks or more are no digits and make up a
            third, measured by height: what looks like a digit there is more likely a letter.
            0 leaves nothing out.
        finder: a `.tflite` file that finds the digits; without one, rules find them.
        threads: of the networks; by default as many as there are cores, and 4 at most.

    Raises:
        ModelError: there is no such model, or it does not fit.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        min_confidence: float = MIN_CONFIDENCE,
        threads: int | None = None,
        finder: str | Path | None = None,
    ) -> None:
        self.setup = Setup(chosen_model(model), min_confidence, Path(finder) if finder else None)
        self.predictor = load_predictor(self.setup.model, threads)
        self.finder = load_finder(self.setup.finder, threads) if self.setup.finder else None

    def read(self, image: ImageSource) -> Reading:
        """Reads one image.

        Args:
            image: a path, the bytes of an image file, a Pillow image, or a grey uint8 array of
                shape (height, width).

        Raises:
            ImageError: the image cannot be read.
        """
        name = str(image) if isinstance(image, str | Path) else "image"
        reading = self.read_glyphs([(name, self._found(name, _grey_image(image)))])[0]
        if reading.error:
            raise ImageError(reading.error)
        return reading

    def read_many(self, sources: Iterable[tuple[str, str | Path | bytes]]) -> Iterator[Reading]:
        """Reads any number of images in batches; one that cannot be read does not stop the rest.

        Args:
            sources: pairs of a name and a path or the bytes of an image file.

        Yields:
            One reading for each source, in their order; an unreadable one has its `error` set.
        """
        for batch in _decoded(sources):
            found = [(name, self._found(name, image)) for name, image in batch]
            del batch  # its images need not be kept while the next ones are decoded
            yield from self.read_glyphs(found)

    def _found(self, name: str, image: np.ndarray | str) -> list[Glyph] | str:
        """The digits on a grey image, or why it could not be read."""
        if isinstance(image, str):
            return image
        try:
            return self.glyphs_on(image, name)
        except ImageError as error:
            return str(error)

    def glyphs_on(self, image: np.ndarray, name: str = "The image") -> list[Glyph]:
        """Finds the digits on an image without reading them.

        Args:
            image: uint8 (height, width), upright.
            name: What errors call the image.

        Raises:
            ImageError: There is not enough memory to look for them.
        """
        if self.finder is None:
            return digits_on(image, self.judge, name)
        with failures_named(name):
            return found_digits(image, self.finder)

    def judge(self, inks: Sequence[np.ndarray]) -> np.ndarray:
        """How sure the network is that each ink is one digit: float (N,), 0 to 1."""
        return self._probabilities(inks).max(axis=1)

    def _probabilities(self, inks: Sequence[np.ndarray]) -> np.ndarray:
        """Float (N, 10) for the ink of N digits."""
        return self._predicted([digit_picture(ink) for ink in inks])

    def _predicted(self, pictures: list[np.ndarray]) -> np.ndarray:
        """Float (N, 10) for N pictures of digits."""
        stacked = np.stack(pictures) if pictures else np.zeros((0, 28, 28), np.uint8)
        return self.predictor.predict(network_input(stacked))

    def read_glyphs(self, found: list[tuple[str, list[Glyph] | str]]) -> list[Reading]:
        """Reads the digits found on several images in one go.

        Args:
            found: for each image its name, and its digits or why it could not be read.
        """
        pictures: list[np.ndarray] = []
        checked: list[tuple[str, list[Glyph] | str]] = []
        for name, page in found:
            try:
                with failures_named(name):
                    if not isinstance(page, str):
                        pictures += [digit_picture(glyph.ink) for glyph in page]
                    checked.append((name, page))
            except ImageError as error:
                checked.append((name, str(error)))
        shares = iter(self._predicted(pictures))
        return [
            Reading(name, error=page)
            if isinstance(page, str)
            else self._reading(name, [_digit_reading(glyph, next(shares)) for glyph in page])
            for name, page in checked
        ]

    def _reading(self, name: str, marks: list[DigitReading]) -> Reading:
        """The reading of an image, its marks sorted into digits and what is left out."""
        sure = self.setup.min_confidence
        if self.finder:
            return self._without_unsure(name, marks)
        others = [mark.box.height for mark in marks if mark.confidence < MIN_CONFIDENCE]
        most = (1 - DIGITS_ONLY) * sum(mark.box.height for mark in marks)
        if sure and len(others) >= OTHER_WRITING and sum(others) > most:
            return Reading(name, left_out=tuple(marks))
        return self._without_unsure(name, marks)

    def _without_unsure(self, name: str, marks: list[DigitReading]) -> Reading:
        sure = self.setup.min_confidence
        kept = [mark for mark in marks if mark.confidence >= sure]
        left_out = tuple(mark for mark in marks if mark.confidence < sure)
        if self.finder:
            lines_found = enumerate(lines_of([mark.box for mark in kept]))
            kept = [replace(kept[i], line=number) for number, line in lines_found for i in line]
        elif left_out:  # perhaps whole lines
            lines = sorted({mark.line for mark in kept})
            kept = [replace(mark, line=lines.index(mark.line)) for mark in kept]
        return Reading(name, tuple(kept), left_out)


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
