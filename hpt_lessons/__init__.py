"""Lessons on hyperparameter tuning: the helper package behind the notebooks.

`load_data` and `train_cifar` are what most lessons need. They are imported when they are first used, so that a lesson
that trains nothing opens in a second.
"""

import os

# Ray ignores the reporter that a user gives to `tune.run`, with a warning, unless this is set when it is called; with
# it `CLIReporter` prints its status blocks again, and verbose=0 is silent. Who has set it keeps what was set.
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")

_HOME = {"load_data": "hpt_lessons.cifar.data", "train_cifar": "hpt_lessons.cifar.training"}

__all__ = ["load_data", "train_cifar"]


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'hpt_lessons' has no attribute {name!r}; it offers {', '.join(__all__)}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
