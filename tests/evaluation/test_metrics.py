import numpy as np
import pytest

from common.evaluation.metrics import (
    calibration_error,
    cross_entropy,
    evaluate,
    wilson_interval,
)

LABELS = np.array([0, 1, 2, 2])
PROBABILITIES = np.zeros((4, 10))
PROBABILITIES[0, 0] = 1
PROBABILITIES[1, [1, 7]] = 0.8, 0.2
PROBABILITIES[2, [2, 3]] = 0.6, 0.4
PROBABILITIES[3, [3, 2]] = 0.9, 0.1


def test_the_report_of_four_images_has_the_expected_scores() -> None:
    report = evaluate(PROBABILITIES, LABELS)
    assert (report.images, report.accuracy) == (4, 0.75)
    assert report.loss == pytest.approx(-np.log([1, 0.8, 0.6, 0.1]).mean())
    matrix = np.array(report.confusion_matrix)
    assert matrix.sum() == 4
    assert (matrix[0, 0], matrix[1, 1], matrix[2, 2], matrix[2, 3]) == (1, 1, 1, 1)
    two, three = report.per_digit[2], report.per_digit[3]
    assert (two.precision, two.recall, two.support) == (1.0, 0.5, 2)
    assert (three.precision, three.recall, three.support) == (0.0, 0.0, 0)


def test_the_calibration_error_is_the_mean_gap_between_confidence_and_accuracy() -> None:
    # Each of four bins has one image; the gaps are 0, 0.2, 0.4 and 0.9.
    assert calibration_error(PROBABILITIES, LABELS) == pytest.approx((0 + 0.2 + 0.4 + 0.9) / 4)


def test_the_loss_is_finite_if_a_mistake_has_full_confidence() -> None:
    sure = np.eye(10)[[3]]
    assert cross_entropy(sure, np.array([4])) == pytest.approx(-np.log(1e-7))


@pytest.mark.parametrize("count", range(1, 400, 7))
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_confidence_interval_of_a_share_contains_the_share(share: float, count: int) -> None:
    low, high = wilson_interval(share, count)
    assert 0 <= low <= share <= high <= 1
