"""How far is it, and how long will it take? Bars that behave in a notebook, a terminal and a log file.

In a notebook it is a widget, which leaves no text behind; in a terminal one line that is drawn again; in a file or a
pipe a whole line now and then. The environment variable HPT_LESSONS_PROGRESS chooses: `auto` (the default), `plain`
(lines everywhere) or `off`.
"""

import io
import os
import sys
import threading
import time
from collections.abc import Callable
from html import escape
from typing import Any, TextIO

from tqdm import tqdm
from tqdm.utils import disp_len

from hpt_lessons.words import seconds_in_words, size_in_words

CHOICES = ("auto", "plain", "off")


class Progress:
    """A bar with the time left, to be used in a `with` block, from any thread.

    `total` is the amount of work in `unit`s (None: unknown), `initial` what was done before, for example the part of a
    file that is here already; with `bytes=True` amounts are sizes. `file` overrides where text goes (sys.stderr),
    `interval` is the least number of seconds between two lines of a log. An interrupt or an error inside the block
    leaves the last state to be read. With `enabled=False` nothing appears at all.
    """

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
        self._lock = threading.RLock()
        self._words = _Words(total, label, unit, bytes, initial)
        self._bar = _bar(self._words, file, interval) if enabled else None

    @property
    def n(self) -> float:
        """How much is done."""
        return self._words.n

    @property
    def total(self) -> float | None:
        """How much there is to do; may be set when it becomes known."""
        return self._words.total

    @total.setter
    def total(self, total: float | None) -> None:
        with self._lock:
            self._words.total = total
            self._draw()

    def update(self, n: float = 1) -> None:
        """`n` more are done."""
        with self._lock:
            self.set(self._words.n + n)

    def set(self, n: float) -> None:
        """`n` are done altogether."""
        with self._lock:
            self._words.move(n)
            self._draw()

    def note(self, text: str) -> None:
        """Show a short text at the right end until the next one, for example the best loss so far."""
        with self._lock:
            self._words.note = " ".join(str(text).split())
            self._draw()

    def expect(self, seconds: float) -> None:
        """Count the time left with so many seconds a unit, where that is known better than from the time that passed.

        Workers that take long to start would else make the first estimates far too high.
        """
        with self._lock:
            self._words.per_unit = seconds
            self._draw()

    def write(self, line: str) -> None:
        """Show a line above the bar that stays."""
        with self._lock:
            if self._bar is not None:
                self._bar.write_line(str(line))

    def close(self) -> None:
        """The end; the bar shows its last state, and later calls change nothing."""
        self._close("ended")

    def _draw(self) -> None:
        if self._bar is not None:
            self._bar.total, self._bar.n = self._words.total, self._words.n
            self._bar.update(0)  # draws if the last drawing is long enough ago

    def _close(self, outcome: str) -> None:
        with self._lock:
            self._words.end(outcome)
            bar, self._bar = self._bar, None
            if bar is not None:
                bar.close()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        outcome = "ended"
        if kind is not None:
            outcome = "failed" if issubclass(kind, Exception) else "interrupted"
        self._close(outcome)

    def __repr__(self) -> str:
        return f"Progress({self._words.line()})"


class _Words:
    """What a bar says, whatever it looks like."""

    clock: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(self, total: float | None, label: str, unit: str, sizes: bool, initial: float) -> None:
        self.total, self.label, self.unit, self.sizes = total, label, unit, sizes
        self.n = self.initial = initial
        self.note = ""
        self.per_unit: float | None = None
        self.outcome: str | None = None
        self.start = self.moved = self.clock()
        self.stop: float | None = None

    def move(self, n: float) -> None:
        if n != self.n:
            self.n, self.moved = n, self.clock()

    def end(self, outcome: str) -> None:
        if self.outcome is None:
            self.outcome, self.stop = outcome, self.clock()

    @property
    def complete(self) -> bool:
        return self.total is not None and self.n >= self.total

    def count(self) -> str:
        """3/10 epochs, or 12.3 MB of 170.5 MB."""
        if self.sizes:
            done = size_in_words(self.n)
            return done if self.total is None else f"{done} of {size_in_words(self.total)}"
        done = f"{self.n:.10g}" if self.total is None else f"{self.n:.10g}/{self.total:.10g}"
        return f"{done} {self.unit if (self.total or self.n) == 1 else self.unit + 's'}"

    def time(self) -> str:
        """The time left while it runs, the time taken at the end."""
        now = self.stop if self.stop is not None else self.clock()
        taken = seconds_in_words(now - self.start)
        if self.outcome in ("interrupted", "failed"):
            return f"{self.outcome} after {taken}"
        if self.complete or (self.outcome and self.total is None):
            return f"took {taken}"
        if self.outcome:
            return f"ended after {taken}"
        if self.total is None or self.n <= self.initial:
            return f"{taken} so far" if now - self.start >= 1 else ""
        # Counted from the last step on, so that it goes down between two steps instead of up.
        per_unit = self.per_unit or (self.moved - self.start) / (self.n - self.initial)
        left = per_unit * (self.total - self.n) - (now - self.moved)
        return f"{seconds_in_words(left)} left"

    def tail(self) -> str:
        return ", ".join(part for part in (self.count(), self.time(), self.note) if part)

    def line(self) -> str:
        return f"{self.label}: {self.tail()}"


# -- the three looks -----------------------------------------------------------------------------------------------


