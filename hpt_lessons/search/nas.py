"""Architectures: is the architecture just another hyperparameter?

Random search and regularized evolution (Real, Aggarwal, Huang & Le, Regularized evolution for image classifier
architecture search, AAAI 2019, algorithm 1) over a finite space: a dictionary of names and lists of choices. An
architecture is a dictionary with one choice for each name. Evolution is two small steps, a tournament and a mutation,
and one rule: it is the oldest that dies, not the worst.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hpt_lessons import checks
from hpt_lessons.search.domains import describe
from hpt_lessons.search.protocols import Searcher
from hpt_lessons.search.rungs import lost
from hpt_lessons.search.space_mistakes import mistake

Architecture = dict[str, Any]
Choices = Mapping[str, Sequence[Any]]


def choices_of(space: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The lists of choices of a space: plain lists, `tune.choice`, or a constant (a list of one).

    ValueError, naming the parameter, for a domain that is no finite list and for an empty list.
    """
    if not isinstance(space, Mapping) or not space:
        raise ValueError(f"architectures: a dictionary of names and lists of choices was expected, not {space!r}")
    found = {}
    for name, value in space.items():
        domain = describe(value)
        if wrong := mistake(value):
            raise ValueError(f"architectures, {name!r}: {wrong}")
        if domain is not None and not domain.categorical:
            raise ValueError(f"architectures, {name!r}: {domain} is no finite list.\nUse a list such as [16, 32, 64].")
        if domain is not None:
            value = domain.values
        found[name] = list(value) if isinstance(value, (list, tuple)) else [value]
        if not found[name]:
            raise ValueError(f"architectures, {name!r}: the list is empty.\nGive it at least one choice.")
    return found


def size(space: Choices) -> int:
    """How many architectures there are."""
    return math.prod(len(options) for options in choices_of(space).values())


def every(space: Choices) -> list[Architecture]:
    """All architectures, the last name changing fastest."""
    found: list[Architecture] = [{}]
    for name, options in choices_of(space).items():
        found = [{**architecture, name: option} for architecture in found for option in options]
    return found


def random_architecture(space: Choices, rng: np.random.Generator) -> Architecture:
    """One architecture, all equally likely."""
    return {name: options[rng.integers(len(options))] for name, options in choices_of(space).items()}


def mutate(architecture: Architecture, space: Choices, rng: np.random.Generator) -> Architecture:
    """A copy with exactly one choice changed to another one, all such neighbours of that name equally likely.

    Only names with two choices or more can change; a space without any gives the architecture back.
    """
    options = choices_of(space)
    names = [name for name in options if len(options[name]) > 1]
    if not names:
        return dict(architecture)
    name = names[rng.integers(len(names))]
    own = next((i for i, option in enumerate(options[name]) if _same(option, architecture[name])), None)
    others = [option for i, option in enumerate(options[name]) if i != own]
    return {**architecture, name: others[rng.integers(len(others))]}


def _same(first: Any, second: Any) -> bool:
    return type(first) is type(second) and first == second


def tournament(losses: Sequence[float], sample_size: int, rng: np.random.Generator) -> int:
    """Index of the best of `sample_size` members drawn with replacement; NaN and infinity lose, ties by chance."""
    drawn = rng.integers(len(losses), size=sample_size)
    return int(min(drawn, key=lambda i: math.inf if lost(losses[i]) else losses[i]))


class RandomArchitectures(Searcher):
    """Random search: the opponent that evolution has to beat."""

    def __init__(self, space: Choices, seed: int | np.random.Generator | None = None):
        self.space, self.rng = choices_of(space), checks.generator(seed)

    def ask(self) -> Architecture:
        """The next architecture."""
        return random_architecture(self.space, self.rng)

    def tell(self, architecture: Mapping[str, Any], budget: int, loss: float) -> None:
        """Nothing is learned from results."""


class Evolution(Searcher):
    """Regularized evolution: the best of a random few is copied with one change, and the oldest member dies.

    The first `population` architectures are random. Then each `ask()` holds a tournament of `sample_size` among the
    population and mutates the winner; each `tell()` adds the child and lets the oldest go, however good it is.
    `dies="worst"` is the classic alternative, to compare with. Before the population is complete `ask()` goes on
    with random ones, so any number of workers may ask before the first result is there.
    """

    def __init__(
        self,
        space: Choices,
        *,
        population: int = 20,
        sample_size: int = 5,
        dies: str = "oldest",
        seed: int | np.random.Generator | None = None,
    ):
        if population < 1 or sample_size < 1:
            raise ValueError(f"population {population!r} and sample_size {sample_size!r}: at least 1 was expected")
        if dies not in ("oldest", "worst"):
            raise ValueError(f"dies {dies!r}: 'oldest' or 'worst' was expected")
        self.space, self.rng = choices_of(space), checks.generator(seed)
        self.population, self.sample_size, self.dies = population, sample_size, dies
        self.members: deque[tuple[Architecture, float]] = deque()  # oldest first

    def ask(self) -> Architecture:
        """The next architecture."""
        if len(self.members) < self.population:
            return random_architecture(self.space, self.rng)
        winner = tournament([loss for _, loss in self.members], self.sample_size, self.rng)
        return mutate(self.members[winner][0], self.space, self.rng)

    def tell(self, architecture: Mapping[str, Any], budget: int, loss: float) -> None:
        """A new member comes, one old one goes."""
        self.members.append((dict(architecture), math.inf if lost(loss) else float(loss)))
        if len(self.members) > self.population and self.dies == "oldest":
            self.members.popleft()
        elif len(self.members) > self.population:
            worst = max(range(len(self.members)), key=lambda i: self.members[i][1])
            del self.members[worst]


def pareto_front(accuracies: Sequence[float], costs: Sequence[float]) -> list[int]:
    """Indices of the trials that no other beats in both accuracy and cost, cheapest first.

    A trial is beaten by one that is at least as accurate and at most as costly, and better in one of the two; equal
    trials stay together. NaN in either takes part in nothing.
    """
    if len(accuracies) != len(costs):
        raise ValueError(f"{len(accuracies)} accuracies and {len(costs)} costs: one of each for a trial was expected")
    sound = [i for i in range(len(costs)) if not math.isnan(accuracies[i]) and not math.isnan(costs[i])]
    front: list[int] = []
    best, best_cost = -math.inf, math.nan
    for i in sorted(sound, key=lambda i: (costs[i], -accuracies[i])):
        if not front or accuracies[i] > best or (accuracies[i] == best and costs[i] == best_cost):
            front.append(i)
            best, best_cost = accuracies[i], costs[i]
    return front
