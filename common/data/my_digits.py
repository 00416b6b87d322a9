"""Saves the user's own digits for training, one file each: `my_digits/3/NAME.png`."""

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
MAX_KEPT = 100_000  # then the server saves no more
MAX_LISTED = 100
FILE = re.compile(r"[0-9a-f]{16}\.png")
MARGIN = 0.25  # of background around a digit, as a share of its longer side


def keep_digit(ink: np.ndarray, digit: int, folder: Path) -> Path:
    """Saves one digit at its original size, black on white and without its neighbours.

    The file name is a hash of the pixels, so the same digit is saved only once. Saving it again
    under another label moves it there.

    Args:
        ink: float32 (height, width), 0 is background, 1 is full ink.
        digit: The label, 0 to 9.
        folder: The folder with the sub-folders 0 to 9.

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
    """Number of digits in the folder."""
    return sum(len(list_images(part)) for part in folder.glob("[0-9]") if part.is_dir())


def listed_digits(folder: Path) -> list[tuple[int, str]]:
    """The labels and names of the digits that `keep_digit` saved last, the newest first."""
    found = []
    for path in folder.glob("[0-9]/*.png"):
        if FILE.fullmatch(path.name):
            with suppress(OSError):  # deleted meanwhile, or a link to nothing
                found.append((path.stat().st_mtime, path))
    newest = heapq.nlargest(MAX_LISTED, found)
    return [(int(path.parent.name), path.stem) for _, path in newest]


def path_of(folder: Path, digit: int, name: str) -> Path | None:
    """The file of a digit that `keep_digit` saved, or None if there is no such file."""
    path = folder / str(digit) / f"{name}.png"
    return path if FILE.fullmatch(path.name) and path.is_file() else None
