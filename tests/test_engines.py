"""Reading with several processes or with Ray: nothing waits for ever, nobody else gets in."""

import os
import random
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROOT

MODEL = ROOT / "models" / "pretrained.tflite"
needs_ray = pytest.mark.skipif(not find_spec("ray"), reason="needs requirements/ray.txt")

# Paths that are too long to exist: quick to read, and megabytes to send back.
LONG_RESULTS = """
import multiprocessing, os, signal, sys
from pathlib import Path
from common import UserError
from common.engines import on_processes

if __name__ == "__main__":
    action, done, model = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    name = "/".join(["x" * 200] * 18)
    part = [(name, Path(name))] * 500
    readings = on_processes([(number, part) for number in range(200)], model, 0.5, 2)
    for _ in range(done):
        next(readings)
    if action == "close":
        readings.close()
    else:
        os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)
        try:
            print(sum(1 for _ in readings), "more parts")
        except UserError as error:
            print(error)
"""


def run_script(script: str, folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Runs Python source as a file, which processes that it spawns can import."""
    (folder / "script.py").write_text(script)
    return subprocess.run(
        [sys.executable, str(folder / "script.py"), *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("done", range(1, 7))
def test_stopping_does_not_wait_for_results_that_are_half_sent(tmp_path: Path, done: int) -> None:
    stopped = run_script(LONG_RESULTS, tmp_path, "close", done, MODEL)
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (0, "", "")


@pytest.mark.parametrize("done", range(1, 7))
def test_a_worker_killed_while_it_sends_is_one_error(tmp_path: Path, done: int) -> None:
    killed = run_script(LONG_RESULTS, tmp_path, "kill", done, MODEL)
    assert (killed.returncode, killed.stderr) == (0, "")
    assert killed.stdout.startswith("A process that read images was killed")


@pytest.mark.parametrize("seed", range(6))
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
            time.sleep(0.01)
        time.sleep(generator.uniform(0, 1.5))
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(generator.choice([0, 0.001, 0.01, 0.05, 0.1]))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        # The second one may end the process by itself; a shell says 130 then, too.
        assert process.wait(10) in (130, -signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.read() in ("\ninterrupted\n", "")
