"""A training that was interrupted and resumed is the training that was not interrupted, to the last bit."""

import os
import pickle
import shutil
import stat
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.random_pictures import random_data
from hpt_lessons.cifar import checkpoint as checkpoints
from hpt_lessons.cifar import training
from hpt_lessons.cifar.data import Data
from hpt_lessons.cifar.feed import Feed

EPOCHS = 3
BASE = {"l1": 12, "l2": 8, "lr": 0.02, "batch_size": 16, "epochs": EPOCHS}
# 100 training pictures: 25 divides them, 7 and 16 do not.
CONFIGS = {
    "momentum": BASE,
    "adamw, cosine, augmented": BASE
    | {
        "optimizer": "adamw",
        "lr": 2e-3,
        "weight_decay": 0.01,
        "schedule": "cosine",
        "augment": True,
        "batch_size": 7,
        "seed": 3,
    },
    "batch norm, step": BASE | {"model": "wider", "schedule": "step", "batch_size": 25},
    "adam, layer-wise rates": BASE
    | {"optimizer": "adam", "lr": 2e-3, "layer_factor": 0.5, "train_size": 50, "batch_size": 7},
}


def train(config: dict, file: Path) -> tuple[list[dict], list[bytes]]:
    """Train to the end with the checkpoint `file`: the history, and what order the training pictures came in."""
    orders = []

    class Watched(Feed):
        def batches(self, batch_size, order=None, augment=None):
            if order is not None:
                orders.append(self.indices[order].tobytes())
            return super().batches(batch_size, order, augment)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "Feed", Watched)
        return training.train_cifar(config, data=random_data(), checkpoint=file, progress=False), orders


