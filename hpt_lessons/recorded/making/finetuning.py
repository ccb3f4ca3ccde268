"""A trained network meets new classes: the builder of `cifar-finetuning`.

The first classes are those that the network knows, the last ones those that it is to learn from few labels. Everything
but the last layer is taken over (Yosinski, Clune, Bengio & Lipson 2014, 'How transferable are features in deep neural
networks?', NeurIPS, section 2).
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from hpt_lessons.cifar.data import Data
from hpt_lessons.cifar.population import Population, read_configs

# How the network came to know its classes.
BEFORE = {"lr": 0.001, "batch_size": 16, "epochs": 12}
BEFORE_SIZE = {"train_size": 7_500, "valid_size": 2_000}


def some_classes(data: Data, first: int, last: int) -> Data:
    """The pictures of the classes number `first` to `last - 1`, which are then counted from 0."""
    chosen = np.flatnonzero((data.labels >= first) & (data.labels < last))
    return replace(
        data,
        name=f"{data.name}, {last - first} of {len(data.classes)} classes",
        classes=data.classes[first:last],
        images=data.images[chosen],
        labels=data.labels[chosen] - first,
    )


def of_some_classes(images: np.ndarray, labels: np.ndarray, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """The same of test pictures."""
    chosen = np.flatnonzero((labels >= first) & (labels < last))
    return images[chosen], labels[chosen] - first


def known_network(config: dict[str, Any], data: Data, device: torch.device) -> Population:
    """A network of this shape that has learned all classes of `data`, as a population of one."""
    size = {key: min(value, len(data) // 4) for key, value in BEFORE_SIZE.items()}
    before = Population(read_configs([{"l1": config["l1"], "l2": config["l2"], **BEFORE, **size}]), data, device)
    for epoch in range(1, BEFORE["epochs"] + 1):
        before.run_epoch(epoch)
    return before


def start_from(population: Population, known: Population) -> None:
    """Give every network the weights of the known one, but for the last layer, which keeps its own."""
    with torch.no_grad():
        for own, learned in list(zip(population.weights, known.weights, strict=True))[:-2]:
            own.copy_(learned.expand_as(own))
