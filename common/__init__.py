"""The package that the scripts share.

Imports point one way, which `tests/test_architecture.py` checks:

    cli, web -> batch, training -> evaluation -> data -> forms -> recognizer -> finding
             -> images, storage
             -> networks, preprocessing, reading, backend, calibration, files, processes, quiet
"""

import unicodedata
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
"""The project's folder, which holds `models/`, `plots/`, `samples/` and `data/`."""

ESCAPED_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories: control, format (such as right-to-left marks), surrogate, line breaks."""


class UserError(Exception):
    """An error that the user can fix. Its message is one line: what was wrong and what to do."""


def printable(text: str) -> str:
    """Returns the text with line breaks and control characters as backslash escapes.

    File names can contain such characters, which could move a terminal's cursor or do worse.
    """
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in ESCAPED_CATEGORIES else c
        for c in text
    )
