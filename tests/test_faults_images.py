"""An unreadable image is reported in one line, and the other images are still read."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, Command, messages
from faults import odd_images, png_of_size, saved, write_all
from PIL import Image

NO_IMAGE = "The input is not an image; expected PNG, JPEG, BMP, GIF, TIFF, WEBP, HEIC or PDF."
MODEL = ("--model", ROOT / "models" / "pretrained.tflite")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all unusual images, a sub-folder, a pipe and two broken links."""
    path = tmp_path_factory.mktemp("odd")
    write_all(odd_images(), path)
    (path / "folder.png").mkdir()
    os.mkfifo(path / "pipe.png")
    (path / "loop.png").symlink_to("loop.png")
    (path / "nowhere.png").symlink_to("missing.png")
    return path


def test_every_image_gets_its_own_record(command: Command, folder: Path) -> None:
    done = command("predict_image.py", *MODEL, "--json", folder, timeout=60)
    assert done.returncode == 1
    records = {Path(r["image"]).name: r for r in map(json.loads, done.stdout.splitlines())}
    expected = {name: text for name, (_, text) in odd_images().items()}
    expected |= {"two.tiff#1": expected.pop("two.tiff"), "two.tiff#2": ""}
    del expected["bits2.tiff"]  # the directory of its second page is damaged
    expected |= {"bits2.tiff#1": None, "bits2.tiff#2": None}
    expected |= {"folder.png": None, "pipe.png": None, "loop.png": None, "nowhere.png": None}
    expected["no_utf8_\\udcff.png"] = expected.pop(os.fsdecode(b"no_utf8_\xff.png"))
    assert {name: record["text"] for name, record in records.items()} == expected
    for name, record in records.items():
        assert (record["error"] is None) == (expected[name] is not None)
        assert record["error"] is None or name in record["error"]
    assert sorted(messages(done.stderr).splitlines()) == [
        f"note: {folder}/two.gif has several pictures; the first is read.",
        f"note: Only the images directly in {folder} are read; to include its sub-folders, add "
        "--recursive.",
    ]


def test_file_names_cannot_send_control_characters_to_the_terminal(
    command: Command, folder: Path
) -> None:
    done = command("predict_image.py", *MODEL, folder, timeout=60)
    lines = (done.stdout + messages(done.stderr)).splitlines()
    assert [line for line in lines if not line.isprintable()] == []
    assert any("new\\nline.png  " in line for line in lines)
    assert any("escape\\x1b[31m.png" in line for line in lines)
    files = len(list(folder.iterdir()))
    assert len(lines) == files + 4  # a line per file, two more for second pages, and two notes
    unreadable = 5 + sum(text is None for _, text in odd_images().values())
    assert sum(line.startswith("error: ") for line in lines) == unreadable
    assert done.stderr.count("error: ") == unreadable


