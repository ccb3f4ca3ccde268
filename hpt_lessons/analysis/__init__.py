"""What it means: how sure a number is, one door for all of it (numpy; SciPy's special functions where they are used).

- `intervals`: for an accuracy, for a mean over seeds, for a difference between paired runs;
- `incumbents`: the best so far over trials, epochs or seconds, and its band over many repeats of a search;
- `comparisons`: means and paired comparisons that say what their interval covers;
- `curse`: how much of a winner's score was luck;
- `pilot`: whether one may stop early, from a few full trainings;
- `importance`: which hyperparameters matter.
"""

from hpt_lessons.analysis.comparisons import Comparison, Interval, compare, covers, over_repeats, what_varies
from hpt_lessons.analysis.curse import (
    Curse,
    Scores,
    by_seed,
    expected_best,
    expected_curse,
    score,
    seen_curse,
    training_noise,
)
from hpt_lessons.analysis.incumbents import Band, Incumbent, band, common_grid, incumbent, on_grid
from hpt_lessons.analysis.intervals import (
    Difference,
    bootstrap_interval,
    difference_of_shares,
    mean_interval,
    paired_difference,
    student_factor,
    wilson,
)
from hpt_lessons.analysis.pilot import Grace, Pilot, Share, pilot

__all__ = [
    "Band",
    "Comparison",
    "Curse",
    "Difference",
    "Grace",
    "Incumbent",
    "Interval",
    "Pilot",
    "Scores",
    "Share",
    "band",
    "bootstrap_interval",
    "by_seed",
    "common_grid",
    "compare",
    "covers",
    "difference_of_shares",
    "expected_best",
    "expected_curse",
    "incumbent",
    "mean_interval",
    "on_grid",
    "over_repeats",
    "paired_difference",
    "pilot",
    "score",
    "seen_curse",
    "student_factor",
    "training_noise",
    "what_varies",
    "wilson",
]
