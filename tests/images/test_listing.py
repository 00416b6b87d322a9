"""Folders and patterns are replaced by the images that they contain or match."""

from pathlib import Path

import pytest

from common.images.listing import image_sources


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two images, and a sub-folder with one."""
    (tmp_path / "scans" / "old").mkdir(parents=True)
    for name in ("scans/a.png", "scans/b.png", "scans/old/c.png"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*arguments: str, recursive: bool = False) -> list[str]:
    return [name for name, _ in image_sources([*arguments], recursive)]


def test_two_stars_in_a_pattern_match_any_number_of_folders(folder: Path) -> None:
    assert names("scans/**/*.png") == ["scans/a.png", "scans/b.png", "scans/old/c.png"]
    assert names("**") == ["scans/a.png", "scans/b.png", "scans/old/c.png"]


def test_a_pattern_that_matches_folders_lists_their_images(folder: Path) -> None:
    assert names("sc*") == ["scans/a.png", "scans/b.png"]
    assert names("sc*", recursive=True) == ["scans/a.png", "scans/b.png", "scans/old/c.png"]


def test_a_note_says_if_sub_folders_are_not_read(folder: Path) -> None:
    with pytest.warns(UserWarning, match="Only the images directly in scans are read; to include"):
        assert names("scans") == ["scans/a.png", "scans/b.png"]
    assert names("scans", recursive=True) == ["scans/a.png", "scans/b.png", "scans/old/c.png"]
