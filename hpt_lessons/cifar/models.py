"""The networks that are tuned: a small one that everybody knows, and a better one to compare it with.

Both read pictures as float tensors (n, 3, 32, 32) and answer with logits (n, classes). Both have the same two open
widths, `l1` and `l2`, the sizes of the fully connected layers. The weights start from PyTorch's defaults: to get the
same ones again, seed before building.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class CifarNet(nn.Module):
    """The network of PyTorch's CIFAR-10 tutorial, with the widths of its two hidden layers left open.

    Two convolutions with pooling, three fully connected layers: the shape of LeNet-5 (LeCun, Bottou, Bengio & Haffner
    1998, 'Gradient-based learning applied to document recognition', figure 2) with colour pictures, max-pooling and
    ReLU. The tutorial takes l1=120, l2=84, as LeNet-5 does: 62,006 weights, and two thirds of a million multiplications
    for a picture.
    """

    def __init__(self, l1: int = 120, l2: int = 84, classes: int = 10) -> None:
        super().__init__()
        # Pooling before ReLU gives the same numbers as after it, and leaves a quarter of them to rectify.
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 5), HalfSize(), nn.ReLU(inplace=True),  # 32 -> 28 -> 14
            nn.Conv2d(6, 16, 5), HalfSize(), nn.ReLU(inplace=True),  # 14 -> 10 -> 5
        )  # fmt: skip
        self.head = _head(16 * 5 * 5, l1, l2, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.head(self.features(pictures).flatten(1))


class WiderNet(nn.Module):
    """A better network that a laptop can still train: more channels, one convolution more, batch normalisation.

    Three 3x3 convolutions with 16, 32 and 64 channels, each followed by batch normalisation (Ioffe & Szegedy 2015,
    ICML), ReLU and pooling; then the fully connected layers of `CifarNet`. Between four and five times its
    multiplications.
    """

    def __init__(self, l1: int = 120, l2: int = 84, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(_stage(3, 16), _stage(16, 32), _stage(32, 64))  # 32 -> 16 -> 8 -> 4
        self.head = _head(64 * 4 * 4, l1, l2, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.head(self.features(pictures).flatten(1))


MODELS = {"cifar": CifarNet, "wider": WiderNet}


def build_model(config: Mapping[str, Any], classes: int) -> nn.Module:
    """A fresh network as the configuration asks: `model` ('cifar' unless given), `l1` (120) and `l2` (84).

    ValueError when `model` names no network.
    """
    name = config.get("model", "cifar")
    if name not in MODELS:
        raise ValueError(f"configuration, 'model': there is no network {name!r}. Choose one of {', '.join(MODELS)}.")
    return MODELS[name](l1=int(config.get("l1", 120)), l2=int(config.get("l2", 84)), classes=classes)


class HalfSize(nn.MaxPool2d):
    """Max-pooling over squares of 2 x 2, for sides of even length.

    Without gradients the maximum of four slices is the same number, and several times faster on a CPU than a pooling
    that remembers where each maximum came from; the way back through slices would be slower.
    """

    def __init__(self) -> None:
        super().__init__(2)

    def forward(self, pictures: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().forward(pictures)
        rows = torch.maximum(pictures[:, :, ::2], pictures[:, :, 1::2])
        return torch.maximum(rows[..., ::2], rows[..., 1::2])


def _stage(channels_in: int, channels_out: int) -> nn.Sequential:
    """Convolution, normalisation, ReLU, and half the side. Normalisation has its own shift, so no bias before it."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        HalfSize(),
        nn.ReLU(inplace=True),
    )


def _head(features: int, l1: int, l2: int, classes: int) -> nn.Sequential:
    """The three fully connected layers that both networks end in."""
    return nn.Sequential(
        nn.Linear(features, l1), nn.ReLU(inplace=True), nn.Linear(l1, l2), nn.ReLU(inplace=True), nn.Linear(l2, classes)
    )
