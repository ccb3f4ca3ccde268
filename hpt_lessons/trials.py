"""What happened to each trial, and the table of many: the record that everything else reads and writes.

A trial is one configuration trained for some epochs. A study writes what happens to its journal (`journal`), and
`Trials.read` makes the table of it.
"""

import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

# What a diverged trial reports. Not NaN and not infinity: schedulers compare losses, and with a NaN every comparison
# is false, so that a broken trial would never be stopped.
DIVERGED_LOSS = 1e6

# "stopped" means cut early, by the scheduler or, with the reason "cancelled", by the user, and not to be resumed;
# "interrupted" by the end of the search or a shutdown, to be resumed.
STATUSES = ("running", "completed", "stopped", "diverged", "failed", "interrupted")


@dataclass(frozen=True)
class Result:
    """One epoch of one trial.

    `loss` is the mean validation loss per picture in nats, `accuracy` lies in 0..1, `seconds` are those of this epoch
    (training and validation), `extra` holds whatever else was reported (training loss, learning rate, ...).
    """

    epoch: int
    loss: float
    accuracy: float
    seconds: float = math.nan
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Result":
        """A result from a flat dictionary; numbers that are missing become NaN."""
        loss, accuracy, seconds = (
            math.nan if entry.get(name) is None else float(entry[name]) for name in _RESULT_FIELDS[1:]
        )
        extra = {key: value for key, value in entry.items() if key not in (*_RESULT_FIELDS, "event", "trial")}
        return cls(int(entry["epoch"]), loss, accuracy, seconds, extra)

    @property
    def diverged(self) -> bool:
        """Whether this epoch's loss is no loss any more."""
        return bool(self.extra.get("diverged")) or not self.loss < DIVERGED_LOSS  # `not <` is true for NaN as well

    def value(self, metric: str) -> float:
        """The named metric, from the fields or from `extra`; NaN where it was not reported."""
        known = getattr(self, metric) if metric in _RESULT_FIELDS else self.extra.get(metric)
        return math.nan if known is None else float(known)


_RESULT_FIELDS = ("epoch", "loss", "accuracy", "seconds")


@dataclass(frozen=True, repr=False)
class Trial:
    """One configuration and what came of it, epoch by epoch. `data` names the data set that was really used."""

    name: str
    config: dict[str, Any]
    seed: int | None = None
    data: str = ""
    status: str = "running"
    history: tuple[Result, ...] = ()

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"trial {self.name!r}: status {self.status!r} is none of {', '.join(STATUSES)}.")

    @property
    def budget(self) -> int:
        """Epochs finished."""
        return self.history[-1].epoch if self.history else 0

    @property
    def loss(self) -> float:
        """Validation loss of the last epoch, NaN if there is none."""
        return self.history[-1].loss if self.history else math.nan

    @property
    def accuracy(self) -> float:
        """Validation accuracy of the last epoch, NaN if there is none."""
        return self.history[-1].accuracy if self.history else math.nan

    @property
    def seconds(self) -> float:
        """Seconds of all epochs together; epochs of unknown duration count as 0."""
        return math.fsum(result.seconds for result in self.history if math.isfinite(result.seconds))

    @property
    def diverged(self) -> bool:
        """Whether training broke down, now or in an earlier epoch."""
        return self.status == "diverged" or any(result.diverged for result in self.history)

    @property
    def sound(self) -> tuple[Result, ...]:
        """The epochs before the first one that diverged: all of them for most trials."""
        for position, result in enumerate(self.history):
            if result.diverged:
                return self.history[:position]
        return self.history

    @property
    def best_loss(self) -> float:
        """The smallest loss of any epoch before divergence, NaN if there is none."""
        return min((result.loss for result in self.sound), default=math.nan)

    @property
    def best_epoch(self) -> int | None:
        """The first epoch that had `best_loss`, None if there is none."""
        return min(self.sound, key=lambda result: result.loss).epoch if self.sound else None

    def values(self, metric: str = "loss") -> list[float]:
        """The named metric after each epoch."""
        return [result.value(metric) for result in self.history]

    def __repr__(self) -> str:
        config = ", ".join(f"{key}={_short(value)}" for key, value in self.config.items())
        config = config if len(config) <= 50 else config[:47] + "..."
        epochs = f"{self.budget} epoch{'' if self.budget == 1 else 's'}"
        return f"Trial({self.name}: {self.status}, {epochs}, loss {self.loss:.4g}, {config})"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


