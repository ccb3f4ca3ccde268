"""How long until a search trains? From the start of a fresh program to its first epoch, and a second search in it.

A search is four tiny trials of one epoch, two at a time, on the stand-in, which is prepared before. Processor time is
that of the program and of all its processes, Ray's too, which a busy machine changes less than the time on the wall.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

BOUNDS = {"first": 10.0, "second": 4.0}  # seconds, on two idle cores: until the first epoch begins, and for all of it
LABELS = {"first": "until the first epoch begins", "second": "a second search, until it is over"}


def main(arguments: list[str]) -> int:
    """Print a line for each; 0 if both keep their bounds."""
    ask = argparse.ArgumentParser(prog="benchmarks start")
    ask.add_argument("--quick", action="store_true", help="the bounds are not judged")
    ask.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    ask.add_argument("--begun", type=float, help=argparse.SUPPRESS)
    options = ask.parse_args(arguments)
    if options.folder:
        print(json.dumps(measure(options.folder, options.begun)))
        return 0
    from hpt_lessons.cifar.data import load_data

    with tempfile.TemporaryDirectory(prefix="start-") as folder:
        load_data(Path(folder, "data"), "standin", progress=False)
        command = [sys.executable, "-m", "benchmarks.start", "--folder", folder, "--begun", str(time.time())]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    rows = json.loads(output.stdout.strip().splitlines()[-1])
    print(f"{'':36}{'wall':>8}{'processor':>12}{'bound':>9}")
    for name, (wall, processor) in rows.items():
        print(f"{LABELS[name]:36}{wall:6.1f} s{processor:10.1f} s{BOUNDS[name]:7.0f} s")
    return 0 if options.quick or all(rows[name][0] <= bound for name, bound in BOUNDS.items()) else 1


def measure(folder: Path, begun: float) -> dict[str, tuple[float, float]]:
    """Both searches in this process: seconds on the wall and of the processor."""
    spent = Spent()
    from hpt_lessons.raytune.setup import prepare_ray

    prepare_ray()
    from hpt_lessons.cifar.data import load_data

    data = load_data(folder / "data", "standin", progress=False)
    search(data, folder, "first")
    journal = (folder / "first" / "journal.jsonl").read_text(encoding="utf-8")
    first = next(event for event in map(json.loads, journal.splitlines()) if event["event"] == "result")
    over = min(path.stat().st_mtime for path in (folder / "first" / "trials").glob("*.pt"))
    until, processor, again = over - first["seconds"] - begun, spent.seconds, time.time()
    search(data, folder, "second")
    return {"first": (until, processor), "second": (time.time() - again, spent.seconds - processor)}


def search(data, folder: Path, name: str) -> None:
    from hpt_lessons.raytune import cifar, study
    from hpt_lessons.search.searchers import Listed

    study.run_study(
        cifar._train,
        Listed([{"l1": 8, "l2": 8, "lr": lr, "batch_size": 16} for lr in (1e-3, 2e-3, 3e-3, 4e-3)]),
        max_epochs=1,
        name=name,
        folder=folder,
        progress=False,
        shared={"data": data, "options": {"epochs": 1, "train_size": 200}},
    )


class Spent:
    """Processor seconds of this process and of all that it starts, those that have ended too: looked at as they run."""

    def __init__(self) -> None:
        self._of: dict[tuple[int, float], float] = {}
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def seconds(self) -> float:
        """Altogether."""
        return sum(self._of.copy().values())

    def _watch(self) -> None:
        import psutil

        while True:
            for process in [own := psutil.Process(), *own.children(recursive=True)]:
                try:
                    times = process.cpu_times()
                    self._of[process.pid, process.create_time()] = times.user + times.system
                except psutil.Error:
                    continue
            time.sleep(0.3)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
