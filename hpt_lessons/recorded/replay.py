"""A search on recorded trials: what would it have found, and when, with so many workers? In a blink, hundreds of times.

`replay` runs any searcher with any scheduler of `hpt_lessons.search` on an objective (`Recorded`, `Synthetic`) and a
virtual clock: an epoch takes the seconds that it took when it was recorded, and nobody waits for them. `repeats` does
so with many seeds. What comes out is the table of trials, as after a live search, with the start and the end of each
epoch beside its result.
"""

import heapq
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hpt_lessons import checks
from hpt_lessons.recorded import pool_methods
from hpt_lessons.recorded.methods import METHODS, Method
from hpt_lessons.recorded.objective import Recorded
from hpt_lessons.recorded.pool import Pool
from hpt_lessons.recorded.synthetic import Synthetic
from hpt_lessons.search.asktell import Run, Search
from hpt_lessons.search.halving import NoStopping
from hpt_lessons.search.protocols import LearningCurve, Objective, Scheduler, Searcher
from hpt_lessons.trials import Result, Trial, Trials, expect_trials

__all__ = [
    "METHODS",
    "Pool",
    "Recorded",
    "Synthetic",
    "chosen",
    "epochs_used",
    "final_score",
    "repeats",
    "replay",
    "seconds_used",
]

FULL_TRAININGS = 60  # the budget unless another is given


def replay(
    objective: Objective,
    searcher: Searcher,
    scheduler: Scheduler | None = None,
    *,
    max_epochs: int = 27,
    budget: int | None = None,
    workers: int = 1,
    seed: int = 0,
    restart: bool = False,
    num_trials: int | None = None,
) -> Trials:
    """The table of trials of one search, with `start`, `end` (virtual seconds) and `worker` in each result's `extra`.

    Where the objective has no noise `extra["noise"]` is False: searches with other seeds then differ in what they tried
    and in nothing else.

    `budget`: epochs in all, 60 full trainings unless given. When it is used up no epoch begins any more; what was under
    way is "interrupted". A trial that the scheduler cut or left waiting is "stopped". With the scheduler None every
    trial gets `max_epochs`. `seed` decides about the noise of the trainings, not about the searcher, which has its own.

    A trial that paused goes on where it was. With `restart` it is trained from the beginning again, as where nothing
    was saved: the first new epoch then began with the first repeated one, takes the seconds of all of them, and says in
    `extra["again"]` how many they were; they count for the budget. Workers that are free at the same moment ask in the
    order of their numbers, and results of the same moment are told in this order.

    ValueError for a budget or workers below 1, for a searcher that is none, for a scheduler that goes beyond
    `max_epochs`, for more epochs than were recorded, and for trials without seconds.
    """
    checks.whole("max_epochs", max_epochs)
    budget = FULL_TRAININGS * max_epochs if budget is None else budget
    for name, value, least in (
        ("max_epochs", max_epochs, 1),
        ("budget", budget, 1),
        ("workers", workers, 1),
        ("seed", seed, 0),
    ):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"replay: {name}={value!r}; a whole number of at least {least} was expected.")
    if not callable(getattr(searcher, "ask", None)):
        raise ValueError(
            f"replay: {searcher!r} is no searcher: it has no ask(). Give one such as BOHBSampler(space), "
            "or a method of METHODS to repeats()."
        )
    if max_epochs > objective.max_epochs:
        raise ValueError(f"replay: max_epochs={max_epochs}, but {objective.max_epochs} epochs are known of each trial.")
    search = Search(searcher, scheduler or NoStopping(max_epochs), num_trials=num_trials)
    return _Replay(objective, search, max_epochs, budget, workers, seed, restart).run()


def repeats(
    objective: Objective,
    method: str | Method,
    repeats: int = 100,
    budget: int | None = None,
    *,
    max_epochs: int = 27,
    workers: int = 1,
    seed: int = 0,
    restart: bool = False,
) -> list[Trials]:
    """The same method `repeats` times, with the seeds `seed`, `seed` + 1, ...; a table of trials for each.

    `method` is a name of `METHODS` (on a `Pool`, of `pool_methods.METHODS`) or a function like those. A trial's `seed`
    is that of its search.
    """
    budget = FULL_TRAININGS * max_epochs if budget is None else budget
    known: Any = pool_methods.METHODS if isinstance(objective, Pool) else METHODS
    if not callable(method) and method not in known:
        raise ValueError(f"method {method!r}: choose one of {', '.join(known)}, or give a function.")
    make = known[method] if isinstance(method, str) else method
    drawn_from: Any = objective if isinstance(objective, Pool) else objective.space
    checks.whole("repeats", repeats)
    tables = []
    for number in range(seed, seed + repeats):
        searcher, scheduler = make(drawn_from, number, max_epochs, budget)
        tables.append(
            replay(
                objective,
                searcher,
                scheduler,
                max_epochs=max_epochs,
                budget=budget,
                workers=workers,
                seed=number,
                restart=restart,
            )
        )
    return tables


def chosen(trials: Trials, metric: str = "loss", scope: str = "last") -> Trial:
    """The trial that the search would hand over: the best of those that were trained the longest.

    Not the best of all: losses after 1 and after 27 epochs cannot be compared. Diverged trials do not count.
    """
    expect_trials("chosen", trials)
    sound = trials.filter(lambda trial: bool(trial.history) and not trial.diverged)
    if not len(sound):
        raise ValueError(f"none of {len(trials)} trials came to a sound result, so there is none to choose.")
    longest = max(trial.budget for trial in sound)
    return sound.filter(lambda trial: trial.budget == longest).best(metric, scope=scope)


