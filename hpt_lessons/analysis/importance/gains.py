"""What would tuning one hyperparameter alone gain, all others left at their default?

Probst, Boulesteix & Bischl (JMLR 20, 2019), "Tunability: importance of hyperparameters of machine learning algorithms",
section 3: the loss of the default minus the smallest loss along the line through it. The smallest of several noisy
losses is too small by luck, so with several seeds the best value is chosen on all but one and scored on that one.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from hpt_lessons.analysis.comparisons import covers
from hpt_lessons.analysis.curse import score
from hpt_lessons.analysis.importance.columns import Setting, level, setting, varying
from hpt_lessons.analysis.importance.outcomes import checked_names
from hpt_lessons.analysis.intervals import mean_interval
from hpt_lessons.trials import Trials, expect_trials

TOGETHER = "all together"


class Gain(NamedTuple):
    """How much better than the default the best value of one hyperparameter is, in the metric's own unit.

    `value` was chosen most often, among so many `tried` ones; the interval covers what `covers` says.
    """

    name: str
    gain: float
    low: float
    high: float
    value: Any
    tried: int
    seeds: int
    covers: str


def gains(
    trials: Trials,
    default: Mapping[str, Any],
    names: Sequence[str] | None = None,
    *,
    metric: str = "loss",
    scope: str = "last",
) -> list[Gain]:
    """The gain of tuning each hyperparameter alone from the default, and of tuning `names` all together, in this order.

    `default` must be among the recorded configurations, with the same seeds as the values to compare it with. With
    several seeds in common each in turn scores what the others chose; the interval is Student's over the turns. With
    one seed the gain is too large by the winner's curse, and `covers` says so. A trial that diverged counts as the
    worst sound one. Where no other value was recorded, the gain is NaN. Raises ValueError if the default was not
    recorded, with the nearest that was.
    """
    expect_trials("importance.gains", trials)
    found, names = varying(trials), checked_names(trials, names)
    sign = -1.0 if metric == "accuracy" else 1.0
    table = _by_setting(trials, found, sign, metric, scope)
    start = tuple(level(default, name) for name in found)
    if start not in table:
        raise ValueError(f"gains: the default {_words(found, start)} was not recorded; the nearest that was is "
                         f"{_words(found, max(table, key=lambda other: _shared(other, start)))}.")  # fmt: skip
    lines = {name: [name] for name in names} | ({TOGETHER: names} if len(names) > 1 else {})
    result = []
    for label, free in lines.items():
        fixed = [place for place, name in enumerate(found) if name not in free]
        line = {s: row for s, row in table.items() if all(s[place] == start[place] for place in fixed)}
        result.append(_gain(label, [found.index(name) for name in free], line, start))
    return result


def _gain(label: str, free: Sequence[int], line: Mapping[Setting, Mapping[int, float]], start: Setting) -> Gain:
    if len(line) == 1:
        return Gain(label, math.nan, math.nan, math.nan, None, 1, len(line[start]), "nothing: no other value was tried")
    seeds = sorted(set.intersection(*(set(row) for row in line.values())), key=str)
    if not seeds:
        raise ValueError(f"gains: the configurations along {label!r} share no seed; give trials that do.")
    settings = list(line)
    scores = np.array([[line[s][seed] for seed in seeds] for s in settings])
    ahead = scores[settings.index(start)] - scores  # how much better than the default each is, seed by seed
    if len(seeds) == 1:
        chosen = ahead.argmax(axis=0)
        said = "nothing: chosen and scored with one seed, too large by the winner's curse"
    else:
        # By the mean of the other seeds. The turns are then scored on a seed each, and hardly depend on each other.
        chosen = (ahead.sum(axis=1, keepdims=True) - ahead).argmax(axis=0)
        said = covers("training")
    turns = ahead[chosen, np.arange(len(seeds))]
    winner = settings[np.bincount(chosen).argmax()]
    value = winner[free[0]] if len(free) == 1 else tuple(winner[place] for place in free)
    low, high = mean_interval(turns)
    return Gain(label, float(turns.mean()), low, high, value, len(settings), len(seeds), said)


def _by_setting(
    trials: Trials, names: Sequence[str], sign: float, metric: str, scope: str
) -> dict[Setting, dict[Any, float]]:
    """Scores by setting and seed, smaller is better; trials without a result are left out."""
    scores = {trial.name: sign * score(trial, metric, scope) for trial in trials}
    sound = [value for value in scores.values() if math.isfinite(value)]
    table: dict[Setting, dict[Any, float]] = defaultdict(dict)
    for trial in trials:
        value = max(sound, default=math.nan) if trial.diverged else scores[trial.name]
        if math.isfinite(value):
            table[setting(trial, names)][trial.seed] = value
    if not table:
        raise ValueError(f"gains: none of {len(trials)} trials has a sound result in {metric!r}.")
    return table


def _shared(other: Sequence[Any], start: Sequence[Any]) -> tuple[int, float]:
    """How near two settings are: first by how many values they share, then by how far the numbers are apart."""
    apart = [abs(math.log(a / b)) for a, b in zip(other, start, strict=True)
             if isinstance(a, int | float) and isinstance(b, int | float) and a > 0 and b > 0]  # fmt: skip
    return sum(a == b for a, b in zip(other, start, strict=True)), -sum(apart)


def _words(names: Sequence[str], values: Sequence[Any]) -> str:
    return "{" + ", ".join(f"{name!r}: {value!r}" for name, value in zip(names, values, strict=True)) + "}"
