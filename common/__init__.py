"""What the scripts share: everything that does work lives in this package.

Imports only go downwards:

    scripts -> web, engines
            -> training, fine_tuning, evaluation, reading_evaluation, plots, parts
            -> reading_scores, recognizer, checkpoint, distribution, export
            -> presets, augmentation, networks, model_files, sources
            -> datasets, synthetic
            -> page
            -> segmentation
            -> marks
            -> preprocessing, images, model_trial
            -> ruling, handwriting, model_loading
            -> keras_safety, tflite_safety, structure, backend, files, console, quiet, this module
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
