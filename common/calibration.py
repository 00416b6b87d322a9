"""Calibrates probabilities, and combines those of the classifier and the finder.

The calibration method is temperature scaling (Guo et al., "On Calibration of Modern Neural
Networks", 2017).
"""

import numpy as np

SCORE_WEIGHT, SUPPORT_WEIGHT, DETECTION_BIAS = 4.52, 4.33, 1.15
"""Coefficients of the logistic regression in `detection_probability`, fitted on 5,441 detections on
generated development pages. `python -m benchmarks.fit_detection` fits them again."""
MIN_PROBABILITY = 1e-7  # as in Keras; keeps the logarithm of a probability finite


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Scales probabilities by a temperature: softmax(log(p) / temperature).

    Args:
        probabilities: Probabilities, float (N, 10). Each row sums to 1.
        temperature: Temperature, above 0. A temperature above 1 makes the probabilities more equal,
            and one below 1 makes them less equal.

    Returns:
        Scaled probabilities, float (N, 10). Each row sums to 1.
    """
    logits = np.log(np.maximum(probabilities, MIN_PROBABILITY)) / temperature
    return softmax(logits)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Converts logits, float (N, 10), to probabilities. Each row sums to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Finds the temperature that minimises the cross-entropy (Guo et al., 2017).

    The labels are smoothed (Platt, "Probabilistic Outputs for Support Vector Machines", 1999). The
    fewer labels there are, the more they are smoothed. Without smoothing, a network that makes no
    mistake on a small validation set would appear to be infallible.

    Args:
        probabilities: Predictions on validation images, float (N, 10). Do not use training or test
            images.
        labels: True digits, int (N,), 0 to 9.

    Returns:
        The temperature, 0.25 to 4.
    """
    from scipy.optimize import minimize_scalar

    smoothing = 1 / (len(labels) + 2)
    targets = np.full(probabilities.shape, smoothing / 9)
    targets[np.arange(len(labels)), labels] = 1 - smoothing

    def loss(log_temperature: float) -> float:
        softened = apply_temperature(probabilities, np.exp(log_temperature))
        return float(-(targets * np.log(softened)).sum(axis=1).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.25), np.log(4)), method="bounded")
    return float(np.exp(found.x))


def without_rejection(probabilities: np.ndarray) -> tuple[np.ndarray, float]:
    """Separates the probability that a picture is not a digit from those of the ten digits.

    A network with the eleventh class "not a digit" spreads the probability of that class evenly
    over the ten digits; see `networks.deep_cnn`. This function recovers it from the smallest of the
    ten probabilities. For other networks, the recovered probability is close to 0 unless they
    consider all ten digits possible.

    Args:
        probabilities: Probabilities of the ten digits, float (10,).

    Returns:
        Two values: the probabilities of the ten digits under the condition that the picture is a
        digit, float (10,), which sum to 1; and the probability that it is not a digit, 0 to 1.
    """
    rejection = 10 * float(probabilities.min())
    digits = probabilities - probabilities.min() + MIN_PROBABILITY
    return digits / digits.sum(), min(rejection, 1.0)


def combined(probabilities: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Multiplies the probabilities from both networks and normalises the product.

    The networks complement each other. The classifier sees a digit at a higher resolution, but
    without its surroundings. The finder also sees strokes that are missing from the classifier's
    picture, for instance because they overlap a neighbour.

    Args:
        probabilities: Probabilities of the digits from the classifier, float (10,).
        scores: Scores of the digits from the finder, float (10,).

    Returns:
        Probabilities of the digits, float (10,), which sum to 1.
    """
    product = np.maximum(probabilities, MIN_PROBABILITY) * np.maximum(scores, MIN_PROBABILITY)
    return np.asarray(product / product.sum())


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Converts log-odds, float of any shape, to probabilities."""
    return np.asarray(1 / (1 + np.exp(-logits.clip(-30, 30))))  # larger powers could overflow


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Converts probabilities, float (N,), to log-odds, which are finite even for 0 and 1."""
    likely = np.clip(probabilities, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    return np.asarray(np.log(likely / (1 - likely)))


def detection_probability(scores: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Estimates the probability that each detection is a digit.

    Args:
        scores: Scores of the detections from the finder, float (N,), 0 to 1.
        support: Evidence from the neighbours of each detection, float (N,), -1 to 1; see
            `finding.context.line_support`.

    Returns:
        The probabilities, float (N,), 0 to 1.
    """
    return sigmoid(SCORE_WEIGHT * log_odds(scores) + SUPPORT_WEIGHT * support + DETECTION_BIAS)
