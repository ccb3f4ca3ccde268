"""What does another thread want of a search that runs? Wishes, kept until the search sees to them."""

import threading
from collections.abc import Callable


class Control:
    """Trials to be cancelled, and whether the search is to stop; safe from any thread.

    The search looks here before each epoch, or between two of Ray's steps. `ready` is set when its arguments have been
    found sound and it begins, `working` when its first worker is seen, or it has ended; `stage` says what it waits for
    before that, in words. `on_load` is called in the search's own thread when all is loaded that it stands on (Ray).
    """

    def __init__(self) -> None:
        self.ready, self.working = threading.Event(), threading.Event()
        self._stop, self._stage = threading.Event(), ""
        self._lock = threading.Lock()
        self.on_load: Callable[[], object] = lambda: None
        self._cancelled: list[str] = []

    def cancel(self, trial: str) -> None:
        """Ask for the end of one trial."""
        with self._lock:
            self._cancelled.append(trial)

    def stop(self) -> None:
        """Ask for the end of the search."""
        self._stop.set()

    @property
    def stage(self) -> str:
        """What is waited for before a trial trains; empty from then on."""
        return "" if self.working.is_set() else self._stage

    @stage.setter
    def stage(self, words: str) -> None:
        self._stage = words

    @property
    def stopping(self) -> bool:
        """Whether the search is to stop."""
        return self._stop.is_set()

    def take(self) -> list[str]:
        """The trials to be cancelled that nobody has seen to."""
        with self._lock:
            taken, self._cancelled = self._cancelled, []
        return taken
