"""From an image file to ink, and from a digit's ink to the 28x28 picture that the network sees.

Training data and a user's photo go through the same code here, so that the network is shown what
it was taught.
"""

import os
import re
import stat
import warnings
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from common import UserError
from common.quiet import discarded_notes
from common.ruling import without_ruling

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")

MOST_PIXELS = 125_000_000  # of an image; phones make up to 108 million

PICTURE_SIZE = 28  # pixels, the side of MNIST's pictures
DIGIT_SIZE = 20  # pixels, the longer side of a digit inside them
LEAST_CONTRAST = 0.08  # of the paper's brightness; fainter marks are taken for the paper's own
FLAT_LEAST_CONTRAST = 6.0  # of 255, on paper that is the same all over
FLAT_SHARE = 0.3  # of a drawing's pixels have just the paper's grey; in photos, less than 0.2
SHADOW_SIDE = 100  # pixels; on smaller drawings soft edges cover as much as a shadow
SHADOW = 8  # grey levels by which a shadow differs from the paper at least
SHADOW_SHARE = 0.1  # of the image that a shadow covers at least
FLAT_REACH = 5  # grey levels either way that a drawing's paper may differ
ALONG_EDGE = 0.1  # of an edge of the image: no stroke covers more ...
ALONG_EDGE_LEAST = 40  # ... or more than so many pixels
PAPER_WINDOW = 0.11  # side of the window that paper is looked for in, as a share of the image's
LEAST_PAPER_WINDOW = 60  # pixels; a photo of few pixels shows few digits, and their strokes fill it
BOTH_WAYS = 0.3  # of what stands out one way stands out the other way, too: no paper
INK_THRESHOLD = 0.3  # ink above it belongs to a stroke; below, to its soft edge
EDGE_THRESHOLD = 0.02  # ink above it lies inside the digit's box
LEAST_STROKE = 0.10  # stroke width as a share of the longer side; in MNIST, 98 % lie in 0.08-0.25


class ImageError(UserError):
    """An image that cannot be read."""


class UnknownFormatError(ImageError):
    """What is no image of `FORMATS`."""


class TooManyPixelsError(ImageError):
    """An image of more than `MOST_PIXELS`."""


def list_images(folder: Path) -> list[Path]:
    """The image files of a folder in natural order: digit2 before digit10."""
    names = (name for name in os.listdir(folder) if not name.startswith("."))
    images = (name for name in names if name.lower().endswith(SUFFIXES))
    return [folder / name for name in sorted(images, key=natural_key)]


def natural_key(name: str) -> list[tuple[int, int | str]]:
    """Sort key under which numbers inside names count as numbers."""
    return [
        (0, int(part)) if part.isdecimal() else (1, part.lower())
        for part in re.split(r"(\d+)", name)
        if part
    ]


def read_image(source: str | Path | bytes) -> np.ndarray:
    """Decodes an image file, turns it upright and makes it grey.

    Args:
        source: a path, an address (see `is_address`), or the bytes of an image file.

    Returns:
        uint8 (height, width), 0 is black, 255 is white.

    Raises:
        ImageError: missing, not an image of `FORMATS`, damaged or too large.
    """
    image = open_upright(source)
    if image.format in ("GIF", "TIFF", "WEBP") and _has_several_pictures(source):
        warnings.warn(f"{_name(source)} has several pictures; the first is read.", stacklevel=2)
    try:
        return grey(image)
    except ValueError as error:
        raise ImageError(
            f"{_name(source)} has pixels of a kind not read here ({error})."
        ) from error


