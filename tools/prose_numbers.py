"""Numbers in the prose of a lesson are those of its runs, rounded, or carry a mark that says where they come from.

A number has to occur in a stored output or in the code of its section, which goes from one heading `##` to the next.
Otherwise its paragraph carries a mark, an HTML comment:

    <!-- from: finding asha-cuts -->                  a finding in FINDINGS.md; the number is looked up there
    <!-- from: table cifar-lenet -->                  a recorded table
    <!-- from: Bergstra & Bengio 2012, figure 1 -->   or any other source in words
    <!-- from: arithmetic -->                         it follows from the numbers named

A paragraph that is only a mark belongs to the one before it. Not counted: headings, code, formulas, links, years,
numbers of sections and figures, ordinals, whole numbers below ten, powers, the line of needs and time; the sections
`Exercises`, which asks, and `References`.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode

from stored_form import text_of

PACKAGE = Path(__file__).resolve().parent.parent / "hpt_lessons"
NOT_READ = {"Exercises", "References"}
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!--\s*from:\s*(.*?)\s*-->", re.DOTALL)
PLACE = (
    "section|figure|fig.|lesson|table|equation|chapter|exercise|page|appendix|algorithm|part|version|Python|question"
)
NOT_COUNTED = [
    re.compile(pattern, re.MULTILINE | re.DOTALL | re.IGNORECASE)
    for pattern in (
        r"<!--.*?-->",
        r"(`+).+?\1",
        r"\$\$.+?\$\$|\$(?=\S)[^$\n]*?\S\$(?!\d)",
        r"!?\[[^\]]*\]\([^)]*\)",
        r"https?://\S+",
        r"</?[a-z][^>]*>",
        r"^#+ [^\n]*$",
        r"^[^\n]*\*\*(?:needs|time):\*\*[^\n]*$",
        r"^\s*\d+[.)]\s",
        rf"\b(?:{PLACE})s?\s+\d[\d.]*(?:(?:,| and| to| or|\s?[-–])+\s?\d[\d.]*)*",
        r"\b\d+(?:st|nd|rd|th)\b",
        r"\b95 ?% (?:confidence )?intervals?",
        r"(?<![\d.,])(?:19\d\d|20[0-3]\d)(?![\d,.]\d|\s*(?:%|trials|pictures|searches|seconds|epochs|steps|draws))",
    )
]
NUMBER = re.compile(
    r"(?<![A-Za-z]-)(?<![\w.])(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
    r"([⁰¹²³⁴⁵⁶⁷⁸⁹⁻ⁿ]?)(\s?(?:%|percent|points?))?"
)
FOUND = re.compile(r"(?<![\w.])\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:_\d+)*(?:\.\d*)?(?:e[+-]?\d+)?|(?<!\d)\.\d+")
POWER = re.compile(r"(\d{1,3})\s*\*\*\s*(-?\d{1,2})(?!\d)")


class Quoted(NamedTuple):
    """A number as it stands in the text, with half of its last digit, and whether it may be a percentage."""

    text: str
    value: float
    half: float
    percent: bool

    def is_one_of(self, values: set[float]) -> bool:
        """Whether one of the values, rounded, is this number."""
        near = self.half * (1 + 1e-6) + 1e-12
        return any(
            abs(s * value - self.value) <= near for value in values for s in ((1, 100) if self.percent else (1,))
        )


class Section(NamedTuple):
    """The part of a lesson under one heading: its paragraphs, and the numbers of its code and outputs."""

    heading: str
    paragraphs: list[str]
    values: set[float]


def problems(notebook: NotebookNode) -> Iterator[str]:
    """Numbers that come from nowhere, and marks that lead nowhere."""
    for section in sections(notebook):
        for paragraph in section.paragraphs:
            for problem in _paragraph_problems(paragraph, section.values):
                yield f"{section.heading!r}: {problem}"


def count(notebook: NotebookNode) -> int:
    """How many numbers the prose has."""
    return sum(len(quoted(paragraph)) for section in sections(notebook) for paragraph in section.paragraphs)


def sections(notebook: NotebookNode) -> list[Section]:
    """The sections whose numbers are looked at."""
    found = [Section("the beginning", [], set())]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found[-1].values.update(numbers_in(cell.source, *map(text_of, cell.outputs)))
        for paragraph in _paragraphs(cell.source) if cell.cell_type == "markdown" else ():
            if paragraph.startswith("## "):
                found.append(Section(paragraph.splitlines()[0].strip("# "), [], set()))
            if paragraph.startswith("```"):
                found[-1].values.update(numbers_in(paragraph))
            elif not MARK.sub("", paragraph).strip() and found[-1].paragraphs:
                found[-1].paragraphs[-1] += "\n" + paragraph
            else:
                found[-1].paragraphs.append(paragraph)
    return [section for section in found if section.heading not in NOT_READ]


def _paragraphs(source: str) -> list[str]:
    """Blocks between blank lines; what stands in fences is one block, and so is a heading."""
    blocks: list[str] = []
    for piece in re.split(rf"({FENCE.pattern})", source, flags=FENCE.flags):
        if not piece.startswith("```"):
            piece = re.sub(r"^(#+ .*)$", r"\n\n\1\n\n", piece, flags=re.MULTILINE)
            blocks += re.split(r"\n\s*\n", piece)
        else:
            blocks.append(piece)
    return [block.strip() for block in blocks if block.strip()]


def quoted(paragraph: str) -> list[Quoted]:
    """The numbers of a paragraph that count."""
    for pattern in NOT_COUNTED:
        paragraph = pattern.sub(" ", paragraph)
    found = []
    for text, power, unit in NUMBER.findall(paragraph):
        value, whole = float(text.replace(",", "")), text.isdecimal()
        if not power and not (whole and value < 10):
            found.append(Quoted(text, value, _half_digit(text, value), bool(unit)))
    return found


def _half_digit(text: str, value: float) -> float:
    """Half of the last digit; of a round whole number half of its last digit that is not 0, at most 5 % of it."""
    mantissa, _, exponent = text.replace(",", "").partition("e")
    if "." not in mantissa and not exponent and value >= 100:
        zeros = len(mantissa) - len(mantissa.rstrip("0"))
        return max(0.5, min(0.5 * 10**zeros, 0.05 * value))
    return 0.5 * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


def numbers_in(*texts: str) -> set[float]:
    """All numbers of some code or output, without their signs; powers such as 2**8 too."""
    found: set[float] = set()
    for text in texts:
        text = re.sub(r"</?[a-zA-Z][^>]*>", " ", text)
        found.update(float(number.replace(",", "").replace("_", "")) for number in FOUND.findall(text))
        found.update(float(base) ** int(power) for base, power in POWER.findall(text) if float(base))
    return found


def _paragraph_problems(paragraph: str, values: set[float]) -> Iterator[str]:
    marks = [mark.partition(" ") for mark in MARK.findall(paragraph)]
    looked_up = set(values)
    for kind, _, name in marks:
        if kind == "finding" and name not in findings():
            yield f"there is no finding {name!r}: python -m hpt_lessons.findings prints those that there are"
        elif kind == "finding":
            looked_up |= findings()[name]
        elif kind == "table" and not (PACKAGE / "recorded" / "tables" / f"{name}.md").is_file():
            yield f"there is no recorded table {name!r}: take the name of a card in hpt_lessons/recorded/tables"
    if any(kind != "finding" for kind, _, _ in marks):
        return
    where = "in its finding, output or code" if marks else "in no output or code of its section"
    remedy = "" if marks else ", or add <!-- from: ... --> to its paragraph"
    for number in quoted(paragraph):
        if not number.is_one_of(looked_up):
            words = " ".join(MARK.sub("", paragraph).split())
            nearby = re.search(rf".{{0,30}}(?<![\w.]){re.escape(number.text)}.{{0,15}}", words)
            nearby = nearby[0] if nearby else words[:45]
            yield f"{number.text} ({nearby.strip()!r}) is {'not ' * bool(marks)}{where}: quote what is printed{remedy}"


@cache
def findings() -> dict[str, set[float]]:
    """The numbers of each finding: those of its section in FINDINGS.md."""
    text = (PACKAGE / "findings" / "FINDINGS.md").read_text(encoding="utf-8")
    named = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        for name in re.findall(r"^\$ python -m hpt_lessons\.findings ([\w-]+)$", section, flags=re.MULTILINE):
            named[name] = numbers_in(section)
    return named
