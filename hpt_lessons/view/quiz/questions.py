"""Questions: what is asked, what is right, and why is everything else wrong?

A file of questions is TOML. It names its lesson, and each `[[question]]` has an `id`, a `kind`, its `text`, and in
`see` the heading of the lesson where the answer can be read.

- `one`, `several`: a `[[question.choice]]` for each choice, with `text`, `why`, and `right = true` for those to tick.
- `number`: `answer`, `tolerance` (how far off is still right), `why`, perhaps a `unit`, and a `[[question.mistake]]`
  with `value`, `tolerance` and `why` for each wrong number that has a reason; `hint` is for all other wrong numbers.

- `observation`: nothing more; the student writes what a figure shows, and nobody judges it.

A question with `predict = true` belongs before a cell: the answer is kept, and judged when the result is there.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from hpt_lessons.view.look import typed

KINDS = ("one", "several", "number", "observation")
Answer = list[str] | float | int | str


@dataclass(frozen=True)
class Choice:
    """One thing to tick, and why it is right or wrong."""

    text: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Misconception:
    """A wrong number that has a reason."""

    value: float
    why: str
    tolerance: float = 0.0


@dataclass(frozen=True)
class Feedback:
    """What an answer is told: right or not, one sentence, then a reason for each choice that needs one."""

    right: bool
    headline: str
    reasons: tuple[tuple[str, str], ...] = ()
    see: str = ""


@dataclass(frozen=True)
class Question:
    """One question; see the head of this module for its fields."""

    id: str
    kind: str
    text: str
    see: str
    choices: tuple[Choice, ...] = ()
    answer: float | None = None
    tolerance: float = 0.0
    unit: str = ""
    why: str = ""
    hint: str = ""
    mistakes: tuple[Misconception, ...] = ()
    predict: bool = False

    @property
    def in_quiz(self) -> bool:
        """Whether it is one of the questions at the end: no prediction and no observation."""
        return not self.predict and self.kind != "observation"

    @property
    def solution(self) -> Answer:
        """The right answer, in the form in which a student gives it."""
        return self.answer if self.kind == "number" else [choice.text for choice in self.choices if choice.right]

    def in_words(self, answer: Answer) -> str:
        """An answer as a person would say it."""
        if self.kind == "number":
            return f"{answer:g}{self.unit if self.unit == '%' else ' ' + self.unit if self.unit else ''}"
        if self.kind == "observation":
            return answer
        return "; ".join(answer) or "nothing ticked"

    def holds(self, answer: Any) -> bool:
        """Whether something is an answer to this question: its choices may have changed since it was given."""
        if self.kind == "number":
            return isinstance(answer, (int, float)) and not isinstance(answer, bool)
        if self.kind == "observation":
            return isinstance(answer, str) and bool(answer.strip())
        known = [choice.text for choice in self.choices]
        several = self.kind == "several"
        return isinstance(answer, list) and (several or len(answer) == 1) and all(text in known for text in answer)

    def read(self, text: str) -> float | int:
        """The number that was typed, with or without its unit; ValueError that says what to type.

        25 % is 25 where percent are asked for, and 0.25 elsewhere.
        """
        text = text.strip()
        if text.endswith("%") and self.unit != "%":
            return float(f"{typed.number(text[:-1]) / 100:.12g}")
        return typed.number(text.removesuffix(self.unit))


def judge(question: Question, answer: Answer) -> Feedback:
    """Is the answer right, and if not, why not? ValueError if it is no answer to this question.

    A right answer is told the reason of every choice, a wrong one those of the choices that were wrongly taken.
    """
    check_answer(question, answer)
    if question.kind == "number":
        return _judge_number(question, answer)
    wrong = [choice for choice in question.choices if choice.text in answer and not choice.right]
    missing = [choice for choice in question.choices if choice.text not in answer and choice.right]
    if not wrong and not missing:
        return Feedback(True, "Right.", _reasons(question.choices), question.see)
    return Feedback(False, _what_is_wrong(question, wrong, missing), _reasons(wrong), question.see)


def check_answer(question: Question, answer: Any) -> None:
    """ValueError unless this is an answer to this question."""
    if not question.holds(answer):
        raise ValueError(f"question {question.id!r}: {answer!r} is no answer to it; it asks for {_expected(question)}.")


def explain(question: Question) -> Feedback:
    """The answer and all its reasons, for a student who gave up."""
    headline = f"The answer: {question.in_words(question.solution)}."
    if question.kind == "number":
        return Feedback(False, headline, (("", question.why),), question.see)
    return Feedback(False, headline, _reasons(question.choices), question.see)


def _reasons(choices: Iterable[Choice]) -> tuple[tuple[str, str], ...]:
    return tuple((choice.text, choice.why) for choice in choices)


def _what_is_wrong(question: Question, wrong: list[Choice], missing: list[Choice]) -> str:
    if question.kind == "one":
        return "Not quite."
    parts = [f"{len(wrong)} of your ticks {'is' if len(wrong) == 1 else 'are'} wrong"] if wrong else []
    if missing:
        parts.append(f"{len(missing)} right {'one is' if len(missing) == 1 else 'ones are'} not ticked")
    return f"Not quite: {', and '.join(parts)}."


def _judge_number(question: Question, answer: float) -> Feedback:
    if _near(answer, question.answer, question.tolerance):
        return Feedback(True, f"Right: {question.in_words(question.answer)}.", (("", question.why),), question.see)
    for mistake in question.mistakes:
        if _near(answer, mistake.value, mistake.tolerance):
            return Feedback(False, "Not quite.", (("", mistake.why),), question.see)
    size = "too large" if answer > question.answer else "too small"
    reasons = (("", question.hint),) if question.hint else ()
    return Feedback(False, f"Not quite: {question.in_words(answer)} is {size}.", reasons, question.see)


def _near(one: float, other: float, tolerance: float) -> bool:
    return abs(one - other) <= tolerance * (1 + 1e-9) + 1e-12 * abs(other)


def _expected(question: Question) -> str:
    return {
        "one": "a list with one of its choices",
        "several": "a list of its choices",
        "number": "a number",
        "observation": "a text",
    }[question.kind]


# -- the file --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Questions:
    """The questions of one lesson."""

    title: str
    lesson: str
    name: str
    questions: tuple[Question, ...]

    def __iter__(self):
        return iter(self.questions)

    def __len__(self) -> int:
        return len(self.questions)

    def __getitem__(self, id: str) -> Question:
        for question in self.questions:
            if question.id == id:
                return question
        known = ", ".join(repr(question.id) for question in self.questions)
        raise KeyError(f"there is no question {id!r} about {self.lesson}; there are {known}.")


def load(path: str | PathLike) -> Questions:
    """The questions of a TOML file; ValueError that lists everything that is wrong with it."""
    if not isinstance(path, (str, PathLike)):
        raise TypeError(f"questions: {path!r} is a {type(path).__name__}; the path of a .toml file was expected.")
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file of questions {str(path)!r}; give the path of a .toml file.")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: this is no TOML: {error}.") from error
    found = problems(content)
    if found:
        raise ValueError("\n".join(f"{path}: {problem}" for problem in found))
    questions = tuple(_question(entry) for entry in content["question"])
    return Questions(content["title"], content["lesson"], path.stem, questions)


def _question(entry: Mapping[str, Any]) -> Question:
    fields = {key: value for key, value in entry.items() if key not in ("choice", "mistake")}
    choices = tuple(Choice(**choice) for choice in entry.get("choice", ()))
    mistakes = tuple(Misconception(**mistake) for mistake in entry.get("mistake", ()))
    return Question(**fields, choices=choices, mistakes=mistakes)


# The keys of each table: the type of each, and whether it must be there.
_TEXT, _NUMBER, _SWITCH = ("text", (str,)), ("a number", (int, float)), ("true or false", (bool,))
_FILE = {"title": (_TEXT, True), "lesson": (_TEXT, True)}
_COMMON = {
    "id": (_TEXT, True),
    "kind": (_TEXT, True),
    "text": (_TEXT, True),
    "see": (_TEXT, True),
    "predict": (_SWITCH, False),
}
_CHOICE = {"text": (_TEXT, True), "why": (_TEXT, True), "right": (_SWITCH, False)}
_MISTAKE = {"value": (_NUMBER, True), "why": (_TEXT, True), "tolerance": (_NUMBER, False)}
_OF_NUMBER = {
    "answer": (_NUMBER, True),
    "tolerance": (_NUMBER, True),
    "why": (_TEXT, True),
    "unit": (_TEXT, False),
    "hint": (_TEXT, False),
}


def problems(content: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with a file of questions, in sentences; none if it can be asked."""
    found = _wrong_keys({key: value for key, value in content.items() if key != "question"}, _FILE, "the file")
    entries = content.get("question", [])
    if not isinstance(entries, list) or not entries:
        return [*found, "the file: at least one [[question]] was expected."]
    ids = [entry.get("id") for entry in entries]
    found += [f"question {id!r}: the id comes more than once." for id in dict.fromkeys(ids) if ids.count(id) > 1]
    for number, entry in enumerate(entries, start=1):
        found += _question_problems(entry, f"question {entry.get('id', number)!r}")
    return found


