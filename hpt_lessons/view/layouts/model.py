"""Where do the trials go? A layout of a search space: grid, random, Sobol or Latin hypercube, seen along two axes.

No widgets here. The space is that of a `SpaceModel`, so that an edit of the space moves the points at once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hpt_lessons.search import layouts
from hpt_lessons.search.space import Axis
from hpt_lessons.view.space.model import SpaceModel

LAYOUTS = ("grid", "random", "sobol", "latin hypercube")
MOST = 4096  # trials; more cannot be told apart in a picture, and nobody trains them


class LayoutModel:
    """A layout of the last valid space of a model: its configurations, or in `error` why there are none.

    `layout`, `num_trials`, `ticks`, `rule`, `seed`, `x` and `y` are set with `change`.
    """

    def __init__(
        self,
        space: SpaceModel,
        layout: str = "random",
        num_trials: int = 9,
        ticks: int = 3,
        rule: str = "centres",
        seed: int = 0,
    ) -> None:
        self.space = space
        self.layout, self.num_trials, self.ticks, self.rule, self.seed = layout, num_trials, ticks, rule, seed
        self.x = self.y = ""
        self.refresh()

    def change(self, **settings: Any) -> None:
        """Another layout, number of trials, ...; ValueError for a setting that there is not.

        The axis that was up and is chosen to lie across changes places with the other one.
        """
        for name, value in settings.items():
            if name not in ("layout", "num_trials", "ticks", "rule", "seed", "x", "y"):
                raise ValueError(f"a layout has no {name!r}; it has layout, num_trials, ticks, rule, seed, x and y.")
            if (name, value) in (("x", self.y), ("y", self.x)):
                self.x, self.y = self.y, self.x
            setattr(self, name, value)
        self.refresh()

    def refresh(self) -> None:
        """Lay the trials out again: the space or a setting has changed."""
        names = list(self.axes)
        self.x = self.x if self.x in names else (names or [""])[0]
        self.y = self.y if self.y in names else (names[1:] or names or [""])[0]
        self.error, self._configs = "", []
        try:
            self._configs = self._lay_out()
        except ValueError as error:
            self.error = str(error)

    @property
    def axes(self) -> dict[str, Axis]:
        """The axes along which a trial has a place, by name: all but functions."""
        return {axis.name: axis for axis in self.space.space.axes if axis.domain.function is None}

    @property
    def configs(self) -> list[dict[str, Any]]:
        """The configurations; ValueError if this layout of this space is not possible."""
        if self.error:
            raise ValueError(self.error)
        return list(self._configs)

    @property
    def code(self) -> str:
        """A line of Python that gives the same configurations."""
        if self.layout == "grid":
            return f"layouts.grid(space, ticks={self.ticks}, rule={self.rule!r})"
        return f"layouts.{self.layout.replace(' ', '_')}(space, num_samples={self.num_trials}, seed={self.seed})"

    def positions(self, name: str) -> np.ndarray:
        """Where each trial lies along an axis, 0 to 1 on the scale of its domain."""
        axis = self.axes[name]
        return np.array([axis.position(config) for config in self._configs])

    def distinct(self, name: str) -> int:
        """How many different values of this axis are tried: its shadows."""
        return len(np.unique(np.round(self.positions(name), 9)))

    @property
    def dots(self) -> int:
        """How many different points the trials are, seen along the two axes: others may lie behind a point."""
        if not self.axes:
            return 0
        places = np.column_stack([self.positions(self.x), self.positions(self.y)])
        return len(np.unique(np.round(places, 9), axis=0))

    def _lay_out(self) -> list[dict[str, Any]]:
        space = self.space.space
        if self.layout not in LAYOUTS:
            raise ValueError(f"layout {self.layout!r}: one of {', '.join(LAYOUTS)} was expected.")
        _check(self)
        count = self._grid_size() if self.layout == "grid" else self.num_trials
        if not 1 <= count <= MOST:
            other = "at least 1" if count < 1 else "fewer ticks" if self.layout == "grid" else "fewer trials"
            raise ValueError(f"This makes {count:,} trials; 1 to {MOST:,} are laid out here. Use {other}.")
        if self.layout == "grid":
            return layouts.grid(space, self.ticks, self.rule)
        return getattr(layouts, self.layout.replace(" ", "_"))(space, self.num_trials, self.seed)

    def _grid_size(self) -> int:
        """Counted axis by axis: nine axes of ten ticks are never built."""
        return math.prod(map(len, self.space.space.grid(self.ticks, self.rule).values()))


def _check(model: LayoutModel) -> None:
    """Settings that no layout can be made with; only those are looked at that this layout uses."""
    grid = model.layout == "grid"
    name, value, least, most = ("Ticks on each axis", model.ticks, 1, MOST) if grid else ("Seed", model.seed, 0, 2**32)
    if not least <= value <= most:
        raise ValueError(f"{name}: {value:,} was given; a whole number from {least} to {most:,} was expected.")
