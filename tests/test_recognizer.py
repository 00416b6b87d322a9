import io
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from common.data.datasets import Dataset
from common.data.glyphs import bundled_fonts
from common.data.handwriting import draw_digit, write_page
from common.images.contents import ImageError
from common.images.conversion import grey_page
from common.images.decoding import read_image
from common.images.listing import list_images
from common.preprocessing import network_input
from common.reading import Box, DigitReading
from common.recognizer import DigitRecognizer
from common.storage.card import load_card
from common.storage.model_files import PRETRAINED, load_predictor

SAMPLES = Path(__file__).resolve().parent.parent / "samples"


@pytest.mark.parametrize("quarters", range(4))
def test_a_sign_is_recognised_on_a_page_in_any_orientation(
    recognizer: DigitRecognizer, quarters: int
) -> None:
    ink = write_page(["24 53"], 80, np.random.default_rng(1))
    middle = round(np.flatnonzero(ink.any(axis=0)).mean())
    bottom = int(np.flatnonzero(ink.any(axis=1))[-1])
    cv2.circle(ink, (middle, bottom - 12), 9, 1.0, -1)
    noise = np.random.default_rng(2).integers(0, 20, ink.shape)  # prevents the shortcut
    page = (220 - 180 * ink - noise).astype(np.uint8)
    reading = recognizer.read(np.ascontiguousarray(np.rot90(page, quarters)))
    assert reading.text == "2453"
    assert [number.raw for number in reading.numbers] == ["24.53"]


def test_the_slashes_of_a_date_are_signs_and_not_digits(recognizer: DigitRecognizer) -> None:
    rng = np.random.default_rng(0)
    page = np.zeros((150, 20), np.float32)
    for mark in "21/11/2026":
        if mark == "/":
            ink = np.zeros((115, 70), np.float32)
            cv2.line(ink, (64, 5), (6, 109), 1.0, 8, cv2.LINE_AA)
        else:
            ink = np.pad(draw_digit(int(mark), 80, rng), ((0, 20), (6, 6)))
        page = np.hstack([page, np.pad(ink, ((130 - len(ink), 20), (4, 4)))])
    reading = recognizer.read(np.rint(255 - 255 * page).astype(np.uint8))
    assert reading.text == "21112026"
    assert [number.raw for number in reading.numbers if number.raw] == ["21/11/2026"]
    assert [mark.digit for mark in reading.left_out] == [1, 1]


def test_a_printed_comma_is_not_a_digit(recognizer: DigitRecognizer) -> None:
    page = Image.new("L", (120, 60), 255)
    font = next(font for font in bundled_fonts() if font.getname() == ("DejaVu Sans Mono", "Book"))
    ImageDraw.Draw(page).text((20, 20), "4,683", 0, font.font_variant(size=20))
    assert recognizer.read(page).text == "4683"


@pytest.fixture(scope="module")
def recognizer() -> DigitRecognizer:
    return DigitRecognizer(PRETRAINED)


def page_image(lines: list[str], seed: int = 0) -> np.ndarray:
    page = write_page(lines, 60, np.random.default_rng(seed), 0.12)
    return np.rint(255 - 255 * page).astype(np.uint8)


def test_paths_bytes_images_and_arrays_give_the_same_reading(
    recognizer: DigitRecognizer, tmp_path: Path
) -> None:
    pixels = page_image(["60", "25"])
    path = tmp_path / "page.png"
    Image.fromarray(pixels).save(path)
    readings = [
        recognizer.read(source)
        for source in (path, str(path), path.read_bytes(), Image.fromarray(pixels), pixels)
    ]
    assert {reading.text for reading in readings} == {readings[0].text}
    assert [len(line) for line in readings[0].lines] == [2, 2]
    assert readings[0].image == str(path)


