"""Unknown models first run in a separate process with limits on time and memory."""

import json
import re
from pathlib import Path

import hostile_models as hostile
import pytest
from conftest import ROOT

from common.files import sha256_of
from common.storage import trial
from common.storage.loading import ModelError, check_network
from common.storage.model_files import load_predictor
from common.storage.tflite_safety import RefusedOperatorsError, check_operators

MAX_TRIAL_KILOBYTES = 1_500_000


@pytest.fixture(scope="module")
def tflite() -> dict[str, bytes]:
    return hostile.hostile_tflite()


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("looping", "subgraphs|WHILE"),
        ("branching", "subgraphs|IF"),
        ("reshaping", r"computes a shape from pixel values \(FILL\)"),
    ],
)
def test_models_whose_work_depends_on_the_image_are_refused(
    tflite: dict[str, bytes], name: str, refusal: str
) -> None:
    with pytest.raises(RefusedOperatorsError, match=refusal):
        check_operators(tflite[name])


def test_the_operators_of_the_pretrained_model_are_accepted() -> None:
    check_operators((ROOT / "models" / "pretrained.tflite").read_bytes())


def test_a_hostile_model_is_refused_even_with_a_matching_card(
    tflite: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "looping.tflite"
    path.write_bytes(tflite["looping"])
    card = {"sha256": {"tflite": sha256_of(path)}, "temperature": 1, "data": "mnist"}
    path.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match=r"looping\.tflite has"):
        load_predictor(path)


# Each of these trials takes 20 seconds. `make fuzz` tries ten expensive models.
@pytest.mark.parametrize("name", ["wide", pytest.param("upsampling", marks=pytest.mark.long)])
def test_a_network_that_needs_too_much_memory_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.keras"
    if name == "wide":
        seed = hostile.functional_model(tmp_path)
        config = hostile.wide_config(hostile.keras_config(seed), depth=60, units=10_000)
        path.write_bytes(hostile.with_config(seed, config))
    else:
        hostile.expensive_networks()[name]().save(path)
    check_network(path)  # apart from its size, it is acceptable
    kilobytes, refusal = hostile.trial_of(path)
    assert re.search(rf"{name}\.keras .*(too large|OOM|ResourceExhausted)", refusal)
    assert kilobytes < MAX_TRIAL_KILOBYTES


def test_a_trial_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(trial.MAX_SECONDS, ".tflite", 0.01)  # less than Python takes to start
    with pytest.raises(ModelError, match=r"pretrained\.tflite is"):
        trial.try_in_subprocess(ROOT / "models" / "pretrained.tflite")
