"""How do our searchers and schedulers speak with Ray Tune, and Ray's schedulers with us? One thin adapter each.

Ray Tune has two listeners, a searcher and a scheduler, and tells them different things: of a result that ends a trial
only the scheduler hears, some results come twice, a configuration is drawn before the results that it should know, and
trials that pause count as running. So the two adapters here share one `Broker`: whoever hears of a result first passes
it on, once; and nobody is asked for work while no worker is free.
"""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from ray.tune import ProgressReporter
from ray.tune.experiment import Trial as RayTrial
from ray.tune.experiment.config_parser import _create_trial_from_spec, _make_parser
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher
from ray.tune.search.search_algorithm import SearchAlgorithm

from hpt_lessons.raytune.broker import Broker
from hpt_lessons.raytune.results import last_line
from hpt_lessons.search.rungs import DONE, Decision, Job, lost
from hpt_lessons.study.state import StudyState


def for_tuner(
    searcher: Any,
    scheduler: Any = None,
    *,
    max_epochs: int,
    concurrent: int,
    num_trials: int | None = None,
    metric: str = "loss",
    mode: str = "min",
) -> dict[str, Any]:
    """What a `tune.TuneConfig` needs in order to search with these two.

    `searcher` and `scheduler` are those of `hpt_lessons.search`, or a scheduler of Ray's that decides from each result
    alone (its ASHA). `max_epochs`: the whole budget, in reports of a trial; `concurrent`: how many trials run at once.

        tune.TuneConfig(**for_tuner(BOHBSampler(space, seed=0), Hyperband(1, 9), max_epochs=9, num_trials=30,
                                    concurrent=2))

    The searcher says itself when it has finished; a number of samples is not needed, nor a `ConcurrencyLimiter`.
    """
    state = StudyState(None, searcher, as_ours(scheduler), max_epochs, num_trials=num_trials)
    broker = Broker(state, concurrent, metric, mode)
    return {"search_alg": OurSearcher(broker), "scheduler": OurScheduler(broker), "num_samples": -1}


def as_ours(scheduler: Any) -> Any:
    """A scheduler of Ray's in our shape; one of ours, or None, as it is."""
    return FromRay(scheduler) if isinstance(scheduler, TrialScheduler) else scheduler


class FromRay:
    """A scheduler of Ray's that decides from each result alone, such as its ASHA, as one of ours.

    Every epoch counts as a rung, because only Ray's scheduler knows where its own are.
    """

    waits = False
    # Ray's ASHA lets a NaN go on, and an infinity spoils its percentiles: what train_cifar reports stands for both.
    DIVERGED = 1e6

    def __init__(self, scheduler: TrialScheduler):
        self.scheduler = scheduler
        scheduler.set_search_properties("loss", "min")

    def next_job(self, new: str | None) -> Job | str:
        """A free worker starts a new trial."""
        return DONE if new is None else self.add(new)

    def add(self, trial: str) -> Job:
        """Tell Ray's scheduler of the trial."""
        self.scheduler.on_trial_add(None, SimpleNamespace(trial_id=trial))
        return Job(trial, 1)

    def report(self, trial: str, budget: int, loss: float) -> Decision:
        """What Ray's scheduler says to this result."""
        result = {"training_iteration": budget, "loss": self.DIVERGED if lost(loss) else loss}
        decision = self.scheduler.on_trial_result(None, SimpleNamespace(trial_id=trial), result)
        stop = decision == TrialScheduler.STOP or lost(loss)
        return Decision("stop" if stop else "continue", budget if stop else budget + 1)

    def close(self) -> None:
        """Nobody waits for others."""


class SilentReporter(ProgressReporter):
    """Ray says nothing, and leaves a notebook cell alone: `tune.RunConfig(progress_reporter=SilentReporter())`.

    Without a reporter Ray makes one for notebooks, which clears the cell when it is made, whatever `verbose` says: what
    was printed there is lost, and so is every bar.
    """

    def should_report(self, trials: list, done: bool = False) -> bool:
        return False

    def report(self, trials: list, done: bool, *sys_info: str) -> None:
        """Nothing."""


