"""Many images are read by one process, several processes or Ray; killing one loses no record."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROOT, Command, messages
from documents import scan_of
from PIL import Image

from common import UserError
from common.batch.shards import IMAGES_PER_SHARD
from common.images.decoding import read_image
from common.images.listing import image_sources, listed_at

MODEL = ("--model", ROOT / "models" / "pretrained.tflite")
BROKEN_EVERY = 100
needs_ray = pytest.mark.skipif(not find_spec("ray"), reason="needs requirements/ray.txt")
ENGINES = [
    pytest.param((), id="one process"),
    pytest.param(("--jobs", "2"), id="two processes"),
    pytest.param(("--engine", "ray"), id="ray", marks=[needs_ray, pytest.mark.ray]),
]
Many = Callable[[int], Path]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Many:
    """Creates folders with a given number of images; one image in a hundred is broken."""
    folder = tmp_path_factory.mktemp("many")
    intact = [folder / f"{digit}.png" for digit in (3, 8)]
    for path, name in zip(intact, ("3.png", "8_tiny.png"), strict=True):
        with Image.open(ROOT / "samples" / name) as picture:
            picture.convert("L").resize((40, 40)).save(path)
    broken = folder / "broken"
    broken.write_bytes(b"broken")

    def make(count: int) -> Path:
        images = folder / str(count)
        if not images.exists():
            images.mkdir()
            for number in range(count):
                source = broken if number % BROKEN_EVERY == 50 else intact[number % 2]
                os.link(source, images / f"{number}.png")
        return images

    return make


def rows(output: Path) -> list[dict[str, object]]:
    """Returns all records in a folder of shards, in the order of its files."""
    lines = [path.read_text().splitlines() for path in sorted(output.glob("part-*.jsonl"))]
    return [json.loads(line) for shard in lines for line in shard]


def check(output: Path, images: Path, count: int) -> None:
    """Asserts that every image has exactly one record, with the right text or error."""
    records = rows(output)
    assert [record["image"] for record in records] == [f"{images}/{n}.png" for n in range(count)]
    for number, record in enumerate(records):
        broken = number % BROKEN_EVERY == 50
        assert record["text"] == (None if broken else "38"[number % 2]), record
        assert broken == (f"{number}.png is not an image" in str(record["error"]))


@pytest.mark.parametrize("engine", ENGINES)
def test_every_image_has_exactly_one_record(
    command: Command, many: Many, tmp_path: Path, engine: tuple[str, ...]
) -> None:
    images = many(1200)
    done = command("predict_image.py", *MODEL, *engine, "--output", tmp_path / "out", images)
    assert (done.returncode, messages(done.stderr)) == (1, "")
    assert "1,200 images processed, 12 of them unreadable. " in done.stdout
    check(tmp_path / "out", images, 1200)
    again = command("predict_image.py", *MODEL, *engine, "--output", tmp_path / "out", images)
    assert again.returncode == 2
    assert "--resume" in again.stderr
    resumed = command(
        *("predict_image.py", *MODEL, *engine, "--output", tmp_path / "out", "--resume", images)
    )
    assert resumed.returncode == 0
    assert resumed.stdout.startswith("0 images processed")


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_records_are_printed_in_the_order_of_the_images(
    command: Command, many: Many, engine: tuple[str, ...]
) -> None:
    images = many(300)
    words = ("predict_image.py", *MODEL, "--json", images)
    one, several = command(*words), command(*words, *engine)
    assert (several.returncode, several.stdout) == (1, one.stdout)


@pytest.mark.skipif(not find_spec("pypdfium2"), reason="needs requirements/photos.txt")
@pytest.mark.parametrize("engine", ENGINES)
def test_each_page_of_a_pdf_has_its_own_record(
    command: Command, tmp_path: Path, engine: tuple[str, ...]
) -> None:
    scan = tmp_path / "in" / "deep" / "scan.pdf"
    scan.parent.mkdir(parents=True)
    pages = [Image.open(ROOT / "samples" / name) for name in ("3.png", "number.png", "7.jpeg")]
    scan.write_bytes(scan_of(*pages, resolution=200))
    (scan.parent / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    words = ("predict_image.py", *MODEL, *engine, "--output", tmp_path / "out")
    done = command(*words, "--recursive", tmp_path / "in")
    assert (done.returncode, messages(done.stderr)) == (1, "")
    assert "4 images processed, 1 of them unreadable" in done.stdout
    records = rows(tmp_path / "out")
    names = [str(scan.with_name("broken.pdf")), *(f"{scan}#{number}" for number in (1, 2, 3))]
    assert [record["image"] for record in records] == names
    assert [record["text"] for record in records] == [None, "3", "60417", "7"]
    scan.write_bytes(scan_of(*pages, resolution=100))
    resumed = command(*words, "--resume", "--recursive", tmp_path / "in")
    assert resumed.returncode == 2
    assert "Images have changed since" in resumed.stderr


@pytest.mark.skipif(not find_spec("pyarrow"), reason="needs requirements/ray.txt")
def test_parquet_shards_hold_the_same_records(command: Command, many: Many, tmp_path: Path) -> None:
    from pyarrow import parquet

    words = ("predict_image.py", *MODEL, many(300), "--output")
    assert command(*words, tmp_path / "lines").returncode == 1
    assert command(*words, tmp_path / "table", "--parquet").returncode == 1
    table = parquet.read_table(tmp_path / "table" / "part-00000.parquet")
    assert table.to_pylist() == rows(tmp_path / "lines")


def test_images_can_be_listed_in_a_file_or_on_stdin(
    command: Command, many: Many, tmp_path: Path
) -> None:
    images = many(300)
    names = [f"{images}/{number}.png" for number in (7, 50, 4)] + [str(tmp_path / "gone.png")]
    listing = tmp_path / "list.txt"
    listing.write_text("\n".join(names) + "\n\n")
    words = ("predict_image.py", *MODEL, "--json", "--files-from")
    from_file = command(*words, listing)
    from_stdin = command(*words, "-", input=listing.read_text())
    assert from_file.stdout == from_stdin.stdout
    assert [json.loads(line)["image"] for line in from_file.stdout.splitlines()] == names
    for content, word in (("\n", "names no image"), (None, "cannot be read")):
        listing.unlink() if content is None else listing.write_text(content)
        done = command(*words, listing)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert word in done.stderr


@pytest.mark.skipif(not find_spec("fsspec"), reason="needs requirements/ray.txt")
def test_images_at_addresses_are_listed_and_read(command: Command, many: Many) -> None:
    import fsspec

    content = (ROOT / "samples" / "3.png").read_bytes()
    memory = fsspec.filesystem("memory")
    for name in ("10.png", "9.png", "note.txt", "deep/1.png"):
        memory.pipe_file(f"/scans/{name}", content)
    assert listed_at("memory://scans/") == ["memory:///scans/9.png", "memory:///scans/10.png"]
    assert len(listed_at("memory://scans/", recursive=True)) == 3
    assert listed_at("memory://scans/*.txt") == ["memory:///scans/note.txt"]
    assert [name for name, _ in image_sources(["memory://scans/9.png"])] == ["memory://scans/9.png"]
    assert (read_image("memory://scans/9.png") == read_image(content)).all()
    with pytest.raises(UserError, match="gone"):
        read_image("memory://scans/gone.png")
    with pytest.raises(UserError, match="no image at"):
        listed_at("memory://scans/*.gif")
    with pytest.raises(UserError, match="cannot be read"):
        listed_at("nothing-of-that-kind://x")
    folder = many(300)
    words = ("predict_image.py", *MODEL, "--csv", "--jobs", "2")
    done = command(*words, f"file://{folder}/")
    assert done.stdout == command(*words, folder).stdout.replace(str(folder), f"file://{folder}")


def test_incompatible_options_are_refused(called: Command, tmp_path: Path) -> None:
    for words, said in (
        (("--resume",), "--resume needs --output"),
        (("--output", tmp_path, "--csv"), "--csv cannot be combined with --output"),
        (("--files-from", "x", "y.png"), "--files-from already names the images"),
        (("--files-from", "x", "--recursive"), "--recursive needs a folder"),
        (("--address", "auto"), "--address needs --engine ray"),
        (("--json",), "need images: name at least one IMAGE"),
        (("--jso", "x.png"), "unrecognized arguments: --jso"),
        (("--jobs", "0"), "not a whole number above 0"),
    ):
        done = called("predict_image.py", *words)
        assert done.returncode == 2
        assert said in done.stderr


def test_ctrl_c_ends_all_processes(project: Path, many: Many, tmp_path: Path) -> None:
    words = [sys.executable, "predict_image.py", *map(str, MODEL), "--jobs", "2", "--output"]
    with subprocess.Popen(
        [*words, str(tmp_path / "out"), *[str(many(3000))] * 20],
        cwd=project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        while not list((tmp_path / "out").glob("part-*")):
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)  # a terminal signals the whole group
        assert process.wait(60) == 130
        assert process.stderr is not None
        said = messages(process.stderr.read().decode())
        assert re.fullmatch(
            r"\nInterrupted; [0-9,]+ of 60,000 images were read and saved\. "
            r"To continue, repeat the command with --resume\.\n",
            said,
        )
    until = time.monotonic() + 60
    while left := pids(process.pid):
        assert time.monotonic() < until, left
        time.sleep(0.01)


@needs_ray
def test_an_unreachable_cluster_is_reported_in_one_line(command: Command) -> None:
    words = ("predict_image.py", *MODEL, "--engine", "ray", "--address", "127.0.0.1:9", "samples")
    done = command(*words, timeout=60)
    assert (done.returncode, messages(done.stderr).count("\n")) == (2, 1), done.stderr
    assert "Cannot connect to Ray at 127.0.0.1:9" in done.stderr


def pids(session: int, name: str = ".") -> list[int]:
    """Returns the IDs of the processes of a session whose command lines match a pattern."""
    words = ["pgrep", "-s", str(session), "-f", name]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def killed_and_resumed(
    project: Path, images: Path, count: int, output: Path, engine: tuple[str, ...], kills: int
) -> None:
    """Kills the command and its workers in turn, resumes, and checks that no record is lost."""
    words = [sys.executable, "predict_image.py", *map(str, MODEL), *engine, "--resume"]
    words += ["--output", str(output), str(images)]
    worker = "ray::" if "ray" in engine else "spawn_main"
    generator = random.Random(0)
    sessions = []
    killed = 0
    for kill in range(kills):
        shards = len(list(output.glob("part-*")))
        with subprocess.Popen(
            words,
            cwd=project,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            sessions.append(process.pid)
            while len(list(output.glob("part-*"))) == shards and process.poll() is None:
                time.sleep(0.01)
            time.sleep(generator.uniform(0, 0.1))
            workers = pids(process.pid, worker)
            if kill % 2 and workers:
                os.kill(generator.choice(workers), signal.SIGKILL)
            else:
                process.kill()
            killed += len(list(output.glob("part-*"))) < -(-count // IMAGES_PER_SHARD)
            assert process.stderr is not None
            assert b"Traceback" not in process.stderr.read()
    done = subprocess.run(words, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert killed > 0
    check(output, images, count)
    until = time.monotonic() + 60
    while left := [pid for session in sessions for pid in pids(session, "spawn_main")]:
        assert time.monotonic() < until, left
        time.sleep(0.1)


def test_killed_workers_and_commands_lose_no_record(
    project: Path, many: Many, tmp_path: Path
) -> None:
    engine = ("--jobs", "2")
    killed_and_resumed(project, many(3000), 3000, tmp_path / "out", engine, 2)


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
def test_twenty_thousand_images_survive_five_kills(
    project: Path, many: Many, tmp_path: Path, engine: tuple[str, ...]
) -> None:
    killed_and_resumed(project, many(20_000), 20_000, tmp_path / "out", engine, 5)
