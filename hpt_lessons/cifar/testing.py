"""How good is the chosen network on pictures that nobody has looked at? Once, at the end.

The test set is opened by name, and every opening is counted (`data.test_openings`): a second look after a further
choice would turn it into a second validation set.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from hpt_lessons.cifar import checkpoint as checkpoints
from hpt_lessons.cifar.config import Settings
from hpt_lessons.cifar.data import Data, open_test_set
from hpt_lessons.cifar.feed import Feed
from hpt_lessons.cifar.training import score, seeded_model


def score_on_test_set(networks: Mapping[str, str | Path], data: Data, why: str) -> dict[str, tuple[int, int]]:
    """Open the test set once and score the networks saved in these checkpoint files: name to (correct, pictures).

    Raises ValueError, before the test set is opened, if a file is missing or belongs to a training on other data.
    """
    models = {name: _load_network(Path(path), data) for name, path in networks.items()}
    images, labels = open_test_set(data, why)
    feed = Feed(images, labels, np.arange(len(images)), data.mean, data.std, torch.device("cpu"))
    return {name: (score(model, feed)[0], len(images)) for name, model in models.items()}


def _load_network(path: Path, data: Data) -> torch.nn.Module:
    state = checkpoints.load(path)
    if state is None:
        raise ValueError(f"test: there is no checkpoint {path}. Train the configuration with checkpoint={str(path)!r}.")
    if state["data"] != data.name:
        raise ValueError(f"test: {path.name} was trained on {state['data']!r}, and this test set is of {data.name!r}.")
    model = seeded_model(Settings(**state["settings"]), len(data.classes)).to(memory_format=torch.channels_last)
    model.load_state_dict(state["model"])
    return model
