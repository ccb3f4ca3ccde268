"""Which search finds more? Grid, random, random then grid; stopping early; on the recorded trials and on formulas."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from hpt_lessons import analysis
from hpt_lessons.findings.registry import (
    LONGEST,
    REPEATS,
    Lines,
    against,
    cube,
    finding,
    first_seed,
    rank_correlation,
    survived,
)
from hpt_lessons.recorded.methods import Method, shifted_grid
from hpt_lessons.recorded.replay import Recorded, Synthetic, chosen, final_score, repeats, replay
from hpt_lessons.search import layouts
from hpt_lessons.search.asha import StoppingASHA
from hpt_lessons.search.halving import NoStopping
from hpt_lessons.search.searchers import Listed
from hpt_lessons.search.space import Space
from hpt_lessons.search.ticks import even_ticks
from hpt_lessons.trials import Trial, Trials

COVERED = "the draw of the search and the noise of training, not that each trial was recorded once (see table-luck)"


def random_trials(domains: Mapping[str, Any], seed: int, trials: int) -> Listed:
    """The random searcher of the lessons."""
    return Listed(layouts.random(domains, trials, seed))


def exactly_random(trials: int) -> Method:
    """Random search with so many trials, whatever the budget."""
    return lambda space, seed, max_epochs, budget: (random_trials(space, seed, trials), NoStopping(max_epochs))


def grid_of(space: Mapping[str, Any], trials: int, names: Sequence[str] = ()) -> tuple[Method, int, str]:
    """A shifted grid of at most so many trials, how many it has, and its ticks in words.

    Over `names` alone if some are given: the others are drawn at random for each point.
    """
    axes = [axis for axis in Space.of(space).axes if not names or axis.name in names]
    own = {axis.name: space[axis.name] for axis in axes}
    ticks = even_ticks([axis.domain.size for axis in axes], trials)

    def method(space: Mapping[str, Any], seed: int, max_epochs: int, budget: int) -> tuple[Any, Any]:
        points = shifted_grid(own, trials, seed)
        drawn = layouts.random(space, len(points), seed)
        return Listed([{**other, **point} for other, point in zip(drawn, points, strict=True)]), NoStopping(max_epochs)

    words = ", ".join(f"{axis.name} {count}" for axis, count in zip(axes, ticks, strict=True))
    return method, int(np.prod(ticks)), words


def finals(objective: Any, method: Any, budget: int, max_epochs: int = LONGEST) -> np.ndarray:
    """The final scores of the repeats of a method; `objective` may be a function of the repeat's number."""
    scores = []
    for number in range(REPEATS):
        own = objective(number) if isinstance(objective, Callable) else objective
        [trials] = repeats(own, method, 1, budget, max_epochs=max_epochs, seed=number)
        scores.append(final_score(own, trials))
    return np.array(scores)


@finding(
    "grid-random",
    "Grid against random against random, then a grid: at 9, 16, 36 and 64 trials?",
    "cifar-lenet",
    slow=True,
)
def grid_random() -> Lines:
    """Full trainings, best epoch; grids moved in each repeat, each against as many random trials as it has points."""
    objective = Recorded(cube(), scope="all")
    yield f"Data: {objective.data}; loss of the best epoch, {REPEATS} repeats; differences below 0: better than random."
    yield f"Intervals cover {COVERED}."
    for count in (9, 16, 36, 64):
        random = finals(objective, "random", count * LONGEST)
        yield f"{count} trials: random {np.mean(random):.4f}"
        yield "  " + against("random-then-grid", finals(objective, "random-then-grid", count * LONGEST), random, "both")
        for names in ((), ("lr", "batch_size")):
            grid, trials, ticks = grid_of(objective.space, count, names)
            others = "; others drawn" if names else ""
            yield (
                "  "
                + against(
                    "grid",
                    finals(objective, grid, count * LONGEST),
                    finals(objective, exactly_random(trials), count * LONGEST),
                    "both",
                )
                + (f" (against {trials}; {ticks}{others})")
            )


EARLY = ("hyperband", "asha", "asha-promotion", "bohb")


