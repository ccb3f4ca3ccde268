"""Where does the news of a search come from? From its journal, whoever runs it: `JournalReader`."""

import time
from os import PathLike
from pathlib import Path
from typing import Any

from hpt_lessons.journal import Journal
from hpt_lessons.study.folders import JOURNAL, LOCK
from hpt_lessons.view.live.model import SearchModel

LOOK = 5.0  # seconds between two looks whether another process is at work


class JournalReader:
    """Reads on in a study's journal and applies what is new to `model`.

    `search` is a folder of a study or its journal, a `Study`, or a search that was started by
    `hpt_lessons.raytune.launch` and can be controlled: then `handle` is that one, else None.
    """

    def __init__(self, search: Any, model: SearchModel) -> None:
        self.handle = search if hasattr(search, "cancel") else None
        folder = Path(search if isinstance(search, str | PathLike) else search.folder)
        self.journal = Journal(folder if folder.suffix == ".jsonl" else folder / JOURNAL)
        if self.handle is None and not self.journal.path.exists():
            raise FileNotFoundError(
                f"there is no search in {str(folder)!r}: its folder has no {JOURNAL}. Start the "
                "search first, or check the path."
            )
        self.model = model
        self.model.name = self.model.name or self.journal.path.parent.name
        self._offset = 0
        self._looked = -LOOK

    def poll(self) -> bool:
        """Take in what is new; whether there may be more to come."""
        alive = self._alive()  # first: what a search wrote before its end is read after it
        events, self._offset = self.journal.read_on(self._offset)
        self.model.apply_all(events)
        self.model.alive = alive
        self.model.stage = getattr(self.handle.control, "stage", "") if self.handle is not None and alive else ""
        if self.handle is not None and self.handle.error is not None:
            self.model.error = f"{type(self.handle.error).__name__}: {self.handle.error}"
        return bool(alive)

    def _alive(self) -> bool:
        """Whether somebody runs the search: our own thread, or whoever holds the study's lock."""
        if self.handle is not None:
            return self.handle.running
        if time.monotonic() - self._looked >= LOOK:
            self._looked, self._locked = time.monotonic(), is_locked(self.journal.path.with_name(LOCK))
        return self._locked


def is_locked(path: Path) -> bool:
    """Whether a process, this one or another, holds the lock of a study."""
    from filelock import FileLock, Timeout

    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a folder in which one may only read
        return False
