"""Who runs next, how far, and who hears of the result? A searcher and a scheduler at work together.

A searcher proposes configurations (`searchers`, `bohb`), a scheduler decides how far each of them is trained
(`halving`, `asha`); what they can be asked is written down in `protocols`. A whole search is a plain loop, here random
search with successive halving: nine configurations for one epoch, the best three of them for three, the best for nine.

    >>> import math
    >>> from hpt_lessons.search import domains, halving, layouts, rungs, searchers
    >>> def train(config, epochs):  # stands for a network: 0.01 is the best learning rate, and epochs help
    ...     return abs(math.log10(config["lr"]) + 2) + 1 / epochs
    >>> searcher = searchers.Listed(layouts.random({"lr": domains.loguniform(1e-4, 1)}, 9, seed=0))
    >>> scheduler = halving.SuccessiveHalving(rungs.halving_plan(9, min_budget=1, max_budget=9, eta=3))
    >>> configs = {}
    >>> while isinstance(job := scheduler.next_job(new=f"trial {len(configs)}"), rungs.Job):
    ...     if job.trial not in configs:
    ...         configs[job.trial] = searcher.ask()
    ...     loss = train(configs[job.trial], epochs=job.budget)
    ...     searcher.tell(configs[job.trial], job.budget, loss)
    ...     decision = scheduler.report(job.trial, job.budget, loss)
    >>> print(f"the best of {len(configs)} learning rates: {configs[scheduler.members[0]]['lr']:.3f}")
    the best of 9 learning rates: 0.015

`Search` is such a loop turned inside out, for many workers: whoever is free asks for the next piece of work, and tells
what came of it. A replay, the loop in `study.here` and Ray Tune run it. Nothing is printed, timed or drawn from a
global state here: asked and told the same in the same order, a search is in the same state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from hpt_lessons.search.halving import SuccessiveHalving
from hpt_lessons.search.protocols import Scheduler, Searcher
from hpt_lessons.search.rungs import DONE, WAIT, Decision, Job


@dataclass(frozen=True)
class Run:
    """Train this trial (on) up to this budget."""

    trial: str
    config: dict[str, Any]
    budget: int


class Search:
    """A searcher with a scheduler.

    `ask()` names a trial, its configuration and the budget to run it to next, or answers `WAIT` or `DONE`; `tell(trial,
    budget, loss)` answers what becomes of it. The searcher hears of what a trial reached at its rung before the next
    configuration is asked for, once for each trial and budget; a result between two rungs moves nothing. `num_trials`
    is how many configurations there will be: the searcher's own number unless given; None goes on for ever. At the
    searcher's `barriers` the next configuration has to wait until no trial runs any more. ValueError for a searcher
    with barriers and a scheduler that is one bracket.
    """

    def __init__(self, searcher: Searcher, scheduler: Scheduler, *, num_trials: int | None = None):
        if searcher.barriers and isinstance(scheduler, SuccessiveHalving):
            raise ValueError(
                f"{type(searcher).__name__} has two stages, and SuccessiveHalving is one bracket that is "
                "closed after the first. Take Hyperband or ASHA."
            )
        self.searcher, self.scheduler = searcher, scheduler
        self.num_trials = searcher.num_trials if num_trials is None else num_trials
        self.configs: dict[str, dict[str, Any]] = {}
        self.goals: dict[str, int] = {}  # the budget up to which each trial was last sent
        self.running: set[str] = set()
        self.out: set[str] = set()
        self.told: set[tuple[str, int]] = set()
        self._open_barriers = set(searcher.barriers)

    def ask(self, known: Mapping[str, Any] | None = None) -> Run | str:
        """The next piece of work for a free worker.

        `known`: the configuration that this very question had for an answer before an interruption.
        """
        name = None if self._holds_back() else f"{len(self.configs):04d}"
        job = self.scheduler.next_job(name)
        if isinstance(job, Job):
            if job.trial == name:
                self._begin(name, known)
            self.running.add(job.trial)
            self.goals[job.trial] = job.budget
            return Run(job.trial, self.configs[job.trial], job.budget)
        if self.running:
            return WAIT
        if len(self.configs) in self._open_barriers:
            self._open_barriers.discard(len(self.configs))
            return self.ask(known)
        return DONE

    def _holds_back(self) -> bool:
        """Whether no configuration is to be drawn now: all are drawn, or a barrier is shut."""
        return len(self.configs) == self.num_trials or len(self.configs) in self._open_barriers

    def _begin(self, name: str, known: Mapping[str, Any] | None) -> None:
        config = self.searcher.ask()
        self.configs[name] = dict(cast("Mapping[str, Any]", config if known is None else known))
        if self._holds_back():
            # Nobody comes to fill the rung up: who is there is compared.
            self.scheduler.close()

    def tell(self, trial: str, budget: int, loss: float) -> Decision:
        """Decide about the trial, and let the searcher learn what it reached at its rung."""
        if trial not in self.configs:
            raise ValueError(f"trial {trial!r} is unknown; it has to come from ask()")
        if trial not in self.running:
            return Decision("stop" if trial in self.out else "pause", budget)
        decision = self.scheduler.report(trial, budget, loss)
        if decision.action == "continue":
            at_rung = budget >= self.goals[trial]
            self.goals[trial] = decision.budget
        else:
            at_rung = True
            self.running.discard(trial)
        if at_rung and (trial, budget) not in self.told:
            self.told.add((trial, budget))
            self.searcher.tell(self.configs[trial], budget, loss)
        self.out.update(decision.cut, [trial] if decision.action == "stop" else [])
        return decision

    def lose(self, trial: str) -> Decision:
        """The trial diverged and cannot go on: it loses at the rung that it was sent to."""
        return self.tell(trial, self.goals[trial], math.nan)

    def fail(self, trial: str) -> Decision:
        """The trial ended without a result, for a reason that may have nothing to do with its configuration.

        Where others wait for it, it loses. Else neither searcher nor scheduler hear of it, and it may be tried again
        (`revive`).
        """
        if self.scheduler.waits and trial in self.running:
            return self.lose(trial)
        self.running.discard(trial)
        self.out.add(trial)
        return Decision("stop", self.goals[trial])

    def revive(self, trial: str) -> bool:
        """Whether a trial that failed may be tried once more; if so, it runs again."""
        if self.scheduler.waits:
            return False
        self.out.discard(trial)
        self.running.add(trial)
        return True

    def close(self) -> None:
        """No more trials will come: a rung that is not full compares those who are there."""
        self.scheduler.close()
