"""Judge what a worker observed against the reference: the verdict and the search for causes.

Pure: arrays in, a verdict out; `proof` runs the workers.
"""

from itertools import combinations

import numpy as np

from samestep.audit import judge_audit
from samestep.dropout import judge_dropout
from samestep.plan import Plan
from samestep.proof_record import FrameworkProof, Shift
from samestep.reference import EXACT, Form
from samestep.reference.arrays import largest_of
from samestep.rungs import TOLERANCE, Observation, climb, relative_error, worst_error
from samestep.traps import Trap, form_with, variants
from samestep.yardstick import Diverged, yardstick_of

SMALLEST_WEIGHT = 1e-3
"""A shift is relative to an array's size, but not below this share of the model's largest."""


def judge(plan: Plan, observation: Observation) -> FrameworkProof:
    """The verdict on one observation: the ladder, its causes, and the audit."""
    audit = judge_audit(plan.experiment.training, plan.rows, observation.audit)
    try:
        rungs = list(climb(plan, observation, EXACT))
        passed = all(rung.passed for rung in rungs)
        causes = [] if passed else find_causes(plan, observation)
    except Diverged as error:
        return FrameworkProof(verdict="failed", stage="reference", message=str(error), audit=audit)
    departs = next((rung.name for rung in rungs if not rung.passed), None)
    proof = FrameworkProof(verdict="identical", rungs=rungs, audit=audit, departs=departs)
    if causes is None:
        return proof.model_copy(update={"verdict": "different"})
    if causes:
        form = form_with(causes)
        explained = {
            "verdict": "equivalent",
            "rungs_with_causes": list(climb(plan, observation, form)),
            "causes": [trap.name for trap in causes],
            "shift": measure_shift(plan, form),
        }
        proof = proof.model_copy(update=explained)
    if observation.rounded_logits is not None:
        proof = name_rounding(plan, observation, proof)
    if observation.dropout_gradient is not None:
        yardstick = yardstick_of(plan, EXACT)
        with yardstick.lock:
            draws = yardstick.dropout
        dropout = judge_dropout(draws, observation.dropout_gradient)
        proof = proof.model_copy(update={"dropout": dropout})
        if not dropout.passed:
            failed = {"verdict": "different", "departs": "dropout", "message": dropout.problems[0]}
            proof = proof.model_copy(update=failed)
    if not audit.passed:
        failed = {"verdict": "different", "departs": "audit", "message": audit.problems[0]}
        proof = proof.model_copy(update=failed)
    return proof


def name_rounding(plan: Plan, observation: Observation, proof: FrameworkProof) -> FrameworkProof:
    """Add the rounding that the proof lifted, and its size, if it can be seen at all."""
    assert observation.rounded_logits is not None
    error = relative_error(observation.rounded_logits, yardstick_of(plan, EXACT).logits)
    if error <= TOLERANCE:
        return proof
    cause = f"{observation.rounding} (logits by {error:.0e}; lifted for the proof)"
    return proof.model_copy(update={"verdict": "equivalent", "causes": [*proof.causes, cause]})


def find_causes(plan: Plan, observation: Observation) -> list[Trap] | None:
    """The smallest set of variants with which every rung passes, or None."""
    known = variants(plan.experiment)
    for size in range(1, len(known) + 1):
        for traps in combinations(known, size):
            # The climb is lazy: a set of variants falls at its first rung that departs.
            if all(rung.passed for rung in climb(plan, observation, form_with(list(traps)))):
                return list(traps)
    return None


def measure_shift(plan: Plan, form: Form) -> Shift:
    """How far a form moves the trajectory's end, by the reference alone."""
    moved, exact = yardstick_of(plan, form), yardstick_of(plan, EXACT)
    with moved.lock, exact.lock:
        weights = exact.run.weights
        # Beside the largest, what has hardly left 0 shows nothing but rounding.
        least = SMALLEST_WEIGHT * largest_of(weights)
        return Shift(
            weights=worst_error(moved.run.weights, weights, dict.fromkeys(weights, least))[0],
            logits=relative_error(moved.trained_logits, exact.trained_logits),
            loss=relative_error(np.array(moved.trained_loss), np.array(exact.trained_loss)),
        )
