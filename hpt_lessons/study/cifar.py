"""A search for a good configuration of the CIFAR network, in this process: `search_cifar`."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from hpt_lessons import checks
from hpt_lessons.cifar.config import UNTUNED, read_config
from hpt_lessons.cifar.data import Data, load_data
from hpt_lessons.journal import Journal
from hpt_lessons.search import layouts, presets
from hpt_lessons.search.bohb import BOHBSampler
from hpt_lessons.search.domains import value_at
from hpt_lessons.search.protocols import Scheduler
from hpt_lessons.search.searchers import Listed, RandomThenGrid
from hpt_lessons.search.space import Space
from hpt_lessons.study.control import Control
from hpt_lessons.study.folders import JOURNAL, study_folder
from hpt_lessons.study.here import Train, run_here
from hpt_lessons.study.study import Study
from hpt_lessons.trials import one_of

SEARCHES = ("random", "grid", "random-then-grid", "bohb")


def search_cifar(
    space: Mapping[str, Any] | None = None,
    *,
    num_samples: int = 8,
    max_epochs: int = 4,
    search: str = "random",
    scheduler: Scheduler | None = None,
    seed: int = 0,
    data: Data | None = None,
    data_dir: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    default: Mapping[str, Any] | None = UNTUNED,
    name: str | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    control: Control | None = None,
) -> Study:
    """Search for a good configuration of the CIFAR network without Ray; see `run_here` for what is kept.

    `space` is `presets.bounded()` unless given, `search` one of `SEARCHES`; `scheduler` one of `search.halving` or
    `search.asha`, or None to train every trial for `max_epochs`. The `default` configuration is trained beside the
    search with the same data and epochs, and is never cut; None for none. `options` are training options for every
    trial, for example {"train_size": 2000}. The same `seed` gives the same trials.
    """
    shared = trial_options(num_samples, max_epochs, seed, options)
    if name is not None:
        study_folder(folder, name)  # a name that is refused, before the data is prepared
    space = Space.of(presets.bounded() if space is None else space)
    one_of("search", search, SEARCHES)
    check_ends(space, shared, seed)
    if default:
        read_config({**shared, **default})
    data = data if data is not None else load_data(data_dir)
    searcher = make_searcher(search, space, num_samples, seed)
    stopping = "none" if scheduler is None else type(scheduler).__name__
    return run_here(
        partial(_train, data=data, options=shared),
        searcher,
        max_epochs=max_epochs,
        scheduler=scheduler,
        num_trials=searcher.num_trials or num_samples,  # a model could go on for ever
        name=name,
        folder=folder,
        resume=resume,
        data=data.name,
        settings={"search": search, "scheduler": stopping, "seed": seed, "space": space.table(), "options": shared},
        fixed={"default": dict(default)} if default else None,
        control=control,
    )


def training_of(study: Study, data: Data) -> Train:
    """The training of this study's trials, for `study.finish_stopped`: its options, on the data that it was run on.

    ValueError for other data, or for a study of another kind.
    """
    begun = next(event for event in Journal(study.folder / JOURNAL).read() if event["event"] == "study")
    if begun["data"] != data.name:
        raise ValueError(f"data: study {study.name!r} was run on {begun['data']!r}, and this is {data.name!r}.")
    options = begun["settings"].get("options")
    if not isinstance(options, Mapping):
        raise ValueError(f"study {study.name!r} was not made by search_cifar or tune_cifar; give its own training.")
    return partial(_train, data=data, options=options)


def _train(
    config: dict[str, Any], checkpoint: Path, *, data: Data, options: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    from hpt_lessons.cifar.training import epochs_of_cifar  # PyTorch, not before a trial trains

    yield from epochs_of_cifar({**options, **config}, data=data, checkpoint=checkpoint)


def trial_options(num_samples: int, max_epochs: int, seed: int, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """The training options that all trials of a search share; ValueError for numbers that are none."""
    for name, value, least in (("num_samples", num_samples, 1), ("max_epochs", max_epochs, 1), ("seed", seed, 0)):
        checks.whole(name, value, least)
    if "epochs" in (options or {}):
        raise ValueError(
            f"options: 'epochs' is {options['epochs']!r} there, but max_epochs says how long a trial "
            "trains. Leave it out of the options."
        )
    return {"epochs": max_epochs, "seed": seed, **(options or {})}


def check_ends(space: Space, shared: Mapping[str, Any], seed: int) -> None:
    """What no trial could be trained with is refused before anything starts: each end, each value of a list."""
    drawn = layouts.random(space, 1, seed)[0]
    read_config({**shared, **drawn})
    for axis in space.axes:
        domain = axis.domain
        # A normal distribution has no ends, and a function's nobody knows.
        ends = () if domain.normal or domain.function else (value_at(domain, 0), value_at(domain, 1))
        for value in domain.values if domain.categorical else ends:
            read_config({**shared, **drawn, axis.path[0]: value})


def make_searcher(search: str, space: Mapping[str, Any], num_samples: int, seed: int) -> Any:
    """The searcher of this name."""
    if search == "random":
        return Listed(layouts.random(space, num_samples, seed))
    if search == "grid":
        return Listed(layouts.even_grid(space, num_samples))
    if search == "random-then-grid":
        return RandomThenGrid(space, num_samples, seed)
    if search == "bohb":
        return BOHBSampler(space, seed=seed)
    raise ValueError(f"search {search!r}: choose one of {', '.join(SEARCHES)}.")
