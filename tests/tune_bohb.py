"""What does Ray's own BOHB tell its model? `python tests/tune_bohb.py` where hpbandster and ConfigSpace are installed.

`TuneBOHB` with `HyperBandForBOHB` runs trials that write down what they report; the results that reach HpBandSter's
model are counted as it adds them.
"""

import argparse
import collections
import json
import sys
import tempfile
import time
from pathlib import Path

import ray.cloudpickle

RUNGS = (1, 3, 9)
# Ray's brackets for at most 9 epochs: nine trials with rungs from epoch 1, five from epoch 3, three at epoch 9 alone.
FIRST = [1] * 9 + [3] * 5 + [9] * 3
MAX_EPOCHS, TRIALS = 9, len(FIRST)


def train(config, log, checkpoints):
    """Nine epochs, each written into a log before it is reported."""
    from ray import tune

    begin = 1
    if checkpoints and (checkpoint := tune.get_checkpoint()):
        with checkpoint.as_directory() as folder:
            begin = int((Path(folder) / "epoch").read_text()) + 1
    for epoch in range(begin, MAX_EPOCHS + 1):
        loss = config["x"] + 1 / epoch
        with open(Path(log) / f"{tune.get_context().get_trial_id()}.jsonl", "a") as file:
            file.write(json.dumps({"epoch": epoch, "time": time.time()}) + "\n")
        if not checkpoints:
            tune.report({"loss": loss})
            continue
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "epoch").write_text(str(epoch))
            tune.report({"loss": loss}, checkpoint=tune.Checkpoint.from_directory(folder))


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

    trainable = tune.with_parameters(train, log=str(folder), checkpoints=checkpoints)
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 0.5}), param_space={"x": tune.uniform(0, 1)},
        tune_config=tune.TuneConfig(
            metric="loss", mode="min", num_samples=TRIALS,
            search_alg=ConcurrencyLimiter(Counted(metric="loss", mode="min", seed=0), concurrent),
            scheduler=HyperBandForBOHB(max_t=MAX_EPOCHS, reduction_factor=3)),
        run_config=tune.RunConfig(name="ray", storage_path=str(folder / "ray"), verbose=0))
    tuner.fit()
    logs = [[json.loads(line) for line in file.read_text().splitlines()] for file in folder.glob("*.jsonl")]
    logs.sort(key=lambda log: log[0]["time"])  # trials fill the brackets in the order of their start
    reached = [max(entry["epoch"] for entry in log) for log in logs]
    return dict(told), {rung: sum(first <= rung <= epochs for first, epochs in zip(FIRST, reached, strict=True))
                        for rung in RUNGS}


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
