"""Build a recorded table: `python -m hpt_lessons.recorded.making.build NAME --data PATH`. Stop it, and go on.

Each group of trials that is finished becomes a file below `parts/NAME/`, written in one step, and the group that is
being trained keeps a checkpoint beside it, at most a minute old. Whoever starts the command again, on this machine or
on another one with the same repository, goes on from there. When all parts are there they become one file, `NAME.npz`
with the card `NAME.md`, and the parts are removed.
"""

import contextlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hpt_lessons.cifar import checkpoint
from hpt_lessons.cifar.data import Data, DataError, open_test_set
from hpt_lessons.cifar.feed import Feed
from hpt_lessons.cifar.population import Population, read_configs
from hpt_lessons.cifar.training import choose_device, use_threads
from hpt_lessons.files import LOCK, locked, read_json, remove_drafts, write_json
from hpt_lessons.progress import Progress
from hpt_lessons.recorded.making import cost, finetuning
from hpt_lessons.recorded.making.card import write_card
from hpt_lessons.recorded.making.pictures import command_line, prepare
from hpt_lessons.recorded.making.plans import PLANS, Config, Group, Plan
from hpt_lessons.recorded.table import (
    ALIVE,
    HOME,
    Rows,
    TableError,
    fingerprint,
    from_histories,
    join,
    measured,
    read,
    some,
    to_trials,
    write,
)

SAVE_EVERY = 60.0  # seconds between two checkpoints of the group in training
# Epochs in a row at the level of guessing after which a network is looked at: is it dead?
GUESSING = 3
SECONDS = "seconds.json"  # what an epoch costs a single worker, measured for kinds of trials that no table knows


def build(plan: Plan, data: Data, *, device: str | None = None, folder: Path = HOME, progress: bool = True) -> Path:
    """Train what is missing of a table, then write it; the path of the finished table.

    Raises `DataError` if nothing can be written there, ValueError if a part belongs to other pictures.
    """
    done, parts = folder / f"{plan.name}.npz", folder / "parts" / plan.name
    with locked(parts):
        remove_drafts(parts)
        builder = (FineTuner if plan.known_classes else Builder)(plan, data, choose_device(device), parts)
        rows = builder.stage(plan.groups, plan.name, progress)
        if plan.then is not None:
            chosen = plan.then(to_trials(join(rows)))
            rows += builder.stage(chosen, f"{plan.name}, chosen trials again", progress)
        if not done.is_file() or list(read(done)["configs"]) != list(join(rows)["configs"]):
            write_table(done, plan, rows)
    # After the lock, which lies among them. The table that takes their place has been read back.
    remove_parts(builder)
    return done


