"""Where in the plane of two hyperparameters is the valley? Contours between the trials that were measured."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from matplotlib.tri import LinearTriInterpolator, Triangulation

from hpt_lessons.trials import Trials
from hpt_lessons.view.look.style import COLOURS, name_data
from hpt_lessons.view.plots.looks import legend_below, limits_of, look_of_mark, new_axes
from hpt_lessons.view.plots.readings import choose_parameters, columns_of, in_unit, last_value, metric_label, not_empty
from hpt_lessons.view.plots.scales import Scale, scale_axis, scale_of, wants_log

Cells = Mapping[tuple[float, float], float]

REDUCE = ("mean", "best")
_LEVELS, _FINE = 9, 121
_ROOM = 0.04  # of an axis, between its end and the outermost trial


def contour(
    trials: Trials, x: str, y: str, *, metric: str = "loss", reduce: str = "mean",
    log: bool | Iterable[str] | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """The metric after the last epoch over the plane of two hyperparameters: dark is good, dots were measured.

    Trials at the same place, which differ in their seed or in other hyperparameters, count with their mean or, with
    `reduce="best"`, with the best of them. Between the places the surface is interpolated on the scales of the axes
    (`log` as in `slices`): bilinearly if they are a full grid, over triangles if they are scattered. Around a place
    where all trials diverged it stays white. Raises ValueError for an empty table, for a hyperparameter that no
    configuration has or that is no number, and where fewer than three places lie off one line.
    """
    not_empty("contour", trials)
    label, factor = metric_label(metric)
    if reduce not in REDUCE:
        raise ValueError(f"contour: reduce={reduce!r} is not possible; choose {' or '.join(map(repr, REDUCE))}.")
    scales = [_scale(trials, name, log) for name in (x, y)]
    cells = _cells(trials, scales, metric, factor, reduce)
    ax = ax or new_axes((7.5, 4.6))
    for which, scale in zip("xy", scales, strict=True):
        scale_axis(ax, scale, which)
    _surface(ax, scales, cells, metric, label)
    _points(ax, cells, metric)
    for which, scale in zip("xy", scales, strict=True):
        ax.set(**{f"{which}lim": (scale.place(-_ROOM), scale.place(1 + _ROOM))})
    return name_data(ax, trials.data)


def _scale(trials: Trials, name: str, log: bool | Iterable[str] | None) -> Scale:
    columns = columns_of(trials)
    choose_parameters("contour", columns, [name])
    scale = scale_of(name, columns[name], wants_log(name, log))
    if scale.categorical or len(set(scale.places.values())) < 2:
        what = "has values that are no numbers" if scale.categorical else "has only one value"
        raise ValueError(f"contour: {name!r} {what}, and a plane needs two axes of numbers. slices() shows it.")
    return scale


def _cells(trials: Trials, scales: list[Scale], metric: str, factor: float, reduce: str) -> Cells:
    """For each place the mean or best of its sound trials, NaN if all of them diverged."""
    groups: dict[tuple[float, float], list[float]] = defaultdict(list)
    across, up = (scale.places for scale in scales)
    for trial in trials:
        if trial.history and trial.name in across and trial.name in up:
            value = factor * last_value(trial, metric)
            groups[across[trial.name], up[trial.name]] += [value] if math.isfinite(value) else []
    best = max if metric == "accuracy" else min
    choose = best if reduce == "best" else np.mean
    return {place: float(choose(values)) if values else math.nan for place, values in groups.items()}


def _surface(ax: Axes, scales: list[Scale], cells: Cells, metric: str, label: str) -> None:
    """Filled contours with their lines, and a bar that names the levels."""
    units = np.linspace(0, 1, _FINE)
    values = _interpolated(scales, cells, units)
    across, up = ([scale.place(unit) for unit in units] for scale in scales)
    known = [value for value in cells.values() if math.isfinite(value)]
    levels = MaxNLocator(_LEVELS).tick_values(*_clipped(known, metric))
    beyond = "max" if max(known, default=0) > levels[-1] else "neither"
    colours = "cividis_r" if metric == "accuracy" else "cividis"
    filled = ax.contourf(across, up, values, levels, cmap=colours, extend=beyond)
    ax.contour(across, up, values, levels[1:-1], colors="white", linewidths=0.7)
    bar = ax.figure.colorbar(filled, ax=ax)
    bar.set_label(label)
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:.4g}")


def _clipped(known: list[float], metric: str) -> tuple[float, float]:
    """The range that the colours cover: that of the values, without losses that would flatten all others."""
    low, high = limits_of(known, metric)
    return max(low, min(known, default=low)), min(high, max(known, default=high))


def _interpolated(scales: list[Scale], cells: Cells, units: np.ndarray) -> np.ma.MaskedArray:
    """The surface on a fine square of the scales' units, masked where nothing sound is near."""
    places = np.array([[scale.unit(value) for scale, value in zip(scales, place, strict=True)] for place in cells])
    values = np.array(list(cells.values()))
    xs, ys = (np.unique(places[:, column].round(9)) for column in (0, 1))
    if len(cells) == len(xs) * len(ys):
        order = np.lexsort((places[:, 0].round(9), places[:, 1].round(9)))
        return _bilinear(xs, ys, values[order].reshape(len(ys), len(xs)), units)
    try:
        triangles = Triangulation(*places.T)
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            f"contour: the {len(cells)} places that were tried span no surface: three of them must lie "
            "off one line. slices() shows fewer."
        ) from error
    triangles.set_mask(np.isnan(values)[triangles.triangles].any(axis=1))
    if triangles.mask is not None and triangles.mask.all():
        return np.ma.masked_all((len(units), len(units)))
    return LinearTriInterpolator(triangles, np.nan_to_num(values))(*np.meshgrid(units, units))


def _bilinear(xs: np.ndarray, ys: np.ndarray, grid: np.ndarray, units: np.ndarray) -> np.ma.MaskedArray:
    """Between the four corners of each cell of a full grid, which has the shape (len(ys), len(xs))."""
    rows = np.array([np.interp(units, xs, row) for row in grid])
    return np.ma.masked_invalid([np.interp(units, ys, column) for column in rows.T]).T


def _points(ax: Axes, cells: Cells, metric: str) -> None:
    """A dot where something was measured, the best one larger, a triangle where everything diverged."""
    sound = {place: value for place, value in cells.items() if math.isfinite(value)}
    lost = [place for place in cells if place not in sound]
    handles = []
    dots = {"linestyle": "", "color": "white", "markeredgecolor": COLOURS["default"], "clip_on": False}
    if sound:
        best = (max if metric == "accuracy" else min)(sound, key=lambda place: sound[place])
        words = f"measured ({len(sound)})"
        handles += ax.plot(*zip(*sound, strict=True), marker="o", markersize=4, label=words, **dots)
        text = f"best ({in_unit(sound[best], metric)})"
        dots |= {"color": COLOURS["best"], "markeredgewidth": 1.5}
        handles += ax.plot(*best, marker="o", markersize=11, label=text, **dots)
    if lost:
        handles += ax.plot(*zip(*lost, strict=True), linestyle="", **look_of_mark("diverged"), clip_on=False,
                           label=f"diverged ({len(lost)})")  # fmt: skip
    legend_below(ax, handles)
