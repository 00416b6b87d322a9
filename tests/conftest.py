"""Shared fixtures: a copy of the project in which scripts can be run, and small data sets."""

import importlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from common.cli import console
from common.data.datasets import Dataset, DownloadError, load_bundled_digits, load_mnist
from common.storage import model_files, trial

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Processes that a shell starts in the background ignore Ctrl-C, and so do their children. The tests
# need the normal behaviour.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class PageServer:
    """A running `draw_digit.py`.

    Attributes:
        address: The URL of the server, with a trailing slash.
        project: The copy of the project in which the server runs.
    """

    address: str
    project: Path


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project without your models and plots, so that tests cannot change yours."""
    copy = tmp_path_factory.mktemp("project")
    for script in ("train_model.py", "evaluate_model.py", "predict_image.py"):
        shutil.copy(ROOT / script, copy)
    for folder in ("common", "samples"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "models").mkdir()
    for pretrained in (ROOT / "models").glob("pretrained*"):
        shutil.copy(pretrained, copy / "models")
    return copy


@pytest.fixture(scope="session")
def command(project: Path) -> Command:
    """Runs a script of the copied project: `command("train_model.py", "--data", "digits")`."""

    def run(script: str, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        settings: dict[str, object] = {"text": True, "timeout": 300, "env": no_network()}
        return subprocess.run(
            [sys.executable, str(project / script), *map(str, arguments)],
            cwd=project,
            capture_output=True,
            **settings | options,  # type: ignore[call-overload]
        )

    return run


OFFLINE = {
    "KERAS_HOME": "/nonexistent",
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "MPLBACKEND": "agg",
}


def messages(stderr: str) -> str:
    """Returns the stderr of `predict_image.py` without the line that names the models."""
    lines = stderr.splitlines(keepends=True)
    others = [line for line in lines if not line.startswith("Reading with ")]
    assert len(others) == len(lines) - 1, stderr
    return "".join(others)


def no_network() -> dict[str, str]:
    """Returns environment variables that hide a cached MNIST and make downloads fail at once."""
    return os.environ | OFFLINE


@pytest.fixture
def called(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """Runs a script like `command`, but in this process.

    This saves the seconds that a new process needs to import TensorFlow and other libraries. Use
    `command` to test signals, streams or start-up.
    """
    for name, value in OFFLINE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(project)
    monkeypatch.setattr("common.data.datasets.PROJECT", project)
    for module in (
        "common.storage.model_files",
        "common.training.runs",
        "common.cli.train_options",
    ):
        monkeypatch.setattr(f"{module}.MODELS", project / "models")
    for module in ("train_model", "evaluate_model"):
        monkeypatch.setattr(f"{module}.PLOTS", project / "plots")

    def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        words = [script, *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", words)
        capfd.readouterr()
        try:
            status = console._status_of(importlib.import_module(Path(script).stem).main)
        except SystemExit as stopped:  # argparse refused an argument
            status = int(stopped.code or 0)
        return subprocess.CompletedProcess(words, status, *capfd.readouterr())

    return run


@pytest.fixture
def trial_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs trials of models in this process, which is faster. `test_trial` tests the real trial."""
    monkeypatch.setattr(model_files, "try_in_subprocess", trial.try_in_this_process)


@pytest.fixture(scope="session")
def trained(command: Command, project: Path) -> subprocess.CompletedProcess[str]:
    """The completed process of a short training run on the bundled digits."""
    done = command("train_model.py", "--preset", "fast", timeout=900)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="session")
def model(trained: subprocess.CompletedProcess[str], project: Path) -> Path:
    """The `.tflite` file of the `trained` model; its `.keras` and `.json` files are beside it."""
    return project / "models" / "digits_fast_cnn.tflite"


@pytest.fixture(scope="module")
def page_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """A running `draw_digit.py` with the pretrained model."""
    pytest.importorskip("fastapi_offline")
    copy = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "draw_digit.py", copy)
    shutil.copytree(ROOT / "common", copy / "common")
    options: list[object] = ["--model", ROOT / "models" / "pretrained.tflite"]
    options += ["--finder", ROOT / "models" / "pretrained_finder.tflite"]
    with served(copy, *options) as server:
        yield server


@contextmanager
def served(project: Path, *options: object) -> Iterator[PageServer]:
    """Runs `draw_digit.py` in a copy of the project until the end of the `with` block."""
    words = [sys.executable, "-u", "draw_digit.py", "--no-browser", "--port", "0"]
    with subprocess.Popen(
        [*words, *map(str, options)],
        cwd=project,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield PageServer(process.stdout.readline().split(" at ")[1].split()[0], project)
        finally:
            process.terminate()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that use the fixture `browser`, so that `-m browser` can select them."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """A browser for the tests in web/."""
    yield from pytest.importorskip("drawing").started_browser()


@pytest.fixture
def page(browser: "Browser", page_server: PageServer) -> Iterator["Page"]:
    """The web page; a test fails if the page contacts another server or logs an error."""
    viewport = {"width": 1280, "height": 900}
    opened = pytest.importorskip("drawing").opened
    yield from opened(browser, page_server.address, viewport=viewport)


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return load_bundled_digits()


@pytest.fixture(scope="session")
def tiny() -> Dataset:
    """Forty pictures of noise, four per digit, both for training and for testing."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (40, 28, 28), np.uint8)
    labels = np.arange(40) % 10
    return Dataset("tiny", images, labels, images, labels)


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    """MNIST from data/ or Keras's cache. Tests that need MNIST are skipped if it is missing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("common.data.datasets.MNIST_URL", "http://127.0.0.1:9/mnist.npz")
        try:
            return load_mnist()
        except DownloadError:
            pytest.skip("MNIST is neither in data/ nor in Keras's cache")
