"""Simulates paper, lighting and a camera for synthetic training pages."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from common import PROJECT

PICTURES = PROJECT / "data" / "pictures"
"""Optional folder of natural images (.jpg or .png), used as backgrounds. They must not contain
digits."""


@dataclass(frozen=True)
class Light:
    """Lighting and camera settings of one page.

    Attributes:
        is_flat: Whether the page looks like a drawing or a clean scan: no gradient, texture, shadow
            or noise.
        paper: Brightness of the paper, 0 to 255.
        noise: Standard deviation of the sensor noise, in grey levels.
        inverted: Whether the ink is light and the paper is dark.
    """

    is_flat: bool
    paper: float
    noise: float
    inverted: bool


def load_pictures() -> list[np.ndarray]:
    """Loads the bundled images and those in `PICTURES` as grey images, uint8 (height, width)."""
    return bundled_pictures() + _pictures_in(PICTURES)


def bundled_pictures() -> list[np.ndarray]:
    """Loads the natural images bundled with scikit-learn as grey images, uint8 (height, width)."""
    # Imported here because only training and evaluation need it.
    import sklearn.datasets

    return _pictures_in(Path(sklearn.datasets.__file__).parent / "images")


def _pictures_in(folder: Path) -> list[np.ndarray]:
    """Loads the images in a folder, sorted by name and reduced to at most 640 pixels a side."""
    pictures = []
    for path in sorted(folder.glob("*")):
        if path.suffix in (".jpg", ".png"):
            with Image.open(path) as image:
                grey = image.convert("L")
                grey.thumbnail((640, 640))
                pictures.append(np.asarray(grey))
    return pictures


class Photographer:
    """Creates paper and simulates images of written pages.

    Args:
        pictures: Natural images, uint8 (height, width).
    """

    def __init__(self, pictures: list[np.ndarray]) -> None:
        self.pictures = pictures

    def light(self, rng: np.random.Generator) -> Light:
        """Chooses random lighting and camera settings."""
        flat = bool(rng.random() < 0.35)
        bright = rng.random() < 0.7
        paper = (
            255.0
            if flat and rng.random() < 0.7
            else (rng.uniform(150, 255) if bright else rng.uniform(60, 200))
        )
        noise = 0.0 if flat else float(rng.choice([0, 1, 2, 4, 8], p=[0.2, 0.3, 0.3, 0.15, 0.05]))
        return Light(flat, float(paper), noise, bool(rng.random() < (0.25 if flat else 0.1)))

    def paper(
        self, height: int, width: int, light: Light, natural: bool, rng: np.random.Generator
    ) -> np.ndarray:
        """Creates the background of a page: bare paper or, if `natural`, a natural image.

        Returns:
            Grey levels, float32 (height, width), 0 to 255.
        """
        if natural:
            return self._crop(height, width, rng)
        grey = np.full((height, width), light.paper, np.float32)
        if light.is_flat:
            return grey
        if rng.random() < 0.8:  # a gradient, as caused by light from one side
            x, y = np.meshgrid(np.linspace(-0.5, 0.5, width), np.linspace(-0.5, 0.5, height))
            angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.4)
            grey *= (1 + strength * (np.cos(angle) * x + np.sin(angle) * y)).astype(np.float32)
        if rng.random() < 0.4:  # texture, from fine paper grain to creases and stains
            sigma = float(np.exp(rng.uniform(np.log(0.6), np.log(20))))
            grain = _smooth_noise(height, width, sigma, rng)
            strength = np.exp(rng.uniform(np.log(0.005), np.log(0.1)))
            grey *= 1 + np.float32(strength) * grain
        if rng.random() < 0.15:
            _sprinkle(grey, rng)
        if rng.random() < 0.05:
            grey *= 1 + 0.15 * (self._crop(height, width, rng) / 128 - 1) * rng.uniform(0.2, 1)
        return grey

    def rule(self, grey: np.ndarray, rng: np.random.Generator) -> None:
        """Draws the lines of ruled or squared paper on `grey`, slightly rotated."""
        height, width = grey.shape
        pitch = rng.uniform(8, 70)
        opacity, thickness = rng.uniform(0.05, 0.6), int(rng.choice([1, 1, 1, 2]))
        mask = np.zeros((height, width), np.float32)
        slope, phase = rng.normal(0, 0.03), rng.uniform(0, pitch)
        for y in np.arange(phase - width * abs(slope), height + width * abs(slope), pitch):
            cv2.line(
                mask, (0, round(y)), (width, round(y + slope * width)), 1.0, thickness, cv2.LINE_AA
            )
        if rng.random() < 0.5:
            for x in np.arange(phase - height * abs(slope), width + height * abs(slope), pitch):
                cv2.line(
                    mask,
                    (round(x), 0),
                    (round(x - slope * height), height),
                    1.0,
                    thickness,
                    cv2.LINE_AA,
                )
        grey *= 1 - opacity * mask.clip(0, 1)

    def cover(self, grey: np.ndarray, light: Light, rng: np.random.Generator) -> np.ndarray:
        """Sometimes draws a shadow on `grey`, or objects or a background that hide a part of it.

        Returns:
            Mask of the hidden pixels, bool (height, width).
        """
        height, width = grey.shape
        hidden = np.zeros((height, width), bool)
        if not light.is_flat and rng.random() < 0.25:
            mask = _blob(height, width, rng)
            soft = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.5, 15)))
            grey *= 1 - np.float32(rng.uniform(0.1, 0.6)) * soft
        if rng.random() < (0.05 if light.is_flat else 0.2):
            mask = np.zeros((height, width), np.uint8)
            for _ in range(rng.integers(1, 3)):
                cv2.fillPoly(mask, [_side_region(height, width, rng)], 255)
            hidden = mask > 0
            surroundings = self._surroundings(height, width, rng)
            grey[hidden] = surroundings[hidden]
        return hidden

    def take(
        self, grey: np.ndarray, light: Light, digit_size: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Simulates an image of a page from a camera, a scanner or a drawing program.

        Args:
            grey: Grey levels of the page, float32 (height, width), 0 to 255.
            light: Lighting and camera settings.
            digit_size: Median longer side of the digits in pixels, or 0 if there are none. The
                larger the digits, the stronger the blur may be.
            rng: Random number generator.

        Returns:
            The image, uint8 (height, width).
        """
        height, width = grey.shape
        if light.inverted:
            grey = 255 - grey
        if not light.is_flat or rng.random() < 0.3:
            kind = rng.random()
            if kind < 0.45:
                most = max(1.2, 0.06 * (digit_size or rng.uniform(15, 70)))
                grey = cv2.GaussianBlur(grey, (0, 0), float(rng.uniform(0.3, most)))
            elif kind < 0.55:
                grey = cv2.filter2D(grey, -1, _motion_kernel(rng))
        if rng.random() < 0.2:  # a low-resolution image, enlarged
            factor = rng.uniform(1.2, 3.5)
            small = (max(8, round(width / factor)), max(8, round(height / factor)))
            grey = cv2.resize(grey, small, interpolation=cv2.INTER_AREA)
            if light.is_flat and rng.random() < 0.4:
                level = float(grey.min() + rng.uniform(0.3, 0.7) * (grey.max() - grey.min()))
                grey = np.where(grey > level, np.float32(255), np.float32(0))
            method = rng.choice([cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC])
            grey = cv2.resize(grey, (width, height), interpolation=int(method))
        if light.noise:
            grey = grey + rng.normal(0, light.noise, grey.shape).astype(np.float32)
        image = np.clip(grey, 0, 255).astype(np.uint8)
        if rng.random() < (0.15 if light.is_flat else 0.4):
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 95))]
            _, coded = cv2.imencode(".jpg", image, quality)
            image = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)
        return image

    def _crop(self, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
        """Crops a natural image at random, rotates it by quarter turns and resizes it."""
        picture = self.pictures[rng.integers(len(self.pictures))]
        rows, columns = picture.shape
        share = np.exp(rng.uniform(np.log(0.15), 0))
        part_height, part_width = max(8, int(share * rows)), max(8, int(share * columns))
        y, x = rng.integers(0, rows - part_height + 1), rng.integers(0, columns - part_width + 1)
        part = np.rot90(picture[y : y + part_height, x : x + part_width], int(rng.integers(4)))
        part = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
        return part.astype(np.float32)

    def _surroundings(self, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
        """Creates the surface of an object beside or on the paper, such as a desk or a phone."""
        if rng.random() < 0.4:
            return self._crop(height, width, rng)
        level = rng.uniform(0, 130) if rng.random() < 0.75 else rng.uniform(130, 255)
        grain = _smooth_noise(height, width, rng.uniform(0.5, 8), rng)
        return (level + rng.uniform(0, 12) * grain).clip(0, 255)


def _smooth_noise(height: int, width: int, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Creates noise of unit variance, smoothed with a Gaussian of about `sigma` pixels: float32."""
    factor = max(1.0, sigma / 2)
    rows, columns = int(height / factor) + 2, int(width / factor) + 2
    noise = cv2.GaussianBlur(
        rng.standard_normal((rows, columns), np.float32), (0, 0), sigma / factor
    )
    noise = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return (noise - noise.mean()) / max(float(noise.std()), 1e-6)


def _sprinkle(grey: np.ndarray, rng: np.random.Generator) -> None:
    """Adds up to 40 specks of dust, at most 3 pixels wide. Either all are dark or all are light."""
    height, width = grey.shape
    mask = np.zeros((height, width), np.float32)
    radius = rng.uniform(0.3, 1.5)
    for x, y in rng.uniform(0, 1, (rng.integers(1, 41), 2)) * (width, height):
        center = (round(16 * x), round(16 * y))
        size = round(16 * radius * rng.uniform(0.5, 1.0))
        cv2.circle(mask, center, size, float(rng.uniform(0.2, 1)), -1, cv2.LINE_AA, 4)
    strength = rng.uniform(0.05, 0.5) * rng.choice([-1, 1], p=[0.8, 0.2])
    grey *= 1 + np.float32(strength) * mask


def _blob(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Creates a mask of a random polygon with 3 to 6 corners: float32 (height, width), 0 or 1."""
    mask = np.zeros((height, width), np.float32)
    corners = rng.uniform(-0.5, 1.5, (rng.integers(3, 7), 2)) * (width, height)
    cv2.fillPoly(mask, [corners.astype(np.int32)], 1.0)
    return mask


def _side_region(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Returns the corners of a region along a side of the image or a part of a side, int (4, 2)."""
    depth, tilt = rng.uniform(0.02, 0.35), rng.normal(0, 0.12)
    start, end = (-0.2, 1.2) if rng.random() < 0.6 else sorted(rng.uniform(-0.2, 1.2, 2))
    corners = np.array(
        [[start, -0.3], [end, -0.3], [end, depth + tilt], [start, depth - tilt]], np.float32
    )
    for _ in range(rng.integers(4)):  # quarter turns around the centre of the image
        corners = np.stack([1 - corners[:, 1], corners[:, 0]], axis=1)
    return (corners * (width, height)).astype(np.int32)


def _motion_kernel(rng: np.random.Generator) -> np.ndarray:
    """Creates a kernel for motion blur over about 2 to 5 pixels."""
    kernel = np.zeros((7, 7), np.float32)
    angle, length = rng.uniform(0, np.pi), rng.uniform(1, 2.5)
    move = np.array([np.cos(angle), np.sin(angle)]) * length
    start, end = (3 - move).round().astype(int), (3 + move).round().astype(int)
    cv2.line(kernel, tuple(map(int, start)), tuple(map(int, end)), 1.0, 1)
    return kernel / kernel.sum()
