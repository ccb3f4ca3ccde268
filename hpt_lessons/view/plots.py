"""What happened in a search? Its learning curves, its configurations, and the pictures it was about.

Each plot takes the table of trials, wherever that came from, draws on the axes it is given (or on a new figure) and
returns them. The name of the data set stands on every plot. A diverged trial's loss is no number to draw: it is marked
at the edge, and the scale is that of the others.
"""

import math
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, ScalarFormatter

from hpt_lessons.analysis.statistics import mean_interval
from hpt_lessons.trials import Trial, Trials, leaves
from hpt_lessons.view.style import COLOURS, WIDE, name_data

# What each metric is called on an axis, and by what it is multiplied there.
METRICS = {"loss": ("validation loss per picture (nats)", 1), "accuracy": ("validation accuracy (%)", 100)}


class Mark(NamedTuple):
    """How an end of a trial looks: told apart by shape, filled or hollow."""

    label: str
    marker: str
    size: float
    filled: bool = True


MARKS = {
    "completed": Mark("completed", "o", 6),
    "stopped": Mark("stopped early", "X", 8),
    "diverged": Mark("diverged", "^", 9),
    "failed": Mark("failed", "P", 8),
    "interrupted": Mark("interrupted", "s", 7, filled=False),
    "running": Mark("still running", ">", 7, filled=False),
}
STATUS_COLOURS = {"stopped": COLOURS["cut"], "diverged": COLOURS["default"], "failed": COLOURS["default"]}


# -- learning curves -----------------------------------------------------------------------------------------------


def learning_curves(
    trials: Trials, *, metric: str = "loss", ax: Axes | None = None, best: Trial | str | None = None
) -> Axes:
    """Every trial's metric after each epoch, how each ended, and the best one emphasised.

    `best` names another trial to emphasise than the best one by its last epoch. A trial named "default" is dashed.
    Where a configuration was repeated with several seeds a band shows the 95 % interval of their mean.
    """
    label, scale = _metric(metric)
    data, own, ax = trials.data, ax is None, ax or _new_axes()
    winner = _winner(trials, metric, best)
    low, high = _limits([scale * value for trial in trials for value in _sound_values(trial, metric)], metric)
    ax.set(xlabel="epoch", ylabel=label, ylim=(low, high))
    last = max((trial.budget for trial in trials), default=1) or 1
    room = max(0.3, 0.03 * last)
    ax.set_xlim(1 - room, last + room)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for trial in trials:
        _curve(ax, trial, metric, scale, role=_role(trial, winner))
    bands = _bands(ax, trials, metric, scale, winner)
    word = "best: " if best is None else ""
    _legend(ax, _curve_handles(trials, winner, word, metric, bands), own)
    if not any(trial.history for trial in trials):
        ax.text(0.5, 0.5, "no results yet", transform=ax.transAxes, ha="center", color=COLOURS["text"])
    return name_data(ax, data)


# Line width, line style and place in the stack for each role.
_LINES = {"best": (3.0, "-", 4), "default": (1.8, "--", 3), "other": (1.1, "-", 2)}


def _role(trial: Trial, winner: Trial | None) -> str:
    if winner is not None and trial.trial == winner.trial:
        return "best"
    return "default" if trial.trial == "default" else "other"


def _role_colour(role: str) -> str:
    return COLOURS["neutral" if role == "other" else role]


def _curve(ax: Axes, trial: Trial, metric: str, scale: float, role: str) -> None:
    """One trial's line, and the mark of its end."""
    width, line, order = _LINES[role]
    colour = _role_colour(role)
    epochs = [result.epoch for result in trial.sound]
    values = [scale * value for value in _sound_values(trial, metric)]
    if epochs:
        ax.plot(epochs, values, line, color=colour, linewidth=width, zorder=order, label=trial.trial)
    if trial.diverged:
        _divergence(ax, trial, metric, epochs, values, colour)
    elif epochs:
        low, high = ax.get_ylim()
        end = min(max(values[-1], low), high)  # a curve that leaves the plot ends at its edge
        _mark(ax, trial.status, epochs[-1], end, colour if role != "other" else None, order + 4)