class Trials(Sequence[Trial]):
    """The table of many trials, in the order in which they began; plots and statistics take it.

    It is a sequence: `trials[0]`, `trials[2:5]`, a loop; `trials["0003"]` finds a trial by its name.
    """

    def __init__(self, trials: Iterable[Trial] = ()) -> None:
        self._trials = tuple(trials)
        self._by_name = {trial.name: trial for trial in self._trials}
        if len(self._by_name) < len(self._trials):
            twice = [name for name, count in Counter(trial.name for trial in self._trials).items() if count > 1]
            raise ValueError(f"a table lists each trial once, but {', '.join(map(repr, twice))} came more often.")

    # -- a sequence ------------------------------------------------------------------------------------------------
    def __len__(self) -> int:
        return len(self._trials)

    def __iter__(self) -> Iterator[Trial]:
        return iter(self._trials)

    @overload
    def __getitem__(self, which: int | str) -> Trial: ...
    @overload
    def __getitem__(self, which: slice) -> "Trials": ...
    def __getitem__(self, which: int | str | slice) -> "Trial | Trials":
        if isinstance(which, slice):
            return Trials(self._trials[which])
        if isinstance(which, str):
            return self._named(which)
        return self._trials[which]

    def __contains__(self, which: object) -> bool:
        return which in self._by_name if isinstance(which, str) else which in self._trials

    def __eq__(self, other: object) -> bool:
        return self._trials == other._trials if isinstance(other, Trials) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def _named(self, name: str) -> Trial:
        if name not in self._by_name:
            known = ", ".join(list(self._by_name)[:10]) or "none"
            raise KeyError(f"there is no trial {name!r}; the first names are: {known}.")
        return self._by_name[name]

    def filter(self, predicate: Callable[[Trial], bool]) -> "Trials":
        """The trials for which `predicate(trial)` holds, in the same order."""
        return Trials(trial for trial in self._trials if predicate(trial))

    def select(self, names: Iterable[str]) -> "Trials":
        """The trials with these names, in the order of `names`."""
        return Trials(self._named(name) for name in names)

    @property
    def data(self) -> str:
        """The name of the data set that the trials used; an error if they used different ones."""
        names = sorted({trial.data for trial in self._trials})
        if len(names) > 1:
            raise ValueError(
                f"these trials used different data ({', '.join(map(repr, names))}) and cannot be compared. "
                "Choose those of one, for example trials.filter(lambda trial: trial.data == ...)."
            )
        return names[0] if names else ""

    # -- the winner ------------------------------------------------------------------------------------------------
    def best(
        self,
        metric: str = "loss",
        mode: str | None = None,
        scope: str = "last",
        among: Iterable[str] | None = None,
    ) -> Trial:
        """The best trial by its last epoch, or with `scope="all"` by its best epoch; the first one among equals.

        `mode` is "min" or "max"; left out, accuracy is maximised and everything else minimised. `among` restricts the
        choice to these names. A trial that diverged never wins by its last epoch, and with `scope="all"` only through
        an epoch from before.
        """
        known_metric("best", self, metric)
        mode = mode or ("max" if metric == "accuracy" else "min")
        sign, candidates = sign_of(mode), self if among is None else self.select(among)
        scored = [(sign * value, trial) for trial in candidates for value in eligible(trial, metric, scope)]
        if not scored:
            raise ValueError(
                f"none of {len(candidates)} trials has a sound result in {metric!r}: they reported nothing yet, "
                "diverged, or do not report a metric of this name."
            )
        return min(scored, key=lambda pair: pair[0])[1]

    # -- for pandas users ------------------------------------------------------------------------------------------
    def frame(self) -> "pd.DataFrame":
        """A row a trial: name, status, last and best results, then the configuration under its own names.

        Nested configurations become "a/b"; a hyperparameter named like another column becomes "config/<name>".
        """
        columns: dict[str, list[Any]] = {
            "trial": [trial.name for trial in self],
            "status": [trial.status for trial in self],
            "epochs": [trial.budget for trial in self],
            "loss": [trial.loss for trial in self],
            "accuracy": [trial.accuracy for trial in self],
            "best_loss": [trial.best_loss for trial in self],
            "best_epoch": [trial.best_epoch for trial in self],
            "seconds": [trial.seconds for trial in self],
            "seed": [trial.seed for trial in self],
            "data": [trial.data for trial in self],
        }
        return _frame(columns, [dict(leaves(trial.config)) for trial in self], clash="config/")

    def curves(self) -> "pd.DataFrame":
        """A row an epoch: trial, epoch, loss, accuracy, seconds, then whatever else was reported."""
        rows = [(trial.name, result) for trial in self for result in trial.history]
        columns: dict[str, list[Any]] = {"trial": [name for name, _ in rows]}
        columns |= {name: [getattr(result, name) for _, result in rows] for name in _RESULT_FIELDS}
        return _frame(columns, [dict(leaves(result.extra)) for _, result in rows], clash="extra/")

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write `frame()` as comma-separated values in UTF-8."""
        self.frame().to_csv(path, index=False, encoding="utf-8")

    def __repr__(self) -> str:
        counts = Counter(trial.status for trial in self)
        parts = [f"{counts[status]} {status}" for status in STATUSES if counts[status]]
        return f"Trials({len(self)}: {', '.join(parts)})" if parts else "Trials(none)"

    def _repr_html_(self) -> str:
        return str(self.frame().to_html(index=False, float_format="%.4g", max_rows=60))

    # -- in and out ------------------------------------------------------------------------------------------------
    @classmethod
    def from_records(cls, records: Iterable[Mapping[str, Any]]) -> "Trials":
        """The table of plain dictionaries, one a trial: "trial" and "config", perhaps "seed", "data", "status".

        Their "history" lists the epochs, each with "epoch", "loss", "accuracy", "seconds" and whatever else.
        """
        return cls(
            Trial(
                name=str(record["trial"]),
                config=dict(record["config"]),
                seed=record.get("seed"),
                data=record.get("data", ""),
                status=record.get("status", "running"),
                history=tuple(map(Result.of, record.get("history", ()))),
            )
            for record in records
        )

    @classmethod
    def from_events(cls, events: Iterable[Mapping[str, Any]]) -> "Trials":
        """The table that a journal's events tell, in the order in which the trials began (see `journal.Fold`)."""
        from hpt_lessons.journal import fold  # it knows the records, and not they it

        state = fold(events)
        return cls(row.record(state.data) for row in state.rows.values())

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "Trials":
        """The table of a study's journal; for a list of lines that could not be read see `Journal.skipped`."""
        from hpt_lessons.journal import Journal

        if not Path(path).is_file():
            raise FileNotFoundError(f"there is no journal {str(path)!r}: run the study first, or check the path.")
        return cls.from_events(Journal(path).read())


