"""A pool is drawn from without replacement, told by one half and scored on the other."""

import math
from itertools import combinations

import numpy as np
import pytest

from hpt_lessons import recorded
from hpt_lessons.recorded import pool_methods
from hpt_lessons.recorded.pool import Pool
from hpt_lessons.recorded.replay import epochs_used, final_score, repeats, replay
from hpt_lessons.search.halving import NoStopping
from hpt_lessons.search.searchers import Listed
from hpt_lessons.trials import Result, Trial, Trials

EPOCHS = 9


def made(losses, scores=None, rates=None, **more):
    """A pool's table: trial k has the losses (and score losses) of row k; lr from 0.001 to 1 unless given."""
    scores = losses if scores is None else scores
    rates = np.geomspace(1e-3, 1, len(losses)) if rates is None else rates
    return Trials(
        Trial(
            f"{number:04d}",
            {"lr": float(rate), **{name: values[number] for name, values in more.items()}},
            0,
            "made up",
            "completed",
            tuple(
                Result(epoch, float(loss), 0.5, 1.0, {"score_loss": float(score), "score_accuracy": 0.4})
                for epoch, (loss, score) in enumerate(zip(row, marks, strict=True), 1)
            ),
        )
        for number, (row, marks, rate) in enumerate(zip(losses, scores, rates, strict=True))
    )


def falling(ends, epochs=EPOCHS):
    """Curves that fall to these ends, in the same order at every epoch."""
    return np.array([[end + 1 / epoch for epoch in range(1, epochs + 1)] for end in ends])


@pytest.fixture(scope="module")
def shipped():
    return Pool(recorded.load("pool-plain", partial=True), scope="all")


def configs_of(trials):
    return [tuple(sorted(trial.config.items())) for trial in trials]


@pytest.mark.parametrize("method", sorted(pool_methods.METHODS))
def test_no_method_tries_a_configuration_twice_or_one_that_the_pool_does_not_hold(shipped, method):
    [trials] = repeats(shipped, method, 1, 8 * 27, seed=3)
    tried = configs_of(trials)
    assert len(set(tried)) == len(tried)
    assert set(tried) <= {tuple(sorted(config.items())) for config in shipped.configs}
    assert epochs_used(trials) <= 8 * 27
    assert max(trial.budget for trial in trials) == 27


def test_random_search_finds_what_counting_all_samples_says():
    """Oracle: the mean of the minimum over all samples of three of seven, counted one by one."""
    ends = [0.9, 0.3, 0.7, 0.1, 0.5, 0.8, 0.6]
    pool = Pool(made(falling(ends)))
    found = [final_score(pool, trials) for trials in repeats(pool, "random", 2000, 3 * EPOCHS, max_epochs=EPOCHS)]
    expected = np.mean([min(some) for some in combinations(ends, 3)]) + 1 / EPOCHS
    assert np.mean(found) == pytest.approx(expected, abs=5 * np.std(found) / math.sqrt(2000))


def test_the_choice_is_made_by_one_half_and_scored_on_the_other():
    losses = np.array([[1.0, 0.2], [1.0, 0.3]])
    scores = np.array([[1.0, 0.9], [1.0, 0.1]])
    pool = Pool(made(losses, scores))
    [trials] = repeats(pool, "random", 1, 4, max_epochs=2)
    assert final_score(pool, trials) == 0.9
    assert pool.best == 0.9, "what a search through all of it would choose, not the lowest score"


def test_the_best_of_all_epochs_is_scored_at_the_epoch_it_was_chosen_by():
    table = made(np.array([[0.5, 0.2, 0.4]]), np.array([[0.6, 0.3, 0.1]]))
    assert Pool(table, scope="all").scores.tolist() == [0.3]
    assert Pool(table, scope="last").scores.tolist() == [0.1]


def test_where_all_epochs_agree_one_epoch_finds_the_best_of_those_it_looked_at():
    rng = np.random.default_rng(0)
    pool = Pool(made(falling(rng.random(60))))
    for seed in range(5):
        [trials] = repeats(pool, "one-epoch", 1, 90, max_epochs=EPOCHS, seed=seed)
        assert len(trials) == 30
        looked_at = min(pool.score(trial.config) for trial in trials)
        assert final_score(pool, trials) == looked_at


def test_methods_that_draw_at_random_draw_alike(shipped):
    """The model too, as long as there is none: with six axes before its fourteenth result."""
    first = [
        configs_of(repeats(shipped, method, 1, 8 * 27, seed=5)[0])[:8]
        for method in ("random", "asha", "hyperband", "model")
    ]
    assert first[0] == first[1] == first[2] == first[3]


