"""The live view of a search: how far it is, every trial, curves that grow, the incumbent; cancel a trial, stop it all.

`watch` shows it where it is run: as widgets in a notebook, as lines of text elsewhere. What is shown is made by
`hpt_lessons.view.live.pictures` from `hpt_lessons.view.live.model`.
"""

import threading
import time
import uuid
from html import escape
from typing import Any

import ipywidgets as widgets
from IPython.display import display

from hpt_lessons.progress import in_notebook
from hpt_lessons.trials import Trials
from hpt_lessons.view.live import pictures
from hpt_lessons.view.live.model import SearchModel
from hpt_lessons.view.live.reader import JournalReader
from hpt_lessons.view.live.text import SearchText
from hpt_lessons.view.look import page

STORE = 10.0  # seconds between two pictures for the saved notebook


class Pace:
    """When may something be drawn again? At most every `least` seconds, and so that drawing takes 1 % of the time.

    `spent` counts the seconds of processor time that drawing took in all.
    """

    SHARE = 0.01

    def __init__(self, least: float = 0.5) -> None:
        self.least, self.spent = least, 0.0
        self._next = -float("inf")

    @property
    def due(self) -> bool:
        return time.monotonic() >= self._next

    def __enter__(self) -> "Pace":
        self._begun = time.thread_time()
        return self

    def __exit__(self, *_: Any) -> None:
        cost = time.thread_time() - self._begun
        self.spent += cost
        self._next = time.monotonic() + max(self.least, cost / self.SHARE)


