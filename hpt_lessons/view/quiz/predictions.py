"""What do you expect, and what do you see? Questions before and after a cell; nobody is graded by them.

A prediction can be changed or skipped until the result was shown beside it. An observation is a text of the student's.
"""

from typing import Any

import ipywidgets as widgets

from hpt_lessons.view.look import page
from hpt_lessons.view.quiz.answers import NO_LONGER, Answers
from hpt_lessons.view.quiz.fields import NumberField, hint, line, make_field
from hpt_lessons.view.quiz.questions import Answer, Question


class Kept(page.Panel):
    """A question whose answer is kept and not judged."""

    def __init__(self, question: Question, answers: Answers, lead: str, keep: str, *more: widgets.Button) -> None:
        self.question, self._answers = question, answers
        self.field = make_field(question, lead)
        self.keep = widgets.Button(description=keep, layout={"width": "auto"})
        self.feedback = widgets.HTML()
        self.field.on_change(self._forget_feedback)
        self.keep.on_click(lambda _: self._keep())
        stop = "" if lead.endswith("?") else "."
        text = widgets.HTML(f"<b>{lead}{stop}</b> {page.inline(question.text)}{hint(question)}")
        row = widgets.HBox([self.keep, *more, self.feedback], layout={"align_items": "center", **page.WRAP})
        super().__init__([text, self.field, row], f"{type(self).__name__}({question.id})")
        self.restore()

    def restore(self) -> None:
        """Show what the file knows of this question."""
        kept = self._answers.last(self.question.id)
        self.field.answer = kept.answer if kept else None
        when = f"Kept on {kept.when[:16].replace('T', ' at ')}." if kept else ""
        self._say(outdated(self.question, self._answers) or when)

    def _say(self, words: str) -> None:
        self.feedback.value = line(self._answers.trouble or words, page.MUTED) if words else ""

    def _forget_feedback(self) -> None:
        """What was said about another answer."""
        self.feedback.value = ""

    def _keep(self) -> None:
        try:
            self._answers.add(self.question, self.field.read())
        except ValueError as error:
            self.feedback.value = line(str(error), page.RED)
            return
        self.restore()


class Observation(Kept):
    """What a figure shows, in the student's own words; can be changed at any time."""

    def __init__(self, question: Question, answers: Answers) -> None:
        super().__init__(question, answers, "What do you see?", "Keep what I wrote")


class Prediction(Kept):
    """A question before a cell: an answer, or a skip, until the result is shown beside it."""

    def __init__(self, question: Question, answers: Answers) -> None:
        self.skip = widgets.Button(description="Skip", tooltip="Go on without a prediction", layout={"width": "auto"})
        self.skip.on_click(lambda _: self._skip())
        super().__init__(question, answers, "Predict", "Keep my prediction", self.skip)
        if isinstance(self.field, NumberField):
            self.field.on_enter(self._keep)

    @property
    def is_open(self) -> bool:
        """Whether it is neither made nor skipped."""
        return self._answers.last(self.question.id) is None and not self._answers.skipped(self.question.id)

    def restore(self) -> None:
        """Show what the file knows of this prediction; once its result was shown it is closed."""
        super().restore()
        closed = self._answers.shown(self.question.id)
        self.field.disable(closed)
        self.keep.disabled = self.skip.disabled = closed
        if closed:
            self._say("You have seen the result.")
        elif not self.is_open:
            done = "Skipped." if self._answers.skipped(self.question.id) else "Kept; you can still change it."
            self._say(f"{done} Now run the next cell.")

    def _keep(self) -> None:
        typed = self.field.text.value if isinstance(self.field, NumberField) else ""
        if typed.strip().lower() == "skip":
            self._skip()
        elif not self.keep.disabled:
            super()._keep()

    def _skip(self) -> None:
        if not self.skip.disabled:
            self._answers.add(self.question, None, skipped=True)
            self.restore()


def outdated(question: Question, answers: Answers) -> str:
    """What a student is told whose last answer the question no longer takes; "" if it does."""
    past = answers.outdated(question.id)
    return f"Your earlier answer, {past}, {NO_LONGER}: it is not counted. Answer once more." if past else ""


def comparison(question: Question, answers: Answers, result: Any) -> widgets.HTML:
    """Prediction and result side by side, and the reason."""
    kept = answers.last(question.id)
    result = question.solution if result is None else [result] if isinstance(result, str) else result
    nothing = (
        "nothing: you skipped it" if answers.skipped(question.id) else "nothing: you ran this before you predicted"
    )
    if past := answers.outdated(question.id):
        nothing = f"{past}, which {NO_LONGER}"
    said = nothing if kept is None else question.in_words(kept.answer)
    verdict, why = _verdict_of(question, kept.answer if kept else None, result)
    cells = "".join(
        f'<div style="color: {page.MUTED}">{name}</div><div>{page.inline(text)}</div>'
        for name, text in (("You predicted", said), ("The result", question.in_words(result)), ("So", verdict))
        if text
    )
    grid = f'<div style="display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px">{cells}</div>'
    box = _Shown(page.CSS + grid + f'<div style="margin-top: 4px">{page.inline(why)}</div>')
    box.add_class("hpt")
    if kept or answers.skipped(question.id):
        answers.add(question, None)  # from now on it cannot be changed
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
