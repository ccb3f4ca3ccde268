"""What does a search leave behind, and may another one go on with it? A folder with a journal and a checkpoint a trial.

They are the truth, whoever ran the search: the loop in `here`, or Ray Tune (`hpt_lessons.raytune`).
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from hpt_lessons import checks
from hpt_lessons.journal import Journal
from hpt_lessons.json_lines import kept
from hpt_lessons.names import check_name
from hpt_lessons.search.space import Space
from hpt_lessons.study.folders import JOURNAL, LOCK, default_name, study_folder
from hpt_lessons.study.state import StudyState
from hpt_lessons.trials import Trial, Trials

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

    def finish_stopped(self, train: Any, **options: Any) -> Any:
        """Train on what was stopped, and say what stopping cost; see `hpt_lessons.study.finish.finish_stopped`."""
        from hpt_lessons.study.finish import finish_stopped  # which runs a study itself

        return finish_stopped(self, train, **options)


class Plan(NamedTuple):
    """What a search is about to do: so many trials, kept in this folder, with what the journal says of it."""

    num_trials: int
    path: Path
    journal: Journal
    settings: dict[str, Any]


def plan(
    caller: str,
    train: Any,
    searcher: Any,
    *,
    max_epochs: int,
    num_trials: int | None,
    name: str | None,
    folder: str | Path | None,
    resume: bool,
    data: str,
    settings: Mapping[str, Any] | None,
    fixed: Mapping[str, Mapping[str, Any]] | None,
) -> Plan:
    """What `run_here` and `run_study`, named by `caller`, look at before a search: all that can be refused is.

    The arguments are theirs. Nothing is written.
    """
    check_arguments(caller, train, searcher, max_epochs, num_trials)
    num_trials = getattr(searcher, "num_trials", None) if num_trials is None else num_trials
    if num_trials is None:
        raise ValueError(f"num_trials: {type(searcher).__name__} could go on for ever. Say how many trials to try.")
    path = study_folder(folder, default_name() if name is None else name)
    journal = Journal(path / JOURNAL)
    described = {"max_epochs": max_epochs, "trials": num_trials, **(settings or {})}
    check_resume(journal, resume, described, data)
    check_values(searcher, fixed or {})
    return Plan(num_trials, path, journal, described)


def check_arguments(caller: str, train: Any, searcher: Any, max_epochs: Any, num_trials: Any) -> None:
    """An error unless there is something to train with, something to ask, and numbers that are some."""
    if not callable(train):
        raise TypeError(f"{caller}: train={train!r:.80} is a {type(train).__name__}; a function was expected.")
    asks = callable(getattr(searcher, "ask", None)) and callable(getattr(searcher, "tell", None))
    if isinstance(searcher, type) or not asks:
        raise TypeError(
            f"{caller}: searcher={searcher!r:.80} is a {type(searcher).__name__}; something with ask() and tell() was "
            "expected, such as Listed(configurations) or BOHBSampler(space)."
        )
    checks.whole("max_epochs", max_epochs)
    known = getattr(searcher, "num_trials", None)
    if num_trials is not None and checks.whole("num_trials", num_trials) > (known or num_trials):
        raise ValueError(f"num_trials={num_trials}: {type(searcher).__name__} has {known} configurations to give.")


def check_resume(journal: Journal, resume: bool, settings: Mapping[str, Any], data: str) -> None:
    """An error unless this study is new, or is the one to go on with: the same settings and the same data."""
    given = journal.kept({"data": data, **settings})  # what the journal cannot hold is refused now
    begun = next((event for event in journal.read() if event.get("event") == "study"), None)
    name = journal.path.parent.name
    if begun is None:
        if journal.skipped or journal.read():
            line = journal.skipped[0][0] if journal.skipped else 1
            raise ValueError(
                f"study {name!r}: line {line} of {journal.path} cannot be read; no line says how the study was begun. "
                "Put the line back as it was, or choose another name."
            )
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


@contextlib.contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """In a `with` block: no other process runs the study in this folder. RuntimeError if one does."""
    from filelock import FileLock, Timeout

    path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(timeout=10)
    except Timeout:
        raise RuntimeError(
            f"study {path.name!r}: another process is running it (lock {path / LOCK}). "
            "Wait for that process to end, or stop it."
        ) from None
    try:
        yield
    finally:
        lock.release()


def study_event(name: str, data: str, settings: Mapping[str, Any], state: StudyState) -> dict[str, Any]:
    """What stands first in a study's journal: what is searched, on which data, and who is trained beside it."""
    return {
        "event": "study",
        "version": VERSION,
        "name": name,
        "data": data,
        "settings": dict(settings),
        "waits": bool(state.search.scheduler.waits),
        "fixed": list(state.fixed),
    }


def say_how_to_go_on(path: Path, state: StudyState) -> None:
    """Print what an interrupted search has kept, and how it goes on."""
    kept = sum(state.epochs.values())
    print(
        f"The search was interrupted. {kept} finished epochs of {len(state.configs)} trials are kept in "
        f"{os.path.relpath(path)}. Go on with resume=True and name={path.name!r}."
    )
