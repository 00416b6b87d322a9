"""What takes how long, against the usual ways of doing it: each function gives a few rows."""

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
LOOP_IMAGES = 200  # that the slowest rival reads in its turn


def training(folder: Path) -> list[Row]:
    """Time to 99.0 % on the test images."""
    stem = folder / "fast"
    accuracies: list[float] = []

    def fast() -> float:
        seed = str(len(accuracies))
        run(PYTHON, "train_model.py", "--preset", "fast", "--seed", seed, "--output", stem)
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
        Row("  test accuracy over the seeds, mean and standard deviation", spread),
    ]


def one_image(folder: Path) -> list[Row]:
    """The whole command for one image."""
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
        _against("one image, whole command", taken, ours, usual, "1/10"),
        _against("one image, whole command", taken, ours, bare, "2.5"),
    ]


def folder_of_images(folder: Path) -> list[Row]:
    """A folder of 28x28 PNG files: whole commands, and where the time goes."""
    paths = sorted(folder.glob("*.png"))[:FOLDER_IMAGES]
    some = paths[:LOOP_IMAGES]
    batch = folder / "batch"
    batch.mkdir()
    for path in paths:
        os.link(path, batch / path.name)

    recognizer = DigitRecognizer(PRETRAINED)
    cv2.setNumThreads(1)  # as in the command

    def image_by_image() -> float:
        """All images would take minutes: some tell what each takes, beside starting."""
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
            "Pillow alone, without starting": timed(lambda: decode(paths)),
        }
    )
    ours, whole, each, pillow, inside, decoding = taken
    what = f"{len(paths):,} images of 28x28"
    return [
        _against(what, taken, ours, each, "1"),
        _against(what, taken, ours, whole, "1"),
        _against(what, taken, ours, pillow, "3"),
        _against("  without starting", taken, inside, decoding, "3"),
        Row("  images a second", f"{len(paths) / taken[ours]:,.0f}"),
        Row("  where the time goes", where_time_goes(paths)),
    ]


def where_time_goes(paths: list[Path]) -> str:
    """Shares of decoding, finding, normalising and the network, in a process already started."""
    recognizer = DigitRecognizer(PRETRAINED)
    profile = cProfile.Profile()
    profile.runcall(lambda: list(recognizer.read_many((str(path), path) for path in paths)))
    times = {
        Path(file).stem + "." + name: cumulative
        for (file, _, name), (_, _, _, cumulative, _) in pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]
    }
    whole = times["recognizer.read_many"]
    parts = {
        "decode": times["images.read_image"],
        # Where there is a doubt, the network is asked while digits are looked for.
        "find": times["page.digits_on"] - times.get("recognizer.judge", 0.0),
        "normalise": times["preprocessing.digit_picture"],
        "network": times["model_files.predict"],
    }
    return ", ".join(f"{part} {seconds / whole:.0%}" for part, seconds in parts.items())


def network_alone() -> list[Row]:
    """10,000 images through the network in all ways, and the same operations in NumPy."""
    data = load_mnist()
    images = network_input(data.test_images)
    predictor = load_predictor(PRETRAINED)
    left = np.random.default_rng(0).random((2048, 2048), np.float32)

    def tensorflow(how: str, size: int) -> Callable[[], float]:
        # In a process of its own: TensorFlow's threads go on spinning for a while.
        words = (PYTHON, "-m", "benchmarks.rivals.network", KERAS_MODEL, how, str(size))
        return lambda: float(run(*words))

    litert, product = "LiteRT, 8-bit weights", "as many float32 operations in NumPy"
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
    what = "network, 10,000 images"
    return [
        _against(what, taken, litert, "model.predict", "1/5"),
        _against(what, taken, litert, "model.predict, 1,000 at a time", "1/5"),
        _against(what, taken, litert, "tf.function, 1,000 at a time"),
        _against(what, taken, litert, product),
        Row("  by threads and images a call", batches),
        Row(
            "  test accuracy",
            accuracy(predictor.predict(images), data),
            f".keras: {accuracy(exact, data)}",
            limit="0.02 points less",
        ),
    ]


def by_batch(images: np.ndarray) -> str:
    """What an image takes with one thread or all and with so many images a call."""
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
    """The pretrained model, ready for `size` images a call."""
    made = Interpreter(model_content=PRETRAINED.read_bytes(), num_threads=threads)
    made.resize_tensor_input(made.get_input_details()[0]["index"], (size, 28, 28, 1))
    made.allocate_tensors()
    return made


def _call(interpreter: Interpreter, images: np.ndarray) -> None:
    """Runs all images through an interpreter, as many at once as it is made for."""
    entry = interpreter.get_input_details()[0]
    for part in images.reshape(-1, *entry["shape"]):
        interpreter.set_tensor(entry["index"], part)
        interpreter.invoke()


def accuracy(probabilities: np.ndarray, data: Dataset) -> str:
    """The share of the test images read rightly."""
    return f"{np.mean(probabilities.argmax(axis=1) == data.test_labels):.2%}"


def operations(network: object) -> int:
    """Additions and multiplications that one image takes in the layers with weights."""
    total = 0
    for layer in network.layers:  # type: ignore[attr-defined]
        if type(layer).__name__ in ("Conv2D", "Dense"):
            places = int(np.prod(layer.output.shape[1:-1], dtype=int))
            total += 2 * places * int(np.prod(layer.kernel.shape))
    return total


def large_photo(folder: Path) -> list[Row]:
    """A photo of twelve megapixels: the whole command, and its memory."""
    photo = folder / "photo.jpg"
    sample = Image.fromarray(read_image(PROJECT / "samples" / "photo.jpg"))
    sample.resize((4000, 3000), Image.Resampling.BICUBIC).save(photo, quality=92)
    taken = in_turn({"predict_image.py": command(*PREDICT, photo)})
    return [
        Row("photo of 12 megapixels", f"{taken['predict_image.py']:.2f} s", limit="2 s"),
        Row("  its peak memory", f"{peak_memory(*PREDICT, photo):.0f} MB"),
    ]


def growth(folder: Path) -> list[Row]:
    """Time and memory of folders of 100, 1,000 and 10,000 images."""
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


def _against(what: str, taken: dict[str, float], ours: str, rival: str, limit: str = "") -> Row:
    """This project's time beside a rival's."""
    return Row(
        what,
        f"{taken[ours]:.3g} s",
        f"{rival}: {taken[rival]:.3g} s",
        taken[ours] / taken[rival],
        limit,
    )


def all_rows() -> list[Row]:
    """Every row, in a folder of its own that goes again."""
    data = load_mnist()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
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
