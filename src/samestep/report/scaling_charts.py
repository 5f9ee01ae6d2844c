"""The picture of a scaling: time by work, the fitted lines, and where two of them cross."""

from statistics import median

import altair as alt

from samestep.report.charts import HIDDEN, WIDTH, Drawn, Picture
from samestep.report.scaling import crossings_of, size_at
from samestep.scaling.fit import fit
from samestep.scaling.record import Scaling

FITTED = 40
"""A line is drawn through so many points."""


def scaling_chart(scaling: Scaling) -> Drawn:
    """Milliseconds a step (an epoch, where rows vary) by size, both logarithmic."""
    samples = scaling.samples()
    works = [point.work for point in scaling.points]
    between = [works[0] * (works[-1] / works[0]) ** (step / (FITTED - 1)) for step in range(FITTED)]
    measured, lines = [], []
    for name, by_work in samples.items():
        line = fit(by_work)
        measured += [
            {"framework": name, "size": size_at(scaling, work), "ms": 1e3 * median(seconds)}
            for work, seconds in by_work.items()
        ]
        lines += [
            {
                "framework": name,
                "size": size_at(scaling, work),
                "ms": 1e3 * (line.overhead.value + work / line.rate.value),
            }
            for work in between
        ]
    crossings = [
        {
            "framework": crossing.below,
            "size": size_at(scaling, crossing.work.value),
            "pair": f"{crossing.below} below, {crossing.above} above",
        }
        for crossing in crossings_of(scaling)
    ]
    unit = "epoch" if scaling.vary == "rows" else "step"
    x = alt.X("size:Q", title=scaling.vary, scale=alt.Scale(type="log", nice=False))
    y = alt.Y("ms:Q", title=f"ms a {unit}", scale=alt.Scale(type="log"))
    color = alt.Color(
        "framework:N",
        scale=alt.Scale(scheme="tableau20"),
        legend=alt.Legend(orient="bottom", columns=4, title=None),
    )
    return (
        alt.layer(
            _base(lines).mark_line().encode(x=x, y=y, color=color),
            _base(measured)
            .mark_point(filled=True, size=50)
            .encode(x=x, y=y, color=color, tooltip=["framework:N", "size:Q", "ms:Q"]),
            _base(crossings)
            .mark_rule(strokeDash=[4, 4])
            .encode(x=x, tooltip=["pair:N", alt.Tooltip("size:Q", format=",.3~r")]),
        )
        .add_params(alt.param(name=HIDDEN, value=[]))
        .properties(height=360, width=WIDTH)
    )


def _base(rows: list[dict[str, object]]) -> alt.Chart:
    return alt.Chart(alt.Data(values=rows)).transform_filter(
        f"indexof({HIDDEN}, datum.framework) < 0"
    )


SCALING_PICTURE = Picture(
    "Time by size",
    "Medians of the trials (points), time = overhead + work / rate (lines), and where two of these "
    "lines cross (dashed).",
    scaling_chart,
)
