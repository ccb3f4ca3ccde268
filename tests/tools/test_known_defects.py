"""The mistakes of the example that everybody copies are not made here.

Each check runs on our code and on a wrong version of it (`wrong_versions`), where it must fail: a test that passes on
both would guard nothing.
"""

import contextlib
import math
from dataclasses import fields
from inspect import signature

import numpy as np
import pytest
import torch

from helpers import wrong_versions
from helpers.random_pictures import random_data
from hpt_lessons.cifar import report as tune_hook
from hpt_lessons.cifar import training
from hpt_lessons.cifar.config import UNTUNED, read_config
from hpt_lessons.cifar.data import DataError, open_data
from hpt_lessons.raytune import __main__ as command
from hpt_lessons.raytune.study import Study
from hpt_lessons.trials import Result, Trial, Trials

SMALL = {"l1": 8, "l2": 8, "lr": 0.01, "batch_size": 32, "epochs": 2}


def guards(check, ours, wrong):
    """Run `check` on our version, then on the wrong one, and see it fail there."""
    check(ours)
    with pytest.raises(AssertionError):
        check(wrong)


@contextlib.contextmanager
def put_in(name, version):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, name, version)
        yield


def test_1_all_trials_and_a_resumed_one_validate_on_the_same_unseen_pictures():
    """Trials ranked on different pictures cannot be compared; a resumed one must not validate on what it learned."""

    def check(data):
        runs = [
            training.Training(read_config(SMALL | change), data, torch.device("cpu"))
            for change in ({}, {"lr": 0.1, "seed": 3, "batch_size": 4}, {})
        ]
        seen = set().union(*(run.train.indices.tolist() for run in runs))
        for run in runs:
            assert np.array_equal(run.valid.indices, runs[0].valid.indices)
            assert not seen & set(run.valid.indices.tolist())

    guards(check, random_data(), random_data(kind=wrong_versions.SplitPerTrial))


def test_2_a_resumed_trial_repeats_no_epoch(tmp_path):
    """Two epochs, an interruption, two more: four epochs were trained, each once."""

    def check(reporter):
        trained = []

        class Watched(training.Training):
            def train_epoch(self, epoch):
                trained.append(epoch)
                return super().train_epoch(epoch)

        file = tmp_path / f"{reporter.__name__}.pt"
        with put_in("Reporter", reporter), put_in("Training", Watched):
            for epochs in (2, 4):
                history = training.train_cifar(
                    SMALL | {"epochs": epochs}, data=random_data(), checkpoint=file, progress=False
                )
        assert trained == [1, 2, 3, 4]
        assert [result["epoch"] for result in history] == [1, 2, 3, 4]

    guards(check, training.Reporter, wrong_versions.RepeatingReporter)


def test_3_a_constant_loss_is_reported_as_constant():
    """With a learning rate of nearly nothing the loss stays, and what is reported must stay too."""

    def check(run):
        with put_in("Training", run):
            history = training.train_cifar(SMALL | {"lr": 1e-12, "epochs": 3}, data=random_data(), progress=False)
        assert [result["train_loss"] for result in history] == pytest.approx([history[0]["train_loss"]] * 3, rel=1e-5)

    guards(check, training.Training, wrong_versions.WrongDivisor)


def test_4_the_loss_does_not_depend_on_how_pictures_are_batched():
    """120 pictures in batches of 119 and 1, or of 7: the mean over pictures is the same number."""

    def check(mean):
        losses, data = [], random_data(150)
        with put_in("mean_over_pictures", mean):
            for batch in (1, 7, 119, 120):
                run = training.Training(
                    read_config(SMALL | {"batch_size": batch, "lr": 1e-12}), data, torch.device("cpu")
                )
                losses.append(run.train_epoch(1))
            for batch in (1, 7, 29, 30):
                with put_in("EVALUATION_BATCH", batch):
                    losses.append(run.validate()[0])
        assert losses[:4] == pytest.approx([losses[0]] * 4, rel=1e-6)
        assert losses[4:] == pytest.approx([losses[4]] * 4, rel=1e-6)

    guards(check, training.mean_over_pictures, wrong_versions.mean_of_batch_means)


def test_5_the_seed_decides_everything():
    """The same seed gives the same history, whatever else drew random numbers; another seed gives another."""

    def check(model):
        with put_in("seeded_model", model):
            first, again, other = (
                training.train_cifar(SMALL | {"seed": seed}, data=random_data(), progress=False) for seed in (1, 1, 2)
            )
        assert [result["loss"] for result in first] == [result["loss"] for result in again]
        assert first[-1]["loss"] != other[-1]["loss"]

    guards(check, training.seeded_model, wrong_versions.unseeded_model)


