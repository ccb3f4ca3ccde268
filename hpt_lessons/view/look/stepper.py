"""What explorers share that go step by step: step, play and scrub with the keyboard, words, a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from hpt_lessons.view.look import page

WHOLE = "calc(100% - 4px)"  # of the row: a field has a margin of 2 pixels around it
STEPS = ("To the start", "Back", "Step", "To the end")
BUTTON = {"width": "104px"}
PAUSE = 600  # ms between two steps while it plays


class Stepper(widgets.VBox):
    """A slider from 0 to `last`, and buttons that move it: `slider.value` is the step that is shown."""

    def __init__(self, last: int, value: int, description: str = "Step") -> None:
        self.slider = widgets.IntSlider(
            value,
            0,
            last,
            description=description,
            style={"description_width": "60px"},
            layout={"width": "740px", "max_width": WHOLE},
        )
        self.first, self.back, self.next, self.end = (
            widgets.Button(description=words, layout=BUTTON) for words in STEPS
        )
        self.play = widgets.Button(description="Play", layout=BUTTON)
        # The widget that counts runs in the page; its own buttons have no names, so ours stand in for them.
        self.timer = widgets.Play(
            value=value, min=0, max=last, interval=PAUSE, show_repeat=False, layout={"display": "none"}
        )
        widgets.link((self.timer, "value"), (self.slider, "value"))
        self.timer.observe(self._name_play, "playing")
        self.first.on_click(lambda _: self.go(0))
        self.end.on_click(lambda _: self.go(self.slider.max))
        self.back.on_click(lambda _: self.go(self.slider.value - 1))
        self.next.on_click(lambda _: self.go(self.slider.value + 1))
        self.play.on_click(lambda _: setattr(self.timer, "playing", not self.timer.playing))
        buttons = widgets.HBox([self.first, self.back, self.next, self.play, self.end, self.timer], layout=page.WRAP)
        super().__init__([buttons, self.slider], layout={"overflow": "visible"})

    def go(self, step: int) -> None:
        """Show this step, the first or the last one where there is none; what plays stops."""
        self.timer.playing = False
        self.slider.value = min(max(step, 0), self.slider.max)

    def renew(self, last: int) -> None:
        """Another number of steps: who looked at the end sees the new end, everybody else the start."""
        self.timer.playing = False
        step = last if self.slider.value == self.slider.max else 0
        self.slider.max = self.timer.max = last  # what is beyond it becomes the last
        self.slider.value = step

    def _name_play(self, change: Any) -> None:
        self.play.description = "Pause" if change.new else "Play"


class StepPanel(page.Panel):
    """Settings, a stepper, words and a picture; `show(step)` of a subclass gives the last two as HTML.

    `room` has the most letters of each paragraph of the words (`page.status`).
    """

    room: tuple[int, ...] = ()

    def __init__(self, fields: Sequence[widgets.Widget], last: int, step: int, name: str) -> None:
        self._quiet = False
        self.steps = Stepper(last, min(max(step, 0), last))
        self.words, self.picture = widgets.HTML(), widgets.HTML()
        self.steps.slider.observe(lambda _: self._update(), "value")
        settings = widgets.HBox(list(fields), layout=page.WRAP)
        super().__init__([settings, self.steps, self.words, self.picture, widgets.HTML(page.NAME_SLIDERS)], name)
        self._update()

    @property
    def step(self) -> int:
        """The step that is shown; 0 is the start."""
        return self.steps.slider.value

    @step.setter
    def step(self, step: int) -> None:
        self.steps.go(step)

    def show(self, step: int) -> tuple[str, str]:
        """Words and picture of a step."""
        raise NotImplementedError

    def renew(self, last: int) -> None:
        """After a change of the settings: another number of steps, and all of it shown anew."""
        self._quiet = True
        try:
            self.steps.renew(last)
        finally:
            self._quiet = False
        self._update()

    def _update(self) -> None:
        if self._quiet:
            return
        words, self.picture.value = self.show(self.step)
        self.words.value = page.status(words, *self.room)