def _divergence(ax: Axes, trial: Trial, metric: str, epochs: list, values: list, colour: str) -> None:
    """A dotted line to the edge, where losses are worst, and the mark there."""
    edge = ax.get_ylim()[1 if metric == "loss" else 0]
    when = trial.history[len(epochs)].epoch if len(epochs) < len(trial.history) else trial.budget
    if epochs:
        ax.plot([epochs[-1], when], [values[-1], edge], ":", color=colour, linewidth=1.1, zorder=2)
    if trial.history:
        _mark(ax, "diverged", when, edge, None, 8)


def _mark(ax: Axes, status: str, x: float, y: float, colour: str | None, order: int) -> None:
    if math.isfinite(y):
        look = _look(status, colour)
        ax.plot([x], [y], linestyle="", **look, clip_on=False, zorder=order, gid=status)


def _look(status: str, colour: str | None = None) -> dict[str, Any]:
    """A mark's properties. A white rim keeps dots apart where they meet."""
    mark = MARKS[status]
    colour = colour or STATUS_COLOURS.get(status, COLOURS["neutral"])
    return {
        "marker": mark.marker,
        "markersize": mark.size,
        "color": colour,
        "markerfacecolor": colour if mark.filled else "white",
        "markeredgecolor": "white" if mark.marker == "o" else colour,
        "markeredgewidth": 0.8 if mark.filled else 1.6,
    }


def _bands(ax: Axes, trials: Trials, metric: str, scale: float, winner: Trial | None) -> int:
    """A band for each configuration that was repeated; the number of bands."""
    drawn = 0
    for repeats in _repeated(trials):
        curves = [dict(zip([r.epoch for r in t.sound], _sound_values(t, metric), strict=True)) for t in repeats]
        epochs = sorted(set.intersection(*map(set, curves)))
        if not epochs:
            continue
        ends = np.array([mean_interval([curve[epoch] for curve in curves]) for epoch in epochs]) * scale
        colour = _role_colour("best" if winner in repeats else "other")
        ax.fill_between(epochs, ends[:, 0], ends[:, 1], color=colour, alpha=0.25, linewidth=0, zorder=1)
        drawn += 1
    return drawn


def _curve_handles(trials: Trials, winner: Trial | None, word: str, metric: str, bands: int) -> list:
    handles: list = []
    if winner is not None:
        handles.append(Line2D([], [], color=COLOURS["best"], linewidth=3, label=word + _winner_text(winner, metric)))
    if "default" in trials and (winner is None or winner.trial != "default"):
        handles.append(Line2D([], [], color=COLOURS["default"], linestyle="--", linewidth=1.8, label="untuned default"))
    counts = Counter(_status(trial) for trial in trials)
    handles += [
        Line2D([], [], linestyle="", **_look(status), label=f"{mark.label} ({counts[status]})")
        for status, mark in MARKS.items()
        if counts[status]
    ]
    if bands:
        handles.append(Patch(color=COLOURS["neutral"], alpha=0.35, label="95 % interval of the mean over seeds"))
    return handles


# -- configurations against the result -----------------------------------------------------------------------------


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
    label, scale = _metric(metric)
    data, columns = trials.data, _columns(trials)
    parameters = _parameters(columns, parameters)
    own, axes = axes is None, _panels(len(parameters), axes)
    limits = _limits([scale * _last(trial, metric) for trial in trials if not trial.diverged], metric)
    winner = _winner(trials, metric, None)
    for ax, parameter in zip(axes, parameters, strict=True):
        ax.set_ylim(*limits)
        places = _axis_of(ax, parameter, columns[parameter], _wants_log(parameter, log))
        _panel(ax, trials, places, metric, scale, winner)
    for ax in axes[::_PER_ROW] if own else axes[:1]:
        ax.set_ylabel(label)
    _legend(axes[_top_right(axes)], _slice_handles(trials, winner, metric), own)
    name_data(axes[_top_right(axes)], data)
    return axes


