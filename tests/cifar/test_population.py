"""Many networks trained as one, against each trained alone by a plain loop; and what they must not do to each other."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from helpers.random_pictures import random_data, textbook
from hpt_lessons.cifar import checkpoint, training
from hpt_lessons.cifar import population as together
from hpt_lessons.cifar.config import read_config
from hpt_lessons.cifar.grouped import GroupedConvolution
from hpt_lessons.trials import DIVERGED_LOSS, Trials

CPU = torch.device("cpu")
SMALL = {"l1": 12, "l2": 8, "lr": 0.02, "batch_size": 16, "epochs": 2}
# Each step multiplies its weights by about -1000: no number format holds that for long.
EXPLOSIVE = {"lr": 100, "weight_decay": 10}


DATA = random_data()


def population_of(*changes: dict, order_seed: int | None = None, dtype=torch.float64) -> together.Population:
    return together.Population(
        [read_config(SMALL | change) for change in changes], DATA, CPU, order_seed=order_seed, dtype=dtype
    )


def train(*changes: dict, **more) -> list[list[dict]]:
    return together.train_population([SMALL | change for change in changes], data=DATA, progress=False, **more)


def alone(change: dict, order_seed: int, epochs: int = 2) -> tuple[nn.Module, list[tuple[float, float, float]]]:
    """The loop that everybody writes, in float64: the network, and (training loss, loss, accuracy) of each epoch."""
    config = read_config(SMALL | change)
    model = training.seeded_model(config, 4).double()
    layers = training.layers_of(model)
    factors = training.layer_factors(config.layer_factor, len(layers))
    groups = [{"params": layer, "lr": config.lr * factor} for layer, factor in zip(layers, factors, strict=True)]
    optimizer = torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)
    train_indices, valid_indices = DATA.split(config.split_seed, config.train_size, config.valid_size)
    labels, curve = torch.tensor(training.labels_for(config, DATA, train_indices)), []
    for epoch in range(1, epochs + 1):
        order = train_indices[np.random.default_rng([order_seed, epoch]).permutation(len(train_indices))]
        total = 0.0
        model.train()
        for start in range(0, len(order), config.batch_size):
            chosen = order[start : start + config.batch_size]
            optimizer.zero_grad()
            loss = nn.CrossEntropyLoss()(model(textbook(DATA, chosen)), labels[chosen])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(chosen)
        model.eval()
        with torch.no_grad():
            output = model(textbook(DATA, valid_indices))
        loss = nn.CrossEntropyLoss()(output, labels[valid_indices]).item()
        hits = (output.argmax(1) == labels[valid_indices]).double().mean().item()
        curve.append((total / len(order), loss, hits))
    return model, curve


def numbers(history: list[dict]) -> list[tuple[float, float, float]]:
    """Training loss, loss and accuracy of each epoch."""
    return [(result["train_loss"], result["loss"], result["accuracy"]) for result in history]


VARIED = (
    {"seed": 3},
    {"lr": 0.005, "seed": 4},
    {"momentum": 0.0},
    {"weight_decay": 0.05, "momentum": 0.5},
    {"layer_factor": (0, 1, 0.5, 2, 1), "seed": 3},
)


@pytest.mark.parametrize(
    "same",
    [
        pytest.param({}, marks=pytest.mark.slow),
        pytest.param({"batch_size": 7}, marks=pytest.mark.slow),
        {"batch_size": 50},
        pytest.param({"l1": 5, "l2": 9, "batch_size": 2}, marks=pytest.mark.slow),
        {"train_size": 33, "valid_size": 20, "split_seed": 5},
    ],
)
def test_each_network_is_what_it_would_be_alone(same):
    """Own seed, learning rate, momentum, weight decay, layer-wise rates: weights and scores to 1e-5 after two epochs.

    Batches of 50 go through the networks in several parts; 100 pictures are no multiple of 7.
    """
    population = population_of(*(same | change for change in VARIED), order_seed=3)
    for epoch in (1, 2):
        population.run_epoch(epoch)
    for number, change in enumerate(VARIED):
        model, curve = alone(same | change, order_seed=3)
        np.testing.assert_allclose(numbers(population.histories[number]), curve, rtol=0, atol=1e-5)
        for ours, theirs in zip(population.network(number).parameters(), model.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "same",
    [
        pytest.param({"model": "wider"}, marks=pytest.mark.slow),
        {"model": "pixels"},
        {"model": "residual", "batch_size": 20, "train_size": 40, "valid_size": 20},
        pytest.param(
            {"model": "plain", "depth": 3, "channels": 4, "kernel": 5, "activation": "tanh"}, marks=pytest.mark.slow
        ),
        pytest.param({"model": "plain", "depth": 1, "channels": 2, "kernel": 7}, marks=pytest.mark.slow),
        pytest.param({"wrong_labels": 0.5}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_each_network_of_another_shape_is_what_it_would_be_alone(same):
    """Batch normalisation with its running statistics, residual blocks, padding, other activations; wrong labels."""
    # Not VARIED[1]: pictures agree to 1e-8 only, and with its seed one maximum of the pooling is closer to another.
    varied = [
        same | change
        for change in (
            {"seed": 3},
            {"lr": 0.005, "seed": 5},
            *VARIED[2:4],
            {"layer_factor": 0.5, "seed": 3},
            {"layer_factor": 1.5},
        )
    ]
    population = population_of(*varied, order_seed=3)
    population.run_epoch(1)
    population.keep(np.arange(6) != 2)  # those that are left keep their own statistics
    population.run_epoch(2)
    for number in (0, 1, 3, 4, 5):
        model, curve = alone(varied[number], order_seed=3)
        np.testing.assert_allclose(numbers(population.histories[number]), curve, rtol=0, atol=1e-5)
        ours, theirs = population.network(number).state_dict(), model.state_dict()
        for name in ours.keys() - {name for name in ours if name.endswith("num_batches_tracked")}:
            torch.testing.assert_close(ours[name], theirs[name], rtol=0, atol=1e-5, msg=name)


def test_the_score_half_is_scored_like_the_validation_pictures():
    """The loss on other pictures after every epoch, the same from a population, from one training, and by hand."""
    change = {"score_size": 20, "train_size": 50, "valid_size": 20}
    population = population_of(change, change | {"lr": 0.1}, change | EXPLOSIVE)
    population.run_epoch(1)
    model = population.network(0).eval()
    scored = DATA.score_half(0, 20)
    with torch.no_grad():
        output, labels = model(textbook(DATA, scored)), torch.tensor(DATA.labels[scored])
    result = population.histories[0][0]
    assert result["score_loss"] == pytest.approx(nn.CrossEntropyLoss()(output, labels).item())
    assert result["score_accuracy"] == (output.argmax(1) == labels).double().mean().item()
    assert (
        population.histories[2][0] | {"score_loss": DIVERGED_LOSS, "score_accuracy": 0.0} == population.histories[2][0]
    )
    alone = training.train_cifar(SMALL | change | {"epochs": 1}, data=DATA, progress=False)[0]
    assert alone["score_loss"] == pytest.approx(result["score_loss"], rel=1e-4)
    assert alone["score_accuracy"] == result["score_accuracy"]
    assert "score_loss" not in train({})[0][0]


def test_it_reports_what_train_cifar_reports():
    """Same keys but the seconds, and the same numbers as far as float32 goes."""
    changes = [{"lr": 0.001, "schedule": "cosine"}, {"lr": 0.03, "schedule": "step"}, {"lr": 0.01}]
    for change, history in zip(changes, train(*changes), strict=True):
        expected = training.train_cifar(SMALL | change, data=DATA, progress=False)
        for ours, theirs in zip(history, expected, strict=True):
            assert ours.keys() == theirs.keys() - {"seconds"}
            for key, value in ours.items():
                assert value == (pytest.approx(theirs[key], abs=1e-3) if isinstance(value, float) else theirs[key])


def test_augmented_pictures_are_those_of_a_single_training():
    """The same flips and shifts come for the same seed."""
    change = {"augment": True, "seed": 7}
    [history] = train(change)
    expected = training.train_cifar(SMALL | change, data=DATA, progress=False)
    assert history[-1]["loss"] == pytest.approx(expected[-1]["loss"], abs=1e-3)
    assert history[-1]["loss"] != pytest.approx(train({"seed": 7})[0][-1]["loss"], abs=1e-3)


@settings(max_examples=5)
@given(st.permutations(range(4)))
def test_the_order_of_the_networks_does_not_matter(order):
    """Each keeps its own curve, whoever stands beside it, also when one of them breaks."""
    changes = [{"lr": 0.001}, EXPLOSIVE, {"seed": 5, "weight_decay": 0.1}, {"momentum": 0.2}]
    same = {"l1": 3, "l2": 3, "train_size": 30, "valid_size": 10}
    straight, mixed = (
        population_of(*(same | changes[number] for number in numbers), order_seed=0) for numbers in (range(4), order)
    )
    for epoch in (1, 2):
        straight.run_epoch(epoch)
        mixed.run_epoch(epoch)
    for place, number in enumerate(order):
        np.testing.assert_allclose(numbers(mixed.histories[place]), numbers(straight.histories[number]), rtol=1e-9)
    assert straight.histories[1][-1]["diverged"]


@settings(max_examples=10)
@given(*(st.integers(low, high) for low, high in ((1, 4), (1, 3), (1, 3), (1, 5), (1, 5), (0, 2), (0, 2))))
def test_the_way_back_through_a_grouped_convolution(groups, inputs, outputs, height, width, more, pairs):
    """PyTorch's gradients, for all shapes with an even number of columns; two parts of a batch share the kernel."""
    draw = torch.Generator().manual_seed(0)
    shape = (2, groups * inputs, height + more, width + width % 2 + 2 * pairs)
    sizes = shape, (groups * outputs, inputs, height, width), (groups * outputs,)
    ours = [torch.randn(size, generator=draw, dtype=torch.float64).requires_grad_() for size in sizes]
    theirs = [tensor.detach().clone().requires_grad_() for tensor in ours]
    turned = []
    outcome = torch.cat([GroupedConvolution.apply(part, *ours[1:], groups, turned) for part in ours[0].split(1)])
    expected = torch.nn.functional.conv2d(*theirs, groups=groups)
    weights = torch.randn(expected.shape, generator=draw, dtype=torch.float64)
    (outcome * weights).sum().backward()
    (expected * weights).sum().backward()
    assert len(turned) == 1
    for one, two in zip(
        (outcome, *(tensor.grad for tensor in ours)), (expected, *(tensor.grad for tensor in theirs)), strict=True
    ):
        torch.testing.assert_close(one, two)


