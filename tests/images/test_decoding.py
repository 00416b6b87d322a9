import io
from pathlib import Path

import numpy as np
import pytest
from faults import saved
from PIL import Image

from common.images.contents import ImageError
from common.images.decoding import open_upright, read_image
from common.images.grey import grey
from common.images.listing import list_images, natural_key


def test_a_transparent_background_is_filled_so_that_the_ink_contrasts() -> None:
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


def test_transparent_palette_entries_become_white() -> None:
    image = Image.new("P", (6, 6), 0)
    image.putpalette([255, 0, 0, 10, 10, 10])
    image.putpixel((2, 2), 1)
    read = read_image(saved(image, "PNG", transparency=0))
    assert read[0, 0] == 255
    assert read[2, 2] == 10


def test_sixteen_bit_and_float_pixels_are_scaled_not_clipped(tmp_path: Path) -> None:
    values = np.array([[0, 1000], [2000, 4000]], np.uint16)
    assert read_image(saved(Image.fromarray(values), "PNG")).tolist() == [[0, 64], [128, 255]]
    path = tmp_path / "float.tif"
    Image.fromarray(values.astype(np.float32) / 4000).save(path)
    assert read_image(path).tolist() == [[0, 64], [128, 255]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_of_every_exif_orientation_are_turned_upright(
    orientation: int, tmp_path: Path
) -> None:
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
def test_every_image_format_and_pixel_mode_is_read(kind: str, mode: str) -> None:
    image = Image.new("L", (30, 20), 255)
    image.paste(0, (10, 5, 14, 15))
    file = io.BytesIO()
    image.convert(mode).save(file, kind)
    read = read_image(file.getvalue())
    assert read.shape == (20, 30)
    assert read[10, 12] < 30
    assert read[1, 1] > 225


@pytest.mark.parametrize("mode", ["CMYK", "LA", "P"])
def test_unusual_pixel_modes_are_read(mode: str, tmp_path: Path) -> None:
    image = Image.new("L" if mode in ("LA", "P") else "RGB", (8, 8), "white")
    image.convert(mode).save(tmp_path / "x.tif")
    assert read_image(tmp_path / "x.tif").min() > 250


def test_a_pixel_mode_that_cannot_be_converted_to_grey_is_refused(tmp_path: Path) -> None:
    Image.frombytes("LAB", (8, 8), bytes(8 * 8 * 3)).save(tmp_path / "x.tif")
    with pytest.raises(ImageError, match=r"x\.tif has an unsupported pixel format"):
        read_image(tmp_path / "x.tif")


@pytest.mark.parametrize("content", [b"", b"text", b"%!PS-Adobe", b"<svg/>"])
def test_files_that_are_not_images_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"x\.png is not an image"):
        read_image(path)


def test_missing_files_folders_and_truncated_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not exist"):
        read_image(tmp_path / "missing.png")
    with pytest.raises(ImageError, match="folder"):
        read_image(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (50, 50), np.uint8)
    whole = saved(Image.fromarray(noise), "PNG")
    with pytest.raises(ImageError, match="damaged"):
        open_upright(whole[: len(whole) // 2])


def test_images_in_a_folder_are_listed_in_natural_order(tmp_path: Path) -> None:
    for name in ("digit10.png", "Digit2.PNG", "digit1.jpeg", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    names = [path.name for path in list_images(tmp_path)]
    assert names == ["digit1.jpeg", "Digit2.PNG", "digit10.png"]
    assert natural_key("a10") > natural_key("a9")
