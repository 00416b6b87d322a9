"""HEIC photos and the pages of PDF files are read, with limits on time and memory."""

import os
import struct
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from documents import document, many_pages, nested_forms, scan_of
from faults import saved
from PIL import Image

from common.images import contents, heic_and_pdf
from common.images.contents import ImageError, TooLargeError, UnknownFormatError
from common.images.decoding import open_in_colour, page_sources, read_image
from common.images.listing import image_sources, list_images, sources_from

pytest.importorskip("pypdfium2", reason="needs requirements/photos.txt")
pillow_heif = pytest.importorskip("pillow_heif", reason="needs requirements/photos.txt")


def page_with(grey: int) -> Image.Image:
    """Returns a white page of 60 x 40 pixels with a rectangle at the upper left."""
    page = Image.new("RGB", (60, 40), "white")
    page.paste((grey,) * 3, (8, 4, 30, 14))
    return page


def heic_of(image: Image.Image, **options: object) -> bytes:
    pillow_heif.register_heif_opener()  # lets Pillow write HEIC
    return saved(image, "HEIF", quality=95, **options)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A PDF file of three pages, each with a rectangle in a different shade of grey."""
    path = tmp_path / "scan.pdf"
    path.write_bytes(scan_of(*map(page_with, (0, 100, 200)), resolution=heic_and_pdf.PAGE_DPI))
    return path


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_heic_is_read_like_png(mode: str) -> None:
    image = page_with(50).convert(mode)
    read, expected = read_image(heic_of(image)), read_image(saved(image, "PNG"))
    assert read.shape == expected.shape
    assert np.abs(read.astype(int) - expected).mean() < 3
    assert open_in_colour(heic_of(image)).mode == "RGBA"


def test_a_heic_photo_is_turned_upright_only_once() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = page_with(0).transpose(Image.Transpose.ROTATE_90)
    content = heic_of(turned, exif=exif.tobytes())
    assert b"irot" in content  # libheif turns the picture, and EXIF must not turn it again
    read = read_image(content)
    assert read.shape == (40, 60)
    assert read[8, 20] < 40


def test_each_page_of_a_pdf_is_an_image_with_its_own_name(scan: Path) -> None:
    names = [name for name, _ in image_sources([str(scan)])]
    assert names == [f"{scan}#{number}" for number in (1, 2, 3)]
    for (_, source), grey in zip(image_sources([str(scan)]), (0, 100, 200), strict=True):
        page = read_image(source)
        assert page.shape == (40, 60)
        assert page[8, 20] == pytest.approx(grey, abs=8)
        assert page[30, 50] > 245


def test_single_pages_can_be_named_in_arguments_and_lists(scan: Path, tmp_path: Path) -> None:
    assert image_sources([f"{scan}#2"]) == [(f"{scan}#2", Path(f"{scan}#2"))]
    listing = tmp_path / "list.txt"
    listing.write_text(f"{scan}#3\n{scan}\nother.png\n")
    names = [name for name, _ in sources_from(listing)]
    assert names == [f"{scan}#3", *(f"{scan}#{number}" for number in (1, 2, 3)), "other.png"]


def test_the_pages_of_a_single_pdf_at_an_address_are_read_with_one_fetch(
    scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = pytest.importorskip("fsspec").filesystem("memory")
    memory.pipe_file("/pages/scan.pdf", scan.read_bytes())
    fetched: list[str] = []
    real = contents._fetch

    def fetch(address: str) -> bytes:
        fetched.append(address)
        return real(address)

    monkeypatch.setattr(contents, "_fetch", fetch)
    sources = image_sources(["memory://pages/scan.pdf"])
    assert [name for name, _ in sources] == [f"memory://pages/scan.pdf#{n}" for n in (1, 2, 3)]
    assert all(read_image(source).shape == (40, 60) for _, source in sources)
    assert len(fetched) == 1


def test_a_file_whose_name_looks_like_a_page_is_read_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.pdf#1"
    path.write_bytes(saved(page_with(0), "PNG"))
    assert read_image(path).shape == (40, 60)


def test_a_pdf_without_a_page_number_gives_the_first_page_and_a_note(scan: Path) -> None:
    with pytest.warns(UserWarning, match=r"scan\.pdf has several pages; the first is read"):
        assert read_image(scan)[8, 20] < 10
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_image(f"{scan}#1")


def test_missing_pages_are_refused(scan: Path) -> None:
    with pytest.raises(ImageError, match=r"scan\.pdf#4 does not exist: the file has 3 pages\."):
        read_image(f"{scan}#4")
    with pytest.raises(ImageError, match=r"gone\.pdf does not exist"):
        read_image(scan.with_name("gone.pdf#1"))
    scan.write_bytes(saved(page_with(0), "PNG"))
    with pytest.raises(ImageError, match=r"scan\.pdf#1 is not a page: .*scan\.pdf is not a PDF"):
        read_image(f"{scan}#1")


@pytest.mark.parametrize("name", ["photo.heic", "scan.pdf"])
def test_damaged_files_are_reported_in_one_line(name: str, tmp_path: Path) -> None:
    whole = heic_of(page_with(0)) if name == "photo.heic" else scan_of(page_with(0))
    path = tmp_path / name
    for content in (whole[:100], whole[: len(whole) // 2], whole[:16] + b"\xff" * 300):
        path.write_bytes(content)
        ((_, source),) = image_sources([str(path)])
        with pytest.raises(ImageError, match="damaged") as caught:
            read_image(source)
        assert str(caught.value).isprintable()
    path.write_bytes(b"")
    with pytest.raises(ImageError, match=r"is not an image; expected PNG, .*HEIC or PDF"):
        read_image(path)


def test_large_pages_are_rendered_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    inch = document(b"0 0 36 72 re f", (72, 72))
    assert read_image(inch).shape == (heic_and_pdf.PAGE_DPI, heic_and_pdf.PAGE_DPI)
    monkeypatch.setattr(heic_and_pdf, "MAX_PAGE_PIXELS", 10_000)
    page = read_image(inch)
    assert page.shape == (100, 100)
    assert page[50, 20] < 10
    assert page[50, 80] > 245
    for size in ((14_400, 14_400), (14_400, 1), (1e-9, 14_400), (0, 0)):
        assert 0 < read_image(document(b"", size)).size <= 10_100


def test_a_heic_file_that_lies_about_its_size_is_refused() -> None:
    content = bytearray(heic_of(page_with(0)))
    start = -1
    while (start := content.find(b"ispe\0\0\0\0", start + 1)) >= 0:
        content[start + 8 : start + 16] = struct.pack(">2I", 30_000, 30_000)
    with pytest.raises(ImageError):
        read_image(bytes(content))


def test_the_number_of_pages_of_a_pdf_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "many.pdf"
    path.write_bytes(many_pages(10**6))
    with pytest.raises(TooLargeError, match=r"many\.pdf has too many pages, 1,000,000; expected"):
        page_sources(path)
    assert [name for name, _ in image_sources([str(path)])] == [str(path)]


def test_the_number_of_pixels_of_a_heic_photo_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heic_and_pdf, "MAX_HEIC_PIXELS", 60 * 40 - 1)
    with pytest.raises(TooLargeError, match="too many pixels, 60 x 40"):
        read_image(heic_of(page_with(0)))


@pytest.mark.skipif(sys.platform != "linux", reason="the limits exist on Linux only")
def test_a_page_that_takes_too_long_is_refused_and_the_next_page_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heic_and_pdf, "MAX_CPU_SECONDS", 1)
    with pytest.raises(TooLargeError, match=r"too complex: .* 1 s of processor time"):
        read_image(nested_forms(8, 10))
    assert read_image(document(b"")).size


@pytest.mark.skipif(sys.platform != "linux", reason="the limits exist on Linux only")
def test_a_page_that_takes_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heic_and_pdf, "_PROCESS", heic_and_pdf._Process())
    monkeypatch.setattr(heic_and_pdf, "MAX_MEGABYTES", 20)
    with pytest.raises(TooLargeError):
        read_image(document(b"0 0 9 9 re f", (2000, 2000)))
    assert read_image(document(b"")).size


def test_a_decoding_process_that_cannot_be_started_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(heic_and_pdf, "_PROCESS", heic_and_pdf._Process())
    monkeypatch.setattr(subprocess, "Popen", fail)
    with pytest.raises(ImageError, match="cannot be decoded: Cannot allocate memory"):
        read_image(document(b""))


@pytest.mark.parametrize("library", ["pillow_heif", "pypdfium2"])
def test_the_error_for_a_missing_library_names_the_requirements_file(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = heic_of(page_with(0)) if library == "pillow_heif" else scan_of(page_with(0))
    monkeypatch.setattr(heic_and_pdf, "find_spec", lambda name: None if name == library else True)
    shown = library.replace("_", "-")
    with pytest.raises(UnknownFormatError) as caught:
        read_image(content)
    said = f"The input needs {shown}: pip install -r requirements/photos.txt"
    assert str(caught.value) == said


def test_sub_folders_are_listed_only_on_request(tmp_path: Path) -> None:
    for name in ("b.heic", "a/2.PDF", "a/10.png", "a/deep/x.jpg", ".hidden/y.png", "a/note.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in list_images(tmp_path)] == ["b.heic"]
    found = [str(path.relative_to(tmp_path)) for path in list_images(tmp_path, recursive=True)]
    assert found == ["b.heic", "a/2.PDF", "a/10.png", "a/deep/x.jpg"]
    if os.getuid():  # root can list every folder
        (tmp_path / "a" / "deep").chmod(0)
        assert tmp_path / "a" / "deep" in list_images(tmp_path, recursive=True)
        (tmp_path / "a" / "deep").chmod(0o700)


def test_reading_a_png_imports_no_optional_library() -> None:
    code = (
        "import sys; from common.recognizer import DigitRecognizer as D;"
        "D('models/pretrained.tflite').read('samples/3.png');"
        "print([m for m in ('pillow_heif', 'pypdfium2', 'tensorflow', 'matplotlib') "
        "if m in sys.modules])"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
