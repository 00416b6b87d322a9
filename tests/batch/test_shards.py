"""A folder of shards belongs to one job, which can be resumed if its images are unchanged."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT, Command

from common import UserError
from common.batch.shards import IMAGES_PER_SHARD, MAX_JOB_BYTES, Job, ShardFolder, in_order
from common.reading import Reading

MODEL = ("--model", ROOT / "models" / "pretrained.tflite")


def rows(output: Path) -> list[dict[str, object]]:
    """Returns all records in a folder of shards, in the order of its files."""
    lines = [path.read_text().splitlines() for path in sorted(output.glob("part-*.jsonl"))]
    return [json.loads(line) for shard in lines for line in shard]


def test_a_folder_of_shards_belongs_to_one_job(tmp_path: Path) -> None:
    job = Job(3, "names", ["state"], "model", 1.0, "finder", 0.5, 1, "jsonl")
    folder = ShardFolder(tmp_path, job, resume=True)  # the folder is empty, so this starts the job
    folder.write(0, [Reading("a.png")])
    with pytest.raises(UserError, match="Another command is writing"):
        ShardFolder(tmp_path, job, resume=True)
    folder.lock.release()
    for name in ("part-00001.jsonl", "job.json"):
        (tmp_path / f".123.{name}").write_text("left by a killed command")
    again = ShardFolder(tmp_path, job, resume=True)
    again.lock.release()
    assert again.missing([("a.png", b"")]) == []
    assert not list(tmp_path.glob(".123.*"))
    for other, word in (
        (replace(job, model_sha256="other"), "Differences: the classifier"),
        (replace(job, temperature=2.0), "Differences: the classifier's temperature"),
    ):
        with pytest.raises(UserError, match=word):
            ShardFolder(tmp_path, other, resume=True)
    endless = " " * (MAX_JOB_BYTES + 1)
    for content in ("{", "null", "[" * 100_000, endless):
        (tmp_path / "job.json").write_text(content)
        with pytest.raises(UserError, match="damaged"):
            ShardFolder(tmp_path, job, resume=True)
    (tmp_path / "job.json").write_text("{}")
    with pytest.raises(UserError, match="Differences: the number of images"):
        ShardFolder(tmp_path, job, resume=True)
    (tmp_path / "job.json").unlink()
    os.mkfifo(tmp_path / "job.json")
    with pytest.raises(UserError, match="damaged"):
        ShardFolder(tmp_path, job, resume=True)
    (tmp_path / "job.json").unlink()
    with pytest.raises(UserError, match=r"no job\.json"):
        ShardFolder(tmp_path, job, resume=True)


def change_times(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def change_size(path: Path) -> None:
    times = path.stat()
    path.write_bytes(path.read_bytes() + b"\0")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def change_to_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(ROOT / "samples" / "3.png")


def change_content(path: Path) -> None:
    shutil.copy(ROOT / "samples" / "7.jpeg", path)


def two_shards(command: Command, tmp_path: Path) -> tuple[Path, Path, tuple[str | Path, ...]]:
    """Reads 501 images, and returns the image folder, the output folder and the arguments used."""
    images, output = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    for number in range(IMAGES_PER_SHARD + 1):
        shutil.copy(ROOT / "samples" / "3.png", images / f"{number}.png")
    words = ("predict_image.py", *MODEL, "--output", output, "--resume", images)
    assert command(*words).returncode == 0
    return images, output, words


def test_shards_whose_images_changed_cannot_be_resumed(command: Command, tmp_path: Path) -> None:
    images, output, words = two_shards(command, tmp_path)
    (output / "part-00001.jsonl").unlink()
    changed, original = images / "7.png", tmp_path / "original.png"
    shutil.copy2(changed, original)
    for change in (change_times, change_size, change_to_link, change_content):
        changed.unlink()
        shutil.copy2(original, changed)
        change(changed)
        refused = command(*words)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), (change, refused.stderr)
        assert "part-00000.jsonl" in refused.stderr
        assert not (output / "part-00001.jsonl").exists()
    (output / "part-00000.jsonl").unlink()
    assert command(*words).returncode == 0
    assert [row["text"] for row in rows(output)] == ["3"] * 7 + ["7"] + ["3"] * (
        IMAGES_PER_SHARD - 7
    )


def test_images_of_missing_shards_may_change(command: Command, tmp_path: Path) -> None:
    images, output, words = two_shards(command, tmp_path)
    last = images / f"{IMAGES_PER_SHARD}.png"
    (output / "part-00001.jsonl").unlink()
    shutil.copy(ROOT / "samples" / "7.jpeg", last)
    assert command(*words).returncode == 0
    assert rows(output)[-1]["text"] == "7"
    os.utime(last, ns=(1, 1))
    assert "part-00001.jsonl" in command(*words).stderr


def test_records_are_in_the_order_of_the_images_whenever_their_shards_arrive() -> None:
    shards = [(2, [Reading("e")]), (0, [Reading("a"), Reading("b")]), (1, [])]
    assert [reading.image for reading in in_order(shards)] == ["a", "b", "e"]
