"""Draws pictures for the web page, as PNG files and data: URLs."""

import base64

import cv2
import numpy as np

from common.evaluation.explanation import mosaic

RED, BLUE = (178, 24, 43), (33, 102, 172)  # RGB colours of evidence for and against a digit
MIN_EFFECT = 1.0  # log-odds; an effect below this value never has the full colour


def png(picture: np.ndarray) -> bytes:
    """Encodes a picture, uint8 (height, width) or with channels BGR or BGRA, as a PNG file."""
    return bytes(cv2.imencode(".png", picture)[1])


def data_url(picture: np.ndarray) -> str:
    """Encodes a picture as a data: URL; see `png`."""
    return f"data:image/png;base64,{base64.b64encode(png(picture)).decode()}"


def layer_picture(maps: np.ndarray) -> np.ndarray:
    """Draws up to sixteen feature maps of a layer, float32 (maps, height, width), in colour."""
    grey = cv2.convertScaleAbs(mosaic(maps), alpha=255)
    return np.asarray(cv2.applyColorMap(grey, cv2.COLORMAP_VIRIDIS))


def occlusion_picture(picture: np.ndarray, effect: np.ndarray) -> np.ndarray:
    """Draws a picture with the evidence for its digit in red and the evidence against it in blue.

    Args:
        picture: What the classifier sees, uint8 (28, 28), 255 is ink.
        effect: Effect of each pixel on the digit in log-odds, float32 (28, 28); see
            `explanation.occlusion`.
    """
    share = effect / max(float(np.abs(effect).max()), MIN_EFFECT)
    colour = np.where(share[..., None] > 0, RED[::-1], BLUE[::-1])
    paper = np.repeat(255 - 0.4 * picture[..., None].astype(np.float32), 3, axis=2)
    strength = np.abs(share)[..., None]
    return np.rint(paper * (1 - strength) + colour * strength).astype(np.uint8)


def heat_picture(heat: np.ndarray) -> np.ndarray:
    """Draws a heat map, float32 (height, width), 0 to 1, as an overlay, transparent at 0."""
    levels = cv2.convertScaleAbs(heat, alpha=255)
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)
    opacity = cv2.convertScaleAbs(np.minimum(1, 2 * heat), alpha=220)
    return np.dstack([colours, opacity])
