"""Converts images of any mode to grey."""

import numpy as np
from PIL import Image


def grey(image: Image.Image) -> np.ndarray:
    """Converts an image of any mode to grey, uint8 (height, width).

    16-bit and floating-point pixels are scaled so that the lightest becomes 255 and the darkest 0.
    If both are almost equal, the darkest stays above 0.

    Transparent pixels are replaced by paper. If most pixels are opaque, the paper has their median
    grey level. Otherwise, the opaque pixels are strokes: the paper is black under light strokes and
    white under dark ones.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _stretch(np.array(image, dtype=np.float32))
    if image.has_transparency_data:
        image = _on_paper(image)
    return np.asarray(image if image.mode == "L" else image.convert("L"))


def _stretch(values: np.ndarray) -> np.ndarray:
    """Scales float32 values of any range to uint8. Modifies `values`."""
    np.copyto(values, 0, where=~np.isfinite(values))
    values *= 0.25  # keeps `high - low` within the range of float32
    low, high = float(values.min()), float(values.max())
    # Blank paper has a narrow range of values. Scaled to the full range, its grain would look like
    # ink.
    span = max(high - low, 0.1 * max(abs(low), abs(high)), 1e-12)
    values /= span
    values -= high / span
    values *= 255
    values += 255
    return np.rint(values, out=values).astype(np.uint8)


def _on_paper(image: Image.Image) -> Image.Image:
    luminance, alpha = image.convert("LA").split()
    opaque = np.asarray(luminance)[np.asarray(alpha) > 127]
    if opaque.size > image.width * image.height / 2:
        paper = float(np.median(opaque))
    else:
        paper = 255.0 if opaque.size == 0 or opaque.mean() < 128 else 0.0
    return Image.composite(luminance, Image.new("L", image.size, round(paper)), alpha)
