"""Simulates paper, its surroundings, lighting and a camera for test pages and benchmarks.

A scene is described by its reflectance, float32 (height, width), where 0 is black and 1 is white.
The pages that the finder trains on come from a different simulation; see `photography`.
"""

import cv2
import numpy as np

NOISE_SIDE = 256  # pixels; pink noise is generated at this size and then resized to the page

PHOTO_SIZES = ((480, 640), (600, 800), (720, 960), (768, 1024), (960, 1280), (1200, 1600))
"""Shorter and longer sides of photos and scans in pixels."""
PHOTO_SHARES = (0.2, 0.25, 0.25, 0.15, 0.1, 0.05)
"""Share of photos and scans of each size in `PHOTO_SIZES`."""


def photo_size(rng: np.random.Generator, shape: str = "any") -> tuple[int, int]:
    """Returns a random height and width of a photo or scan. `shape` is "wide", "high" or "any"."""
    low, high = PHOTO_SIZES[rng.choice(len(PHOTO_SIZES), p=PHOTO_SHARES)]
    is_wide = rng.random() < 0.5 if shape == "any" else shape == "wide"
    return (low, high) if is_wide else (high, low)


def pink_noise(shape: tuple[int, ...], power: float, rng: np.random.Generator) -> np.ndarray:
    """Creates noise of unit variance whose amplitude is proportional to frequency ** -power."""
    frequencies = np.fft.fftfreq(NOISE_SIDE)
    radius = np.hypot(frequencies[:, None], frequencies[None, : NOISE_SIDE // 2 + 1])
    radius[0, 0] = 1.0
    phases = np.exp(2j * np.pi * rng.random(radius.shape))
    spectrum = phases / radius**power
    spectrum[0, 0] = 0.0
    noise = np.fft.irfft2(spectrum, (NOISE_SIDE, NOISE_SIDE)).astype(np.float32)
    noise /= max(float(noise.std()), 1e-6)
    return np.asarray(cv2.resize(noise, shape[::-1], interpolation=cv2.INTER_CUBIC))


def sheet(
    ink: np.ndarray, rng: np.random.Generator, pen: tuple[float, float] = (0.05, 0.35)
) -> np.ndarray:
    """Returns the reflectance of a sheet of paper with ink on it.

    Args:
        ink: Ink on the sheet, float32 (height, width), 0 to 1.
        rng: Random number generator for the paper and the ink.
        pen: Minimum and maximum reflectance of the ink.
    """
    paper = rng.uniform(0.78, 0.98) + rng.uniform(0, 0.012) * pink_noise(ink.shape, 1.0, rng)
    return np.asarray(paper * (1 - ink) + rng.uniform(*pen) * ink, np.float32)


def board(ink: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the reflectance of a blackboard with uneven chalk strokes and traces of wiping."""
    ground = rng.uniform(0.04, 0.2) + rng.uniform(0.003, 0.02) * pink_noise(ink.shape, 1.3, rng)
    grain = rng.uniform(0, 0.12) * pink_noise(ink.shape, 0.2, rng)
    chalk = (rng.uniform(0.6, 0.95) + grain).clip(0.35, 1)
    return np.asarray(ground * (1 - ink) + chalk * ink, np.float32).clip(0, 1)


def desk(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Returns the reflectance of a dark or wooden desk."""
    grain = pink_noise((height, width), 1.2, rng)
    if rng.random() < 0.5:
        top = rng.uniform(0.04, 0.25) + 0.012 * grain
    else:
        y, x = np.mgrid[0:height, 0:width].astype(np.float32) / max(height, width)
        fibres = np.sin(2 * np.pi * rng.uniform(15, 40) * (y + 0.03 * grain + 0.1 * x))
        top = rng.uniform(0.2, 0.45) + rng.uniform(0.02, 0.06) * fibres + 0.015 * grain
    return np.asarray(top, np.float32).clip(0.01, 1)


def on_desk(paper: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Places a sheet on a desk, in perspective.

    Args:
        paper: Reflectance of the sheet.
        rng: Random number generator for the desk and the viewpoint.

    Returns:
        The reflectance of the scene, with the same shape as `paper`, and the homography from the
        sheet to the scene.
    """
    height, width = paper.shape
    share, angle = rng.uniform(0.62, 0.86), np.radians(rng.uniform(-10, 10))
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (width / 2, height / 2) * share
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = corners @ turn.T * rng.uniform(0.88, 1.0, (4, 1))  # unequal factors for perspective
    corners += np.array([width, height]) * (0.5 + rng.uniform(-0.04, 0.04, 2))
    edges = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(edges, corners.astype(np.float32))
    laid = cv2.warpPerspective(paper, matrix, (width, height), flags=cv2.INTER_AREA)
    mask = cv2.warpPerspective(np.ones_like(paper), matrix, (width, height))
    reach = 0.006 * max(height, width)
    shadow = cv2.GaussianBlur(np.roll(mask, round(reach), axis=(0, 1)), (0, 0), reach)
    ground = desk(height, width, rng) * (1 - 0.5 * shadow)
    return np.asarray(ground * (1 - mask) + laid * mask), matrix


def lay_object(scene: np.ndarray, side: str, depth: float, rng: np.random.Generator) -> None:
    """Draws a phone, a cup or the edge of a table along one side of a scene.

    Args:
        scene: Reflectance of the scene, which is modified in place.
        side: Side of the scene: "left", "right", "top" or "bottom".
        depth: Distance that the object extends into the scene, as a share of the scene's width or
            height.
        rng: Random number generator for the object and its position.
    """
    quarters = {"left": 0, "top": 1, "right": 2, "bottom": 3}[side]
    turned = np.rot90(scene, quarters)  # a view in which the object is always on the left
    height, width = turned.shape
    reach = depth * width
    drawn = np.ascontiguousarray(turned)
    kind = rng.choice(["phone", "cup", "edge"])
    if kind == "phone":
        _phone(drawn, reach, rng)
    elif kind == "cup":
        _cup(drawn, reach, rng)
    else:
        lean = rng.uniform(0.5, 1.0, 2) * reach
        corners = np.array([(0, 0), (lean[0], 0), (lean[1], height), (0, height)], np.int32)
        mask = cv2.fillPoly(np.zeros_like(drawn), [corners], 1.0)
        drawn[:] = drawn * (1 - mask) + desk(height, width, rng) * mask
    turned[:] = drawn


def _phone(scene: np.ndarray, reach: float, rng: np.random.Generator) -> None:
    """Draws a dark phone with a slight glare. Its right edge is at column `reach`."""
    long = rng.uniform(1.9, 2.2) * max(reach, 0.3 * scene.shape[0])
    top = rng.uniform(-0.2, 0.9) * (scene.shape[0] - 0.5 * long)
    left = reach - rng.uniform(0.5, 0.52) * long
    body, screen = rng.uniform(0.01, 0.12), rng.uniform(0.03, 0.3)
    frame = 0.03 * long
    for inset, level in ((0.0, body), (frame, screen)):
        corners = (
            (round(left + inset), round(top + inset)),
            (
                round(reach - inset),
                round(top + long - inset),
            ),
        )
        cv2.rectangle(scene, *corners, level, -1)
    glare = np.array([(left, top + 0.7 * long), (reach, top + 0.2 * long), (reach, top)], np.int32)
    inner = (slice(max(round(top + frame), 0), max(round(top + long - frame), 0)),
             slice(max(round(left + frame), 0), max(round(reach - frame), 0)))  # fmt: skip
    mask = cv2.fillPoly(np.zeros_like(scene), [glare], 1.0)
    scene[inner] += 0.1 * mask[inner]


def _cup(scene: np.ndarray, reach: float, rng: np.random.Generator) -> None:
    """Draws a cup of coffee seen from above. The left edge of the scene clips it."""
    radius = max(reach, 0.2 * scene.shape[0]) * rng.uniform(0.7, 1.0)
    centre = round(reach - radius), round(rng.uniform(0.1, 0.9) * scene.shape[0])
    rim, coffee = rng.uniform(0.3, 1.0), rng.uniform(0.05, 0.2)
    for share, level in ((1.0, 0.6 * rim), (0.97, rim), (0.85, 0.7 * rim), (0.8, coffee)):
        cv2.circle(scene, centre, max(1, round(share * radius)), level, -1, cv2.LINE_AA)


def lit(reflectance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lights a scene with a lamp, sometimes with the shadow of a hand.

    Returns:
        The brightness, float32 (height, width), 0 to 255.
    """
    height, width = reflectance.shape
    diagonal = float(np.hypot(height, width))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / diagonal
    lamp = rng.uniform(-0.3, 1.3, 2) * (width, height) / diagonal
    above = rng.uniform(1.2, 3.0) ** 2
    light: np.ndarray = (above / (above + (x - lamp[0]) ** 2 + (y - lamp[1]) ** 2)) ** 1.5
    light = light / light.max()
    if rng.random() < 0.3:
        angle, radius = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 1.5)
        centre = 0.5 * np.array([width, height]) / diagonal + (
            np.array([np.cos(angle), np.sin(angle)]) * (radius + rng.uniform(-0.1, 0.3))
        )
        outside = np.hypot(x - centre[0], y - centre[1]) - radius
        softness = rng.uniform(0.01, 0.06)
        light *= 1 - rng.uniform(0.15, 0.45) / (1 + np.exp((outside / softness).clip(-30, 30)))
    return np.asarray(rng.uniform(165, 250) * light * reflectance, np.float32)


def photographed(reflectance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Simulates a photo of a scene, with a lamp, blur, shot noise and JPEG compression.

    Returns:
        The photo, uint8 (height, width).
    """
    brightness = lit(reflectance, rng)
    focus = rng.uniform(0.3, 0.3 + max(brightness.shape) / 900)
    brightness = cv2.GaussianBlur(brightness, (0, 0), focus)
    noise = rng.standard_normal(brightness.shape, np.float32)
    if rng.random() < 0.5:  # smoothed noise, as left by a phone's noise reduction
        noise = 1.8 * cv2.GaussianBlur(noise, (0, 0), 0.7)
    noise *= np.sqrt(rng.uniform(0.2, 2) + rng.uniform(0, 0.06) * brightness.clip(0))
    return _jpeg(brightness + noise, int(rng.integers(40, 96)))


def scanned(reflectance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Simulates a scan of a scene, with even light and little noise.

    Returns:
        The scan, uint8 (height, width).
    """
    values = cv2.GaussianBlur(
        255 * reflectance ** rng.uniform(0.7, 1.3), (0, 0), rng.uniform(0.3, 0.8)
    )
    noise = rng.uniform(0, 2) * rng.standard_normal(values.shape, np.float32)
    return _jpeg(values + noise, int(rng.integers(70, 100)))


def photographed_or_scanned(reflectance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Simulates a photo of a scene or, in 30 % of cases, a scan.

    Returns:
        The image, uint8 (height, width).
    """
    return (scanned if rng.random() < 0.3 else photographed)(reflectance, rng)


def on_grey_paper(
    picture: np.ndarray, side: int, paper: float, ink: float, noise: float, rng: np.random.Generator
) -> np.ndarray:
    """Enlarges a picture of a digit, and draws it in uniform ink on uniformly grey paper.

    Args:
        picture: Picture of a digit, uint8 (28, 28); 255 is ink.
        side: Width and height of the image in pixels.
        paper: Grey level of the paper, 0 to 255.
        ink: Grey level of the ink, 0 to 255.
        noise: Standard deviation of the white noise, in grey levels.
        rng: Random number generator for the noise.

    Returns:
        The image, uint8 (side, side).
    """
    share = cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    values = paper + (ink - paper) / 255 * share
    if noise:
        values += noise * rng.standard_normal(values.shape, np.float32)
    return np.rint(values.clip(0, 255)).astype(np.uint8)


def _jpeg(values: np.ndarray, quality: int) -> np.ndarray:
    pixels = np.rint(values.clip(0, 255)).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE))
