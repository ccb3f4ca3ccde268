"""What is known of a search while it runs? A model without widgets: what the events of its journal add up to.

What Ray Tune's callbacks say is put into the same events (`hpt_lessons.view.live.callback`).
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from hpt_lessons.journal import ENDED, Fold, TrialState
from hpt_lessons.trials import DIVERGED_LOSS, STATUSES, Result, Trials


class SearchModel(Fold):
    """The state of a search: `rows` by name, the `incumbent`, how much is done, planned and left.

    `metric` is what the trials are compared by, `mode` "min" or "max" (left out: accuracy is maximised, everything else
    minimised), `scope` the epoch that counts, "last" or "all" for the best one, as in `Trials.best`. `max_epochs` and
    `num_trials` are learned from the events unless given. `alive` is whether somebody runs the search, None if nobody
    can tell; `error` says why it failed.
    """

    def __init__(
        self,
        metric: str = "loss",
        mode: str | None = None,
        max_epochs: int | None = None,
        num_trials: int | None = None,
        name: str = "",
        scope: str = "last",
    ) -> None:
        super().__init__()
        self.metric, self.mode, self.scope = metric, mode or ("max" if metric == "accuracy" else "min"), scope
        if self.mode not in ("min", "max"):
            raise ValueError(f"mode={mode!r} is not possible; choose 'min' or 'max'.")
        if scope not in ("last", "all"):
            raise ValueError(f"scope={scope!r} is not possible; choose 'last' or 'all'.")
        self.max_epochs, self.name = max_epochs, name
        self._searched, self._num_fixed = num_trials, None  # numbers of trials
        self.alive: bool | None = None
        self.error = ""
        self.stage = ""  # what is waited for before a trial trains, if somebody says so
        self.num_events = 0
        self.reported: set[str] = set()  # what results are made of
        self._most = 0  # trials seen running at the same time
        self._workers: int | None = None  # how many are trained at the same time, where the study says so
        self._over = False  # known from its table alone

    @classmethod
    def of(cls, trials: Trials, metric: str = "loss", mode: str | None = None, scope: str = "last") -> "SearchModel":
        """A search that is over, from its table of trials: what was under way then counts as interrupted."""
        model = cls(metric, mode, name="search", scope=scope)
        model.data, model.alive, model._over = trials.data, False, True
        for trial in trials:
            results = list(trial.history)
            model.rows[trial.name] = TrialState(trial.name, trial.config, trial.seed, trial.data, trial.status, results)
            model.reported |= {"loss", "accuracy", "seconds"}.union(*(result.extra for result in results))
        return model

    def apply(self, event: Mapping[str, Any]) -> None:
        """Take in one event; one that nobody understands changes nothing: a search that is looked at must not end."""
        self.num_events += 1
        event = _readable(event, self.metric)
        try:
            super().apply(event)
        except (ValueError, TypeError):
            return
        if event.get("event") == "result":
            self.reported |= event.keys() - {"event", "trial", "epoch"}
        if event.get("event") != "end":
            self._most = max(self._most, self.count("running"))

    def _begin(self, study: Mapping[str, Any]) -> None:
        super()._begin(study)
        settings = study.get("settings") or {}
        self.max_epochs = settings.get("max_epochs", self.max_epochs)
        self._searched = settings.get("trials", self._searched)
        self._workers = study.get("workers")
        if "fixed" in study:
            self._num_fixed = len(study["fixed"])

    # -- the state -------------------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """waiting (for the first event), running, complete, interrupted or failed.

        A table does not say what was planned: where one of its trials has not come to its end, the search has "ended".
        """
        if self.error:
            return "failed"
        if self.complete:
            return "complete"
        if self._over:
            return "ended"
        if self.alive is False:
            return "interrupted"
        return "running" if self.num_events else "waiting"

    @property
    def num_trials(self) -> int | None:
        """How many trials there will be, the fixed ones included; None if the search could go on for ever."""
        if self._searched is None:
            return None
        return self._searched + (len(self.fixed & self.rows.keys()) if self._num_fixed is None else self._num_fixed)

    @property
    def complete(self) -> bool:
        """Whether all trials that were planned have ended, or all there are, if the search could go on for ever."""
        ended = [row.status in ENDED for row in self.rows.values()]
        enough = self.alive is False if self.num_trials is None else len(ended) >= self.num_trials
        return bool(ended) and all(ended) and enough

    @property
    def unfinished(self) -> list[str]:
        """Names of the trials that have begun and not ended, in the order of their start."""
        return [name for name, row in self.rows.items() if row.unfinished]

    def words(self, row: TrialState) -> str:
        """The state of a trial as people say it; where nobody runs the search any more, nobody runs its trials."""
        if row.unfinished and self.alive is False:
            return "interrupted"
        return "cancelled" if row.why == "cancelled" else {"stopped": "stopped early"}.get(row.status, row.status)

    def count(self, *states: str) -> int:
        """How many trials are in one of these states."""
        return sum(row.status in states for row in self.rows.values())

    def score(self, row: TrialState) -> tuple[int, float] | None:
        """Epoch and metric with which a trial competes: its last or its best epoch, as `scope` says.

        None if it has no result, or diverged: with "all" an epoch before the divergence counts.
        """
        sound = self.values(row)
        if self.scope == "all":
            return self._best_of(sound)
        whole = row.status != "diverged" and len(sound) == len(row.results)
        return sound[-1] if sound and whole else None

    def value(self, row: TrialState) -> float:
        """The metric of its last epoch, or of its best one, as `scope` says; NaN if there is none."""
        if self.scope == "all":
            return (self.score(row) or (0, math.nan))[1]
        return row.results[-1].value(self.metric) if row.results else math.nan

    def better(self, one: float, other: float) -> bool:
        """Whether the one value of the metric is better than the other."""
        return one < other if self.mode == "min" else one > other

    def _best_of(self, points: Iterable[tuple[int, float]]) -> tuple[int, float] | None:
        """The first of the best among epochs and their metrics."""
        sign = 1 if self.mode == "min" else -1
        return min(points, key=lambda point: sign * point[1], default=None)

    def broke(self, result: Result) -> bool:
        """Whether training had broken down by this epoch; a loss that nobody reports tells nothing."""
        return bool(result.extra.get("diverged")) or ("loss" in self.reported and not result.loss < DIVERGED_LOSS)

    def values(self, row: TrialState) -> list[tuple[int, float]]:
        """Epoch and metric of the epochs before divergence."""
        sound = []
        for result in row.results:
            if self.broke(result):
                break
            if math.isfinite(value := result.value(self.metric)):
                sound.append((result.epoch, value))
        return sound

    @property
    def incumbent(self) -> TrialState | None:
        """The best of the searched trials by its `score`, the first one among equals."""
        return self._best_row(row for row in self.rows.values() if row.name not in self.fixed)

    @property
    def baseline(self) -> TrialState | None:
        """What the search is compared with: the fixed trial, most often the untuned default; the best of several."""
        rows = [row for row in self.rows.values() if row.name in self.fixed]
        return self._best_row(rows) or next(iter(rows), None)

    @property
    def best_epoch(self) -> tuple[TrialState, int, float] | None:
        """The best epoch that any of the searched trials has had: the trial, the epoch, the metric."""
        rows = [row for row in self.rows.values() if row.name not in self.fixed]
        points = [(row, *found) for row in rows if (found := self._best_of(self.values(row)))]
        sign = 1 if self.mode == "min" else -1
        return min(points, key=lambda point: sign * point[2], default=None)

    def _best_row(self, rows: Iterable[TrialState]) -> TrialState | None:
        sign = 1 if self.mode == "min" else -1
        scored = [(sign * found[1], row) for row in rows if (found := self.score(row))]
        return min(scored, key=lambda pair: pair[0], default=(0.0, None))[1]

    # -- how far, how long -----------------------------------------------------------------------------------------

    @property
    def epochs(self) -> int:
        """Epochs finished by all trials together."""
        return sum(row.epoch for row in self.rows.values())

    @property
    def planned(self) -> int | None:
        """Epochs that the search will have trained in the end, as far as one can tell now; None if one cannot."""
        if self.num_trials is None or not (longest := self.longest):
            return None
        rows = list(self.rows.values())
        done = sum(row.epoch for row in rows if row.status in (*ENDED, "paused"))
        usual = self._usual(longest)
        begun = [
            max(row.epoch + 1, self._goal(row, longest, usual))
            for row in rows
            if row.status in ("running", "waiting", "interrupted")
        ]
        return done + sum(begun) + round(max(0, self.num_trials - len(rows)) * usual)

    @property
    def longest(self) -> int | None:
        """Epochs of a trial that is not stopped: as planned, or else the longest so far."""
        return self.max_epochs or max((row.epoch for row in self.rows.values()), default=None)

    def _usual(self, longest: int) -> float:
        """Epochs of a trial yet to come: like those before it, but for those that somebody cancelled."""
        rows = (row for row in self.rows.values() if row.why != "cancelled")
        come = [row.epoch for row in rows if row.status in (*ENDED, "paused")]
        return max(1.0, sum(come) / len(come)) if come else float(longest)

    def _goal(self, row: TrialState, longest: int, usual: float) -> float:
        if row.name in self.fixed:
            return longest
        return min(row.goal or longest, longest) if self.waits else min(longest, max(math.ceil(usual), row.epoch + 1))

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end, from the epochs so far and as many workers as were seen; None if nobody can tell."""
        known = [r.seconds for row in self.rows.values() for r in row.results if math.isfinite(r.seconds)]
        if self.state != "running" or not known or self.planned is None:
            return None
        return max(0, self.planned - self.epochs) * sum(known) / len(known) / (self._workers or max(1, self._most))

    @property
    def trials(self) -> Trials:
        """The table as plots and statistics take it; who pauses or waits is still running there."""
        return Trials(row.record(self.data) for row in self.rows.values())


def _readable(event: Mapping[str, Any], metric: str) -> Mapping[str, Any]:
    """The event with numbers where numbers belong, NaN for anything else, and an end that is known."""
    if event.get("event") == "result":
        names = {"loss", "accuracy", "seconds", metric} & event.keys()
        return {**event, **{name: _number(event[name]) for name in names}}
    if event.get("event") == "end" and event.get("status") not in STATUSES:
        return {**event, "status": "failed"}
    return event


def _number(value: Any) -> float:
    try:
        return math.nan if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan
