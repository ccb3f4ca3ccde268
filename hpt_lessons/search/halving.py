"""Stopping early: whom may we stop, and how far may the others go?

- Successive halving: many trials a little, the best third of them further (Jamieson & Talwalkar, AISTATS 2016).
- Hyperband: several such brackets, from 'many and briefly' to 'few and fully' (Li et al., JMLR 18, 2018).

ASHA, which does not wait for a rung to fill up, is in `asha`; what a scheduler is asked and answers in `rungs`.
"""

from __future__ import annotations

from hpt_lessons import checks
from hpt_lessons.search.rungs import DONE, WAIT, Decision, Job, best_first, brackets, lost


class NoStopping:
    """Nobody is stopped: every trial gets the whole budget, unless it lost."""

    waits = False

    def __init__(self, max_budget: int):
        self.max_budget = checks.whole("max_budget", max_budget)

    def next_job(self, new: str | None) -> Job | str:
        """A free worker starts a new trial."""
        return DONE if new is None else Job(new, self.max_budget)

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
        if new is not None and self.room():
            return self.add(new)
        return DONE if self.finished() else WAIT

    def report(self, trial: str, budget: int, loss: float) -> Decision:
        """Record a result; the last one of a rung decides it."""
        if trial not in self.members or trial in self.results[self.level]:
            return Decision("stop", budget)
        goal = self.plan[self.level][1]
        if budget < goal and not lost(loss):
            return Decision("continue", goal)
        if trial in self.queue:
            self.queue.remove(trial)
        self.results[self.level][trial] = loss
        ends = lost(loss) or self._at_the_top()
        out = self._advance()
        action = "stop" if ends or trial in out else "pause"
        return Decision(action, budget, tuple(name for name in out if name != trial))

    def close(self) -> None:
        """No more trials will come: the first rung is complete with those that it has."""
        if self.room():
            self.closed = True
            self._advance()

    def _at_the_top(self) -> bool:
        return self.level == len(self.plan) - 1

    def _advance(self) -> list[str]:
        """Decide the rung if it is complete, and name those that are out."""
        done = self.results[self.level]
        if self.room() or len(done) < len(self.members) or self._at_the_top():
            return []
        here, above = self.plan[self.level][0], self.plan[self.level + 1][0]
        places = max(1, len(done) * above // here)  # as planned when the rung is full
        promoted = [trial for trial in best_first(done) if not lost(done[trial])][:places]
        out = [trial for trial in self.members if trial not in promoted]
        self.members, self.queue = promoted, list(promoted)
        self.level += 1
        return out

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
        if new is not None:
            return self.add(new)
        return DONE if self.finished() else WAIT

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
            raise ValueError(f"trial {trial!r} is unknown; start it with next_job")
        return self.home[trial].report(trial, budget, loss)

    def close(self) -> None:
        """The bracket that still has room is complete as it is; a later trial opens a new one."""
        for bracket in self.opened:
            bracket.close()

    def finished(self) -> bool:
        """Whether nothing is left to wait for."""
        return all(bracket.finished() for bracket in self.opened)
