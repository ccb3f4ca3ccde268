"""Which trials are to be started, woken or sent home, and what did they report? A `Broker` between a search and Ray."""

from collections.abc import Mapping
from typing import Any

from ray.tune.schedulers import TrialScheduler

from hpt_lessons.raytune.results import own_metrics
from hpt_lessons.study.control import Control
from hpt_lessons.study.state import StudyState

_ACTIONS = {"continue": TrialScheduler.CONTINUE, "pause": TrialScheduler.PAUSE, "stop": TrialScheduler.STOP}


class Broker:
    """Between a search and Ray: which trials are to be started, woken, or sent home, and what they reported."""

    def __init__(
        self,
        state: StudyState,
        concurrent: int,
        metric: str = "loss",
        mode: str = "min",
        control: Control | None = None,
    ):
        self.state, self.concurrent, self.control = state, concurrent, control or Control()
        self.metric, self.sign = metric, {"min": 1, "max": -1}[mode]
        self.starting = state.running  # those that a dead search left
        self.waking: list[str] = []
        self.names: dict[str, str] = {}  # of Ray's trials, by their ids

    def fill(self) -> None:
        """Ask for work as long as a worker is free, and not earlier: the searcher shall know all results that count."""
        self._cancel()
        if self.control.stopping:
            return
        while len(self.state.running) < self.concurrent and (name := self.state.next_trial()) is not None:
            (self.waking if name in self.names.values() else self.starting).append(name)

    def _cancel(self) -> None:
        """Cancel what was to be cancelled."""
        for name in self.control.take():
            self.state.cancel(name)
            for waiting in (self.starting, self.waking):
                if name in waiting:
                    waiting.remove(name)

    def start(self, trial_id: str | None = None) -> tuple[str, dict[str, Any]] | None:
        """Name and configuration of the next trial to start, known to Ray by this id (its own name unless given)."""
        self.fill()
        if not self.starting or self.control.stopping:
            return None
        name = self.starting.pop(0)
        self.names[trial_id or name] = name
        return name, self.state.configs[name]

    @property
    def finished(self) -> bool:
        """Whether no trial will have to be started or woken any more."""
        self.fill()
        return self.control.stopping or (self.state.finished and not self.starting)

    def take(self, trial_id: str, result: Mapping[str, Any]) -> str:
        """Pass a result on, if it is one; the answer is Ray's word for what becomes of the trial."""
        if trial_id not in self.names or self.metric not in result or "training_iteration" not in result:
            return TrialScheduler.CONTINUE
        metrics = {**own_metrics(result), "loss": self.sign * result[self.metric]}
        return _ACTIONS[self.state.result(self.names[trial_id], int(result["training_iteration"]), metrics)]

    def end(self, trial_id: str, status: str, why: str | None = None) -> None:
        """Note the end of a trial; those that the end of the search interrupts are not at their own end."""
        if trial_id in self.names and not self.control.stopping:
            self.state.end(self.names[trial_id], status, why)
