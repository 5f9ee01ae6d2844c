"""The pictures of a race, as Altair charts: what is drawn is summed up here first.

A chart's data is a row for each mark, never one for each trial: the file of a race of 100,000
trials is as small as that of twenty.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any, TypeAlias

import altair as alt

from samestep.errors import BadInput
from samestep.proof_record import FrameworkProof
from samestep.report.measures import median_of
from samestep.report.progress import common_accuracy, progress_of, times_to
from samestep.result import Result
from samestep.schedule import steady_times

Rows = list[dict[str, Any]]
Drawn: TypeAlias = alt.Chart | alt.LayerChart

HIDDEN = "hidden"
"""The parameter that holds the frameworks which a reader has switched off."""

TOLERANCE = 1e-9
PHASES = ("import", "prepare", "build", "first epoch", "other epochs")
LOWEST_ERROR = 1e-17
LINE, WIDTH = 22, 560
"""In pixels; a page fits them into its columns."""
MOST_POINTS = 30
"""More epochs than these are a line without a point for each."""


@dataclass(frozen=True)
class Picture:
    """One chart of a saved document; `draw` gives None where there is nothing to draw."""

    title: str
    caption: str
    draw: Callable[[Any], Drawn | None]


def chart(result: Result, name: str) -> Drawn:
    """The chart of that name; raise BadInput if there is none, or nothing to draw."""
    if name not in PICTURES:
        raise BadInput(f"chart {name!r}: is none of {', '.join(PICTURES)}")
    drawn = PICTURES[name].draw(result)
    if drawn is None:
        raise BadInput(f"chart {name!r}: this result has nothing to draw there")
    return drawn.properties(width=WIDTH, title=PICTURES[name].title)


def fitted_charts(result: Result) -> dict[str, Drawn]:
    """Every chart that this result has something for, as wide as the place it is put in."""
    drawn = {name: picture.draw(result) for name, picture in PICTURES.items()}
    return {name: fitted(chart) for name, chart in drawn.items() if chart is not None}


def fitted(drawn: Drawn) -> Drawn:
    """A chart as wide as the place it is put in."""
    fit = alt.AutoSizeParams(type="fit-x", contains="padding")
    return drawn.properties(width="container", autosize=fit)


def _high(drawn: Drawn, rows: Rows) -> Drawn:
    """A line for each framework."""
    return drawn.properties(height=LINE * len(_order(rows)))


def _ratios(result: Result) -> Drawn | None:
    rows = [
        {
            "framework": row.framework,
            "times": row.ratio.median,
            "low": row.ratio.median if row.ratio.low is None else row.ratio.low,
            "high": row.ratio.median if row.ratio.high is None else row.ratio.high,
            "group": row.group,
        }
        for row in result.verdict
    ]
    if not rows:
        return None
    base = filtered(rows)
    # Room for the letters, which stand beside the points.
    room = min(60, 8 + 6 * max(len(row.group) for row in result.verdict))
    title = "times as long as the fastest"
    scale = alt.Scale(type="log", nice=False, padding=room)
    x = alt.X("times:Q", title=title, scale=scale)
    drawn = alt.layer(
        base.mark_rule(strokeWidth=2).encode(
            x=alt.X("low:Q", title=title, scale=scale), x2="high:Q", y=_names(rows)
        ),
        base.mark_point(filled=True, size=70, opacity=1).encode(
            x=x, y=_names(rows), tooltip=_tips(rows, "framework", "times", "low", "high", "group")
        ),
        base.mark_text(align="left", dx=8, dy=-7).encode(x=x, y=_names(rows), text="group:N"),
    )
    return _high(drawn, rows)


def _trials(result: Result) -> Drawn | None:
    rows = []
    times = steady_times(result)
    for row in result.verdict:
        known = sorted(times.get(row.framework, {}).values())
        if not known:
            continue
        low, middle, high = quantiles(known, n=4) if len(known) > 1 else known * 3
        names = ("least", "lower quarter", "median", "upper quarter", "most")
        milliseconds = [1e3 * time for time in (known[0], low, middle, high, known[-1])]
        rows.append(
            {
                "framework": row.framework,
                "trials": len(known),
                **dict(zip(names, milliseconds, strict=True)),
            }
        )
    if not rows:
        return None
    base = filtered(rows)
    y = _names(rows)
    scale = alt.Scale(type="log")
    tips = _tips(
        rows, "framework", "least", "lower quarter", "median", "upper quarter", "most", "trials"
    )
    title = "a steady epoch, ms"
    drawn = alt.layer(
        base.mark_rule().encode(
            x=alt.X("least:Q", scale=scale, title=title), x2="most:Q", y=y, tooltip=tips
        ),
        base.mark_bar(height=10).encode(
            x=alt.X("lower quarter:Q", scale=scale, title=title),
            x2="upper quarter:Q",
            y=y,
            tooltip=tips,
        ),
        base.mark_tick(thickness=2, height=16, color="#d62728").encode(
            x=alt.X("median:Q", scale=scale, title=title), y=y, tooltip=tips
        ),
    )
    return _high(drawn, rows)


def _phases(result: Result) -> Drawn | None:
    rows: Rows = []
    counted = result.counted_trials()
    for row in result.verdict:
        trials = counted[row.framework]
        epochs = median(len(trial.epochs) for trial in trials)
        parts = {
            "import": median_of(trials, lambda t: t.seconds.import_),
            "prepare": median_of(trials, lambda t: t.seconds.prepare),
            "build": median_of(trials, lambda t: t.seconds.build),
            "first epoch": median_of(trials, lambda t: t.seconds.first_epoch),
            "other epochs": row.epoch_seconds.median * (epochs - 1),
        }
        rows += [
            {"framework": row.framework, "phase": phase, "seconds": parts[phase] or 0.0, "n": n}
            for n, phase in enumerate(PHASES)
        ]
    if not rows:
        return None
    drawn = (
        filtered(rows)
        .mark_bar()
        .encode(
            x=alt.X("seconds:Q", title="seconds of a trial", stack=True),
            y=_names(rows),
            color=alt.Color("phase:N", sort=list(PHASES), title=None, legend=legend_below()),
            order="n:Q",
            tooltip=_tips(rows, "framework", "phase", "seconds"),
        )
    )
    return _high(drawn, rows)


def _memory(result: Result) -> Drawn | None:
    rows: Rows = []
    counted = result.counted_trials()
    for row in result.verdict:
        peak = median_of(counted[row.framework], lambda t: t.peak_bytes)
        if peak is not None:
            rows.append({"framework": row.framework, "MiB": peak / 2**20})
    return _bars(rows, "MiB", "peak memory of the process, MiB")


def _accuracy_by_epoch(result: Result) -> Drawn | None:
    rows = [asdict(stage) for stage in progress_of(result)]
    return _band(rows, "epoch", "accuracy", "epoch", "test accuracy")


def _loss_by_epoch(result: Result) -> Drawn | None:
    rows = [asdict(stage) for stage in progress_of(result)]
    return _band(rows, "epoch", "loss", "epoch", "test loss")


def _accuracy_by_seconds(result: Result) -> Drawn | None:
    rows = [asdict(stage) for stage in progress_of(result) if stage.seconds is not None]
    title = "seconds since the process began"
    return _band(rows, "seconds", "accuracy", title, "test accuracy", logarithmic=True)


def _training_loss(result: Result) -> Drawn | None:
    rows: Rows = []
    counted = result.counted_trials()
    for row in result.verdict:
        trials = counted[row.framework]
        for epoch, points in enumerate(zip(*(t.epochs for t in trials), strict=False), start=1):
            losses = [point.loss for point in points]
            rows.append(
                {
                    "framework": row.framework,
                    "epoch": epoch,
                    "loss": median(losses),
                    "least_loss": min(losses),
                    "most_loss": max(losses),
                }
            )
    return _band(rows, "epoch", "loss", "epoch", "training loss")


def _time_to_accuracy(result: Result) -> Drawn | None:
    stages = progress_of(result)
    accuracy = common_accuracy(stages)
    if accuracy is None:
        return None
    times = times_to(accuracy, stages)
    order = sorted(times, key=lambda name: times[name])
    rows = [{"framework": name, "seconds": times[name]} for name in order]
    return _bars(rows, "seconds", f"seconds to a mean test accuracy of {accuracy:.3f}")


def _proof(result: Result) -> Drawn | None:
    rows = [
        {
            "framework": name,
            "rung": rung,
            "error": max(error, LOWEST_ERROR),
            "text": f"{error:.0e}",
            "passed": "yes" if passed else "no",
        }
        for name, proof in result.proof.items()
        for rung, (error, passed) in shown_rungs(proof).items()
    ]
    if not rows:
        return None
    base = filtered(rows)
    rungs = list(dict.fromkeys(row["rung"] for row in rows))
    x = alt.X("rung:N", sort=rungs, title=None, axis=alt.Axis(orient="top", labelAngle=0))
    colors = alt.Scale(
        type="log", domain=[LOWEST_ERROR, 1], range=["#2e9e5b", "#e9d66b", "#d9534f"]
    )
    drawn = alt.layer(
        base.mark_rect().encode(
            x=x,
            y=_names(rows),
            color=alt.Color("error:Q", scale=colors, legend=None),
            tooltip=_tips(rows, "framework", "rung", "error", "passed"),
        ),
        base.mark_text(color="black").encode(x=x, y=_names(rows), text="text:N"),
    )
    return _high(drawn, rows)


def shown_rungs(proof: FrameworkProof) -> dict[str, tuple[float, bool]]:
    """Each rung's error and whether it passed; with the causes on, where the verdict rests there.

    An error that is not finite is shown as 1: all of the number is wrong.
    """
    return {
        name: (min(rung.error, 1.0) if rung.error == rung.error else 1.0, rung.passed)
        for name, rung in proof.judged_rungs().items()
    }


def filtered(rows: Rows) -> alt.Chart:
    """The rows of the frameworks that a reader has not switched off."""
    hidden = alt.param(name=HIDDEN, value=[])
    return (
        alt.Chart(alt.Data(values=rows))
        .add_params(hidden)
        .transform_filter(f"indexof({HIDDEN}, datum.framework) < 0")
    )


def _bars(rows: Rows, field: str, title: str) -> Drawn | None:
    """A bar for each framework."""
    if not rows:
        return None
    drawn = (
        filtered(rows)
        .mark_bar()
        .encode(
            x=alt.X(f"{field}:Q", title=title),
            y=_names(rows),
            tooltip=_tips(rows, "framework", field),
        )
    )
    return _high(drawn, rows)


def _band(
    rows: Rows, x: str, y: str, x_title: str, y_title: str, *, logarithmic: bool = False
) -> Drawn | None:
    """A line for each framework, in a band from its lowest seed to its highest."""
    if not rows:
        return None
    base = filtered(rows)
    scale = alt.Scale(type="log") if logarithmic else alt.Scale()
    axis = alt.X(f"{x}:Q", title=x_title, scale=scale)
    color = alt.Color(
        "framework:N", sort=_order(rows), legend=legend_below(), scale=alt.Scale(scheme="tableau20")
    )
    values = alt.Y(f"least_{y}:Q", title=y_title, scale=alt.Scale(zero=False))
    band = base.mark_area(opacity=0.15).encode(x=axis, y=values, y2=f"most_{y}:Q", color=color)
    many = max(row["epoch"] for row in rows) > MOST_POINTS
    line = base.mark_line(point=not many).encode(
        x=axis,
        y=alt.Y(f"{y}:Q", title=y_title, scale=alt.Scale(zero=False)),
        color=color,
        tooltip=_tips(rows, "framework", x, y),
    )
    return alt.layer(band, line).properties(height=300)


def _names(rows: Rows) -> alt.Y:
    return alt.Y("framework:N", sort=_order(rows), title=None)


def _order(rows: Rows) -> list[str]:
    return list(dict.fromkeys(row["framework"] for row in rows))


def legend_below() -> alt.Legend:
    """In as many lines as the frameworks take; on a phone there is room for two abreast."""
    columns = alt.ExprRef("width < 300 ? 2 : 4")
    return alt.Legend(orient="bottom", columns=columns, title=None, symbolOpacity=1)


def _tips(rows: Rows, *names: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip(name, type="nominal")
        if isinstance(rows[0][name], str)
        else alt.Tooltip(name, type="quantitative", format=",.3~r")
        for name in names
    ]


PICTURES: Mapping[str, Picture] = {
    "ratios": Picture(
        "How many times as long as the fastest",
        "A steady epoch over the fastest framework's, paired within blocks, with 95% intervals. "
        "Who share a letter cannot be told apart.",
        _ratios,
    ),
    "trials": Picture(
        "Every trial's steady epoch",
        "Least, lower quarter, median, upper quarter and most of the trials.",
        _trials,
    ),
    "phases": Picture(
        "Where a trial's time goes",
        "Medians over the trials. The first epoch holds what is compiled on first use.",
        _phases,
    ),
    "accuracy-by-epoch": Picture(
        "Test accuracy by epoch",
        "Mean over the seeds, in a band from the lowest to the highest.",
        _accuracy_by_epoch,
    ),
    "loss-by-epoch": Picture(
        "Test loss by epoch",
        "Mean over the seeds, in a band from the lowest to the highest.",
        _loss_by_epoch,
    ),
    "accuracy-by-seconds": Picture(
        "Test accuracy by seconds",
        "The same curves at the speed that was raced, from the start of the process on.",
        _accuracy_by_seconds,
    ),
    "time-to-accuracy": Picture(
        "Time to a common accuracy",
        "Until the mean over the seeds first reaches what every framework reaches.",
        _time_to_accuracy,
    ),
    "training-loss": Picture(
        "Training loss by epoch",
        "Median over the trials, in a band from the lowest to the highest.",
        _training_loss,
    ),
    "memory": Picture("Peak memory", "Of the whole process, median over the trials.", _memory),
    "proof": Picture(
        "The proof, rung by rung",
        "Largest relative errors against the reference; up to 1e-9 is the same.",
        _proof,
    ),
}
"""Every chart, by the name that `Result.chart` and a picture's file have."""
