import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest
from shipped import EVERY_FRAMEWORK, SHIPPED, installed

from samestep.codegen import Unsupported, render_script
from samestep.experiment_file import load_experiment
from samestep.plan import Plan, make_plan
from samestep.standalone import standalone_folder


@pytest.fixture
def plan() -> Plan:
    return make_plan(load_experiment("iris-mlp", ["training.epochs=2"]))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_python_folder_holds_the_script_its_data_and_its_requirements(
    plan: Plan, tmp_path: Path
) -> None:
    torch = SHIPPED["torch"]
    standalone_folder(torch, plan, tmp_path / "out")
    assert names(tmp_path / "out") == ["data.npz", "requirements.txt", "train.py"]
    source = (tmp_path / "out" / "train.py").read_text(encoding="utf-8")
    assert source == render_script(torch, plan.experiment, plan)
    assert (tmp_path / "out" / "requirements.txt").read_text().split() == ["numpy", "torch>=2.9"]
    with np.load(tmp_path / "out" / "data.npz") as data:
        assert {name: (data[name].dtype.name, data[name].shape) for name in data.files} == {
            "x_train": ("float32", (105, 4)),
            "y_train": ("int64", (105,)),
            "x_test": ("float32", (45, 4)),
            "y_test": ("int64", (45,)),
        }


@pytest.mark.parametrize("name", ["flux", "flux-classic", "julia", "knet", "knet-loop"])
@pytest.mark.parametrize(("precision", "size"), [("float32", 4), ("float64", 8)])
def test_a_julia_folder_holds_the_script_raw_arrays_and_a_project(
    name: str, precision: str, size: int, tmp_path: Path
) -> None:
    overrides = [f"training.precision={precision}", "data.rows=500", "data.test_rows=90"]
    plan = make_plan(load_experiment("digits-mlp", overrides))
    framework = SHIPPED[name]
    standalone_folder(framework, plan, tmp_path)
    sizes = {file.name: file.stat().st_size for file in tmp_path.glob("*.bin")}
    assert sizes == {
        "x_train.bin": 500 * 64 * size,
        "y_train.bin": 500 * 8,
        "x_test.bin": 90 * 64 * size,
        "y_test.bin": 90 * 8,
    }
    assert names(tmp_path) == sorted([*sizes, "Project.toml", "train.jl"])
    source = (tmp_path / "train.jl").read_text(encoding="utf-8")
    assert source == render_script(framework, plan.experiment, plan)
    # The script says the shapes itself, columns first.
    assert f'load("x_train.bin", {precision.title()}, 1, 8, 8, 500)' in source
    assert 'load("y_test.bin", Int64, 90)' in source


def test_raw_arrays_are_little_endian_and_in_the_order_of_the_rows(
    plan: Plan, tmp_path: Path
) -> None:
    standalone_folder(SHIPPED["julia"], plan, tmp_path)
    for name in ("x_train", "x_test"):
        found = np.fromfile(tmp_path / f"{name}.bin", dtype="<f4").reshape(-1, 4)
        np.testing.assert_array_equal(found, getattr(plan.dataset, name))
    for name in ("y_train", "y_test"):
        found = np.fromfile(tmp_path / f"{name}.bin", dtype="<i8")
        np.testing.assert_array_equal(found, getattr(plan.dataset, name))


@pytest.mark.parametrize(
    ("name", "package", "compat"),
    [
        ("flux", "Flux", {"Flux": "0.16", "julia": "1.10"}),
        ("flux-classic", "Flux", {"Flux": "0.12", "julia": "1.5"}),
        ("knet", "Knet", {"Knet": "1.4", "julia": "1.5"}),
        ("julia", None, {"julia": "1.5"}),
    ],
)
def test_a_julia_project_names_its_packages_and_their_versions(
    name: str, package: str | None, compat: dict[str, str], plan: Plan, tmp_path: Path
) -> None:
    standalone_folder(SHIPPED[name], plan, tmp_path)
    project = tomllib.loads((tmp_path / "Project.toml").read_text(encoding="utf-8"))
    assert list(project["deps"]) == ([] if package is None else [package])
    assert project["compat"] == compat
    for found in SHIPPED[name].entry.packages:
        assert project["deps"][found.name] == found.uuid


def test_what_cannot_be_written_leaves_no_folder(tmp_path: Path) -> None:
    overrides = ["training.last_batch=drop", "training.batch_size=4"]
    plan = make_plan(load_experiment("iris-mlp", overrides))
    with pytest.raises(Unsupported):
        standalone_folder(SHIPPED["sklearn"], plan, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY_FRAMEWORK)
def test_a_standalone_folder_runs_by_itself(name: str, plan: Plan, tmp_path: Path) -> None:
    framework = installed(name)
    folder = tmp_path / "out"
    standalone_folder(framework, plan, folder)
    (script,) = folder.glob("train.*")
    result = subprocess.run(
        [*framework.place.command(), script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stdout.splitlines() if line]
    assert [line.split(":")[0] for line in lines[-3:-1]] == ["epoch 1", "epoch 2"]
    assert lines[-1].startswith("test loss ")
