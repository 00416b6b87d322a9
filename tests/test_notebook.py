"""The notebook runs from top to bottom, without an internet connection and without MNIST."""

import json
import shutil
from pathlib import Path

import nbclient
import nbformat
import pytest
from conftest import OFFLINE, ROOT

NOTEBOOK = ROOT / "notebooks" / "from_pixels_to_digits.ipynb"


def test_the_notebook_runs_offline(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OFFLINE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MPLBACKEND")  # the notebook sets its own backend
    folder = project / "notebooks"
    folder.mkdir()
    shutil.copy(NOTEBOOK, folder)
    notebook = nbformat.read(folder / NOTEBOOK.name, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=240, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()  # raises the first error of a cell
    printed = "".join(
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream"
    )
    assert "Using the 1,797 digits" in printed
    assert "3064\n1829\n57" in printed


def test_the_notebook_includes_the_outputs_of_one_run_from_top_to_bottom() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not any(output["output_type"] == "error" for cell in code for output in cell["outputs"])
    assert NOTEBOOK.stat().st_size < 1_000_000
