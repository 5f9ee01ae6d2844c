"""The question that a race answers, its verdict, and what it lacks, in a sentence each."""

from samestep.proof_record import PROVED
from samestep.report.text import number_text
from samestep.result import Range, Result, Row
from samestep.schedule import is_sequential


def question(result: Result) -> str:
    """What was asked."""
    settings, machine = result.settings, result.machine
    if not settings.trials:
        return f"Do all of these frameworks do the work of “{result.title}”?"
    cores = "1 core" if settings.threads == 1 else f"{settings.threads} cores"
    return f"Who trains “{result.title}” fastest on {cores} of {machine.cpu or 'this machine'}?"


def verdict_sentence(result: Result) -> str:
    """What was found: who is the fastest, alone or among equals, and by how much."""
    if not result.settings.trials:
        return _proofs(result)
    rows = result.verdict
    if not rows:
        return "No framework has a place: none was both proved and timed to the end."
    first = rows[0]
    equals = [row for row in rows if set(row.group) & set(first.group)]
    others = [row for row in rows if row not in equals]
    if len(equals) == 1:
        found = f"{first.framework} is the fastest"
    else:
        names = _list([row.framework for row in equals])
        found = f"{names} cannot be told apart from the fastest"
    if not others:
        alone = "; nobody else was ranked" if len(rows) == 1 else ""
        return f"{found}{alone}.{_unranked(result)}"
    return f"{found}; {_next(others[0])}.{_unranked(result)}"


def unfinished_sentence(result: Result) -> str | None:
    """How far a race has come that is not at its end; None of one that is."""
    if not result.unfinished:
        return None
    settings = result.settings
    proved = [proof for proof in result.proof.values() if proof.verdict in PROVED]
    first = [trial for trial in result.trials if trial.repeats is None]
    again = len(result.trials) - len(first)
    of = "" if is_sequential(result) else f" of {settings.trials * len(proved)}"
    parts = [f"Unfinished: {len(first)}{of} trials are in this result"]
    if again:
        parts.append(f"{again} more in repeated blocks")
    if settings.curve_seeds:
        curves = settings.curve_seeds * len(proved)
        parts.append(f"{len(result.curves)} of {curves} learning curves")
    return f"{_list(parts)}."


def _next(row: Row) -> str:
    return f"{row.framework}, the next, takes {ratio_text(row.ratio)} times as long an epoch"


def ratio_text(ratio: Range) -> str:
    """A ratio and its interval, in words."""
    if ratio.low is None or ratio.high is None:
        return number_text(ratio.median)
    low, high = number_text(ratio.low), number_text(ratio.high)
    return f"{number_text(ratio.median)} ({low} to {high})"


def _unranked(result: Result) -> str:
    ranked = {row.framework for row in result.verdict}
    left_out = [name for name in result.frameworks if name not in ranked]
    if not left_out:
        return ""
    return f" Not ranked: {_list(left_out)}."


def _proofs(result: Result) -> str:
    by_verdict: dict[str, list[str]] = {}
    for name, proof in result.proof.items():
        by_verdict.setdefault(proof.verdict, []).append(name)
    if not by_verdict:
        return "No framework was asked."
    return "; ".join(f"{verdict}: {_list(names)}" for verdict, names in by_verdict.items()) + "."


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
