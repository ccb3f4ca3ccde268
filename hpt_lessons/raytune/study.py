"""How do I run a whole search with Ray Tune, see how far it is, and go on after it was interrupted? `run_study`.

A study is a folder: `journal.jsonl` with everything that happened, `trials/` with one checkpoint for each trial. They
are the truth; what Ray writes beside them is only for Ray.
"""

import os
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from hpt_lessons.progress import Progress
from hpt_lessons.raytune.folders import fresh_ray_folder
from hpt_lessons.raytune.watchdog import watchdog
from hpt_lessons.study.control import Control
from hpt_lessons.study.folders import studies_folder
from hpt_lessons.study.study import (
    Study,
    alone_with,
    check_resume,
    check_values,
    plan,
    say_how_to_go_on,
    study_event,
)
from hpt_lessons.trials import Trials

__all__ = ["Study", "check_resume", "check_values", "concurrent_trials", "run_study", "studies_folder"]


def run_study(
    train: Callable[..., Any],
    searcher: Any,
    *,
    max_epochs: int,
    scheduler: Any = None,
    name: str | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    data: str = "",
    settings: Mapping[str, Any] | None = None,
    fixed: Mapping[str, dict[str, Any]] | None = None,
    shared: Mapping[str, Any] | None = None,
    resources: Mapping[str, float] | None = None,
    num_trials: int | None = None,
    progress: bool = True,
    control: Control | None = None,
) -> Study:
    """Search with Ray Tune; each finished epoch is kept, whatever happens.

    `train(config, checkpoint=FILE, **shared)` trains one configuration: it reports `loss` and whatever else after every
    epoch with `tune.report`, saves itself in FILE before it does, and when FILE is there already reports the epochs in
    it once more and goes on. `searcher` asks and tells (`hpt_lessons.search.searchers`, `BOHBSampler`), for
    `num_trials` configurations if it could go on for ever; `scheduler` is one of `hpt_lessons.search.halving`, or one
    of Ray Tune's that decides from each result alone (its ASHA), or a function that makes one when Ray is loaded, or
    None to train every trial for `max_epochs`. The trials in `fixed` (name: configuration) run first and are never cut.
    `shared` goes to all trials through Ray's object store; `resources` are those of one trial, one CPU unless given.
    Through `control` another thread cancels a trial or stops the search (`hpt_lessons.raytune.launch`).

    With `resume=True` the study `name` goes on where it stopped, at once if it is complete. ValueError if the folder
    holds a study with other settings, or if the search may try a value that the journal could not give back then;
    FileExistsError if there is a study already and `resume` is not set, or if other files are in its place.
    """
    num_trials, path, journal, described = plan(
        "run_study", train, searcher, max_epochs=max_epochs, num_trials=num_trials, name=name, folder=folder,
        resume=resume, data=data, settings=settings, fixed=fixed,
    )  # fmt: skip
    control = control or Control()
    resources = dict(resources or {"cpu": 1})
    fit = partial(_fit, train=train, path=path, shared=dict(shared or {}), resources=resources)
    begin = partial(study_event, path.name, data, described)
    with alone_with(path):
        control.ready.set()
        with _ProgressLine(max_epochs * (num_trials + len(fixed or {})), control, progress) as line:
            state = line.state = _state(journal, searcher, scheduler, max_epochs, fixed, num_trials)
            control.on_load()
            results = None if state.finished else _run(fit, state, begin, resources, line)
    if not state.finished and not control.stopping:
        say_how_to_go_on(path, state)
    return Study(path.name, path, Trials.read(journal.path), state.finished, frozenset(state.search.told), results)


def _state(journal, searcher, scheduler, max_epochs, fixed, num_trials):
    """What the journal tells so far; the first to need Ray, which takes seconds to load."""
    from hpt_lessons.raytune.adapters import as_ours
    from hpt_lessons.study.state import StudyState

    scheduler = as_ours(scheduler() if callable(scheduler) else scheduler)
    state = StudyState(journal, searcher, scheduler, max_epochs, fixed, num_trials)
    state.replay()
    return state


def _run(fit: Callable[..., Any], state: Any, begin: Callable[..., Any], resources: Any, line: "_ProgressLine") -> Any:
    """Start Ray, let `fit(broker)` run what is left of the search, and note what it interrupted."""
    from hpt_lessons.raytune.broker import Broker
    from hpt_lessons.raytune.setup import session_folder, start_ray

    line.waits_for("starting Ray ...")
    start_ray()
    slots = concurrent_trials(resources)
    # Not earlier: a search that was refused has not begun, and its name is free.
    begun = any(event.get("event") == "study" for event in state.journal.read())
    state.journal.append({"event": "resumed"} if begun else begin(state))
    broker = Broker(state, slots, control=line.control)
    results = None
    if not broker.finished:
        line.waits_for("waiting for the first worker ...")
        line.begin(broker.concurrent)
        with watchdog(line.control.working, line.write, session_folder()):
            results = fit(broker)
    for name in state.unfinished:
        state.journal.append({"event": "end", "trial": name, "status": "interrupted"})
    return results


def _fit(
    broker, *, train: Callable[..., Any], path: Path, shared: Mapping[str, Any], resources: Mapping[str, float]
) -> Any:
    from ray import tune

    from hpt_lessons.raytune.adapters import OurScheduler, SilentReporter, StudySearcher
    from hpt_lessons.raytune.setup import share_workers

    share_workers()
    # Else Ray starts one process, and the next only when that one runs.
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(broker.concurrent)
    trainable = tune.with_parameters(_one_trial, train=train, folder=str(path / "trials"), shared=shared)
    tuner = tune.Tuner(
        tune.with_resources(trainable, dict(resources)),
        tune_config=tune.TuneConfig(
            search_alg=StudySearcher(broker),
            scheduler=OurScheduler(broker),
            num_samples=broker.state.num_trials,
            max_concurrent_trials=None,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name="ray",
            storage_path=str(fresh_ray_folder(path)),
            verbose=0,
            progress_reporter=SilentReporter(),
            failure_config=tune.FailureConfig(max_failures=2),
        ),
    )
    return tuner.fit()


