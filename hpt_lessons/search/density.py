"""Where do the good configurations lie, and where the bad ones? Kernel densities for BOHB's model.

Falkner, Klein & Hutter (ICML 2018), section 4; the constants are those of the authors' HpBandSter.
"""

from __future__ import annotations

import math

import numpy as np


class Density:
    """A kernel density estimate over the unit cube and categories.

    `data`, shape (points, axes): positions in [0, 1], or the index of a category; `levels`, shape (axes,): how many
    categories an axis has, 0 for a number. Each point spreads a product of kernels: Gaussian for numbers, Aitchison &
    Aitken (Biometrika 63, 1976) for categories. `bandwidth`, shape (axes,), is the normal reference unless given:
    1.06 sigma n^(-1/(4+d)), at least `min_bandwidth`; for a category at most (levels - 1) / levels, where all are
    equally likely. HpBandSter lets that grow beyond 1.
    """

    def __init__(
        self,
        data: np.ndarray,
        levels: np.ndarray,
        min_bandwidth: float = 1e-3,
        *,
        bandwidth: np.ndarray | None = None,
    ):
        self.data, self.levels = np.asarray(data, dtype=float), np.asarray(levels)
        self.bandwidth = self._normal_reference(min_bandwidth) if bandwidth is None else bandwidth

    def _normal_reference(self, min_bandwidth: float) -> np.ndarray:
        count, dimension = self.data.shape
        width = 1.06 * self.data.std(axis=0) * count ** (-1 / (4 + dimension))
        highest = np.where(self.levels > 0, (self.levels - 1) / np.maximum(self.levels, 1), np.inf)
        return np.asarray(np.minimum(np.maximum(width, min_bandwidth), highest))

    def log_pdf(self, points: np.ndarray) -> np.ndarray:
        """Logarithm of the density at each of the points; shapes (m, axes) to (m,)."""
        from scipy.special import logsumexp

        kernels = self._log_kernels_of_numbers(points) + self._log_kernels_of_categories(points)
        return np.asarray(logsumexp(kernels, axis=1) - math.log(len(self.data)))

    def _log_kernels_of_numbers(self, points: np.ndarray) -> np.ndarray:
        """Logarithms of the Gaussian kernels, summed over the numeric axes; shapes (m, axes) to (m, data).

        Of the square (x - d)^2 = x^2 + d^2 - 2 x d, the last part is one product of matrices.
        """
        numeric = self.levels == 0
        width = self.bandwidth[numeric]
        x, data = points[:, numeric] / width, self.data[:, numeric] / width
        squares = (x * x).sum(axis=1)[:, None] + (data * data).sum(axis=1) - 2 * (x @ data.T)
        return np.asarray(-0.5 * squares - np.log(width).sum() - 0.5 * math.log(2 * math.pi) * numeric.sum())

    def _log_kernels_of_categories(self, points: np.ndarray) -> np.ndarray | float:
        """Log(1 - h) where two agree, log(h / (levels - 1)) where not, summed; shapes (m, axes) to (m, data)."""
        several = self.levels > 1  # an axis with one category tells nothing
        if not several.any():
            return 0.0
        width, levels = self.bandwidth[several], self.levels[several]
        agree, differ = np.log1p(-width), np.log(width / (levels - 1))
        ours, theirs = (_one_hot(part[:, several], levels) for part in (points, self.data))
        return np.asarray(differ.sum() + (ours * np.repeat(agree - differ, levels)) @ theirs.T)

    def along(self, axis: int, positions: np.ndarray) -> np.ndarray:
        """The marginal density along one axis, the others summed out; shapes (m,) to (m,)."""
        alone = Density(self.data[:, [axis]], self.levels[[axis]], bandwidth=self.bandwidth[[axis]])
        return np.asarray(np.exp(alone.log_pdf(np.asarray(positions, dtype=float)[:, None])))

    def draw(self, count: int, rng: np.random.Generator, bandwidth_factor: float) -> np.ndarray:
        """Points around randomly chosen data points (algorithm 2), shape (count, axes).

        The factor widens the bandwidths of numbers.
        """
        points = self.data[rng.integers(len(self.data), size=count)]
        several = self.levels > 0
        numbers, categories = points[:, ~several], points[:, several]
        points[:, ~several] = _truncated_normal(numbers, self.bandwidth[~several] * bandwidth_factor, rng)
        again = rng.random(categories.shape) < self.bandwidth[several]
        points[:, several] = np.where(again, rng.integers(self.levels[several], size=again.shape), categories)
        return points


def _one_hot(indices: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Each index as a row of zeros with a one, the axes side by side; shapes (m, axes) to (m, sum of levels)."""
    starts = np.concatenate([[0], np.cumsum(levels)[:-1]])
    hot = np.zeros((len(indices), int(levels.sum())))
    hot[np.arange(len(indices))[:, None], (indices + starts).astype(int)] = 1.0
    return hot


def _truncated_normal(centres: np.ndarray, widths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Normal draws around centres in [0, 1], none outside of it: the quantiles of uniform draws between both ends."""
    from scipy.special import ndtr, ndtri

    below, up_to = ndtr(-centres / widths), ndtr((1 - centres) / widths)
    draws = centres + widths * ndtri(below + rng.random(centres.shape) * (up_to - below))
    return np.asarray(np.clip(draws, 0, 1))  # rounding may step out by a hair
