from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.evaluation import annotation
from common.reading import Box, DigitReading, Reading


def test_a_small_image_is_enlarged_and_its_digit_framed(tmp_path: Path) -> None:
    path = tmp_path / "tiny.png"
    Image.new("RGBA", (28, 28)).save(path)
    digit = DigitReading(3, 0.99, 0, Box(5, 6, 10, 12), (0.1,) * 10)
    drawn = annotation.annotated(path, Reading("tiny.png", (digit,)))
    assert drawn.mode == "RGB"
    assert drawn.width == 28 * 14
    green = (np.asarray(drawn) == (0x00, 0x9E, 0x73)).all(axis=2)
    columns = np.flatnonzero(green.any(axis=0))
    assert columns.min() == pytest.approx(5 * 14, abs=4)
    assert columns.max() == pytest.approx(15 * 14, abs=4)


def test_only_interactive_backends_have_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
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
