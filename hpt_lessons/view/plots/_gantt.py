"""Who ran when, on which worker, and who was cut? A Gantt chart of a search."""

import math
from collections import Counter
from collections.abc import Hashable
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hpt_lessons.trials import Trial, Trials
from hpt_lessons.view.look.style import COLOURS, WIDE, name_data
from hpt_lessons.view.plots.looks import MARKS, add_legend, look_of_mark, new_axes
from hpt_lessons.view.plots.readings import metric_label, not_empty, status_of, winner_of, winner_text

_HEIGHT = 0.74
_UNITS = ((7200, 3600, "h"), (180, 60, "min"), (0, 1, "s"))


class Piece(NamedTuple):
    """One piece of work on a trial without a break. Times in seconds."""

    worker: Hashable
    start: float
    end: float
    epochs: tuple[float, ...]  # when an epoch ended inside it


class Look(NamedTuple):
    """How the bars of a trial look, also in grey: light, dark, hollow, hatched or with a wide rim."""

    face: str
    edge: str
    text: str
    hatch: str = ""
    rim: float = 1.0


_LOOKS = {
    "best": Look(COLOURS["best"], COLOURS["default"], "white", rim=2.5),
    "default": Look(COLOURS["cut"], COLOURS["default"], "white"),
    "completed": Look(COLOURS["neutral"], COLOURS["cut"], "black"),
    "other": Look("white", COLOURS["cut"], "black"),
    "diverged": Look("white", COLOURS["cut"], "black", "////"),
}


def gantt(trials: Trials, *, metric: str = "loss", ax: Axes | None = None) -> Axes:
    """A row for each worker, a bar for each piece of work on a trial on it, and a mark where the trial was cut.

    Every result needs `start` and `end` in seconds and its `worker` in `extra`, as a replay on the virtual clock
    gives them. A thin line is the end of an epoch; a trial that was paused and went on has several bars. The one with
    the best last epoch stands out; trials that were not trained to the end are hollow. A gap is a worker that waits.
    Raises ValueError for an empty table and for a result without start, end or worker.
    """
    not_empty("gantt", trials)
    metric_label(metric)
    pieces = {trial.name: _pieces(trial) for trial in trials}
    workers = sorted({piece.worker for run in pieces.values() for piece in run}, key=lambda who: (str(type(who)), who))
    if not workers:
        raise ValueError("gantt: no trial has a result, so no worker was busy yet. Run the search first.")
    winner = winner_of(trials, metric, None)
    end = max(piece.end for run in pieces.values() for piece in run)
    unit, word = next((size, name) for least, size, name in _UNITS if end >= least)
    own, ax = ax is None, ax or new_axes((WIDE[0], 1.6 + 0.55 * max(len(workers), 3)))
    ax.set(xlim=(0, 1.01 * end / unit), ylim=(len(workers) - 0.4, -0.6), xlabel=f"time ({word})")
    ax.set_yticks(range(len(workers)), [f"worker {worker}" for worker in workers])
    ax.grid(False, axis="y")
    for trial in trials:
        _row(ax, trial, pieces[trial.name], workers, unit, end, _LOOKS[_role(trial, winner)])
    add_legend(ax, _handles(trials, winner, metric), own)
    return name_data(ax, trials.data)


def _pieces(trial: Trial) -> list[Piece]:
    """The trial's pieces of work; epochs that follow each other on one worker are one."""
    pieces: list[Piece] = []
    for result in trial.history:
        missing = [key for key in ("start", "end", "worker") if result.extra.get(key) is None]
        if missing:
            raise ValueError(
                f"gantt: trial {trial.name!r}, epoch {result.epoch}, has no {missing[0]!r} in its extra. "
                "Replay the search on the virtual clock: that writes start, end and worker."
            )
        worker, start, end = result.extra["worker"], float(result.extra["start"]), float(result.extra["end"])
        before = pieces[-1] if pieces else None
        if before and before.worker == worker and math.isclose(before.end, start, rel_tol=1e-6, abs_tol=1e-6):
            pieces[-1] = Piece(worker, before.start, end, (*before.epochs, start))
        else:
            pieces.append(Piece(worker, start, end, ()))
    return pieces


def _role(trial: Trial, winner: Trial | None) -> str:
    if winner is not None and trial.name == winner.name:
        return "best"
    if trial.name == "default":
        return "default"
    status = status_of(trial)
    return status if status in ("completed", "diverged") else "other"


def _row(ax: Axes, trial: Trial, pieces: list[Piece], workers: list, unit: float, end: float, look: Look) -> None:
    """A trial's bars with its name where there is room, and the mark of its end."""
    for piece in pieces:
        row, width = workers.index(piece.worker), (piece.end - piece.start) / unit
        ax.barh(
            row,
            width,
            _HEIGHT,
            piece.start / unit,
            color=look.face,
            edgecolor=look.edge,
            hatch=look.hatch,
            linewidth=look.rim,
            gid=trial.name,
            zorder=2,
        )
        ax.vlines(
            [at / unit for at in piece.epochs],
            row - _HEIGHT / 2,
            row + _HEIGHT / 2,
            color=look.edge,
            linewidth=0.4,
            zorder=3,
        )
        if width * unit / end > 0.008 * len(trial.name) + 0.01:
            back = {"facecolor": look.face, "edgecolor": "none", "pad": 0.6}
            ax.text(
                piece.start / unit + width / 2,
                row,
                trial.name,
                ha="center",
                va="center",
                fontsize="x-small",
                color=look.text,
                zorder=4,
                bbox=back,
            )
    if pieces and status_of(trial) != "completed":
        ax.plot(
            [pieces[-1].end / unit],
            [workers.index(pieces[-1].worker) + _HEIGHT / 2],
            linestyle="",
            clip_on=False,
            **look_of_mark(status_of(trial)) | {"markersize": 7},
            zorder=6,
            gid=status_of(trial),
        )


def _handles(trials: Trials, winner: Trial | None, metric: str) -> list:
    """Bars and marks that occur, counted."""
    counts = Counter(status_of(trial) for trial in trials if trial.history)
    size = {"markersize": 6, "markeredgewidth": 0.5}
    handles: list = []
    if winner is not None:
        handles.append(_patch("best", winner_text(winner, metric)))
    if "default" in trials and (winner is None or winner.name != "default"):
        handles.append(_patch("default", "untuned default"))
    for status in MARKS:
        if counts[status]:
            bar = _patch(status if status in _LOOKS else "other", "")
            words = "all its epochs" if status == "completed" else MARKS[status].label
            mark = Line2D([], [], linestyle="", **look_of_mark(status) | size, label=f"{words} ({counts[status]})")
            handles.append((bar, mark) if status != "completed" else _patch(status, mark.get_label()))
    return handles


def _patch(role: str, label: str) -> Patch:
    look = _LOOKS[role]
    return Patch(facecolor=look.face, edgecolor=look.edge, hatch=look.hatch, linewidth=look.rim, label=label)
