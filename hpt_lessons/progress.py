"""How far is it, and how long will it take? Bars that behave in a notebook, a terminal and a log file.

In a notebook it is a widget, which leaves no text behind; in a terminal one line that is drawn again; in a file or a
pipe a whole line now and then. The environment variable HPT_LESSONS_PROGRESS chooses: `auto` (the default), `plain`
(lines everywhere) or `off`.
"""

import math
import os
import sys
import threading
import time
import unicodedata
from collections.abc import Callable
from html import escape
from typing import Any, TextIO

from hpt_lessons.words import seconds_in_words, size_in_words

CHOICES = ("auto", "plain", "off")
DRAW_EVERY = 0.1  # seconds between two drawings where they replace each other


class Progress:
    """A bar with the time left, to be used in a `with` block, from any thread.

    `total` is the amount of work in `unit`s (None: unknown), `initial` what was done before, for example the part of a
    file that is here already; with `bytes=True` amounts are sizes. `file` overrides where text goes (sys.stderr),
    `interval` is the least number of seconds between two lines of a log. An interrupt or an error inside the block
    leaves the last state to be read. With `enabled=False` nothing appears at all.
    """

    clock: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(
        self,
        total: float | None,
        label: str,
        unit: str = "epoch",
        *,
        file: TextIO | None = None,
        enabled: bool = True,
        bytes: bool = False,
        initial: float = 0,
        interval: float = 10.0,
    ) -> None:
        self.label, self._unit, self._sizes = label, unit, bytes
        self._total, self._initial = total, initial
        self.n = initial  # how much is done
        self.outcome: str | None = None  # then "ended", "interrupted" or "failed"
        self._note, self._per_unit = "", None
        self._start = self._moved = self._drawn = self.clock()
        self._stop: float | None = None
        self._lock = threading.RLock()
        self._look = _look(self, file, interval) if enabled else None

    @property
    def total(self) -> float | None:
        """How much there is to do; may be set when it becomes known."""
        return self._total

    @total.setter
    def total(self, total: float | None) -> None:
        with self._lock:
            self._total = total
            self._draw_if_due()

    def update(self, n: float = 1) -> None:
        """`n` more are done."""
        with self._lock:
            self.set(self.n + n)

    def set(self, n: float) -> None:
        """`n` are done altogether."""
        with self._lock:
            if n != self.n:
                self.n, self._moved = n, self.clock()
            self._draw_if_due()

    def note(self, text: str) -> None:
        """Show a short text at the right end until the next one, for example the best loss so far."""
        with self._lock:
            first, self._note = not self._note, " ".join(str(text).split())
            if first and self._look is not None and self._look.every <= DRAW_EVERY:
                self._drawn = -math.inf  # what a long start is busy with is shown at once
            self._draw_if_due()

    def expect(self, seconds: float) -> None:
        """Count the time left with so many seconds a unit, where that is known better than from the time that passed.

        Workers that take long to start would else make the first estimates far too high.
        """
        with self._lock:
            self._per_unit = seconds
            self._draw_if_due()

    def refresh(self) -> None:
        """Show how much time has passed since; for whoever has a clock, while nothing else happens."""
        with self._lock:
            self._draw_if_due()

    def write(self, line: str) -> None:
        """Show a line above the bar that stays."""
        with self._lock:
            if self._look is not None:
                self._look.write(str(line))

    def close(self) -> None:
        """The end; the bar shows its last state, and later calls change nothing."""
        self._close("ended")

    def _draw_if_due(self) -> None:
        if self._look is not None and (now := self.clock()) - self._drawn >= self._look.every:
            self._drawn = now
            self._look.draw()

    def _close(self, outcome: str) -> None:
        with self._lock:
            if self.outcome is None:
                self.outcome, self._stop = outcome, self.clock()
            look, self._look = self._look, None
            if look is not None:
                look.end()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        outcome = "ended"
        if kind is not None:
            outcome = "failed" if issubclass(kind, Exception) else "interrupted"
        self._close(outcome)

    def __repr__(self) -> str:
        return f"Progress({self.line()})"

    # -- what it says, whatever it looks like --

    @property
    def share(self) -> float | None:
        """The part that is done, from 0 to 1, None if it is not known."""
        return min(self.n / self.total, 1.0) if self.total else None

    def line(self) -> str:
        """All of it: search: 3/10 trials, 20 s left, best loss 0.42."""
        return f"{self.label}: {self.words()}"

    def words(self) -> str:
        """The same without the label."""
        return ", ".join(part for part in (self._count(), self._time(), self._note) if part)

    def _count(self) -> str:
        """3/10 epochs, or 12.3 MB of 170.5 MB."""
        if self._sizes:
            done = size_in_words(self.n)
            return done if self.total is None else f"{done} of {size_in_words(self.total)}"
        done = f"{self.n:.10g}" if self.total is None else f"{self.n:.10g}/{self.total:.10g}"
        return f"{done} {self._unit if (self.total or self.n) == 1 else self._unit + 's'}"

    def _time(self) -> str:
        """The time left while it runs, the time taken at the end."""
        now = self._stop if self._stop is not None else self.clock()
        taken = seconds_in_words(now - self._start)
        if self.outcome in ("interrupted", "failed"):
            return f"{self.outcome} after {taken}"
        if (self.total is not None and self.n >= self.total) or (self.outcome and self.total is None):
            return f"took {taken}"
        if self.outcome:
            return f"ended after {taken}"
        if self.total is None or self.n <= self._initial:
            return f"{taken} so far" if now - self._start >= 1 else ""
        # Counted from the last step on, so that it goes down between two steps instead of up.
        per_unit = self._per_unit or (self._moved - self._start) / (self.n - self._initial)
        return f"{seconds_in_words(per_unit * (self.total - self.n) - (now - self._moved))} left"


