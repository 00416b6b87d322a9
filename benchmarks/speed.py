"""Measures the speed of this project and its rivals, and returns rows of the table."""

import cProfile
import os
import pstats
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from benchmarks.measure import PYTHON, Row, command, in_turn, peak_memory, run, timed
from benchmarks.rivals.decode import decode
from benchmarks.scale import scale
from common import PROJECT
from common.data.datasets import Dataset, load_mnist
from common.images.decoding import read_image
from common.preprocessing import network_input
from common.recognizer import DigitRecognizer
from common.storage.card import load_card
from common.storage.loading import load_network
from common.storage.model_files import PRETRAINED, load_predictor

PREDICT = (PYTHON, PROJECT / "predict_image.py", "--model", PRETRAINED)
USUAL = (PYTHON, "-m", "benchmarks.rivals.predict")
KERAS_MODEL = PRETRAINED.with_suffix(".keras")
FOLDER_IMAGES = 2000
LOOP_IMAGES = 200  # per round, for the slowest rival


def training(folder: Path) -> list[Row]:
    """Measures preset `fast`, and how long a usual CNN takes to reach 99.0 % test accuracy."""
    stem = folder / "fast"
    accuracies: list[float] = []

    def fast() -> float:
        seed = str(len(accuracies))
        words = ("train_model.py", "--preset", "fast", "--seed", seed, "--output", stem)
        run(PYTHON, *words, "--overwrite")
        card = load_card(stem.with_suffix(".keras"))
        assert card is not None  # the training has just written it
        accuracies.append(card["test_accuracy"])
        return float(card["seconds"])

    taken = in_turn(
        {
            "--preset fast": fast,
            "usual CNN": lambda: float(run(PYTHON, "-m", "benchmarks.rivals.train")),
        }
    )
    spread = f"{np.mean(accuracies):.2%} ± {np.std(accuracies, ddof=1):.2%}"
    return [
        _against("training to 99.0 %", taken, "--preset fast", "usual CNN", "1/4"),
        Row("  test accuracy, mean and standard deviation over seeds", spread),
    ]


def one_image(folder: Path) -> list[Row]:
    """Measures the complete command for one image."""
    image = folder / "0.png"
    taken = in_turn(
        {
            "predict_image.py": command(*PREDICT, image),
            "usual script": command(*USUAL, KERAS_MODEL, "each", image),
            "python -c 'import numpy, PIL.Image'": command(PYTHON, "-c", "import numpy, PIL.Image"),
        }
    )
    ours, usual, bare = taken
    return [
        _against("one image, complete command", taken, ours, usual, "1/10"),
        _against("one image, complete command", taken, ours, bare, "2.5"),
    ]


def folder_of_images(folder: Path) -> list[Row]:
    """Measures reading a folder of 28x28 PNG files, and the share of each step in the time."""
    paths = sorted(folder.glob("*.png"))[:FOLDER_IMAGES]
    some = paths[:LOOP_IMAGES]
    batch = folder / "batch"
    batch.mkdir()
    for path in paths:
        os.link(path, batch / path.name)

    recognizer = DigitRecognizer(PRETRAINED)
    cv2.setNumThreads(1)  # predict_image.py does the same

    def image_by_image() -> float:
        """Times some of the images and extrapolates, since all of them would take minutes."""
        first = command(*USUAL, KERAS_MODEL, "each", *some[:1])()
        others = command(*USUAL, KERAS_MODEL, "each", *some)() - first
        return first + others * (len(paths) - 1) / (len(some) - 1)

    taken = in_turn(
        {
            "predict_image.py FOLDER": command(*PREDICT, "--csv", batch),
            "predict on one array": command(*USUAL, KERAS_MODEL, "batch", *paths),
            "predict image by image": image_by_image,
            "Pillow alone": command(PYTHON, "-m", "benchmarks.rivals.decode", batch),
            "read_many": timed(lambda: list(recognizer.read_many((p.name, p) for p in paths))),
            "Pillow alone, without start-up": timed(lambda: decode(paths)),
        }
    )
    ours, whole, each, pillow, inside, decoding = taken
    name = f"{len(paths):,} images of 28x28"
    return [
        _against(name, taken, ours, each, "1"),
        _against(name, taken, ours, whole, "1"),
        _against(name, taken, ours, pillow, "3"),
        _against("  without start-up", taken, inside, decoding, "3"),
        Row("  images per second", f"{len(paths) / taken[ours]:,.0f}"),
        Row("  where the time goes", where_time_goes(paths)),
    ]


def where_time_goes(paths: list[Path]) -> str:
    """Profiles the reading of images, and returns the share of the time that each step takes."""
    recognizer = DigitRecognizer(PRETRAINED)
    profile = cProfile.Profile()
    profile.runcall(lambda: list(recognizer.read_many((str(path), path) for path in paths)))
    times = {
        Path(file).stem + "." + name: cumulative
        for (file, _, name), (_, _, _, cumulative, _) in pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]
    }
    whole = times["recognizer.read_many"]
    parts = {
        "decode": times["decoding.read_image"],
        "find": times["drawings.drawn_marks"] + times.get("recognizer._found", 0.0),
        "normalise": times["preprocessing.digit_picture"],
        "network": times["model_files.predict"],
    }
    return ", ".join(f"{part} {seconds / whole:.0%}" for part, seconds in parts.items())


