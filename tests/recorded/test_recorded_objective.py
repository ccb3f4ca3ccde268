"""A recorded table as an objective: what was measured comes back, what lies between is near, noise is noise."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.replay_tables import BATCHES, EPOCHS, RATES, curves, table, trial
from hpt_lessons import recorded as tables
from hpt_lessons.recorded import objective as objectives
from hpt_lessons.recorded import table as files
from hpt_lessons.recorded.objective import Recorded
from hpt_lessons.search.space import Space
from hpt_lessons.trials import Trials

ONE = table()
SEVERAL = table(seeds=(0, 1, 2, 3, 4))


@pytest.fixture(autouse=True)
def _no_shipped_noise(monkeypatch):
    """These tests speak of made-up tables alone."""
    monkeypatch.setattr(objectives, "load", lambda name, partial: Trials())


def at(rate, batch):
    """A configuration of the table."""
    return {"l1": 120, "lr": rate, "batch_size": batch}


def curves_by_rate(trials, batch, seed, metric="loss"):
    """The recorded curves of one cell and seed, by rate; shape (rates, epochs)."""
    rows = [t for t in trials if t.config["batch_size"] == batch and t.seed == seed]
    return np.array([t.values(metric) for t in sorted(rows, key=lambda t: t.config["lr"])])


def by_hand(trials, batch, seed, rate, metric="loss"):
    """Linear interpolation by numpy in the logarithm of the rate, epoch by epoch."""
    known = curves_by_rate(trials, batch, seed, metric)
    return [float(np.interp(math.log(rate), np.log(RATES), column)) for column in known.T]


def losses_of(objective, config, **draw):
    return objective.curve(config, **draw).values[:, 0].tolist()


# -- at recorded points and between them -------------------------------------------------------------------------------
@pytest.mark.parametrize("noise", [None, "measured"])
def test_what_was_recorded_comes_back_exactly(noise):
    """Every trial, every epoch, every field; the sealed test accuracy does not come along."""
    objective = Recorded(ONE, noise=noise)
    for known in ONE:
        for result in known.history:
            again = objective.evaluate(known.config, result.epoch, seed=3)
            assert again == replace(result, extra={"train_loss": result.extra["train_loss"]})
        assert objective.score(known.config, seed=5) == known.loss
    assert objective.data == "made up, recorded trials"
    assert "nowhere" in objective.noise_from and "nowhere" in repr(objective)


@given(rate=st.floats(1e-4, 1e-1), batch=st.sampled_from(BATCHES), metric=st.sampled_from(["loss", "accuracy"]))
def test_between_recorded_rates_the_logarithm_decides(rate, batch, metric):
    objective = Recorded(ONE, noise=None)
    results = [objective.evaluate(at(rate, batch), e) for e in range(1, EPOCHS + 1)]
    assert [r.value(metric) for r in results] == pytest.approx(by_hand(ONE, batch, 0, rate, metric), rel=1e-6)


def test_the_space_is_what_the_table_holds():
    """A range of rates, levels of batch sizes, and what never changed as a constant."""
    space = Recorded(ONE).space
    assert list(space) == ["lr", "l1", "batch_size"] and space["l1"] == 120
    assert (space["lr"].kind, space["lr"].lower, space["lr"].upper) == ("loguniform", 1e-4, 1e-1)
    assert space["batch_size"].values == (4, 16)
    for seed in range(20):
        Recorded(ONE).evaluate(Space.of(space).sample(seed), 1)


def test_other_hyperparameters_snap_to_the_nearest_cell():
    """On a logarithmic scale 7 is nearer to 4 than to 16, and 9 is nearer to 16."""
    objective = Recorded(ONE, noise=None)
    for asked, nearest in ((1, 4), (7, 4), (9, 16), (300, 16)):
        config = at(1e-3, asked)
        assert losses_of(objective, config) == losses_of(objective, {**config, "batch_size": nearest})
        assert objective.nearest(config)["batch_size"] == nearest


def test_a_ragged_table_answers_with_what_is_there():
    """A combination that was not recorded goes to the nearest cell, a rate beyond this cell's sweep to its end."""
    shapes = [(16, 16), (16, 128), (256, 128), (120, 84)]
    rates = {(120, 84): [1e-3, 1e-2]}
    trials = Trials(
        trial(f"{n}-{rate}", {"l1": l1, "l2": l2, "lr": rate}, [n + 1 + rate])
        for n, (l1, l2) in enumerate(shapes)
        for rate in rates.get((l1, l2), RATES)
    )
    objective = Recorded(trials, noise=None)
    assert objective.space["l1"].values == (16, 120, 256)
    for asked, nearest in (((16, 84), (16, 128)), ((256, 32), (256, 128)), ((100, 90), (120, 84))):
        found = objective.nearest({"l1": asked[0], "l2": asked[1], "lr": 1e-3})
        assert (found["l1"], found["l2"]) == nearest
    assert objective.evaluate({"l1": 120, "l2": 84, "lr": 1e-4}, 1).loss == 4 + 1e-3
    assert objective.evaluate({"l1": 120, "l2": 84, "lr": 0.1}, 1).loss == 4 + 1e-2


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (at(0.2, 4), r"'lr': 0.2 lies outside .* 0.0001 to 0.1"),
        (at(math.nan, 4), r"'lr': nan is no number"),
        (at("fast", 4), r"'lr': 'fast' is no number; give one from 0.0001 to 0.1"),
        ({"l1": 120, "lr": 1e-3, "batch_size": 4, "momentum": 0.9}, r"'momentum' was not varied .* l1, lr, batch_size"),
        ({"lr": 1e-3, "batch_size": 4}, r"'l1' is missing"),
        (at(1e-3, 0), r"'batch_size': 0 is no positive number; recorded are \[4, 16\]"),
        (at(1e-3, "many"), r"'batch_size': 'many' is no positive number"),
    ],
)
def test_what_the_table_cannot_know_is_refused(config, message):
    with pytest.raises(ValueError, match=message):
        Recorded(ONE).evaluate(config, 1)


