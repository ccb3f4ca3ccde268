"""How is one configuration trained and scored? `train_cifar`, the one function that every search calls."""

import contextlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hpt_lessons.cifar import report
from hpt_lessons.cifar.config import Settings, defaults, read_config
from hpt_lessons.cifar.data import Data, load_data, open_data
from hpt_lessons.cifar.feed import Feed
from hpt_lessons.cifar.models import build_model
from hpt_lessons.cifar.report import Reporter
from hpt_lessons.cifar.sgd import SGD
from hpt_lessons.trials import DIVERGED_LOSS

EVALUATION_BATCH = 250
LOOK_EVERY = 256
TINY_BATCH = 4
DEFAULTS = defaults()  # what a checkpoint means that was written before a hyperparameter existed


def train_cifar(
    config: Mapping[str, Any],
    data_dir: str | Path | None = None,
    *,
    data: Data | None = None,
    checkpoint: str | Path | None = None,
    device: str | None = None,
    progress: bool = True,
) -> list[dict[str, Any]] | None:
    """Train one network and score it on the validation pictures after every epoch.

    `config` holds `l1` and `l2` (units of the two hidden layers), `lr` and `batch_size`, and whatever else of
    `hpt_lessons.cifar.config.RULES` is to differ from its default. The pictures are `data`, or those that
    `load_data(data_dir)` has prepared. With a `checkpoint` file the training goes on where it was interrupted, and
    ends with the same numbers, bit for bit on a CPU, as if it had not been.

    Called plainly it returns the history, one dict an epoch: `loss` (mean over the validation pictures, in nats),
    `accuracy` (0 to 1), `train_loss`, `lr`, `seconds`, `epoch`, `diverged`, and the name of the `data`; with a
    `score_size` also `score_loss` and `score_accuracy` on so many pictures more (`Data.score_half`). Inside a Ray
    Tune trial it reports each of them instead, with a checkpoint. A training that diverges reports the large, finite
    loss 1e6 with accuracy 0 and ends. A configuration that is not allowed, or a checkpoint of another training, is a
    ValueError before anything trains.
    """
    settings = read_config(config)
    data = data if data is not None else _find_data(data_dir)
    with use_threads(settings.threads):
        training = Training(settings, data, choose_device(device))
        reporter = Reporter(training, checkpoint, progress)
        reporter.resume()
        while training.goes_on:
            training.next_epoch()
            reporter.finished_epoch()
        return reporter.history()


def epochs_of_cifar(
    config: Mapping[str, Any],
    *,
    data: Data,
    checkpoint: str | Path | None = None,
    device: str | None = None,
) -> Iterator[dict[str, Any]]:
    """The same training, an epoch each time that the next result is asked for: whoever asks can stop asking.

    Results that the `checkpoint` holds come first. ValueError as in `train_cifar`, with the first result.
    """
    settings = read_config(config)
    training = Training(settings, data, choose_device(device))
    reporter = Reporter(training, checkpoint, progress=False)
    reporter.resume()
    yield from training.history
    while training.goes_on:
        with use_threads(settings.threads):
            training.next_epoch()
        reporter.finished_epoch()
        yield training.history[-1]


