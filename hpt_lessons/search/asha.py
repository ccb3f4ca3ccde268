"""ASHA: no waiting for the rung to fill up.

By promotion (Li et al., MLSys 2020, algorithm 2) or by stopping (the rule of
`ray.tune.schedulers.AsyncHyperBandScheduler`).
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise

import numpy as np

from hpt_lessons.search.rungs import DONE, WAIT, Decision, Job, best_first, lost, rungs

_DIVERGED = 1e300  # in the place of NaN and infinity where losses are averaged


class StoppingASHA:
    """ASHA by stopping, Ray's rule: at a rung a trial stops when it is worse than the best 1/eta of those before it.

    The bar is the interpolated percentile of the earlier results at this rung, without the trial itself: the first to
    arrive has none to beat and goes on. A trial is measured at the highest rung that it has reached and that has not
    seen it. Nobody ever waits or comes back; that is why a slow starter that arrives late is lost.
    """

    waits = False

    def __init__(self, min_budget: int, max_budget: int, eta: int = 4):
        self.max_budget, self.eta = max_budget, eta
        self.levels = rungs(min_budget, max_budget, eta)
        self.results: dict[int, dict[str, float]] = {level: {} for level in self.levels}

    def next_job(self, new: str | None) -> Job | str:
        """A free worker starts a new trial."""
        return DONE if new is None else Job(new, self.levels[0])

    def report(self, trial: str, budget: int, loss: float) -> Decision:
        """Stop at the whole budget, or below the bar; else go on to the next rung."""
        if budget >= self.max_budget:
            return Decision("stop", budget)
        below_the_bar = self._compare(trial, budget, loss)
        if lost(loss) or below_the_bar:
            return Decision("stop", budget)
        return Decision("continue", min((level for level in self.levels if level > budget), default=self.max_budget))

    def _compare(self, trial: str, budget: int, loss: float) -> bool:
        """Whether the trial falls below the bar of its rung; that is measured before the trial counts there itself."""
        reached = [level for level in self.levels if level <= budget and trial not in self.results[level]]
        if not reached:
            return False
        bar = self.bar(reached[-1])
        self.results[reached[-1]][trial] = loss
        return bar is not None and loss > bar

    def close(self) -> None:
        """Nobody waits for others."""

    def bar(self, level: int) -> float | None:
        """The loss to beat at a rung, or None when nobody was there yet."""
        before = [-_DIVERGED if lost(loss) else -loss for loss in self.results[level].values()]
        return -float(np.percentile(before, (1 - 1 / self.eta) * 100)) if before else None


class PromotionASHA:
    """ASHA by promotion, algorithm 2 of the paper: a free worker promotes whom it can, else it starts a new trial.

    From the top rung down: a trial among the best floor(n / eta) of the n at its rung that was not promoted yet goes
    on, the best first. Trials pause at their rung and none is ever out for good.
    """

    waits = True

    def __init__(self, min_budget: int, max_budget: int, eta: int = 4):
        self.eta = eta
        self.levels = rungs(min_budget, max_budget, eta)
        if self.levels[-1] < max_budget:
            self.levels.append(max_budget)
        self.results: dict[int, dict[str, float]] = {level: {} for level in self.levels}
        self.promoted: dict[int, set[str]] = {level: set() for level in self.levels}
        self.running: dict[str, int] = {}

    def next_job(self, new: str | None) -> Job | str:
        """What a free worker does next."""
        for level, above in reversed(list(pairwise(self.levels))):
            trial = self.promotable(level)
            if trial is not None:
                self.promoted[level].add(trial)
                self.running[trial] = above
                return Job(trial, above)
        if new is not None:
            self.running[new] = self.levels[0]
            return Job(new, self.levels[0])
        return WAIT if self.running else DONE

    def close(self) -> None:
        """Rungs are never full here."""

    def promotable(self, level: int) -> str | None:
        """The best trial of a rung that may go on and has not."""
        done = self.results[level]
        for trial in best_first(done)[: len(done) // self.eta]:
            if trial not in self.promoted[level] and not lost(done[trial]):
                return trial
        return None

    def report(self, trial: str, budget: int, loss: float) -> Decision:
        """Pause at the rung; stop at the whole budget, or when lost."""
        goal = self.running.get(trial, budget)
        if budget < goal and not lost(loss):
            return Decision("continue", goal)
        self.running.pop(trial, None)
        lower, rung = self._rungs_up_to(max(budget, goal))
        self.results[rung].setdefault(trial, loss)
        for level in lower:  # it may have been trained past them: they promote it no more
            self.promoted[level].add(trial)
        ends = lost(loss) or rung == self.levels[-1]
        return Decision("stop" if ends else "pause", budget)

    def _rungs_up_to(self, budget: int) -> tuple[list[int], int]:
        """The highest rung within a budget (the first, if none is), and those below it."""
        highest = max(bisect_right(self.levels, budget) - 1, 0)
        return self.levels[:highest], self.levels[highest]
