"""The Python examples in the documentation work."""

import re
import subprocess
import sys
from pathlib import Path

from conftest import ROOT


def test_the_python_examples_work_outside_the_clone(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "usage.md").read_text(encoding="utf-8")
    example = "\n".join(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL))
    assert "/path/to/digits" in example
    (tmp_path / "mine.py").write_text(example.replace("/path/to/digits", str(ROOT)))
    words = [sys.executable, "mine.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"7 0\.\d+", lines[0])
    assert re.fullmatch(r"7 0\.\d+ Box\(.*\)", lines[1])
    assert lines[-1] == "b.png b.png does not exist."
