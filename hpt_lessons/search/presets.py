"""Search spaces to begin with: the well-known one of the CIFAR example, and the same with bounds."""

from typing import Any

import numpy as np

from hpt_lessons.search import domains as tune


def classic() -> dict[str, Any]:
    """The space of the well-known example: widths are powers of two from 4 to 256, drawn by a function."""
    return {
        "l1": tune.sample_from(lambda _: 2 ** np.random.randint(2, 9)),
        "l2": tune.sample_from(lambda _: 2 ** np.random.randint(2, 9)),
        "lr": tune.loguniform(1e-4, 1e-1),
        "batch_size": tune.choice([2, 4, 8, 16]),
    }


def bounded() -> dict[str, Any]:
    """The same ranges as domains with bounds, which a grid and BOHB can work with; a function has none."""
    return {
        "l1": tune.lograndint(4, 257),
        "l2": tune.lograndint(4, 257),
        "lr": tune.loguniform(1e-4, 1e-1),
        "batch_size": tune.choice([2, 4, 8, 16]),
    }


PRESETS = {"the classic CIFAR space": classic, "the same with bounds, for BOHB": bounded}
