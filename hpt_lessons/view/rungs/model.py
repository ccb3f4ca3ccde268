"""Stopping early, step after step: who goes on, who is cut, and what would have become of those? No widgets here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hpt_lessons.recorded.synthetic import Synthetic
from hpt_lessons.search import asha, halving, layouts, rungs
from hpt_lessons.trials import Trial, Trials
from hpt_lessons.view.rungs import clock
from hpt_lessons.view.rungs.clock import Known, Segment

METHODS = {
    "halving": "successive halving",
    "hyperband": "Hyperband",
    "stopping": "ASHA, stopping",
    "promotion": "ASHA, promotion",
    "nobody": "nobody is stopped",
}
ORDERS = {"drawn": "as drawn", "reversed": "the other way round", "table": "as in the table",
          "best first": "best final first", "best last": "best final last"}  # fmt: skip
SCORES = {"error": "validation error", "loss": "validation loss", "best": "lowest loss so far"}
TOLD = {"error": ("accuracy", "last", 100.0), "loss": ("loss", "last", 1.0), "best": ("loss", "all", 1.0)}
DRAWN, MOST = 27, 81  # trials: more cannot be told apart
WORKERS = 8
PRESETS: dict[str, dict[str, Any]] = {
    "ASHA, two workers": {"method": "stopping"},
    "ASHA, judged first after 9 epochs": {"method": "stopping", "grace": 9},
    "Successive halving": {"method": "halving"},
    "Hyperband": {"method": "hyperband"},
}
USUAL = {"eta": 3, "grace": 1, "count": None, "workers": 2, "order": "drawn", "score": "error", "seed": 0}
OUT = ("cut", "left")  # statuses of those that the search lets go


class RungModel:
    """A search that stops early, on curves that are known to the end: computed once, to be looked at step by step.

    `trials` is the table whose curves are replayed: those of its trials that were trained for `max_budget` epochs (the
    longest curve's unless given) or diverged; `left_out` counts the others. `count` of them (27 unless given, for
    Hyperband as many as fill all its brackets once) are drawn by `seed` and begin in the order `order`. `score` is what
    they are judged by: "error" (share of validation pictures classified wrongly, in percent), "loss" (nats), or "best"
    (the lowest loss up to there); lower is better. `grace` is the smallest budget, in epochs. ValueError for a setting
    that is not possible.

    `segments` are the steps of the search in the order in which they end; `brackets` has for each trial the number of
    its bracket of Hyperband, counted from 1, and is empty for other methods. Methods that take a step k, from 0
    (nothing has happened) to `len(segments)`, tell what was known then; `finals` is what no search ever sees.
    """

    def __init__(
        self,
        trials: Trials,
        method: str = "stopping",
        *,
        eta: int = 3,
        grace: int = 1,
        count: int | None = None,
        workers: int = 2,
        order: str = "drawn",
        score: str = "error",
        seed: int = 0,
        max_budget: int | None = None,
    ) -> None:
        self.trials = trials
        self.max_budget = max((trial.budget for trial in trials), default=0) if max_budget is None else max_budget
        self.pool = [t for t in trials if t.budget >= self.max_budget or (t.diverged and t.history)]
        self.left_out = len(trials) - len(self.pool)
        if len(self.pool) < 2 or self.max_budget < 2:
            raise ValueError(
                f"rungs: {len(self.pool)} of {len(trials)} trials have a curve of {self.max_budget} "
                "epochs, and at least 2 trials with 2 epochs are needed. Trials that a search stopped "
                "have no later curve: take recorded trials, or a smaller max_budget."
            )
        self.method, self.eta, self.grace, self.count, self.workers = method, eta, grace, count, workers
        self.order, self.score, self.seed = order, score, seed
        self._run()

    @property
    def most_trials(self) -> int:
        """As many trials can be drawn."""
        return min(MOST, len(self.pool))

    @property
    def count(self) -> int:
        """As many trials are drawn."""
        if self._count is not None:
            return self._count
        needed = sum(plan[0][0] for plan in self.plans) if self.method == "hyperband" else DRAWN
        return min(max(needed, 2), self.most_trials)

    @count.setter
    def count(self, count: int | None) -> None:
        self._count = count

    @property
    def plans(self) -> list[list[tuple[int, int]]]:
        """Hyperband's brackets: the rungs of each as (number of trials, budget)."""
        return rungs.brackets(self.grace, self.max_budget, self.eta)

    def change(self, **settings: Any) -> None:
        """Other settings, by their names; the search is computed anew. After a ValueError all are as before."""
        before = dict(vars(self))
        try:
            for name, value in settings.items():
                setattr(self, name, value)
            self._run()
        except ValueError:
            vars(self).update(before)
            raise

    def preset(self, name: str) -> None:
        """The settings of one of `PRESETS`; a smallest budget that the curves have not is their longest one."""
        settings = USUAL | PRESETS[name]
        self.change(**settings | {"grace": min(settings["grace"], self.max_budget)})

    def _run(self) -> None:
        _check(self)
        self.known = _known(self)
        self.drawn = self.known.trials
        self.scores = [self.known.scores(number) for number in range(len(self.drawn))]
        self.finals = np.array([_final(scores, self.max_budget) for scores in self.scores])
        self.best = int(np.argmin(self.finals))  # the trial that would be the best of all at the whole budget
        scheduler = _scheduler(self)
        self.segments = clock.run(self.known, scheduler, self.workers)
        self.brackets = _brackets(scheduler)
        self._statuses: dict[int, list[str]] = {}

    # -- what was known after k steps ----------------------------------------------------------------------------
    def now(self, k: int) -> float:
        """The virtual clock, in seconds."""
        return self.segments[k - 1].end if k else 0.0

    def statuses(self, k: int) -> list[str]:
        """For each trial 'new', 'running', 'paused', 'cut', 'left' (paused for ever), 'diverged' or 'finished'."""
        if k not in self._statuses:
            self._statuses[k] = _statuses(self, k)
        return self._statuses[k]

    def reached(self, k: int) -> list[int]:
        """Epochs that each trial has behind it, those of a segment that goes on too."""
        now, done = self.now(k), [0] * len(self.drawn)
        for segment in self.segments[:k]:
            done[segment.trial] = segment.last
        for segment in self.running(k):
            ends = segment.start + np.cumsum(self.known.seconds(segment.trial)[segment.first : segment.last])
            done[segment.trial] = segment.first + int((ends <= now + 1e-9).sum())
        return done

    def begun(self, k: int) -> list[Segment]:
        """The segments that have ended by then, and those that workers are at."""
        return self.segments[:k] + self.running(k)

    def running(self, k: int) -> list[Segment]:
        """The segments that workers are at."""
        return [segment for segment in self.segments[k:] if segment.begun <= k]

    def went_on(self, k: int) -> set[tuple[int, int]]:
        """Who went on after which epoch: pairs of trial and epoch."""
        return {(segment.trial, segment.first) for segment in self.begun(k)}

    def rungs(self, k: int) -> dict[int, tuple[int, int]]:
        """For each budget: how many trials were judged there, and how many of them went on."""
        here: dict[int, list[int]] = {budget: [0, 0] for budget in self.levels}
        for segment in self.segments[:k]:
            if segment.last in here:
                here[segment.last][0] += 1
        for segment in self.begun(k):
            if segment.first in here:
                here[segment.first][1] += 1
        return {budget: (judged, on) for budget, (judged, on) in here.items()}

    @property
    def levels(self) -> list[int]:
        """The budgets at which trials are compared, and the whole budget."""
        if self.method == "nobody":
            return [self.max_budget]
        if self.method in ("halving", "hyperband"):
            return rungs.ladder(self.grace, self.max_budget, self.eta)
        levels = rungs.rungs(self.grace, self.max_budget, self.eta)
        return levels + [self.max_budget] * (levels[-1] < self.max_budget)

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest score of any curve."""
        scores = np.concatenate(self.scores)
        scores = scores[np.isfinite(scores)]
        return (float(scores.min()), float(scores.max())) if len(scores) else (0.0, 1.0)

    def choice(self, k: int) -> int | None:
        """The trial that one would take now: the best of those that came furthest; None while there is none."""
        ended = [segment for segment in self.segments[:k] if not rungs.lost(segment.score)]
        furthest = max((segment.last for segment in ended), default=0)
        there = [segment for segment in ended if segment.last == furthest]
        return min(there, key=lambda segment: segment.score).trial if there else None

    def regret(self, trial: int | None) -> float:
        """By how much the trial would be worse at the whole budget than the best of all; infinite if it diverges."""
        if trial is None or not math.isfinite(self.finals[trial]):
            return math.inf
        return float(self.finals[trial] - self.finals[self.best])

    def instead(self) -> tuple[int, float, float] | None:
        """What the epochs of the whole search would have bought if nobody had been stopped.

        So many full trainings, chosen at random among the trials that were drawn; in which share of all such choices
        the best of them ends better than the trial that the search hands over, and in which it is that trial. None
        where the epochs do not pay for one full training, or the search hands over nothing.
        """
        last = len(self.segments)
        trials, choice = min(self.epochs(last) // self.max_budget, len(self.drawn)), self.choice(last)
        if not trials or choice is None:
            return None
        better = int((self.finals < self.finals[choice]).sum())
        every = math.comb(len(self.drawn), trials)
        none_better = math.comb(len(self.drawn) - better, trials) / every
        return trials, 1 - none_better, none_better - math.comb(len(self.drawn) - better - 1, trials) / every

    def epochs(self, k: int) -> int:
        """Epochs trained in all."""
        return sum(self.reached(k))

    def busy(self, k: int) -> float:
        """The share of the workers' time in which they trained."""
        now = self.now(k)
        spent = sum(min(segment.end, now) - segment.start for segment in self.begun(k))
        return spent / (now * self.workers) if now else 1.0

    def lost_best(self, k: int) -> bool:
        """Whether the best of all is out."""
        return self.statuses(k)[self.best] in OUT


