"""How do pictures reach the network fast? In memory, as bytes, turned into normalised numbers a block at a time.

A data loader that decodes, converts and collates picture by picture costs more than this small network's arithmetic.
Here the pictures stay bytes (a quarter of the memory, and trials on one machine share them); a few hundred of
them are gathered, converted and normalised at once, and the batches are slices of that block.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

BLOCK = 256  # pictures turned into numbers at once: what stays in the processor's cache
SHIFT = 4


class Feed:
    """The pictures and labels of some indices of a data set, on one device.

    `images` is uint8 (n, 32, 32, 3), `labels` int64 (n,), `indices` those to use; `mean` and `std` are per channel, of
    pictures in 0..1. Tensors that come out are float32 (b, 3, 32, 32) in channels-last memory order.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, indices: np.ndarray, mean, std, device: torch.device):
        self.images, self.labels, self.indices, self.device = images, labels, np.asarray(indices), device
        # One value for each of a picture's 3,072 numbers: subtracting rows is six times as fast as subtracting triples.
        pixels = images.shape[1] * images.shape[2]
        self.shift = torch.tensor([255 * m for m in mean], device=device).repeat(pixels)
        self.scale = torch.tensor([1 / (255 * s) for s in std], device=device).repeat(pixels)

    def __len__(self) -> int:
        return len(self.indices)

    def batches(
        self, batch_size: int, order: np.ndarray | None = None, augment: np.random.Generator | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches in the given order of positions 0..n-1; the last one may be smaller.

        With a generator as `augment`, each picture is flipped with probability one half and moved by up to 4 pixels.
        """
        indices = self.indices if order is None else self.indices[order]
        step = max(1, BLOCK // batch_size) * batch_size
        for start in range(0, len(indices), step):
            chosen = indices[start : start + step]
            # The pictures may be a read-only map of a file: fancy indexing copies just this block.
            pixels = self.images[chosen]
            if augment is not None:
                pixels = flip_and_shift(pixels, augment)
            labels = torch.from_numpy(self.labels[chosen]).to(self.device)
            yield from zip(self._normalise(pixels).split(batch_size), labels.split(batch_size), strict=True)

    def _normalise(self, pixels: np.ndarray) -> Tensor:
        block = torch.from_numpy(pixels).to(self.device).float()
        block.view(len(block), -1).sub_(self.shift).mul_(self.scale)
        # (n, 32, 32, 3) read as (n, 3, 32, 32) is channels-last memory order as it stands: nothing is moved.
        return block.permute(0, 3, 1, 2)


def flip_and_shift(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each picture mirrored with probability one half and moved by up to 4 pixels; its border is repeated.

    `pixels` is uint8 (n, height, width, 3), and so is what comes back.
    """
    n, height, width, _ = pixels.shape
    rows = np.arange(height) + rng.integers(-SHIFT, SHIFT + 1, (n, 1))
    columns = np.arange(width) + rng.integers(-SHIFT, SHIFT + 1, (n, 1))
    mirrored = rng.random(n) < 0.5
    columns[mirrored] = columns[mirrored, ::-1]
    rows, columns = rows.clip(0, height - 1), columns.clip(0, width - 1)
    return pixels[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
