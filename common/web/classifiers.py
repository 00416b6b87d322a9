"""Finds and loads the classifiers that requests can name."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from fastapi import HTTPException

from common import UserError
from common.evaluation.explanation import Explainer
from common.images.contents import name_of
from common.images.decoding import read_image
from common.reading import Glyph, Reading
from common.recognizer import DigitRecognizer
from common.storage.card import SavedCard, is_finder, load_card
from common.storage.model_files import model_paths

UNKNOWN_MODEL = "There is no model of that name; GET /models lists the models."
MAX_LISTED = 50  # models in the answer of /models
MAX_LOADED = 8  # models in memory besides the server's own
MAX_NAME = 100  # characters
MAX_CACHED_PIXELS = 20_000_000  # of an image whose reading is cached (up to 0.1 GB of memory)


@dataclass(frozen=True)
class Choice:
    """A classifier that a request can name.

    Attributes:
        name: Name of the classifier in requests.
        path: Model file of the classifier.
        card: Card of the model, or None if it has none.
    """

    name: str
    path: Path
    card: SavedCard | None


@dataclass(frozen=True)
class Examined:
    """An image that has been read.

    Attributes:
        shape: Height and width of the upright image in pixels.
        glyphs: The ink of each mark. A mark is a digit, or a shape that was ignored.
        reading: The digits and the ignored marks.
    """

    shape: tuple[int, int]
    glyphs: list[Glyph]
    reading: Reading


class Classifiers:
    """The server's own classifier, and the classifiers in a folder.

    Classifiers are loaded when a request first names them. A requested name is only compared with
    the names of the files in the folder; it never becomes part of a path. Files whose names JSON
    cannot hold are skipped. All classifiers share one finder. This class is not thread-safe.

    Args:
        recognizer: Recognizer with the server's own classifier.
        folder: Folder with more classifiers. Only its `.tflite` files are used, since they need no
            TensorFlow.
    """

    def __init__(self, recognizer: DigitRecognizer, folder: Path) -> None:
        self.own, self.folder = recognizer, folder
        self._explainer = Explainer(recognizer)
        self._loaded: OrderedDict[tuple[Path, int], Explainer] = OrderedDict()
        self._last: tuple[DigitRecognizer, bytes, Examined] | None = None

    @property
    def own_name(self) -> str:
        """Name of the server's own classifier, with its suffix if it is not in the folder."""
        path = self.own.setup.model
        is_in_folder = path.resolve() in map(Path.resolve, self._files())
        return path.stem if is_in_folder else name_of(path.name)

    def choices(self) -> list[Choice]:
        """Lists the server's own classifier, then those in the folder, with the newest first.

        The list has at most `MAX_LISTED` classifiers.
        """
        own = self.own.predictor
        choices = [Choice(self.own_name, own.path, own.card)]
        for path in self._files():
            if path.stem == choices[0].name or len(choices) >= MAX_LISTED:
                continue
            try:
                choices.append(Choice(path.stem, path, load_card(path)))
            except UserError:  # a model with a damaged card cannot be loaded
                continue
        return choices

    def recognizer(self, name: str | None) -> DigitRecognizer:
        """Returns the recognizer with the named classifier; see `explainer`."""
        return self.explainer(name).recognizer

    def explainer(self, name: str | None) -> Explainer:
        """Returns the explainer of the named classifier, or of the server's own if `name` is None.

        Raises:
            HTTPException: With status 404, if there is no such classifier.
            ModelError: The classifier's file is damaged, or cannot be used.
        """
        if name is None or name == self.own_name:
            return self._explainer
        path = next((path for path in self._files() if path.stem == name), None)
        changed = _modification_time(path) if path else None
        if path is None or changed is None:
            raise HTTPException(404, UNKNOWN_MODEL)
        key = (path, changed)
        if key not in self._loaded:
            self._loaded[key] = Explainer(self.own.with_model(path))
        self._loaded.move_to_end(key)
        if len(self._loaded) > MAX_LOADED:
            self._loaded.popitem(last=False)
        return self._loaded[key]

    def is_own(self, path: Path) -> bool:
        """Checks whether a file belongs to the server's own model."""
        return _stem(path) == _stem(self.own.setup.model)

    def name_of_model(self, keras: Path) -> str | None:
        """Returns the name of the classifier that belongs to a `.keras` file, or None."""
        if self.is_own(keras):
            return self.own_name
        files = self._files()
        return next((path.stem for path in files if _stem(path) == _stem(keras)), None)

    def delete(self, name: str) -> None:
        """Deletes the files of a model in the folder. This method is thread-safe.

        Raises:
            OSError: A file cannot be deleted.
        """
        keras, tflite, card = model_paths(self.folder / name)
        # Without its .tflite file, a model is no longer listed, so this file is deleted first.
        for path in (tflite, keras, card):
            path.unlink(missing_ok=True)

    def examine(self, name: str | None, content: bytes) -> Examined:
        """Reads an image with the named classifier.

        The last reading is cached, because the web page asks about the marks of the same image
        right after it is read.

        Args:
            name: Name of the classifier, or None for the server's own.
            content: The bytes of the image file.

        Raises:
            HTTPException: With status 404, if there is no such classifier.
            ImageError: The image cannot be read.
            ModelError: The classifier's file is damaged, or cannot be used.
        """
        recognizer, digest = self.recognizer(name), hashlib.sha256(content).digest()
        if self._last is not None and self._last[:2] == (recognizer, digest):
            return self._last[2]
        image = read_image(content)
        height, width = image.shape
        examined = Examined((height, width), *recognizer.examine(image))
        is_small = image.size <= MAX_CACHED_PIXELS
        self._last = (recognizer, digest, examined) if is_small else None
        return examined

    def _files(self) -> list[Path]:
        """Lists the `.tflite` files of the classifiers in the folder, with the newest first."""
        found = [path for path in self.folder.glob("*.tflite") if _is_classifier(path)]
        return sorted(found, key=lambda path: (-(_modification_time(path) or 0), path.name))


def _modification_time(path: Path) -> int | None:
    """Returns the modification time in nanoseconds, or None if the file was just deleted."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _stem(path: Path) -> Path:
    """Returns the path of a model without the suffix, which is the same for all its files."""
    return path.resolve().with_suffix("")


def _is_classifier(path: Path) -> bool:
    is_nameable = name_of(path.name) == path.name and not path.name.startswith(".")
    return is_nameable and path.is_file() and not is_finder(path)
