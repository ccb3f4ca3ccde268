"""The form of a lesson: how long it takes, what comes when, and what must not be given away.

`problems` names each breach in one line that says what to change; `sizes` is what a lesson measures. Cells tagged
`hide-in-copy` only prove something to the tests: no student sees them, and they count for nothing.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

import prose_numbers
from hpt_lessons.view.quiz import questions
from lesson_cells import CHECK, HIDDEN, Placed, Sizes, asked, assigned, placed, sizes
from stored_form import LET_OFF, tags, text_of

CELLS, CODE_CELLS, WORDS, COLUMNS, NUMBERS, OBSERVATIONS = 45, 20, (700, 2200), 85, 30, 2
MINUTES = {"lesson": (45, 75), "deeper": (30, 75)}
EXERCISE_MINUTES, LINES_OF_SUMMARY = 30, 5
NEAR = 1 / 4
KINDS = ("lesson", "deeper", "solutions")
CLOSING = {
    "lesson": ("On your own model tomorrow", "Exercises", "Quiz", "Summary", "References"),
    "deeper": ("Summary", "References"),
}
FOLD = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
ANSWER = "<summary>Answer</summary>"
CELL_NUMBER = re.compile(r"\bcells?\s+(?:number\s+)?\d+|\bIn\s?\[\d+\]|\b(?:second|third|fourth|fifth|\d+th) cell\b")


def problems(notebook: NotebookNode, folder: Path, kind: str = "lesson") -> list[str]:
    """Every breach; `folder` is that of the notebook, `kind` is lesson, deeper or solutions."""
    cells = placed(notebook)
    rules = [check_width, check_cell_numbers, check_hidden]
    found = [problem for rule in rules for problem in rule(cells)]
    found += prose_numbers.problems(notebook)
    if kind != "solutions":
        shown = [place for place in cells if HIDDEN not in tags(place.cell)]
        of_lessons = [check_head, check_start, check_folds, check_proofs, check_predictions, check_observations]
        found += [problem for rule in (*of_lessons, check_answers) for problem in rule(shown)]
        found += [*check_sizes(sizes(notebook), kind), *check_end(shown, kind), *check_questions(shown, folder)]
    if kind == "lesson":
        found += check_exercises(shown)
    return found


# -- how long, and what comes when -------------------------------------------------------------------------------------


def check_sizes(size: Sizes, kind: str) -> Iterator[str]:
    """Not too long, and as long as its head says."""
    if size.cells > CELLS or size.code_cells > CODE_CELLS:
        yield f"{size.cells} cells, {size.code_cells} of code: at most {CELLS} and {CODE_CELLS}, move some to deeper/"
    if not WORDS[0] <= size.words <= WORDS[1]:
        yield f"{size.words} words: between {WORDS[0]} and {WORDS[1]} were expected"
    if size.numbers > NUMBERS:
        yield f"{size.numbers} numbers in the prose: at most {NUMBERS}, leave out those that nobody has to remember"
    if size.promised is None:
        return
    least, most = MINUTES[kind]
    if not least <= size.promised <= most:
        yield f"the head says {size.promised} minutes: {least} to {most} were expected, cut or add"
    if abs(size.promised - size.minutes) > NEAR * size.minutes:
        yield f"the head says {size.promised} minutes, the estimate is {size.minutes:.0f}: change one of them"


def check_head(cells: list[Placed]) -> Iterator[str]:
    """The first cell: a question, goals as verbs, needs and time."""
    head = cells[0].cell.source if cells and not cells[0].is_code else ""
    title = head.splitlines()[0] if head else ""
    if not re.match(r"# .*\?$", title.strip()):
        yield f"the title {title!r} is no question: write '# Why ...?' in the first cell"
    if "you can" not in head:
        yield "the first cell names no goals: write 'After this lesson you can ...' with verbs"
    if "**Needs:**" not in head or not re.search(r"\*\*Time:\*\* about \d+ minutes", head):
        yield "the first cell lacks the line '**Needs:** lesson 00. **Time:** about 60 minutes, ...'"


def check_start(cells: list[Placed]) -> Iterator[str]:
    """Something to look at comes early."""
    if not any(p.figures() or (p.is_code and (p.shows_widget() or LET_OFF in tags(p.cell))) for p in cells[:5]):
        yield "no figure and nothing that runs in the first five cells: move one to the beginning"


def check_end(cells: list[Placed], kind: str) -> Iterator[str]:
    """The last sections, in their order, the short ones short."""
    headings = list(dict.fromkeys(place.heading for place in cells))
    wanted = CLOSING[kind]
    there = [heading for heading in headings if heading in wanted]
    if there != list(wanted):
        yield f"the last sections are {', '.join(there) or 'missing'}: they should be {', '.join(wanted)}"
    for heading in {"On your own model tomorrow", "Summary"} & set(there):
        text = "\n".join(place.cell.source for place in cells if place.heading == heading and not place.is_code)
        text = prose_numbers.FENCE.sub("", text[text.index(f"## {heading}") :])
        lines = [line for line in text.splitlines()[1:] if line.strip()]
        if len(lines) > LINES_OF_SUMMARY:
            yield f"{heading!r}: {len(lines)} lines, at most {LINES_OF_SUMMARY} are remembered"


def check_exercises(cells: list[Placed]) -> Iterator[str]:
    """What they ask and how long they take; the work is done in a notebook of its own."""
    text = "\n".join(place.cell.source for place in cells if place.heading == "Exercises")
    minutes = [int(number) for number in re.findall(r"(\d+) minutes", text)]
    if "exercises/" not in text:
        yield "'Exercises': link the notebook, [exercises/NN_name.ipynb](exercises/NN_name.ipynb)"
    if len(minutes) < 2 or "open" not in text.lower():
        yield "'Exercises': two with their minutes ('10 minutes') and one that is open were expected"
    if sum(minutes[:2]) > EXERCISE_MINUTES:
        yield f"'Exercises': {sum(minutes[:2])} minutes for the two to do, at most {EXERCISE_MINUTES}: shorten them"


# -- what is asked -----------------------------------------------------------------------------------------------------


def check_predictions(cells: list[Placed]) -> Iterator[str]:
    """Each is entered, in a cell of its own, and compared later."""
    code = [place for place in cells if place.is_code]
    asked = [(number, id) for number, place in enumerate(code) for id in place.asks("predict")]
    if not asked:
        yield "no prediction is entered: ask one with quiz.predict('id') before the cell that answers it"
    for number, id in asked:
        heading, tree = code[number].heading, code[number].tree
        if len(tree) != 1 or not _is_call(tree[0], "predict"):
            yield f"{heading!r}: put quiz.predict({id!r}) alone into a cell"
        later = [place for place in code[number + 1 :] if id in place.asks("compare")]
        if not later:
            yield f"{heading!r}: quiz.predict({id!r}) is never compared: end a later cell with quiz.compare"
        for place in later:
            if not _is_call(place.tree[-1], "compare"):
                yield f"{place.heading!r}: quiz.compare({id!r}) is not shown: make it the last expression of its cell"
    for place, following in zip(cells, [*cells[1:], None], strict=True):
        entered = following is not None and following.is_code and following.asks("predict")
        if not place.is_code and "**Predict" in place.cell.source and not entered:
            yield f"{place.heading!r}: after '**Predict' comes a cell with quiz.predict('id'), so that it is entered"


def check_observations(cells: list[Placed]) -> Iterator[str]:
    """Few are written."""
    written = [id for place in cells if place.is_code for id in place.asks("observe")]
    if len(written) > OBSERVATIONS:
        yield f"{len(written)} observations are written by the student: at most {OBSERVATIONS}, keep the best"


def check_questions(cells: list[Placed], folder: Path) -> Iterator[str]:
    """What is asked in the notebook stands in the file of questions, and the other way round."""
    code = [place for place in cells if place.is_code]
    files = re.findall(r"\bQuiz\(\s*[\"']([^\"']+)[\"']", "\n".join(place.cell.source for place in code))
    if not files:
        yield "no quiz is opened: quiz = Quiz('quiz/NN.toml') in the cell that sets up"
        return
    try:
        known = questions.load(folder / files[0])
    except (FileNotFoundError, ValueError) as error:
        yield f"its questions cannot be read: {str(error).splitlines()[0]}"
        return
    of_kind = {
        "predict": {question.id for question in known if question.predict},
        "observe": {question.id for question in known if question.kind == "observation"},
    }
    for method, ids in of_kind.items():
        asked = {id for place in code for id in place.asks(method)}
        for id in sorted(asked - ids):
            yield f"quiz.{method}({id!r}): {files[0]} has no such question"
        for id in sorted(ids - asked):
            yield f"{files[0]}: {id!r} is never asked: quiz.{method}({id!r}), or take it out"


def check_answers(cells: list[Placed]) -> Iterator[str]:
    """After each "Check yourself" a fold with the answer."""
    for place, following in zip(cells, [*cells[1:], None], strict=True):
        if not place.is_code and CHECK in place.cell.source:
            text = place.cell.source.partition(CHECK)[2] + (following.cell.source if following else "")
            if ANSWER not in text:
                yield f"{place.heading!r}: fold the answer under 'Check yourself': <details>{ANSWER} ... </details>"


# -- what must not be given away ---------------------------------------------------------------------------------------


def check_folds(cells: list[Placed]) -> Iterator[str]:
    """What we observed is folded, and the folds are whole."""
    for heading, text in ((place.heading, place.cell.source) for place in cells if not place.is_code):
        folds = FOLD.findall(text)
        if not len(folds) == text.count("<details") == text.count("</details>"):
            yield f"{heading!r}: a fold is not whole: <details><summary>...</summary>, text, </details> in one cell"
        if any(not body.startswith("\n\n") for _, body in folds):
            yield f"{heading!r}: leave a blank line after </summary>, or the text below is not formatted"
        if re.search(r"\bWe observe", FOLD.sub("", text)):
            yield f"{heading!r}: fold what we observe: <details><summary>What we observed</summary> ... </details>"


def check_hidden(cells: list[Placed]) -> Iterator[str]:
    """Cells that only prove something are hidden, and no other cell needs them: in the copy they are gone."""
    visible: set[str] = set()
    hidden: set[str] = set()
    for place in (place for place in cells if place.is_code):
        if HIDDEN in tags(place.cell):
            hidden |= assigned(place) - visible
            continue
        used = {n.id for statement in place.tree for n in ast.walk(statement) if isinstance(n, ast.Name)}
        visible |= assigned(place)
        for name in sorted(used & hidden - visible):
            yield f"{place.heading!r}: {name!r} comes from a cell tagged {HIDDEN}, which copies lack: take it out"


def check_proofs(cells: list[Placed]) -> Iterator[str]:
    """What only the tests want to know is not printed to students."""
    for place in (place for place in cells if place.is_code):
        if any(re.search(r": True$", text_of(output), re.MULTILINE) for output in place.cell.outputs):
            yield f"{place.heading!r}: a cell that prints '...: True' only proves something: tag it {HIDDEN}"


def check_cell_numbers(cells: list[Placed]) -> Iterator[str]:
    """Copies have fewer cells: the text refers to headings."""
    for place in cells:
        if not place.is_code and (found := CELL_NUMBER.search(place.cell.source)):
            yield f"{place.heading!r}: {found[0]!r} is another one in a copy: name a heading instead"


def check_width(cells: list[Placed]) -> Iterator[str]:
    """Code fits on a screen that two people share."""
    for place in cells:
        longest = max(map(len, place.cell.source.splitlines()), default=0) if place.is_code else 0
        if longest > COLUMNS:
            yield f"{place.heading!r}: a line of code has {longest} columns, at most {COLUMNS}"


def _is_call(statement: ast.stmt, method: str) -> bool:
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and asked(call, method) is not None
