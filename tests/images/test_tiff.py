"""The pages of TIFF files are read one by one."""

import io
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.images.contents import ImageError
from common.images.decoding import page_sources, read_image
from common.images.listing import image_sources
from common.images.structure import MAX_TIFF_PAGES, tiff_pages

GREYS = (10, 120, 240)


@pytest.fixture(params=[False, True], ids=["TIFF", "BigTIFF"])
def scan(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A file with three pages, each of another grey."""
    first, *others = (Image.new("L", (30, 20), grey) for grey in GREYS)
    path = tmp_path / "scan.TIFF"
    first.save(path, save_all=True, append_images=others, big_tiff=request.param)
    return path


def test_each_page_is_an_image_with_its_own_name(scan: Path) -> None:
    names = [f"{scan}#{number}" for number in (1, 2, 3)]
    assert image_sources([str(scan)]) == [(name, Path(name)) for name in names]
    assert [int(read_image(name).mean()) for name in names] == list(GREYS)


def test_without_a_page_number_the_first_page_is_read_with_a_note(scan: Path) -> None:
    with pytest.warns(UserWarning, match=r"scan\.TIFF has several pages; the first is read"):
        assert read_image(scan)[0, 0] == GREYS[0]


def test_a_page_that_does_not_exist_is_an_error(scan: Path) -> None:
    with pytest.raises(ImageError, match=r"scan\.TIFF#4 does not exist: the file has 3 pages"):
        read_image(f"{scan}#4")


def test_a_file_with_a_single_page_keeps_its_name(tmp_path: Path) -> None:
    path = tmp_path / "one.tif"
    Image.new("L", (30, 20)).save(path)
    assert page_sources(path) == [path]
    with pytest.raises(ImageError, match="the file has 1 page\\."):
        read_image(f"{path}#2")


def test_thumbnails_are_not_pages(tmp_path: Path) -> None:
    file = io.BytesIO()
    picture = Image.new("L", (30, 20), 10)
    picture.encoderinfo = {"tiffinfo": {254: 1}}  # NewSubfileType: a reduced image
    Image.new("L", (30, 20), 240).save(file, "TIFF", save_all=True, append_images=[picture])
    content = file.getvalue()
    assert len(tiff_pages(content)) == 1
    assert read_image(content)[0, 0] == 240


def test_pages_in_a_circle_or_cut_off_end_the_search() -> None:
    def directory(after: int) -> bytes:
        return struct.pack("<HHHIII", 1, 256, 3, 1, 10, after)

    head = struct.pack("<2sHI", b"II", 42, 8)
    assert tiff_pages(head + directory(8)) == [8]
    assert tiff_pages(head + directory(26) + directory(8)) == [8, 26]
    assert tiff_pages(head + directory(26)) == [8]
    assert tiff_pages(b"II*") == tiff_pages(b"not a TIFF file") == []
    many = b"".join(directory(8 + 18 * (n + 1)) for n in range(MAX_TIFF_PAGES + 5))
    assert len(tiff_pages(head + many)) == MAX_TIFF_PAGES


def test_another_format_has_no_pages(tmp_path: Path) -> None:
    path = tmp_path / "fake.tif"
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(path, "PNG")
    assert image_sources([str(path)]) == [(str(path), path)]
    with pytest.raises(ImageError, match=re.escape("fake.tif#1 is not a page")):
        read_image(f"{path}#1")
