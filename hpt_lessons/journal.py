"""What happens in a study, as it happens: one line of JSON an event.

The journal is only ever appended to and each line is forced to the disk, so whatever moment the power fails at, every
line that was complete before is still there. How a value becomes a line, and comes back, is in `lines`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpt_lessons import lines
from hpt_lessons.files import append_line
from hpt_lessons.lines import read_line, write_line


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

        It is read as it was: tuples, NaN and the infinities too (see `lines`); numbers of numpy become plain ones and
        arrays lists. Anything else that JSON cannot hold is a TypeError that names its key, and nothing is written.
        """
        line = write_line(event)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        append_line(self.path, line)

    def kept(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as this journal will give them back; TypeError for those that it cannot (see `lines.kept`)."""
        return lines.kept(values)

    def read(self) -> list[dict]:
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

    def read_on(self, offset: int = 0) -> tuple[list[dict], int]:
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
