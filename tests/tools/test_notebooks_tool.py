"""What is stored in the notebooks is compared when they are run, and nothing else is stored."""

import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.tools import load_tool

ROOT = Path(__file__).resolve().parents[2]
WORDS = "word " * 30
OFF = {"tags": ["nbval-ignore-output"]}


tool, stored_form = load_tool("notebooks"), load_tool("stored_form")


def code(source, *outputs, count=1, **metadata):
    return new_code_cell(source, execution_count=count, outputs=list(outputs), metadata=metadata)


def printed(text):
    return new_output("stream", name="stdout", text=text)


def shown(**data):
    return new_output("display_data", data={kind.replace("_", "/", 1): text for kind, text in data.items()})


def written(path, *cells, words=WORDS, **metadata):
    """A notebook in the stored form, with enough text for its cells."""
    texts = [new_markdown_cell(words) for cell in cells if cell.cell_type == "code"] if words else []
    notebook = tool.normalise(new_notebook(cells=[*texts, *copy.deepcopy(cells)]))
    for cell, original in zip(notebook.cells[len(texts) :], cells, strict=True):
        cell.update(original)
    notebook.metadata.update(metadata)
    path.write_text(tool.dump(notebook), encoding="utf-8")
    return path


def problems(tmp_path, *cells, **options):
    return "\n".join(tool.check([written(tmp_path / "lesson.ipynb", *cells, **options)]))


# -- the rules --------------------------------------------------------------------------------------------------------


def test_a_lesson_in_order_breaks_no_rule(tmp_path):
    live = code("train()", count=1, **OFF)
    assert (
        problems(
            tmp_path,
            live,
            code("print(1)", printed("1\n"), count=2),
            code("2", count=3),
            code("print(3)", printed("3\n"), count=4),
            code("x" * 5, printed("4\n"), count=5),
        )
        == ""
    )


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (shown(image_png="AAAA", text_plain="<Figure>"), r"a picture is stored \(image/png\)"),
        (shown(**{"image_svg+xml": "<svg/>"}), "a picture is stored"),
        (shown(text_html="<p><svg width='1'></svg>"), "inside HTML"),
        (shown(text_html="<img src='data:image/png;base64,AAAA'>"), "inside HTML"),
        (shown(**{"application_vnd.jupyter.widget-view+json": {"model_id": "1"}}), "a widget is stored"),
        (new_output("stream", name="stderr", text="warning"), "stderr"),
        (new_output("error", ename="ValueError", evalue="no", traceback=["no"]), r"an error is stored \(ValueError\)"),
        (printed("<object at 0x7f3a2b1c4d50>"), "not equal on every machine"),
        (printed("saved in /home/someone/data"), "not equal on every machine"),
    ],
)
def test_what_differs_between_machines_must_not_be_stored(tmp_path, output, words):
    found = tool.check([written(tmp_path / "lesson.ipynb", code("1", output))])
    assert len(found) == 1
    assert found[0].startswith("lesson.ipynb, cell 2: ")
    assert re.search(words, found[0])


def test_an_error_may_be_stored_where_it_is_the_lesson(tmp_path):
    error = new_output("error", ename="ValueError", evalue="no", traceback=["ValueError: no"])
    assert problems(tmp_path, code("1", error, tags=["raises-exception"])) == ""


def test_nothing_is_compared_in_a_cell_without_its_count(tmp_path):
    assert "has the count None instead of 1" in problems(tmp_path, code("print(1)", count=None))


def test_cells_were_run_from_top_to_bottom(tmp_path):
    assert "has the count 1 instead of 2" in problems(tmp_path, code("1", count=1), code("2", count=1))
    assert "has the count 4 instead of 1" in problems(tmp_path, code("1", count=4))


