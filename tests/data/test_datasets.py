import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data import datasets
from common.data.datasets import Dataset, load_dataset, split_indices
from common.data.formats import DataError
from common.data.handwriting import draw_digit


def save_npz(path: Path, dataset: Dataset, **changes: object) -> Path:
    arrays = {
        "x_train": dataset.train_images,
        "y_train": dataset.train_labels,
        "x_test": dataset.test_images,
        "y_test": dataset.test_labels,
    }
    np.savez(path, **{k: v for k, v in (arrays | changes).items() if v is not None})  # type: ignore[arg-type]
    return path


def idx(values: np.ndarray, magic: int) -> bytes:
    header = struct.pack(f">{1 + values.ndim}i", magic, *values.shape)
    return header + values.astype(np.uint8).tobytes()


def save_idx(folder: Path, dataset: Dataset, compressed: bool = False) -> Path:
    for name, values, magic in (
        ("train-images-idx3-ubyte", dataset.train_images, 2051),
        ("train-labels-idx1-ubyte", dataset.train_labels, 2049),
        ("t10k-images-idx3-ubyte", dataset.test_images, 2051),
        ("t10k-labels-idx1-ubyte", dataset.test_labels, 2049),
    ):
        content = idx(values, magic)
        if compressed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return folder


def save_folders(folder: Path, each: int = 3) -> Path:
    generator = np.random.default_rng(0)
    for digit in range(10):
        (folder / str(digit)).mkdir(parents=True)
        for number in range(each):
            ink = draw_digit(digit, 40, generator)
            pixels = np.rint(255 - 255 * ink).astype(np.uint8)
            Image.fromarray(pixels).save(folder / str(digit) / f"{number}.png")
    return folder


def is_same(one: Dataset, other: Dataset) -> bool:
    return one.sha256 == other.sha256 and one.train_labels.dtype == other.train_labels.dtype


def test_npz_plain_idx_and_compressed_idx_give_the_same_data(tiny: Dataset, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "gz").mkdir()
    assert is_same(load_dataset(str(save_npz(tmp_path / "d.npz", tiny))), tiny)
    assert is_same(load_dataset(str(save_idx(tmp_path / "plain", tiny))), tiny)
    assert is_same(load_dataset(str(save_idx(tmp_path / "gz", tiny, compressed=True))), tiny)


def test_the_bundled_digits_are_complete_and_look_like_mnist(digits: Dataset) -> None:
    assert len(digits.train_labels) + len(digits.test_labels) == 1797
    assert digits.train_images.shape[1:] == (28, 28)
    assert digits.train_images.dtype == np.uint8
    ink = digits.train_images > 0
    assert ink.any(axis=2).sum(axis=1).max() == 20  # the height of the tallest digit
    assert np.bincount(digits.test_labels).min() >= 30


def test_a_folder_of_images_is_split_by_digit(tmp_path: Path) -> None:
    dataset = load_dataset(str(save_folders(tmp_path / "mine")))
    assert np.bincount(dataset.train_labels).tolist() == [2] * 10
    assert np.bincount(dataset.test_labels).tolist() == [1] * 10
    assert dataset.train_images.max() == 255


def test_a_folder_named_digits_is_not_mistaken_for_the_bundled_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_folders(tmp_path / "digits")
    monkeypatch.chdir(tmp_path)
    assert load_dataset("./digits").name == str(tmp_path / "digits")


