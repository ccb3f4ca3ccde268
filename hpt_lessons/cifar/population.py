"""Why train one network after the other? Networks of one shape, trained together as if they were one.

A small network leaves a processor idle most of the time: reading a batch, starting an operation and waiting for memory
cost more than its arithmetic. Here each layer of all networks is a single operation. The first convolution, which sees
the same pictures for all of them, simply has n times as many channels; every later convolution has n groups that do not
see each other (grouped convolutions are those of Krizhevsky, Sutskever & Hinton 2012, NeurIPS, section 3.5); batch
normalisation looks at each channel alone as it is; every fully connected layer is a batch of matrix products. Nothing
flows from one network to another, so each takes exactly the steps that it would take alone. What they share is the
batches: for another order of the pictures, train another population.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hpt_lessons.cifar.config import Settings, read_config
from hpt_lessons.cifar.data import Data, load_data
from hpt_lessons.cifar.feed import Feed
from hpt_lessons.cifar.grouped import GroupedConvolution, Linear
from hpt_lessons.cifar.models import Residual
from hpt_lessons.cifar.training import (
    EVALUATION_BATCH,
    choose_device,
    entry,
    feeds,
    layer_factors,
    layers_of,
    learning_rate,
    seeded_model,
    use_threads,
)
from hpt_lessons.progress import Progress
from hpt_lessons.trials import DIVERGED_LOSS

# What each network may have for itself; all else is the same for all, because they share layers and batches.
OWN = ("lr", "momentum", "weight_decay", "schedule", "layer_factor", "seed")
# Pictures that go through the convolutions at once: on a CPU so few that what lies between layers stays in the cache.
AT_ONCE = {"cpu": 16}
AT_ONCE_ELSEWHERE = 1024


def train_population(
    configs: Sequence[Mapping[str, Any]],
    data_dir: str | Path | None = None,
    *,
    data: Data | None = None,
    order_seed: int | None = None,
    device: str | None = None,
    progress: bool = True,
) -> list[list[dict[str, Any]]]:
    """Train many networks at once and score them on the validation pictures after every epoch.

    `configs` are configurations as for `train_cifar`; they may differ in `OWN`: learning rate, momentum, weight decay,
    schedule, layer-wise factors and seed. The pictures come in the order that a single training with the seed
    `order_seed` would draw (that of the first configuration unless it is given). So networks with this seed go through
    what `train_cifar` would put them through, but for rounding: float32 numbers are added up in another order.

    Returns a history for each configuration, one dict an epoch, with the keys of `train_cifar` but without `seconds`,
    for the networks share them. A network that diverges gets the loss 1e6 and accuracy 0, ends there, and leaves the
    others alone.

    Raises ValueError if there is no configuration, one is not allowed, or they differ in something else.
    """
    settings = read_configs(configs)
    data = data if data is not None else load_data(data_dir)
    with use_threads(settings[0].threads):
        population = Population(settings, data, choose_device(device), order_seed=order_seed)
        with Progress(settings[0].epochs, f"{len(settings)} networks", unit="epoch", enabled=progress) as bar:
            for epoch in range(1, settings[0].epochs + 1):
                population.run_epoch(epoch)
                bar.set(epoch)
    return population.histories


def read_configs(configs: Sequence[Mapping[str, Any]]) -> list[Settings]:
    """The configurations, checked one by one and against each other; errors as `train_population` says."""
    settings = [read_config(config) for config in configs]
    if not settings:
        raise ValueError("population: there is no configuration; give a list with at least one.")
    for other in settings[1:]:
        for key in vars(other).keys() - set(OWN):
            here, there = getattr(settings[0], key), getattr(other, key)
            if here != there:
                raise ValueError(
                    f"population: {key!r} is {here!r} in one configuration and {there!r} in another. "
                    f"Networks trained together may differ in {', '.join(OWN)}; train one population "
                    f"for each {key!r}."
                )
    if settings[0].optimizer != "sgd":
        raise ValueError(
            f"population: networks with optimizer {settings[0].optimizer!r} cannot be trained together; "
            "expected 'sgd'. Train each alone with train_cifar."
        )
    return settings


class Population:
    """Networks of one shape in training. `histories` has a list for each of `settings`, diverged ones included.

    `networks` are the places in `settings` of those still in training, in the order in which they lie in the tensors:
    the first axis of each is the network. `dtype` may be float64, for comparisons.
    """

    def __init__(
        self,
        settings: Sequence[Settings],
        data: Data,
        device: torch.device,
        *,
        order_seed: int | None = None,
        dtype: torch.dtype = torch.float32,
    ):
        self.settings, self.data, self.device, self.dtype = list(settings), data, device, dtype
        self.order_seed = settings[0].seed if order_seed is None else order_seed
        # Linux's allocator hands each large block back to the system, which then clears it anew in every layer, a tenth
        # of the time, until it has once seen a block of this size come and go. (Not a byte of it is touched.)
        torch.empty(31 * 2**20, dtype=torch.uint8)
        self.at_once = AT_ONCE.get(device.type, AT_ONCE_ELSEWHERE)
        self.train, self.valid, self.scored = feeds(settings[0], data, device)
        self.histories: list[list[dict[str, Any]]] = [[] for _ in settings]
        self.networks = list(range(len(settings)))
        self._stack_models([seeded_model(one, len(data.classes)) for one in settings])

    def _stack_models(self, models: Sequence[nn.Module]) -> None:
        """One tensor of each kind for all networks, and what their layers are."""
        self.model, layers = models[0], layers_of(models[0])  # for its layers, not for its weights
        places = {id(weight): place for place, layer in enumerate(layers) for weight in layer}
        self.layer = [places[id(weight)] for weight in self.model.parameters()]
        self.factors = [layer_factors(one.layer_factor, len(layers)) for one in self.settings]
        stacks = map(_stack, zip(*(model.parameters() for model in models), strict=True))
        self.weights = [stack.to(self.device, self.dtype).requires_grad_() for stack in stacks]
        self.velocities = [torch.zeros_like(weight) for weight in self.weights]
        self.running = [
            torch.stack([own] * len(models)).to(self.device, self.dtype) for own in _running_numbers(self.model)
        ]
        if self.running:  # the statistics of batch normalisation are those of the whole batch
            self.at_once = sys.maxsize

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (b, 3, 32, 32), the same for all, to logits (networks, b, classes)."""
        self.turned: dict[nn.Module, list[Tensor]] = {}  # for `GroupedConvolution`: the weights are new ones
        some = pictures.to(self.dtype).split(self.at_once)
        # Matrix products want the whole batch, convolutions what fits into the cache.
        return self._head(torch.cat([self._features(part) for part in some], dim=1).flatten(2))

    def _features(self, pictures: Tensor) -> Tensor:
        """All before the fully connected layers: pictures (b, 3, 32, 32) to (networks, b, channels, height, width)."""
        if not len(self.model.features):
            return pictures.expand(len(self.networks), *pictures.shape)
        values = self._through(self.model.features, pictures, iter(self.weights), iter(self.running))
        return values.unflatten(1, (len(self.networks), -1)).transpose(0, 1)

    def _through(
        self, layers: nn.Sequential, values: Tensor, weights: Iterator[Tensor], running: Iterator[Tensor]
    ) -> Tensor:
        """Channels of all networks (b, networks x channels, height, width), or the pictures, through some layers."""
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                bias = layer.bias is not None
                values = self._convolution(layer, values, next(weights), next(weights) if bias else None)
            elif isinstance(layer, nn.BatchNorm2d):
                values = functional.batch_norm(
                    values,
                    next(running).view(-1),
                    next(running).view(-1),
                    next(weights).flatten(),
                    next(weights).flatten(),
                    torch.is_grad_enabled(),
                    layer.momentum,
                    layer.eps,
                )
            elif isinstance(layer, Residual):
                values = torch.relu(values + self._through(layer.block, values, weights, running))
            elif isinstance(layer, nn.Sequential):
                values = self._through(layer, values, weights, running)
            else:
                values = layer(values)
        return values

    def _convolution(self, layer: nn.Conv2d, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        weight, bias = weight.flatten(0, 1), None if bias is None else bias.flatten()
        groups = values.shape[1] // layer.in_channels  # 1 for the pictures, then one for each network
        plain = bias is not None and layer.padding == (0, 0) and values.shape[3] % 2 == 0
        if plain and groups > 1 and self.device.type == "cpu" and len(values) >= AT_ONCE["cpu"]:  # for fewer no gain
            return GroupedConvolution.apply(values, weight, bias, groups, self.turned.setdefault(layer, []))
        return functional.conv2d(values, weight, bias, padding=layer.padding, groups=groups)

    def _head(self, values: Tensor) -> Tensor:
        """The fully connected layers: (networks, b, features) to (networks, b, classes)."""
        weights = iter(self.weights[len(list(self.model.features.parameters())) :])
        for layer in self.model.head:
            if isinstance(layer, nn.Linear):
                weight, bias = next(weights), next(weights)
                values = Linear.apply(values, weight, bias)
            else:
                values = layer(values)
        return values

    def run_epoch(self, epoch: int) -> None:
        """Train and validate all networks for one epoch and write down what came of each."""
        if not self.networks:
            return
        train_loss = self.train_epoch(epoch)
        # Broken networks take part until the epoch ends: each reaches its own numbers only.
        loss, accuracy = self.score(self.valid)
        valid = list(zip(loss.tolist(), accuracy.tolist(), strict=True))
        scored = [None] * len(valid)
        if self.scored is not None:
            scored = list(zip(*(numbers.tolist() for numbers in self.score(self.scored)), strict=True))
        for network, *numbers in zip(self.networks, train_loss.tolist(), valid, scored, strict=True):
            said = entry(self.settings[network], epoch, *numbers)
            self.histories[network].append(said | {"data": self.data.name})
        self.keep((train_loss < DIVERGED_LOSS) & (loss < DIVERGED_LOSS))

    def train_epoch(self, epoch: int) -> np.ndarray:
        """One pass over the training pictures; for each network the mean loss over them, not finite if it diverged."""
        rng = np.random.default_rng([self.order_seed, epoch])
        order = rng.permutation(len(self.train))
        augment = rng if self.settings[0].augment else None
        own = self._own_numbers(epoch)
        losses = []
        for images, labels in self.train.batches(self.settings[0].batch_size, order, augment):
            for weight in self.weights:
                weight.grad = None
            sums = _cross_entropy(self.forward(images), labels).sum(1)
            # The gradient of a sum over networks is, for each network, the gradient of its own loss.
            (sums.sum() / len(labels)).backward()
            losses.append(sums.detach())
            self._step(*own)
        return _total(losses) / len(self.train)

    def score(self, feed: Feed) -> tuple[np.ndarray, np.ndarray]:
        """For each network in training the mean loss over the pictures, and the share that it classifies correctly."""
        losses, hits = [], []
        with torch.inference_mode():
            for images, labels in feed.batches(EVALUATION_BATCH):
                logits = self.forward(images)
                losses.append(_cross_entropy(logits, labels).sum(1))
                hits.append((logits.argmax(2) == labels).sum(1))
        return _total(losses) / len(feed), _total(hits) / len(feed)

    def constant(self) -> np.ndarray:
        """For each network in training whether it gives the same answer to every validation picture."""
        lowest, highest = None, None
        with torch.inference_mode():
            for images, _ in self.valid.batches(EVALUATION_BATCH):
                logits = self.forward(images)
                low, high = logits.amin(1), logits.amax(1)
                lowest = low if lowest is None else torch.minimum(lowest, low)
                highest = high if highest is None else torch.maximum(highest, high)
        assert highest is not None and lowest is not None, "there are always validation pictures"
        return torch.eq(highest, lowest).all(1).cpu().numpy()

    def keep(self, which: np.ndarray) -> None:
        """Go on with some of the networks only: `which` is True or False for each one in training."""
        if all(which):
            return
        self.networks = [network for network, stays in zip(self.networks, which, strict=True) if stays]
        chosen = torch.from_numpy(np.flatnonzero(which)).to(self.device)
        self.velocities = [_chosen(velocity, chosen) for velocity in self.velocities]
        self.weights = [_chosen(weight.detach(), chosen).requires_grad_() for weight in self.weights]
        self.running = [_chosen(numbers, chosen) for numbers in self.running]

    def network(self, which: int) -> nn.Module:
        """A copy of one network, by its place in `settings`, to be used alone.

        Raises ValueError if it has diverged: nothing is kept of such a network.
        """
        if which not in self.networks:
            raise ValueError(f"population: network {which} has diverged or does not exist; there are {self.networks}.")
        model = seeded_model(self.settings[which], len(self.data.classes)).to(self.device, self.dtype)
        with torch.no_grad():
            for own, stack in zip(model.parameters(), self.weights, strict=True):
                values = stack[self.networks.index(which)]
                own.copy_(values.reshape(own.shape))
            for own, stack in zip(_running_numbers(model), self.running, strict=True):
                own.copy_(stack[self.networks.index(which)])
        return model

    def state(self) -> dict[str, Any]:
        """What `checkpoint.save` can write, to go on from later: tensors are not copied."""
        return {
            "settings": [asdict(one) for one in self.settings],
            "data": self.data.name,
            "order": self.order_seed,
            "networks": self.networks,
            "history": self.histories,
            "model": [weight.detach() for weight in self.weights],
            "optimizer": self.velocities,
            "running": self.running,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave; ValueError if it belongs to other configurations, pictures or another order."""
        ours = self.state()
        for key in ("settings", "data", "order"):
            if ours[key] != state[key]:
                raise ValueError(f"population: the checkpoint has other {key}. Give this training a file of its own.")
        self.keep(np.isin(self.networks, state["networks"]))
        self.histories = [list(history) for history in state["history"]]
        with torch.no_grad():
            for own, saved in zip(
                [*self.weights, *self.velocities, *self.running],
                [*state["model"], *state["optimizer"], *state.get("running", [])],
                strict=True,
            ):
                own.copy_(saved)

    def _own_numbers(self, epoch: int) -> tuple[list[Tensor], Tensor, Tensor | None]:
        """Learning rate (one tensor for each layer), momentum and weight decay (None if all are 0) of each network."""
        mine = [self.settings[network] for network in self.networks]
        by_layer = [
            [learning_rate(one, epoch) * factor for factor in self.factors[network]]
            for one, network in zip(mine, self.networks, strict=True)
        ]
        numbers = [by_layer, [one.momentum for one in mine], [one.weight_decay for one in mine]]
        rates, momentum, decay = (torch.tensor(value, dtype=self.dtype, device=self.device) for value in numbers)
        return list(rates.unbind(1)), momentum, decay if decay.any() else None

    @torch.no_grad()
    def _step(self, rates: list[Tensor], momentum: Tensor, decay: Tensor | None) -> None:
        """As `sgd.SGD`, for all networks: v becomes momentum v + g, w becomes w - lr v; weight decay is added to g."""
        for place, (weight, velocity) in enumerate(zip(self.weights, self.velocities, strict=True)):
            gradient = weight.grad
            if decay is not None:
                gradient = torch.addcmul(gradient, _along(decay, weight), weight)
            torch.addcmul(gradient, velocity, _along(momentum, weight), out=velocity)
            weight.addcmul_(velocity, _along(rates[self.layer[place]], weight), value=-1)


def _running_numbers(model: nn.Module) -> list[Tensor]:
    """What batch normalisation remembers for validation: for each of its layers means and variances."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    return [own for norm in norms for own in (norm.running_mean, norm.running_var)]


def _stack(parameters: Sequence[Tensor]) -> Tensor:
    """One parameter of all networks: convolutions with channels last, biases as rows."""
    stack = torch.stack([parameter.detach() for parameter in parameters])
    if stack.dim() == 5:
        return stack.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
    return stack if stack.dim() == 3 else stack.unsqueeze(1)


def _chosen(stack: Tensor, chosen: Tensor) -> Tensor:
    """Some networks of a stack, in the same memory order."""
    return torch.empty_like(stack[: len(chosen)]).copy_(stack[chosen])


def _along(numbers: Tensor, stack: Tensor) -> Tensor:
    """One number for each network, in the shape that multiplies a stack."""
    return numbers.view(-1, *[1] * (stack.dim() - 1))


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The loss of each network on each picture, (networks, b)."""
    flat = functional.cross_entropy(logits.flatten(0, 1), labels.repeat(len(logits)), reduction="none")
    return flat.view(logits.shape[:2])


def _total(parts: Sequence[Tensor]) -> np.ndarray:
    """The sum over batches for each network, in float64."""
    return torch.stack(list(parts)).cpu().double().sum(0).numpy()
