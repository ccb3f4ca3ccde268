"""What does a better result cost? Every trial by its cost and its result, and the front that none beats in both."""

import math
from collections.abc import Callable, Mapping

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from hpt_lessons.search.nas import pareto_front
from hpt_lessons.trials import Trial, Trials
from hpt_lessons.view.look.style import COLOURS, name_data
from hpt_lessons.view.plots.looks import add_legend, look_of_mark, new_axes
from hpt_lessons.view.plots.readings import FINAL, columns_of, last_value, metric_label, not_empty
from hpt_lessons.view.plots.scales import looks_logarithmic, name_ticks

COSTS = {
    "seconds": "training time of one worker (s)", "epochs": "epochs", "parameters": "parameters",
    "multiply_adds": "multiply-adds per picture",
}  # fmt: skip
_MOST_NAMES = 8
_LETTER, _LINE = 6.0, 13.0  # points: width and height that a letter of a name takes
_LEADER = {"arrowstyle": "-", "color": COLOURS["text"], "linewidth": 0.6, "shrinkA": 0, "shrinkB": 4}

_DOTS = {
    "other": {"marker": "o", "markersize": 6, "markerfacecolor": COLOURS["neutral"], "markeredgecolor": COLOURS["cut"]},
    "front": {"marker": "D", "markersize": 8, "markerfacecolor": COLOURS["best"], "markeredgecolor": "white"},
    "default": {"marker": "*", "markersize": 15, "markerfacecolor": COLOURS["default"], "markeredgecolor": "white"},
}  # fmt: skip