def _question_problems(entry: Mapping[str, Any], where: str) -> list[str]:
    kind = entry.get("kind")
    if kind not in KINDS:
        return [f"{where}: kind {kind!r}: one of {', '.join(map(repr, KINDS))} was expected."]
    if kind == "observation":
        found = _wrong_keys(entry, _COMMON, where)
        return [*found, f"{where}: an observation cannot be a prediction."] if entry.get("predict") else found
    if kind == "number":
        plain = {key: value for key, value in entry.items() if key != "mistake"}
        found = _wrong_keys(plain, _COMMON | _OF_NUMBER, where)
        for number, mistake in enumerate(entry.get("mistake", []), start=1):
            found += _wrong_keys(mistake, _MISTAKE, f"{where}, mistake {number}")
        return found or _wrong_numbers(entry, where)
    found = _wrong_keys({key: value for key, value in entry.items() if key != "choice"}, _COMMON, where)
    for number, choice in enumerate(entry.get("choice", []), start=1):
        found += _wrong_keys(choice, _CHOICE, f"{where}, choice {number}")
    return found or _wrong_choices(entry, where)


def _wrong_keys(table: Mapping[str, Any], keys: Mapping, where: str) -> list[str]:
    found = [f"{where}: {key!r} is not known; there are {', '.join(keys)}." for key in table if key not in keys]
    for key, ((name, types), needed) in keys.items():
        value = table.get(key)
        if value is None:
            found += [f"{where}: {key!r} is missing."] if needed else []
        elif not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            found.append(f"{where}: {key!r} is {value!r}; {name} was expected.")
        elif isinstance(value, str) and not value.strip():
            found.append(f"{where}: {key!r} is empty.")
    return found


def _wrong_numbers(entry: Mapping[str, Any], where: str) -> list[str]:
    found = []
    if entry["tolerance"] < 0:
        found.append(f"{where}: the tolerance {entry['tolerance']!r} is below 0.")
    for mistake in entry.get("mistake", []):
        if _near(mistake["value"], entry["answer"], entry["tolerance"]):
            found.append(f"{where}: the mistake {mistake['value']!r} would count as right.")
    return found


def _wrong_choices(entry: Mapping[str, Any], where: str) -> list[str]:
    choices = entry.get("choice", [])
    texts, right = [choice["text"] for choice in choices], sum(choice.get("right", False) for choice in choices)
    found = []
    if len(choices) < 2:
        found.append(f"{where}: at least two choices were expected, not {len(choices)}.")
    if len(set(texts)) < len(texts):
        found.append(f"{where}: two choices have the same text.")
    if right == 0 or (entry["kind"] == "one" and right != 1):
        wanted = "exactly one" if entry["kind"] == "one" else "at least one"
        found.append(f"{where}: {right} choices are right; {wanted} was expected.")
    return found
