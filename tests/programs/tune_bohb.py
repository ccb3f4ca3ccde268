"""What does Ray's own BOHB tell its model? `python tests/programs/tune_bohb.py` where hpbandster is installed.

`TuneBOHB` with `HyperBandForBOHB` runs trials that write down what they report; the results that reach HpBandSter's
model are counted as it adds them.
"""

import argparse
import collections
import sys
import tempfile
from pathlib import Path

import ray.cloudpickle

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from helpers.logged_trials import MAX_EPOCHS, read_logs, train

RUNGS = (1, 3, 9)
# Ray's brackets for at most 9 epochs: nine trials with rungs from epoch 1, five from epoch 3, three at epoch 9 alone.
FIRST = [1] * 9 + [3] * 5 + [9] * 3
TRIALS = len(FIRST)


def loss_of(config, epoch):
    return config["x"] + 1 / epoch


def count(folder: Path, concurrent: int, checkpoints: bool) -> tuple[dict[int, int], dict[int, int]]:
    """Results told to the model, and results that trials reported at the rungs of their bracket, for each rung."""
    from ray import tune
    from ray.tune.schedulers import HyperBandForBOHB
    from ray.tune.search import ConcurrencyLimiter
    from ray.tune.search.bohb import TuneBOHB

    folder.mkdir(parents=True)
    told = collections.Counter()

    class Counted(TuneBOHB):
        def to_wrapper(self, trial_id, result):
            told[result["training_iteration"]] += 1
            return super().to_wrapper(trial_id, result)

    trainable = tune.with_parameters(train, log=str(folder), checkpoints=checkpoints, loss_of=loss_of)
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 0.5}),
        param_space={"x": tune.uniform(0, 1)},
        tune_config=tune.TuneConfig(
            metric="loss",
            mode="min",
            num_samples=TRIALS,
            search_alg=ConcurrencyLimiter(Counted(metric="loss", mode="min", seed=0), concurrent),
            scheduler=HyperBandForBOHB(max_t=MAX_EPOCHS, reduction_factor=3),
        ),
        run_config=tune.RunConfig(name="ray", storage_path=str(folder / "ray"), verbose=0),
    )
    tuner.fit()
    # Trials fill the brackets in the order of their start.
    reached = [max(entry["epoch"] for entry in log) for log in read_logs(folder)]
    return dict(told), {
        rung: sum(first <= rung <= epochs for first, epochs in zip(FIRST, reached, strict=True)) for rung in RUNGS
    }


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--concurrent", type=int, nargs="+", default=[1, 2, 4])
    options = ask.parse_args()
    for checkpoints in (True, False):
        for concurrent in options.concurrent:
            with tempfile.TemporaryDirectory() as folder:
                told, reported = count(Path(folder) / "study", concurrent, checkpoints)
            line = ", ".join(f"{told.get(rung, 0)} of {reported[rung]} at {rung}" for rung in RUNGS)
            print(f"{concurrent} at a time, checkpoints {'on' if checkpoints else 'off'}: told {line}", flush=True)
    return 0


ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
if __name__ == "__main__":
    sys.exit(main())
