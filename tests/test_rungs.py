"""How far two arrays are apart, and the rungs in their order."""

import numpy as np
from honest_work import ADAM, LADDER, MakePlan, observe

from samestep.reference import EXACT
from samestep.rungs import climb, relative_error
from samestep.traps import form_with, variants


def test_relative_error() -> None:
    assert relative_error(np.array([1.0, 2.0]), np.array([1.0, 4.0])) == 0.5
    assert relative_error(np.array([0.5]), np.array([0.0])) == 0.5
    assert relative_error(np.zeros((0, 3)), np.zeros((0, 3))) == 0
    for bad in (np.array([np.nan, 1.0]), np.array([np.inf, 1.0]), np.ones(3)):
        assert relative_error(bad, np.array([1.0, 4.0])) == float("inf")


def test_every_variant_is_searched(planned: MakePlan) -> None:
    experiment = planned(ADAM).experiment
    for trap in variants(experiment):
        assert form_with([trap]).switched_on() == [trap.variant]
    rungs = list(climb(planned(ADAM), observe(planned(ADAM)), EXACT))
    assert [rung.name for rung in rungs] == LADDER
