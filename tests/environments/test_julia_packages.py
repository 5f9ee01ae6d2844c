"""What a real Julia says of its project's packages on disk."""

from pathlib import Path

import pytest

from samestep.environments.julia import JuliaEnvironment, JuliaPackage

pytestmark = pytest.mark.julia

UUID = "12345678-1234-5678-1234-567812345678"
TINY = JuliaPackage(name="Tiny", uuid=UUID, version="0.1")
MANIFEST = f"""\
[[Random]]
uuid = "9a3f8284-a2c9-5f02-9a11-845980a1fd5c"

[[Tiny]]
deps = ["Random"]
path = "Tiny"
uuid = "{UUID}"
version = "0.1.0"
"""


@pytest.fixture
def place(julia: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JuliaEnvironment:
    """A project with one package, of 1,234 bytes in three files, one of them linked to twice."""
    source = tmp_path / "Tiny" / "src"
    source.mkdir(parents=True)
    (source / "Tiny.jl").write_text("module Tiny end\n".ljust(200, "#"))
    (source.parent / "Project.toml").write_text(
        f'name = "Tiny"\nuuid = "{UUID}"\nversion = "0.1.0"\n'.ljust(234, "#")
    )
    (source.parent / "large").write_bytes(b"#" * 800)
    (source.parent / "link").symlink_to("large")
    (tmp_path / "Project.toml").write_text(f'[deps]\nTiny = "{UUID}"\n')
    (tmp_path / "Manifest.toml").write_text(MANIFEST)
    monkeypatch.setenv("SAMESTEP_TINY_PROJECT", str(tmp_path))
    return JuliaEnvironment("tiny", "tiny", [TINY], "1.5")


def test_packages_count_and_what_comes_with_julia_does_not(place: JuliaEnvironment) -> None:
    assert place.problem() is None
    assert place.install_bytes() == 1234


def test_a_cold_start_reads_julias_libraries_and_the_packages(
    place: JuliaEnvironment, tmp_path: Path
) -> None:
    files = set(place.files())
    package = {path for path in files if path.is_relative_to((tmp_path / "Tiny").resolve())}
    assert {path.name for path in package} == {"Tiny.jl", "Project.toml", "large"}
    assert len(files) > len(package)


def test_a_framework_without_packages_takes_nothing(julia: list[str]) -> None:
    assert JuliaEnvironment("julia", None, [], "1.5").install_bytes() == 0
