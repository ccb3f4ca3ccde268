"""One hyperparameter as a row of typed text: its name, its kind, and what stands in its fields.

Text in, domain out, and what is wrong in between; no widgets here. What cannot be typed (the function of a
`sample_from`, an object as a constant) is kept as it is, and is read-only.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hpt_lessons.search.domains import Domain, describe
from hpt_lessons.search.space_mistakes import find
from hpt_lessons.search.ticks import grid_points
from hpt_lessons.view.look import typed
from hpt_lessons.view.look.typed import as_typed as short
from hpt_lessons.view.space.words import mistake_in_words

# The fields of each kind, in reading order; kinds as a beginner meets them. A constant is a fixed value, an object one
# that cannot be typed.
FIELDS: dict[str, tuple[str, ...]] = {
    "uniform": ("lower", "upper"),
    "loguniform": ("lower", "upper"),
    "choice": ("values",),
    "randint": ("lower", "upper"),
    "lograndint": ("lower", "upper"),
    "constant": ("value",),
    "grid_search": ("values",),
    "randn": ("mean", "sd"),
    "quniform": ("lower", "upper", "q"),
    "qloguniform": ("lower", "upper", "q"),
    "qrandint": ("lower", "upper", "q"),
    "qlograndint": ("lower", "upper", "q"),
    "qrandn": ("mean", "sd", "q"),
    "sample_from": (),
    "object": (),
}
SPECIAL = ("randn", "quniform", "qloguniform", "qrandint", "qlograndint", "qrandn")  # few spaces need them
READ_ONLY = ("sample_from", "object")


@dataclass(eq=False)
class Row:
    """What stands in one row of the editor; `kept` is what cannot be typed, `given` the value it was made from."""

    name: str
    kind: str
    texts: dict[str, str] = field(default_factory=dict)
    kept: Any = None
    given: tuple[str, dict[str, str], Any] | None = None

    def __post_init__(self) -> None:
        self._typed = self.kind, dict(self.texts)  # what a change of kind begins with

    @classmethod
    def of(cls, name: str, value: Any) -> Row:
        """The row of a value of a search space, Ray's domain, ours, or a constant."""
        domain = describe(value)
        kind, texts, kept = _typed_constant(value) if domain is None else _typed_domain(domain)
        return cls(name, kind, texts, kept, (kind, dict(texts), value))

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that this kind has."""
        return FIELDS[self.kind]

    @property
    def kinds(self) -> list[str]:
        """The kinds that this row may have: a function or an object can be kept, never typed."""
        own = self.given[0] if self.given and self.given[0] in READ_ONLY else None
        return [kind for kind in FIELDS if kind not in READ_ONLY or kind == own]

    @property
    def state(self) -> tuple:
        """All that can be edited, to be given back by `put_back`."""
        return self.name, self.kind, dict(self.texts), self._typed

    def put_back(self, state: tuple) -> None:
        """The row as it was."""
        self.name, self.kind, self.texts, self._typed = state[0], state[1], dict(state[2]), state[3]

    @property
    def untouched(self) -> bool:
        """Whether the row still says what it was given, letter for letter."""
        return (
            self.given is not None
            and self.given[0] == self.kind
            and all(self.texts.get(name) == self.given[1].get(name) for name in self.fields)
        )

    def read(self) -> tuple[Any, dict[str, str]]:
        """The domain or constant that the row describes, and what is wrong with each field ({} if nothing is)."""
        if self.untouched:
            domain = describe(self.given[2])
            return (self.given[2] if domain is None else domain), {}
        values, errors = {}, {}
        for name in self.fields:
            try:
                values[name] = self._field(name)
            except ValueError as error:
                errors[name] = str(error)
        if errors:
            return None, errors
        value = values["value"] if self.kind == "constant" else Domain(self.kind, **values)
        wrong = find(value, describe(value))
        if wrong is None:
            return value, {}
        return None, dict.fromkeys(wrong.fields or self.fields, mistake_in_words(wrong, value))

    def _field(self, name: str) -> Any:
        text = self.texts.get(name, "")
        if name == "values":
            return tuple(typed.listed(text))
        if name == "value":
            return typed.literal(text)
        number = typed.number(text)
        if "randint" not in self.kind:
            return float(number) if abs(number) >= 2**63 else number  # a whole number that numpy cannot hold
        return int(number) if isinstance(number, float) and number.is_integer() else number

    def type(self, name: str, text: str) -> None:
        """Another text in one of the fields."""
        self.texts[name] = text
        self._typed = self.kind, {field: self.texts.get(field, "") for field in self.fields}

    def change_kind(self, kind: str) -> None:
        """Another kind: the texts stay where they still make sense, else they are made from the old values.

        Always from what was typed last, not from the kind before: who goes through all the kinds and back finds it
        again, letter for letter.
        """
        if kind not in self.kinds:
            raise ValueError(f"kind {kind!r}: one of {', '.join(self.kinds)} was expected.")
        self.kind, self.texts = self._typed[0], dict(self._typed[1])
        if kind == self.kind:
            return
        before, _ = self.read()
        self.kind = kind
        if kind in READ_ONLY or not self.read()[1]:
            return
        for name, text in converted(before, kind).items():
            self.texts[name] = text


# -- values to text --------------------------------------------------------------------------------------------------


def listing(values: tuple | list) -> str:
    """The values of a list with commas between them; with its brackets where a list in it would be taken for it."""
    text = ", ".join(short(value) for value in values)
    return f"[{text}]" if text.startswith("[") else text


def _typed_domain(domain: Domain) -> tuple[str, dict[str, str], Any]:
    if domain.kind == "sample_from":
        return domain.kind, {}, domain.function
    if domain.categorical:
        plain = _is_typed(list(domain.values))
        return (domain.kind, {"values": listing(domain.values)}, None) if plain else ("object", {}, domain)
    return domain.kind, {name: short(getattr(domain, name)) for name in FIELDS[domain.kind]}, None


def _typed_constant(value: Any) -> tuple[str, dict[str, str], Any]:
    value = value.item() if isinstance(value, np.generic) else value
    return ("constant", {"value": short(value)}, None) if _is_typed(value) else ("object", {}, value)


def _is_typed(value: Any) -> bool:
    """Whether the value can be read back from its own source."""
    with contextlib.suppress(ValueError):
        return repr(typed.literal(repr(value))) == repr(value)
    return False


# -- from one kind to another ----------------------------------------------------------------------------------------


def converted(value: Any, kind: str) -> dict[str, str]:
    """Texts for a kind that say about the same as the value of another kind; sensible ones where there is nothing."""
    domain = describe(value)
    if kind in ("choice", "grid_search"):
        return {"values": listing(_examples(value, 4))}
    if kind == "constant":
        return {"value": short(_examples(value, 1)[0])}
    low, high = _range(domain, value)
    if "randn" in kind:
        texts = {"mean": _round(low / 2 + high / 2), "sd": _round((high - low) / 4 or 1)}
        return texts | ({"q": short(_step(low, high))} if kind == "qrandn" else {})
    return _bounds(low, high, kind)


def _examples(value: Any, count: int) -> list:
    domain = describe(value)
    if domain is None:
        return [value] if value is not None else [1, 2][: max(count, 1)]
    if domain.categorical:
        return list(domain.values)
    if domain.kind == "sample_from":
        return [16, 32, 64][:count] if count > 1 else [16]
    return grid_points(domain, count)


def _range(domain: Domain | None, value: Any) -> tuple[float, float]:
    """Two numbers, the first smaller, between which the old values lay."""
    if domain is not None and domain.normal:
        return domain.mean - 2 * domain.sd, domain.mean + 2 * domain.sd
    if domain is not None and domain.lower is not None:
        return domain.lower, domain.upper
    numbers = [v for v in (domain.values if domain else [value]) if type(v) in (int, float) and abs(v) < 1e300]
    if not numbers:
        return 1e-4, 1e-1
    low, high = min(numbers), max(numbers)
    return (low, high) if low < high else (low / 10, low * 10) if low > 0 else (low - 1, low + 1)


def _bounds(low: float, high: float, kind: str) -> dict[str, str]:
    """Bounds that the kind accepts: whole, above zero, multiples of the step, where it asks for that."""
    whole, log, steps = "randint" in kind, "log" in kind, kind.startswith("q")
    if whole:
        low, high = math.floor(low), math.ceil(high)
        high = max(high, low + 2)
    if log and low <= 0:
        low = 1 if whole else max(high, 1e-3) / 1000
        high = max(high, low * 10)
    q = _step(low, high)
    q = max(1, int(q)) if whole else q
    if steps:
        low, high = math.floor(low / q) * q, math.ceil(high / q) * q
        low = q if log and low <= 0 else low
    texts = {"lower": _round(low), "upper": _round(high)}
    return texts | ({"q": short(q)} if steps else {})


def _step(low: float, high: float) -> float:
    """A power of ten that goes into the range at least ten times."""
    return float(f"1e{math.floor(math.log10((high - low) / 10 or 1e-300))}")


def _round(value: float) -> str:
    return short(value if isinstance(value, int) else float(f"{value:.12g}"))
