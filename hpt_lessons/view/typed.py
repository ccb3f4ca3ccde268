"""What did the student type? Numbers and lists read from text, without ever evaluating it.

The text itself is kept wherever it can stand in Python source, so that a typed `1e-4` stays `1e-4`.
"""

import ast
import math
import re
from typing import Any

_WHOLE = re.compile(r"[+-]?(0|[1-9]\d*)")
_POWER = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*\*\*\s*(-?\d{1,2})")
_BARE_WORD = re.compile(r"[A-Za-z_]\w*")
_TIMES_TEN = re.compile(r"([+-]?[\d.]*)\s*[x*·]?\s*10\s*\^\s*(-?\d+)")
_OTHER_MINUS = str.maketrans({"\N{MINUS SIGN}": "-", "\N{EN DASH}": "-"})  # what a text pasted from a PDF has


def number(text: str) -> int | float:
    """The number that was typed: `16`, `0.1`, `1e-4`, `2**8`; a whole number stays one.

    ValueError that says what to type instead, for anything else, and for numbers that are not finite.
    """
    text = text.strip().translate(_OTHER_MINUS)
    if not text:
        raise ValueError("A number is missing here, for example 1e-4.")
    if _WHOLE.fullmatch(text):
        return int(text) if len(text) <= 300 else _refuse(text)
    power = _POWER.fullmatch(text)
    try:
        value = _power(*power.groups()) if power else float(text)
    except (ValueError, OverflowError, ZeroDivisionError):
        _refuse(text)
    if not math.isfinite(value) or "_" in text:
        _refuse(text)
    return value


def _power(base: str, exponent: str) -> int | float:
    return (int(base) if base.isdecimal() else float(base)) ** int(exponent)


def _refuse(text: str) -> None:
    shown = text if len(text) <= 40 else text[:37] + "..."
    times_ten = _TIMES_TEN.fullmatch(text)
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        raise ValueError(f"{shown} has a comma. Write {shown.replace(',', '.')} with a point.")
    if times_ten:
        raise ValueError(f"{shown} is no Python number. Write {times_ten[1] or 1}e{times_ten[2]}.")
    if re.fullmatch(r"[+-]?(inf|infinity|nan)", text, re.IGNORECASE):
        raise ValueError(f"{shown} is no finite number. Give a number with an end, for example 10.")
    raise ValueError(f"{shown!r} is no number. Write it like 16, 0.1, 1e-4 or 2**8.")


def listed(text: str) -> list:
    """The values that were typed with commas between them: `2, 4, 8` or `[2, 4, 8]` or `'relu', 'tanh'`.

    Numbers, text in quotes, True, False, None, and lists of these; ValueError with a remedy for anything else.
    """
    text = text.strip().translate(_OTHER_MINUS)
    if not text or text == "[]":
        raise ValueError("List at least one value, for example 16, 32, 64.")
    for candidate in (f"[{text}]",) if not text.startswith("[") else (text, f"[{text}]"):
        value = literal(candidate)
        if type(value) is list:
            return value
    raise ValueError(f"{text!r} is no list. Write the values with commas between them, for example 16, 32, 64.")


def literal(text: str) -> Any:
    """The plain Python value that was typed; names are told to be put in quotes. ValueError for all else."""
    text = text.strip()
    try:
        return _literal(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        words = [w for w in _BARE_WORD.findall(_without_quoted(text)) if w not in ("True", "False", "None")]
        if words and not re.fullmatch(r"[eE]", words[0]):
            raise ValueError(f"{words[0]} is a bare word. If it is a name, put it in quotes: '{words[0]}'.") from error
        raise ValueError(f"{text!r} is no plain value. Write numbers, 'names' in quotes, True or False.") from error


def _without_quoted(text: str) -> str:
    return re.sub(r"'[^']*'|\"[^\"]*\"", "", text)


def _literal(node: ast.expr) -> Any:
    """`ast.literal_eval`, and small powers beside."""
    if isinstance(node, ast.List):
        return [_literal(item) for item in node.elts]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return number(f"{ast.literal_eval(node.left)}**{ast.literal_eval(node.right)}")
    return ast.literal_eval(node)


def written(text: str, value: Any) -> str:
    """The text itself where it is Python source of the value, else the value's own source."""
    text = text.strip()
    try:
        faithful = "\n" not in text and "#" not in text and repr(literal(text)) == repr(value)
    except ValueError:
        faithful = False
    return text if faithful else repr(value)
