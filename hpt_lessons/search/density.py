"""Where do the good configurations lie, and where the bad ones? Kernel densities for BOHB's model.

Falkner, Klein & Hutter (ICML 2018), section 4; the constants are those of the authors' HpBandSter.
"""

from __future__ import annotations

import math

import numpy as np


class Density:
    """A kernel density estimate over the unit cube and categories.

    `data` (points, axes): positions in [0, 1], or the index of a category; `levels[i]`: number of categories of axis i,
    0 for a number. Each point spreads a product of kernels: Gaussian for numbers, Aitchison & Aitken (Biometrika 63,
    1976) for categories. The bandwidth is the normal reference, 1.06 sigma n^(-1/(4+d)), at least `min_bandwidth`.
    A category's is at most (levels - 1) / levels, where all are equally likely; HpBandSter lets it grow beyond 1.
    """

    def __init__(self, data: np.ndarray, levels: np.ndarray, min_bandwidth: float = 1e-3):
        self.data, self.levels = np.asarray(data, dtype=float), np.asarray(levels)
        count, dimension = self.data.shape
        width = 1.06 * self.data.std(axis=0) * count ** (-1 / (4 + dimension))
        highest = np.where(self.levels > 0, (self.levels - 1) / np.maximum(self.levels, 1), np.inf)
        self.bandwidth = np.minimum(np.maximum(width, min_bandwidth), highest)

    def log_pdf(self, points: np.ndarray) -> np.ndarray:
        """Logarithm of the density at each of the points (points, axes)."""
        return _log_mean_exp(self._log_kernels_of_numbers(points) + self._log_kernels_of_categories(points))

    def _log_kernels_of_numbers(self, points: np.ndarray) -> np.ndarray:
        """Sums over the numeric axes; shape (points, data)."""
        numeric = self.levels == 0
        width = self.bandwidth[numeric]
        x, data = points[:, numeric] / width, self.data[:, numeric] / width
        squares = (x * x).sum(axis=1)[:, None] + (data * data).sum(axis=1) - 2 * (x @ data.T)
        return -0.5 * squares - np.log(width).sum() - 0.5 * math.log(2 * math.pi) * numeric.sum()

    def _log_kernels_of_categories(self, points: np.ndarray) -> np.ndarray | float:
        """Sums over the categories: log(1 - h) where they agree, log(h / (levels - 1)) where not."""
        several = self.levels > 1  # an axis with one category tells nothing
        if not several.any():
            return 0.0
        width, levels = self.bandwidth[several], self.levels[several]
        agree, differ = np.log1p(-width), np.log(width / (levels - 1))
        ours, theirs = (_one_hot(part[:, several], levels) for part in (points, self.data))
        return differ.sum() + (ours * np.repeat(agree - differ, levels)) @ theirs.T

    def along(self, axis: int, positions: np.ndarray) -> np.ndarray:
        """The marginal density along one axis: the other axes summed out."""
        alone = Density.__new__(Density)
        alone.data, alone.levels = self.data[:, [axis]], self.levels[[axis]]
        alone.bandwidth = self.bandwidth[[axis]]
        return np.exp(alone.log_pdf(np.asarray(positions, dtype=float)[:, None]))

    def draw(self, count: int, rng: np.random.Generator, bandwidth_factor: float) -> np.ndarray:
        """Points around randomly chosen data points (algorithm 2); the factor widens the bandwidths of numbers."""
        points = self.data[rng.integers(len(self.data), size=count)]
        several = self.levels > 0
        numbers, categories = points[:, ~several], points[:, several]
        points[:, ~several] = _truncated_normal(numbers, self.bandwidth[~several] * bandwidth_factor, rng)
        again = rng.random(categories.shape) < self.bandwidth[several]
        points[:, several] = np.where(again, rng.integers(self.levels[several], size=again.shape), categories)
        return points


def _log_mean_exp(logs: np.ndarray) -> np.ndarray:
    highest = logs.max(axis=1, keepdims=True)
    return highest[:, 0] + np.log(np.exp(logs - highest).mean(axis=1))


def _one_hot(indices: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Each index as a row of zeros with a one; the axes side by side."""
    starts = np.concatenate([[0], np.cumsum(levels)[:-1]])
    hot = np.zeros((len(indices), int(levels.sum())))
    hot[np.arange(len(indices))[:, None], (indices + starts).astype(int)] = 1.0
    return hot


def _truncated_normal(centres: np.ndarray, widths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Normal draws; those outside of [0, 1] are drawn again. Where hardly one fits, the uniform is near enough."""
    flat, spread = centres.ravel(), np.broadcast_to(widths, centres.shape).ravel()
    points, missing = rng.random(flat.size), np.arange(flat.size)
    for _ in range(20):
        tries = flat[missing] + spread[missing] * rng.standard_normal((8, missing.size))
        inside = (tries >= 0) & (tries <= 1)
        found = inside.any(axis=0)
        points[missing[found]] = tries[inside.argmax(axis=0), np.arange(missing.size)][found]
        missing = missing[~found]
        if not missing.size:
            break
    return points.reshape(centres.shape)
