"""Finds, downloads, validates and loads data sets of labelled digits.

Every function that loads data returns a `Dataset` of 28x28 pictures. Like those of MNIST, they show
white ink (255) on black (0), the digit fits into 20x20 pixels, and its centre of mass is in the
middle. In .npz and IDX files, this is not checked.
"""

import hashlib
import http.client
import os
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from common import PROJECT, UserError, printable
from common.data.formats import (
    IDX_NAMES,
    DataError,
    idx_files,
    read_idx,
    read_image_folders,
    read_npz,
)
from common.files import replacing
from common.preprocessing import digit_picture

MNIST_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
MNIST_FILE_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
MNIST_SHA256 = "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16"
"""`Dataset.sha256` of the original MNIST. It does not depend on the file format."""


MAX_DOWNLOAD = 20 * 10**6  # bytes; MNIST has 11.5 million
DOWNLOAD_TIMEOUT = 20.0  # seconds without a response
TEST_SHARE = 0.2  # share of images held out for testing if a data set has no test set
TEST_SEED = 0  # constant, so that the test images do not depend on --seed


class DownloadError(DataError):
    """MNIST is not on this machine and could not be downloaded or saved."""


@dataclass(frozen=True)
class Dataset:
    """A training set and a test set of labelled digits.

    Attributes:
        name: Value of `--data` that loads this data set: "mnist", "digits" or a path.
        train_images: Training images, uint8 (N, 28, 28); ink is 255.
        train_labels: Labels of the training images, int64 (N,), 0 to 9.
        test_images: Test images, uint8 (M, 28, 28).
        test_labels: Labels of the test images, int64 (M,), 0 to 9.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    @property
    def sha256(self) -> str:
        """The SHA-256 hash of all pixels and labels. It does not depend on the file format."""
        digest = hashlib.sha256()
        for images, labels in (
            (self.train_images, self.train_labels),
            (self.test_images, self.test_labels),
        ):
            digest.update(np.ascontiguousarray(images).tobytes())
            digest.update(labels.astype(np.uint8).tobytes())
        return digest.hexdigest()


def load_dataset(data: str | None = None) -> Dataset:
    """Loads the data set given by `--data`.

    Args:
        data: "mnist", "digits" or the path of an .npz file with the same arrays as Keras's
            mnist.npz, of a folder with the four IDX files, or of a folder with one sub-folder of
            images per digit. None means MNIST. If MNIST is not available, None means the digits
            bundled with scikit-learn, and a message is printed on stderr.

    Raises:
        DataError: The data set is missing, damaged or in an unknown format.
    """
    if data == "digits":
        return load_bundled_digits()
    if data == "mnist":
        return load_mnist()
    if data is not None:
        return _load_path(Path(data))
    try:
        return load_mnist()
    except DownloadError as error:
        print(
            printable(f"{error} Using the 1,797 digits bundled with scikit-learn instead."),
            file=sys.stderr,
        )
        return load_bundled_digits()


def load_own_digits(data: str) -> Dataset:
    """Loads a user's own digits for fine-tuning. Some of the digits 0 to 9 may be missing.

    About a fifth of the images in sub-folders become test images. A hash of an image's content
    determines whether it is one of them, so adding images does not move the other images between
    training and test. The only exception is a digit whose images would all become test images:
    they become training images until the digit has others.

    Args:
        data: The data set, as for `load_dataset`.

    Raises:
        DataError: The data set is missing, damaged or in an unknown format.
    """
    if data in ("mnist", "digits"):
        return load_dataset(data)
    own = _load_path(Path(data), every_digit=False)
    if len(own.train_labels) == 0:
        raise DataError(f"{data} has no images to train on; at least one is needed.")
    return own


def load_mnist(download: bool = True) -> Dataset:
    """Loads MNIST (LeCun, Cortes and Burges) from `data/`, Keras's cache or the internet.

    Args:
        download: Whether to download MNIST if it is not on this machine.

    Raises:
        DownloadError: MNIST is not on this machine, and the download failed or is not allowed.
        DataError: The local file is damaged or is not MNIST.
    """
    folder = PROJECT / "data"
    keras_home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    cached = [folder / "mnist.npz", keras_home / "datasets" / "mnist.npz"]
    found = next((path for path in cached if path.is_file()), None)
    if found is None and idx_files(folder):
        found = folder
    if found is None:
        if not download:
            raise DownloadError(
                "MNIST has not been downloaded yet; python train_model.py downloads it."
            )
        found = cached[0]
        _download(MNIST_URL, MNIST_FILE_SHA256, found)
    dataset = _load_path(found, name="mnist")
    if dataset.sha256 != MNIST_SHA256:
        raise DataError(
            f"{found} is not the original MNIST (its checksum differs). Delete it to download "
            f"MNIST again, or use it as your own data: --data {found}"
        )
    return dataset


def load_bundled_digits() -> Dataset:
    """Loads the 1,797 digits bundled with scikit-learn. A fifth of them become test images.

    The digits are 8x8 pictures with values from 0 to 16, from the test set of UCI's "Optical
    Recognition of Handwritten Digits" (Alpaydin and Kaynak, 1998). They are normalised like a
    user's own images.
    """
    # Imported here because importing scikit-learn takes two seconds, which would delay prediction.
    from sklearn.datasets import load_digits

    bundled = load_digits()
    images = np.stack([digit_picture(ink / 16) for ink in bundled.images.astype(np.float32)])
    return _with_test_part("digits", images, bundled.target.astype(np.int64))


def split_indices(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Splits a labelled data set into two stratified parts.

    Each part gets at least one image of each class.

    Args:
        labels: Labels of the images, int (N,).
        share: Share of each class that goes to the second part, above 0 and below 1.
        seed: Seed for the random number generator.

    Returns:
        The indices of the first part and those of the second part, as sorted int arrays.

    Raises:
        DataError: A class has fewer than two images.
    """
    generator = np.random.default_rng(seed)
    chosen = []
    for digit in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == digit))
        if len(members) < 2:
            raise DataError(
                f"Digit {digit} has only one image; expected at least two, since one is held out."
            )
        chosen.append(members[: min(max(1, round(share * len(members))), len(members) - 1)])
    second = np.sort(np.concatenate(chosen))
    return np.setdiff1d(np.arange(len(labels)), second), second


