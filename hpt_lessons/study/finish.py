"""What did stopping early cost? Train on what a search has cut, and see who would have won: `finish_stopped`.

A search that stops trials never learns what it lost. Here the stopped ones go on from their checkpoints, in a random
order, so that those for which there was time stand for all of them. What comes of it is a study of its own in the
folder `finished` of the first one, which stays as it was.
"""

import shutil
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hpt_lessons import checks
from hpt_lessons.analysis.intervals import wilson
from hpt_lessons.journal import Journal, fold
from hpt_lessons.search.searchers import Listed
from hpt_lessons.study.control import Control
from hpt_lessons.study.folders import JOURNAL
from hpt_lessons.study.here import Train, run_here
from hpt_lessons.study.study import Study
from hpt_lessons.trials import Trial, Trials

FOLDER = "finished"


@dataclass(frozen=True)
class Finished:
    """The stopped trials of a search, as far as they were trained on, beside its winner.

    `trials` are those that came to the end, under their old names, with all their epochs; `left` those for which there
    was no time. `saved` epochs is what stopping had saved, `spent` what training on took.
    """

    winner: Trial
    trials: Trials
    left: tuple[str, ...]
    saved: int
    spent: int

    @property
    def better(self) -> Trials:
        """Those that end with a lower loss than the winner of the search."""
        return self.trials.filter(lambda trial: not trial.diverged and trial.loss < self.winner.loss)

    @property
    def cost(self) -> float:
        """By how much the best of them is below the winner, in the loss of the last epoch; 0 where none is."""
        return max([self.winner.loss - trial.loss for trial in self.better], default=0.0)

    def __str__(self) -> str:
        if not len(self.trials):
            return "No stopped trial has been trained to its end yet; give it more hours and call again."
        count, better = len(self.trials), len(self.better)
        lines = [f"{count} of {count + len(self.left)} stopped trials were trained on to their end."]
        if better:
            best = self.better.best()
            lines.append(
                f"{better} of them would have beaten the winner: {best.name} by {self.cost:.3f} "
                f"({best.loss:.3f} against {self.winner.loss:.3f}, one seed each)."
            )
        else:
            lines.append(f"None of them would have beaten the winner, {self.winner.name} ({self.winner.loss:.3f}).")
        if self.left:
            low, high = wilson(better, count)
            lines.append(f"Of all stopped trials {low:.0%} to {high:.0%} would have (95 % interval; a random sample).")
        lines.append(f"Stopping had saved {self.saved} epochs; finding out took {self.spent}.")
        return "\n".join(lines)


def finish_stopped(
    study: Study,
    train: Train,
    *,
    hours: float | None = None,
    seed: int = 0,
    control: Control | None = None,
) -> Finished:
    """Train on the trials that the scheduler stopped, each from its checkpoint to the epochs of a full training.

    `train(config, checkpoint)` is the generator of `run_here` (for the CIFAR network `study.cifar.training_of`). After
    so many `hours` it ends with the epoch it is in; called again, it goes on. Trials that the user cancelled, or that
    diverged or failed, are left alone. ValueError for a study that is not finished, or in which nothing was stopped.
    """
    if hours is not None:
        checks.above_zero("hours", hours)
    events = Journal(study.folder / JOURNAL).read()
    names = _stopped(study, events)
    order = [names[place] for place in np.random.default_rng(seed).permutation(len(names))]
    control = control or Control()
    clock = threading.Timer(3600 * hours, control.stop) if hours else None
    try:
        if clock is not None:
            clock.daemon = True
            clock.start()
        begun = next(event for event in events if event["event"] == "study")
        more = run_here(
            _from_where_it_was(train, study, order),
            Listed([dict(study.trials[name].config) for name in order]),
            max_epochs=begun["settings"]["max_epochs"],
            name=FOLDER,
            folder=study.folder,
            resume=(study.folder / FOLDER / JOURNAL).exists(),
            data=begun["data"],
            settings={"stopped in": study.name, "order": order},
            at_once=1,
            control=control,
        )
    finally:
        if clock is not None:
            clock.cancel()
    return _finished(study, order, more.trials, begun["settings"]["max_epochs"])


def _stopped(study: Study, events: Iterable[Mapping[str, Any]]) -> list[str]:
    if not study.finished:
        raise ValueError(f"study {study.name!r} is not finished; go on with it by resume=True first.")
    rows = fold(events).rows
    names = [name for name, row in rows.items() if row.status == "stopped" and row.why != "cancelled" and row.results]
    if not names:
        raise ValueError(f"study {study.name!r}: its scheduler stopped no trial, so nothing is to be trained on.")
    return names


def _from_where_it_was(train: Train, study: Study, order: list[str]) -> Train:
    """The same training, begun with the checkpoint that the search has left; that one stays as it is."""

    def training(config: dict[str, Any], checkpoint: Path) -> Iterable[Mapping[str, Any]]:
        left = study.checkpoint(order[int(checkpoint.stem)])
        if left.is_file() and not checkpoint.exists():
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(left, draft := checkpoint.with_suffix(".draft"))
            draft.replace(checkpoint)  # a copy that was cut off is none
        return train(config, checkpoint)

    return training


def _finished(study: Study, order: list[str], more: Trials, max_epochs: int) -> Finished:
    known = {order[int(trial.name)]: trial for trial in more}
    ended = [name for name in order if name in known and known[name].status in ("completed", "diverged")]
    trials = Trials(replace(known[name], name=name) for name in ended)
    before = {name: study.trials[name].budget for name in order}
    return Finished(
        winner=study.best(),
        trials=trials,
        left=tuple(name for name in order if name not in ended),
        saved=sum(max_epochs - epochs for epochs in before.values()),
        spent=sum(max(trial.budget - before[name], 0) for name, trial in known.items()),
    )
