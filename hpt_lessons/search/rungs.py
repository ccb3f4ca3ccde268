"""Rungs: at which budgets are trials compared, who is ahead there, and what may a scheduler answer?

Every scheduler (`halving`, `asha`) is a pure decision in one shape (`protocols.Scheduler`). Budgets are whole numbers
(epochs), and a loss that is NaN or infinite loses to every other: there we differ from Ray on purpose, where a NaN
always goes on, an infinity at times.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hpt_lessons import checks

WAIT, DONE = "wait", "done"


@dataclass(frozen=True)
class Job:
    """Run this trial (on) up to this budget."""

    trial: str
    budget: int


@dataclass(frozen=True)
class Decision:
    """The trial that reported may 'continue' up to `budget`, or must 'pause' or 'stop'; `cut` names others now out."""

    action: str
    budget: int
    cut: tuple[str, ...] = ()


def rungs(min_budget: int, max_budget: int, eta: int = 3) -> list[int]:
    """Budgets at which ASHA compares trials, counted from below, smallest first.

    Whole numbers only: log(243) / log(3) is 4.999... in floating point, and a rung would be lost.

    >>> rungs(1, 243), rungs(2, 100)
    ([1, 3, 9, 27, 81, 243], [2, 6, 18, 54])
    """
    _check(min_budget, max_budget, eta)
    levels = [min_budget]
    while levels[-1] * eta <= max_budget:
        levels.append(levels[-1] * eta)
    return levels


def ladder(min_budget: int, max_budget: int, eta: int = 3) -> list[int]:
    """Budgets of successive halving and Hyperband, counted from above: the last is the whole budget.

    >>> ladder(1, 81), ladder(1, 100), ladder(2, 10)
    ([1, 3, 9, 27, 81], [1, 3, 11, 33, 100], [3, 10])
    """
    _check(min_budget, max_budget, eta)
    power, levels = 1, []
    while min_budget * power <= max_budget:
        levels.append(max_budget // power)
        power *= eta
    return levels[::-1]


def _check(min_budget: int, max_budget: int, eta: int) -> None:
    for name, value, least in (("min_budget", min_budget, 1), ("max_budget", max_budget, 1), ("eta", eta, 2)):
        checks.whole(name, value, least)
    if min_budget > max_budget:
        raise ValueError(f"min_budget {min_budget} is larger than max_budget {max_budget}; swap them")


def lost(loss: float | None) -> bool:
    """Whether a loss loses to every other: NaN, infinite (either way), or none at all."""
    return loss is None or not math.isfinite(loss)


def best_first(losses: Mapping[str, float]) -> list[str]:
    """Names by loss; those that lost come last, ties keep the order of arrival."""
    return sorted(losses, key=lambda trial: (lost(losses[trial]), 0 if lost(losses[trial]) else losses[trial]))


def survivors(losses: Mapping[str, float], eta: int = 3) -> list[str]:
    """Names of the best 1/eta trials of a rung, best first; at least one survives.

    >>> survivors({"a": 0.3, "b": math.nan, "c": 0.1, "d": 0.2, "e": 0.9, "f": 0.5})
    ['c', 'd']
    """
    return best_first(losses)[: max(1, len(losses) // eta)] if losses else []


def brackets(min_budget: int, max_budget: int, eta: int = 3) -> list[list[tuple[int, int]]]:
    """Hyperband's brackets: for each its rungs as (number of trials, budget), the most daring bracket first.

    These are the numbers of table 1 of the paper, floor((s_max + 1) / (s + 1)) x eta^s trials at the start, as in
    HpBandSter; the paper's algorithm 1 rounds up and starts with 34, 15 and 8 trials where its table has 27, 9 and 6.

    >>> [[n for n, _ in bracket] for bracket in brackets(1, 81)]
    [[81, 27, 9, 3, 1], [27, 9, 3, 1], [9, 3, 1], [6, 2], [5]]
    """
    budgets = ladder(min_budget, max_budget, eta)
    plan = []
    for s in range(len(budgets) - 1, -1, -1):
        trials = len(budgets) // (s + 1) * eta**s
        plan.append([(trials // eta**i, budget) for i, budget in enumerate(budgets[-s - 1 :])])
    return plan


def halving_plan(trials: int, min_budget: int, max_budget: int, eta: int = 3) -> list[tuple[int, int]]:
    """One bracket that starts with this many trials: rungs as (number of trials, budget), as long as a trial is left.

    >>> halving_plan(9, 1, 9)
    [(9, 1), (3, 3), (1, 9)]
    """
    checks.whole("trials", trials)
    plan = [(trials // eta**i, budget) for i, budget in enumerate(ladder(min_budget, max_budget, eta))]
    return [(count, budget) for count, budget in plan if count] or [(trials, min_budget)]