def open_upright(source: str | Path | bytes) -> Image.Image:
    """Decodes an image file and turns it upright, as its EXIF orientation says.

    Raises:
        ImageError: missing, not an image of `FORMATS`, damaged or too large.
    """
    name = _name(source)
    try:
        with Image.open(_openable(source), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Image.DecompressionBombError
            # Where a TIFF is damaged, its library writes to stderr by itself, line after line.
            with discarded_notes() if image.format == "TIFF" else nullcontext():
                image.load()
            if image.info or image.format == "TIFF":  # no other place says how it was held
                ImageOps.exif_transpose(image, in_place=True)
            return image
    except FileNotFoundError as error:
        raise ImageError(f"{name} does not exist.") from error
    except IsADirectoryError as error:
        raise ImageError(f"{name} is a folder; expected an image file.") from error
    except UnidentifiedImageError as error:
        raise UnknownFormatError(
            f"{name} is not an image; expected {', '.join(FORMATS)}."
        ) from error
    except Image.DecompressionBombError as error:
        raise TooManyPixelsError(
            f"{name} has too many pixels; expected at most {MOST_PIXELS // 10**6} million."
        ) from error
    except MemoryError as error:
        raise ImageError(f"{name} needs more memory than there is.") from error
    # Pillow's readers raise whatever a damaged file leads them to.
    except Exception as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{name} is damaged or unreadable ({reason}).") from error


def open_in_colour(source: str | Path | bytes) -> Image.Image:
    """Opens an image upright as RGBA, to be shown to people.

    Raises:
        ImageError: as of `open_upright`.
    """
    image = open_upright(source)
    if image.mode.startswith(("I", "F")):  # Pillow clips these, `grey` scales them
        image = Image.fromarray(grey(image))
    return image.convert("RGBA")


def image_size(content: bytes) -> tuple[int, int] | None:
    """Width and height that an image file promises; None where it is none."""
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            return image.size
    # Pillow's readers raise whatever a damaged file leads them to.
    except Exception:
        return None


def _has_several_pictures(source: str | Path | bytes) -> bool:
    try:
        with Image.open(_openable(source), formats=FORMATS) as image:
            return bool(getattr(image, "is_animated", False))
    # Pillow's readers raise whatever a damaged second picture leads them to; the first was read.
    except Exception:
        return False


def is_address(name: str | Path) -> bool:
    """Whether a name is an address such as s3://bucket/7.png, and no path."""
    return isinstance(name, str) and "://" in name


def filesystem_of(address: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path inside it.

    Raises:
        UserError: fsspec, or what it needs for that kind of address, is not installed.
    """
    try:
        import fsspec.core
    except ModuleNotFoundError as error:
        raise UserError(f"{address} needs fsspec: pip install -r requirements/ray.txt") from error
    try:
        filesystem, path = fsspec.core.url_to_fs(address)
    # Every kind of storage raises errors of its own.
    except Exception as error:
        raise UserError(f"{address} cannot be read: {error}") from error
    return filesystem, path


def _openable(source: str | Path | bytes) -> str | Path | BytesIO:
    """What Pillow opens; never a pipe, which it would wait for."""
    if isinstance(source, bytes):
        return BytesIO(source)
    if is_address(source):
        filesystem, path = filesystem_of(str(source))
        return BytesIO(filesystem.cat_file(path))
    mode = os.stat(source).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError("it is a pipe or a device, not a file")
    return source


def _name(source: str | Path | bytes) -> str:
    return "The input" if isinstance(source, bytes) else name_of(source)


def name_of(path: str | Path) -> str:
    """A path as text; bytes that are no UTF-8 as backslash escapes, since JSON cannot hold them."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def grey(image: Image.Image) -> np.ndarray:
    """An image of any mode as uint8 (height, width).

    16-bit and floating-point pixels are stretched from their own darkest and lightest to 0 and
    255 (less where these lie close together). Transparent parts take the colour of the opaque ones
    where these cover most of the image; where only strokes are opaque, or nothing is, they are laid
    on white, or on black if the strokes are light.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _stretch(np.array(image, dtype=np.float32))
    if image.has_transparency_data:
        image = _lay_on_paper(image)
    return np.asarray(image if image.mode == "L" else image.convert("L"))


def _stretch(values: np.ndarray) -> np.ndarray:
    """float32 of any range, changed in place -> uint8."""
    np.nan_to_num(values, copy=False, posinf=0.0, neginf=0.0)
    values *= 0.25  # so that the range from the lowest to the highest fits into float32, too
    low, high = float(values.min()), float(values.max())
    # Bare paper has a narrow range: stretched, its grain would look like ink.
    span = max(high - low, 0.1 * max(abs(low), abs(high)), 1e-12)
    values /= span
    values -= high / span
    values *= 255
    values += 255
    return np.rint(values, out=values).astype(np.uint8)


def _lay_on_paper(image: Image.Image) -> Image.Image:
    luminance, alpha = image.convert("LA").split()
    opaque = np.asarray(luminance)[np.asarray(alpha) > 127]
    if opaque.size > image.width * image.height / 2:
        paper = float(np.median(opaque))
    else:
        paper = 255.0 if opaque.size == 0 or opaque.mean() < 128 else 0.0
    return Image.composite(luminance, Image.new("L", image.size, round(paper)), alpha)


def ink_map(image: np.ndarray) -> np.ndarray:
    """How much ink there is at each pixel, whatever the paper, the pen and the light.

    Where most of the image has one brightness, that is the paper; otherwise the paper's brightness
    is followed over the page. Ink is what is darker than the paper, or lighter, if that stands out
    more. Where much is darker and much is lighter, it is no paper, but a photo of something else.

    Args:
        image: uint8 (height, width), dark ink on light paper or the other way round.

    Returns:
        float32 (height, width) from 0 (paper) to 1 (full ink); all 0 where nothing stands out.
    """
    counts = np.bincount(image.ravel(), minlength=256)
    paper = _flat_paper(image, counts)
    if paper is not None:
        return _flat_ink(image, counts, paper)
    values, local = image.astype(np.float32), _local_paper(image)
    shade = cv2.GaussianBlur(values, (0, 0), max(image.shape) / 2000) - local
    dark, light = (np.maximum(side, 0) / np.maximum(local, 20) for side in (-shade, shade))
    noise = 1.4826 * float(np.median(np.abs(shade / np.maximum(local, 20))))
    least = max(LEAST_CONTRAST, 4 * noise)
    dark, light = (_without_frame(without_ruling(side, least), least) for side in (dark, light))
    weights = [float(side[side > least].sum()) for side in (dark, light)]
    if min(weights) > BOTH_WAYS * max(weights):
        return np.zeros(image.shape, np.float32)
    darker = _quantile(dark, 0.995) >= _quantile(light, 0.995)
    return _scaled(dark if darker else light, least, 3 * noise)


def _flat_ink(image: np.ndarray, counts: np.ndarray, paper: int) -> np.ndarray:
    """`ink_map` on paper that has the same brightness all over; `counts` are the image's levels."""
    levels = np.flatnonzero(counts)
    contrast = np.arange(256, dtype=np.float32) - paper
    if paper - levels[0] > levels[-1] - paper:
        contrast = -contrast
    paper_levels = slice(max(paper - FLAT_REACH, 0), paper + FLAT_REACH + 1)
    weights = counts[paper_levels]
    noise = float(np.sqrt(weights @ contrast[paper_levels] ** 2 / weights.sum()))
    least = max(FLAT_LEAST_CONTRAST, 6 * noise)
    written = without_ruling(cv2.LUT(image, np.maximum(contrast, 0)), least)
    return _scaled(written, least, 3 * noise)


def _without_frame(contrast: np.ndarray, least: float) -> np.ndarray:
    """Contrast without what runs along the image's edge: a table, a shadow, the next page."""
    mask = (contrast > least).astype(np.uint8)
    count, labels, _, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    frame = np.zeros(count, bool)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        frame |= np.bincount(edge, minlength=count) > max(ALONG_EDGE * len(edge), ALONG_EDGE_LEAST)
    frame[0] = False
    return np.where(frame[labels], np.float32(0), contrast)


def _flat_paper(image: np.ndarray, counts: np.ndarray) -> int | None:
    """The brightness of paper that is the same all over, as in a drawing; None in a photo.

    Args:
        image: uint8 (height, width).
        counts: int (256,), how many of its pixels have each level.
    """
    level = int(counts.argmax())
    if counts[level] <= FLAT_SHARE * image.size or _has_shadow(image, level):
        return None
    return level


def _has_shadow(image: np.ndarray, level: int) -> bool:
    """Whether a part of the paper is darker or lighter than `level`, but not as ink is."""
    if min(image.shape) < SHADOW_SIDE:
        return False
    difference = np.abs(image.astype(np.int16) - level)
    between = (difference > SHADOW) & (difference < 0.6 * difference.max())
    return bool(between.mean() > SHADOW_SHARE)


def _scaled(contrast: np.ndarray, least: float, floor: float) -> np.ndarray:
    """Contrast as ink: 1 where it is that of most strokes, 0 up to `floor`, all 0 below `least`."""
    high = contrast[contrast > max(least, 0.3 * _quantile(contrast, 0.999))]
    if high.size == 0:
        return np.zeros(contrast.shape, np.float32)
    full = _quantile(high, 0.6)
    floor = min(max(floor, 0.1 * full), 0.5 * full)
    return ((contrast - floor) / (full - floor)).clip(0, 1)


def _quantile(values: np.ndarray, share: float) -> float:
    """The value that `share` of the values do not exceed; NumPy's takes ten times as long."""
    place = round(share * (values.size - 1))
    return float(np.partition(values, place, axis=None)[place])


def _local_paper(image: np.ndarray) -> np.ndarray:
    """Brightness of the paper around each pixel: float32 (height, width).

    A median over a window that strokes cannot fill, on a reduced copy.
    """
    height, width = image.shape
    scale = min(1.0, 400 / max(height, width))
    small = resized(image, scale)
    reach = round(max(PAPER_WINDOW * max(small.shape), LEAST_PAPER_WINDOW * scale)) | 1
    padded = np.pad(small, reach, mode="symmetric")
    inner = cv2.medianBlur(padded, reach)[reach:-reach, reach:-reach].astype(np.float32)
    smooth = cv2.GaussianBlur(inner, (0, 0), reach / 6)
    return np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR))


