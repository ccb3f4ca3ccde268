"""Make or mend the environment of the course in .venv: `python3 tools/setup.py`.

A plain venv, uv inside it, and the versions of requirements.lock. Only the standard library is used, so that any
Python from 3.11 to 3.14 can run it, on Linux, macOS and Windows. A stamp is written last: while it is missing, the
next call starts afresh, so that a broken or interrupted set-up is mended by running the same command again.
"""

from __future__ import annotations  # so that older Pythons get as far as being told that they are too old

import argparse
import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "ready"
CHOICE = ROOT / ".torch-build"  # outlives the environment: an update keeps the build that was asked for once
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
INPUTS = [ROOT / "requirements.lock", ROOT / "pyproject.toml"]


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0 when the environment is ready, whether or not there was anything to do."""
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument(
        "--torch",
        metavar="BACKEND",
        help="'cpu' takes the small CPU build of PyTorch, 'default' the usual one (on Linux: CUDA); "
        "unless given, the build that was asked for last",
    )
    asked = ask.parse_args(arguments).torch
    torch = chosen(asked)
    problem = unfit()
    if problem is not None:
        print(problem, file=sys.stderr)
        return 1
    begin = time.monotonic()
    try:
        with alone():
            if is_ready(torch):
                print(f"The environment in .venv is ready (Python {venv_version()}, PyTorch: {STAMP.read_text()}).")
                if asked is None:
                    print(how_to_leave(torch), end="")
                return 0
            announce(torch)
            if asked is None:
                print(how_to_leave(torch), end="", flush=True)
            CHOICE.write_text(torch)
            make_venv()
            install(torch)
            STAMP.write_text(torch)
    except (subprocess.CalledProcessError, OSError) as error:
        print(
            f"\nThe set-up did not finish: {error}\nNothing is lost: packages already downloaded are kept. "
            f"Run the same command again.\n{how_to_leave(torch)}",
            end="",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again to go on.", file=sys.stderr)
        return 130
    print(f"The environment is ready in .venv ({time.monotonic() - begin:.0f} s).")
    return 0


def unfit() -> str | None:
    """Why this Python cannot set up the course, and what to do; None if it can."""
    if not (3, 11) <= sys.version_info[:2] < (3, 15):
        return (
            f"Python 3.11 to 3.14 is needed; this is {sys.version.split()[0]} ({sys.executable}).\n"
            "Name another one: make setup PYTHON=python3.12"
        )
    if importlib.util.find_spec("ensurepip") is None:
        return (
            f"Python's own venv is missing here ({sys.executable}): Debian and Ubuntu keep it in a package.\n"
            "Install it and run the same command again: sudo apt-get install python3-venv"
        )
    return None


def chosen(torch: str | None) -> str:
    """The build of PyTorch that is asked for now, else the one that was asked for last, else the default."""
    return torch or (CHOICE.read_text() if CHOICE.exists() else "default")


def how_to_leave(torch: str) -> str:
    """A line that says how to leave the build of PyTorch that is remembered; nothing where that is the default."""
    if torch == "default":
        return ""
    return f"TORCH={torch} is remembered in {CHOICE.name}; `make setup TORCH=default` takes the usual build again.\n"


def is_ready(torch: str) -> bool:
    """True if the last set-up finished, for this Python and build of PyTorch, after the lock last changed."""
    return (
        STAMP.exists()
        and STAMP.read_text() == torch
        and any(BIN.glob("python*"))
        and venv_version() == "{}.{}".format(*sys.version_info[:2])
        and STAMP.stat().st_mtime >= max(path.stat().st_mtime for path in INPUTS)
    )


def venv_version() -> str | None:
    """The Python of .venv, such as 3.12; None if there is none or it is broken."""
    try:
        found = re.search(r"^version\s*=\s*(\d+\.\d+)", (VENV / "pyvenv.cfg").read_text(), re.MULTILINE)
    except OSError:
        return None
    return found[1] if found else None


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Wait until no other set-up works on .venv.

    The lock is inherited by uv: when this script is killed while uv lives on, the next one waits for uv to end instead
    of clearing the folder under it. It needs no file; where folders cannot be locked (Windows), nothing is awaited.
    """
    try:
        import fcntl

        folder = os.open(ROOT, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    try:
        os.set_inheritable(folder, True)
        with contextlib.suppress(OSError):
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("Another set-up is still at work here: waiting for it to end.", flush=True)
                fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def announce(torch: str) -> None:
    """Say what will happen and what it costs, before anything happens."""
    free = shutil.disk_usage(ROOT).free / 1e9
    cuda = sys.platform == "linux" and torch == "default"
    size = "about 5 GB on disk: PyTorch for Linux brings NVIDIA's CUDA libraries" if cuda else "about 1.5 GB on disk"
    print(
        f"Setting up .venv with Python {sys.version.split()[0]} for {sysconfig.get_platform()}:\n"
        f"  1. a virtual environment and uv (a fast installer)\n"
        f"  2. JupyterLab, PyTorch, Ray Tune and the rest, in the versions of requirements.lock: {size}."
    )
    if cuda:
        print("     No NVIDIA GPU? `make setup TORCH=cpu` takes the small build.")
    if os.name != "nt" and ("\\" in str(ROOT) or ("'" in str(ROOT) and " " not in str(ROOT))):
        print(
            f"     Careful: Ray cannot start from {ROOT}: it does not read quotes and backslashes in a path.\n"
            "     For searches with Ray move or rename this folder first."
        )
    if free < (8 if cuda else 3):
        print(f"     Careful: only {free:.1f} GB are free on this disk.")
    sys.stdout.flush()


def make_venv() -> None:
    """A venv with uv in it; one that a killed set-up left behind is replaced."""
    STAMP.unlink(missing_ok=True)
    run([base_python(), "-m", "venv", "--clear", str(VENV)])
    run([str(BIN / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"])


def base_python() -> str:
    """The Python to build from: while .venv is active, that is not its own, which is about to be cleared."""
    return sys.executable if sys.prefix == sys.base_prefix else sys._base_executable


def install(torch: str) -> None:
    """The course and its tests, held to the lock: uv shows its own progress with sizes."""
    backend = [] if torch == "default" else [f"--torch-backend={torch}"]
    run(
        [
            str(BIN / "uv"),
            "pip",
            "install",
            "--python",
            str(BIN / "python"),
            *backend,
            "--constraint",
            "requirements.lock",
            "--editable",
            ".[test]",
        ]
    )


def run(command: list[str]) -> None:
    """Run a step in the project's folder; its errors appear on the screen. Inherits the lock of `alone`."""
    subprocess.run(command, check=True, cwd=ROOT, close_fds=False)


if __name__ == "__main__":
    sys.exit(main())
