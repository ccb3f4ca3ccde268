"""How do trials and methods look? Marks, colours and line styles that all plots share, limits and legends."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation

from hpt_lessons.view.look.marks import limits
from hpt_lessons.view.look.style import BLACK, BLUE, COLOURS, GREEN, ORANGE, PURPLE, SKY, VERMILLION, WIDE


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
BAND = "95 % interval of the\nmean over seeds"
STATUS_COLOURS = {"stopped": COLOURS["cut"], "diverged": COLOURS["default"], "failed": COLOURS["default"]}


def new_axes(size: tuple[float, float] = WIDE) -> Axes:
    """Axes on a figure of their own."""
    return plt.subplots(figsize=size, layout="constrained")[1]


def draw_mark(ax: Axes, status: str, x: float, y: float, colour: str | None, order: int, larger: float = 1.0) -> None:
    """The mark of an end at (x, y); its `gid` is the status."""
    if math.isfinite(y):
        look = look_of_mark(status, colour)
        look["markersize"] *= larger
        ax.plot([x], [y], linestyle="", **look, clip_on=False, zorder=order, gid=status)


def look_of_mark(status: str, colour: str | None = None) -> dict[str, Any]:
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


def limits_of(values: list[float], metric: str) -> tuple[float, float]:
    """The ends of the axis of a metric (`look.marks.limits`); an accuracy is given in percent."""
    if metric != "loss" and not np.isfinite(values).any():
        return 0.0, 100.0
    return limits(values, "min" if metric == "loss" else "max")


def add_legend(ax: Axes, handles: list, own: bool) -> None:
    """Beside the plot on a figure of our own, where it covers nothing; inside on axes that were given.

    A handle may be a tuple, whose parts are drawn over each other; the last one has the label.
    """
    words = [(handle[-1] if type(handle) is tuple else handle).get_label() for handle in handles]
    if handles and own:
        ax.legend(handles, words, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0, frameon=False)
    elif handles:
        ax.legend(handles, words, loc="best", fontsize="small", frameon=True, framealpha=0.8)


def legend_below(ax: Axes, handles: list, columns: int = 3) -> None:
    """Under the name of the axis, for plots that leave no room inside."""
    below = ax.transAxes + ScaledTranslation(0, -0.55, ax.figure.dpi_scale_trans)  # inches
    ax.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        bbox_transform=below,
        ncols=columns,
        frameon=False,
        borderaxespad=0,
        fontsize="small",
        columnspacing=1.2,
        handletextpad=0.5,
    )


class Line(NamedTuple):
    """How a method looks: told apart by colour, line style and marker."""

    colour: str
    style: Any
    marker: str


_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (8, 3)))
_MARKERS = "osD^vPX"


def method_lines(names: Iterable[str]) -> dict[str, Line]:
    """A look for each method: known ones keep their colour in all lessons, others get one that is left."""
    names = list(names)
    known = {name: COLOURS[word] for name in names if (word := name.lower().replace(" ", "-")) in COLOURS}
    palette = [BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, BLACK]
    left = [colour for colour in palette if colour not in known.values()] or palette
    others = (name for name in names if name not in known)
    colours = known | {name: left[place % len(left)] for place, name in enumerate(others)}
    return {
        name: Line(colours[name], _STYLES[place % len(_STYLES)], _MARKERS[place % len(_MARKERS)])
        for place, name in enumerate(names)
    }