def test_unreadable_images_are_named_counted_and_ignored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save_folders(tmp_path / "mine")
    (folder / "4" / "broken.png").write_bytes(b"not an image")
    Image.new("L", (50, 50), 255).save(folder / "5" / "bare.png")
    dataset = load_dataset(str(folder))
    assert len(dataset.train_labels) + len(dataset.test_labels) == 30
    said = capsys.readouterr().err
    assert "broken.png" in said
    assert "bare.png contains no digit" in said
    assert "2 of 32 images" in said


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": np.zeros((40, 28, 28), np.float32)}, "float32 images; expected uint8"),
        ({"x_train": np.zeros((40, 8, 8), np.uint8)}, r"shape \(40, 8, 8\)"),
        ({"x_train": np.zeros((39, 28, 28), np.uint8)}, "39 images and 40 labels"),
        ({"y_train": np.arange(40) % 11}, "labels from 0 to 10"),
        ({"y_train": np.arange(40) % 10 - 1}, "labels from -1 to 8"),
        ({"y_train": (np.arange(40) % 10) * 1.0}, "float64 labels"),
        ({"y_train": np.eye(10)[np.arange(40) % 10].astype(int)}, r"shape \(40, 10\)"),
        ({"y_train": np.arange(40) % 9}, "no image of 9"),
        ({"y_test": np.zeros(40, int)}, "no image of 1, 2, 3"),
        ({"y_test": None}, "expected .*y_test"),
        ({"y_test": np.array([{}] * 40, dtype=object)}, "plain numeric arrays"),
        (
            {"x_test": np.zeros((0, 28, 28), np.uint8), "y_test": np.zeros(0, int)},
            "no image of 0",
        ),
    ],
)
def test_arrays_that_are_not_digit_images_are_refused(
    tiny: Dataset, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    path = save_npz(tmp_path / "bad.npz", tiny, **changes)
    with pytest.raises(DataError, match=message):
        load_dataset(str(path))


def test_damaged_npz_files_are_refused(tiny: Dataset, tmp_path: Path) -> None:
    path = save_npz(tmp_path / "d.npz", tiny)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 3] ^= 0xFF
    for damaged in (b"", b"text", whole[: len(whole) // 2], bytes(flipped)):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"d\.npz"):
            load_dataset(str(path))
    np.save(tmp_path / "single.npy", np.zeros(3))
    with pytest.raises(DataError, match="single array"):
        load_dataset(str(tmp_path / "single.npy"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3-ubyte", b"\0\0", "too short"),
        ("train-images-idx3-ubyte", struct.pack(">4i", 2049, 1, 28, 28), "magic number 2049"),
        ("train-labels-idx1-ubyte", struct.pack(">2i", 2051, 40), "magic number 2051"),
        (
            "train-images-idx3-ubyte",
            struct.pack(">4i", 2051, 2**31 - 1, 2**31 - 1, 2**31 - 1),
            "damaged",
        ),
        ("train-images-idx3-ubyte", struct.pack(">4i", 2051, -1, 28, 28), "damaged"),
        ("train-labels-idx1-ubyte", struct.pack(">2i", 2049, 41) + bytes(40), "damaged"),
    ],
)
def test_invalid_idx_files_are_refused(
    tiny: Dataset, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (save_idx(tmp_path, tiny) / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_dataset(str(tmp_path))


def test_damaged_gz_files_and_incomplete_folders_are_refused(tiny: Dataset, tmp_path: Path) -> None:
    file = save_idx(tmp_path, tiny, compressed=True) / "train-images-idx3-ubyte.gz"
    whole = file.read_bytes()
    for damaged in (b"text", whole[: len(whole) // 2], whole[:60] + b"\xff" + whole[61:]):
        file.write_bytes(damaged)
        with pytest.raises(DataError, match=r"train-images.*damaged"):
            load_dataset(str(tmp_path))
    file.unlink()
    with pytest.raises(DataError, match="lacks train-images"):
        load_dataset(str(tmp_path))


def test_paths_without_a_data_set_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no data set at"):
        load_dataset(str(tmp_path / "missing"))
    with pytest.raises(DataError, match="holds no data set"):
        load_dataset(str(tmp_path))
    (tmp_path / "3").mkdir()
    with pytest.raises(DataError, match="no image of 0, 1, 2"):
        load_dataset(str(tmp_path))
    single = save_folders(tmp_path / "one", each=1)
    with pytest.raises(DataError, match="only one image"):
        load_dataset(str(single))


def test_the_validation_split_is_stratified_reproducible_and_complete() -> None:
    labels = np.repeat(np.arange(10), 20)
    first, second = split_indices(labels, 0.1, seed=3)
    assert np.bincount(labels[second]).tolist() == [2] * 10
    assert sorted([*first, *second]) == list(range(200))
    assert np.array_equal(second, split_indices(labels, 0.1, seed=3)[1])
    assert not np.array_equal(second, split_indices(labels, 0.1, seed=4)[1])


def offline(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(datasets, "PROJECT", folder)
    monkeypatch.setattr(datasets, "MNIST_URL", "http://127.0.0.1:9/mnist.npz")
    monkeypatch.setenv("KERAS_HOME", str(folder / "keras"))


def test_offline_the_bundled_digits_replace_mnist_with_a_note(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offline(monkeypatch, tmp_path)
    assert load_dataset().name == "digits"
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "MNIST could not be downloaded" in printed
    assert "1,797" in printed


def test_mnist_requested_by_name_is_never_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny: Dataset
) -> None:
    offline(monkeypatch, tmp_path)
    with pytest.raises(DataError, match="could not be downloaded"):
        load_dataset("mnist")
    (tmp_path / "data").mkdir()
    save_npz(tmp_path / "data" / "mnist.npz", tiny)
    for name in ("mnist", None):
        with pytest.raises(DataError, match="not the original MNIST"):
            load_dataset(name)


def test_mnist_has_its_known_shape_and_first_labels(mnist: Dataset) -> None:
    assert mnist.train_images.shape == (60000, 28, 28)
    assert mnist.test_images.shape == (10000, 28, 28)
    assert mnist.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
