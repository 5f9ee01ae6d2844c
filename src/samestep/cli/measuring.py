"""Commands that run frameworks: proofs, races, scalings, laboratories, self-tests."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from samestep.cli.options import (
    ExperimentArgument,
    FrameworksOption,
    HtmlOption,
    ResumeOption,
    SetOption,
    SmallOption,
    split_names,
)
from samestep.cli.output import console, path_text, say_saved
from samestep.cli.program import FAILED, NO, OK, app, status_of
from samestep.errors import BadInput

if TYPE_CHECKING:
    from samestep.report.live import Live

SAME_COMMAND = "the same command with"

RepeatsOption = Annotated[
    bool, typer.Option(help="Run a block once more that was disturbed from outside.")
]
SeriesOption = Annotated[
    Path | None,
    typer.Option("--json", help="Save the races here, not in results/."),
]


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

    with Live(console(True)) as live:
        result = run_proofs(
            experiment,
            split_names(frameworks),
            overrides or [],
            small=small,
            path=json,
            on_proof=live.on_proof,
        )
    out = console()
    out.print(result_view(result, out.width))
    say_saved(json)
    raise typer.Exit(status_of(result))


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
    repeats: RepeatsOption = True,
    epochs: Annotated[
        int | None, typer.Option(min=2, help="Time so many epochs only; curves take them all.")
    ] = None,
    curves: Annotated[
        bool, typer.Option("--curves", help="Learning curves too, in trainings of their own.")
    ] = False,
    curve_seeds: Annotated[int, typer.Option(min=1, help="With so many seeds.")] = 5,
    curves_from: Annotated[
        Path | None,
        typer.Option(metavar="RESULT", help="Take learning curves over from an earlier result."),
    ] = None,
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
    out = console()
    with Live(console(True)) as live, _interruptible(live, path, "samestep race"):
        if resume is not None:
            result = api.resume(resume, timeout=timeout, **live.hooks)
        else:
            result = api.race(
                str(experiment),
                split_names(frameworks),
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
                curve_seeds=curve_seeds if curves or curves_from is not None else 0,
                curves_from=curves_from,
                path=path,
                **live.hooks,
            )
    out.print(result_view(result, out.width))
    say_saved(path)
    if html is not None:
        from samestep.report.files import Wanted, write_reports

        write_reports(result, path, Wanted(html=html))
        out.print(f"Written: {path_text(html)}", soft_wrap=True)
    raise typer.Exit(status_of(result))


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
    repeats: RepeatsOption = True,
    json: SeriesOption = None,
    timeout: Annotated[float, typer.Option(help="Seconds that one trial may take.")] = 3600.0,
    resume: ResumeOption = None,
) -> None:
    """Race at growing sizes: overhead and rate of each framework, and where two of them cross."""
    from samestep.api import load
    from samestep.quantities import one_of, parse_sizes
    from samestep.report.live import Live
    from samestep.report.scaling import scaling_view
    from samestep.scaling.measure import measure_scaling
    from samestep.scaling.sizes import VARIED

    path = _series_path(json, resume, f"{experiment}-scaling")
    with Live(console(True)) as live, _interruptible(live, path, SAME_COMMAND):
        measured = measure_scaling(
            load(experiment, overrides or [], small=small),
            one_of(vary, VARIED, "--vary"),
            split_names(frameworks),
            sizes=None if sizes is None else parse_sizes(sizes, "--sizes"),
            trials=trials,
            threads=threads,
            seed=seed,
            timeout=timeout,
            repeats=repeats,
            path=path,
            resume=resume is not None,
            on_size=live.on_size,
            **live.hooks,
        )
    out = console()
    out.print(scaling_view(measured, out.width))
    say_saved(path)
    raise typer.Exit(max(status_of(point.result) for point in measured.points))


@app.command()
def unfair(
    experiment: ExperimentArgument,
    frameworks: FrameworksOption = None,
    overrides: SetOption = None,
    small: SmallOption = False,
    trials: Annotated[int, typer.Option(min=2, help="Of each framework in each race.")] = 5,
    seeds: Annotated[int, typer.Option(min=2, help="Trainings among which one is lucky.")] = 10,
    threads: Annotated[int | None, typer.Option(min=1, help="Cores for each trial.")] = None,
    repeats: RepeatsOption = True,
    json: SeriesOption = None,
    timeout: Annotated[float, typer.Option(help="Seconds that one trial may take.")] = 3600.0,
    resume: ResumeOption = None,
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

    path = _series_path(json, resume, f"{experiment}-unfair")
    names = split_names(frameworks)
    if experiment == study.NAME:
        loaded = load(study.EXPERIMENT, overrides or [])
        names, points = names or list(study.FRAMEWORKS), study.study_points(small=small)
    else:
        loaded = load(experiment, overrides or [], small=small)
        points = points_for(loaded)
    with Live(console(True)) as live, _interruptible(live, path, SAME_COMMAND):
        laboratory = measure_unfairness(
            loaded,
            names or [],
            points,
            trials=trials,
            seeds=seeds,
            threads=threads,
            timeout=timeout,
            repeats=repeats,
            path=path,
            resume=resume is not None,
            on_point=live.on_point,
            **live.hooks,
        )
    out = console()
    out.print(laboratory_view(laboratory, out.width))
    say_saved(path)


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

    cases = all_cases(split_names(frameworks)) if everything or frameworks else quick_cases()
    errors = console(True)
    findings = run_cases(cases, lambda finding: errors.print(finding_line(finding)))
    console().print(selftest_view(findings))
    if not findings or not all(finding.caught for finding in findings):
        raise typer.Exit(NO)
    raise typer.Exit(FAILED if any(finding.found == "failed" for finding in findings) else OK)


@contextmanager
def _interruptible(live: "Live", path: Path, again: str) -> Iterator[None]:
    """Say, if the user interrupts, that nothing is lost and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        if live.trials:
            sys.stderr.write(
                f"samestep: interrupted; {live.trials} finished trials are saved; "
                f"to go on: {again} --resume {path_text(path)}\n"
            )
        raise


def _series_path(json: Path | None, resume: Path | None, name: str) -> Path:
    if resume is not None and json is not None:
        raise BadInput("--resume: goes on in that file; leave out --json")
    return resume or json or _default_path(name)


def _default_path(experiment: str) -> Path:
    import os
    from datetime import datetime

    stem = "".join(c if c.isalnum() or c in "-_." else "-" for c in Path(experiment).stem)
    # Two races may begin in one second.
    moment = f"{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}"
    return Path("results") / f"{stem or 'race'}-{moment}.json"


def _refuse_beside_resume(context: typer.Context) -> None:
    """Everything but the time limit is in the result already."""
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        given = source is not None and source.name == "COMMANDLINE"
        if given and parameter.name not in ("resume", "timeout", "html"):
            name = parameter.opts[-1] if parameter.opts[-1].startswith("-") else "EXPERIMENT"
            raise BadInput(f"--resume: the result says what to race; leave out {name}")
