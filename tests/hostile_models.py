"""Creates model files with parts that a classifier does not need, which must be refused."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from common import PROJECT
from common.backend import keras, layers

Config = dict[str, Any]

MUST_BE_REFUSED = ("looping", "branching", "reshaping", "wide", "upsampling")

# Runs in a new process to measure memory: the peak memory of a child process starts at that of its
# parent, and RUSAGE_CHILDREN is the maximum over all children.
TRIAL = """
import pathlib, resource, sys
from common.storage.loading import ModelError
from common.storage.trial import try_in_subprocess

refusal = ""
try:
    try_in_subprocess(pathlib.Path(sys.argv[1]))
except ModelError as error:
    refusal = str(error)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, refusal)
"""


def trial_of(path: Path) -> tuple[int, str]:
    """Tries a model. Returns the peak memory in kB, and the reason for a refusal or ""."""
    command = [sys.executable, "-c", TRIAL, str(path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    kilobytes, _, refusal = done.stdout.strip().partition(" ")
    return int(kilobytes), refusal


def keras_config(content: bytes) -> Config:
    """Returns the config of the model in a `.keras` file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return json.loads(archive.read("config.json"))


def with_config(content: bytes, config: object) -> bytes:
    """Returns a `.keras` file in which the config of the model is replaced."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            part = json.dumps(config) if name == "config.json" else source.read(name)
            target.writestr(name, part)
    return changed.getvalue()


def functional_model(folder: Path) -> bytes:
    """Returns a small functional model as a `.keras` file."""
    entry = keras.Input((28, 28, 1), name="entry")
    outputs = layers.Dense(10, name="last")(layers.Flatten(name="flat")(entry))
    path = folder / "functional.keras"
    keras.Model(entry, outputs).save(path)
    return path.read_bytes()


def tensor(config: Config) -> Config:
    """Returns the config entry of the tensor that enters the first layer of a functional model."""
    return config["config"]["layers"][1]["inbound_nodes"][0]["args"][0]


def calling(config: Config, module: str, function: str, *arguments: object) -> Config:
    """Returns a config with a `Switch` that calls a Keras function when the model is loaded."""
    reference = {
        "class_name": "function",
        "module": module,
        "config": function,
        "registered_name": function,
    }
    switch = {
        "module": "keras.src.ops.core",
        "class_name": "Switch",
        "config": {"name": "switch"},
        "registered_name": "Switch",
        "name": "switch",
        "inbound_nodes": [{"args": [tensor(config), [reference], *arguments], "kwargs": {}}],
    }
    hostile = json.loads(json.dumps(config))
    hostile["config"]["layers"].append(switch)
    return hostile


def with_last(config: Config, changes: Config) -> Config:
    """Returns a config in which entries of the last layer, such as its class, are changed."""
    hostile = json.loads(json.dumps(config))
    hostile["config"]["layers"][-1].update(changes)
    return hostile


def with_setting(config: Config, key: str, value: object) -> Config:
    """Returns a config in which one setting of the last layer is changed."""
    hostile = json.loads(json.dumps(config))
    hostile["config"]["layers"][-1]["config"][key] = value
    return hostile


def expensive_networks() -> dict[str, Callable[[], "keras.Model"]]:
    """Returns networks, by name, that have small files but take minutes or gigabytes to run."""

    def pixels(*middle: layers.Layer) -> "keras.Model":
        head = [layers.Flatten(), layers.Dense(10)]
        return keras.Sequential([keras.Input((28, 28, 1)), *middle, *head])

    return {
        "upsampling": lambda: pixels(layers.UpSampling2D(100), layers.MaxPooling2D(500)),
        "padding": lambda: pixels(layers.ZeroPadding2D(9000), layers.GlobalMaxPooling2D()),
        "resizing": lambda: pixels(layers.Resizing(9000, 9000), layers.GlobalMaxPooling2D()),
        "pooling": lambda: pixels(
            *[layers.MaxPooling2D(500, 1, padding="same") for _ in range(300)]
        ),
        "repeating": lambda: keras.Sequential(
            [
                keras.Input((784,)),
                layers.RepeatVector(10_000),
                layers.Flatten(),
                layers.RepeatVector(100),
                layers.GlobalMaxPooling1D(),
                layers.Reshape((784, 10_000)),
                layers.GlobalMaxPooling1D(),
                layers.Reshape((10_000, 1)),
                layers.GlobalMaxPooling1D(),
                layers.Dense(10),
            ]
        ),
    }


def wide_config(config: Config, depth: int, units: int) -> Config:
    """Returns a config with `depth` dense layers, about `depth * units**2` weights in all."""
    hostile = json.loads(json.dumps(config))
    stacked = hostile["config"]["layers"]
    last = stacked.pop()
    before = "flat"
    for index in range(depth + 1):
        layer = json.loads(json.dumps(last))
        history = layer["inbound_nodes"][0]["args"][0]["config"]
        history["keras_history"] = [before, 0, 0]
        if index < depth:
            before = layer["name"] = layer["config"]["name"] = f"wide_{index}"
            layer["config"]["units"] = units
        stacked.append(layer)
    return hostile


def hostile_tflite() -> dict[str, bytes]:
    """Returns `.tflite` models, by name, whose amount of work depends on the image."""
    import tensorflow as tf

    weights = tf.constant(np.ones((784, 10), np.float32))

    def looping(image: Any) -> Any:
        enough = tf.reduce_sum(image) * 1e9
        _, total = tf.while_loop(
            lambda count, _: count < enough, lambda count, sum_: (count + 1, sum_ + 1), (0.0, 0.0)
        )
        return tf.matmul(image, weights) + total

    def branching(image: Any) -> Any:
        answer = tf.matmul(image, weights)
        return tf.cond(tf.reduce_sum(image) > 1, lambda: answer * 2, lambda: tf.sin(answer))

    def reshaping(image: Any) -> Any:
        count = tf.cast(tf.reduce_sum(image) * 1e6, tf.int32)
        return tf.matmul(image, weights) + tf.reduce_sum(tf.fill([count + 1, 1000], 1.0))

    return {
        "looping": converted(looping),
        "branching": converted(branching),
        "reshaping": converted(reshaping),
    }


def converted(function: Callable[[Any], Any]) -> bytes:
    """Converts a function of a float32 tensor (1, 784) to a `.tflite` model."""
    import tensorflow as tf

    concrete = tf.function(
        function, input_signature=[tf.TensorSpec((1, 784), tf.float32)]
    ).get_concrete_function()
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())
