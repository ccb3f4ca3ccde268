"""Do the generated pictures behave like a real task? Each thing that a lesson relies on, measured.

    python -m hpt_lessons.cifar.pictures.standin_check [--small | --full]

prints a table: the claim, what was measured (the accuracy on the 2,000 validation pictures, mean over seeds with its
standard deviation), what is demanded, and whether it holds. The exit status is 1 if something does not hold. On one
core the small form takes about a minute, the ordinary one about eight, the full one about an hour.

The two sides of a comparison see the same number of pictures: who has fewer sees each of them more often. So 'more
pictures' is not 'more updates' in disguise. Models and learning rates are compared after three epochs of 8,000
pictures, data after twice that, because learning by heart takes time.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from hpt_lessons.cifar.config import UNTUNED
from hpt_lessons.cifar.data import Data
from hpt_lessons.cifar.pictures import standin
from hpt_lessons.cifar.pictures.arrays import channel_statistics
from hpt_lessons.progress import Progress

# Found by hand in a few trials; larger batches for the long trainings because they are faster and as good in the end.
TUNED = {"l1": 256, "l2": 128, "lr": 0.005, "batch_size": 8}
TUNED_LONG = {"lr": 0.01, "batch_size": 16}


@dataclass(frozen=True)
class Setup:
    """What is trained: changes to `TUNED`, on so many pictures."""

    changes: tuple[tuple[str, object], ...]
    shown: int  # pictures seen in training, with repetitions
    seeds: int
    pictures: int = 8_000

    def config(self, seed: int) -> dict:
        epochs = self.shown // self.pictures
        return {**TUNED, **dict(self.changes), "train_size": self.pictures, "epochs": epochs, "seed": seed}

    def but(self, **changes) -> "Setup":
        """The same with other entries in the configuration."""
        return replace(self, changes=tuple(sorted({**dict(self.changes), **changes}.items())))


Accuracies = Mapping[Setup, list[float]]  # in percent, one for each seed


@dataclass(frozen=True)
class Claim:
    """Something that a lesson relies on; `judge` says in words what was measured, and whether it is enough."""

    text: str
    demand: str
    setups: tuple[Setup, ...]
    judge: Callable[[Accuracies], tuple[str, bool]]


@dataclass(frozen=True)
class Thoroughness:
    """How thoroughly to look, and what to demand: in percent, and as a factor of the margins."""

    seeds: int
    rate_seeds: int
    data_seeds: int
    shown: int = 24_000
    shown_long: int = 48_000
    batch_sizes: tuple[int, ...] = (2, 4, 8, 16)
    rates: tuple[float, ...] = (1e-4, 1e-3, 3e-3, 1e-2, 1e-1)
    sizes: tuple[int, ...] = (1_000, 2_000, 4_000, 8_000)
    mediocre: tuple[float, float] = (35, 62)
    good: tuple[float, float] = (60, 85)
    strictness: float = 1.0


ORDINARY = Thoroughness(seeds=3, rate_seeds=1, data_seeds=2)
FULL = Thoroughness(seeds=6, rate_seeds=3, data_seeds=6, rates=(1e-4, 3e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1))
SMALL = Thoroughness(
    1, 1, 1, 16_000, 32_000, (16,), (1e-4, 1e-2, 1e-1), (2_000, 8_000), (15, 55), (40, 85), strictness=0.3
)


def claims(scale: Thoroughness = ORDINARY) -> list[Claim]:
    """All claims, in the order in which the course needs them."""
    tuned = Setup((), scale.shown, scale.seeds)
    untuned = tuned.but(**UNTUNED)
    long = Setup((), scale.shown_long, scale.data_seeds).but(**TUNED_LONG)
    few, margin = replace(long, pictures=2_000), scale.strictness
    return [
        _within("the untuned default is mediocre", untuned, *scale.mediocre),
        _better("tuning helps", untuned, tuned, 8 * margin),
        _within("a tuned network stays well below 100 %", tuned, *scale.good),
        *(_inner_optimum(batch_size, scale) for batch_size in scale.batch_sizes),
        *(_more_pictures(long, less, more, 2 * margin) for less, more in pairwise(scale.sizes)),
        _better("augmentation helps with 2,000 pictures", few, few.but(augment=True), 3 * margin),
        _better("20 % wrong labels do harm", long.but(wrong_labels=0.2), long, 5 * margin),
        _better("a better model helps", tuned, tuned.but(model="wider"), 6 * margin),
        _better("4 and 4 units are too few", tuned.but(l1=4, l2=4), tuned, 8 * margin),
    ]


def measure(setups: Iterable[Setup], enabled: bool = True) -> dict[Setup, list[float]]:
    """Train every setup once for each of its seeds; the accuracies after the last epoch, in percent."""
    from hpt_lessons.cifar.training import train_cifar

    data, setups = whole_data(), list(dict.fromkeys(setups))
    accuracies: dict[Setup, list[float]] = {setup: [] for setup in setups}
    with Progress(sum(setup.seeds for setup in setups), "standin check", "training", enabled=enabled) as bar:
        for setup in setups:
            for seed in range(setup.seeds):
                history = train_cifar(setup.config(seed), data=data, device="cpu", progress=False)
                accuracies[setup].append(100 * history[-1]["accuracy"])
                bar.update()
    return accuracies


def whole_data(seed: int = 0) -> Data:
    """The 10,000 generated training pictures; 2,000 of them serve for validation."""
    images, labels, _, _ = standin.generate(seed, test=0)
    mean, std = channel_statistics(images)
    return Data("generated pictures (stand-in)", standin.CLASSES, images, labels, tuple(mean), tuple(std))


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 0 if every claim holds, else 1."""
    prog, question = "python -m hpt_lessons.cifar.pictures.standin_check", __doc__.splitlines()[0]
    parser = argparse.ArgumentParser(prog=prog, description=question)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--small", action="store_const", dest="scale", const=SMALL, help="one seed, about a minute")
    size.add_argument("--full", action="store_const", dest="scale", const=FULL, help="six seeds, about an hour")
    todo = claims(parser.parse_args(arguments).scale or ORDINARY)
    accuracies = measure(setup for claim in todo for setup in claim.setups)
    verdicts = [claim.judge(accuracies) for claim in todo]
    print(_table(todo, verdicts))
    return 0 if all(holds for _, holds in verdicts) else 1


