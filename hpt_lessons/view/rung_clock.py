"""Who trains what, when: a search on recorded curves, with several workers and a virtual clock. No widgets here."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpt_lessons.search.asktell import Run, Search
from hpt_lessons.search.halving import Decision, StoppingASHA, lost


@dataclass(frozen=True)
class Curve:
    """What a trial would do if nobody stopped it: its score after each epoch (NaN: diverged), and seconds an epoch."""

    scores: np.ndarray
    seconds: np.ndarray


@dataclass(frozen=True)
class Stretch:
    """A worker trains a trial on, from after epoch `first` to epoch `last`, and hears what the scheduler decides.

    `trial` counts the trials in the order in which they begin; `start` and `end` are seconds on the virtual clock;
    `bar` is the score that it had to reach where the scheduler has such a bar, else None.
    """

    worker: int
    trial: int
    first: int
    last: int
    start: float
    end: float
    score: float
    decision: Decision
    bar: float | None


def run(search: Search, curves: Sequence[Curve], workers: int) -> list[Stretch]:
    """All stretches of a search whose n-th trial follows the n-th curve, in the order in which they end.

    A trial goes on from where it paused. Workers that are free at the same moment ask in the order of their numbers.
    """
    clock, reached, stretches = 0.0, [0] * len(curves), []
    free, busy = list(range(workers)), []
    while True:
        for worker in sorted(free):
            work = search.ask()
            if not isinstance(work, Run):
                break
            free.remove(worker)
            trial = int(work.trial)
            heapq.heappush(busy, _begin(clock, worker, trial, reached[trial], work.budget, curves[trial]))
        if not busy:
            return stretches
        clock, worker, trial, first, last, start = heapq.heappop(busy)
        score, bar = float(curves[trial].scores[last - 1]), _bar(search.scheduler, last)
        name = f"{trial:04d}"
        decision = search.lose(name) if lost(score) else search.tell(name, last, score)
        reached[trial] = last
        stretches.append(Stretch(worker, trial, first, last, start, clock, score, decision, bar))
        if decision.action == "continue":
            heapq.heappush(busy, _begin(clock, worker, trial, last, decision.budget, curves[trial]))
        else:
            free.append(worker)


def _begin(clock: float, worker: int, trial: int, first: int, budget: int, curve: Curve) -> tuple:
    """A stretch that has begun, by its end: a trial that diverges ends before its budget."""
    last = min(budget, len(curve.scores))
    return clock + float(curve.seconds[first:last].sum()), worker, trial, first, last, clock


def _bar(scheduler: Any, budget: int) -> float | None:
    return scheduler.bar(budget) if isinstance(scheduler, StoppingASHA) and budget in scheduler.levels else None