def _with_test_part(
    name: str, images: np.ndarray, labels: np.ndarray, every_digit: bool = True
) -> Dataset:
    if every_digit:
        train, test = split_indices(labels, TEST_SHARE, TEST_SEED)
    else:
        train, test = _split_by_content(images, labels)
    parts = images[train], labels[train], images[test], labels[test]
    return _checked(Dataset(name, *parts), every_digit)


def _split_by_content(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Splits images into training and test images by a hash of each image's content.

    If all images of a digit would become test images, all of them become training images instead.

    Returns:
        The indices of the training images and those of the test images, as sorted int arrays.
    """
    first_bytes = [hashlib.sha256(image.tobytes()).digest()[0] for image in images]
    held_out = np.array(first_bytes) < TEST_SHARE * 256
    for digit in np.unique(labels):
        held_out &= (labels != digit) | ~held_out[labels == digit].all()
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _load_path(path: Path, every_digit: bool = True, name: str | None = None) -> Dataset:
    name = name or os.path.realpath(path)
    if path.is_file():
        return _checked(Dataset(name, *read_npz(path)), every_digit)
    if not path.is_dir():
        raise DataError(
            f"There is no data set at {path}. --data takes mnist, digits, an .npz file, a folder "
            "with the four IDX files, or a folder with images in sub-folders 0 to 9."
        )
    files = idx_files(path)
    if files:
        arrays = [read_idx(file, "images" in file.name) for file in files]
        return _checked(Dataset(name, *arrays), every_digit)
    if any((path / str(digit)).is_dir() for digit in range(10)):
        images, labels = read_image_folders(path)
        if every_digit:
            _check_classes(labels, f"The folder {path}")
        if len(labels) == 0:
            raise DataError(
                f"The folder {path} holds no image of a digit; expected images in sub-folders "
                "0 to 9."
            )
        return _with_test_part(name, images, labels, every_digit)
    raise DataError(
        f"The folder {path} holds no data set; expected the IDX files {', '.join(IDX_NAMES)} "
        "(plain or .gz), or images in sub-folders 0 to 9."
    )


def _checked(dataset: Dataset, every_digit: bool) -> Dataset:
    """Validates a data set and converts its labels to int64.

    Raises:
        DataError: An array has the wrong shape, dtype or values, or a digit is missing although
            `every_digit` is true.
    """
    parts = {}
    for part in ("train", "test"):
        where = f"The {part} part of {dataset.name}"
        images = getattr(dataset, f"{part}_images")
        labels = getattr(dataset, f"{part}_labels")
        if images.dtype != np.uint8:
            raise DataError(f"{where} has {images.dtype} images; expected uint8, 0 to 255.")
        if images.ndim != 3 or images.shape[1:] != (28, 28):
            raise DataError(f"{where} has images of shape {images.shape}; expected (N, 28, 28).")
        if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
            raise DataError(
                f"{where} has {labels.dtype} labels of shape {labels.shape}; "
                "expected integers (N,)."
            )
        if len(images) != len(labels):
            raise DataError(
                f"{where} has {len(images)} images and {len(labels)} labels; expected the same "
                "number."
            )
        if len(labels) and not 0 <= labels.min() <= labels.max() <= 9:
            raise DataError(
                f"{where} has labels from {labels.min()} to {labels.max()}; expected 0 to 9."
            )
        if every_digit:
            _check_classes(labels, where)
        parts[f"{part}_labels"] = labels.astype(np.int64)
    return replace(dataset, **parts)


def _check_classes(labels: np.ndarray, where: str) -> None:
    missing = sorted(set(range(10)) - set(labels.tolist()))
    if missing:
        raise DataError(
            f"{where} has no image of {', '.join(map(str, missing))}; "
            "at least one of each digit is needed."
        )


def _download(url: str, sha256: str, path: Path) -> None:
    """Downloads a file, with a progress bar on a terminal, and saves it if its hash is correct."""
    content = bytearray()
    for block in _blocks(url):
        content += block
        if len(content) > MAX_DOWNLOAD:
            break
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DownloadError(
            f"The MNIST file from {url} is damaged (wrong checksum). Try again, or put mnist.npz "
            "into data/."
        )
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except UserError as error:
        raise DownloadError(f"MNIST could not be saved: {error}") from error


def _blocks(url: str) -> Iterator[bytes]:
    try:
        with urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT) as response:
            size = int(response.headers.get("Content-Length") or 0) or None
            with tqdm(
                desc="MNIST", total=size, unit="B", unit_scale=True, disable=None, leave=False
            ) as progress:
                while block := response.read(1 << 16):
                    progress.update(len(block))
                    yield block
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = str(getattr(error, "reason", None) or error).strip()
        raise DownloadError(
            f"MNIST could not be downloaded ({reason}). To use MNIST, download {url} elsewhere and "
            "put it into data/."
        ) from error
