"""The code that the scripts share.

An arrow means "imports", and no module imports against the arrows. The only exception is the format
of the finder's output, `finding.encoding`, which `networks` and `storage` import.
`tests/test_architecture.py` checks this:

    cli, web -> batch, training -> evaluation -> data -> forms -> recognizer -> finding
             -> images, storage
             -> networks, preprocessing, reading, backend, calibration, files, processes, quiet
"""

import unicodedata
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
"""The project's folder, which holds `models/`, `plots/`, `samples/` and `data/`."""

ESCAPED_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories that `printable` escapes: control and format characters (such as right-to-left
marks), surrogates, and line and paragraph separators."""


class UserError(Exception):
    """An error that the user can fix. Its message says in one line what is wrong and what to do."""


def printable(text: str) -> str:
    """Replaces line breaks and other characters of `ESCAPED_CATEGORIES` with backslash escapes.

    File names can contain control characters. Printed to a terminal, these could move the cursor or
    change the terminal's settings.
    """
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in ESCAPED_CATEGORIES else c
        for c in text
    )