# -- divergence --------------------------------------------------------------------------------------------------------
def test_a_network_that_breaks_disturbs_no_other():
    """It ends with the large, finite loss; the others' curves are those of a population without it."""
    good = [{"lr": 0.001}, {"lr": 0.01, "seed": 2}]
    mixed = population_of(EXPLOSIVE, good[0], EXPLOSIVE | {"seed": 9}, good[1], order_seed=0)
    clean = population_of(*good, order_seed=0)
    for epoch in range(1, 5):
        mixed.run_epoch(epoch)
        clean.run_epoch(epoch)
    for number in (0, 2):
        last = mixed.histories[number][-1]
        assert last["diverged"] and last["loss"] == DIVERGED_LOSS and last["accuracy"] == 0
        assert len(mixed.histories[number]) < 4 and math.isfinite(last["train_loss"])
    for ours, theirs in zip((1, 3), (0, 1), strict=True):
        for one, two in zip(mixed.histories[ours], clean.histories[theirs], strict=True):
            assert one["loss"] == pytest.approx(two["loss"], abs=1e-9) and not one["diverged"]
    assert mixed.networks == [1, 3]
    with pytest.raises(ValueError, match="network 0 has diverged"):
        mixed.network(0)


def test_when_all_break_the_training_ends_at_once():
    """No epoch is spent on nothing, and the table of trials counts them as diverged."""
    histories = train(EXPLOSIVE, EXPLOSIVE | {"seed": 1})
    trials = Trials.from_records(
        {"trial": str(number), "config": {}, "history": history} for number, history in enumerate(histories)
    )
    assert all(trial.diverged and trial.budget == len(trial.history) for trial in trials)


