#!/usr/bin/env python3
"""Feeds mutated files to the library: python tests/fuzz.py [--images N] [--models N] [--data N].

Images go to `DigitRecognizer.read`, models to `load_predictor`, and data sets to `load_dataset`.
Each call must either succeed or raise one of the project's own errors, within 5 seconds and 1 GB
of memory. Expensive images and hostile models follow; see `expensive.py` and `fuzz_models.py`.
Hypothesis shrinks a failing example and prints it (MacIver et al., "Hypothesis", 2019).
"""

import argparse
import gzip
import io
import resource
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from documents import nested_forms, scan_of
from expensive import EXPENSIVE_IMAGES, Cost, cost_of

from common import PROJECT, UserError
from common.data.datasets import load_dataset
from common.recognizer import DigitRecognizer
from common.storage import model_files, trial
from common.storage.model_files import PRETRAINED, load_predictor

MAX_SECONDS = 5.0
MAX_MEGABYTES = 1000
FORMATS = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "BMP": ("1", "L", "P", "RGB"),
    "GIF": ("L", "P"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"),
    "WEBP": ("RGB", "RGBA"),
}
MUTATION = st.tuples(
    st.sampled_from(["flip", "set", "cut", "double", "end"]),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 255),
)


def mutated(content: bytes, mutations: list[tuple[str, float, int]]) -> bytes:
    """Applies mutations to the content. Each has a kind, a position from 0 to 1, and a value."""
    changed = bytearray(content)
    for kind, place, value in mutations:
        if not changed:
            break
        start = int(place * len(changed))
        if kind == "flip":
            changed[start] ^= 1 << value % 8
        elif kind == "set":
            changed[start : start + 1 + value % 4] = bytes([value]) * (1 + value % 4)
        elif kind == "cut":
            del changed[start : start + value]
        elif kind == "double":
            changed[start:start] = changed[start : start + value]
        else:
            del changed[start:]
    return bytes(changed)


def mutated_inside(content: bytes, mutations: list[tuple[str, float, int]]) -> bytes:
    """Mutates the alphabetically first member of a zip archive and keeps its checksum valid."""
    changed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(changed, "w") as target,
    ):
        names = sorted(source.namelist())
        for name in names:
            member = source.read(name)
            target.writestr(name, mutated(member, mutations) if name == names[0] else member)
    return changed.getvalue()


def image_seeds() -> list[bytes]:
    """Returns the samples, one sample in every format and mode, and files with several pages."""
    picture = Image.open(PROJECT / "samples" / "3.png").convert("L").resize((60, 60))
    seeds = [path.read_bytes() for path in sorted((PROJECT / "samples").glob("*.[pj]*g"))]
    for form, modes in FORMATS.items():
        for mode in modes:
            file = io.BytesIO()
            whole = picture.convert("I") if mode == "I;16" else picture
            whole.convert(mode).save(file, form)
            seeds.append(file.getvalue())
    if find_spec("pillow_heif"):  # requirements/photos.txt is installed
        from pillow_heif import from_pillow

        file = io.BytesIO()
        from_pillow(picture).save(file)
        seeds += [file.getvalue(), scan_of(picture, picture), nested_forms(3, 3)]
    for form in ("GIF", "TIFF", "WEBP"):
        file = io.BytesIO()
        picture.save(file, form, save_all=True, append_images=[picture.rotate(90)])
        seeds.append(file.getvalue())
    return seeds


def model_seeds(folder: Path) -> list[tuple[str, bytes]]:
    """Returns a small model as `.keras` and `.h5` files, and the pretrained `.tflite` file."""
    from common.backend import keras, layers

    network = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10)])
    for kind in (".keras", ".h5"):
        network.save(folder / f"seed{kind}")
    kinds = [(kind, (folder / f"seed{kind}").read_bytes()) for kind in (".keras", ".h5")]
    return [*kinds, (".tflite", PRETRAINED.read_bytes())]


def data_seeds() -> list[tuple[str, bytes]]:
    """Returns a small data set as an .npz file, and as a plain and a compressed IDX file."""
    images = np.zeros((20, 28, 28), np.uint8)
    labels = np.arange(20) % 10
    file = io.BytesIO()
    np.savez(file, x_train=images, y_train=labels, x_test=images, y_test=labels)
    idx = struct.pack(">4i", 2051, 20, 28, 28) + images.tobytes()
    name = "train-images-idx3-ubyte"
    return [("data.npz", file.getvalue()), (name, idx), (f"{name}.gz", gzip.compress(idx))]


