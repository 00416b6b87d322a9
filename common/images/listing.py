"""Finds the images that a command line names by files, folders, patterns, lists or addresses."""

import glob
import os
import re
import sys
import warnings
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

from common import UserError
from common.images.contents import MAX_BYTES, PAGED, ImageError, filesystem_of, is_address, name_of
from common.images.decoding import SUFFIXES, page_sources

MAX_LIST_BYTES = 200_000_000  # per list of images
MAX_NAMES = 10_000_000  # per list of images; this many names take 5 GB of memory

Source = tuple[str, str | Path | bytes]
"""The name of an image, and its path, address or bytes. The names of pages end in #1, #2, ..."""


def image_sources(arguments: list[str], recursive: bool = False) -> list[Source]:
    """Returns the images that the arguments name, in the order of the arguments.

    The images of a folder or pattern are in natural order: digit2 before digit10. In a pattern, **
    matches any number of folders. Each page of a PDF or TIFF file is an image.

    A folder without images or a pattern without matches is an error if it is the only argument.
    Among other arguments, it is returned as a source, and reading that source fails later.

    Args:
        arguments: Files, folders, patterns, addresses (see `listed_at`), or "-" to read the bytes
            of one image from stdin.
        recursive: Whether to include the sub-folders of folders.

    Raises:
        UserError: The only argument is a folder without images or a pattern without matches, or an
            address cannot be listed or has no images.
        OSError: The only argument is a folder that cannot be listed.
    """
    sources: list[Source] = []
    alone = len(arguments) == 1
    for argument in arguments:
        path = Path(argument)
        if argument == "-":
            sources.append(("-", sys.stdin.buffer.read(MAX_BYTES + 1)))
        elif is_address(argument):
            sources += [(name, name) for name in listed_at(argument, recursive)]
        elif os.path.isdir(argument):
            usable = alone or _can_list(path)
            found = list_images(path, recursive) if usable else []
            below = ""
            if usable and not recursive and _has_folders(path):
                below = "; to include its sub-folders, add --recursive"
            if alone and not found:
                raise UserError(f"The folder {path} contains no images{below}.")
            if below and found:
                warnings.warn(f"Only the images directly in {path} are read{below}.", stacklevel=2)
            sources += [(name_of(image), image) for image in found or [path]]
        elif glob.has_magic(argument) and not os.path.exists(argument):
            found = _matches(argument, recursive)
            if alone and not found:
                raise UserError(f"No file matches the pattern {argument}")
            sources += [(name_of(image), image) for image in found or [path]]
        else:
            sources.append((name_of(argument), path))
    return _page_by_page(sources)


def sources_from(listing: Path) -> list[Source]:
    """Returns the images that a text file names, one per line.

    Args:
        listing: The text file, or "-" to read the list from stdin.

    Raises:
        UserError: The list cannot be read, is empty, or is too long.
    """
    try:
        if str(listing) == "-":
            content = sys.stdin.buffer.read(MAX_LIST_BYTES + 1)
        else:
            with listing.open("rb") as file:
                content = file.read(MAX_LIST_BYTES + 1)
    except OSError as error:
        raise UserError(f"The list {listing} cannot be read: {error.strerror}.") from error
    lines = (line.rstrip(b"\r\n") for line in BytesIO(content))
    names = [os.fsdecode(line) for line in islice((n for n in lines if n.strip()), MAX_NAMES + 1)]
    if len(content) > MAX_LIST_BYTES or len(names) > MAX_NAMES:
        raise UserError(
            f"The list {listing} is too long; expected at most {MAX_LIST_BYTES // 10**6} MB and "
            f"{MAX_NAMES:,} names. Split it into several lists."
        )
    if not names:
        raise UserError(f"The list {listing} names no image; expected one path per line.")
    return _page_by_page(
        [(name_of(name), name if is_address(name) else Path(name)) for name in names]
    )


