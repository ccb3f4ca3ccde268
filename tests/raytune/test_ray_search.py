"""Our searchers and schedulers inside Ray Tune, in real processes: what was the model told, and when?

The trials are without torch and write down themselves what they report; their own logs are the oracle.
"""

import sys
import time

import pytest
import ray.cloudpickle

from helpers.logged_trials import MAX_EPOCHS, read_logs, train
from hpt_lessons.search import domains, layouts
from hpt_lessons.search.asha import PromotionASHA, StoppingASHA
from hpt_lessons.search.bohb import BOHBSampler
from hpt_lessons.search.halving import Hyperband, SuccessiveHalving
from hpt_lessons.search.protocols import Searcher
from hpt_lessons.search.rungs import halving_plan
from hpt_lessons.search.searchers import Listed

pytestmark = [pytest.mark.ray, pytest.mark.slow]
# The workers cannot import this file: its functions travel whole.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
SPACE = {"x": domains.uniform(0, 1), "kind": domains.choice(["a", "b"])}
TRIALS = 15


def loss_of(config, epoch):
    """Trials keep their order until the last epochs, in which the better half of them falls behind."""
    return config["x"] + (0.5 if epoch > 6 and config["x"] < 0.2 else 0) + 0.1 * (config["kind"] == "b") + 1 / epoch


class Spy(Searcher):
    """A searcher that writes down when it was asked and what it was told."""

    def __init__(self, searcher):
        self.searcher, self.asked, self.told = searcher, [], []
        self.num_trials = searcher.num_trials

    def ask(self):
        self.asked.append((time.time(), len(self.told)))
        return self.searcher.ask()

    def tell(self, config, budget, loss):
        self.told.append((config["x"], budget, loss))
        self.searcher.tell(config, budget, loss)


def run(tmp_path, tune_config, checkpoints):
    """A `Tuner` as a user writes it; the trials' own logs, by trial: epoch and loss, each epoch once."""
    from ray import tune

    trainable = tune.with_parameters(train, log=str(tmp_path), checkpoints=checkpoints, loss_of=loss_of)
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 0.5}),
        tune_config=tune.TuneConfig(metric="loss", mode="min", reuse_actors=True, **tune_config),
        run_config=tune.RunConfig(name="ray", storage_path=str(tmp_path / "ray"), verbose=0),
    )
    results = tuner.fit()
    assert not results.errors
    logs = read_logs(tmp_path)
    return results, {log[0]["x"]: {entry["epoch"]: entry["loss"] for entry in log} for log in logs}, logs


@pytest.mark.parametrize("checkpoints", [True, False], ids=["checkpoints", "no checkpoints"])
@pytest.mark.parametrize("concurrent", [1, 2, 4])
def test_what_trials_reported_at_their_rungs_the_model_was_told_once(ray_running, tmp_path, concurrent, checkpoints):
    """At each budget, also of trials that are paused and stopped there, and before the next configuration was drawn."""
    from hpt_lessons.raytune.adapters import for_tuner

    spy = Spy(BOHBSampler(SPACE, seed=concurrent))
    config = for_tuner(spy, Hyperband(1, MAX_EPOCHS), max_epochs=MAX_EPOCHS, num_trials=TRIALS, concurrent=concurrent)
    results, reported, logs = run(tmp_path, config, checkpoints)
    assert len(results) == len(reported) == TRIALS
    # In which bracket a trial is decides where its rungs are: 9 from epoch 1, then 3 from epoch 3, then 3 from epoch 9.
    names = config["search_alg"].broker.state.configs
    first = {config["x"]: 1 if n < 9 else 3 if n < 12 else 9 for n, config in enumerate(names.values())}
    expected = [
        (x, budget, curve[budget])
        for x, curve in reported.items()
        for budget in (1, 3, 9)
        if first[x] <= budget <= max(curve)
    ]
    assert sorted(spy.told) == sorted(expected)
    assert [sum(budget == rung for _, budget, _ in spy.told) for rung in (1, 3, 9)] == [9, 3 + 3, 1 + 1 + 3]
    # Nothing was drawn ahead: at most `concurrent` trials were under way when a configuration was asked for.
    assert all(n - told < concurrent for n, (_, told) in enumerate(spy.asked[:9]))
    if checkpoints:
        assert all(len(log) == len({entry["epoch"] for entry in log}) for log in logs)


