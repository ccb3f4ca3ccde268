"""Mistakes in a search space: what is wrong with this domain, and what would be right?

Ray finds some of these late and some never; here each gets a sentence and a remedy. Texts only: `Space` adds
the name of the parameter and raises. `find` also tells which rule is broken and by which arguments, for those who say
it in other words.
"""

from __future__ import annotations

import math
import sys
from typing import Any, NamedTuple

import numpy as np

from hpt_lessons.search.domains import Domain, describe, is_domain

WHOLE = 2**53  # up to here floating point, which all arithmetic here is done in, tells whole numbers apart
LARGEST = sys.float_info.max
NARROW = 1e-12  # of its own size, and a range has only some thousands of floating-point numbers in it


class Mistake(NamedTuple):
    """The rule that is broken, the arguments that break it, and what to tell somebody who writes Python."""

    rule: str
    fields: tuple[str, ...]
    text: str


def mistake(value: Any) -> str | None:
    """What is wrong with one value of a search space and how to mend it, or None."""
    found = find(value, describe(value))
    return None if found is None else found.text


def find(value: Any, domain: Domain | None) -> Mistake | None:
    """The first mistake in one value of a search space, or None; `domain` is what `describe` says of the value."""
    if domain is None:
        return _wrong_constant(value)
    if domain.kind == "sample_from":
        text = f"{domain}: a function was expected.\nUse a lambda."
        return None if callable(domain.function) else Mistake("function", (), text)
    if domain.categorical:
        return _wrong_list(domain)
    step = ("q",) if domain.q is not None else ()
    if domain.normal:
        return _wrong_numbers(domain, ("mean", "sd", *step)) or _wrong_sd(domain) or _wrong_q(domain)
    return (
        _wrong_numbers(domain, ("lower", "upper", *step))
        or _wrong_whole_numbers(domain)
        or _wrong_order(domain)
        or _wrong_log(domain)
        or _wrong_width(domain)
        or _wrong_q(domain)
        or _wrong_multiples(domain)
    )


def _wrong_constant(value: Any) -> Mistake | None:
    if isinstance(value, dict) and set(value) == {"eval"}:
        text = "text is never evaluated here.\nUse tune.sample_from(lambda spec: ...) or a domain with bounds."
        return Mistake("eval", (), text)
    if isinstance(value, (list, tuple)) and any(_holds_domain(item) for item in value):
        text = f"a domain inside a {type(value).__name__} is not searched."
        return Mistake("inside", (), f"{text}\nUse a nested dictionary, or tune.choice for a list.")
    if callable(value) and getattr(value, "__module__", "") in _HOMES and value.__name__ in _MAKERS:
        text = f"tune.{value.__name__} was not called.\nGive it its arguments, such as tune.loguniform(1e-4, 1e-1)."
        return Mistake("not called", (), text)
    return None


# The functions that make domains, and where Ray's and our own live.
_MAKERS = {"uniform", "loguniform", "randn", "randint", "lograndint", "choice", "grid_search", "sample_from"}
_MAKERS |= {f"q{name}" for name in _MAKERS}
_HOMES = ("ray.tune.search.sample", "ray.tune.search.variant_generator", "hpt_lessons.search.domains")


def _holds_domain(value: Any) -> bool:
    """Whether it is a domain, or a list or a dictionary with one in it, however deep."""
    if isinstance(value, dict):
        return is_domain(value) or any(map(_holds_domain, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_holds_domain, value))
    return is_domain(value)


def _wrong_list(domain: Domain) -> Mistake | None:
    if not domain.values:
        text = f"tune.{domain.kind} has no values to take.\nList at least one: tune.{domain.kind}([16, 32])."
        return Mistake("no values", ("values",), text)
    if any(map(_holds_domain, domain.values)):
        text = f"a domain inside tune.{domain.kind} is not searched.\nList plain values; give it its own name."
        return Mistake("inside", ("values",), text)
    return None


def _wrong_numbers(domain: Domain, names: tuple[str, ...]) -> Mistake | None:
    for name in names:
        value = getattr(domain, name)
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
            text = f"{domain}: {name} is {value!r}, and a number was expected.\nWrite it without quotes, such as 1e-4."
            return Mistake("number", (name,), text)
        if isinstance(value, int) and abs(value) >= 2**63 and not domain.integer:
            text = f"{name} is a whole number of {len(str(abs(value)))} digits, more than Ray can hold."
            return Mistake("digits", (name,), f"{text}\nUse a number with a point, such as {_as_float(value)!r}.")
        if not isinstance(value, int) and not math.isfinite(value):
            text = f"{domain}: {name} is {value!r}.\nUse a finite number; a range must have both ends."
            return Mistake("finite", (name,), text)
    return None


def _as_float(value: int) -> float:
    return float(value) if abs(value) <= LARGEST else 1e300 if value > 0 else -1e300


def _wrong_whole_numbers(domain: Domain) -> Mistake | None:
    if not domain.integer:
        return None
    instead = domain.kind.replace("randint", "uniform")
    for name in ("lower", "upper", "q"):
        value = getattr(domain, name)
        if value is None:
            continue
        if abs(value) > WHOLE:
            text = f"tune.{domain.kind}: {name} is {in_short(value)}, and whole numbers go up to 2**53 (9e15) here."
            return Mistake("whole size", (name,), f"{text}\nUse a smaller one, or tune.{instead}.")
        if value != int(value):
            text = f"{domain}: {name} is {value!r}, and a whole number was expected."
            return Mistake("whole", (name,), f"{text}\nUse {round(value)}, or tune.{instead}.")
    return None


