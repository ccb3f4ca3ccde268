"""Cards for a discussion: a question as people ask it, an answer, what it rests on, and marks: `Deck`.

A deck is a TOML file, one for the lessons, for print and for assignments; `python -m hpt_lessons.view.quiz.deck FILE`
prints it as Markdown, with `--questions` the questions alone.
"""

import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

TEXTS = ("id", "question", "answer", "evidence", "from", "lesson", "section")


@dataclass(frozen=True)
class Card:
    """One question. `source` is what the evidence rests on, `lesson` and `section` where it is shown.

    `marks` says for what how many points are given, in the order in which one would look for it.
    """

    id: str
    question: str
    answer: str
    evidence: str
    source: str
    lesson: str
    section: str
    marks: tuple[tuple[int, str], ...]

    @property
    def points(self) -> int:
        """All of the points."""
        return sum(points for points, _ in self.marks)

    def markdown(self, *, folded: bool = True) -> str:
        """The card as text; the answer is `folded` until somebody opens it."""
        marks = [f"- {points} {'point' if points == 1 else 'points'}: {what}" for points, what in self.marks]
        lines = [
            f"**What one would answer.** {self.answer}",
            f"**What it rests on.** {self.evidence} ({self.source})",
            f"**Seen in** [{self.section}]({self.lesson}).",
            "\n".join(["**Marks.**", "", *marks]),
        ]
        body = "\n\n".join(lines)
        if folded:
            body = f"<details><summary>An answer, and what it rests on</summary>\n\n{body}\n\n</details>"
        return f"> **{self.question}**\n\n{body}\n"

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def __repr__(self) -> str:
        return f"Card({self.id}: {self.question})"


class Deck(Sequence[Card]):
    """The cards of a file; `deck["one-only"]` is one of them, and shows itself at the end of a cell.

    ValueError that lists everything that is wrong with the file, FileNotFoundError where there is none.
    """

    def __init__(self, path: str | PathLike) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"there is no deck {str(path)!r}; give the path of a .toml file.")
        try:
            content = tomllib.loads(self.path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: this is no TOML: {error}.") from error
        found = list(problems(content))
        if found:
            raise ValueError("\n".join(f"{path}: {problem}" for problem in found))
        self._cards = {entry["id"]: _card(entry) for entry in content["card"]}

    def __len__(self) -> int:
        return len(self._cards)

    def __iter__(self) -> Iterator[Card]:
        return iter(self._cards.values())

    def __getitem__(self, which: Any) -> Any:
        if not isinstance(which, str):
            return list(self)[which]
        if which not in self._cards:
            raise KeyError(f"there is no card {which!r}; there are {', '.join(map(repr, self._cards))}.")
        return self._cards[which]

    def markdown(self, *, answers: bool = True) -> str:
        """All cards for print, numbered; without `answers` for those who are to give them."""
        texts = []
        for number, card in enumerate(self, 1):
            body = card.markdown(folded=False) if answers else f"> **{card.question}** ({card.points} points)\n"
            texts.append(f"## {number}\n\n{body}")
        return "\n".join(texts)

    def __repr__(self) -> str:
        return f"Deck({len(self)} cards of {self.path.name})"


def problems(content: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the content of a deck, a sentence each."""
    entries = content.get("card")
    if not isinstance(entries, list) or not entries:
        yield "no [[card]] was found; give at least one."
        return
    known: set[str] = set()
    for place, entry in enumerate(entries, 1):
        name = f"card {entry.get('id', place)!r}" if isinstance(entry, Mapping) else f"card {place}"
        if not isinstance(entry, Mapping):
            yield f"{name} is a {type(entry).__name__}; a table [[card]] was expected."
            continue
        for key in (*TEXTS, "marks"):
            if key not in entry:
                yield f"{name}: {key!r} is missing."
        for key in set(TEXTS) & set(entry):
            if not isinstance(entry[key], str) or not entry[key].strip():
                yield f"{name}: {key}={entry[key]!r:.60}; a text was expected."
        yield from (f"{name}: {key!r} is not known." for key in entry if key not in (*TEXTS, "marks"))
        if "marks" in entry and not _are_marks(entry["marks"]):
            yield f"{name}: marks={entry['marks']!r:.60}; a list such as [[2, 'names the learning rate']] was expected."
        if entry.get("id") in known:
            yield f"{name} is there twice; give each card an id of its own."
        known.add(str(entry.get("id")))


def _are_marks(marks: Any) -> bool:
    return (
        isinstance(marks, list)
        and bool(marks)
        and all(
            isinstance(one, list)
            and len(one) == 2
            and isinstance(one[0], int)
            and not isinstance(one[0], bool)
            and one[0] > 0
            and isinstance(one[1], str)
            for one in marks
        )
    )


def _card(entry: Mapping[str, Any]) -> Card:
    texts = {key: entry[key] for key in TEXTS if key != "from"}
    return Card(**texts, source=entry["from"], marks=tuple((points, what) for points, what in entry["marks"]))


def main(arguments: Sequence[str]) -> int:
    """Print a deck; 0 unless it cannot be read."""
    files = [one for one in arguments if one != "--questions"]
    if len(files) != 1:
        print("usage: python -m hpt_lessons.view.quiz.deck FILE [--questions]", file=sys.stderr)
        return 2
    try:
        print(Deck(files[0]).markdown(answers="--questions" not in arguments))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
