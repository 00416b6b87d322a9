"""The HTTP API matches its OpenAPI description (checked by Schemathesis)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, PageServer

pytest.importorskip("schemathesis")


def test_the_api_behaves_as_its_openapi_description_says(page_server: PageServer) -> None:
    words = ["run", f"{page_server.address}openapi.json", "--max-examples", "15", "--seed", "1"]
    done = subprocess.run(
        [Path(sys.executable).with_name("schemathesis"), *words, "--no-color"],
        cwd=page_server.project,
        env=os.environ | {"SCHEMATHESIS_HOOKS": str(ROOT / "tests" / "schemathesis_hooks.py")},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout
    assert "Selected: 17/17" in done.stdout
