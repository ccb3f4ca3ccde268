"""Which lever pays most? Every run a dot, in groups, each beside its untuned default."""

import math
import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hpt_lessons.analysis.intervals import mean_interval
from hpt_lessons.trials import Trial, Trials
from hpt_lessons.view.look.style import BLUE, COLOURS, name_data
from hpt_lessons.view.plots.looks import add_legend, draw_mark, limits_of, look_of_mark, new_axes
from hpt_lessons.view.plots.readings import FINAL, choose_parameters, columns_of, last_value, metric_label, not_empty
from hpt_lessons.words import short

# Without an untuned side all stand in the middle of their group.
_ALONE = {"tuned": {"at": 0.0, "marker": "o", "size": 6.5, "colour": BLUE, "label": "all"}}
_SIDES = {
    "untuned": {"at": -0.2, "marker": "*", "size": 11, "colour": COLOURS["default"], "label": "untuned default"},
    "tuned": {"at": 0.2, "marker": "o", "size": 6.5, "colour": BLUE, "label": "tuned"},
}
_HALF = 0.09  # width of the cloud of one side


def lever_dots(
    trials: Trials, by: str | Sequence[str] | Callable[[Trial], str], *, metric: str = "accuracy",
    untuned: Callable[[Trial], bool] | None = None, order: Sequence[str] | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Every run's last result as a dot, in groups; a bar at each group's mean with its 95 % interval.

    `by` is a hyperparameter, several of them, or a function that gives a trial's group; `untuned` tells which trials
    are the untuned default (else those whose name begins with "default"): they stand at the left of their group as
    stars, the others at the right as tuned. `order` sorts or chooses the groups. The interval is Student's for the mean
    over the runs of one side; a single run has none. Diverged runs are marked at the edge and are in no mean. Raises
    ValueError for an empty table, for a hyperparameter that no configuration has, and for a group that is not there.
    """
    not_empty("lever_dots", trials)
    label, scale = metric_label(metric, FINAL)
    groups = _groups(trials, by, order)
    is_untuned = untuned or (lambda trial: trial.name.startswith("default"))
    own, ax = ax is None, ax or new_axes((min(12.0, max(7.5, 2.8 + 1.3 * len(groups))), 4.2))
    ax.set_ylim(*limits_of([scale * last_value(trial, metric) for group in groups.values() for trial in group],
                           "loss" if metric == "loss" else "accuracy"))  # fmt: skip
    sides = _SIDES if any(is_untuned(trial) for group in groups.values() for trial in group) else _ALONE
    for place, group in enumerate(groups.values()):
        for side, look in sides.items():
            members = [trial for trial in group if is_untuned(trial) == (side == "untuned")]
            _side(ax, place, members, look, metric, scale)
    ax.set(xlim=(-0.5, len(groups) - 0.5), ylabel=label)
    ax.set_xticks(
        range(len(groups)),
        ["\n".join(map(_wrapped, name.split("\n"))) for name in groups],
        fontsize="medium" if own and len(groups) < 7 else "small",
    )
    ax.set_xlabel(by if isinstance(by, str) else "" if callable(by) else " / ".join(by))
    ax.grid(False, axis="x")
    shown = [trial for group in groups.values() for trial in group]
    counts = Counter("diverged" if trial.diverged else "untuned" if is_untuned(trial) else "tuned" for trial in shown)
    add_legend(ax, _handles(counts, sides), own)
    return name_data(ax, trials.data)


def _groups(
    trials: Trials, by: str | Sequence[str] | Callable[[Trial], str], order: Sequence[str] | None
) -> dict[str, list[Trial]]:
    """The trials of each group, in order of appearance or in the one asked for."""
    if callable(by):
        words = {trial.name: str(by(trial)) for trial in trials}
    else:
        columns = columns_of(trials)
        names = choose_parameters("lever_dots", columns, by)
        words = {trial.name: "\n".join(_word(columns[name].get(trial.name, "-")) for name in names) for trial in trials}
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(words[trial.name], []).append(trial)
    unknown = [name for name in order or () if name not in groups]
    if unknown:
        raise ValueError(f"lever_dots: there is no group {unknown[0]!r}; there are {', '.join(map(repr, groups))}.")
    return groups if order is None else {name: groups[name] for name in order}


def _word(value: Any) -> str:
    return short(value) if isinstance(value, float) else str(value)


def _wrapped(words: str) -> str:
    return textwrap.fill(words, 12)


def _side(ax: Axes, place: int, members: list[Trial], look: Mapping[str, Any], metric: str, scale: float) -> None:
    """The dots of one side of a group, beside them their mean and interval, at the edge the diverged ones."""
    sound = [trial for trial in members if math.isfinite(last_value(trial, metric))]
    values = [scale * last_value(trial, metric) for trial in sound]
    low, high = ax.get_ylim()
    offsets = np.linspace(-_HALF, _HALF, len(values)) if len(values) > 1 else np.zeros(len(values))
    for trial, value, offset in zip(sound, values, offsets, strict=True):
        y = min(max(value, low), high)
        ax.plot(
            [place + look["at"] - 0.05 + offset],
            [y],
            linestyle="",
            marker=look["marker"],
            markersize=look["size"],
            color=look["colour"],
            markeredgecolor="white",
            alpha=0.8,
            zorder=3,
            gid=trial.name,
        )
    if values:
        _mean(ax, place + look["at"] + 0.12, values, look["colour"])
    edge = high if metric == "loss" else low
    if any(trial.diverged for trial in members):
        draw_mark(ax, "diverged", place + look["at"], edge, None, 6)


def _mean(ax: Axes, x: float, values: list[float], colour: str) -> None:
    mean = float(np.mean(values))
    low, high = mean_interval(values) if len(values) > 1 else (mean, mean)
    ax.errorbar(
        [x],
        [mean],
        [[mean - low], [high - mean]],
        color=colour,
        marker="D",
        markersize=6,
        capsize=4,
        elinewidth=1.8,
        markeredgecolor="white",
        zorder=5,
        gid="mean",
    )


def _handles(counts: Counter, sides: Mapping[str, Mapping[str, Any]]) -> list[Line2D]:
    handles = [
        Line2D(
            [],
            [],
            linestyle="",
            marker=look["marker"],
            markersize=look["size"],
            color=look["colour"],
            markeredgecolor="white",
            label=f"{look['label']} ({counts[side]} runs)",
        )
        for side, look in sides.items()
        if counts[side]
    ]
    if any(counts[side] for side in sides):
        handles.append(
            Line2D(
                [],
                [],
                color=COLOURS["cut"],
                marker="D",
                markersize=6,
                markeredgecolor="white",
                label="mean over runs\nand its 95 % interval",
            )
        )
    if counts["diverged"]:
        words = f"diverged ({counts['diverged']})"
        handles.append(Line2D([], [], linestyle="", **look_of_mark("diverged"), label=words))
    return handles
