"""Run what CI runs: `python tools/test.py`, or with --quick the part that is fast enough for working.

1. what runs nothing: ruff, mypy, the rules for notebooks; 2. the notebooks, executed and compared strictly by nbval,
with the seconds of each in the end, and the tests that start Ray; 3. at the same time, because those wait a good deal,
all other tests. Everything happens in one temporary folder, without network or GPU, and is gone afterwards; a process
that outlives the tests, or a file that they leave in notebooks/, is a failure. Other arguments go to pytest, for
example `-k journal`.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

import notebooks

QUICK = "not slow and not ray"
NBVAL = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=300", "-p", "tools.notebook_seconds"]
NOTHING_COLLECTED = 5  # pytest's exit status
LOOKED_AT = [notebooks.FOLDER, Path.home() / "ray_results"]  # where careless lessons leave their files
# What is called, and what to type when it finds something.
CHECKS = {
    "ruff check --output-format concise .": "make format (.venv/bin/ruff check --fix .); the rest by hand",
    "ruff format --check --output-format concise .": "make format (.venv/bin/ruff format .)",
    "mypy": "by hand; what is asked of which module: [tool.mypy] in pyproject.toml",
}


def main() -> int:
    """The exit status: 0 if everything passed. All parts run, whichever fails, and what failed is said at the end."""
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--quick", action="store_true", help=f"only the checks, and the tests that are {QUICK}")
    options, more = ask.parse_known_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    problems = checks()
    with tempfile.TemporaryDirectory(prefix="hpt-", ignore_cleanup_errors=True) as folder:
        try:
            problems += (quick if options.quick else everything)(more, folder)
        finally:
            end(strays(folder))
    print("\n".join(problems) or "Everything passed.")
    return 1 if problems else 0


def checks() -> list[str]:
    """What ruff, mypy and the rules for notebooks find is shown; the answer says what to type."""
    problems = []
    for command, mend in CHECKS.items():
        print(f"$ {command}", flush=True)
        if subprocess.run([sys.executable, "-m", *command.split()], cwd=notebooks.ROOT).returncode:
            problems.append(f"{command}: see above. To mend it: {mend}")
    if notebooks.main(["--check"]):
        problems.append("notebooks that break a rule: see above")
    return problems


def quick(more: list[str], folder: str) -> list[str]:
    return verdict("tests", start(["-m", QUICK, *more], folder, "tests").wait())


def everything(more: list[str], folder: str) -> list[str]:
    """Notebooks and tests; what failed, was left behind, or lives on."""
    before, problems = files(), []
    with open(f"{folder}/other tests.txt", "w+", encoding="utf-8", errors="replace") as said:
        others = start(["-m", "not ray", *more], folder, "others", stdout=said, stderr=subprocess.STDOUT)
        if any(notebooks.FOLDER.rglob("*.ipynb")):
            problems += verdict("notebooks", start([*NBVAL, *more, str(notebooks.FOLDER)], folder, "notebooks").wait())
        problems += verdict("tests with Ray", start(["-m", "ray", *more], folder, "ray").wait())
        problems += verdict("other tests", others.wait())
        said.seek(0)
        print(said.read(), flush=True)
    if left := sorted(str(path) for path in files() - before if "checkpoints" not in str(path)):
        problems.append(f"left behind: {', '.join(left)}")
    if processes := strays(folder, patience=10):
        problems.append(f"still running: {', '.join(map(name_of, processes))}")
    return problems


def start(arguments: list[str], folder: str, name: str, **output) -> subprocess.Popen:
    """pytest, in the environment of the lessons and with temporary files of its own in `folder`."""
    colour = "--color=yes" if sys.stdout.isatty() else "--color=no"
    command = [sys.executable, "-m", "pytest", colour, f"--basetemp={folder}/{name}", *arguments]
    return subprocess.Popen(command, cwd=notebooks.ROOT, env=notebooks.environment(Path(folder)), **output)


def verdict(name: str, status: int) -> list[str]:
    """A pytest's exit status as a problem, if it is one."""
    return [] if status in (0, NOTHING_COLLECTED) else [f"{name}: failures in pytest, see above"]


def files() -> set[Path]:
    return {path for folder in LOOKED_AT for path in folder.rglob("*")}


def strays(folder: str, patience: float = 0) -> list[psutil.Process]:
    """Processes of the tests that live on after `patience` seconds: the folder is in their environment."""
    deadline = time.monotonic() + patience
    while True:
        found = [process for process in psutil.process_iter() if started_in(process, folder)]
        if not found or time.monotonic() >= deadline:
            return found
        time.sleep(0.5)


def started_in(process: psutil.Process, folder: str) -> bool:
    try:
        alive = process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE
        return alive and process.environ().get("TMPDIR") == folder
    except (psutil.Error, OSError):  # ended meanwhile, or not ours to look at
        return False


def name_of(process: psutil.Process) -> str:
    try:
        return f"{process.name()} ({process.pid})"
    except psutil.Error:
        return str(process.pid)


def end(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


if __name__ == "__main__":
    sys.exit(main())
