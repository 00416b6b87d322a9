import numpy as np
import pytest

from common.finding.encoding import OUTPUTS
from common.networks import CLASSIFIERS, build_network
from common.training.recipes import PRESETS, USUAL_PRESET


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("mlp", 118_282), ("simple_cnn", 121_930), ("fast_cnn", 109_402), ("deep_cnn", 327_065)],
)
def test_networks_have_the_expected_shapes_and_parameter_counts(name: str, parameters: int) -> None:
    network = build_network(name)
    assert network.input_shape == (None, 28, 28, 1)
    assert network.count_params() == parameters
    given = network(np.random.default_rng(0).random((3, 28, 28, 1), np.float32))
    assert given.shape == (3, 10)
    assert np.asarray(given).sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-5)


def test_every_network_has_a_preset_and_every_preset_has_a_network() -> None:
    assert set(USUAL_PRESET) == {*CLASSIFIERS, "finder"}
    assert {recipe.network for recipe in PRESETS.values()} <= {*CLASSIFIERS, "finder"}


def test_the_finder_returns_maps_at_a_quarter_of_any_page_size() -> None:
    network = build_network("finder")
    assert network.count_params() == 1_168_240
    for height, width in ((32, 64), (96, 32)):
        maps = network(np.zeros((2, height, width, 1), np.float32))
        assert maps.shape == (2, height // 4, width // 4, OUTPUTS)
