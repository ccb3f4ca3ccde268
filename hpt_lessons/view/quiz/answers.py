"""What has the student answered so far? A small file, so that a closed notebook goes on where it was.

JSON, one file for each lesson: for each question the tries in their order, each with the answer and when it was given.
Whether one was right is not kept: it is judged by the questions as they are now, which a teacher may have corrected.
Choices are kept by their text, so that a question may get new ones. Nothing leaves the machine.
"""

import contextlib
import csv
import itertools
import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hpt_lessons.files import DataError, make_folder, write_json
from hpt_lessons.view.quiz.questions import Answer, Question, Questions, check_answer, judge

NO_LONGER = "is no answer to the question as it is now"


@dataclass(frozen=True)
class Try:
    """One answer; None for a prediction that was skipped, and for a look at the solution.

    Of a prediction that look is the comparison with the result.
    """

    answer: Answer | None
    when: str
    skipped: bool = False


def answers_file(name: str) -> Path:
    """Where the answers to the questions of this name are kept: beside the studies, see HPT_LESSONS_STUDIES."""
    return Path(os.environ.get("HPT_LESSONS_STUDIES") or "studies").resolve() / "answers" / f"{name}.json"


class Answers:
    """The tries of one student at the questions of one lesson, kept in a file.

    A file that cannot be read is put aside, not overwritten; one that cannot be written does not stop the quiz.
    `trouble` says in a sentence what happened, "" if nothing did.
    """

    def __init__(
        self, questions: Questions, path: str | os.PathLike | None = None, clock: Callable[[], datetime] = datetime.now
    ) -> None:
        self.questions = questions
        self.path = Path(path) if path is not None else answers_file(questions.name)
        self.trouble = ""
        self._clock = clock
        self._tries = self._read()

    def tries(self, id: str) -> tuple[Try, ...]:
        """The tries at a question, the oldest first; those that the question no longer allows are left out."""
        question = self.questions[id]
        return tuple(t for t in self._tries.get(id, ()) if t.answer is None or question.holds(t.answer))

    def last(self, id: str) -> Try | None:
        """The last answer that was given, not counting a look at the solution; None if it was skipped since."""
        given = [t for t in self.tries(id) if t.answer is not None or t.skipped]
        return given[-1] if given and not given[-1].skipped else None

    def skipped(self, id: str) -> bool:
        """Whether a prediction was skipped, and not made since."""
        return self.last(id) is None and any(t.skipped for t in self.tries(id))

    def shown(self, id: str) -> bool:
        """Whether the student has looked at the solution, or seen the result beside the prediction."""
        return any(t.answer is None and not t.skipped for t in self.tries(id))

    def solved(self, id: str) -> bool:
        """Whether an answer that is right by the key of today was given before the solution was looked at."""
        before = itertools.takewhile(lambda t: t.answer is not None, self.tries(id))
        return any(_is_right(self.questions[id], t) for t in before)

    def solved_at_once(self, id: str) -> bool:
        """Whether the first answer was right; one that was given after a look at the solution is none."""
        return _is_right(self.questions[id], next(iter(self.tries(id)), None))

    def outdated(self, id: str) -> str:
        """The last answer in words, if the question as it is now does not take it; else ""."""
        given = [t for t in self._tries.get(id, ()) if t.answer is not None or t.skipped]
        if not given or given[-1].skipped or self.questions[id].holds(given[-1].answer):
            return ""
        return _in_words(given[-1].answer)

    def no_longer_asked(self) -> list[str]:
        """The questions that were answered once and are not among the questions now."""
        asked = {question.id for question in self.questions}
        return [id for id, tries in self._tries.items() if id not in asked and any(t.answer is not None for t in tries)]

    def add(self, question: Question, answer: Answer | None, skipped: bool = False) -> Try:
        """Keep an answer; None stands for a look at the solution, or a skip. ValueError if it is no answer.

        A prediction stays as it was when the result was shown. What another notebook wrote meanwhile is kept too.
        """
        if answer is not None:
            check_answer(question, answer)
        self._tries = self._read()
        if question.predict and self.shown(question.id):
            return self.tries(question.id)[-1]
        one = Try(answer, self._clock().isoformat(timespec="seconds"), skipped)
        self._tries.setdefault(question.id, []).append(one)
        self._write()
        return one

    def forget(self) -> None:
        """Start again: all answers are gone, in the file too."""
        self._tries = {}
        self._write()

    def score(self) -> dict[str, int]:
        """Counts over the questions of the quiz: questions, answered, right, right at the first try."""
        asked = [question.id for question in self.questions if question.in_quiz]
        return {
            "questions": len(asked),
            "answered": sum(self.last(id) is not None for id in asked),
            "right": sum(self.solved(id) for id in asked),
            "first try": sum(self.solved_at_once(id) for id in asked),
        }

    def records(self) -> list[dict[str, Any]]:
        """A row for each question: the last answer in words, whether it was solved, tries, times.

        Of an observation nothing is right or wrong; a prediction that was skipped has the answer "skipped". What the
        questions no longer take, or no longer ask, is in the `note`, and nothing of it counts.
        """
        return [*map(self._row, self.questions), *map(self._row_of_the_past, self.no_longer_asked())]

    def _row(self, question: Question) -> dict[str, Any]:
        id = question.id
        given, last = [t for t in self.tries(id) if t.answer is not None], self.last(id)
        right, at_once = self.solved(id), self.solved_at_once(id)
        if not question.in_quiz:
            right, at_once = _verdict(question, last), _verdict(question, given[0] if given else None)
        none = "skipped" if self.skipped(id) else ""
        return {
            "lesson": self.questions.lesson,
            "question": id,
            "kind": "prediction" if question.predict else question.kind,
            "answer": none if last is None else question.in_words(last.answer),
            "right": right,
            "first_try_right": at_once,
            "tries": len(given),
            "solution_shown": self.shown(id),
            "first": given[0].when if given else "",
            "last": given[-1].when if given else "",
            "note": f"the answer {self.outdated(id)!r} {NO_LONGER}" if self.outdated(id) else "",
        }

    def _row_of_the_past(self, id: str) -> dict[str, Any]:
        given = [t for t in self._tries[id] if t.answer is not None]
        return {
            "lesson": self.questions.lesson,
            "question": id,
            "kind": "",
            "answer": _in_words(given[-1].answer),
            "right": None,
            "first_try_right": None,
            "tries": len(given),
            "solution_shown": any(t.answer is None and not t.skipped for t in self._tries[id]),
            "first": given[0].when,
            "last": given[-1].when,
            "note": "the question is no longer asked",
        }

    def export(self, path: str | os.PathLike) -> Path:
        """Write `records()`: as comma-separated values if the name ends in .csv, as JSON if in .json."""
        path = Path(path)
        rows = self.records()
        if path.suffix == ".csv":
            with open(path, "w", newline="", encoding="utf-8") as file:
                table = csv.DictWriter(file, fieldnames=list(rows[0]))
                table.writeheader()
                table.writerows([{key: _harmless(value) for key, value in row.items()} for row in rows])
        elif path.suffix == ".json":
            path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        else:
            raise ValueError(f"{str(path)!r}: a name that ends in .csv or .json was expected.")
        return path

    def _read(self) -> dict[str, list[Try]]:
        """The file's content; nothing if there is none, and nothing but a file put aside if it cannot be read."""
        if not self.path.exists():
            return getattr(self, "_tries", {})  # a file that could not be written: what is in memory counts
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            return {id: [_try(**entry) for entry in entries] for id, entries in content["answers"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            aside = _free(self.path.with_name(f"{self.path.name}.unreadable"))
            with contextlib.suppress(OSError):
                os.replace(self.path, aside)
            self.trouble = f"Your earlier answers could not be read; they are kept as {aside.name}. You start again."
            return {}

    def _write(self) -> None:
        content = {
            "lesson": self.questions.lesson,
            "answers": {id: [asdict(t) for t in tries] for id, tries in self._tries.items()},
        }
        try:
            write_json(make_folder(self.path.parent) / self.path.name, content)
        except (DataError, OSError) as error:
            cause: Any = error.__cause__ or error  # a DataError has the OSError for its cause
            why = f"Your answers cannot be kept in {self.path} ({cause.strerror})"
            self.trouble = f"{why}: they last as long as this kernel."


def _free(path: Path) -> Path:
    """The path, or with a number after it the first one that is not taken."""
    numbered = (path.with_name(f"{path.name}-{number}") for number in itertools.count(2))
    return next(free for free in itertools.chain([path], numbered) if not free.exists())


def _try(*, answer: Any, when: str, skipped: bool = False, right: Any = None) -> Try:
    """An entry of the file; in older ones stands whether the answer was `right` when it was given."""
    return Try(answer, when, skipped)


def _verdict(question: Question, given: Try | None) -> bool | None:
    return None if question.kind == "observation" else _is_right(question, given)


def _is_right(question: Question, given: Try | None) -> bool:
    return given is not None and given.answer is not None and judge(question, given.answer).right


def _in_words(answer: Any) -> str:
    """An answer whose question is not known."""
    return "; ".join(map(str, answer)) if isinstance(answer, list) else str(answer)


def _harmless(value: Any) -> Any:
    """A cell that a spreadsheet takes as text: one that begins with = would be computed."""
    return f"'{value}" if isinstance(value, str) and re.match(r"[=+@]|-\D", value) else value