def test_a_skipped_cell_has_no_count_and_both_tags(tmp_path):
    both = ["nbval-skip", "skip-execution"]
    assert problems(tmp_path, code("a", count=None, tags=both), code("print(1)", printed("1\n"), count=1)) == ""
    assert "is never run" in problems(tmp_path, code("a", count=1, tags=both))
    assert "needs both tags" in problems(tmp_path, code("a", count=None, tags=both[:1]))
    assert "needs both tags" in problems(tmp_path, code("a", count=None, tags=both[1:]))


def test_a_cell_fits_on_a_slide(tmp_path):
    assert problems(tmp_path, code("\n".join(["pass"] * 15))) == ""
    assert "16 lines of code" in problems(tmp_path, code("\n".join(["pass"] * 16)))


def test_an_empty_cell_is_named(tmp_path):
    assert "is empty" in problems(tmp_path, code("", count=None))


def test_a_lesson_is_a_text_with_code_in_it(tmp_path):
    assert "19 words of text for 1 cells of code" in problems(
        tmp_path, new_markdown_cell("word " * 19), code("1"), words=""
    )
    assert problems(tmp_path, new_markdown_cell("word " * 20), code("1"), words="") == ""


def test_times_and_states_of_widgets_are_not_stored(tmp_path):
    assert "the time of its run is stored" in problems(tmp_path, code("1", execution={"iopub.execute_input": "now"}))
    assert "the state of widgets is stored" in problems(tmp_path, code("1"), widgets={"state": {}})


def test_a_notebook_in_another_form_is_refused(tmp_path):
    path = written(tmp_path / "lesson.ipynb", code("1"))
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert "not in the form in which it is stored" in "\n".join(tool.check([path]))


def test_a_file_that_is_no_notebook_is_named(tmp_path):
    (tmp_path / "broken.ipynb").write_text("{")
    assert "broken.ipynb: not a notebook" in "\n".join(tool.check([tmp_path / "broken.ipynb"]))


def test_live_training_is_followed_by_a_compared_check(tmp_path):
    checks = [code(f"print({n})", printed(f"{n}\n"), count=n) for n in (1, 2)]
    assert "no compared cell comes after it" in problems(tmp_path, *checks, code("train()", count=3, **OFF))
    figure = code("plot()", shown(text_plain="<Figure size 640x480 with 1 Axes>"), count=4)
    assert "no compared cell comes after it" in problems(tmp_path, *checks, code("train()", count=3, **OFF), figure), (
        "that there is a figure says nothing about the training"
    )


def test_at_most_a_third_of_the_cells_with_output_is_let_off_over_the_course(tmp_path):
    live = [code("train()", count=n, **OFF) for n in (1, 2)]
    one, two = (code("print(1)", printed("1\n"), count=n) for n in (2, 3))
    third = code("print(2)", printed("2\n"), count=3)
    assert problems(tmp_path, live[0], one, third) == ""
    assert "2 of 3 cells with output" in problems(tmp_path, *live, two)
    plenty = written(tmp_path / "other.ipynb", *[code("print(1)", printed("1\n"), count=n) for n in range(1, 4)])
    assert tool.check([tmp_path / "lesson.ipynb", plenty]) == [], "other lessons may make up for it"


