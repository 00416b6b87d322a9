"""Tries hostile models for `fuzz.py`: names in Keras, nested configs, cards, costly networks."""

import copy
import importlib
import json
import pkgutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hostile_models as hostile
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from common.backend import keras
from common.storage.card import load_card
from common.storage.keras_safety import (
    ARITHMETIC,
    LAYERS,
    MODELS,
    RefusedConfigError,
    checked_model,
)
from common.storage.loading import ModelError, load_network
from common.storage.model_files import PRETRAINED
from common.storage.trial import MAX_SECONDS
from common.web.routes.keeping import training_command

MAX_MEGABYTES = 1500
ALLOWED = {*LAYERS, *ARITHMETIC, *MODELS}
SETTINGS = settings(
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
DANGEROUS = ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "socket.connect")
"""Audit events that loading a model must never cause."""

_watching = False


def _watch(event: str, arguments: tuple) -> None:
    if not _watching:
        return
    assert event not in DANGEROUS, (event, arguments)
    if event == "open" and isinstance(arguments[1], str) and set("wax+") & set(arguments[1]):
        path = str(arguments[0])
        assert path.startswith((tempfile.gettempdir(), "/dev/")), path


sys.addaudithook(_watch)


def names_of_keras() -> Iterator[tuple[str, str]]:
    """Yields each public name of Keras and each name in some internal packages, with its module."""
    seen = {keras}
    waiting = [("keras", keras)]
    while waiting:
        path, module = waiting.pop()
        for name, value in vars(module).items():
            if name.startswith("_") or name == "src":
                continue
            if hasattr(value, "__path__") and value.__name__.startswith("keras"):
                if value not in seen:
                    seen.add(value)
                    waiting.append((f"{path}.{name}", value))
            else:
                yield path, name
    for package in ("keras.src.ops", "keras.src.layers", "keras.src.saving", "keras.src.utils"):
        found = importlib.import_module(package)
        for part in pkgutil.walk_packages(found.__path__, f"{package}."):
            if not part.name.endswith("_test"):
                for name in vars(importlib.import_module(part.name)):
                    yield part.name, name


def layers_in(config: dict[str, Any]) -> Iterator[str]:
    """Yields the class names of all layers in a model config, including nested models."""
    for layer in config["config"]["layers"]:
        yield layer["class_name"]
        if layer["class_name"] in MODELS:
            yield from layers_in(layer)


def fuzz_names(config: hostile.Config) -> None:
    """Checks configs in which a name of Keras is a class, a function, an argument or a setting."""
    outcomes: Counter[str] = Counter()
    for module, name in names_of_keras():
        reference = {"class_name": "function", "module": module, "config": name}
        last, _, rest = module.partition(".")
        nodes = [{"args": [reference], "kwargs": {}}]
        for changed in (
            hostile.with_last(config, {"module": module, "class_name": name}),
            hostile.with_last(config, {"module": last, "class_name": f"{rest}.{name}".strip(".")}),
            hostile.with_last(config, reference),
            hostile.with_last(config, {"inbound_nodes": nodes}),
            hostile.with_setting(config, "activation", reference),
            hostile.with_setting(config, "kernel_initializer", {"class_name": name, "config": {}}),
            hostile.calling(config, module, name, "/nonexistent"),
        ):
            try:
                accepted = checked_model(changed)
                assert "function" not in json.dumps(accepted).replace("functional", "")
                assert set(layers_in(accepted)) <= ALLOWED
                outcomes["accepted"] += 1
            except RefusedConfigError:
                outcomes["refused"] += 1
    _report("names", outcomes)


def hostile_parts(config: hostile.Config) -> st.SearchStrategy:
    """Returns a strategy for nested parts of a config that refer to code or are out of place."""
    layer = config["config"]["layers"][-1]
    leaves = st.sampled_from(
        [
            {"class_name": "function", "module": "keras.utils", "config": "get_file"},
            {"class_name": "TFSMLayer", "module": "keras.layers", "config": {"filepath": "x"}},
            {"class_name": "__lambda__", "config": {"value": "4wAA"}},
            {"__passive_serialization__": True, "class_name": "deserialize", "config": {}},
            {"class_name": "Sequential", "module": "keras", "config": config["config"]},
            layer,
            "deserialize",
            "relu",
            None,
            -1,
            1e308,
        ]
    )
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*layer, *layer["config"], "layers"]), inner)
        ),
        max_leaves=8,
    )


