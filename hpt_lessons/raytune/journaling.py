"""How does a search survive a sudden death? Everything that happened is in its journal, in order, and is told again.

Ray's own snapshots are seconds apart, not atomic, and do not hold the rungs of a scheduler. Here each configuration
and each result is in the journal, on the disk, before anybody acts on it. A search that starts again tells the same
story to a fresh searcher and a fresh scheduler, in the same order, and so brings both into the state in which they
died.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

from ray.tune.experiment import Trial as RayTrial
from ray.tune.experiment.config_parser import _create_trial_from_spec, _make_parser
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search.search_algorithm import SearchAlgorithm

from hpt_lessons.trials import Journal

# What Ray adds to every result; the journal keeps what the training itself reported.
_RAYS_OWN = {"training_iteration", "time_this_iter_s", "time_total_s", "timestamp", "date", "pid", "hostname",
             "node_ip", "trial_id", "done", "experiment_tag", "experiment_id", "checkpoint_dir_name",
             "time_since_restore", "iterations_since_restore", "should_checkpoint", "__duplicate__"}


class Searcher(Protocol):
    """Asks and tells; see `hpt_lessons.search.searchers`."""

    num_trials: int
    barriers: tuple[int, ...]

    def ask(self) -> dict[str, Any] | None: ...

    def tell(self, config: dict[str, Any], budget: int, loss: float) -> None: ...


class Story:
    """A study as its journal tells it: which trials there are, what they reported, which of them have ended."""

    def __init__(self, journal: Journal, searcher: Searcher, scheduler: TrialScheduler | None, max_epochs: int,
                 fixed: Mapping[str, dict[str, Any]] | None = None):
        self.journal, self.searcher = journal, searcher
        self.scheduler = scheduler or FIFOScheduler()
        self.scheduler.set_search_properties("loss", "min")
        self.max_epochs = max_epochs
        self.fixed = dict(fixed or {})  # trials that no scheduler may cut, such as the untuned default
        self.configs: dict[str, dict[str, Any]] = {}
        self.epochs: dict[str, int] = {}
        self.ended: dict[str, str] = {}
        self.losses: dict[str, float] = {}
        self.seconds: list[float] = []  # of the epochs that said how long they took
        self.asked = 0
        self.watchers: list[Callable[[], None]] = []

    # What happens, now or in the journal: three kinds of events, each with one way to take it in.

    def next_trial(self) -> str | None:
        """Begin one more trial and give its name; None if there is none, for now or for good."""
        if self.asked in self.searcher.barriers and self.unfinished:
            return None
        name, config = self._draw()
        if name is None:
            return None
        self.journal.append({"event": "trial", "trial": name, "config": config})
        self._add(name, config)
        return name

    def result(self, trial: Any, controller: Any, result: Mapping[str, Any]) -> str:
        """Take in a result and decide whether the trial goes on; one that was heard before changes nothing."""
        name, epoch = trial.trial_id, int(result["training_iteration"])
        if name in self.ended:
            return TrialScheduler.STOP
        if epoch <= self.epochs[name]:
            return TrialScheduler.CONTINUE
        own = {key: value for key, value in result.items() if key not in _RAYS_OWN and not key.startswith("config/")}
        self.journal.append({**own, "event": "result", "trial": name, "epoch": epoch})
        decision = self._decide(trial, controller, {**result, "training_iteration": epoch})
        status = self._status_after(name, decision, result)
        if status:
            self.end(name, status)
            return TrialScheduler.STOP
        self._changed()
        return decision

    def end(self, name: str, status: str, why: str | None = None) -> None:
        """Note that a trial has ended; the first ending counts."""
        if name not in self.ended:
            self.journal.append({"event": "end", "trial": name, "status": status, **({"why": why} if why else {})})
            self.ended[name] = status
            self._changed()

    def tell_again(self) -> None:
        """Go through the journal and bring searcher and scheduler into the state that they had at its end."""
        events = self.journal.read()
        ends = {event["trial"]: event["status"] for event in events if event["event"] == "end"}
        for event in events:
            if event["event"] == "trial" and event["trial"] not in self.configs:
                self._draw()
                self._add(event["trial"], event["config"])
            elif event["event"] == "result" and event["epoch"] > self.epochs[event["trial"]]:
                trial = SimpleNamespace(trial_id=event["trial"], config=self.configs[event["trial"]])
                result = {**event, "training_iteration": event["epoch"]}
                decision = self._decide(trial, None, result)
                status = self._status_after(event["trial"], decision, result)
                if status and event["trial"] not in ends:
                    # The search died between a result and its consequence: the consequence is drawn now.
                    self.end(event["trial"], status)
        # What was interrupted or failed is tried again; all other endings stand.
        self.ended |= {name: status for name, status in ends.items() if status not in ("interrupted", "failed")}

    @property
    def unfinished(self) -> list[str]:
        """Trials that have begun and not ended, oldest first."""
        return [name for name in self.configs if name not in self.ended]

    @property
    def num_trials(self) -> int:
        return len(self.fixed) + self.searcher.num_trials

    @property
    def finished(self) -> bool:
        return len(self.ended) == self.num_trials

    def incumbent(self) -> str:
        """The best searched trial so far by its last result, in words; empty before the first result."""
        losses = {name: loss for name, loss in self.losses.items() if name not in self.fixed}
        if not losses:
            return ""
        best = min(losses, key=losses.get)
        return f"; best {best}, loss {losses[best]:.3f}"

    # The small steps that these share.

    def _draw(self) -> tuple[str | None, dict[str, Any] | None]:
        for name, config in self.fixed.items():
            if name not in self.configs:
                return name, config
        if self.asked == self.searcher.num_trials:
            return None, None
        config = self.searcher.ask()
        if config is None:
            return None, None
        self.asked += 1
        return f"{self.asked - 1:04d}", config

    def _add(self, name: str, config: dict[str, Any]) -> None:
        self.configs[name], self.epochs[name] = config, 0
        if name not in self.fixed:
            self.scheduler.on_trial_add(None, SimpleNamespace(trial_id=name, config=config))
        self._changed()

    def _decide(self, trial: Any, controller: Any, result: Mapping[str, Any]) -> str:
        name, epoch = trial.trial_id, result["training_iteration"]
        self.epochs[name], self.losses[name] = epoch, result["loss"]
        if "seconds" in result:
            self.seconds.append(result["seconds"])
        if name in self.fixed:
            return TrialScheduler.CONTINUE
        self.searcher.tell(self.configs[name], epoch, result["loss"])
        return self.scheduler.on_trial_result(controller, trial, dict(result))

    def _status_after(self, name: str, decision: str, result: Mapping[str, Any]) -> str | None:
        if result.get("diverged"):
            return "diverged"
        if self.epochs[name] >= self.max_epochs:
            return "completed"
        return "stopped" if decision == TrialScheduler.STOP else None

    def _changed(self) -> None:
        for watch in self.watchers:
            watch()


class StorySearch(SearchAlgorithm):
    """Ray Tune asks here for trials: first those that a dead search left unfinished, then new ones."""

    def __init__(self, story: Story, concurrent: int):
        self.story, self.concurrent = story, concurrent
        self._again = story.unfinished
        self._experiment, self._parser = None, _make_parser()
        self._given: dict[str, RayTrial] = {}

    @property
    def total_samples(self) -> int:
        return self.story.num_trials - len(self.story.ended) + len(self._given)

    def set_search_properties(self, metric, mode, config, **spec) -> bool:
        return True

    def add_configurations(self, experiments) -> None:
        self._experiment = experiments[0] if isinstance(experiments, list) else experiments

    def is_finished(self) -> bool:
        return not self._again and len(self.story.configs) == self.story.num_trials

    def next_trial(self) -> RayTrial | None:
        # No trial is drawn ahead: a searcher that learns shall know all results that there are.
        running = len(self.story.unfinished) - len(self._again)
        if running >= self.concurrent:
            return None
        name = self._again.pop(0) if self._again else self.story.next_trial()
        if name is None:
            return None
        config = self.story.configs[name]
        spec = {**self._experiment.spec, "config": {**self._experiment.spec.get("config", {}), **config}}
        self._given[name] = _create_trial_from_spec(spec, self._parser, evaluated_params=config, experiment_tag=name,
                                                    trial_id=name)
        return self._given[name]

    def on_trial_result(self, trial_id, result) -> None:
        """The scheduler tells the searcher: it alone hears of every result, also of a trial that it stops."""

    def on_trial_complete(self, trial_id, result=None, error=False) -> None:
        """Note a trial that failed for good; Ray tells a scheduler of failures that it will retry, too."""
        if error:
            self.story.end(trial_id, "failed", why=_last_line(self._given[trial_id]))

    # The journal is the memory of the study; Ray's snapshots are not used.
    def has_checkpoint(self, dirpath: str) -> bool:
        return False

    def save_to_dir(self, dirpath: str, session_str: str) -> None: ...

    def restore_from_dir(self, dirpath: str) -> None: ...

    def __reduce__(self):
        return (FIFOScheduler, ())  # Ray pickles the tuner for a restore that is never made


class StoryScheduler(FIFOScheduler):
    """Ray Tune reports here: into the journal first, then to searcher and scheduler."""

    # Each result must have its decision before the next epoch begins.
    _supports_buffered_results = False

    def __init__(self, story: Story):
        super().__init__()
        self.story = story

    def set_search_properties(self, metric, mode, **spec) -> bool:
        return True

    def on_trial_result(self, tune_controller, trial, result) -> str:
        if "training_iteration" not in result or "loss" not in result:
            return TrialScheduler.CONTINUE
        return self.story.result(trial, tune_controller, result)

    def on_trial_complete(self, tune_controller, trial, result) -> None:
        self.story.end(trial.trial_id, "completed")

    def on_trial_error(self, tune_controller, trial) -> None:
        """See `StorySearch.on_trial_complete`."""

    def debug_string(self) -> str:
        return self.story.scheduler.debug_string()

    def __reduce__(self):
        return (FIFOScheduler, ())  # see StorySearch


def _last_line(trial: RayTrial) -> str:
    try:
        lines = Path(trial.error_file).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except (OSError, TypeError):
        return "unknown"
    return lines[-1] if lines else "unknown"
