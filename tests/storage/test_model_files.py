import json
import os
import shutil
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from common.backend import keras, layers
from common.calibration import apply_temperature, softmax
from common.networks import build_network
from common.storage import export, model_files, trial
from common.storage.card import ModelCard, load_card
from common.storage.loading import ModelError, load_network
from common.storage.model_files import PRETRAINED, chosen_model, load_predictor
from common.storage.saving import save_model

pytestmark = pytest.mark.usefixtures("trial_in_this_process")

CARD = ModelCard(
    network="simple_cnn",
    preset="classic",
    command="python train_model.py",
    data="mnist",
    data_sha256="0",
    seed=0,
    epochs=1,
    train_images=1,
    seconds=1.0,
    validation_accuracy=0.5,
    test_accuracy=0.5,
    test_loss=1.0,
    temperature=1.0,
    versions={},
    date="2026-01-01T00:00:00+00:00",
)
IMAGES = np.random.default_rng(0).random((70, 28, 28, 1), np.float32)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path, without suffix, of an untrained network that is saved as every kind of file."""
    keras.utils.set_random_seed(0)
    network = build_network("simple_cnn")
    stem = tmp_path_factory.mktemp("models") / "net"
    save_model(network, stem, CARD)
    network.save(stem.with_suffix(".h5"))
    return stem


def foreign(path: Path, entry: tuple[int, ...], outputs: int = 10, **dense: object) -> Path:
    flat = [] if len(entry) == 1 else [layers.Flatten()]
    network = keras.Sequential([keras.Input(entry), *flat, layers.Dense(outputs, **dense)])
    network.save(path)
    return path


def test_every_file_kind_gives_the_same_probabilities(saved: Path) -> None:
    kinds = (".keras", ".h5", ".tflite")
    one, two, three = (load_predictor(saved.with_suffix(kind)).predict(IMAGES) for kind in kinds)
    assert one.shape == (70, 10)
    assert one.sum(axis=1) == pytest.approx(np.ones(70), abs=1e-5)
    assert np.abs(one - two).max() < 1e-4
    assert np.abs(one - three).max() < 0.005  # the .tflite file has 8-bit weights
    assert np.ptp(one, axis=0).max() > 0.01  # the outputs depend on the image


def test_the_result_for_an_image_does_not_depend_on_its_batch(saved: Path) -> None:
    predictor = load_predictor(saved.with_suffix(".tflite"))
    alone = [predictor.predict(IMAGES[index : index + 1])[0] for index in range(10)]
    assert np.array_equal(np.stack(alone), predictor.predict(IMAGES)[:10])


def test_the_card_contains_hashes_and_its_temperature_is_applied(tmp_path: Path) -> None:
    network = build_network("mlp")
    save_model(network, tmp_path / "warm", replace(CARD, temperature=3.0))
    card = json.loads((tmp_path / "warm.json").read_text())
    assert set(card["sha256"]) == {"keras", "tflite"}
    warm = load_predictor(tmp_path / "warm.tflite").predict(IMAGES)
    (tmp_path / "warm.json").unlink()
    plain = load_predictor(tmp_path / "warm.tflite").predict(IMAGES)
    assert warm == pytest.approx(apply_temperature(plain, 3.0), abs=1e-6)
    assert warm.max() < plain.max()


def test_an_empty_batch_gives_no_probabilities(saved: Path) -> None:
    assert load_predictor(saved.with_suffix(".tflite")).predict(IMAGES[:0]).shape == (0, 10)


@pytest.mark.parametrize("entry", [(28, 28), (28, 28, 1), (784,)])
@pytest.mark.parametrize("activation", ["softmax", None])
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_models_trained_elsewhere_can_be_used(
    tmp_path: Path, entry: tuple[int, ...], activation: str | None, suffix: str
) -> None:
    path = foreign(tmp_path / f"other{suffix}", entry, activation=activation)
    shares = load_predictor(path).predict(IMAGES)
    assert shares.sum(axis=1) == pytest.approx(np.ones(70), abs=1e-4)
    network = keras.saving.load_model(path)
    outputs = np.asarray(network(IMAGES.reshape(-1, *entry)))
    assert np.array_equal(shares.argmax(axis=1), outputs.argmax(axis=1))


def test_models_of_the_wrong_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"input shape \(None, 32, 32, 1\)"):
        load_predictor(foreign(tmp_path / "wide.keras", (32, 32, 1)))
    with pytest.raises(ModelError, match=r"output shape \(None, 26\)"):
        load_predictor(foreign(tmp_path / "letters.keras", (28, 28, 1), outputs=26))


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".tflite"])
def test_damaged_models_are_reported_as_damaged(saved: Path, tmp_path: Path, suffix: str) -> None:
    whole = saved.with_suffix(suffix).read_bytes()
    for content in (b"", b"text", whole[: len(whole) // 2]):
        path = tmp_path / f"broken{suffix}"
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"broken.* damaged"):
            load_predictor(path)


def test_missing_models_and_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model at"):
        load_predictor(tmp_path / "missing.keras")
    (tmp_path / "model.pkl").touch()
    with pytest.raises(ModelError, match=r"expected \.keras, \.h5 or \.tflite"):
        load_predictor(tmp_path / "model.pkl")


def test_code_inside_a_model_is_refused(tmp_path: Path) -> None:
    network = keras.Sequential(
        [keras.Input((784,)), layers.Lambda(lambda x: x + 1), layers.Dense(10)]
    )
    network.save(tmp_path / "code.keras")
    with pytest.raises(ModelError, match=r"code\.keras"):
        load_predictor(tmp_path / "code.keras")


@pytest.mark.parametrize("size", [1, 10])
def test_a_tflite_model_with_a_fixed_batch_size_can_be_used(tmp_path: Path, size: int) -> None:
    network = keras.Sequential([keras.Input((784,), batch_size=size), layers.Dense(10)])
    path = tmp_path / "one.tflite"
    path.write_bytes(export.to_tflite(network))
    shares = load_predictor(path).predict(IMAGES)
    assert shares.shape == (70, 10)
    expected = softmax(np.asarray(IMAGES.reshape(70, 784) @ network.get_weights()[0]))
    assert shares == pytest.approx(expected, abs=0.005)


def test_a_model_whose_outputs_are_not_finite_is_refused(tmp_path: Path) -> None:
    path = foreign(tmp_path / "nan.keras", (784,))
    network = keras.saving.load_model(path)
    network.set_weights([np.full_like(weights, np.nan) for weights in network.get_weights()])
    network.save(path)
    with pytest.raises(ModelError, match="not finite"):
        load_predictor(path).predict(IMAGES)


def test_a_json_file_of_another_program_is_not_a_card(saved: Path, tmp_path: Path) -> None:
    shutil.copy(saved.with_suffix(".h5"), tmp_path / "model.h5")
    (tmp_path / "model.json").write_text('{"class_name": "Sequential"}')
    assert load_predictor(tmp_path / "model.h5").temperature == 1


def test_a_card_of_another_model_is_reported_and_a_damaged_card_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_model(build_network("mlp"), tmp_path / "one", CARD)
    save_model(build_network("mlp"), tmp_path / "two", CARD)
    (tmp_path / "two.json").replace(tmp_path / "one.json")
    assert load_predictor(tmp_path / "one.tflite").temperature == 1
    assert "hashes differ" in capsys.readouterr().err
    (tmp_path / "one.json").write_text("{")
    with pytest.raises(ModelError, match=r"card .* is damaged"):
        load_predictor(tmp_path / "one.tflite")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("start", 5),
        ("start", "nul\0"),
        ("own", ["digits"]),
        ("temperature", "1.0"),
        ("temperature", float("nan")),
        ("temperature", None),
        ("seed", "0"),
        ("validation_split", {}),
        ("data", 7),
        ("data", " "),
        ("network", None),
        ("versions", []),
        ("sha256", "0"),
        ("command", 10**400),
        ("other", "x" * 1_000_001),
    ],
)
def test_a_card_with_wrong_types_is_refused_in_one_line(
    tmp_path: Path, field: str, value: object
) -> None:
    (tmp_path / "one.tflite").write_bytes(b"")
    card = asdict(CARD) | {"sha256": {}} | {field: value}
    (tmp_path / "one.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="card") as refused:
        load_card(tmp_path / "one.tflite")
    assert len(str(refused.value).splitlines()) == 1
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("suffix", [".json", ".tflite"])
def test_a_link_to_an_endless_system_file_is_refused(tmp_path: Path, suffix: str) -> None:
    endless = Path("/proc/self/pagemap")
    if not os.access(endless, os.R_OK):
        pytest.skip(f"{endless} cannot be read here")
    model = tmp_path / "one.tflite"
    for kind in (".json", ".tflite"):
        shutil.copy(model_files.PRETRAINED.with_suffix(kind), model.with_suffix(kind))
    model.with_suffix(suffix).unlink()
    model.with_suffix(suffix).symlink_to(endless)
    with pytest.raises(ModelError, match=rf"one{suffix} is damaged"):
        load_predictor(model)


def test_only_a_card_in_the_models_folder_skips_the_trial(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Path] = []
    monkeypatch.setattr(model_files, "try_in_subprocess", lambda path, kind: tried.append(path))
    keras_file, tflite_file = saved.with_suffix(".keras"), saved.with_suffix(".tflite")
    load_predictor(tflite_file)
    load_predictor(keras_file)
    assert tried == [tflite_file, keras_file]
    tried.clear()
    monkeypatch.setattr(model_files, "MODELS", saved.parent)
    load_predictor(tflite_file)
    load_predictor(keras_file)
    assert tried == []
    load_predictor(saved.with_suffix(".h5"))  # the card does not contain the hash of the .h5 file
    assert tried == [saved.with_suffix(".h5")]


def test_a_model_that_fails_after_its_trial_gives_one_error(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    predictor = load_predictor(saved.with_suffix(".tflite"))

    def failing(_: object) -> None:
        raise RuntimeError("Node number 1 failed to invoke.\nMore.")

    monkeypatch.setattr(Interpreter, "invoke", failing)
    with pytest.raises(
        ModelError, match=r"cannot be run \(RuntimeError: Node number 1 failed to invoke\.\)"
    ):
        predictor.predict(IMAGES)


def test_a_tflite_model_runs_only_with_batch_sizes_that_its_trial_used(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    sizes: set[int] = set()
    resize = Interpreter.resize_tensor_input

    def noted(self: Interpreter, index: int, shape: tuple[int, ...]) -> None:
        sizes.add(shape[0])
        resize(self, index, shape)

    monkeypatch.setattr(Interpreter, "resize_tensor_input", noted)
    trial.try_in_this_process(saved.with_suffix(".tflite"))
    tried = sizes.copy()
    predictor = load_predictor(saved.with_suffix(".tflite"))
    for count in (1, 3, 37, 64, 70):
        assert predictor.predict(IMAGES[:count]).shape == (count, 10)
    assert sizes == tried
    assert sizes - {1} == {2, 4, 8, 16, 32, 64}


def test_model_files_that_are_too_large_are_refused(tmp_path: Path) -> None:
    for suffix in (".keras", ".h5", ".tflite"):
        path = tmp_path / f"large{suffix}"
        with path.open("wb") as file:
            file.truncate(401 * 10**6)
        with pytest.raises(
            ModelError, match=r"large.* has a size of 401 MB; expected at most 400 MB"
        ):
            load_predictor(path)


def test_the_default_model_is_the_pretrained_one_even_after_training(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(model_files, "PRETRAINED", tmp_path / "pretrained.tflite")
    (tmp_path / "mlp.tflite").touch()
    with pytest.raises(ModelError, match=r"pretrained\.tflite is missing. .*git checkout models"):
        chosen_model(None)
    (tmp_path / "pretrained.tflite").touch()
    os.utime(tmp_path / "pretrained.tflite", (1, 1))  # older than the trained model
    assert chosen_model(None) == tmp_path / "pretrained.tflite"
    assert chosen_model("mlp.tflite") == Path("mlp.tflite")


def test_an_import_error_of_keras_is_not_reported_as_a_damaged_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "common.backend", None)  # makes the import fail
    with pytest.raises(ImportError):
        load_network(PRETRAINED.with_suffix(".keras"))
