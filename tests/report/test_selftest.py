"""A self-test counts what it has judged."""

from rich.console import Console

from samestep.report.selftest import finding_line, selftest_view
from samestep.selftest import Finding

CAUGHT = Finding("torch", "no shuffle", "order", "order", True)
MISSED = Finding("flax", "no shuffle", "order", "nothing", False)
PROVED = Finding("torch", None, "proved", "identical", True)
ACCUSED = Finding("flax", None, "proved", "different", False)
UNSUPPORTED = Finding("sklearn", None, "proved", "unsupported", True)
BROKEN = Finding("numpy", None, "proved", "failed", True, "the worker was killed")


def shown(*findings: Finding) -> str:
    console = Console(width=80)
    with console.capture() as capture:
        console.print(selftest_view(findings))
    return capture.get()


def test_only_what_a_proof_judged_counts_as_not_accused() -> None:
    text = shown(CAUGHT, PROVED, UNSUPPORTED, BROKEN)
    assert "cheats caught: 1 of 1" in text
    assert "honest scripts accused: 0 of 1" in text
    assert "numpy: failed: the worker was killed" in text


def test_a_missed_cheat_and_an_accusation_are_told() -> None:
    text = shown(CAUGHT, MISSED, PROVED, ACCUSED)
    assert "nothing, not order" in text
    assert "cheats caught: 1 of 2" in text
    assert "honest scripts accused: 1 of 2" in text


def test_a_finding_is_a_line_as_it_comes() -> None:
    marks = [finding_line(one).plain.split("  ")[0].strip() for one in (CAUGHT, MISSED, PROVED)]
    assert marks == ["caught", "NOT CAUGHT", "proved"]
    others = (ACCUSED, UNSUPPORTED, BROKEN)
    assert [finding_line(one).plain.split()[0] for one in others] == [
        *("ACCUSED", "unsupported", "failed"),
    ]