@pytest.mark.parametrize(
    ("scheduler", "most"),
    [
        (lambda: SuccessiveHalving(halving_plan(9, 1, MAX_EPOCHS)), {1: 9, 3: 3, 9: 1}),
        (lambda: StoppingASHA(1, MAX_EPOCHS, eta=3), None),
        (lambda: PromotionASHA(1, MAX_EPOCHS, eta=3), None),
    ],
    ids=["halving", "stopping", "promotion"],
)
def test_our_other_schedulers_see_what_the_trials_reported_at_their_rungs(ray_running, tmp_path, scheduler, most):
    """Everybody ends, and the scheduler saw what the logs say at its rungs."""
    from hpt_lessons.raytune.adapters import for_tuner

    searcher = Listed(layouts.random(SPACE, 9, seed=0))
    config = for_tuner(searcher, made := scheduler(), max_epochs=MAX_EPOCHS, concurrent=2)
    _, reported, _ = run(tmp_path, config, checkpoints=True)
    assert len(reported) == 9
    # At the whole budget the stopping rule compares nobody.
    levels = list(most) if most else [level for level in made.levels if level < MAX_EPOCHS]
    seen = made.results if most is None else dict(zip(levels, made.results, strict=True))
    for level in levels:
        assert sorted(seen[level].values()) == sorted(curve[level] for curve in reported.values() if level in curve)
    assert max(max(curve) for curve in reported.values()) == MAX_EPOCHS
    assert sum(max(curve) == 1 for curve in reported.values()) >= 1
    if most:
        assert {level: len(results) for level, results in seen.items()} == most


def test_a_searcher_of_ours_beside_rays_asha_is_told_every_epoch_of_every_trial(ray_running, tmp_path):
    """Also the one at which a trial was stopped, of which Ray itself would say nothing to a searcher."""
    from ray.tune.schedulers import ASHAScheduler

    from hpt_lessons.raytune.adapters import for_tuner

    spy = Spy(Listed([{"x": (7 * n % 10) / 10, "kind": "a"} for n in range(10)]))
    asha = ASHAScheduler(max_t=MAX_EPOCHS, grace_period=1, reduction_factor=3)
    _, reported, _ = run(tmp_path, for_tuner(spy, asha, max_epochs=MAX_EPOCHS, concurrent=2), checkpoints=False)
    told = {}
    for x, epoch, loss in spy.told:
        assert told.setdefault(x, {}).setdefault(epoch, loss) == loss
    # A trial writes its log before it reports: what it wrote after it was told to stop nobody has heard.
    assert {x: max(curve) for x, curve in told.items()} != dict.fromkeys(told, MAX_EPOCHS)
    assert all(reported[x][epoch] == loss for x, epoch, loss in spy.told)
    assert sorted(told) == sorted(reported) and len(spy.told) == sum(len(curve) for curve in told.values())
    assert all(max(reported[x]) - max(curve) <= 1 for x, curve in told.items())


def test_rays_own_bohb_is_not_told_what_its_trials_reported(ray_running, tmp_path):
    """`TuneBOHB` with `HyperBandForBOHB`: the reason for having our own. Needs hpbandster, which is no dependency."""
    pytest.importorskip("hpbandster", reason="hpbandster is not installed; it is needed for Ray's own BOHB only")
    pytest.importorskip("ConfigSpace")
    from programs.tune_bohb import count

    for concurrent in (1, 2):
        told, reported = count(tmp_path / str(concurrent), concurrent, checkpoints=True)
        assert reported[1] >= 9 and any(told.get(rung, 0) < reported[rung] for rung in (1, 3, 9))