def test_each_unreadable_image_is_reported_in_one_line_with_the_reason(
    command: Command, folder: Path
) -> None:
    reasons = {
        "empty.png": "not an image",
        "truncated.png": "damaged",
        "bomb.png": "too many pixels",
        "large.png": "too many pixels",
        "pipe.png": "pipe",
        "loop.png": "symbolic links",
        "missing.png": "does not exist",
        "postscript.png": "expected PNG",
    }
    done = command("predict_image.py", *MODEL, *(folder / name for name in reasons), timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    for line, (name, reason) in zip(
        messages(done.stderr).splitlines(), reasons.items(), strict=True
    ):
        assert line.startswith("error: ")
        assert name in line
        assert reason in line


def test_tiny_thin_and_huge_images_are_read(command: Command, tmp_path: Path) -> None:
    Image.new("L", (1, 1)).save(tmp_path / "1.png")
    Image.new("L", (1, 5000), 255).save(tmp_path / "2.png")
    huge = Image.new("L", (11_000, 11_000), 255)
    huge.paste(Image.open(ROOT / "samples" / "3.png").convert("L").resize((4000, 4000)), (3000, 99))
    huge.save(tmp_path / "3.png", compress_level=1)
    done = command("predict_image.py", *MODEL, "--json", tmp_path, timeout=60)
    assert (done.returncode, messages(done.stderr)) == (0, "")
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["", "", "3"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root can read every file")
def test_an_image_without_read_permission_is_reported(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(png_of_size(9, 9))
    path.chmod(0)
    done = command("predict_image.py", *MODEL, path)
    assert done.returncode == 1
    assert "Permission denied" in done.stderr


def test_unreadable_bytes_on_stdin_give_one_error(command: Command, tmp_path: Path) -> None:
    for content in (b"", b"not an image", png_of_size(100_000, 100_000)):
        (tmp_path / "bytes").write_bytes(content)
        with (tmp_path / "bytes").open("rb") as file:
            done = command("predict_image.py", *MODEL, "-", stdin=file)
        assert done.returncode == 1
        assert messages(done.stderr).startswith("error: The input ")
        assert messages(done.stderr).count("\n") == 1


def test_an_image_deleted_during_the_run_gives_one_error(project: Path, tmp_path: Path) -> None:
    picture = Image.open(ROOT / "samples" / "3.png").convert("L").resize((600, 600))
    for number in range(60):
        picture.save(tmp_path / f"{number}.png")
    words = (sys.executable, project / "predict_image.py", *MODEL, "--json", tmp_path)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=project) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        (tmp_path / "59.png").unlink()
        records = [json.loads(line) for line in [first, *process.stdout]]
    assert process.returncode == 1
    assert [Path(record["image"]).name for record in records] == [f"{n}.png" for n in range(60)]
    assert [record["text"] for record in records] == ["3"] * 59 + [None]
    assert "does not exist" in records[-1]["error"]


def test_a_closed_pipe_ends_the_command_quietly(project: Path) -> None:
    words = [sys.executable, "predict_image.py", *map(str, MODEL), "--json", *["samples"] * 25]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, cwd=project, text=True, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline()
        process.stdout.close()
        assert messages(process.stderr.read()) == ""
    assert process.returncode == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_closed_standard_stream_does_not_break_the_command(project: Path, closed: str) -> None:
    words = f"{sys.executable} predict_image.py --model {MODEL[1]} samples/3.png - {closed}"
    done = subprocess.run(
        words, shell=True, capture_output=True, text=True, cwd=project, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 1  # stdin is empty
    if closed == "2>&-":
        assert done.stderr == ""
    else:
        assert messages(done.stderr) == f"error: {NO_IMAGE}\n"


def test_save_never_overwrites_an_input_image(command: Command, tmp_path: Path) -> None:
    content = (ROOT / "samples" / "3.png").read_bytes()
    for name in ("7.png", "7_read.png"):
        (tmp_path / name).write_bytes(content)
    done = command("predict_image.py", *MODEL, "--save", tmp_path, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "7_read.png").read_bytes() == content
    drawn = {"7_read_2.png", "7_read_read.png"}
    assert {path.name for path in tmp_path.iterdir()} == {"7.png", "7_read.png"} | drawn


def test_an_image_that_cannot_be_saved_or_found_does_not_stop_the_others(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "drawn" / "3_read.png").mkdir(parents=True)
    words = ("--save", tmp_path / "drawn", "samples/3.png", tmp_path, tmp_path / "*.gif")
    done = command("predict_image.py", *MODEL, *words, "samples/7.jpeg")
    assert done.returncode == 1
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "samples/3.png",
        "samples/7.jpeg",
    ]
    assert done.stderr.count("error: ") == messages(done.stderr).count("\n") == 3
    assert (tmp_path / "drawn" / "7_read.png").is_file()


def test_extreme_float_pixels_are_read_without_a_warning(command: Command, tmp_path: Path) -> None:
    values = np.full((50, 50), 3.3e38, np.float32)
    values[10:40, 20:25] = [-3.3e38, np.nan, np.inf, -np.inf, 0]
    Image.fromarray(values).save(tmp_path / "wild.tiff")
    done = command("predict_image.py", *MODEL, tmp_path / "wild.tiff")
    assert (done.returncode, messages(done.stderr)) == (0, "")


def test_memory_does_not_grow_with_the_number_of_images(project: Path, tmp_path: Path) -> None:
    intact, broken = tmp_path / "intact", tmp_path / "broken"
    intact.write_bytes((ROOT / "samples" / "8_tiny.png").read_bytes())
    broken.write_bytes(b"broken")
    peaks = []
    for count in (1_000, 5_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        for number in range(count):
            os.link(broken if number % 100 == 50 else intact, folder / f"{number}.png")
        # RUSAGE_CHILDREN is the maximum over all children so far, so use a new parent each time.
        code = (
            "import resource, subprocess, sys\n"
            "done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE)\n"
            "print(done.returncode, done.stdout.count(b'\\n'), done.stdout.count(b'not an image'),"
            " resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        words = (sys.executable, "-c", code, sys.executable, "predict_image.py", "--csv", *MODEL)
        done = subprocess.run(
            [*words, folder], cwd=project, capture_output=True, text=True, timeout=120
        )
        status, lines, errors, kilobytes = map(int, done.stdout.split())
        assert (status, lines, errors) == (1, count + 1, count // 100)
        peaks.append(kilobytes / 1024)
    assert peaks[1] < peaks[0] + 20
    assert peaks[1] < 400


def test_damage_that_pillow_logs_is_reported_in_one_line(command: Command, tmp_path: Path) -> None:
    content = saved(Image.new("RGB", (20, 20)), "TIFF")
    samples = struct.pack("<HHIHH", 277, 3, 1, 3, 0)  # SamplesPerPixel: 3
    assert content.count(samples) == 1
    path = tmp_path / "samples.tiff"
    path.write_bytes(content.replace(samples, struct.pack("<HHIHH", 277, 3, 1, 999, 0)))
    done = command("predict_image.py", *MODEL, path)
    assert done.returncode == 1
    assert messages(done.stderr).count("\n") == 1
