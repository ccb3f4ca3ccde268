"""Each rule for the form of a lesson: a small lesson that keeps them all, and one change that breaks each."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.tools import load_tool

cells, form = load_tool("lesson_cells"), load_tool("lesson_form")

HEAD = """# Why does a small lesson help?

It fits on a page.

After this lesson you can tell a rule from a habit.

**Needs:** lesson 00. **Time:** about 45 minutes, and 25 more for the exercises."""
SETUP = 'from hpt_lessons.view import GridAgainstRandom, Quiz\n\nquiz = Quiz("quiz/01.toml")'
FOLD = "<details><summary>What we observed</summary>\n\nWe observe 7.5 in the curve.\n\n</details>"
CHECK = "**Check yourself.** Why?\n\n<details><summary>Answer</summary>\n\nSo.\n\n</details>"
EXERCISES = """## Exercises

In [exercises/01_small.ipynb](exercises/01_small.ipynb).

1. One (10 minutes). 2. Another (15 minutes). 3. An open one."""
QUESTIONS = """
title = "t"
lesson = "01_small.ipynb"
[[question]]
id = "guess"
kind = "number"
text = "How much?"
see = "What comes out?"
answer = 7.5
tolerance = 1
why = "So."
predict = true
[[question]]
id = "look"
kind = "observation"
text = "What do you see?"
see = "What comes out?"
"""


def code(source, *tags, says=None):
    outputs = [new_output("stream", text=says)] if says else []
    return new_code_cell(source, outputs=outputs, metadata={"tags": list(tags)})


def text(source, words=0):
    return new_markdown_cell(source + "\n\n" + "word " * words)


def lesson():
    """The cells of a lesson that keeps every rule, by name."""
    return {
        "head": text(HEAD),
        "setup": code(SETUP),
        "first": text("## What comes out?", 1400),
        "predict": code('quiz.predict("guess")'),
        "figure": code("plt.plot([1])", says="<Figure size 640x480 with 1 Axes>"),
        "compare": code('print(7.512)\nquiz.compare("guess", 7.5)', says="7.512\n"),
        "fold": text(FOLD),
        "observe": code('quiz.observe("look")'),
        "check": text(CHECK),
        "proof": code("print('the same:', 1 == 1)", "hide-in-copy", says="the same: True"),
        "play": text("## Play", 300),
        "widget": code("GridAgainstRandom()"),
        "live": code("train()", "nbval-ignore-output"),
        "rates": code("print(0.25)", says="0.25"),
        "tomorrow": text("## On your own model tomorrow\n\nType this:\n\n```python\nlayouts.random(space, 60)\n```"),
        "exercises": text(EXERCISES),
        "quiz heading": text("## Quiz"),
        "quiz": code("quiz"),
        "summary": text("## Summary\n\n- One.\n- Two."),
        "references": text("## References\n\nBergstra & Bengio 2012, JMLR 13, 281-305, section 3."),
    }


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "quiz").mkdir()
    (tmp_path / "quiz" / "01.toml").write_text(QUESTIONS)
    return tmp_path


def made(parts):
    return new_notebook(cells=list(parts.values()))


def test_a_lesson_that_keeps_every_rule(folder):
    assert form.problems(made(lesson()), folder) == []


def test_minutes_are_estimated_as_the_head_of_the_module_says(folder):
    """By hand: words, 13 lines, one figure, prediction and check each, one observation, a widget and the quiz."""
    parts = lesson()
    words = sum(len(cell.source.split()) for cell in parts.values() if cell.cell_type == "markdown")
    words -= sum(parts[name].source.count("details>") - 1 for name in ("fold", "check"))
    size = cells.sizes(made(parts))
    lines = 2 + 1 + 1 + 2 + 1 + 1 + 1 + 1 + 1
    assert size.minutes == pytest.approx(size.words / 100 + (7 * lines + 3 * 75 + 120 + 2 * 360) / 60)
    assert abs(size.words - words) <= 4, "tags of folds are no words"
    assert size[1:2] + size[3:] == (45, 19, 9, 1)
    assert str(size).startswith(f"about {size.minutes:.0f} minutes (the head says 45), {size.words} words, 19 cells")


def swapped(name, old, new):
    def change(parts):
        assert old in parts[name].source
        parts[name].source = parts[name].source.replace(old, new)

    return change


def without(*names):
    return lambda parts: [parts.pop(name) for name in names]


def replaced(name, cell):
    return lambda parts: parts.update({name: cell})


def with_more(name, *more):
    """Cells put after one."""

    def change(parts):
        for key in list(parts):
            parts[key] = parts.pop(key)
            if key == name:
                parts.update({f"more {number}": each for number, each in enumerate(more)})

    return change


BREACHES = [
    (swapped("head", "help?", "help"), "the title '# Why does a small lesson help' is no question"),
    (
        swapped("head", "you can tell", "you will know"),
        "the first cell names no goals: write 'After this lesson you can",
    ),
    (swapped("head", "**Needs:**", "Needs"), "the first cell lacks the line '**Needs:**"),
    (swapped("head", "about 45 minutes", "an hour"), "the first cell lacks the line '**Needs:**"),
    (swapped("head", "about 45", "about 60"), "the head says 60 minutes, the estimate is 3"),
    (swapped("head", "about 45", "about 40"), "the head says 40 minutes: 45 to 75 were expected"),
    (with_more("play", *[text("more") for _ in range(30)]), "49 cells, 9 of code: at most 45 and 20"),
    (with_more("play", *[code("1") for _ in range(12)]), "31 cells, 21 of code: at most 45 and 20"),
    (with_more("play", text("", 2000)), "words: between 700 and 2200 were expected"),
    (replaced("first", text("## What comes out?")), "words: between 700 and 2200 were expected"),
    (
        with_more("rates", text("It is 0.25. " * 31)),
        "32 numbers in the prose: at most 30, leave out those that nobody has to remember",
    ),
    (
        with_more("head", text("one"), text("two"), text("three")),
        "no figure and nothing that runs in the first five cells",
    ),
    (swapped("fold", "7.5", "8.5"), "'What comes out?': 8.5 ('We observe 8.5 in the curve.') is in no output or code"),
    (with_more("fold", text("**We observe** that it rises.")), "'What comes out?': fold what we observe: <details>"),
    (swapped("fold", "</details>", ""), "'What comes out?': a fold is not whole"),
    (swapped("fold", "</summary>\n\n", "</summary>\n"), "'What comes out?': leave a blank line after </summary>"),
    (
        swapped("check", "<summary>Answer</summary>", "<summary>So</summary>"),
        "'What comes out?': fold the answer under",
    ),
    (without("predict", "compare"), "no prediction is entered: ask one with quiz.predict('id')"),
    (
        swapped("predict", "quiz.predict", "1\nquiz.predict"),
        "'What comes out?': put quiz.predict('guess') alone into a cell",
    ),
    (
        without("compare"),
        "'What comes out?': quiz.predict('guess') is never compared: end a later cell with quiz.compare",
    ),
    (
        swapped("compare", 'quiz.compare("guess", 7.5)', 'quiz.compare("guess")\n1'),
        "quiz.compare('guess') is not shown",
    ),
    (
        with_more("play", text("**Predict.** Who wins?")),
        "'Play': after '**Predict' comes a cell with quiz.predict('id')",
    ),
    (
        with_more("play", *[code(f'quiz.observe("{id}")') for id in "ab"]),
        "3 observations are written by the student: at most 2, keep the best",
    ),
    (with_more("play", code('quiz.observe("b")')), "quiz.observe('b'): quiz/01.toml has no such question"),
    (without("observe"), "quiz/01.toml: 'look' is never asked: quiz.observe('look'), or take it out"),
    (swapped("setup", "quiz/01.toml", "quiz/02.toml"), "its questions cannot be read: there is no file of questions"),
    (swapped("setup", 'Quiz("quiz/01.toml")', "1"), "no quiz is opened: quiz = Quiz('quiz/NN.toml')"),
    (
        swapped("proof", "print('the same:', 1 == 1)", "best = 1"),
        None,
    ),
    (
        lambda parts: (swapped("proof", "print(", "best = 1\nprint(")(parts), with_more("play", code("best"))(parts)),
        "'Play': 'best' comes from a cell tagged hide-in-copy, which copies lack: take it out",
    ),
    (
        replaced("proof", code("print('the same:', 1 == 1)", says="the same: True")),
        "'What comes out?': a cell that prints '...: True' only proves something: tag it hide-in-copy",
    ),
    (with_more("play", text("See cell 12.")), "'Play': 'cell 12' is another one in a copy: name a heading instead"),
    (with_more("play", text("See the third cell.")), "'Play': 'third cell' is another one in a copy"),
    (with_more("play", code("x = " + "1" * 90)), "'Play': a line of code has 94 columns, at most 85"),
    (
        without("summary"),
        "the last sections are On your own model tomorrow, Exercises, Quiz, References: they should be",
    ),
    (swapped("summary", "- Two.", "\n".join(["- Two."] * 5)), "'Summary': 6 lines, at most 5 are remembered"),
    (swapped("tomorrow", "Type this:", "a\nb\nc\nd\ne\nf"), "'On your own model tomorrow': 6 lines, at most 5"),
    (swapped("exercises", "exercises/", ""), "'Exercises': link the notebook"),
    (swapped("exercises", "open", "other"), "'Exercises': two with their minutes ('10 minutes') and one that is open"),
    (swapped("exercises", "10 minutes", "20 minutes"), "'Exercises': 35 minutes for the two to do, at most 30"),
]


@pytest.mark.parametrize(("change", "sentence"), BREACHES, ids=lambda value: str(value)[:60])
def test_what_breaks_a_rule_is_said_in_one_line(folder, change, sentence):
    parts = lesson()
    change(parts)
    found = form.problems(made(parts), folder)
    assert all("\n" not in problem for problem in found)
    if sentence is None:
        assert found == []
    else:
        assert any(sentence in problem for problem in found), found


def test_a_deeper_notebook_needs_no_exercises_and_solutions_have_no_head(folder):
    parts = lesson()
    without("tomorrow", "exercises", "quiz heading", "quiz")(parts)
    swapped("head", "about 45", "about 30")(parts)
    assert form.problems(made(parts), folder, "deeper") == []
    assert any("45 to 75 were expected" in problem for problem in form.problems(made(parts), folder))
    solutions = {
        "title": text("# Solutions"),
        "one": text("## One\n\n**We observe** 3.25."),
        "code": code("print(3.25)"),
    }
    assert form.problems(made(solutions), folder, "solutions") == []
    solutions["code"] = code("print(3.35)")
    (problem,) = form.problems(made(solutions), folder, "solutions")
    assert problem.startswith("'One': 3.25")
