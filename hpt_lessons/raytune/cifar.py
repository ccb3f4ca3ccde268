"""The whole Ray Tune CIFAR example behind one short function, in today's spelling: `tune_cifar`."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from hpt_lessons.cifar.config import UNTUNED
from hpt_lessons.cifar.data import Data, load_data
from hpt_lessons.journal import Journal
from hpt_lessons.raytune.setup import prepare_ray
from hpt_lessons.raytune.study import Study, run_study
from hpt_lessons.search import asha, halving, presets, rungs
from hpt_lessons.search.space import Space
from hpt_lessons.study.cifar import SEARCHES, check_ends, make_searcher, trial_options
from hpt_lessons.study.control import Control
from hpt_lessons.study.folders import study_folder
from hpt_lessons.trials import one_of

SCHEDULERS = ("asha", "asha-promotion", "halving", "hyperband", "none")


def tune_cifar(
    space: Mapping[str, Any] | None = None,
    *,
    num_samples: int = 10,
    max_epochs: int = 10,
    search: str = "random",
    scheduler: str | None = None,
    seed: int = 0,
    data: Data | None = None,
    data_dir: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    untuned: bool = True,
    name: str | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    resources: Mapping[str, float] | None = None,
    progress: bool = True,
    control: Control | None = None,
) -> Study:
    """Search for a good configuration of the CIFAR network with Ray Tune; see `run_study` for what is kept.

    `search` is "random", "grid" (the most even that `num_samples` pays for), "random-then-grid" or "bohb".
    `scheduler` is "asha" (Ray's; grace period 1, reduction factor 2), "asha-promotion", "halving" (one bracket of all
    samples), "hyperband" (eta 3) or "none"; unless given, "hyperband" for BOHB, which is made of both, else "asha". The
    same `seed` gives the same first configurations, and all of them where nothing is learned from results.
    `options` are training options for every trial, for example {"train_size": 2000}. The `untuned` default is trained
    beside the search with the same data and epochs, and is never cut.
    """
    shared = trial_options(num_samples, max_epochs, seed, options)
    if name is not None:
        study_folder(folder, name)  # a name that is refused, before the data is prepared
    scheduler = scheduler or ("hyperband" if search == "bohb" else "asha")
    if space is None:
        space = presets.classic() if search == "random" else presets.bounded()
    space = Space.of(space)
    one_of("search", search, SEARCHES)
    one_of("scheduler", scheduler, SCHEDULERS)
    check_ends(space, shared, seed)
    if not resume:  # else the study may be complete, and Ray not needed
        prepare_ray()
    data = data if data is not None else load_data(data_dir, progress=progress)
    searcher = make_searcher(search, space, num_samples, seed)
    settings = {"search": search, "scheduler": scheduler, "seed": seed, "space": space.table(), "options": shared}
    num_trials = searcher.num_trials or num_samples  # a model could go on for ever
    return run_study(
        _train,
        searcher,
        max_epochs=max_epochs,
        num_trials=num_trials,
        scheduler=partial(make_scheduler, scheduler, max_epochs, num_trials),  # one of them needs Ray
        name=name,
        folder=folder,
        resume=resume,
        data=data.name,
        settings=settings,
        resources=resources,
        fixed={"default": UNTUNED} if untuned else None,
        progress=progress,
        control=control,
        shared={"data": data, "options": shared},
    )


def make_scheduler(scheduler: str, max_epochs: int, num_trials: int) -> Any:
    """The scheduler of this name: Ray's ASHA with the settings of the example, one of ours, or None."""
    if scheduler == "asha":
        from ray.tune.schedulers import ASHAScheduler

        return ASHAScheduler(max_t=max_epochs, grace_period=1, reduction_factor=2)
    if scheduler == "asha-promotion":
        return asha.PromotionASHA(1, max_epochs, eta=2)
    if scheduler == "halving":
        return halving.SuccessiveHalving(rungs.halving_plan(num_trials, 1, max_epochs, eta=2))
    if scheduler == "hyperband":
        return halving.Hyperband(1, max_epochs, eta=3)
    if scheduler == "none":
        return None
    raise ValueError(f"scheduler {scheduler!r}: choose one of {', '.join(SCHEDULERS)}.")


def told_and_reported(study: Study) -> dict[int, tuple[int, int]]:
    """For each epoch: results that the searcher was told, and those that trials reported where they were sent.

    The first come from the searcher, the second from the histories in the trials' own checkpoints. A trial that
    diverged is told, and counts, at the epoch that it should have reached. With Ray's ASHA every epoch counts.
    """
    from hpt_lessons.cifar import checkpoint

    events = Journal(study.folder / "journal.jsonl").read()
    sent = {(event["trial"], event["to"]) for event in events if event["event"] in ("trial", "goes on")}
    every = next(event for event in events if event["event"] == "study")["settings"].get("scheduler") == "asha"
    reported = set()
    for trial in study.searched:
        history = checkpoint.load(study.checkpoint(trial.name))["history"]
        reached = {(trial.name, entry["epoch"]) for entry in history}
        goals = reached if every else {goal for goal in sent if goal[0] == trial.name}
        reported |= goals if trial.diverged else goals & reached
    budgets = sorted({budget for _, budget in reported | set(study.told)})
    return {
        budget: tuple(sum(epoch == budget for _, epoch in results) for results in (study.told, reported))
        for budget in budgets
    }


def test_best(study: Study, data: Data) -> dict[str, tuple[int, int]]:
    """Correct and all test pictures of the best trial and of the untuned default, the test set opened once.

    Best is meant by the last epoch, because that epoch's weights are the ones that were kept. What was found is written
    into the study's journal, so asking again does not open the test set again.
    """
    from hpt_lessons.cifar.testing import score_on_test_set

    journal = Journal(study.folder / "journal.jsonl")
    best = study.best().name
    wanted = [best, *(["default"] if "default" in study.trials else [])]
    known = {
        event["trial"]: (event["correct"], event["pictures"]) for event in journal.read() if event["event"] == "test"
    }
    missing = [trial for trial in wanted if trial not in known]
    if missing:
        found = score_on_test_set({trial: study.checkpoint(trial) for trial in missing}, data, f"study {study.name}")
        for trial, (correct, pictures) in found.items():
            journal.append({"event": "test", "trial": trial, "correct": correct, "pictures": pictures})
        known |= found
    return {trial: known[trial] for trial in wanted}


test_best.__test__ = False  # type: ignore[attr-defined]  # for pytest: not a test, whatever its name


def _train(config: dict[str, Any], checkpoint: Path, data: Data, options: Mapping[str, Any]) -> None:
    from hpt_lessons.cifar.training import train_cifar

    train_cifar({**options, **config}, data=data, checkpoint=checkpoint, progress=False)
