"""Studies to be killed at any moment: `python toy_study.py FOLDER [--resume] [--kind KIND]`; toys are without torch.

Each trial follows a curve that its configuration decides, writes down every epoch that it trains and every checkpoint,
and takes its time for both, so that a kill can hit anywhere, also inside a checkpoint write.
"""

import argparse
import json
import math
import os
import sys
import time
from pathlib import Path

EPOCHS, TRIALS = 9, 20
CIFAR_OPTIONS = {"train_size": 600, "valid_size": 200}


def curve(config: dict, epoch: int) -> float:
    """Loss after an epoch: every configuration has its own start, end and speed; one diverges."""
    if config["x"] > 0.93:
        return 1e6
    return config["x"] + config["y"] * math.exp(-epoch * (1.5 - config["y"]) / 3)


def train(config: dict, checkpoint: Path, log: str, pace: float) -> None:
    """Train with a checkpoint file of plain text, replaced in one step, and slow enough to be hit while writing."""
    from ray import tune

    history = json.loads(checkpoint.read_text()) if checkpoint.exists() else []
    for result in history:
        tune.report(result)
    for epoch in range(len(history) + 1, EPOCHS + 1):
        time.sleep(pace)
        loss = curve(config, epoch)
        history.append({"loss": loss, "diverged": loss >= 1e6})
        unfinished = checkpoint.with_suffix(".tmp")
        with open(unfinished, "w") as file:
            for part in json.dumps(history), "\n":
                file.write(part)
                file.flush()
                time.sleep(pace / 4)
            os.fsync(file.fileno())
        os.replace(unfinished, checkpoint)
        write(log, checkpoint.stem, epoch)
        tune.report(history[-1])
        if loss >= 1e6:
            return


def write(log: str, trial: str, epoch: int) -> None:
    """One line for a checkpointed epoch; a short append is written whole or not at all."""
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, f"{trial} {epoch}\n".encode())
    os.close(handle)


def bohb(folder: Path, resume: bool, pace: float) -> None:
    """Twenty trials with BOHB; what its model was told is left in a file."""
    from hpt_lessons.raytune.study import run_study
    from hpt_lessons.search import domains
    from hpt_lessons.search.bohb import BOHBSampler
    from hpt_lessons.search.halving import Hyperband

    space = {"x": domains.uniform(0, 1), "y": domains.uniform(0, 1)}
    study = run_study(
        train,
        BOHBSampler(space, seed=5),
        max_epochs=EPOCHS,
        scheduler=Hyperband(1, EPOCHS),
        num_trials=TRIALS,
        name="study",
        folder=folder,
        resume=resume,
        shared={"log": str(folder / "log.txt"), "pace": pace},
        progress=False,
    )
    (folder / "told.json").write_text(json.dumps(sorted(study.told)))


def toy(folder: Path, resume: bool, pace: float) -> None:
    """Twenty trials with ASHA; the rungs at the end are left in a file."""
    import numpy as np
    from ray.tune.schedulers import ASHAScheduler

    from hpt_lessons.raytune.study import run_study
    from hpt_lessons.search.searchers import Listed

    rng = np.random.default_rng(5)
    configs = [{"x": float(x), "y": float(y)} for x, y in rng.random((TRIALS, 2))]
    scheduler = ASHAScheduler(max_t=EPOCHS, grace_period=1, reduction_factor=3)
    run_study(
        train,
        Listed(configs),
        max_epochs=EPOCHS,
        scheduler=scheduler,
        name="study",
        folder=folder,
        resume=resume,
        shared={"log": str(folder / "log.txt"), "pace": pace},
        progress=False,
    )
    rungs = [[milestone, recorded] for milestone, recorded in scheduler._brackets[0]._rungs]
    (folder / "rungs.json").write_text(json.dumps(rungs))


def cifar(folder: Path, resume: bool) -> None:
    """Six trials of the real training function on few generated pictures."""
    from hpt_lessons.cifar.data import load_data
    from hpt_lessons.raytune.cifar import tune_cifar

    data = load_data(folder / "data", "standin", progress=False)
    tune_cifar(
        num_samples=6,
        max_epochs=4,
        data=data,
        options=CIFAR_OPTIONS,
        name="study",
        folder=folder,
        resume=resume,
        progress=False,
    )


if __name__ == "__main__":
    ask = argparse.ArgumentParser()
    ask.add_argument("folder", type=Path)
    ask.add_argument("--resume", action="store_true")
    ask.add_argument("--kind", choices=("toy", "bohb", "cifar"), default="toy")
    ask.add_argument("--pace", type=float, default=0.05)
    options = ask.parse_args()
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    folder = options.folder.resolve()
    if options.kind == "cifar":
        cifar(folder, options.resume)
    else:
        {"toy": toy, "bohb": bohb}[options.kind](folder, options.resume, options.pace)
