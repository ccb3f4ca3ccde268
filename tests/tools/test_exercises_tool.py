"""Exercises are made from their solutions: what stays, what goes, and that an unsolved notebook runs to its end."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers.tools import load_tool

tool, exercises, stored = load_tool("notebooks"), load_tool("exercises"), load_tool("stored_form")

SOLUTION = '''# One line is enough.
import math


def share(good, draws):
    """The probability of a hit.

    >>> share(0.5, 1)
    0.5
    """
    miss = (1 - good) ** draws
    return 1 - miss


best = share(0.05, 60)
for trial in range(3):
    print(trial)'''
EMPTIED = '''# One line is enough.
import math


def share(good, draws):
    """The probability of a hit.

    >>> share(0.5, 1)
    0.5
    """
    ...


best = ...'''


def tagged(cell, *tags):
    cell.metadata["tags"] = list(tags)
    return cell


CELLS = [
    new_markdown_cell("# Why? Solutions\n\nTo [lesson 04](../04_grid.ipynb). " + "word " * 100),
    new_code_cell("from hpt_lessons.view.quiz.exercise import check, check_that"),
    new_markdown_cell("## 1. Hits (10 minutes)\n\nWrite `share`."),
    tagged(new_code_cell(SOLUTION), "solution"),
    tagged(new_code_cell("check(share, [((0.5, 1), 0.5)])\ncheck_that(lambda: best > 0.9, 'best is small')"), "check"),
    tagged(new_markdown_cell("All draws miss with probability (1 - p)^n."), "answer"),
    tagged(new_code_cell("print(best + 1)"), "answer"),
    tagged(new_code_cell("print(1 < 2)"), "hide-in-copy"),
    tagged(new_code_cell("print('live')"), "nbval-ignore-output"),
    new_code_cell("print('the end')"),
]


@pytest.fixture
def solutions(tmp_path):
    """A file of solutions that were never run."""
    path = tmp_path / "solutions" / "04_grid_solutions.ipynb"
    path.parent.mkdir()
    path.write_text(stored.dump(stored.normalise(new_notebook(cells=CELLS))))
    return path


def cells_of(path):
    return stored.read(path.read_text()).cells


@pytest.mark.parametrize(
    ("source", "emptied"),
    [
        (SOLUTION, EMPTIED),
        ("def f(x): return x", "def f(x):\n    ..."),
        (
            "@cache\ndef f(\n    x,  # the rate\n) -> int:\n    # a hint\n    return x",
            "@cache\ndef f(\n    x,  # the rate\n) -> int:\n    ...",
        ),
        ("x, y = 1, 2\nz: int = 3\nx += 1", "z = ..."),
        ("a = b = 3", "a = b = ..."),
        (
            "class Searcher:\n    'S.'\n\n    size = 3\n\n    def ask(self):\n        'A config.'\n        return {}",
            "class Searcher:\n    'S.'\n    size = ...\n\n    def ask(self):\n        'A config.'\n        ...",
        ),
        ("async def f():\n    'S.'\n    await x", "async def f():\n    'S.'\n    ..."),
        ("print(1)", ""),
    ],
)
def test_of_a_solution_the_shell_stays(source, emptied):
    assert exercises.emptied(source) == emptied
    compile(exercises.emptied(source), "exercise", "exec")


def test_what_a_student_gets(solutions):
    """Answers and hidden cells are gone, titles and links are those of exercises, nothing is run."""
    assert tool.make_exercises(solutions) == []
    cells = cells_of(solutions.parent.parent / "exercises" / "04_grid.ipynb")
    assert [cell.source for cell in cells[1:]] == [
        CELLS[1].source,
        CELLS[2].source,
        EMPTIED,
        CELLS[4].source,
        "print('live')",
        "print('the end')",
    ]
    assert cells[0].source.startswith("# Why? Exercises\n\nTo [lesson 04](../04_grid.ipynb).")
    assert cells[0].source.endswith("(../solutions/04_grid_solutions.ipynb); try for ten minutes before you look.")
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert [list(stored.tags(cell)) for cell in code] == [[], [], [], ["nbval-ignore-output"], []]


def test_what_differs_from_its_solutions_is_named_and_made_again(solutions):
    place = solutions.parent.parent / "exercises" / "04_grid.ipynb"
    remedy = "exercises/04_grid.ipynb is not what it gives: python tools/notebooks.py notebooks/exercises/04_grid.ipynb"
    assert any(remedy in problem for problem in tool.check([solutions]))
    tool.make_exercises(solutions)
    before = place.read_bytes()
    assert not any("exercises/" in problem for problem in tool.check([solutions]))
    assert tool.check([place]) == []
    place.write_text(place.read_text().replace("the end", "my end"))
    assert any(remedy in problem for problem in tool.check([solutions]))
    assert tool.refresh(place) == [] and place.read_bytes() == before, "it need not be run for that"


def test_exercises_without_solutions_are_left_over(solutions):
    place = solutions.parent.parent / "exercises" / "04_grid.ipynb"
    tool.make_exercises(solutions)
    plain = [cell for cell in CELLS if not cell.metadata.get("tags")]
    solutions.write_text(stored.dump(stored.normalise(new_notebook(cells=plain))))
    assert any("no cell is tagged as an exercise, and yet" in problem for problem in tool.check([solutions]))
    solutions.unlink()
    assert tool.check([place]) == ["04_grid.ipynb, its notebook of solutions is gone: delete it"]


def test_a_solution_that_makes_no_exercise_is_named():
    cells = [tagged(new_code_cell(source), "solution") for source in ("def f(x):\n    return x", "%time f(1)")]
    assert list(exercises.problems(new_notebook(cells=cells))) == [
        "cell 1: f is an exercise: describe it in a docstring, with one example",
        "cell 2: is tagged solution and is no plain Python: leave magics to other cells",
    ]


@pytest.mark.slow
def test_an_unsolved_notebook_runs_to_its_end_and_a_solved_one_is_right(solutions):
    tool.make_exercises(solutions)
    printed = []
    for path in (solutions.parent.parent / "exercises" / "04_grid.ipynb", solutions):
        notebook = stored.read(path.read_text())
        assert tool.run(notebook, path) == []
        texts = ["".join(map(stored.text_of, cell.outputs)) for cell in notebook.cells if cell.cell_type == "code"]
        printed.append([line for text in texts for line in text.splitlines() if line])
    unsolved, solved = printed
    assert unsolved[0] == "not yet, because share(0.5, 1) gives None, not 0.5"
    assert unsolved[1].startswith("not yet, because the check stops with TypeError") and "best is small" in unsolved[1]
    assert unsolved[-1] == solved[-1] == "the end" and len(unsolved) == 4
    assert solved.count("right") == 2 and not any("not yet" in line for line in solved)
