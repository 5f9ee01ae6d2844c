"""What a reader must know beside the ranking: what a proof rests on, and who was lost, and why."""

from dataclasses import dataclass
from typing import Literal

from samestep.proof_record import FrameworkProof
from samestep.report.steadiness import cores_sentence, unsteady_sentence
from samestep.result import Result

Kind = Literal["proof", "lost", "unranked", "unsteady", "unfair"]


@dataclass(frozen=True)
class Note:
    """One thing to know of one framework: its state in a word or two, and why."""

    framework: str
    kind: Kind
    state: str
    text: str


def notes_of(result: Result) -> list[Note]:
    """Proofs that are not simply identical, lost trials, uneven ones, unfair conditions."""
    notes: list[Note] = []
    ranked = [row.framework for row in result.verdict]
    trials_by_framework, counted = result.trials_by_framework(), result.counted_trials()
    for name, proof in result.proof.items():
        trials = trials_by_framework.get(name, [])
        lost = [trial for trial in trials if trial.outcome != "done"]
        if proof.verdict != "identical":
            notes.append(Note(name, "proof", proof.verdict, proof_reason(proof)))
        if lost:
            what = f"{len(lost)} of {len(trials)} trials {lost[0].outcome}"
            notes.append(Note(name, "lost", what, lost[0].message or ""))
        elif trials and name not in ranked:
            why = "it takes two epochs or more to see a steady one"
            notes.append(Note(name, "unranked", "not ranked", why))
    for name in ranked:
        for state, sentence in (
            ("not steady", unsteady_sentence(counted[name])),
            ("uneven cores", cores_sentence(counted[name])),
        ):
            if sentence is not None:
                notes.append(Note(name, "unsteady", state, sentence))
    for name, framework in result.frameworks.items():
        notes += [Note(name, "unfair", "unfair", warning) for warning in framework.warnings]
    return notes


def proof_reason(proof: FrameworkProof) -> str:
    """Why a proof is not simply identical, in a line."""
    parts = list(proof.causes)
    if proof.shift is not None:
        shift = proof.shift
        parts.append(
            f"moves weights {shift.weights:.0e}, logits {shift.logits:.0e}, loss {shift.loss:.0e}"
        )
    if proof.verdict == "different":
        parts += [
            f"{rung.name} departs by {rung.error:.1e}" + (f" in {rung.where}" if rung.where else "")
            for rung in proof.rungs
            if not rung.passed
        ][:1]
    if proof.audit is not None:
        parts += proof.audit.problems
    if proof.message:
        parts.append(f"{proof.stage}: {proof.message}" if proof.stage else proof.message)
    return "; ".join(dict.fromkeys(parts))