def go_on(folder: Path) -> dict[str, list[bytes]]:
    """In a process of its own: finish every training that lies here, with global generators in an odd state."""
    torch.manual_seed(99)
    np.random.seed(99)
    files = sorted(folder.glob("* after *"))
    return {file.name: train(CONFIGS[file.name.split(" after ")[0]], file)[1] for file in files}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The checkpoint of the plainest training, which nobody has interrupted."""
    file = tmp_path_factory.mktemp("whole") / "momentum"
    train(BASE, file)
    return file


@pytest.fixture(scope="module")
def trainings(tmp_path_factory):
    """Every configuration without interruption, and resumed after each epoch in a fresh process: files and orders."""
    folder = tmp_path_factory.mktemp("resume")
    keep, whole = checkpoints.save, {}
    for name, config in CONFIGS.items():

        def save_and_copy(path, state, name=name):
            keep(path, state)
            if len(state["history"]) < EPOCHS:
                shutil.copy(path, folder / f"{name} after {len(state['history'])}")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(checkpoints, "save", save_and_copy)
            whole[name] = train(config, folder / name)[1]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        resumed = fresh.submit(go_on, folder).result(timeout=300)
    return folder, whole, resumed


def without_seconds(value):
    return [{key: item for key, item in result.items() if key != "seconds"} for result in value]


def same(one, two) -> bool:
    """Equal in every bit, through dicts and lists."""
    if isinstance(one, torch.Tensor):
        return one.dtype == two.dtype and one.shape == two.shape and torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return type(one) is type(two) and one == two


@pytest.mark.slow
@pytest.mark.parametrize("epoch", range(1, EPOCHS))
@pytest.mark.parametrize("name", CONFIGS)
def test_resumed_equals_uninterrupted(trainings, name, epoch):
    """Weights, buffers of batch normalisation, optimizer, metrics and the order of pictures: nothing differs."""
    folder, whole, resumed = trainings
    one, two = checkpoints.load(folder / name), checkpoints.load(folder / f"{name} after {epoch}")
    assert [result["epoch"] for result in two["history"]] == list(range(1, EPOCHS + 1))
    assert same(one["model"], two["model"])
    assert same(one["optimizer"], two["optimizer"])
    assert same(without_seconds(one["history"]), without_seconds(two["history"]))
    assert resumed[f"{name} after {epoch}"] == whole[name][epoch:]


@pytest.mark.slow
def test_each_epoch_has_an_order_of_its_own(trainings):
    """The same order in every epoch would pass for exact resume, and train worse."""
    _, whole, _ = trainings
    assert all(len(set(orders)) == EPOCHS for orders in whole.values())


@pytest.fixture
def interrupted(tmp_path):
    """A checkpoint after the first epoch, as an interruption leaves it, in a folder of its own."""
    file = tmp_path / "momentum"
    train(BASE | {"epochs": 1}, file)
    return file


@pytest.mark.parametrize("part", [0, 0.01, 0.5, 0.99])
def test_a_kill_inside_a_checkpoint_write_costs_one_epoch(whole, interrupted, monkeypatch, part):
    """Whatever part of the new file was written, the old one is whole and the training goes on from it.

    What a kill that cannot be caught leaves half written is cleared away, and a file of somebody else's stays.
    """
    for name in (".momentum.4711.tmp", "momentum.tmp"):
        interrupted.with_name(name).write_bytes(b"half")

    def die_while_writing(state, file, write=torch.save):
        write(state, file)
        file.truncate(int(part * file.tell()))
        raise KeyboardInterrupt

    before = interrupted.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", die_while_writing)
        with pytest.raises(KeyboardInterrupt):
            train(BASE, interrupted)
    assert interrupted.read_bytes() == before
    train(BASE, interrupted)
    assert same(checkpoints.load(interrupted)["model"], checkpoints.load(whole)["model"])
    assert sorted(os.listdir(interrupted.parent)) == ["momentum", "momentum.tmp"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no sync of a folder and needs none")
def test_a_checkpoint_is_on_the_disk_before_it_replaces_the_old_one(interrupted, monkeypatch):
    """A power failure leaves the old file or the whole new one: contents are synced, then the name, then the folder."""
    before, synced, sync = interrupted.read_bytes(), [], os.fsync

    def watch(descriptor):
        state = os.fstat(descriptor)
        what = "folder" if stat.S_ISDIR(state.st_mode) else state.st_size
        synced.append((what, "old" if interrupted.read_bytes() == before else "new"))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    train(BASE | {"epochs": 2}, interrupted)
    assert synced == [(interrupted.stat().st_size, "old"), ("folder", "new")]


@pytest.mark.parametrize("part", [0, 0.001, 0.3, 0.7, 0.999])
def test_a_truncated_checkpoint_is_named(interrupted, part):
    """An error that says which file and what to do, not a training that starts anew without a word."""
    content = interrupted.read_bytes()
    interrupted.write_bytes(content[: int(part * len(content))])
    with pytest.raises(ValueError, match=r"checkpoint .*momentum: .*Delete this file"):
        train(BASE, interrupted)


def test_a_flipped_bit_is_noticed(interrupted):
    """Anywhere in the file: an error, or a place that does not matter. Never other weights."""
    content, state = interrupted.read_bytes(), checkpoints.load(interrupted)
    refused = 0
    for place in np.random.default_rng(0).integers(0, len(content), 60).tolist():
        interrupted.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
        try:
            assert same(checkpoints.load(interrupted), state)
        except ValueError as error:
            assert "momentum" in str(error)
            refused += 1
    assert refused > 20


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"lr": 0.03}, "lr"),
        ({"seed": 1}, "seed"),
        ({"model": "wider"}, "model"),
        ({"train_size": 50}, "train_size"),
        ({"split_seed": 1}, "split_seed"),
        ({"l1": 13}, "l1"),
        ({"schedule": "cosine"}, "epochs|schedule"),
    ],
)
def test_a_checkpoint_of_another_configuration_is_refused(interrupted, change, key):
    """The error names the hyperparameter that differs and both values."""
    with pytest.raises(ValueError, match=f"checkpoint: it belongs to a training with ({key}) ="):
        train(BASE | change, interrupted)


def test_a_checkpoint_of_other_data_is_refused(interrupted):
    """A network must not go on with other pictures under the same name of a trial."""
    data = random_data()
    other = Data("other pictures", data.classes, data.images, data.labels, data.mean, data.std)
    with pytest.raises(ValueError, match="data = 'random pictures'"):
        training.train_cifar(BASE, data=other, checkpoint=interrupted, progress=False)


@pytest.mark.parametrize("schedule", ["cosine", "step"])
def test_a_schedule_that_ends_is_not_stretched_over_more_epochs(tmp_path, schedule):
    """Its first epochs would have had other learning rates; only a constant one goes on as if it had always been so."""
    config = BASE | {"schedule": schedule, "epochs": 1}
    train(config, tmp_path / "checkpoint")
    with pytest.raises(ValueError, match="a training with epochs = 1, and this one has 2"):
        train(config | {"epochs": 2}, tmp_path / "checkpoint")


def test_a_checkpoint_with_more_epochs_than_asked_for_is_refused(interrupted):
    """Its network has had three epochs and would pass for one of two; the error names both numbers and the remedy."""
    train(BASE, interrupted)
    with pytest.raises(ValueError, match=r"holds 3 epochs, and this training has epochs = 2\. Ask for at least 3, or"):
        train(BASE | {"epochs": 2}, interrupted)


class Dangerous:
    """Unpickling it would create a folder."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


@pytest.mark.parametrize(
    "write", [torch.save, lambda state, path: path.write_bytes(pickle.dumps(state))], ids=["torch", "pickle"]
)
def test_code_in_a_checkpoint_is_not_run(tmp_path, write):
    """What comes from a file is data."""
    write({"version": 1, "history": Dangerous(tmp_path / "executed")}, tmp_path / "evil.pt")
    with pytest.raises(ValueError, match=r"checkpoint .*evil\.pt"):
        train(BASE, tmp_path / "evil.pt")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("state", [{"version": 1}, {"version": 2}, [1, 2], {}])
def test_a_file_of_another_kind_is_refused(tmp_path, state):
    """Readable, but no checkpoint of ours."""
    torch.save(state, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"other\.pt: not written by this version"):
        train(BASE, tmp_path / "other.pt")


def test_a_checkpoint_of_another_version_is_refused(interrupted):
    """All its parts are there, and may mean something else."""
    torch.save(checkpoints.load(interrupted) | {"version": 2}, interrupted)
    with pytest.raises(ValueError, match=r"momentum: not written by this version .*expected version 1"):
        train(BASE, interrupted)


def test_nothing_is_left_to_do_after_the_last_epoch(whole, tmp_path):
    """A finished training called again answers with its history and trains nothing."""
    shutil.copy(whole, tmp_path / "momentum")
    history, orders = train(BASE, tmp_path / "momentum")
    assert orders == [] and len(history) == EPOCHS