def digit_picture(ink: np.ndarray) -> np.ndarray:
    """The picture of one digit as MNIST has it.

    The digit is scaled, keeping its aspect, so that its longer side is 20 pixels, and placed with
    its centre of mass in the middle of 28x28 (LeCun et al., "Gradient-based learning applied to
    document recognition", 1998). Strokes too thin for the network are widened first.

    Args:
        ink: float32 (height, width), 0 is paper, 1 is full ink, with any margin.

    Returns:
        uint8 (28, 28), 0 is paper, 255 is full ink. All 0 where there is no ink.
    """
    left, top, width, height = cv2.boundingRect((ink > EDGE_THRESHOLD).view(np.uint8))
    picture = np.zeros((PICTURE_SIZE, PICTURE_SIZE), np.uint8)
    if width == 0:
        return picture
    ink = _widen_strokes(ink[top : top + height, left : left + width])
    small = resized(ink, DIGIT_SIZE / max(ink.shape))
    height, width = small.shape
    moments = cv2.moments(small)
    mass = max(moments["m00"], 1e-6)
    # MNIST's digits have their centre of mass at index 14.0 of the picture.
    left = round(PICTURE_SIZE / 2 - moments["m10"] / mass)
    top = round(PICTURE_SIZE / 2 - moments["m01"] / mass)
    left = min(max(left, 0), PICTURE_SIZE - width)
    top = min(max(top, 0), PICTURE_SIZE - height)
    picture[top : top + height, left : left + width] = cv2.convertScaleAbs(small, alpha=255)
    return picture


