"""The user's own digits, kept one by one for training: `my_digits/3/NAME.png`."""

import hashlib
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from common import PROJECT
from common.files import replacing
from common.images.listing import list_images

MY_DIGITS = PROJECT / "my_digits"
MARGIN = 0.25  # paper around a digit, as a share of its longer side


def keep_digit(ink: np.ndarray, digit: int, folder: Path) -> Path:
    """Saves one digit at its own size, black on white and without its neighbours.

    Its name is made from its pixels: the same digit is kept once, and under another label it moves.

    Args:
        ink: float32 (height, width), 0 is paper, 1 is full ink.
        digit: what it is, 0 to 9.
        folder: where the sub-folders 0 to 9 are.

    Returns:
        The PNG file.

    Raises:
        UserError: it cannot be written.
    """
    margin = max(4, round(MARGIN * max(ink.shape)))
    paper = np.rint(255 * (1 - np.pad(ink, margin))).astype(np.uint8)
    content = BytesIO()
    Image.fromarray(paper).save(content, "PNG")
    name = f"{hashlib.sha256(paper.tobytes()).hexdigest()[:16]}.png"
    path = folder / str(digit) / name
    with replacing(path) as temporary:
        temporary.write_bytes(content.getvalue())
    for other in folder.glob(f"[0-9]/{name}"):
        if other != path:
            other.unlink()
    return path


def kept_digits(folder: Path) -> int:
    """How many digits are kept."""
    return sum(len(list_images(part)) for part in folder.glob("[0-9]") if part.is_dir())