def fuzz_configs(folder: Path, content: bytes, examples: int) -> None:
    """Loads models whose configs contain hostile parts at random positions."""
    config = hostile.keras_config(content)
    outcomes: Counter[str] = Counter()
    path = folder / "nested.keras"

    @settings(SETTINGS, max_examples=examples)
    @given(st.lists(st.integers(0, 30), min_size=1, max_size=8), hostile_parts(config))
    def run(steps: list[int], part: object) -> None:
        global _watching
        changed: Any = copy.deepcopy(config)
        place = changed
        for step in steps[:-1]:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if keys and isinstance(place[keys[step % len(keys)]], dict | list):
                place = place[keys[step % len(keys)]]
        if keys := list(place) if isinstance(place, dict) else list(range(len(place))):
            place[keys[steps[-1] % len(keys)]] = part
        path.write_bytes(hostile.with_config(content, changed))
        try:
            _watching = True
            load_network(path)
            outcomes["accepted"] += 1
        except ModelError:
            outcomes["refused"] += 1
        finally:
            _watching = False

    run()
    _report("configs", outcomes)


def fuzz_cards(folder: Path, examples: int) -> None:
    """Loads cards with random values. The code that uses cards must work with each accepted one."""
    card = json.loads(PRETRAINED.with_suffix(".json").read_text()) | {"own": "a", "start": "b"}
    model = folder / "carded.tflite"
    model.write_bytes(b"")
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner),
        max_leaves=4,
    )
    outcomes: Counter[str] = Counter()

    @settings(SETTINGS, max_examples=examples)
    @given(st.dictionaries(st.sampled_from(sorted(card)), values, min_size=1, max_size=3))
    def run(changes: dict[str, object]) -> None:
        changed = card | {"sha256": {}} | changes
        model.with_suffix(".json").write_text(json.dumps(changed))
        try:
            training_command(folder, model, load_card(model))
            outcomes["accepted"] += 1
        except ModelError:
            outcomes["refused"] += 1

    run()
    _report("cards", outcomes)


def try_expensive(folder: Path, content: bytes) -> None:
    """Tries costly models. Each must be refused or accepted within the time and memory limits."""
    for name, network in hostile.expensive_networks().items():
        network().save(folder / f"{name}.keras")
    wide = hostile.wide_config(hostile.keras_config(content), depth=60, units=10_000)
    (folder / "wide.keras").write_bytes(hostile.with_config(content, wide))
    deep = hostile.wide_config(hostile.keras_config(content), depth=990, units=1)
    (folder / "deep.keras").write_bytes(hostile.with_config(content, deep))
    for name, model in hostile.hostile_tflite().items():
        (folder / f"{name}.tflite").write_bytes(model)
    names = [*hostile.expensive_networks(), "wide", "deep"]
    paths = [folder / f"{name}.keras" for name in names]
    for path in [*paths, *(folder / f"{name}.tflite" for name in hostile.hostile_tflite())]:
        started = time.monotonic()
        kilobytes, refusal = hostile.trial_of(path)
        assert refusal or path.stem not in hostile.MUST_BE_REFUSED
        seconds, megabytes = time.monotonic() - started, kilobytes / 1024
        outcome = refusal.removeprefix(f"{path} ")[:60] or "accepted"
        print(f"{path.name:18} {seconds:5.1f} s, {megabytes:.0f} MB: {outcome}", flush=True)
        assert seconds < MAX_SECONDS[path.suffix] + 5
        assert megabytes < MAX_MEGABYTES


def fuzz_hostile_models(folder: Path, examples: int) -> None:
    """Runs all fuzzers of this module; the random ones use `examples` examples each."""
    content = hostile.functional_model(folder)
    fuzz_names(hostile.keras_config(content))
    fuzz_configs(folder, content, examples)
    fuzz_cards(folder, examples)
    try_expensive(folder, content)


def _report(name: str, outcomes: Counter[str]) -> None:
    print(
        f"{name:7} {outcomes.total():7,}  accepted {outcomes['accepted']:,}  "
        f"refused {outcomes['refused']:,}",
        flush=True,
    )
