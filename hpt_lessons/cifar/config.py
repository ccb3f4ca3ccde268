"""Which training configurations are allowed? Every key, its range and its default, checked before anything trains."""

import difflib
import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

# The configuration that the well-known PyTorch tutorial trains before anything is tuned.
UNTUNED = {"l1": 120, "l2": 84, "lr": 0.001, "batch_size": 4}


@dataclass(frozen=True)
class Settings:
    """A checked configuration; `read_config` makes one from the dict that a search hands out."""

    l1: int
    l2: int
    lr: float
    batch_size: int
    optimizer: str = "sgd"
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    layer_factor: float | tuple[float, ...] = 1.0
    epochs: int = 10
    seed: int = 0
    split_seed: int = 0
    train_size: int | None = None
    valid_size: int | None = None
    score_size: int = 0
    augment: bool = False
    wrong_labels: float = 0.0
    model: str = "cifar"
    depth: int = 2
    channels: int = 8
    kernel: int = 3
    activation: str = "relu"
    threads: int = 1


@dataclass(frozen=True)
class Rule:
    """What one key may hold, in words for the reader and as a function that converts or raises ValueError."""

    allowed: str
    read: Callable[[Any], Any]


def _whole(low: int, high: float = math.inf) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or value != int(value):
            raise ValueError
        if not low <= value <= high:
            raise ValueError
        return int(value)

    return read


def _real(low: float, high: float, *, open_low: bool = False) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
            raise ValueError
        if value < low or value > high or (open_low and value == low):
            raise ValueError
        return float(value)

    return read


def _one_of(*names: Any) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not any(value == name and type(value) is type(name) for name in names):
            raise ValueError
        return value

    return read


def _maybe(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


def _factors(value: Any) -> float | tuple[float, ...]:
    factor = _real(0, 1e6)
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not value or not any(item > 0 for item in value):
            raise ValueError
        return tuple(factor(item) for item in value)
    if value == 0:
        raise ValueError
    return factor(value)


RULES: dict[str, Rule] = {
    "l1": Rule("a whole number of units from 1 to 65536", _whole(1, 65536)),
    "l2": Rule("a whole number of units from 1 to 65536", _whole(1, 65536)),
    "lr": Rule("a learning rate above 0 and at most 100", _real(0, 100, open_low=True)),
    "batch_size": Rule("a whole number of pictures from 1 to 65536", _whole(1, 65536)),
    "optimizer": Rule("'sgd', 'adam' or 'adamw'", _one_of("sgd", "adam", "adamw")),
    "momentum": Rule("a number from 0 to 0.9999 (used by 'sgd', and as beta1 by 'adam' and 'adamw')", _real(0, 0.9999)),
    "weight_decay": Rule("a number from 0 to 10", _real(0, 10)),
    "schedule": Rule("'constant', 'cosine' or 'step'", _one_of("constant", "cosine", "step")),
    "layer_factor": Rule(
        "one factor above 0 (each layer's learning rate is that of the next layer times the factor) "
        "or a list with one factor for each layer, 0 freezes a layer",
        _factors,
    ),
    "epochs": Rule("a whole number from 1 to 100000", _whole(1, 100_000)),
    "seed": Rule("a whole number from 0 to 2**63 - 1", _whole(0, 2**63 - 1)),
    "split_seed": Rule("a whole number from 0 to 2**63 - 1", _whole(0, 2**63 - 1)),
    "train_size": Rule("a whole number of pictures, at least 1, or None for all", _maybe(_whole(1))),
    "valid_size": Rule("a whole number of pictures, at least 1, or None for one fifth", _maybe(_whole(1))),
    "score_size": Rule("a whole number of further pictures to score on, 0 for none", _whole(0)),
    "augment": Rule("True or False", _one_of(True, False)),
    "wrong_labels": Rule("a share of training pictures from 0 to 1 that get the label of another class", _real(0, 1)),
    "model": Rule(
        "'cifar', 'wider', 'pixels', 'residual' or 'plain'", _one_of("cifar", "wider", "pixels", "residual", "plain")
    ),
    "depth": Rule("a whole number of convolutions from 1 to 4 (used by model 'plain')", _whole(1, 4)),
    "channels": Rule("a whole number of channels from 1 to 1024 (used by model 'plain')", _whole(1, 1024)),
    "kernel": Rule("3, 5 or 7, the side of the filters (used by model 'plain')", _one_of(3, 5, 7)),
    "activation": Rule("'relu' or 'tanh' (used by model 'plain')", _one_of("relu", "tanh")),
    "threads": Rule("a whole number from 1 to 1024", _whole(1, 1024)),
}

# What other programs call the same thing.
ELSEWHERE = {"learning_rate": "lr", "wd": "weight_decay", "bs": "batch_size", "num_epochs": "epochs"}

REQUIRED = ("l1", "l2", "lr", "batch_size")


def read_config(config: Mapping[str, Any]) -> Settings:
    """The configuration as checked `Settings`, or an error that names key, value and what is allowed.

    Raises ValueError for an unknown key, a missing one, or a value out of range; TypeError when `config` is no mapping.
    """
    if not isinstance(config, Mapping):
        raise TypeError(
            f"configuration: {config!r} is a {type(config).__name__}, and a dict was expected, for example {UNTUNED}."
        )
    for key in config:
        if key not in RULES:
            raise ValueError(_unknown(key))
    for key in REQUIRED:
        if key not in config:
            raise ValueError(
                f"configuration: {key!r} is missing; it must be {RULES[key].allowed}. "
                f"The untuned default is {UNTUNED[key]}."
            )
    return Settings(**{key: _read(key, value) for key, value in config.items()})


def _unknown(key: Any) -> str:
    close = difflib.get_close_matches(ELSEWHERE.get(str(key).lower(), str(key).lower()), RULES, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"configuration: there is no hyperparameter {key!r}.{hint} Known are {', '.join(RULES)}."


def _read(key: str, value: Any) -> Any:
    # NumPy scalars come out of samplers such as `2 ** np.random.randint(2, 9)`: take the plain Python value.
    plain = value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
    try:
        return RULES[key].read(plain)
    except (ValueError, TypeError, OverflowError):
        remedy = (
            " It is still a search-space domain: Ray Tune replaces it by a value in each trial; in a call of "
            "your own write a number."
            if hasattr(plain, "sample")
            else ""
        )
        raise ValueError(f"configuration: {key!r} is {plain!r}; it must be {RULES[key].allowed}.{remedy}") from None


def defaults() -> dict[str, Any]:
    """The optional keys with their defaults, in the order of the documentation."""
    return {field.name: field.default for field in fields(Settings) if field.name not in REQUIRED}
