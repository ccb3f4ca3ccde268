"""Where in a recorded table does a configuration lie? Its cell, and its neighbours on the sweep of learning rates.

A cell holds all trials that differ in the learning rate and the seed alone. A table may be ragged: cells need not have
the same learning rates, nor the levels of the other hyperparameters all combinations.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpt_lessons.recorded.curves import Curve
from hpt_lessons.trials import Trial

SLACK = 1e-9  # in the logarithm: rates nearer than this are the same


class CellIndex:
    """The axes of a table: which levels were recorded, and which cell is nearest to a configuration."""

    def __init__(self, names: Sequence[str], configs: Sequence[Mapping[str, Any]]):
        self.names = list(names)
        self.levels = {
            name: _sorted({_text(config[name]): config[name] for config in configs}.values()) for name in self.names
        }
        self.others = [name for name in self.names if name != "lr"]
        self.numeric = {name: all(_is_number(level) for level in self.levels[name]) for name in self.names}
        if "lr" in self.names and not (self.numeric["lr"] and min(self.levels["lr"]) > 0):
            raise ValueError(f"Recorded: the learning rates are {self.levels['lr']!r}; positive numbers were expected.")
        self._cells = {self.key(config): config for config in configs}
        self._nearest: dict[tuple, tuple] = {}  # what was asked before

    def key(self, config: Mapping[str, Any]) -> tuple:
        """What tells the cell of a recorded configuration from the others."""
        return tuple(_text(config[name]) for name in self.others)

    def rate(self, config: Mapping[str, Any]) -> float | None:
        """The logarithm of the learning rate; None for a table without. ValueError if it lies beyond all sweeps."""
        if "lr" not in self.levels:
            return None
        rate, levels = config["lr"], self.levels["lr"]
        if not _is_number(rate):
            raise ValueError(
                f"configuration, 'lr': {rate!r} is no number; give one from {levels[0]:g} to {levels[-1]:g}."
            )
        if not levels[0] * (1 - SLACK) <= rate <= levels[-1] * (1 + SLACK):
            raise ValueError(
                f"configuration, 'lr': {rate!r} lies outside of what was recorded, {levels[0]:g} to "
                f"{levels[-1]:g}. Search a range inside, such as that of Recorded(...).space."
            )
        return math.log(rate)

    def nearest(self, config: Mapping[str, Any]) -> tuple:
        """The key of the recorded cell nearest to a configuration."""
        if config.keys() != self.levels.keys():
            self._check_names(config)
        asked = self.key(config)
        if asked not in self._nearest:
            self._nearest[asked] = asked if asked in self._cells else self._search(config)
        return self._nearest[asked]

    def _check_names(self, config: Mapping[str, Any]) -> None:
        known = ", ".join(self.names)
        for name in config:
            if name not in self.levels:
                raise ValueError(f"configuration: {name!r} was not varied in this table; it has {known}. Leave it out.")
        missing = next(name for name in self.names if name not in config)
        raise ValueError(f"configuration: {missing!r} is missing; this table has {known}. Give a value for each.")

    def _search(self, config: Mapping[str, Any]) -> tuple:
        cells = {key: cell for key, cell in self._cells.items() if self._same_categories(cell, config)}
        return min(
            cells,
            key=lambda key: sum(
                self._steps(name, cells[key][name], config[name]) for name in self.others if self.numeric[name]
            ),
        )

    def _same_categories(self, cell: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
        """Whether all that is no number agrees; ValueError for what was recorded in no cell."""
        for name in self.others:
            known = [_text(level) for level in self.levels[name]]
            if not self.numeric[name] and _text(config[name]) not in known:
                raise ValueError(
                    f"configuration, {name!r}: {config[name]!r} was not recorded; choose one of {self.levels[name]!r}."
                )
        return all(self.numeric[name] or _text(cell[name]) == _text(config[name]) for name in self.others)

    def _steps(self, name: str, level: float, value: Any) -> float:
        """How far a value is from a level, as a share of the axis; in the logarithm where all levels are positive."""
        low, high = self.levels[name][0], self.levels[name][-1]
        if not _is_number(value) or (low > 0 and value <= 0):
            raise ValueError(
                f"configuration, {name!r}: {value!r} is no {'positive ' if low > 0 else ''}number; "
                f"recorded are {self.levels[name]!r}."
            )
        if low == high:
            return 0.0
        if low > 0:
            return abs(math.log(value / level)) / math.log(high / low)
        return abs(value - level) / (high - low)


@dataclass(frozen=True)
class Sweep:
    """The trials of one cell and one seed, by learning rate: `rates` are its logarithms, smallest first."""

    rates: np.ndarray
    trials: tuple[Trial, ...]
    curves: tuple[Curve, ...]

    def neighbours(self, rate: float | None) -> tuple[int, int, float, float]:
        """Places of the two neighbours, the weight of the second, and how far apart they are.

        One that was recorded is its own neighbour, at distance 0. Beyond the ends the end stands for both, and its
        distance counts a thousandfold: a seed whose sweep holds the rate comes first.
        """
        if rate is None or len(self.rates) == 1:
            return 0, 0, 0.0, 0.0 if rate is None else 1e3 * _apart(rate, self.rates[0])
        above = int(np.searchsorted(self.rates, rate - SLACK))
        if above == len(self.rates) or (above == 0 and _apart(rate, self.rates[0])):
            end = min(above, len(self.rates) - 1)
            return end, end, 0.0, 1e3 * _apart(rate, self.rates[end])
        if not _apart(rate, self.rates[above]):
            return above, above, 0.0, 0.0
        width = float(self.rates[above] - self.rates[above - 1])
        return above - 1, above, float(rate - self.rates[above - 1]) / width, width

    def at(self, rate: float | None) -> Curve:
        """The curve at a learning rate."""
        low, high, weight, _ = self.neighbours(rate)
        return between(self.curves[low], self.curves[high], weight)


def between(low: Curve, high: Curve, weight: float) -> Curve:
    """The curve between two neighbours: `weight` 0 is the first, 1 the second.

    Beside a training that diverged or died there is nothing to average: no training has a loss halfway between 1.4 and
    1,000,000, and none is half alive. Where the edge lies is not known, so it is put halfway, in the logarithm: the
    nearer neighbour stands for all of it.
    """
    if weight == 0 or any(curve.diverged or curve.dead for curve in (low, high)):
        return low if weight <= 0.5 else high
    return Curve((1 - weight) * low.values + weight * high.values)


class Cell:
    """The trials that differ in learning rate and seed alone: a sweep for each seed (of training and of the split)."""

    def __init__(self, key: tuple, trials: Sequence[Trial], curves: Mapping[str, Curve]):
        self.key = key
        by_seed: dict[tuple, list[tuple[float, Trial]]] = {}
        for trial in trials:
            by_seed.setdefault(seeds_of(trial), []).append((math.log(trial.config.get("lr", 1.0)), trial))
        self.seeds = {seeds: _sweep(rows, curves) for seeds, rows in by_seed.items()}

    def seeds_at(self, rate: float | None) -> list[tuple]:
        """The seeds whose neighbours of this learning rate are nearest together: a recorded one first of all."""
        if len(self.seeds) == 1:
            return list(self.seeds)
        widths = {seeds: sweep.neighbours(rate)[3] for seeds, sweep in self.seeds.items()}
        least = min(widths.values())
        return [seeds for seeds, width in widths.items() if width <= least + SLACK]

    def curve(self, seeds: tuple, rate: float | None) -> Curve:
        """The curve of one of these seeds at a learning rate."""
        return self.seeds[seeds].at(rate)

    def nearest(self, rate: float | None) -> Trial:
        """The recorded trial whose learning rate is nearest."""
        rows = [
            (0.0 if rate is None else abs(own - rate), trial)
            for sweep in self.seeds.values()
            for own, trial in zip(sweep.rates, sweep.trials, strict=True)
        ]
        return min(rows, key=lambda row: row[0])[1]

    def left_out_one_by_one(self) -> Iterator[tuple[str, Curve, Curve]]:
        """Each trial between two sound ones: its name, its curve, and what that would be without it."""
        for sweep in self.seeds.values():
            for place in range(1, len(sweep.rates) - 1):
                low, own, high = sweep.curves[place - 1 : place + 2]
                if any(curve.diverged or curve.dead for curve in (low, own, high)):
                    continue
                before, here, after = sweep.rates[place - 1 : place + 2]
                yield sweep.trials[place].name, own, between(low, high, (here - before) / (after - before))


def _sweep(rows: list[tuple[float, Trial]], curves: Mapping[str, Curve]) -> Sweep:
    rows = sorted(rows, key=lambda row: row[0])
    rates = np.array([rate for rate, _ in rows])
    if np.any(np.diff(rates) <= SLACK):
        place = int(np.argmin(np.diff(rates)))
        first, second = rows[place][1], rows[place + 1][1]
        raise ValueError(
            f"Recorded: the trials {first.name!r} and {second.name!r} have the same configuration and "
            f"seed ({first.config}, seed {first.seed}). Filter the table so that one of them is left."
        )
    return Sweep(rates, tuple(trial for _, trial in rows), tuple(curves[trial.name] for _, trial in rows))


def config_key(config: Mapping[str, Any]) -> tuple:
    """What tells one configuration from another, whatever the order of its names."""
    return tuple(sorted((name, _text(value)) for name, value in config.items()))


def seeds_of(trial: Trial) -> tuple[int, int]:
    """The seed of a trial's training and that of its split; 0 where it is not said."""
    split = trial.history[0].extra.get("split_seed", 0) if trial.history else 0
    return int(trial.seed or 0), int(split)


def _apart(rate: float, other: float) -> float:
    """The distance, 0 for rates that are the same but for rounding."""
    distance = abs(float(rate - other))
    return distance if distance > SLACK else 0.0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value)


def _text(value: Any) -> str:
    """A value as a key: 16 and 16.0 are the same level, lists and names are compared as they are written."""
    return repr(float(value)) if _is_number(value) else repr(value)


def _sorted(levels: Any) -> list:
    levels = [level.item() if isinstance(level, np.generic) else level for level in levels]
    return sorted(levels) if all(map(_is_number, levels)) else sorted(levels, key=repr)
