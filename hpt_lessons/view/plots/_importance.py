"""Which hyperparameters matter? Their importance, each with its interval."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from hpt_lessons.view.look.style import name_data
from hpt_lessons.view.plots.looks import add_legend, method_lines, new_axes

Number = float | tuple[float, float, float]


def importance(
    shares: Mapping[str, Any], *, label: str = "share of the variance (not normalised)", data: str = "",
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """A dot and an interval for each hyperparameter, the most important one at the top.

    `shares` gives for each hyperparameter a number or (number, low, high), for example the rows of
    `analysis.importance.shares(trials).rows()`; or several of these, named: the whole space and its good region,
    {"all trials": {"lr": (0.6, 0.5, 0.7), ...}, "best quarter": {...}}. `label` says what is measured and in which
    unit, `data` on which data. Raises ValueError where there is nothing to draw, and where a
    number lies outside its own interval.
    """
    if not isinstance(shares, Mapping):
        kind, example = type(shares).__name__, "{'lr': 0.6, ...}"
        raise TypeError(f"importance: {shares!r:.80} is a {kind}; a dictionary was expected, such as {example}.")
    regions = shares if shares and all(isinstance(value, Mapping) for value in shares.values()) else {"": shares}
    regions = {name: {key: _interval(key, value) for key, value in region.items()} for name, region in regions.items()}
    names = list(dict.fromkeys(name for region in regions.values() for name in region))
    if not names:
        raise ValueError("importance: there is no hyperparameter to draw; give {'lr': (share, low, high), ...}.")
    first = next(iter(regions.values()))
    names.sort(key=lambda name: first.get(name, (0, 0, 0))[0], reverse=True)
    own = ax is None
    ax = ax or new_axes((7.5, 1.3 + 0.32 * len(names) * (1 + 0.4 * (len(regions) - 1))))
    ax.axvline(0, color="black", linewidth=0.8)
    handles = [_region(ax, name, region, names, place, regions) for place, (name, region) in enumerate(regions.items())]
    ax.set(xlabel=label, ylim=(len(names) - 0.4, -0.6))
    ax.set_yticks(range(len(names)), names)
    ax.grid(False, axis="y")
    ax.spines["left"].set_visible(False)  # the line at 0 stands for it
    ax.tick_params(axis="y", length=0)
    if len(regions) > 1:
        add_legend(ax, handles, own)
    return name_data(ax, data)


def _interval(name: str, given: Any) -> tuple[float, float, float]:
    """Number, low and high; a number alone has no interval."""
    numbers = [float(number) for number in (given if isinstance(given, Sequence | np.ndarray) else [given])]
    value, low, high = numbers if len(numbers) == 3 else (numbers[0], np.nan, np.nan)
    if len(numbers) not in (1, 3) or not np.isfinite(value) or low > value or high < value:
        raise ValueError(
            f"importance, {name!r}: {given!r} is no number with its interval; expected a finite number or "
            "(number, low, high) with low <= number <= high."
        )
    return value, low, high


def _region(
    ax: Axes,
    name: str,
    region: Mapping[str, tuple[float, float, float]],
    names: Sequence[str],
    place: int,
    regions: Mapping[str, Any],
) -> Any:
    """Dots, their lines from 0 and their intervals, a little below those of the region before."""
    look = method_lines(regions)[name]
    offset = (place - (len(regions) - 1) / 2) * 0.5 / len(regions)
    rows = [names.index(key) + offset for key in region]
    values, lows, highs = np.array(list(region.values())).T
    ax.hlines(rows, 0, values, color=look.colour, linewidth=1, alpha=0.6)
    errors = np.nan_to_num([values - lows, highs - values])
    return ax.errorbar(
        values,
        rows,
        xerr=errors,
        linestyle="",
        marker=look.marker,
        markersize=8,
        color=look.colour,
        markeredgecolor="white",
        capsize=4,
        elinewidth=2,
        label=name,
    )
