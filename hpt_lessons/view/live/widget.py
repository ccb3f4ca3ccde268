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
SPEAK = 15.0  # seconds between two sentences for those who listen to the page
NOBODY = "choose a trial"


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

    `scope` is the epoch by which trials are compared, "last" or "all" for the best one. A search that was launched here
    has buttons to cancel a trial and to stop it; after a stop the line to go on with stands there. At most every
    `every` seconds the view is drawn, and more rarely where that would cost more than 1 % of the time; `spent` is the
    processor time so far.
    A saved notebook keeps the last state as a picture that needs no kernel. FileNotFoundError if there is no search.
    """

    def __init__(
        self,
        search: Any,
        *,
        metric: str = "loss",
        mode: str | None = None,
        scope: str = "last",
        every: float = 0.5,
    ) -> None:
        if isinstance(search, SearchModel | Trials):
            self.model = search if isinstance(search, SearchModel) else SearchModel.of(search, metric, mode, scope)
            self.reader = None
        else:
            self.model = SearchModel(metric, mode, scope=scope)
            self.reader = JournalReader(search, self.model)
        self.search = self.reader and self.reader.handle
        self._pace, self._lock = Pace(every), threading.RLock()
        self._follower: threading.Thread | None = None
        self._ending = ""  # the trial that was cancelled last, as long as it has not ended
        self._offering = False  # whether the list of trials is being changed here, not by the user
        self._spoken, self._spoken_at = "", -SPEAK
        self._id, self._stored = uuid.uuid4().hex[:12], []
        self._stored_at, self._stored_state = -STORE, ""
        self._make()
        style = widgets.HTML(self._style(), layout={"display": "none"})
        parts = [style, self.head, self.spoken, self.controls, self.curves, self.table]
        super().__init__(parts, f"SearchView({self.model.name})")
        self.update()

    def _make(self) -> None:
        self.head, self.curves, self.spoken, self.message = (widgets.HTML() for _ in range(4))
        self.again = widgets.HTML(layout={"display": "none"})  # the line to go on with
        # The scroll bar belongs to the box, not to its text: it stays where it is when the text changes.
        self.table = widgets.HTML(layout={"max_height": _height(pictures.VISIBLE), "overflow": "auto"})
        self.trial = widgets.Dropdown(
            description="Trial",
            options=[(NOBODY, "")],
            layout={"width": "220px"},
            style={"description_width": "initial"},
        )
        self.cancel = _button("Cancel this trial", "End this trial for good; what it has finished is kept")
        self.stop = _button("Stop the search", "End the search; what is finished is kept, and it can be resumed")
        self.sure = _button("Cancel it all the same", "End what the search is compared with, for good")
        self.sure.layout.visibility = "hidden"
        wrap = {"flex_flow": "row wrap", "overflow": "visible"}
        buttons = widgets.HBox([self.trial, self.cancel, self.stop], layout=wrap)
        said = widgets.HBox([self.message, self.sure], layout={**wrap, "min_height": "32px", "align_items": "center"})
        self.controls = widgets.VBox([buttons, said, self.again], layout={"overflow": "visible"})
        self.controls.layout.display = None if self.search is not None else "none"
        self.trial.observe(self._choose, "value")
        self.cancel.on_click(lambda _: self._cancel())
        self.sure.on_click(lambda _: self._cancel(sure=True))
        self.stop.on_click(lambda _: self._stop())

    # -- what the buttons do ---------------------------------------------------------------------------------------

    def _choose(self, _: Any) -> None:
        """Another trial is chosen: what was said of the one before does not matter any more."""
        if not self._offering:
            self._say("")
            with self._lock:
                self._draw_trials()

    def _cancel(self, sure: bool = False) -> None:
        name = self.trial.value
        if not name:
            self._say("Choose a trial first.", page.RED)
        elif name in self.model.fixed and not sure:
            self._say(f"{name!r} is what the search is compared with.")
            self.sure.layout.visibility = None
        else:
            self._end_trial(name)

    def _end_trial(self, name: str) -> None:
        try:
            self.search.cancel(name)
            self._ending = name
            self._say(f"Trial {name} ends when the epoch that it is in has ended.")
        except ValueError as error:
            self.update()  # first: what is offered was too old
            self._say(str(error), page.RED)

    def _stop(self) -> None:
        self.search.stop()
        self.stop.disabled = self.cancel.disabled = True
        self._say("The search is being stopped …")

    def _say(self, words: str, colour: str = page.MUTED) -> None:
        """Say it beside the buttons; a question that was asked there is over."""
        self.message.value = f'<span role="status" style="color: {colour}">{escape(words)}</span>'
        self.sure.layout.visibility = "hidden"

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
        if model.num_trials:  # room for all of them from the beginning: what follows does not move
            self.table.layout.min_height = _height(min(pictures.VISIBLE, model.num_trials))
        if self.search is not None:
            self._offer(model.unfinished if model.state == "running" else [])
            if model.state in ("complete", "interrupted", "failed"):
                self._say_the_end(model)
        self._draw_trials()
        self._speak()

    def _draw_trials(self) -> None:
        """Curves and table; in both of them the chosen trial can be told from the others."""
        self.curves.value = pictures.curves(self.model, self.trial.value)
        self.table.value = pictures.table(self.model, self.trial.value)

    def _speak(self) -> None:
        """A sentence for those who listen to the page: when the state changes, and now and then how far it is."""
        model, now = self.model, time.monotonic()
        words = f"{pictures.STATES[model.state]}: {pictures.counts(model)}. {pictures.verdict(model)}"
        changed = model.state != self._spoken.partition(":")[0]
        if words != self._spoken and (changed or now - self._spoken_at >= SPEAK):
            self._spoken, self._spoken_at = words, now
            self.spoken.value = f'<div class="hpt-hidden" role="status">{escape(words)}</div>'

    def _offer(self, names: list[str]) -> None:
        """The trials that can be cancelled, none of them chosen; what the search is compared with comes last."""
        names = sorted(names, key=lambda name: name in self.model.fixed)
        options = [(NOBODY, ""), *((name, name) for name in names)]
        if list(self.trial.options) != options:
            self._offering, before = True, self.trial.value
            self.trial.options = options
            self.trial.value = before if before in names else ""
            self._offering = False
            asked = self.sure.layout.visibility != "hidden" and before in names
            if not asked and not self._ending and not self.search.control.stopping:
                self._say("")  # it was said of trials that are not there any more
        if self._ending and self._ending not in names:
            self._say(f"Trial {self._ending}: {self.model.words(self.model.rows[self._ending])}.")
            self._ending = ""
        stopping = self.search.control.stopping
        self.trial.disabled = not names
        self.cancel.disabled = not names or stopping
        self.stop.disabled = stopping or not self.search.running

    def _say_the_end(self, model: SearchModel) -> None:
        if model.state == "interrupted":
            line = getattr(self.search, "again", "")
            self._say(f"Stopped; {model.epochs} finished epochs are kept." + " To go on, run this:" * bool(line))
            self.again.value, self.again.layout.display = line and _to_copy(line), None if line else "none"
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


def _button(words: str, tooltip: str) -> widgets.Button:
    return widgets.Button(description=words, tooltip=tooltip, layout={"width": "auto"})


def _height(rows: int) -> str:
    """Of a table with so many rows below its head, to the pixel: the last one is seen whole."""
    return f"{pictures.ROW * (rows + 1) + 2}px"


def _to_copy(code: str) -> str:
    """Code in a field of its own, which the keyboard reaches and which is marked at once, so that it can be copied."""
    rows = code.count("\n") + 1 + len(code) // 100
    return (
        f'<textarea class="hpt-again" readonly rows="{rows}" spellcheck="false" data-lm-suppress-shortcuts '
        f'aria-label="Code that goes on with the search" onfocus="this.select()">{escape(code)}</textarea>'
    )


def watch(search: Any, *, metric: str = "loss", mode: str | None = None, scope: str = "last") -> Any:
    """Show a search where this runs: a `SearchView` in a notebook, else a `SearchText` that prints its progress."""
    if not in_notebook():
        return SearchText(search, metric=metric, mode=mode, scope=scope).follow()
    view = SearchView(search, metric=metric, mode=mode, scope=scope)
    display(view)
    return view
