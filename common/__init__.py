"""Everything that the scripts share.

Imports point one way, which `tests/test_architecture.py` checks:

    cli, web -> batch, training -> evaluation -> data, recognizer -> finding -> images, storage
             -> networks, preprocessing, reading, backend, calibration, files, processes, quiet
"""

import unicodedata
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
"""The project's folder, which holds `models/`, `plots/`, `samples/` and `data/`."""

UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories: controls, formats (such as right-to-left marks), halves, line breaks."""


class UserError(Exception):
    """Something the user can mend; its one line says what was received and what to do."""


def printable(text: str) -> str:
    """Text with line breaks and control characters as backslash escapes.

    File names may hold them; on a terminal they could move the cursor or do worse.
    """
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in UNSEEN else c
        for c in text
    )
