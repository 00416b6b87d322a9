"""The pictures of readings that `predict_image.py` saves and shows."""

import argparse
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from common.evaluation import annotation
from common.images.listing import Source, real_paths
from common.reading import Reading
from common.recognizer import DigitRecognizer

Drawer = Callable[[str | Path | bytes, Reading], None]


def make_drawer(
    arguments: argparse.Namespace, recognizer: DigitRecognizer, sources: list[Source]
) -> Drawer:
    """Returns a function that draws what --save, --show and --explain ask for.

    The function takes an image and its reading. It raises `UserError` if the image cannot be read
    again, or if a picture cannot be written.
    """
    pictures = bool(arguments.save or arguments.explain)
    taken = real_paths(sources) if pictures else set()
    drawn: Counter[str] = Counter()
    if arguments.explain:
        # Imported here: Matplotlib is slow and not needed to read images.
        from common.evaluation.explanation import Explainer
        from common.evaluation.explanation_plot import plot_explanation

        explainer = Explainer(recognizer)

    def draw(source: str | Path | bytes, reading: Reading) -> None:
        if arguments.save or arguments.show:
            path = arguments.save and annotation.new_picture(
                arguments.save, reading.image, "read", drawn, taken
            )
            annotation.draw(source, reading, path, arguments.show)
        if arguments.explain:
            path = annotation.new_picture(
                arguments.explain, reading.image, "explained", drawn, taken
            )
            plot_explanation(explainer.explain(source, reading.image), path)

    return draw
