"""Ray never hangs without a word: if no worker comes up, the end of Ray's own log is said, once."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hpt_lessons.raytune import watchdog as dogs
from hpt_lessons.raytune.watchdog import last_words, watchdog


@pytest.fixture
def session(tmp_path):
    """A session of Ray's whose logs are written one after another."""
    (tmp_path / "logs").mkdir()

    def write(**logs):
        for age, (name, text) in enumerate(logs.items()):
            path = tmp_path / "logs" / name.replace("_DOT_", ".")
            path.write_text(text)
            os.utime(path, (age, age))
        return tmp_path

    return write


def test_what_the_newest_log_says_is_said_once_and_the_search_goes_on(session):
    folder = session(raylet_DOT_out="one\ntwo\n\nthree\nsh: 1: /home/kim/my: not found\n\n", raylet_DOT_err="\n")
    said, heard = [], threading.Event()
    with watchdog(threading.Event(), lambda text: (said.append(text), heard.set()), folder, patience=0.01):
        assert heard.wait(60)
    (text,) = said
    assert text.startswith("No worker of Ray's has come up for 0.01 s; the search goes on waiting.")
    assert text.endswith("raylet.out:\ntwo\nthree\nsh: 1: /home/kim/my: not found")


def test_nothing_is_said_once_a_worker_is_up_or_the_search_has_ended():
    said = []
    for begins in (True, False):
        working = threading.Event()
        before = threading.active_count()
        with watchdog(working, said.append, None, patience=3600):
            if begins:
                working.set()
        for thread in threading.enumerate():
            if thread.name == "watchdog of a search":
                thread.join(60)
        assert working.is_set() and threading.active_count() <= before
    assert said == []


# No worker gets further than its first line. Ray tries again and again, and says nothing.
NO_WORKER = """
import os, sys
if any(part.endswith("default_worker.py") for part in sys.orig_argv):
    os.write(2, b"this is no place for a worker")
    os._exit(3)
"""
PROGRAM = """
import tempfile
from hpt_lessons.raytune import watchdog
from hpt_lessons.raytune.launch import launch
from hpt_lessons.raytune.study import run_study
from hpt_lessons.search.searchers import Listed

watchdog.PATIENCE = 0.01
options = {"max_epochs": 1, "name": "toy", "folder": tempfile.mkdtemp(), "progress": False}
search = launch(run_study, print, Listed([{"x": 1.0}]), **options)
input()
search.stop()
search.wait()
"""


@pytest.mark.ray
@pytest.mark.slow
def test_where_no_worker_can_start_at_all_it_is_said_and_the_search_can_be_stopped(tmp_path):
    """Nothing else says so: Ray would wait for its first worker in `ray.init`, where not even Ctrl-C is heard."""
    (tmp_path / "sitecustomize.py").write_text(NO_WORKER)
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(dogs.__file__).parents[2]}"}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=env, text=True, stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        timer = threading.Timer(200, run.kill)  # it would be the fault that is tested
        timer.start()
        assert any("No worker of Ray's has come up for 0.01 s" in line for line in run.stderr)
        run.stdin.write("\n")
        run.stdin.flush()
        run.stderr.read()
        timer.cancel()
        assert run.wait() == 0


def test_errors_come_before_what_is_newer(session):
    assert last_words(session(raylet_DOT_out="older", gcs_server_DOT_out="newer")).endswith("gcs_server.out:\nnewer")
    assert last_words(session(raylet_DOT_err="wrong", gcs_server_DOT_out="newer")).endswith("raylet.err:\nwrong")


def test_without_logs_it_says_so(tmp_path):
    for nowhere in (None, tmp_path):
        assert "Its logs say nothing about it" in last_words(nowhere)
