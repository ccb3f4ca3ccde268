"""Which values does a layout try at all? Its points in two dimensions, and their shadows on the axes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from hpt_lessons.trials import Trial, Trials
from hpt_lessons.view.look.style import COLOURS, name_data
from hpt_lessons.view.plots.looks import new_axes
from hpt_lessons.view.plots.readings import choose_parameters, columns_of, distinct_values, not_empty
from hpt_lessons.view.plots.scales import scale_axis, scale_of, wants_log

_ROOM = 0.08  # of the axis, between its end and the first point, for the shadows


def shadows(
    trials: Trials | Sequence[Mapping[str, Any]], x: str, y: str, *, title: str = "",
    log: bool | Sequence[str] | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Every trial's place on two hyperparameters, and on each axis a tick for every different value.

    On axes that are shared with another plot of shadows the limits suit both.
    `trials` is a table, or a list of configurations that were not trained yet. The number of different values stands
    on each axis: a grid of nine trials tries three, random nine (figure 1 of Bergstra & Bengio, 2012). `title` is the
    layout's name; a known method has its colour. `log` as in `slices`. Raises ValueError for an empty table and for a
    hyperparameter that no configuration has.
    """
    table = trials if isinstance(trials, Trials) else _untrained(trials)
    not_empty("shadows", table)
    columns = columns_of(table)
    choose_parameters("shadows", columns, [x, y])
    ax = ax or new_axes((4.6, 4.4))
    scales = {axis: scale_of(name, columns[name], wants_log(name, log)) for axis, name in (("x", x), ("y", y))}
    for axis, scale in scales.items():
        scale_axis(ax, scale, axis)
        low, high = _with_siblings(ax, axis, scale.place(-_ROOM), scale.place(1 + _ROOM / 2))
        count = len(distinct_values(columns[scale.name]))
        ax.set(**{f"{axis}lim": (low, high), f"{axis}label": f"{scale.name} ({count} value{'s'[: count != 1]})"})
    both = [name for name in scales["x"].places if name in scales["y"].places]
    places = {axis: [scale.places[name] for name in both] for axis, scale in scales.items()}
    colour = COLOURS.get(title.lower().replace(" ", "-"), COLOURS["random"])
    ax.plot(places["x"], places["y"], "o", color=colour, markersize=7, markeredgecolor="white", zorder=3)
    _shadow(ax, np.unique(places["x"]), "x", colour)
    _shadow(ax, np.unique(places["y"]), "y", colour)
    ax.set_title(title, loc="left")
    return name_data(ax, table.data) if isinstance(trials, Trials) else ax


def _with_siblings(ax: Axes, axis: str, low: float, high: float) -> tuple[float, float]:
    """These limits, wide enough for the plots that share the axis as well: layouts are compared side by side."""
    others = [other for other in getattr(ax, f"get_shared_{axis}_axes")().get_siblings(ax) if other is not ax]
    if not any(other.lines for other in others):
        return low, high
    before = getattr(ax, f"get_{axis}lim")()
    return min(low, *before), max(high, *before)


def _untrained(configs: Sequence[Mapping[str, Any]]) -> Trials:
    return Trials(Trial(f"{place:04d}", dict(config)) for place, config in enumerate(configs))


def _shadow(ax: Axes, values: np.ndarray, axis: str, colour: str) -> None:
    """A tick at each value, just inside the axis."""
    edge = np.full(len(values), 0.02)
    points, transform = ((values, edge), ax.get_xaxis_transform()) if axis == "x" else (
        (edge, values), ax.get_yaxis_transform())  # fmt: skip
    ax.plot(
        *points,
        linestyle="",
        marker="|" if axis == "x" else "_",
        markersize=13,
        markeredgewidth=2,
        color=colour,
        transform=transform,
        zorder=2,
        gid=f"shadows {axis}",
    )
