"""How does a search survive a sudden death? Everything that happened is in its journal, in order, and is replayed.

Ray's own snapshots are seconds apart, not atomic, and do not hold the rungs of a scheduler. Here each configuration
and each result is in the journal, on the disk, before anybody acts on it. A search that starts again tells a fresh
searcher and a fresh scheduler the same, in the same order, and so brings both into the state in which they died.
"""

from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

from hpt_lessons.journal import Journal
from hpt_lessons.search.asktell import Run, Search
from hpt_lessons.search.halving import NoStopping
from hpt_lessons.search.rungs import DONE, Decision


class StudyState:
    """A study as its journal tells it: which trials there are, what they reported, which of them have ended.

    `searcher` asks and tells (`hpt_lessons.search`), `scheduler` is one of `hpt_lessons.search.halving` or None to
    train every trial for `max_epochs`. Trials in `fixed` (name: configuration) come first; no scheduler may cut them.
    `num_trials` is needed for a searcher that could go on for ever. Without a `journal` the state is kept in memory.
    """

    def __init__(
        self,
        journal: Journal | None,
        searcher: Any,
        scheduler: Any,
        max_epochs: int,
        fixed: Mapping[str, dict[str, Any]] | None = None,
        num_trials: int | None = None,
    ):
        self.journal = journal or _InMemory()
        self.search = Search(searcher, scheduler or NoStopping(max_epochs), num_trials=num_trials)
        self.max_epochs = max_epochs
        self.fixed = {name: self.journal.kept(config) for name, config in (fixed or {}).items()}
        self.configs: dict[str, dict[str, Any]] = {}
        self.epochs: dict[str, int] = {}
        self.ended: dict[str, str] = {}
        self.paused: set[str] = set()
        self.losses: dict[str, float] = {}
        self.seconds: list[float] = []  # of the epochs that said how long they took
        self.finished = False
        self.watchers: list[Callable[[], None]] = []

    # What happens, now or in the journal: each kind of event has one way to be taken in.

    def next_trial(self) -> str | None:
        """The trial that a free worker begins or goes on with; None if there is none, for now or for good."""
        for name, config in self.fixed.items():
            if name not in self.configs:
                return self._add(name, config, self.max_epochs)
        run = self.search.ask()
        while isinstance(run, Run) and run.trial in self.ended:
            # It was cancelled while it paused, and is sent on now: it loses there.
            self._goes_on(run)
            self._end_all(self.search.fail(run.trial).cut, "stopped")
            run = self.search.ask()
        if isinstance(run, Run):
            return self._goes_on(run) if run.trial in self.configs else self._add(run.trial, run.config, run.budget)
        if run == DONE:
            # Whoever still pauses was not good enough for any rung to come.
            self._end_all(sorted(self.paused), "stopped")
            self.finished = not self.unfinished
        return None

    def result(self, name: str, epoch: int, metrics: Mapping[str, Any]) -> str:
        """Take in a result: 'continue', 'pause' or 'stop'; one that was heard before changes nothing."""
        if name in self.ended:
            return "stop"
        if epoch <= self.epochs[name]:
            return "continue"
        if not isinstance(metrics.get("loss"), Real):
            found = f"loss={metrics['loss']!r:.80}" if "loss" in metrics else f"only {', '.join(metrics) or 'nothing'}"
            self.end(name, "failed", f"it reported {found} after epoch {epoch}; a number as 'loss' was expected")
            return "stop"
        self.journal.append({**metrics, "event": "result", "trial": name, "epoch": epoch})
        decision = self._decide(name, epoch, metrics)
        status = self._status_after(name, decision, metrics)
        if status:
            self.end(name, status)
        self._end_all(decision.cut, "stopped")
        self._changed()
        return "stop" if status else decision.action

    def end(self, name: str, status: str, why: str | None = None) -> None:
        """Note that a trial has ended; the first ending counts."""
        if name not in self.ended:
            if status == "completed" and not self.epochs[name]:
                status, why = (
                    "failed",
                    "it ended without reporting a loss: call tune.report({'loss': ...}) after each epoch",
                )
            self.journal.append({"event": "end", "trial": name, "status": status, **({"why": why} if why else {})})
            self.ended[name] = status
            self.paused.discard(name)
            if name in self.search.running:
                # It failed, or came to an end before the epoch that it was sent to.
                self._end_all(self.search.fail(name).cut, "stopped")
            self._changed()

    def cancel(self, name: str) -> None:
        """The user does not want this trial any more: it is stopped, and no resume brings it back.

        Where others wait for it, it loses, as a trial that failed. A trial that is unknown or has ended stays as it is.
        """
        if name in self.configs:
            self.end(name, "stopped", why="cancelled")

    @property
    def unfinished(self) -> list[str]:
        """Trials that have begun and not ended, oldest first."""
        return [name for name in self.configs if name not in self.ended]

    @property
    def running(self) -> list[str]:
        """Unfinished trials that are not pausing at a rung."""
        return [name for name in self.unfinished if name not in self.paused]

    @property
    def num_trials(self) -> int | None:
        """How many there will be; None if the search could go on for ever."""
        return None if self.search.num_trials is None else len(self.fixed) + self.search.num_trials

    @property
    def incumbent(self) -> str | None:
        """The best searched trial so far by its last result; None before the first."""
        searched = [name for name in self.losses if name not in self.fixed]
        return min(searched, key=lambda name: self.losses[name], default=None)

    # After an interruption: the same events once more, in the same order.

    def replay(self) -> None:
        """Go through the journal and bring searcher and scheduler into the state that they had at its end."""
        events = self.journal.read()
        ends = {event["trial"]: event["status"] for event in events if event["event"] == "end"}
        stopped: set[str] = set()  # so far
        for event in events:
            kind, name = event["event"], event.get("trial")
            if kind in ("trial", "goes on"):
                self._replay_start(name, event.get("config"), lost=name in stopped)
            elif kind == "result" and event["epoch"] > self.epochs[name]:
                self._replay_result(name, event, ends)
            elif kind == "end" and event["status"] != "interrupted":
                if event["status"] == "stopped":
                    stopped.add(name)
                self._lose(name)
        # What was interrupted is tried again, and what failed, if nobody had to go on without it.
        again = {name for name, status in ends.items() if status == "interrupted"}
        again |= {name for name, status in ends.items() if status == "failed" and self._revive(name)}
        self.ended |= {name: status for name, status in ends.items() if name not in again}
        self.paused -= set(self.ended)
        self.finished = self.num_trials is not None and len(self.ended) == self.num_trials

    def _replay_start(self, name: str, config: dict[str, Any] | None, lost: bool) -> None:
        if name in self.fixed:
            self._know(name, self.fixed[name])
            return
        run = self.search.ask(known=config)
        if not isinstance(run, Run) or run.trial != name:
            raise ValueError(
                f"journal: it goes on with trial {name!r}, this searcher and scheduler with {run}. "
                "Resume with those that the study was begun with, or begin a new study."
            )
        self.paused.discard(name)
        if name not in self.configs:
            self._know(name, run.config)
        if lost:
            self._lose(name)

    def _lose(self, name: str) -> None:
        if name in self.search.running:
            self.search.fail(name)

    def _replay_result(self, name: str, event: Mapping[str, Any], ends: Mapping[str, str]) -> None:
        if name in self.search.configs and name not in self.search.running:
            self.search.revive(name)  # it had failed and was tried again
        decision = self._decide(name, event["epoch"], event)
        status = self._status_after(name, decision, event)
        # The search may have died between a result and its consequences: they are drawn now.
        for trial, consequence in [(name, status), *((cut, "stopped") for cut in decision.cut)]:
            if consequence and trial not in ends:
                self.end(trial, consequence)

    def _revive(self, name: str) -> bool:
        return name in self.fixed or self.search.revive(name)

    # The small steps that these share.

    def _add(self, name: str, config: dict[str, Any], goal: int) -> str:
        config = self.journal.kept(config)  # the trial runs with what it would be given after an interruption
        self.journal.append({"event": "trial", "trial": name, "config": config, "to": goal})
        self._know(name, config)
        return name

    def _goes_on(self, run: Run) -> str:
        self.journal.append({"event": "goes on", "trial": run.trial, "to": run.budget})
        self.paused.discard(run.trial)
        self._changed()
        return run.trial

    def _know(self, name: str, config: dict[str, Any]) -> None:
        self.configs[name], self.epochs[name] = config, 0
        self._changed()

    def _decide(self, name: str, epoch: int, result: Mapping[str, Any]) -> Decision:
        self.epochs[name], self.losses[name] = epoch, result["loss"]
        if "seconds" in result:
            self.seconds.append(result["seconds"])
        if name in self.fixed:
            return Decision("continue", self.max_epochs)
        decision = self.search.lose(name) if result.get("diverged") else self.search.tell(name, epoch, result["loss"])
        if decision.action == "pause":
            self.paused.add(name)
        return decision

    def _status_after(self, name: str, decision: Decision, result: Mapping[str, Any]) -> str | None:
        if result.get("diverged"):
            return "diverged"
        if self.epochs[name] >= self.max_epochs:
            return "completed"
        return "stopped" if decision.action == "stop" else None

    def _end_all(self, names: Any, status: str) -> None:
        for name in names:
            self.end(name, status)

    def _changed(self) -> None:
        for watch in self.watchers:
            watch()


class _InMemory:
    """A journal that nobody keeps."""

    def append(self, event: Mapping[str, Any]) -> None: ...

    def kept(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return dict(values)

    def read(self) -> list[dict[str, Any]]:
        return []
