"""How much faster are 16 networks trained as one? Beside the DataLoader loop of `benchmarks.training`, on one core.

The plain loop trains one network, ours 16 networks of the same shape on the same number of pictures; counted is
pictures times networks per second of CPU. The two take turns, and each ratio is taken within a pair of neighbouring
measurements, because a shared machine's speed moves. The roofline is what `benchmarks.training` measures: the pictures
that the processor could do if it multiplied matrices all the time.
"""

import os
import statistics
from collections.abc import Iterator, Sequence
from functools import partial

import torch

from benchmarks.training import (
    Comparison,
    PlainLoop,
    in_turns,
    matrix_speed,
    measured,
    operations,
    pictures_in_memory,
    processor,
    table,
)
from hpt_lessons.cifar.config import UNTUNED, read_config
from hpt_lessons.cifar.data import Data
from hpt_lessons.cifar.models import CifarNet
from hpt_lessons.cifar.population import Population

NETWORKS = 16
# Batch size: pictures trained on per measurement, by one network of the plain loop and by each of ours.
PICTURES = {4: 512, 8: 1024, 16: 1024, 32: 1536, 64: 1536}
ROUNDS = 7
BOUND, AIM, AIM_OF_ROOFLINE = 4.5, 6.0, 0.5


def compare(data: Data, rounds: int) -> Iterator[Comparison]:
    """One batch size after the other; ours is counted in seconds for each network."""
    for batch_size, pictures in PICTURES.items():
        settings = [
            read_config(
                UNTUNED | {"batch_size": batch_size, "train_size": pictures, "valid_size": 10, "lr": 1e-4 * 1.4**number}
            )
            for number in range(NETWORKS)
        ]
        train, valid = data.split(0, pictures, 10)
        population = Population(settings, data, torch.device("cpu"))
        plain = PlainLoop(data, train, valid, batch_size)
        seconds, alone = in_turns(partial(population.train_epoch, 1), plain.train, rounds)
        yield Comparison(batch_size, pictures, [value / NETWORKS for value in seconds], alone)


def verdict(rows: Sequence[Comparison], ceiling: float) -> list[tuple[str, bool]]:
    """The bound in words with the measured value, and whether it holds; the aims are said and not judged."""
    least = min(rows, key=lambda row: row.ratio)
    mean = statistics.geometric_mean(row.ratio for row in rows)
    share = statistics.fmean(row.speed(row.ours) / ceiling for row in rows)
    return [
        (
            f"slowest batch size ({least.batch_size}): {least.ratio:.2f}x, at least {BOUND}x "
            f"(geometric mean {mean:.2f}x, aim {AIM:.0f}x; mean share of the roofline {share:.0%}, aim "
            f"{AIM_OF_ROOFLINE:.0%})",
            least.ratio >= BOUND,
        )
    ]


def main(arguments: Sequence[str] = ()) -> int:
    """Measure, print, and answer 0 if the bound holds and 1 if not."""
    return measured("population", __doc__, arguments, report, ROUNDS)


def report(rounds: int) -> int:
    data = pictures_in_memory(10 + max(PICTURES.values()))
    _, step = operations(CifarNet())
    flops = matrix_speed()
    print(f"data: {data.name}; {os.cpu_count()} cores, {processor()}; one thread; torch {torch.__version__}")
    print(
        f"roofline: {flops / 1e9:.0f} GFLOP/s in matrix products, {flops / step:,.0f} pictures/s in training\n",
        flush=True,
    )
    rows = list(compare(data, rounds))
    print(
        table(
            f"{NETWORKS} networks at once, pictures x networks per CPU second, median of {rounds} rounds",
            rows,
            flops / step,
        ),
        end="\n\n",
    )
    bounds = verdict(rows, flops / step)
    for text, holds in bounds:
        print(f"{'met   ' if holds else 'MISSED'} {text}")
    return 0 if all(holds for _, holds in bounds) else 1
