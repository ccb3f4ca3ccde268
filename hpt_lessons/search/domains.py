"""Domains: what values may one hyperparameter take, and how likely is each?

A domain is what `ray.tune.uniform(0, 1)` and its sisters return. Here it is a small record that needs no Ray: the
functions below have the names and the arguments of Ray's, `describe` reads Ray's own objects by their shape, and
`to_ray` builds them. So `from hpt_lessons.search import domains as tune` runs the same lines as `from ray import tune`.

Every domain is a quantile function (`value_at`): it maps the unit interval to values such that equal lengths have equal
probability. That one function samples, places grid points and spreads Latin hypercubes; `position_of` is its inverse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np

from hpt_lessons.json_lines import as_python, equal, identical

_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "uniform": ("lower", "upper"),
    "quniform": ("lower", "upper", "q"),
    "loguniform": ("lower", "upper"),
    "qloguniform": ("lower", "upper", "q"),
    "randn": ("mean", "sd"),
    "qrandn": ("mean", "sd", "q"),
    "randint": ("lower", "upper"),
    "qrandint": ("lower", "upper", "q"),
    "lograndint": ("lower", "upper"),
    "qlograndint": ("lower", "upper", "q"),
    "choice": ("values",),
    "grid_search": ("values",),
    "sample_from": ("function",),
}


@dataclass(frozen=True)
class Domain:
    """The values of one hyperparameter; `kind` is the name of the function in `ray.tune` that builds it."""

    kind: str
    lower: Any = None
    upper: Any = None
    q: Any = None
    mean: Any = None
    sd: Any = None
    values: tuple[Any, ...] = ()
    function: Callable[..., Any] | None = None

    @cached_property
    def log(self) -> bool:
        """Whether equal ratios, not equal differences, have equal probability."""
        return "log" in self.kind

    @cached_property
    def integer(self) -> bool:
        return "randint" in self.kind

    @cached_property
    def normal(self) -> bool:
        return "randn" in self.kind

    @cached_property
    def categorical(self) -> bool:
        """A list of values: `choice` or `grid_search`."""
        return self.kind in ("choice", "grid_search")

    @cached_property
    def indices(self) -> tuple[int, int, int]:
        """First index, last index + 1 and step of an integer domain: its values are step x index."""
        step = 1 if self.q is None else int(self.q)
        if step == 1:
            return int(self.lower), int(self.upper), 1
        return math.ceil(self.lower / step), math.floor(self.upper / step) + 1, step

    @property
    def ordered(self) -> bool:
        """Whether 'between' has a meaning: numbers do, names and switches do not."""
        numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in self.values)
        return self.kind != "sample_from" and numbers

    @property
    def size(self) -> float:
        """How many different values there are, a whole number; infinity where nobody can count them."""
        if self.categorical:
            return len(self.values)
        if self.integer:
            first, end, _ = self.indices
            return end - first
        if self.q is None or self.normal:
            return math.inf
        steps: int = round((self.upper - self.lower) / self.q)
        return steps + 1

    @property
    def arguments(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in _ARGUMENTS[self.kind])

    def __str__(self) -> str:
        if self.kind == "sample_from":
            return f"tune.sample_from({getattr(self.function, '__name__', self.function)})"
        shown = (list(a) if isinstance(a, tuple) else a for a in self.arguments)
        return f"tune.{self.kind}({', '.join(map(repr, shown))})"


def uniform(lower: float, upper: float) -> Domain:
    """A real number, equally likely anywhere in [lower, upper)."""
    return Domain("uniform", lower=lower, upper=upper)


def quniform(lower: float, upper: float, q: float) -> Domain:
    """A multiple of q in [lower, upper]: a uniform number rounded, so that the two ends get half the probability."""
    return Domain("quniform", lower=lower, upper=upper, q=q)


def loguniform(lower: float, upper: float) -> Domain:
    """A real number whose logarithm is uniform: as likely between 1e-4 and 1e-3 as between 1e-2 and 1e-1."""
    return Domain("loguniform", lower=lower, upper=upper)


def qloguniform(lower: float, upper: float, q: float) -> Domain:
    """A log-uniform number rounded to a multiple of q."""
    return Domain("qloguniform", lower=lower, upper=upper, q=q)


def randn(mean: float = 0.0, sd: float = 1.0) -> Domain:
    """A normal number; it has no bounds."""
    return Domain("randn", mean=mean, sd=sd)


def qrandn(mean: float, sd: float, q: float) -> Domain:
    """A normal number rounded to a multiple of q."""
    return Domain("qrandn", mean=mean, sd=sd, q=q)


def randint(lower: int, upper: int) -> Domain:
    """A whole number; `upper` itself is never drawn."""
    return Domain("randint", lower=lower, upper=upper)


def qrandint(lower: int, upper: int, q: int = 1) -> Domain:
    """A multiple of q, equally likely each; `upper` may be drawn unless q is 1 (as in Ray)."""
    return Domain("qrandint", lower=lower, upper=upper, q=q)


def lograndint(lower: int, upper: int) -> Domain:
    """The whole part of a log-uniform number; `upper` itself is never drawn."""
    return Domain("lograndint", lower=lower, upper=upper)


def qlograndint(lower: int, upper: int, q: int) -> Domain:
    """A multiple of q, small ones more likely; `upper` may be drawn unless q is 1 (as in Ray)."""
    return Domain("qlograndint", lower=lower, upper=upper, q=q)


def choice(categories: Iterable[Any]) -> Domain:
    """One of the listed values, equally likely each."""
    return Domain("choice", values=tuple(categories))


def grid_search(values: Iterable[Any]) -> dict[str, list[Any]]:
    """Every one of the listed values in turn; a dictionary, as in Ray."""
    return {"grid_search": list(values)}


def sample_from(function: Callable[..., Any]) -> Domain:
    """Whatever the function returns; it may look at the other values: `lambda spec: 2 * spec.config.l1`."""
    return Domain("sample_from", function=function)


def describe(thing: Any) -> Domain | None:
    """The domain behind a value of a search space, or None for a constant; reads Ray's objects, imports no Ray."""
    if isinstance(thing, Domain):
        return thing
    if isinstance(thing, dict) and set(thing) == {"grid_search"}:
        listed = thing["grid_search"]
        return Domain("grid_search", values=tuple(map(as_python, listed)) if isinstance(listed, Iterable) else ())
    name = type(thing).__name__
    if name not in ("Float", "Integer", "Categorical", "Function") or not hasattr(thing, "get_sampler"):
        return None
    if name == "Function":
        return Domain("sample_from", function=thing.func)
    sampler = thing.get_sampler()
    if name == "Categorical":
        kind = "grid_search" if type(sampler).__name__ == "Grid" else "choice"
        return Domain(kind, values=tuple(map(as_python, thing.categories)))
    return _describe_number(thing, sampler)


