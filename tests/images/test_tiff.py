"""The pages of TIFF files are read one by one."""

import io
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.images.contents import ImageError, TooLargeError
from common.images.decoding import page_sources, read_image
from common.images.listing import image_sources
from common.images.structure import MAX_TIFF_PAGES, tiff_pages

GREYS = (10, 120, 240)


@pytest.fixture(params=[False, True], ids=["TIFF", "BigTIFF"])
def scan(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A TIFF file with three pages, each in a different shade of grey."""
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
    picture.encoderinfo = {"tiffinfo": {254: 1}}  # NewSubfileType: reduced image
    Image.new("L", (30, 20), 240).save(file, "TIFF", save_all=True, append_images=[picture])
    content = file.getvalue()
    assert len(tiff_pages(content)) == 1
    assert read_image(content)[0, 0] == 240


def test_the_search_for_pages_ends_at_a_cycle_of_directories() -> None:
    def directory(after: int) -> bytes:
        return struct.pack("<HHHIII", 1, 256, 3, 1, 10, after)

    head = struct.pack("<2sHI", b"II", 42, 8)
    assert tiff_pages(head + directory(8)) == [8]
    assert tiff_pages(head + directory(26) + directory(8)) == [8, 26]
    assert tiff_pages(head + directory(26)) == [8, 26]
    assert tiff_pages(b"II*") == tiff_pages(b"not a TIFF file") == []


def test_no_pages_are_found_in_other_formats(tmp_path: Path) -> None:
    path = tmp_path / "fake.tif"
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(path, "PNG")
    assert image_sources([str(path)]) == [(str(path), path)]
    with pytest.raises(ImageError, match=re.escape("fake.tif#1 is not a page")):
        read_image(f"{path}#1")


@pytest.mark.parametrize("offset", [10**6, 2**62, 2**63, 2**64 - 1])
def test_a_damaged_directory_counts_as_a_page_that_cannot_be_read(
    offset: int, tmp_path: Path
) -> None:
    file = io.BytesIO()
    Image.new("L", (30, 20), 10).save(file, "TIFF", big_tiff=True)
    content = bytearray(file.getvalue())
    (start,) = tiff_pages(bytes(content))
    (entries,) = struct.unpack_from("<Q", content, start)
    struct.pack_into("<Q", content, start + 8 + 20 * entries, offset)
    path = tmp_path / "cut.tif"
    path.write_bytes(content)
    assert [name for name, _ in image_sources([str(path)])] == [f"{path}#1", f"{path}#2"]
    assert read_image(f"{path}#1")[0, 0] == 10
    with pytest.raises(ImageError, match=r"cut\.tif#2 is (damaged|not an image)"):
        read_image(f"{path}#2")


def test_a_file_with_too_many_pages_is_refused() -> None:
    head = struct.pack("<2sHI", b"II", 42, 8)
    many = b"".join(
        struct.pack("<HHHIII", 1, 256, 3, 1, 10, 8 + 18 * (number + 1))
        for number in range(MAX_TIFF_PAGES + 5)
    )
    with pytest.raises(TooLargeError, match="too many pages; expected at most 10,000"):
        read_image(head + many)


def test_the_first_page_is_read_even_if_a_thumbnail_precedes_it() -> None:
    file = io.BytesIO()
    page = Image.new("L", (60, 40), 240)
    page.encoderinfo = {"tiffinfo": {254: 0}}
    Image.new("L", (8, 8), 10).save(
        file, "TIFF", save_all=True, append_images=[page], tiffinfo={254: 1}
    )
    assert read_image(file.getvalue()).shape == (40, 60)