def test_the_real_notebooks_keep_every_rule():
    paths = sorted(path for path in tool.FOLDER.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
    assert tool.check(paths) == []


def test_check_says_what_is_wrong_and_writes_nothing(tmp_path, capsys):
    path = written(tmp_path / "lesson.ipynb", code("1", count=7))
    before = path.read_bytes()
    assert tool.main(["--check", str(path)]) == 1
    assert "lesson.ipynb, cell 2: has the count 7" in capsys.readouterr().out
    assert path.read_bytes() == before
    assert tool.main(["--check", str(written(path, code("1")))]) == 0


# -- the stored form ---------------------------------------------------------------------------------------------------


def test_neighbouring_pieces_of_a_stream_become_one():
    """Where the pieces break depends on the clock; where pictures lie between them does not."""
    figure = shown(image_png="AAAA", text_plain="<Figure size 1x1 with 1 Axes>")
    warning = new_output("stream", name="stderr", text="!")
    kept = stored_form.stored_outputs([printed("a"), warning, printed("b\n"), figure, printed("c")])
    assert [output.get("text") or dict(output.data) for output in kept] == [
        "ab\n",
        {"text/plain": "<Figure size 1x1 with 1 Axes>"},
        "c",
    ]


def test_cells_without_an_id_get_the_same_one_everywhere(tmp_path):
    old = {
        "nbformat": 4,
        "nbformat_minor": 4,
        "metadata": {},
        "cells": [{"cell_type": "markdown", "metadata": {}, "source": ["same"]} for _ in range(2)],
    }
    first, second = ([cell.id for cell in tool.read(json.dumps(old)).cells] for _ in range(2))
    assert first == second
    assert len(set(first)) == 2
    for cell in old["cells"]:
        cell["id"] = "twin"
    ids = [cell.id for cell in tool.read(json.dumps(old)).cells]
    assert ids[0] == "twin" != ids[1]


# -- running ----------------------------------------------------------------------------------------------------------

LESSON = [
    "import matplotlib.pyplot as plt\nimport ipywidgets as widgets\nimport random\nimport pandas",
    "print('before')\nplt.plot([1, 2])\nplt.show()\nprint('after')",
    "widgets.IntSlider(description='trials')",
    "pandas.DataFrame({'loss': [0.5, 0.25]})",
    "from hpt_lessons.progress import Progress\nwith Progress(2, 'train') as bar:\n    bar.update(2)\nprint(bar.n)",
    "import os\nprint(os.environ['HPT_LESSONS_DATASET'], os.path.exists(os.environ['HPT_LESSONS_DATA']))",
    "random.random()",
    "1 / 0",
    "print('the result')",
]
TAGS = {6: ["nbval-ignore-output"], 7: ["raises-exception"]}


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory):
    """A small lesson with everything in it, run and stored once."""
    path = tmp_path_factory.mktemp("lesson") / "lesson.ipynb"
    cells = [
        code(source, count=None, tags=TAGS.get(n, []), execution={"start": "now"}) for n, source in enumerate(LESSON)
    ]
    nbformat.write(new_notebook(cells=[new_markdown_cell(WORDS * 9), *cells], metadata={"widgets": {}}), path)
    assert tool.main([str(path)]) == 0
    return path


@pytest.mark.slow
def test_a_second_refresh_changes_no_byte(refreshed):
    before = refreshed.read_bytes()
    assert tool.refresh(refreshed) == []
    assert refreshed.read_bytes() == before
    assert before.endswith(b"}\n")


@pytest.mark.slow
def test_text_is_stored_and_pictures_widgets_and_live_results_are_not(refreshed):
    stored = refreshed.read_text()
    for absent in ("image/png", "widget-view", 'execution"', 'widgets":', "Traceback"):
        assert absent not in stored
    cells = [cell for cell in tool.read(stored).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(LESSON) + 1))
    texts = ["\n".join(stored_form.text_of(output) for output in cell.outputs) for cell in cells]
    assert texts[1].split() == ["before", "<Figure", "size", "640x480", "with", "1", "Axes>", "after"]
    assert "IntSlider" in texts[2]
    assert "0.25" in texts[3]
    assert texts[4].strip() == "2"
    assert texts[5].strip() == "standin False"
    assert texts[6] == ""
    assert texts[7].strip() == "division by zero"


@pytest.mark.slow
def test_a_corrupted_output_makes_the_strict_run_fail(refreshed, tmp_path):
    """The comparison is not empty: what was stored passes, one changed digit does not."""
    good, bad = tmp_path / "good.ipynb", tmp_path / "bad.ipynb"
    good.write_text(refreshed.read_text())
    bad.write_text(refreshed.read_text().replace("before\\n", "behind\\n"))
    assert bad.read_text() != good.read_text()
    status, said = strict_run(tmp_path)
    assert status == 1
    assert re.findall(r"FAILED (\S+)::Cell (\d+)", said) == [("bad.ipynb", "1")]
    assert f"1 failed, {2 * len(LESSON) - 1} passed" in said
    assert "behind" in said


