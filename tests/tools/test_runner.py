"""`make test` fails when anything outlives it, and everything that it starts works in one folder that goes."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.tools import load_tool

ROOT = Path(__file__).resolve().parents[2]
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def runner(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return load_tool("test")


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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "status", "summary"),
    [
        ("assert 1", 0, "1 passed in"),
        ("assert 0", 1, "1 failed in"),
    ],
)
def test_status_and_summary_are_those_of_pytest(runner, tmp_path, monkeypatch, capfd, body, status, summary):
    (tmp_path / "test_it.py").write_text(f"def test_it(tmp_path):\n    {body}\n")
    monkeypatch.setattr(runner.notebooks, "ROOT", tmp_path)
    env = runner.notebooks.environment(tmp_path / "folder")
    (tmp_path / "folder").mkdir()
    found = runner.pytest(["-p", "no:cacheprovider", str(tmp_path)], env, str(tmp_path / "folder"))
    assert found[0] == status
    assert summary in found[1]
    assert summary in capfd.readouterr().out


def test_everything_runs_even_if_something_fails_and_the_summaries_come_last(runner, tmp_path, monkeypatch, capsys):
    """One broken notebook does not hide a broken test."""
    (tmp_path / "lesson.ipynb").write_text("{}")
    ran = []

    def pytest(arguments, env, folder):
        ran.append("--nbval" in arguments)
        return (1, "2 failed in 3s") if "--nbval" in arguments else (0, "5 passed in 1s")

    monkeypatch.setattr(runner, "beside", lambda *_: contextlib.nullcontext(lambda: (0, "7 passed in 2s")))

    monkeypatch.setattr(runner.notebooks, "FOLDER", tmp_path)
    monkeypatch.setattr(runner.notebooks, "main", lambda arguments: 0)
    monkeypatch.setattr(runner, "pytest", pytest)
    monkeypatch.setattr(runner, "strays", lambda folder, patience=0: [])
    assert runner.everything([], {}, "folder") == 1
    assert ran == [True, False]
    assert capsys.readouterr().out.splitlines()[-4:] == [
        "failures in pytest: see above",
        "notebooks: 2 failed in 3s",
        "tests with Ray: 5 passed in 1s",
        "other tests: 7 passed in 2s",
    ]


@pytest.mark.slow
def test_what_runs_beside_is_shown_when_it_is_asked_for_and_ended_when_it_is_not(runner, tmp_path, monkeypatch, capfd):
    """Its report comes whole, not between the lines of the other; an error in the foreground does not wait for it."""
    (tmp_path / "test_it.py").write_text("import time\ndef test_it():\n    time.sleep(0.1)\n")
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(runner.notebooks, "ROOT", tmp_path)
    env = runner.notebooks.environment(tmp_path / "folder")
    with runner.beside(["-p", "no:cacheprovider"], env, str(tmp_path / "folder")) as result:
        assert result()[0] == 0
    assert "1 passed in" in capfd.readouterr().out
    (tmp_path / "test_it.py").write_text("import time\ndef test_it():\n    time.sleep(600)\n")
    with pytest.raises(KeyError), runner.beside(["-p", "no:cacheprovider"], env, str(tmp_path / "folder")):
        raise KeyError
    assert runner.strays(str(tmp_path / "folder")) == []


def test_a_file_left_in_notebooks_is_a_failure(runner, tmp_path, monkeypatch, capsys):
    (tmp_path / "lesson.ipynb").write_text("{}")

    def pytest(arguments, env, folder):
        (tmp_path / "data").mkdir(exist_ok=True)
        return 0, "1 passed in 1s"

    monkeypatch.setattr(runner, "beside", lambda *_: contextlib.nullcontext(lambda: (0, "7 passed in 2s")))

    monkeypatch.setattr(runner.notebooks, "FOLDER", tmp_path)
    monkeypatch.setattr(runner.notebooks, "main", lambda arguments: 0)
    monkeypatch.setattr(runner, "pytest", pytest)
    monkeypatch.setattr(runner, "strays", lambda folder, patience=0: [])
    assert runner.everything([], {}, "folder") == 1
    assert f"left behind: {tmp_path / 'data'}" in capsys.readouterr().out
