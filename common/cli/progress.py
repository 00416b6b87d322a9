"""The progress bar on a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def progress_bar(
    count: int, results: TextIO
) -> Iterator[tuple[Callable[[int], object], Callable[[str, TextIO], None]]]:
    """On a terminal, a progress bar; gives how to move it on, and how to print meanwhile."""

    def say(text: str, stream: TextIO) -> None:
        print(text, file=stream)

    if not sys.stderr.isatty():
        yield lambda _: None, say
        return
    # Imported here: it would take a tenth of the time that the command needs for one image.
    from tqdm import tqdm

    def say_above(text: str, stream: TextIO) -> None:
        with tqdm.external_write_mode(file=sys.stderr):  # the bar makes way
            say(text, stream)

    with tqdm(total=count, unit=" images", leave=False) as bar:
        yield bar.update, say_above if results.isatty() else say