def test_5_the_number_of_epochs_is_what_was_asked_for():
    """An example with ten epochs written into it cannot be searched with another budget."""

    def check(read):
        with put_in("read_config", read):
            assert len(training.train_cifar(SMALL | {"epochs": 1}, data=random_data(), progress=False)) == 1

    guards(check, training.read_config, wrong_versions.fixed_epochs)


def history(*losses: float) -> tuple[Result, ...]:
    return tuple(Result(epoch, loss, 0.5, 1.0) for epoch, loss in enumerate(losses, start=1))


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A finished study in which the trial with the best epoch of all overfits afterwards; no training, no test set."""
    trials = Trials(
        [
            Trial("default", dict(UNTUNED), 0, "random pictures", "completed", history(2.0, 1.8, 1.7)),
            Trial("overfits", {"lr": 0.1}, 0, "random pictures", "completed", history(1.5, 1.1, 1.6)),
            Trial("steady", {"lr": 0.01}, 0, "random pictures", "completed", history(1.9, 1.6, 1.3)),
        ]
    )
    monkeypatch.setattr(command.cifar, "test_best", lambda *_: {"steady": (60, 100), "default": (50, 100)})
    return Study("example", tmp_path, trials, True)


def test_6_the_winner_by_last_and_the_winner_by_all_are_both_named(study):
    """They differ when trials end after unequal numbers of epochs or overfit; whoever reads one only is misled."""

    def check(report):
        text = report(study, random_data())
        assert "steady" in text and "overfits" in text

    assert study.best(scope="last").name == "steady" and study.best(scope="all").name == "overfits"
    guards(check, command.report, wrong_versions.report_last_only)


def test_7_the_untuned_default_stands_beside_the_result(study):
    """A tuned accuracy says nothing without that of the network that nobody tuned, at the same epochs."""

    def check(report):
        rows = [line for line in report(study, random_data()).splitlines() if "%" in line and "[" in line]
        default = [row for row in rows if "untuned default" in row]
        assert len(default) == 1 and "50.0 %" in default[0] and default[0].split()[2] == "3"

    guards(check, command.report, wrong_versions.report_without_default)


def test_8_a_trial_never_downloads(tmp_path, monkeypatch):
    """Inside a trial the data is opened or it is an error; ten trials do not fetch it ten times."""

    def check(find):
        calls = []
        monkeypatch.setattr(training, "load_data", lambda *_: calls.append("ours") or random_data())
        monkeypatch.setattr(wrong_versions, "load_data", lambda *_: calls.append("wrong") or random_data())
        with put_in("_find_data", find), contextlib.suppress(DataError):
            training.train_cifar(SMALL, tmp_path)
        assert calls == []

    monkeypatch.setattr(tune_hook, "in_tune_trial", lambda: True)
    monkeypatch.setattr(tune_hook, "report_to_tune", lambda *_: None)
    monkeypatch.setattr(tune_hook, "checkpoint_from_tune", lambda *_: None)
    monkeypatch.setattr(tune_hook, "trial_has_gpu", lambda: False)
    guards(check, training._find_data, wrong_versions.download_in_each_trial)
    with pytest.raises(DataError, match="load_data"):
        open_data(tmp_path)


def test_9_reports_are_in_a_spelling_that_todays_ray_takes():
    """The metrics as one dict, the checkpoint beside it; keyword metrics are gone."""
    from ray import tune

    def check(report):
        try:
            report(tune, {"loss": 1.0, "accuracy": 0.5}, "a checkpoint")
        except TypeError as error:
            raise AssertionError(str(error)) from error

    def ours(tune, result, checkpoint):
        with pytest.MonkeyPatch.context() as patch:
            taken, spelling = [], signature(tune.report)
            patch.setattr(tune, "report", lambda *args, **more: taken.append(spelling.bind(*args, **more)))
            tune_hook.report_to_tune(result, lambda path: path.write_text(checkpoint))
        assert taken[0].arguments["metrics"] == result
        assert isinstance(taken[0].arguments["checkpoint"], tune.Checkpoint)

    guards(check, ours, wrong_versions.report_by_keywords)


def test_no_gpu_and_one_thread_unless_told_otherwise():
    """A default that demands what a laptop lacks leaves trials waiting for ever."""
    assert next(field.default for field in fields(training.Settings) if field.name == "threads") == 1
    assert math.isfinite(training.train_cifar(SMALL, data=random_data(), progress=False)[-1]["loss"])