def pareto(
    trials: Trials, *, cost: str = "seconds", metric: str = "accuracy", names: Callable[[Trial], str] | None = None,
    log: bool | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Each trial at its cost and the metric of its last epoch; the Pareto front as stairs.

    A trial is on the front if no other is both at most as expensive and at least as good, and better in one. `cost` is
    "seconds" (all epochs of the trial together), "epochs", or what a result's `extra` or the configuration calls it,
    for example "parameters". Up to eight trials on the front are named, by `names(trial)` or else by their name in
    the table. A trial named "default" is a star; diverged ones are marked at the edge. Raises ValueError for an empty
    table and for a cost that no trial has.
    """
    not_empty("pareto", trials)
    label, scale = metric_label(metric, FINAL)
    costs = _costs(trials, cost)
    points = {name: (costs[name], scale * last_value(trials[name], metric)) for name in costs}
    sound = {name: point for name, point in points.items() if math.isfinite(point[1])}
    gains = [-y if metric == "loss" else y for _, y in sound.values()]
    best = [list(sound)[place] for place in pareto_front(gains, [x for x, _ in sound.values()])]
    own, ax = ax is None, ax or new_axes((9.0, 4.4))
    ax.set(xlabel=COSTS.get(cost, cost), ylabel=label, xscale=_scale(list(costs.values()), log))
    if ax.get_xscale() == "log":
        name_ticks(ax.xaxis)
    for name, (x, y) in sound.items():
        role = "default" if name == "default" else "front" if name in best else "other"
        ax.plot([x], [y], linestyle="", **_DOTS[role], zorder=5 if role == "front" else 4, gid=name)
    if best:
        _stairs(ax, [sound[name] for name in best], max(costs.values()))
    _room(ax, min(costs.values()))
    lost = [name for name in points if trials[name].diverged]
    _at_the_edge(ax, [costs[name] for name in lost], metric)
    add_legend(ax, _handles(sound, best, len(lost)), own)
    if len(best) <= _MOST_NAMES:
        _names(
            ax,
            {name: sound[name] for name in best},
            names and {name: names(trials[name]) for name in best},
            -1 if metric == "loss" else 1,
        )
    return name_data(ax, trials.data)


def _costs(trials: Trials, cost: str) -> dict[str, float]:
    """The finite costs by trial; those that have no result or no cost are left out."""
    columns = columns_of(trials).get(cost, {})
    known = {}
    for trial in trials:
        if not trial.history:
            continue
        said = {"seconds": trial.seconds or math.nan, "epochs": trial.budget}
        value = said.get(cost, trial.history[-1].extra.get(cost, columns.get(trial.name, math.nan)))
        if isinstance(value, int | float) and math.isfinite(value):
            known[trial.name] = float(value)
    if not known:
        extra = sorted({key for trial in trials for result in trial.history for key in result.extra})
        raise ValueError(
            f"pareto: no trial says its {cost!r}; choose 'seconds', 'epochs' or one of "
            f"{', '.join(dict.fromkeys([*extra, *columns_of(trials)])) or 'nothing else'}."
        )
    return known


def _scale(costs: list[float], log: bool | None) -> str:
    """ "log" or "linear": as asked for, or as the costs are spread."""
    if log and min(costs) <= 0:
        raise ValueError(f"pareto: a cost is {min(costs):g}, and a logarithmic scale has no place for it.")
    return "log" if (looks_logarithmic(costs) if log is None else log) else "linear"


def _room(ax: Axes, least: float) -> None:
    """Room around the dots, for the names; but no cost is below 0."""
    ax.margins(x=0.12, y=0.12)
    ax.autoscale_view()
    if least >= 0 and ax.get_xscale() == "linear":
        ax.set_xlim(left=max(0.0, ax.get_xlim()[0]))


def _stairs(ax: Axes, corners: list[tuple[float, float]], end: float) -> None:
    """What can be had for at most a given cost."""
    xs, ys = zip(*corners, (end, corners[-1][1]), strict=True)
    ax.plot(xs, ys, color=COLOURS["best"], linewidth=1.5, drawstyle="steps-post", zorder=3, gid="front")


def _names(ax: Axes, points: Mapping[str, tuple[float, float]], names: Mapping[str, str] | None, way: int) -> None:
    """Names above the front (`way` 1) or below it (-1), where no trial can be.

    One that would run into the name before stands beyond it, with a thin line to its point.
    """
    ax.figure.draw_without_rendering()  # now the axes have their final size
    point = ax.figure.dpi / 72
    end, beyond = -math.inf, -math.inf  # of the name before: its right end, and the next free line
    for name, place in points.items():
        words = names[name] if names else name
        x, y = ax.transData.transform(place)
        width = len(words) * _LETTER * point
        at_left = x - width < ax.bbox.x0  # where the numbers of the axis are
        left = x if at_left else x - width
        level = max(way * y, beyond) if left < end else way * y
        end, beyond = left + width, level + _LINE * point
        ax.annotate(
            words,
            place,
            (-4 if at_left else -5, way * (level - way * y) / point + 6 * way),
            zorder=6,
            textcoords="offset points",
            fontsize="small",
            ha="left" if at_left else "right",
            va="bottom" if way == 1 else "top",
            path_effects=[withStroke(linewidth=3, foreground="white")],
            arrowprops=_LEADER if level > way * y else None,
        )


def _at_the_edge(ax: Axes, costs: list[float], metric: str) -> None:
    low, high = ax.get_ylim()
    if costs and metric != "loss":
        ax.tick_params(axis="x", pad=8)  # else the marks would cover the numbers
    for x in costs:
        ax.plot(
            [x],
            [high if metric == "loss" else low],
            linestyle="",
            **look_of_mark("diverged"),
            clip_on=False,
            zorder=6,
            gid="diverged",
        )
    ax.set_ylim(low, high)


def _handles(sound: dict[str, tuple[float, float]], best: list[str], lost: int) -> list[Line2D]:
    others = len(sound) - len(best) - ("default" in sound and "default" not in best)
    words = {"front": f"Pareto front ({len(best)})", "other": f"others ({others})"}
    handles = [
        Line2D([], [], color=COLOURS["best"] if role == "front" else "none", **_DOTS[role], label=text)
        for role, text in words.items()
        if best and (role == "front" or others)
    ]
    if "default" in sound:
        handles.append(Line2D([], [], linestyle="", **_DOTS["default"], label="untuned default"))
    if lost:
        handles.append(Line2D([], [], linestyle="", **look_of_mark("diverged"), label=f"diverged ({lost})"))
    return handles
