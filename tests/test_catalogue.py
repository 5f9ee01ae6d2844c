import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from samestep.catalogue import (
    choose_frameworks,
    find_frameworks,
    load_folder,
    named_framework,
)
from samestep.errors import BadInput
from samestep.experiment_file import load_experiment

FRAMEWORK = """\
language = "python"
shim = "shim.py"
[frameworks.mine]
title = "Mine"
modules = ["numpy"]
requires = ["numpy>=2"]
[frameworks.mine.supports]
optimizers = ["sgd"]
"""


JULIA = """\
language = "julia"
shim = "shim.jl"
[frameworks.mine]
title = "Mine"
julia = "1.6"
project = "my-project"
packages = [{ name = "Mine", uuid = "12345678-1234-5678-1234-567812345678", version = "0.3" }]
"""


def write_folder(root: Path, text: str = FRAMEWORK, folder: str = "mine") -> Path:
    path = root / folder
    path.mkdir()
    (path / "framework.toml").write_text(text)
    for name in ("shim.py", "script.py.j2", "shim.jl", "script.jl.j2"):
        (path / name).write_text("")
    return path


@pytest.fixture
def search_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAMESTEP_PATH", str(tmp_path))
    return tmp_path


def problem(folder: Path) -> str:
    with pytest.raises(BadInput) as caught:
        load_folder(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(folder / "framework.toml"))
    return message


def test_the_shipped_frameworks_are_found() -> None:
    found = {name: framework.language for name, framework in find_frameworks().items()}
    python = "keras-tensorflow keras-jax keras-torch torch flax flax-scan sklearn numpy"
    julia = "flux flux-classic knet knet-loop julia"
    expected = dict.fromkeys(python.split(), "python") | dict.fromkeys(julia.split(), "julia")
    assert expected.items() <= found.items()


