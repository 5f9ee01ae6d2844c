"""The scripts that a proof runs: the raced one, and where that can't be checked, its like."""

from dataclasses import dataclass, replace

from samestep import codegen
from samestep.catalogue import Framework
from samestep.dropout import has_dropout
from samestep.layers import Dense, Dropout, Flatten, LayerKind
from samestep.placing import place_layers
from samestep.plan import Plan


@dataclass(frozen=True)
class Sources:
    """`raced` is what a race runs, and what most of the proof runs.

    `ladder` has every dropout rate at 0, for nobody can know another's masks. `audit` feeds a
    model of one layer from the very same pipeline, where the data are many; if a script's
    pipeline can't be told from its model, the audit runs the raced script on `audit_rows` rows.
    """

    raced: str
    ladder: str
    audit: str
    audit_rows: int


def render_scripts(framework: Framework, plan: Plan) -> Sources:
    """Write all scripts of a proof; raise Unsupported with the reason."""
    raced = codegen.render_script(framework, plan.experiment, plan)
    ladder = raced
    if has_dropout(plan):
        ladder = _render(
            framework, plan, [_without_dropout(placed.layer) for placed in plan.layers]
        )
    if plan.rows <= plan.proof_rows:
        return Sources(raced, ladder, raced, plan.rows)
    light: list[LayerKind] = [Dense(layer="dense", units=plan.dataset.classes)]
    if len(plan.input_shape) > 1:
        light.insert(0, Flatten(layer="flatten"))
    audit = _render(framework, plan, light)
    if _without_build(framework, raced) == _without_build(framework, audit):
        return Sources(raced, ladder, audit, plan.rows)
    return Sources(raced, ladder, raced, plan.proof_rows)


def _render(framework: Framework, plan: Plan, model: list[LayerKind]) -> str:
    """The script of the same experiment with another model."""
    experiment = plan.experiment.model_copy(update={"model": model})
    layers = place_layers(model, plan.input_shape, plan.dataset.classes)
    return codegen.render_script(framework, experiment, replace(plan, layers=layers), raced=plan)


def _without_dropout(layer: LayerKind) -> LayerKind:
    return layer.model_copy(update={"rate": 0.0}) if isinstance(layer, Dropout) else layer


def _without_build(framework: Framework, source: str) -> list[str]:
    """All of a script but what its build stage is made of."""
    build = codegen.language_of(framework).stages(source)["build"]
    blocks = [block for block in build.split("\n\n") if block.strip()]
    for block in blocks:
        source = source.replace(block.strip("\n"), "", 1)
    return source.split()
