"""Forms are read by one process, several processes or Ray, and runs can be resumed."""

import csv
import io
import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROOT, Command, messages

SAMPLE = ROOT / "docs" / "order_form"
needs_ray = pytest.mark.skipif(not find_spec("ray"), reason="needs requirements/ray.txt")
ENGINES = [
    pytest.param((), id="one process"),
    pytest.param(("--jobs", "2"), id="two processes"),
    pytest.param(("--engine", "ray"), id="ray", marks=[needs_ray, pytest.mark.ray]),
]
READ = {"customer": "40718256", "date": "21112026", "article": "630914", "quantity": "25"}


@pytest.fixture
def words(tmp_path: Path) -> list[str | Path]:
    """The arguments that read three images: a filled form, another photo, and a filled form."""
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(SAMPLE / "filled.jpg", folder / "1.jpg")
    shutil.copy(ROOT / "samples" / "photo.jpg", folder / "2.jpg")
    shutil.copy(SAMPLE / "filled.jpg", folder / "3.jpg")
    for name in ("order.json", "empty.png"):
        shutil.copy(SAMPLE / name, tmp_path)
    return ["predict_image.py", "--fields", tmp_path / "order.json", folder]


def check(records: list[dict[str, object]]) -> None:
    """Asserts that both forms were read, and that the other image has an error."""
    assert [record["error"] is None for record in records] == [True, False, True]
    assert "cannot be aligned with the template" in str(records[1]["error"])
    assert records[1]["fields"] is None
    for record in (records[0], records[2]):
        fields = record["fields"]
        assert isinstance(fields, dict)
        assert READ.items() <= {name: field["text"] for name, field in fields.items()}.items()
        assert all(field["ok"] and field["reason"] is None for field in fields.values())


@pytest.mark.parametrize("engine", ENGINES)
def test_forms_are_read_by_every_engine(
    command: Command, words: list[str | Path], engine: tuple[str, ...]
) -> None:
    done = command(*words, *engine, "--json")
    assert (done.returncode, messages(done.stderr)) == (1, "")
    check([json.loads(line) for line in done.stdout.splitlines()])


def test_csv_has_one_row_for_each_form(command: Command, words: list[str | Path]) -> None:
    done = command(*words, "--csv")
    assert done.returncode == 1
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["customer"] for row in rows] == [READ["customer"], "", READ["customer"]]
    assert [bool(row["error"]) for row in rows] == [False, True, False]


def test_a_run_can_only_be_resumed_with_the_same_form(
    command: Command, words: list[str | Path], tmp_path: Path
) -> None:
    output = ("--output", tmp_path / "out")
    assert command(*words, *output).returncode == 1
    shard = tmp_path / "out" / "part-00000.jsonl"
    check([json.loads(line) for line in shard.read_text().splitlines()])
    assert command(*words, *output, "--resume").returncode == 0
    fields = tmp_path / "order.json"
    fields.write_text(fields.read_text().replace("[1, 4]", "[1, 3]"))
    refused = command(*words, *output, "--resume")
    assert refused.returncode == 2
    assert "Differences: the field file or its template" in refused.stderr


@pytest.mark.skipif(not find_spec("pyarrow"), reason="needs requirements/ray.txt")
def test_parquet_has_a_typed_column_for_each_field(
    command: Command, words: list[str | Path], tmp_path: Path
) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    assert command(*words, "--output", tmp_path / "out", "--parquet").returncode == 1
    table = parquet.read_table(tmp_path / "out" / "part-00000.parquet")
    check(table.to_pylist())
    types = {
        field.name: field.type for field in table.schema.field("fields").type.field("date").type
    }
    assert types == {
        "text": pa.string(),
        "confidence": pa.float64(),
        "ok": pa.bool_(),
        "reason": pa.string(),
        "plain": pa.string(),
    }


def test_a_bad_field_file_gives_one_line_and_exit_status_2(
    command: Command, words: list[str | Path], tmp_path: Path
) -> None:
    (tmp_path / "order.json").write_text(
        '{"fields": [{"name": "a", "box": [0, 0, 9], "digits": 1}]}'
    )
    done = command(*words, "--json")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "field 1 (a): box is [0, 0, 9]; expected left, top, width and height" in done.stderr


def test_the_sample_form_is_read_with_proposed_fields(command: Command, tmp_path: Path) -> None:
    shutil.copy(SAMPLE / "empty.png", tmp_path)
    proposed = command("predict_image.py", "--find-fields", tmp_path / "empty.png")
    assert (proposed.returncode, proposed.stderr) == (0, "")
    (tmp_path / "mine.json").write_text(proposed.stdout.replace('"digits": 4', '"digits": [1, 4]'))
    done = command(
        "predict_image.py", "--fields", tmp_path / "mine.json", "--json", SAMPLE / "filled.jpg"
    )
    assert json.loads(done.stdout)["lines"] == [*READ.values(), "08523"]
    both = command("predict_image.py", "--find-fields", tmp_path / "empty.png", "a.png")
    assert both.returncode == 2
    assert "omit IMAGE" in both.stderr


def test_explain_cannot_be_combined_with_fields(command: Command, words: list[str | Path]) -> None:
    done = command(*words, "--explain", "why")
    assert done.returncode == 2
    assert "--explain cannot be combined with --fields" in done.stderr
