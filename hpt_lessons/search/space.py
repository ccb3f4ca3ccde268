"""Search spaces: what do I search, on which scale, and what do I hold fixed?

A search space is the plain dictionary that Ray Tune takes: constants, domains (`tune.loguniform(1e-5, 1e-1)`), lists
to go through (`tune.grid_search([...])`), functions (`tune.sample_from(...)`), and dictionaries of these. `Space` reads
it once: checks it, draws from it, and maps it to the unit cube and back, and to the values of a grid. It imports no
Ray: it reads Ray's domains by their shape (see `hpt_lessons.search.domains`).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from hpt_lessons import checks
from hpt_lessons.search import sample_from
from hpt_lessons.search.domains import Domain, describe, position_of, quantile, value_at
from hpt_lessons.search.domains import to_ray as domain_to_ray
from hpt_lessons.search.space_mistakes import find
from hpt_lessons.search.ticks import grid_points

__all__ = ["Axis", "Space", "problems"]

Path = tuple[str, ...]
Config = dict[str, Any]
Seed = int | np.random.Generator | None


@dataclass(frozen=True)
class Axis:
    """One searched hyperparameter: where it stands in the dictionary, its domain, and the domain as it was given."""

    path: Path
    domain: Domain
    given: Any = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """'lr', or 'optimizer/lr' for a nested one."""
        return "/".join(self.path)

    def of(self, config: Mapping[str, Any]) -> Any:
        """The value that a configuration has here; ValueError, naming it, where it has none."""
        value: Any = config
        for depth, key in enumerate(self.path):
            if not isinstance(value, Mapping) or key not in value:
                missing = "/".join(self.path[: depth + 1])
                raise ValueError(f"configuration: {missing!r} is missing; the search space asks for {self.name!r}")
            value = value[key]
        return value

    def position(self, config: Mapping[str, Any]) -> float:
        """Where a configuration lies along this axis, 0 to 1; ValueError for a value that the domain does not hold."""
        value = self.of(config)
        try:
            return position_of(self.domain, value)
        except ValueError as error:
            raise ValueError(f"configuration, {self.name!r}: {error}") from None


class Space(dict[str, Any]):
    """A search space, read once: the plain dictionary that it was, checked, and with its axes.

    For everybody else it is that dictionary, equal to it and as good for `tune.Tuner(param_space=...)`. Who changes it
    gets it read anew, and checked, at its next use; the dictionary that it was read from is not looked at again.

    `grids=False` and `functions=False` are for a searcher that can take no `grid_search` and no `sample_from`.
    ValueError that names every faulty hyperparameter, its value and the remedy.
    """

    _known: _Reading | None = None

    def __init__(self, space: Mapping[str, Any], **demands: Any) -> None:
        if not isinstance(space, Mapping):
            _refuse(problems(space))
        super().__init__(_copied(space))
        self._known = _read(self, **demands)

    @classmethod
    def of(cls, space: Mapping[str, Any], **demands: Any) -> Space:
        """A plain dictionary read; a space that was read before as it is, if it meets the demands of `Space`."""
        if not isinstance(space, cls):
            return cls(space, **demands)
        space._meet(**demands)
        return space

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The searched hyperparameters, in the order of the dictionary."""
        return self._reading().axes

    def sample(self, seed: Seed = None, fixed: Mapping[Path, Any] | None = None) -> Config:
        """One random configuration, with the distribution of Ray's own random search.

        `seed` is a number or a numpy Generator; `fixed` has values for some axes, which are not drawn. A `sample_from`
        function sees the values drawn so far as `spec.config.l1` or `config["l1"]`; what it draws from `random` or
        `numpy.random` is seeded too, and their state is put back. A `grid_search` is refused unless it is fixed:
        `layouts.grid` and `layouts.random` go through it.
        """
        known = self._reading()
        values = dict(fixed or ())
        if not values.keys() >= known.grids:
            self._meet(grids=False, searcher="a single random draw")
        rng = checks.generator(seed)
        drawn = [axis for axis in known.drawn if axis.path not in values] if values else known.drawn
        for axis, u in zip(drawn, rng.random(len(drawn)).tolist(), strict=True):
            values[axis.path] = quantile(axis.domain, u)
        if known.functions:
            sample_from.draw(known.functions, values, self.with_values, int(rng.integers(2**32)))
        return self._filled(values, known.nested)

    def with_values(self, values: Mapping[Path, Any]) -> Config:
        """A copy of the space with values in the place of what stands at the given paths."""
        return self._filled(values, self._reading().nested)

    def _filled(self, values: Mapping[Path, Any], nested: bool) -> Config:
        if not nested:  # the most spaces by far, drawn from thousands of times
            return {**self, **{path[0]: value for path, value in values.items()}}
        config = _copied(self)
        for path, value in values.items():
            part = config
            for key in path[:-1]:
                part = part[key]
            part[path[-1]] = value
        return config

    def position(self, config: Mapping[str, Any]) -> np.ndarray:
        """The point of the unit cube (one coordinate an axis, in the order of `axes`) where a configuration lies.

        Logarithmic domains are linear in the logarithm; a whole number or a listed value lies in the middle of its
        cell. ValueError, naming the hyperparameter, for a value that the space does not hold, and for a `sample_from`.
        """
        self._meet(functions=False, searcher="a map to the unit cube")
        return np.array([axis.position(config) for axis in self.axes])

    def at(self, point: Sequence[float] | np.ndarray) -> Config:
        """The configuration at a point of the unit cube; uniform points give the distribution of `sample`."""
        self._meet(functions=False, searcher="a map from the unit cube")
        axes = self.axes
        if len(point) != len(axes):
            names = ", ".join(axis.name for axis in axes)
            raise ValueError(f"a point with {len(axes)} coordinates was expected ({names}), not {len(point)}")
        return self.with_values({axis.path: value_at(axis.domain, u) for axis, u in zip(axes, point, strict=True)})

    def grid(
        self, ticks: int | Mapping[str, int] = 3, rule: str = "ends", scale: str | None = None
    ) -> dict[str, list[Any]]:
        """The values of each axis, by its name, that a grid combines; `layouts.grid` combines them.

        `ticks` is one number, or a number for each name ({"lr": 5, "optimizer/momentum": 2}; the others get 3). `rule`
        ("ends", "centres" or "inside") and `scale` are those of `ticks.grid_points`.
        """
        self._meet(functions=False, searcher="a grid")
        names = [axis.name for axis in self.axes]
        chosen = ticks if isinstance(ticks, Mapping) else dict.fromkeys(names, ticks)
        unknown = [name for name in chosen if name not in names]
        if unknown:
            raise ValueError(f"ticks for {unknown[0]!r}: the search space has no such axis; it has {', '.join(names)}")
        return {axis.name: grid_points(axis.domain, chosen.get(axis.name, 3), rule, scale) for axis in self.axes}

    def to_ray(self) -> dict[str, Any]:
        """The space as a plain dictionary with real `ray.tune` objects as its domains (imports Ray)."""
        return self.with_values({axis.path: domain_to_ray(axis.domain) for axis in self.axes})

    def table(self) -> str:
        """The space as a plain-text table: name, kind, from, to, scale, and how many values there are to try."""
        self._reading()
        rows = [("name", "kind", "from", "to", "scale", "values")]
        rows += [("/".join(leaf.path), *_row(leaf)) for leaf in _leaves(self)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])

    def _meet(self, *, grids: bool = True, functions: bool = True, searcher: str = "this searcher") -> None:
        """ValueError that names each hyperparameter which this searcher cannot take."""
        known = self._reading()
        if (known.grids and not grids) or (known.functions and not functions):
            _refuse(problems(self, grids=grids, functions=functions, searcher=searcher))

    def _reading(self) -> _Reading:
        """What was read, unless something stands in the dictionary by now that was not there."""
        known = self._known
        if known is None or not known.holds:
            known = self._known = _read(self)
        return known

    def __getstate__(self) -> None:
        """A copy, or one that was sent to another process, is read there."""


