"""How good is the best so far, after so many trials, epochs or seconds? And on average over many repeats of a search?

The incumbent is the trial that a search would name if it had to stop now. Its value is a step function of what was
spent: it changes only when a result comes in. `incumbent` makes it of one table of trials; `on_grid` reads many of them
at the same places, and `band` draws mean and interval over the repeats there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike

from hpt_lessons.analysis.comparisons import covers, percentiles, what_varies
from hpt_lessons.trials import Result, Trial, Trials, expect_trials, known_metric, one_of, sign_of


@dataclass(frozen=True)
class Incumbent:
    """A step function: from `spent[i]` on, the best so far is trial `names[i]` with `values[i]`.

    `spent` grows, in the unit named by `over`; `end` is what the whole search spent, and the last step holds up to it.
    """

    spent: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]
    end: float
    over: str = "trials"
    metric: str = "loss"

    def at(self, places: ArrayLike) -> np.ndarray:
        """The value at each place, shape (n,): NaN before the first result, the last value after the end."""
        step = np.searchsorted(self.spent, np.asarray(places, float), side="right")
        values: np.ndarray = np.r_[math.nan, self.values][step]
        return values


def incumbent(
    trials: Trials,
    over: str = "trials",
    *,
    metric: str = "loss",
    mode: str | None = None,
    scope: str = "last",
    min_epochs: int = 0,
) -> Incumbent:
    """The best so far of one search, over the trials, the epochs or the seconds that it spent.

    A trial competes as in `Trials.best`: with `scope="last"` once it has ended, by its last epoch; with `scope="all"`
    each epoch counts when it is reported. So the last step is what `Trials.best` names. A trial cut after one epoch and
    one trained for 27 are not of one kind: `min_epochs=27` lets only results of at least so many epochs compete.

    Where the results carry a clock (`extra` with "start" and "end" in seconds, as those of a replay do), they count in
    the order of "end", and epochs trained once more before one (`extra["again"]`) are counted with it. Without a clock
    the trials ran one after another in the order of the table, and the seconds are summed. Over "trials", x is the
    number of trials that had reported for the last time. `mode` is "min" or "max"; left out, accuracy is maximised and
    everything else minimised.

    Raises ValueError if no result may compete, or if seconds are asked for and a result has none.
    """
    one_of("scope", scope, ("last", "all"))
    expect_trials("incumbent", trials)
    known_metric("incumbent", trials, metric)
    sign, events = sign_of(mode or ("max" if metric == "accuracy" else "min")), _events(trials)
    spent = SPENT[one_of("over", over, tuple(SPENT))](events)
    steps: list[tuple[float, float, str]] = []
    for event, place in zip(events, spent, strict=True):
        value = _value(event, metric, scope, min_epochs)
        if math.isfinite(value) and (not steps or sign * value < sign * steps[-1][1]):
            steps.append((place, value, event.trial.name))
    if not steps:
        raise ValueError(
            f"incumbent: none of {len(trials)} trials has a sound result in {metric!r} of at least {min_epochs} "
            "epochs. Take another metric or a smaller min_epochs."
        )
    places, values, names = zip(*steps, strict=True)
    return Incumbent(np.array(places, float), np.array(values), names, float(spent[-1]), over, metric)


# -- many repeats on one grid --------------------------------------------------------------------------------------


def common_grid(curves: Sequence[Incumbent], points: int = 200) -> np.ndarray:
    """Places at which to read many step functions: each count of trials, or so many points from 0 to the largest end.

    The curves must be over the same unit; a ValueError names the units otherwise.
    """
    units = sorted({curve.over for curve in curves})
    if len(units) != 1:
        raise ValueError(f"common_grid: curves over {' and '.join(units) or 'nothing'}; give some over one unit.")
    end = max(curve.end for curve in curves)
    return np.arange(1, end + 1) if units == ["trials"] else np.linspace(0, end, points)


def on_grid(curves: Sequence[Incumbent], grid: ArrayLike | None = None) -> np.ndarray:
    """The value of each curve at each place of the grid (default: `common_grid`), shape (curves, places).

    A search that ended earlier keeps its last value, one that has no result yet has NaN.
    """
    return np.array([curve.at(common_grid(curves) if grid is None else grid) for curve in curves])


class Band(NamedTuple):
    """Mean over repeats at each place of `x` and its interval, arrays of shape (places,); see `band`."""

    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    repeats: int
    covers: str


def band(
    repeats: Sequence[Trials] | Sequence[Incumbent],
    over: str = "trials",
    *,
    grid: ArrayLike | None = None,
    varied: str | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int | np.random.Generator = 0,
    **options: Any,
) -> Band:
    """Mean incumbent over repeats of a search with a bootstrap interval at each place (not for the curve as a whole).

    Whole repeats are drawn again, so that each resampled curve is a mean of curves that could have been. Where some
    repeat has no result yet the band is NaN: a mean over the fast ones only would flatter. `repeats` are the tables,
    with the options of `incumbent`, or their curves. `varied` says in what the repeats differ ("search", "training",
    "both"; see `covers`); left out, it is read from the tables (`what_varies`). With fewer than about twenty repeats
    the interval is too narrow.
    """
    tables = all(isinstance(repeat, Trials) for repeat in repeats)
    if varied is None and not tables:
        raise ValueError("band: curves do not say in what the repeats differ; give varied= or the tables of trials.")
    said = covers(varied or what_varies(cast("Sequence[Trials]", repeats)))
    if tables:
        curves = [incumbent(repeat, over, **options) for repeat in cast("Sequence[Trials]", repeats)]
    else:
        curves = list(cast("Sequence[Incumbent]", repeats))
    x = common_grid(curves) if grid is None else np.asarray(grid, float)
    values = on_grid(curves, x)
    draws = np.random.default_rng(seed).multinomial(len(values), np.full(len(values), 1 / len(values)), size=resamples)
    # A product with 0 would let a NaN through where its repeat was not drawn, and that is wanted here.
    low, high = percentiles(draws @ values / len(values), confidence)
    return Band(x, values.mean(axis=0), low, high, len(values), said)


# -- when which result came in -------------------------------------------------------------------------------------


class _Event(NamedTuple):
    trial: Trial
    result: Result
    is_last: bool
    is_sound: bool  # before the trial diverged, if it did


def _events(trials: Trials) -> list[_Event]:
    """Every result of every trial in the order in which they came in."""
    events = []
    for trial in trials:
        sound, last = len(trial.sound), len(trial.history) - 1
        events += [_Event(trial, r, place == last, place < sound) for place, r in enumerate(trial.history)]
    clocks = [event.result.extra.get("end") for event in events]
    with_clock = sum(clock is not None for clock in clocks)
    if with_clock not in (0, len(events)):
        raise ValueError(
            f"incumbent: {with_clock} of {len(events)} results say when they ended. Give the clock to all or to none."
        )
    return sorted(events, key=lambda event: event.result.extra["end"]) if with_clock else events


def _ended(events: Sequence[_Event]) -> np.ndarray:
    return np.cumsum([event.is_last for event in events])


def _epochs(events: Sequence[_Event]) -> np.ndarray:
    """Each result is an epoch, and a trial that began from scratch trained some `again` before it (in `extra`)."""
    return np.cumsum([1 + event.result.extra.get("again", 0) for event in events])


def _seconds(events: Sequence[_Event]) -> np.ndarray:
    if events and "end" in events[0].result.extra:
        return np.array([float(event.result.extra["end"]) for event in events])
    seconds = np.array([event.result.seconds for event in events])
    if not np.isfinite(seconds).all():
        name = events[int(np.flatnonzero(~np.isfinite(seconds))[0])].trial.name
        raise ValueError(f"incumbent: trial {name!r} has an epoch of unknown seconds. Take over='epochs'.")
    return np.cumsum(seconds)


SPENT = {"trials": _ended, "epochs": _epochs, "seconds": _seconds}


def _value(event: _Event, metric: str, scope: str, min_epochs: int) -> float:
    """What this result brings into the competition; NaN if nothing."""
    if scope == "last" and (not event.is_last or event.trial.diverged):
        return math.nan
    if event.result.epoch < min_epochs or not event.is_sound:
        return math.nan
    return event.result.value(metric)
