"""Defines `DigitRecognizer`, which reads the digits in an image."""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from common.calibration import combined, detection_probability, without_rejection
from common.finding.context import line_support
from common.finding.drawings import all_ink, drawn_marks
from common.finding.finder import MAX_SIDE, Detection, find, find_at, peaks_at, scale_for
from common.finding.hints import hint
from common.finding.inks import cut_out
from common.finding.layout import in_lines
from common.finding.orientation import rotation_of, turned, turned_back
from common.finding.overlap import best_matches
from common.finding.settings import SETTINGS
from common.finding.signs import SURE_SLASH, Slash
from common.finding.slashes import slash_probabilities
from common.images.contents import ImageError, failures_named, name_of
from common.images.conversion import ImageSource, grey_page
from common.preprocessing import digit_picture, network_input
from common.reading import Box, DigitReading, Glyph, ModelsRecord, Reading, sides_of
from common.storage.model_files import (
    PRETRAINED_FINDER,
    chosen_model,
    load_finder,
    load_predictor,
)

MIN_CONFIDENCE = SETTINGS.min_confidence
MAX_SMALL = 64  # pixels; maximum longer side of images that the classifier may read alone
Mark = TypeVar("Mark", Glyph, DigitReading)


@dataclass(frozen=True)
class Setup:
    """The settings of a recognizer. They can be sent to other processes.

    Attributes:
        model: File of the classifier.
        min_confidence: Minimum confidence of a digit; see `DigitRecognizer`.
        finder: File of the finder.
    """

    model: Path
    min_confidence: float
    finder: Path

    def recognizer(self, threads: int | None = None) -> "DigitRecognizer":
        """Loads the models and returns a recognizer.

        Args:
            threads: Number of threads for each network; see `DigitRecognizer`.

        Raises:
            ModelError: A model is missing or cannot be used.
        """
        return DigitRecognizer(self.model, self.min_confidence, threads, self.finder)

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names of the form fields to read; empty if the setup is not for a form."""
        return ()

    @property
    def form_sha256(self) -> str | None:
        """Hash of the form whose fields are read; None if the setup is not for a form."""
        return None


class DigitRecognizer:
    """Reads handwritten digits from images.

    The finder locates the digits, and the classifier reads each of them. There is a shortcut for
    drawings, whose marks are found without the finder; see `finding.drawings`. If the classifier is
    sure of every mark, the finder only confirms the marks at one scale. Small drawings need no
    confirmation. If no digit is found on a small image, the classifier reads all its ink as one
    digit, which may fill the image.

    Args:
        model: A `.keras`, `.h5` or `.tflite` file of a classifier; by default the pretrained
            one.
        min_confidence: Digits below this confidence, 0 to 1, are ignored. With 0, all marks are
            read, and the finder is not used for drawings.
        threads: Number of threads for each network; by default one per core, at most 4.
        finder: A `.tflite` file of a finder; by default the pretrained one.

    Raises:
        ModelError: A model is missing or cannot be used.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        min_confidence: float = MIN_CONFIDENCE,
        threads: int | None = None,
        finder: str | Path | None = None,
    ) -> None:
        self.setup = Setup(chosen_model(model), min_confidence, Path(finder or PRETRAINED_FINDER))
        # All readings share this object, so it is pickled only once if they are pickled together.
        self.models = ModelsRecord(name_of(self.setup.model.name), name_of(self.setup.finder.name))
        self.predictor = load_predictor(self.setup.model, threads)
        self.finder = load_finder(self.setup.finder, threads)
        self.settings = SETTINGS

    def with_model(self, model: Path) -> "DigitRecognizer":
        """Returns a recognizer with another classifier and the finder of this one.

        Raises:
            ModelError: The model is missing or cannot be used.
        """
        other = copy(self)
        other.setup = replace(self.setup, model=model)
        other.models = replace(self.models, classifier=name_of(model.name))
        other.predictor = load_predictor(model)
        return other

    def read(self, image: ImageSource) -> Reading:
        """Reads an image.

        Args:
            image: One of these:

                - a path, an address, or a page of a PDF or TIFF file such as "scan.pdf#2";
                - the bytes of an image file, or a file open in binary mode;
                - a Pillow image;
                - a uint8 array with the channel order of OpenCV: grey (height, width), BGR
                  (height, width, 3) or BGRA (height, width, 4). Convert RGB arrays with
                  `PIL.Image.fromarray` first.

        Raises:
            ImageError: The image cannot be read, or is of another type or shape.
        """
        name = str(image) if isinstance(image, str | Path) else "image"
        return self.examine(grey_page(image), name)[1]

    def read_many(self, sources: Iterable[tuple[str, str | Path | bytes]]) -> Iterator[Reading]:
        """Reads any number of images, and continues if one cannot be read.

        Args:
            sources: Pairs of a name and a path or the bytes of an image file.

        Yields:
            One reading for each source, in order. If the image cannot be read, `error` is set.
        """
        for name, source in sources:
            try:
                reading = self.examine(grey_page(source), name)[1]
            except ImageError as error:
                reading = Reading(name, error=str(error), models=self.models)
            yield reading

    def examine(self, image: np.ndarray, name: str = "The image") -> tuple[list[Glyph], Reading]:
        """Reads a grey image, and also returns the ink of each mark.

        Args:
            image: uint8 (height, width), upright.
            name: Name of the image in the reading and in errors.

        Returns:
            The marks in the image, and the reading. For each mark, the reading contains a digit or
            an ignored mark with the same box.

        Raises:
            ImageError: There is not enough memory.
        """
        with failures_named(name):
            drawn = drawn_marks(image, self.settings) or []
            marks = self._classified(drawn)
            if marks and not self.setup.min_confidence:
                return drawn, self._reading(name, image, marks)
            if _all_reach(self.settings.sure_confidence, marks):
                confirmed = self._confirmed(image, marks)
                if _all_reach(self.settings.sure_confidence, confirmed):
                    return drawn, self._reading(name, image, confirmed)
            found, reading = self._found(image, name)
            agreed = [] if reading.rotation else self._agreed(marks, found)
            if _all_reach(self.setup.min_confidence, agreed):
                return drawn, self._reading(name, image, agreed)
            if not reading.digits and (whole := self._whole(image)):
                glyph, mark = whole
                return [glyph], self._reading(name, image, [mark])
            if drawn and not reading.digits:
                return drawn, self._reading(name, image, [], marks)
            return found, reading

    def read_by_finder(self, image: np.ndarray) -> Reading:
        """Reads a grey image, uint8 (height, width), without the shortcut for drawings."""
        return self._found(image, "image")[1]

    def marks(self, image: np.ndarray, scales: list[float]) -> list[tuple[Glyph, DigitReading]]:
        """Reads all marks on an upright image that may be digits, without grouping them into lines.

        Args:
            image: uint8 (height, width).
            scales: The scales at which the finder sees the image; see `finding.finder`.
        """
        found = find_at(image, scales, self.finder, self.settings)
        glyphs = cut_out(image, found, self.settings)
        return list(zip(glyphs, self._with_scores(glyphs), strict=True))

    def _whole(self, image: np.ndarray) -> tuple[Glyph, DigitReading] | None:
        """Reads all the ink on a small image as one digit.

        The ink may be dark or light. Returns None if the image is not small, or if the classifier
        is sure of neither or of both.
        """
        if max(image.shape) > MAX_SMALL:
            return None
        glyphs = all_ink(image, self.settings)
        marks = self._classified(glyphs)
        least = max(self.settings.sure_confidence, self.setup.min_confidence)
        sure = [pair for pair in zip(glyphs, marks, strict=True) if pair[1].confidence >= least]
        return sure[0] if len(sure) == 1 else None

    def _found(self, image: np.ndarray, name: str) -> tuple[list[Glyph], Reading]:
        """Reads an image with the finder, turning it first if necessary."""
        found = find(image, self.finder, self.settings)
        angle = rotation_of(image, self.finder, found, self.settings)
        upright = turned(image, angle)
        if angle:
            found = find(upright, self.finder, self.settings)
        glyphs = cut_out(upright, found, self.settings)
        reading = self._reading(name, upright, self._with_scores(glyphs))

        def back(mark: Mark) -> Mark:
            return replace(mark, box=turned_back(mark.box, angle, *image.shape))

        digits, left_out = (tuple(map(back, marks)) for marks in (reading.digits, reading.left_out))
        rotation = angle if digits else 0
        reading = replace(reading, digits=digits, left_out=left_out, rotation=rotation)
        return [back(glyph) for glyph in glyphs], reading

    def _confirmed(self, image: np.ndarray, marks: list[DigitReading]) -> list[DigitReading]:
        """Confirms the marks on a drawing with the finder at one suitable scale; see `_agreed`.

        The marks on small drawings, such as MNIST images, are returned without confirmation.
        """
        if max(image.shape) <= MAX_SMALL:
            return marks
        size = float(np.median([max(mark.box.width, mark.box.height) for mark in marks]))
        scale = min(scale_for(size), MAX_SIDE / max(image.shape))
        return self._agreed(marks, peaks_at(image, scale, self.finder, self.settings))

    def _agreed(
        self, marks: list[DigitReading], found: Sequence[Glyph] | Sequence[Detection]
    ) -> list[DigitReading]:
        """Combines both networks' readings of each mark.

        Returns an empty list unless each mark matches a different digit found by the finder.
        """
        boxes = [digit.box if isinstance(digit, Glyph) else digit for digit in found]
        best = best_matches(sides_of([mark.box for mark in marks]), sides_of(boxes), self.settings)
        if best is None:
            return []
        scores = np.stack([found[i].scores for i in best])
        if len(marks) == 1:  # no line supports it, so the classifier judges whether it is a digit
            return [_agreement(marks[0], scores[0])]
        return list(map(_agreement, marks, scores, self._likely(marks, scores)))

    def _with_scores(self, glyphs: list[Glyph]) -> list[DigitReading]:
        """Reads the digits that the finder found, using its scores as well as the classifier."""
        if not glyphs:
            return []
        scores = np.stack([glyph.scores for glyph in glyphs])
        likely = np.where([glyph.ink.any() for glyph in glyphs], self._likely(glyphs, scores), 0)
        return list(map(_agreement, self._classified(glyphs), scores, likely))

    def _likely(
        self, marks: Sequence[Glyph] | Sequence[DigitReading], scores: np.ndarray
    ) -> np.ndarray:
        """Returns the probability that each mark is a digit, float (N,), from its scores."""
        best = scores.max(axis=1)
        boxes = sides_of([mark.box for mark in marks])
        return detection_probability(best, line_support(boxes, best, self.settings))

    def _classified(self, glyphs: list[Glyph]) -> list[DigitReading]:
        """Reads each mark with the classifier alone."""
        pictures = [digit_picture(glyph.ink) for glyph in glyphs]
        stacked = np.stack(pictures) if pictures else np.zeros((0, 28, 28), np.uint8)
        probabilities = self.predictor.predict(network_input(stacked))
        return [
            _most_likely(digits, 1.0, glyph.box)
            for glyph, digits in zip(glyphs, probabilities, strict=True)
        ]

    def _reading(
        self,
        name: str,
        image: np.ndarray,
        marks: list[DigitReading],
        rejected: Sequence[DigitReading] = (),
    ) -> Reading:
        """Creates a reading from marks.

        Marks below the minimum confidence and all `rejected` marks are ignored. The probability
        that a mark is a slash reduces its confidence.
        """
        least = self.setup.min_confidence
        likely = [mark for mark in marks if mark.confidence >= least]
        kept: list[DigitReading] = []
        left_out, slashes = [*rejected], []
        for mark, slash in zip(marks, slash_probabilities(image, marks, likely), strict=True):
            weighed = replace(mark, confidence=mark.confidence * float(1 - slash))
            (kept if weighed.confidence >= least else left_out).append(weighed)
            if weighed.confidence < least and (mark.confidence >= least or slash >= SURE_SLASH):
                slashes.append(Slash(mark.box, float(slash)))
        text = None if kept else hint(image, len(left_out))
        digits = in_lines(kept, image, slashes)
        return Reading(name, digits, tuple(left_out), hint=text, models=self.models)


def _all_reach(confidence: float, marks: list[DigitReading]) -> bool:
    """Checks whether there are marks and all of them have at least the given confidence."""
    return bool(marks) and all(mark.confidence >= confidence for mark in marks)


def _agreement(mark: DigitReading, scores: np.ndarray, likely: float | None = None) -> DigitReading:
    """Combines the classifier's reading of a mark with the finder's scores.

    Args:
        mark: The classifier's reading.
        scores: The finder's score of each digit, float (10,).
        likely: Probability that the mark is a digit; by default, the classifier's estimate.
    """
    digits, rejection = without_rejection(np.array(mark.probabilities))
    return _most_likely(
        combined(digits, scores), 1 - rejection if likely is None else likely, mark.box
    )


def _most_likely(probabilities: np.ndarray, likely: float, box: Box) -> DigitReading:
    """Reads a mark as its most likely digit. `likely` is the probability that it is any digit."""
    digit = int(probabilities.argmax())
    confidence = float(probabilities[digit] * likely)
    return DigitReading(digit, confidence, 0, box, tuple(probabilities.tolist()))
