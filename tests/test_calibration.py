import numpy as np
import pytest

from common.calibration import (
    apply_temperature,
    combined,
    detection_probability,
    fit_temperature,
    softmax,
    without_rejection,
)
from common.evaluation.metrics import calibration_error


def test_a_temperature_divides_the_logits() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (50, 10))
    assert apply_temperature(softmax(logits), 2) == pytest.approx(softmax(logits / 2), abs=1e-5)
    assert apply_temperature(softmax(logits), 1) == pytest.approx(softmax(logits), abs=1e-5)


def test_the_fitted_temperature_corrects_overconfidence() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 1.5, (20_000, 10))
    true = softmax(logits)
    labels = (true.cumsum(axis=1) > generator.random((20_000, 1))).argmax(axis=1)
    overconfident = softmax(2 * logits)
    temperature = fit_temperature(overconfident, labels)
    assert temperature == pytest.approx(2, rel=0.03)
    assert calibration_error(apply_temperature(overconfident, temperature), labels) < 0.015
    assert calibration_error(overconfident, labels) > 0.1


def test_the_rejection_is_recovered_from_the_probability_that_all_ten_digits_share() -> None:
    certain, shared = np.eye(10)[7], np.full(10, 0.1)
    digits, rejection = without_rejection(0.4 * certain + 0.6 * shared)
    assert rejection == pytest.approx(0.6)
    assert digits == pytest.approx(certain, abs=1e-5)


def test_both_networks_together_decide_which_digit_a_mark_is() -> None:
    classifier = np.array([0, 0.6, 0, 0, 0, 0, 0, 0.4, 0, 0])
    finder = np.array([0, 0.2, 0, 0, 0, 0, 0, 0.8, 0, 0])
    both = combined(classifier, finder)
    assert both.argmax() == 7
    assert both.sum() == pytest.approx(1)
    assert combined(classifier, np.ones(10)) == pytest.approx(classifier, abs=1e-5)


def test_higher_scores_and_more_support_make_a_detection_more_likely() -> None:
    scores = np.array([0.05, 0.2, 0.4, 0.6, 0.95])
    alone = detection_probability(scores, np.zeros(5))
    supported = detection_probability(scores, np.full(5, 0.5))
    assert (np.diff(alone) > 0).all()
    assert (supported > alone).all()
    assert alone[0] < 0.001 < 0.999 < alone[-1]
