"""BOHB against Hyperband and random search: mean final regret over seeds, and the time that a suggestion takes.

    python -m benchmarks bohb

Each method gets the same total budget, counted in full evaluations; every run of a trial costs its whole budget
(nothing is resumed), as in the paper. One round of Hyperband's five brackets costs 21. The regret is that of the
configuration with the best loss observed at the full budget, by the true function without noise.
"""

import argparse
import os
import statistics
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from hpt_lessons.search import domains as tune
from hpt_lessons.search.bohb import BOHB, BOHBSampler

MIN_BUDGET, MAX_BUDGET, ETA = 9, 729, 3

_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
_A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


class Hartmann6:
    """Six smooth dimensions; a smaller budget flattens the valleys and adds noise."""

    name, best = "Hartmann-6", -3.322368
    space = {f"x{i}": tune.uniform(0, 1) for i in range(6)}  # noqa: RUF012

    def true(self, config, fidelity=1.0):
        x = np.array([config[f"x{i}"] for i in range(6)])
        alpha = _ALPHA - 0.5 * (1 - fidelity)
        return -float(alpha @ np.exp(-(_A * (x - _P) ** 2).sum(axis=1)))

    def loss(self, config, budget, rng):
        fidelity = budget / MAX_BUDGET
        return self.true(config, fidelity) + 0.2 * (1 - fidelity) * rng.standard_normal()


class CountingOnes:
    """Half categories, half probabilities that are only seen through `budget` coin tosses (paper, section 5.1)."""

    def __init__(self, half):
        self.half, self.name, self.best = half, f"counting ones {half}+{half}", -2.0 * half
        self.space = {f"c{i}": tune.choice([0, 1]) for i in range(half)}
        self.space |= {f"x{i}": tune.uniform(0, 1) for i in range(half)}

    def true(self, config):
        return -float(sum(config.values()))

    def loss(self, config, budget, rng):
        ones = sum(config[f"c{i}"] for i in range(self.half))
        return -float(ones + sum(rng.binomial(budget, config[f"x{i}"]) / budget for i in range(self.half)))


class Branin:
    """Two smooth dimensions, three equal minima: here the model has nothing to win. Fidelity: noise that shrinks."""

    name, best = "Branin", 0.39788735772973816
    space = {"x": tune.uniform(-5, 10), "y": tune.uniform(0, 15)}  # noqa: RUF012

    def true(self, config):
        x, y = config["x"], config["y"]
        bowl = (y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6) ** 2
        return float(bowl + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10)

    def loss(self, config, budget, rng):
        return self.true(config) + 2.0 * (1 - budget / MAX_BUDGET) * rng.standard_normal()


PROBLEMS = [Hartmann6(), CountingOnes(4), CountingOnes(8), Branin()]
METHODS = {"random": None, "Hyperband": 1.0, "BOHB": 1 / 3}


def regret(problem, method, seed, total):
    """True regret of the incumbent after `total` full evaluations."""
    if METHODS[method] is None:
        sampler = BOHBSampler(problem.space, seed=[seed, 1], random_fraction=1.0)
        noise = np.random.default_rng([seed, 2])
        configs = [sampler.ask() for _ in range(total)]
        return problem.true(min(configs, key=lambda c: problem.loss(c, MAX_BUDGET, noise))) - problem.best
    search = BOHB(problem.space, MIN_BUDGET, MAX_BUDGET, ETA, seed=[seed, 1], random_fraction=METHODS[method])
    noise, left, best = np.random.default_rng([seed, 2]), total * MAX_BUDGET, (float("inf"), None)
    while True:
        run = search.ask()
        left -= run.budget
        if left < 0:
            return problem.true(best[1]) - problem.best
        loss = problem.loss(run.config, run.budget, noise)
        search.tell(run.trial, run.budget, loss)
        if run.budget == MAX_BUDGET and loss < best[0]:
            best = loss, run.config


def regrets(problem, method, seeds, total):
    """Final regrets over seeds."""
    return [regret(problem, method, seed, total) for seed in range(seeds)]


def milliseconds_per_suggestion(half=8, points=200, asks=300):
    """Median time of `ask` for half categories and half numbers with so many results at one budget, always modelled."""
    problem = CountingOnes(half)
    sampler = BOHBSampler(problem.space, seed=0, random_fraction=0.0)
    random, rng = BOHBSampler(problem.space, seed=1), np.random.default_rng(0)
    for _ in range(points):
        config = random.ask()
        sampler.tell(config, MAX_BUDGET, problem.loss(config, MAX_BUDGET, rng))
    sampler.ask()
    times = []
    for _ in range(asks):
        sampler._models.clear()  # a new result asks for a new model: count that too
        start = time.perf_counter()
        sampler.ask()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


# Bounds for the mean final regret of BOHB in parts of Hyperband's, and for one suggestion in milliseconds.
BOUNDS = {"Hartmann-6": 0.6, "counting ones 4+4": 0.6, "counting ones 8+8": 0.5}
MOST_MILLISECONDS = 1.0


def main(arguments):
    """The table of regrets and the time of a suggestion; 0 when the bounds hold, or with --quick."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks bohb", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two seeds, less budget; the bounds are not judged")
    options = parser.parse_args(arguments)
    seeds, budget = (2, 12) if options.quick else (32, 84)
    print(f"mean final regret ± standard error; {seeds} seeds, {budget} full evaluations each,")
    print(f"budgets {MIN_BUDGET} to {MAX_BUDGET}, eta {ETA}, one thread")
    print(f"{'':20s}" + "".join(f"{name:>18s}" for name in METHODS) + "  BOHB / Hyperband")
    ratios = {problem.name: _row(problem, seeds, budget) for problem in PROBLEMS}
    median = milliseconds_per_suggestion(asks=30 if options.quick else 300)
    print(f"\none suggestion, 8+8 dimensions, 200 points, model built anew: {median:.2f} ms (median)")
    held = {
        f"{name}: {ratios[name]:.2f} of Hyperband's regret, at most {most}": ratios[name] <= most
        for name, most in BOUNDS.items()
    }
    held[f"a suggestion: {median:.2f} ms, at most {MOST_MILLISECONDS:.0f}"] = median <= MOST_MILLISECONDS
    if options.quick:
        return 0
    for text, good in held.items():
        print("met   " if good else "MISSED", text)
    return 0 if all(held.values()) else 1


def _row(problem, seeds, budget):
    """Print one line of the table; the ratio at its end."""
    found = {name: np.array(regrets(problem, name, seeds, budget)) for name in METHODS}
    cells = [f"{x.mean():9.4f} ± {x.std(ddof=1) / np.sqrt(len(x)):6.4f}" for x in found.values()]
    ratio = found["BOHB"].mean() / found["Hyperband"].mean()
    print(f"{problem.name:20s}" + "".join(f"{cell:>18s}" for cell in cells) + f"  {ratio:16.2f}", flush=True)
    return ratio


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
