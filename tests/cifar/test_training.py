"""What a training computes, against plain loops and closed forms; and what it leaves untouched."""

import math
import random
import statistics
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from helpers.random_pictures import MEAN, STD, random_data, textbook
from hpt_lessons.cifar import checkpoint, training
from hpt_lessons.cifar import report as tune_hook
from hpt_lessons.cifar.config import UNTUNED, read_config
from hpt_lessons.cifar.data import Data, DataError
from hpt_lessons.cifar.feed import SHIFT, Feed, flip_and_shift
from hpt_lessons.cifar.models import CifarNet
from hpt_lessons.trials import DIVERGED_LOSS, Trials

CPU = torch.device("cpu")
SMALL = {"l1": 12, "l2": 8, "lr": 0.02, "batch_size": 16, "epochs": 2}


def run_of(change: dict | None = None, data: Data | None = None) -> training.Training:
    return training.Training(read_config(SMALL | (change or {})), data or random_data(), CPU)


def train(change: dict | None = None, **more) -> list[dict]:
    return training.train_cifar(SMALL | (change or {}), data=random_data(), progress=False, **more)


def test_pictures_arrive_normalised_and_in_order():
    """Across blocks and with a smaller last batch, what the network gets is what the textbook computes."""
    data = random_data(700)
    order = np.random.default_rng(1).permutation(600)
    feed = Feed(data.images, data.labels, np.arange(50, 650), MEAN, STD, CPU)
    batches = list(feed.batches(7, order))
    assert [len(labels) for _, labels in batches] == [7] * 85 + [5]
    expected = textbook(data, 50 + order).float()
    arrived = torch.cat([images for images, _ in batches]).contiguous()
    torch.testing.assert_close(arrived, expected, atol=1e-5, rtol=1e-5)
    assert torch.cat([labels for _, labels in batches]).tolist() == data.labels[50 + order].tolist()


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"weight_decay": 0.01, "momentum": 0.5},
        {"optimizer": "adam", "lr": 2e-3},
        {"optimizer": "adam", "lr": 2e-3, "momentum": 0.5},
        {"optimizer": "adamw", "lr": 2e-3, "weight_decay": 0.1},
        {"batch_size": 7},
        {"model": "wider", "batch_size": 25},
    ],
)
def test_an_epoch_equals_a_plain_loop(change):
    """The same weights, order and pictures in the loop that everybody writes: the same weights come out."""
    data, run = random_data(), run_of(change)
    settings = run.settings
    model = training.seeded_model(settings, 4)
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    rates = {"momentum": settings.momentum} if settings.optimizer == "sgd" else {"betas": (settings.momentum, 0.999)}
    optimizer = kinds[settings.optimizer](
        model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay, foreach=False, **rates
    )
    train_indices = data.split(0)[0]
    order = train_indices[np.random.default_rng([settings.seed, 1]).permutation(len(train_indices))]
    total = 0.0
    for start in range(0, len(order), settings.batch_size):
        chosen = order[start : start + settings.batch_size]
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(model(textbook(data, chosen).float()), torch.tensor(data.labels[chosen]))
        loss.backward()
        optimizer.step()
        total += loss.item() * len(chosen)
    assert run.train_epoch(1) == pytest.approx(total / len(order), rel=1e-5)
    for ours, theirs in zip(run.model.state_dict().values(), model.state_dict().values(), strict=True):
        # Batch normalisation divides by small deviations and so enlarges the last digits that differ.
        torch.testing.assert_close(ours.contiguous(), theirs, atol=5e-5 if "model" in change else 1e-5, rtol=1e-5)


@pytest.mark.parametrize("batch", [1, 7, 24, 25, 250])
def test_validation_is_the_mean_over_single_pictures(batch, monkeypatch):
    """One picture after the other in float64 gives the same loss and accuracy, whatever the evaluation batch."""
    data, run = random_data(), run_of()
    run.train_epoch(1)
    monkeypatch.setattr(training, "EVALUATION_BATCH", batch)
    loss, accuracy = run.validate()
    exact = CifarNet(12, 8, 4).double().eval()
    exact.load_state_dict(run.model.state_dict())
    losses, hits = [], []
    for index in data.split(0)[1]:
        output = exact(textbook(data, np.array([index])))
        losses.append(functional.cross_entropy(output, torch.tensor(data.labels[[index]])).item())
        hits.append(int(output.argmax()) == data.labels[index])
    assert loss == pytest.approx(statistics.fmean(losses), rel=1e-5)
    assert accuracy == statistics.fmean(hits)


