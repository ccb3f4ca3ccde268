"""A quiz in a notebook: answer, be told why, go on where you were when the notebook was closed.

The questions are data (`hpt_lessons.view.quiz.questions`), the answers are kept in a small file of the student's
(`hpt_lessons.view.quiz.answers`); here they only get their look.
"""

import asyncio
from collections.abc import Callable
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from hpt_lessons.view.look import page
from hpt_lessons.view.quiz.answers import Answers
from hpt_lessons.view.quiz.questions import Answer, Feedback, Question, Questions, explain, judge, load


class Quiz(page.Panel):
    """The questions of a TOML file, all but the predictions, with the score so far.

    `answers` is the file in which the student's answers are kept (by default `studies/answers/` and the name of the
    questions). `predict` and `compare` ask before a cell and answer after it; `export` writes the results.
    """

    def __init__(self, questions: str | PathLike | Questions, answers: str | PathLike | None = None) -> None:
        self.questions = questions if isinstance(questions, Questions) else load(questions)
        self.answers = Answers(self.questions, answers)
        asked = [question for question in self.questions if not question.predict]
        self.cards = [Card(q, self.answers, number, self._score) for number, q in enumerate(asked, start=1)]
        self._head = widgets.HTML()
        noun = "question" if len(asked) == 1 else "questions"
        super().__init__([self._head, *self.cards], f"Quiz({len(asked)} {noun} on {self.questions.lesson})")
        self._score()

    @property
    def score(self) -> dict[str, int]:
        """How many questions there are, and how many are answered, right, and right at the first try."""
        return self.answers.score()

    def predict(self, id: str) -> "Prediction":
        """A question to be answered before a cell is run; its first answer is kept."""
        return Prediction(_prediction(self.questions[id]), self.answers)

    def compare(self, id: str, result: Any = None) -> widgets.HTML:
        """The stored prediction beside the result: what the cell gave, or if left out what the questions' file says."""
        return _comparison(_prediction(self.questions[id]), self.answers, result)

    def export(self, path: str | PathLike) -> Path:
        """Write the results to a .csv or .json file, one row for each question."""
        return self.answers.export(path)

    def forget(self) -> None:
        """Start again: every answer is forgotten, in the file too."""
        self.answers.forget()
        for card in self.cards:
            card.restore()
        self._score()

    def _score(self) -> None:
        score = self.score
        right = f"{score['right']} of {score['questions']} right"
        first = f", {score['first try']} at the first try" if score["right"] else ""
        trouble = f'<div style="color: {page.RED}">{escape(self.answers.trouble)}</div>' if self.answers.trouble else ""
        self._head.value = (
            f'<div style="display: flex; justify-content: space-between; gap: 16px; font-weight: 600; '
            f'border-bottom: 2px solid {page.LINE}; padding: 4px 0"><span>{page.inline(self.questions.title)}</span>'
            f'<span style="white-space: nowrap" role="status">{right}{first}</span></div>{trouble}'
        )


class Card(widgets.VBox):
    """One question with its buttons and what is said about the answer."""

    def __init__(self, question: Question, answers: Answers, number: int, changed: Callable[[], None]) -> None:
        self.question, self._answers, self._changed = question, answers, changed
        self.field = make_field(question, f"Question {number}")
        self.field.on_change(self._forget_feedback)
        if question.kind == "number":
            self.field.on_enter(self._check)
        self.check = widgets.Button(description="Check", tooltip=f"Check your answer to question {number}")
        self.show = widgets.Button(description="Show the answer", tooltip=f"Show the answer to question {number}")
        self.feedback = widgets.HTML()
        self.check.on_click(lambda _: self._check())
        self.show.on_click(lambda _: self._show())
        text = widgets.HTML(f"<b>{number}.</b> {page.inline(question.text)}{_hint(question)}")
        buttons = widgets.HBox([self.check, self.show])
        super().__init__([text, self.field, buttons, self.feedback], layout={"margin": "10px 0 14px"})
        self.restore()

    def restore(self) -> None:
        """Show what the file knows of this question."""
        last = self._answers.last(self.question.id)
        self.field.answer = last.answer if last else None
        self.show.disabled = last is None
        self.feedback.value = ""
        if self._answers.shown(self.question.id):
            self.feedback.value = render(explain(self.question))
        elif last is not None:
            self.feedback.value = render(judge(self.question, last.answer))

    def _forget_feedback(self) -> None:
        """What was said about another answer."""
        self.feedback.value = ""

    def _check(self) -> None:
        try:
            answer = self.field.read()
        except ValueError as error:
            self.feedback.value = _line(str(error), page.RED)
            return
        self._answers.add(self.question, answer)
        self.feedback.value = render(judge(self.question, answer))
        self.show.disabled = False
        self._changed()

    def _show(self) -> None:
        self._answers.add(self.question, None)
        self.feedback.value = render(explain(self.question))
        self._changed()


