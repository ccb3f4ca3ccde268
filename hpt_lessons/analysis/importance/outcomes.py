"""What is compared between configurations? A rank, a value, or being among the best, for each setting and seed."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hpt_lessons.analysis.curse import score
from hpt_lessons.analysis.importance.columns import Setting, setting, varying
from hpt_lessons.trials import Trial, Trials, expect_trials, known_metric

OF = ("rank", "value", "good")


def scored(trials: Trials, metric: str, scope: str) -> Trials:
    """The trials that have a result or diverged; a ValueError if none is sound."""
    expect_trials("importance", trials)
    known_metric("importance", trials, metric)
    sound = {trial.name for trial in trials if math.isfinite(score(trial, metric, scope))}
    if not sound:
        raise ValueError(f"importance: none of {len(trials)} trials has a sound result in {metric!r}.")
    return trials.filter(lambda trial: trial.name in sound or trial.diverged)


def checked_names(trials: Trials, names: Sequence[str] | None) -> list[str]:
    """The named hyperparameters, or all that vary; a ValueError if one does not vary."""
    found = varying(trials)
    unknown = [name for name in names or () if name not in found]
    if unknown or not found:
        what = f"{unknown[0]!r} does not vary" if unknown else "no hyperparameter varies"
        raise ValueError(f"importance: {what} between these trials; what varies: {', '.join(found) or 'nothing'}.")
    return list(found if names is None else names)


def outcomes(trials: Trials, metric: str, scope: str, of: str = "rank", good: float = 0.1) -> dict[str, float]:
    """What is compared, by the name of the trial: by `of` its rank in 0..1 (0 the best), its value, or whether it is
    among the best share `good` (1.0 or 0.0). A trial that diverged has the worst rank, or the worst sound value."""
    sign = -1.0 if metric == "accuracy" else 1.0
    values = sign * np.array([score(trial, metric, scope) for trial in trials])
    if of == "value":
        values = np.where(np.isnan(values), np.nanmax(values), values)
    else:
        values = ranks(np.where(np.isnan(values), math.inf, values))
    if of == "good":
        values = (values <= np.quantile(values, good)).astype(float)
    return {trial.name: float(value) for trial, value in zip(trials, values, strict=True)}


def ranks(values: np.ndarray) -> np.ndarray:
    """Each value's rank as a share, from above 0 for the smallest to below 1; equal values have their mean rank."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - counts / 2)[group] / len(values)


def by_setting(
    trials: Sequence[Trial], names: Sequence[str], outcome: Mapping[str, float]
) -> tuple[list[Setting], np.ndarray]:
    """The settings of the named hyperparameters and their outcomes, shape (settings, seeds).

    If not all settings have the same seeds there is one column, of means. Trials of one setting and seed, that differ
    in what is not named, are averaged.
    """
    groups: dict[Setting, dict[Any, list[float]]] = defaultdict(lambda: defaultdict(list))
    for trial in trials:
        groups[setting(trial, names)][trial.seed].append(outcome[trial.name])
    seeds = list(next(iter(groups.values())))
    if all(set(group) == set(seeds) for group in groups.values()):
        rows = [[np.mean(group[seed]) for seed in seeds] for group in groups.values()]
    else:
        rows = [[np.mean([value for values in group.values() for value in values])] for group in groups.values()]
    return list(groups), np.array(rows)
