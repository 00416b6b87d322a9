from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from common.evaluation import annotation
from common.reading import Box, DigitReading, Reading


def test_a_small_image_is_enlarged_and_its_digit_gets_a_box(tmp_path: Path) -> None:
    path = tmp_path / "tiny.png"
    Image.new("RGBA", (28, 28)).save(path)
    digit = DigitReading(3, 0.99, 0, Box(5, 6, 10, 12), (0.1,) * 10)
    drawn = annotation.annotated(path, Reading("tiny.png", (digit,)))
    assert drawn.mode == "RGB"
    drawn = drawn.crop((0, 0, 28 * 14, 28 * 14))
    green = (np.asarray(drawn) == (0x00, 0x9E, 0x73)).all(axis=2)
    columns = np.flatnonzero(green.any(axis=0))
    assert columns.min() == pytest.approx(5 * 14, abs=4)
    assert columns.max() == pytest.approx(15 * 14, abs=4)


def texts_of(monkeypatch: pytest.MonkeyPatch, path: Path, reading: Reading) -> list[str]:
    """Annotates an image, and returns the texts that are drawn on it."""
    texts: list[str] = []
    real = ImageDraw.ImageDraw.text

    def text(self: ImageDraw.ImageDraw, place: Any, text: str, *rest: Any, **more: Any) -> None:
        texts.append(text)
        real(self, place, text, *rest, **more)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)
    annotation.annotated(path, reading)
    return texts


def mark(digit: int, confidence: float, box: Box) -> DigitReading:
    return DigitReading(digit, confidence, 0, box, (0.1,) * 10)


def test_digits_are_labelled_with_their_confidence_and_a_legend_explains_the_colours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.png"
    Image.new("L", (500, 500), 255).save(path)
    digits = mark(3, 0.9996, Box(50, 60, 40, 80)), mark(7, 0.61, Box(150, 60, 40, 80))
    ignored = mark(1, 0.2, Box(300, 300, 30, 30)), mark(1, 0.2, Box(400, 300, 30, 30))
    texts = texts_of(monkeypatch, path, Reading("page.png", digits, ignored))
    assert texts[:4] == ["3", "99%", "7?", "61%"]
    assert texts[4:] == [
        "digit and confidence, 90% or more",
        "digit and confidence, less than 90%",
        "2 marks ignored: not digits, or too uncertain",
    ]
    assert texts_of(monkeypatch, path, Reading("page.png")) == ["no digits found"]


@pytest.mark.parametrize("size", [(600, 450), (450, 600), (2000, 100), (60, 1000)])
def test_annotated_images_keep_the_coordinates_of_the_image(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    path = tmp_path / "page.png"
    pixels = np.random.default_rng(0).integers(0, 255, (size[1], size[0]), np.uint8)
    Image.fromarray(pixels).save(path)
    box = Box(0, 0, 30, 40)  # at the edge: no space for a label outside the box
    reading = Reading("page.png", (mark(3, 0.99, box),), (mark(1, 0.2, Box(20, 70, 20, 20)),))
    annotated = np.asarray(annotation.annotated(path, reading))
    assert annotated.shape[0] > size[1]
    drawn = annotated[: size[1], : size[0], 0]
    changed = np.argwhere(drawn != pixels)
    assert changed.min(axis=0).tolist() == [0, 0]
    assert (changed.max(axis=0) <= (92, 60)).all()  # nothing is drawn away from the marks


def test_each_page_of_a_pdf_gets_its_own_file(tmp_path: Path) -> None:
    drawn: Counter[str] = Counter()
    names = ["in/scan.pdf#1", "in/scan.pdf#12", "scan.png", "a#1.png", "-", "b/scan.PNG"]
    paths = [annotation.new_picture(tmp_path, name, "read", drawn, set()).name for name in names]
    assert paths[:4] == ["scan-1_read.png", "scan-12_read.png", "scan_read.png", "a#1_read.png"]
    assert paths[4:] == ["stdin_read.png", "scan_read_2.png"]


def test_only_interactive_backends_count_as_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import pyplot

    for backend, windows in (("agg", False), ("svg", False), ("TkAgg", True)):
        monkeypatch.setattr(pyplot, "get_backend", lambda name=backend: name)
        assert annotation.has_screen() is windows


def test_annotated_sixteen_bit_images_keep_their_contrast(tmp_path: Path) -> None:
    values = np.full((500, 500), 40_000, np.uint16)
    values[100:200, 100:200] = 5_000
    Image.fromarray(values).save(tmp_path / "deep.png")
    drawn = np.asarray(annotation.annotated(tmp_path / "deep.png", Reading("deep.png")))
    assert drawn[150, 150].max() < 20
    assert drawn[400, 400].min() > 200