def _page_by_page(sources: list[Source]) -> list[Source]:
    """Replaces each PDF or TIFF file by its pages.

    An unreadable file stays in the list, so that reading it reports the error.
    """
    pages: list[Source] = []
    for name, source in sources:
        if isinstance(source, bytes) or not name.lower().endswith(PAGED):
            pages.append((name, source))
            continue
        try:
            pages += [(name_of(page), page) for page in page_sources(source)]
        except ImageError:
            pages.append((name, source))
    return pages


def _matches(pattern: str, recursive: bool) -> list[Path]:
    """Returns the files that match a pattern and the images in folders that match it.

    If the pattern contains **, matching folders are skipped.
    """
    images: list[Path] = []
    for name in sorted(glob.glob(pattern, recursive=True), key=natural_key):
        if not os.path.isdir(name):
            images.append(Path(name))
        elif "**" not in pattern:
            images += list_images(Path(name), recursive) if _can_list(name) else [Path(name)]
    return images


def _can_list(folder: str | Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK)


def _has_folders(folder: Path) -> bool:
    """Checks whether a folder has sub-folders that are not hidden."""
    entries = (entry for entry in os.scandir(folder) if not entry.name.startswith("."))
    return any(entry.is_dir(follow_symlinks=False) for entry in entries)


def listed_at(address: str, recursive: bool = False) -> list[str]:
    """Lists the images at an address.

    Args:
        address: Address of an image, folder or pattern, such as memory://x.png, s3://bucket/scans/
            or file:///scans/*.png.
        recursive: Whether to include the sub-folders of a folder.

    Raises:
        UserError: There are no images at the address, or it cannot be listed.
    """
    filesystem, path = filesystem_of(address)
    try:
        if glob.has_magic(path):
            names = filesystem.glob(path)
        elif filesystem.isdir(path):
            found = filesystem.find(path) if recursive else filesystem.ls(path, detail=False)
            names = [name for name in found if _is_image(name)]
        else:
            return [address]
    # Each storage back end raises its own exceptions.
    except Exception as error:
        raise UserError(f"{address} cannot be listed: {error}") from error
    if not names:
        raise UserError(f"There is no image at {address}")
    return [filesystem.unstrip_protocol(name) for name in sorted(names, key=natural_key)]


def _is_image(name: Any) -> bool:
    return str(name).lower().endswith(SUFFIXES)


def list_images(folder: Path, recursive: bool = False) -> list[Path]:
    """Lists the image files in a folder in natural order: digit2 before digit10.

    Args:
        folder: The folder.
        recursive: Whether to include the sub-folders, each after the images of its parent folder.
            Links to folders are not followed. A sub-folder that cannot be listed is returned like
            an image, so that reading it reports the error.

    Raises:
        OSError: The folder cannot be listed.
    """
    images: list[Path] = []
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        try:
            entries = [entry for entry in os.scandir(place) if not entry.name.startswith(".")]
        except OSError:
            if place == folder:
                raise
            images.append(place)
            continue
        entries.sort(key=lambda entry: natural_key(entry.name))
        folders = {e.name for e in entries if recursive and e.is_dir(follow_symlinks=False)}
        names = (entry.name for entry in entries if entry.name not in folders)
        images += [place / name for name in names if name.lower().endswith(SUFFIXES)]
        waiting += [place / e.name for e in reversed(entries) if e.name in folders]
    return images


def natural_key(name: str) -> list[tuple[int, int | str]]:
    """Returns a sort key that compares numbers in names by value."""
    return [
        (0, int(part)) if part.isdecimal() else (1, part.lower())
        for part in re.split(r"(\d+)", name)
        if part
    ]


def real_paths(sources: list[Source]) -> set[str]:
    """Returns the real paths of all sources that are files, with symbolic links resolved."""
    names = {str(source) for _, source in sources if isinstance(source, Path)}
    return {os.path.realpath(name) for name in names if "\0" not in name}
