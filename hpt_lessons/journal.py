"""What happens in a study, as it happens: one line of JSON an event; and what the events add up to: `fold`.

The journal is only ever appended to and each line is forced to the disk, so whatever moment the power fails at, every
line that was complete before is still there. How a value becomes a line, and comes back, is in `json_lines`.
"""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpt_lessons.files import append_line
from hpt_lessons.json_lines import kept, read_line, write_line
from hpt_lessons.trials import Result, Trial

# Trials that are not at their end. "paused" are those that wait at a rung, for others; "waiting" those that go on when
# a worker is free, after a resume.
UNFINISHED = ("running", "paused", "waiting")
ENDED = ("completed", "stopped", "diverged", "failed")


class Journal:
    """An append-only file of events, one line of JSON each. Only one process may write to it.

    A line that a kill cut short is ignored when reading, and closed off by the next append. Other lines that cannot be
    read are left out and listed in `skipped` as (line number, text) after `read`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.skipped: list[tuple[int, str]] = []

    def __repr__(self) -> str:
        return f"Journal({str(self.path)!r})"

    def append(self, event: Mapping[str, Any]) -> None:
        """Write one event and force it to the disk.

        It is read as it was: tuples, NaN and the infinities too (see `json_lines`); numbers of numpy become plain ones
        and arrays lists. Anything else that JSON cannot hold is a TypeError that names its key, and nothing is written.
        """
        line = write_line(event)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        append_line(self.path, line)

    def kept(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as this journal will give them back; TypeError for those that it cannot (`json_lines.kept`)."""
        return kept(values)

    def read(self) -> list[dict[str, Any]]:
        """All events, oldest first; none if the file does not exist yet."""
        self.skipped = []
        if not self.path.exists():
            return []
        lines = self.path.read_bytes().split(b"\n")  # bytes: str.splitlines would also break at U+2028
        torn = len(lines)  # after the last newline comes nothing, or the line that a kill cut short
        events = []
        for number, line in enumerate(lines, start=1):
            event = read_line(line)
            if event is not None:
                events.append(event)
            elif line.strip() and number != torn:
                self.skipped.append((number, line.decode("utf-8", errors="replace")))
        return events

    def read_on(self, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
        """The events from this byte of the file on, and the byte to go on from: for following a search that runs.

        The last line counts when its end has been written; what cannot be read is left out.
        """
        if not self.path.exists():
            return [], offset
        with open(self.path, "rb") as file:
            file.seek(offset)
            whole, _, _ = file.read().rpartition(b"\n")
        events = (read_line(line) for line in whole.split(b"\n"))
        return [event for event in events if event is not None], offset + len(whole) + bool(whole)


# -- what the events add up to -------------------------------------------------------------------------------------


@dataclass
class TrialState:
    """One trial as far as it has come. `status` is one of `UNFINISHED`, of `ENDED`, or "interrupted"."""

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    data: str = ""
    status: str = "running"
    results: list[Result] = field(default_factory=list)
    goal: int | None = None  # the epoch that it was sent to
    why: str = ""  # the reason of its end, if one was given

    @property
    def epoch(self) -> int:
        """Epochs finished."""
        return self.results[-1].epoch if self.results else 0

    @property
    def seconds(self) -> float:
        """Seconds of its epochs; those of unknown duration count as 0."""
        return math.fsum(result.seconds for result in self.results if math.isfinite(result.seconds))

    @property
    def unfinished(self) -> bool:
        """Whether it has begun and is not at its end."""
        return self.status in UNFINISHED

    def record(self, data: str) -> Trial:
        """The trial as tables know it: who pauses or waits is running there. `data`: that of the study."""
        status = "running" if self.unfinished else self.status
        return Trial(self.name, self.config, self.seed, self.data or data, status, tuple(self.results))


class Fold:
    """The state that events add up to: `rows` by name, in the order in which the trials began.

    Said twice, the first configuration and the first result of an epoch count (a resumed trial reports again what it
    had finished); of several ends the last one does. A trial without an end is running, and so is one that went on
    after it was interrupted or failed. Heard in any number of portions, the same events give the same state.
    """

    def __init__(self) -> None:
        self.rows: dict[str, TrialState] = {}
        self.name, self.data = "", ""
        self.waits = False  # whether trials pause at their rungs
        self.fixed = frozenset({"default"})  # those that nobody searched and nobody may cut

    def apply(self, event: Mapping[str, Any]) -> None:
        """Take in one event; one of a kind that is not known changes nothing. ValueError if it lacks its point."""
        kind = event.get("event")
        if kind == "study":
            self._begin(event)
        elif kind == "resumed":
            self._resume()
        elif kind in ("trial", "goes on", "result", "end"):
            name = _need(event, "trial")
            row = self.rows.get(name) or TrialState(name)
            if kind == "result":
                self._report(row, event)
            elif kind == "end":
                row.status, row.why = _need(event, "status"), str(event.get("why") or row.why)
            else:
                self._start(row, event)
            self.rows[name] = row

    def apply_all(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take in several."""
        for event in events:
            self.apply(event)

    def _begin(self, study: Mapping[str, Any]) -> None:
        self.name, self.data = study.get("name") or self.name, study.get("data") or self.data
        self.waits = bool(study.get("waits"))
        self.fixed = frozenset(study.get("fixed", self.fixed))

    def _resume(self) -> None:
        """What was cut off goes on, and what failed is tried again where nobody had to go on without it."""
        for row in self.rows.values():
            cut_off = row.status in ("running", "interrupted")
            if cut_off or (row.status == "failed" and (not self.waits or row.name in self.fixed)):
                row.status, row.why = "waiting", ""

    def _start(self, row: TrialState, event: Mapping[str, Any]) -> None:
        if event["event"] == "trial" and not row.config:
            row.config = dict(event.get("config") or {})
            row.seed, row.data = event.get("seed"), event.get("data") or ""
        row.goal = event.get("to") or row.goal
        if row.status not in ENDED:
            row.status = "running"

    def _report(self, row: TrialState, event: Mapping[str, Any]) -> None:
        _need(event, "epoch")
        result = Result.of(event)
        if result.epoch <= row.epoch:
            return
        row.results.append(result)
        if row.status == "failed" or row.status not in ENDED:
            row.status, row.why = "running", ""
            # It has reached its rung and waits there; its next event says if it ended or goes on.
            at_rung = self.waits and row.goal is not None and row.epoch >= row.goal and row.name not in self.fixed
            if at_rung and not result.diverged:
                row.status = "paused"


def fold(events: Iterable[Mapping[str, Any]]) -> Fold:
    """The state that these events add up to."""
    state = Fold()
    state.apply_all(events)
    return state


def _need(event: Mapping[str, Any], key: str) -> Any:
    if event.get(key) is None:
        raise ValueError(f"journal: an event of kind {event.get('event')!r} needs {key!r}, but this has none: {event}")
    return event[key]
