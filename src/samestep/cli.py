"""The command line: parse, call, print. Heavy modules are imported by the command that needs them.

Exit status: 0 well; 1 the answer is no; 2 bad usage or bad input; 3 a framework's run failed.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from samestep.errors import BadInput, RunFailed

if TYPE_CHECKING:
    from rich.console import Console

    from samestep.catalogue import Framework
    from samestep.proof_record import FrameworkProof
    from samestep.result import Result

OK, NO, BAD, FAILED, INTERRUPTED = 0, 1, 2, 3, 130

app = typer.Typer(
    help="Write a training run once; get it in every framework's own code, proved to be the "
    "same, and raced fairly.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ExperimentArgument = Annotated[
    str, typer.Argument(metavar="EXPERIMENT", help="A shipped experiment's name, or a TOML file.")
]
FrameworksOption = Annotated[
    list[str] | None,
    typer.Option("-f", "--frameworks", metavar="A,B", help="Only these; all installed by default."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key, such as training.epochs=5."),
]
HtmlOption = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write it as one page of HTML.")
]
SmallOption = Annotated[
    bool, typer.Option("--small", help="A quick try: what the experiment's table [small] says.")
]


def main() -> None:
    """Run the command line and exit."""
    try:
        app(prog_name="samestep")
    except (BadInput, RunFailed) as error:
        from samestep.report.text import visible

        sys.stderr.write(f"samestep: {visible(str(error))}\n")
        sys.exit(BAD if isinstance(error, BadInput) else FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


@app.command()
def frameworks() -> None:
    """What is here, what is missing and how to get it."""
    from rich.table import Table
    from rich.text import Text

    from samestep.catalogue import find_frameworks
    from samestep.report.table import plain

    table = Table(box=None, pad_edge=False)
    for header in ("framework", "title", "versions, or how to get it"):
        table.add_column(header, overflow="fold")
    for framework in find_frameworks().values():
        place = framework.place
        problem = place.problem()
        if problem is not None:
            state = plain(f"{problem}; to get it: {place.how_to_get()}", "yellow")
        else:
            versions = place.versions().items()
            state = Text(", ".join(f"{package} {version}" for package, version in versions))
        table.add_row(plain(framework.name), plain(framework.title), state)
    _console().print(table)
    for framework in find_frameworks().values():
        if not framework.shipped:
            _console().print(plain(_warning(framework), "yellow"), soft_wrap=True)


@app.command()
def install(
    names: Annotated[list[str], typer.Argument(metavar="FRAMEWORK...")],
) -> None:
    """Get what frameworks need: by pip, or by Julia's Pkg into a project of its own."""
    from samestep.catalogue import named_framework
    from samestep.installing import install as install_one
    from samestep.report.table import plain

    for framework in [named_framework(name) for name in _split(names) or []]:
        if not framework.shipped:
            _console().print(plain(_warning(framework), "yellow"), soft_wrap=True)
        _console().print(plain(install_one(framework)), soft_wrap=True)


@app.command()
def experiments() -> None:
    """What ships with samestep."""
    from rich.table import Table

    from samestep.experiment import load_experiment, shipped_experiments
    from samestep.report.table import plain

    table = Table(box=None, pad_edge=False)
    for header in ("experiment", "title", "file"):
        table.add_column(header, overflow="fold")
    for name, path in shipped_experiments().items():
        table.add_row(plain(name), plain(load_experiment(name).title), plain(str(path)))
    _console().print(table)


@app.command()
def code(
    experiment: ExperimentArgument,
    names: Annotated[list[str], typer.Argument(metavar="FRAMEWORK...")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Write runnable folders here."),
    ] = None,
    overrides: SetOption = None,
    small: SmallOption = False,
    notebook: Annotated[
        bool, typer.Option("--notebook", help="With -o: as Jupyter notebooks.")
    ] = False,
) -> None:
    """Show the experiment's script, side by side by stage, or write folders that run alone."""
    from samestep.writing import show_code, write_folders

    names = _split(names) or []
    chosen = experiment, names, overrides or []
    if output is None and notebook:
        raise BadInput("--notebook: a notebook and its data are a folder; name one with -o")
    if output is None:
        unsupported = show_code(*chosen, _console(), _console(True), small=small)
    else:
        unsupported = write_folders(*chosen, output, _console(), small=small, notebook=notebook)
    raise typer.Exit(NO if unsupported else OK)


