"""Where an answer is given: one field for each kind of question, and the line that is said beside it."""

import asyncio
from collections.abc import Callable
from html import escape

import ipywidgets as widgets

from hpt_lessons.view.look import page
from hpt_lessons.view.quiz.questions import Answer, Question


class OneField(widgets.RadioButtons):
    """One of the choices."""

    def __init__(self, question: Question, label: str) -> None:
        pairs = [(page.plain(choice.text), choice.text) for choice in question.choices]
        super().__init__(options=pairs, value=None, description=label, layout={"width": "auto"})
        self.add_class("hpt-unlabelled")

    def read(self) -> Answer:
        """The choice that is ticked, in a list."""
        if self.value is None:
            raise ValueError("Choose one of the answers first.")
        return [self.value]

    @property
    def answer(self) -> Answer | None:
        return None if self.value is None else [self.value]

    @answer.setter
    def answer(self, answer: Answer | None) -> None:
        self.value = answer[0] if answer else None

    def on_change(self, listener: Callable[[], None]) -> None:
        self.observe(lambda _: listener(), "value")

    def disable(self, disabled: bool) -> None:
        self.disabled = disabled


class SeveralField(widgets.VBox):
    """Any number of the choices."""

    def __init__(self, question: Question, label: str) -> None:
        self.boxes = {
            choice.text: widgets.Checkbox(
                description=page.inline(choice.text),
                description_allow_html=True,
                indent=False,
                layout={"width": "auto"},
            )
            for choice in question.choices
        }
        super().__init__(list(self.boxes.values()))

    def read(self) -> Answer:
        """The choices that are ticked."""
        answer = [text for text, box in self.boxes.items() if box.value]
        if not answer:
            raise ValueError("Tick at least one of the answers first.")
        return answer

    @property
    def answer(self) -> Answer | None:
        return [text for text, box in self.boxes.items() if box.value]

    @answer.setter
    def answer(self, answer: Answer | None) -> None:
        for text, box in self.boxes.items():
            box.value = text in (answer or [])

    def on_change(self, listener: Callable[[], None]) -> None:
        for box in self.boxes.values():
            box.observe(lambda _: listener(), "value")

    def disable(self, disabled: bool) -> None:
        for box in self.boxes.values():
            box.disabled = disabled


class NumberField(widgets.HBox):
    """A number, typed."""

    def __init__(self, question: Question, label: str) -> None:
        self.question = question
        name = f"{label}, {question.unit}" if question.unit else label
        self.text = widgets.Text(description=name, placeholder="a number", layout={"width": "150px"})
        self.text.add_class("hpt-unlabelled")
        super().__init__([self.text, widgets.HTML(escape(question.unit))], layout={"align_items": "center"})

    def read(self) -> Answer:
        """The number; ValueError that says what to type."""
        return self.question.read(self.text.value)

    @property
    def answer(self) -> Answer | None:
        try:
            return self.read()
        except ValueError:
            return None

    @answer.setter
    def answer(self, answer: Answer | None) -> None:
        self.text.value = "" if answer is None else f"{answer:.12g}"

    def on_change(self, listener: Callable[[], None]) -> None:
        self.text.observe(lambda _: listener(), "value")

    def on_enter(self, listener: Callable[[], None]) -> None:
        """Enter in the field; the last letters may reach us after it, so they are given a moment."""
        self.text.on_msg(lambda _, message, __: _soon(listener) if message.get("event") == "submit" else None)

    def disable(self, disabled: bool) -> None:
        self.text.disabled = disabled


class TextField(widgets.Textarea):
    """A few sentences, typed."""

    def __init__(self, question: Question, label: str) -> None:
        super().__init__(description=label, placeholder="what I see", rows=3, layout={"width": "auto"})
        self.add_class("hpt-unlabelled")

    def read(self) -> Answer:
        """What was written; ValueError if that is nothing."""
        if not self.value.strip():
            raise ValueError("Write a sentence first.")
        return self.value.strip()

    @property
    def answer(self) -> Answer | None:
        return self.value.strip() or None

    @answer.setter
    def answer(self, answer: Answer | None) -> None:
        self.value = answer or ""

    def on_change(self, listener: Callable[[], None]) -> None:
        self.observe(lambda _: listener(), "value")


def _soon(act: Callable[[], None]) -> None:
    try:
        asyncio.get_running_loop().call_later(0.1, act)
    except RuntimeError:
        act()


Field = OneField | SeveralField | NumberField | TextField
FIELDS: dict[str, type[Field]] = {
    "one": OneField,
    "several": SeveralField,
    "number": NumberField,
    "observation": TextField,
}


def make_field(question: Question, label: str) -> Field:
    """The field in which a question of this kind is answered."""
    return FIELDS[question.kind](question, label)


def line(text: str, colour: str) -> str:
    """HTML of one line, read aloud when it changes."""
    return f'<div role="status" style="color: {colour}">{escape(text)}</div>'


def hint(question: Question) -> str:
    """HTML that says when more than one choice may be ticked."""
    return f' <span style="color: {page.MUTED}">(one or several)</span>' if question.kind == "several" else ""