def _check(model: RungModel) -> None:
    for name, known in (("method", METHODS), ("order", ORDERS), ("score", SCORES)):
        if getattr(model, name) not in known:
            raise ValueError(f"{name} {getattr(model, name)!r} is unknown; choose {', '.join(map(repr, known))}.")
    for name, low, high in (("workers", 1, WORKERS), ("eta", 2, 10), ("grace", 1, model.max_budget),
                            ("count", 2, model.most_trials)):  # fmt: skip
        value = getattr(model, name)
        if not low <= value <= high:
            raise ValueError(f"{name} {value!r}: a whole number from {low} to {high} was expected.")


def _scheduler(model: RungModel) -> Any:
    eta, grace, most = model.eta, model.grace, model.max_budget
    makers: dict[str, Callable[[], Any]] = {
        "halving": lambda: halving.SuccessiveHalving(rungs.halving_plan(model.count, grace, most, eta)),
        "hyperband": lambda: halving.Hyperband(grace, most, eta),
        "stopping": lambda: asha.StoppingASHA(grace, most, eta),
        "promotion": lambda: asha.PromotionASHA(grace, most, eta),
        "nobody": lambda: halving.NoStopping(most),
    }
    return makers[model.method]()


def _brackets(scheduler: Any) -> list[int]:
    """The bracket of each trial, none where there are no brackets."""
    if not isinstance(scheduler, halving.Hyperband):
        return []
    homes = sorted((int(name), bracket) for name, bracket in scheduler.home.items())
    return [1 + scheduler.opened.index(bracket) for _, bracket in homes]


