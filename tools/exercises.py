"""Exercise notebooks, made from the notebooks with the solutions: `notebooks/solutions/NN_name_solutions.ipynb`.

The tags of the solutions' cells say what becomes of them in `notebooks/exercises/NN_name.ipynb`:

- `solution` (code): imports, signatures and docstrings stay; each body, and the value of each name, becomes `...`.
- `answer` (text or code) and `hide-in-copy`: left out. Cells that need what a solution gives are answers, too.
- `check`, and without a tag: stays as it is.

In the title "Solutions" becomes "Exercises". A notebook of solutions without any of these tags gives no exercises.
"""

import ast
import copy
import re
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

from stored_form import code_cells, dump, normalise, read, tags

SOLUTION, ANSWER, CHECK, LEFT_OUT = "solution", "answer", "check", {"answer", "hide-in-copy"}
SUFFIX = "_solutions"
HOW = (
    "Replace each `...` by code of your own. Below it a cell says *right*, or *not yet* and why. "
    "Solutions: [{name}](../solutions/{name}); try for ten minutes before you look."
)


def place_of(solutions: Path) -> Path:
    """Where the exercises of a notebook of solutions lie."""
    return solutions.parent.parent / "exercises" / f"{solutions.stem.removesuffix(SUFFIX)}.ipynb"


def source_of(exercises: Path) -> Path:
    """The notebook of solutions from which exercises are made."""
    return exercises.parent.parent / "solutions" / f"{exercises.stem}{SUFFIX}.ipynb"


def has_exercises(notebook: NotebookNode) -> bool:
    """Whether any cell is tagged as a part of an exercise."""
    return any(tags(cell) & {SOLUTION, ANSWER, CHECK} for cell in notebook.cells)


def text_for(solutions: Path) -> str | None:
    """The exercise notebook that belongs to a notebook of solutions, as text; None if it has no exercises."""
    notebook = read(solutions.read_text(encoding="utf-8"))
    return dump(normalise(unsolved(notebook, solutions.name))) if has_exercises(notebook) else None


def unsolved(notebook: NotebookNode, name: str) -> NotebookNode:
    """The exercises of a notebook of solutions, whose file is called `name`; without outputs."""
    made = copy.deepcopy(notebook)
    made.cells = [cell for cell in made.cells if not is_left_out(cell)]
    for cell in made.cells:
        if SOLUTION in tags(cell):
            cell.source = emptied(cell.source)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        cell.metadata["tags"] = sorted(tags(cell) - {SOLUTION, CHECK})
        if not cell.metadata["tags"]:
            del cell.metadata["tags"]
    if made.cells and made.cells[0].cell_type == "markdown":
        title, _, rest = made.cells[0].source.partition("\n")
        title = re.sub(r"(S|s)olutions?", lambda word: ("E" if word[1] == "S" else "e") + "xercises", title)
        made.cells[0].source = "\n".join([title, rest.rstrip(), "", HOW.format(name=name)]).replace("\n\n\n", "\n\n")
    return made


def is_left_out(cell: NotebookNode) -> bool:
    """Whether students do not get this cell of the solutions."""
    return bool(tags(cell) & LEFT_OUT) or (SOLUTION in tags(cell) and cell.cell_type != "code")


def emptied(source: str) -> str:
    """The code of a solution as the student gets it: imports, signatures, docstrings, names, and the comment on top."""
    lines = source.splitlines()
    comment = [line for line in lines[: _first_code_line(lines)] if line.startswith("#")]
    parts = [part for statement in ast.parse(source).body if (part := _emptied_statement(statement, lines, ""))]
    return "\n".join([*comment, *_spaced(parts)])


def problems(notebook: NotebookNode) -> Iterator[str]:
    """What keeps a solution from becoming an exercise."""
    for number, cell in code_cells(notebook):
        if SOLUTION not in tags(cell):
            continue
        try:
            statements = ast.parse(cell.source).body
        except SyntaxError:
            yield f"cell {number}: is tagged {SOLUTION} and is no plain Python: leave magics to other cells"
            continue
        for function in (node for node in statements if isinstance(node, ast.FunctionDef)):
            said = ast.get_docstring(function) or ""
            if ">>>" not in said and "xample" not in said:
                yield f"cell {number}: {function.name} is an exercise: describe it in a docstring, with one example"


def outdated(solutions: Path) -> Iterator[str]:
    """Says so if the exercises that lie there are not those that the solutions give."""
    wanted, place = text_for(solutions), place_of(solutions)
    there = place.read_text(encoding="utf-8") if place.is_file() else None
    if wanted is None and there is not None:
        yield f"no cell is tagged as an exercise, and yet there is exercises/{place.name}: delete it"
    elif wanted != there:
        yield f"exercises/{place.name} is not what it gives: python tools/notebooks.py notebooks/exercises/{place.name}"


def _first_code_line(lines: list[str]) -> int:
    return next((n for n, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))


def _emptied_statement(node: ast.stmt, lines: list[str], indent: str) -> str:
    """The text of a statement without what solves it, "" if nothing of it stays."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return "\n".join(lines[node.lineno - 1 : node.end_lineno])
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return _emptied_definition(node, lines, indent)
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    if targets and all(isinstance(target, ast.Name) for target in targets):
        return f"{indent}{' = '.join(target.id for target in targets)} = ..."
    return ""


def _emptied_definition(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, lines: list[str], indent: str
) -> str:
    """Decorators, signature and docstring; of a class its methods, emptied."""
    first, inner = node.body[0], indent + "    "
    top = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    kept = [line for line in lines[top - 1 : first.lineno - 1] if not line.strip().startswith("#")]
    if first.lineno == node.lineno:  # all in one line
        kept.append(lines[first.lineno - 1][: first.col_offset].rstrip())
    if ast.get_docstring(node) is not None:
        kept += lines[first.lineno - 1 : first.end_lineno]
    inside = [_emptied_statement(each, lines, inner) for each in node.body if isinstance(node, ast.ClassDef)]
    return "\n".join(kept) + "\n" + ("\n\n".join(filter(None, inside)) or f"{inner}...")


def _spaced(parts: list[str]) -> Iterator[str]:
    """Two empty lines around definitions, as ruff wants it."""
    definitions = [bool(re.match(r"(?:@|def |async def |class )", part)) for part in parts]
    for number, part in enumerate(parts):
        if number and (definitions[number] or definitions[number - 1]):
            yield "\n"
        yield part
