"""Decode all images in a folder, and nothing else: python -m benchmarks.rivals.decode FOLDER."""

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image


def decode(paths: Iterable[Path]) -> None:
    """Decodes images with Pillow, and discards the pixels."""
    for path in paths:
        with Image.open(path) as image:
            np.asarray(image if image.mode == "L" else image.convert("L"))


if __name__ == "__main__":
    decode(Path(sys.argv[1]).iterdir())