def _describe_number(thing: Any, sampler: Any) -> Domain:
    q = getattr(sampler, "q", None)
    inner = sampler.get_sampler() if q is not None else sampler
    names = {cls.__name__ for cls in type(inner).__mro__}
    prefix = "" if q is None else "q"
    if "Normal" in names:
        return Domain(f"{prefix}randn", mean=as_python(inner.mean), sd=as_python(inner.sd), q=as_python(q))
    scale = "log" if "LogUniform" in names else ""
    stem = "randint" if type(thing).__name__ == "Integer" else "uniform"
    return Domain(f"{prefix}{scale}{stem}", lower=as_python(thing.lower), upper=as_python(thing.upper), q=as_python(q))


def is_domain(thing: Any) -> bool:
    """Whether a value of a search space is searched (rather than a constant or a nested dictionary)."""
    return describe(thing) is not None


def to_ray(domain: Domain) -> Any:
    """The real `ray.tune` object of a domain (imports Ray)."""
    from ray import tune

    arguments = (list(a) if isinstance(a, tuple) else a for a in domain.arguments)
    return getattr(tune, domain.kind)(*arguments)


def value_at(domain: Domain, u: float) -> Any:
    """The value at position u of the unit interval, or at the end that is nearer: the quantile function."""
    return quantile(domain, min(max(float(u), 0.0), 1.0))


def quantile(domain: Domain, u: float) -> Any:
    """As `value_at`, for a `u` that is a float from 0 to 1: searches draw thousands of times."""
    if domain.categorical:
        return domain.values[min(int(u * len(domain.values)), len(domain.values) - 1)]
    if domain.integer:
        first, end, step = domain.indices
        index = first * (end / first) ** u if domain.log else first + u * (end - first)
        return step * min(max(math.floor(index), first), end - 1)
    if domain.normal:
        x = NormalDist(domain.mean, domain.sd).inv_cdf(min(max(u, 1e-12), 1 - 1e-12))
    elif u in (0.0, 1.0):
        x = domain.upper if u else domain.lower
    elif domain.log:
        x = math.exp((1 - u) * math.log(domain.lower) + u * math.log(domain.upper))
    else:
        x = (1 - u) * domain.lower + u * domain.upper
    if not domain.normal:
        x = min(max(x, domain.lower), domain.upper)
    return float(x if domain.q is None else np.round(x / domain.q) * domain.q)


def position_of(domain: Domain, value: Any) -> float:
    """Where a value lies on the unit interval; a value of a list or a whole number lies in the middle of its cell.

    ValueError when the domain does not hold the value.
    """
    if domain.categorical:
        return (index_of(domain.values, value) + 0.5) / len(domain.values)
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or math.isnan(value):
        raise ValueError(f"{value!r} is no number")
    if domain.integer:
        return _position_of_integer(domain, value)
    if domain.normal:
        return NormalDist(domain.mean, domain.sd).cdf(float(value))
    slack = 1e-9 * max(abs(domain.lower), abs(domain.upper))
    if not domain.lower - slack <= value <= domain.upper + slack:
        raise ValueError(f"{value!r} lies outside {domain}")
    value = min(max(value, domain.lower), domain.upper)
    if domain.log:
        return math.log(value / domain.lower) / math.log(domain.upper / domain.lower)
    half = domain.upper / 2 - domain.lower / 2  # halves, so that the difference of two huge bounds does not overflow
    return float(min(max((value / 2 - domain.lower / 2) / half, 0.0), 1.0))


def _position_of_integer(domain: Domain, value: Any) -> float:
    first, end, step = domain.indices
    index = int(value) // step
    if index * step != value or not first <= index < end:
        raise ValueError(f"{value!r} is not among the values of {domain}")
    if domain.log:
        return (math.log(index / first) + math.log((index + 1) / first)) / 2 / math.log(end / first)
    return (index - first + 0.5) / (end - first)


def index_of(values: tuple[Any, ...], value: Any) -> int:
    """Index of a value in a list: the one of the same type, also within lists and tuples, else one that is equal."""
    for same in (identical, equal):
        for index, listed in enumerate(values):
            if same(listed, value):
                return index
    raise ValueError(f"{value!r} is not among the values {list(values)!r}")
