import numpy as np
import pytest

from common.networks import NETWORKS, build_network
from common.presets import PRESETS, USUAL_PRESET


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("mlp", 118_282), ("simple_cnn", 121_930), ("fast_cnn", 109_402), ("deep_cnn", 327_065)],
)
def test_shapes_and_parameters(name: str, parameters: int) -> None:
    network = build_network(name)
    assert network.input_shape == (None, 28, 28, 1)
    assert network.count_params() == parameters
    given = network(np.random.default_rng(0).random((3, 28, 28, 1), np.float32))
    assert given.shape == (3, 10)
    assert np.asarray(given).sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-5)


def test_every_network_has_a_usual_preset_and_every_preset_a_network() -> None:
    assert set(USUAL_PRESET) == set(NETWORKS)
    assert {recipe.network for recipe in PRESETS.values()} <= set(NETWORKS)