def test_batch_normalisation_does_not_validate_with_its_neighbours(monkeypatch):
    """In validation it uses what it learned in training: dark pictures score the same beside bright ones and alone."""
    data = random_data()
    data.images[::2] //= 8
    run = run_of({"model": "wider", "lr": 0.1, "batch_size": 4}, data)
    run.train_epoch(1)
    losses = []
    for batch in (1, 250):
        monkeypatch.setattr(training, "EVALUATION_BATCH", batch)
        losses.append(run.validate()[0])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_the_history_says_what_each_epoch_was():
    """One dict an epoch, with finite plain numbers and the name of the data."""
    history = train({"schedule": "step", "epochs": 4})
    assert [result["epoch"] for result in history] == [1, 2, 3, 4]
    assert [result["lr"] for result in history] == pytest.approx([0.02, 0.02, 0.002, 0.0002])
    for result in history:
        assert result["data"] == "random pictures" and result["diverged"] is False
        assert 0 <= result["accuracy"] <= 1 and result["seconds"] > 0
        assert {type(result[key]) for key in ("loss", "accuracy", "train_loss", "lr", "seconds")} == {float}


def test_training_learns():
    """Four colours are learned in a few epochs: losses fall, and validation is on pictures of the same kind."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 200)
    colours = np.array([(220, 40, 40), (40, 220, 40), (40, 40, 220), (200, 200, 40)])
    images = (colours[labels][:, None, None] + rng.integers(-30, 30, (200, 32, 32, 3))).clip(0, 255).astype(np.uint8)
    data = Data("colours", ("r", "g", "b", "y"), images, labels, MEAN, STD)
    config = {"l1": 32, "l2": 16, "lr": 0.005, "batch_size": 4, "epochs": 6}
    history = training.train_cifar(config, data=data, progress=False)
    assert history[-1]["loss"] < 0.2 < history[0]["loss"] and history[-1]["accuracy"] > 0.95


# -- learning rates ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("epochs", [1, 4, 10, 17])
def test_schedules_are_those_of_torch(epochs):
    """Cosine to zero over all epochs, and a tenth from half and from three quarters on, as PyTorch computes them."""
    parameter = nn.Parameter(torch.zeros(1))
    for schedule in ("cosine", "step", "constant"):
        settings = read_config(SMALL | {"schedule": schedule, "epochs": epochs, "lr": 0.3})
        optimizer = torch.optim.SGD([parameter], lr=0.3)
        milestones = [math.ceil(epochs / 2), math.ceil(0.75 * epochs)]
        theirs = {
            "cosine": lambda made: torch.optim.lr_scheduler.CosineAnnealingLR(made, epochs),
            "step": lambda made, at=milestones: torch.optim.lr_scheduler.MultiStepLR(made, at),
            "constant": lambda made: torch.optim.lr_scheduler.ConstantLR(made, 1.0),
        }[schedule](optimizer)
        for epoch in range(1, epochs + 1):
            assert training.learning_rate(settings, epoch) == pytest.approx(optimizer.param_groups[0]["lr"])
            optimizer.step()
            theirs.step()


@pytest.mark.parametrize(("schedule", "epoch", "rate"), [("step", 4, 0.0002), ("cosine", 3, 0.01)])
def test_an_epoch_trains_at_the_rate_of_its_schedule(schedule, epoch, rate):
    """The weights that come out are those of a constant learning rate of the value that this epoch has."""
    scheduled, constant = run_of({"schedule": schedule, "epochs": 4}), run_of({"lr": rate, "epochs": 4})
    assert scheduled.train_epoch(epoch) == pytest.approx(constant.train_epoch(epoch), rel=1e-5)
    torch.testing.assert_close(scheduled.model.state_dict(), constant.model.state_dict(), atol=1e-6, rtol=1e-5)


def test_wrong_labels_are_wrong_and_only_in_training():
    """The share asked for, each another class, the same for every trial of a split; validation sees true labels."""
    run = run_of({"wrong_labels": 0.25})
    true, seen = random_data().labels[run.train.indices], run.train.labels[run.train.indices]
    assert (true != seen).sum() == round(0.25 * len(true)) and set(seen) <= set(range(len(random_data().classes)))
    assert np.array_equal(run.train.labels, run_of({"wrong_labels": 0.25, "seed": 9, "lr": 0.5}).train.labels)
    assert not np.array_equal(run.train.labels, run_of({"wrong_labels": 0.25, "split_seed": 1}).train.labels)
    assert np.array_equal(run.valid.labels, random_data().labels)
    every = run_of({"wrong_labels": 1.0}).train
    assert not (every.labels[every.indices] == random_data().labels[every.indices]).any()


def rate_of_each_layer(run: training.Training, epoch: int = 1) -> list[float]:
    """The learning rates that the optimizer uses, layer by layer from the input; a layer has one for all it holds."""
    training.set_learning_rates(run.optimizer, run.settings, epoch)
    used = {id(parameter): group["lr"] for group in run.optimizer.param_groups for parameter in group["params"]}
    layers = training.layers_of(run.model)
    assert sum(map(len, layers)) == len(list(run.model.parameters())) == len(used)
    for layer in layers:
        assert len({used[id(parameter)] for parameter in layer}) == 1
    return [used[id(layer[0])] for layer in layers]


@pytest.mark.parametrize(
    ("model", "layers"), [("cifar", 5), ("wider", 6), ("pixels", 3), ("residual", 12), ("plain", 5)]
)
def test_layer_factor_shrinks_rates_towards_the_input(model, layers):
    """Each layer has the rate of the next one times the factor; the last one has lr itself, and schedules multiply."""
    run = run_of({"model": model, "layer_factor": 0.5, "schedule": "step", "epochs": 4})
    assert rate_of_each_layer(run) == pytest.approx([0.02 * 0.5 ** (layers - 1 - layer) for layer in range(layers)])
    assert rate_of_each_layer(run, 3) == pytest.approx([0.002 * 0.5 ** (layers - 1 - layer) for layer in range(layers)])


def test_a_list_gives_each_layer_its_factor_and_zero_freezes():
    """Frozen layers keep their weights, the others move."""
    factors = [0, 1, 0.5, 0, 1]
    run = run_of({"layer_factor": factors})
    assert rate_of_each_layer(run) == pytest.approx([0.02 * factor for factor in factors])
    before = [[parameter.clone() for parameter in layer] for layer in training.layers_of(run.model)]
    run.train_epoch(1)
    for factor, old, new in zip(factors, before, training.layers_of(run.model), strict=True):
        assert all(torch.equal(one, two) == (factor == 0) for one, two in zip(old, new, strict=True))


def test_a_list_of_the_wrong_length_is_refused_before_anything_trains(monkeypatch):
    """The error says how many layers there are."""
    monkeypatch.setattr(training.Training, "train_epoch", lambda *_: pytest.fail("trained"))
    with pytest.raises(ValueError, match="'layer_factor' lists 2 factors, and this network has 5 layers"):
        train({"layer_factor": [0.5, 1]})


@pytest.mark.parametrize("change", [{"train_size": 101}, {"valid_size": 125}])
def test_more_pictures_than_there_are_is_an_error(change):
    """It names the key, and nothing trains."""
    with pytest.raises(ValueError, match=next(iter(change))):
        train(change)


# -- divergence --------------------------------------------------------------------------------------------------------
EXPLOSIVE = {"lr": 100, "momentum": 0.99, "batch_size": 4, "l1": 64, "l2": 64}


def test_a_diverging_training_says_so_and_ends():
    """The loss is large and finite, the accuracy 0, and no epoch is spent on a broken network."""
    history = train(EXPLOSIVE | {"epochs": 5})
    last = history[-1]
    assert last["diverged"] and last["loss"] == DIVERGED_LOSS and last["accuracy"] == 0
    assert len(history) < 5 and not any(result["diverged"] for result in history[:-1])
    assert all(math.isfinite(value) for value in last.values() if isinstance(value, float))


def test_a_broken_network_does_not_train_the_epoch_to_its_end(monkeypatch):
    """The loss is looked at within the epoch: of seven steps the look after the fourth is the last."""
    run, steps = run_of(), []

    def step_and_break(step=run.optimizer.step):
        step()
        steps.append(len(steps))
        with torch.no_grad():
            next(run.model.parameters()).fill_(math.nan)

    monkeypatch.setattr(run.optimizer, "step", step_and_break)
    monkeypatch.setattr(training, "LOOK_EVERY", 3)
    assert run.train_epoch(1) == math.inf and steps == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "values", [(math.nan, 1.0), (math.inf, 1.0), (1e7, 1.0), (1.0, math.nan), (1.0, math.inf), (1.0, 1e7)]
)
def test_whatever_is_not_a_loss_counts_as_diverged(values):
    """NaN, infinity or a huge number, in training or in validation: the same finite report."""
    run = run_of()
    run.record(1, *values, 0.9, 1.0)
    assert run.diverged and run.history[0]["loss"] == DIVERGED_LOSS and run.history[0]["accuracy"] == 0
    assert math.isfinite(run.history[0]["train_loss"])


def test_a_training_that_breaks_late_wins_only_by_the_epoch_before(monkeypatch):
    """The best of all may be an epoch before the divergence; the best by last never is this trial."""
    good = train({"epochs": 3})
    exact = training.Training.train_epoch

    def break_in_the_third(run, epoch):
        if epoch == 3:
            with torch.no_grad():
                next(run.model.parameters()).fill_(math.nan)
        return exact(run, epoch)

    monkeypatch.setattr(training.Training, "train_epoch", break_in_the_third)
    broken = train({"epochs": 5})
    assert [result["diverged"] for result in broken] == [False, False, True]
    for result in good:
        result["loss"] += 0.5
    trials = Trials.from_records(
        [{"trial": "broken", "config": {}, "history": broken}, {"trial": "good", "config": {}, "history": good}]
    )
    assert trials.best(scope="last").name == "good"
    assert trials.best(scope="all").name == "broken" and trials["broken"].best_epoch in (1, 2)


def test_a_diverged_training_is_not_gone_on_with(tmp_path):
    """Resumed, it answers with what it was."""
    config = EXPLOSIVE | {"epochs": 5}
    first = train(config, checkpoint=tmp_path / "checkpoint")
    assert train(config, checkpoint=tmp_path / "checkpoint") == first


# -- what is left untouched --------------------------------------------------------------------------------------------
def test_global_generators_and_threads_are_left_alone():
    """A call between two random numbers of the caller's changes neither."""
    torch.set_num_threads(2)
    try:
        before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
        train({"augment": True, "threads": 1})
        with pytest.raises(ValueError, match="layer_factor"):
            train({"layer_factor": [1]})
        assert torch.get_num_threads() == 2
        after = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    finally:
        torch.set_num_threads(1)
    assert torch.equal(before[0], after[0]) and before[1:] == after[1:]


