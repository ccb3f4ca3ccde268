"""Run what CI runs: `python tools/test.py`, or with --quick the part that is fast enough for working.

1. the rules for notebooks; 2. the notebooks, executed and compared strictly by nbval, and the tests that start Ray;
3. at the same time, because those wait a good deal, all other tests.
Everything happens in one temporary folder, without network or GPU, and is gone afterwards; a process that outlives the
tests, or a file that they leave in notebooks/, is a failure. Other arguments go to pytest, for example `-k journal`.
"""

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

import notebooks

QUICK = "not slow and not ray"
NBVAL = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=300"]
NOTHING_COLLECTED = 5  # pytest's exit status


def main() -> int:
    """The exit status: 0 if everything passed."""
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--quick", action="store_true", help=f"only the tests that are {QUICK}")
    options, more = ask.parse_known_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="hpt-", ignore_cleanup_errors=True) as folder:
        env = notebooks.environment(Path(folder))
        if options.quick:
            return pytest(["-m", QUICK, *more], env, folder)[0]
        try:
            return everything(more, env, folder)
        finally:
            end(strays(folder))


def everything(more: list[str], env: dict[str, str], folder: str) -> int:
    """All three parts, whichever fails; pytest's summaries come again at the end."""
    problems: list[str] = []
    if notebooks.main(["--check"]):
        problems.append("notebooks that break a rule: see above")
    looked_at = [notebooks.FOLDER, Path.home() / "ray_results"]  # where careless lessons leave their files
    before = everything_in(*looked_at)
    runs = {}
    with beside([*more, "-m", "not ray"], env, folder) as others:
        if any(notebooks.FOLDER.rglob("*.ipynb")):
            runs["notebooks"] = pytest([*NBVAL, *more, str(notebooks.FOLDER)], env, folder)
        runs["tests with Ray"] = pytest([*more, "-m", "ray"], env, folder)
        runs["other tests"] = others()
    if any(status not in (0, NOTHING_COLLECTED) for status, _ in runs.values()):
        problems.append("failures in pytest: see above")
    left = sorted(str(path) for path in everything_in(*looked_at) - before if "checkpoints" not in str(path))
    if left:
        problems.append(f"left behind: {', '.join(left)}")
    if processes := strays(folder, patience=10):
        problems.append(f"still running: {', '.join(name_of(process) for process in processes)}")
    print("\n".join([*problems, *(f"{name}: {summary}" for name, (_, summary) in runs.items())]))
    return 1 if problems else 0


def everything_in(*folders: Path) -> set[Path]:
    return {path for folder in folders for path in folder.rglob("*")}


def pytest(arguments: list[str], env: dict[str, str], folder: str) -> tuple[int, str]:
    """Run pytest and show what it says; its exit status and its last line."""
    last = b""
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command(arguments, f"{folder}/pytest"), cwd=notebooks.ROOT, env=env, **both) as run:
        try:
            while piece := run.stdout.read1():
                sys.stdout.buffer.write(piece)
                sys.stdout.flush()
                last = (last + piece)[-1000:]
        except BaseException:
            interrupt(run)
            raise
    return run.returncode, last_line(last)


@contextlib.contextmanager
def beside(arguments: list[str], env: dict[str, str], folder: str) -> Iterator[Callable[[], tuple[int, str]]]:
    """Run pytest meanwhile; the function that is given waits for its end, shows what it said, answers as `pytest`."""
    log = Path(folder) / "pytest beside.txt"
    with (
        open(log, "wb") as file,
        subprocess.Popen(
            command(arguments, f"{folder}/pytest-beside"),
            cwd=notebooks.ROOT,
            env=env,
            stdout=file,
            stderr=subprocess.STDOUT,
        ) as run,
    ):

        def result() -> tuple[int, str]:
            status = run.wait()
            sys.stdout.buffer.write(log.read_bytes())
            sys.stdout.flush()
            return status, last_line(log.read_bytes())

        try:
            yield result
        finally:
            if run.poll() is None:
                interrupt(run)


def command(arguments: list[str], basetemp: str) -> list[str]:
    colour = "--color=yes" if sys.stdout.isatty() else "--color=no"
    return [sys.executable, "-m", "pytest", colour, f"--basetemp={basetemp}", *arguments]


def interrupt(run: subprocess.Popen) -> None:
    run.send_signal(signal.SIGINT)  # pytest ends its own children
    with contextlib.suppress(subprocess.TimeoutExpired):
        run.wait(10)
    run.kill()


def last_line(said: bytes) -> str:
    return re.sub(r"\x1b\[\d*m", "", said.decode(errors="replace").strip().splitlines()[-1])


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
        return (
            process.pid != os.getpid()
            and process.status() != psutil.STATUS_ZOMBIE
            and process.environ().get("TMPDIR") == folder
        )
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