def fuzz(name: str, seeds: list, work: Callable[..., object], examples: int) -> None:
    """Runs `work` on `examples` mutated seeds, and prints how many it accepted and refused."""
    outcomes: Counter[str] = Counter()
    slowest = 0.0

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(seeds), st.lists(MUTATION, min_size=1, max_size=8))
    def run(seed: bytes | tuple[str, bytes], mutations: list[tuple[str, float, int]]) -> None:
        nonlocal slowest
        kind, content = seed if isinstance(seed, tuple) else ("", seed)
        started = time.process_time()  # does not depend on the load of the machine
        try:
            inside = zipfile.is_zipfile(io.BytesIO(content)) and mutations[0][2] % 2
            work(kind, (mutated_inside if inside else mutated)(content, mutations))
            outcomes["accepted"] += 1
        except UserError:
            outcomes["refused"] += 1
        seconds = time.process_time() - started
        slowest = max(slowest, seconds)
        assert seconds < MAX_SECONDS, f"{seconds:.1f} s"

    run()
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name:7} {outcomes.total():7,}  accepted {outcomes['accepted']:,}  "
        f"refused {outcomes['refused']:,}  slowest {slowest:.2f} s  peak {megabytes:.0f} MB",
        flush=True,
    )
    assert megabytes < MAX_MEGABYTES, f"{megabytes:.0f} MB"


def read_expensive_images(folder: Path) -> None:
    """Reads each expensive image in a separate process, then all of them in one batch."""
    folder.mkdir()
    costs: dict[str, Cost] = {}
    for name, made in EXPENSIVE_IMAGES.items():
        (folder / name).write_bytes(made())
        costs[name] = cost_of(folder / name)
    slowest = max(costs, key=lambda name: costs[name].seconds)
    largest = max(costs, key=lambda name: costs[name].megabytes)
    print(
        f"made    {len(costs):7,}  refused {sum(cost.text is None for cost in costs.values()):,}  "
        f"slowest {costs[slowest].seconds:.2f} s ({slowest})  "
        f"peak {costs[largest].megabytes:.0f} MB ({largest})",
        flush=True,
    )
    assert costs[slowest].seconds < MAX_SECONDS
    assert costs[largest].megabytes < MAX_MEGABYTES
    words = [sys.executable, "predict_image.py", "--json", "--model", str(PRETRAINED), str(folder)]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.stdout.count("\n") == len(costs), done.stderr


def main() -> None:
    """Fuzzes images, data sets and models.

    Models come after images and data sets, because TensorFlow alone takes half a gigabyte, which
    would count in their peak memory. Expensive images come after all of these, because creating
    them takes more memory than reading them.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, kind, examples in (
        ("images", "image", 20_000),
        ("data", "data set", 1_000),
        ("models", "model", 1_000),
    ):
        text = f"number of mutated {kind} files (default: %(default)s)"
        parser.add_argument(f"--{name}", type=int, metavar="N", default=examples, help=text)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        recognizer = DigitRecognizer(PRETRAINED)
        fuzz("images", image_seeds(), lambda _, content: recognizer.read(content), arguments.images)

        def load_data(name: str, content: bytes) -> None:
            for old in (folder / "data").glob("*"):
                old.unlink()
            (folder / "data").mkdir(exist_ok=True)
            (folder / "data" / name).write_bytes(content)
            whole = struct.pack(">4i", 2051, 20, 28, 28) + bytes(20 * 784)
            labels = struct.pack(">2i", 2049, 20) + bytes(range(10)) * 2
            for part in ("train", "t10k") if name != "data.npz" else ():
                for rest, other in (("images-idx3-ubyte", whole), ("labels-idx1-ubyte", labels)):
                    if not name.startswith(f"{part}-{rest}"):
                        (folder / "data" / f"{part}-{rest}").write_bytes(other)
            load_dataset(str(folder / "data" / (name if name == "data.npz" else "")))

        fuzz("data", data_seeds(), load_data, arguments.data)

        def try_here(path: Path, kind: str) -> None:
            """Starts a process only for `.tflite`: LiteRT may hang, and Keras starts slowly."""
            (trial.try_in_subprocess if path.suffix == ".tflite" else trial.try_in_this_process)(
                path, kind
            )

        def load_model(kind: str, content: bytes) -> None:
            (folder / f"model{kind}").write_bytes(content)
            load_predictor(folder / f"model{kind}").predict(np.zeros((1, 28, 28, 1), np.float32))

        with patch.object(model_files, "try_in_subprocess", try_here):
            fuzz("models", model_seeds(folder), load_model, arguments.models)
        read_expensive_images(folder / "expensive")
        # An earlier import would load TensorFlow, and its memory would count in the results above.
        from fuzz_models import fuzz_hostile_models

        fuzz_hostile_models(folder, arguments.models)


if __name__ == "__main__":
    main()
