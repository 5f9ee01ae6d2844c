"""Learning curves on a terminal: where each framework's trainings end, over the seeds."""

from collections.abc import Iterator, Sequence
from statistics import fmean

from rich.table import Table
from rich.text import Text

from samestep.experiment import ACCURACY_MARGIN
from samestep.letters import compact_letters
from samestep.report.fitting import fitting_tables
from samestep.report.text import interval_text, visible
from samestep.result import Curve, Result
from samestep.stats import ALPHA, is_equivalent, mean_interval, pairs_apart

BEST = "as the best"
CURVE_HEADERS = (
    "after the last epoch",
    "seeds",
    "test accuracy",
    "test loss",
    "group",
    BEST,
)


def curve_tables(result: Result, width: int) -> Iterator[Table]:
    """Test accuracy and loss after the last epoch; who share a letter cannot be told apart.

    And who is as accurate as the best, to within the experiment's margin.
    """
    key, *others = CURVE_HEADERS
    rows = [dict(zip(CURVE_HEADERS, row, strict=True)) for row in curve_rows(result)]

    def table(headers: Sequence[str]) -> Table:
        made = Table(box=None, pad_edge=False)
        made.add_column(key, no_wrap=True)
        for header in headers:
            margin = f", to {_margin(result):g}" if header == BEST else ""
            made.add_column(header + margin, justify="right", no_wrap=True)
        for row in rows:
            made.add_row(Text(visible(row[key])), *(row[header] for header in headers))
        return made

    return fitting_tables(table, others, width)


def curve_rows(result: Result) -> list[tuple[str, ...]]:
    """A line for each framework, under `CURVE_HEADERS`, from the most accurate on."""
    finished = result.finished_curves()
    order = sorted(finished, key=lambda name: -fmean(map(_accuracy, finished[name])))
    by_seed = {
        name: {curve.seed: _accuracy(curve) for curve in finished[name] if _accuracy(curve) > 0}
        for name in order
    }
    letters = compact_letters(order, pairs_apart(by_seed))
    rows: list[tuple[str, ...]] = []
    for name in order:
        curves = finished[name]
        mean, low, high = mean_interval([_accuracy(curve) for curve in curves])
        loss = fmean(curve.points[-1].test_loss for curve in curves)
        accuracy = interval_text(mean, low, high, "{:.4f}".format)
        equal = _as_the_best(by_seed, order, name, _margin(result))
        rows.append((name, str(len(curves)), accuracy, f"{loss:.4f}", letters[name], equal))
    return rows


def _margin(result: Result) -> float:
    return float(result.experiment.get("accuracy_margin", ACCURACY_MARGIN))


def _as_the_best(
    by_seed: dict[str, dict[int, float]], order: list[str], name: str, margin: float
) -> str:
    best = order[0]
    if name == best:
        return "-"
    # One comparison for each but the best.
    alpha = ALPHA / (len(order) - 1)
    return "yes" if is_equivalent(by_seed[name], by_seed[best], margin, alpha) else "not told"


def origin_sentence(result: Result) -> str | None:
    """Whose curves these are, where they were not taken in this race."""
    origin = result.curves_from
    if origin is None or not origin.count:
        return None
    count = f"{origin.count} of the {len(result.curves)} learning curves"
    race = f"a race of {origin.created} on {origin.cpu}"
    return f"{count} were taken earlier, in {race}, by the same scripts and versions."


def failed_curves(result: Result) -> list[Text]:
    """One line for each training that did not end well."""
    return [
        Text(visible(f"{c.framework}, seed {c.seed}: {c.outcome}: {c.message}"), "red")
        for c in result.curves
        if c.outcome != "done"
    ]


def _accuracy(curve: Curve) -> float:
    return curve.points[-1].test_accuracy