@app.command()
def prove(
    experiment: ExperimentArgument,
    frameworks: FrameworksOption = None,
    overrides: SetOption = None,
    small: SmallOption = False,
    json: Annotated[Path | None, typer.Option("--json", help="Save the proofs here.")] = None,
) -> None:
    """Prove that each framework does the experiment's work, and say where one departs."""
    from samestep.api import run_proofs
    from samestep.report.live import Live
    from samestep.report.table import result_view

    with Live(_console(True)) as live:
        result = run_proofs(
            experiment,
            _split(frameworks),
            overrides or [],
            small=small,
            path=json,
            on_proof=live.on_proof,
        )
    console = _console()
    console.print(result_view(result, console.width))
    if json is not None:
        console.print(f"Saved in {_path_text(json)}", soft_wrap=True)
    raise typer.Exit(_status(result))


@app.command()
def race(
    context: typer.Context,
    experiment: Annotated[
        str | None,
        typer.Argument(metavar="EXPERIMENT", help="A shipped experiment's name, or a TOML file."),
    ] = None,
    frameworks: FrameworksOption = None,
    overrides: SetOption = None,
    small: SmallOption = False,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Trials of every framework: 5; at most, if the race ends itself."),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(metavar="2%", help="Race until neighbours are told apart or so close."),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="10m", help="Race so, but let trials take no longer than this."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Cores for each trial; all usable by default.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the order of the trials.")] = 0,
    repeats: Annotated[
        bool, typer.Option(help="Run a block once more that other processes disturbed.")
    ] = True,
    epochs: Annotated[
        int | None, typer.Option(min=2, help="Time so many epochs only; curves take them all.")
    ] = None,
    curves: Annotated[
        bool, typer.Option("--curves", help="Learning curves too, in trainings of their own.")
    ] = False,
    curve_seeds: Annotated[int, typer.Option(min=1, help="With so many seeds.")] = 5,
    json: Annotated[
        Path | None, typer.Option("--json", help="Save the result here, not in results/.")
    ] = None,
    html: HtmlOption = None,
    timeout: Annotated[float, typer.Option(help="Seconds that one trial may take.")] = 3600.0,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", metavar="RESULT", help="Go on with an interrupted race."),
    ] = None,
) -> None:
    """Prove, then race what is proved: blocks of trials, each a fresh process."""
    from samestep import api
    from samestep.quantities import parse_duration, parse_share
    from samestep.report.live import Live
    from samestep.report.table import result_view
    from samestep.result import check_writable

    if resume is not None:
        _refuse_beside_resume(context)
    elif experiment is None:
        raise BadInput("race: give an EXPERIMENT, or --resume and a saved result")
    within = None if precision is None else parse_share(precision, "--precision")
    budget_seconds = None if budget is None else parse_duration(budget, "--budget")
    path = resume or json or _default_path(str(experiment))
    if html is not None:
        check_writable(html, "--html")
    console = _console()
    with Live(_console(True)) as live:
        try:
            if resume is not None:
                result = api.resume(
                    resume,
                    timeout=timeout,
                    on_proof=live.on_proof,
                    on_progress=live.on_trial,
                    on_curve=live.on_curve,
                )
            else:
                result = api.race(
                    str(experiment),
                    _split(frameworks),
                    overrides or [],
                    small=small,
                    trials=trials,
                    within=within,
                    budget=budget_seconds,
                    threads=threads,
                    seed=seed,
                    timeout=timeout,
                    repeats=repeats,
                    epochs=epochs,
                    curve_seeds=curve_seeds if curves else 0,
                    path=path,
                    on_proof=live.on_proof,
                    on_progress=live.on_trial,
                    on_curve=live.on_curve,
                )
        except KeyboardInterrupt:
            if live.trials:
                sys.stderr.write(
                    f"samestep: interrupted; {live.trials} finished trials are in "
                    f"{_path_text(path)}; to go on: samestep race --resume {_path_text(path)}\n"
                )
            raise
    console.print(result_view(result, console.width))
    console.print(f"Saved in {_path_text(path)}", soft_wrap=True)
    if html is not None:
        from samestep.report.files import Wanted, write_reports

        write_reports(result, path, Wanted(html=html))
        console.print(f"Written: {_path_text(html)}", soft_wrap=True)
    raise typer.Exit(_status(result))


def _warning(framework: "Framework") -> str:
    return (
        f"{framework.name} is not samestep's own: what lies in {framework.folder} runs code in "
        "every proof and race"
    )


