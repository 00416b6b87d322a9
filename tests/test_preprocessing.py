import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from common.datasets import Dataset
from common.handwriting import draw_digit
from common.preprocessing import (
    ImageError,
    digit_picture,
    grey,
    ink_map,
    list_images,
    natural_key,
    network_input,
    open_upright,
    read_image,
    stroke_width,
)


def png(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def test_a_filled_box_becomes_exactly_twenty_pixels_in_the_middle() -> None:
    picture = digit_picture(np.pad(np.ones((40, 40), np.float32), ((3, 9), (30, 5))))
    expected = np.zeros((28, 28), np.uint8)
    expected[4:24, 4:24] = 255  # 14.5 - 10 rounds to 4
    assert np.array_equal(picture, expected)


def test_aspect_is_kept_and_the_centre_of_mass_is_in_the_middle() -> None:
    picture = digit_picture(np.ones((100, 30), np.float32))
    rows, columns = np.nonzero(picture)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (20, 6)
    lopsided = np.zeros((40, 40), np.float32)
    lopsided[:, :20] = 1
    lopsided[30:, :] = 1
    weights = digit_picture(lopsided).astype(float)
    middle = (weights.sum(axis=0) @ np.arange(28)) / weights.sum()
    assert abs(middle - 14) <= 0.5


def test_halving_averages_pixels() -> None:
    ink = np.full((40, 40), 0.9, np.float32)
    ink[:, ::2] = 0.7  # each pixel of the result covers two columns
    picture = digit_picture(ink)
    assert (picture[4:24, 4:24] == 204).all()


def test_nothing_gives_an_empty_picture() -> None:
    assert not digit_picture(np.zeros((50, 20), np.float32)).any()


def test_mnist_pictures_are_left_as_they_are(mnist: Dataset) -> None:
    images = mnist.test_images[:500]
    same = [np.array_equal(digit_picture(i.astype(np.float32) / 255), i) for i in images]
    assert np.mean(same) > 0.95


def test_network_input_scales_to_one() -> None:
    given = network_input(np.array([[[0, 51], [255, 102]]], np.uint8))
    assert given.dtype == np.float32
    assert given.shape == (1, 2, 2, 1)
    assert given.ravel().tolist() == pytest.approx([0, 0.2, 1, 0.4])


@pytest.mark.parametrize("width", [3, 6, 12])
def test_stroke_width_of_a_bar(width: int) -> None:
    bar = np.zeros((200, 60), np.float32)
    bar[20:180, 20 : 20 + width] = 1
    assert stroke_width(bar) == pytest.approx(width, rel=0.15)


def test_thin_strokes_stay_visible() -> None:
    ink = np.zeros((400, 300), np.float32)
    cv2.line(ink, (20, 20), (280, 380), 1, 1)
    assert digit_picture(ink).max() > 200


@pytest.mark.parametrize(("paper", "pen"), [(255, 0), (0, 255), (200, 150), (90, 60), (60, 110)])
def test_ink_is_found_whatever_the_polarity_and_contrast(paper: int, pen: int) -> None:
    drawn = np.pad(draw_digit(3, 100, np.random.default_rng(0)), 20)
    image = np.rint(paper + (pen - paper) * drawn).astype(np.uint8)
    ink = ink_map(image)
    assert ink.dtype == np.float32
    assert ink[drawn > 0.95].min() > 0.8
    assert ink[drawn < 0.05].max() < 0.2


def test_ink_is_found_in_uneven_light() -> None:
    drawn = np.pad(draw_digit(8, 100, np.random.default_rng(0), 0.08), 60)
    light = np.linspace(230, 110, drawn.shape[1])[None, :]
    ink = ink_map(np.rint(light * (1 - 0.6 * drawn)).astype(np.uint8))
    assert ((ink > 0.5) == (drawn > 0.5)).mean() > 0.99


@pytest.mark.parametrize("level", [0, 130, 255])
def test_bare_paper_has_no_ink(level: int) -> None:
    noise = np.random.default_rng(0).normal(0, 2, (80, 80))
    paper = np.clip(level + noise, 0, 255).astype(np.uint8)
    assert not ink_map(np.full((80, 80), level, np.uint8)).any()
    assert not ink_map(paper).any()


def test_transparent_paper_takes_the_right_colour() -> None:
    dark = np.zeros((10, 10, 4), np.uint8)
    dark[4, 4:6] = (20, 20, 20, 255)
    assert grey(Image.fromarray(dark))[0, 0] == 255
    light = np.zeros((10, 10, 4), np.uint8)
    light[4, 4:6] = (230, 230, 230, 255)
    assert grey(Image.fromarray(light))[0, 0] == 0
    rounded = np.full((10, 10, 4), 250, np.uint8)
    rounded[0, 0, 3] = 0
    assert grey(Image.fromarray(rounded))[0, 0] == 250
    assert (grey(Image.new("RGBA", (4, 4))) == 255).all()
    faint = np.zeros((10, 10, 4), np.uint8)
    faint[4, 4:6, 3] = 100
    read = grey(Image.fromarray(faint))
    assert (read[0, 0], read[4, 4]) == (255, 155)


def test_palette_with_transparency() -> None:
    image = Image.new("P", (6, 6), 0)
    image.putpalette([255, 0, 0, 10, 10, 10])
    image.putpixel((2, 2), 1)
    read = read_image(png(image, transparency=0))
    assert read[0, 0] == 255
    assert read[2, 2] == 10


def test_sixteen_bits_and_floats_are_scaled_not_clipped(tmp_path: Path) -> None:
    values = np.array([[0, 1000], [2000, 4000]], np.uint16)
    assert read_image(png(Image.fromarray(values))).tolist() == [[0, 64], [128, 255]]
    path = tmp_path / "float.tif"
    Image.fromarray(values.astype(np.float32) / 4000).save(path)
    assert read_image(path).tolist() == [[0, 64], [128, 255]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientations(orientation: int, tmp_path: Path) -> None:
    upright = np.full((40, 60), 255, np.uint8)
    upright[5:15, 8:30] = 0
    undo = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.jpg"
    Image.fromarray(np.ascontiguousarray(undo[orientation])).save(path, exif=exif, quality=95)
    assert np.abs(read_image(path).astype(int) - upright).mean() < 3


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"])
@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_every_format(kind: str, mode: str) -> None:
    image = Image.new("L", (30, 20), 255)
    image.paste(0, (10, 5, 14, 15))
    file = io.BytesIO()
    image.convert(mode).save(file, kind)
    read = read_image(file.getvalue())
    assert read.shape == (20, 30)
    assert read[10, 12] < 30
    assert read[1, 1] > 225


@pytest.mark.parametrize("mode", ["CMYK", "LA", "P"])
def test_other_modes(mode: str, tmp_path: Path) -> None:
    image = Image.new("L" if mode in ("LA", "P") else "RGB", (8, 8), "white")
    image.convert(mode).save(tmp_path / "x.tif")
    assert read_image(tmp_path / "x.tif").min() > 250


def test_a_mode_that_cannot_be_made_grey_is_refused(tmp_path: Path) -> None:
    Image.frombytes("LAB", (8, 8), bytes(8 * 8 * 3)).save(tmp_path / "x.tif")
    with pytest.raises(ImageError, match=r"x\.tif has pixels of a kind not read"):
        read_image(tmp_path / "x.tif")


def test_bare_sixteen_bit_paper_has_no_ink() -> None:
    grain = np.random.default_rng(0).normal(60_000, 30, (80, 80)).astype(np.uint16)
    assert not ink_map(read_image(png(Image.fromarray(grain)))).any()


@pytest.mark.parametrize("content", [b"", b"text", b"%!PS-Adobe", b"<svg/>"])
def test_what_is_no_image_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"x\.png is not an image"):
        read_image(path)


def test_missing_truncated_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not exist"):
        read_image(tmp_path / "missing.png")
    with pytest.raises(ImageError, match="folder"):
        read_image(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (50, 50), np.uint8)
    whole = png(Image.fromarray(noise))
    with pytest.raises(ImageError, match="damaged"):
        open_upright(whole[: len(whole) // 2])


def test_natural_order(tmp_path: Path) -> None:
    for name in ("digit10.png", "Digit2.PNG", "digit1.jpeg", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    names = [path.name for path in list_images(tmp_path)]
    assert names == ["digit1.jpeg", "Digit2.PNG", "digit10.png"]
    assert natural_key("a10") > natural_key("a9")


def vignette(shape: tuple[int, int]) -> np.ndarray:
    """Light that falls from 220 in the middle to 90 in the corners, as in photos by lamp light."""
    rows, columns = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    return np.asarray(220 - 65 * (rows**2 + columns**2), dtype=np.float64)


def test_ink_in_the_dark_corner_of_a_photo_counts_as_much_as_in_its_middle() -> None:
    drawn = np.zeros((900, 1200), np.float32)
    digit = draw_digit(3, 120, np.random.default_rng(0), 0.08)
    for top, left in ((20, 20), (380, 540), (700, 1000)):
        drawn[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    grain = np.random.default_rng(1).normal(0, 3, drawn.shape)
    photo = np.clip(vignette(drawn.shape) * (1 - 0.5 * drawn) + grain, 0, 255).astype(np.uint8)
    ink = ink_map(photo)
    assert ((ink > 0.5) == (drawn > 0.5)).mean() > 0.995
    assert (ink[drawn > 0.9] > 0.5).mean() > 0.95


def test_a_table_beside_the_paper_is_no_ink() -> None:
    drawn = np.zeros((900, 1200), np.float32)
    digit = draw_digit(7, 150, np.random.default_rng(0), 0.08)
    drawn[300 : 300 + digit.shape[0], 500 : 500 + digit.shape[1]] = digit
    photo = vignette(drawn.shape) * (1 - 0.4 * drawn)
    photo[:, :30] = 15
    ink = ink_map(photo.astype(np.uint8))
    assert not ink[:, :20].any()
    assert (ink[drawn > 0.9] > 0.5).mean() > 0.95


def test_the_faintest_drawing_on_flat_paper_is_seen() -> None:
    drawn = np.pad(draw_digit(9, 100, np.random.default_rng(0)), 30)
    ink = ink_map(np.rint(255 - 12 * drawn).astype(np.uint8))
    assert ((ink > 0.5) == (drawn > 0.5)).mean() > 0.98
