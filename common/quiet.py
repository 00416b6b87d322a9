"""Hides what native libraries print on stderr, including before any log level can be set."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO


@contextmanager
def discarded_stderr() -> Iterator[BinaryIO]:
    """Redirects stderr to a temporary file while the block runs.

    Yields:
        The temporary file. It is deleted after the block.
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
    """Hides stderr while the block runs. If the block raises, prints what was hidden."""
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