@pytest.mark.parametrize("budget", [0, -1, EPOCHS + 1, 2.0, True, "3"])
def test_only_recorded_epochs_can_be_asked_for(budget):
    with pytest.raises(ValueError, match=f"whole number of epochs from 1 to {EPOCHS}"):
        Recorded(ONE).evaluate(ONE[0].config, budget)


def test_tables_that_are_no_objective_are_refused():
    empty = Trials([trial("a", {"lr": 1e-3}, [])])
    mixed = Trials([trial("a", {"lr": 1e-3}, [1.0]), trial("b", {"lr": 1e-3, "l1": 4}, [1.0])])
    twice = Trials([trial("a", {"lr": 1e-3}, [1.0]), trial("b", {"lr": 1e-3}, [1.1])])
    for trials, message in (
        (Trials(), "no trials"),
        (empty, "'a' has no epochs"),
        (mixed, "'b' has the hyperp"),
        (twice, "'a' and 'b' have the same configuration and seed"),
        (Trials([trial("a", {"lr": 0.0}, [1.0])]), "positive numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            Recorded(trials)
    for wrong in ({"metric": "f1"}, {"scope": "first"}, {"noise": "loud"}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))}=.* is not known"):
            Recorded(ONE, **wrong)
    with pytest.raises(ValueError, match="scope='lsat' is not possible; choose 'last' or 'all'"):
        Recorded(ONE).score(ONE[0].config, scope="lsat")


def test_categories_are_told_apart_and_never_mixed():
    """A list as a value (layers that are frozen) is a category: what was recorded, or an error."""
    kinds = [1.0, [0, 1, 1], "frozen"]
    trials = Trials(
        trial(str(n), {"lr": rate, "layers": kind}, [n + 1.0])
        for n, (kind, rate) in enumerate((k, r) for k in kinds for r in (1e-3, 1e-2))
    )
    objective = Recorded(trials, noise=None)
    assert [objective.evaluate({"lr": 1e-3, "layers": kind}, 1).loss for kind in kinds] == [1.0, 3.0, 5.0]
    assert objective.space.sample(1)["layers"] in kinds
    with pytest.raises(ValueError, match=r"'layers': \[1, 0, 1\] was not recorded"):
        objective.evaluate({"lr": 1e-3, "layers": [1, 0, 1]}, 1)


# -- divergence and death ----------------------------------------------------------------------------------------------
def edge_table():
    """A sound rate, one that diverges in epoch 3, one that is dead and was stopped after epoch 2."""
    return Trials(
        [
            trial("sound", {"lr": 1e-4}, [2.0, 1.8, 1.6, 1.5]),
            trial("diverged", {"lr": 1e-2}, [2.2, 2.1, 9.9], diverged=True),
            trial("dead", {"lr": 1.0}, [2.31, 2.30], dead=True),
        ]
    )


