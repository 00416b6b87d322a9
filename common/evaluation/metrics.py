"""Numbers from predictions: accuracy, loss, per digit, confusion, calibration."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from common.calibration import MIN_PROBABILITY

CALIBRATION_BINS = 15


@dataclass(frozen=True)
class DigitScore:
    """How one digit is read. Shares are between 0 and 1.

    Attributes:
        digit: 0 to 9.
        precision: of the images read as this digit, the share that are it.
        recall: of the images that are this digit, the share read as it.
        support: the number of images that are this digit.
    """

    digit: int
    precision: float
    recall: float
    support: int


@dataclass(frozen=True)
class Report:
    """What a model reads right and wrong on labelled images. Shares are between 0 and 1.

    Attributes:
        images: how many were scored.
        accuracy: share read right.
        loss: mean cross-entropy in nats.
        ece: expected calibration error, see `calibration_error`.
        per_digit: ten scores.
        confusion_matrix: 10 rows of 10 counts; row = label, column = what was read.
    """

    images: int
    accuracy: float
    loss: float
    ece: float
    per_digit: tuple[DigitScore, ...]
    confusion_matrix: tuple[tuple[int, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        """The report as plain lists and numbers, for JSON."""
        return asdict(self)


def evaluate(probabilities: np.ndarray, labels: np.ndarray) -> Report:
    """Scores predictions.

    Args:
        probabilities: float (N, 10), rows that sum to 1.
        labels: int (N,), 0 to 9.
    """
    # Imported here: scikit-learn takes two seconds that training should not pay at its start.
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
    """Mean of -log(probability of the true digit), in nats."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, MIN_PROBABILITY)).mean())


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Expected calibration error: how far confidence and accuracy lie apart, 0 to 1.

    The predictions are put into 15 bins of equal width by their confidence; the gaps between mean
    confidence and accuracy of the bins are averaged, each weighted with its number of predictions
    (Guo et al., "On Calibration of Modern Neural Networks", 2017).
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, confidence - right, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(labels))