@pytest.mark.parametrize("broken", [math.nan, math.inf, 1e30])
def test_broken_weights_stay_in_their_network(broken):
    """Whatever a network holds, the logits of its neighbours are the same, bit for bit."""
    population = population_of({}, {"seed": 1}, {"seed": 2}, dtype=torch.float32)
    images = torch.randn(5, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    before = population.forward(images)
    with torch.no_grad():
        for weight in population.weights:
            weight[1] = broken
    after = population.forward(images)
    assert torch.equal(before[[0, 2]], after[[0, 2]]) and not torch.equal(before[1], after[1])


# -- going on ----------------------------------------------------------------------------------------------------------
def test_an_interrupted_training_goes_on_as_if_it_had_not_been(tmp_path):
    """Bit for bit, through a file, with one network that has left in between."""
    changes, file = [{"lr": 0.001}, EXPLOSIVE, {"lr": 0.01}], tmp_path / "checkpoint"
    whole, first, second = (population_of(*changes, dtype=torch.float32) for _ in range(3))
    for epoch in (1, 2, 3):
        whole.run_epoch(epoch)
    first.run_epoch(1)
    first.run_epoch(2)
    checkpoint.save(file, first.state())
    second.restore(checkpoint.load(file))
    second.run_epoch(3)
    assert second.networks == whole.networks == [0, 2] and second.histories == whole.histories
    for ours, theirs in zip(second.weights, whole.weights, strict=True):
        assert torch.equal(ours, theirs)
    with pytest.raises(ValueError, match="other settings"):
        population_of({"lr": 0.5}).restore(checkpoint.load(file))


# -- errors ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("l1", (3, 4)),
        ("batch_size", (4, 8)),
        ("split_seed", (0, 1)),
        ("train_size", (None, 10)),
        ("epochs", (1, 2)),
        ("augment", (True, False)),
    ],
)
def test_what_must_be_equal_is_named(key, values, monkeypatch):
    """Before anything trains."""
    monkeypatch.setattr(together.Population, "run_epoch", lambda *_: pytest.fail("trained"))
    with pytest.raises(ValueError, match=f"'{key}' is {values[0]!r} in one configuration and {values[1]!r} in another"):
        train(*({key: value} for value in values))


def test_other_mistakes_are_named():
    """None at all, one not allowed, one that cannot be trained in a group."""
    with pytest.raises(ValueError, match="no configuration"):
        train()
    with pytest.raises(ValueError, match="'lr' is -1"):
        train({}, {"lr": -1})
    with pytest.raises(ValueError, match=r"'adam'.*train_cifar"):
        train({"optimizer": "adam"})


def test_global_generators_and_threads_are_left_alone():
    """As `train_cifar` leaves them."""
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    train({"seed": 5, "epochs": 1})
    assert torch.equal(torch.get_rng_state(), before) and torch.get_num_threads() == threads