def test_the_callers_convolutions_stay_as_fast_as_they_were(monkeypatch):
    """For tiny batches oneDNN is switched off: while they train, not for the caller afterwards."""
    before, exact, seen = torch.backends.mkldnn.enabled, functional.cross_entropy, []
    monkeypatch.setattr(
        functional, "cross_entropy", lambda *args: seen.append(torch.backends.mkldnn.enabled) or exact(*args)
    )
    train({"batch_size": training.TINY_BATCH, "epochs": 1}, device="cpu")
    assert seen[:25] == [False] * 25 and seen[25:] == [before]
    assert torch.backends.mkldnn.enabled == before


def test_threads_are_those_of_the_configuration(monkeypatch):
    """One unless told otherwise."""
    seen = []
    exact = training.Training.train_epoch
    monkeypatch.setattr(
        training.Training, "train_epoch", lambda run, epoch: seen.append(torch.get_num_threads()) or exact(run, epoch)
    )
    train({"epochs": 1})
    train({"epochs": 1, "threads": 2})
    assert seen == [1, 2]


def test_the_callers_pictures_are_left_alone():
    """Normalisation and augmentation work on copies; the shared arrays may be read-only."""
    data = random_data()
    data.images.setflags(write=False)
    before = data.images.copy()
    training.train_cifar(SMALL | {"augment": True, "epochs": 1}, data=data, progress=False)
    assert np.array_equal(data.images, before)


