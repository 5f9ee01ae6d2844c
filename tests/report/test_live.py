"""Progress where there is no terminal: one line a trial."""

import io

import pytest
from reported import trial_of
from rich.console import Console

from samestep.racing import Progress
from samestep.report.live import Live


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.000314, "0.314"), (0.0456, "45.6"), (15.2346, "15,235")],
)
def test_a_trials_line_has_no_exponent(seconds: float, shown: str) -> None:
    out = io.StringIO()
    with Live(Console(file=out)) as live:
        live.on_trial(Progress("torch", 0, 1, 75, None))
        live.on_trial(Progress("torch", 0, 1, 75, trial_of("torch", 0, seconds)))
    assert live.trials == 1
    line = f"trial  1/75  block 1  torch: {shown} ms an epoch, accuracy 0.900\n"
    assert out.getvalue() == line