def resized(image: np.ndarray, scale: float) -> np.ndarray:
    """An image or ink of `scale` times the size, anti-aliased; never less than one pixel."""
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cast(np.ndarray, cv2.resize(image, size, interpolation=method))


def stroke_width(ink: np.ndarray) -> float:
    """Mean width of the strokes in pixels: twice their area over the length of their outlines."""
    mask = (ink > INK_THRESHOLD).view(np.uint8)
    outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    # An outline runs through the centres of the edge pixels, half a pixel inside the stroke: a
    # stroke of width w and length l has the area w*l and outlines of about 2*l in all.
    length = sum(cv2.arcLength(outline, True) for outline in outlines)
    return 2 * cv2.countNonZero(mask) / length if length else 0.0


def _widen_strokes(ink: np.ndarray) -> np.ndarray:
    """Thickens strokes that would vanish when the digit is reduced to 20 pixels."""
    missing = LEAST_STROKE * max(ink.shape) - stroke_width(ink)
    if missing < 1:
        return ink
    reach = round(missing / 2)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cast(np.ndarray, cv2.dilate(np.pad(ink, reach), kernel))


def network_input(pictures: np.ndarray) -> np.ndarray:
    """uint8 (N, 28, 28), 0 to 255 -> float32 (N, 28, 28, 1), 0 to 1, as every network takes it."""
    return (pictures.astype(np.float32) / 255)[..., np.newaxis]
