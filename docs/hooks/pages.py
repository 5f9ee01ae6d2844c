"""Pages that nobody writes by hand: made from the code and the saved results when the site is.

MkDocs calls `on_files`. A page for each shipped experiment, with the scripts of every framework and
the results that were saved of it; the traps; the commands.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from typer.main import get_group

from samestep.catalogue import Framework, find_frameworks
from samestep.cli import app
from samestep.codegen import Unsupported, language_of, render_script
from samestep.errors import BadInput
from samestep.experiment_file import load_experiment, shipped_experiments
from samestep.plan import Plan, make_plan
from samestep.report.document import load_report
from samestep.report.html import race_page
from samestep.report.markdown import markdown_report, safe
from samestep.result import Result
from samestep.traps import TRAPS

RESULTS = Path(__file__).parent.parent / "results"


def on_files(files: Files, config: Any, **_: object) -> Files:
    """Add the generated pages to those that were found."""
    for name, text in {**experiment_pages(), **reports()}.items():
        files.append(File.generated(config, name, content=text))
    files.append(File.generated(config, "traps.md", content=traps_page()))
    files.append(File.generated(config, "commands.md", content=commands_page()))
    return files


def experiment_pages() -> dict[str, str]:
    """The text of each experiment's page, by its place in the site."""
    results = saved_results()
    return {
        f"experiments/{name}.md": "\n".join(experiment_page(name, path, results))
        for name, path in shipped_experiments().items()
    }


def experiment_page(name: str, path: Path, results: dict[str, Result]) -> Iterator[str]:
    """Its file, its saved results, its script in every framework."""
    experiment = load_experiment(name)
    yield f"# {safe(experiment.title)}\n"
    yield f"`samestep race {name}`\n"
    yield "## The experiment\n"
    yield f"```toml\n{path.read_text(encoding='utf-8')}```\n"
    own = {file: result for file, result in results.items() if result.title == experiment.title}
    yield "## Saved results\n"
    for file, result in own.items():
        yield markdown_report(result).replace("### ", f"### `{file}`: ", 1)
        yield f"[The whole report](../results/{file}.html)\n"
    if not own:
        yield "None is shipped yet.\n"
    yield "## The scripts\n"
    try:
        plan = make_plan(experiment)
    except BadInput as error:
        yield f"They cannot be shown here: {safe(str(error))}\n"
        return
    for framework in find_frameworks().values():
        yield from script_tab(framework, plan)


def script_tab(framework: Framework, plan: Plan) -> Iterator[str]:
    """A tab with the framework's script, or why there is none."""
    yield f'=== "{framework.name}"\n'
    try:
        source = render_script(framework, plan.experiment, plan)
    except Unsupported as reason:
        yield f"    Unsupported: {safe(str(reason))}\n"
        return
    yield f"    ```{language_of(framework).lexer}"
    yield "\n".join(f"    {line}".rstrip() for line in source.splitlines())
    yield "    ```\n"


def saved_results() -> dict[str, Result]:
    """The races and proofs that are shipped, by their files' names."""
    loaded = {path.stem: load_report(path) for path in sorted(RESULTS.glob("*.json"))}
    return {name: saved for name, saved in loaded.items() if isinstance(saved, Result)}


def reports() -> dict[str, str]:
    """A page of its own for each saved result that has none in the folder."""
    return {
        f"results/{name}.html": race_page(result, f"{name}.json")
        for name, result in saved_results().items()
        if not (RESULTS / f"{name}.html").exists()
    }


def traps_page() -> str:
    """The table of the traps, as the proof uses it."""
    lines = [
        "# The traps\n",
        "Where two scripts that look alike do different work. The proof uses this very table: what "
        "has a *form* can be switched on in the reference: a cause is proved, not guessed.\n",
    ]
    for trap in TRAPS:
        lines.append(f"## {safe(trap.name)}\n")
        lines.append(f"{safe(trap.what)}\n")
        lines += ["| framework | how it behaves |", "|---|---|"]
        lines += [f"| {safe(name)} | {safe(how)} |" for name, how in trap.behaviours.items()]
        lines.append(f"\nNeutralised: {safe(trap.neutralised)}\n")
        if trap.variant is not None:
            lines.append(f"Form: `{trap.variant}`\n")
    return "\n".join(lines)


def commands_page() -> str:
    """What each command says of itself."""
    lines = ["# The commands\n"]
    for command in ((), *((command.name,) for command in get_group(app).commands.values())):
        words = " ".join(("samestep", *command))
        text = subprocess.run(
            [sys.executable, "-m", "samestep", *command, "--help"],
            capture_output=True,
            text=True,
            check=True,
            env={"COLUMNS": "96", "PATH": "/usr/bin:/bin"},
        ).stdout
        lines.append(f"## `{words}`\n\n```text\n{text.strip()}\n```\n")
    return "\n".join(lines)


if __name__ == "__main__":
    # What would be written, for a look without a site.
    print(json.dumps({name: len(text) for name, text in experiment_pages().items()}, indent=1))