class Training:
    """A network in training: what a checkpoint must hold, and the two things one can do with it."""

    def __init__(self, settings: Settings, data: Data, device: torch.device):
        self.settings, self.data_name, self.device = settings, data.name, device
        self.train, self.valid, self.scored = feeds(settings, data, device)
        # PyTorch's own convolutions are faster than oneDNN's for tiny batches, if channels do not come last.
        self.tiny = device.type == "cpu" and settings.model == "cifar" and settings.batch_size <= TINY_BATCH
        self.layout = torch.contiguous_format if self.tiny else torch.channels_last
        self.model = seeded_model(settings, len(data.classes)).to(device, memory_format=self.layout)
        self.optimizer = make_optimizer(self.model, settings, device)
        self.history: list[dict[str, Any]] = []

    @property
    def diverged(self) -> bool:
        return bool(self.history) and self.history[-1]["diverged"]

    @property
    def goes_on(self) -> bool:
        """Whether there is an epoch left to train."""
        return not self.diverged and len(self.history) < self.settings.epochs

    def next_epoch(self) -> None:
        """Train one epoch more, score the network and add both to the history."""
        begin, epoch = time.perf_counter(), len(self.history) + 1
        train_loss = self.train_epoch(epoch)
        loss, accuracy = self.validate() if train_loss < DIVERGED_LOSS else (math.inf, 0.0)
        scored = self.score_half() if train_loss < DIVERGED_LOSS and self.scored is not None else None
        self.record(epoch, train_loss, loss, accuracy, time.perf_counter() - begin, scored)

    def train_epoch(self, epoch: int) -> float:
        """One pass over the training pictures; the mean loss over them, or infinity as soon as it is not finite."""
        # Order and augmentation depend on (seed, epoch) alone, so a resumed training draws the same ones.
        rng = np.random.default_rng([self.settings.seed, epoch])
        order = rng.permutation(len(self.train))
        batches = self.train.batches(self.settings.batch_size, order, rng if self.settings.augment else None)
        set_learning_rates(self.optimizer, self.settings, epoch)
        self.model.train()
        losses, counts = [], []
        with _onednn(not self.tiny):
            for step, (images, labels) in enumerate(batches):
                self.optimizer.zero_grad()
                loss = functional.cross_entropy(self.model(images.contiguous(memory_format=self.layout)), labels)
                loss.backward()
                self.optimizer.step()
                losses.append(loss.detach())
                counts.append(len(labels))
                # Reading the number waits for the device: now and then is enough to notice a divergence.
                if step % LOOK_EVERY == 0 and not math.isfinite(loss.item()):
                    return math.inf
        return mean_over_pictures(losses, counts)

    def validate(self) -> tuple[float, float]:
        """Mean loss over the validation pictures (not over batches), infinity if it is not finite, and accuracy."""
        correct, loss = score(self.model, self.valid)
        return loss, correct / len(self.valid)

    def score_half(self) -> tuple[float, float]:
        """The same on the pictures that serve neither for training nor for choosing."""
        correct, loss = score(self.model, self.scored)
        return loss, correct / len(self.scored)

    def record(
        self,
        epoch: int,
        train_loss: float,
        loss: float,
        accuracy: float,
        seconds: float,
        scored: tuple[float, float] | None = None,
    ) -> None:
        """Add an epoch to the history; what is no loss any more becomes the large, finite one that never wins."""
        scored = None if self.scored is None else scored or (math.inf, 0.0)
        said = entry(self.settings, epoch, train_loss, (loss, accuracy), scored)
        self.history.append(said | {"seconds": seconds, "data": self.data_name})

    def state(self) -> dict[str, Any]:
        return {
            "settings": asdict(self.settings),
            "data": self.data_name,
            "history": self.history,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a checkpoint's weights, optimizer and history; an error if it belongs to another training."""
        ours, theirs = asdict(self.settings) | {"data": self.data_name}, dict(state["settings"], data=state["data"])
        # More epochs continue the same training, unless the schedule is stretched over them; so do other threads.
        harmless = {"threads", "epochs"} if self.settings.schedule == "constant" else {"threads"}
        other = {key for key in ours if ours[key] != theirs.get(key, DEFAULTS.get(key))} - harmless
        if other:
            key = sorted(other)[0]
            raise ValueError(
                f"checkpoint: it belongs to a training with {key} = {theirs.get(key)!r}, and this one has "
                f"{ours[key]!r}. Give the new training a checkpoint file of its own."
            )
        finished = len(state["history"])
        if finished > self.settings.epochs:
            raise ValueError(
                f"checkpoint: it holds {finished} epochs, and this training has epochs = "
                f"{self.settings.epochs}. Ask for at least {finished}, or give the shorter training a "
                "checkpoint file of its own."
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history = list(state["history"])


def feeds(settings: Settings, data: Data, device: torch.device) -> tuple[Feed, Feed, Feed | None]:
    """The pictures to train on, to validate on, and to score on (None without a score half)."""
    split, size = settings.split_seed, settings.score_size
    train, valid = data.split(split, settings.train_size, settings.valid_size, size)

    def feed(indices: np.ndarray, labels: np.ndarray) -> Feed:
        return Feed(data.images, labels, indices, data.mean, data.std, device)

    scored = feed(data.score_half(split, size), data.labels) if size else None
    return feed(train, labels_for(settings, data, train)), feed(valid, data.labels), scored


def entry(
    settings: Settings,
    epoch: int,
    train_loss: float,
    valid: tuple[float, float],
    scored: tuple[float, float] | None,
) -> dict[str, Any]:
    """What a history says of an epoch, from the losses and accuracies; of a diverged one large, finite losses."""
    sound = train_loss < DIVERGED_LOSS and valid[0] < DIVERGED_LOSS  # a NaN is not
    said = {
        "epoch": epoch,
        "loss": valid[0] if sound else DIVERGED_LOSS,
        "accuracy": valid[1] if sound else 0.0,
        "train_loss": train_loss if train_loss < DIVERGED_LOSS else DIVERGED_LOSS,
        "lr": learning_rate(settings, epoch),
        "diverged": not sound,
    }
    if scored is not None:
        sound = sound and scored[0] < DIVERGED_LOSS
        said |= {"score_loss": scored[0] if sound else DIVERGED_LOSS, "score_accuracy": scored[1] if sound else 0.0}
    return said


def labels_for(settings: Settings, data: Data, train: np.ndarray) -> np.ndarray:
    """The labels to learn from, a share of them wrong if the configuration says so: drawn from the split's seed.

    A wrong label is one of the other classes, all equally likely; every trial with this split sees the same ones.
    """
    if not settings.wrong_labels:
        return data.labels
    rng = np.random.default_rng([settings.split_seed, len(train)])
    chosen = rng.permutation(train)[: round(settings.wrong_labels * len(train))]
    labels, classes = np.array(data.labels), len(data.classes)
    labels[chosen] = (labels[chosen] + rng.integers(1, classes, len(chosen))) % classes
    return labels


def seeded_model(settings: Settings, classes: int) -> nn.Module:
    """The network with weights drawn from the seed; PyTorch's global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would seed the GPUs' generators as well, and nothing puts those back.
        torch.default_generator.manual_seed(settings.seed)
        return build_model(asdict(settings), classes)


def make_optimizer(model: nn.Module, settings: Settings, device: torch.device) -> SGD | torch.optim.Optimizer:
    """SGD with momentum, Adam or AdamW, with one parameter group for all layers of the same factor."""
    layers = layers_of(model)
    by_factor: dict[float, list[nn.Parameter]] = {}
    for parameters, factor in zip(layers, layer_factors(settings.layer_factor, len(layers)), strict=True):
        by_factor.setdefault(factor, []).extend(parameters)
    groups = [
        {"params": parameters, "factor": factor, "lr": settings.lr * factor} for factor, parameters in by_factor.items()
    ]
    options = {"weight_decay": settings.weight_decay, "fused": device.type in ("cpu", "cuda")}
    if settings.optimizer == "sgd":
        return SGD(groups, settings.momentum, **options)
    kind = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.AdamW
    return kind(groups, lr=settings.lr, betas=(settings.momentum, 0.999), **options)


def layers_of(model: nn.Module) -> list[list[nn.Parameter]]:
    """The parameters layer by layer, from input to output; a normalisation belongs to the layer before it."""
    layers: list[list[nn.Parameter]] = []
    for module in model.modules():
        own = list(module.parameters(recurse=False))
        if own and own[0].dim() > 1:
            layers.append(own)
        elif own:
            layers[-1].extend(own)
    return layers


def layer_factors(factor: float | tuple[float, ...], layers: int) -> list[float]:
    """The factor on the learning rate of each layer: given one by one, or shrinking by `factor` towards the input.

    >>> layer_factors(0.5, 3)
    [0.25, 0.5, 1.0]
    """
    if isinstance(factor, tuple):
        if len(factor) != layers:
            raise ValueError(
                f"configuration: 'layer_factor' lists {len(factor)} factors, and this network has "
                f"{layers} layers with weights. Give one factor for each, from input to output."
            )
        return list(factor)
    return [factor ** (layers - 1 - layer) for layer in range(layers)]


def learning_rate(settings: Settings, epoch: int) -> float:
    """The learning rate of an epoch (counted from 1): constant, half a cosine, or divided by ten at 50 and 75 %."""
    done = (epoch - 1) / settings.epochs
    if settings.schedule == "cosine":
        return settings.lr * 0.5 * (1 + math.cos(math.pi * done))
    if settings.schedule == "step":
        return settings.lr * (0.1 if done >= 0.5 else 1.0) * (0.1 if done >= 0.75 else 1.0)
    return settings.lr


def set_learning_rates(optimizer: SGD | torch.optim.Optimizer, settings: Settings, epoch: int) -> None:
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(settings, epoch) * group["factor"]


def score(model: nn.Module, feed: Feed) -> tuple[int, float]:
    """How many pictures are classified correctly, and the mean loss over them in nats, infinity if not finite."""
    model.eval()
    losses, hits, counts = [], [], []
    with torch.inference_mode():
        for images, labels in feed.batches(EVALUATION_BATCH):
            output = model(images)
            losses.append(functional.cross_entropy(output, labels))
            hits.append((output.argmax(1) == labels).sum())
            counts.append(len(labels))
    return int(torch.stack(hits).sum()), mean_over_pictures(losses, counts)


def mean_over_pictures(losses: Sequence[Tensor], counts: Sequence[int]) -> float:
    """The mean over all pictures, from the mean of each batch and its number of pictures; infinity if not finite.

    A plain mean of the batches' means would give the pictures of an incomplete last batch too much weight, and how much
    would depend on the batch size.
    """
    means = torch.stack(list(losses)).tolist()
    mean = math.fsum(loss * count for loss, count in zip(means, counts, strict=True)) / sum(counts)
    return mean if math.isfinite(mean) else math.inf


def _find_data(data_dir: str | Path | None) -> Data:
    # A trial obeys what was prepared before the search: ten trials must not start ten downloads.
    return open_data(data_dir) if report.in_tune_trial() else load_data(data_dir)


def choose_device(name: str | None) -> torch.device:
    """The named device; else a GPU if there is one (in a Tune trial: if the trial was given one), else the CPU."""
    if name is not None:
        try:
            return torch.device(name)
        except (RuntimeError, TypeError) as error:
            raise ValueError(f"device={name!r}: 'cpu', 'cuda', 'cuda:1' or 'mps' was expected.") from error
    if torch.cuda.is_available() and (not report.in_tune_trial() or report.trial_has_gpu()):
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


@contextlib.contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Compute with so many threads, then go back: two trials with two threads each on two cores run far slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def _onednn(enabled: bool) -> Iterator[None]:
    """Compute with or without oneDNN, then go back."""
    before = torch.backends.mkldnn.set_flags(_enabled=enabled)[0]
    try:
        yield
    finally:
        torch.backends.mkldnn.set_flags(_enabled=before)
