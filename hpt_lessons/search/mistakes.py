"""Mistakes in a search space: what is wrong with this domain, and what would be right?

Ray finds some of these late and some never; here each gets a sentence and a remedy. Texts only: `space.validate` adds
the name of the parameter and raises.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hpt_lessons.search.domains import Domain, describe, index_range, is_domain


def mistake(value: Any) -> str | None:
    """What is wrong with one value of a search space and how to mend it, or None."""
    domain = describe(value)
    if domain is None:
        return _wrong_constant(value)
    if domain.kind == "sample_from":
        return None if callable(domain.function) else f"{domain}: a function was expected.\nUse a lambda."
    if domain.categorical:
        return _wrong_list(domain)
    if domain.normal:
        return _wrong_numbers(domain, ("mean", "sd")) or _wrong_sd(domain) or _wrong_q(domain)
    return (
        _wrong_numbers(domain, ("lower", "upper"))
        or _wrong_whole_numbers(domain)
        or _wrong_order(domain)
        or _wrong_log(domain)
        or _wrong_q(domain)
        or _wrong_multiples(domain)
    )


def _wrong_constant(value: Any) -> str | None:
    if isinstance(value, dict) and set(value) == {"eval"}:
        return "text is never evaluated here.\nUse tune.sample_from(lambda spec: ...) or a domain with bounds."
    if isinstance(value, (list, tuple)) and any(is_domain(item) for item in value):
        kind = type(value).__name__
        return f"a domain inside a {kind} is not searched.\nUse a nested dictionary, or tune.choice for a list."
    return None


def _wrong_list(domain: Domain) -> str | None:
    if not domain.values:
        return f"tune.{domain.kind} has no values to take.\nList at least one: tune.{domain.kind}([16, 32])."
    if any(is_domain(item) for item in domain.values):
        return f"a domain inside tune.{domain.kind} is not searched.\nList plain values; give it its own name."
    return None


def _wrong_numbers(domain: Domain, names: tuple[str, ...]) -> str | None:
    for name in names:
        value = getattr(domain, name)
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
            return f"{domain}: {name} is {value!r}, and a number was expected.\nWrite it without quotes, such as 1e-4."
        if not math.isfinite(value):
            return f"{domain}: {name} is {value!r}.\nUse a finite number; a range must have both ends."
    return None


def _wrong_whole_numbers(domain: Domain) -> str | None:
    if not domain.integer:
        return None
    for name in ("lower", "upper", "q"):
        value = getattr(domain, name)
        if value is not None and value != int(value):
            instead = domain.kind.replace("randint", "uniform")
            wrong = f"{domain}: {name} is {value!r}, and a whole number was expected."
            return f"{wrong}\nUse {round(value)}, or tune.{instead}."
    return None


def _wrong_order(domain: Domain) -> str | None:
    if domain.lower < domain.upper or (domain.lower == domain.upper and domain.integer and domain.q not in (None, 1)):
        return None
    if domain.lower == domain.upper:
        return f"{domain} is empty: both ends are {domain.lower!r}.\nFor a fixed value write {domain.lower!r} alone."
    return (
        f"{domain} runs backwards: lower {domain.lower!r} > upper {domain.upper!r}.\n"
        f"Use tune.{domain.kind}({domain.upper!r}, {domain.lower!r}{', ...' if domain.q is not None else ''})."
    )


def _wrong_log(domain: Domain) -> str | None:
    if not domain.log or domain.lower > 0:
        return None
    linear = domain.kind.replace("log", "")
    start = "starts at 0" if domain.lower == 0 else f"starts below 0 (at {domain.lower!r})"
    small = "1" if domain.integer else "1e-5"
    q = "" if domain.q is None else f", {domain.q!r}"
    return (
        f"{domain} {start}, and a logarithmic scale has no 0.\nUse a small positive lower bound, for example {small}, "
        f"or tune.{linear}({domain.lower!r}, {domain.upper!r}{q}) for a linear scale."
    )


def _wrong_sd(domain: Domain) -> str | None:
    if domain.sd > 0:
        return None
    return f"{domain}: the standard deviation is {domain.sd!r}.\nUse a number above 0, or write {domain.mean!r} alone."


def _wrong_q(domain: Domain) -> str | None:
    if domain.q is None and not domain.kind.startswith("q"):
        return None
    problem = _wrong_numbers(domain, ("q",))
    if problem or domain.q > 0:
        return problem
    return f"{domain}: q is {domain.q!r}.\nUse a step above 0, or tune.{domain.kind.removeprefix('q')} for no steps."


def _wrong_multiples(domain: Domain) -> str | None:
    """A step must fit into the range; for real numbers both ends must be multiples of it (Ray insists on that)."""
    if domain.q is None:
        return None
    if domain.q > (domain.upper - domain.lower) * (1 + 1e-9) and not (domain.integer and _has_multiple(domain)):
        width = domain.upper - domain.lower
        return f"{domain}: q {domain.q!r} is larger than the range ({width!r}).\nUse a smaller step, or no q."
    if domain.integer:
        return None if _has_multiple(domain) else f"{domain} holds no multiple of {domain.q!r}.\nUse a smaller step."
    for name in ("lower", "upper"):
        steps = getattr(domain, name) / domain.q
        if not math.isclose(steps, round(steps)):
            near = float(f"{round(steps) * domain.q:.12g}")
            return f"{domain}: {name} is no multiple of q {domain.q!r}.\nUse {near!r}, or another q."
    return None


def _has_multiple(domain: Domain) -> bool:
    first, end, _ = index_range(domain)
    return first < end
