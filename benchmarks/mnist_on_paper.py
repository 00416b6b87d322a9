#!/usr/bin/env python3
"""Read MNIST's test images on grey paper: python -m benchmarks.mnist_on_paper.

Each test image is enlarged to a side of 28 to 560 pixels and drawn with dark ink on paper of a
random shade of grey. White noise with a standard deviation of 0 to 8 grey levels is added. The
table shows the share of these pages that are read exactly. For comparison, the first line gives the
accuracy of the classifier on the original images. Reading all images takes hours; use --images to
read fewer.
"""

import argparse

import numpy as np
from tqdm import tqdm

from common.cli import console
from common.cli.arguments import ArgumentParser, add_model_argument, positive_int
from common.data.datasets import load_mnist
from common.data.scenes import on_grey_paper
from common.preprocessing import network_input
from common.recognizer import DigitRecognizer

SIDES = (28, 56, 112, 280, 560)  # pixels
NOISES = (0, 2, 4, 8)  # standard deviation in grey levels


def main() -> int:
    """Reads the images at every size and noise level, and prints the table."""
    arguments = parse_arguments()
    dataset = load_mnist()
    images = dataset.test_images[: arguments.images]
    labels = dataset.test_labels[: arguments.images]
    recognizer = DigitRecognizer(arguments.model)
    raw = recognizer.predictor.predict(network_input(images)).argmax(axis=1)
    print(f"{len(images):,} images, classifier alone {(raw == labels).mean():.2%}; read exactly:\n")
    print("pixels  " + "".join(f"{f'noise {noise}':>10}" for noise in NOISES))
    for side in SIDES:
        shares = [exact_share(recognizer, images, labels, side, noise) for noise in NOISES]
        print(f"{side:<8}" + "".join(f"{share:10.2%}" for share in shares), flush=True)
    return console.OK


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_model_argument(parser)
    parser.add_argument(
        "--images",
        type=positive_int,
        metavar="N",
        help="read only the first N test images (default: all)",
    )
    return parser.parse_args()


def exact_share(
    recognizer: DigitRecognizer, images: np.ndarray, labels: np.ndarray, side: int, noise: float
) -> float:
    """Returns the share of images that are read as exactly their label.

    Args:
        recognizer: The recognizer to measure.
        images: Pictures of digits, uint8 (N, 28, 28), 255 is ink.
        labels: Labels of the pictures, int (N,), 0 to 9.
        side: Side of the enlarged images in pixels.
        noise: Standard deviation of the noise in grey levels.
    """
    rng = np.random.default_rng([side, int(noise)])
    right = 0
    pairs = zip(images, labels, strict=True)
    name = f"{side} pixels, noise {noise}"
    for image, label in tqdm(pairs, name, len(images), leave=False, disable=None):
        paper = rng.uniform(130, 240)
        ink = paper - rng.uniform(80, 120)
        page = on_grey_paper(image, side, paper, ink, noise, rng)
        right += recognizer.read(page).text == str(label)
    return right / len(images)


if __name__ == "__main__":
    console.run(main)
