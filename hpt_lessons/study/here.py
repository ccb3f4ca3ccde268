"""How does a search run right here, in one process and without Ray? In a plain loop that keeps a journal: `run_here`.

It is the loop of `search.asktell`. Trials take turns, an epoch each, so that several learning curves grow side by side;
one epoch is trained at a time, and the same seed gives the same trials in the same order on every machine.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hpt_lessons.search.protocols import Scheduler, Searcher
from hpt_lessons.study.control import Control
from hpt_lessons.study.state import StudyState
from hpt_lessons.study.study import Study, alone_with, plan, say_how_to_go_on, study_event
from hpt_lessons.trials import Trials

Train = Callable[[dict[str, Any], Path], Iterable[Mapping[str, Any]]]


def run_here(
    train: Train,
    searcher: Searcher,
    *,
    max_epochs: int,
    scheduler: Scheduler | None = None,
    name: str | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    data: str = "",
    settings: Mapping[str, Any] | None = None,
    fixed: Mapping[str, dict[str, Any]] | None = None,
    num_trials: int | None = None,
    at_once: int = 4,
    control: Control | None = None,
) -> Study:
    """Search in this very process; each finished epoch is kept, whatever happens.

    `train(config, checkpoint)` is a generator: asked for its next value, it trains an epoch, saves itself in the file
    `checkpoint` and yields a dict with `epoch` (the first is 1), `loss` and whatever else. Where the file is there
    already it yields the epochs in it once more and goes on. Up to `at_once` trials take turns. A trial that raises an
    error has failed, which is recorded with the reason, and the search goes on; a resume tries it again. Everything
    else, and what is refused, is as in `hpt_lessons.raytune.study.run_study`. Ctrl-C ends the search in good order.
    """
    num_trials, path, journal, described = plan(
        "run_here", train, searcher, max_epochs=max_epochs, num_trials=num_trials, name=name, folder=folder,
        resume=resume, data=data, settings=settings, fixed=fixed,
    )  # fmt: skip
    control = control or Control()
    with alone_with(path):
        state = StudyState(journal, searcher, scheduler, max_epochs, fixed, num_trials)
        state.replay()
        control.ready.set()
        control.on_load()
        control.stage = "in the first epoch ..."
        if not state.finished:
            begun = any(event["event"] == "study" for event in journal.read())
            begin = {**study_event(path.name, data, described, state), "workers": 1}
            journal.append({"event": "resumed"} if begun else begin)
            _search(state, train, path / "trials", at_once, control)
    control.working.set()
    if not state.finished and not control.stopping:
        say_how_to_go_on(path, state)
    return Study(path.name, path, Trials.read(journal.path), state.finished, frozenset(state.search.told))


def _search(state: StudyState, train: Train, folder: Path, at_once: int, control: Control) -> None:
    """The loop: who is next trains an epoch; what became of it decides who is next."""
    left = state.running  # those that an interrupted search left
    turns: deque[tuple[str, Iterator[Mapping[str, Any]]]] = deque()
    try:
        while not control.stopping:
            while len(turns) < at_once and (name := left.pop(0) if left else state.next_trial()) is not None:
                turns.append((name, iter(train(state.configs[name], folder / f"{name}.pt"))))
            if not turns:
                break
            name, training = turns.popleft()
            if _one_epoch(state, name, training, control) == "continue":
                turns.append((name, training))
    except KeyboardInterrupt:
        pass  # what was finished is in the journal
    for name in state.unfinished:
        state.journal.append({"event": "end", "trial": name, "status": "interrupted"})


def _one_epoch(state: StudyState, name: str, training: Iterator[Mapping[str, Any]], control: Control) -> str:
    """Train an epoch of this trial and take in its result: 'continue', 'pause' or 'stop'.

    Who cancels a trial meanwhile does not count the epoch that it is in.
    """
    _cancel(state, control)
    if name in state.ended:
        return "stop"
    try:
        result = next(training, None)
    except Exception as error:
        state.end(name, "failed", f"{type(error).__name__}: {error}")
        return "stop"
    control.working.set()
    _cancel(state, control)
    if result is None:
        state.end(name, "completed")
        return "stop"
    return state.result(name, result["epoch"], result)


def _cancel(state: StudyState, control: Control) -> None:
    for name in control.take():
        state.cancel(name)
