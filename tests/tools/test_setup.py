"""The set-up says what it costs, mends what was interrupted, and leaves alone what is ready. Nothing is installed."""

import ast
import os
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest

from helpers.tools import load_tool

ROOT = Path(__file__).resolve().parents[2]
Version = namedtuple("Version", "major minor micro releaselevel serial")


class Steps:
    """In place of subprocess.run: notes the commands, makes a venv as far as it is looked at, fails when told to."""

    def __init__(self, venv):
        self.venv, self.commands, self.fail_at, self.error = venv, [], None, None

    def __call__(self, command, check, cwd, **options):
        step = "venv" if "venv" in command else "uv" if command[0].endswith("uv") else "pip"
        self.commands.append(command)
        if step == "venv":
            assert "--clear" in command
            shutil.rmtree(self.venv, ignore_errors=True)
            (self.venv / "bin").mkdir(parents=True)
            (self.venv / "bin" / "python").touch()
            (self.venv / "pyvenv.cfg").write_text("home = x\nversion = {}.{}.0\n".format(*sys.version_info[:2]))
        (self.venv / f"done by {step}").touch()
        if step == self.fail_at:
            raise self.error

    @property
    def names(self):
        return ["venv" if "venv" in command else Path(command[0]).name for command in self.commands]


@pytest.fixture
def setup(tmp_path, monkeypatch):
    """tools/setup.py in an empty project, with faked steps."""
    tool = load_tool("setup")
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_text("")
    tool.ROOT, tool.VENV, tool.BIN = tmp_path, tmp_path / ".venv", tmp_path / ".venv" / "bin"
    tool.STAMP, tool.CHOICE = tool.VENV / "ready", tmp_path / ".torch-build"
    tool.INPUTS = [tmp_path / "requirements.lock", tmp_path / "pyproject.toml"]
    tool.steps = Steps(tool.VENV)
    monkeypatch.setattr(tool.subprocess, "run", tool.steps)
    monkeypatch.setattr(tool.shutil, "disk_usage", lambda path: namedtuple("usage", "free")(100e9))
    return tool


def test_a_venv_then_uv_in_it_then_the_locked_versions(setup):
    assert setup.main([]) == 0
    assert setup.steps.names == ["venv", "python", "uv"]
    last = setup.steps.commands[-1]
    assert last[last.index("--constraint") + 1] == "requirements.lock"
    assert last[-2:] == ["--editable", ".[test]"]
    assert not [word for command in setup.steps.commands for word in command if "://" in word or "index" in word]


def test_what_is_ready_is_left_alone(setup, capsys):
    setup.main([])
    setup.steps.commands.clear()
    capsys.readouterr()
    assert setup.main([]) == 0
    assert setup.steps.commands == []
    assert capsys.readouterr().out.startswith("The environment in .venv is ready (Python 3.")


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_newer_lock_or_project_sets_up_again(setup, name):
    setup.main([])
    later = time.time() + 5
    os.utime(setup.ROOT / name, (later, later))
    assert not setup.is_ready("default")
    setup.steps.commands.clear()
    setup.main([])
    assert setup.steps.names == ["venv", "python", "uv"]


@pytest.mark.parametrize("step", ["venv", "pip", "uv"])
@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (subprocess.CalledProcessError(1, "uv"), 1, "did not finish"),
        (OSError(28, "No space left on device"), 1, "No space left"),
        (KeyboardInterrupt(), 130, "Interrupted"),
    ],
)
def test_a_failure_or_interrupt_at_any_step_is_mended_by_the_same_command(setup, capsys, step, error, status, words):
    setup.steps.fail_at, setup.steps.error = step, error
    assert setup.main([]) == status
    said = capsys.readouterr().err
    assert words in said
    assert "Run the same command again" in said
    assert not setup.STAMP.exists()
    setup.steps.fail_at = None
    setup.steps.commands.clear()
    assert setup.main([]) == 0
    assert setup.steps.names == ["venv", "python", "uv"]
    assert setup.is_ready("default")


