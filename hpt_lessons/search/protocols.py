"""Three shapes: what a searcher, a scheduler and an objective can be asked, so that any of them goes with any other.

Whoever writes one of their own derives it from its protocol, or just gives it the same attributes and methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hpt_lessons.search.rungs import Decision, Job
from hpt_lessons.trials import Result


class Searcher(Protocol):
    """Which configuration next? `search.searchers` has the plainest ones, `search.bohb` one that learns."""

    num_trials: int | None = None  # how many configurations there will be; None: without end
    barriers: tuple[int, ...] = ()  # after so many configurations all must have ended before the next is asked for

    def ask(self) -> dict[str, Any] | None:
        """The next configuration; None when there is none to give."""

    def tell(self, config: Mapping[str, Any], budget: int, loss: float) -> None:
        """What a configuration reached with this budget: small is good, NaN says that it diverged."""


class Scheduler(Protocol):
    """Who goes on, how far, and who stops? `search.halving` and `search.asha` have them, `search.rungs` the answers."""

    waits: bool  # whether others wait for a trial's result, so that one that failed must be reported

    def next_job(self, new: str | None) -> Job | str:
        """What a free worker does next: a `Job`, "wait" or "done"; `new` names the trial that would be started."""

    def report(self, trial: str, budget: int, loss: float) -> Decision:
        """A trial reached this loss with this budget: it may continue, must pause, or must stop."""

    def close(self) -> None:
        """No more trials will come for now."""


class LearningCurve(Protocol):
    """One training, epoch by epoch; the first epoch is 1. `len()` of it is the number of epochs."""

    def __len__(self) -> int: ...

    def seconds(self, epoch: int) -> float:
        """What this epoch takes."""

    def result(self, epoch: int, extra: Mapping[str, Any] | None = None) -> Result:
        """What came out after this epoch, with whatever else is to be noted."""


class Objective(Protocol):
    """What is tuned: `recorded.Recorded` reads it from measured trials, `recorded.Synthetic` from a formula."""

    space: Mapping[str, Any]
    max_epochs: int
    data: str  # the name of the data
    noisy: bool  # whether repeated trainings of a configuration differ
    metric: str  # "loss" or "accuracy", of the "last" epoch or the best of "all" up to now
    scope: str

    def curve(self, config: Mapping[str, Any], seed: int, draw: int) -> LearningCurve:
        """The `draw`-th training of this configuration by the search with this `seed`."""

    def told(self, results: Sequence[Result]) -> float:
        """What a searcher is told after these epochs of a trial: small is good, NaN after divergence."""

    def score(self, config: Mapping[str, Any], seed: int) -> float:
        """How good the final choice of the search with this `seed` is, on seeds that it has not seen."""
