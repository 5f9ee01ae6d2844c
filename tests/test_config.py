import os
from pathlib import Path

import pytest

from samestep.config import Config, ProjectConfig, load_config
from samestep.errors import BadInput

SETTINGS = """\
data = "~/data"
julia = "julia +1.10"
[projects.flux]
folder = "~/flux"
[projects.flux-classic]
folder = "/opt/flux of 2019"
julia = "/opt/julia-1.5/bin/julia"
"""


@pytest.fixture
def file(no_settings: Path) -> Path:
    """Where the settings are looked for if no variable names another place."""
    path = no_settings / "config" / "samestep" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


def problem(file: Path, text: str) -> str:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        load_config()
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{file}: ")
    return message.removeprefix(f"{file}: ")


def test_without_a_file_nothing_is_set(file: Path) -> None:
    assert load_config() == Config()


def test_every_key_is_read(file: Path) -> None:
    file.write_text(SETTINGS)
    assert load_config() == Config(
        data=str(Path.home() / "data"),
        julia="julia +1.10",
        projects={
            "flux": ProjectConfig(folder=str(Path.home() / "flux")),
            "flux-classic": ProjectConfig(
                folder="/opt/flux of 2019", julia="/opt/julia-1.5/bin/julia"
            ),
        },
    )


def test_a_folder_is_relative_to_the_file_that_names_it(file: Path) -> None:
    file.write_text('data = "here"\n[projects.flux]\nfolder = "here/flux"\n')
    assert load_config().projects["flux"].folder == str(file.parent / "here" / "flux")
    assert load_config().data == str(file.parent / "here")


def test_a_variable_names_another_file(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(SETTINGS)
    other = tmp_path / "other.toml"
    other.write_text('julia = "mine"')
    monkeypatch.setenv("SAMESTEP_CONFIG", str(other))
    assert load_config() == Config(julia="mine")


def test_a_file_that_has_changed_is_read_again(file: Path) -> None:
    for number, name in enumerate(["one", "two"], start=1):
        file.write_text(f'julia = "{name}"')
        os.utime(file, (number, number))
        assert load_config().julia == name


def test_a_named_file_that_is_not_there(
    no_settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (tmp_path / "none.toml", tmp_path):
        monkeypatch.setenv("SAMESTEP_CONFIG", str(place))
        with pytest.raises(BadInput) as caught:
            load_config()
        assert str(caught.value) == f"SAMESTEP_CONFIG: there is no file {place}"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('colour = "red"', "colour: extra inputs are not permitted"),
        ("[projects.flux]\nprogram = 'julia'", "projects.flux.program: extra inputs are not"),
        ("data = ['a']", "data: input should be a valid string"),
        ("julia = 1.10", "julia: input should be a valid string"),
        ('julia = ["julia", "+1.10"]', "julia: input should be a valid string"),
        ('projects = "flux"', "projects: input should be"),
        ('[projects]\nflux = "~/flux"', "projects.flux: input should be"),
        ("[projects.flux]\nfolder = 3", "projects.flux.folder: input should be a valid string"),
    ],
)
def test_a_key_that_is_unknown_or_of_the_wrong_type_is_named(
    file: Path, text: str, key: str
) -> None:
    message = problem(file, text)
    assert message.startswith(key)
    assert message.endswith("; it holds data, julia, projects.NAME.folder and projects.NAME.julia")


@pytest.mark.parametrize("text", ["julia =", "julia = 'a'\njulia = 'b'", "[projects", "\x00"])
def test_what_is_not_toml(file: Path, text: str) -> None:
    assert problem(file, text).startswith("is not valid TOML: ")


def test_a_folder_without_rights(locked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAMESTEP_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(locked))
    with pytest.raises(BadInput, match=r"config\.toml: cannot be read \(Permission denied\); give"):
        load_config()


def test_what_is_not_text(file: Path) -> None:
    file.write_bytes(b'julia = "\xff"')
    with pytest.raises(BadInput, match="is not valid TOML"):
        load_config()
