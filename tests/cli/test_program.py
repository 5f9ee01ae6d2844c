"""How the program ends when the machine refuses it something that no command foresaw."""

import errno
import os

import pytest

from samestep.cli import program


def app_that_meets(number: int, place: str | None):
    def app(*arguments: object, **options: object) -> int:
        raise OSError(number, os.strerror(number), place)

    return app


@pytest.mark.parametrize(
    ("number", "place", "said"),
    [
        (errno.EACCES, "/locked/it", "/locked/it: Permission denied; change its rights"),
        (errno.ENOSPC, None, "a file could not be written: No space left on device; change"),
    ],
)
def test_rights_and_room_are_one_sentence(
    number: int,
    place: str | None,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(program, "app", app_that_meets(number, place))
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == program.BAD
    shown = capsys.readouterr().err
    assert shown.startswith(f"samestep: {said}")
    assert shown.count("\n") == 1


def test_any_other_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "app", app_that_meets(errno.EIO, "/dev/sda"))
    with pytest.raises(OSError, match="Input/output error"):
        program.main()
