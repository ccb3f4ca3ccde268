"""What an objective gives for one training: a whole learning curve, from which single epochs are read.

What else an objective can be asked is written down in `search.protocols.Objective`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hpt_lessons.trials import Result, one_of

SCOPES = ("last", "all")
COLUMNS = ("loss", "accuracy", "seconds", "train_loss")
LOSS, ACCURACY, SECONDS, TRAIN_LOSS = range(4)


@dataclass(frozen=True, eq=False)
class Curve:
    """One training, epoch by epoch: `values` has a row an epoch and the columns loss, accuracy, seconds, train_loss.

    A curve that `diverged` ends with the epoch in which it did. `held` is the number of epochs that were recorded where
    a dead network was not trained to the end: after them its last values stand.
    """

    values: np.ndarray
    diverged: bool = False
    dead: bool = False
    held: int | None = None
    rows: list[list[float]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Python floats once for all: reading them one by one out of an array takes ten times as long.
        object.__setattr__(self, "rows", self.values.tolist())

    def __len__(self) -> int:
        return len(self.rows)

    def seconds(self, epoch: int) -> float:
        """What this epoch (the first is 1) takes."""
        return self.rows[epoch - 1][SECONDS]

    def result(self, epoch: int, extra: Mapping[str, Any] | None = None) -> Result:
        """The result of an epoch; of a curve that diverged before, that of its last one."""
        epoch = min(epoch, len(self.rows))
        loss, accuracy, seconds, train_loss = self.rows[epoch - 1]
        more = dict(extra or ())
        if train_loss == train_loss:  # not NaN: it was recorded
            more["train_loss"] = train_loss
        if self.diverged and epoch == len(self.rows):
            more["diverged"] = True
        if self.dead and (epoch == len(self.rows) or (self.held is not None and epoch >= self.held)):
            more["dead"] = True
        return Result(epoch, loss, accuracy, seconds, more)


def told(results: Sequence[Result], metric: str, scope: str) -> float:
    """What a searcher is told after these epochs of a trial: small is good.

    `scope` "last": the last epoch's metric; "all": the best of any epoch before. An accuracy is told as 1 - accuracy.
    NaN after divergence.
    """
    if results[-1].diverged:
        return math.nan
    counted = results[-1:] if one_of("scope", scope, SCOPES) == "last" else results
    values = [result.value(metric) for result in counted]
    return min(1 - value for value in values) if metric == "accuracy" else min(values)


def check_budget(budget: int, max_epochs: int) -> int:
    """The budget, if it is a whole number of epochs that was recorded; else ValueError."""
    whole = isinstance(budget, int | np.integer) and not isinstance(budget, bool)
    if not whole or not 1 <= budget <= max_epochs:
        raise ValueError(
            f"budget {budget!r}: a whole number of epochs from 1 to {max_epochs} was expected; "
            "nothing is known about longer trainings."
        )
    return int(budget)
