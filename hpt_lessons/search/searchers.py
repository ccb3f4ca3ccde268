"""Which configuration next? The plainest searchers, in the one shape that all of them share.

`ask()` gives the next configuration, or None while it has to wait for results; `tell(config, budget, loss)` hands a
result back. `num_trials` is how many configurations there will be. A searcher draws from its seed alone, so asking and
telling again in the same order leads to the same state: that is how an interrupted search finds back into its place.
"""

from collections.abc import Sequence
from typing import Any

Config = dict[str, Any]


class Listed:
    """A list of configurations, one after the other: a grid, a random sample, or a list of one's own."""

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
