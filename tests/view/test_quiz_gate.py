"""The cells after an open prediction are not run: in a real kernel, as notebooks send their cells."""

import os

import pytest
from jupyter_client.manager import KernelManager
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager

from hpt_lessons.view.quiz import gate
from hpt_lessons.view.quiz.cards import Quiz

QUESTIONS = "title = 't'\nlesson = 'l.ipynb'\n" + "".join(
    f"""
[[question]]
id = "{id}"
kind = "number"
text = "How many?"
see = "There"
answer = 1
tolerance = 0
why = "So."
predict = true
"""
    for id in ("first", "second")
)
SETUP = "from hpt_lessons.view.quiz.cards import Quiz\nquiz = Quiz('l.toml')"
FIRST, SECOND = "first = quiz.predict('first')\nfirst", "second = quiz.predict('second')\nsecond"


class Notebook:
    """A kernel, and what a front end does with it."""

    def __init__(self, folder, choice):
        specs = NbvalKernelspecManager()
        self._manager = KernelManager(kernel_name=CURRENT_ENV_KERNEL_NAME, kernel_spec_manager=specs)
        env = os.environ | {"HPT_LESSONS_PREDICTIONS": choice, "HPT_LESSONS_STUDIES": str(folder / "studies")}
        self._manager.start_kernel(cwd=str(folder), env=env)
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)

    def run(self, code, shown=True):
        """What a cell printed, or the text of its error; `shown=False` is how a widget is clicked: no cell is run."""
        said = []

        def hear(message):
            content = message["content"]
            if message["msg_type"] == "stream":
                said.append(content["text"])
            elif message["msg_type"] == "error":
                said.extend(["ERROR", *content["traceback"]])

        reply = self._client.execute_interactive(code, store_history=shown, output_hook=hear, timeout=60)
        assert (reply["content"]["status"] == "error") == ("ERROR" in said)
        return "".join(said)

    def end(self):
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


@pytest.fixture
def notebook(tmp_path):
    (tmp_path / "l.toml").write_text(QUESTIONS)
    made = []

    def start(choice="ask"):
        made.append(Notebook(tmp_path, choice))
        return made[-1]

    yield start
    for each in made:
        each.end()


@pytest.mark.slow
def test_what_follows_an_open_prediction_waits_for_it(notebook):
    """One line is said, and what was run before runs as before."""
    cells = notebook()
    assert cells.run("print('above')") == "above\n"
    assert cells.run(SETUP) == "" == cells.run(FIRST)
    for _ in range(2):
        said = cells.run("print('below')")
        assert said.startswith("ERRORPredict first, or press Skip") and "\n" not in said and "below" not in said
    assert cells.run("print('silent')", shown=False) == "silent\n"
    assert cells.run("print('above')") == "above\n"
    assert cells.run(SETUP) == "" == cells.run(FIRST)
    cells.run("first.field.text.value = '3'; first.keep.click()", shown=False)
    assert cells.run("print('below')") == "below\n"
    assert cells.run(SECOND) == "" and "Predict first" in cells.run("print('far below')")
    cells.run("second.skip.click()", shown=False)
    assert cells.run("print('far below')") == "far below\n"


@pytest.mark.slow
def test_an_answer_of_yesterday_is_enough_until_all_is_forgotten(notebook):
    first = notebook()
    for code in (SETUP, FIRST):
        first.run(code)
    first.run("first.skip.click()", shown=False)
    later = notebook()
    for _ in range(2):
        assert [later.run(code) for code in (SETUP, FIRST, "print('below')")] == ["", "", "below\n"]
    later.run("quiz.forget()", shown=False)
    assert [later.run(code) for code in (SETUP, FIRST)] == ["", ""]
    assert "Predict first" in later.run("print('below')")


@pytest.mark.slow
def test_one_setting_turns_it_off(notebook):
    cells = notebook("skip")
    assert [cells.run(code) for code in (SETUP, FIRST, SECOND, "print('below')")] == ["", "", "", "below\n"]


def test_outside_of_a_notebook_nothing_waits(tmp_path, monkeypatch):
    """And another value of the setting is an error that names those that there are."""
    (tmp_path / "l.toml").write_text(QUESTIONS)
    quiz = Quiz(tmp_path / "l.toml", answers=tmp_path / "l.json")
    monkeypatch.delenv("HPT_LESSONS_PREDICTIONS", raising=False)
    assert quiz.predict("first").is_open
    quiz.forget()
    monkeypatch.setenv("HPT_LESSONS_PREDICTIONS", "no")
    with pytest.raises(ValueError, match="HPT_LESSONS_PREDICTIONS='no' is not possible; choose ask, skip"):
        gate.wait_for("first", lambda: True)