def test_nothing_is_averaged_with_a_divergence():
    """Halfway, in the logarithm, one training ends and the other begins; there is no loss of half a million."""
    objective = Recorded(edge_table(), noise=None)
    for rate, expected in ((1e-4, "sound"), (9e-4, "sound"), (1.1e-3, "diverged"), (0.09, "diverged"), (0.11, "dead")):
        results = [objective.evaluate({"lr": rate}, epoch) for epoch in (1, 2)]
        assert [r.loss for r in results] == edge_table()[expected].values()[:2]
    alive_and_dead = Recorded(edge_table().select(["sound", "dead"]), noise=None)
    assert [alive_and_dead.evaluate({"lr": rate}, 1).loss for rate in (9e-3, 1.1e-2)] == [2.0, 2.31]
    last = objective.evaluate({"lr": 1e-2}, 4)
    assert (last.epoch, last.diverged, last.loss) == (3, True, 1e6)
    assert math.isnan(objective.told([last])) and math.isnan(objective.score({"lr": 1e-2}))
    assert len(objective.curve({"lr": 1e-2})) == 3


def test_the_last_loss_of_a_dead_network_stands():
    """Its training is not cheaper than others: nobody who trains it knows that it is dead."""
    objective = Recorded(edge_table(), noise=None)
    results = [objective.evaluate({"lr": 1.0}, epoch) for epoch in (1, 2, 3, 4)]
    assert [r.loss for r in results] == [2.31, 2.30, 2.30, 2.30] and all(r.seconds == 1.0 for r in results)
    assert [bool(r.extra.get("dead")) for r in results] == [False, True, True, True]
    assert objective.max_epochs == 4


def test_longer_curves_are_cut_to_the_common_length():
    trials = Trials([trial("a", {"lr": 1e-3}, [2.0, 1.5]), trial("b", {"lr": 1e-2}, [2.0, 1.4, 1.2])])
    objective = Recorded(trials, noise=None)
    assert objective.max_epochs == 2 and objective.score({"lr": 1e-2}) == 1.4 and objective.best == 1.4


# -- seeds and noise ---------------------------------------------------------------------------------------------------
@settings(max_examples=30, deadline=None)
@given(rate=st.floats(1e-4, 1e-1), seed=st.integers(0, 50))
def test_each_draw_is_the_curve_of_one_seed_and_the_score_is_of_the_others(rate, seed):
    """Of five recorded seeds a search sees three, whole curves of them, and is scored on the mean of the other two."""
    objective = Recorded(SEVERAL, noise=None)
    config = at(rate, 16)
    known = {s: by_hand(SEVERAL, 16, s, rate) for s in range(5)}
    seen = set()
    for draw in range(40):
        losses = losses_of(objective, config, seed=seed, draw=draw)
        seen |= {s for s, curve in known.items() if losses == pytest.approx(curve, rel=1e-6)}
    assert len(seen) == 3
    others = [known[s][-1] for s in range(5) if s not in seen]
    assert objective.score(config, seed) == pytest.approx(np.mean(others), rel=1e-6)


def test_a_search_sees_the_same_seeds_in_all_cells_and_another_search_others():
    objective = Recorded(table(seeds=(0, 1, 2)), noise=None)
    scored = []
    for seed in range(12):
        unseen = set()
        for known in objective.trials.filter(lambda t: t.seed == 0):
            score = objective.score(known.config, seed)
            unseen |= {t.seed for t in objective.trials if t.config == known.config and t.loss == score}
        scored.append(unseen)
    assert all(len(unseen) == 1 for unseen in scored) and len(set.union(*scored)) == 3


def test_a_seed_that_is_alone_elsewhere_is_never_scored_with():
    """All searches know seed 0; where 1 and 2 were added, one of these is kept for the score, and each has its turn."""
    more = [trial(f"again{seed}", at(1e-3, 4), [9.0 + seed] * EPOCHS, seed=seed) for seed in (1, 2)]
    objective = Recorded(Trials([*ONE, *more]), noise=None)
    config = at(1e-3, 4)
    for seed in range(20):
        drawn = {losses_of(objective, config, seed=seed, draw=draw)[-1] for draw in range(20)}
        assert drawn | {objective.score(config, seed)} == {ONE["0001"].loss, 10.0, 11.0} and ONE["0001"].loss in drawn
    assert {objective.score(config, seed) for seed in range(20)} == {10.0, 11.0}


