"""The cells of a lesson as a student meets them: under which heading they stand, what they ask, how long they take."""

import ast
import re
import symtable
from typing import NamedTuple

from nbformat import NotebookNode

import prose_numbers
from hpt_lessons.view import WIDGETS
from stored_form import FIGURE, LET_OFF, tags, text_of

HIDDEN = "hide-in-copy"
SECONDS = {"line": 7, "figure": 75, "prediction": 75, "check": 75, "observation": 120, "widget": 360}
WORDS_PER_MINUTE = 100
CHECK = "**Check yourself"
DRAWS = re.compile(r"\bplt\.(?:subplots|figure|show)\(|\bplots\.\w+\(")


class Placed(NamedTuple):
    """A cell, and the heading that it stands under."""

    cell: NotebookNode
    heading: str

    @property
    def is_code(self) -> bool:
        return self.cell.cell_type == "code"

    @property
    def tree(self) -> list[ast.stmt]:
        """The statements of a code cell; none if it is a magic or no Python."""
        try:
            return ast.parse(self.cell.source).body
        except SyntaxError:
            return []

    def asks(self, method: str) -> list[str]:
        """The ids in calls like `quiz.predict("id")`."""
        calls = [node for statement in self.tree for node in ast.walk(statement) if isinstance(node, ast.Call)]
        return [id for call in calls if (id := asked(call, method))]

    def figures(self) -> int:
        """How many pictures it shows; of a live cell nothing is stored, so there its code has to tell."""
        if not self.is_code:
            return len(re.findall(r"!\[[^\]]*\]\(|<img\b", self.cell.source))
        if LET_OFF in tags(self.cell):
            return int(bool(DRAWS.search(self.cell.source)))
        return sum(bool(FIGURE.search(text_of(output))) for output in self.cell.outputs)

    def shows_widget(self) -> bool:
        """Whether a student plays with something below it: a widget, or the quiz."""
        names = {n.id for statement in self.tree for n in ast.walk(statement) if isinstance(n, ast.Name)}
        return bool(names & ({*WIDGETS, "watch"} - {"Quiz"})) or self.cell.source.strip() == "quiz"


class Sizes(NamedTuple):
    """What a lesson measures; `promised` are the minutes in its head, None without any."""

    minutes: float
    promised: int | None
    words: int
    cells: int
    code_cells: int
    numbers: int

    def __str__(self) -> str:
        says = "no minutes in the head" if self.promised is None else f"the head says {self.promised}"
        return (
            f"about {self.minutes:.0f} minutes ({says}), {self.words} words, {self.cells} cells "
            f"({self.code_cells} of code), {self.numbers} numbers in the prose"
        )


def placed(notebook: NotebookNode) -> list[Placed]:
    """All cells with their headings."""
    heading, cells = "the beginning", []
    for cell in notebook.cells:
        headings = re.findall(r"^##? (.*)$", cell.source, flags=re.MULTILINE) if cell.cell_type == "markdown" else []
        heading = headings[-1].strip() if headings else heading
        cells.append(Placed(cell, heading))
    return cells


def sizes(notebook: NotebookNode) -> Sizes:
    """Minutes and counts of what students see."""
    cells = [place for place in placed(notebook) if HIDDEN not in tags(place.cell)]
    texts = [re.sub(r"<!--.*?-->|</?\w[^>]*>", " ", p.cell.source, flags=re.S) for p in cells if not p.is_code]
    code = [place for place in cells if place.is_code]
    times = {
        "line": sum(bool(line.strip()) for place in code for line in place.cell.source.splitlines()),
        "figure": sum(place.figures() for place in cells),
        "prediction": sum(len(place.asks("predict")) for place in code),
        "check": sum(text.count(CHECK) for text in texts),
        "observation": sum(len(place.asks("observe")) for place in code),
        "widget": sum(place.shows_widget() for place in code),
    }
    words = sum(len(text.split()) for text in texts)
    minutes = words / WORDS_PER_MINUTE + sum(SECONDS[what] * number for what, number in times.items()) / 60
    promised = re.search(r"\*\*Time:\*\* about (\d+) minutes", texts[0] if texts else "")
    numbers = prose_numbers.count(notebook)
    return Sizes(minutes, int(promised[1]) if promised else None, words, len(cells), len(code), numbers)


def asked(call: ast.Call, method: str) -> str | None:
    """The id in a call of this method of some object, None if it is another call."""
    if isinstance(call.func, ast.Attribute) and call.func.attr == method and call.args:
        first = call.args[0]
        return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
    return None


def assigned(place: Placed) -> set[str]:
    """The names that a cell makes for those after it."""
    if not place.tree:
        return set()
    symbols = symtable.symtable(place.cell.source, "cell", "exec").get_symbols()
    return {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