def test_a_pillow_image_is_turned_upright_like_its_file(
    recognizer: DigitRecognizer, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.png"
    turned = np.ascontiguousarray(np.rot90(page_image(["251"])))
    Image.fromarray(turned).save(path, exif=exif)
    with Image.open(path) as image:
        assert len(recognizer.read(image).lines) == 1
        assert recognizer.read(image).text == recognizer.read(path).text


def test_the_pretrained_model_reads_every_sample() -> None:
    recognizer = DigitRecognizer(PRETRAINED)
    texts = {path.name: recognizer.read(path).text for path in list_images(SAMPLES)}
    assert texts == {
        "2_transparent.png": "2",
        "3.png": "3",
        "5_chalk.png": "5",
        "7.jpeg": "7",
        "8_tiny.png": "8",
        "letters.png": "",
        "notebook.jpg": "3064\n1829\n57",
        "number.png": "60417",
        "pencil.jpg": "8062\n93175",
        "photo.jpg": "4951\n70238",
        "two_lines.png": "2859\n1603",
    }


def test_the_card_of_the_pretrained_model_matches_its_files() -> None:
    for kind in (".keras", ".tflite"):
        card = load_card(PRETRAINED.with_suffix(kind))
        assert card is not None
        assert card["test_accuracy"] > 0.995


def test_marks_below_the_confidence_threshold_are_ignored() -> None:
    letters, number = SAMPLES / "letters.png", SAMPLES / "number.png"
    reading = DigitRecognizer(PRETRAINED).read(letters)
    assert (reading.text, reading.confidence) == ("", None)
    everything = DigitRecognizer(PRETRAINED, min_confidence=0).read(letters)
    assert (len(everything.digits), everything.left_out) == (5, ())
    nothing = DigitRecognizer(PRETRAINED, min_confidence=1).read(number)
    assert (nothing.text, len(nothing.left_out)) == ("", 5)


def test_json_lists_the_ignored_marks_and_names_the_models() -> None:
    recognizer = DigitRecognizer(PRETRAINED)
    sources = [("letters.png", SAMPLES / "letters.png"), ("gone.png", SAMPLES / "gone.png")]
    letters, gone = (reading.as_dict(top=3) for reading in recognizer.read_many(sources))
    assert (letters["digits"], gone["ignored"]) == ([], [])
    assert [len(mark["alternatives"]) for mark in letters["ignored"]] == [3] * 5
    models = {"classifier": "pretrained.tflite", "finder": "pretrained_finder.tflite"}
    assert letters["models"] == gone["models"] == models


PAGE = np.full((200, 200), 255, np.uint8)


def marks_of(*marks: tuple[int, float, int]) -> list[DigitReading]:
    """Returns marks in reading order, each given by its digit, confidence and line."""
    return [
        DigitReading(digit, confidence, 0, Box(30 * number, 50 * line, 20, 30), (0.1,) * 10)
        for number, (digit, confidence, line) in enumerate(marks)
    ]


def test_a_line_without_confident_digits_is_left_out() -> None:
    marks = marks_of((3, 0.9, 0), (4, 0.9, 0), (5, 0.2, 1), (6, 0.9, 2), (7, 0.9, 2))
    reading = DigitRecognizer(PRETRAINED)._reading("page", PAGE, marks)
    assert reading.lines == ["34", "67"]
    assert [mark.digit for mark in reading.left_out] == [5]


def test_a_higher_threshold_ignores_only_digits_below_it() -> None:
    marks = marks_of(*((digit, confidence, 0) for digit, confidence in enumerate((0.99, 0.85))))
    assert DigitRecognizer(PRETRAINED, 0.9)._reading("page", PAGE, marks).text == "0"


def test_colour_arrays_are_read_in_the_channel_order_of_opencv() -> None:
    bgra = np.zeros((2, 3, 4), np.uint8)
    bgra[..., 0] = 250  # blue becomes dark grey
    bgra[..., 3] = 255
    bgra[0, 0] = (0, 250, 0, 255)  # green becomes light grey
    bgra[1, 2] = (0, 0, 250, 255)  # red
    expected = cv2.cvtColor(bgra, cv2.COLOR_BGRA2GRAY).astype(int)
    assert np.abs(grey_page(bgra) - expected).max() <= 1
    assert np.abs(grey_page(bgra[..., :3]) - expected).max() <= 1
    assert (grey_page(bgra[..., :1]) == bgra[..., 0]).all()
    assert (grey_page(bgra[::-1, ::-1, :3]) == grey_page(bgra[..., :3])[::-1, ::-1]).all()


def test_a_transparent_array_is_read_like_its_file() -> None:
    path = SAMPLES / "2_transparent.png"
    array = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert array is not None
    assert array.shape[2] == 4
    assert (grey_page(array) == read_image(path)).all()


def test_open_files_are_read_like_their_paths(recognizer: DigitRecognizer) -> None:
    path = SAMPLES / "3.png"
    with path.open("rb") as file:
        assert recognizer.read(file).text == recognizer.read(path).text
    with pytest.raises(ImageError, match="The input is not an image"):
        recognizer.read(io.BytesIO(b"no image"))
    with (
        path.open(encoding="latin-1") as text,
        pytest.raises(ImageError, match=r"Got TextIOWrapper; expected a path, .* binary mode"),
    ):
        recognizer.read(text)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="Got NoneType; expected a path"):
        recognizer.read(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((9, 9), float),
        ((9, 9), np.uint16),
        ((9, 9), bool),
        ((9, 9, 3), np.float32),
        ((9, 9, 2), np.uint8),
        ((9, 9, 5), np.uint8),
        ((3, 9, 9), np.uint8),
        ((1, 9, 9, 3), np.uint8),
        ((9,), np.uint8),
        ((0, 9), np.uint8),
    ],
)
def test_errors_for_unusable_arrays_say_what_was_received_and_expected(
    shape: tuple[int, ...], dtype: type
) -> None:
    received = rf"Got an array of {np.dtype(dtype)} and shape {re.escape(str(shape))}; expected "
    with pytest.raises(ImageError, match=rf"{received}uint8 .*\(height, width\), .*blue, green"):
        grey_page(np.zeros(shape, dtype))


