"""How fast is `train_cifar`, beside the loop that everybody writes? Both in one run, in turns, on one core.

The other loop is a `DataLoader` over PIL pictures (converted and normalised one by one, shuffled, no workers), SGD
with momentum, and the loss read out after each step. Same network, same pictures, same batch sizes. Absolute speeds
move by a third from minute to minute on a shared machine, so each ratio is taken within a pair of neighbouring
measurements, and the median over the rounds stands with the smallest and the largest. Times are seconds of this
process's CPU.

The roofline: how many pictures a second the processor could do if it multiplied matrices all the time.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from hpt_lessons.cifar.config import UNTUNED, read_config
from hpt_lessons.cifar.data import Data
from hpt_lessons.cifar.models import CifarNet
from hpt_lessons.cifar.pictures import standin
from hpt_lessons.cifar.pictures.arrays import channel_statistics
from hpt_lessons.cifar.pictures.sources import STANDIN_NAME
from hpt_lessons.cifar.training import EVALUATION_BATCH, Training

# Batch size: pictures trained on per measurement, about a second of the plain loop.
PICTURES = {2: 600, 4: 1000, 8: 1600, 16: 2000, 64: 2560, 256: 3072}
VALIDATION_PICTURES = 2000
ROUNDS, QUICK_ROUNDS = 11, 3
MEAN_BOUND, EACH_BOUND, VALIDATION_BOUND = 1.8, 1.5, 5.0


@dataclass(frozen=True)
class Comparison:
    """Seconds of CPU of both loops in each round, for the same number of pictures."""

    batch_size: int
    pictures: int
    ours: list[float]
    plain: list[float]

    @property
    def ratios(self) -> list[float]:
        """How many times faster ours was, round by round."""
        return [plain / ours for plain, ours in zip(self.plain, self.ours, strict=True)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    def speed(self, seconds: list[float]) -> float:
        """Pictures per second of CPU, median over the rounds."""
        return self.pictures / statistics.median(seconds)


class PlainPictures(Dataset):
    """Pictures the way torchvision's CIFAR10 hands them out: a PIL image each, then the transforms."""

    def __init__(self, data: Data, indices: np.ndarray):
        self.images, self.labels = data.images[indices], data.labels[indices].tolist()
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(data.mean, data.std)])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


class PlainLoop:
    """Training and validation as tutorials write them."""

    def __init__(self, data: Data, train: np.ndarray, valid: np.ndarray, batch_size: int):
        self.model = CifarNet(UNTUNED["l1"], UNTUNED["l2"], len(data.classes))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=UNTUNED["lr"], momentum=0.9)
        self.criterion = nn.CrossEntropyLoss()
        self.train_loader = DataLoader(PlainPictures(data, train), batch_size, shuffle=True, num_workers=0)
        self.valid_loader = DataLoader(PlainPictures(data, valid), batch_size, shuffle=True, num_workers=0)

    def train(self) -> None:
        running_loss = 0.0
        for inputs, labels in self.train_loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(inputs), labels)
            loss.backward()
            self.optimizer.step()
            running_loss += loss.item()

    def validate(self) -> None:
        total, correct, loss = 0, 0, 0.0
        for inputs, labels in self.valid_loader:
            with torch.no_grad():
                outputs = self.model(inputs)
                predicted = outputs.argmax(1)
                total += labels.size(0)
                correct += (predicted == labels).sum().item()
                loss += self.criterion(outputs, labels).item()


