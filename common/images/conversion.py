"""Converts files, bytes, Pillow images and arrays to grey pages."""

from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from common.images.contents import MAX_BYTES, ImageError
from common.images.decoding import read_image
from common.images.grey import grey

ImageSource = str | Path | bytes | BinaryIO | Image.Image | np.ndarray


def grey_page(source: ImageSource) -> np.ndarray:
    """Converts an image from any source to an upright grey page.

    Args:
        source: The image; see `DigitRecognizer.read`.

    Returns:
        The page, uint8 (height, width).

    Raises:
        ImageError: The image cannot be read, or is of another type or shape.
    """
    if isinstance(source, str | Path | bytes):
        return read_image(source)
    if isinstance(source, Image.Image):
        return grey(ImageOps.exif_transpose(source))
    if isinstance(source, np.ndarray):
        return _grey_array(source)
    content = source.read(MAX_BYTES + 1) if hasattr(source, "read") else None
    if not isinstance(content, bytes):
        raise ImageError(
            f"Got {type(source).__name__}; expected a path, bytes, a file open in binary mode, a "
            "Pillow image or a NumPy array."
        )
    return read_image(content)


def _grey_array(array: np.ndarray) -> np.ndarray:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or not array.size or channels > 4:
        channels = 0
    if channels not in (1, 3, 4):
        raise ImageError(
            f"Got an array of {array.dtype} and shape {array.shape}; expected uint8 from 0 (black) "
            "to 255 and shape (height, width), (height, width, 3) in the order blue, green, red, "
            "or (height, width, 4) with an alpha channel."
        )
    if channels == 1:
        return array.reshape(array.shape[:2])
    order = [2, 1, 0, 3][:channels]  # Pillow's order: red, green, blue, alpha
    return grey(Image.fromarray(np.ascontiguousarray(array[..., order])))