# -- the three looks -----------------------------------------------------------------------------------------------


def _look(bar: Progress, file: TextIO | None, interval: float) -> "_Lines | _Widget | None":
    """The look that suits the place, None where nothing should or can appear."""
    choice = os.environ.get("HPT_LESSONS_PROGRESS") or "auto"
    if choice not in CHOICES:
        raise ValueError(f"HPT_LESSONS_PROGRESS={choice!r} is not possible; choose {', '.join(CHOICES)}.")
    out = file if file is not None else sys.stderr
    if choice == "off" or out is None:
        return None
    if choice == "auto" and file is None and in_notebook():
        try:
            return _Widget(bar)
        except Exception:  # no ipywidgets, or a front end without them: a bar must never stop the work
            return _Lines(bar, out, interval)
    if choice == "auto" and _is_terminal(out):
        return _Terminal(bar, out)
    return _Lines(bar, out, interval)


def in_notebook() -> bool:
    """Whether this runs in a kernel: a notebook or something like it can show widgets."""
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return getattr(shell, "kernel", None) is not None


def _is_terminal(file: TextIO) -> bool:
    try:
        return file.isatty() and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError):  # not quite a file, or a closed one
        return False


class _Lines:
    """A whole line at most every `every` seconds, and one at the end."""

    def __init__(self, bar: Progress, file: TextIO, every: float) -> None:
        self.bar, self.file, self.every = bar, file, every

    def draw(self) -> None:
        self.write(self.bar.line())

    def write(self, line: str) -> None:
        self.put(line.replace("\r", " ") + "\n")

    def end(self) -> None:
        self.draw()

    def put(self, text: str) -> None:
        encoding = getattr(self.file, "encoding", None) or "utf-8"
        try:
            self.file.write(text.encode(encoding, "replace").decode(encoding))
            self.file.flush()
        except (OSError, ValueError):  # a closed file or a full disk must not stop the work
            self.every = math.inf