class SearchView(page.Panel):
    """Watch a search: one that `launch` started, a `Study`, the folder of a study that anybody runs, or a model.

        SearchView(launch(tune_cifar, num_samples=10, max_epochs=4))
        SearchView("studies/quick")                                  # run by `make tune` in a terminal
        SearchView(study.trials)                                     # a table: how a search ended

    A search that was launched here has buttons to cancel a trial and to stop it. At most every `every` seconds the view
    is drawn, and more rarely where that would cost more than 1 % of the time; `spent` is the processor time so far.
    A saved notebook keeps the last state as a picture that needs no kernel. FileNotFoundError if there is no search.
    """

    def __init__(self, search: Any, *, metric: str = "loss", mode: str | None = None, every: float = 0.5) -> None:
        if isinstance(search, SearchModel | Trials):
            self.model = search if isinstance(search, SearchModel) else SearchModel.of(search, metric, mode)
            self.reader = None
        else:
            self.model = SearchModel(metric, mode)
            self.reader = JournalReader(search, self.model)
        self.search = self.reader and self.reader.handle
        self._pace, self._lock = Pace(every), threading.RLock()
        self._follower: threading.Thread | None = None
        self._ending = ""  # the trial that was cancelled last, as long as it has not ended
        self._id, self._stored = uuid.uuid4().hex[:12], []
        self._stored_at, self._stored_state = -STORE, ""
        self._make()
        style = widgets.HTML(self._style(), layout={"display": "none"})
        super().__init__([style, self.head, self.controls, self.curves, self.table], f"SearchView({self.model.name})")
        self.update()

    def _make(self) -> None:
        self.head, self.curves = widgets.HTML(), widgets.HTML()
        # The scroll bar belongs to the box, not to its text: it stays where it is when the text changes.
        self.table = widgets.HTML(layout={"max_height": "330px", "overflow": "auto"})
        self.trial = widgets.Dropdown(
            description="Trial", layout={"width": "180px"}, style={"description_width": "initial"}
        )
        self.cancel = widgets.Button(
            description="Cancel this trial",
            layout={"width": "auto"},
            tooltip="End this trial for good; what it has finished is kept",
        )
        self.stop = widgets.Button(
            description="Stop the search",
            layout={"width": "auto"},
            tooltip="End the search; what is finished is kept, and it can be resumed",
        )
        self.message = widgets.HTML()
        buttons = widgets.HBox(
            [self.trial, self.cancel, self.stop], layout={"flex_flow": "row wrap", "overflow": "visible"}
        )
        self.controls = widgets.VBox([buttons, self.message], layout={"overflow": "visible", "min_height": "64px"})
        self.controls.layout.display = None if self.search is not None else "none"
        self.cancel.on_click(lambda _: self._cancel())
        self.stop.on_click(lambda _: self._stop())

    # -- what the buttons do ---------------------------------------------------------------------------------------

    def _cancel(self) -> None:
        try:
            self.search.cancel(self.trial.value)
            self._ending = self.trial.value
            self._say(f"Trial {self._ending} ends when the epoch that it is in has ended.")
        except ValueError as error:
            self._say(str(error), page.RED)

    def _stop(self) -> None:
        self.search.stop()
        self.stop.disabled = self.cancel.disabled = True
        self._say("The search is being stopped …")

    def _say(self, words: str, colour: str = page.MUTED) -> None:
        self.message.value = f'<span role="status" style="color: {colour}">{escape(words)}</span>'

    # -- drawing ---------------------------------------------------------------------------------------------------

    @property
    def spent(self) -> float:
        """Seconds of processor time that following and drawing have taken."""
        return self._pace.spent

    def update(self) -> bool:
        """Take in the news and draw them now; whether there may be more to come."""
        with self._lock, self._pace:
            goes_on = self.reader.poll() if self.reader else self.model.state in ("waiting", "running")
            self._draw()
            self._store(goes_on)
            return goes_on

    def update_if_due(self) -> None:
        """Draw, unless that was done a moment ago."""
        if self._pace.due:
            self.update()

    def _draw(self) -> None:
        model = self.model
        self.head.value = pictures.head(model)
        self.curves.value = pictures.curves(model)
        self.table.value = pictures.table(model)
        if model.num_trials:  # room for all of them from the beginning: what follows does not move
            self.table.layout.min_height = f"{min(330, 30 + 22 * model.num_trials)}px"
        if self.search is not None:
            self._offer(model.unfinished if model.state == "running" else [])
            if model.state in ("complete", "interrupted", "failed"):
                self._say_the_end(model)

    def _offer(self, names: list[str]) -> None:
        """The trials that can be cancelled; the chosen one stays chosen as long as it is there."""
        if list(self.trial.options) != names:
            chosen = self.trial.value
            self.trial.options = names
            self.trial.value = chosen if chosen in names else names[0] if names else None
        if self._ending and self._ending not in names:
            self._say(f"Trial {self._ending}: {self.model.words(self.model.rows[self._ending])}.")
            self._ending = ""
        stopping = self.search.control.stopping
        self.trial.disabled = not names
        self.cancel.disabled = not names or stopping
        self.stop.disabled = stopping or not self.search.running

    def _say_the_end(self, model: SearchModel) -> None:
        if model.state == "interrupted":
            self._say(
                f"Stopped; {model.epochs} finished epochs are kept. Go on with resume=True and "
                f"name={self.search.name!r}."
            )
        else:
            self._say("The search is complete." if model.state == "complete" else "The search failed.")

    # -- following -------------------------------------------------------------------------------------------------

    def follow(self) -> "SearchView":
        """Draw the news as they come, in a thread of its own, until the search ends."""
        if self.reader is not None and (self._follower is None or not self._follower.is_alive()):
            self._follower = threading.Thread(target=self._follow, name=f"view of {self.model.name}", daemon=True)
            self._follower.start()
        return self

    def _follow(self) -> None:
        while self.update():
            while not self._pace.due:
                time.sleep(0.05)

    # -- what a saved notebook keeps ---------------------------------------------------------------------------------

    def _style(self) -> str:
        """The look; and the picture for the saved notebook is not seen as long as the widgets are alive."""
        return f"{pictures.CSS}<style>.{self._key} {{ display: none; }}</style>"

    @property
    def _key(self) -> str:
        return f"hpt-still-{self._id}"

    def _still(self) -> dict[str, str]:
        # In a notebook without its kernel the widgets' place holds only a complaint: the rule hides it.
        rule = f".jp-OutputArea:has(.{self._key}) .jp-OutputArea-output.jupyter-widgets:not(:has(.hpt))"
        still = pictures.still(self.model)
        return {
            "text/html": f'<style>{rule} {{ display: none; }}</style><div class="{self._key}">{still}</div>',
            "text/plain": pictures.text(self.model),
        }

    def _store(self, goes_on: bool) -> None:
        """Bring the picture for the saved notebook up to date: now and then, and when the state changes."""
        now = time.monotonic()
        changed = (self.model.state, goes_on) != self._stored_state
        if self._stored and (changed or now - self._stored_at >= STORE):
            self._stored_at, self._stored_state = now, (self.model.state, goes_on)
            for handle in self._stored:
                handle.update(self._still(), raw=True)

    def _ipython_display_(self, **_: Any) -> None:
        """Show the widgets, and after them what the saved notebook keeps; from now on the view follows the search."""
        display({**self._repr_mimebundle_(), "text/plain": repr(self)}, raw=True)
        with self._lock:
            self._stored.append(display(self._still(), raw=True, display_id=True))
        self.follow()


def watch(search: Any, *, metric: str = "loss", mode: str | None = None) -> Any:
    """Show a search where this runs: a `SearchView` in a notebook, else a `SearchText` that prints its progress."""
    if not in_notebook():
        return SearchText(search, metric=metric, mode=mode).follow()
    view = SearchView(search, metric=metric, mode=mode)
    display(view)
    return view
