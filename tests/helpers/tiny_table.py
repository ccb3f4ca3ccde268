"""A recorded table of six trials, built in seconds: `python tests/helpers/tiny_table.py FOLDER` (a test kills it)."""

import sys
from pathlib import Path

from hpt_lessons.cifar.data import Data, load_data
from hpt_lessons.recorded.making import build
from hpt_lessons.recorded.making.plans import Group, Plan
from hpt_lessons.trials import Trials

SAME = {"l1": 6, "l2": 5, "batch_size": 8}


def then(trials: Trials) -> list[Group]:
    """The best one again."""
    lr = min((trial for trial in trials if not trial.diverged), key=lambda trial: trial.best_loss).config["lr"]
    return [Group("again", ({**SAME, "lr": lr, "seed": 1, "split_seed": 1},))]


PLAN = Plan(
    "tiny",
    "A tiny table",
    "Two groups, then the best trial again.",
    (
        Group("eight", tuple({**SAME, "lr": lr} for lr in (0.001, 0.01, 100.0))),
        Group("four", tuple({**SAME, "batch_size": 4, "lr": lr, "epochs": 6} for lr in (0.003, 0.01))),
    ),
    {"epochs": 4, "train_size": 400, "valid_size": 100, "weight_decay": 0.5},
    then,
)


def pictures(folder: Path) -> Data:
    return load_data(folder / "data", "standin", progress=False)


if __name__ == "__main__":
    build.SAVE_EVERY = 0.0
    home = Path(sys.argv[1])
    build.build(PLAN, pictures(home), device="cpu", folder=home, progress=False)
