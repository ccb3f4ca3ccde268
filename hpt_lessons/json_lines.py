"""How does an event become a line of JSON, and the same event again? `write_line` and `read_line`.

JSON knows no infinity, no NaN and no tuple. On the line stand null and a list instead, which every other reader takes,
and at its end the places where they stood: `"_inf": [["config", "clip"]]`, `"_tuple": [["config", "kernel"]]`.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

_NUMBERS = {"_nan": math.nan, "_inf": math.inf, "_-inf": -math.inf}
_TUPLES = "_tuple"
# An event's own key of such a name gets one more _ on the line, so that it is not taken for ours.
_LIKE_OURS = re.compile(r"_+(nan|inf|-inf|tuple)")
_EXACT = (type(None), bool, int, float, str, list, tuple, dict)


def write_line(event: Mapping[str, Any]) -> bytes:
    """The event as one line of JSON in UTF-8; TypeError, naming the key, for what JSON cannot hold."""
    if not isinstance(event, Mapping):
        raise TypeError(f"journal: an event is a dictionary, not {type(event).__name__}: {event!r}")
    places: dict[str, list[Any]] = {}
    try:
        plain = _plain({_escaped(key): value for key, value in event.items()}, (), places)
        return _text(plain | places) + b"\n"
    except RecursionError:
        raise TypeError("journal: an event of so many levels cannot be written; does a list hold itself?") from None


def _text(plain: dict[str, Any]) -> bytes:
    try:
        return json.dumps(plain, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair, from a file name that is no proper text
        return json.dumps(plain, allow_nan=False).encode("ascii")
    except ValueError as error:
        raise TypeError(f"journal: a whole number is too long ({error}). Write it as text.") from None


def read_line(line: bytes) -> dict[str, Any] | None:
    """The event on this line, None if there is none. No strict prefix of an event is one: it lacks the last brace."""
    try:
        event = json.loads(line)
        if not isinstance(event, dict):
            return None
        for key, number in _NUMBERS.items():
            for path in event.pop(key, ()):
                _holder(event, path)[path[-1]] = number
        for path in sorted(event.pop(_TUPLES, ()), key=len, reverse=True):  # the inner ones first: outer ones are fixed
            holder = _holder(event, path)
            if not isinstance(holder[path[-1]], list):
                return None
            holder[path[-1]] = tuple(holder[path[-1]])
        return {key[1:] if _is_like_ours(key) else key: value for key, value in event.items()}
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _holder(event: Any, path: list[Any]) -> Any:
    for step in path[:-1]:
        event = event[step]
    return event


def _is_like_ours(key: Any) -> bool:
    return isinstance(key, str) and _LIKE_OURS.fullmatch(key) is not None


def _escaped(key: Any) -> Any:
    return f"_{key}" if _is_like_ours(key) else key


def _plain(value: Any, path: tuple[str | int, ...], places: dict[str, list[Any]], exact: bool = False) -> Any:
    """The value in JSON's own types; what JSON has none for is noted in `places`.

    `exact` refuses also what would come back as something else: an array as a list, an Enum as its number.
    """
    value = as_python(value)
    if isinstance(value, np.ndarray) and not exact:
        value = value.tolist()
    if exact and type(value) not in _EXACT:
        raise TypeError(_refusal(value, path, f"is of type {type(value).__name__}"))
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        places.setdefault("_nan" if math.isnan(value) else f"_{float(value)}", []).append(list(path))
        return None
    if isinstance(value, list | tuple):
        if isinstance(value, tuple):
            places.setdefault(_TUPLES, []).append(list(path))
        return [_plain(item, (*path, index), places, exact) for index, item in enumerate(value)]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        texts = {str.__str__(key): item for key, item in value.items()}
        return {key: _plain(item, (*path, key), places, exact) for key, item in texts.items()}
    what = "has keys that are not text" if isinstance(value, Mapping) else f"is of type {type(value).__name__}"
    raise TypeError(_refusal(value, path, what))


def _refusal(value: Any, path: tuple[str | int, ...], what: str) -> str:
    where = "/".join(map(str, path)) or "event"
    return (
        f"journal: {where!r} {what} ({value!r:.80}), which JSON cannot hold. "
        "Record numbers, texts, booleans, None, lists, tuples and dictionaries of them: what was drawn, not how to "
        "draw it."
    )


def as_python(value: Any) -> Any:
    """A number or text of numpy as one of Python; anything else as it is."""
    if isinstance(value, np.floating):
        return float(value)
    return value.item() if isinstance(value, np.generic) else value


def kept(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as a journal gives them back. TypeError for those that would not come back as they were.

    Only scalars of numpy change: they become Python's.
    """
    try:
        _plain(dict(values), (), {}, exact=True)
    except RecursionError:
        raise TypeError("journal: a value of so many levels cannot be written; does a list hold itself?") from None
    return read_line(write_line(values)) or {}  # an event without anything is one as well


def identical(one: Any, other: Any) -> bool:
    """Whether two values are the same in type and value all the way down: 1 is not True, and NaN is NaN.

    Scalars of numpy count as those of Python.
    """
    one, other = as_python(one), as_python(other)
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(identical, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(identical(one[key], other[key]) for key in one)
    if isinstance(one, float):
        return repr(one) == repr(other)  # tells 0.0 from -0.0, and not NaN from NaN
    return one is other or equal(one, other)


def equal(one: Any, other: Any) -> bool:
    """Whether one == other, False where that has no single answer (arrays)."""
    try:
        return bool(one == other)
    except (ValueError, TypeError):
        return False