def test_a_julia_framework_runs_in_its_project(
    search_path: Path, no_settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMESTEP_PATH", str(search_path))
    folder = write_folder(search_path, JULIA)
    mine = find_frameworks()["mine"]
    assert (mine.language, mine.shim) == ("julia", folder / "shim.jl")
    assert mine.entry.template == "script.jl.j2"
    assert f"--project={no_settings / 'data/samestep/julia/my-project'}" in mine.place.command()


def test_frameworks_that_share_a_project_ask_for_the_same_packages() -> None:
    projects: dict[str, list[object]] = {}
    for framework in find_frameworks().values():
        project = getattr(framework.entry, "project", None)
        if project is not None:
            projects.setdefault(project, []).append(framework.entry.packages)
    assert len(projects["knet"]) == 2
    for packages in projects.values():
        assert all(found == packages[0] for found in packages)


def test_a_folder_of_the_search_path_is_found(search_path: Path) -> None:
    folder = write_folder(search_path)
    mine = find_frameworks()["mine"]
    assert mine.folder == folder
    assert mine.shim == folder / "shim.py"
    assert mine.title == "Mine"
    assert mine.place.problem() is None


def test_two_folders_in_the_search_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_folder(tmp_path / name, FRAMEWORK.replace("mine", f"mine-{name}"))
    monkeypatch.setenv("SAMESTEP_PATH", f"{tmp_path / 'one'}::{tmp_path / 'two'}")
    assert {"mine-one", "mine-two"} <= set(find_frameworks())


def test_a_second_framework_of_the_same_name_is_refused(search_path: Path) -> None:
    first = write_folder(search_path, folder="a")
    second = write_folder(search_path, folder="b")
    with pytest.raises(BadInput) as caught:
        find_frameworks()
    assert str(caught.value) == (
        f"{second / 'framework.toml'}: a framework named 'mine' is already in {first}; "
        "give this one another name"
    )


def test_a_shipped_name_cannot_be_taken(search_path: Path) -> None:
    write_folder(search_path, FRAMEWORK.replace("mine", "torch"))
    with pytest.raises(BadInput, match="a framework named 'torch' is already in"):
        find_frameworks()


def test_a_search_path_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMESTEP_PATH", "/no/such/folder")
    with pytest.raises(BadInput, match="SAMESTEP_PATH: /no/such/folder is not a folder"):
        find_frameworks()


def test_an_entry_point_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = write_folder(tmp_path, folder="samestep_mine")
    (package / "__init__.py").write_text("raise RuntimeError('nobody may import a framework')")
    info = tmp_path / "samestep_mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: samestep-mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[samestep.frameworks]\nmine = samestep_mine\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_frameworks()["mine"].folder == package


def test_an_entry_point_to_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "samestep_mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: samestep-mine\nVersion: 1.0\n")
    for value in ("no_such_package", "no_such.package"):
        (info / "entry_points.txt").write_text(f"[samestep.frameworks]\nmine = {value}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        with pytest.raises(BadInput, match=f"entry point 'mine': there is no package '{value}'"):
            find_frameworks()


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ('language = "python"', 'language = "cobol"', "language: "),
        ('title = "Mine"', 'title = "Mine"\ncolour = "red"', "frameworks.mine.colour: "),
        ('title = "Mine"\n', "", "frameworks.mine.title: "),
        ("[frameworks.mine]", "[frameworks.Mine]", "frameworks.Mine: "),
        ('"shim.py"', '"../shim.py"', "'../shim.py' is not a file in this folder"),
        ('"shim.py"', '"none.py"', "'none.py' is not a file in this folder"),
        ('title = "Mine"', "title =", "is not valid TOML"),
    ],
)
def test_bad_framework_file(tmp_path: Path, old: str, new: str, part: str) -> None:
    text = FRAMEWORK.replace(old, new)
    if old == "[frameworks.mine]":
        text = text.replace("[frameworks.mine.", "[frameworks.Mine.")
    assert part in problem(write_folder(tmp_path, text))


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ('julia = "1.6"\n', "", "frameworks.mine.julia: "),
        ('julia = "1.6"', 'julia = "1"', "frameworks.mine.julia: "),
        ('julia = "1.6"', "julia = 1.6", "frameworks.mine.julia: "),
        ('"my-project"', '"../my-project"', "frameworks.mine.project: "),
        ('"my-project"', '""', "frameworks.mine.project: "),
        (', version = "0.3"', "", "frameworks.mine.packages.0.version: "),
        ('name = "Mine", ', "", "frameworks.mine.packages.0.name: "),
        ('title = "Mine"', 'title = "Mine"\nmodules = ["mine"]', "frameworks.mine.modules: "),
        ('"shim.jl"', '"none.jl"', "'none.jl' is not a file in this folder"),
        ('language = "julia"', 'language = "python"', "frameworks.mine.julia: "),
        ('language = "julia"\n', "", "language: "),
    ],
)
def test_bad_framework_file_of_a_julia_framework(
    tmp_path: Path, old: str, new: str, part: str
) -> None:
    assert old in JULIA
    assert part in problem(write_folder(tmp_path, JULIA.replace(old, new)))


def test_folder_without_a_framework_file(tmp_path: Path) -> None:
    assert "cannot be read" in problem(tmp_path)


def test_unknown_framework_gets_the_nearest_name() -> None:
    with pytest.raises(BadInput) as caught:
        named_framework("torhc")
    assert str(caught.value) == (
        'torhc: unknown framework (did you mean "torch"?); '
        "`samestep frameworks` lists what there is"
    )


def test_a_framework_that_is_not_installed_says_how_to_get_it(search_path: Path) -> None:
    text = FRAMEWORK.replace('["numpy"]', '["no_such_module"]').replace("numpy>=2", "nosuch>=1")
    write_folder(search_path, text)
    with pytest.raises(BadInput) as caught:
        choose_frameworks(["mine"])
    message = str(caught.value)
    assert message.startswith("mine: is not installed here (no module 'no_such_module')")
    assert message.endswith("-m pip install 'nosuch>=1'")
    assert "mine" not in [framework.name for framework in choose_frameworks(None)]


