import signal
import threading
from pathlib import Path

import pytest

from common import UserError
from common.cli import console
from common.files import shown


def status_of(error: BaseException | None) -> int:
    def main() -> int:
        if error:
            raise error
        return 1

    with pytest.raises(SystemExit) as stopped:
        console.run(main)
    return int(stopped.value.code or 0)


def test_errors_and_interrupts_map_to_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(None) == 1
    assert status_of(KeyboardInterrupt()) == 130
    assert status_of(UserError("The cat sat on it.")) == 2
    assert capsys.readouterr().err.endswith("error: The cat sat on it.\n")


@pytest.mark.parametrize("error", [ImportError("numpy failed"), UserError("It is damaged.")])
def test_an_error_caused_by_ctrl_c_is_reported_as_an_interruption(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(console, "_interruption", threading.Event())

    def main() -> int:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:  # native modules turn it into an ImportError
            raise error from None
        return 0

    with pytest.raises(SystemExit) as stopped:
        console.run(main)
    assert stopped.value.code == 130
    assert capsys.readouterr().err == "\ninterrupted\n"


def test_paths_inside_the_current_folder_are_shown_as_relative_paths(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "a" / "b.png") == str(Path("a") / "b.png")
    assert shown(Path("/elsewhere/b.png")) == "/elsewhere/b.png"


def test_the_path_of_a_link_to_itself_can_be_shown(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert shown(tmp_path / "loop") == str(tmp_path / "loop")
