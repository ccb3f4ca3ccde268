"""The Python source of an edited search space, with the numbers as they were typed and functions as they were written.

The source of a lambda is not in the function: it is looked up in the file or cell that made it. What is found is shown
and copied, never run here.
"""

import ast
import builtins
import dis
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from hpt_lessons.view.look import typed
from hpt_lessons.view.space.rows import Row

INDENT = "    "


def code_of(pairs: Iterable[tuple[Row, Any]]) -> str:
    """Source of a dictionary of `tune` domains: rows, each with the domain or constant that it describes.

    Evaluated where `tune` is `ray.tune` (or `hpt_lessons.search.domains`) it gives the space, given also the names of
    `needs` for its functions. A function without source becomes `...`, which every search refuses with a clear error.
    """
    tree: dict[str, Any] = {}
    for row, value in pairs:
        *groups, last = row.name.split("/")
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[last] = _Leaf(_leaf(row, value))
    return _written(tree, 1)


class _Leaf(str):
    """Source of one value, to tell it from a nested dictionary."""


def _written(tree: dict, level: int) -> str:
    if not tree:
        return "{}"
    inside = [
        f"{INDENT * level}{name!r}: {part if isinstance(part, _Leaf) else _written(part, level + 1)},"
        for name, part in tree.items()
    ]
    return "\n".join(["{", *inside, INDENT * (level - 1) + "}"])


def _leaf(row: Row, value: Any) -> str:
    if row.kind == "constant":
        return typed.written(row.texts["value"], value)
    if row.kind == "sample_from":
        return f"tune.sample_from({function_source(row.kept) or '...'})"
    if row.kind == "object":
        return "..."
    if row.fields == ("values",):
        text = row.texts["values"].strip()
        listed = text if text.startswith("[") and typed.written(text, list(value.values)) == text else f"[{text}]"
        return f"tune.{row.kind}({typed.written(listed, list(value.values))})"
    arguments = [typed.written(row.texts[name], getattr(value, name)) for name in row.fields]
    return f"tune.{row.kind}({', '.join(arguments)})"


def function_source(function: Callable) -> str | None:
    """How a function is written: the text of a lambda, the name of a function that has one; None if nobody knows."""
    name = getattr(function, "__name__", "")
    if name != "<lambda>":
        return name if name.isidentifier() else None
    try:
        lines, _ = inspect.findsource(function)
        text = "".join(lines)
        nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Lambda)]
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    found = {_text_of(node, text) for node in nodes if _is_of(node, function)}
    return found.pop() if len(found) == 1 else None


def _is_of(node: ast.Lambda, function: Callable) -> bool:
    """Whether the function was compiled from this part of the file: same line, same instructions."""
    code = function.__code__
    if node.lineno != code.co_firstlineno:
        return False
    compiled = compile(ast.Expression(node), "<lambda>", "eval").co_consts[0]
    same = compiled.co_code == code.co_code and compiled.co_names == code.co_names
    return same and _consts(compiled) == _consts(code)


def _consts(code: Any) -> str:
    return repr([c for c in code.co_consts if not hasattr(c, "co_code")])


def _text_of(node: ast.Lambda, text: str) -> str:
    """As it was typed, or in one line if it was typed in several."""
    segment = ast.get_source_segment(text, node)
    return segment if "\n" not in segment else ast.unparse(node)


def needs(function: Callable) -> list[str]:
    """The names that a function takes from around itself, `np` for example; what runs its source must have them."""
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    taken = [step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"]
    return [name for name in dict.fromkeys((*taken, *code.co_freevars)) if not hasattr(builtins, name)]