def _panel(
    ax: Axes, trials: Trials, places: dict[str, float], metric: str, scale: float, winner: Trial | None
) -> None:
    """All that one panel shows: the default's line, a dot for each trial that has a place, the bars of repeats."""
    _default_line(ax, trials, metric, scale)
    for trial in trials:
        if trial.trial in places:
            _dot(ax, trial, places[trial.trial], metric, scale, winner)
    _repeat_bars(ax, trials, places, metric, scale)


def _columns(trials: Trials) -> dict[str, dict[str, Any]]:
    """For each hyperparameter its value in each trial that has it."""
    columns: dict[str, dict[str, Any]] = defaultdict(dict)
    for trial in trials:
        for path, value in leaves(trial.config):
            columns["/".join(path)][trial.trial] = value
    return dict(columns)


def _parameters(columns: dict[str, dict[str, Any]], wanted: Sequence[str] | None) -> list[str]:
    wanted = [wanted] if isinstance(wanted, str) else wanted
    chosen = [name for name in columns if len(_distinct(columns[name])) > 1] if wanted is None else list(wanted)
    unknown = [name for name in chosen if name not in columns]
    if unknown or not chosen:
        problem = f"no configuration has {unknown[0]!r}" if unknown else "the configurations do not differ"
        raise ValueError(f"slices: {problem}; there are {', '.join(columns) or 'no hyperparameters'}.")
    return chosen


def _distinct(values: Mapping[str, Any]) -> list:
    """The different values, in order of appearance; compared as text, since lists cannot be put into a set."""
    return list({repr(value): value for value in values.values()}.values())


def _wants_log(parameter: str, log: bool | Iterable[str] | None) -> bool | None:
    if log is None or isinstance(log, bool):
        return log
    return parameter in ([log] if isinstance(log, str) else list(log))


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
    size = (max(7.0, 2.2 * columns + 2.4), 3.4 * rows)  # the legend stands beside the panels
    _, grid = plt.subplots(rows, columns, figsize=size, sharey=True, squeeze=False, layout="constrained")
    for spare in grid.ravel()[count:]:
        spare.remove()
    return grid.ravel()[:count]


def _top_right(axes: np.ndarray) -> int:
    return min(len(axes), _PER_ROW) - 1


def _axis_of(ax: Axes, name: str, values: dict[str, Any], log: bool | None) -> dict[str, float]:
    """Scale, ticks and label of one hyperparameter; the place of each trial on it."""
    ax.set_xlabel(name)
    distinct = _distinct(values)
    numeric = all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in distinct)
    if not numeric:
        return _categories(ax, distinct, values)
    places = {trial: float(value) for trial, value in values.items()}
    low, high = min(places.values()), max(places.values())
    if log and low <= 0:
        raise ValueError(f"slices: {name!r} has the value {low:g}, and a logarithmic scale has no place for it.")
    log = _looks_logarithmic(list(places.values())) if log is None else log
    ax.set_xscale("log" if log else "linear")
    whole = all(float(value).is_integer() for value in distinct)
    if whole and len(distinct) <= 10:
        ticks = _apart(sorted(float(value) for value in distinct), log)
        ax.xaxis.set_major_locator(FixedLocator(ticks))
        ax.xaxis.set_major_formatter(ScalarFormatter(useOffset=False))
        ax.xaxis.set_minor_locator(NullLocator())
    if low == high:
        ax.set_xlim((low / 2, low * 2) if log else (low - 1, low + 1))
    return places


def _looks_logarithmic(values: list[float]) -> bool:
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


