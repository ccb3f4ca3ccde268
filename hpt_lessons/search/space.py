"""Search spaces: what do I search, on which scale, and what do I hold fixed?

A search space is the plain dictionary that Ray Tune takes: constants, domains (`tune.loguniform(1e-5, 1e-1)`), lists
to go through (`tune.grid_search([...])`), functions (`tune.sample_from(...)`), and dictionaries of these. This module
is the one place that checks it, draws from it, and maps it to the unit cube and back, to a grid and to Python source.
It imports no Ray: it reads Ray's domains by their shape (see `hpt_lessons.search.domains`).
"""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hpt_lessons.search.domains import (
    Domain,
    describe,
    index_range,
    is_domain,
    position_of,
    value_at,
)
from hpt_lessons.search.domains import (
    to_ray as domain_to_ray,
)
from hpt_lessons.search.space_mistakes import mistake

__all__ = [
    "Axis", "axes", "from_unit", "grid_points", "is_domain", "position", "problems", "same", "sample", "source",
    "table", "to_ray", "to_unit", "validate", "with_values",
]  # fmt: skip

Seed = int | np.random.Generator | None
RULES = ("ends", "centres", "inside")  # where the ticks of a grid stand


@dataclass(frozen=True)
class Axis:
    """One searched hyperparameter: where it stands in the dictionary, and its domain."""

    path: tuple[str, ...]
    domain: Domain

    @property
    def name(self) -> str:
        """'lr', or 'optimizer/lr' for a nested one."""
        return "/".join(self.path)


def axes(space: Mapping[str, Any]) -> list[Axis]:
    """The searched hyperparameters of a space, in the order of the dictionary."""
    return [Axis(path, domain) for path, value in _leaves(space) if (domain := describe(value)) is not None]