def expect_trials(caller: str, given: Any) -> None:
    """TypeError unless a table of trials was given, or several trials; it says what is taken and where to get it."""
    if isinstance(given, Trials) or (isinstance(given, (list, tuple)) and all(isinstance(one, Trial) for one in given)):
        return
    raise TypeError(
        f"{caller}: {given!r:.80} is a {type(given).__name__}; a table of trials was expected: study.trials of a "
        "search, recorded.load('cifar-lenet'), or Trials.from_records([...]) of your own rows."
    )


def known_metric(caller: str, trials: Iterable[Trial], metric: Any) -> None:
    """ValueError for a metric that no trial reports, naming those that there are; without results nothing is known."""
    found = dict.fromkeys(_RESULT_FIELDS[1:])
    results = [trial.history[0] for trial in trials if trial.history]
    for result in results:
        found |= dict.fromkeys(name for name, value in result.extra.items() if isinstance(value, (int, float)))
    last = [trial.history[-1] for trial in trials if trial.history]
    reported = any(metric in result.extra for result in last) if isinstance(metric, str) else False
    if results and metric not in found and not reported:
        raise ValueError(f"{caller}: metric={metric!r} is not reported; choose one of {', '.join(map(repr, found))}.")


def eligible(trial: Trial, metric: str, scope: str) -> list[float]:
    """The values with which a trial may compete: that of its last epoch, or by the scope "all" of any sound one."""
    one_of("scope", scope, ("last", "all"))
    last = () if trial.diverged else trial.history[-1:]
    results = last if scope == "last" else trial.sound
    return [value for value in (result.value(metric) for result in results) if math.isfinite(value)]


def one_of(name: str, value: Any, allowed: Sequence[Any]) -> Any:
    """The value of an argument, if it is one of those that there are; else a ValueError that names them."""
    if value not in allowed:
        raise ValueError(f"{name}={value!r} is not possible; choose {' or '.join(map(repr, allowed))}.")
    return value


def sign_of(mode: str) -> float:
    """1 for the mode "min", -1 for "max": times it, small is good. ValueError for another mode."""
    return 1.0 if one_of("mode", mode, ("min", "max")) == "min" else -1.0


def leaves(tree: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values of a nested dictionary with the path to each."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*path, str(key)))
        else:
            yield (*path, str(key)), value


def _frame(columns: dict[str, list[Any]], leaves: list[dict[tuple[str, ...], Any]], clash: str) -> "pd.DataFrame":
    """A frame of the columns and, after them, one column for each leaf that any row has."""
    import pandas as pd

    for path in dict.fromkeys(path for row in leaves for path in row):
        name = "/".join(path)
        while name in columns:
            name = clash + name
        columns[name] = [row.get(path) for row in leaves]
    return pd.DataFrame({name: _column(name, values) for name, values in columns.items()})


# Whole numbers that a trial may lack: the same type in every table, whether or not one lacks them.
_MAY_LACK = ("best_epoch", "seed")


def _column(name: str, values: list[Any]) -> "pd.Series":
    """A column whose whole numbers stay whole where some rows have none: pandas would make 64 a 64.0."""
    import pandas as pd

    known = [value for value in values if value is not None]
    gaps = len(known) < len(values)
    if known and gaps and all(isinstance(value, bool | np.bool_) for value in known):
        return pd.Series(values, dtype="boolean")
    whole = all(isinstance(value, int | np.integer) and not isinstance(value, bool) for value in known)
    if whole and (name in _MAY_LACK or (known and gaps)):
        try:
            return pd.Series(values, dtype="Int64")
        except OverflowError:  # a seed of more than 64 bits
            return pd.Series(values, dtype=object)
    return pd.Series(values)
