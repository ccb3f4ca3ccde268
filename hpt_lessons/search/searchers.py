"""Which configuration next? The plainest searchers, in the one shape that all of them share.

`ask()` gives the next configuration, or None when there is none to give; `tell(config, budget, loss)` hands a result
back. `num_trials` is how many configurations there will be, `barriers` says after how many of them all must have ended
before the next is asked for. A searcher draws from its seed alone: asked and told once more in the same order, it is in
the same state. That is how an interrupted search finds back into its place.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hpt_lessons import checks
from hpt_lessons.search import layouts
from hpt_lessons.search.protocols import Searcher
from hpt_lessons.search.space import Config, Seed, Space
from hpt_lessons.search.ticks import even_ticks


class Listed:
    """A list of configurations, one after the other: a grid, a random sample, or a list of one's own."""

    barriers: tuple[int, ...] = ()

    def __init__(self, configs: Sequence[Config]):
        self.configs = list(configs)
        self.num_trials = len(self.configs)
        self._next = 0

    def ask(self) -> Config | None:
        if self._next == self.num_trials:
            return None
        self._next += 1
        return dict(self.configs[self._next - 1])

    def tell(self, config: Config, budget: int, loss: float) -> None:
        """Nothing is learned from results."""


class RandomSearch(Searcher):
    """Random configurations without end; the first n are those of `layouts.random(space, n, seed)`.

    A `grid_search` is refused.
    """

    def __init__(self, space: Mapping[str, Any], seed: Seed = None):
        self.space = Space.of(space, grids=False, searcher="random search without end")
        self._rng = checks.generator(seed)

    def ask(self) -> Config:
        return self.space.sample(self._rng)

    def tell(self, config: Mapping[str, Any], budget: int, loss: float) -> None:
        """Nothing is learned from results."""


class RandomThenGrid:
    """Random trials first, then a grid in the region that did well (the practice; its two parts are in `layouts`).

    `random_share` of the trials are random; the default is what the finding `grid-random` rests on. When all of them
    have ended, the box around the best one (`layouts.zoom`) gets a grid with its ticks in the centres of equal cells,
    over the first one or two axes that have an order, as the rest of the trials can pay for; what the grid does not
    cover keeps its best value. Nothing is trained twice: random trials from the box take the place of points that were
    trained already, or that the grid has too few of. ValueError for fewer than 5 trials, or a share that leaves fewer
    than 3 random trials or fewer than 2 others.
    """

    def __init__(self, space: Mapping[str, Any], num_trials: int, seed: int, random_share: float = 0.7):
        self.space = Space.of(space, grids=False, functions=False, searcher="random search, then a grid")
        checks.whole("num_trials", num_trials)
        checks.share("random_share", random_share)
        if num_trials < 5:
            raise ValueError(
                f"num_trials {num_trials!r}: random search, then a grid, needs at least 5 trials, "
                "3 random ones and a grid of 2. Take random search for fewer."
            )
        for_grid = num_trials - round(num_trials * random_share)
        if not 2 <= for_grid <= num_trials - 3:
            raise ValueError(
                f"random_share {random_share!r}: of {num_trials} trials it leaves {for_grid} for the grid; "
                f"a share that leaves from 2 to {num_trials - 3} was expected."
            )
        self.num_trials, self._seed = num_trials, seed
        self._first = Listed(layouts.random(self.space, num_trials - for_grid, seed))
        self._second: Listed | None = None
        self._results: list[tuple[Config, float]] = []
        self.barriers = (self._first.num_trials,)

    def ask(self) -> Config | None:
        config = self._first.ask()
        if config is not None:
            return config
        if self._second is None:
            self._second = Listed(self._grid())
        return self._second.ask()

    def tell(self, config: Config, budget: int, loss: float) -> None:
        """The last loss of each configuration counts."""
        self._results = [(known, value) for known, value in self._results if known != config] + [(dict(config), loss)]

    def _grid(self) -> list[Config]:
        results = self._results
        if not any(math.isfinite(loss) for _, loss in results):
            results = [(config, 0.0) for config in self._first.configs]  # nothing is known: around the first
        configs, losses = zip(*results, strict=True)
        box = Space(layouts.zoom(self.space, configs, losses))
        best = configs[min(range(len(losses)), key=lambda index: (math.isnan(losses[index]), losses[index]))]
        count = self.num_trials - self._first.num_trials
        ticks = _ticks(box, count)
        kept = {axis.path: axis.of(best) for axis in box.axes if axis.name not in ticks}
        points = [point for point in layouts.grid(box.with_values(kept), ticks, "centres") if point not in configs]
        missing = count - len(points)
        return points + (layouts.random(box, missing, checks.generator([self._seed, 1])) if missing else [])


def _ticks(space: Space, trials: int) -> dict[str, int]:
    """Ticks of the first two axes that have an order; without those that get only one.

    Real numbers come first, then whole numbers, then ordered lists: a learning rate asks for a finer look than a width.
    """
    ordered = [axis for axis in space.axes if axis.domain.ordered or not axis.domain.categorical]
    axes = sorted(ordered, key=lambda axis: (axis.domain.categorical, axis.domain.integer))[:2]
    ticks = even_ticks([axis.domain.size for axis in axes], trials)
    return {axis.name: count for axis, count in zip(axes, ticks, strict=True) if count > 1}
