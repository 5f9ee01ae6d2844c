"""The raced scripts side by side, by stage, in syntax colours."""

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from samestep.codegen import LANGUAGES
from samestep.language import STAGES
from samestep.report.table import visible_code
from samestep.result import Result


@dataclass(frozen=True)
class Piece:
    """One stage of one framework's script, in syntax colours."""

    framework: str
    html: Markup


def sources_of(result: Result) -> dict[str, list[Piece]]:
    """Every framework's text by stage, the fastest first; a result of proofs alone has none."""
    stages: dict[str, list[Piece]] = {stage: [] for stage in STAGES}
    order = [row.framework for row in result.verdict]
    for name in [*order, *(name for name in result.frameworks if name not in order)]:
        framework = result.frameworks[name]
        language = LANGUAGES.get(framework.language)
        if language is None or not framework.source:
            continue
        for stage, text in _stages(language.stages, framework.source).items():
            stages[stage].append(Piece(name, _colours(text, language.lexer)))
    return {stage: pieces for stage, pieces in stages.items() if pieces}


def _stages(split: Callable[[str], dict[str, str]], source: str) -> dict[str, str]:
    try:
        found = split(source)
    except (KeyError, SyntaxError, ValueError):
        # The file was changed: it is shown, in one piece, as what it is.
        return {STAGES[0]: source}
    return {stage: found[stage] for stage in STAGES if stage in found}


def _colours(source: str, lexer: str) -> Markup:
    # Pygments escapes what it colours.
    return Markup(
        highlight(visible_code(source), get_lexer_by_name(lexer), HtmlFormatter(nowrap=True))
    )
