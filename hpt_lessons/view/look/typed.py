"""What did the student type? Numbers and lists read from text, without ever evaluating it.

The text itself is kept wherever it can stand in Python source, so that a typed `1e-4` stays `1e-4`.
"""

import ast
import contextlib
import math
import re
from typing import Any, NoReturn

_WHOLE = re.compile(r"[+-]?(0|[1-9]\d*)")
_POWER = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*\*\*\s*(-?\d{1,2})")
_BARE_WORD = re.compile(r"[A-Za-z_]\w*")
_TIMES_TEN = re.compile(r"([+-]?[\d.]*)\s*[x*·]?\s*10\s*\^\s*(-?\d+)")
_COMMA = re.compile(r"[+-]?\d+,\d+")
_QUOTED = r"'[^']*'|\"[^\"]*\""
_OTHER_MINUS = re.compile(f"({_QUOTED})|[\N{MINUS SIGN}\N{EN DASH}]")  # what a text pasted from a PDF has


def number(text: str) -> int | float:
    """The number that was typed: `16`, `0.1`, `1e-4`, `2**8`; a whole number stays one.

    ValueError that says what to type instead, for anything else, and for numbers that are not finite.
    """
    text = _with_minus(text)
    if not text:
        raise ValueError("A number is missing here, for example 1e-4.")
    if _WHOLE.fullmatch(text):
        return int(text) if len(text) <= 300 else _refuse(text)
    power = _POWER.fullmatch(text)
    try:
        value = _power(*power.groups()) if power else float(text)
        finite = math.isfinite(value)
    except (ValueError, OverflowError, ZeroDivisionError):
        finite = False
    return value if finite and "_" not in text else _refuse(text)


def _power(base: str, exponent: str) -> int | float:
    return (int(base) if base.isdecimal() else float(base)) ** int(exponent)


def _with_minus(text: str) -> str:
    """The text with the minus of a keyboard for that of a PDF, but not in quotes."""
    return _OTHER_MINUS.sub(lambda found: found[1] or "-", text.strip())


def _shown(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."


def _refuse(text: str) -> NoReturn:
    shown = _shown(text)
    times_ten = _TIMES_TEN.fullmatch(text)
    if _COMMA.fullmatch(text):
        raise ValueError(f"{shown} has a comma. Write {shown.replace(',', '.')} with a point.")
    if times_ten:
        raise ValueError(f"{shown} is no Python number. Write {times_ten[1] or 1}e{times_ten[2]}.")
    if re.fullmatch(r"[+-]?(inf|infinity|nan)", text, re.IGNORECASE):
        raise ValueError(f"{shown} is no finite number. Give a number with an end, for example 10.")
    if _POWER.fullmatch(text) or re.fullmatch(r"[+-]?\d+(\.\d*)?([eE]\+?\d+)?", text):
        raise ValueError(f"{shown} is too large: numbers end at about 1.8e308. Write a smaller one, for example 1e30.")
    raise ValueError(f"{shown!r} is no number. Write it like 16, 0.1, 1e-4 or 2**8.")


def as_typed(value: Any) -> str:
    """Python source of a value as people type it: 1e-4, not 0.0001."""
    if type(value) is not float or not math.isfinite(value):
        return repr(value)
    mantissa, _, exponent = f"{value!r}".partition("e") if "e" in repr(value) else f"{value:.16e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    scientific = f"{mantissa}e{int(exponent)}"
    exact = float(scientific) == value and len(scientific) + 1 < len(repr(value))
    return scientific if exact or "e" in repr(value) else repr(value)


def listed(text: str) -> list:
    """The values that were typed with commas between them: `2, 4, 8` or `[2, 4, 8]` or `'relu', 'tanh'`.

    Numbers, text in quotes, True, False, None, and lists of these; ValueError with a remedy for anything else.
    """
    text = _with_minus(text)
    if found := re.search(r"(?<![\w.])0,(\d+)", _without_quoted(text)):
        digits = found[1]
        raise ValueError(f"{found[0]} can be read in two ways. Write 0.{digits} for one number, 0, {digits} for two.")
    if not text or text == "[]":
        raise ValueError("List at least one value, for example 16, 32, 64.")
    try:
        return _list_of(text)
    except ValueError:
        separated = re.sub(rf"({_QUOTED})|(?<=[^\s,])\s+(?=[^\s,])", lambda found: found[1] or ", ", text)
        if not _is_list(separated):
            raise
    raise ValueError(f"Put commas between the values: {_shown(separated)}.")


def _is_list(text: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(_list_of(text))
    return False


def _list_of(text: str) -> list:
    for candidate in (f"[{text}]",) if not text.startswith("[") else (text, f"[{text}]"):
        value = _read(candidate, text)
        if type(value) is list:
            return value
    raise ValueError(f"{_shown(text)!r} is no list. Write the values with commas between them, for example 16, 32, 64.")


def literal(text: str) -> Any:
    """The plain Python value that was typed; names are told to be put in quotes. ValueError for all else."""
    text = _with_minus(text)
    if _COMMA.fullmatch(text):
        point, pair = text.replace(",", "."), text.replace(",", ", ")
        raise ValueError(
            f"{_shown(text)} has a comma. Write {_shown(point)} with a point; "
            f"two numbers stand in brackets: [{_shown(pair)}]."
        )
    return _read(text, text)


def _read(text: str, typed: str) -> Any:
    """The value of Python source; messages show what was typed."""
    try:
        tree = ast.parse(text, mode="eval")
        value = _literal(tree.body)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        words = [w for w in _BARE_WORD.findall(_without_quoted(typed)) if w not in ("True", "False", "None")]
        if words and not re.fullmatch(r"[eE]", words[0]):
            word = _shown(words[0])
            raise ValueError(f"{word} is a bare word. If it is a name, put it in quotes: '{word}'.") from error
        raise ValueError(
            f"{_shown(typed)!r} is no plain value. Write numbers, 'names' in quotes, True or False."
        ) from error
    if any(isinstance(node, ast.Constant) and node.value == math.inf for node in ast.walk(tree)):
        raise ValueError(f"{_shown(typed)} has a number that is too large: they end at about 1.8e308.")
    return value


def _without_quoted(text: str) -> str:
    return re.sub(_QUOTED, "", text)


def _literal(node: ast.expr) -> Any:
    """`ast.literal_eval`, and small powers beside."""
    if isinstance(node, ast.List):
        return [_literal(item) for item in node.elts]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return number(f"{ast.literal_eval(node.left)}**{ast.literal_eval(node.right)}")
    return ast.literal_eval(node)


def written(text: str, value: Any) -> str:
    """The text itself where it is Python source of the value, else the value's own source."""
    text = _with_minus(text)
    try:
        faithful = "\n" not in text and "#" not in text and repr(literal(text)) == repr(value)
    except ValueError:
        faithful = False
    return text if faithful else repr(value)