def test_the_model_asks_where_the_good_ones_are():
    """A valley at lr 0.03: after forty results the model's own proposals lie nearer to it than random ones."""
    rates = np.random.default_rng(1).permutation(np.geomspace(1e-4, 1, 200))
    pool = Pool(made(falling(np.abs(np.log10(rates / 0.03))), rates=rates))
    searcher = pool_methods.ModelOfPool(pool, 0, random_fraction=0.0)
    asked = []
    for _ in range(40):
        config = searcher.ask()
        searcher.tell(config, EPOCHS, pool.score(config))
        asked.append(abs(math.log10(config["lr"] / 0.03)))
    assert np.median(asked[20:]) < np.median(asked[:4])
    assert max(asked[20:]) < 0.7, "no random ones were asked for"
    assert len({config["lr"] for config in pool.configs}) - 40 == len(searcher.left)


def test_a_model_that_is_looked_at_says_what_it_will_ask(shipped):
    searcher = pool_methods.ModelOfPool(shipped, 4)
    for _ in range(30):
        said = searcher.proposal().config
        assert searcher.ask() == said
        searcher.tell(said, 27, shipped.ends[shipped.place(said)])


def test_every_searcher_ends_when_the_pool_is_empty():
    pool = Pool(made(falling(np.random.default_rng(2).random(12))))
    for searcher in (pool_methods.FromPool(pool, 0), pool_methods.ModelOfPool(pool, 0)):
        trials = replay(pool, searcher, NoStopping(EPOCHS), max_epochs=EPOCHS, budget=100 * EPOCHS)
        assert len(trials) == 12
        assert searcher.ask() is None


def test_the_nearest_that_is_left_is_taken():
    pool = Pool(made(falling([0.1, 0.2, 0.3]), rates=[0.01, 0.1, 1.0]))
    wishes = Listed([{"lr": 0.09}, {"lr": 0.12}, {"lr": 0.011}, {"lr": 0.5}])
    nearest = pool_methods.NearestOfPool(pool, wishes)
    assert [nearest.ask()["lr"] for _ in range(3)] == [0.1, 1.0, 0.01]
    assert nearest.ask() is None


def test_the_space_says_which_axes_have_an_order_and_leaves_out_what_follows():
    number = 12
    pool = Pool(
        made(
            falling(np.arange(number)),
            momentum=list(np.linspace(0.5, 0.98, number)),
            l1=[32, 120, 400] * 4,
            l2=[32, 84, 200] * 4,
            schedule=["step", "cosine"] * 6,
            epochs=[9] * number,
        )
    )
    assert {axis.name: axis.domain.kind for axis in pool.space.axes} == {
        "lr": "loguniform",
        "momentum": "uniform",
        "l1": "lograndint",
        "schedule": "choice",
    }


def test_a_diverged_training_scores_nothing_and_is_not_chosen():
    table = made(falling([0.5, 0.1]))
    last = table[1].history[-1]
    dead = Result(last.epoch, math.nan, 0.1, 1.0, {**last.extra, "diverged": True})
    broken = Trial("0001", table[1].config, 0, "made up", "diverged", (*table[1].history[:-1], dead))
    pool = Pool(Trials([table[0], broken]))
    assert math.isnan(pool.score(broken.config))
    [trials] = repeats(pool, "random", 1, 2 * EPOCHS, max_epochs=EPOCHS)
    assert final_score(pool, trials) == pool.best == pool.score(table[0].config)


@pytest.mark.parametrize(
    ("give", "said"),
    [
        (lambda: Pool(Trials([])), "has no trials"),
        (lambda: Pool([]), "Pool"),
        (lambda: Pool(recorded.load("cifar-lenet")), "score_loss"),
        (lambda: Pool(made(falling([1, 2]), rates=[0.1, 0.1])), "only 1 configurations"),
        (lambda: Pool(made(falling([1, 2])), scope="best"), "scope"),
        (lambda: Pool(made(falling([1, 2])), "accuracies"), "metric"),
        (lambda: Pool(made(falling([1, 2]))).score({"lr": 0.5}), "0.5"),
        (lambda: repeats(Pool(made(falling([1, 2]))), "grid", max_epochs=EPOCHS), "one-epoch"),
    ],
)
def test_what_is_wrong_is_said(give, said):
    with pytest.raises((ValueError, TypeError), match=said):
        give()