def _known(model: RungModel) -> Known:
    """The trials that were drawn, in the order in which they begin."""
    numbers = np.random.default_rng(model.seed).permutation(len(model.pool))[: model.count]
    trials = [model.pool[number] for number in (sorted(numbers) if model.order == "table" else numbers)]
    if model.order == "reversed":
        trials.reverse()
    known = Known(trials, model.max_budget, *TOLD[model.score])
    if model.order not in ("best first", "best last"):
        return known
    finals = [_final(known.scores(number), model.max_budget) for number in range(len(trials))]
    places = sorted(range(len(trials)), key=finals.__getitem__, reverse=model.order == "best last")
    return Known([trials[place] for place in places], model.max_budget, *TOLD[model.score])


def _final(scores: np.ndarray, budget: int) -> float:
    """The score at the whole budget, infinite for a trial that diverges."""
    return float(scores[-1]) if len(scores) == budget and math.isfinite(scores[-1]) else math.inf


def _statuses(model: RungModel, k: int) -> list[str]:
    statuses = ["new"] * len(model.drawn)
    for segment in model.segments[:k]:
        statuses[segment.trial] = _status(segment, model.max_budget)
        for name in segment.decision.cut:
            if statuses[int(name)] == "paused":
                statuses[int(name)] = "cut"
    for segment in model.running(k):
        statuses[segment.trial] = "running"
    return ["left" if status == "paused" and k == len(model.segments) else status for status in statuses]


def _status(segment: Segment, max_budget: int) -> str:
    """What a trial is after a segment."""
    if rungs.lost(segment.score):
        return "diverged"
    if segment.decision.action == "stop":
        return "finished" if segment.last >= max_budget else "cut"
    return "paused" if segment.decision.action == "pause" else "running"


def made(count: int = 60, seed: int = 0) -> Trials:
    """Curves from formulas (`recorded.synthetic`), for where no recorded ones are: random configurations."""
    formulas = Synthetic(2, correlation=0.5, noise=0.02)
    trials = []
    for number, config in enumerate(layouts.random(formulas.space, count, seed)):
        curve = formulas.curve(config, seed, number)
        history = tuple(curve.result(epoch) for epoch in range(1, len(curve) + 1))
        trials.append(Trial(f"{number:04d}", config, seed, formulas.data, "completed", history))
    return Trials(trials)
