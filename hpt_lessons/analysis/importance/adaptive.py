"""Were these trials chosen by what earlier ones showed? Then shares of variance weigh what the search liked to try.

A table does not say who chose its trials. Whoever knows can say it; else the order of the trials may tell.
"""

import math
import warnings
from collections.abc import Sequence

import numpy as np

from hpt_lessons.analysis.importance.columns import columns_of, level
from hpt_lessons.analysis.importance.outcomes import checked_names, outcomes, ranks, scored
from hpt_lessons.trials import Trials


class AdaptiveWarning(UserWarning):
    """The trials seem to have been chosen by what earlier ones showed, and shares of variance are then distorted."""


def adaptively_chosen(
    trials: Trials, names: Sequence[str] | None = None, *, metric: str = "loss", scope: str = "last"
) -> str | None:
    """What makes one think that a search chose these trials by what earlier ones showed; None if nothing does.

    Two signs: a scheduler cut trials (status "stopped"), so that their scores are of unequal budgets; or later trials
    lie nearer to the best one than the first twelfth, sixth, third or half of them, in some hyperparameter, by the
    rank-sum test of Wilcoxon (1945) at one in a thousand in all. The order of the table must be that in which the
    trials were chosen. A search may go unnoticed, most of all in fewer than a hundred trials.
    """
    return _cut(trials) or _drawn_to_the_best(trials, names, metric, scope)


def _cut(trials: Trials) -> str | None:
    stopped = sum(trial.status == "stopped" for trial in trials)
    if not stopped:
        return None
    return f"{stopped} of {len(trials)} trials were cut by a scheduler, so that their scores are of unequal budgets"


def _drawn_to_the_best(trials: Trials, names: Sequence[str] | None, metric: str, scope: str) -> str | None:
    from scipy.special import ndtri

    trials = scored(trials, metric, scope)
    names = checked_names(trials, names)
    ranked = outcomes(trials, metric, scope)
    best = min(range(len(trials)), key=lambda row: ranked[trials[row].name])
    firsts = sorted({len(trials) // parts for parts in (12, 6, 3, 2)} - {0})
    limit = ndtri(1 - 0.001 / len(names) / len(firsts))
    for column in columns_of(trials, names):
        places = column.places(level(trial.config, column.name) for trial in trials)
        far = ranks(np.abs(places - places[best])) * len(trials)
        if any(_rank_sum(far, first) > limit for first in firsts):
            return f"later trials lie nearer to the best one in {column.name!r} than earlier ones"
    return None


def _rank_sum(ranked: np.ndarray, first: int) -> float:
    """How much larger the first ranks are than the others, in standard deviations of a random order."""
    others = len(ranked) - first
    above = ranked[:first].sum() - first * ranked.mean()
    return float(above / math.sqrt(first * others * (len(ranked) + 1) / 12))


def warn_if_adaptive(
    trials: Trials, names: Sequence[str], adaptive: bool | None, is_grid: bool, *, metric: str, scope: str
) -> None:
    """An `AdaptiveWarning` if the caller says so (`adaptive`), or says nothing (None) and the trials look like it.

    Whoever filled a grid chose nothing, in whatever order, but a scheduler may still have cut its trials.
    """
    reason = "adaptive=True" if adaptive else None
    if adaptive is None:
        reason = _cut(trials) if is_grid else adaptively_chosen(trials, names, metric=metric, scope=scope)
    if reason:
        warnings.warn(
            f"these trials look as if a search had chosen them ({reason}). Shares of variance then weigh what the "
            "search liked to try. Take trials of a grid or a random search; adaptive=False says that they are.",
            AdaptiveWarning,
            stacklevel=3,
        )
