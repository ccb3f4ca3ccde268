"""`tune.sample_from`: the values that a student's own functions draw, seeded; each sees what was drawn before."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Mapping
from inspect import signature
from typing import Any

import numpy as np

Path = tuple[str, ...]
_WAITING = object()  # stands where another function has yet to draw


def draw(
    functions: Mapping[Path, Callable[..., Any]],
    values: dict[Path, Any],
    fill: Callable[[Mapping[Path, Any]], dict[str, Any]],
    seed: int,
) -> None:
    """Add what each function draws to `values`, those that look at other functions' values after them.

    `fill` makes a configuration of values. Python's and numpy's global random states are seeded meanwhile. ValueError
    where functions wait for each other; what a function raises is passed on.
    """
    waiting = dict(functions)
    with _seeded_globals(seed):
        while waiting:
            ready = len(waiting)
            for path, function in list(waiting.items()):
                with contextlib.suppress(_NotYetDrawn):
                    values[path] = _call(function, _View(fill(dict.fromkeys(waiting, _WAITING) | values)))
                    del waiting[path]
            if len(waiting) == ready:
                names = ", ".join(repr("/".join(path)) for path in waiting)
                raise ValueError(
                    f"search space, {names}: the tune.sample_from functions wait for each other's values.\n"
                    "Let one of them not look at the others."
                )


def _call(function: Callable[..., Any], view: _View) -> Any:
    try:
        signature(function).bind(view)
    except TypeError:
        return function()
    except ValueError:  # a built-in function may tell nothing about its arguments
        pass
    return function(view)


class _NotYetDrawn(Exception):
    """A function asked for a value that another function has yet to draw."""


class _View(dict[str, Any]):
    """The values drawn so far, as Ray shows them to a function: `spec.config.l1`, `config.l1` or `config["l1"]`."""

    def __getitem__(self, key: str) -> Any:
        value = self if key == "config" and key not in self else super().__getitem__(key)
        if value is _WAITING:
            raise _NotYetDrawn(key)
        return _View(value) if type(value) is dict else value

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError:
            raise AttributeError(f"the search space has no {key!r}; it has {', '.join(map(repr, self))}") from None


@contextlib.contextmanager
def _seeded_globals(seed: int) -> Iterator[None]:
    """Seed Python's and numpy's global random states, and put them back as they were."""
    python, numpy = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
