"""Experiment x framework -> script: the program a good user would write by hand."""

from math import prod
from typing import NoReturn

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from samestep.catalogue import Framework
from samestep.experiment import Experiment
from samestep.julia_source import JULIA
from samestep.language import Language
from samestep.plan import Plan
from samestep.python_source import PYTHON

TITLE_PUNCTUATION = frozenset(" ,.-+()")

EVALUATION_VALUES = 2**24
"""A layer's outputs may be so many numbers, 64 MiB in float32, before evaluation goes by parts."""


LANGUAGES = {"python": PYTHON, "julia": JULIA}


def language_of(framework: Framework) -> Language:
    """The language that a framework's scripts are written in."""
    return LANGUAGES[framework.language]


class Unsupported(Exception):
    """The framework cannot express the experiment; the message is the reason, in a sentence."""


def render_script(
    framework: Framework, experiment: Experiment, plan: Plan, raced: Plan | None = None
) -> str:
    """Write the experiment in the framework's own idiom; raise Unsupported with the reason.

    A script that stands in for that of the `raced` plan evaluates in the same parts.
    """
    refusal = framework.refusal(experiment)
    if refusal is not None:
        raise Unsupported(refusal)
    if not plan.weights:
        raise Unsupported("the model has no parameters, so there is nothing to train")
    training = experiment.training
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(framework.folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["literal"] = language_of(framework).literal
    environment.globals["refuse"] = _refuse
    script = environment.get_template(framework.entry.template).render(
        title=clean_title(experiment.title),
        layers=plan.layers,
        training=training,
        rows=plan.rows,
        test_rows=len(plan.dataset.x_test),
        input_shape=plan.input_shape,
        classes=plan.dataset.classes,
        options=framework.entry.options,
        evaluation_rows=evaluation_rows(raced or plan),
        tail=plan.rows % training.batch_size if training.last_batch == "keep" else 0,
    )
    for honest, planted in framework.edits:
        script = script.replace(honest, planted)
    return script


def evaluation_rows(plan: Plan) -> int:
    """How many test rows to evaluate at a time; 0 where all fit into memory at once."""
    widest = max(prod(layer.output_shape) for layer in plan.layers)
    rows = 1 << max(0, (EVALUATION_VALUES // widest).bit_length() - 1)
    return 0 if rows >= len(plan.dataset.x_test) else rows


def clean_title(title: str) -> str:
    """A title that can stand in a docstring: letters, digits, spaces and `,.-+()` only.

    >>> clean_title('Iris,  4-10-3')
    'Iris, 4-10-3'
    >>> clean_title('\"\"\"; import os')
    'import os'
    """
    kept = "".join(c for c in title if c in TITLE_PUNCTUATION or c.isalnum())
    return " ".join(kept.split()) or "Untitled"


def _refuse(reason: str) -> NoReturn:
    raise Unsupported(reason)
