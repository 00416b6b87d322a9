"""Reading with several processes or Ray never hangs, and the Ray cluster refuses other clients."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROOT, messages

from common import UserError
from common.batch import engines

MODEL = ROOT / "models" / "pretrained.tflite"
needs_ray = pytest.mark.skipif(not find_spec("ray"), reason="needs requirements/ray.txt")

# The names are too long for any file, so reading fails fast, and each worker sends megabytes of
# error messages.
LONG_RESULTS = """
import multiprocessing, os, signal, sys
from pathlib import Path
from common import UserError
from common.batch.engines import read_with_processes
from common.recognizer import Setup

if __name__ == "__main__":
    action, done, model = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    name = "/".join(["x" * 200] * 18)
    shard = [(name, Path(name))] * 500
    shards = [(number, shard) for number in range(200)]
    readings = read_with_processes(shards, Setup(model, 0.5, None), 2)
    for _ in range(done):
        next(readings)
    if action == "close":
        readings.close()
    else:
        os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)
        try:
            print(sum(1 for _ in readings), "more shards")
        except UserError as error:
            print(error)
"""


MOMENTS = [1, 4, *(pytest.param(n, marks=pytest.mark.long) for n in (2, 3, 5, 6))]
"""Values that vary the moment of an interruption. `make faults` tries all of them."""


def run_script(script: str, folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Saves Python source as a file and runs it, so that worker processes can import it."""
    (folder / "script.py").write_text(script)
    return subprocess.run(
        [sys.executable, str(folder / "script.py"), *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("done", MOMENTS)
def test_stopping_does_not_wait_for_partly_sent_results(tmp_path: Path, done: int) -> None:
    stopped = run_script(LONG_RESULTS, tmp_path, "close", done, MODEL)
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (0, "", "")


@pytest.mark.parametrize("done", MOMENTS)
def test_a_worker_killed_while_sending_gives_one_error(tmp_path: Path, done: int) -> None:
    killed = run_script(LONG_RESULTS, tmp_path, "kill", done, MODEL)
    assert (killed.returncode, killed.stderr) == (0, "")
    assert killed.stdout.startswith("A worker process was killed")


@pytest.mark.parametrize("seed", MOMENTS)
def test_ctrl_c_twice_prints_no_traceback(tmp_path: Path, seed: int) -> None:
    words = [sys.executable, "predict_image.py", "--model", str(MODEL), "--jobs", "4"]
    generator = random.Random(seed)
    with subprocess.Popen(
        [*words, "--output", str(tmp_path / "out"), *["samples"] * 2000],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as process:
        while not (tmp_path / "out" / "job.json").exists():
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(generator.uniform(0, 1.5))
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(generator.choice([0, 0.001, 0.01, 0.05, 0.1]))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        try:
            # The second signal may kill the process; a shell reports this as 130, too.
            assert process.wait(60) in (130, -signal.SIGINT)
        finally:
            process.kill()
        assert process.stderr is not None
        # The first signal may come before the command prints the line that names the models.
        lines = [x for x in process.stderr if x != "\n" and not x.startswith("Reading with ")]
        said = r"(interrupted\n|Interrupted; .* repeat the command with --resume\.\n)?"
        assert re.fullmatch(said, "".join(lines))


@needs_ray
@pytest.mark.ray
def test_after_a_killed_worker_ray_reads_all_images_and_prints_nothing_among_the_results(
    tmp_path: Path,
) -> None:
    listing = tmp_path / "list.txt"
    listing.write_text("samples/3.png\n" * 3000)
    words = [sys.executable, "predict_image.py", "--model", str(MODEL), "--json"]
    with subprocess.Popen(
        [*words, "--engine", "ray", "--jobs", "2", "--files-from", str(listing)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as process:
        workers = ["pgrep", "-s", str(process.pid), "-f", "ray::MapWorker"]
        while not (found := subprocess.run(workers, capture_output=True, check=False).stdout):
            time.sleep(0.05)
            assert process.poll() is None
        os.kill(int(found.split()[0]), signal.SIGKILL)
        lines, messages = process.communicate(timeout=120)
    assert process.returncode == 0, messages
    assert [json.loads(line)["text"] for line in lines.splitlines()] == ["3"] * 3000


STRANGER = """
import os, subprocess, sys
from pathlib import Path
from common.batch.engines import read_with_ray
from common.recognizer import Setup
from common.storage.model_files import PRETRAINED_FINDER

shard = [("3", Path("samples/3.png").absolute())]
setup = Setup(Path(sys.argv[1]), 0.5, PRETRAINED_FINDER)
readings = read_with_ray([(0, shard), (1, shard)], setup, 1, None)
next(readings)
import ray
os.environ["ADDRESS"] = ray.get_runtime_context().gcs_address
client = "import os, ray; ray.init(os.environ['ADDRESS'], log_to_driver=False); print('in')"
clients = [
    subprocess.Popen(
        [sys.executable, "-c", client],
        env=os.environ | options,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    for options in ({"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_TOKEN": "guessed"}, {})
]
for process in clients:
    printed = process.communicate()[0].strip()
    print(process.returncode, printed)
print(len(list(readings)), "more shard")
"""


@needs_ray
@pytest.mark.ray
def test_a_local_ray_cluster_refuses_clients_without_its_token(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "script.py").write_text(STRANGER)
    words = [sys.executable, str(tmp_path / "script.py"), str(MODEL)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(home)}
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.splitlines() == ["1 ", "1 ", "0 in", "1 more shard"], done.stderr
    assert not list(home.rglob("*token*"))


@needs_ray
def test_a_missing_cluster_token_is_reported_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        words = [sys.executable, "predict_image.py", "--model", str(MODEL), "samples"]
        done = subprocess.run(
            [*words, "--engine", "ray", "--address", address],
            cwd=ROOT,
            env=os.environ | {"HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert (done.returncode, messages(done.stderr).count("\n")) == (2, 1), done.stderr
    assert "RAY_AUTH_TOKEN" in done.stderr


@needs_ray
def test_a_local_ray_that_does_not_start_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("no space left for objects")

    monkeypatch.setattr("ray.init", fails)
    with pytest.raises(UserError, match="Cannot start Ray on this machine: no space left"):
        engines._join_cluster(None)
