"""Which values of each hyperparameter gave good results? A panel for each."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hpt_lessons.analysis.intervals import mean_interval
from hpt_lessons.trials import Trial, Trials, expect_trials
from hpt_lessons.view.look.style import COLOURS, name_data
from hpt_lessons.view.plots.looks import BAND, add_legend, draw_mark, limits_of, look_of_mark
from hpt_lessons.view.plots.readings import (
    choose_parameters,
    columns_of,
    last_value,
    metric_label,
    repeated,
    winner_of,
    winner_text,
)
from hpt_lessons.view.plots.scales import scale_axis, scale_of, wants_log


def slices(
    trials: Trials,
    parameters: Sequence[str] | None = None,
    *,
    metric: str = "loss",
    log: bool | Iterable[str] | None = None,
    axes: Axes | Sequence[Axes] | None = None,
) -> np.ndarray:
    """One panel for each hyperparameter: its value in every trial against the metric after the trial's last epoch.

    Trials that were cut early are hollow: they had fewer epochs. Without `parameters` those that differ between trials
    are shown, nested ones as "a/b". A scale is logarithmic where the values ask for it (mostly: two decades or more),
    or as `log` says: for all (True), none (False), or those named. A trial named "default" is a star and a line.
    Repeats of a configuration get the 95 % interval of their mean.
    """
    expect_trials("slices", trials)
    label, scale = metric_label(metric)
    data, columns = trials.data, columns_of(trials)
    parameters = choose_parameters("slices", columns, parameters)
    own, axes = axes is None, _panels(len(parameters), axes)
    low, high = limits_of([scale * last_value(trial, metric) for trial in trials if not trial.diverged], metric)
    winner = winner_of(trials, metric, None)
    for ax, parameter in zip(axes, parameters, strict=True):
        ax.set_ylim(low, high)
        axis = scale_of(parameter, columns[parameter], wants_log(parameter, log))
        scale_axis(ax, axis)
        _panel(ax, trials, axis.places, metric, scale, winner)
    for ax in axes[::_PER_ROW] if own else axes[:1]:
        ax.set_ylabel(label)
    add_legend(axes[_top_right(axes)], _slice_handles(trials, winner, metric), own)
    name_data(axes[_top_right(axes)], data)
    return axes


def _panel(
    ax: Axes, trials: Trials, places: Mapping[str, float], metric: str, scale: float, winner: Trial | None
) -> None:
    """All that one panel shows: the default's line, a dot for each trial that has a place, the bars of repeats."""
    _default_line(ax, trials, metric, scale)
    for trial in trials:
        if trial.name in places:
            _dot(ax, trial, places[trial.name], metric, scale, winner)
    _repeat_bars(ax, trials, places, metric, scale)


_PER_ROW = 4


def _panels(count: int, axes: Axes | Sequence[Axes] | None) -> np.ndarray:
    """The axes given, or those of a new figure."""
    if axes is not None:
        given = np.atleast_1d(np.asarray(axes, dtype=object)).ravel()
        if len(given) != count:
            raise ValueError(f"slices: {len(given)} axes are given for {count} hyperparameters; give one for each.")
        return given
    columns = min(count, _PER_ROW)
    rows = math.ceil(count / columns)
    panels = max(4.6 if count == 1 else 7.6, 2.2 * columns)  # inches; the legend stands beside them
    size = (panels + 2.4, 3.4 * rows)
    _, grid = plt.subplots(rows, columns, figsize=size, sharey=True, squeeze=False, layout="constrained")
    for spare in grid.ravel()[count:]:
        spare.remove()
    return grid.ravel()[:count]


def _top_right(axes: np.ndarray) -> int:
    return min(len(axes), _PER_ROW) - 1


def _dot(ax: Axes, trial: Trial, x: float, metric: str, scale: float, winner: Trial | None) -> None:
    """One trial: hollow if it was cut, at the edge if it diverged or lies off the scale."""
    low, high = ax.get_ylim()
    if trial.diverged:
        draw_mark(ax, "diverged", x, high if metric == "loss" else low, None, 6)
        return
    value = scale * last_value(trial, metric)
    if not math.isfinite(value):
        return
    look = dict(_DOTS["full" if trial.status == "completed" else "hollow"])
    if trial.name == "default":
        look = dict(_DOTS["default"])
    if winner is not None and trial.name == winner.name:
        look |= _DOTS["best"]
    ax.plot([x], [min(max(value, low), high)], linestyle="", **look, clip_on=False, gid=trial.name)


_DOTS: dict[str, dict[str, Any]] = {
    "full": {
        "marker": "o", "markersize": 7, "markerfacecolor": COLOURS["neutral"], "markeredgecolor": COLOURS["cut"],
        "zorder": 4,
    },
    "hollow": {
        "marker": "o", "markersize": 7, "markerfacecolor": "white", "markeredgecolor": COLOURS["cut"], "zorder": 3,
    },
    "default": {
        "marker": "*", "markersize": 14, "markerfacecolor": COLOURS["default"], "markeredgecolor": "white", "zorder": 5,
    },
    "best": {
        "markersize": 13, "markerfacecolor": COLOURS["best"], "markeredgecolor": COLOURS["default"],
        "markeredgewidth": 1.5, "zorder": 7,
    },
}  # fmt: skip


def _default_line(ax: Axes, trials: Trials, metric: str, scale: float) -> None:
    """The untuned default's result across the panel, to compare every trial with."""
    if "default" in trials and not trials["default"].diverged and trials["default"].history:
        level = scale * last_value(trials["default"], metric)
        ax.axhline(level, color=COLOURS["default"], linestyle="--", linewidth=1, zorder=1)


def _repeat_bars(ax: Axes, trials: Trials, places: Mapping[str, float], metric: str, scale: float) -> None:
    for repeats in repeated(trials):
        values = [scale * last_value(trial, metric) for trial in repeats]
        if repeats[0].name in places and all(map(math.isfinite, values)):
            low, high = mean_interval(values)
            x = float(np.mean([places[trial.name] for trial in repeats]))
            ax.errorbar(
                [x], [np.mean(values)], [[np.mean(values) - low], [high - np.mean(values)]],
                color=COLOURS["cut"], capsize=4, marker="_", markersize=10, zorder=6,
            )  # fmt: skip


def _slice_handles(trials: Trials, winner: Trial | None, metric: str) -> list[Line2D]:
    """A line of the legend for each kind of dot that occurs."""
    sound = [trial for trial in trials if not trial.diverged and trial.history]
    counts = {
        "full": ("all its epochs", sum(trial.status == "completed" for trial in sound)),
        "hollow": ("fewer epochs", sum(trial.status != "completed" for trial in sound)),
    }
    handles = []
    if winner is not None:
        look = _DOTS["default" if winner.name == "default" else "full"] | _DOTS["best"]
        handles.append(Line2D([], [], linestyle="", **look, label=winner_text(winner, metric)))
    if "default" in trials:
        handles.append(Line2D([], [], **_DOTS["default"], color="black", linestyle="--", label="untuned default"))
    for kind, (text, count) in counts.items():
        if count:
            handles.append(Line2D([], [], linestyle="", **_DOTS[kind], label=f"{text} ({count})"))
    diverged = sum(trial.diverged for trial in trials)
    if diverged:
        handles.append(Line2D([], [], linestyle="", **look_of_mark("diverged"), label=f"diverged ({diverged})"))
    if any(len(repeats) > 1 for repeats in repeated(trials)):
        handles.append(Line2D([], [], color=COLOURS["cut"], marker="_", label=BAND))
    return handles
