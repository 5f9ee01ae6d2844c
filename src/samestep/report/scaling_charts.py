"""The picture of a scaling: time by work, the fitted lines, and where two of them cross."""

from statistics import median

import altair as alt

from samestep.report.charts import WIDTH, Drawn, Picture, filtered, legend_below
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
            {"framework": name, "size": size_at(scaling, work), "ms": 1e3 * median(blocks.values())}
            for work, blocks in by_work.items()
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
        legend=legend_below(),
    )
    return alt.layer(
        filtered(lines).mark_line().encode(x=x, y=y, color=color),
        filtered(measured)
        .mark_point(filled=True, size=50)
        .encode(x=x, y=y, color=color, tooltip=["framework:N", "size:Q", "ms:Q"]),
        filtered(crossings)
        .mark_rule(strokeDash=[4, 4])
        .encode(x=x, tooltip=["pair:N", alt.Tooltip("size:Q", format=",.3~r")]),
    ).properties(height=360, width=WIDTH)


SCALING_PICTURE = Picture(
    "Time by size",
    "Medians of the trials (points), time = overhead + work / rate (lines), and where two "
    "frameworks change places (dashed).",
    scaling_chart,
)
