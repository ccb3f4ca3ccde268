"""How do I run a whole search with Ray Tune, see how far it is, and go on after it was interrupted? `run_study`.

A study is a folder: `journal.jsonl` with everything that happened, `trials/` with one checkpoint for each trial. They
are the truth; what Ray writes beside them is only for Ray.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpt_lessons.journal import Journal
from hpt_lessons.lines import kept
from hpt_lessons.names import check_name
from hpt_lessons.progress import Progress
from hpt_lessons.raytune.control import Control
from hpt_lessons.raytune.place import JOURNAL, LOCK, default_name, fresh_ray_folder, studies_folder, study_place
from hpt_lessons.search.space import Space
from hpt_lessons.trials import Trial, Trials

__all__ = ["Study", "check_resume", "check_values", "concurrent_trials", "run_study", "studies_folder"]

VERSION = 1


@dataclass(frozen=True)
class Study:
    """What a search has left: its folder, the table of its trials, and Ray's own `ResultGrid` of the last run."""

    name: str
    folder: Path
    trials: Trials
    finished: bool
    told: frozenset[tuple[str, int]] | None = field(default=None, repr=False)  # (trial, epoch): what the searcher knows
    results: Any = field(default=None, repr=False)

    @property
    def searched(self) -> Trials:
        """The trials that the searcher chose: all but the untuned default."""
        return self.trials.filter(lambda trial: trial.name != "default")

    def best(self, metric: str = "loss", mode: str | None = None, scope: str = "last") -> Trial:
        """The best of the searched trials, by its last epoch or by all of them (see `Trials.best`)."""
        return self.searched.best(metric, mode, scope)

    def checkpoint(self, trial: str) -> Path:
        """The file with the weights of a trial after its last finished epoch."""
        return self.folder / "trials" / f"{trial}.pt"


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
    of Ray Tune's that decides from each result alone (its ASHA), or None to train every trial for `max_epochs`. The
    trials in `fixed` (name: configuration) run first and are never cut. `shared` goes to all trials through Ray's
    object store; `resources` are those of one trial, one CPU unless given. Through `control` another thread cancels a
    trial or stops the search (`hpt_lessons.raytune.launch`).

    With `resume=True` the study `name` goes on where it stopped, at once if it is complete. ValueError if the folder
    holds a study with other settings, or if the search may try a value that the journal could not give back then;
    FileExistsError if there is a study already and `resume` is not set, or if other files are in its place.
    """
    from filelock import FileLock, Timeout

    num_trials = getattr(searcher, "num_trials", None) if num_trials is None else num_trials
    if num_trials is None:
        raise ValueError(f"num_trials: {type(searcher).__name__} could go on for ever. Say how many trials to try.")
    place = study_place(folder, default_name() if name is None else name)
    journal = Journal(place / JOURNAL)
    described = {"max_epochs": max_epochs, "trials": num_trials, **(settings or {})}
    check_resume(journal, resume, described, data)
    check_values(searcher, fixed or {})
    place.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(place / LOCK, timeout=10):
            story = _story(journal, searcher, scheduler, max_epochs, fixed, num_trials)
            begin = {
                "event": "study",
                "version": VERSION,
                "name": place.name,
                "data": data,
                "settings": described,
                "waits": bool(story.search.scheduler.waits),
                "fixed": list(story.fixed),
            }
            control = control or Control()
            control.ready.set()
            results = _run(
                train, story, begin, place, dict(shared or {}), dict(resources or {"cpu": 1}), progress, control
            )
    except Timeout:
        raise RuntimeError(
            f"study {place.name!r}: another process is running it (lock {place / LOCK}). "
            "Wait for that process to end, or stop it."
        ) from None
    if not story.finished and not control.stopping:
        _say_how_to_go_on(place, story)
    return Study(place.name, place, Trials.read(journal.path), story.finished, frozenset(story.search.told), results)


def check_resume(journal: Journal, resume: bool, settings: Mapping[str, Any], data: str) -> None:
    """An error unless this study is new, or is the one to go on with: the same settings and the same data."""
    given = journal.kept({"data": data, **settings})  # what the journal cannot hold is refused now
    begun = next((event for event in journal.read() if event.get("event") == "study"), None)
    name = journal.path.parent.name
    if begun is None:
        return
    if not resume:
        raise FileExistsError(
            f"study {name!r}: there is one of this name already ({journal.path.parent}). "
            "Go on with it by resume=True, or choose another name."
        )
    before = {"data": begun["data"], **begun["settings"]}
    for key, value in given.items():
        if before.get(key) != value and repr(before.get(key)) != repr(value):  # a NaN equals nothing
            raise ValueError(
                f"study {name!r}: it was begun with {key} = {before.get(key)!r}, and now it is {value!r}. "
                "Resume with the settings that it was begun with, or choose another name."
            )


def check_values(searcher: Any, fixed: Mapping[str, Mapping[str, Any]]) -> None:
    """An error, naming the hyperparameter, unless the journal can give back all that this search is known to try."""
    for name, config in fixed.items():
        check_name(name, "fixed: trial")
        _check_kept(config, f"fixed, {name!r}")
    configs = getattr(searcher, "configs", ())
    for index, config in enumerate(configs if isinstance(configs, list | tuple) else ()):
        _check_kept(config, f"configuration {index}")
    space = getattr(searcher, "space", None)
    if isinstance(space, Mapping):
        space = Space.of(space)
        for axis in space.axes:
            for value in axis.domain.values:
                _check_kept({axis.name: value}, "search space")
        _check_kept(space.with_values({axis.path: None for axis in space.axes}), "search space")


def _check_kept(config: Mapping[str, Any], where: str) -> None:
    try:
        kept(config)
    except TypeError as error:
        raise ValueError(
            f"{where}: {error} A trial could not go on with it after an interruption. Give it a name, and "
            "let the training function look up what the name stands for."
        ) from None


def _story(journal, searcher, scheduler, max_epochs, fixed, num_trials):
    """What the journal tells so far."""
    from hpt_lessons.raytune.adapters import as_ours
    from hpt_lessons.raytune.journaling import Story

    story = Story(journal, searcher, as_ours(scheduler), max_epochs, fixed, num_trials)
    story.tell_again()
    return story


def _run(
    train,
    story,
    begin: Mapping[str, Any],
    place: Path,
    shared: Mapping[str, Any],
    resources: Mapping[str, float],
    progress: bool,
    control: Control,
):
    from hpt_lessons.raytune.adapters import Desk
    from hpt_lessons.raytune.setup import start_ray

    if story.finished:
        return None
    with _ProgressLine(story, progress) as line:
        start_ray()
        slots = concurrent_trials(resources)
        if not any(event.get("event") == "study" for event in story.journal.read()):
            # Not earlier: a search that was refused has not begun, and its name is free.
            story.journal.append(begin)
        else:
            story.journal.append({"event": "resumed"})
        desk = Desk(story, slots, control=control)
        if desk.finished:
            return None
        line.begin(desk.concurrent)
        results = _fit(train, desk, place, shared, resources)
    for name in story.unfinished:
        story.journal.append({"event": "end", "trial": name, "status": "interrupted"})
    return results


def _fit(train, desk, place: Path, shared: Mapping[str, Any], resources: Mapping[str, float]):
    from ray import tune

    from hpt_lessons.raytune.adapters import OurScheduler, SilentReporter, StudySearcher

    # Else Ray starts one process, and the next only when that one runs.
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(desk.concurrent)
    trainable = tune.with_parameters(_one_trial, train=train, folder=str(place / "trials"), shared=dict(shared))
    tuner = tune.Tuner(
        tune.with_resources(trainable, dict(resources)),
        tune_config=tune.TuneConfig(
            search_alg=StudySearcher(desk),
            scheduler=OurScheduler(desk),
            num_samples=desk.story.num_trials,
            max_concurrent_trials=None,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name="ray",
            storage_path=str(fresh_ray_folder(place)),
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


def _say_how_to_go_on(place: Path, story: Any) -> None:
    kept = sum(story.epochs.values())
    print(
        f"The search was interrupted. {kept} finished epochs of {len(story.configs)} trials are kept in "
        f"{os.path.relpath(place)}. Go on with resume=True and name={place.name!r}."
    )


class _ProgressLine:
    """Trials running, done, stopped early, the incumbent and the time left, in one line; at the end what came of it."""

    def __init__(self, story: Any, enabled: bool):
        self.story, self.slots, self.enabled = story, 1, enabled

    def __enter__(self) -> "_ProgressLine":
        done = sum(self.story.epochs.values())
        self.bar = Progress(self._planned(), "search", unit="epoch", enabled=self.enabled, initial=done)
        self.bar.__enter__()
        self.bar.note("starting Ray ...")
        return self

    def begin(self, slots: int) -> None:
        """Ray is there, and so many trials run at a time."""
        self.slots = slots
        self.story.watchers.append(self._show)
        self._show()

    def __exit__(self, *error) -> None:
        begun = self._show in self.story.watchers
        if begun:
            self.story.watchers.remove(self._show)
        if begun or error[0] is None:
            self.bar.note(self._summary())
        self.bar.__exit__(*error)

    def _summary(self) -> str:
        """Ten trials, seven of them stopped early, and which was the best."""
        story = self.story
        count = len(story.configs)
        trials = f"{count} trial{'s'[: count != 1]}"
        early = sum(status == "stopped" for status in story.ended.values())
        unfinished = f", {len(story.unfinished)} unfinished" if story.unfinished else ""
        return f"{trials}, {early} stopped early{unfinished}{story.incumbent()}"

    def _planned(self) -> int:
        """Epochs that the study will have trained in the end, as far as one can tell now."""
        story = self.story
        done = sum(story.epochs[name] for name in story.configs if name in story.ended or name in story.paused)
        begun = [self._goal(name) for name in story.running]
        each = (done + sum(begun)) / max(1, len(story.configs)) if story.search.scheduler.waits else story.max_epochs
        return done + sum(begun) + round((story.num_trials - len(story.configs)) * each)

    def _goal(self, name: str) -> int:
        story = self.story
        return story.search.goals.get(name, story.max_epochs) if story.search.scheduler.waits else story.max_epochs

    def _show(self) -> None:
        story = self.story
        early = sum(status == "stopped" for status in story.ended.values())
        self.bar.total = self._planned()
        if story.seconds:
            self.bar.expect(sum(story.seconds) / len(story.seconds) / self.slots)
        self.bar.set(sum(story.epochs.values()))
        done = f"{len(story.ended)} of {story.num_trials} done, {early} of them stopped early"
        paused = f"{len(story.paused)} paused, " if story.paused else ""
        self.bar.note(f"{len(story.running)} running, {paused}{done}{story.incumbent()}")
