"""Explains why no digit was found on an image, and what helps."""

import numpy as np

MIN_SIDE = 10  # pixels; smaller digits cannot be distinguished
MIN_CONTRAST = 24  # grey levels between the darkest and the lightest pixel


def hint(image: np.ndarray, marks: int) -> str:
    """Returns a sentence with the likely reason why no digit was found, and what helps.

    Args:
        image: uint8 (height, width).
        marks: Number of marks that do not look like digits.
    """
    height, width = image.shape
    contrast = int(image.max()) - int(image.min())
    if max(height, width) < MIN_SIDE:
        return f"{width}x{height} pixels are too few: digits need a height of {MIN_SIDE} pixels."
    if contrast == 0:
        return "The image is blank."
    if contrast < MIN_CONTRAST:
        return "The contrast is very low: use a darker pen or more light."
    if marks:
        marks_do, them = ("mark does not look like a digit", "it")
        if marks > 1:
            marks_do, them = ("marks do not look like digits", "them")
        return f"{marks} {marks_do}; to read {them} anyway, set the minimum confidence to 0."
    return "Nothing looks like a digit: fill the frame with the digits, in focus and evenly lit."