def test_a_ready_venv_stops_being_ready_before_it_is_touched(setup, monkeypatch):
    """Killed in the middle of an update, the old stamp must not pass for a new one."""
    setup.main([])
    os.utime(setup.STAMP, (1, 1))
    seen = []
    monkeypatch.setattr(setup.subprocess, "run", lambda *args, **options: seen.append(setup.STAMP.exists()))
    setup.make_venv()
    assert seen[0] is False


def test_half_a_venv_without_a_stamp_is_replaced(setup):
    setup.VENV.mkdir()
    (setup.VENV / "half").touch()
    assert not setup.is_ready("default")
    setup.main([])
    assert not (setup.VENV / "half").exists()


def test_a_venv_without_its_configuration_is_not_ready(setup):
    setup.main([])
    (setup.VENV / "pyvenv.cfg").unlink()
    assert not setup.is_ready("default")


def test_another_python_sets_up_again(setup, monkeypatch):
    setup.main([])
    monkeypatch.setattr(setup.sys, "version_info", Version(3, 14 if sys.version_info[1] != 14 else 13, 0, "final", 0))
    assert not setup.is_ready("default")


def test_the_cpu_build_stays_when_no_build_is_named(setup):
    setup.main(["--torch", "cpu"])
    assert "--torch-backend=cpu" in setup.steps.commands[-1]
    setup.steps.commands.clear()
    assert setup.main([]) == 0
    assert setup.steps.commands == [], "`make lab` after `make setup TORCH=cpu` changes nothing"
    later = time.time() + 5
    os.utime(setup.ROOT / "requirements.lock", (later, later))
    setup.main([])
    assert "--torch-backend=cpu" in setup.steps.commands[-1], "and so does an update after the lock has changed"
    setup.main(["--torch", "default"])
    assert "--torch-backend=cpu" not in setup.steps.commands[-1]


def test_the_cpu_build_is_remembered_by_a_set_up_that_did_not_finish(setup):
    setup.steps.fail_at, setup.steps.error = "uv", KeyboardInterrupt()
    setup.main(["--torch", "cpu"])
    setup.steps.fail_at = None
    setup.main([])
    assert "--torch-backend=cpu" in setup.steps.commands[-1]


LEAVE = "TORCH=cpu is remembered in .torch-build; `make setup TORCH=default` takes the usual build again."


def test_how_to_leave_a_remembered_build_is_said_when_it_is_used_and_when_a_set_up_fails(setup, capsys):
    """Not to whoever names the build now, if that works; and the named way out works."""
    setup.steps.fail_at, setup.steps.error = "uv", subprocess.CalledProcessError(1, "uv")
    assert setup.main(["--torch", "cpu"]) == 1
    said = capsys.readouterr()
    assert LEAVE in said.err and LEAVE not in said.out
    setup.steps.fail_at = None
    for _ in range(2):  # it is set up, then it is ready
        assert setup.main([]) == 0
        assert LEAVE in capsys.readouterr().out
    assert setup.main(["--torch", "cpu"]) == 0
    assert "remembered" not in capsys.readouterr().out
    assert setup.main(["--torch", "default"]) == 0 and setup.main([]) == 0
    said = capsys.readouterr()
    assert "remembered" not in said.out + said.err and setup.is_ready("default")


def test_an_environment_that_lost_its_python_is_made_again(setup):
    setup.main([])
    (setup.BIN / "python").unlink()
    setup.steps.commands.clear()
    setup.main([])
    assert setup.steps.names == ["venv", "python", "uv"]


def test_the_cpu_build_replaces_the_default_one_when_asked_for(setup):
    setup.main([])
    assert not setup.is_ready("cpu")


@pytest.mark.parametrize("version", [(2, 7), (3, 10), (3, 15), (4, 0)])
def test_another_python_is_named_with_what_to_type(setup, monkeypatch, capsys, version):
    monkeypatch.setattr(setup.sys, "version_info", Version(*version, 1, "final", 0))
    assert setup.main([]) == 1
    said = capsys.readouterr().err
    assert "3.11 to 3.14" in said
    assert sys.executable in said
    assert "make setup PYTHON=" in said
    assert setup.steps.commands == []