def remove_parts(builder: "Builder") -> None:
    """Remove what the builder has written, and its folder if that is empty then."""
    for group in builder.staged:
        builder.part_of(group).unlink(missing_ok=True)
        builder.checkpoint_of(group).unlink(missing_ok=True)
    for name in (SECONDS, LOCK):
        (builder.parts / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # somebody has put other files there: they stay
        builder.parts.rmdir()


class Builder:
    """Trains the groups of one plan that are not there yet."""

    def __init__(self, plan: Plan, data: Data, device: torch.device, parts: Path):
        self.plan, self.data, self.device, self.parts = plan, data, device, parts
        self.test: tuple[np.ndarray, np.ndarray] | None = None
        self.staged: list[Group] = []
        self.known = measured(parts.parent.parent, plan.fixed)
        tables = {id(rows): rows for rows, _ in self.known.values()}
        self.costs = cost.known(tables.values(), plan.fixed, data.name)

    def work(self, group: Group) -> int:
        """How much there is to do: networks times epochs."""
        return sum(config.get("epochs", self.plan.fixed["epochs"]) for config in group.configs)

    def done(self, group: Group) -> int:
        """How much of that has been done by an earlier run."""
        if self.kept(group) is not None:
            return self.work(group)
        rest = Group(group.name, self.missing(group))
        try:
            state = checkpoint.load(self.checkpoint_of(group))
        except ValueError:
            state = None
        trained = 0 if state is None else state.get("epoch", 0) * len(rest.configs)
        return self.work(group) - self.work(rest) + trained

    def part_of(self, group: Group) -> Path:
        """Where the rows of a finished group are kept until all are there."""
        return self.parts / f"{group.name}.npz"

    def checkpoint_of(self, group: Group) -> Path:
        """Where the group in training is kept; the repository leaves such files out."""
        return self.parts / f"{group.name}.tmp"

    def stage(self, groups: Sequence[Group], label: str, progress: bool) -> list[Rows]:
        """The rows of these groups, one after the other; the time left counts only what is still to be trained."""
        self.staged.extend(groups)
        done = sum(map(self.done, groups))
        total = sum(map(self.work, groups))
        with Progress(total, label, unit="network epoch", enabled=progress, interval=60, initial=done) as bar:
            return [self.rows(group, bar) for group in groups]

    def rows(self, group: Group, bar: Progress) -> Rows:
        """The rows of a group: from its part file, from tables that have them, and what is missing trained now."""
        rows = self.kept(group)
        if rows is not None:
            return rows
        missing = self.missing(group)
        if not missing:
            return self.shared(group.configs)
        bar.note(group.name)
        with use_threads(1):
            rows = self.train(Group(group.name, missing), bar)
        if len(missing) < len(group.configs):
            rows = join([rows, self.shared([config for config in group.configs if config not in missing])])
            place = {str(text): row for row, text in enumerate(rows["configs"])}
            rows = some(rows, [place[json.dumps(config)] for config in group.configs])
        write(self.part_of(group), rows)
        self.checkpoint_of(group).unlink(missing_ok=True)
        return rows

    def kept(self, group: Group) -> Rows | None:
        """What an earlier run has finished; None if there is nothing, or nothing that can be read or that fits."""
        path = self.part_of(group)
        if not path.is_file():
            return None
        try:
            rows = read(path)
        except TableError:
            return None  # damaged: trained again
        about, fixed = json.loads(str(rows["about"])), dict(self.plan.fixed)
        configs = [json.loads(str(config)) for config in rows["configs"]]
        if configs != list(group.configs) or about.get("fixed", fixed) != fixed:
            return None  # of an earlier plan
        if about["data"] != self.data.name:
            raise ValueError(
                f"recorded: {path.name} was measured on {about['data']!r}, and this is "
                f"{self.data.name!r}. Give the same pictures (--data, --data-name), or remove "
                f"{path.parent}."
            )
        return rows

    def missing(self, group: Group) -> tuple[Config, ...]:
        """Those of a group's configurations that no table has, on the same pictures."""
        return tuple(config for config in group.configs if self.found(config) is None)

    def found(self, config: Config) -> tuple[Rows, int] | None:
        """The table and the row of a trial that has been measured for this or another table, on the same pictures."""
        rows, row = self.known.get(fingerprint({**self.plan.fixed, **config}), (None, 0))
        if rows is None or json.loads(str(rows["about"]))["data"] != self.data.name:
            return None
        return rows, row

    def shared(self, configs: Sequence[Config]) -> Rows:
        """The rows of configurations that other tables have; their computing time is counted there."""
        parts = [some(rows, [row]) for rows, row in map(self.found, configs)]
        joined = join(parts)
        joined["configs"] = np.array([json.dumps(config) for config in configs])
        joined["about"] = np.array(json.dumps(json.loads(str(parts[0]["about"])) | {"spent": 0.0}))
        return joined

    def train(self, group: Group, bar: Progress) -> Rows:
        """All epochs of a group and the test set at its end; goes on from a checkpoint if there is one."""
        configs = [{**self.plan.fixed, **config} for config in group.configs]
        population = self.population(configs)
        file = self.checkpoint_of(group)
        first, spent, tested = self.go_on(population, file)
        begin, saved = time.process_time() - spent, time.monotonic()
        for epoch in range(first, population.settings[0].epochs + 1):
            population.run_epoch(epoch)
            tested |= self.drop_dead(population)
            bar.update(len(configs))
            if time.monotonic() - saved > SAVE_EVERY:
                checkpoint.save(
                    file, population.state() | {"epoch": epoch, "spent": time.process_time() - begin, "tested": tested}
                )
                saved = time.monotonic()
        tested |= self.tested(population)
        spent = time.process_time() - begin
        about = self.about(population) | {"spent": round(spent, 1)}
        rows = from_histories(group.configs, population.histories, tested, about)
        rows["seconds"] = np.array([self.seconds(config) for config in group.configs], np.float32)
        return rows

    def about(self, population: Population) -> dict[str, Any]:
        """What the rows of a group say about themselves, but for the computing time."""
        return {
            "data": self.data.name,
            "classes": len(self.data.classes),
            "train": len(population.train),
            "valid": len(population.valid),
            "score": len(population.scored or ()),
            "test": len(self.test_feed()),
            "fixed": dict(self.plan.fixed),
            **where(self.device),
        }

    def population(self, configs: Sequence[dict[str, Any]]) -> Population:
        """The networks before their first step."""
        return Population(read_configs(configs), self.data, self.device)

    def go_on(self, population: Population, file: Path) -> tuple[int, float, dict[int, float]]:
        """The epoch to begin with, the seconds spent before it, and who has been tested already.

        A checkpoint that does not fit is left aside.
        """
        try:
            state = checkpoint.load(file)
            if state is not None:
                population.restore(state)
                return state["epoch"] + 1, state["spent"], dict(state.get("tested", {}))
        except ValueError:
            pass  # damaged, or of an earlier plan: this group begins anew
        return 1, 0.0, {}

    def drop_dead(self, population: Population) -> dict[int, float]:
        """End the trainings that nothing can come of any more; the test accuracy of each of them.

        A network whose last hidden units are silent for every picture answers always the same. No gradient reaches
        its weights any more, only the last biases: without weight decay it stays so. One epoch is not enough to say
        so, because the momentum of the steps before still moves it.
        """
        level = ALIVE / len(self.data.classes)
        guessing = [
            len(history := population.histories[network]) >= GUESSING
            and all(result["accuracy"] < level for result in history[-GUESSING:])
            and not population.settings[network].weight_decay
            for network in population.networks
        ]
        dead = np.array(guessing) & population.constant() if any(guessing) else np.zeros(len(guessing), bool)
        if not dead.any():
            return {}
        gone = [network for network, one in zip(population.networks, dead, strict=True) if one]
        tested = self.tested(population)
        population.keep(~dead)
        return {network: tested[network] for network in gone}

    def tested(self, population: Population) -> dict[int, float]:
        """The test accuracy of each network in training."""
        accuracy = population.score(self.test_feed())[1] if population.networks else []
        return dict(zip(population.networks, map(float, accuracy), strict=True))

    def test_feed(self) -> Feed:
        """The sealed test pictures, opened once in the life of this process."""
        if self.test is None:
            self.test = self.open_test()
        images, labels = self.test
        return Feed(images, labels, np.arange(len(images)), self.data.mean, self.data.std, self.device)

    def open_test(self) -> tuple[np.ndarray, np.ndarray]:
        return open_test_set(self.data, f"recorded trials: {self.plan.name}")

    def seconds(self, config: dict[str, Any]) -> float:
        """What an epoch takes a single worker: as the tables have it, otherwise measured once for its kind (`cost`)."""
        kind = cost.kind(full := {**self.plan.fixed, **config})
        if kind in self.costs:
            return self.costs[kind]
        new = read_json(self.parts / SECONDS) or {}
        if kind not in new:
            new[kind] = cost.measure(full, self.data)
            write_json(self.parts / SECONDS, new)
        return new[kind]


class FineTuner(Builder):
    """Trains networks that know the first classes already on the last ones (`finetuning`)."""

    def __init__(self, plan: Plan, data: Data, device: torch.device, parts: Path):
        self.all_data, self.known_networks = data, {}
        super().__init__(plan, finetuning.some_classes(data, plan.known_classes, len(data.classes)), device, parts)

    def population(self, configs: Sequence[dict[str, Any]]) -> Population:
        shape = configs[0]["l1"], configs[0]["l2"]
        if shape not in self.known_networks:
            before = finetuning.some_classes(self.all_data, 0, self.plan.known_classes)
            self.known_networks[shape] = finetuning.known_network(configs[0], before, self.device)
        population = super().population(configs)
        finetuning.start_from(population, self.known_networks[shape])
        return population

    def open_test(self) -> tuple[np.ndarray, np.ndarray]:
        images, labels = super().open_test()
        return finetuning.of_some_classes(images, labels, self.plan.known_classes, len(self.all_data.classes))


def write_table(path: Path, plan: Plan, parts: Sequence[Rows]) -> None:
    """Join the parts, write the card and then the table, and look whether it can be read."""
    rows = join(parts)
    made = [json.loads(str(part["about"])) for part in parts]
    spent = sum(one["spent"] for one in made)
    if path.is_file():  # a smaller table, which this one takes in
        spent += json.loads(str(read(path)["about"]))["spent"]
    about = {key: made[-1].get(key, 0) for key in ("data", "classes", "train", "valid", "score", "test")} | {
        "fixed": dict(plan.fixed),
        "spent": round(spent),
        **{key: sorted(set().union(*(_list(one[key]) for one in made))) for key in ("code", "torch", "hardware")},
    }
    rows["about"] = np.array(json.dumps(about))
    write_card(path.with_suffix(".md"), plan, to_trials(rows), about)
    write(path, rows)
    read(path)


def _list(value: Any) -> list:
    """Of a part, which was made in one place, or of a whole table."""
    return value if isinstance(value, list) else [value]


def where(device: torch.device) -> dict[str, str]:
    """What the numbers may depend on: the version of this code, of torch, and the hardware."""
    return {"code": code_version(), "torch": str(torch.__version__), "hardware": hardware(device)}


def code_version() -> str:
    """The commit of this checkout, with a plus if program files differ from it; 'unknown' outside a repository."""
    commit, changed = _git("rev-parse", "--short", "HEAD"), _git("status", "--porcelain", "-uno", "--", ":(top)*.py")
    return f"{commit}+" if commit and changed else commit or "unknown"


def _git(*arguments: str) -> str:
    try:
        said = subprocess.run(["git", *arguments], cwd=HOME, capture_output=True, text=True, check=False)
    except OSError:  # no git on this machine
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""


def hardware(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"one core of {name}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the table that the command line names; 0 when it is complete."""
    ask = command_line("build", __doc__)
    ask.add_argument("name", choices=sorted(PLANS), help="the table")
    ask.add_argument("--device", help="cpu or cuda (a GPU if there is one)")
    ask.add_argument("--full", action="store_true", help="the larger plan, of which the shipped table is a part")
    options = ask.parse_args(arguments)
    try:
        data = prepare(options)
        print(f"Data: {data!r}.", flush=True)
        path = build(PLANS[options.name](options.full), data, device=options.device, folder=options.out)
    except (ValueError, DataError, TableError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f"{path.name} and {path.stem}.md are complete.")
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # The weights of a dead network decay to numbers below 1e-38, with which a processor takes several times as long.
    # (Not in `main`: it holds for all that a process computes from then on.)
    torch.set_flush_denormal(True)
    sys.exit(main())
