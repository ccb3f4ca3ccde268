"""The well-known example in its classic spelling, with `load_data` and `train_cifar` from the package."""

import os
from functools import partial

import numpy as np
from ray import tune
from ray.tune import CLIReporter
from ray.tune.schedulers import ASHAScheduler

from hpt_lessons import load_data, train_cifar


def main(num_samples=10, max_num_epochs=10, gpus_per_trial=0):
    data_dir = os.path.abspath("data")
    load_data(data_dir)
    space = {
        "l1": tune.sample_from(lambda _: 2 ** np.random.randint(2, 9)),
        "l2": tune.sample_from(lambda _: 2 ** np.random.randint(2, 9)),
        "lr": tune.loguniform(1e-4, 1e-1),
        "batch_size": tune.choice([2, 4, 8, 16]),
    }
    scheduler = ASHAScheduler(metric="loss", mode="min", max_t=max_num_epochs, grace_period=1, reduction_factor=2)
    reporter = CLIReporter(metric_columns=["loss", "accuracy", "training_iteration"])
    result = tune.run(
        partial(train_cifar, data_dir=data_dir),
        config=space,
        num_samples=num_samples,
        resources_per_trial={"cpu": 2, "gpu": gpus_per_trial},
        scheduler=scheduler,
        progress_reporter=reporter,
    )
    best = result.get_best_trial("loss", "min", "last")
    print("Best trial config:", best.config)
    print("Best trial l1:", best.config["l1"])
    print("Best trial final validation loss:", best.last_result["loss"])
    print("Best trial final validation accuracy:", best.last_result["accuracy"])


if __name__ == "__main__":
    main(num_samples=3, max_num_epochs=2)
