"""Explains why no digit was found in an image, and suggests a remedy."""

import numpy as np

MIN_SIDE = 10  # pixels; smaller digits cannot be distinguished
MIN_CONTRAST = 24  # grey levels between the darkest and the lightest pixel
READ_EVERYTHING = "; a minimum confidence of 0 reads everything."
"""The end of the hint about ignored marks. The web page omits it, because users cannot set the
minimum confidence there."""


def hint(image: np.ndarray, marks: int) -> str:
    """Returns a sentence with the likely reason why no digit was found and, if possible, a remedy.

    Args:
        image: The image, uint8 (height, width).
        marks: Number of marks that were ignored because they do not look like digits.
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
        unlike = "marks do not look like digits" if marks > 1 else "mark does not look like a digit"
        return f"{marks} {unlike}{READ_EVERYTHING}"
    return "Nothing looks like a digit: fill the frame with the digits, in focus and evenly lit."
