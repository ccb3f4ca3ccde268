"""A quiz in a notebook: answer, be told why, go on where you were when the notebook was closed.

The questions are data (`hpt_lessons.view.quiz.questions`), the answers are kept in a small file of the student's
(`hpt_lessons.view.quiz.answers`); here they only get their look.
"""

from collections.abc import Callable
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from hpt_lessons.view.look import page
from hpt_lessons.view.quiz import gate
from hpt_lessons.view.quiz.answers import Answers
from hpt_lessons.view.quiz.fields import hint, line, make_field
from hpt_lessons.view.quiz.predictions import Kept, Observation, Prediction, comparison, outdated
from hpt_lessons.view.quiz.questions import Feedback, Question, Questions, explain, judge, load


class Quiz(page.Panel):
    """The questions of a TOML file, all but predictions and observations, with the score so far.

    `answers` is the file in which the student's answers are kept (by default `studies/answers/` and the name of the
    questions). `predict` asks before a cell, `compare` and `observe` after it; `export` writes the results.
    """

    def __init__(self, questions: str | PathLike | Questions, answers: str | PathLike | None = None) -> None:
        self.questions = questions if isinstance(questions, Questions) else load(questions)
        self.answers = Answers(self.questions, answers)
        asked = [question for question in self.questions if question.in_quiz]
        self.cards = [Card(q, self.answers, number, self._score) for number, q in enumerate(asked, start=1)]
        self.again = widgets.Button(layout={"width": "auto"})
        self.again.on_click(lambda _: self._ask_or_forget())
        self._shown: dict[str, Kept] = {}  # the predictions and observations on the page
        self._head = widgets.HTML()
        noun = "question" if len(asked) == 1 else "questions"
        name = f"Quiz({len(asked)} {noun} on {self.questions.lesson})"
        super().__init__([self._head, *self.cards, self.again], name)
        self._score()

    @property
    def score(self) -> dict[str, int]:
        """How many questions there are, and how many are answered, right, and right at the first try."""
        return self.answers.score()

    def predict(self, id: str) -> Prediction:
        """A question to be answered, or skipped, before the next cell runs; it can be changed until `compare`."""
        prediction = Prediction(self._expect("prediction", id), self.answers)
        self._shown[id] = prediction
        gate.wait_for(f"{self.answers.path} {id}", lambda: prediction.is_open)
        return prediction

    def compare(self, id: str, result: Any = None) -> widgets.HTML:
        """The stored prediction beside the result: what the cell gave, or if left out what the questions' file says."""
        shown = comparison(self._expect("prediction", id), self.answers, result)
        if id in self._shown:
            self._shown[id].restore()
        return shown

    def observe(self, id: Any, *names: Any, **options: Any) -> Any:
        """A text area for what the student sees; the text is kept with the answers.

        A function instead of an id listens to the widget itself, as with every widget.
        """
        if not isinstance(id, str):
            return super().observe(id, *names, **options)
        self._shown[id] = Observation(self._expect("observation", id), self.answers)
        return self._shown[id]

    def export(self, path: str | PathLike) -> Path:
        """Write the results to a .csv or .json file, one row for each question."""
        return self.answers.export(path)

    def forget(self) -> None:
        """Start again: every answer is forgotten, in the file too, and all predictions can be made once more."""
        self.answers.forget()
        gate.start_again()
        for card in self.cards:
            card.restore()
        for kept in self._shown.values():
            kept.restore()
        self._score()

    def _ask_or_forget(self) -> None:
        """The first click asks, the second one forgets."""
        if self.again.button_style:
            self.forget()
        else:
            self.again.description = "Really forget all my answers and predictions? Click again"
            self.again.button_style = "warning"

    def _expect(self, kind: str, id: str) -> Question:
        """The question of this name; ValueError that says what to write if it is of another kind."""
        question = self.questions[id]
        if kind != ("prediction" if question.predict else question.kind):
            line = "`predict = true`" if kind == "prediction" else '`kind = "observation"`'
            raise ValueError(f"question {id!r} is no {kind}: write {line} in its file.")
        return question

    def _score(self) -> None:
        self.again.description, self.again.button_style = "Forget my answers", ""
        score = self.score
        right = f"{score['right']} of {score['questions']} right"
        first = f", {score['first try']} at the first try" if score["right"] else ""
        trouble = f'<div style="color: {page.RED}">{escape(self.answers.trouble)}</div>' if self.answers.trouble else ""
        if gone := len(self.answers.no_longer_asked()):
            what = "1 question that you answered is" if gone == 1 else f"{gone} questions that you answered are"
            trouble += line(f"{what} no longer asked, and not counted.", page.MUTED)
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
        text = widgets.HTML(f"<b>{number}.</b> {page.inline(question.text)}{hint(question)}")
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
        if words := outdated(self.question, self._answers):
            self.feedback.value += line(words, page.MUTED)

    def _forget_feedback(self) -> None:
        """What was said about another answer."""
        self.feedback.value = ""

    def _check(self) -> None:
        try:
            answer = self.field.read()
        except ValueError as error:
            self.feedback.value = line(str(error), page.RED)
            return
        self._answers.add(self.question, answer)
        self.feedback.value = render(judge(self.question, answer))
        self.show.disabled = False
        self._changed()

    def _show(self) -> None:
        self._answers.add(self.question, None)
        self.feedback.value = render(explain(self.question))
        self._changed()


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
