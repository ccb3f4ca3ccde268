"""Was it worth it? The best trial of a search against the untuned default, in one sentence, and what to do next."""

from collections.abc import Mapping

from hpt_lessons.analysis.intervals import difference_of_shares
from hpt_lessons.trials import Trial


def verdict(best: Trial, default: Trial | None, tested: Mapping[str, tuple[int, int]]) -> list[str]:
    """Two lines: what the test pictures say about the two networks, and what to do next.

    `tested`: correct and all test pictures by the trial's name. The interval of the difference is Newcombe's, for two
    networks and these pictures; what another seed would change is not in it.
    """
    if default is None:
        return ["There is no untuned default to compare with.", "Next: search once more with it, or with another seed."]
    (correct, pictures), (correct_default, _) = tested[best.name], tested[default.name]
    low, high = difference_of_shares(correct, pictures, correct_default, pictures)
    points = f"{100 * (correct - correct_default) / pictures:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]"
    equal = best.budget == default.budget
    epochs = f"after {best.budget} epochs each" if equal else f"after {best.budget} and {default.budget} epochs"
    if low > 0:
        said = f"Tuning won: {points} on the test pictures against the default, {epochs}."
        return [said, "Next: is it luck of this seed? Search with --seed 1; then train the winner with more --epochs."]
    if high < 0:
        said = f"The default won: {points} on the test pictures for the search, {epochs}."
        return [said, "Next: give trials time to leave guessing behind, --epochs 8, or try more of them, --samples 32."]
    said = f"Within noise: {points} on the test pictures for the search, {epochs}."
    return [said, "Next: repeat with --seed 1 and --seed 2; a gain that is real comes back. More --samples may help."]
