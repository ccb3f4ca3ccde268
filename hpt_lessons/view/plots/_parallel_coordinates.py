"""What have good configurations in common? A line for each through all of its hyperparameters."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator

from hpt_lessons.trials import Trial, Trials
from hpt_lessons.view.look.style import COLOURS, WIDE, name_data
from hpt_lessons.view.plots.looks import add_legend, legend_below, limits_of, new_axes
from hpt_lessons.view.plots.readings import choose_parameters, columns_of, last_value, metric_label, not_empty
from hpt_lessons.view.plots.scales import Scale, scale_of, wants_log
from hpt_lessons.words import percent, short

# Colour, width, line style, place in the stack.
_LINES = {
    "good": (COLOURS["best"], 2.2, "-", 4),
    "other": (COLOURS["neutral"], 0.8, "-", 2),
    "default": (COLOURS["default"], 1.8, "--", 5),
    "diverged": (COLOURS["cut"], 0.8, ":", 3),
}
_SPREAD = 0.03  # of an axis, so that the lines of one value can be told apart


def parallel_coordinates(
    trials: Trials, parameters: Sequence[str] | None = None, *, metric: str = "loss", share: float = 0.1,
    log: bool | Iterable[str] | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """A line for each trial: across its hyperparameters, one vertical axis each, to the metric of its last epoch.

    The best `share` of the trials is emphasised, a trial named "default" is dashed, one that diverged is dotted and
    ends at the edge. `parameters` and `log` as in `slices`; a trial that lacks one of the hyperparameters is not drawn.
    Where an axis has few values the lines are spread a little around each. Raises ValueError for an empty table and for
    a hyperparameter that no configuration has.
    """
    not_empty("parallel_coordinates", trials)
    label, factor = metric_label(metric)
    columns = columns_of(trials)
    parameters = choose_parameters("parallel_coordinates", columns, parameters)
    scales = [scale_of(name, columns[name], wants_log(name, log)) for name in parameters]
    drawn = [trial for trial in trials if trial.history and all(trial.name in scale.places for scale in scales)]
    ends = limits_of([factor * last_value(trial, metric) for trial in drawn], metric)
    good = _good(drawn, metric, share)
    own, ax = ax is None, ax or new_axes((max(WIDE[0], 1.5 * len(scales) + 3), WIDE[1]))
    heights = [_heights(scale, drawn) for scale in scales]
    heights.append({trial.name: _end(trial, metric, factor, ends) for trial in drawn})
    for trial in drawn:
        colour, width, style, order = _LINES[_role(trial, good)]
        ax.plot(
            [height[trial.name] for height in heights],
            style,
            color=colour,
            linewidth=width,
            zorder=order,
            clip_on=False,
            gid=trial.name,
        )
    _axes(ax, scales, label, ends)
    _legend(ax, _handles(drawn, good, share), own)
    return name_data(ax, trials.data)


def _good(drawn: Sequence[Trial], metric: str, share: float) -> set[str]:
    """Names of the best share of the trials, at least one if any is sound."""
    if not 0 < share <= 1:
        raise ValueError(f"parallel_coordinates: share={share} is not possible; it lies in 0..1, for example 0.1.")
    sign = -1 if metric == "accuracy" else 1
    sound = [trial for trial in drawn if math.isfinite(last_value(trial, metric))]
    best_first = sorted(sound, key=lambda trial: sign * last_value(trial, metric))
    return {trial.name for trial in best_first[: max(1, round(share * len(drawn)))]}


def _role(trial: Trial, good: set[str]) -> str:
    if trial.name == "default":
        return "default"
    if trial.diverged:
        return "diverged"
    return "good" if trial.name in good else "other"


def _heights(scale: Scale, drawn: Sequence[Trial]) -> dict[str, float]:
    """How high on its axis each trial's value lies, in 0..1; those of one value a little apart."""
    names = [trial.name for trial in drawn]
    heights = {name: scale.unit(scale.places[name]) for name in names}
    if not scale.ticks or scale.categorical:
        return heights
    for height in set(heights.values()):
        members = [name for name in names if heights[name] == height]
        for name, offset in zip(members, np.linspace(-_SPREAD, _SPREAD, len(members)), strict=True):
            heights[name] += float(offset) if len(members) > 1 else 0.0
    return heights


def _end(trial: Trial, metric: str, factor: float, ends: tuple[float, float]) -> float:
    """The height on the metric's axis; what diverged or lies off the scale is at its edge."""
    low, high = ends
    value = factor * last_value(trial, metric)
    if not math.isfinite(value):
        return 1.0 if metric == "loss" else 0.0
    return (min(max(value, low), high) - low) / (high - low)


def _axes(ax: Axes, scales: Sequence[Scale], label: str, ends: tuple[float, float]) -> None:
    """A vertical line for each hyperparameter and one for the metric, with their ticks; none of matplotlib's own."""
    ax.grid(False)
    ax.set(xlim=(-0.25, len(scales) + 0.25), ylim=(-0.07, 1.07), yticks=[])
    ax.spines[["left", "right", "top", "bottom"]].set_visible(False)
    words = label.replace(" (", "\n(").replace(" per picture", "")
    ax.set_xticks(range(len(scales) + 1), [*(scale.name for scale in scales), words])
    ax.tick_params(axis="x", length=0, pad=6)
    for place, scale in enumerate(scales):
        _axis(ax, place, {scale.unit(value): text for value, text in _ticks(scale)})
    low, high = ends
    levels = [level for level in MaxNLocator(6).tick_values(low, high) if low <= level <= high]
    _axis(ax, len(scales), {(level - low) / (high - low): f"{level:g}" for level in levels})


def _ticks(scale: Scale) -> list[tuple[float, str]]:
    if scale.ticks:
        return list(scale.ticks)
    low, high = scale.ends
    if scale.log:
        decades = [value for value in LogLocator().tick_values(low, high) if low * 0.99 <= value <= high * 1.01]
        if len(decades) > 1:
            return [(value, short(value)) for value in decades]
    values = [low, high] if scale.log else MaxNLocator(5).tick_values(low, high)
    return [(float(value), short(float(value))) for value in values if low <= value <= high]


def _axis(ax: Axes, place: int, ticks: Mapping[float, str]) -> None:
    ax.plot([place, place], [-0.05, 1.05], color=COLOURS["text"], linewidth=1, zorder=6, gid="axis")
    for height, words in ticks.items():
        ax.annotate(words, (place, height), (-5, 0), textcoords="offset points", ha="right", va="center",
                    fontsize="small", zorder=7,
                    bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.8})  # fmt: skip
        ax.plot([place], [height], marker="_", markersize=6, color=COLOURS["text"], zorder=6)


def _legend(ax: Axes, handles: list[Line2D], own: bool) -> None:
    if own:
        add_legend(ax, handles, own)
    else:  # inside it would cover the lines
        ax.tick_params(axis="x", labelsize="small")
        legend_below(ax, handles, 2)


def _handles(drawn: Sequence[Trial], good: set[str], share: float) -> list[Line2D]:
    """A line of the legend for each kind that occurs."""
    counts = {role: sum(_role(trial, good) == role for trial in drawn) for role in _LINES}
    words = {"good": f"best {percent(share, None)} ({counts['good']})", "other": f"others ({counts['other']})",
             "default": "untuned default", "diverged": f"diverged ({counts['diverged']})"}  # fmt: skip
    return [
        Line2D([], [], color=colour, linewidth=width, linestyle=style, label=words[role])
        for role, (colour, width, style, _) in _LINES.items()
        if counts[role]
    ]
