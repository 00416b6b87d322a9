"""Aligns images of a filled-in form with the image of the empty form.

SIFT features of both images are matched (Lowe, "Distinctive Image Features from Scale-Invariant
Keypoints", 2004), and a homography is fitted to the matches (Barath et al., "MAGSAC++, a Fast,
Reliable and Accurate Robust Estimator", 2020). The homography is accepted only if the aligned image
has ink where the empty form is printed.
"""

from functools import cached_property

import cv2
import numpy as np

from common import UserError
from common.images.contents import ImageError
from common.preprocessing import resized

# Checked on 75 generated forms with MNIST training digits; see `benchmarks/forms.py`.
SIDE = 1000  # pixels; larger images are scaled down to this longer side before they are matched
MAX_FEATURES = 3000  # per image
MAX_RATIO = 0.8  # distance to the best match, divided by the distance to the second best
MAX_ERROR = 3.0  # pixels between a projected feature and its match
MIN_MATCHES = 12  # matches that agree with the homography
MIN_AGREEMENT = 0.7  # correlation of print and ink; it is >= 0.92 on the form, <= 0.45 elsewhere
INK_SIZE = 13  # pixels; size of the kernel that spreads paper over printed lines and letters
NEAR = 9  # pixels; size of the kernel that widens print to the area that is compared


class Registration:
    """Aligns images with an empty form.

    Args:
        template: Image of the empty form, uint8 (height, width).

    Raises:
        UserError: Too little is printed on the template.
    """

    def __init__(self, template: np.ndarray) -> None:
        self.template = template
        small, self.scale = _reduced(template)
        self.ink = printed_ink(small)
        near = cv2.dilate((self.ink > 0.5).astype(np.uint8), np.ones((NEAR, NEAR), np.uint8))
        self.near = near > 0
        self.points, self.descriptors = self._features(small)
        if len(self.points) < 2 * MIN_MATCHES:
            raise UserError(
                f"Too little is printed on the template: it has {len(self.points)} image features; "
                f"expected at least {2 * MIN_MATCHES}, from printed words and boxes."
            )

    def locate(self, image: np.ndarray, name: str) -> np.ndarray:
        """Finds the form in an image, at any scale and angle, and even in perspective.

        Args:
            image: The grey image, uint8 (height, width).
            name: Name of the image for error messages.

        Returns:
            The homography from pixels of the template to pixels of the image, float64 (3, 3).

        Raises:
            ImageError: The image does not show the form, or shows too little of it.
        """
        small, scale = _reduced(image)
        matrix = self._homography(small)
        if matrix is None or self._agreement(small, matrix) < MIN_AGREEMENT:
            raise ImageError(
                f"{name} cannot be aligned with the template: expected a sharp image of the whole "
                "filled-in form."
            )
        return np.diag([1 / scale, 1 / scale, 1.0]) @ matrix @ np.diag([self.scale] * 2 + [1.0])

    def _homography(self, image: np.ndarray) -> np.ndarray | None:
        """Returns the homography from the reduced template to a reduced image.

        Returns None if too few features of the two images match.
        """
        points, descriptors = self._features(image)
        if len(points) < MIN_MATCHES:
            return None
        pairs = cv2.BFMatcher().knnMatch(self.descriptors, descriptors, k=2)
        good = [one for one, other in pairs if one.distance < MAX_RATIO * other.distance]
        if len(good) < MIN_MATCHES:
            return None
        ours = self.points[[match.queryIdx for match in good]]
        theirs = points[[match.trainIdx for match in good]]
        matrix, agreeing = cv2.findHomography(ours, theirs, cv2.USAC_MAGSAC, MAX_ERROR)
        if matrix is None or agreeing.sum() < MIN_MATCHES:
            return None
        return np.asarray(matrix)

    def _agreement(self, image: np.ndarray, matrix: np.ndarray) -> float:
        """Returns the correlation of the template's ink with the aligned image's ink, -1 to 1."""
        height, width = self.ink.shape
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        aligned = cv2.warpPerspective(image, matrix, (width, height), flags=flags)
        ink = printed_ink(aligned)
        values = np.stack(
            [cv2.GaussianBlur(one, (0, 0), 1.5)[self.near] for one in (self.ink, ink)]
        )
        if (values.std(axis=1) < 1e-6).any():
            return 0.0
        return float(np.asarray(np.corrcoef(values))[0, 1])

    @cached_property
    def _detector(self) -> cv2.SIFT:
        return cv2.SIFT.create(MAX_FEATURES)

    def _features(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the positions, float32 (N, 2), and descriptors, float32 (N, 128), of features."""
        keypoints, descriptors = self._detector.detectAndCompute(image, None)
        points = np.array([point.pt for point in keypoints], np.float32).reshape(-1, 2)
        return points, np.zeros((0, 128), np.float32) if descriptors is None else descriptors


def printed_ink(image: np.ndarray) -> np.ndarray:
    """Returns the strength of thin, dark ink at each pixel: float32 (height, width), 0 to 1.

    Args:
        image: The grey image, uint8 (height, width).
    """
    kernel = np.ones((INK_SIZE, INK_SIZE), np.uint8)
    around = cv2.GaussianBlur(cv2.dilate(image, kernel), (0, 0), INK_SIZE / 2)
    darker = 1 - image.astype(np.float32) / np.maximum(around, 1)
    full = max(float(np.quantile(darker, 0.99)), 0.1)
    return np.asarray((darker / full).clip(0, 1))


def _reduced(image: np.ndarray) -> tuple[np.ndarray, float]:
    """Scales an image down to a longer side of at most `SIDE` pixels. Returns it and the scale."""
    scale = min(1.0, SIDE / max(image.shape))
    return resized(image, scale), scale
