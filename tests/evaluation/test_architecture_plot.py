"""The layers of a network are shown as a table and as a picture."""

from pathlib import Path

import pytest
from PIL import Image

from common.evaluation.architecture import layer_rows, layer_table, save_architecture
from common.networks import build_network


def test_the_table_lists_layers_shapes_and_parameters() -> None:
    lines = layer_table(build_network("simple_cnn")).splitlines()
    assert [line.split() for line in (lines[1], lines[2], lines[-2], lines[-1])] == [
        ["Conv2D", "3x3,", "relu", "26", "x", "26", "x", "32", "320"],
        ["MaxPooling2D", "2x2", "13", "x", "13", "x", "32", "0"],
        ["Dense,", "softmax", "10", "650"],
        ["total", "121,930"],
    ]


@pytest.mark.parametrize("name", ["deep_cnn", "finder"])
def test_the_picture_and_the_table_show_every_layer(name: str, tmp_path: Path) -> None:
    network = build_network(name)
    picture, table = tmp_path / "a.png", tmp_path / "a.txt"
    save_architecture(network, name, picture, table)
    rows = layer_rows(network)
    assert sum(row.parameters for row in rows) == network.count_params()
    assert len(table.read_text().splitlines()) == len(rows) + 2
    with Image.open(picture) as image:
        assert image.height > 20 * min(len(rows), 34)