class Prediction(page.Panel):
    """A question before a cell: the first answer is kept, and not judged yet."""

    def __init__(self, question: Question, answers: Answers) -> None:
        self.question, self._answers = question, answers
        self.field = make_field(question, "Prediction")
        self.keep = widgets.Button(description="Keep my prediction", layout={"width": "auto"})
        self.feedback = widgets.HTML()
        self.field.on_change(self._forget_feedback)
        if question.kind == "number":
            self.field.on_enter(self._keep)
        self.keep.on_click(lambda _: self._keep())
        text = widgets.HTML(f"<b>Predict.</b> {page.inline(question.text)}{_hint(question)}")
        row = widgets.HBox([self.keep, self.feedback], layout={"align_items": "center"})
        super().__init__([text, self.field, row], f"Prediction({question.id})")
        self._restore()

    def _forget_feedback(self) -> None:
        """What was said about another answer."""
        self.feedback.value = ""

    def _keep(self) -> None:
        if self.keep.disabled:
            return
        try:
            self._answers.add(self.question, self.field.read())
        except ValueError as error:
            self.feedback.value = _line(str(error), page.RED)
            return
        self._restore()

    def _restore(self) -> None:
        kept = self._answers.last(self.question.id)
        if kept is not None:
            self.field.answer = kept.answer
            self.field.disable()
            self.keep.disabled = True
            words = f"Kept on {kept.when[:16].replace('T', ' at ')}. Now run the next cell."
            self.feedback.value = _line(self._answers.trouble or words, page.MUTED)


# -- fields: one for each kind of question ---------------------------------------------------------------------------


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

    def disable(self) -> None:
        self.disabled = True


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

    def disable(self) -> None:
        for box in self.boxes.values():
            box.disabled = True


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

    def disable(self) -> None:
        self.text.disabled = True


def _soon(act: Callable[[], None]) -> None:
    try:
        asyncio.get_running_loop().call_later(0.1, act)
    except RuntimeError:
        act()


def make_field(question: Question, label: str) -> OneField | SeveralField | NumberField:
    """The field in which a question of this kind is answered."""
    return {"one": OneField, "several": SeveralField, "number": NumberField}[question.kind](question, label)


# -- what is said ----------------------------------------------------------------------------------------------------


def render(feedback: Feedback) -> str:
    """HTML of a feedback: told by its words and a sign, not by colour alone."""
    colour, sign = (page.GREEN, "✓") if feedback.right else (page.RED, "✗")
    if feedback.headline.startswith("The answer"):
        colour, sign = page.TEXT, "→"
    lines = "".join(
        f'<p style="margin: 3px 0">{f"<b>{page.inline(choice)}</b>: " if choice else ""}{page.inline(why)}</p>'
        for choice, why in feedback.reasons
    )
    see = f'<div style="color: {page.MUTED}">In the lesson: “{page.inline(feedback.see)}”</div>' if feedback.see else ""
    head = f'<div style="color: {colour}; font-weight: 600">{sign} {page.inline(feedback.headline)}</div>'
    bar = f"border-left: 3px solid {colour}; padding: 2px 0 2px 12px"
    return f'<div role="status" style="{bar}">{head}{lines}{see}</div>'


def _line(text: str, colour: str) -> str:
    return f'<div role="status" style="color: {colour}">{escape(text)}</div>'


def _hint(question: Question) -> str:
    return f' <span style="color: {page.MUTED}">(one or several)</span>' if question.kind == "several" else ""


def _prediction(question: Question) -> Question:
    if not question.predict:
        raise ValueError(f"question {question.id!r} is no prediction: write `predict = true` in its file.")
    return question


def _comparison(question: Question, answers: Answers, result: Any) -> widgets.HTML:
    """Prediction and result side by side, and the reason."""
    kept = answers.last(question.id)
    result = question.solution if result is None else [result] if isinstance(result, str) else result
    said = "nothing: you ran this before you predicted" if kept is None else question.in_words(kept.answer)
    verdict, why = _verdict_of(question, kept.answer if kept else None, result)
    cells = "".join(
        f'<div style="color: {page.MUTED}">{name}</div><div>{page.inline(text)}</div>'
        for name, text in (("You predicted", said), ("The result", question.in_words(result)), ("So", verdict))
        if text
    )
    grid = f'<div style="display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px">{cells}</div>'
    box = _Shown(page.CSS + grid + f'<div style="margin-top: 4px">{page.inline(why)}</div>')
    box.add_class("hpt")
    return box


def _verdict_of(question: Question, answer: Answer | None, result: Any) -> tuple[str, str]:
    """One sentence on the prediction, and why the result is as it is."""
    if question.kind == "number":
        if answer is None:
            return "", question.why
        near = abs(answer - result) <= question.tolerance * (1 + 1e-9)
        off = question.in_words(abs(answer - result))
        return "you were right." if near else f"you were off by {off}.", question.why
    why = " ".join(choice.why for choice in question.choices if choice.text in result)
    if answer is None:
        return "", why
    return ("you were right." if sorted(answer) == sorted(result) else "it came out differently."), why


class _Shown(widgets.HTML):
    """HTML with a short repr."""

    def __repr__(self) -> str:
        return "Comparison"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        return {**super()._repr_mimebundle_(**options), "text/plain": repr(self)}