def network_alone() -> list[Row]:
    """Measures the network alone on 10,000 images, and the same number of operations in NumPy."""
    data = load_mnist()
    images = network_input(data.test_images)
    predictor = load_predictor(PRETRAINED)
    left = np.random.default_rng(0).random((2048, 2048), np.float32)

    def tensorflow(method: str, size: int) -> Callable[[], float]:
        # A separate process, since TensorFlow's threads stay busy for a while after a call.
        words = (PYTHON, "-m", "benchmarks.rivals.network", KERAS_MODEL, method, str(size))
        return lambda: float(run(*words))

    litert, product = "LiteRT, 8-bit weights", "the same number of float32 operations in NumPy"
    taken = in_turn(
        {
            litert: timed(lambda: predictor.predict(images)),
            "model.predict": tensorflow("predict", 32),
            "model.predict, 1,000 at a time": tensorflow("predict", 1000),
            "tf.function, 1,000 at a time": tensorflow("function", 1000),
            product: timed(lambda: left @ left),
        }
    )
    batches = by_batch(images)
    network = load_network(KERAS_MODEL)
    taken[product] *= len(images) * operations(network) / (2 * 2048**3)
    exact = network.predict(images, batch_size=1000, verbose=0)
    name = "network, 10,000 images"
    return [
        _against(name, taken, litert, "model.predict", "1/5"),
        _against(name, taken, litert, "model.predict, 1,000 at a time", "1/5"),
        _against(name, taken, litert, "tf.function, 1,000 at a time"),
        _against(name, taken, litert, product),
        Row("  by threads and images per call", batches),
        Row(
            "  test accuracy",
            accuracy(predictor.predict(images), data),
            f".keras: {accuracy(exact, data)}",
            limit="0.02 points lower",
        ),
    ]


def by_batch(images: np.ndarray) -> str:
    """Measures the time per image with one thread or one per core, and 1 to 512 images per call."""
    images = images[:2048]
    taken = in_turn(
        {
            f"{threads} x {size}": timed(partial(_call, _interpreter(threads, size), images))
            for threads in (1, os.cpu_count() or 1)
            for size in (1, 8, 64, 512)
        }
    )
    return ", ".join(
        f"{name}: {seconds / len(images) * 1e6:.0f} µs" for name, seconds in taken.items()
    )


def _interpreter(threads: int, size: int) -> Interpreter:
    """Returns an interpreter of the pretrained model that takes `size` images per call."""
    made = Interpreter(model_content=PRETRAINED.read_bytes(), num_threads=threads)
    made.resize_tensor_input(made.get_input_details()[0]["index"], (size, 28, 28, 1))
    made.allocate_tensors()
    return made


def _call(interpreter: Interpreter, images: np.ndarray) -> None:
    """Runs all images through an interpreter, in batches of its input size."""
    entry = interpreter.get_input_details()[0]
    for part in images.reshape(-1, *entry["shape"]):
        interpreter.set_tensor(entry["index"], part)
        interpreter.invoke()


def accuracy(probabilities: np.ndarray, data: Dataset) -> str:
    """Formats the share of test images that are classified correctly."""
    return f"{np.mean(probabilities.argmax(axis=1) == data.test_labels):.2%}"


def operations(network: object) -> int:
    """Counts the additions and multiplications per image in the layers with weights."""
    total = 0
    for layer in network.layers:  # type: ignore[attr-defined]
        if type(layer).__name__ in ("Conv2D", "Dense"):
            places = int(np.prod(layer.output.shape[1:-1], dtype=int))
            total += 2 * places * int(np.prod(layer.kernel.shape))
    return total


def large_photo(folder: Path) -> list[Row]:
    """Measures the time and peak memory of the complete command for a photo of 12 megapixels."""
    photo = folder / "photo.jpg"
    sample = Image.fromarray(read_image(PROJECT / "samples" / "photo.jpg"))
    sample.resize((4000, 3000), Image.Resampling.BICUBIC).save(photo, quality=92)
    taken = in_turn({"predict_image.py": command(*PREDICT, photo)})
    return [
        Row("photo of 12 megapixels", f"{taken['predict_image.py']:.2f} s", limit="2 s"),
        Row("  peak memory", f"{peak_memory(*PREDICT, photo):.0f} MB"),
    ]


def growth(folder: Path) -> list[Row]:
    """Measures the time and peak memory for folders of 100, 1,000 and 10,000 images."""
    paths = sorted(folder.glob("*.png"))
    rows = []
    for count in (100, 1_000, 10_000):
        part = folder / f"of_{count}"
        part.mkdir()
        for number in range(count):
            os.link(paths[number % len(paths)], part / f"{number}.png")
        words = (*PREDICT, "--csv", part)
        seconds = in_turn({"": command(*words)}, rounds=3)[""]
        memory = peak_memory(*words)
        rows.append(
            Row(f"folder of {count:,} images", f"{seconds:.2f} s, {memory:.0f} MB", limit="400 MB")
        )
    return rows


def _against(name: str, taken: dict[str, float], ours: str, rival: str, limit: str = "") -> Row:
    """Builds a row that compares this project's time with a rival's."""
    return Row(
        name,
        f"{taken[ours]:.3g} s",
        f"{rival}: {taken[rival]:.3g} s",
        taken[ours] / taken[rival],
        limit,
    )


def all_rows() -> list[Row]:
    """Runs the benchmarks of this module and of `scale` in a temporary folder."""
    data = load_mnist()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for number, image in enumerate(data.test_images[:FOLDER_IMAGES]):
            Image.fromarray(255 - image).save(folder / f"{number}.png")
        return [
            *one_image(folder),
            *folder_of_images(folder),
            *large_photo(folder),
            *growth(folder),
            *scale(data, folder),
            *training(folder),
            *network_alone(),
        ]
