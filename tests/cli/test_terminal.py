"""Names chosen by strangers cannot control the terminal or a spreadsheet."""

import csv
from pathlib import Path

import pytest
from conftest import ROOT, Command

from common.cli.arguments import ArgumentParser

MODEL = ("--model", ROOT / "models" / "pretrained.tflite")
ESCAPE = "\x1b[2J\x1b[31m"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("predict_image.py", ("--jobs", "2", f"--{ESCAPE}")),
        ("predict_image.py", (f"--top={ESCAPE}",)),
        ("predict_image.py", (f"--js={ESCAPE}",)),
        ("evaluate_model.py", (f"{ESCAPE}.png",)),
        ("train_model.py", (f"{ESCAPE}.png",)),
        ("train_model.py", (f"--preset={ESCAPE}",)),
    ],
)
def test_usage_messages_escape_control_characters(
    called: Command, script: str, words: tuple[str, ...]
) -> None:
    done = called(script, *words)
    assert done.returncode == 2
    assert "\x1b" not in done.stdout + done.stderr
    assert "\\x1b[2J" in done.stderr


def test_every_parser_escapes_control_characters(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ArgumentParser().parse_args([ESCAPE])
    assert "unrecognized arguments: \\x1b[2J\\x1b[31m\n" in capfd.readouterr().err
    scripts = [*ROOT.glob("*.py"), *ROOT.glob("benchmarks/*.py")]
    assert [path.name for path in scripts if "argparse.ArgumentParser(" in path.read_text()] == []


def test_the_printed_path_of_a_report_escapes_control_characters(
    called: Command, tmp_path: Path
) -> None:
    model = ROOT / "models" / "pretrained.tflite"
    report = tmp_path / f"{ESCAPE}.json"
    done = called(*("evaluate_model.py", "--data", "digits", "--model", model, "--json", report))
    assert done.returncode == 0
    assert report.exists()
    assert "\x1b" not in done.stdout + done.stderr


def test_no_file_name_becomes_a_spreadsheet_formula(command: Command, tmp_path: Path) -> None:
    starts = ["=", "+", "-", "@", "\N{FULLWIDTH EQUALS SIGN}"]
    (tmp_path / "list.txt").write_text("".join(f"{start}1+1.png\n" for start in starts))
    table = command("predict_image.py", "--csv", "--files-from", tmp_path / "list.txt", *MODEL)
    for start, (name, *_, error) in zip(
        starts, list(csv.reader(table.stdout.splitlines()))[1:], strict=True
    ):
        assert name == f"./{start}1+1.png"
        assert error == f"./{start}1+1.png does not exist."
