"""Which method finds good configurations sooner? The best result so far over trials, epochs or seconds."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from hpt_lessons.analysis.intervals import mean_interval
from hpt_lessons.trials import Trials
from hpt_lessons.view.look.style import COLOURS, name_data
from hpt_lessons.view.plots.looks import Line, add_legend, method_lines, new_axes
from hpt_lessons.view.plots.readings import metric_label

OVER = {"trials": "trials", "epochs": "epochs of training, all trials together", "seconds": "time (s)"}
BANDS = {"mean": "95 % interval of the mean", "searches": "middle 80 % of the searches"}
_DEFAULT = {"color": COLOURS["default"], "linestyle": (0, (2, 2)), "linewidth": 1}


class Steps(NamedTuple):
    """One method's mean incumbent and its band: from each place of `x` on, arrays of shape (places,)."""

    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    repeats: int
    covers: str = ""


def incumbents(
    methods: Mapping[str, Any], *, over: str = "trials", metric: str = "loss", band: str = "mean",
    default: float | None = None, data: str | None = None, ax: Axes | None = None, **options: Any,
) -> Axes:  # fmt: skip
    """The best result so far of each method: the mean over its repeated searches, and a band.

    `methods` gives for each name its searches as a list of tables, or what `analysis.band` made of them, or
    `(x, curves)`, where `curves` of shape (searches, len(x)) holds each search's best value from x on. `over` is
    "trials", "epochs" or "seconds"; `options` are those of `analysis.incumbent` and `band`, such as `scope`,
    `min_epochs` or `varied`. `band` is "mean" (95 % interval of the mean over searches; what it covers stands in the
    legend) or "searches" (where the middle 80 % of them are). `default` is the untuned default's value, `data` the name
    of the data of plain arrays. Raises ValueError for shapes that do not fit and for searches without a result.
    """
    label, scale = metric_label(metric)
    _check(methods, over, band)
    steps = {name: _steps(name, given, over, band, {"metric": metric} | options) for name, given in methods.items()}
    data = _data(methods) if data is None else data
    own, ax = ax is None, ax or new_axes()
    looks = method_lines(steps)
    for name, step in steps.items():
        _draw(ax, name, step, scale, looks[name])
    ax.set(xlabel=OVER[over], ylabel=f"{label},\nbest so far")
    if default is not None:
        ax.axhline(scale * default, **_DEFAULT, gid="default")
    ax.margins(x=0.01)
    if over != "seconds":
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    add_legend(ax, _handles(steps, looks, band, default), own)
    return name_data(ax, data)


def _check(methods: Mapping[str, Any], over: str, band: str) -> None:
    for name, value, known in (("over", over, OVER), ("band", band, BANDS)):
        if value not in known:
            raise ValueError(f"incumbents: {name}={value!r} is not possible; choose {' or '.join(map(repr, known))}.")
    if not isinstance(methods, Mapping):
        kind, example = type(methods).__name__, "{'random': [table, ...], ...}"
        raise TypeError(f"incumbents: {methods!r:.80} is a {kind}; a dictionary was expected, such as {example}.")
    if not methods:
        raise ValueError("incumbents: there is no method to draw; give {'random': [table, ...], ...}.")


def _steps(name: str, given: Any, over: str, band: str, options: dict[str, Any]) -> Steps:
    """What is to be drawn of one method, from where all of its searches have a result."""
    if hasattr(given, "covers"):
        if band != "mean":
            raise ValueError(f"incumbents, {name!r}: a ready band cannot show the searches; give the tables.")
        steps = Steps(*given[:6])
    elif tables := _tables(given):
        steps = _from_tables(tables, over, band, options)
    else:
        steps = _from_arrays(name, given, band)
    known = np.isfinite(steps.mean)
    if not known.any():
        raise ValueError(f"incumbents, {name!r}: at no place do all {steps.repeats} searches have a result.")
    return steps._replace(**{part: getattr(steps, part)[known] for part in ("x", "mean", "low", "high")})