def test_a_julia_framework_that_is_not_installed_says_how_to_get_it(
    search_path: Path,
    no_settings: Path,
    fake_julia: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SAMESTEP_PATH", str(search_path))
    write_folder(search_path, JULIA)
    project = no_settings / "data/samestep/julia/my-project"
    for julia, expected in (
        ("/no/such/julia", "(there is no program '/no/such/julia'); to get it: install Julia 1.6"),
        (fake_julia("1.5.3"), "(Julia 1.5.3 is too old, 1.6 is needed); to get it: install Julia"),
        (
            fake_julia("1.6.7", name="newer"),
            f"(there is no Julia project in {project}); to get it: samestep install ",
        ),
    ):
        monkeypatch.setenv("SAMESTEP_JULIA", str(julia))
        with pytest.raises(BadInput) as caught:
            choose_frameworks(["mine"])
        assert str(caught.value).startswith(f"mine: is not installed here {expected}")
        assert "mine" not in [framework.name for framework in choose_frameworks(None)]


def test_the_command_that_gets_a_julia_framework_names_a_framework(
    search_path: Path,
    no_settings: Path,
    fake_julia: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SAMESTEP_PATH", str(search_path))
    monkeypatch.setenv("SAMESTEP_JULIA", str(fake_julia()))
    write_folder(search_path, JULIA)
    found = find_frameworks()
    for name in ("mine", "flux", "flux-classic", "knet", "knet-loop"):
        *command, installs = found[name].place.how_to_get().split()
        assert command == ["samestep", "install"]
        assert found[installs].entry.project == found[name].entry.project


def test_packages_without_a_project_are_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, JULIA.replace('project = "my-project"\n', ""))
    assert "project" in problem(folder)


def test_names_are_chosen_once_and_in_order() -> None:
    chosen = choose_frameworks(["sklearn", "numpy", "sklearn"])
    assert [framework.name for framework in chosen] == ["sklearn", "numpy"]


def test_refusal_names_what_cannot_be_written(search_path: Path) -> None:
    write_folder(search_path)
    mine = find_frameworks()["mine"]
    assert mine.refusal(load_experiment("iris-mlp")) == (
        "optimizer 'adam' cannot be written in Mine"
    )
    assert mine.refusal(load_experiment("iris-mlp", ["training.optimizer.name=sgd"])) is None


@pytest.mark.parametrize(
    ("supports", "override", "reason"),
    [
        ('layers = ["dense"]', "model.1={layer='flatten'}", "layer 'flatten'"),
        ('activations = ["relu", "none"]', "model.1.activation=tanh", "activation 'tanh'"),
        ('last_batch = ["keep"]', "training.last_batch=drop", "last_batch 'drop'"),
        ('precision = ["float32"]', "training.precision=float64", "precision 'float64'"),
    ],
)
def test_every_kind_of_refusal(
    search_path: Path, supports: str, override: str, reason: str
) -> None:
    write_folder(search_path, FRAMEWORK.replace('optimizers = ["sgd"]', supports))
    refusal = find_frameworks()["mine"].refusal(load_experiment("iris-mlp", [override]))
    assert refusal == f"{reason} cannot be written in Mine"


def test_what_a_framework_requires_is_what_its_extra_installs() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    for framework in find_frameworks().values():
        if framework.language != "python":
            continue
        # What has the same requirements as another has no extra of its own.
        name = framework.name.removesuffix("-scan").removesuffix("-compile")
        extra = project["optional-dependencies"].get(name, [])
        installed = {requirement.split(";")[0] for requirement in extra}
        installed |= set(project["dependencies"])
        assert set(framework.entry.requires) <= installed, framework.name