def _categories(ax: Axes, distinct: list, values: dict[str, Any]) -> dict[str, float]:
    """Categories side by side, numbers first and in order; the trials of one a little apart so that each is seen."""
    order = sorted(distinct, key=lambda value: (not isinstance(value, int | float), _number(value), str(value)))
    names = [repr(value) for value in order]
    ax.set_xticks(range(len(order)), [str(value) for value in order], rotation=20 if len(order) > 4 else 0)
    ax.set_xlim(-0.6, len(order) - 0.4)
    groups: dict[str, list[str]] = defaultdict(list)
    for trial, value in values.items():
        groups[repr(value)].append(trial)
    places = {}
    for name, members in groups.items():
        offsets = np.linspace(-0.2, 0.2, len(members)) if len(members) > 1 else [0.0]
        places |= {trial: names.index(name) + offset for trial, offset in zip(members, offsets, strict=True)}
    return places


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _dot(ax: Axes, trial: Trial, x: float, metric: str, scale: float, winner: Trial | None) -> None:
    """One trial: hollow if it was cut, at the edge if it diverged or lies off the scale."""
    low, high = ax.get_ylim()
    if trial.diverged:
        _mark(ax, "diverged", x, high if metric == "loss" else low, None, 6)
        return
    value = scale * _last(trial, metric)
    if not math.isfinite(value):
        return
    look = dict(_DOTS["full" if trial.status == "completed" else "hollow"])
    if trial.trial == "default":
        look = dict(_DOTS["default"])
    if winner is not None and trial.trial == winner.trial:
        look |= _DOTS["best"]
    ax.plot([x], [min(max(value, low), high)], linestyle="", **look, clip_on=False, gid=trial.trial)


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
        level = scale * _last(trials["default"], metric)
        ax.axhline(level, color=COLOURS["default"], linestyle="--", linewidth=1, zorder=1)


def _repeat_bars(ax: Axes, trials: Trials, places: dict[str, float], metric: str, scale: float) -> None:
    for repeats in _repeated(trials):
        values = [scale * _last(trial, metric) for trial in repeats]
        if repeats[0].trial in places and all(map(math.isfinite, values)):
            low, high = mean_interval(values)
            x = float(np.mean([places[trial.trial] for trial in repeats]))
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
        look = _DOTS["default" if winner.trial == "default" else "full"] | _DOTS["best"]
        handles.append(Line2D([], [], linestyle="", **look, label=f"best: {_winner_text(winner, metric)}"))
    if "default" in trials:
        handles.append(Line2D([], [], **_DOTS["default"], color="black", linestyle="--", label="untuned default"))
    for kind, (text, count) in counts.items():
        if count:
            handles.append(Line2D([], [], linestyle="", **_DOTS[kind], label=f"{text} ({count})"))
    diverged = sum(trial.diverged for trial in trials)
    if diverged:
        handles.append(Line2D([], [], linestyle="", **_look("diverged"), label=f"diverged ({diverged})"))
    if any(len(repeats) > 1 for repeats in _repeated(trials)):
        handles.append(Line2D([], [], color=COLOURS["cut"], marker="_", label="95 % interval of the mean over seeds"))
    return handles


# -- pictures ------------------------------------------------------------------------------------------------------