@finding("early-stopping", "ASHA, Hyperband and BOHB against random search at equal budget?", "cifar-lenet", slow=True)
def early_stopping() -> Lines:
    """On the recorded trials; and what the first epochs say about the end."""
    objective = Recorded(cube(), scope="all")
    yield f"Data: {objective.data}; loss of the best epoch, {REPEATS} repeats, equal epochs."
    yield f"Intervals cover {COVERED}."
    alive = list(first_seed(cube()).filter(survived))
    ends = [trial.best_loss for trial in alive]
    good = np.argsort(ends)[: len(ends) // 2]
    for words, some in (("all", range(len(alive))), ("the better half", good)):
        rho = [
            rank_correlation([alive[place].history[epoch - 1].loss for place in some], [ends[place] for place in some])
            for epoch in (1, 3, 9)
        ]
        yield (
            f"Rank correlation of the loss at epochs 1, 3, 9 with the lowest, {words} of {len(alive)} "
            f"trials that lived: {rho[0]:.2f}, {rho[1]:.2f}, {rho[2]:.2f}"
        )
    yield _early_hits(first_seed(cube()))
    yield from at_equal_budget(objective, (4, 10, 30))


def _early_hits(trials: Trials) -> str:
    """Of the trials that end best, how many stand in the first third early on? Dead and diverged ones included."""
    ends = np.array([trial.best_loss if trial.sound else np.inf for trial in trials])
    best = np.argsort(ends, kind="stable")[: round(0.05 * len(ends))]
    said = []
    for epoch in (1, 3, 9):
        early = np.array([_loss_at(trial, epoch) for trial in trials])
        rank = np.argsort(np.argsort(early, kind="stable"))
        said.append(f"{np.mean(rank[best] < len(ends) / 3):.0%} (rank correlation {rank_correlation(early, ends):.2f})")
    return (
        f"All {len(ends)} trials, also those that died: of the best 5 %, in the first third at epochs 1, 3, 9 "
        f"(by chance 33 %): {', '.join(said)}"
    )


def _loss_at(trial: Trial, epoch: int) -> float:
    """The loss after so many epochs; of a training that ended before, its last; infinite where it diverged."""
    history = trial.history[:epoch]
    return history[-1].loss if history and not any(result.diverged for result in history) else np.inf


@finding("early-stopping-synthetic", "The same where the space is larger: four axes, two of them important?", slow=True)
def early_stopping_synthetic() -> Lines:
    """On formulas, with curves that cross little and much; the optimum lies elsewhere in each repeat."""
    for correlation in (0.8, 0.2):

        def objective(number: int, correlation: float = correlation) -> Synthetic:
            return Synthetic(4, 2, correlation=correlation, noise=0.02, seed=number)

        yield f"{objective(0)}; loss, {REPEATS} repeats, each with an optimum of its own, equal epochs."
        yield from at_equal_budget(objective, (10, 30))


def at_equal_budget(objective: Any, trainings: Sequence[int]) -> Lines:
    """Each method against random search, and BOHB against the Hyperband that it is built on."""
    for full in trainings:
        scores = {method: finals(objective, method, full * LONGEST) for method in ("random", *EARLY)}
        yield f"{full} full trainings: random {np.mean(scores['random']):.4f}, median {np.median(scores['random']):.4f}"
        for method in EARLY:
            yield (
                "  "
                + against(method, scores[method], scores["random"], "both")
                + (f", median {np.median(scores[method]):.4f}")
            )
        model = analysis.compare(scores["bohb"], scores["hyperband"], "both")
        yield (
            f"  bohb against hyperband: difference {model.difference:+.4f} [{model.low:+.4f}, {model.high:+.4f}], "
            f"better in {model.superiority:.0%}"
        )


@finding(
    "asha-cuts",
    "How often does ASHA cut the trial that would have won, and what does it cost?",
    "cifar-lenet",
    slow=True,
)
def asha_cuts() -> Lines:
    """27 random trials each time; the winner is the one with the lowest loss if all were trained to the end.

    The regret as seen compares the very curves by which the winner was named, the luckiest of 27; that on fresh draws
    trains both once more.
    """
    objective = Recorded(cube(), scope="all")
    yield (
        f"Data: {objective.data}; 27 random trials, {REPEATS} searches, one after another, reduction factor 3; "
        f"intervals cover {analysis.covers('both')}."
    )
    for grace in (1, 3, 9):
        lost, seen, fresh, spent = zip(*(one_asha(objective, seed, grace) for seed in range(REPEATS)), strict=True)
        low, high = analysis.wilson(sum(lost), REPEATS)
        again = analysis.over_repeats(fresh, "both")
        yield (
            f"  grace period {grace}: the winner is cut in {np.mean(lost):.0%} [{low:.0%}, {high:.0%}] of the "
            f"searches, for {np.mean(spent) / (27 * LONGEST):.0%} of the epochs; regret {np.mean(seen):.4f} as "
            f"seen, {again.mean:.4f} [{again.low:.4f}, {again.high:.4f}] on fresh draws, 90 % below "
            f"{np.percentile(fresh, 90):.4f}"
        )


def one_asha(objective: Recorded, seed: int, grace: int) -> tuple[bool, float, float, int]:
    """Whether the later winner was cut, how much worse the choice is, as seen and on fresh draws, and epochs spent."""
    trials = replay(
        objective,
        random_trials(objective.space, seed, 27),
        StoppingASHA(grace, LONGEST, 3),
        budget=27 * LONGEST,
        seed=seed,
    )
    curves = {trial.name: objective.curve(trial.config, seed, draw) for draw, trial in enumerate(trials)}
    whole = {
        name: min(result.loss for result in map(curve.result, range(1, LONGEST + 1)))
        for name, curve in curves.items()
        if not curve.diverged
    }
    winner, choice = trials[min(whole, key=whole.get)], chosen(trials, scope="all")
    fresh = 0.0 if choice.name == winner.name else _score(objective, choice, seed) - _score(objective, winner, seed)
    return (
        winner.status == "stopped",
        whole[choice.name] - whole[winner.name],
        fresh,
        sum(trial.budget for trial in trials),
    )


def _score(objective: Recorded, trial: Trial, seed: int) -> float:
    return objective.score(trial.config, seed)
