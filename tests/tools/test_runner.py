"""`make test` fails when anything outlives it, and everything that it starts works in one folder that goes."""

import os
import re
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from helpers.tools import ROOT, load_tool

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def runner(monkeypatch, tmp_path):
    """The command over a project of one test and one notebook, both of them empty; no check of ruff or mypy."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    tool = load_tool("test")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "lesson.ipynb").write_text("{}")
    monkeypatch.setattr(tool, "CHECKS", {})
    monkeypatch.setattr(tool, "LOOKED_AT", [tmp_path / "notebooks"])
    monkeypatch.setattr(tool, "NBVAL", ["-p", "no:cacheprovider", "--collect-only"])
    monkeypatch.setattr(tool.notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(tool.notebooks, "FOLDER", tmp_path / "notebooks")
    monkeypatch.setattr(tool.notebooks, "main", lambda arguments: 0)
    monkeypatch.setattr(sys, "argv", ["test.py", "-p", "no:cacheprovider", "-W", "ignore"])
    return tool


def test_a_process_that_outlives_the_tests_is_found_and_ended(runner, tmp_path):
    """Also in a session of its own, as Ray starts its processes; others are left alone."""
    folder = str(tmp_path)
    stray = subprocess.Popen(SLEEP, env={**os.environ, "TMPDIR": folder}, start_new_session=True)
    other = subprocess.Popen(SLEEP, env={**os.environ, "TMPDIR": str(tmp_path.parent)})
    try:
        found = runner.strays(folder)
        assert [process.pid for process in found] == [stray.pid]
        runner.end(found)
        assert stray.wait(10) != 0
        assert runner.strays(folder) == []
        assert other.poll() is None
    finally:
        for process in (stray, other):
            process.kill()
            process.wait()


def test_a_check_that_finds_something_says_what_to_type_and_hides_nothing(runner, monkeypatch, capsys):
    """All checks are called; the remedies come last, below whatever the tests have said."""
    monkeypatch.setattr(runner, "CHECKS", {"json.tool nothing.json": "write it", "platform": "-", "this is wrong": "-"})
    monkeypatch.setattr(runner, "everything", lambda more, folder: ["tests: failures in pytest, see above"])
    assert runner.main() == 1
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line.startswith("$")] == [
        "$ json.tool nothing.json",
        "$ platform",
        "$ this is wrong",
    ]
    assert said[-2:] == [
        "json.tool nothing.json: see above. To mend it: write it",
        "tests: failures in pytest, see above",
    ]


def test_the_checks_are_commands_of_this_environment(runner):
    """ruff and mypy are asked by the Python that runs the tests: no other version answers."""
    for command in load_tool("test").CHECKS:
        name = command.split()[0]
        assert subprocess.run([sys.executable, "-m", name, "--version"], capture_output=True).returncode == 0


@pytest.mark.slow
def test_one_failure_hides_no_other_and_the_words_come_last(runner, tmp_path, capfd):
    (tmp_path / "test_one.py").write_text("import pytest\n@pytest.mark.ray\ndef test_ray():\n    assert 0 == 'with'\n")
    (tmp_path / "test_two.py").write_text("def test_it():\n    assert 1 == 'without'\n")
    assert runner.main() == 1
    said = capfd.readouterr().out
    assert "assert 0 == 'with'" in said and "assert 1 == 'without'" in said
    assert said.splitlines()[-2:] == [
        f"{name}: failures in pytest, see above" for name in ("tests with Ray", "other tests")
    ]


@pytest.mark.slow
def test_what_passes_is_said_in_a_line(runner, tmp_path, capfd):
    (tmp_path / "test_it.py").write_text("def test_it(tmp_path):\n    assert tmp_path.exists()\n")
    assert runner.main() == 0
    assert capfd.readouterr().out.splitlines()[-1] == "Everything passed."
    sys.argv.append("--quick")
    (tmp_path / "test_slow.py").write_text("import pytest\n@pytest.mark.slow\ndef test_slow():\n    assert 0\n")
    assert runner.main() == 0


@pytest.mark.slow
def test_what_tests_leave_behind_is_a_failure_and_ended(runner, tmp_path, capfd):
    """A file among the notebooks, a process."""
    (tmp_path / "test_it.py").write_text(
        "import subprocess, pathlib\n"
        "def test_it():\n"
        "    pathlib.Path('notebooks/data').mkdir()\n"
        f"    subprocess.Popen({SLEEP!r}, start_new_session=True, stdout=-3, stderr=-3)\n"
    )
    assert runner.main() == 1
    said = capfd.readouterr().out.splitlines()
    assert said[-2] == f"left behind: {tmp_path / 'notebooks' / 'data'}"
    assert said[-1].startswith("still running: python")


@pytest.mark.slow
def test_an_interruption_ends_what_runs_beside(runner, tmp_path, monkeypatch):
    """Whatever happens in the foreground, nothing lives on."""
    (tmp_path / "test_it.py").write_text("import time\ndef test_it():\n    time.sleep(600)\n")
    folders = []

    def interrupted(arguments, folder, name, **output):
        if name == "others":
            return start(arguments, folder, name, **output)
        folders.append(folder)
        raise KeyboardInterrupt

    start = runner.start
    monkeypatch.setattr(runner, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runner.main()
    assert runner.strays(*folders) == []


@pytest.mark.slow
def test_the_run_of_the_notebooks_ends_with_the_seconds_of_each(tmp_path):
    """And with those of all together; the command is the one of `make test`."""
    cells = {"short": "1", "long": "import time; time.sleep(1.2)"}
    for name, source in cells.items():
        nbformat.write(new_notebook(cells=[new_code_cell(source)]), tmp_path / f"{name}.ipynb")
    tool = load_tool("test")
    command = [sys.executable, "-m", "pytest", *tool.NBVAL, "-p", "no:cacheprovider", str(tmp_path)]
    env = tool.notebooks.environment(tmp_path)
    said = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120).stdout
    found = re.findall(r"^ *(\d+)  (.*)$", said.partition("seconds of the notebooks")[2], re.MULTILINE)
    assert sorted(name.rpartition("/")[2] for _, name in found) == ["all together", "long.ipynb", "short.ipynb"], said
    seconds = {name.rpartition("/")[2]: int(number) for number, name in found}
    assert seconds["long.ipynb"] >= 1 and found[-1][1] == "all together"
    assert abs(seconds["all together"] - seconds["long.ipynb"] - seconds["short.ipynb"]) <= 1
