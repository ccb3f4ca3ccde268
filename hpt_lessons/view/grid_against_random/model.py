"""Grid against random, round after round: which finds the better point when some axes matter more than others?

The idea of figure 1 of Bergstra & Bengio (JMLR 13, 2012), to be played with. No widgets here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from hpt_lessons.search import bergstra, layouts
from hpt_lessons.search.ticks import even_ticks

WIDTH = 0.05  # of the bell on each axis, as in `bergstra.figure_1`
TIE = 1e-9  # two results that differ by less are equal


Settings = tuple[float, int, int, str]


@dataclass
class Contest:
    """A number of trials in a unit cube in which the first axis matters and the others `importance` times as much.

    Each round has its own peak, anywhere in the cube, and its own random points; the grid stays where it is. A layout
    scores the height of its best point as a share of the peak's. Where there is only one axis the grid is ahead. Where
    two axes matter alike it depends on the spacing of the ticks beside the width of the bell: random is ahead with 9
    trials, level with the grid at 25, and behind at 100 (ticks at the ends). `scores` has the wins with each setting.

    Where the grid cannot be even, the axis that matters gets the most ticks: the kindest case for a grid. Random gets
    as many trials as the grid really uses.
    """

    importance: float = 0.1
    dimension: int = 2
    trials: int = 9
    rule: str = "centres"
    seed: int = 0
    scores: dict[Settings, dict[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._begin()

    @property
    def settings(self) -> Settings:
        """The rules of the game as it is: importance of the rest, dimension, trials, where the ticks stand."""
        return float(self.importance), self.dimension, self.trials, self.rule

    @property
    def wins(self) -> dict[str, int]:
        """Rounds won by 'grid', by 'random', and ties, with these settings."""
        return self.scores.get(self.settings, {"grid": 0, "random": 0, "tie": 0})

    @property
    def round(self) -> int:
        """Rounds played with these settings; 0 before the first one."""
        return sum(self.wins.values())

    def change(self, **settings: float | str) -> None:
        """Another importance, dimension, number of trials or rule: each has a score of its own, which stays."""
        for name, value in settings.items():
            setattr(self, name, value)
        self._begin()

    def forget(self) -> None:
        """All scores are gone."""
        self.scores.clear()
        self._begin()

    def _begin(self) -> None:
        if not 0 <= self.importance <= 1:
            raise ValueError(f"importance {self.importance!r}: a share in [0, 1] was expected.")
        self.ticks = even_ticks([math.inf] * self.dimension, self.trials)
        self.grid = layouts.unit_grid(self.ticks, self.rule)
        self._deal(self.round)

    def _deal(self, number: int) -> None:
        """The peak and the random points of a round, the same whenever it is played."""
        rng = np.random.default_rng([self.seed, number])
        self.peak = rng.random(self.dimension)
        self.random = rng.random((len(self.grid), self.dimension))

    def heights(self, points: np.ndarray) -> np.ndarray:
        """The function at points (trials, dimension), as a share of its highest value."""
        weights = np.full(self.dimension, float(self.importance))
        weights[0] = 1.0
        bells = np.exp(-0.5 * ((points - self.peak) / WIDTH) ** 2)
        return bells @ weights / weights.sum()

    @property
    def best(self) -> dict[str, float]:
        """The best height of each layout in this round."""
        return {"grid": float(self.heights(self.grid).max()), "random": float(self.heights(self.random).max())}

    def play(self, rounds: int = 1) -> str:
        """Play so many rounds; who won the last one: 'grid', 'random', or 'tie'."""
        winner = "tie"
        for _ in range(rounds):
            self._deal(self.round + 1)
            best = self.best
            lead = best["random"] - best["grid"]
            winner = "tie" if abs(lead) < TIE else "random" if lead > 0 else "grid"
            self.scores[self.settings] = {**self.wins, winner: self.wins[winner] + 1}
        return winner

    @property
    def values_tried(self) -> dict[str, int]:
        """How many different values of the axis that matters each layout tries."""
        return {"grid": bergstra.distinct_values(self.grid)[0], "random": bergstra.distinct_values(self.random)[0]}