def _leaves(space: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in space.items():
        if isinstance(value, Mapping) and value and not is_domain(value) and set(value) != {"eval"}:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def problems(
    space: Mapping[str, Any], *, grids: bool = True, functions: bool = True, searcher: str = "this searcher"
) -> dict[str, str]:
    """What is wrong with a space: the name of each faulty parameter, and what to do about it.

    `grids=False` and `functions=False` are for a searcher that can take no `grid_search` and no `sample_from`.
    """
    if not isinstance(space, Mapping):
        return {"": f"a dictionary of names and domains was expected, not {type(space).__name__} {space!r}."}
    found = {}
    for path, value in _leaves(space):
        name = "/".join(map(str, path))
        message = _key_problem(path) or mistake(value)
        domain = describe(value)
        if message is None and domain is not None and not grids and domain.kind == "grid_search":
            listed = list(domain.values)
            message = f"{domain} is a list to go through, and {searcher} cannot.\nUse tune.choice({listed!r})."
        if message is None and domain is not None and not functions and domain.kind == "sample_from":
            message = (
                f"tune.sample_from cannot be inverted, so {searcher} cannot use it.\nUse a domain with bounds, "
                "for example tune.choice([4, 8, 16, 32, 64, 128, 256]) or tune.lograndint(4, 257)."
            )
        if message is not None:
            found[name] = message
    return found


def _key_problem(path: tuple) -> str | None:
    key = path[-1]
    if not isinstance(key, str):
        return f"names are text, and {key!r} is {type(key).__name__}.\nUse {str(key)!r}."
    if "/" in key:
        return f"'/' separates the levels of a nested space.\nUse a nested dictionary instead of the name {key!r}."
    return None


def validate(space: Mapping[str, Any], **demands: Any) -> None:
    """Raise one ValueError that names every faulty parameter, its value and the remedy; arguments as in `problems`."""
    found = problems(space, **demands)
    if found:
        raise ValueError("\n".join(f"search space, {name!r}: {text}" for name, text in found.items()))


def sample(space: Mapping[str, Any], seed: Seed = None) -> dict[str, Any]:
    """One random configuration, with the distribution of Ray's own random search.

    `seed` is a number or a numpy Generator. A `sample_from` function sees the values drawn so far as `spec.config.l1`
    or `config["l1"]`; what it draws from `random` or `numpy.random` is seeded too, and their state is put back.
    A `grid_search` is refused: `layouts.grid` and `layouts.random` go through it.
    """
    validate(space, grids=False, searcher="a single random draw")
    rng = np.random.default_rng(seed)
    values = {axis.path: value_at(axis.domain, rng.random()) for axis in axes(space) if axis.domain.function is None}
    functions = {axis.path: axis.domain.function for axis in axes(space) if axis.domain.function is not None}
    if functions:
        with _seeded_globals(int(rng.integers(2**32))):
            _call_functions(space, values, functions)
    return with_values(space, values)


def _call_functions(space: Mapping, values: dict, functions: dict) -> None:
    """Call the `sample_from` functions, those that look at other functions' values after them; fills `values`."""
    waiting = dict(functions)
    while waiting:
        ready = len(waiting)
        for path, function in list(waiting.items()):
            with contextlib.suppress(_NotYetDrawn):
                values[path] = _call(function, _View(with_values(space, values)))
                del waiting[path]
        if len(waiting) == ready:
            names = ", ".join(repr("/".join(path)) for path in waiting)
            raise ValueError(
                f"search space, {names}: the tune.sample_from functions wait for each other's values.\n"
                "Let one of them not look at the others."
            )


def _call(function: Any, view: _View) -> Any:
    from inspect import signature

    try:
        signature(function).bind(view)
    except TypeError:
        return function()
    except ValueError:  # a built-in function may tell nothing about its arguments
        pass
    return function(view)


class _NotYetDrawn(Exception):
    """A function asked for a value that another function has yet to draw."""


class _View(dict):
    """The values drawn so far, as Ray shows them to a function: `spec.config.l1`, `config.l1` or `config["l1"]`."""

    def __getitem__(self, key: str) -> Any:
        value = self if key == "config" and key not in self else super().__getitem__(key)
        if is_domain(value):
            raise _NotYetDrawn(key)
        return _View(value) if type(value) is dict else value

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError:
            raise AttributeError(f"the search space has no {key!r}; it has {', '.join(map(repr, self))}") from None


@contextlib.contextmanager
def _seeded_globals(seed: int) -> Iterator[None]:
    """Seed Python's and numpy's global random states, and put them back as they were."""
    python, numpy = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def with_values(space: Mapping[str, Any], values: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    """A copy of the space with values in the place of the domains at the given paths."""

    def fill(part: Mapping, path: tuple) -> dict:
        filled = {}
        for key, value in part.items():
            here = (*path, key)
            if here in values:
                filled[key] = values[here]
            elif isinstance(value, Mapping) and not is_domain(value):
                filled[key] = fill(value, here)
            else:
                filled[key] = list(value) if type(value) is list else value
        return filled

    return fill(space, ())


def to_unit(space: Mapping[str, Any], config: Mapping[str, Any]) -> np.ndarray:
    """The point of the unit cube (one coordinate an axis, in the order of `axes`) where a configuration lies.

    Logarithmic domains are linear in the logarithm; a whole number or a listed value lies in the middle of its cell.
    ValueError, naming the parameter, for a value that the space does not hold.
    """
    validate(space, grids=True, functions=False, searcher="a map to the unit cube")
    return np.array([position(axis, config) for axis in axes(space)])


def position(axis: Axis, config: Mapping[str, Any]) -> float:
    """Where a configuration lies along one axis, 0 to 1."""
    value: Any = config
    for depth, key in enumerate(axis.path):
        if not isinstance(value, Mapping) or key not in value:
            missing = "/".join(axis.path[: depth + 1])
            raise ValueError(f"configuration: {missing!r} is missing; the search space asks for {axis.name!r}")
        value = value[key]
    try:
        return position_of(axis.domain, value)
    except ValueError as error:
        raise ValueError(f"configuration, {axis.name!r}: {error}") from None


def from_unit(space: Mapping[str, Any], point: Sequence[float]) -> dict[str, Any]:
    """The configuration at a point of the unit cube; uniform points give the distribution of `sample`."""
    validate(space, grids=True, functions=False, searcher="a map from the unit cube")
    searched = axes(space)
    if len(point) != len(searched):
        names = ", ".join(axis.name for axis in searched)
        raise ValueError(f"a point with {len(searched)} coordinates was expected ({names}), not {len(point)}")
    return with_values(space, {axis.path: value_at(axis.domain, u) for axis, u in zip(searched, point, strict=True)})


def grid_points(domain: Any, ticks: int, rule: str = "ends", scale: str | None = None) -> list:
    """Values of one domain for a grid, smallest first.

    `rule` puts the ticks at the "ends" of the range and evenly between, in the "centres" of equal cells, or "inside",
    as far from the ends as from each other; `scale` ("linear" or "log") overrules the domain's own. Names and switches,
    and lists to go through, are taken whole, whatever `ticks` says. Fewer values come back where the domain has fewer.
    A normal domain has no ends: centres.
    """
    domain = describe(domain)
    if rule not in RULES:
        raise ValueError(f"rule {rule!r}: 'ends', 'centres' or 'inside' was expected")
    if isinstance(ticks, bool) or not isinstance(ticks, (int, np.integer)) or ticks < 1:
        raise ValueError(f"ticks {ticks!r}: a whole number of at least 1 was expected")
    if domain.kind == "grid_search" or (domain.kind == "choice" and not domain.ordered):
        return list(domain.values)
    domain = _rescaled(domain, scale)
    if rule == "ends" and (domain.normal or ticks == 1):
        rule = "centres"
    points = [value_at(domain, u) for u in _positions(ticks, rule)]
    if not domain.categorical and not domain.integer and domain.q is None:
        points = [float(f"{value:.12g}") for value in points]  # 0.001, not 0.0010000000000000002
    return list(dict.fromkeys(points))


def _positions(ticks: int, rule: str) -> np.ndarray:
    """Where the ticks stand along an axis from 0 to 1."""
    if rule == "ends":
        return np.linspace(0, 1, ticks)
    return (np.arange(ticks) + 0.5) / ticks if rule == "centres" else np.arange(1, ticks + 1) / (ticks + 1)


def _rescaled(domain: Domain, scale: str | None) -> Domain:
    """The domain on a linear or a logarithmic scale."""
    if scale not in (None, "linear", "log"):
        raise ValueError(f"scale {scale!r}: 'linear', 'log' or None was expected")
    if scale is None or domain.categorical or domain.normal or domain.log == (scale == "log"):
        return domain
    plain = domain.kind.replace("log", "")
    stem = plain.removeprefix("q")
    kind = plain if scale == "linear" else f"{'q' if plain != stem else ''}log{stem}"
    changed = replace(domain, kind=kind)
    text = mistake(changed)
    if text is not None:
        raise ValueError(f"grid points of {domain} on a {scale} scale: {text}")
    return changed


def same(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two spaces have the same names, constants and domains, in whichever form the domains come."""
    one, other = (dict(_leaves(space)) for space in (first, second))
    return one.keys() == other.keys() and all(_same_leaf(one[path], other[path]) for path in one)


def _same_leaf(one: Any, other: Any) -> bool:
    first, second = describe(one), describe(other)
    if first is None and second is None:
        return type(one) is type(other) and (one == other or repr(one) == repr(other))
    if first is None or second is None or first.kind != second.kind:
        return False
    return first.function is second.function and repr(first) == repr(second)


def source(space: Mapping[str, Any], *, prefix: str = "tune.", indent: int = 4) -> str:
    """Python source of the space: evaluated with `from ray import tune` it gives an equal space.

    ValueError for what has no source: `sample_from` functions, and values that are not written as plain Python.
    """
    validate(space)
    return _source_of(space, prefix, indent, 1, ())


def _source_of(space: Mapping, prefix: str, indent: int, level: int, path: tuple) -> str:
    if not space:
        return "{}"
    lines = []
    for key, value in space.items():
        here = (*path, key)
        if isinstance(value, Mapping) and not is_domain(value):
            text = _source_of(value, prefix, indent, level + 1, here)
        else:
            text = _leaf_source(value, prefix, "/".join(here))
        lines.append(f"{' ' * indent * level}{key!r}: {text},")
    return "\n".join(["{", *lines, " " * indent * (level - 1) + "}"])


def _leaf_source(value: Any, prefix: str, name: str) -> str:
    domain = describe(value)
    if domain is None:
        return _literal(value, name)
    if domain.kind == "sample_from":
        raise ValueError(
            f"search space, {name!r}: the function of tune.sample_from has no source.\n"
            "Use a domain with bounds, for example tune.choice([4, 8, 16]) or tune.lograndint(4, 257)."
        )
    arguments = (list(a) if isinstance(a, tuple) else a for a in domain.arguments)
    return f"{prefix}{domain.kind}({', '.join(_literal(a, name) for a in arguments)})"


def _literal(value: Any, name: str) -> str:
    """Python source of a plain value."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    if value is None or type(value) in (bool, int, float, str, bytes):
        return repr(value)
    if type(value) in (list, tuple):
        inside = ", ".join(_literal(v, name) for v in value)
        return f"[{inside}]" if type(value) is list else f"({inside}{',' if len(value) == 1 else ''})"
    if type(value) is dict:
        return "{" + ", ".join(f"{_literal(k, name)}: {_literal(v, name)}" for k, v in value.items()) + "}"
    raise ValueError(f"search space, {name!r}: {value!r} ({type(value).__name__}) cannot be written as plain Python.")


def table(space: Mapping[str, Any]) -> str:
    """The space as a plain-text table: name, kind, from, to, scale, and how many values there are to try."""
    validate(space)
    rows = [("name", "kind", "from", "to", "scale", "values")]
    rows += [("/".join(path), *_row(value)) for path, value in _leaves(space)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _row(value: Any) -> tuple[str, str, str, str, str]:
    domain = describe(value)
    if domain is None:
        return "constant", repr(value), "", "", "1"
    if domain.kind == "sample_from":
        return domain.kind, "a function", "", "", "?"
    if domain.categorical:
        listed = repr(list(domain.values))
        return domain.kind, listed if len(listed) <= 60 else listed[:57] + "...", "", "", str(len(domain.values))
    if domain.normal:
        return domain.kind, f"mean {domain.mean}", f"sd {domain.sd}", "linear", "any"
    scale = "log" if domain.log else "linear"
    return domain.kind, f"{domain.lower}", f"{domain.upper}", scale, _count(domain)


def _count(domain: Domain) -> str:
    if domain.integer:
        first, end, _ = index_range(domain)
        return str(end - first)
    return "any" if domain.q is None else str(round((domain.upper - domain.lower) / domain.q) + 1)


def to_ray(space: Mapping[str, Any]) -> dict[str, Any]:
    """The space with real `ray.tune` objects as its domains (imports Ray)."""
    validate(space)
    found = {axis.path: axis.domain for axis in axes(space)}
    return with_values(space, {path: domain_to_ray(domain) for path, domain in found.items()})
