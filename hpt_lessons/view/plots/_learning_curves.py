"""How did each trial learn, and where did it end?"""

from collections import Counter

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from hpt_lessons.analysis.intervals import mean_interval
from hpt_lessons.trials import Trial, Trials, expect_trials
from hpt_lessons.view.look.style import COLOURS, name_data
from hpt_lessons.view.plots.looks import BAND, MARKS, add_legend, draw_mark, limits_of, look_of_mark, new_axes
from hpt_lessons.view.plots.readings import metric_label, repeated, sound_values, status_of, winner_of, winner_text


def learning_curves(
    trials: Trials, *, metric: str = "loss", ax: Axes | None = None, best: Trial | str | None = None
) -> Axes:
    """Every trial's metric after each epoch, how each ended, and the one with the best last epoch emphasised.

    That may be one that was stopped early: who was trained on may have become worse again.

    `best` names another trial to emphasise. A trial named "default" is dashed.
    Where a configuration was repeated with several seeds a band shows the 95 % interval of their mean.
    """
    expect_trials("learning_curves", trials)
    label, scale = metric_label(metric)
    data, own, ax = trials.data, ax is None, ax or new_axes()
    winner = winner_of(trials, metric, best)
    low, high = limits_of([scale * value for trial in trials for value in sound_values(trial, metric)], metric)
    ax.set(xlabel="epoch", ylabel=label, ylim=(low, high))
    last = max((trial.budget for trial in trials), default=1) or 1
    room = max(0.3, 0.03 * last)
    ax.set_xlim(1 - room, last + room)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for trial in trials:
        _curve(ax, trial, metric, scale, role=_role(trial, winner))
    bands = _bands(ax, trials, metric, scale, winner)
    words = winner_text(winner, metric, best) if winner is not None else ""
    add_legend(ax, _curve_handles(trials, winner, words, bands), own)
    if not any(trial.history for trial in trials):
        ax.text(0.5, 0.5, "no results yet", transform=ax.transAxes, ha="center", color=COLOURS["text"])
    return name_data(ax, data)


# Line width, line style and place in the stack for each role.
_LINES = {"best": (3.0, "-", 4), "default": (1.8, "--", 3), "other": (1.1, "-", 2)}


def _role(trial: Trial, winner: Trial | None) -> str:
    if winner is not None and trial.name == winner.name:
        return "best"
    return "default" if trial.name == "default" else "other"


def _role_colour(role: str) -> str:
    return COLOURS["neutral" if role == "other" else role]


def _curve(ax: Axes, trial: Trial, metric: str, scale: float, role: str) -> None:
    """One trial's line, and the mark of its end."""
    width, line, order = _LINES[role]
    colour = _role_colour(role)
    epochs = [result.epoch for result in trial.sound]
    values = [scale * value for value in sound_values(trial, metric)]
    if epochs:
        ax.plot(epochs, values, line, color=colour, linewidth=width, zorder=order, label=trial.name)
    if trial.diverged:
        _divergence(ax, trial, metric, epochs, values, colour)
    elif epochs:
        low, high = ax.get_ylim()
        end = min(max(values[-1], low), high)  # a curve that leaves the plot ends at its edge
        draw_mark(
            ax,
            trial.status,
            epochs[-1],
            end,
            colour if role != "other" else None,
            order + 4,
            larger=1.4 if role == "best" else 1.0,
        )


def _divergence(ax: Axes, trial: Trial, metric: str, epochs: list, values: list, colour: str) -> None:
    """A dotted line to the edge, where losses are worst, and the mark there."""
    edge = ax.get_ylim()[1 if metric == "loss" else 0]
    when = trial.history[len(epochs)].epoch if len(epochs) < len(trial.history) else trial.budget
    if epochs:
        ax.plot([epochs[-1], when], [values[-1], edge], ":", color=colour, linewidth=1.1, zorder=2)
    if trial.history:
        draw_mark(ax, "diverged", when, edge, None, 8)


def _bands(ax: Axes, trials: Trials, metric: str, scale: float, winner: Trial | None) -> int:
    """A band for each configuration that was repeated; the number of bands."""
    drawn = 0
    for repeats in repeated(trials):
        curves = [dict(zip([r.epoch for r in t.sound], sound_values(t, metric), strict=True)) for t in repeats]
        epochs = sorted(set.intersection(*map(set, curves)))
        if not epochs:
            continue
        ends = np.array([mean_interval([curve[epoch] for curve in curves]) for epoch in epochs]) * scale
        colour = _role_colour("best" if winner in repeats else "other")
        ax.fill_between(epochs, ends[:, 0], ends[:, 1], color=colour, alpha=0.25, linewidth=0, zorder=1)
        drawn += 1
    return drawn


def _curve_handles(trials: Trials, winner: Trial | None, words: str, bands: int) -> list:
    handles: list = []
    if winner is not None:
        handles.append(Line2D([], [], color=COLOURS["best"], linewidth=3, label=words))
    if "default" in trials and (winner is None or winner.name != "default"):
        handles.append(Line2D([], [], color=COLOURS["default"], linestyle="--", linewidth=1.8, label="untuned default"))
    counts = Counter(status_of(trial) for trial in trials)
    handles += [
        Line2D([], [], linestyle="", **look_of_mark(status), label=f"{mark.label} ({counts[status]})")
        for status, mark in MARKS.items()
        if counts[status]
    ]
    if bands:
        handles.append(Patch(color=COLOURS["neutral"], alpha=0.35, label=BAND))
    return handles