def test_a_rate_repeated_alone_does_not_drag_its_seed_to_the_neighbours():
    """Seed 1 was trained at 1e-3 alone: between the recorded rates only seed 0 is known."""
    extra = trial("again", at(1e-3, 4), [9.0] * EPOCHS, seed=1)
    objective = Recorded(Trials([*ONE, extra]), noise=None)
    near = {losses_of(objective, at(1.01e-3, 4), seed=seed)[-1] for seed in range(20)}
    assert list(near) == pytest.approx([by_hand(ONE, 4, 0, 1.01e-3)[-1]])
    assert objective.score(at(1.01e-3, 4)) in near
    assert objective.score(at(1e-3, 4)) == 9.0


def test_a_seed_whose_sweep_is_too_short_leaves_the_word_to_the_others():
    """Seed 1 was trained at 3e-3 and 1e-2 alone: at 1e-4 only seed 0 was measured."""
    extra = [trial(f"again{rate}", at(rate, 4), [9.0] * EPOCHS, seed=1) for rate in (3e-3, 1e-2)]
    objective = Recorded(Trials([*ONE, *extra]), noise=None)
    for rate, scored in ((1e-4, ONE["0000"].loss), (5e-3, 9.0), (1e-2, 9.0), (1e-1, ONE["0004"].loss)):
        assert objective.score(at(rate, 4)) == scored


def noise_table(rng=7, seeds=4, data="made up"):
    """Four configurations near to those of `table`, one far away with wild noise."""
    rng, trials = np.random.default_rng(rng), []
    for group in range(5):
        base, spread = (curves(1, rng)[0], 0.05) if group < 4 else (np.full(EPOCHS, 50.0), 3.0)
        for seed in range(seeds):
            losses = base * np.exp(spread * rng.standard_normal(EPOCHS))
            trials.append(trial(f"n{group}{seed}", {"lr": 1e-3, "group": group}, losses, seed=seed, data=data))
    return Trials(trials)


def residuals(trials):
    """By hand: deviations of the logarithm from the mean over seeds, with the factor that makes them unbiased."""
    found = []
    for group in range(4):
        logs = np.log([t.values() for t in trials if t.config["group"] == group])
        found += list((logs - logs.mean(axis=0)) * math.sqrt(len(logs) / (len(logs) - 1)))
    return np.array(found)


def test_measured_noise_is_a_whole_residual_of_a_curve_like_it():
    """The draw divided by the recorded curve is, epoch for epoch, one of the residuals; the far group gives none."""
    known, config = residuals(noise_table()), at(2e-3, 4)
    objective = Recorded(ONE, noise=noise_table())
    ratios = [
        np.log(np.divide(losses_of(objective, config, seed=1, draw=draw), by_hand(ONE, 4, 0, 2e-3)))
        for draw in range(200)
    ]
    for ratio in ratios:
        assert np.abs(known - ratio).max(axis=1).min() < 1e-9
    assert len({round(ratio[0], 9) for ratio in ratios}) == 12  # all seeds of the three nearest configurations
    assert objective.noise_from == "the table that was given"


def test_noise_is_drawn_anew_for_each_training_and_for_the_score():
    objective = Recorded(ONE, noise=noise_table())
    config = ONE[0].config
    assert losses_of(objective, config, seed=1, draw=2) == losses_of(objective, config, seed=1, draw=2)
    assert len({losses_of(objective, config, seed=1, draw=d)[-1] for d in range(30)}) > 5
    assert len({losses_of(objective, config, seed=s)[-1] for s in range(30)}) > 5
    scores = [objective.score(config, seed) for seed in range(40)]
    assert len(set(scores)) > 20 and np.mean(scores) == pytest.approx(ONE[0].loss, rel=0.05)


def test_recorded_seeds_need_no_noise_on_top():
    """Where several seeds were trained the draws are these, also when a table of noise is at hand."""
    objective = Recorded(SEVERAL, noise=noise_table())
    known = {t.loss for t in SEVERAL if t.config == SEVERAL[0].config}
    assert {losses_of(objective, SEVERAL[0].config, seed=s, draw=s)[-1] for s in range(30)} == known


