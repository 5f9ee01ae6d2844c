"""Julia scripts as text: literals, stages, and what they are made of.

Julia need not be installed to read a script, so it is read by its layout: top-level
definitions start in the first column, and so does the `end` of one that has a body.
"""

import math
import re
from dataclasses import dataclass

from samestep.language import STAGES, Language

BLOCKS = ("function ", "struct ", "mutable struct ", "macro ", "if ", "module ", "let", "begin")
NAME = r"[A-Za-z_][A-Za-z0-9_]*!?"
DEFINITION = re.compile(
    rf"(?:function |(?:mutable )?struct |const )?(?:\([A-Za-z_0-9]*::({NAME})\)|({NAME}))"
)
SIGNATURE = re.compile(rf"\s*(?:function )?(?:{NAME}|\([^)]*\))\((.*)\)(?: =.*)?$")
KEYWORDS = {"function", "if", "for", "while", "return", "in", "let", "elseif", "struct", "end"}


def literal(value: object) -> str:
    """A Julia literal of a known type; never code.

    >>> literal(1e-08), literal((4,)), literal(True), literal('a $b')
    ('1e-8', '(4,)', 'true', '"a \\\\$b"')
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return repr(value)
        case float() if math.isfinite(value):
            mantissa, exponent_mark, exponent = repr(value).partition("e")
            return mantissa + (f"e{int(exponent)}" if exponent_mark else "")
        case str():
            return '"' + "".join(map(_escaped, value)) + '"'
        case tuple():
            inner = ", ".join(map(literal, value))
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        case _:
            raise TypeError(f"{value!r} cannot be written as a literal")


def stages(source: str) -> dict[str, str]:
    """The source text of each stage: its function, after the helpers that it is first to use."""
    definitions = _definitions(source)
    taken = set(STAGES)
    parts: dict[str, str] = {}
    for stage in STAGES:
        blocks = _with_helpers(stage, definitions, taken)
        blocks.sort(key=lambda block: block.line)
        parts[stage] = "\n\n".join(block.text for block in blocks)
    return parts


def statistics(source: str) -> dict[str, tuple[int, int]]:
    """Per stage: lines of code (no blank lines, comments, docstrings), and distinct API names.

    An API name is a qualified name (`Flux.setup`), a macro, or the name of a function that is
    called, with or without a dot, and not defined in the script.
    """
    own = {*_definitions(source), "new"}
    return {
        stage: (len(_code_lines(text)), len(_api_names(text) - own - _parameters(text)))
        for stage, text in stages(source).items()
    }


@dataclass(frozen=True)
class _Block:
    """One top-level definition, with the docstring above it."""

    line: int
    text: str

    @property
    def names(self) -> set[str]:
        return set(re.findall(NAME, "\n".join(_code_lines(self.text))))


def _definitions(source: str) -> dict[str, list[_Block]]:
    """Top-level definitions by name; a function may have several methods."""
    found: dict[str, list[_Block]] = {}
    for block in _blocks(source):
        code = _code_lines(block.text)
        match = DEFINITION.match(code[0]) if code else None
        defines = match and (code[0].startswith((*BLOCKS, "const ")) or " = " in code[0])
        if match and defines and not code[0].startswith("if "):
            found.setdefault(match.group(1) or match.group(2), []).append(block)
    return found


def _blocks(source: str) -> list[_Block]:
    """Cut the source at blank lines that no definition encloses."""
    blocks: list[_Block] = []
    lines: list[str] = []
    inside = False
    for number, line in enumerate([*source.splitlines(), ""], start=1):
        if line.startswith(BLOCKS) and not re.search(r"\bend$", line):
            inside = True
        if line.strip() or inside:
            lines.append(line)
        elif lines:
            blocks.append(_Block(number - len(lines), "\n".join(lines)))
            lines = []
        if line == "end":
            inside = False
    return blocks


def _with_helpers(name: str, definitions: dict[str, list[_Block]], taken: set[str]) -> list[_Block]:
    """The definitions of `name` and of all it uses that no earlier stage has taken."""
    found = list(definitions.get(name, []))
    used = {inner for block in found for inner in block.names}
    for inner in sorted(used & definitions.keys()):
        if inner not in taken:
            taken.add(inner)
            found += _with_helpers(inner, definitions, taken)
    return found


def _code_lines(text: str) -> list[str]:
    lines = re.sub(r'"""[\s\S]*?"""', "", text).splitlines()
    without_comments = (re.sub(r"\s*#.*$", "", line) for line in lines)
    return [line for line in without_comments if line.strip()]


def _api_names(text: str) -> set[str]:
    code = re.sub(r'"(?:\\.|[^"\\])*"', '""', "\n".join(_code_lines(text)))
    qualified = set(re.findall(rf"\b[A-Z]\w*(?:\.{NAME})+", code))
    called = set(re.findall(rf"(?<![\w.:!@])({NAME})\.?\(", code)) - KEYWORDS
    return qualified | called | set(re.findall(rf"@{NAME}", code))


def _parameters(text: str) -> set[str]:
    """Names of what the functions of a text are given: they come from no package."""
    heads = (SIGNATURE.match(line) for line in _code_lines(text))
    return {name for head in heads if head for name in re.findall(NAME, head.group(1))}


def _escaped(character: str) -> str:
    if character in '"\\$':
        return "\\" + character
    if character.isascii() and character.isprintable():
        return character
    return f"\\U{ord(character):08x}" if ord(character) > 0xFFFF else f"\\u{ord(character):04x}"


JULIA = Language(".jl", "julia", literal, stages, statistics)
