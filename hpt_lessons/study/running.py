"""How does a search run while the notebook goes on? In a thread of its own: `launch`."""

import ast
import atexit
import inspect
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hpt_lessons.journal import Journal
from hpt_lessons.study.control import Control
from hpt_lessons.study.folders import JOURNAL, default_name, study_folder
from hpt_lessons.study.study import Study
from hpt_lessons.trials import Trials


def launch(
    search: Callable[..., Study],
    *arguments: Any,
    name: str | None = None,
    folder: str | Path | None = None,
    **options: Any,
) -> "Running":
    """Start a search and go on at once: `search` is `search_cifar`, or `tune_cifar` on Ray; the rest are its arguments.

        search = launch(search_cifar, num_samples=8, max_epochs=4, seed=0)
        SearchView(search)                    # see it
        search.cancel("0003")                 # a trial that nobody needs
        search.stop()                         # the whole search; launch(..., name=search.name, resume=True) goes on
        search.wait().best()                  # the study, when it is there

    Arguments that the search refuses are an error here, as if it had been called itself. It does not wait for Ray,
    which takes seconds to load and to start: what goes wrong there is an error where somebody waits for the result.
    """
    return Running(search, arguments, options, default_name() if name is None else name, folder).start()


class Running:
    """A search in a thread of its own: look at it, cancel a trial, stop it, wait for it.

    Everything it has found is in `folder`, whatever becomes of this process.
    """

    def __init__(
        self,
        search: Callable[..., Study],
        arguments: tuple,
        options: dict[str, Any],
        name: str,
        folder: str | Path | None,
    ) -> None:
        self.name, self.folder = name, study_folder(folder, name)
        self.control = Control()
        self.result: Study | None = None
        self.error: BaseException | None = None
        self._call = (search, arguments, {**options, "name": name, **({"folder": str(folder)} if folder else {})})
        if "progress" in inspect.signature(search).parameters:  # a view shows it; a bar of its own is not needed
            options = {"progress": False, **options}
        options = {**options, "name": name, "folder": folder, "control": self.control}
        self._thread = threading.Thread(
            target=self._run, args=(search, arguments, options), name=f"search {name}", daemon=True
        )

    def start(self) -> "Running":
        """Begin, and come back when its arguments have been found sound; raises the error if they were not."""
        # Registered after Ray's own leaving, where there is one, so that ours comes first.
        self.control.on_load = lambda: atexit.register(self._leave)
        self._thread.start()
        while not self.control.ready.wait(0.05) and self._thread.is_alive():
            pass
        if not self.control.ready.is_set() and self.error is not None:
            raise self.error
        return self

    def _run(self, search: Callable[..., Study], arguments: tuple, options: dict[str, Any]) -> None:
        try:
            self.result = search(*arguments, **options)
        except BaseException as error:  # it is raised where somebody waits for the result
            self.error = error
        finally:
            atexit.unregister(self._leave)

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    @property
    def journal(self) -> Journal:
        """Everything that happened so far."""
        return Journal(self.folder / JOURNAL)

    @property
    def trials(self) -> Trials:
        """The table of the trials as they are now."""
        return Trials.from_events(self.journal.read())

    @property
    def again(self) -> str:
        """The code that goes on with it and shows it, to be run in a cell.

        What is no plain value stands there by its parameter's name, a searcher or scheduler by its class: it has to be
        made again, as it was made for the first start.
        """
        search, arguments, options = self._call
        names = list(inspect.signature(search).parameters)
        given = [_as_code(name, value) for name, value in zip(names, arguments, strict=False)]
        given += [f"{name}={_as_code(name, value)}" for name, value in {**options, "resume": True}.items()]
        return f"search = launch({', '.join([search.__name__, *given])})\nSearchView(search)"

    def cancel(self, trial: str) -> None:
        """End one trial for good; its finished epochs are kept, and a resume does not bring it back.

        A trial that trains stops when the epoch it is in has ended; that epoch is not counted. ValueError if there is
        no such trial, or it has ended already.
        """
        trials = self.trials
        unfinished = [other.name for other in trials if other.status in ("running", "interrupted")]
        if trial not in unfinished:
            what = f"it is {trials[trial].status} already" if trial in trials else "there is no trial of this name"
            can = f"Those that can be cancelled are {', '.join(unfinished)}." if unfinished else "None can be now."
            raise ValueError(f"cancel {trial!r}: {what}. {can}")
        self.control.cancel(trial)

    def stop(self) -> None:
        """End the search; every finished epoch is kept, and with `resume=True` and the same name it goes on."""
        self.control.stop()

    def wait(self, timeout: float | None = None) -> Study | None:
        """Wait for the end, at most so many seconds: the study, or None if it goes on. Raises the search's error.

        An interrupt ends the waiting, not the search.
        """
        self._thread.join(timeout)
        if self.error is not None:
            raise self.error
        return self.result

    def _leave(self) -> None:
        # Python ends: what runs is interrupted properly, before what it stands on is gone.
        self.stop()
        self._thread.join(20)

    def __repr__(self) -> str:
        state = "running" if self.running else "failed" if self.error else "ended"
        return f"Running({self.name}: {state})"


def _as_code(name: str, value: Any) -> str:
    """An argument as one would type it."""
    code = repr(value)
    try:
        if ast.literal_eval(code) == value:
            return code
    except (ValueError, SyntaxError, TypeError):
        pass
    if name in ("searcher", "scheduler"):
        return f"{type(value).__name__}(...)"
    return getattr(value, "__name__", name)