def _one_trial(config: dict[str, Any], train: Callable[..., Any], folder: str, shared: Mapping[str, Any]) -> None:
    """One trial in its own process: alone with its checkpoint, even if a worker of a dead search is still ending."""
    from filelock import FileLock
    from ray import tune

    file = Path(folder) / f"{tune.get_context().get_trial_id()}.pt"
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock")):
        train(config, checkpoint=file, **shared)


def concurrent_trials(resources: Mapping[str, float]) -> int:
    """How many trials with these resources run at a time."""
    import ray

    have = ray.cluster_resources()
    counts = [have.get(key.upper(), 0) // need for key, need in resources.items() if need]
    if not counts or min(counts) < 1:
        raise ValueError(
            f"resources: one trial asks for {dict(resources)}, and Ray has "
            f"{ {key: have.get(key.upper(), 0) for key in resources} } here. Ask for less for each trial."
        )
    return int(min(counts))


class _ProgressLine:
    """What is waited for, then trials ended, the best, the time left, in one line; at the end what came of it.

    `total`: the epochs if nobody is stopped. The line is there before Ray is loaded, which takes longer than anything
    else that happens before the first epoch.
    """

    def __init__(self, total: int, control: Control, enabled: bool):
        self.total, self.control, self.enabled = total, control, enabled
        self.state: Any = None  # when it is known
        self.slots, self._heard = 1, False
        self._ended = threading.Event()

    def __enter__(self) -> "_ProgressLine":
        self.bar = Progress(self.total, "search", unit="epoch", enabled=self.enabled)
        self.bar.__enter__()
        self.waits_for("loading Ray ...")
        threading.Thread(target=self._tick, name="progress of a search", daemon=True).start()
        return self

    def waits_for(self, words: str) -> None:
        """Say what is waited for, here and to whoever looks at the search from another thread."""
        self.control.stage = words
        self.bar.note(words)

    def _tick(self) -> None:
        """The time goes on while Ray is loaded, and between two epochs."""
        while not self._ended.wait(1.0):
            if self.control.working.is_set() and not self._heard:
                self._heard = True
                self.bar.note("in the first epoch")
            self.bar.refresh()

    def write(self, line: str) -> None:
        """A line that stays; also where there is no bar."""
        if self.enabled:
            self.bar.write(line)
        else:
            print(line, file=sys.stderr)

    def begin(self, slots: int) -> None:
        """Ray is there, and so many trials run at a time."""
        self.slots = slots
        self.state.watchers.append(self._show)
        self._show()

    def __exit__(self, *error) -> None:
        self._ended.set()
        self.control.stage = ""
        begun = self.state is not None and self._show in self.state.watchers
        if begun:
            self.state.watchers.remove(self._show)
        if begun or error[0] is None:
            self.bar.total = self._planned()
            self.bar.set(sum(self.state.epochs.values()))
            self.bar.note(self._summary())
        self.bar.__exit__(*error)

    def _summary(self) -> str:
        """Ten trials, seven of them stopped early, which was the best, and how the untuned default compares."""
        state = self.state
        count = sum(name not in state.fixed for name in state.configs)
        trials = f"{count} trial{'s'[: count != 1]}" + " and the untuned default" * ("default" in state.fixed)
        early = sum(status == "stopped" for status in state.ended.values())
        unfinished = f", {len(state.unfinished)} unfinished" if state.unfinished else ""
        best = state.incumbent
        found = f"; best {best}, loss {state.losses[best]:.3f}" if best else ""
        return f"{trials}, {early} stopped early{unfinished}{found}{self._compared()}"

    def _compared(self) -> str:
        best, losses = self.state.incumbent, self.state.losses
        if best is None or "default" not in losses or "default" not in self.state.fixed:
            return ""
        word = "better" if losses["default"] < losses[best] else "worse"
        return f"; the untuned default is {word}: {losses['default']:.3f}"

    def _planned(self) -> int:
        """Epochs that the study will have trained in the end, as far as one can tell now."""
        state = self.state
        done = sum(state.epochs[name] for name in state.configs if name in state.ended or name in state.paused)
        begun = [self._goal(name) for name in state.running]
        each = (done + sum(begun)) / max(1, len(state.configs)) if state.search.scheduler.waits else state.max_epochs
        return done + sum(begun) + round((state.num_trials - len(state.configs)) * each)

    def _goal(self, name: str) -> int:
        state = self.state
        return state.search.goals.get(name, state.max_epochs) if state.search.scheduler.waits else state.max_epochs

    def _show(self) -> None:
        state = self.state
        self.bar.total = self._planned()
        if state.seconds:
            self.bar.expect(sum(state.seconds) / len(state.seconds) / self.slots)
        self.bar.set(sum(state.epochs.values()))
        if state.losses:
            self._heard = True
            self.bar.note(self._news())

    def _news(self) -> str:
        """What matters most comes first: where room is scarce, the rest is left out."""
        state = self.state
        searched = state.num_trials - len(state.fixed)
        ended = sum(name not in state.fixed for name in state.ended)
        early = sum(status == "stopped" for status in state.ended.values())
        best = state.incumbent
        found = f"best {state.losses[best]:.3f}, " if best else ""
        paused = f", {len(state.paused)} paused" if state.paused else ""
        return f"{found}{ended}/{searched} trials, {len(state.running)} running{paused}, {early} stopped early"
