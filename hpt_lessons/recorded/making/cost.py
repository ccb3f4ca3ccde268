"""What does an epoch cost one worker? `python -m hpt_lessons.recorded.making.cost NAME ... --data PATH` measures it.

Trials are trained in groups, which is cheaper; but a search that is replayed must wait as long as a real one would. So
one trial of each shape and batch size is trained alone, with one thread, and all trials of its kind get its seconds.
The builder measures what no table knows yet. This command measures whole tables again: on a machine that does nothing
else, so that the kinds can be compared, and all tables together, so that a kind costs the same in each of them.
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hpt_lessons.cifar.config import read_config
from hpt_lessons.cifar.data import Data, DataError
from hpt_lessons.cifar.training import Training, choose_device, use_threads
from hpt_lessons.progress import Progress
from hpt_lessons.recorded.making import finetuning
from hpt_lessons.recorded.making.card import write_card
from hpt_lessons.recorded.making.pictures import command_line, prepare
from hpt_lessons.recorded.making.plans import PLANS, Plan
from hpt_lessons.recorded.table import HOME, Rows, TableError, read, to_trials, write

# What the time of an epoch depends on.
OWN_COST = ("l1", "l2", "batch_size", "model", "augment", "train_size", "depth", "channels", "kernel", "activation")
EPOCHS = 3


def kind(config: Mapping[str, Any]) -> str:
    """The same text for whole configurations whose epochs take equally long."""
    return json.dumps({name: config[name] for name in OWN_COST if name in config})


def measure(config: Mapping[str, Any], data: Data) -> float:
    """CPU seconds of an epoch of `train_cifar` with one thread: the least of three, at a rate that does not diverge."""
    with use_threads(1):
        run = Training(read_config({**config, "lr": 0.001, "epochs": EPOCHS}), data, choose_device("cpu"))
        taken = []
        for epoch in range(1, EPOCHS + 1):
            begin = time.process_time()
            run.train_epoch(epoch)
            run.validate()
            taken.append(time.process_time() - begin)
    return min(taken)


def whole(rows: Rows, fixed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The configurations of a table with what is the same for all of them; `fixed` if the table does not say it."""
    same = json.loads(str(rows["about"])).get("fixed", fixed)
    return [{**same, **json.loads(str(config))} for config in rows["configs"]]


def known(tables: Iterable[Rows], fixed: Mapping[str, Any], data: str) -> dict[str, float]:
    """What tables measured on these pictures say about the kinds in them."""
    costs: dict[str, float] = {}
    for rows in tables:
        if "seconds" in rows and json.loads(str(rows["about"]))["data"] == data:
            for config, seconds in zip(whole(rows, fixed), rows["seconds"], strict=True):
                costs.setdefault(kind(config), float(seconds))
    return costs


def calibrate(names: Sequence[str], data: Data, folder: Path = HOME, *, progress: bool = True) -> dict[str, float]:
    """Measure all kinds in these tables anew, then write the tables and their cards; the seconds by kind.

    Raises ValueError for tables of other pictures, before anything is measured.
    """
    tables = {name: Table(PLANS[name](), data, read(folder / f"{name}.npz")) for name in names}
    first = {
        key: (config, one.data) for one in tables.values() for key, config in zip(one.keys, one.configs, strict=True)
    }
    costs: dict[str, float] = {}
    with Progress(len(first), "an epoch of each kind", unit="kind", enabled=progress, interval=60) as bar:
        for key, (config, pictures) in first.items():
            costs[key] = measure(config, pictures)
            bar.update()
    for one in tables.values():
        one.write(folder, costs)
    return costs


class Table:
    """A table that gets other seconds: its arrays, its pictures, the whole configurations and their kinds."""

    def __init__(self, plan: Plan, data: Data, rows: Rows):
        self.plan, self.rows, self.about = plan, rows, json.loads(str(rows["about"]))
        start = plan.known_classes
        self.data = finetuning.some_classes(data, start, len(data.classes)) if start else data
        if self.about["data"] != self.data.name:
            raise ValueError(
                f"recorded: {plan.name} was measured on {self.about['data']!r}, and this is "
                f"{self.data.name!r}. Give the same pictures (--data, --data-name)."
            )
        self.configs = whole(rows, plan.fixed)
        self.keys = [f"{self.data.name}: {kind(config)}" for config in self.configs]

    def write(self, folder: Path, costs: Mapping[str, float]) -> None:
        """The table with these seconds, and its card."""
        about = self.about | {"calibrated": True}
        rows = self.rows | {
            "seconds": np.array([costs[key] for key in self.keys], np.float32),
            "about": np.array(json.dumps(about)),
        }
        write(folder / f"{self.plan.name}.npz", rows)
        write_card(folder / f"{self.plan.name}.md", self.plan, to_trials(rows), about)


def main(arguments: Sequence[str] | None = None) -> int:
    """Calibrate the tables that the command line names; 0 when they are written."""
    ask = command_line("cost", __doc__)
    ask.add_argument("names", nargs="+", choices=sorted(PLANS), metavar="NAME", help="tables: %(choices)s")
    options = ask.parse_args(arguments)
    try:
        costs = calibrate(options.names, prepare(options), options.out)
    except (ValueError, DataError, TableError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    for text, seconds in costs.items():
        print(f"{seconds:8.2f} s  {text}")
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
