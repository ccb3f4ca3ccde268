"""How fast are searches replayed? Four methods, 100 repeats each, a budget of 60 full trainings, on one core.

    python -m benchmarks replay

Seconds are those of the processor, so that other work on the machine does not count. What the methods found is printed
beside them, not judged: on so small a space random search is hard to beat.
"""

import argparse
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from hpt_lessons import recorded
from hpt_lessons.recorded.replay import Recorded, epochs_used, final_score, repeats

METHODS = ("random", "hyperband", "asha", "bohb")
REPEATS, FULL, EPOCHS = 100, 60, 27
MOST_SECONDS = 60.0


def main(arguments):
    """A row for each method; 0 when all together took at most a minute, or with --quick."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks replay", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two repeats, a tenth of the budget; no bound is judged")
    options = parser.parse_args(arguments)
    count, full = (2, FULL // 10) if options.quick else (REPEATS, FULL)
    objective = Recorded(recorded.load("cifar-lenet", partial=True))
    print(f"{count} repeats, {full} full trainings of {EPOCHS} epochs each; {objective.data}")
    print(f"{'':12}{'seconds':>9}{'trials':>8}{'epochs':>8}   mean loss of the final choice ± standard error")
    seconds = sum(_row(objective, method, count, full * EPOCHS) for method in METHODS)
    print(f"{'all':12}{seconds:9.1f}")
    if options.quick:
        return 0
    good = seconds <= MOST_SECONDS
    print(
        "met   " if good else "MISSED",
        f"{seconds:.1f} s for {count * len(METHODS)} searches, at most {MOST_SECONDS:.0f}",
    )
    return 0 if good else 1


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
