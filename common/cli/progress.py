"""A progress bar for terminals."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def progress_bar(
    count: int, results: TextIO
) -> Iterator[tuple[Callable[[int], object], Callable[[str, TextIO], None]]]:
    """Shows a progress bar if stderr is a terminal.

    Args:
        count: Total number of images.
        results: The stream for results. If it is a terminal, rows are printed above the bar.

    Yields:
        Two functions: one advances the bar by a number of images, the other prints a text to a
        stream without disturbing the bar.
    """

    def say(text: str, stream: TextIO) -> None:
        print(text, file=stream)

    if not sys.stderr.isatty():
        yield lambda _: None, say
        return
    # Imported here: it would add a tenth to the time that the command takes for one image.
    from tqdm import tqdm

    def say_above(text: str, stream: TextIO) -> None:
        with tqdm.external_write_mode(file=sys.stderr):  # clears the bar and redraws it below
            say(text, stream)

    with tqdm(total=count, unit=" images", leave=False) as bar:
        yield bar.update, say_above if results.isatty() else say
