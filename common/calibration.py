"""Calibrated probabilities (Guo et al., "On Calibration of Modern Neural Networks", 2017)."""

import numpy as np

SMALLEST_PROBABILITY = 1e-7  # keeps one sure mistake from making the loss infinite; as in Keras


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Softens (above 1) or sharpens (below 1) probabilities: softmax(log p / temperature).

    Args:
        probabilities: float (N, 10), rows that sum to 1.
        temperature: above 0; 1 changes nothing.
    """
    logits = np.log(np.maximum(probabilities, SMALLEST_PROBABILITY)) / temperature
    return softmax(logits)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turns logits, float (N, 10), into probabilities: rows that sum to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature, 0.25 to 4, with the least cross-entropy (Guo et al., 2017).

    The labels are softened a little, the more the fewer they are, so that a network which reads
    all of a small validation set right is not taken for infallible (Platt, "Probabilistic Outputs
    for Support Vector Machines", 1999).

    Args:
        probabilities: float (N, 10) on validation images, not on those trained or tested on.
        labels: int (N,), 0 to 9.
    """
    from scipy.optimize import minimize_scalar

    doubt = 1 / (len(labels) + 2)
    targets = np.full(probabilities.shape, doubt / 9)
    targets[np.arange(len(labels)), labels] = 1 - doubt

    def loss(log_temperature: float) -> float:
        softened = apply_temperature(probabilities, np.exp(log_temperature))
        return float(-(targets * np.log(softened)).sum(axis=1).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.25), np.log(4)), method="bounded")
    return float(np.exp(found.x))
