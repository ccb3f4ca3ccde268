"""What do measured trials say about a search space? How long a search in it would take, and where to zoom in."""

from __future__ import annotations

import json
import math
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from hpt_lessons.progress import seconds_in_words
from hpt_lessons.recorded import table
from hpt_lessons.search import layouts
from hpt_lessons.search.domains import describe, position_of
from hpt_lessons.search.space import Axis, Space
from hpt_lessons.trials import Trial, Trials


@dataclass(frozen=True)
class Cost:
    """Trials of a search, and its seconds if those of one trial are known."""

    grid_points: int
    num_samples: int
    workers: int
    trial_seconds: float | None = None
    source: str = ""

    @property
    def trials(self) -> int:
        """Every draw goes through the whole grid."""
        return self.grid_points * self.num_samples

    @property
    def seconds(self) -> float | None:
        """With all workers busy: the last round may be a part of one."""
        return None if self.trial_seconds is None else math.ceil(self.trials / self.workers) * self.trial_seconds

    def __str__(self) -> str:
        text = _count(self.trials, "trial")
        if self.grid_points > 1:
            text = f"{self.grid_points:,} grid points times {_count(self.num_samples, 'sample')} = {text}"
        if self.seconds is None:
            return f"{text}. With the trials of a finished search this line tells how long it takes."
        each = f"{seconds_in_words(self.trial_seconds)} a trial, {_count(self.workers, 'worker')}"
        return f"{text}, about {seconds_in_words(self.seconds)} ({each}). {self.source}".strip()


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def cost(space: Mapping[str, Any], num_samples: int, trials: Trials | None = None, workers: int | None = None) -> Cost:
    """What a search with so many samples costs, by the mean seconds of the trials that were measured.

    The batch size decides how long a trial takes: where the space has one, the trials with a size that it
    may draw count.
    Without `trials`, a space of the CIFAR example has the seconds of the recorded ones. `workers` is how many trials
    run at a time, by default as many as this machine has cores.
    """
    sizes = [len(axis.domain.values) for axis in Space.of(space).axes if axis.domain.kind == "grid_search"]
    seconds, source = _recorded_seconds(space) if trials is None else _measured_seconds(space, trials)
    return Cost(math.prod(sizes), num_samples, workers or os.cpu_count() or 1, seconds, source)


def _measured_seconds(space: Mapping[str, Any], trials: Trials) -> tuple[float | None, str]:
    """Mean seconds of the trials whose batch size this space may draw, each size counting the same; else of all."""
    found = defaultdict(list)
    for trial in trials:
        if trial.status != "running" and trial.seconds > 0:
            found[trial.config.get("batch_size")].append(trial.seconds)
    if not found:
        return None, ""
    of_sizes = {size: math.fsum(seconds) / len(seconds) for size, seconds in found.items() if size is not None}
    if "batch_size" not in space or not of_sizes:
        every = [seconds for measured in found.values() for seconds in measured]
        return math.fsum(every) / len(every), ""
    inside = [seconds for size, seconds in of_sizes.items() if _holds(space["batch_size"], size)]
    if inside:
        return math.fsum(inside) / len(inside), ""
    return math.fsum(of_sizes.values()) / len(of_sizes), "No trial had such a batch size: the mean of the others."


CIFAR = {"l1", "l2", "lr", "batch_size"}


def _recorded_seconds(space: Mapping[str, Any]) -> tuple[float | None, str]:
    """Mean seconds of a recorded trial with the batch sizes of this space, and where they come from.

    Each batch size that was recorded counts the same. None for a space that
    is not that of the CIFAR example, and for batch sizes that were not recorded.
    """
    if not set(space) >= CIFAR or not {axis.name for axis in Space.of(space).axes} <= CIFAR:
        return None, ""
    found, source = _seconds_by_batch_size()
    inside = [seconds for size, seconds in found.items() if _holds(space["batch_size"], size)]
    return (math.fsum(inside) / len(inside), source) if inside else (None, "")


@lru_cache(maxsize=1)
def _seconds_by_batch_size() -> tuple[dict[int, float], str]:
    rows = table.read(table.HOME / "cifar-lenet.npz")
    fixed = json.loads(str(rows["about"]))["fixed"]
    found = defaultdict(list)
    for config, seconds in zip(rows["configs"], rows["seconds"], strict=True):
        found[json.loads(str(config))["batch_size"]].append(float(seconds) * fixed["epochs"])
    work = f"{fixed['epochs']} epochs of {fixed['train_size']:,} pictures"
    source = f"Seconds as in the recorded trials: {work}, on another machine."
    return {size: math.fsum(values) / len(values) for size, values in found.items()}, source


def _holds(value: Any, size: int) -> bool:
    """Whether a constant is this size, or a domain may draw it; nobody knows what a function draws."""
    domain = describe(value)
    if domain is None or domain.function is not None:
        return domain is not None or value == size
    try:
        return 0 <= position_of(domain, size) <= 1
    except ValueError:
        return False


def zoomed(
    space: Mapping[str, Any], trials: Trials, given: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], str]:
    """A third of each range around the best trial, and what to know before believing it.

    `given` is the space before an earlier zoom: who lies at an edge of that lies there still.
    Only trials that lie in the space count. ValueError if there are none, or if the space has what cannot be narrowed.
    """
    space = Space.of(space)
    sound = [trial for trial in trials if not trial.diverged and math.isfinite(trial.loss)]
    inside = [trial for trial in sound if _lies_in(space.axes, trial)]
    if not inside:
        raise ValueError("No finished trial lies in this space: zooming in needs results of a search in it.")
    narrow = _rounded(
        space, Space(layouts.zoom(space, [trial.config for trial in inside], [trial.loss for trial in inside]))
    )
    best = min(inside, key=lambda trial: trial.loss)
    edges = layouts.at_edge(space, best.config) | ({} if given is None else layouts.at_edge(given, best.config))
    text = f"A third of each range, around trial {best.name} (loss {best.loss:.3f}), the best of {len(inside)}."
    if edges:
        where = ", ".join(f"the {side} end of {name}" for name, side in edges.items())
        text += f" Careful: it lies at {where}. Widen the range there before you narrow it: the best may lie outside."
    return narrow, text


def _rounded(space: Space, narrow: Space) -> dict[str, Any]:
    """Real bounds with three digits, as people type them, and never outside of the old range."""
    rounded = {}
    for old, new in zip(space.axes, narrow.axes, strict=True):
        domain, wide = new.domain, old.domain
        if domain.lower is not None and not domain.integer and domain.q is None:
            ends = [min(max(float(f"{end:.3g}"), wide.lower), wide.upper) for end in (domain.lower, domain.upper)]
            if ends[0] < ends[1]:
                rounded[new.path] = replace(domain, lower=ends[0], upper=ends[1])
    return narrow.with_values(rounded)


def _lies_in(axes: Sequence[Axis], trial: Trial) -> bool:
    if any(axis.domain.kind == "sample_from" for axis in axes):
        raise ValueError("A sample_from function cannot be narrowed. Change its kind first, for example to lograndint.")
    try:
        return all(0 <= axis.position(trial.config) <= 1 for axis in axes)
    except ValueError:
        return False
