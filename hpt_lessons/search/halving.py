"""Stopping early: whom may we stop, and how far may the others go?

- Successive halving: many trials a little, the best third of them further (Jamieson & Talwalkar, AISTATS 2016).
- Hyperband: several such brackets, from 'many and briefly' to 'few and fully' (Li et al., JMLR 18, 2018).
- ASHA: no waiting for the rung to fill up; by promotion (Li et al., MLSys 2020, algorithm 2) or by stopping (the rule
  of `ray.tune.schedulers.AsyncHyperBandScheduler`).

All of them are pure decisions in one shape. A free worker asks `next_job(name)`: it gets a `Job` (which trial, up to
which budget), or `WAIT`, or `DONE`. Each result goes to `report(trial, budget, loss)`, which answers with a `Decision`
about this trial and names those that are out because of it. `close()` says that no more trials will come for now, and
`waits` tells whether others wait for a trial's result, so that one that failed must be reported. Budgets are whole
numbers (epochs), and a loss that is NaN or infinite loses to every other: there we differ from Ray on purpose, where a
NaN always goes on, an infinity at times.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

WAIT, DONE = "wait", "done"
_DIVERGED = 1e300  # in the place of NaN and infinity where losses are averaged


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
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"{name} {value!r}: a whole number of at least {least} was expected")
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
    plan = [(trials // eta**i, budget) for i, budget in enumerate(ladder(min_budget, max_budget, eta))]
    return [(count, budget) for count, budget in plan if count] or [(trials, min_budget)]


class NoStopping:
    """Nobody is stopped: every trial gets the whole budget, unless it lost."""

    waits = False

    def __init__(self, max_budget: int):
        self.max_budget = max_budget

    def next_job(self, new: str | None) -> Job | str:
        """A free worker starts a new trial."""
        return DONE if new is None else self.add(new)

    def add(self, trial: str) -> Job:
        """All the way at once."""
        return Job(trial, self.max_budget)

    def report(self, trial: str, budget: int, loss: float) -> Decision:
        """Stop at the end, or when lost."""
        return Decision("stop" if budget >= self.max_budget or lost(loss) else "continue", self.max_budget)

    def close(self) -> None:
        """Nobody waits for others."""


class SuccessiveHalving:
    """One bracket, in step: a rung is decided when all of its trials have reported; until then workers may 'wait'.

    `plan`: the rungs as (number of trials, budget), from `halving_plan` or `brackets`. A trial that lost never goes on,
    even where its place stays empty. A trial that failed is reported with the loss NaN at the budget of its job.
    """

    waits = True

    def __init__(self, plan: list[tuple[int, int]]):
        self.plan = list(plan)
        self.members: list[str] = []  # of the present rung, in the order of their start
        self.results: list[dict[str, float]] = [{} for _ in plan]
        self.queue: list[str] = []  # promoted to the present rung and not yet running
        self.level = 0
        self.closed = False  # no more trials will come

    def room(self) -> bool:
        """Whether the first rung takes another trial."""
        return self.level == 0 and not self.closed and len(self.members) < self.plan[0][0]

    def add(self, trial: str) -> Job | str:
        """Take a new trial into the first rung."""
        if not self.room():
            return DONE if self.finished() else WAIT
        if trial in self.members:
            raise ValueError(f"trial {trial!r} is in this bracket already; give each trial a name of its own")
        self.members.append(trial)
        return Job(trial, self.plan[0][1])

    def next_job(self, new: str | None) -> Job | str:
        """What a free worker does next; `new` names the trial that would be started, None when there is none."""
        if self.queue:
            return Job(self.queue.pop(0), self.plan[self.level][1])
        return self.add(new) if new is not None and self.room() else DONE if self.finished() else WAIT

    def report(self, trial: str, budget: int, loss: float) -> Decision:
        """Record a result; the last one of a rung decides it."""
        if trial not in self.members or trial in self.results[self.level]:
            return Decision("stop", budget)
        goal = self.plan[self.level][1]
        if budget < goal and not lost(loss):
            return Decision("continue", goal)
        self.queue = [name for name in self.queue if name != trial]
        self.results[self.level][trial] = loss
        before, last = self.members, self.level == len(self.plan) - 1
        self._advance()
        cut = tuple(name for name in before if name != trial and name not in self.members)
        if lost(loss) or last or trial not in self.members:
            return Decision("stop", budget, () if last else cut)
        return Decision("pause", budget, cut)

    def close(self) -> None:
        """No more trials will come: the first rung is complete with those that it has."""
        if self.room():
            self.closed = True
            self._advance()

    def _advance(self) -> None:
        """Decide the rung if it is complete."""
        done = self.results[self.level]
        if self.room() or len(done) < len(self.members) or self.level == len(self.plan) - 1:
            return
        here, above = self.plan[self.level][0], self.plan[self.level + 1][0]
        places = max(1, len(done) * above // here)  # as planned when the rung is full
        self.members = [trial for trial in best_first(done) if not lost(done[trial])][:places]
        self.queue = list(self.members)
        self.level += 1

    def finished(self) -> bool:
        """Whether nothing is left to run or to wait for."""
        return not self.room() and len(self.results[self.level]) == len(self.members)


class Hyperband:
    """Hyperband's brackets, one after the other and round again.

    A worker that would have to wait opens the next bracket (`overlap=True`, as HpBandSter does) or waits.
    `num_brackets` ends the search; None goes on for ever.
    """

    waits = True

    def __init__(
        self, min_budget: int, max_budget: int, eta: int = 3, *, num_brackets: int | None = None, overlap: bool = True
    ):
        self.plans = brackets(min_budget, max_budget, eta)
        self.num_brackets, self.overlap = num_brackets, overlap
        self.opened: list[SuccessiveHalving] = []
        self.home: dict[str, SuccessiveHalving] = {}

    def next_job(self, new: str | None) -> Job | str:
        """What a free worker does next: an open bracket first, the oldest first, then a new bracket."""
        for bracket in self.opened:
            job = bracket.next_job(new)
            if isinstance(job, Job):
                self.home[job.trial] = bracket
                return job
        return self.add(new) if new is not None else DONE if self.finished() else WAIT

    def add(self, trial: str) -> Job | str:
        """Take a new trial into the bracket that has room, or into a new one."""
        if trial in self.home:
            raise ValueError(f"trial {trial!r} is in a bracket already; give each trial a name of its own")
        bracket = next((b for b in self.opened if b.room()), None) or self._open()
        if bracket is None:
            return DONE if self.finished() else WAIT
        self.home[trial] = bracket
        return bracket.add(trial)

    def _open(self) -> SuccessiveHalving | None:
        waiting = any(not bracket.finished() for bracket in self.opened)
        if len(self.opened) == self.num_brackets or (waiting and not self.overlap):
            return None
        self.opened.append(SuccessiveHalving(self.plans[len(self.opened) % len(self.plans)]))
        return self.opened[-1]

    def report(self, trial: str, budget: int, loss: float) -> Decision:
        """Hand the result to the trial's bracket."""
        if trial not in self.home:
            raise ValueError(f"trial {trial!r} is unknown; start it with next_job or add")
        return self.home[trial].report(trial, budget, loss)

    def close(self) -> None:
        """The bracket that still has room is complete as it is; a later trial opens a new one."""
        for bracket in self.opened:
            bracket.close()

    def finished(self) -> bool:
        """Whether nothing is left to wait for."""
        return all(bracket.finished() for bracket in self.opened)


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
        return DONE if new is None else self.add(new)

    def add(self, trial: str) -> Job:
        """A new trial goes to the first rung."""
        return Job(trial, self.levels[0])

    def report(self, trial: str, budget: int, loss: float) -> Decision:
        """Stop at the whole budget, or below the bar; else go on to the next rung."""
        if budget >= self.max_budget:
            return Decision("stop", budget)
        for level in reversed(self.levels):
            if level <= budget and trial not in self.results[level]:
                bar = self.bar(level)
                self.results[level][trial] = loss
                if bar is not None and not lost(loss) and loss > bar:
                    return Decision("stop", budget)
                break
        if lost(loss):
            return Decision("stop", budget)
        return Decision("continue", min((x for x in self.levels if x > budget), default=self.max_budget))

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
        self.levels += [max_budget] * (self.levels[-1] < max_budget)
        self.results: dict[int, dict[str, float]] = {level: {} for level in self.levels}
        self.promoted: dict[int, set[str]] = {level: set() for level in self.levels}
        self.running: dict[str, int] = {}

    def next_job(self, new: str | None) -> Job | str:
        """What a free worker does next."""
        for level, above in reversed(list(zip(self.levels, self.levels[1:], strict=False))):
            trial = self.promotable(level)
            if trial is not None:
                self.promoted[level].add(trial)
                self.running[trial] = above
                return Job(trial, above)
        if new is not None:
            return self.add(new)
        return WAIT if self.running else DONE

    def add(self, trial: str) -> Job:
        """A new trial goes to the first rung."""
        self.running[trial] = self.levels[0]
        return Job(trial, self.levels[0])

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
        level = max((x for x in self.levels if x <= max(budget, goal)), default=self.levels[0])
        self.running.pop(trial, None)
        self.results[level].setdefault(trial, loss)
        for lower in self.levels[: self.levels.index(level)]:
            self.promoted[lower].add(trial)
        return Decision("stop" if lost(loss) or level == self.levels[-1] else "pause", budget)
