"""The mistakes of the well-known Ray Tune example, each as a few lines that can take the place of ours.

The tests in `test_known_defects` pass on our code and must fail on these.
"""

from dataclasses import replace
from inspect import signature

import numpy as np
import torch

from hpt_lessons.cifar import training
from hpt_lessons.cifar.config import read_config
from hpt_lessons.cifar.data import Data, load_data
from hpt_lessons.cifar.models import build_model


class SplitPerTrial(Data):
    """1: each trial, and each part of a resumed one, draws training and validation pictures anew, without a seed."""

    def split(self, seed=0, train_size=None, valid_size=None, score_size=0):
        order = np.random.default_rng().permutation(len(self))
        return order[len(self) // 5 :], order[: len(self) // 5]


class RepeatingReporter(training.Reporter):
    """2: `start_epoch = checkpoint["epoch"]`, the epoch that was finished already."""

    def resume(self):
        reached = super().resume()
        del self.training.history[-1:]
        return max(0, reached - 1)


class WrongDivisor(training.Training):
    """3: the running loss is set back to 0, the count that it is divided by is not."""

    parts = 0

    def train_epoch(self, epoch):
        self.parts += 1
        return super().train_epoch(epoch) / self.parts


def mean_of_batch_means(losses, counts):
    """4: an incomplete last batch weighs as much as a full one."""
    return torch.stack(list(losses)).mean().item()


def unseeded_model(settings, classes):
    """5: weights from wherever the global generator happens to be."""
    return build_model({"model": settings.model, "l1": settings.l1, "l2": settings.l2}, classes)


def fixed_epochs(config):
    """5: the number of epochs is not the caller's to choose."""
    return replace(read_config(config), epochs=10)


def report_last_only(study, data):
    """6: the winner by the last result alone, among trials of unequal length."""
    best = study.best(scope="last")
    return f"Best trial config: {best.config}\nfinal validation loss: {best.loss}, trial {best.name}"


def report_without_default(study, data):
    """7: a test accuracy with nothing to compare it with."""
    from hpt_lessons.raytune.__main__ import report

    return "\n".join(line for line in report(study, data).splitlines() if "untuned" not in line)


def download_in_each_trial(data_dir):
    """8: every trial fetches the data for itself."""
    return load_data(data_dir)


def report_by_keywords(tune, result, checkpoint):
    """9: the spelling of earlier versions of Ray."""
    signature(tune.report).bind(loss=result["loss"], accuracy=result["accuracy"])
