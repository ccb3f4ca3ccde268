"""How fast are searches replayed? Four methods, 100 repeats each, a budget of 60 full trainings, on one core.

    python -m benchmarks replay

And what does it cost to draw one random configuration? Seconds are those of the processor, so that other work on the
machine hardly counts. What the methods found is printed beside them, not judged: on so small a space random search is
hard to beat.
"""

import argparse
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from hpt_lessons import recorded
from hpt_lessons.recorded.replay import Recorded, epochs_used, final_score, repeats
from hpt_lessons.search.presets import bounded
from hpt_lessons.search.searchers import RandomSearch
from hpt_lessons.search.space import Space

METHODS = ("random", "hyperband", "asha", "bohb")
REPEATS, FULL, EPOCHS = 100, 60, 27
MOST_SECONDS = 60.0
MOST_MICROSECONDS = 6.0  # for a random configuration of four axes, on an idle machine


def main(arguments):
    """A row for each method, and one for a draw; 0 when both bounds hold, or with --quick."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks replay", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two repeats, a tenth of the budget; no bound is judged")
    options = parser.parse_args(arguments)
    count, full = (2, FULL // 10) if options.quick else (REPEATS, FULL)
    objective = Recorded(recorded.load("cifar-lenet", partial=True))
    print(f"{count} repeats, {full} full trainings of {EPOCHS} epochs each; {objective.data}")
    print(f"{'':12}{'seconds':>9}{'trials':>8}{'epochs':>8}   mean loss of the final choice ± standard error")
    seconds = sum(_row(objective, method, count, full * EPOCHS) for method in METHODS)
    print(f"{'all':12}{seconds:9.1f}")
    draw = 1e6 * _seconds_of_a_draw(2 if options.quick else 50)
    print(f"a random configuration: {draw:.1f} microseconds")
    if options.quick:
        return 0
    for good, text in (
        (seconds <= MOST_SECONDS, f"{count * len(METHODS)} searches in at most {MOST_SECONDS:.0f} s"),
        (draw <= MOST_MICROSECONDS, f"a configuration in at most {MOST_MICROSECONDS:.0f} microseconds"),
    ):
        print("met   " if good else "MISSED", text)
    return 0 if seconds <= MOST_SECONDS and draw <= MOST_MICROSECONDS else 1


def _seconds_of_a_draw(rounds, draws=1000):
    """Of the well-known space with bounds, four axes: the shortest of so many rounds."""
    taken = []
    for seed in range(rounds):
        searcher, start = RandomSearch(Space(bounded()), seed), time.process_time()
        for _ in range(draws):
            searcher.ask()
        taken.append((time.process_time() - start) / draws)
    return min(taken)


def _row(objective, method, count, budget):
    """Print one line; the seconds in it."""
    start = time.process_time()
    tables = repeats(objective, method, count, budget, max_epochs=EPOCHS)
    seconds = time.process_time() - start
    scores = np.array([final_score(objective, trials) for trials in tables])
    trials, epochs = np.mean([len(table) for table in tables]), np.mean([epochs_used(table) for table in tables])
    print(
        f"{method:12}{seconds:9.1f}{trials:8.0f}{epochs:8.0f}   {np.nanmean(scores):.4f} ± "
        f"{np.nanstd(scores, ddof=1) / np.sqrt(count):.4f}",
        flush=True,
    )
    return seconds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
