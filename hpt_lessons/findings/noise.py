"""How much of a number is luck? The opening of the course, one seed, the winner's curse, and the tables themselves."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hpt_lessons import analysis
from hpt_lessons.cifar.config import UNTUNED
from hpt_lessons.findings.registry import (
    LONGEST,
    REPEATS,
    Lines,
    cube,
    finding,
    first_seed,
    from_to,
    same,
    survived,
    trials_of,
)
from hpt_lessons.findings.searches import exactly_random, finals, grid_of, random_trials
from hpt_lessons.recorded.replay import Recorded, repeats
from hpt_lessons.search.asha import StoppingASHA
from hpt_lessons.trials import Trial


@finding(
    "ten-trials",
    "Ten trials in the manner of the well-known example: better than not tuning at all?",
    "cifar-lenet",
    "cifar-lenet-seeds",
)
def ten_trials() -> Lines:
    """Random search with ASHA (grace period 1, reduction factor 2), 10 epochs, the best last loss wins."""
    space, searches = Recorded(cube()), 2 * REPEATS

    def manner(domains: Mapping[str, Any], seed: int, max_epochs: int, budget: int) -> tuple[Any, Any]:
        return random_trials(domains, seed, 10), StoppingASHA(1, 10, 2)

    tables = repeats(space, manner, searches, 10 * 10, max_epochs=10)
    winners = [trials.best("loss", scope="last") for trials in tables]
    found = [space.score(best.config, best.seed, budget=best.budget) for best in winners]
    default_trials = [trial for trial in trials_of("cifar-lenet-seeds") if same(trial, UNTUNED)]
    default = [trial.history[9].loss for trial in default_trials]
    unseen = np.mean([space.unseen(best.config, best.seed) > 0 for best in winners])
    yield f"Data: {space.data}; 10 epochs, validation loss."
    yield (
        f"Winners scored on recorded seeds that their search did not see: {unseen:.0%}; the others on fresh draws "
        "of the measured noise around the one recorded curve"
    )
    low, middle, high = np.percentile(found, [10, 50, 90])
    yield (
        f"Ten-trial searches, {searches} of them: 10, 50 and 90 % lie below {low:.3f} {middle:.3f} {high:.3f}; mean "
        f"{analysis.over_repeats(found, 'both')}"
    )
    yield (
        f"Untuned default, {len(default)} seeds: mean {np.mean(default):.3f}, from {min(default):.3f} to "
        f"{max(default):.3f}"
    )
    ahead = int(np.sum(np.array(found) < np.mean(default)))
    low, high = analysis.wilson(ahead, searches)
    short = np.mean([best.budget < 10 for best in winners])
    yield (
        f"Searches whose winner beats the default's mean: {ahead / searches:.0%} [{low:.0%}, {high:.0%}]; winners "
        f"that had been stopped before epoch 10: {short:.0%}"
    )
    by_best = Recorded(cube(), scope="all")
    found = [by_best.score(best.config, best.seed, budget=best.budget) for best in winners]
    kept = np.mean([min(result.loss for result in trial.history[:10]) for trial in default_trials])
    ahead = int(np.sum(np.array(found) < kept))
    low, high = analysis.wilson(ahead, searches)
    yield (
        f"The same by the best of the 10 epochs on both sides: winners {np.mean(found):.3f} in the mean, "
        f"{np.median(found):.3f} in the middle, default {kept:.3f}; ahead in {ahead / searches:.0%} "
        f"[{low:.0%}, {high:.0%}]"
    )
    used = np.mean([sum(trial.budget for trial in trials) for trials in tables])
    yield f"Epochs spent by a search: {used:.0f} on average; by the default: 10"


@finding("one-seed", "How much does one seed mean?", "cifar-lenet-seeds")
def one_seed() -> Lines:
    """Standard deviations from seed to seed, with the same split and with splits of their own."""
    groups: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials_of("cifar-lenet-seeds"):
        groups[str(sorted(trial.config.items()))].append(trial)
    whole = [group for group in groups.values() if len(group) == 8 and all(map(survived, group))]
    whole.sort(key=lambda group: np.mean([trial.best_loss for trial in group]))
    yield (
        f"Data: {trials_of('cifar-lenet-seeds').data}; {len(whole)} configurations, 8 seeds each, 27 epochs; "
        f"{len(groups) - len(whole)} more have trainings that died or diverged, and are left out."
    )
    yield "Standard deviation over seeds 0 to 3 (one split) and 4 to 7 (own splits), mean over configurations:"
    for name, value in (
        ("loss, best epoch", lambda trial: trial.best_loss),
        ("loss, last epoch", lambda trial: trial.loss),
        ("accuracy, last epoch", lambda trial: trial.accuracy),
        ("test accuracy", lambda trial: trial.history[-1].extra["test_accuracy"]),
    ):
        spreads = [
            np.mean(
                [np.std([value(trial) for trial in group if (trial.seed < 4) == shared], ddof=1) for group in whole]
            )
            for shared in (True, False)
        ]
        yield f"  {name:22} {spreads[0]:.4f}  {spreads[1]:.4f}"
    losses = np.array([[trial.best_loss for trial in sorted(group, key=lambda trial: trial.seed)] for group in whole])
    common = (losses - losses.mean(axis=1, keepdims=True)).mean(axis=0)
    yield (
        f"What a seed does to all configurations alike, loss, best epoch: {np.std(common[:4], ddof=1):.4f} with one "
        f"split, {np.std(common[4:], ddof=1):.4f} with splits of their own"
    )
    points = [np.std([trial.accuracy for trial in group], ddof=1) for group in whole if _accuracy(group) > 0.5]
    spread = float(np.sqrt(np.mean(np.square(points))))
    yield f"Accuracy, last epoch, of the {len(points)} configurations above 50 %: {spread:.4f}"
    best, second = ([trial.best_loss for trial in group] for group in whole[:2])
    yield (
        f"Best and second configuration, best epoch: {np.mean(best):.4f} and {np.mean(second):.4f}; with one seed "
        f"each the second looks better in {np.mean(np.subtract.outer(best, second) > 0):.0%} of the pairs"
    )


def _accuracy(group: Sequence[Trial]) -> float:
    return float(np.mean([trial.accuracy for trial in group]))


@finding("winners-curse", "How much of a winner's score is luck?", "cifar-lenet-seeds")
def winners_curse() -> Lines:
    """Chosen on one seed, scored on seven others; what the noise lets one expect, and what was seen."""
    scores = analysis.by_seed(trials_of("cifar-lenet-seeds").filter(survived), scope="all")
    good = scores.values[np.argsort(scores.values.mean(axis=1))[:8]]
    noise, seen = analysis.training_noise(good), analysis.seen_curse(good)
    own = analysis.training_noise(good, paired=True)  # what a seed's split does to all alike makes no winner
    expected = analysis.expected_curse(good.mean(axis=1), own)
    yield f"The {len(good)} best of {len(scores.configs)} configurations with 8 seeds, loss of the best epoch."
    yield f"Standard deviation of one training: {noise:.4f}; without what all trials of a seed share: {own:.4f}"
    yield (
        f"Seen: promised {seen.promised:.4f}, delivered {seen.delivered:.4f}: {seen.lost:.4f} worse "
        f"[{seen.low:.4f}, {seen.high:.4f}] (covers {seen.covers})"
    )
    yield f"Expected from the noise: {expected.lost:.4f} worse"
    yield (
        f"Expected if all were equally good: {analysis.expected_best(8) * own:.4f} for 8 trials, "
        f"{analysis.expected_best(100) * own:.4f} for 100"
    )


# -- the tables --------------------------------------------------------------------------------------------------------
@finding("trust", "How far can the replay of recorded trials be trusted?", "cifar-lenet")
def trust() -> Lines:
    """The error of the interpolation, how many trials random draws really are, and how small the space is."""
    for scope in ("all", "last"):
        objective = Recorded(cube(), scope=scope)
        left_out = objective.leave_one_out()
        batch = np.array([objective.trials[name].config["batch_size"] for name in left_out.names])
        words = ", ".join(
            f"{size}: {np.median(np.abs(left_out.errors[batch == size])):.3f} "
            f"({np.mean(left_out.errors[batch == size]):+.3f})"
            for size in sorted(set(batch.tolist()))
        )
        yield (
            f"Interpolated with twice the spacing, loss of the {'best' if scope == 'all' else 'last'} epoch, by "
            f"batch size: median error and (mean) {words}; of {left_out.unjudged} trials nothing can be said."
        )
    objective = Recorded(cube(), scope="all")
    for count in (9, 16, 36, 60):
        tables = [random_trials(objective.space, seed, count).configs for seed in range(REPEATS)]
        touched = np.mean([objective.touched([Trial("", config) for config in configs]) for configs in tables])
        yield f"  {count} random trials stand for {touched:.1f} recorded ones on average"
    best = sorted(first_seed(cube()).filter(survived), key=lambda trial: trial.best_loss)[:5]
    hits = [
        any(objective.nearest(config) == trial.config for config in configs for trial in best) for configs in tables
    ]
    yield f"60 random trials hold one of the five best recorded configurations in {np.mean(hits):.0%} of the searches"


REDRAWN = 8


@finding("table-luck", "How much of a comparison is the luck of the one recorded table?", "cifar-lenet", slow=True)
def table_luck() -> Lines:
    """The comparisons of `grid-random` and `early-stopping` again, on tables as they might have come out."""
    tables = [Recorded(cube(), scope="all").redrawn(seed) for seed in range(REDRAWN)]
    grid, trials, _ = grid_of(tables[0].space, 9)
    contests = [("9 trials: grid", grid, exactly_random(trials), 9)]
    contests += [
        (f"10 full trainings: {name}", name, "random", 10) for name in ("hyperband", "asha", "asha-promotion", "bohb")
    ]
    yield (
        f"Difference from random on {REDRAWN} tables redrawn from the measured noise, mean of {REPEATS} repeats on "
        "each: smallest to largest, standard deviation"
    )
    for words, method, other, budget in contests:
        gaps = [np.mean(finals(one, method, budget * LONGEST) - finals(one, other, budget * LONGEST)) for one in tables]
        yield f"  {words:33} {from_to(gaps)}, {np.std(gaps, ddof=1):.4f}"
