"""Keeps back the notes that native libraries print on stderr before any setting can stop them."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO


@contextmanager
def discarded_notes() -> Iterator[BinaryIO]:
    """Nothing reaches stderr while the block runs; gives the file that holds it instead."""
    with suppress(OSError):
        sys.stderr.flush()
    with tempfile.TemporaryFile() as notes:
        stderr = os.dup(2)
        os.dup2(notes.fileno(), 2)
        try:
            yield notes
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


@contextmanager
def notes_kept_back() -> Iterator[None]:
    """Nothing reaches stderr while the block runs; if it raises, all of it is shown after all."""
    text = b""
    try:
        with discarded_notes() as notes:
            try:
                yield
            except BaseException:
                notes.seek(0)
                text = notes.read()
                raise
    finally:
        os.write(2, text)
