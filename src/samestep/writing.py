"""`samestep code`: scripts shown side by side, or written as folders that run by themselves."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from samestep.catalogue import Framework, named_framework
from samestep.codegen import Unsupported, language_of, render_script
from samestep.errors import BadInput
from samestep.experiment_file import load_experiment
from samestep.plan import Plan, make_plan
from samestep.report.table import code_view, plain, stages_view, statistics_view
from samestep.standalone import standalone_folder


def show_code(
    experiment: str,
    names: Sequence[str],
    overrides: Sequence[str],
    console: Console,
    errors: Console,
    *,
    small: bool = False,
) -> bool:
    """Print the scripts and what they are made of; True if one could not be written."""
    frameworks = [named_framework(name) for name in dict.fromkeys(names)]
    plan = make_plan(load_experiment(experiment, overrides, small=small))
    sources: dict[str, str] = {}
    statistics: dict[str, dict[str, tuple[int, int]]] = {}
    stages: dict[str, tuple[str, dict[str, str]]] = {}
    for framework in frameworks:
        language = language_of(framework)
        try:
            source = render_script(framework, plan.experiment, plan)
        except Unsupported as reason:
            errors.print(plain(f"{framework.name}: unsupported: {reason}", "red"))
            continue
        sources[framework.name] = source
        statistics[framework.name] = language.statistics(source)
        stages[framework.name] = language.lexer, language.stages(source)
    if len(sources) == 1 and not console.is_terminal:
        # The script alone goes into a file or a pipe; it runs as it is.
        console.file.write(next(iter(sources.values())))
        errors.print(statistics_view(statistics))
    elif len(sources) == 1:
        source, (lexer, _) = next(iter(sources.values())), next(iter(stages.values()))
        console.print(code_view(source, lexer))
        console.print(statistics_view(statistics))
    elif sources:
        console.print(stages_view(plan.experiment.title, stages, console.width))
        console.print(statistics_view(statistics))
    return len(sources) < len(frameworks)


def write_folders(
    experiment: str,
    names: Sequence[str],
    overrides: Sequence[str],
    output: Path,
    console: Console,
    *,
    small: bool = False,
    notebook: bool = False,
) -> bool:
    """Write one framework into `output`, several each into a folder of their own in it.

    True if one could not be written because it cannot express the experiment.
    """
    frameworks = [named_framework(name) for name in dict.fromkeys(names)]
    plan = make_plan(load_experiment(experiment, overrides, small=small))
    unsupported = False
    for framework in frameworks:
        folder = output if len(frameworks) == 1 else output / framework.name
        try:
            written = write_folder(framework, plan, folder, notebook=notebook)
        except Unsupported as reason:
            unsupported = True
            console.print(plain(f"{framework.name}: unsupported: {reason}", "red"))
            continue
        listed = ", ".join(path.name for path in written)
        console.print(plain(f"{framework.name}: {folder}: {listed}"), soft_wrap=True)
    return unsupported


def write_folder(
    framework: Framework, plan: Plan, folder: Path, *, notebook: bool = False
) -> list[Path]:
    """Write a framework's standalone folder; raise BadInput rather than overwrite other work."""
    with tempfile.TemporaryDirectory(prefix="samestep-code-") as name:
        draft = Path(name)
        try:
            standalone_folder(framework, plan, draft, notebook=notebook)
        except OSError as error:
            raise BadInput(
                f"{draft.parent}: a draft of the files cannot be written there "
                f"({error.strerror}); make room, or set TMPDIR to a folder with room"
            ) from None
        return _copy_files(draft, folder)


def _copy_files(draft: Path, folder: Path) -> list[Path]:
    """Copy all files or none; one that is there already must be the same."""
    files = sorted(path for path in draft.iterdir() if path.is_file())
    targets = [folder / path.name for path in files]
    begun: list[Path] = []
    try:
        for file, target in zip(files, targets, strict=True):
            if target.exists() and target.read_bytes() != file.read_bytes():
                raise BadInput(
                    f"{target}: is there already and differs; move it away or choose "
                    "another folder with -o"
                )
        folder.mkdir(parents=True, exist_ok=True)
        for file, target in zip(files, targets, strict=True):
            if not target.exists():
                begun.append(target)
                shutil.copyfile(file, target)
    except OSError as error:
        for target in begun:
            target.unlink(missing_ok=True)
        place = error.filename or folder
        raise BadInput(f"{place}: cannot be written ({error.strerror})") from None
    return targets
