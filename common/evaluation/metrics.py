"""Metrics of a classifier: accuracy, loss, scores per digit, confusion matrix and calibration."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from common.calibration import MIN_PROBABILITY

CALIBRATION_BINS = 15


@dataclass(frozen=True)
class DigitScore:
    """Scores of one digit. Shares are between 0 and 1.

    Attributes:
        digit: The digit, 0 to 9.
        precision: Share of the images read as this digit that show this digit.
        recall: Share of the images of this digit that are read correctly.
        support: Number of images of this digit.
    """

    digit: int
    precision: float
    recall: float
    support: int


@dataclass(frozen=True)
class Report:
    """Metrics of a model on labelled images. Shares are between 0 and 1.

    Attributes:
        images: Number of images.
        accuracy: Share of the images read correctly.
        loss: Mean cross-entropy in nats.
        ece: Expected calibration error; see `calibration_error`.
        per_digit: Scores of the ten digits.
        confusion_matrix: 10 rows of 10 counts. Rows are labels, and columns are predictions.
    """

    images: int
    accuracy: float
    loss: float
    ece: float
    per_digit: tuple[DigitScore, ...]
    confusion_matrix: tuple[tuple[int, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        """Returns the report as nested dicts and tuples, for JSON."""
        return asdict(self)


def evaluate(probabilities: np.ndarray, labels: np.ndarray) -> Report:
    """Computes the metrics of a classifier from its predictions.

    Args:
        probabilities: Predicted probabilities, float (N, 10); each row sums to 1.
        labels: True digits, int (N,), 0 to 9.
    """
    # Imported here: scikit-learn takes two seconds, which would delay the start of training.
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    read = probabilities.argmax(axis=1)
    digits = list(range(10))
    precision, recall, _, support = precision_recall_fscore_support(
        labels, read, labels=digits, zero_division=0.0
    )
    matrix = confusion_matrix(labels, read, labels=digits)
    return Report(
        images=len(labels),
        accuracy=float((read == labels).mean()),
        loss=cross_entropy(probabilities, labels),
        ece=calibration_error(probabilities, labels),
        per_digit=tuple(
            DigitScore(d, float(precision[d]), float(recall[d]), int(support[d])) for d in digits
        ),
        confusion_matrix=tuple(tuple(int(count) for count in row) for row in matrix),
    )


def cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Returns the mean of -log(probability of the true digit), in nats.

    Args:
        probabilities: Predicted probabilities, float (N, 10); each row sums to 1.
        labels: True digits, int (N,), 0 to 9.
    """
    true = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(true, MIN_PROBABILITY)).mean())


@dataclass(frozen=True)
class ConfidenceBin:
    """Statistics of the predictions whose confidence lies in one interval.

    Attributes:
        middle: Middle of the interval, 0 to 1.
        images: Number of predictions in the interval.
        confidence: Mean confidence of the predictions, 0 to 1; 0 if there are no predictions.
        accuracy: Share of the predictions that are correct; 0 if there are no predictions.
    """

    middle: float
    images: int
    confidence: float
    accuracy: float


def reliability(confidence: np.ndarray, right: np.ndarray) -> list[ConfidenceBin]:
    """Groups predictions by confidence into `CALIBRATION_BINS` intervals of equal width.

    Args:
        confidence: Confidence of each prediction, float (N,), 0 to 1.
        right: Whether each prediction is correct, bool (N,).
    """
    confidence = confidence.astype(float)
    places = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    counts = np.bincount(places, minlength=CALIBRATION_BINS)
    sums = [np.bincount(places, v, minlength=CALIBRATION_BINS) for v in (confidence, right)]
    means = np.array(sums) / np.maximum(counts, 1)
    return [
        ConfidenceBin(
            (n + 0.5) / CALIBRATION_BINS, int(count), float(means[0, n]), float(means[1, n])
        )
        for n, count in enumerate(counts)
    ]


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Computes the expected calibration error of predictions; see `confidence_error`.

    Args:
        probabilities: Predicted probabilities, float (N, 10); each row sums to 1.
        labels: True digits, int (N,), 0 to 9.
    """
    return confidence_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)


def confidence_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Computes the expected calibration error, 0 to 1.

    This is the mean absolute difference between confidence and accuracy over the bins of
    `reliability`, weighted by the number of predictions in each bin (Guo et al., "On Calibration of
    Modern Neural Networks", 2017).

    Args:
        confidence: Confidence of each prediction, float (N,), 0 to 1.
        right: Whether each prediction is correct, bool (N,).
    """
    bins = reliability(confidence, right)
    return sum(b.images * abs(b.confidence - b.accuracy) for b in bins) / len(right)


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """Returns the 95 % confidence interval of a share of `count` trials (Wilson, 1927).

    The interval always contains `share` itself.
    """
    z = 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2) / (1 + z * z / count)
    # If the share is 0 or 1, rounding errors could put it just outside the interval.
    return min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half))
