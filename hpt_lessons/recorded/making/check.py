"""Is a recorded table what `train_cifar` gives? `python -m hpt_lessons.recorded.making.check NAME --data PATH`.

A sample of the rows is trained again, each alone, and set beside what was recorded. The two round differently, and a
training enlarges that: a training loss of the first epoch that agrees to one per cent is a pass, the rest is shown for
comparison.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from hpt_lessons.cifar.data import Data, DataError
from hpt_lessons.cifar.training import choose_device, train_cifar, use_threads
from hpt_lessons.recorded.making.build import FineTuner
from hpt_lessons.recorded.making.pictures import command_line, prepare
from hpt_lessons.recorded.making.plans import PLANS, Plan
from hpt_lessons.recorded.table import TableError, load
from hpt_lessons.trials import Trial, Trials

AGREE = 0.01


Train = Callable[[dict], list[dict]]  # a whole configuration to the history of its training


def alone(data: Data) -> Train:
    """Trained by `train_cifar`."""
    return lambda config: train_cifar(config, data=data, device="cpu", progress=False)


def fine_tuned(plan: Plan, data: Data) -> Train:
    """Trained as a population of one, from the network that knows the first classes; that one is trained once."""
    tuner = FineTuner(plan, data, choose_device("cpu"), Path())

    def train(config: dict) -> list[dict]:
        with use_threads(1):
            population = tuner.population([config])
            for epoch in range(1, config["epochs"] + 1):
                population.run_epoch(epoch)
        return population.histories[0]

    return train


def compare(trial: Trial, fixed: dict, train: Train, epochs: int) -> bool:
    """Train one trial again and print both; whether the first training losses agree to one per cent."""
    seeds = {"seed": trial.seed, "split_seed": trial.history[0].extra["split_seed"]}
    history = train({**fixed, **trial.config, **seeds, "epochs": min(epochs, trial.budget)})
    ours = trial.history[: len(history)]
    difference = abs(history[0]["train_loss"] / ours[0].extra["train_loss"] - 1)
    good = difference <= AGREE
    config = ", ".join(f"{key}={value}" for key, value in trial.config.items())
    print(
        f"{trial.name}  {config}, seed={trial.seed}: first training loss differs by {difference:.2%}; after "
        f"{len(history)} epochs accuracy {ours[-1].accuracy:.3f} recorded, {history[-1]['accuracy']:.3f} alone  "
        f"{'good' if good else 'DIFFERS'}",
        flush=True,
    )
    return good


def compare_sample(
    plan: Plan, trials: Trials, data: Data, *, rows: int = 5, epochs: int = 3, seed: int = 0
) -> list[bool]:
    """Train some rows again; whether each agrees."""
    chosen = np.random.default_rng(seed).permutation(len(trials))[:rows]
    train = fine_tuned(plan, data) if plan.known_classes else alone(data)
    return [compare(trials[int(row)], dict(plan.fixed), train, epochs) for row in sorted(chosen)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare a sample of rows; 0 if all agree."""
    ask = command_line("check", __doc__)
    ask.add_argument("name", choices=sorted(PLANS), help="the table")
    ask.add_argument("--rows", type=int, default=5, help="how many rows (5)")
    ask.add_argument("--epochs", type=int, default=3, help="how many epochs of each (3)")
    ask.add_argument("--seed", type=int, default=0, help="of the choice of the rows")
    options = ask.parse_args(arguments)
    try:
        trials = load(options.name, options.out, partial=True)
        results = compare_sample(
            PLANS[options.name](), trials, prepare(options), rows=options.rows, epochs=options.epochs, seed=options.seed
        )
    except (ValueError, DataError, TableError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f"{sum(results)} of {len(results)} rows agree.")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
