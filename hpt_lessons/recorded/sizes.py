"""How large is an architecture? Parameters and multiply-adds of `cifar.models.PlainNet`, by the formula of each layer.

Plain arithmetic, so that a lesson can weigh accuracy against cost without building a network.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

PICTURE = 32  # pixels on each side


def parameters(config: Mapping[str, Any], classes: int = 10) -> int:
    """How many numbers a network with this configuration learns: a weight for each connection and a bias for each unit.

    `config` has `depth`, `channels`, `kernel`, `l1` and `l2`; KeyError if one is missing.
    """
    convolutions, layers = _convolutions(config), _layers(config, classes)
    return sum(outputs * (inputs * config["kernel"] ** 2 + 1) for inputs, outputs, _ in convolutions) + sum(
        outputs * (inputs + 1) for inputs, outputs in layers
    )


def multiply_adds(config: Mapping[str, Any], classes: int = 10) -> int:
    """How many multiplications, each with an addition, one picture takes on its way through the network.

    `config` as for `parameters`. A filter is applied at every pixel, so a convolution costs far more than its
    parameters suggest.
    """
    convolutions, layers = _convolutions(config), _layers(config, classes)
    return sum(inputs * outputs * config["kernel"] ** 2 * side**2 for inputs, outputs, side in convolutions) + sum(
        inputs * outputs for inputs, outputs in layers
    )


def of(config: Mapping[str, Any]) -> dict[str, int]:
    """Both by their names, for the record of a trial; nothing for a configuration of another network."""
    if not config.keys() >= {"depth", "channels", "kernel", "l1", "l2"}:
        return {}
    return {"parameters": parameters(config), "multiply_adds": multiply_adds(config)}


def _convolutions(config: Mapping[str, Any]) -> list[tuple[int, int, int]]:
    """Channels in, channels out and the side of the pictures for each convolution; pooling halves the side."""
    channels = [3, *(config["channels"] * 2**stage for stage in range(config["depth"]))]
    return [(channels[stage], channels[stage + 1], PICTURE // 2**stage) for stage in range(config["depth"])]


def _layers(config: Mapping[str, Any], classes: int) -> list[tuple[int, int]]:
    """Units in and out of each fully connected layer."""
    last = config["channels"] * 2 ** (config["depth"] - 1)
    units = [last * (PICTURE // 2 ** config["depth"]) ** 2, config["l1"], config["l2"], classes]
    return list(pairwise(units))
