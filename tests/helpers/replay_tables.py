"""Small recorded tables made up for the tests: curves of any shape, without training."""

import math

import numpy as np

from hpt_lessons.trials import DIVERGED_LOSS, Result, Trial, Trials

EPOCHS = 6
RATES = [1e-4, 1e-3, 3e-3, 1e-2, 1e-1]
BATCHES = [4, 16]


def trial(name, config, losses, *, seed=0, seconds=1.0, diverged=False, dead=False, data="made up", split_seed=0):
    """A trial with these losses; its accuracy is exp(-loss), its training loss half of the loss."""
    history = []
    for epoch, loss in enumerate(losses, start=1):
        last = epoch == len(losses)
        extra = {"train_loss": loss / 2, "split_seed": split_seed}
        if last:
            extra |= {"diverged": True} if diverged else {"test_accuracy": 0.5, "dead": dead}
        loss = DIVERGED_LOSS if diverged and last else float(loss)
        history.append(Result(epoch, loss, math.exp(-loss), seconds, extra))
    return Trial(name, dict(config), seed, data, "diverged" if diverged else "completed", tuple(history))


def curves(count, rng):
    """Plausible losses: they fall from about 2.3, each to its own level; shape (count, epochs)."""
    levels = 1 + rng.random((count, 1))
    return levels + (2.3 - levels) / np.sqrt(np.arange(1, EPOCHS + 1)) + 0.01 * rng.random((count, EPOCHS))


def table(seeds=(0,), rng=0, data="made up"):
    """Two batch sizes (an epoch takes 2 seconds, or 1), five learning rates, and these seeds."""
    rng = np.random.default_rng(rng)
    trials = []
    for seed in seeds:
        for batch in BATCHES:
            for rate, losses in zip(RATES, curves(len(RATES), rng), strict=True):
                config = {"l1": 120, "lr": rate, "batch_size": batch}
                trials.append(
                    trial(
                        f"{len(trials):04d}", config, losses, seed=seed, seconds=2.0 if batch == 4 else 1.0, data=data
                    )
                )
    return Trials(trials)


def named(losses, seconds=None):
    """A table without learning rates: a curve for each name, as {"name": ...}."""
    return Trials(
        trial(name, {"name": name}, curve, seconds=(seconds or {}).get(name, 1.0)) for name, curve in losses.items()
    )
