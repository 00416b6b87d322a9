"""What the scripts share: everything that does work lives in this package.

Imports only go downwards:

    scripts -> recognizer, training, evaluation, plots, console
            -> presets, augmentation, networks, model_files
            -> datasets, synthetic
            -> page
            -> segmentation
            -> marks
            -> preprocessing
            -> ruling, handwriting, model_loading, backend, files, quiet, this module
"""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
"""The project's folder, which holds `models/`, `plots/`, `samples/` and `data/`."""


class UserError(Exception):
    """Something the user can mend; its one line says what was received and what to do."""
