"""Where does each trial lie, hyperparameter by hyperparameter, and do the trials fill a grid?

A hyperparameter becomes a column: its levels, and how much of its scale each of them stands for.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpt_lessons.trials import Trial, Trials

SCALES = ("choice", "linear", "log")
# A number with more distinct values than this has a width on its scale; with fewer, each value counts the same.
FEW = 8

Setting = tuple[Any, ...]


@dataclass(frozen=True)
class Column:
    """One hyperparameter: its distinct `levels` in order, on a scale that is "choice", "linear" or "log"."""

    name: str
    levels: tuple[Any, ...]
    scale: str

    def places(self, values: Iterable[Any]) -> np.ndarray:
        """Each value's place in 0..1: a choice's is the middle of its part, the numbers fill it from end to end."""
        if self.scale == "choice":
            order = {level: place for place, level in enumerate(self.levels)}
            return np.asarray((np.array([order[value] for value in values]) + 0.5) / len(self.levels))
        low, high = self._on_scale([self.levels[0], self.levels[-1]])
        return np.asarray((self._on_scale(values) - low) / (high - low))

    def weights(self) -> np.ndarray:
        """How much each level counts: a choice as much as any other, a number as far as its neighbours are apart.

        So a rate grid that is denser in the middle does not make the middle count more.
        """
        if self.scale == "choice" or len(self.levels) < 2:
            return np.ones(len(self.levels))
        return np.asarray(np.gradient(self._on_scale(self.levels)))

    def _on_scale(self, values: Iterable[Any]) -> np.ndarray:
        numbers = np.array(list(values), float)
        return np.log(numbers) if self.scale == "log" else numbers


def columns_of(trials: Sequence[Trial], names: Sequence[str], scales: Mapping[str, str] | None = None) -> list[Column]:
    """The column of each named hyperparameter. `scales` says "choice", "linear" or "log" where the guess is not right.

    The guess: at most eight distinct values, or anything that is not a number, are choices; other numbers are linear or
    logarithmic, whichever puts their median nearer to the middle. Raises ValueError for a scale that does not fit.
    """
    scales = dict(scales or {})
    unknown = sorted(set(scales) - set(names))
    if unknown:
        raise ValueError(f"scales: {unknown[0]!r} is no hyperparameter here; there are {', '.join(names)}.")
    return [_column(name, {level(trial.config, name) for trial in trials}, scales.get(name)) for name in names]


def _column(name: str, levels: set[Any], scale: str | None) -> Column:
    ordered = sorted(levels, key=lambda value: (not _is_number(value), value if _is_number(value) else 0, repr(value)))
    numbers = all(map(_is_number, ordered))
    if scale is None:
        scale = _guess(ordered) if numbers and len(ordered) > FEW else "choice"
    if scale not in SCALES:
        raise ValueError(f"scales: {scale!r} for {name!r} is not possible; choose {', '.join(map(repr, SCALES))}.")
    if scale != "choice" and (not numbers or (scale == "log" and ordered[0] <= 0)):
        misfit = ordered[0 if numbers else -1]
        raise ValueError(f"scales: {name!r} has the value {misfit!r}, with no place on a {scale} scale; take 'choice'.")
    return Column(name, tuple(ordered), scale)


def _guess(numbers: Sequence[float]) -> str:
    """The scale on which the numbers spread evenly to both sides of their median."""

    def off_centre(values: np.ndarray) -> float:
        low, middle, high = np.quantile(values, [0, 0.5, 1])
        return float(abs((middle - low) / (high - low) - 0.5))

    linear = np.array(numbers, float)
    return "log" if linear[0] > 0 and off_centre(np.log(linear)) < off_centre(linear) else "linear"


def level(config: Mapping[str, Any], name: str) -> Any:
    """The value of one hyperparameter; a list or a dictionary in words, so that values can be compared."""
    value = config.get(name)
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, str | bool | int | float | None) else repr(value)


def setting(trial: Trial, names: Sequence[str]) -> Setting:
    """The values of the named hyperparameters."""
    return tuple(level(trial.config, name) for name in names)


def varying(trials: Sequence[Trial]) -> list[str]:
    """The hyperparameters that have at least two values, in the order of the configurations."""
    names = dict.fromkeys(name for trial in trials for name in trial.config)
    return [name for name in names if len({level(trial.config, name) for trial in trials}) > 1]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value)


def complete_part(trials: Trials, names: Sequence[str], at_least: float = 0.5) -> Trials | None:
    """The trials of a full grid: those left when levels are dropped until every combination of the others was tried.

    Each hyperparameter keeps two levels at least. None if that is not to be had, or if less than the share `at_least`
    of the configurations is left, as in a random search, where no two share a value.
    """
    settings = {setting(trial, names) for trial in trials}
    kept = _full_grid(settings, at_least * len(settings))
    return None if kept is None else trials.filter(lambda trial: setting(trial, names) in kept)


def _full_grid(settings: set[Setting], at_least: float) -> set[Setting] | None:
    """Again and again the level goes that lacks the largest share of its combinations; None when too few are left."""
    while len(settings) >= at_least:
        counts = [Counter(levels) for levels in zip(*settings, strict=True)]
        if len(settings) == math.prod(map(len, counts)):
            return settings
        # A level has 1 / levels of all combinations. A column of one level could show nothing: two stay.
        there = {
            (place, level): count * len(levels)
            for place, levels in enumerate(counts)
            for level, count in levels.items()
            if len(levels) > 2
        }
        if not there:
            return None
        place, worst = min(there, key=there.__getitem__)
        settings = {found for found in settings if found[place] != worst}
        if any(len({found[place] for found in settings}) < 2 for place in range(len(counts))):
            return None
    return None