@pytest.mark.parametrize("version", [(3, 11), (3, 14)])
def test_the_first_and_the_last_python_will_do(setup, monkeypatch, version):
    monkeypatch.setattr(setup.sys, "version_info", Version(*version, 0, "final", 0))
    assert setup.unfit() is None


def test_debian_without_its_venv_package_is_told_its_name(setup, monkeypatch, capsys):
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda name: None)
    assert setup.main([]) == 1
    assert "apt-get install python3-venv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("platform", "torch", "size"),
    [
        ("linux", "default", "about 5 GB"),
        ("linux", "cpu", "about 1.5 GB"),
        ("darwin", "default", "about 1.5 GB"),
    ],
)
def test_the_cost_is_said_before_anything_happens(setup, monkeypatch, capsys, platform, torch, size):
    monkeypatch.setattr(setup.sys, "platform", platform)
    make_venv = setup.make_venv
    monkeypatch.setattr(setup, "make_venv", lambda: (print("-- here it begins --"), make_venv()))
    assert setup.main(["--torch", torch]) == 0
    before, _, _ = capsys.readouterr().out.partition("-- here it begins --")
    assert size in before
    assert ("TORCH=cpu" in before) is (size == "about 5 GB")
    assert "Careful" not in before


@pytest.mark.parametrize(
    ("free", "torch", "warned"),
    [
        (7e9, "default", True),
        (9e9, "default", False),
        (2e9, "cpu", True),
        (4e9, "cpu", False),
    ],
)
def test_a_full_disk_is_named_in_advance(setup, monkeypatch, capsys, free, torch, warned):
    monkeypatch.setattr(setup.sys, "platform", "linux")
    monkeypatch.setattr(setup.shutil, "disk_usage", lambda path: namedtuple("usage", "free")(free))
    setup.announce(torch)
    assert (f"only {free / 1e9:.1f} GB are free" in capsys.readouterr().out) is warned


@pytest.mark.skipif(os.name == "nt", reason="there Ray starts its workers in another way")
@pytest.mark.parametrize(("name", "warned"), [("kim's", True), ("a\\b", True), ("my course", False), ("강의", False)])
def test_a_folder_from_which_ray_cannot_start_is_named_in_advance(setup, capsys, tmp_path, name, warned):
    setup.ROOT = tmp_path / name
    setup.ROOT.mkdir()
    setup.announce("cpu")
    assert (f"Ray cannot start from {setup.ROOT}" in capsys.readouterr().out) is warned


def test_from_inside_the_old_venv_the_new_one_is_made_by_the_python_behind_it(setup, monkeypatch):
    """The active .venv is about to be cleared; its Python cannot make its successor."""
    monkeypatch.setattr(setup.sys, "prefix", str(setup.VENV))
    monkeypatch.setattr(setup.sys, "base_prefix", "/usr")
    monkeypatch.setattr(setup.sys, "_base_executable", "/usr/bin/python3")
    setup.make_venv()
    assert setup.steps.commands[0][0] == "/usr/bin/python3"


@pytest.mark.skipif(os.name == "nt", reason="folders are not locked on Windows")
def test_a_set_up_waits_for_another_that_is_still_at_work(setup, capsys):
    """Also when only its uv lives on, which inherits the lock."""
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, os, subprocess, sys\n"
            "lock = os.open(sys.argv[1], os.O_RDONLY)\n"
            "os.set_inheritable(lock, True)\n"
            "fcntl.flock(lock, fcntl.LOCK_EX)\n"
            "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1)'], close_fds=False)\n"
            "print('locked', flush=True)",
            str(setup.ROOT),
        ],
        stdout=subprocess.PIPE,
    )
    with holder:
        holder.stdout.readline()
        holder.wait()
        begin = time.monotonic()
        assert setup.main([]) == 0
    assert time.monotonic() - begin > 0.3
    assert "Another set-up is still at work" in capsys.readouterr().out


def test_an_old_python_gets_as_far_as_the_message():
    """tools/setup.py can be read by Pythons that cannot run the course: the message would not be seen otherwise."""
    ast.parse((ROOT / "tools" / "setup.py").read_text(), feature_version=(3, 7))
