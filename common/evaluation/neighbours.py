"""Finds the training digits that are most similar to a picture."""

from dataclasses import dataclass
from threading import Lock

import cv2
import numpy as np

from common.data.datasets import load_mnist
from common.preprocessing import PICTURE_SIZE

NEIGHBOURS = 5


@dataclass(frozen=True)
class Neighbour:
    """A training digit that is similar to a picture.

    Attributes:
        digit: Label of the training digit, 0 to 9.
        picture: Image of the training digit, uint8 (28, 28), 255 is ink.
    """

    digit: int
    picture: np.ndarray


class TrainingDigits:
    """The 60,000 training digits of MNIST (47 MB), loaded on first use. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._loaded: tuple[np.ndarray, np.ndarray] | None = None

    def _load(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pictures, uint8 (60000, 784), and their labels, int64 (60000,).

        Raises:
            DataError: MNIST has not been downloaded, or is damaged.
        """
        with self._lock:
            if self._loaded is None:
                mnist = load_mnist(download=False)
                pictures = mnist.train_images.reshape(len(mnist.train_labels), -1)
                self._loaded = pictures, mnist.train_labels
            return self._loaded

    def nearest(self, picture: np.ndarray) -> list[Neighbour]:
        """Returns the five training digits whose pixels are most similar to a picture.

        The digits are sorted by Euclidean distance, the most similar first, as in the
        nearest-neighbour classifier of LeCun et al. (1998).

        Args:
            picture: Picture to compare with, uint8 (28, 28), 255 is ink.

        Raises:
            DataError: MNIST has not been downloaded, or is damaged.
        """
        pictures, labels = self._load()
        _, order = cv2.batchDistance(
            picture.reshape(1, -1), pictures, cv2.CV_32F, normType=cv2.NORM_L2SQR, K=NEIGHBOURS
        )
        shape = (PICTURE_SIZE, PICTURE_SIZE)
        return [Neighbour(int(labels[index]), pictures[index].reshape(shape)) for index in order[0]]