def test_a_diverged_or_dead_training_has_no_noise():
    noise = Trials(trial(f"n{s}", {"lr": 1.0}, [2.0 + 0.1 * s] * 4, seed=s) for s in range(3))
    objective = Recorded(edge_table(), noise=noise)
    assert losses_of(objective, {"lr": 1e-2}) == [2.2, 2.1, 1e6]
    assert losses_of(objective, {"lr": 1.0}) == [2.31, 2.30, 2.30, 2.30]
    assert losses_of(objective, {"lr": 1e-4}) != [2.0, 1.8, 1.6, 1.5]


@pytest.mark.parametrize("augment", [True, False])
def test_the_shipped_noise_is_not_taken_for_augmented_pictures(tmp_path, monkeypatch, augment):
    """Read as a file, with what its `about` says was fixed; else where the noise is from names its pictures."""
    monkeypatch.setattr(objectives, "load", files.load)
    seeds = files.read(files.HOME / f"{objectives.NOISE_TABLE}.npz")
    about = json.loads(str(seeds["about"]))
    assert f"{about['train']:,} training pictures, not augmented" == objectives.NOISE_CONDITION
    assert "augment" not in about["fixed"]
    about["fixed"] = {**about["fixed"], "augment": augment}
    whose = [json.dumps(json.loads(str(config)) | {"seed": 0, "split_seed": 0}) for config in seeds["configs"]]
    firsts = sorted({config: row for row, config in enumerate(whose)}.values())  # a row for each configuration
    rows = files.some(seeds, firsts) | {"about": np.array(json.dumps(about))}
    files.write(tmp_path / "one-seed.npz", rows)
    objective = Recorded(files.load("one-seed", tmp_path))
    if augment:
        assert objective.data == "CIFAR-10, JPEG copy, augmented, recorded trials"
        assert "nowhere" in objective.noise_from
    else:
        assert objective.noise_from == "cifar-lenet-seeds (10,000 training pictures, not augmented)"


def test_the_noise_is_of_the_same_data_or_none(monkeypatch):
    """The shipped table of seeds is used where it is of the same pictures; without repeats it is said aloud."""
    asked = []
    for data, source in (("made up", objectives.NOISE_TABLE), ("others", "nowhere")):
        monkeypatch.setattr(
            objectives, "load", lambda name, partial, data=data: asked.append(name) or noise_table(data=data)
        )
        assert source in Recorded(ONE).noise_from
    assert asked == ["cifar-lenet-seeds"] * 2

    def none(name, partial):
        raise ValueError("no such table")

    monkeypatch.setattr(objectives, "load", none)
    assert "nowhere" in Recorded(ONE).noise_from
    assert Recorded(table(seeds=(0, 1))).noise_from == "repeated seeds of the table"
    with pytest.raises(ValueError, match="no configuration was trained soundly"):
        Recorded(ONE, noise=ONE)


def test_a_table_with_some_repeats_gives_its_noise_to_the_rest():
    """Two seeds at one point: everywhere else the draws differ, and so do they from the recorded curve."""
    again = trial("again", at(1e-3, 4), np.array(ONE["0001"].values()) * 1.1, seed=1)
    objective = Recorded(Trials([*ONE, again]))
    drawn = {losses_of(objective, ONE["0008"].config, seed=s)[-1] / ONE["0008"].loss for s in range(20)}
    half = math.exp(math.log(1.1) / 2 * math.sqrt(2))
    assert sorted(drawn) == pytest.approx([1 / half, half])


# -- what is told, and how far it can be trusted -----------------------------------------------------------------------
def test_what_is_told_is_the_last_or_the_best_and_small_is_good():
    """Three epochs that go down and up again."""
    trials = Trials([trial("a", {"lr": 1e-3}, [2.0, 1.0, 1.5])])
    expected = {
        ("loss", "last"): 1.5,
        ("loss", "all"): 1.0,
        ("accuracy", "last"): 1 - math.exp(-1.5),
        ("accuracy", "all"): 1 - math.exp(-1.0),
    }
    for (metric, scope), value in expected.items():
        objective = Recorded(trials, metric, scope=scope)
        results = [objective.evaluate({"lr": 1e-3}, epoch) for epoch in (1, 2, 3)]
        assert objective.told(results) == pytest.approx(value)
        assert objective.score({"lr": 1e-3}) == pytest.approx(value) == objective.best
        assert objective.score({"lr": 1e-3}, budget=1, scope="last") == pytest.approx(objective.told(results[:1]))