def _refuse_beside_resume(context: typer.Context) -> None:
    """Everything but the time limit is in the result already."""
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        given = source is not None and source.name == "COMMANDLINE"
        if given and parameter.name not in ("resume", "timeout", "html"):
            name = parameter.opts[-1] if parameter.opts[-1].startswith("-") else "EXPERIMENT"
            raise BadInput(f"--resume: the result says what to race; leave out {name}")


@app.command()
def scaling(
    experiment: ExperimentArgument,
    vary: Annotated[
        str, typer.Option(metavar="batch_size|width|rows", help="What grows: --sizes says how.")
    ] = "batch_size",
    sizes: Annotated[
        str | None,
        typer.Option(metavar="8,64,512", help="Batch sizes, factors of the widths, or rows."),
    ] = None,
    frameworks: FrameworksOption = None,
    overrides: SetOption = None,
    small: SmallOption = False,
    trials: Annotated[int, typer.Option(min=1, help="Of every framework at every size.")] = 3,
    threads: Annotated[int | None, typer.Option(min=1, help="Cores for each trial.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the order of the trials.")] = 0,
    json: Annotated[Path | None, typer.Option("--json", help="Save the races here.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds that one trial may take.")] = 3600.0,
) -> None:
    """Race at growing sizes: overhead and rate of each framework, and where two of them cross."""
    from samestep.api import load
    from samestep.quantities import one_of, parse_sizes
    from samestep.report.live import Live
    from samestep.report.scaling import scaling_view
    from samestep.scaling.measure import measure_scaling
    from samestep.scaling.sizes import VARIED

    with Live(_console(True)) as live:
        measured = measure_scaling(
            load(experiment, overrides or [], small=small),
            one_of(vary, VARIED, "--vary"),
            _split(frameworks),
            sizes=None if sizes is None else parse_sizes(sizes, "--sizes"),
            trials=trials,
            threads=threads,
            seed=seed,
            timeout=timeout,
            path=json,
            on_size=live.on_size,
            on_proof=live.on_proof,
            on_progress=live.on_trial,
        )
    _console().print(scaling_view(measured))
    if json is not None:
        _console().print(f"Saved in {_path_text(json)}", soft_wrap=True)
    raise typer.Exit(max(_status(point.result) for point in measured.points))


@app.command()
def report(
    result: Annotated[
        Path, typer.Argument(metavar="RESULT", help="A file that race, prove or scaling saved.")
    ],
    html: HtmlOption = None,
    markdown: Annotated[
        Path | None,
        typer.Option("--markdown", metavar="FILE", help="Write it for an issue tracker."),
    ] = None,
    png: Annotated[
        Path | None, typer.Option("--png", metavar="DIR", help="Draw its charts, as PNG and SVG.")
    ] = None,
    notebook: Annotated[
        Path | None, typer.Option("--notebook", metavar="FILE", help="Write a Jupyter notebook.")
    ] = None,
    mlflow: Annotated[
        str | None,
        typer.Option(metavar="URI", help="Log it to this MLflow store, or file of SQLite."),
    ] = None,
) -> None:
    """Show a saved result, or write a report that one can send to somebody."""
    import gc

    from samestep.report.document import load_report, log_report, show_report

    # The command holds what it has read until it ends; there is no garbage to look for.
    gc.disable()
    loaded = load_report(result)
    if not any((html, markdown, png, notebook, mlflow)):
        show_report(loaded, _console())
        return
    from samestep.report.files import Wanted, write_reports

    wanted = Wanted(html=html, markdown=markdown, notebook=notebook, pictures=png)
    for path in write_reports(loaded, result, wanted):
        _console().print(f"Written: {_path_text(path)}", soft_wrap=True)
    if mlflow is not None:
        log_report(loaded, result, mlflow)


