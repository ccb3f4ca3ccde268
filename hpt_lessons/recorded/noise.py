"""How much would the same training differ with another seed? Residuals that were measured, as whole curves.

Configurations that were trained with several seeds tell it: the residuals of the logarithm of the loss (a loss of 3
scatters more than one of 1.4) and of the accuracy around the mean over seeds, epoch by epoch. They depend on how good
a training is, so a curve takes its noise from those configurations whose mean curves are nearest to it; and a residual
is taken as it was, from the first epoch to the last, so that what comes out is a plausible learning curve.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from hpt_lessons.recorded.cells import config_key
from hpt_lessons.recorded.curves import ACCURACY, LOSS, TRAIN_LOSS, Curve

NEAREST = 3  # configurations from which a residual may come
_TINY = 1e-12  # no loss counts as less, so that it has a logarithm


class Noise:
    """Residual curves of repeated trainings.

    `curves`: pairs of a configuration and its curve, several for each configuration. A configuration counts if at least
    two of its trainings, all of them sound, have `max_epochs` epochs. ValueError if there is none. What seeds differ in
    (initialisation, order of pictures, in some tables the split) is all in the residuals. What they leave out: that a
    seed may decide whether a training diverges or dies.
    """

    def __init__(self, curves: Iterable[tuple[Mapping, Curve]], max_epochs: int):
        groups: dict[tuple, list[Curve]] = defaultdict(list)
        for config, curve in curves:
            groups[config_key(config)].append(curve)
        kept = [_logs(group, max_epochs) for group in groups.values() if _counts(group, max_epochs)]
        if not kept:
            raise ValueError(
                f"noise: no configuration was trained soundly for {max_epochs} epochs with two seeds or "
                "more. Give a table with repeated seeds, or noise=None."
            )
        self.means = np.array([logs[:, :, 0].mean(axis=0) for logs in kept])
        self.residuals = [_residuals(logs) for logs in kept]

    def add(self, curve: Curve, rng: np.random.Generator) -> Curve:
        """The curve as another seed might have given it; one that diverged or is dead stays as it is."""
        if curve.diverged or curve.dead:
            return curve
        values = curve.values.copy()
        level = np.log(np.maximum(values[:, LOSS], _TINY))
        distance = ((self.means - level) ** 2).sum(axis=1)
        group = np.argsort(distance, kind="stable")[:NEAREST][rng.integers(min(NEAREST, len(distance)))]
        residual = self.residuals[group][rng.integers(len(self.residuals[group]))]
        values[:, LOSS] *= np.exp(residual[:, 0])
        values[:, ACCURACY] = np.clip(values[:, ACCURACY] + residual[:, 1], 0, 1)
        values[:, TRAIN_LOSS] *= np.exp(residual[:, 2])
        return Curve(values)


def _counts(group: list[Curve], max_epochs: int) -> bool:
    sound = all(len(curve) >= max_epochs and not curve.diverged and not curve.dead for curve in group)
    return len(group) >= 2 and sound


def _logs(group: list[Curve], max_epochs: int) -> np.ndarray:
    """Logarithm of the loss, accuracy, logarithm of the training loss; shape (seeds, epochs, 3)."""
    values = np.array([curve.values[:max_epochs] for curve in group])
    columns = values[:, :, [LOSS, ACCURACY, TRAIN_LOSS]]
    columns[:, :, [0, 2]] = np.log(np.maximum(columns[:, :, [0, 2]], _TINY))
    return columns


def _residuals(logs: np.ndarray) -> np.ndarray:
    """Deviations from the mean over seeds, larger by sqrt(n / (n - 1)): the mean of n is nearer to them than it is."""
    count = len(logs)
    return (logs - logs.mean(axis=0)) * np.sqrt(count / (count - 1))
