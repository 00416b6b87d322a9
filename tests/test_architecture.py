"""Packages have the documented layout, and imports point one way; see `common/__init__.py`."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

ORDER = (
    "common",
    "common.quiet",
    "common.files",
    "common.processes",
    "common.calibration",
    "common.reading",
    "common.backend",
    "common.preprocessing",
    "common.finding.encoding",  # the format of the finder's output, which networks.py needs
    "common.networks",
    "common.images",
    "common.storage",
    "common.finding",
    "common.recognizer",
    "common.forms",
    "common.data",
    "common.evaluation",
    "common.training",
    "common.batch",
    "common.cli",
    "common.web",
    "scripts",
)
"""Modules and packages. Each may import only from itself and from entries before it."""

SCRIPTS = sorted(ROOT.glob("*.py"))
FILES = [*SCRIPTS, *sorted((ROOT / "common").rglob("*.py"))]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in FILES
}


def imports_of(path: Path) -> set[str]:
    """Returns the project's modules that a file imports at run time, also inside functions."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{name.name}" for name in node.names}
            found |= {name if name in MODULES else node.module for name in inner}
        waiting += ast.iter_child_nodes(node)
    return found & set(MODULES)


IMPORTS = {name: imports_of(path) - {name} for name, path in MODULES.items()}


def position_of(module: str) -> int:
    """Returns the position of a module, or else of its package, in `ORDER`."""
    if not module.startswith("common"):
        return ORDER.index("scripts")
    if module in ORDER:
        return ORDER.index(module)
    package = ".".join(module.split(".")[:2])
    return ORDER.index(package)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_in_one_direction(module: str) -> None:
    wrong = [other for other in IMPORTS[module] if position_of(other) > position_of(module)]
    assert not wrong


def test_there_are_no_import_cycles() -> None:
    assert any(IMPORTS.values())
    for module in MODULES:
        reached, waiting = set(), list(IMPORTS[module])
        while waiting:
            other = waiting.pop()
            if other not in reached:
                reached.add(other)
                waiting += IMPORTS[other]
        assert module not in reached


def test_imports_are_absolute() -> None:
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        relative = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level]
        assert not relative, path


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines < (200 if path in SCRIPTS else 350)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_are_short(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 49, node.name


def test_only_a_few_modules_are_directly_in_common() -> None:
    assert len(list((ROOT / "common").glob("*.py"))) <= 12


EVERY_MODULE = """
import importlib, logging, signal, sys, warnings
def state():
    handlers = {n: signal.getsignal(n) for n in signal.valid_signals()}
    return sys.excepthook, warnings.showwarning, list(logging.root.handlers), handlers
before = state()
for name in sys.argv[1:]:
    importlib.import_module(name)
assert state() == before
"""


def test_importing_changes_no_global_state() -> None:
    pytest.importorskip("fastapi_offline")
    modules = [name for name in MODULES if name.startswith("common")]
    words = [sys.executable, "-c", EVERY_MODULE, *modules]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
