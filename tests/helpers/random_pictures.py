"""Pictures of noise in four classes: enough for a training to compute something, too few for it to take long."""

import numpy as np
import torch

from hpt_lessons.cifar.data import Data

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def random_data(count: int = 125, kind: type[Data] = Data) -> Data:
    """The same `count` pictures at every call, in arrays that may be written to; a fifth of them are for validation."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (count, 32, 32, 3), np.uint8), rng.integers(0, 4, count)
    return kind("random pictures", ("a", "b", "c", "d"), images, labels, MEAN, STD)


def textbook(data: Data, indices: np.ndarray) -> torch.Tensor:
    """The textbook normalisation in float64: to 0..1, channels first, subtract the mean, divide by the deviation."""
    scaled = torch.tensor(data.images[indices].astype(np.float64) / 255).permute(0, 3, 1, 2)
    mean, std = (torch.tensor(numbers, dtype=torch.float64).view(3, 1, 1) for numbers in (MEAN, STD))
    return ((scaled - mean) / std).contiguous()