class _Leaf(NamedTuple):
    """A value of a space that is no dictionary of others; `domain` is None for a constant."""

    path: Path
    value: Any
    domain: Domain | None


def _leaves(space: Mapping[str, Any], path: Path = ()) -> Iterator[_Leaf]:
    for key, value in space.items():
        domain = describe(value)
        if domain is None and isinstance(value, Mapping) and value and set(value) != {"eval"}:
            yield from _leaves(value, (*path, key))
        else:
            yield _Leaf((*path, key), value, domain)


class _Reading(NamedTuple):
    """What a space was when it was read: `parts` are its dictionaries, each with its keys and values of that time."""

    parts: list[tuple[Mapping[str, Any], list[str], list[Any]]]
    nested: bool
    axes: tuple[Axis, ...]
    drawn: list[Axis]  # those with a domain: no list to go through, no function
    grids: set[Path]
    functions: dict[Path, Any]

    @property
    def holds(self) -> bool:
        """Whether the very same objects stand there still."""
        for part, keys, values in self.parts:
            if list(part) != keys or not all(map(operator.is_, part.values(), values)):
                return False
        return True


def _read(space: Space, **demands: Any) -> _Reading:
    leaves = list(_leaves(space))
    _refuse(_problems(leaves, **demands))
    axes = tuple(Axis(leaf.path, leaf.domain, leaf.value) for leaf in leaves if leaf.domain is not None)
    parts: list[Mapping[str, Any]] = [space]
    for part in parts:
        parts += [value for value in part.values() if isinstance(value, dict)]
    return _Reading(
        parts=[(part, list(part), list(part.values())) for part in parts],
        nested=any(len(leaf.path) > 1 or isinstance(leaf.value, (dict, list)) for leaf in leaves),
        axes=axes,
        drawn=[axis for axis in axes if axis.domain.kind not in ("grid_search", "sample_from")],
        grids={axis.path for axis in axes if axis.domain.kind == "grid_search"},
        functions={axis.path: axis.domain.function for axis in axes if axis.domain.kind == "sample_from"},
    )