# -- augmentation ------------------------------------------------------------------------------------------------------
def test_augmentation_only_moves_and_mirrors():
    """Each picture is one of the 2 x 9 x 9 shifted and flipped ones, edges repeated, and all kinds occur."""
    rng = np.random.default_rng(0)
    original = rng.integers(0, 256, (32, 32, 3), np.uint8)
    wide = np.pad(original, ((SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), mode="edge")
    moves = range(2 * SHIFT + 1)
    versions = {
        wide[top : top + 32, left : left + 32][:, ::step].tobytes(): (top, left, step)
        for top in moves
        for left in moves
        for step in (1, -1)
    }
    seen = [versions[picture.tobytes()] for picture in flip_and_shift(np.stack([original] * 2000), rng)]
    assert {top for top, _, _ in seen} == {left for _, left, _ in seen} == set(moves)
    assert 850 < sum(step == -1 for _, _, step in seen) < 1150


def test_augmentation_is_for_training_only():
    """The validation loss of the same weights does not depend on it."""
    plain, augmented = run_of(), run_of({"augment": True})
    assert plain.validate() == augmented.validate()
    assert plain.train_epoch(1) != augmented.train_epoch(1)


# -- in a trial of Ray Tune --------------------------------------------------------------------------------------------
@pytest.fixture
def tune_reports(monkeypatch, tmp_path):
    """As if this process were a trial: what it reports is kept in a list, with the number of epochs saved by then.

    They are saved in the checkpoint that comes with the report, or else in the file `checkpoint`.
    """
    reports = []

    def report(result, save=None):
        file = tmp_path / ("checkpoint" if save is None else "reported")
        if save is not None:
            save(file)
        saved = checkpoint.load(file)
        reports.append((dict(result), len(saved["history"]) if saved else 0))

    monkeypatch.setattr(tune_hook, "in_tune_trial", lambda: True)
    monkeypatch.setattr(tune_hook, "trial_has_gpu", lambda: False)
    monkeypatch.setattr(tune_hook, "checkpoint_from_tune", lambda _: None)
    monkeypatch.setattr(tune_hook, "report_to_tune", report)
    return reports


@pytest.mark.parametrize("file", [None, "checkpoint"])
def test_a_trial_reports_every_epoch_when_it_is_saved(tune_reports, tmp_path, file):
    """In a file of ours or in Tune's own checkpoint: no epoch that anyone has heard of can be lost."""
    assert train(checkpoint=None if file is None else tmp_path / file) is None
    assert [(result["epoch"], saved) for result, saved in tune_reports] == [(1, 1), (2, 2)]
    assert all({"loss", "accuracy", "epoch"} <= result.keys() for result, _ in tune_reports)


def test_a_resumed_trial_reports_its_finished_epochs_once_more(tune_reports, tmp_path):
    """A scheduler that starts afresh needs them; they are not trained again."""
    train({"epochs": 1}, checkpoint=tmp_path / "checkpoint")
    tune_reports.clear()
    train({"epochs": 3}, checkpoint=tmp_path / "checkpoint")
    assert [result["epoch"] for result, _ in tune_reports] == [1, 2, 3]


def test_a_diverged_trial_frees_its_place(tune_reports):
    """It returns after the report, so that the next trial can start."""
    train(EXPLOSIVE | {"epochs": 50})
    assert tune_reports[-1][0]["diverged"] and len(tune_reports) < 50


def test_a_trial_takes_a_gpu_only_if_it_was_given_one(tune_reports, monkeypatch):
    """Several trials on one GPU that none of them was given would run out of its memory; a plain call may take it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert training.choose_device(None).type == "cpu"
    monkeypatch.setattr(tune_hook, "trial_has_gpu", lambda: True)
    assert training.choose_device(None).type == "cuda"
    monkeypatch.setattr(tune_hook, "in_tune_trial", lambda: False)
    monkeypatch.setattr(tune_hook, "trial_has_gpu", lambda: pytest.fail("asked Ray outside of a trial"))
    assert training.choose_device(None).type == "cuda"


def test_a_trial_without_prepared_data_is_an_error(tune_reports, tmp_path):
    """It says that load_data comes first."""
    with pytest.raises(DataError, match="load_data"):
        training.train_cifar(UNTUNED, tmp_path)


@pytest.mark.slow
def test_the_first_step_does_not_import_the_compiler():
    """It would cost each new trial process about five seconds."""
    code = (
        "import sys, numpy as np; from hpt_lessons.cifar.training import train_cifar;"
        "from hpt_lessons.cifar.data import Data;"
        "images, half = np.zeros((8, 32, 32, 3), np.uint8), (.5, .5, .5);"
        "data = Data('few', ('a', 'b'), images, np.arange(8) % 2, half, half);"
        "train_cifar({'l1': 4, 'l2': 4, 'lr': .01, 'batch_size': 2, 'epochs': 1}, data=data, progress=False);"
        "print('torch._dynamo' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "False"
