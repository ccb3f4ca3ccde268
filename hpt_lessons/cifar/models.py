"""The networks that are tuned: a small one that everybody knows, and others to compare it with.

All read pictures as float tensors (n, 3, 32, 32) and answer with logits (n, classes). All have `features`, which end in
a flat row of numbers for each picture, and a `head` with the same two open widths, `l1` and `l2`, the sizes of the
fully connected layers. The weights start from PyTorch's defaults: to get the same ones again, seed before building.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn


class _Network(nn.Module):
    """Pictures through the `features`, a row of numbers for each of them through the `head`."""

    features: nn.Sequential
    head: nn.Sequential

    def forward(self, pictures: Tensor) -> Tensor:
        return self.head(self.features(pictures).flatten(1))


class CifarNet(_Network):
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


class WiderNet(_Network):
    """A better network that a laptop can still train: more channels, one convolution more, batch normalisation.

    Three 3x3 convolutions with 16, 32 and 64 channels, each followed by batch normalisation (Ioffe & Szegedy 2015,
    ICML), ReLU and pooling; then the fully connected layers of `CifarNet`. Between four and five times its
    multiplications.
    """

    def __init__(self, l1: int = 120, l2: int = 84, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(_stage(3, 16), _stage(16, 32), _stage(32, 64))  # 32 -> 16 -> 8 -> 4
        self.head = _head(64 * 4 * 4, l1, l2, classes)


class PixelNet(_Network):
    """No convolution at all: a multilayer perceptron that reads the 3,072 numbers of a picture in a row.

    It does not know that neighbouring pixels belong together, which is the most that a model can be wrong about.
    """

    def __init__(self, l1: int = 120, l2: int = 84, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential()
        self.head = _head(3 * 32 * 32, l1, l2, classes)


class ResidualNet(_Network):
    """`WiderNet` with a residual block after each of its convolutions (He, Zhang, Ren & Sun 2016, CVPR, section 3).

    About ten times the multiplications of `CifarNet`.
    """

    def __init__(self, l1: int = 120, l2: int = 84, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _stage(3, 16), Residual(16), _stage(16, 32), Residual(32), _stage(32, 64), Residual(64)
        )  # fmt: skip
        self.head = _head(64 * 4 * 4, l1, l2, classes)


class PlainNet(_Network):
    """A convolutional network whose architecture is left open, to be searched like any other hyperparameter.

    `depth` convolutions (1 to 4), each followed by pooling and the activation; the first has `channels` channels and
    each further one twice as many; `kernel` is the side of all filters, padded so that only pooling makes the pictures
    smaller. Then the fully connected layers of `CifarNet`.
    """

    def __init__(
        self,
        l1: int = 120,
        l2: int = 84,
        classes: int = 10,
        *,
        depth: int = 2,
        channels: int = 8,
        kernel: int = 3,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        sizes = [3, *(channels * 2**stage for stage in range(depth))]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), HalfSize(), ACTIVATIONS[activation]()]
        self.features = nn.Sequential(*layers)
        self.head = _head(sizes[-1] * (32 // 2**depth) ** 2, l1, l2, classes, ACTIVATIONS[activation])


MODELS = {"cifar": CifarNet, "wider": WiderNet, "pixels": PixelNet, "residual": ResidualNet, "plain": PlainNet}
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": lambda: nn.ReLU(inplace=True), "tanh": nn.Tanh}
# What only `PlainNet` leaves open.
ARCHITECTURE = ("depth", "channels", "kernel", "activation")


def build_model(config: Mapping[str, Any], classes: int) -> nn.Module:
    """A fresh network as the configuration asks: `model` ('cifar' unless given), `l1` (120) and `l2` (84).

    For 'plain' also `depth` (2), `channels` (8), `kernel` (3) and `activation` ('relu').
    ValueError when `model` names no network.
    """
    name = config.get("model", "cifar")
    if name not in MODELS:
        raise ValueError(f"configuration, 'model': there is no network {name!r}. Choose one of {', '.join(MODELS)}.")
    more = {key: config[key] for key in ARCHITECTURE if key in config} if name == "plain" else {}
    return MODELS[name](l1=int(config.get("l1", 120)), l2=int(config.get("l2", 84)), classes=classes, **more)


class Residual(nn.Module):
    """Two 3x3 convolutions that learn what to add to their input; as many channels come out as go in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels),
        )  # fmt: skip

    def forward(self, values: Tensor) -> Tensor:
        return torch.relu(values + self.block(values))


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


def _head(
    features: int, l1: int, l2: int, classes: int, activation: Callable[[], nn.Module] = lambda: nn.ReLU(inplace=True)
) -> nn.Sequential:
    """The three fully connected layers that all networks end in."""
    return nn.Sequential(
        nn.Linear(features, l1), activation(), nn.Linear(l1, l2), activation(), nn.Linear(l2, classes)
    )  # fmt: skip
