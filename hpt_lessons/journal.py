"""What happens in a study, as it happens: one line of JSON an event.

The journal is only ever appended to and each line is forced to the disk, so whatever moment the power fails at, every
line that was complete before is still there.
"""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

# Where a line lists the places of its NaNs: JSON has none, they are written as null, and a null may also be a None.
_NANS = "_nan"


class Journal:
    """An append-only file of events, one line of JSON each. Only one process may write to it.

    A line that a kill cut short is ignored when reading, and closed off by the next append. Other lines that cannot be
    read are left out and listed in `skipped` as (line number, text) after `read`.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        self.skipped: list[tuple[int, str]] = []

    def __repr__(self) -> str:
        return f"Journal({str(self.path)!r})"

    def append(self, event: Mapping[str, Any]) -> None:
        """Write one event and force it to the disk.

        Numbers of numpy become plain ones and tuples lists; NaN and the infinities come back as NaN. Anything else
        that JSON cannot hold is a TypeError that names its key, and nothing is written.
        """
        line = _line(event)
        is_new = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "ab+") as file:
            if file.tell() and not _ends_with_newline(file):
                line = b"\n" + line  # what a kill left of the line before must not swallow this one
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync_folder(self.path.parent)

    def read(self) -> list[dict]:
        """All events, oldest first; none if the file does not exist yet."""
        self.skipped = []
        if not self.path.exists():
            return []
        lines = self.path.read_bytes().split(b"\n")  # bytes: str.splitlines would also break at U+2028
        torn = len(lines)  # after the last newline comes nothing, or the line that a kill cut short
        events = []
        for number, line in enumerate(lines, start=1):
            event = _event(line)
            if event is not None:
                events.append(event)
            elif line.strip() and number != torn:
                self.skipped.append((number, line.decode("utf-8", errors="replace")))
        return events

    def read_on(self, offset: int = 0) -> tuple[list[dict], int]:
        """The events from this byte of the file on, and the byte to go on from: for following a search that runs.

        The last line counts when its end has been written; what cannot be read is left out.
        """
        if not self.path.exists():
            return [], offset
        with open(self.path, "rb") as file:
            file.seek(offset)
            whole, _, _ = file.read().rpartition(b"\n")
        events = (_event(line) for line in whole.split(b"\n"))
        return [event for event in events if event is not None], offset + len(whole) + bool(whole)


def _line(event: Mapping[str, Any]) -> bytes:
    if not isinstance(event, Mapping):
        raise TypeError(f"journal: an event is a dictionary, not {type(event).__name__}: {event!r}")
    nans: list[list[str | int]] = []
    plain = _plain(event, (), nans)
    if nans:
        plain[_NANS] = nans
    try:
        text = json.dumps(plain, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair, from a file name that is no proper text
        text = json.dumps(plain, allow_nan=False).encode("ascii")
    return text + b"\n"


def _plain(value: Any, path: tuple[str | int, ...], nans: list) -> Any:
    """The value in JSON's own types; the path to each non-finite number is added to `nans`."""
    if isinstance(value, np.generic):
        value = float(value) if isinstance(value, np.floating) else value.item()
    elif isinstance(value, np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        nans.append(list(path))
        return None
    if isinstance(value, list | tuple):
        return [_plain(item, (*path, index), nans) for index, item in enumerate(value)]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {str(key): _plain(item, (*path, str(key)), nans) for key, item in value.items()}
    where = "/".join(map(str, path)) or "event"
    what = "has keys that are not text" if isinstance(value, Mapping) else f"is of type {type(value).__name__}"
    raise TypeError(
        f"journal: {where!r} {what} ({value!r:.80}), which JSON cannot hold. "
        "Record numbers, texts, booleans, None, lists and dictionaries of them: what was drawn, not how to draw it."
    )


def _event(line: bytes) -> dict | None:
    """The event on this line, None if there is none. No strict prefix of an event is one: it lacks the last brace."""
    try:
        event = json.loads(line)
        if not isinstance(event, dict):
            return None
        for path in event.pop(_NANS, ()):
            place = event
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = math.nan
        return event
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _ends_with_newline(file) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def sync_folder(folder: Path) -> None:
    """Make the name of a new file as durable as its contents (Windows has no such call and needs none)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
