"""Is one better than the other, seed by seed? Differences of paired runs, their mean and its interval."""

from collections.abc import Hashable, Mapping

import numpy as np
from matplotlib.axes import Axes

from hpt_lessons.analysis.intervals import paired_difference
from hpt_lessons.trials import Trial, Trials
from hpt_lessons.view.look.style import COLOURS, name_data
from hpt_lessons.view.plots.looks import new_axes
from hpt_lessons.view.plots.readings import FINAL, columns_of, last_value, metric_label, not_empty

Pairs = list[tuple[Trial, Trial]]


def paired_differences(
    first: Trials, second: Trials, *, names: tuple[str, str] = ("first", "second"), metric: str = "loss",
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """A dot for each pair of runs: the second's result minus the first's; beside them the mean and its 95 % interval.

    Two runs are a pair if they share their seed, their split and every hyperparameter that takes the same values in
    both tables: only what is compared may differ. The dots are in order of their seeds. Pairs of which one diverged are
    left out, and counted on the axis. `names` are those of the two tables. Raises ValueError for an empty table, where
    a run has no partner or two, and where fewer than two pairs are sound.
    """
    label, scale = metric_label(metric, FINAL)
    for table in (first, second):
        not_empty("paired_differences", table)
    data = _data(first, second)
    pairs = _pairs(first, second)
    sound = [pair for pair in pairs if all(np.isfinite(last_value(trial, metric)) for trial in pair)]
    if len(sound) < 2:
        raise ValueError(
            f"paired_differences: {len(sound)} of {len(pairs)} pairs have a sound {metric} on both sides, "
            "and an interval needs two. Train with more seeds."
        )
    differences = [scale * (last_value(b, metric) - last_value(a, metric)) for a, b in sound]
    result = paired_difference(differences, np.zeros(len(differences)))
    ax = ax or new_axes((7.5, 4.0))
    _draw(ax, differences, result)
    _seed_ticks(ax, [str(first.seed) for first, _ in sound], len(pairs) - len(sound))
    better = "above" if "accuracy" in metric else "below"
    unit = label.replace("(%)", "(percentage points)")
    ax.set_ylabel(f"{unit},\n{names[1]} minus {names[0]}")
    ax.set_title(f"{better} 0: {names[1]} is better", loc="left", fontsize="medium")
    return name_data(ax, data)


def _data(first: Trials, second: Trials) -> str:
    if first.data != second.data:
        raise ValueError(
            f"paired_differences: the tables used different data ({first.data!r}, {second.data!r}) and "
            "cannot be compared."
        )
    return first.data


def _pairs(first: Trials, second: Trials) -> Pairs:
    """Runs that differ only in what is compared, ordered by seed."""
    shared = _shared(first, second)
    sides = [_by_key(table, shared) for table in (first, second)]
    alone = sides[0].keys() ^ sides[1].keys()
    if alone:
        words = ", ".join(["seed", "split", *shared])
        raise ValueError(
            f"paired_differences: {len(alone)} run(s) have no partner, for example the one with ({words}) "
            f"= {min(map(str, alone))}. Give tables of the same seeds."
        )
    keys = sorted(sides[0], key=lambda key: (str(type(key[0])), key[0] if key[0] is not None else 0))
    return [(sides[0][key], sides[1][key]) for key in keys]


def _shared(first: Trials, second: Trials) -> list[str]:
    """Hyperparameters that take the same values in both tables."""
    left, right = (
        {name: {repr(value) for value in column.values()} for name, column in columns_of(table).items()}
        for table in (first, second)
    )
    return [name for name in left if name != "seed" and left[name] == right.get(name)]


def _by_key(table: Trials, shared: list[str]) -> Mapping[tuple[Hashable, ...], Trial]:
    columns = columns_of(table)
    found: dict[tuple[Hashable, ...], Trial] = {}
    for trial in table:
        split = trial.history[-1].extra.get("split_seed") if trial.history else None
        key = (trial.seed, split, *(repr(columns[name].get(trial.name)) for name in shared))
        if key in found:
            raise ValueError(
                f"paired_differences: trials {found[key].name!r} and {trial.name!r} have the same seed "
                f"({trial.seed}), so that their partner is not clear. Give one configuration a seed."
            )
        found[key] = trial
    return found


def _seed_ticks(ax: Axes, seeds: list[str], lost: int) -> None:
    """Every pair's seed while there is room, else each second, third, ...; how many pairs are not there."""
    shown = range(0, len(seeds), 1 + len(seeds) // 20)
    ax.set_xticks([*shown, len(seeds) + 0.5], [*(seeds[place] for place in shown), "mean and\n95 % interval"])
    out = f"; {lost} pair{'s'[: lost != 1]} diverged" if lost else ""
    ax.set_xlabel(f"seed of the pair{out}")


def _draw(ax: Axes, differences: list[float], result) -> None:
    places = range(len(differences))
    end = len(differences) + 0.5
    ax.axhline(0, color=COLOURS["default"], linewidth=1)
    ax.vlines(places, 0, differences, color=COLOURS["neutral"], linewidth=1)
    ax.plot(places, differences, "o", color=COLOURS["cut"], markersize=7, markeredgecolor="white", gid="pairs")
    ax.axhspan(result.low, result.high, color=COLOURS["best"], alpha=0.12, linewidth=0, zorder=0)
    ax.errorbar(
        [end],
        [result.mean],
        [[result.mean - result.low], [result.high - result.mean]],
        color=COLOURS["best"],
        marker="D",
        markersize=9,
        capsize=6,
        elinewidth=2.5,
        markeredgecolor="white",
        gid="mean",
    )
    ax.annotate(
        f"{result.mean:+.2g}\n[{result.low:+.2g}, {result.high:+.2g}]",
        (end, result.mean),
        (12, 0),
        textcoords="offset points",
        va="center",
    )
    ax.set_xlim(-0.6, end + max(1.5, 0.36 * end))
    ax.grid(False, axis="x")
