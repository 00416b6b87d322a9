"""Digits of values that people checked on a review page become training data."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, Command

from common import UserError
from common.data.corrections import keep_corrections
from common.data.datasets import Dataset, load_own_digits
from common.forms.reading import FieldReading, FieldRecord, FormReading
from common.forms.review import ReviewPage

SAMPLE = ROOT / "docs" / "order_form"
CORNERS = ((0.0, 0.0), (20.0, 0.0), (20.0, 10.0), (0.0, 10.0))


def reviewed(folder: Path, rows: list[dict[str, str]]) -> Path:
    """Writes a CSV file like that of the review page, and returns its path."""
    path = folder / "review.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ("image", "field", "read", "value", "digits"))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def images(digits: Dataset) -> list[np.ndarray]:
    """Pictures of the digits 5, 0, 4 and 1."""
    return [digits.train_images[digits.train_labels == digit][0] for digit in (5, 0, 4, 1)]


@pytest.fixture
def strip(tmp_path: Path, images: list[np.ndarray]) -> str:
    """The name of the picture in which a review saved the digits of the value 5041."""
    record = FieldRecord("5041", 0.4, False, "doubtful", None)
    field = FieldReading("day", record, CORNERS, tuple(image.tobytes() for image in images))
    ReviewPage(tmp_path / "review.html").add(
        SAMPLE / "empty.png", FormReading("a.png", fields=(field,))
    )
    (saved,) = (tmp_path / "digits").iterdir()
    return f"digits/{saved.name}"


def test_digits_of_checked_values_become_training_data(
    tmp_path: Path, strip: str, images: list[np.ndarray]
) -> None:
    path = reviewed(tmp_path, [{"value": "5041", "digits": strip}])
    assert keep_corrections(path, tmp_path).endswith(": 4, from 1 of 1 values.")
    data = load_own_digits(str(tmp_path))
    labels = [*data.train_labels, *data.test_labels]
    assert sorted(labels) == [0, 1, 4, 5]
    loaded = np.concatenate([data.train_images, data.test_images])
    five = loaded[labels.index(5)]
    assert np.corrcoef(five.ravel(), images[0].ravel())[0, 1] > 0.95


def test_a_later_label_of_a_digit_replaces_the_first(tmp_path: Path, strip: str) -> None:
    for value in ("5041", "3041"):
        keep_corrections(reviewed(tmp_path, [{"value": value, "digits": strip}]), tmp_path)
    assert sorted(path.parent.name for path in tmp_path.glob("[0-9]/*.png")) == [*"0134"]


def test_values_that_do_not_match_the_saved_digits_are_counted_but_not_used(
    tmp_path: Path, strip: str
) -> None:
    values = ["504", "50412", "504x", "", "5041"]
    rows = [{"value": value, "digits": strip} for value in values]
    rows.append({"value": "7", "digits": ""})
    said = keep_corrections(reviewed(tmp_path, rows), tmp_path)
    assert ": 4, from 1 of 6 values." in said
    assert "A value is not used if it is not a number" in said


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../secret.png", "expected a name that the review page saved"),
        ("digits/0123456789abcdef.png", "Name the folder of this review"),
    ],
)
def test_pictures_that_the_review_did_not_save_are_refused(
    tmp_path: Path, name: str, expected: str
) -> None:
    path = reviewed(tmp_path, [{"value": "5", "digits": name}])
    with pytest.raises(UserError, match=expected):
        keep_corrections(path, tmp_path)


@pytest.mark.parametrize("content", [b"a;b\n1;2\n", b"", b"\xff\xfe", b'value,digits\n"1'])
def test_a_file_that_is_not_a_review_is_refused_and_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "review.csv").write_bytes(content)
    with pytest.raises(UserError, match=r"review\.csv"):
        keep_corrections(tmp_path / "review.csv", tmp_path)


def test_the_command_saves_the_digits_that_the_review_page_shows(
    called: Command, tmp_path: Path
) -> None:
    review = ("predict_image.py", "--review", tmp_path)
    order = json.loads((SAMPLE / "order.json").read_text())
    order["template"] = str(SAMPLE / "empty.png")
    order["fields"][2]["pattern"] = "9+"  # the value 630914 does not match
    (tmp_path / "order.json").write_text(json.dumps(order))
    done = called(*review, "--fields", tmp_path / "order.json", SAMPLE / "filled.jpg")
    assert done.returncode == 0, done.stderr
    (strip,) = (tmp_path / "digits").iterdir()
    path = reviewed(tmp_path, [{"value": "630914", "digits": f"digits/{strip.name}"}])
    done = called(*review, "--corrections", path)
    assert done.returncode == 0, done.stderr
    assert ": 6, from 1 of 1 values." in done.stdout
    assert sorted(path.parent.name for path in tmp_path.glob("[0-9]/*.png")) == [*"013469"]
    refused = called("predict_image.py", "--corrections", tmp_path / "review.csv")
    assert refused.returncode == 2
    assert "--corrections needs --review" in refused.stderr
