"""Reads the files of data sets in several formats. `datasets` validates their content."""

import gzip
import struct
import sys
import tokenize
import zipfile
import zlib
from functools import cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from common import UserError, printable
from common.finding.drawings import drawn_marks
from common.finding.finder import find
from common.finding.inks import cut_out
from common.images.contents import ImageError
from common.images.decoding import read_image
from common.images.listing import list_images
from common.preprocessing import PICTURE_SIZE, digit_picture
from common.reading import Glyph
from common.storage.loading import Finder
from common.storage.model_files import PRETRAINED_FINDER, load_finder

ZIP_DAMAGE = (
    OSError,
    EOFError,
    KeyError,
    TypeError,
    RuntimeError,  # encrypted files; for unknown versions, its subclass NotImplementedError
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""Exceptions that NumPy and Python's zip reader raise on damaged files."""
MAX_BYTES = 4 * 10**9  # per .npz file, uncompressed
MAX_GZIP_RATIO = 1032  # highest possible compression ratio of a .gz file (RFC 1951, 1996)
MIN_SCORE = 0.3  # minimum score of a digit that the finder detects on a photo
IDX_NAMES = ("train-images", "train-labels", "t10k-images", "t10k-labels")


class DataError(UserError):
    """A data set is missing, damaged or in an unknown format."""


def read_npz(path: Path) -> list[np.ndarray]:
    """Reads an `.npz` file with the same array names as Keras's mnist.npz.

    Returns:
        Training images, training labels, test images and test labels, as stored in the file.

    Raises:
        DataError: The file is damaged, too large, or lacks one of the arrays.
    """
    keys = ("x_train", "y_train", "x_test", "y_test")
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise DataError(f"{path} is a single array; expected an .npz with {keys}.")
        with file:
            members = file.zip.infolist() if file.zip else []
            if sum(member.file_size for member in members) > MAX_BYTES:
                raise DataError(
                    f"{path} holds too much data; expected at most {MAX_BYTES // 10**9} GB."
                )
            if not set(keys) <= set(file.files):
                raise DataError(
                    f"{path} has the arrays {sorted(file.files)}; expected {keys}, as in Keras."
                )
            arrays = [file[key] for key in keys]
            if not all(isinstance(array, np.ndarray) for array in arrays):
                raise DataError(f"{path} is damaged: it contains files that are not arrays.")
    except (*ZIP_DAMAGE, MemoryError) as error:
        raise DataError(f"{path} is damaged or not an .npz file ({error}).") from error
    except ValueError as error:  # NumPy's own message recommends allow_pickle=True, which is unsafe
        raise DataError(
            f"{path} cannot be loaded; expected an .npz file of plain numeric arrays."
        ) from error
    return arrays


def idx_files(folder: Path) -> list[Path]:
    """Finds the four IDX files in a folder.

    Returns:
        The files in the order of `IDX_NAMES`, or an empty list if the folder contains none of them.

    Raises:
        DataError: The folder contains only some of the files.
    """
    found = []
    for start in IDX_NAMES:
        names = [
            f"{start}{dot}idx{3 if 'images' in start else 1}-ubyte{end}"
            for dot in "-."
            for end in ("", ".gz")
        ]
        found.append(next((folder / name for name in names if (folder / name).is_file()), None))
    if any(found) and not all(found):
        missing = ", ".join(n for n, file in zip(IDX_NAMES, found, strict=True) if file is None)
        raise DataError(f"The folder {folder} lacks {missing}; expected all four IDX files.")
    return [file for file in found if file is not None]


def read_idx(path: Path, images: bool) -> np.ndarray:
    """Reads one IDX file (http://yann.lecun.com/exdb/mnist/), plain or .gz.

    Args:
        path: Path of the file.
        images: Whether the file holds images; otherwise, it holds labels.

    Returns:
        The images, uint8 (N, height, width), or the labels, uint8 (N,).

    Raises:
        DataError: The file is damaged.
    """
    compressed = path.suffix == ".gz"
    fields, expected = (4, 2051) if images else (2, 2049)
    try:
        with gzip.open(path) if compressed else path.open("rb") as file:
            magic, *shape = struct.unpack(f">{fields}i", file.read(4 * fields))
            if magic != expected:
                raise DataError(
                    f"{path} starts with the magic number {magic}; expected {expected}."
                )
            size = int(np.prod(shape, dtype=object))
            max_size = path.stat().st_size * (MAX_GZIP_RATIO if compressed else 1)
            if min(shape) < 0 or size > max_size:
                raise DataError(
                    f"{path} is damaged: its header says {shape}, which does not match the file's "
                    "size."
                )
            content = file.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged ({error}).") from error
    except struct.error as error:
        raise DataError(
            f"{path} is too short for an IDX file; expected at least {4 * fields} bytes."
        ) from error
    if len(content) != size:
        raise DataError(
            f"{path} is damaged: its header says {shape}, but it does not hold that many values."
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def read_image_folders(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads a folder with one sub-folder of images per digit.

    Each image gives one picture: that of the largest mark on a drawing, or of the largest digit on
    a photo. Unreadable images and images without digits are ignored; messages on stderr name the
    first ten and state their number.

    Returns:
        The pictures, uint8 (N, 28, 28), and their labels, int64 (N,).
    """
    paths, labels = [], []
    for digit in range(10):
        if (folder / str(digit)).is_dir():
            found = list_images(folder / str(digit))
            paths += found
            labels += [digit] * len(found)
    pictures, used_labels, messages = [], [], []
    for path, label in tqdm(
        zip(paths, labels, strict=True), "reading", len(paths), leave=False, disable=None
    ):
        try:
            largest = _largest_digit(read_image(path))
            if largest is None:
                raise ImageError(f"{path} contains no digit.")
            pictures.append(digit_picture(largest.ink))
            used_labels.append(label)
        except ImageError as error:
            messages.append(str(error))
    for message in messages[:10]:
        print(f"ignored: {printable(message)}", file=sys.stderr)
    if messages:
        print(f"{len(messages)} of {len(paths)} images were ignored.", file=sys.stderr)
    stacked = np.array(pictures, np.uint8).reshape(-1, PICTURE_SIZE, PICTURE_SIZE)
    return stacked, np.array(used_labels, np.int64)


def _largest_digit(image: np.ndarray) -> Glyph | None:
    """Returns the largest mark on a drawing, or the largest digit that the finder detects."""
    glyphs = drawn_marks(image)
    if not glyphs:
        found = [digit for digit in find(image, _finder()) if digit.score > MIN_SCORE]
        glyphs = cut_out(image, found)
    return max(glyphs, key=lambda glyph: glyph.box.width * glyph.box.height, default=None)


@cache
def _finder() -> Finder:
    return load_finder(PRETRAINED_FINDER)