def _bar(words: _Words, file: TextIO | None, interval: float) -> "_Bar | None":
    """The look that suits the place, None where nothing should or can appear."""
    choice = os.environ.get("HPT_LESSONS_PROGRESS") or "auto"
    if choice not in CHOICES:
        raise ValueError(f"HPT_LESSONS_PROGRESS={choice!r} is not possible; choose {', '.join(CHOICES)}.")
    out = file if file is not None else sys.stderr
    if choice == "off" or out is None:
        return None
    if choice == "auto" and file is None and in_notebook():
        try:
            return _Widget(words)
        except Exception:  # no ipywidgets, or a front end without them: a bar must never stop the work
            return _Lines(words, out, interval)
    if choice == "auto" and _is_terminal(out):
        return _Terminal(words, out)
    return _Lines(words, out, interval)


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


class _Bar(tqdm):
    """What the looks share: tqdm decides when to draw; the words are ours."""

    monitor_interval = 0  # no thread of its own
    disable = True  # until it is built, so that nothing is drawn if that fails
    _lock = threading.RLock()  # tqdm's own lock spans processes and would start a helper process for it

    def __init__(self, words: _Words, file: TextIO, every: float, **options: Any) -> None:
        self.words = words
        super().__init__(
            total=words.total, initial=words.initial, file=file, mininterval=every, miniters=0, smoothing=0, **options
        )

    def refresh(self, nolock: bool = False, lock_args: tuple | None = None) -> bool:
        """tqdm's, but an interrupt in the middle of drawing gives the lock back."""
        if not self.disable:
            with self._lock:
                self.display()
        return True

    def write_line(self, line: str) -> None:
        raise NotImplementedError


class _Terminal(_Bar):
    """One line, drawn again; several bars lie below each other."""

    def __init__(self, words: _Words, file: TextIO) -> None:
        columns, rows = _terminal_size(file)
        super().__init__(words, file, 0.1, bar_format="{label} |{bar}| {tail}", ncols=columns, nrows=rows, leave=True)

    @property
    def format_dict(self) -> dict[str, Any]:
        share = f" {self.words.n / self.words.total:4.0%}" if self.words.total else ""
        columns, self.nrows = _terminal_size(self.fp)  # every time: windows are resized
        label, tail = self.words.label + share, self.words.tail()
        # The bar is 20 wide, so that the words stay in their place, and gives way to them where there is no room.
        self.ncols = min(columns, disp_len(f"{label} || {tail}") + 20)
        return {**super().format_dict, "label": label, "tail": tail}

    def write_line(self, line: str) -> None:
        type(self).write(line, file=self.fp)


def _terminal_size(file: TextIO) -> tuple[int, int]:
    """Columns and rows to draw in; some terminals do not tell, or say 0."""
    try:
        columns, rows = os.get_terminal_size(file.fileno())
    except (OSError, ValueError, AttributeError):
        columns, rows = 0, 0
    return (columns or 80) - 1, rows or 24


class _Lines(_Bar):
    """A whole line at most every `every` seconds, and one at the end."""

    def __init__(self, words: _Words, file: TextIO, every: float) -> None:
        self.out = file
        super().__init__(words, io.StringIO(), every, gui=True)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        self.write_line(self.words.line())

    def write_line(self, line: str) -> None:
        try:
            self.out.write(line.replace("\r", " ") + "\n")
            self.out.flush()
        except (OSError, ValueError):  # a closed file or a full disk must not stop the work
            self.out = io.StringIO()

    def clear(self, nolock: bool = False) -> None:
        """There is nothing to clear in a log."""

    def close(self) -> None:
        if not self.disable:
            self.display()
        super().close()


class _Widget(_Bar):
    """A bar, its words and above it the lines that stay."""

    def __init__(self, words: _Words) -> None:
        import ipywidgets as widgets

        self.lines: list[str] = []
        self.above = widgets.HTML(layout={"display": "none"})
        self.progress = widgets.FloatProgress(
            description=words.label,
            style={"description_width": "initial"},
            layout={"width": "320px", "flex": "0 0 auto"},
        )
        self.text = widgets.HTML()
        box = widgets.VBox([self.above, widgets.HBox([self.progress, self.text])])
        super().__init__(words, io.StringIO(), 0.1, gui=True)
        self.display()
        _show(box)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        total = self.words.total
        self.progress.max = total or 1
        self.progress.value = min(self.words.n, total) if total else 1
        self.progress.bar_style = {"failed": "danger", "interrupted": "warning", "ended": "success"}.get(
            self.words.outcome, "info" if total is None else ""
        )
        style = "white-space: nowrap; font-variant-numeric: tabular-nums"
        self.text.value = f'<span style="{style}">{escape(self.words.tail())}</span>'

    def write_line(self, line: str) -> None:
        self.lines.append(line)
        self.above.value = f'<pre style="margin: 0">{escape(chr(10).join(self.lines))}</pre>'
        self.above.layout.display = None

    def clear(self, nolock: bool = False) -> None:
        """There is nothing to clear in a notebook."""

    def close(self) -> None:
        if not self.disable:
            self.display()
        super().close()


def _show(widget: Any) -> None:
    """Display a widget without the text that stands for it: the text would change from run to run."""
    from IPython.display import display

    bundle = widget._repr_mimebundle_()
    display({kind: content for kind, content in bundle.items() if kind != "text/plain"}, raw=True)