class OurScheduler(FIFOScheduler):
    """Ray Tune reports here, first of all and of every result; here it asks which trial to run."""

    # Each result must have its decision before the next epoch begins.
    _supports_buffered_results = False

    def __init__(self, broker: Broker):
        super().__init__()
        self.broker = broker

    def set_search_properties(self, metric, mode, **spec) -> bool:
        return True

    def on_trial_result(self, tune_controller, trial, result) -> str:
        return self.broker.take(trial.trial_id, result)

    def on_trial_complete(self, tune_controller, trial, result) -> None:
        """A trial whose function returned, or that a criterion of the user's stopped: its last result counts, too."""
        self.broker.take(trial.trial_id, result)
        self.broker.end(trial.trial_id, "completed")

    def on_trial_remove(self, tune_controller, trial) -> None:
        self.broker.end(trial.trial_id, "stopped")

    def choose_trial_to_run(self, tune_controller) -> RayTrial | None:
        """A trial that was promoted first, then new ones; whoever waits and is out is sent home.

        Ray asks this at each of its steps, several times a second: so the search is stopped here, too.
        """
        trials, broker = tune_controller.get_trials(), self.broker
        if any(trial.status == RayTrial.RUNNING for trial in trials):
            broker.control.working.set()
        broker.fill()
        if broker.control.stopping:
            for trial in trials:
                _send_home(tune_controller, trial)
            return None
        for trial in (trial for trial in trials if trial.status in (RayTrial.PAUSED, RayTrial.PENDING)):
            name = broker.names[trial.trial_id]
            if name in broker.state.ended:
                _send_home(tune_controller, trial)
            elif name in broker.waking:
                broker.waking.remove(name)
                return trial
        return next((trial for trial in trials if trial.status == RayTrial.PENDING), None)

    def debug_string(self) -> str:
        return f"{type(self.broker.state.search.scheduler).__name__} of hpt_lessons"

    def __reduce__(self):
        return (FIFOScheduler, ())  # Ray pickles the tuner for a restore that is never made


def _send_home(tune_controller: Any, trial: RayTrial) -> None:
    """Stop a trial; Ray's own loggers then ask for its folder, which one that has not begun does not have yet."""
    if trial.status == RayTrial.PENDING:
        trial.init_local_path()
    tune_controller.stop_trial(trial)


class OurSearcher(Searcher):
    """Ray Tune asks here for configurations. What it tells a searcher, and what it does not, no longer matters."""

    def __init__(self, broker: Broker):
        super().__init__(metric=broker.metric, mode="max" if broker.sign < 0 else "min")
        self.broker = broker

    def set_search_properties(self, metric, mode, config, **spec) -> bool:
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        if self.broker.finished:
            return Searcher.FINISHED
        started = self.broker.start(trial_id)
        return None if started is None else dict(started[1])

    def on_trial_result(self, trial_id: str, result: Mapping[str, Any]) -> None:
        self.broker.take(trial_id, result)

    def on_trial_complete(self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False) -> None:
        self.broker.take(trial_id, result or {})
        self.broker.end(trial_id, "failed" if error else "completed")

    # The model lives in the journal, or for as long as the search does.
    def save(self, checkpoint_path: str) -> None: ...

    def restore(self, checkpoint_path: str) -> None: ...

    def __reduce__(self):
        return (FIFOScheduler, ())  # see OurScheduler


class StudySearcher(SearchAlgorithm):
    """The same for a study: Ray knows the trials by their names in the journal, and starts those of a dead search."""

    def __init__(self, broker: Broker):
        self.broker = broker
        self._experiment: Any = None
        self._parser = _make_parser()
        self._given: dict[str, RayTrial] = {}

    @property
    def total_samples(self) -> int:
        state = self.broker.state
        return len(state.configs) if state.num_trials is None else state.num_trials

    def set_search_properties(self, metric, mode, config, **spec) -> bool:
        return True

    def add_configurations(self, experiments) -> None:
        self._experiment = experiments[0] if isinstance(experiments, list) else experiments

    def is_finished(self) -> bool:
        return self.broker.finished

    def next_trial(self) -> RayTrial | None:
        started = self.broker.start()
        if started is None:
            return None
        name, config = started
        spec = {**self._experiment.spec, "config": {**self._experiment.spec.get("config", {}), **config}}
        self._given[name] = _create_trial_from_spec(
            spec, self._parser, evaluated_params=config, experiment_tag=name, trial_id=name
        )
        return self._given[name]

    def on_trial_result(self, trial_id, result) -> None:
        """The scheduler has heard of it."""

    def on_trial_complete(self, trial_id, result=None, error=False) -> None:
        if error:
            self.broker.end(trial_id, "failed", why=last_line(self._given[trial_id]))

    # The journal is the memory of the study; Ray's snapshots are not used.
    def has_checkpoint(self, dirpath: str) -> bool:
        return False

    def save_to_dir(self, dirpath: str, session_str: str) -> None: ...

    def restore_from_dir(self, dirpath: str) -> None: ...

    def __reduce__(self):
        return (FIFOScheduler, ())  # see OurScheduler