def show_pictures(
    images: np.ndarray,
    labels: Sequence[int] | None = None,
    classes: Sequence[str] | None = None,
    *,
    rows: int = 2,
    columns: int = 8,
    ax: Axes | None = None,
    data: str = "",
) -> Axes:
    """The first rows x columns pictures on one sheet, each over the name of its class.

    `images` has the shape (n, height, width, 3) or (n, height, width), as bytes or as numbers in 0..1; `labels` index
    `classes`; without `classes` the labels themselves are shown.
    """
    images = np.asarray(images)
    count = _count(images, labels, rows * columns)
    rows = math.ceil(count / columns)
    names = _names(labels, classes, count)
    step = 1.08 + 0.2 * max((1 + name.count("\n") for name in names if name), default=0)  # a picture is 1 high
    size = min(1.25, 10 / columns)
    ax = ax or _new_axes((size * columns, size * step * rows + 0.4))
    for index in range(count):
        left, top = (index % columns) * 1.08, -(index // columns) * step
        box = (left, left + 1, top - 1, top)
        ax.imshow(images[index], extent=box, cmap="gray", vmin=0, vmax=255 if images.dtype == np.uint8 else 1)
        ax.text(left + 0.5, top - 1.04, names[index], ha="center", va="top", fontsize=8, linespacing=1.0)
    ax.set(xlim=(-0.04, columns * 1.08), ylim=(-rows * step, 0.04), aspect="equal")
    ax.set_axis_off()
    return name_data(ax, data)


def _count(images: np.ndarray, labels: Sequence[int] | None, room: int) -> int:
    """How many pictures are shown; an error if there are none, or labels for fewer."""
    if images.ndim not in (3, 4) or len(images) == 0:
        raise ValueError(f"show_pictures: images of shape {images.shape}; expected (n, height, width, 3) and n > 0.")
    count = min(len(images), room)
    if labels is not None and len(labels) < count:
        raise ValueError(f"show_pictures: {len(labels)} labels for {len(images)} pictures; give one for each.")
    return count


def _names(labels: Sequence[int] | None, classes: Sequence[str] | None, count: int) -> list[str]:
    """What stands below each picture: long names on two lines, cut where even that is too little."""
    if labels is None:
        return [""] * count
    words = [str(label if classes is None else classes[int(label)]) for label in labels[:count]]
    return ["\n".join(textwrap.wrap(word, 13, max_lines=2, placeholder="\N{HORIZONTAL ELLIPSIS}")) for word in words]


# -- what the plots share ------------------------------------------------------------------------------------------


def _metric(metric: str) -> tuple[str, int]:
    if metric not in METRICS:
        raise ValueError(f"metric={metric!r} is not possible; choose {' or '.join(map(repr, METRICS))}.")
    return METRICS[metric]


def _new_axes(size: tuple[float, float] = WIDE) -> Axes:
    return plt.subplots(figsize=size, layout="constrained")[1]


def _status(trial: Trial) -> str:
    return "diverged" if trial.diverged else trial.status


def _sound_values(trial: Trial, metric: str) -> list[float]:
    return [result.value(metric) for result in trial.sound]


def _last(trial: Trial, metric: str) -> float:
    return trial.history[-1].value(metric) if trial.history and not trial.diverged else math.nan


def _winner(trials: Trials, metric: str, best: Trial | str | None) -> Trial | None:
    """The trial to emphasise: the one asked for, or the best by its last epoch, or none if none has a sound result."""
    if best is not None:
        return trials[best if isinstance(best, str) else best.trial]
    if any(math.isfinite(_last(trial, metric)) for trial in trials):
        return trials.best(metric)
    return None


def _winner_text(winner: Trial, metric: str) -> str:
    value = _sound_values(winner, metric)[-1] * METRICS[metric][1] if winner.sound else math.nan
    text = f"{value:.1f} %" if metric == "accuracy" else f"{value:.3f}"
    return f"{winner.trial} ({text})"


def _limits(values: list[float], metric: str) -> tuple[float, float]:
    """Limits for the sound values. A loss of more than three times the median leaves the plot: it would flatten all.

    Losses of another kind may be negative, and three times a negative median would lie below all: the room above the
    median is then twice its size, or twice the way down to the smallest loss.
    """
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return (0.0, 1.0) if metric == "loss" else (0.0, 100.0)
    low, high = min(known), max(known)
    if metric == "loss":
        median = float(np.median(known))
        high = min(high, median + 2 * max(abs(median), median - low))
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room


def _repeated(trials: Trials) -> list[list[Trial]]:
    """Groups of at least two sound trials that differ in nothing but their seed."""
    groups: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.history and not trial.diverged:
            config = {key: value for key, value in trial.config.items() if key != "seed"}
            groups[repr(sorted(config.items(), key=lambda item: item[0]))].append(trial)
    return [group for group in groups.values() if len(group) > 1]


def _legend(ax: Axes, handles: list, own: bool) -> None:
    """Beside the plot on a figure of our own, where it covers nothing; inside on axes that were given."""
    if handles and own:
        ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0, frameon=False)
    elif handles:
        ax.legend(handles=handles, loc="best", fontsize="small", frameon=True, framealpha=0.8)
