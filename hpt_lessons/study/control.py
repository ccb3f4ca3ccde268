"""What does another thread want of a search that runs? Wishes, kept until the search sees to them."""

import threading


class Control:
    """Trials to be cancelled, and whether the search is to stop; safe from any thread.

    The search looks here before each epoch, or between two of Ray's steps. `ready` is set when its arguments have
    been found sound and it begins, `working` when its first worker is seen, or it has ended.
    """

    def __init__(self) -> None:
        self.ready, self.working = threading.Event(), threading.Event()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._cancelled: list[str] = []

    def cancel(self, trial: str) -> None:
        """Ask for the end of one trial."""
        with self._lock:
            self._cancelled.append(trial)

    def stop(self) -> None:
        """Ask for the end of the search."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether the search is to stop."""
        return self._stop.is_set()

    def take(self) -> list[str]:
        """The trials to be cancelled that nobody has seen to."""
        with self._lock:
            taken, self._cancelled = self._cancelled, []
        return taken
