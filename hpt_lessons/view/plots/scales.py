"""Where does the value of a hyperparameter stand on an axis, and is that axis logarithmic?"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import LogFormatter, NullLocator

from hpt_lessons.view.look.marks import alike
from hpt_lessons.view.plots.readings import distinct_values
from hpt_lessons.words import short

Ticks = tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Scale:
    """One hyperparameter on an axis: the place of each trial, and which kind of axis it is.

    `ticks` are the places and words of few whole numbers and of categories; empty where matplotlib chooses.
    """

    name: str
    places: Mapping[str, float] = field(repr=False)
    log: bool = False
    ticks: Ticks = ()
    categorical: bool = False

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest place; categories have room beside them."""
        if self.categorical:
            return -0.6, len(self.ticks) - 0.4
        low, high = min(self.places.values()), max(self.places.values())
        if low < high:
            return low, high
        return (low / 2, low * 2) if self.log else (low - 1, low + 1)

    def unit(self, place: float) -> float:
        """How far along the axis a place is: 0 at its lower end, 1 at its upper one."""
        low, high = self.ends
        if self.log:
            return math.log(place / low) / math.log(high / low)
        return (place - low) / (high - low)

    def place(self, unit: float) -> float:
        """The inverse of `unit`."""
        low, high = self.ends
        return low * (high / low) ** unit if self.log else low + unit * (high - low)


def scale_of(name: str, values: Mapping[str, Any], log: bool | None = None) -> Scale:
    """The scale for the values of a hyperparameter, given for each trial that has it.

    Without `log` the values say whether it is logarithmic; ValueError where that is asked for and a value is not
    positive.
    """
    distinct = distinct_values(values)
    numeric = all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in distinct)
    if not numeric:
        return _categories(name, distinct, values)
    places = {trial: float(value) for trial, value in values.items()}
    low = min(places.values())
    if log and low <= 0:
        raise ValueError(f"hyperparameter {name!r} has the value {low:g}, and a logarithmic scale has no place for it.")
    log = looks_logarithmic(list(places.values())) if log is None else log
    whole = sorted(float(value) for value in distinct) if len(distinct) <= 10 else []
    few = bool(whole) and all(value.is_integer() for value in whole)
    ticks = tuple((tick, str(int(tick))) for tick in _apart(whole, log)) if few else ()
    return Scale(name, places, log, ticks)


def wants_log(parameter: str, log: bool | Iterable[str] | None) -> bool | None:
    """What `log` says about this hyperparameter: for all, for none, for those named, or nothing."""
    if log is None or isinstance(log, bool):
        return log
    return parameter in ([log] if isinstance(log, str) else list(log))


def scale_axis(ax: Axes, scale: Scale, which: str = "x") -> None:
    """Give the axis `which`, "x" or "y", this scale, its ticks and its name."""
    ax.set(**{f"{which}label": scale.name, f"{which}scale": "log" if scale.log else "linear"})
    axis = ax.xaxis if which == "x" else ax.yaxis
    if scale.log:
        name_ticks(axis)
    if scale.ticks:
        places, words = zip(*scale.ticks, strict=True)
        turned = {"rotation": 20} if scale.categorical and which == "x" and len(words) > 4 else {}
        axis.set_ticks(places, words, **turned)
        axis.set_minor_locator(NullLocator())
    if scale.categorical or len(set(scale.places.values())) == 1:
        ax.set(**{f"{which}lim": scale.ends})


def name_ticks(axis: Axis) -> None:
    """On a logarithmic axis numbers stand as one types them: 1e-4."""
    axis.set_major_formatter(_Typed())
    axis.set_minor_formatter(_Typed())


class _Typed(LogFormatter):
    """Matplotlib decides which ticks get a number; which characters it has is the same as in the widgets."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return short(float(x)) if super().__call__(x, pos) else ""

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """The numbers of the whole axis, all written alike."""
        return alike(values, super().format_ticks(values))


def looks_logarithmic(values: list[float]) -> bool:
    """Two decades, or one if most of the values crowd at its lower end; many that do not crowd there are linear."""
    low, high = min(values), max(values)
    crowded = float(np.median(values)) <= high / 4
    return low > 0 and ((high >= 10 * low and crowded) or (high >= 100 * low and len(values) < 20))


def _apart(ticks: list[float], log: bool) -> list[float]:
    """Those ticks whose labels do not run into each other: at least a fourteenth of the axis apart."""
    places = [math.log(tick) for tick in ticks] if log else ticks
    least = (places[-1] - places[0]) / 14
    kept = [0]
    for index in range(1, len(ticks)):
        if places[index] - places[kept[-1]] >= least:
            kept.append(index)
    return [ticks[index] for index in kept]


def _categories(name: str, distinct: list, values: Mapping[str, Any]) -> Scale:
    """Categories side by side, numbers first and in order; the trials of one a little apart so that each is seen."""
    order = sorted(distinct, key=lambda value: (not isinstance(value, int | float), _number(value), str(value)))
    names = [repr(value) for value in order]
    groups: dict[str, list[str]] = defaultdict(list)
    for trial, value in values.items():
        groups[repr(value)].append(trial)
    places = {}
    for category, members in groups.items():
        offsets = np.linspace(-0.2, 0.2, len(members)) if len(members) > 1 else [0.0]
        places |= {trial: names.index(category) + offset for trial, offset in zip(members, offsets, strict=True)}
    return Scale(name, places, ticks=tuple(enumerate(map(str, order))), categorical=True)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
