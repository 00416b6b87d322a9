"""Hides messages that native libraries print on stderr, even before a log level can be set."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO


@contextmanager
def discarded_stderr() -> Iterator[BinaryIO]:
    """Redirects stderr to a temporary file until the block ends.

    Yields:
        The temporary file, which is deleted after the block.
    """
    with suppress(OSError):
        sys.stderr.flush()
    with tempfile.TemporaryFile() as captured:
        stderr = os.dup(2)
        os.dup2(captured.fileno(), 2)
        try:
            yield captured
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


@contextmanager
def hidden_stderr() -> Iterator[None]:
    """Hides stderr until the block ends. If the block raises, prints the hidden messages."""
    text = b""
    try:
        with discarded_stderr() as captured:
            try:
                yield
            except BaseException:
                captured.seek(0)
                text = captured.read()
                raise
    finally:
        os.write(2, text)
