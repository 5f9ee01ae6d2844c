"""Python scripts as text: literals, stages, and what they are made of."""

import ast
import math
from collections.abc import Iterator

from samestep.language import STAGES, Language


def literal(value: object) -> str:
    """A Python literal of a known type, as `ruff format` would write it; never code.

    >>> literal(1e-08), literal((4,)), literal('a "b"')
    ('1e-8', '(4,)', '"a \\\\"b\\\\""')
    """
    match value:
        case bool() | int():
            return repr(value)
        case float() if math.isfinite(value):
            mantissa, exponent_mark, exponent = repr(value).partition("e")
            return mantissa + (f"e{int(exponent)}" if exponent_mark else "")
        case str():
            escaped = value.encode("unicode_escape").decode("ascii").replace('"', '\\"')
            return f'"{escaped}"'
        case tuple():
            inner = ", ".join(map(literal, value))
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        case _:
            raise TypeError(f"{value!r} cannot be written as a literal")


def stages(source: str) -> dict[str, str]:
    """The source text of each stage: its function, after the helpers that it is first to use."""
    module = ast.parse(source)
    lines = source.splitlines()
    definitions = {name: node for node in module.body for name in _defined_names(node)}
    taken = set(STAGES)
    parts: dict[str, str] = {}
    for stage in STAGES:
        nodes = _with_helpers(stage, definitions, taken)
        nodes.sort(key=lambda node: node.lineno)
        texts = ["\n".join(lines[_first_line(node) - 1 : node.end_lineno]) for node in nodes]
        parts[stage] = "\n\n\n".join(texts)
    return parts


def statistics(source: str) -> dict[str, tuple[int, int]]:
    """Per stage: lines of code (no blank lines, no docstrings), and distinct API names.

    An API name is a dotted name that starts at an import (`nn.Linear`), or a method called on
    a value (`.fit`).
    """
    imports = {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    return {
        stage: (_code_lines(text), len(_api_names(text, imports)))
        for stage, text in stages(source).items()
    }


def _defined_names(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case _:
            return []


def _with_helpers(name: str, definitions: dict[str, ast.stmt], taken: set[str]) -> list[ast.stmt]:
    """The definition of `name` and of all it uses that no earlier stage has taken."""
    node = definitions[name]
    found = [node]
    for used in sorted(_names(node) & definitions.keys()):
        if used not in taken:
            taken.add(used)
            found += _with_helpers(used, definitions, taken)
    return found


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _code_lines(text: str) -> int:
    module = ast.parse(text)
    docstrings: set[int] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            first = node.body[0]
            docstrings.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return sum(
        bool(line.strip()) and number not in docstrings
        for number, line in enumerate(text.splitlines(), start=1)
    )


def _api_names(text: str, imports: set[str]) -> set[str]:
    names: set[str] = set()
    inside: set[ast.AST] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name) and node.id in imports and node not in inside:
            names.add(node.id)
        if not isinstance(node, ast.Attribute) or node in inside:
            continue
        chain = list(_chain(node))
        inside.update(chain)
        root = chain[-1]
        dotted = ".".join(part.attr for part in reversed(chain) if isinstance(part, ast.Attribute))
        if isinstance(root, ast.Name) and root.id in imports:
            names.add(f"{root.id}.{dotted}")
        else:
            names.add(f".{node.attr}")
    return names


def _chain(node: ast.expr) -> Iterator[ast.expr]:
    """`a.b.c` as the nodes c, b, a."""
    yield node
    while isinstance(node, ast.Attribute):
        node = node.value
        yield node


PYTHON = Language(".py", "python", literal, stages, statistics)
