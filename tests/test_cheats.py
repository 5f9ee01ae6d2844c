"""The cheats fit the scripts that they are planted in, and each is caught where it must be."""

import ast

import pytest

from samestep.catalogue import named_framework
from samestep.cheats import CHEATS, Cheat, Planting
from samestep.codegen import render_script
from samestep.experiment_file import load_experiment
from samestep.plan import Plan, make_plan
from samestep.selftest import QUICK, Case, base_file, cheat_in, quick_cases, run_case

PLANTINGS = [
    pytest.param(cheat, planting, id=f"{cheat.name} in {planting.framework}")
    for cheat in CHEATS
    for planting in cheat.plantings
]


def plan_of(cheat: Cheat) -> Plan:
    return make_plan(load_experiment(str(base_file(cheat.base)), cheat.overrides))


@pytest.mark.parametrize(("cheat", "planting"), PLANTINGS)
def test_a_cheat_changes_its_script_and_leaves_a_program(cheat: Cheat, planting: Planting) -> None:
    plan = plan_of(cheat)
    framework = named_framework(planting.framework)
    honest = render_script(framework, plan.experiment, plan)
    script = render_script(cheat_in(framework, planting, plan), plan.experiment, plan)
    assert script != honest
    ast.parse(script)


def test_every_cheat_has_a_name_of_its_own_and_two_families() -> None:
    assert len({cheat.name for cheat in CHEATS}) == len(CHEATS) >= 40
    for cheat in CHEATS:
        families = {named_framework(planting.framework).folder for planting in cheat.plantings}
        assert len(families) > 1, cheat.name
    assert set(QUICK) < {cheat.name for cheat in CHEATS}


@pytest.mark.parametrize(
    ("cheat", "planting"), [case for case in PLANTINGS if case.values[1].framework == "numpy"]
)
def test_a_cheat_is_caught_on_its_rung(cheat: Cheat, planting: Planting) -> None:
    finding = run_case(Case(named_framework("numpy"), cheat.base, cheat, planting))
    assert finding.found == planting.caught_by, finding.detail


def test_the_quick_test_has_every_quick_cheat_and_honest_ones() -> None:
    cases = quick_cases()
    assert {case.cheat.name for case in cases if case.cheat} == set(QUICK)
    assert any(case.cheat is None for case in cases)


@pytest.mark.parametrize("base", ["dense", "convolution", "norms"])
def test_an_honest_script_is_not_accused(base: str) -> None:
    finding = run_case(Case(named_framework("numpy"), base))
    assert finding.caught and finding.found == "identical"