@pytest.mark.slow
def test_check_with_run_compares_too(tmp_path, capsys):
    bad = written(tmp_path / "bad.ipynb", code("print('the result')", printed("a lie\n")))
    assert tool.main(["--check", "--run", str(bad)]) == 1
    said = capsys.readouterr().out
    assert "a lie" in said
    assert "the result" in said


@pytest.mark.slow
def test_a_failing_cell_leaves_the_notebook_as_it_was(tmp_path):
    path = written(tmp_path / "lesson.ipynb", code("print(1)", printed("1\n")), code("1 / 0", count=2))
    before = path.read_bytes()
    assert "division by zero" in "\n".join(tool.refresh(path))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_a_compared_cell_that_writes_to_stderr_is_named(tmp_path):
    """nbval would compare it, and it cannot be stored."""
    path = written(tmp_path / "lesson.ipynb", code("import sys\nprint('careful', file=sys.stderr)"))
    assert "cell 2: writes to stderr ('careful')" in "\n".join(tool.refresh(path))


def strict_run(folder):
    """Exit status and words of nbval over the notebooks of a folder, as in `make test`."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        "--nbval-current-env",
        "-p",
        "no:cacheprovider",
        f"--basetemp={folder / 'base'}",
        "--rootdir",
        str(folder),
        str(folder),
    ]
    env = {name: value for name, value in tool.environment(folder).items() if name != "PYTEST_ADDOPTS"}
    run = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=300)
    return run.returncode, run.stdout + run.stderr


def test_lessons_run_with_the_stand_in_and_in_a_folder_that_goes(tmp_path, monkeypatch):
    monkeypatch.setenv("HPT_LESSONS_DATASET", "cifar10")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    env = tool.environment(tmp_path)
    assert env["HPT_LESSONS_DATASET"] == "standin"
    assert env["HPT_LESSONS_PREDICTIONS"] == "skip", "nobody is there to predict"
    assert "MPLBACKEND" not in env, "figures would not appear in the notebooks"
    for name in ("HPT_LESSONS_DATA", "HPT_LESSONS_STUDIES", "TMPDIR", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        assert Path(env[name]).is_relative_to(tmp_path)
    assert env["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


# -- the form of a lesson ----------------------------------------------------------------------------------------------


def test_only_what_is_listed_is_held_to_the_form(tmp_path, monkeypatch, capsys):
    """Or what is asked for; how long a lesson is, is said in any case, in a line."""
    path = written(tmp_path / "01_small.ipynb", code("print(1)", printed("1\n")))
    assert tool.main(["--check", str(path)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("01_small.ipynb: about 0 minutes (no minutes in the head), 30 words, 2 cells (1 of code)")
    assert tool.main(["--check", "--form", str(path)]) == 1
    assert "01_small.ipynb, the first cell names no goals" in capsys.readouterr().out
    monkeypatch.setattr(tool, "FOLDER", tmp_path)
    monkeypatch.setattr(tool, "NEW_FORM", ("01_small.ipynb",))
    assert tool.main(["--check", str(path)]) == 1


def test_what_is_listed_is_there():
    assert [name for name in tool.NEW_FORM if not (tool.FOLDER / name).is_file()] == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("04_grid.ipynb", "lesson"),
        ("gallery.ipynb", "other"),
        ("deeper/04_ticks.ipynb", "deeper"),
        ("solutions/04_grid_solutions.ipynb", "solutions"),
        ("exercises/04_grid.ipynb", "exercises"),
    ],
)
def test_what_a_notebook_is_shows_in_its_path(name, kind):
    assert tool.kind_of(tool.FOLDER / name) == kind
