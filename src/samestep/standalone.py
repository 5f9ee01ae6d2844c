"""A folder with one script, its data, and what it requires: it runs by itself."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samestep.catalogue import Framework, JuliaEntry, PythonEntry
from samestep.codegen import language_of, render_script
from samestep.plan import Plan, write_numbers
from samestep.report.notebook import script_notebook


def standalone_folder(
    framework: Framework, plan: Plan, folder: Path, *, notebook: bool = False
) -> None:
    """Write the script, its data and its requirements; raise Unsupported with the reason.

    With `notebook`, the script is a Jupyter notebook.
    """
    source = render_script(framework, plan.experiment, plan)
    folder.mkdir(parents=True, exist_ok=True)
    if notebook:
        text = script_notebook(source, framework.language)
        (folder / "train.ipynb").write_text(text, encoding="utf-8")
    else:
        script = folder / f"train{language_of(framework).suffix}"
        script.write_text(source, encoding="utf-8")
    match framework.entry:
        case PythonEntry() as entry:
            np.savez(folder / "data.npz", **_arrays(plan))  # type: ignore[arg-type]
            requirements = sorted({"numpy", *entry.requires})
            text = "\n".join(requirements) + "\n"
            (folder / "requirements.txt").write_text(text, encoding="utf-8")
        case JuliaEntry() as entry:
            # Julia reads .npz by a package alone; raw arrays it reads by itself.
            for name, array in _arrays(plan).items():
                write_numbers(array, folder / f"{name}.bin")
            (folder / "Project.toml").write_text(_project(entry), encoding="utf-8")


def _arrays(plan: Plan) -> dict[str, NDArray[np.generic]]:
    dataset = plan.dataset
    return {
        "x_train": dataset.x_train,
        "y_train": dataset.y_train,
        "x_test": dataset.x_test,
        "y_test": dataset.y_test,
    }


def _project(entry: JuliaEntry) -> str:
    packages = sorted(entry.packages, key=lambda package: package.name)
    lines = ["[deps]"]
    lines += [f'{package.name} = "{package.uuid}"' for package in packages]
    lines += ["", "[compat]"]
    lines += [f'{package.name} = "{package.version}"' for package in packages]
    lines += [f'julia = "{entry.julia}"']
    return "\n".join(lines) + "\n"