def in_short(value: float) -> str:
    """A number in few letters, however large."""
    if isinstance(value, int) and abs(value) > LARGEST:
        return f"a number of {len(str(abs(value)))} digits"
    return repr(value) if len(repr(value)) <= 16 else f"{float(value):.4g}"


def _wrong_order(domain: Domain) -> Mistake | None:
    if domain.lower < domain.upper or (domain.lower == domain.upper and domain.integer and domain.q not in (None, 1)):
        return None
    both = ("lower", "upper")
    if domain.lower == domain.upper:
        text = f"{domain} is empty: both ends are {domain.lower!r}.\nFor a fixed value write {domain.lower!r} alone."
        return Mistake("empty", both, text)
    more = ", ..." if domain.q is not None else ""
    text = f"{domain} runs backwards: lower {domain.lower!r} > upper {domain.upper!r}."
    return Mistake("order", both, f"{text}\nUse tune.{domain.kind}({domain.upper!r}, {domain.lower!r}{more}).")


def _wrong_log(domain: Domain) -> Mistake | None:
    if not domain.log or domain.lower > 0:
        return None
    linear = domain.kind.replace("log", "")
    start = "starts at 0" if domain.lower == 0 else f"starts below 0 (at {domain.lower!r})"
    small = "1" if domain.integer else "1e-5"
    q = "" if domain.q is None else f", {domain.q!r}"
    text = (
        f"{domain} {start}, and a logarithmic scale has no 0.\nUse a small positive lower bound, for example {small}, "
        f"or tune.{linear}({domain.lower!r}, {domain.upper!r}{q}) for a linear scale."
    )
    return Mistake("log", ("lower",) if domain.upper > 0 else ("lower", "upper"), text)


def _wrong_width(domain: Domain) -> Mistake | None:
    """The ends may be numbers, and their difference, or their ratio on a logarithmic scale, none any more."""
    lower, upper, both = float(domain.lower), float(domain.upper), ("lower", "upper")
    if not math.isfinite(upper - lower) or (domain.log and upper / LARGEST >= lower):
        text = f"{domain} is wider than floating point can measure (up to {LARGEST:.1e})."
        return Mistake("wide", both, f"{text}\nBring the two ends closer together.")
    if (domain.log or not domain.integer) and upper - lower < NARROW * max(abs(lower), abs(upper)):
        text = f"{domain} is so narrow that floating point has hardly a number between its ends."
        return Mistake("narrow", both, f"{text}\nWiden it, or write {domain.lower!r} alone for a fixed value.")
    return None


def _wrong_sd(domain: Domain) -> Mistake | None:
    mean, sd = abs(float(domain.mean)), float(domain.sd)
    if sd <= 0:
        text = f"{domain}: the standard deviation is {domain.sd!r}."
        return Mistake("sd", ("sd",), f"{text}\nUse a number above 0, or write {domain.mean!r} alone.")
    if not math.isfinite(mean + 10 * sd):
        text = f"{domain} goes beyond the largest number of floating point ({LARGEST:.1e}).\nUse smaller numbers."
        return Mistake("wide", ("mean", "sd"), text)
    if sd < NARROW * mean:
        text = f"{domain} is so narrow that floating point has hardly a number beside its mean."
        return Mistake("narrow", ("mean", "sd"), f"{text}\nUse a larger sd, or write {domain.mean!r} alone.")
    return None


def _wrong_q(domain: Domain) -> Mistake | None:
    if domain.q is None and not domain.kind.startswith("q"):
        return None
    problem = _wrong_numbers(domain, ("q",))
    if problem:
        return problem
    if domain.q <= 0:
        plain = domain.kind.removeprefix("q")
        text = f"{domain}: q is {domain.q!r}.\nUse a step above 0, or tune.{plain} for no steps."
        return Mistake("q", ("q",), text)
    most = abs(domain.mean) + 10 * domain.sd if domain.normal else max(abs(domain.lower), abs(domain.upper))
    if most / WHOLE > domain.q:
        text = f"{domain}: q {domain.q!r} is so small that it is lost in numbers as large as {in_short(most)}."
        return Mistake("small q", ("q",), f"{text}\nUse a larger step, or no q.")
    return None


def _wrong_multiples(domain: Domain) -> Mistake | None:
    """A step must fit into the range; for real numbers both ends must be multiples of it (Ray insists on that)."""
    if domain.q is None:
        return None
    if domain.q > (domain.upper - domain.lower) * (1 + 1e-9) and not (domain.integer and _has_multiple(domain)):
        width = domain.upper - domain.lower
        text = f"{domain}: q {domain.q!r} is larger than the range ({width!r}).\nUse a smaller step, or no q."
        return Mistake("large q", ("q",), text)
    if domain.integer:
        text = f"{domain} holds no multiple of {domain.q!r}.\nUse a smaller step."
        return None if _has_multiple(domain) else Mistake("no multiple", ("q",), text)
    for name in ("lower", "upper"):
        steps = getattr(domain, name) / domain.q
        if not math.isclose(steps, round(steps)):
            text = f"{domain}: {name} is no multiple of q {domain.q!r}."
            text += f"\nUse {multiple(domain, name)!r}, or another q."
            return Mistake("multiple", (name,), text)
    return None


def multiple(domain: Domain, name: str) -> float:
    """The multiple of the step that is nearest to one of the bounds."""
    return float(f"{round(getattr(domain, name) / domain.q) * domain.q:.12g}")


def _has_multiple(domain: Domain) -> bool:
    first, end, _ = domain.indices
    return first < end
