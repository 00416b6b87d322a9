"""Whole images are scored, and `labels.csv` files are read."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common import UserError
from common.data.datasets import Dataset
from common.data.evaluation_pages import condition_pages
from common.evaluation.reader import (
    MAX_KEPT,
    MisreadImages,
    evaluate_conditions,
    evaluate_folder,
    read_labels,
)
from common.evaluation.scores import (
    Outcome,
    edit_distance,
    matched_boxes,
    reading_table,
    report_of,
    score,
)
from common.recognizer import DigitRecognizer
from common.storage.model_files import PRETRAINED

BOX = np.array([[10.0, 10.0, 20.0, 40.0]])


def outcome(written: str, read: str, group: str = "kind") -> Outcome:
    digits = tuple(int(digit) for digit in read.replace("/", ""))
    return Outcome(group, written, read, digits, np.tile(BOX, (len(digits), 1)))


@pytest.fixture(scope="module")
def recognizer() -> DigitRecognizer:
    return DigitRecognizer(PRETRAINED)


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [("", "", 0), ("123", "123", 0), ("", "12", 2), ("123", "13", 1), ("123", "453", 2)],
)
def test_the_edit_distance_is_symmetric_and_minimal(one: str, other: str, distance: int) -> None:
    assert edit_distance(one, other) == edit_distance(other, one) == distance


def test_a_wrong_line_break_is_not_a_digit_error() -> None:
    result = score("kind", [outcome("12/3", "12/3"), outcome("12/3", "123"), outcome("4", "")])
    assert (result.exact, result.exact_but_line_breaks) == pytest.approx((1 / 3, 2 / 3))
    assert (result.digits, result.digit_errors) == (7, 1)
    assert result.digit_error_rate == pytest.approx(1 / 7)


def test_digits_found_on_empty_pages_are_errors_but_give_no_error_rate() -> None:
    result = score("none", [outcome("", "71"), outcome("", "")])
    assert (result.exact, result.digit_errors, result.digit_error_rate) == (0.5, 2, None)


def test_box_precision_and_recall_count_each_digit_once() -> None:
    true = np.array([[0.0, 0, 10, 10], [50, 0, 10, 10], [90, 0, 10, 10]])
    found = np.array([[2.0, 0, 10, 10], [0, 0, 10, 10], [54, 0, 10, 10], [90, 0, 10, 19]])
    # Of two boxes on one digit, the better one counts. An overlap of 6/14 is too small, and 10/19
    # is large enough.
    assert matched_boxes(found, true) == [(1, 0), (3, 2)]
    result = score("page", [Outcome("page", "123", "1123", (1, 1, 2, 3), found, true)])
    assert (result.box_precision, result.box_recall) == pytest.approx((2 / 4, 2 / 3))


def test_without_boxes_precision_and_recall_are_undefined() -> None:
    result = score("kind", [outcome("1", "1")])
    assert result.box_precision is result.box_recall is None
    nothing = np.zeros((0, 4))
    empty = score("empty", [Outcome("empty", "", "", (), nothing, nothing)])
    assert empty.box_precision is empty.box_recall is None


def test_a_report_has_a_score_per_group_and_one_overall() -> None:
    report = report_of([outcome("1", "1", "a"), outcome("2", "3", "b"), outcome("4", "4", "a")])
    assert [(group.name, group.images, group.exact) for group in report.groups] == [
        ("a", 2, 1.0),
        ("b", 1, 0.0),
    ]
    assert report.as_dict()["overall"]["exact"] == pytest.approx(2 / 3)


def test_the_table_shows_box_scores_only_if_boxes_are_known() -> None:
    made_up = Outcome("empty", "", "7", (7,), BOX, np.zeros((0, 4)))
    heading, row, _ = reading_table(report_of([made_up]), "condition").splitlines()
    assert heading.split()[-4:] == ["box", "precision", "box", "recall"]
    assert row.split() == ["empty", "1", "0.0%", "0.0%", "-", "0.0%", "-"]
    heading, row, _ = reading_table(report_of([outcome("1", "1")]), "kind").splitlines()
    assert "box" not in heading
    assert row.split() == ["kind", "1", "100.0%", "100.0%", "0.0%"]


def test_the_worst_images_of_each_group_are_kept_and_groups_alternate() -> None:
    images = MisreadImages()
    for wrong in range(1, MAX_KEPT + 10):
        images.add(outcome("1" * 40, "1" * (40 - wrong), "a"), np.zeros((1000, 20), np.uint8))
    images.add(outcome("12", "", "b"), np.zeros((5, 8), np.uint8))
    kept = images.in_turn()
    assert [misread.outcome.group for misread in kept[:3]] == ["a", "b", "a"]
    errors = [misread.outcome.errors for misread in kept if misread.outcome.group == "a"]
    assert errors == list(range(MAX_KEPT + 9, 9, -1))
    assert max(kept[0].image.shape) < 500
    assert (kept[1].image.shape, kept[1].scale) == ((5, 8), 1.0)


def test_generated_pages_are_scored_by_condition(
    recognizer: DigitRecognizer, digits: Dataset
) -> None:
    names = ("drawing", "several lines", "turned")
    images, labels = digits.test_images, digits.test_labels
    evaluation = evaluate_conditions(recognizer.read, images, labels, 4, names)
    scores = {group.name: group for group in evaluation.report.groups}
    assert tuple(scores) == names
    assert all(group.images == 4 for group in scores.values())
    for name in names:
        texts = [page.text for page in condition_pages(name, images, labels, 4)]
        assert scores[name].digits == sum(len(text.replace("/", "")) for text in texts)
    lines = scores["several lines"]
    assert lines.box_recall is not None
    assert lines.box_recall > 0.8  # on plain pages, boxes fit the ink
    wrong = sum(round(group.images * (1 - group.exact)) for group in scores.values())
    assert len(evaluation.misread) == wrong


def draw(path: Path, digit: np.ndarray) -> None:
    Image.fromarray(255 - np.repeat(np.repeat(digit, 3, axis=0), 3, axis=1)).save(path)


@pytest.fixture
def folder(tmp_path: Path, digits: Dataset) -> Path:
    """A folder with three images of one digit each and a blank image."""
    for number in range(3):
        draw(tmp_path / f"{number}.png", digits.test_images[number])
    draw(tmp_path / "blank.png", np.zeros((28, 28), np.uint8))
    return tmp_path


def write_labels(folder: Path, *lines: str) -> None:
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_labelled_images_are_scored_by_kind(
    recognizer: DigitRecognizer, digits: Dataset, folder: Path
) -> None:
    right = digits.test_labels[:3]
    rows = [f"{number}.png,{label},drawn,x" for number, label in enumerate(right[:2])]
    rows.append(f"2.png,{right[2]}/{right[2]},doubled,x")
    write_labels(folder, "path,label,kind,by", *rows, "blank.png,,none,x")
    evaluation = evaluate_folder(recognizer, folder)
    assert {group.name: group.exact for group in evaluation.report.groups} == {
        "drawn": 1.0,
        "doubled": 0.0,
        "none": 1.0,
    }
    assert [misread.outcome.group for misread in evaluation.misread] == ["doubled"]
    assert evaluation.unreadable == ()


def test_unreadable_images_are_named_and_the_other_images_are_scored(
    recognizer: DigitRecognizer, digits: Dataset, folder: Path
) -> None:
    (folder / "broken.png").write_bytes(b"x")
    write_labels(
        folder, "path,label", f"0.png,{digits.test_labels[0]}", "broken.png,3", "missing.png,3"
    )
    evaluation = evaluate_folder(recognizer, folder)
    assert (evaluation.report.overall.images, evaluation.report.overall.exact) == (1, 1.0)
    broken, missing = evaluation.unreadable
    assert "broken.png" in broken
    assert "missing.png does not exist" in missing


def test_evaluation_fails_if_no_image_can_be_read(
    recognizer: DigitRecognizer, tmp_path: Path
) -> None:
    write_labels(tmp_path, "path,label", "missing.png,3")
    with pytest.raises(UserError, match=r"None of the 1 images .*missing\.png does not exist"):
        evaluate_folder(recognizer, tmp_path)


def test_labels_saved_by_a_spreadsheet_are_read(tmp_path: Path) -> None:
    content = 'path,label\r\na.png," 12/3 "\r\nb.png,\r\n'
    (tmp_path / "labels.csv").write_bytes(content.encode("utf-8-sig"))
    rows = read_labels(tmp_path)
    assert [(row.path, row.label, row.kind) for row in rows] == [
        ("a.png", "12/3", ""),
        ("b.png", "", ""),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has 0 rows and the columns none"),
        (b"path,label\n", "has 0 rows"),
        (b"file,label\na.png,1\n", "columns file, label; expected .* path and label"),
        (b"path,label\na.png,1\nb.png,12a\n", "line 3: .*'12a'; expected"),
        (b"path,label\na.png,1//2\n", "line 2: .*'1//2'"),
        (b"path,label\n,1\n", "line 2: got path ''"),
        (b"path,label\na.png\n\xff\n", "is not a CSV file in UTF-8"),
        (b"path,label\n" + b'"' + b"x" * 200_000, "is not a CSV file"),
    ],
)
def test_unusable_labels_are_refused_in_one_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_labels(tmp_path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_the_calibration_compares_confidence_with_accuracy() -> None:
    boxes = np.tile(BOX, (4, 1))
    outcome = Outcome("page", "12/3", "19/23", (1, 9, 2, 3), boxes, None, (0.9, 0.6, 0.9, 0.6))
    assert outcome.right == [True, False, True, True]
    calibration = report_of([outcome]).calibration
    assert calibration is not None
    assert (calibration.digits, calibration.right) == (4, 0.75)
    assert calibration.confidence == pytest.approx(0.75)
    assert calibration.ece == pytest.approx((2 * 0.1 + 2 * 0.1) / 4)
    assert report_of([Outcome("page", "1", "", (), boxes[:0])]).calibration is None