class _Terminal(_Lines):
    """One line, drawn again."""

    def __init__(self, bar: Progress, file: TextIO) -> None:
        super().__init__(bar, file, DRAW_EVERY)
        self.width = 0  # columns of the last drawing
        self.full = "█" if "utf" in (getattr(file, "encoding", None) or "").lower() else "#"
        self.draw()

    def draw(self) -> None:
        self.show(bar_line(self.bar, _columns(self.file), self.full))

    def show(self, line: str) -> None:
        self.put("\r" + line + " " * (self.width - _width(line)))
        self.width = _width(line)

    def write(self, line: str) -> None:
        self.put("\r" + " " * self.width + "\r")
        super().write(line)
        self.draw()

    def end(self) -> None:
        """All of it, over two lines if need be: nothing is drawn over it any more."""
        self.show(bar_line(self.bar, 10_000, self.full))
        self.put("\n")


def bar_line(bar: Progress, columns: int, full: str = "█") -> str:
    """label  30% |██████              | 3/10 epochs, 20 s left, note; the bar is 20 wide, or 10 where room is scarce.

    The words that have no room are left out from the end, where the note is.
    """
    label = bar.label if bar.share is None else f"{bar.label} {bar.share:4.0%}"
    words = bar.words()
    room = columns - _width(f"{label} || ")  # for bar and words
    width = 20 if room - 20 >= min(20, _width(words)) else 10
    done = round((bar.share or 0) * width)
    return _cut(f"{label} |{full * done}{' ' * (width - done)}| {_shortened(words, room - width)}", columns)


def _shortened(words: str, columns: int) -> str:
    """As many of the words between the commas as there is room for; the first ones are cut where they are longer."""
    if _width(words) <= columns:
        return words
    while ", " in words and _width(words) + 2 > columns:
        words = words.rpartition(", ")[0]
    return _cut(f"{words} …", columns)


def _cut(text: str, columns: int) -> str:
    if _width(text) <= columns:
        return text
    while text and _width(text) >= columns:
        text = text[:-1]
    return text + "…"


def _width(text: str) -> int:
    """Columns of a terminal that a text takes: two for each wide letter, as of Chinese, none for an accent alone."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))


def _columns(file: TextIO) -> int:
    """Columns to draw in, asked every time, as windows are resized; some terminals do not tell, or say 0."""
    try:
        return (os.get_terminal_size(file.fileno()).columns or 80) - 1
    except (OSError, ValueError, AttributeError):
        return 79


class _Widget:
    """A bar, its words and above it the lines that stay."""

    every = DRAW_EVERY

    def __init__(self, bar: Progress) -> None:
        import ipywidgets as widgets

        self.bar, self.lines = bar, []
        self.above = widgets.HTML(layout={"display": "none"})
        self.progress = widgets.FloatProgress(
            description=bar.label,
            style={"description_width": "initial"},
            layout={"width": "320px", "flex": "0 0 auto"},
        )
        self.text = widgets.HTML()
        self.draw()
        _show(widgets.VBox([self.above, widgets.HBox([self.progress, self.text])]))

    def draw(self) -> None:
        total = self.bar.total
        self.progress.max = total or 1
        self.progress.value = min(self.bar.n, total) if total else 1
        self.progress.bar_style = {"failed": "danger", "interrupted": "warning", "ended": "success"}.get(
            self.bar.outcome, "info" if total is None else ""
        )
        style = "white-space: nowrap; font-variant-numeric: tabular-nums"
        self.text.value = f'<span style="{style}">{escape(self.bar.words())}</span>'

    def write(self, line: str) -> None:
        self.lines.append(line)
        self.above.value = f'<pre style="margin: 0">{escape(chr(10).join(self.lines))}</pre>'
        self.above.layout.display = None

    def end(self) -> None:
        self.draw()


def _show(widget: Any) -> None:
    """Display a widget without the text that stands for it: the text would change from run to run."""
    from IPython.display import display

    bundle = widget._repr_mimebundle_()
    display({kind: content for kind, content in bundle.items() if kind != "text/plain"}, raw=True)
