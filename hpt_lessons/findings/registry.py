"""Where the findings are entered, and what they share: the tables, and how a comparison is written down."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from hpt_lessons import analysis
from hpt_lessons.cifar.config import UNTUNED
from hpt_lessons.recorded import table
from hpt_lessons.trials import Trial, Trials

LONGEST = 27  # epochs
PICTURES = 10_000  # to train on, in the tables of the CIFAR network
REPEATS = 100
Lines = Iterator[str]


class Finding(NamedTuple):
    """A question, the tables that it needs, the function that answers it, and whether that takes long."""

    question: str
    tables: tuple[str, ...]
    lines: Callable[[], Lines]
    slow: bool


FINDINGS: dict[str, Finding] = {}


def finding(
    name: str, question: str, *tables: str, slow: bool = False
) -> Callable[[Callable[[], Lines]], Callable[[], Lines]]:
    """Enter a function under a name; `slow`: it takes more than a few seconds."""

    def enter(lines: Callable[[], Lines]) -> Callable[[], Lines]:
        FINDINGS[name] = Finding(question, tables, lines, slow)
        return lines

    return enter


@cache
def trials_of(name: str) -> Trials:
    """A recorded table, as far as it is measured."""
    return table.load(name, partial=True)


def cube() -> Trials:
    """The part of `cifar-lenet` that is a search space: all its widths, without the shape of the untuned default."""
    return trials_of("cifar-lenet").filter(lambda trial: trial.config["l1"] != UNTUNED["l1"])


def first_seed(trials: Trials) -> Trials:
    """The trials with seed 0: those that the plan names, before the best of them were repeated."""
    return trials.filter(lambda trial: trial.seed == 0)


def same(trial: Trial, config: Mapping[str, Any]) -> bool:
    return trial.config.items() >= config.items()


def survived(trial: Trial) -> bool:
    """Whether a training came to an end at which the network was better than guessing."""
    return not trial.diverged and not trial.history[-1].extra["dead"]


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's."""
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic)


def against(name: str, scores: Sequence[float], others: Sequence[float], varied: str) -> str:
    """A paired comparison in a line: the mean, the difference with its interval, and how often it was better."""
    found = analysis.compare(scores, others, varied)
    return (
        f"{name:17} {np.mean(scores):.4f}, difference {found.difference:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"
        f", better in {found.superiority:.0%} [{found.superiority_low:.0%}, {found.superiority_high:.0%}]"
    )


def from_to(values: Sequence[float]) -> str:
    return f"{min(values):+.4f} to {max(values):+.4f}"