def test_each_reading_has_the_name_of_its_image_even_among_broken_images(
    recognizer: DigitRecognizer, tmp_path: Path
) -> None:
    sources: list[tuple[str, str | Path | bytes]] = []
    expected: dict[str, int | None] = {}
    for number in range(80):
        path = tmp_path / f"{number}.png"
        if number % 7 == 3:
            path.write_bytes(b"broken")
            expected[path.name] = None
        else:
            lines = ["1" * (1 + number % 5)]
            Image.fromarray(page_image(lines, number)).save(path)
            expected[path.name] = len(lines[0])
        sources.append((path.name, path))
    readings = list(recognizer.read_many(sources))
    assert [reading.image for reading in readings] == [name for name, _ in sources]
    counts = {r.image: None if r.error else len(r.digits + r.left_out) for r in readings}
    assert counts == expected


def test_boxes_on_a_large_image_are_in_pixels_of_the_original(
    recognizer: DigitRecognizer,
) -> None:
    page = np.full((3000, 4000), 255, np.uint8)
    ink = draw_digit(4, 400, np.random.default_rng(0), 0.1)
    page[1000 : 1000 + ink.shape[0], 2000 : 2000 + ink.shape[1]] -= np.rint(255 * ink).astype(
        np.uint8
    )
    rows, columns = np.nonzero(page < 128)
    box = recognizer.read(page).digits[0].box
    assert (box.x, box.y) == pytest.approx((columns.min(), rows.min()), abs=4)
    assert (box.right, box.bottom) == pytest.approx((columns.max() + 1, rows.max() + 1), abs=4)


def test_blank_paper_has_no_digits(recognizer: DigitRecognizer) -> None:
    assert recognizer.read(np.full((100, 100), 240, np.uint8)).text == ""
    noise = np.random.default_rng(0).normal(130, 2, (80, 80))
    assert recognizer.read(noise.astype(np.uint8)).text == ""
    assert recognizer.read(np.full((1, 1), 0, np.uint8)).text == ""


@pytest.mark.parametrize("bright", [False, True])
def test_nearly_all_digits_that_fill_a_tiny_image_are_read(bright: bool) -> None:
    # The digits are stretched to 16x16 black and white pixels, as in old data sets.
    recognizer, rng = DigitRecognizer(PRETRAINED), np.random.default_rng(0)
    digits = [*range(10)] * 4
    readings = []
    for digit in digits:
        ink = cv2.resize(
            draw_digit(digit, 60, rng, pen=0.12), (16, 16), interpolation=cv2.INTER_AREA
        )
        image = np.where((ink > 0.4) == bright, 255, 0).astype(np.uint8)
        readings.append(recognizer.read(image).text)
    assert sum(text == str(digit) for text, digit in zip(readings, digits, strict=True)) >= 37


@pytest.mark.parametrize("digit", [2, 3, 5, 6, 8])
def test_a_small_digit_in_two_pieces_is_one_digit(digit: int) -> None:
    ink = np.pad(draw_digit(digit, 20, np.random.default_rng(3)), 4)
    ink[:, ink.shape[1] // 2] = 0
    (read,) = DigitRecognizer(PRETRAINED).read(np.uint8(255 - 255 * ink)).digits
    assert read.digit == digit
    assert read.box.height == pytest.approx(20, abs=5)


def test_mnist_digits_on_a_page_are_read_about_as_accurately_as_the_original_pictures(
    mnist: Dataset,
) -> None:
    # `benchmarks/mnist_on_paper.py` measures the accuracy for many sizes and noise levels.
    images, labels = mnist.test_images[:300], mnist.test_labels[:300]
    recognizer = DigitRecognizer(PRETRAINED)
    raw = load_predictor(PRETRAINED).predict(network_input(images)).argmax(axis=1)
    generator = np.random.default_rng(0)
    correct = 0
    for image, label in zip(images, labels, strict=True):
        page = np.full((420, 420), generator.choice([255, 190]), np.uint8)
        large = np.kron(image, np.ones((10, 10), np.uint8))
        top, left = generator.integers(0, 140, 2)
        part = page[top : top + 280, left : left + 280]
        part[:] = np.rint(part * (1 - large / 255.0)).astype(np.uint8)
        correct += recognizer.read(page).text == str(label)
    assert correct >= (raw == labels).sum() - 2


def test_threads_can_share_a_recognizer() -> None:
    recognizer = DigitRecognizer()
    paths = [SAMPLES / name for name in ("3.png", "two_lines.png", "photo.jpg")] * 4
    expected = [recognizer.read(path).as_dict(9) for path in paths]
    with ThreadPoolExecutor(4) as pool:
        readings = pool.map(recognizer.read, paths)
        assert [reading.as_dict(9) for reading in readings] == expected
