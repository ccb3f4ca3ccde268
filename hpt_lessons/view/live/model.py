"""What is known of a search while it runs? A model without widgets, told event by event, as a journal tells it.

The events are those of a study's journal (`hpt_lessons.journal.Journal`); what Ray Tune's callbacks say is put into the
same words (`hpt_lessons.view.live.callback`). Heard in any number of portions, the same events give the same state.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hpt_lessons.trials import DIVERGED_LOSS, STATUSES, Result, Trial, Trials

# Trials that are not at their end. "waiting" are those that go on when a place is free, after a resume.
UNFINISHED = ("running", "paused", "waiting")
ENDED = ("completed", "stopped", "diverged", "failed")
_PLACES = ("event", "trial", "epoch", "loss", "accuracy", "seconds")


@dataclass
class Row:
    """One trial as far as it has come. `why` is the reason of its end, if one was given."""

    trial: str
    config: dict[str, Any] = field(default_factory=dict)
    state: str = "running"
    results: list[Result] = field(default_factory=list)
    goal: int | None = None  # the epoch that it was sent to
    why: str = ""

    @property
    def epoch(self) -> int:
        """Epochs finished."""
        return self.results[-1].epoch if self.results else 0

    @property
    def seconds(self) -> float:
        """Seconds of its epochs; those of unknown duration count as 0."""
        return math.fsum(r.seconds for r in self.results if math.isfinite(r.seconds))

    @property
    def unfinished(self) -> bool:
        return self.state in UNFINISHED


class SearchModel:
    """The state of a search: `rows` by name, the `incumbent`, how much is done, planned and left.

    `metric` is what the trials are compared by, `mode` "min" or "max" (left out: accuracy is maximised, everything else
    minimised). `max_epochs` and `num_trials` are learned from the events unless given. `alive` is whether somebody runs
    the search, None if nobody can tell; `error` says why it failed.
    """

    def __init__(
        self,
        metric: str = "loss",
        mode: str | None = None,
        max_epochs: int | None = None,
        num_trials: int | None = None,
        name: str = "",
    ) -> None:
        self.metric, self.mode = metric, mode or ("max" if metric == "accuracy" else "min")
        if self.mode not in ("min", "max"):
            raise ValueError(f"mode={mode!r} is not possible; choose 'min' or 'max'.")
        self.max_epochs, self.name = max_epochs, name
        self.data, self.waits = "", False
        self.fixed = frozenset({"default"})
        self._searched, self._fixed = num_trials, None  # numbers of trials
        self.rows: dict[str, Row] = {}
        self.alive: bool | None = None
        self.error = ""
        self.heard = 0  # events so far
        self.reported: set[str] = set()  # what results are made of
        self._most = 0  # trials seen running at the same time

    @classmethod
    def of(cls, trials: Trials, metric: str = "loss", mode: str | None = None) -> "SearchModel":
        """A search that is over, from its table of trials: what was under way then counts as interrupted."""
        model = cls(metric, mode, name="search")
        model.data, model.alive = trials.data, False
        for trial in trials:
            model.hear({"event": "trial", "trial": trial.name, "config": trial.config})
            for result in trial.history:
                parts = {name: getattr(result, name) for name in ("epoch", "loss", "accuracy", "seconds")}
                model.hear({**result.extra, **parts, "event": "result", "trial": trial.name})
            if trial.status != "running":
                model.hear({"event": "end", "trial": trial.name, "status": trial.status})
        return model

    # -- hearing ---------------------------------------------------------------------------------------------------

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take in one event; one of a kind that is not known changes nothing."""
        kind, name = event.get("event"), event.get("trial")
        self.heard += 1
        if kind == "study":
            self._begin(event)
        elif kind == "resumed":
            self._resume()
        elif name is None:
            return
        elif kind in ("trial", "goes on"):
            self._start(name, event)
        elif kind == "result" and isinstance(event.get("epoch"), int):
            self._result(self.rows.setdefault(name, Row(name)), event)
        elif kind == "end":
            row = self.rows.setdefault(name, Row(name))
            row.state = event["status"] if event.get("status") in STATUSES else "failed"
            row.why = str(event.get("why") or row.why)

    def hear_all(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take in several."""
        for event in events:
            self.hear(event)

    def _begin(self, event: Mapping[str, Any]) -> None:
        settings = event.get("settings") or {}
        self.name, self.data = event.get("name") or self.name, event.get("data") or ""
        self.waits = bool(event.get("waits"))
        self.max_epochs = settings.get("max_epochs", self.max_epochs)
        self._searched = settings.get("trials", self._searched)
        if "fixed" in event:
            self.fixed, self._fixed = frozenset(event["fixed"]), len(event["fixed"])

    def _resume(self) -> None:
        """What was cut off goes on, and what failed is tried again where nobody had to go on without it."""
        for row in self.rows.values():
            cut_off = row.state in ("running", "interrupted")
            if cut_off or (row.state == "failed" and (not self.waits or row.trial in self.fixed)):
                row.state, row.why = "waiting", ""

    def _start(self, name: str, event: Mapping[str, Any]) -> None:
        row = self.rows.setdefault(name, Row(name))
        if not row.config and isinstance(event.get("config"), Mapping):
            row.config = dict(event["config"])
        row.goal = event.get("to") or row.goal
        if row.state in ("paused", "waiting", "interrupted", "running"):
            row.state = "running"
        self._count()

    def _result(self, row: Row, event: Mapping[str, Any]) -> None:
        epoch = event["epoch"]
        if epoch <= row.epoch:
            return  # said twice: a resumed trial reports again what it had finished
        values = [_number(event.get(name)) for name in ("loss", "accuracy", "seconds")]
        extra = {key: value for key, value in event.items() if key not in _PLACES}
        if self.metric in extra:
            extra[self.metric] = _number(extra[self.metric])
        row.results.append(Result(epoch, *values, extra))
        self.reported |= event.keys() - {"event", "trial", "epoch"}
        if row.state not in ENDED or row.state == "failed":
            row.state, row.why = "running", ""
            self._count()
        if self._pauses(row):
            row.state = "paused"

    def _pauses(self, row: Row) -> bool:
        """Whether it has reached its rung and waits there; its next event says if it ended or goes on."""
        at_rung = self.waits and row.goal is not None and row.epoch >= row.goal and row.trial not in self.fixed
        return at_rung and row.state == "running" and not self.broke(row.results[-1])

    def _count(self) -> None:
        self._most = max(self._most, sum(row.state == "running" for row in self.rows.values()))

    # -- the state -------------------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """waiting (for the first event), running, complete, interrupted or failed."""
        if self.error:
            return "failed"
        if self.complete:
            return "complete"
        if self.alive is False:
            return "interrupted"
        return "running" if self.heard else "waiting"

    @property
    def num_trials(self) -> int | None:
        """How many trials there will be, the fixed ones included; None if the search could go on for ever."""
        if self._searched is None:
            return None
        return self._searched + (len(self.fixed & self.rows.keys()) if self._fixed is None else self._fixed)

    @property
    def complete(self) -> bool:
        """Whether all trials that were planned have ended, or all there are, if the search could go on for ever."""
        ended = [row.state in ENDED for row in self.rows.values()]
        enough = self.alive is False if self.num_trials is None else len(ended) >= self.num_trials
        return bool(ended) and all(ended) and enough

    @property
    def unfinished(self) -> list[str]:
        """Names of the trials that have begun and not ended, in the order of their start."""
        return [name for name, row in self.rows.items() if row.unfinished]

    def words(self, row: Row) -> str:
        """The state of a trial as people say it; where nobody runs the search any more, nobody runs its trials."""
        if row.unfinished and self.alive is False:
            return "interrupted"
        return "cancelled" if row.why == "cancelled" else {"stopped": "stopped early"}.get(row.state, row.state)

    def count(self, *states: str) -> int:
        """How many trials are in one of these states."""
        return sum(row.state in states for row in self.rows.values())

    def value(self, row: Row) -> float:
        """The metric of its last epoch, NaN if there is none."""
        return row.results[-1].value(self.metric) if row.results else math.nan

    def broke(self, result: Result) -> bool:
        """Whether training had broken down by this epoch; a loss that nobody reports tells nothing."""
        return bool(result.extra.get("diverged")) or ("loss" in self.reported and not result.loss < DIVERGED_LOSS)

    def values(self, row: Row) -> list[tuple[int, float]]:
        """Epoch and metric of the epochs before divergence."""
        sound = []
        for result in row.results:
            if self.broke(result):
                break
            if math.isfinite(value := result.value(self.metric)):
                sound.append((result.epoch, value))
        return sound

    @property
    def incumbent(self) -> Row | None:
        """The best of the searched trials by its last epoch, the first one among equals; a diverged one never is."""
        sign = 1 if self.mode == "min" else -1
        rows = [
            row
            for row in self.rows.values()
            if row.trial not in self.fixed
            and row.state != "diverged"
            and math.isfinite(self.value(row))
            and len(self.values(row)) == len(row.results)
        ]
        return min(rows, key=lambda row: sign * self.value(row), default=None)

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
        done = sum(row.epoch for row in rows if row.state in (*ENDED, "paused"))
        usual = self._usual(longest)
        begun = [
            max(row.epoch + 1, self._goal(row, longest, usual))
            for row in rows
            if row.state in ("running", "waiting", "interrupted")
        ]
        return done + sum(begun) + round(max(0, self.num_trials - len(rows)) * usual)

    @property
    def longest(self) -> int | None:
        """Epochs of a trial that is not stopped: as planned, or else the longest so far."""
        return self.max_epochs or max((row.epoch for row in self.rows.values()), default=None)

    def _usual(self, longest: int) -> float:
        """Epochs of a trial yet to come: like those before it."""
        come = [row.epoch for row in self.rows.values() if row.state in (*ENDED, "paused")]
        return max(1.0, sum(come) / len(come)) if come else float(longest)

    def _goal(self, row: Row, longest: int, usual: float) -> float:
        if row.trial in self.fixed:
            return longest
        return min(row.goal or longest, longest) if self.waits else min(longest, max(math.ceil(usual), row.epoch + 1))

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end, from the epochs so far and as many workers as were seen; None if nobody can tell."""
        known = [r.seconds for row in self.rows.values() for r in row.results if math.isfinite(r.seconds)]
        if self.state != "running" or not known or self.planned is None:
            return None
        return max(0, self.planned - self.epochs) * sum(known) / len(known) / max(1, self._most)

    @property
    def trials(self) -> Trials:
        """The table as plots and statistics take it; who pauses or waits is still running there."""
        return Trials(
            Trial(
                row.trial,
                row.config,
                data=self.data,
                history=tuple(row.results),
                status="running" if row.unfinished else row.state,
            )
            for row in self.rows.values()
        )


def _number(value: Any) -> float:
    """A number, NaN for anything that is none: a strange result must not stop a search that is only looked at."""
    try:
        return math.nan if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan
