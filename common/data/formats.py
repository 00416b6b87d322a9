"""Reads the file formats that a data set may have; what they hold is checked in `datasets`."""

import gzip
import struct
import sys
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np
from tqdm import tqdm

from common import UserError, printable
from common.finding.rules.page import digits_on
from common.images.decoding import ImageError, read_image
from common.images.listing import list_images
from common.preprocessing import PICTURE_SIZE, digit_picture

ZIP_DAMAGE = (
    OSError,
    EOFError,
    KeyError,
    TypeError,
    RuntimeError,  # NotImplementedError is one: unknown version, flags, encryption
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy's and Python's zip readers raise on damaged files."""
MOST_BYTES = 4 * 10**9  # of a data set's file, unpacked
MOST_PACKED = 1032  # bytes that one byte of a .gz file can stand for (Deutsch, RFC 1951, 1996)
IDX_NAMES = ("train-images", "train-labels", "t10k-images", "t10k-labels")


class DataError(UserError):
    """A data set that is missing, damaged or of the wrong kind."""


def read_npz(path: Path) -> list[np.ndarray]:
    """Reads an `.npz` file in Keras's layout.

    Returns:
        Training images and labels, test images and labels, as the file has them.

    Raises:
        DataError: The file is damaged, too large, or of another layout.
    """
    keys = ("x_train", "y_train", "x_test", "y_test")
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise DataError(f"{path} is a single array; expected an .npz with {keys}.")
        with file:
            members = file.zip.infolist() if file.zip else []
            if sum(member.file_size for member in members) > MOST_BYTES:
                raise DataError(f"{path} holds more than {MOST_BYTES // 10**9} GB.")
            if not set(keys) <= set(file.files):
                raise DataError(
                    f"{path} has the arrays {sorted(file.files)}; expected {keys} as Keras saves."
                )
            arrays = [file[key] for key in keys]
            if not all(isinstance(array, np.ndarray) for array in arrays):
                raise DataError(f"{path} is damaged: it holds files that are no arrays.")
    except (*ZIP_DAMAGE, MemoryError) as error:
        raise DataError(f"{path} is damaged or not an .npz file ({error}).") from error
    except ValueError as error:  # NumPy's own words recommend to trust the file
        raise DataError(
            f"{path} cannot be loaded; expected an .npz file of plain numeric arrays."
        ) from error
    return arrays


def idx_files(folder: Path) -> list[Path]:
    """The four IDX files of a folder; empty if it holds none of them.

    Raises:
        DataError: The folder holds some of them only.
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
        raise DataError(f"The folder {folder} lacks {missing}; all four IDX files are needed.")
    return [file for file in found if file is not None]


def read_idx(path: Path, images: bool) -> np.ndarray:
    """Reads one IDX file (http://yann.lecun.com/exdb/mnist/), plain or .gz.

    Args:
        path: The file.
        images: Whether it holds images rather than labels.

    Returns:
        uint8 (N, height, width) for images, uint8 (N,) for labels.

    Raises:
        DataError: The file is damaged.
    """
    packed = path.suffix == ".gz"
    fields, expected = (4, 2051) if images else (2, 2049)
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            magic, *shape = struct.unpack(f">{fields}i", file.read(4 * fields))
            if magic != expected:
                raise DataError(
                    f"{path} starts with the magic number {magic}; expected {expected}."
                )
            promised = int(np.prod(shape, dtype=object))
            most = path.stat().st_size * (MOST_PACKED if packed else 1)
            if min(shape) < 0 or promised > most:
                raise DataError(f"{path} promises {shape} values: it is damaged.")
            content = file.read(promised + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged ({error}).") from error
    except struct.error as error:
        raise DataError(f"{path} is too short for an IDX file.") from error
    if len(content) != promised:
        raise DataError(f"{path} promises {shape} values and holds others: it is damaged.")
    return np.frombuffer(content, np.uint8).reshape(shape)


def read_image_folders(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads a folder with a sub-folder of images for each digit.

    The largest digit of each image counts. Images that cannot be used are listed on stderr.

    Returns:
        uint8 (N, 28, 28) pictures and int64 (N,) labels.
    """
    paths, labels = [], []
    for digit in range(10):
        if (folder / str(digit)).is_dir():
            found = list_images(folder / str(digit))
            paths += found
            labels += [digit] * len(found)
    pictures, kept, refused = [], [], []
    for path, label in tqdm(
        zip(paths, labels, strict=True), "reading", len(paths), leave=False, disable=None
    ):
        try:
            glyphs = digits_on(read_image(path))
            if not glyphs:
                raise ImageError(f"{path} holds no digit.")
            largest = max(glyphs, key=lambda glyph: glyph.box.width * glyph.box.height)
            pictures.append(digit_picture(largest.ink))
            kept.append(label)
        except ImageError as error:
            refused.append(str(error))
    for message in refused[:10]:
        print(f"left out: {printable(message)}", file=sys.stderr)
    if refused:
        print(f"{len(refused)} of {len(paths)} images were left out.", file=sys.stderr)
    stacked = np.array(pictures, np.uint8).reshape(-1, PICTURE_SIZE, PICTURE_SIZE)
    return stacked, np.array(kept, np.int64)