@app.command()
def unfair(
    experiment: ExperimentArgument,
    frameworks: FrameworksOption = None,
    overrides: SetOption = None,
    small: SmallOption = False,
    trials: Annotated[int, typer.Option(min=2, help="Of each framework in each race.")] = 5,
    seeds: Annotated[int, typer.Option(min=2, help="Trainings among which one is lucky.")] = 10,
    threads: Annotated[int | None, typer.Option(min=1, help="Cores for each trial.")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Save the races here.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds that one trial may take.")] = 3600.0,
) -> None:
    """Measure what each unfairness of the 2019 study does to the verdict on frameworks.

    The first of them is the one that the others are compared with. EXPERIMENT may be study-2019:
    the study's own network and libraries, and its reviewer's re-run (a quick one by --small).
    """
    from samestep.api import load
    from samestep.report.live import Live
    from samestep.report.unfairness import laboratory_view
    from samestep.unfairness import study
    from samestep.unfairness.lab import measure_unfairness, points_for

    names = _split(frameworks)
    if experiment == study.NAME:
        loaded = load(study.EXPERIMENT, overrides or [])
        names, points = names or list(study.FRAMEWORKS), study.study_points(small=small)
    else:
        loaded = load(experiment, overrides or [], small=small)
        points = points_for(loaded)
    with Live(_console(True)) as live:
        laboratory = measure_unfairness(
            loaded,
            names or [],
            points,
            trials=trials,
            seeds=seeds,
            threads=threads,
            timeout=timeout,
            path=json,
            on_point=live.on_point,
            on_proof=live.on_proof,
            on_progress=live.on_trial,
            on_curve=live.on_curve,
        )
    _console().print(laboratory_view(laboratory))
    if json is not None:
        _console().print(f"Saved in {_path_text(json)}", soft_wrap=True)


@app.command()
def selftest(
    frameworks: FrameworksOption = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every cheat in every framework: a quarter of an hour.")
    ] = False,
) -> None:
    """Plant cheats in the frameworks that are here, and see that each is caught."""
    from samestep.report.selftest import finding_line, selftest_view
    from samestep.selftest import all_cases, quick_cases, run_cases

    cases = all_cases(_split(frameworks)) if everything or frameworks else quick_cases()
    errors = _console(True)
    findings = run_cases(cases, lambda finding: errors.print(finding_line(finding)))
    _console().print(selftest_view(findings))
    if not findings or not all(finding.caught for finding in findings):
        raise typer.Exit(NO)
    raise typer.Exit(FAILED if any(finding.found == "failed" for finding in findings) else OK)


@app.command()
def compare(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A file that race saved.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="A later one.")],
    tolerance: Annotated[
        float, typer.Option(min=0, help="Share by which time and memory may be more.")
    ] = 0.05,
    accuracy: Annotated[float, typer.Option(min=0, help="By how much accuracy may be less.")] = (
        0.005
    ),
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Different experiments or machines too.")
    ] = False,
) -> None:
    """Did anything get slower, larger, less accurate, or stop being the same?"""
    from samestep.comparison import Tolerance, obstacle
    from samestep.comparison import compare as compare_results
    from samestep.report.comparison import comparison_view
    from samestep.result import load_result

    before, after = load_result(old), load_result(new)
    why = obstacle(before, after)
    if why is not None and not anyway:
        raise BadInput(f"{old} and {new}: {why}; --anyway compares them all the same")
    tolerances = Tolerance(tolerance, accuracy)
    changes = compare_results(before, after, tolerances)
    _console().print(comparison_view(before, after, changes, tolerances))
    raise typer.Exit(NO if any(change.regressions for change in changes) else OK)


def _split(names: list[str] | None) -> list[str] | None:
    """`-f a,b -f c` -> [a, b, c]."""
    if names is None:
        return None
    found = [name.strip() for text in names for name in text.split(",") if name.strip()]
    if not found:
        raise BadInput("-f: names no framework; `samestep frameworks` lists what there is")
    return found


def _default_path(experiment: str) -> Path:
    import os
    from datetime import datetime

    stem = "".join(c if c.isalnum() or c in "-_." else "-" for c in Path(experiment).stem)
    # Two races may begin in one second.
    moment = f"{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}"
    return Path("results") / f"{stem or 'race'}-{moment}.json"


def _path_text(path: Path) -> str:
    from samestep.report.text import visible

    return visible(str(path))


def _status(result: "Result") -> int:
    """1 if a proof says no, else 3 if a run failed, else 0."""
    proofs: list[FrameworkProof] = list(result.proof.values())
    if any(proof.verdict == "different" for proof in proofs):
        return NO
    failed = any(proof.verdict == "failed" for proof in proofs) or any(
        trial.outcome in ("failed", "timeout") for trial in result.trials
    )
    return FAILED if failed else OK


def _console(stderr: bool = False) -> "Console":
    """No markup, no guessing: what is printed is what was said. Files get wide tables."""
    import os

    from rich.console import Console

    from samestep.report.table import WIDE

    stream = sys.stderr if stderr else sys.stdout
    wide = None if stream.isatty() or "COLUMNS" in os.environ else WIDE
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=wide)
