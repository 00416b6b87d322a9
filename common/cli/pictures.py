"""Draws the pictures that `predict_image.py` saves or shows, and writes the review page."""

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from common.evaluation import annotation
from common.images.listing import Source, real_paths
from common.reading import Reading
from common.recognizer import DigitRecognizer

Drawer = Callable[[str | Path | bytes, Reading], None]
"""A function that draws a reading on its image, which is given as a path, an address or bytes."""


@contextmanager
def make_drawer(
    arguments: argparse.Namespace, recognizer: DigitRecognizer, sources: list[Source]
) -> Iterator[Drawer]:
    """Provides a function that draws what --save, --show, --explain and --review ask for.

    The review page is written when the block ends.

    Yields:
        A function of an image and its reading. It raises `UserError` if the image cannot be read
        again or explained, or if a picture cannot be written.

    Raises:
        UserError: The review page cannot be written.
    """
    pictures = bool(arguments.save or arguments.explain)
    taken = real_paths(sources) if pictures else set()
    drawn: Counter[str] = Counter()
    if arguments.explain:
        # Imported here: these modules need Matplotlib, which is slow to import.
        from common.evaluation.explanation import Explainer
        from common.evaluation.explanation_plot import plot_explanation

        explainer = Explainer(recognizer)
    review = None
    if arguments.review:
        # Imported here: only --review needs it.
        from common.forms.review import ReviewPage

        review = ReviewPage(arguments.review / "review.html")

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
        if review:
            review.add(source, reading)

    try:
        yield draw
    finally:
        if review:
            review.write()
