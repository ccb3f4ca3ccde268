"""The most even affordable grid: one answer for lessons, replays, the game and the search on Ray Tune."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpt_lessons.recorded import methods
from hpt_lessons.search import domains, layouts
from hpt_lessons.search.ticks import even_ticks
from hpt_lessons.view.grid_against_random.model import Contest


@pytest.mark.parametrize(
    ("trials", "ticks"), [(1, (1, 1)), (7, (3, 2)), (8, (4, 2)), (9, (3, 3)), (15, (5, 3)), (64, (8, 8))]
)
def test_two_axes_share_the_trials(trials, ticks):
    """By hand; and the game, the replayed grid and the search on Ray Tune have the same."""
    assert even_ticks([math.inf] * 2, trials) == ticks
    assert Contest(dimension=2, trials=trials).ticks == ticks
    here = {"x": domains.uniform(0, 1), "y": domains.loguniform(1, 9)}
    for configs in (methods.shifted_grid(here, trials, 0), layouts.even_grid(here, trials)):
        assert tuple(len({config[name] for config in configs}) for name in here) == ticks


@given(
    most=st.lists(st.one_of(st.integers(1, 9), st.just(math.inf)), min_size=1, max_size=5), trials=st.integers(1, 300)
)
def test_it_is_affordable_and_full(most, trials):
    """No axis can have one tick more; and none has more than another that could have one more for its price."""
    ticks = even_ticks(most, trials)
    assert math.prod(ticks) <= trials and all(1 <= count <= limit for count, limit in zip(ticks, most, strict=True))
    for place, count in enumerate(ticks):
        assert count == most[place] or math.prod(ticks) // count * (count + 1) > trials
    free = [count for count, limit in zip(ticks, most, strict=True) if limit == math.inf]
    assert free == sorted(free, reverse=True)  # of equal axes the first gets the tick that is left


def test_names_are_taken_whole_and_numbers_share_the_rest():
    here = {"act": domains.choice(["relu", "tanh", "elu"]), "lr": domains.uniform(0, 1), "b": domains.choice([2, 4, 8])}
    configs = layouts.even_grid(here, 20)
    assert [len({config[name] for config in configs}) for name in here] == [3, 3, 2] and len(configs) == 18
    assert len(layouts.even_grid({"n": domains.randint(0, 3), "x": domains.uniform(0, 1)}, 30)) == 30
    with pytest.raises(ValueError, match=r"at most 2 trials: the smallest one has 3 .3 x 1 x 1."):
        layouts.even_grid(here, 2)
