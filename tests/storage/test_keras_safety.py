"""A `.keras` or `.h5` file cannot run code, because only layers that carry none are allowed."""

import inspect
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import hostile_models as hostile
import numpy as np
import pytest

from common.backend import keras, layers
from common.networks import CLASSIFIERS, build_network
from common.storage import keras_safety
from common.storage.keras_safety import RefusedConfigError, checked_model
from common.storage.loading import ModelError, check_network, load_network

IMAGES = np.random.default_rng(0).random((4, 28, 28, 1), np.float32)


@pytest.fixture(scope="module")
def functional(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small functional model as a `.keras` file."""
    return hostile.functional_model(tmp_path_factory.mktemp("functional"))


@pytest.fixture(scope="module")
def config(functional: bytes) -> hostile.Config:
    return hostile.keras_config(functional)


def convolutional_layers() -> list[layers.Layer]:
    """Returns layers of most kinds that networks for pictures use."""
    return [
        layers.RandomRotation(0.1),
        layers.RandomTranslation(0.1, 0.1),
        layers.RandomZoom(0.1),
        layers.Rescaling(2.0, offset=-1),
        layers.ZeroPadding2D(2),
        layers.Conv2D(4, 3, activation="relu", kernel_initializer="he_normal"),
        layers.BatchNormalization(),
        layers.LeakyReLU(0.1),
        layers.MaxPooling2D(),
        layers.SeparableConv2D(4, 3, activation=layers.LeakyReLU(0.2)),
        layers.SpatialDropout2D(0.1, seed=123_456_789),
        layers.DepthwiseConv2D(3, padding="same"),
        layers.PReLU(),
        layers.AveragePooling2D(2),
        layers.Conv2DTranspose(4, 3, strides=2),
        layers.Cropping2D(1),
        layers.LayerNormalization(),
        layers.GroupNormalization(2),
        layers.GlobalAveragePooling2D(),
        layers.Dense(10),
        layers.Softmax(),
    ]


def common_networks() -> dict[str, list[layers.Layer]]:
    """Returns the layers, except the input, of sequential networks that are common for MNIST."""
    return {
        "convolutions": convolutional_layers(),
        "dense": [
            layers.Flatten(),
            layers.Dense(
                8,
                activation="gelu",
                kernel_regularizer=keras.regularizers.L1L2(0.1, 0.2),
                kernel_constraint="max_norm",
                bias_initializer=keras.initializers.Constant(0.1),
                dtype="mixed_float16",
            ),
            layers.GaussianNoise(0.1),
            layers.UnitNormalization(),
            layers.Activation("swish"),
            layers.Dense(10, activation="softmax", kernel_regularizer="l2"),
        ],
        "recurrent": [
            layers.Reshape((28, 28)),
            layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
            layers.TimeDistributed(layers.Dense(4)),
            layers.GRU(4),
            layers.Dense(10),
        ],
        "lines": [
            layers.Reshape((28, 28)),
            layers.Conv1D(4, 3, padding="causal"),
            layers.UpSampling1D(2),
            layers.MaxPooling1D(),
            layers.Permute((2, 1)),
            layers.Flatten(),
            layers.Dense(10),
        ],
    }


@pytest.mark.parametrize("name", [*CLASSIFIERS, "convolutions", "dense", "recurrent", "lines"])
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_own_and_common_networks_load_and_give_the_same_outputs(
    tmp_path: Path, name: str, suffix: str
) -> None:
    if name in CLASSIFIERS:
        network = build_network(name)
    else:
        network = keras.Sequential([keras.Input((28, 28, 1)), *common_networks()[name]])
    network.save(tmp_path / f"common{suffix}")
    loaded = load_network(tmp_path / f"common{suffix}")
    expected, given = (np.asarray(each(IMAGES, training=False)) for each in (network, loaded))
    assert given == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_functional_networks_load_and_give_the_same_outputs(tmp_path: Path, suffix: str) -> None:
    entry = keras.Input((28, 28, 1))
    scaled = entry / 2 - 0.5 if suffix == ".keras" else layers.Rescaling(0.5, -0.5)(entry)
    left = layers.Conv2D(4, 3, padding="same")(scaled)
    right = layers.Conv2D(4, 1)(scaled)
    merged = layers.Concatenate()([layers.Add()([left, right]), layers.Maximum()([left, right])])
    inner = keras.Sequential([keras.Input((28, 28, 8)), layers.Flatten(), layers.Dense(10)])
    inner.compile("adam", "mse")  # as in tutorials, Softmax is appended to it later
    network = keras.Model(entry, layers.Softmax()(inner(merged)))
    network.compile("adam", "categorical_crossentropy")
    network.save(tmp_path / f"functional{suffix}")
    loaded = load_network(tmp_path / f"functional{suffix}")
    expected, given = (np.asarray(each(IMAGES)) for each in (network, loaded))
    assert given == pytest.approx(expected, abs=1e-5)


def test_configs_of_old_h5_files_are_accepted(config: hostile.Config) -> None:
    flatten = {
        "class_name": "Flatten",
        "config": {"name": "flat", "batch_input_shape": [None, 784]},
    }
    initializer = {"class_name": "GlorotUniform", "config": {"seed": None}}
    settings = {"name": "last", "units": 10, "kernel_initializer": initializer, "dtype": "float32"}
    dense = {"class_name": "Dense", "config": settings}
    sequential = {"class_name": "Sequential", "config": {"name": "s", "layers": [flatten, dense]}}
    assert checked_model(sequential) == sequential
    nodes = {"inbound_nodes": [[["flat", 0, 0, {}]]], "name": "last"}
    functional = {"name": "f", "layers": [dense | nodes], "input_layers": [["flat", 0, 0]]}
    assert checked_model({"class_name": "Functional", "config": functional})


def test_a_function_named_as_an_argument_is_not_called(
    config: hostile.Config, functional: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[object] = []
    monkeypatch.setattr(layers.TFSMLayer, "__init__", lambda *given, **_: called.append(given))
    path = tmp_path / "hostile.keras"
    for module, name in (("keras.layers", "TFSMLayer"), ("keras.utils", "get_file")):
        path.write_bytes(
            hostile.with_config(functional, hostile.calling(config, module, name, "/tmp/saved"))
        )
        with pytest.raises(ModelError, match=r"hostile\.keras uses Switch"):
            load_network(path)
    nodes = hostile.calling(config, "keras.layers", "TFSMLayer")["config"]["layers"][-1]
    dense = hostile.with_last(config, {"inbound_nodes": nodes["inbound_nodes"]})
    path.write_bytes(hostile.with_config(functional, dense))
    with pytest.raises(ModelError, match="passes function TFSMLayer to a layer"):
        load_network(path)
    assert called == []


@pytest.mark.parametrize(
    ("named", "refusal"),
    [
        ({"module": "keras", "class_name": "layers.Lambda"}, r"layers\.Lambda of keras"),
        ({"module": "keras.layers", "class_name": "Lambda"}, "Lambda"),
        ({"module": "keras.layers", "class_name": "deserialize"}, "deserialize"),
        ({"module": "keras.layers", "class_name": "function", "config": "Dense"}, "function Dense"),
        ({"module": "keras.src.layers", "class_name": "Dense"}, "Dense of keras.src.layers"),
        ({"module": "os", "class_name": "system"}, "system of os"),
        ({"module": None, "class_name": "Dense"}, "Dense of None"),
        ({"module": ["keras.layers"], "class_name": "Dense"}, "Dense of"),
        ({"class_name": ["Dense"]}, "Dense"),
        ({"registered_name": "evil>Dense"}, "evil>Dense"),
        ({"config": "Dense"}, "not an object"),
    ],
)
def test_classes_not_on_the_allow_list_are_refused_and_named(
    config: hostile.Config, named: dict[str, object], refusal: str
) -> None:
    with pytest.raises(RefusedConfigError, match=refusal):
        checked_model(hostile.with_last(config, named))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("activation", "deserialize"),
        ("activation", "layers.deserialize"),
        ("activation", {"class_name": "function", "module": "keras.utils", "config": "get_file"}),
        ("activation", {"class_name": "__lambda__", "config": {"value": "4wAAAA"}}),
        ("kernel_initializer", {"class_name": "TFSMLayer", "module": "keras.layers", "config": {}}),
        ("kernel_initializer", {"class_name": "Zeros", "module": "os", "config": {}}),
        ("kernel_initializer", {"class_name": "Constant", "config": {"value": {"a": 1}}}),
        ("kernel_initializer", {"class_name": ["Zeros"], "config": {}}),
        ("dtype", {"module": "keras", "class_name": "DTypePolicyMap", "config": {}}),
        ("dtype", {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "x" * 999}}),
        ("quantization_config", {"module": "keras.quantizers", "class_name": "A", "config": {}}),
        ("layer", {"class_name": "deserialize", "config": {}}),
        ("units", 10_001),
        ("units", 10**400),
        ("units", [[-20_000]]),
        ("name", ["list"]),
        ("plain", {"no": "class"}),
    ],
)
def test_layer_settings_not_on_the_allow_list_are_refused(
    config: hostile.Config, key: str, value: object
) -> None:
    with pytest.raises(RefusedConfigError) as refused:
        checked_model(hostile.with_setting(config, key, value))
    assert len(str(refused.value)) < 400


def test_only_layers_and_their_connections_reach_keras(config: hostile.Config) -> None:
    hostile_part = {"module": "keras.layers", "class_name": "TFSMLayer", "config": {}}
    extra = json.loads(json.dumps(config)) | {"compile_config": hostile_part, "other": hostile_part}
    for layer in extra["config"]["layers"]:
        layer |= {"compile_config": hostile_part, "build_config": hostile_part}
        layer |= {"shared_object_id": 1}
    clean = checked_model(extra)
    assert clean == checked_model(config)
    assert "TFSMLayer" not in json.dumps(clean)


def test_h5_files_are_checked_like_keras_files(tmp_path: Path) -> None:
    path = tmp_path / "hostile.h5"
    network = keras.Sequential([keras.Input((784,)), layers.Dense(10)])
    for name in ("deserialize", "Lambda", "TFSMLayer"):
        network.save(path)
        with h5py.File(path, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            config["config"]["layers"][-1]["class_name"] = name
            file.attrs["model_config"] = json.dumps(config)
        with pytest.raises(ModelError, match=rf"hostile\.h5 uses {name}"):
            load_network(path)


def test_keras_archives_with_additional_files_are_refused(
    functional: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "assets.keras"
    path.write_bytes(functional)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("assets/vocabulary.txt", "a")
    with pytest.raises(ModelError, match=r"assets/vocabulary\.txt"):
        check_network(path)


def test_too_many_layers_are_refused(config: hostile.Config) -> None:
    with pytest.raises(RefusedConfigError, match=r"1,003 layers; expected at most 1,000"):
        checked_model(hostile.wide_config(config, 1_000, 1))


def test_the_allow_list_contains_only_keras_layers_that_carry_no_code() -> None:
    for name in keras_safety.LAYERS:
        assert issubclass(getattr(layers, name), layers.Layer)
    code = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "Pipeline"}
    assert not code & keras_safety.LAYERS
    vocabularies = {"StringLookup", "IntegerLookup", "TextVectorization"}
    assert not vocabularies & keras_safety.LAYERS


def test_no_string_on_the_allow_list_is_the_name_of_a_keras_function() -> None:
    from keras.src import layers as looked_up  # Keras looks up strings of .h5 files here

    functions = {name for name, value in vars(looked_up).items() if inspect.isfunction(value)}
    assert {"deserialize", "add"} <= functions
    assert not functions & keras_safety.WORDS


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return [leaf for part in parts for leaf in leaves(part)]
    return [value]


def test_hostile_values_anywhere_in_a_config_never_reach_keras(config: hostile.Config) -> None:
    """Tries a reference to a function at every position in a config."""
    reference = {"class_name": "function", "module": "keras.utils", "config": "get_file"}
    # Keras calls a function in the config of an .h5 file if the reference to it has this key.
    reference["__passive_serialization__"] = "true"

    def places(value: Any, path: tuple = ()) -> list[tuple]:
        if not isinstance(value, dict | list):
            return [path]
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        return [path, *(place for key, part in parts for place in places(part, (*path, key)))]

    refused = 0
    for *parents, key in [place for place in places(config) if place]:
        changed = json.loads(json.dumps(config))
        part = changed
        for parent in parents:
            part = part[parent]
        part[key] = reference
        try:
            assert "get_file" not in leaves(checked_model(changed))
        except RefusedConfigError:
            refused += 1
    assert refused > 50
