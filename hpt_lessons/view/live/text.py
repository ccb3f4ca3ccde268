"""The live view of a search where there is no notebook: a line for each trial that ends, and one line of progress."""

import threading
import time
from typing import Any, TextIO

from hpt_lessons.progress import Progress
from hpt_lessons.view.live import pictures
from hpt_lessons.view.live.model import SearchModel
from hpt_lessons.view.live.reader import JournalReader


class SearchText:
    """Prints how a search goes; `search` as in `SearchView`. In a log file the progress comes every `interval` seconds.

    The environment variable HPT_LESSONS_PROGRESS turns it off, as all progress (see `hpt_lessons.progress`).
    """

    def __init__(
        self,
        search: Any,
        *,
        metric: str = "loss",
        mode: str | None = None,
        scope: str = "last",
        file: TextIO | None = None,
        interval: float = 10.0,
        every: float = 0.5,
    ) -> None:
        if isinstance(search, SearchModel):
            self.model, self.reader = search, None
        else:
            self.model = SearchModel(metric, mode, scope=scope)
            self.reader = JournalReader(search, self.model)
        self.every = every
        self._printed: dict[str, str] = {}
        self._thread: threading.Thread | None = None
        self._next = -float("inf")
        self._bar = Progress(None, self.model.name or "search", unit="epoch", file=file, interval=interval)

    def update(self) -> bool:
        """Take in the news and print them; whether there may be more to come."""
        self._next = time.monotonic() + self.every
        goes_on = self.reader.poll() if self.reader else self.model.state in ("waiting", "running")
        for row in list(self.model.rows.values()):
            self._print_end(row)
        self._show_progress()
        if not goes_on:
            self.close()
        return goes_on

    def update_if_due(self) -> None:
        """The same, unless it was done a moment ago."""
        if time.monotonic() >= self._next:
            self.update()

    def _print_end(self, row: Any) -> None:
        """Print a trial's line when it has ended; again if it was resumed and ends anew."""
        words = self.model.words(row)
        if row.unfinished and words != "interrupted":
            self._printed.pop(row.name, None)
        elif self._printed.get(row.name) != words:
            self._printed[row.name] = words
            self._bar.write(pictures.line(self.model, row))

    def _show_progress(self) -> None:
        model = self.model
        best = model.incumbent
        incumbent = f"best {best.name}, {model.metric} {pictures.number(model.value(best))}, " if best else ""
        self._bar.note(model.stage or incumbent + pictures.counts(model))
        if model.planned:
            self._bar.total = model.epochs if model.complete else model.planned
            if (left := model.seconds_left) is not None and model.planned > model.epochs:
                self._bar.expect(left / (model.planned - model.epochs))
        self._bar.set(model.epochs)

    def close(self) -> None:
        """The end: the last state stays to be read, and what was found in a sentence."""
        if self.model.error:
            self._bar.write(self.model.error)
        elif self._bar.outcome is None and pictures.best(self.model):
            self._bar.write(pictures.verdict(self.model))
        self._bar.close()

    def follow(self) -> "SearchText":
        """Print the news as they come, in a thread of its own, until the search ends."""
        if self._thread is None and self.reader is not None:
            self._thread = threading.Thread(target=self._follow, name=f"view of {self.model.name}", daemon=True)
            self._thread.start()
        return self

    def _follow(self) -> None:
        while self.update():
            time.sleep(self.every)

    def wait(self) -> None:
        """Until the last line has been printed."""
        if self._thread is not None:
            self._thread.join()
