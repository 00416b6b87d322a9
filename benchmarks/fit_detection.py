#!/usr/bin/env python3
"""Fit the probability that a detection is a digit: python -m benchmarks.fit_detection.

Runs the finder on generated development pages, and fits a logistic regression that separates digits
from other marks. Copy the printed coefficients to SCORE_WEIGHT, SUPPORT_WEIGHT and DETECTION_BIAS
in `common.calibration`. The development pages are generated like the test pages, but from MNIST's
training images and with another seed. Run this again after each training of the finder.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from tqdm import tqdm

from common.calibration import detection_probability, log_odds
from common.cli import console
from common.cli.arguments import ArgumentParser, positive_int
from common.data.datasets import load_mnist
from common.data.evaluation_pages import CONDITIONS, condition_pages
from common.evaluation.scores import matched_boxes
from common.finding.context import line_support
from common.finding.finder import find
from common.finding.orientation import rotation_of
from common.finding.settings import SETTINGS
from common.reading import sides_of
from common.storage.loading import Finder
from common.storage.model_files import PRETRAINED_FINDER, load_finder

SEED = 778
IMAGES = 6_000  # number of training images used, from the end of the training set


def main() -> int:
    """Collects the detections, fits the coefficients and prints them."""
    arguments = parse_arguments()
    scores, support, is_digit = detections(load_finder(arguments.finder), arguments.pages)
    features = np.stack([log_odds(scores), support], axis=1)
    regression = LogisticRegression(C=100, max_iter=2000).fit(features, is_digit)
    score_weight, support_weight = regression.coef_[0]
    print(f"{len(is_digit):,} detections, {is_digit.sum():,} of them digits")
    print(
        f"SCORE_WEIGHT, SUPPORT_WEIGHT, DETECTION_BIAS = "
        f"{score_weight:.2f}, {support_weight:.2f}, {regression.intercept_[0]:.2f}"
    )
    current = log_loss(is_digit, detection_probability(scores, support))
    print(
        f"log loss {log_loss(is_digit, regression.predict_proba(features)[:, 1]):.4f}, "
        f"with the current coefficients {current:.4f}"
    )
    return console.OK


def detections(finder: Finder, pages: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Collects the finder's detections on the development pages that the reader would not turn.

    Args:
        finder: The finder to run.
        pages: Number of pages per condition.

    Returns:
        For each detection: its score, float (N,); the support of its line, float (N,); and whether
        it is a digit, bool (N,).
    """
    dataset = load_mnist()
    images, labels = dataset.train_images[-IMAGES:], dataset.train_labels[-IMAGES:]
    scores, support, is_digit = [], [], []
    for condition in tqdm(CONDITIONS, leave=False, disable=None):
        for page in condition_pages(condition, images, labels, pages, SEED):
            found = find(page.image, finder)
            if not found or rotation_of(page.image, finder, found, SETTINGS):
                continue
            boxes = sides_of(found)
            best = np.array([mark.score for mark in found])
            matches = {number for number, _ in matched_boxes(boxes, page.boxes)}
            scores.append(best)
            support.append(line_support(boxes, best))
            is_digit.append(np.isin(np.arange(len(found)), list(matches)))
    return np.concatenate(scores), np.concatenate(support), np.concatenate(is_digit)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--finder",
        type=Path,
        default=PRETRAINED_FINDER,
        metavar="FILE",
        help="the finder's .tflite file (default: %(default)s)",
    )
    parser.add_argument(
        "--pages",
        type=positive_int,
        default=40,
        metavar="N",
        help="number of pages per condition (default: 40, a few minutes)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    console.run(main)
