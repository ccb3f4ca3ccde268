"""A course in a folder that a shell would split or change: searches run there all the same, or say why they cannot."""

import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpt_lessons.raytune import paths

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there Ray starts its workers in another way")
ODD = [
    "my course", "tab\there", "50%-$HOME", "a;b", "R&D", "(copy)", "it's", 'so "called"', "강의 자료", "cours-é",
    "back\\slash", "star*", "what?", "#1", "~kim", "one|two", "`ls`", "a>b", "!", "{a,b}", "[x]", "two\nlines",
]  # fmt: skip
PLAIN = ["kim", "a-b_c", "v1.2", "x+y", "kim@lab", "a,b", "100%", "c:d", "k=v"]


@pytest.mark.parametrize("name", ODD)
def test_what_a_shell_would_change_is_not_plain(name):
    assert not paths.is_plain(f"/home/{name}/.venv/bin/python")


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_plain_is_one_word_for_a_shell(name):
    path = f"/home/{name}/.venv/bin/python"
    assert paths.is_plain(path)
    said = subprocess.run(["bash", "-c", f"printf '%s|' {path}"], capture_output=True, text=True, check=True).stdout
    assert said == f"{path}|"


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_a_plain_path_needs_no_quotes(name):
    if paths.is_plain(f"/{name}"):
        assert shlex.quote(f"/{name}") == f"/{name}"


@pytest.fixture
def python_in(tmp_path, monkeypatch):
    """Make an environment in a folder of this name, and let it be the running one."""

    def make(name: str) -> Path:
        folder = tmp_path / name / ".venv"
        venv.create(folder, symlinks=True, with_pip=False)
        monkeypatch.setattr(sys, "executable", str(folder / "bin" / "python"))
        return folder

    return make


@pytest.mark.parametrize("name", ["my course", "a;exit 3", "강의 $HOME"])
def test_through_the_link_a_shell_starts_the_python_of_the_environment(python_in, tmp_path, name):
    folder = python_in(name)
    (tmp_path / "plain").mkdir()
    before = sys.executable
    for _ in range(2):  # the second time the link is there already
        with paths.plain_python([tmp_path / "plain"]):
            line = f"exec {sys.executable} -c 'import os, sys; print(os.path.realpath(sys.prefix))'"
        run = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
        assert run.stdout.strip() == str(folder)
        assert sys.executable == before
    assert len(list((tmp_path / "plain").iterdir())) == 1


def test_a_plain_python_needs_no_link(python_in, tmp_path):
    python_in("plain")
    before, found = sys.executable, sorted(tmp_path.iterdir())
    with paths.plain_python([tmp_path]):
        assert sys.executable == before
    assert sorted(tmp_path.iterdir()) == found


def test_a_link_that_leads_elsewhere_is_not_taken(python_in, tmp_path):
    folder = python_in("my course")
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir(), second.mkdir()
    with paths.plain_python([first]):
        pass
    (link,) = first.iterdir()
    link.unlink()
    link.symlink_to(tmp_path)
    with paths.plain_python([first, second]):
        assert os.path.realpath(Path(sys.executable).parent.parent) == str(folder)
        assert Path(sys.executable).is_relative_to(second)
    assert os.readlink(link) == str(tmp_path)  # it is somebody else's


def test_without_a_place_for_the_link_the_path_and_the_remedy_are_named(python_in, tmp_path):
    folder = python_in("my course")
    (tmp_path / "odd place").mkdir()
    before = sys.executable
    with (
        pytest.raises(RuntimeError, match=r"Move or rename the folder") as refused,
        paths.plain_python([tmp_path / "odd place", tmp_path / "missing"]),
    ):
        pass
    assert repr(str(folder / "bin" / "python")) in str(refused.value)
    assert sys.executable == before


@pytest.mark.parametrize("name", ["kim's", "back\\slash", "a \\ b", "two\nlines", "bad\udcff"])
def test_a_ray_that_could_not_start_its_own_files_is_refused(name):
    with pytest.raises(RuntimeError, match=r"(?s)^Ray cannot start its workers from .*Move or rename"):
        paths.check_package(f"/home/{name}/.venv/lib/ray")


@pytest.mark.parametrize("name", ["kim", "my course", "강의", "kim's course", "$HOME", 'so "called"', "a;b"])
def test_other_folders_of_ray_will_do(name):
    paths.check_package(f"/home/{name}/.venv/lib/ray")


@pytest.mark.parametrize("temporary", ["/x" * 40, "/data/$me", "/data/임시", "/data/kim's"])
def test_ray_keeps_its_files_elsewhere_if_it_cannot_in_the_folder_for_temporary_files(monkeypatch, temporary):
    monkeypatch.setenv("RAY_TMPDIR", temporary)
    monkeypatch.setattr(tempfile, "tempdir", temporary)
    folder = Path(paths.ray_folder())
    assert folder.parent.is_dir()
    socket = folder / f"session_2031-12-24_18-00-00_123456_{os.getpid()}" / "sockets" / "plasma_store"
    assert paths.is_plain(socket)
    assert len(os.fsencode(socket)) <= 103


def test_a_folder_that_will_do_is_left_to_ray(monkeypatch):
    monkeypatch.setenv("RAY_TMPDIR", "/data/kim")
    assert paths.ray_folder() is None


SEARCH = """
import tempfile
from ray import tune
from hpt_lessons.raytune.study import run_study
from hpt_lessons.search.searchers import Listed

def train(config, checkpoint):
    tune.report({"loss": config["x"]})

study = run_study(train, Listed([{"x": 1.0}]), max_epochs=1, name="toy", folder=tempfile.mkdtemp(), progress=False)
print([trial.status for trial in study.trials])
"""


@pytest.mark.ray
@pytest.mark.slow
def test_a_search_runs_in_an_environment_whose_path_has_a_space_and_a_dollar(tmp_path):
    folder = tmp_path / "our $course (new)" / ".venv"
    venv.create(folder, symlinks=True, with_pip=False)
    packages = folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    packages.rmdir()
    packages.symlink_to(sysconfig.get_paths()["purelib"])
    here = Path(paths.__file__).parents[2]
    with tempfile.TemporaryDirectory(prefix="hpt-", ignore_cleanup_errors=True) as temporary:  # a short one, for Ray
        env = {**os.environ, "TMPDIR": temporary, "PYTHONPATH": str(here)}
        run = subprocess.run(
            [folder / "bin" / "python", "-c", SEARCH], env=env, capture_output=True, text=True, timeout=400, check=False
        )
    assert run.stdout.strip() == "['completed']", run.stderr[-2000:]