def _tables(given: Any) -> list[Trials]:
    """The tables that are given, none if it is something else."""
    tables = [given] if isinstance(given, Trials) else given
    return list(tables) if isinstance(tables, Sequence) and all(isinstance(t, Trials) for t in tables) else []


def _from_tables(tables: list[Trials], over: str, band: str, options: dict[str, Any]) -> Steps:
    from hpt_lessons import analysis

    if len(tables) > 1 and band == "mean":
        return Steps(*analysis.band(tables, over, **options))
    options = {key: value for key, value in options.items() if key != "varied"}
    curves = [analysis.incumbent(table, over, **options) for table in tables]
    x = analysis.common_grid(curves)
    return _from_arrays("", (x, analysis.on_grid(curves, x)), band)


def _from_arrays(name: str, given: Any, band: str) -> Steps:
    try:
        x, values = (np.asarray(part, dtype=float) for part in given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"incumbents, {name!r}: expected a list of tables of trials, or (x, curves).") from error
    values = np.atleast_2d(values)
    if x.ndim != 1 or values.ndim != 2 or values.shape[1] != len(x) or not values.size:
        raise ValueError(
            f"incumbents, {name!r}: places of shape {x.shape} and curves of shape {values.shape} do not "
            "fit; expected (n,) and (searches, n)."
        )
    low, high = _band(values, band)
    return Steps(x, values.mean(axis=0), low, high, len(values))


def _band(values: np.ndarray, band: str) -> np.ndarray:
    """Lower and upper end at each place; NaN where a search has no result yet."""
    if band == "searches":
        return np.quantile(values, [0.1, 0.9], axis=0)
    return np.array(
        [mean_interval(column) if np.isfinite(column).all() else (math.nan, math.nan) for column in values.T]
    ).T


def _draw(ax: Axes, name: str, steps: Steps, scale: float, look: Line) -> None:
    style = {"color": look.colour, "linestyle": look.style, "drawstyle": "steps-post"}
    ax.plot(steps.x, scale * steps.mean, **style, linewidth=2, marker=look.marker, markevery=max(1, len(steps.x) // 8),
            markersize=6, markeredgecolor="white", label=name, zorder=4)  # fmt: skip
    if steps.repeats > 1:
        low, high = scale * steps.low, scale * steps.high
        ax.fill_between(steps.x, low, high, step="post", color=look.colour, alpha=0.2, linewidth=0, zorder=2)
        for edge in (low, high):  # in grey the edges tell bands apart that lie on each other
            ax.plot(steps.x, edge, **style, linewidth=0.6, zorder=3)


def _data(methods: Mapping[str, Any]) -> str:
    """The name that all tables agree on."""
    names = sorted({table.data for given in methods.values() for table in _tables(given)})
    if len(names) > 1:
        raise ValueError(
            f"incumbents: these searches used different data ({', '.join(map(repr, names))}) and cannot be compared."
        )
    return names[0] if names else ""


def _handles(steps: Mapping[str, Steps], looks: Mapping[str, Line], band: str, default: float | None) -> list:
    handles: list = []
    for name, step in steps.items():
        look, count = looks[name], step.repeats
        handles.append(
            Line2D(
                [],
                [],
                color=look.colour,
                linestyle=look.style,
                linewidth=2,
                marker=look.marker,
                label=f"{name} ({count} search{'es' if count > 1 else ''})",
            )
        )
    if default is not None:
        handles.append(Line2D([], [], **_DEFAULT, label="untuned default"))
    if any(step.repeats > 1 for step in steps.values()):
        said = sorted({step.covers for step in steps.values()} - {""})
        words = "\n".join([BANDS[band], *(textwrap.fill(f"covers {text}", 34) for text in said)])
        handles.append(Patch(color=COLOURS["neutral"], alpha=0.35, label=words))
    return handles
