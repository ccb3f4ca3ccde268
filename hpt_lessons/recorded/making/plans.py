"""Which trials does each table hold, and which of them are trained together?

A plan is a list of groups, the most useful first, so that a table that is half built already answers something. The
networks of a group share shape, batch size, split and order of pictures: one population (`cifar.population`). All seeds
are written into the configurations; whoever trains one of them alone with `train_cifar` gets its curve again.

Each plan comes in two sizes: the one that is shipped, and a `full` one that asks for more of the same. A table that is
there is a beginning: only what a larger plan adds is trained.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hpt_lessons.cifar.config import UNTUNED
from hpt_lessons.recorded.making import pool
from hpt_lessons.trials import Trial, Trials

Config = dict[str, Any]

# Ten thousand pictures to learn from and five thousand to compare on; 27 epochs are three rungs of eta 3.
FIXED = {"epochs": 27, "train_size": 10_000, "valid_size": 5_000}
DEFAULT = (UNTUNED["l1"], UNTUNED["l2"])
SHAPES = (DEFAULT, (64, 128), (256, 128), (16, 128), (64, 16), (256, 16), (16, 16))
REPEATED = 30
REPEATED_IN_FULL = 60


@dataclass(frozen=True)
class Group:
    """Trials that are trained together; `name` is that of their part file."""

    name: str
    configs: tuple[Config, ...]


@dataclass(frozen=True)
class Plan:
    """A table: what holds for all its trials (`fixed`), its groups, and groups chosen from what these gave (`then`).

    `text` is what its card says about the choice of the trials. With `known_classes` the trainings start from a network
    that has learned so many of the classes, and learn the others (`recorded.finetuning`).
    """

    name: str
    title: str
    text: str
    groups: tuple[Group, ...]
    fixed: Mapping[str, Any] = field(default_factory=lambda: FIXED)
    then: Callable[[Trials], Sequence[Group]] | None = None
    known_classes: int = 0


def rates(fine: bool = False) -> list[float]:
    """Learning rates from 1e-4 to 1e-1 in quarters of a decade; `fine` adds the eighths between 3e-4 and 3e-2.

    Four digits are kept, so that 0.001 is 0.001.

    >>> rates()[:5], len(rates()), len(rates(fine=True))
    ([0.0001, 0.0001778, 0.0003162, 0.0005623, 0.001], 13, 21)
    """
    eighths = [place for place in range(25) if place % 2 == 0 or (fine and 4 < place < 20)]
    return [float(f"{10 ** (place / 8 - 4):.4g}") for place in eighths]


def sweep(shape: tuple[int, int], batch_size: int, lrs: Iterable[float], note: str = "", **more: Any) -> Group:
    """One group: a shape and a batch size at several learning rates; `more` goes into each configuration."""
    (l1, l2), parts = shape, [f"{key}{value}" for key, value in more.items()]
    name = "-".join([f"{l1}x{l2}", f"b{batch_size}", *parts, *([note] if note else [])])
    return Group(name, tuple({"l1": l1, "l2": l2, "lr": lr, "batch_size": batch_size, **more} for lr in lrs))


def lenet(full: bool = False) -> Plan:
    """The large table: shapes x batch sizes x learning rates, then its best trials again."""
    groups = [sweep(DEFAULT, batch, rates(fine=True)) for batch in (16, 8, 4, 2)]
    groups += [sweep(shape, 16, rates(), "quarters") for shape in SHAPES[1:]]
    halves, between, eighths = rates()[::2], rates()[1::2], sorted(set(rates(fine=True)) - set(rates()))
    groups += [sweep(shape, batch, halves, "halves") for batch in (4, 8, 2) for shape in SHAPES[1:]]
    groups += [sweep(shape, batch, between, "between") for batch in (4, 8, 2) for shape in SHAPES[1:]]
    groups += [
        sweep(shape, batch, eighths, "eighths") for batch in ((16, 4, 8, 2) if full else (16,)) for shape in SHAPES[1:]
    ]
    repeated = REPEATED_IN_FULL if full else REPEATED
    chosen = "of all batch sizes" if full else "of batch size 16 (`--full` adds those of the others)"
    text = (
        "The untuned default shape 120/84 and the widths l1 {16, 64, 256} x l2 {16, 128}, each with batch sizes 2, "
        "4, 8 and 16 and 13 learning rates from 1e-4 to 1e-1 in quarters of a decade; between 3e-4 and 3e-2 also "
        f"in eighths for all trials of the default shape and for those {chosen}; all with seed 0 and split 0. Then "
        f"the best {repeated} again with the seeds 1 and 2: own initialisation, own order of pictures, own split. "
        "The best are those of two rankings, by the loss of the best epoch and by that of the last epoch, taken in "
        "turns."
    )
    return Plan(
        "cifar-lenet",
        "The CIFAR-10 network: widths, batch size, learning rate",
        text,
        tuple(groups),
        then=lambda trials: again(trials, repeated),
    )


def again(trials: Trials, repeated: int = REPEATED) -> list[Group]:
    """The best trials with two more seeds, in groups of those that can be trained together."""
    by_cell: dict[tuple, list[float]] = {}
    for trial in best_of_both(trials, repeated):
        config = trial.config
        by_cell.setdefault((config["l1"], config["l2"], config["batch_size"]), []).append(config["lr"])
    return [
        sweep((l1, l2), batch, sorted(lrs), seed=seed, split_seed=seed)
        for seed in (1, 2)
        for (l1, l2, batch), lrs in by_cell.items()
    ]


def best_of_both(trials: Trials, count: int) -> list[Trial]:
    """The best trials by the loss of their best epoch and by that of their last one, in turns, none twice.

    Many trainings overfit: a search that looks at the last epoch and one that stops in time choose different trials.
    """
    sound = [trial for trial in trials if not trial.diverged]
    rankings = [sorted(sound, key=key) for key in (lambda trial: trial.best_loss, lambda trial: trial.loss)]
    chosen: dict[str, Trial] = {}
    for pair in zip(*rankings, strict=True):
        for trial in pair:
            if len(chosen) < count:
                chosen.setdefault(trial.name, trial)
    return list(chosen.values())


# From bad to best, as far as one seed of `cifar-lenet` can tell: shape, batch size, learning rates.
NOISE = (
    (DEFAULT, 4, (0.0001, 0.001, 0.003162, 0.01)),  # 0.001 is the untuned default
    (DEFAULT, 16, (0.0001, 0.001, 0.003162, 0.01, 0.02371, 0.05623)),
    ((16, 16), 16, (0.001, 0.005623, 0.01, 0.03162)),
    ((64, 128), 4, (0.0003162, 0.001, 0.003162, 0.01)),
    ((256, 128), 16, (0.0005623, 0.003162, 0.01, 0.01778)),
    ((16, 128), 16, (0.0003162, 0.001778, 0.01)),
)


def seeds(full: bool = False) -> Plan:
    """The noise: the same configurations with eight seeds; `full` adds nothing."""
    groups = [
        sweep(shape, batch, lrs, seed=seed, split_seed=0 if seed < 4 else seed)
        for shape, batch, lrs in NOISE
        for seed in range(8)
    ]
    trials = sum(len(lrs) for _, _, lrs in NOISE)
    text = (
        f"{trials} configurations of `cifar-lenet`, from bad to best, the untuned default among them, with the "
        "seeds 0 to 7. Each seed has its own initialisation and order of pictures; seeds 0 to 3 share split 0, "
        "seeds 4 to 7 have a split of their own, so that both kinds of noise can be told apart."
    )
    return Plan("cifar-lenet-seeds", "The CIFAR-10 network: what a seed changes", text, tuple(groups))


BATCHES = (32, 128, 512, 8, 64, 2)
LOWER = {2: [3.162e-5, 5.623e-5]}  # rates below the others' range: the best one should lie inside


def batch_sizes(full: bool = False) -> Plan:
    """Should the batch size be tuned first? The default shape, six batch sizes, each at thirteen learning rates."""
    seeds = (0, 1, 2) if full else (0, 1)
    groups = [sweep(DEFAULT, batch, LOWER.get(batch, []) + rates(), seed=seed) for seed in seeds for batch in BATCHES]
    if full:
        longer = {64: 54, 128: 108, 512: 108}
        groups += [sweep(DEFAULT, batch, rates(), seed=0, epochs=epochs) for batch, epochs in longer.items()]
    more = (
        " With seed 0, batch 64 was trained once more for 54 epochs and batches 128 and 512 for 108, so that 64 "
        "and 128 reach the number of updates that batch 32 has after 27 epochs."
        if full
        else " (`--full` adds a third seed and longer trainings of the large batches.)"
    )
    text = (
        "The untuned default shape 120/84 with batch sizes 2, 8, 32, 64, 128 and 512, each at 13 learning rates "
        f"from 1e-4 to 1e-1 in quarters of a decade and {'three' if full else 'two'} seeds (own initialisation and "
        "order of pictures, split 0); batch size 2 also at 3.2e-5 and 5.6e-5. Equal epochs: all trials have 27. "
        "Equal updates: smaller batches have more updates at every epoch, so read their curves earlier; batch 128 "
        "has after 27 epochs the updates that batch 32 has after 6.75 and batch 64 after 13.5, and batch 512 those "
        "that batch 128 has after 6.75." + more
    )
    return Plan("cifar-batch-size", "The CIFAR-10 network: batch size and learning rate", text, tuple(groups))


# Towards the input each layer's learning rate is that of the next one times the factor; a list names each layer's.
SCHEMES = (1.0, 0.5, 0.7, 1.4, 2.0, [0, 1, 1, 1, 1], [0, 0, 1, 1, 1])


def layerwise(full: bool = False) -> Plan:
    """The same learning rate in every layer? Each scheme with the same number of tuning trials, then paired seeds."""
    tried, epochs = (rates()[1:12], 27) if full else (rates()[2:10], 12)
    text = (
        "The untuned default shape 120/84 with batch size 16, from scratch: the same learning rate in all layers, "
        "rates that shrink towards the input by 0.5 or 0.7 from layer to layer or grow by 1.4 or 2, the first "
        "convolution frozen as it was drawn, both convolutions frozen. Each scheme gets the same "
        f"{len(tried)} tuning trials (learning rates from {min(tried):g} to {max(tried):g} in quarters of a "
        "decade, seed 0, split 0), and its best learning rate, by the loss of the best epoch, is trained again "
        "with the seeds 1 to 8: within a seed all schemes have the same initialisation, order of pictures and "
        "split, so differences can be taken in pairs. For fine-tuning see `cifar-finetuning`."
    )
    return Plan(
        "cifar-layerwise",
        "The CIFAR-10 network: a learning rate for each layer",
        text,
        schemes(tried),
        FIXED | {"epochs": epochs},
        then=best_of_each_scheme,
    )


def schemes(lrs: Sequence[float]) -> tuple[Group, ...]:
    """A group for each scheme, with these learning rates for the last layer."""
    return tuple(
        Group(f"scheme{number}", sweep(DEFAULT, 16, lrs, layer_factor=scheme).configs)
        for number, scheme in enumerate(SCHEMES)
    )


def best_of_each_scheme(trials: Trials) -> list[Group]:
    """A group for each of the seeds 1 to 8, with every scheme at its best learning rate."""
    best: list[Config] = []
    for scheme in SCHEMES:
        own = [trial for trial in trials if trial.config["layer_factor"] == scheme and trial.sound]
        best.append(min(own, key=lambda trial: trial.best_loss).config)
    return [
        Group(f"seed{seed}", tuple({**config, "seed": seed, "split_seed": seed} for config in best))
        for seed in range(1, 9)
    ]


def finetuning(full: bool = False) -> Plan:
    """A network that knows six classes learns four others from few labels: does a rate for each layer help there?"""
    text = (
        "Fine-tuning. A network of the untuned default shape was trained on 7,500 pictures of the first six "
        "classes (learning rate 0.001, batch size 16, 12 epochs). Its last layer is drawn anew, and it learns the "
        "other four classes from 160 labelled pictures in 40 epochs, with the schemes of `cifar-layerwise`: equal "
        "rates, rates that shrink or grow towards the input, frozen convolutions. Each scheme gets the same 10 "
        "tuning trials (learning rates from 1.8e-4 to 3.2e-2 in quarters of a decade, seed 0, split 0); its best "
        "learning rate, by the loss of the best epoch on 2,000 pictures, is trained again with the seeds 1 to 8, "
        "each with other labelled pictures. Within a seed all schemes have the same pictures and the same new "
        "last layer."
    )
    fixed = {"epochs": 40, "train_size": 160, "valid_size": 2_000}
    return Plan(
        "cifar-finetuning",
        "The CIFAR-10 network: a learning rate for each layer in fine-tuning",
        text,
        schemes(rates()[1:11]),
        fixed,
        then=best_of_each_scheme,
        known_classes=6,
    )


# Each cell gets the same number of updates: 80,000 pictures in batches of 16.
SEEN = 80_000
SIZES = ({"train_size": 1_000}, {"train_size": 4_000}, {"train_size": 16_000}, {"train_size": 40_000})
CHANGED = (
    {"train_size": 4_000, "augment": True},
    {"train_size": 16_000, "augment": True},
    {"train_size": 16_000, "wrong_labels": 0.2},
)
LEVERS = {"cifar": SIZES + CHANGED, "pixels": SIZES + CHANGED, "wider": SIZES, "residual": SIZES[2:3]}
TUNED = (0.001, 0.003162, 0.01, 0.03162)  # the first is the untuned default


def levers(full: bool = False) -> Plan:
    """Model, data or hyperparameters: which lever moves most? Every cell untuned, and tuned with the same effort."""
    cells = dict.fromkeys(LEVERS, SIZES + CHANGED) if full else LEVERS
    groups = [lever(model, data) for data in SIZES + CHANGED for model in cells if data in cells[model]]
    seeds = (1, 2, 3, 4) if full else (1, 2)
    thin = (
        ""
        if full
        else " Not every cell was affordable: the network with batch normalisation has the four sizes "
        "only, the residual one 16,000 pictures only (`--full` plans them all, with five seeds instead of three)."
    )
    text = (
        "Models: a multilayer perceptron on pixels, the CIFAR-10 network, a wider one with batch normalisation, "
        "and that one with residual blocks. Data: 1,000, 4,000, 16,000 and 40,000 pictures; 4,000 and 16,000 with "
        "flips and shifts; 16,000 with a fifth of the labels wrong. Hyperparameter: the learning rate of the "
        "untuned default, 0.001, and three more, 0.0032, 0.01 and 0.032, with seed 0; then 0.001 and the best of "
        f"the four, by the best epoch, with the seeds {', '.join(map(str, seeds))} and splits of their own. Batch "
        "size 16 everywhere, and equal updates: every training sees 80,000 pictures, 1,000 of them 80 times or "
        f"40,000 of them twice.{thin}"
    )
    fixed = {"epochs": 20, "train_size": 4_000, "valid_size": 2_000}
    return Plan(
        "cifar-levers",
        "Three levers: model, data, learning rate",
        text,
        tuple(groups),
        fixed,
        then=lambda trials: best_of_each_cell(trials, seeds),
    )


def lever(model: str, data: Mapping[str, Any], lrs: Iterable[float] = TUNED, **more: Any) -> Group:
    """One model on one kind of data."""
    same = {"l1": DEFAULT[0], "l2": DEFAULT[1], "batch_size": 16, "epochs": SEEN // data["train_size"]}
    own = {**same, **data, "model": model, **more}
    name = "-".join([model, *(f"{key}{value}" for key, value in {**data, **more}.items())]).replace("0.", "0_")
    return Group(name, tuple({**own, "lr": lr} for lr in lrs))


def best_of_each_cell(trials: Trials, seeds: Sequence[int]) -> list[Group]:
    """The untuned and the best learning rate of each cell with more seeds."""
    cells: dict[tuple, list[Trial]] = {}
    for trial in trials:
        data = {key: trial.config[key] for key in ("train_size", "augment", "wrong_labels") if key in trial.config}
        cells.setdefault((trial.config["model"], tuple(data.items())), []).append(trial)
    groups = []
    for (model, data), members in cells.items():
        best = min((trial for trial in members if trial.sound), key=lambda trial: trial.best_loss).config["lr"]
        groups += [lever(model, dict(data), sorted({TUNED[0], best}), seed=seed, split_seed=seed) for seed in seeds]
    return groups


# 96 architectures of `cifar.models.PlainNet`.
ARCHITECTURES = {
    "depth": (1, 2, 3),
    "channels": (4, 8),
    "kernel": (3, 5),
    "l1": (8, 32, 128, 512),
    "activation": ("relu", "tanh"),
}


def architectures(full: bool = False) -> Plan:
    """Is architecture just another hyperparameter? Every one of a small space, each at three learning rates."""
    size = 10_000 if full else 4_000
    groups = []
    for values in itertools.product(*ARCHITECTURES.values()):
        own = dict(zip(ARCHITECTURES, values, strict=True))
        name = "-".join(f"{key}{value}" for key, value in own.items())
        same = {"model": "plain", "l2": DEFAULT[1], "batch_size": 16}
        groups.append(Group(name, tuple({**own, "lr": lr, **same} for lr in (0.001, 0.003162, 0.01))))
    text = (
        "All 96 architectures of a small space: 1, 2 or 3 convolutions, 4 or 8 channels in the first (twice as "
        "many in each further one), filters of 3x3 or 5x5, 8, 32, 128 or 512 units in the first hidden layer (84 "
        "in the second), ReLU or tanh; each at three learning rates, 0.001, 0.0032 and 0.01, batch size 16, 9 "
        f"epochs on {size:,} pictures, seed 0. `hpt_lessons.recorded.sizes` gives the parameters and "
        "multiply-adds of each."
        + (
            ""
            if full
            else " Fewer pictures than in the other tables, because 10,000 were not affordable (`--full` plans them)."
        )
    )
    fixed = {"epochs": 9, "train_size": size, "valid_size": 2_500}
    return Plan("cifar-architectures", "96 architectures", text, tuple(groups), fixed)


SCORED = FIXED | {"score_size": 5_000}
SPACE = (
    "a learning rate from 1e-4 to 0.3, 1 - momentum from 0.02 to 0.5 and a weight decay from 1e-6 to 1e-2, all on "
    "logarithmic scales, a constant, cosine or step schedule, batch sizes 16, 64, 256, widths 32/32, 120/84, "
    "400/200. Seed 0, split 0. Every epoch was scored twice, on the validation pictures and on as many others, "
    "the score half: choose on one, score on the other."
)


CONDITIONS = {
    # That of practice: few pictures, but flipped and shifted at random.
    "augmented": ("flips and shifts", "trained on pictures that are flipped and shifted at random"),
    # Without that most trainings overfit.
    "plain": ("bare pictures", "those of `pool-augmented`, on the pictures as they are"),
    "40k": (
        "40,000 pictures",
        "every second one of `pool-augmented`, on four times the pictures in a third of the epochs",
    ),
}


def pool_of(condition: str, every: int = 1, **fixed: Any) -> Plan:
    """The pool, or every second trial of it, under one condition: a name of `CONDITIONS`."""
    title, said = CONDITIONS[condition]
    groups = tuple(
        Group(f"g{number:02d}-b{own[0]['batch_size']}-{own[0]['l1']}x{own[0]['l2']}", tuple(own[::every]))
        for number, own in enumerate(pool.groups())
    )
    count = sum(len(group.configs) for group in groups)
    text = f"{count} random configurations of a space as people search it, {said}: {SPACE}"
    return Plan(f"pool-{condition}", f"A pool of random configurations: {title}", text, groups, SCORED | fixed)


PLANS: dict[str, Callable[..., Plan]] = {
    "pool-augmented": lambda full=False: pool_of("augmented", augment=True),
    "pool-plain": lambda full=False: pool_of("plain", augment=False),
    "pool-40k": lambda full=False: pool_of("40k", every=2, augment=False, train_size=40_000, epochs=9),
    "cifar-lenet": lenet,
    "cifar-lenet-seeds": seeds,
    "cifar-batch-size": batch_sizes,
    "cifar-levers": levers,
    "cifar-layerwise": layerwise,
    "cifar-finetuning": finetuning,
    "cifar-architectures": architectures,
}