def _copied(part: Mapping[str, Any]) -> dict[str, Any]:
    """The same with dictionaries and lists of its own; a `grid_search` is a dictionary of Ray's."""
    return {
        key: _copied(value) if isinstance(value, Mapping) else list(value) if type(value) is list else value
        for key, value in part.items()
    }


def problems(
    space: Mapping[str, Any], *, grids: bool = True, functions: bool = True, searcher: str = "this searcher"
) -> dict[str, str]:
    """What is wrong with a space: the name of each faulty hyperparameter, and what to do about it.

    `grids=False` and `functions=False` are for a searcher that can take no `grid_search` and no `sample_from`.
    """
    if not isinstance(space, Mapping):
        return {"": f"a dictionary of names and domains was expected, not {type(space).__name__} {space!r}."}
    return _problems(_leaves(space), grids, functions, searcher)


def _problems(
    leaves: Iterable[_Leaf], grids: bool = True, functions: bool = True, searcher: str = "this searcher"
) -> dict[str, str]:
    found = {}
    for leaf in leaves:
        message = _key_problem(leaf.path[-1]) or _value_problem(leaf)
        if message is None and leaf.domain is not None:
            message = _demand_problem(leaf.domain, grids, functions, searcher)
        if message is not None:
            found["/".join(map(str, leaf.path))] = message
    return found


def _key_problem(key: Any) -> str | None:
    if not isinstance(key, str):
        return f"names are text, and {key!r} is {type(key).__name__}.\nUse {str(key)!r}."
    if "/" in key:
        return f"'/' separates the levels of a nested space.\nUse a nested dictionary instead of the name {key!r}."
    return None


def _value_problem(leaf: _Leaf) -> str | None:
    found = find(leaf.value, leaf.domain)
    return None if found is None else found.text


def _demand_problem(domain: Domain, grids: bool, functions: bool, searcher: str) -> str | None:
    if domain.kind == "grid_search" and not grids:
        return f"{domain} is a list to go through, and {searcher} cannot.\nUse tune.choice({list(domain.values)!r})."
    if domain.kind == "sample_from" and not functions:
        return (
            f"tune.sample_from cannot be inverted, so {searcher} cannot use it.\nUse a domain with bounds, "
            "for example tune.choice([4, 8, 16, 32, 64, 128, 256]) or tune.lograndint(4, 257)."
        )
    return None


def _refuse(found: Mapping[str, str]) -> None:
    if found:
        raise ValueError("\n".join(f"search space, {name!r}: {text}" for name, text in found.items()))


def _row(leaf: _Leaf) -> tuple[str, str, str, str, str]:
    domain = leaf.domain
    if domain is None:
        return "constant", repr(leaf.value), "", "", "1"
    if domain.kind == "sample_from":
        return domain.kind, "a function", "", "", "?"
    if domain.categorical:
        listed = repr(list(domain.values))
        return domain.kind, listed if len(listed) <= 60 else listed[:57] + "...", "", "", str(len(domain.values))
    if domain.normal:
        return domain.kind, f"mean {domain.mean}", f"sd {domain.sd}", "linear", "any"
    scale, count = "log" if domain.log else "linear", domain.size
    return domain.kind, f"{domain.lower}", f"{domain.upper}", scale, "any" if count == math.inf else str(count)