def _table(todo: list[Claim], verdicts: list[tuple[str, bool]]) -> str:
    rows = [("claim", "measured", "demanded", "")]
    rows += [
        (claim.text, words, claim.demand, "holds" if holds else "FAILS")
        for claim, (words, holds) in zip(todo, verdicts, strict=True)
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _within(text: str, setup: Setup, low: float, high: float) -> Claim:
    def judge(accuracies: Accuracies) -> tuple[str, bool]:
        return _words(accuracies[setup]), low <= np.mean(accuracies[setup]) <= high

    return Claim(text, f"{low:.0f} to {high:.0f} %", (setup,), judge)


def _better(text: str, worse: Setup, better: Setup, margin: float) -> Claim:
    """The better setup gains at least `margin` percentage points, on average over seeds."""

    def judge(accuracies: Accuracies) -> tuple[str, bool]:
        gain = np.mean(accuracies[better]) - np.mean(accuracies[worse])
        return f"{_words(accuracies[worse])} -> {_words(accuracies[better])}, {gain:+.1f}", gain >= margin

    return Claim(text, f"at least {margin:+.1f} points", (worse, better), judge)


def _more_pictures(setup: Setup, less: int, more: int, margin: float) -> Claim:
    text = f"{more:,} pictures are better than {less:,}"
    return _better(text, replace(setup, pictures=less), replace(setup, pictures=more), margin)


def _inner_optimum(batch_size: int, scale: Thoroughness) -> Claim:
    """The best learning rate lies inside the range, and the largest leaves the network at chance."""
    plain = Setup((), scale.shown, scale.rate_seeds)
    setups = {rate: plain.but(lr=rate, batch_size=batch_size) for rate in scale.rates}
    first, last, margin = scale.rates[0], scale.rates[-1], 10 * scale.strictness

    def judge(accuracies: Accuracies) -> tuple[str, bool]:
        curve = {rate: float(np.mean(accuracies[setup])) for rate, setup in setups.items()}
        best = max(curve, key=curve.get)
        inside = best not in (first, last) and curve[best] - curve[first] >= margin
        return ", ".join(f"{rate:g}: {curve[rate]:.0f}" for rate in curve) + " %", inside and curve[last] <= 20

    text = f"batch size {batch_size}: the best learning rate is inside, the largest fails"
    demand = f"best at least {margin:+.1f} points over {first:g}; {last:g} at most 20 %"
    return Claim(text, demand, tuple(setups.values()), judge)


def _words(accuracies: list[float]) -> str:
    """Mean and standard deviation over seeds."""
    spread = f" ± {np.std(accuracies, ddof=1):.1f}" if len(accuracies) > 1 else ""
    return f"{np.mean(accuracies):.1f}{spread} %"


if __name__ == "__main__":
    sys.exit(main())