def cpu_seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def in_turns(ours: Callable[[], object], plain: Callable[[], object], rounds: int) -> tuple[list[float], list[float]]:
    """CPU seconds of both, ours, plain, ours, plain, ...; the first pair warms up and does not count."""
    pairs = [(cpu_seconds(ours), cpu_seconds(plain)) for _ in range(rounds + 1)][1:]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def compare(data: Data, rounds: int) -> Iterator[tuple[Comparison, Comparison]]:
    """Training and validation, one batch size after the other."""
    for batch_size, pictures in PICTURES.items():
        settings = read_config(
            UNTUNED | {"batch_size": batch_size, "train_size": pictures, "valid_size": VALIDATION_PICTURES}
        )
        train, valid = data.split(settings.split_seed, settings.train_size, settings.valid_size)
        ours, plain = Training(settings, data, torch.device("cpu")), PlainLoop(data, train, valid, batch_size)
        epoch = partial(ours.train_epoch, 1)
        training = Comparison(batch_size, len(train), *in_turns(epoch, plain.train, rounds))
        valid_rounds = max(3, rounds // 2)
        validation = Comparison(batch_size, len(valid), *in_turns(ours.validate, plain.validate, valid_rounds))
        yield training, validation


def pictures_in_memory(count: int) -> Data:
    """The stand-in: speed does not depend on what is in the pictures, and this one is on every machine."""
    images, labels, _, _ = standin.generate(train=count, test=10)
    mean, std = channel_statistics(images)
    return Data(STANDIN_NAME, standin.CLASSES, images, labels, tuple(mean), tuple(std))


def operations(model: nn.Module) -> tuple[float, float]:
    """Floating-point operations per picture of the forward pass, and of a training step.

    Counted from the layers that multiply matrices, a multiplication and an addition being two operations. Backward
    costs the same twice, for the gradients of weights and of inputs; the pictures themselves need no gradient.
    """
    counts: list[float] = []

    def count(layer: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        counts.append(2.0 * layer.weight[0].numel() * output.numel())

    hooks = [
        module.register_forward_hook(count) for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    with torch.inference_mode():
        model(torch.zeros(1, 3, 32, 32))
    for hook in hooks:
        hook.remove()
    return sum(counts), 3 * sum(counts) - counts[0]


def matrix_speed(size: int = 1024, repeats: int = 12) -> float:
    """Floating-point operations per CPU second of a product of two square float32 matrices, best of `repeats`."""
    left, right = torch.randn(size, size), torch.randn(size, size)
    return 2 * size**3 / min(cpu_seconds(lambda: left @ right) for _ in range(repeats))


def processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def table(title: str, rows: Sequence[Comparison], ceiling: float) -> str:
    """A line a batch size: pictures per CPU second of both, the ratio with its spread, the share of the roofline."""
    lines = [title, f"{'batch':>5} {'ours':>9} {'plain':>9} {'ratio':>7} {'(min - max)':>15} {'of roofline':>12}"]
    for row in rows:
        ours, plain = row.speed(row.ours), row.speed(row.plain)
        spread = f"({min(row.ratios):.2f} - {max(row.ratios):.2f})"
        lines.append(
            f"{row.batch_size:>5} {ours:>9,.0f} {plain:>9,.0f} {row.ratio:>6.2f}x {spread:>15} {ours / ceiling:>11.1%}"
        )
    return "\n".join(lines)


def verdict(training: Sequence[Comparison], validation: Sequence[Comparison]) -> list[tuple[str, bool]]:
    """Each bound in words with the measured value, and whether it holds."""
    mean = statistics.geometric_mean(row.ratio for row in training)
    least, valid = min(row.ratio for row in training), statistics.geometric_mean(row.ratio for row in validation)
    return [
        (f"training, geometric mean: {mean:.2f}x, at least {MEAN_BOUND}x", mean >= MEAN_BOUND),
        (f"training, slowest batch size: {least:.2f}x, at least {EACH_BOUND}x", least >= EACH_BOUND),
        (f"validation, geometric mean: {valid:.2f}x, at least {VALIDATION_BOUND:.0f}x", valid >= VALIDATION_BOUND),
    ]


def main(arguments: Sequence[str] = ()) -> int:
    """Measure, print, and answer 0 if the bounds hold and 1 if not."""
    return measured("training", __doc__, arguments, report, ROUNDS)


def measured(name: str, about: str, arguments: Sequence[str], report: Callable[[int], int], usual: int) -> int:
    """Read the options and call `report` with the number of rounds, the usual one or a quick one, on one thread."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks {name}", description=about.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds instead of {usual}")
    rounds = QUICK_ROUNDS if parser.parse_args(arguments).quick else usual
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return report(rounds)
    finally:
        torch.set_num_threads(before)


def report(rounds: int) -> int:
    data = pictures_in_memory(VALIDATION_PICTURES + max(PICTURES.values()))
    forward, step = operations(CifarNet())
    flops = matrix_speed()
    print(f"data: {data.name}; {os.cpu_count()} cores, {processor()}; one thread; torch {torch.__version__}")
    print(
        f"matrix products: {flops / 1e9:.0f} GFLOP/s; a picture costs {forward / 1e6:.2f} MFLOP forward, "
        f"{step / 1e6:.2f} in a training step:\nroofline {flops / step:,.0f} pictures/s in training, "
        f"{flops / forward:,.0f} in validation\n",
        flush=True,
    )
    training, validation = zip(*compare(data, rounds), strict=True)
    print(table(f"training, pictures per CPU second, median of {rounds} rounds", training, flops / step), end="\n\n")
    title = f"validation (batch size of the plain loop; ours is always {EVALUATION_BATCH})"
    print(table(title, validation, flops / forward))
    print()
    bounds = verdict(training, validation)
    for text, holds in bounds:
        print(f"{'met   ' if holds else 'MISSED'} {text}")
    return 0 if all(holds for _, holds in bounds) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
