"""Which scripts a proof runs beside the raced one."""

from pathlib import Path

from samestep.catalogue import find_frameworks
from samestep.experiment_file import load_experiment
from samestep.plan import Plan, make_plan
from samestep.proof_scripts import render_scripts

FRAMEWORKS = find_frameworks()
DROPOUT = str(Path(__file__).parent / "experiments" / "dropout.toml")
MANY_ROWS = ["training.batch_size=2", "data.rows=130", "data.test_rows=50"]


def plan_of(name: str, *overrides: str) -> Plan:
    return make_plan(load_experiment(name, overrides))


def test_small_data_without_dropout_needs_the_raced_script_alone() -> None:
    plan = plan_of("iris-mlp")
    sources = render_scripts(FRAMEWORKS["torch"], plan)
    assert sources.raced == sources.ladder == sources.audit
    assert sources.audit_rows == plan.rows


def test_the_ladder_drops_nothing() -> None:
    sources = render_scripts(FRAMEWORKS["torch"], plan_of(DROPOUT))
    assert "nn.Dropout(0.25)" in sources.raced and "nn.Dropout(0.5)" in sources.raced
    assert "nn.Dropout(0.0)" in sources.ladder and "nn.Dropout(0.25)" not in sources.ladder


def test_large_data_is_audited_whole_through_a_light_model() -> None:
    plan = plan_of("digits-mlp", *MANY_ROWS)
    assert plan.proof_rows < plan.rows
    sources = render_scripts(FRAMEWORKS["torch"], plan)
    assert sources.audit != sources.raced
    assert "nn.Linear(64, 10)" in sources.audit and "nn.Linear(64, 128)" not in sources.audit
    assert sources.audit_rows == plan.rows


def test_the_audit_is_light_though_the_raced_model_is_evaluated_in_parts() -> None:
    plan = plan_of("digits-mlp", *MANY_ROWS[:2], "data.test_rows=300", "model.2.units=65536")
    sources = render_scripts(FRAMEWORKS["torch"], plan)
    assert "256" in sources.raced and "256" in sources.audit
    assert sources.audit_rows == plan.rows


def test_a_script_whose_training_knows_its_model_is_audited_on_part_of_the_rows() -> None:
    plan = plan_of("digits-mlp", *MANY_ROWS)
    sources = render_scripts(FRAMEWORKS["numpy"], plan)
    assert sources.audit == sources.raced
    assert sources.audit_rows == plan.proof_rows
