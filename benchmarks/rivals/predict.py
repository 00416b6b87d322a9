"""Read digits as most scripts do: python -m benchmarks.rivals.predict MODEL each|batch IMAGE ...

With `each`, `model.predict` is called for each image; with `batch`, once for all images.
"""

import sys

import keras
import numpy as np
from PIL import Image


def picture(path: str) -> np.ndarray:
    """Returns an image file as float32 (28, 28): shrunk, inverted and divided by 255."""
    with Image.open(path) as image:
        return 1 - np.asarray(image.convert("L").resize((28, 28)), dtype="float32") / 255


def main() -> None:
    """Prints the predicted digit of each image."""
    model = keras.models.load_model(sys.argv[1])
    if sys.argv[2] == "batch":
        pictures = np.stack([picture(path) for path in sys.argv[3:]])[..., None]
        print(*model.predict(pictures, verbose=0).argmax(axis=1))
    else:
        for path in sys.argv[3:]:
            print(model.predict(picture(path)[None, ..., None], verbose=0).argmax())


if __name__ == "__main__":
    main()