@pytest.mark.parametrize("scope", ["last", "all"])
def test_leave_one_out_against_a_direct_computation(scope):
    """Each inner point from its two neighbours by numpy; beside a divergence nothing is said."""
    rows = [t for t in ONE if t.config["batch_size"] == 16] + edge_free(4)
    objective = Recorded(Trials(rows), noise=None, scope=scope)
    for epoch in (1, EPOCHS):
        found = objective.leave_one_out(epoch)
        assert found.names == [*(t.name for t in rows[1:4]), "e1"] and found.unjudged == len(rows) - 4
        for name, recorded, guess in zip(found.names, found.recorded, found.interpolated, strict=True):
            place = [row.name for row in rows].index(name)
            rates = np.log([rows[place + step].config["lr"] for step in (-1, 1)])
            columns = zip(rows[place - 1].values()[:epoch], rows[place + 1].values()[:epoch], strict=True)
            curve = [np.interp(math.log(rows[place].config["lr"]), rates, column) for column in columns]
            told = min if scope == "all" else lambda values: values[-1]
            assert recorded == told(rows[place].values()[:epoch]) and guess == pytest.approx(told(curve))
        assert found.worst == pytest.approx(np.abs(found.interpolated - found.recorded).max())
        assert 0 < found.median <= found.worst


def edge_free(batch):
    """Five rates of which the fourth diverged: only the second has two sound neighbours."""
    losses = curves(len(RATES), np.random.default_rng(3))
    return [trial(f"e{n}", at(rate, batch), losses[n], diverged=n == 3) for n, rate in enumerate(RATES)]


def test_how_many_recorded_configurations_stand_behind_so_many_trials():
    """Three trials around one rate and one at another batch size: two."""
    objective = Recorded(ONE)
    asked = [(0.9e-3, 4), (1.1e-3, 4), (1.2e-3, 5), (1e-3, 16)]
    made = Trials(trial(str(n), at(lr, b), [1.0]) for n, (lr, b) in enumerate(asked))
    assert objective.touched(made) == 2 and objective.touched(ONE) == len(ONE)


def test_the_shipped_table_is_an_objective():
    """What is there of `cifar-lenet`: exact at its points, best rate inside, the interpolation good to a tenth."""
    trials = tables.load("cifar-lenet", partial=True)
    objective = Recorded(trials, noise=None)
    for known in trials[:8]:
        seen = {losses_of(objective, known.config, seed=s)[-1] for s in range(12)}
        assert known.loss in seen and len(seen) <= 8
    assert objective.max_epochs == 27 and 1.0 < objective.best < 1.6
    assert objective.data == f"{trials.data}, recorded trials"
    left_out = objective.leave_one_out(9)
    assert len(left_out.names) > 20 and left_out.median < 0.1


# -- how much of it is the luck of the table ---------------------------------------------------------------------------
def test_a_redrawn_table_scatters_as_the_trainings_do():
    """Same trials, same seeds, other numbers: around the recorded ones, as far as seeds differ; the same for a seed."""
    objective = Recorded(SEVERAL)
    tables = [objective.redrawn(seed) for seed in range(60)]
    again = objective.redrawn(0)
    assert [trial.history for trial in again.trials] == [trial.history for trial in tables[0].trials]
    first = SEVERAL[0]
    drawn = np.array([table.trials[first.name].loss for table in tables])
    own = np.log([trial.loss for trial in SEVERAL if trial.config == first.config])
    assert len(set(drawn)) > 5 and abs(np.log(drawn).mean() - math.log(first.loss)) < own.std(ddof=1)
    assert 0.4 < np.log(drawn).std() / own.std(ddof=1) < 2.5
    assert [(t.config, t.seed, t.budget) for t in tables[0].trials] == [(t.config, t.seed, t.budget) for t in SEVERAL]
    with pytest.raises(ValueError, match="no measured noise"):
        Recorded(ONE, noise=None).redrawn(0)


def test_unseen_seeds_are_those_of_the_score():
    """Of five recorded seeds the search sees three; of one it sees that one."""
    assert Recorded(SEVERAL).unseen(SEVERAL[0].config, 3) == 2
    assert Recorded(ONE).unseen(ONE[0].config, 3) == 0
    assert Recorded(SEVERAL).noisy and not Recorded(ONE, noise=None).noisy
