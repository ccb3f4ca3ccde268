"""Which configurations do the pools hold? Random ones of a space as people search it, drawn once and kept in a file.

A pool is no grid: searches draw from it without replacement, and what a model proposes is looked for among what is
left. So all its tables hold the same configurations, each trained under other conditions, and nothing lies between
recorded points. `pool.json` is what counts: drawn anew by another version of NumPy it might be another pool.
"""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

POOL = Path(__file__).with_name("pool.json")
BATCHES = (16, 64, 256)
WIDTHS = ((32, 32), (120, 84), (400, 200))
GROUPS, IN_A_GROUP = 2, 32
SCHEDULES = ("constant", "cosine", "step")


def draw(seed: int = 0) -> list[list[dict[str, Any]]]:
    """Groups of configurations that share batch size and widths and differ in all else: two for each of nine cells.

    `lr` from 1e-4 to 0.3, `1 - momentum` from 0.02 to 0.5, `weight_decay` from 1e-6 to 1e-2, all on logarithmic scales
    and kept to four digits; `schedule` is one of three, all equally likely.
    """
    rng = np.random.default_rng(seed)
    groups = []
    for _, batch, (l1, l2) in product(range(GROUPS), BATCHES, WIDTHS):
        rates, rests, decays = (
            np.exp(rng.uniform(np.log(low), np.log(high), IN_A_GROUP))
            for low, high in ((1e-4, 0.3), (0.02, 0.5), (1e-6, 1e-2))
        )
        schedules = rng.integers(len(SCHEDULES), size=IN_A_GROUP)
        groups.append(
            [
                {
                    "lr": _four_digits(rates[place]),
                    "momentum": _four_digits(1 - rests[place]),
                    "weight_decay": _four_digits(decays[place]),
                    "schedule": SCHEDULES[schedules[place]],
                    "batch_size": batch,
                    "l1": l1,
                    "l2": l2,
                }
                for place in range(IN_A_GROUP)
            ]
        )
    return groups


def groups() -> list[list[dict[str, Any]]]:
    """The configurations of the pool, group by group, as they were drawn."""
    return json.loads(POOL.read_text(encoding="utf-8"))


def write(path: Path = POOL) -> None:
    """Draw the pool and write it, a configuration a line; FileExistsError if there is one: tables stand on it."""
    lines = (",\n".join(map(json.dumps, group)) for group in draw())
    with open(path, "x", encoding="utf-8") as file:
        file.write("[[\n" + "\n], [\n".join(lines) + "\n]]\n")


def _four_digits(value: float) -> float:
    return float(f"{value:.4g}")
