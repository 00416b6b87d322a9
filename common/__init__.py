"""The code that the scripts share.

An arrow means "imports". There are no imports against the arrows; `tests/test_architecture.py`
checks this:

    cli, web -> batch, training -> evaluation -> data -> forms -> recognizer -> finding
             -> images, storage
             -> networks, preprocessing, reading, backend, calibration, files, processes, quiet
"""

import unicodedata
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
"""The project's folder, which holds `models/`, `plots/`, `samples/` and `data/`."""

ESCAPED_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories that `printable` escapes: control, format (such as right-to-left marks),
surrogate, and line and paragraph separators."""


class UserError(Exception):
    """An error that the user can fix. Its message says in one line what is wrong and what to do."""


def printable(text: str) -> str:
    """Replaces line breaks and control characters by backslash escapes.

    File names can contain control characters, which a terminal would obey: they can move the cursor
    or change its settings.
    """
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in ESCAPED_CATEGORIES else c
        for c in text
    )
