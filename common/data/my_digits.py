"""Saves the user's own digits for training, each as a file such as `my_digits/3/NAME.png`."""

import hashlib
import heapq
import re
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from common import PROJECT
from common.files import replacing
from common.images.listing import list_images

MY_DIGITS = PROJECT / "my_digits"
MAX_KEPT = 100_000  # maximum number of digits that the server saves
MAX_LISTED = 100  # maximum number of digits that `listed_digits` returns
FILE = re.compile(r"[0-9a-f]{16}\.png")  # matches the file names that `keep_digit` creates
MARGIN = 0.25  # margin around a digit, as a share of its longer side


def keep_digit(ink: np.ndarray, digit: int, folder: Path) -> Path:
    """Saves the ink of one digit at its original size, as a PNG file in black on white.

    The file name is a hash of the pixels, so identical digits are saved only once. If a digit is
    saved again with another label, its file moves to the sub-folder of that label.

    Args:
        ink: Ink of the digit, float32 (height, width); 0 is background, 1 is full ink.
        digit: Label of the digit, 0 to 9.
        folder: Folder with the sub-folders 0 to 9.

    Returns:
        Path of the PNG file.

    Raises:
        UserError: The file cannot be written.
    """
    margin = max(4, round(MARGIN * max(ink.shape)))
    picture = np.rint(255 * (1 - np.pad(ink, margin))).astype(np.uint8)
    content = BytesIO()
    Image.fromarray(picture).save(content, "PNG")
    name = f"{hashlib.sha256(picture.tobytes()).hexdigest()[:16]}.png"
    path = folder / str(digit) / name
    with replacing(path) as temporary:
        temporary.write_bytes(content.getvalue())
    for other in folder.glob(f"[0-9]/{name}"):
        if other != path:
            other.unlink()
    return path


def kept_digits(folder: Path) -> int:
    """Counts the images in the sub-folders 0 to 9 of a folder."""
    return sum(len(list_images(part)) for part in folder.glob("[0-9]") if part.is_dir())


def listed_digits(folder: Path) -> list[tuple[int, str]]:
    """Returns the labels and names of digits that `keep_digit` saved, the newest first."""
    found = []
    for path in folder.glob("[0-9]/*.png"):
        if FILE.fullmatch(path.name):
            with suppress(OSError):  # the file has just been deleted, or is a broken link
                found.append((path.stat().st_mtime, path))
    newest = heapq.nlargest(MAX_LISTED, found)
    return [(int(path.parent.name), path.stem) for _, path in newest]


def path_of(folder: Path, digit: int, name: str) -> Path | None:
    """Returns the file of a digit that `keep_digit` saved, or None if there is no such file."""
    path = folder / str(digit) / f"{name}.png"
    return path if FILE.fullmatch(path.name) and path.is_file() else None
