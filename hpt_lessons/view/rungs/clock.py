"""Which decisions does a search take on curves that are known to the end, and who trains what, when? No widgets here.

The search runs in `hpt_lessons.recorded.replay`, on its virtual clock; here its scheduler is watched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpt_lessons.recorded import curves
from hpt_lessons.recorded.curves import Curve
from hpt_lessons.recorded.replay import replay
from hpt_lessons.search.asha import StoppingASHA
from hpt_lessons.search.rungs import Decision, Job
from hpt_lessons.search.searchers import Listed
from hpt_lessons.trials import Result, Trial


@dataclass(frozen=True)
class Segment:
    """A worker trains a trial on, from after epoch `first` to epoch `last`, and hears what the scheduler decides.

    `trial` counts the trials in the order in which they begin; `begun` is how many decisions had been taken when this
    segment began; `start` and `end` are seconds on the virtual clock; `score` is what the scheduler was told, and `bar`
    what it had to reach where there is a bar, else None.
    """

    worker: int
    trial: int
    first: int
    last: int
    begun: int
    start: float
    end: float
    score: float
    decision: Decision
    bar: float | None


class Known:
    """Trials whose curves are known to the end, as an objective of the replay: the n-th to begin follows the n-th.

    What is told is `scale` times what `metric` and `scope` say (`recorded.curves.told`). An epoch whose seconds are not
    known counts as one second. A trial that diverged ends there.
    """

    noisy = False

    def __init__(self, trials: Sequence[Trial], max_epochs: int, metric: str, scope: str, scale: float = 1.0):
        self.trials, self.max_epochs, self.data = trials, max_epochs, ""
        self.metric, self.scope, self.scale = metric, scope, scale
        self.curves = [_curve(trial, max_epochs) for trial in trials]

    def curve(self, config: Mapping[str, Any], seed: int, draw: int) -> Curve:
        """The curve of the trial that begins as number `draw`."""
        return self.curves[draw]

    def told(self, results: Sequence[Result]) -> float:
        """The score after these epochs; NaN after divergence."""
        return self.scale * curves.told(results, self.metric, self.scope)

    def scores(self, trial: int) -> np.ndarray:
        """The scores of a trial after each epoch, the last one NaN if it diverges."""
        results = [self.curves[trial].result(epoch + 1) for epoch in range(len(self.curves[trial]))]
        return np.array([self.told(results[: epoch + 1]) for epoch in range(len(results))])

    def seconds(self, trial: int) -> np.ndarray:
        """What each epoch of a trial takes."""
        return self.curves[trial].values[:, curves.SECONDS]


def _curve(trial: Trial, max_epochs: int) -> Curve:
    sound = len(trial.sound) - (trial.diverged and trial.sound == trial.history)
    results = trial.history[: min(sound + 1, max_epochs)]
    rows = np.array([[result.value(name) for name in curves.COLUMNS] for result in results])
    rows[:, curves.SECONDS] = np.where(np.isfinite(rows[:, curves.SECONDS]), rows[:, curves.SECONDS], 1.0)
    return Curve(rows, diverged=sound < min(len(trial.history), max_epochs))


class Watched:
    """A scheduler whose decisions are written down: (trial, budget, loss, bar, decision), and when jobs began."""

    def __init__(self, scheduler: Any):
        self.scheduler = scheduler
        self.seen: list[tuple[int, int, float, float | None, Decision]] = []
        self.begun: dict[int, list[int]] = defaultdict(list)  # for each trial: decisions taken when a segment began

    def __getattr__(self, name: str) -> Any:
        return getattr(self.scheduler, name)

    def next_job(self, new: str | None) -> Job | str:
        """Let the scheduler say, and remember when."""
        job = self.scheduler.next_job(new)
        if isinstance(job, Job):
            self.begun[int(job.trial)].append(len(self.seen))
        return job

    def report(self, trial: str, budget: int, loss: float) -> Decision:
        """Let the scheduler decide, and remember what."""
        barred = isinstance(self.scheduler, StoppingASHA) and budget in self.scheduler.levels
        bar = self.scheduler.bar(budget) if barred else None
        decision = self.scheduler.report(trial, budget, loss)
        self.seen.append((int(trial), budget, loss, bar, decision))
        if decision.action == "continue":
            self.begun[int(trial)].append(len(self.seen))
        return decision


def run(known: Known, scheduler: Any, workers: int) -> list[Segment]:
    """All segments of the search, in the order of the decisions that end them; all trials are offered once."""
    watched = Watched(scheduler)
    searcher = Listed([trial.config for trial in known.trials])
    budget = known.max_epochs * len(known.trials)
    table = replay(known, searcher, watched, max_epochs=known.max_epochs, budget=budget, workers=workers)
    reached, numbers, segments = defaultdict(int), defaultdict(int), []
    for trial, goal, score, bar, decision in watched.seen:
        history, first = table[trial].history, reached[trial]
        last = reached[trial] = min(goal, len(known.curves[trial]))
        times = history[first].extra, history[last - 1].extra
        begun = watched.begun[trial][numbers[trial]]
        numbers[trial] += 1
        segments.append(
            Segment(
                times[0]["worker"], trial, first, last, begun, times[0]["start"], times[1]["end"], score, decision, bar
            )
        )
    return segments