def final_score(objective: Objective, trials: Trials) -> float:
    """What the chosen configuration of a replay scores on seeds that its search has not seen."""
    best = chosen(trials, objective.metric, objective.scope)
    return objective.score(best.config, best.seed)


@dataclass
class _TrialState:
    """What has become of one trial so far."""

    config: dict[str, Any]
    curve: LearningCurve
    history: list[Result] = field(default_factory=list)
    interrupted: bool = False


@dataclass
class _Task:
    """What a worker does: a trial up to a goal, `again` epochs of it once more before the first new one."""

    trial: str
    goal: int
    since: float  # when the epoch now in training began, or the first of those that are repeated for it
    again: int = 0
    repeated: int = 0


class _Replay:
    """The virtual clock: the ends of epochs in the order of time."""

    def __init__(
        self, objective: Objective, search: Search, max_epochs: int, budget: int, workers: int, seed: int, restart: bool
    ):
        self.objective, self.search, self.max_epochs = objective, search, max_epochs
        self.left, self.seed, self.restart = budget, seed, restart
        self.states: dict[str, _TrialState] = {}
        self.tasks: dict[int, _Task] = {}
        self.idle = list(range(workers))
        self.ends: list[tuple[float, int]] = []  # when a worker's epoch ends; a heap

    def run(self) -> Trials:
        """From the first question to the last epoch."""
        self.employ(0.0)
        while self.ends:
            now, worker = heapq.heappop(self.ends)
            if self.epoch_ends(now, worker):
                self.employ(now)
        return Trials(
            Trial(name, state.config, self.seed, self.objective.data, self._status(state), tuple(state.history))
            for name, state in self.states.items()
        )

    def employ(self, now: float) -> None:
        """Let every free worker ask, as long as there is something to do and to spend."""
        for worker in sorted(self.idle):
            if self.left == 0:
                return
            run = self.search.ask()
            if not isinstance(run, Run):
                return
            self.idle.remove(worker)
            self.tasks[worker] = self._task(run, now)
            self.begin_epoch(now, worker)

    def _task(self, run: Run, now: float) -> _Task:
        if run.trial not in self.states:
            curve = self.objective.curve(run.config, self.seed, len(self.states))
            if any(math.isnan(curve.seconds(epoch)) for epoch in range(1, len(curve) + 1)):
                raise ValueError(
                    f"replay: no seconds were recorded for {run.config}, and without them no clock runs. "
                    "Give some to the objective: Recorded(..., seconds=1.0)."
                )
            self.states[run.trial] = _TrialState(run.config, curve)
        repeated = len(self.states[run.trial].history) if self.restart else 0
        return _Task(run.trial, self._within(run.trial, run.budget), now, repeated, repeated)

    def _within(self, trial: str, goal: int) -> int:
        if goal > self.max_epochs:
            raise ValueError(
                f"replay: the scheduler sends trial {trial} to epoch {goal}, and max_epochs is "
                f"{self.max_epochs}. Give both the same maximum."
            )
        return goal

    def begin_epoch(self, now: float, worker: int) -> None:
        """Train one epoch more, if the budget pays for it."""
        task = self.tasks[worker]
        state = self.states[task.trial]
        if self.left == 0:
            state.interrupted = True
            self._free(worker)
            return
        self.left -= 1
        epoch = task.repeated - task.again + 1 if task.again else len(state.history) + 1
        heapq.heappush(self.ends, (now + state.curve.seconds(epoch), worker))

    def epoch_ends(self, now: float, worker: int) -> bool:
        """Note what an epoch gave; whether the search heard of it."""
        task = self.tasks[worker]
        if task.again:
            task.again -= 1
            self.begin_epoch(now, worker)
            return False
        state = self.states[task.trial]
        result = self._result(state, task, now, worker)
        state.history.append(result)
        task.since, task.repeated = now, 0
        if result.diverged:
            self.search.lose(task.trial)
        elif result.epoch < task.goal:
            self.begin_epoch(now, worker)
            return False
        else:
            decision = self.search.tell(task.trial, result.epoch, self.objective.told(state.history))
            if decision.action == "continue":
                task.goal = self._within(task.trial, decision.budget)
                self.begin_epoch(now, worker)
                return True
        self._free(worker)
        return True

    def _result(self, state: _TrialState, task: _Task, now: float, worker: int) -> Result:
        clock = {"start": task.since, "end": now, "worker": worker}
        if not self.objective.noisy:
            clock["noise"] = False  # another seed would have given the same number
        if not task.repeated:
            return state.curve.result(len(state.history) + 1, clock)
        result = state.curve.result(len(state.history) + 1, {**clock, "again": task.repeated})
        return Result(result.epoch, result.loss, result.accuracy, now - task.since, result.extra)

    def _free(self, worker: int) -> None:
        del self.tasks[worker]
        self.idle.append(worker)

    def _status(self, state: _TrialState) -> str:
        if state.history and state.history[-1].diverged:
            return "diverged"
        if len(state.history) >= self.max_epochs:
            return "completed"
        return "interrupted" if state.interrupted else "stopped"


def seconds_used(trials: Trials) -> float:
    """When the last epoch ended on the virtual clock; 0 for no trials."""
    return max((trial.history[-1].extra["end"] for trial in trials if trial.history), default=0.0)


def epochs_used(trials: Trials) -> int:
    """Epochs that were trained, those that were trained again among them: what counts for the budget."""
    return sum(1 + result.extra.get("again", 0) for trial in trials for result in trial.history)
