"""What matters? Each hyperparameter, the batch size, rates for each layer, the three levers, the architecture."""

import itertools
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hpt_lessons import analysis
from hpt_lessons.analysis import importance
from hpt_lessons.cifar.config import UNTUNED
from hpt_lessons.findings.registry import (
    LONGEST,
    PICTURES,
    Lines,
    against,
    cube,
    finding,
    first_seed,
    rank_correlation,
    survived,
    trials_of,
)
from hpt_lessons.recorded import sizes
from hpt_lessons.search.nas import pareto_front
from hpt_lessons.trials import Trial, Trials


@finding("importance", "Which hyperparameter matters: learning rate, batch size, widths?", "cifar-lenet")
def what_matters() -> Lines:
    """Shares of the variance, unnormalised: over all trials, in the box around the best quarter, of being in it."""
    first = first_seed(cube())
    box = importance.good_region(first, scope="all")
    rates = [trial.config["lr"] for trial in box]
    worst = max(trial.best_loss for trial in box if trial.sound)
    yield f"Data: {first.data}; loss of the best epoch; one seed, so there are no intervals."
    for name, trials, of in (
        ("ranks, all trials", first, "rank"),
        (
            f"ranks, the box around the best quarter (lr {min(rates):g} to {max(rates):g}, losses up to {worst:.2f})",
            box,
            "rank",
        ),
        ("being among the best quarter", first, "good"),
    ):
        found = importance.shares(trials, scope="all", of=of, good=0.25, adaptive=False)
        parts = ", ".join(f"{label} {share.share:.2f}" for label, share in list(found.rows().items())[:5])
        yield (
            f"{name}: {parts} ({found.configurations} configurations; {found.left_out} that fit no full grid are "
            "left out)"
        )

    shares = ", ".join(f"{words} {_explained(first, power):.2f}" for words, power in COORDINATES.items())
    yield f"Variance of the ranks that a smooth curve over one coordinate predicts for a shape left out: {shares}"


COORDINATES = {"lr": 0.0, "lr / sqrt(batch_size)": 0.5, "lr / batch_size": 1.0}


def _explained(trials: Trials, power: float) -> float:
    """R squared of a polynomial of degree 7 in log(lr / batch_size**power), each shape predicted from all others."""
    from scipy.stats import rankdata

    place = np.array([math.log(t.config["lr"] / t.config["batch_size"] ** power) for t in trials])
    columns = np.polynomial.legendre.legvander(2 * (place - place.min()) / np.ptp(place) - 1, 7)
    ranks = rankdata([trial.best_loss if trial.sound else np.inf for trial in trials])
    shape = np.array([f"{trial.config['l1']}/{trial.config['l2']}" for trial in trials])
    predicted = np.empty(len(ranks))
    for one in set(shape):
        inside = shape == one
        predicted[inside] = columns[inside] @ np.linalg.lstsq(columns[~inside], ranks[~inside], rcond=None)[0]
    return 1 - float(np.sum((ranks - predicted) ** 2) / np.sum((ranks - ranks.mean()) ** 2))


STARTS = {"the lowest rate": 0.0001, "the untuned rate": 0.001, "a rate too high": 0.03162}


def noise_of_one() -> float:
    """Standard deviation of the loss of the best epoch from seed to seed, over the eight best configurations."""
    scores = analysis.by_seed(trials_of("cifar-lenet-seeds").filter(survived), scope="all").values
    return analysis.training_noise(scores[np.argsort(scores.mean(axis=1))[:8]])


@finding("one-only", "You may tune only one hyperparameter: which?", "cifar-lenet", "cifar-lenet-seeds")
def one_only() -> Lines:
    """The gain of tuning each alone from a start of 64/128 units, for each batch size."""
    first = first_seed(cube())
    yield (
        f"Gain in the loss of the best epoch by tuning one alone; one seed, so winners look a little too good; one "
        f"good training scatters by {noise_of_one():.3f}."
    )
    for batch in sorted({trial.config["batch_size"] for trial in first}):
        for words, rate in STARTS.items():
            start = {"l1": 64, "l2": 128, "lr": rate, "batch_size": batch}
            parts = ", ".join(
                f"{gain.name} {gain.gain:.3f}"
                for gain in importance.gains(first, start, scope="all")
                if math.isfinite(gain.gain)
            )
            yield f"  from batch size {batch} and {words} ({rate:g}): {parts}"


@finding(
    "batch-or-rate",
    "The batch size first, as the notes say? At the untuned shape, batch size 2 to 16.",
    "cifar-lenet",
    "cifar-lenet-seeds",
)
def batch_or_rate() -> Lines:
    """Tuning only the batch size, or only the learning rate, from a rate too low, sensible, too high."""
    trials = trials_of("cifar-lenet").filter(lambda trial: trial.config["l1"] == UNTUNED["l1"] and trial.seed == 0)
    loss = {(trial.config["lr"], trial.config["batch_size"]): trial.best_loss for trial in trials if trial.sound}
    batches = sorted({batch for _, batch in loss})
    yield (
        f"Data: {trials.data}; loss of the best epoch of 27, one seed; one good training scatters by "
        f"{noise_of_one():.3f}."
    )
    for words, rate in STARTS.items():
        row = {batch: loss[rate, batch] for batch in batches}
        start, best = row[4], min(row, key=row.get)
        by_rate = min((value, lr) for (lr, batch), value in loss.items() if batch == 4)
        yield (
            f"  from {words} ({rate:g}) and batch size 4, loss {start:.3f}: the best batch size ({best}) gives "
            f"{row[best]:.3f}, the best rate ({by_rate[1]:g}) {by_rate[0]:.3f}"
        )
    best = {batch: min((loss[rate, size], rate) for rate, size in loss if size == batch) for batch in batches}
    lowest = min(rate for rate, _ in loss)
    yield "  with the best of 21 rates for each batch size: " + ", ".join(
        f"{batch}: {value:.3f} at {rate:g}" + (", the lowest of all" if rate == lowest else "")
        for batch, (value, rate) in best.items()
    )
    fixed = np.ptp([loss[0.001, batch] for batch in batches])
    yield (
        f"  best minus worst batch size: {fixed:.3f} at the fixed rate 0.001, "
        f"{np.ptp([value for value, _ in best.values()]):.3f} with the rate tuned"
    )


@finding("batch-size", "Batch sizes 2 to 512: at equal epochs and at equal updates?", "cifar-batch-size")
def batch_size() -> Lines:
    """The best learning rate of each batch size, by the mean over seeds; an update is a batch, the last one smaller."""
    trials = trials_of("cifar-batch-size").filter(lambda trial: trial.budget <= LONGEST)
    batches = sorted({trial.config["batch_size"] for trial in trials})
    seeds = len({trial.seed for trial in trials})
    yield (
        f"Data: {trials.data}; mean over {seeds} seeds of the lowest loss so far, at the best of its rates; after "
        "it half the distance of the seeds."
    )
    yield f"  after {LONGEST} epochs: " + ", ".join(
        f"{batch}: {_best_rate(trials, batch, LONGEST)}" for batch in batches
    )
    for target in (LONGEST * _updates(128), LONGEST * _updates(512)):
        epochs = {batch: target // _updates(batch) for batch in batches}
        said = [
            f"{batch}: {_best_rate(trials, batch, epochs[batch])} after {epochs[batch] * _updates(batch):,}"
            for batch in batches
            if 1 <= epochs[batch] <= LONGEST
        ]
        none = [str(batch) for batch in batches if not 1 <= epochs[batch] <= LONGEST]
        yield (
            f"  at most {target:,} updates, in whole epochs: {', '.join(said)}; nothing comparable for "
            f"{', '.join(none)}"
        )


def _updates(batch: int) -> int:
    """Updates in an epoch."""
    return math.ceil(PICTURES / batch)


def _best_rate(trials: Trials, batch: int, epochs: int) -> str:
    """The lowest loss within so many epochs: the mean over seeds at the rate where that is lowest."""
    by_rate: dict[float, list[float]] = defaultdict(list)
    for trial in trials:
        if trial.config["batch_size"] == batch and trial.sound:
            by_rate[trial.config["lr"]].append(min(result.loss for result in trial.sound[:epochs]))
    most = max(map(len, by_rate.values()))
    means = {rate: np.mean(values) for rate, values in by_rate.items() if len(values) == most}
    rate = min(means, key=means.get)
    edge = "the lowest rate, " if rate == min(by_rate) else ""
    return f"{means[rate]:.3f} ({edge}{rate:g}, {np.ptp(by_rate[rate]) / 2:.3f})"


# -- what is fixed in most studies -------------------------------------------------------------------------------------
@finding("layer-wise", "Must every layer have the same learning rate? From scratch.", "cifar-layerwise")
def layer_wise() -> Lines:
    """Equal numbers of tuning trials, then eight paired seeds."""
    yield from schemes("cifar-layerwise")


@finding("fine-tuning", "And in fine-tuning, from 160 labels of four new classes?", "cifar-finetuning")
def fine_tuning() -> Lines:
    """The same comparison for a network that knows six other classes."""
    yield from schemes("cifar-finetuning")


def schemes(name: str) -> Lines:
    """Each scheme against equal rates, on the seeds 1 to 8, by the loss of the best epoch."""
    paired: dict[str, dict[int, Trial]] = defaultdict(dict)
    for trial in trials_of(name):
        if trial.seed:
            paired[str(trial.config["layer_factor"])][trial.seed] = trial
    equal = paired.pop("1.0")
    rate = next(iter(equal.values())).config["lr"]
    yield (
        f"Data: {trials_of(name).data}; {len(equal)} paired seeds, loss of the best epoch; equal rates ({rate:g}): "
        f"{np.mean([trial.best_loss for trial in equal.values()]):.4f}"
    )
    yield (
        f"Intervals cover {analysis.covers('training')}, not the choice of each scheme's rate, which was made on one "
        "seed."
    )
    tuned: dict[str, float] = {}
    for trial in trials_of(name):
        if not trial.seed and trial.sound:
            scheme = str(trial.config["layer_factor"])
            tuned[scheme] = min(tuned.get(scheme, math.inf), trial.best_loss)
    chosen_on = ", ".join(f"{scheme} {loss:.3f}" for scheme, loss in sorted(tuned.items(), key=lambda item: item[1]))
    yield f"On the seed that chose the rates, each at its best rate: {chosen_on}"
    for scheme, own in paired.items():
        yield "  " + against(
            f"{scheme} (lr {own[1].config['lr']:g})",
            [own[seed].best_loss for seed in equal],
            [equal[seed].best_loss for seed in equal],
            "training",
        )


@finding("levers", "Which lever pays most: model, data or the learning rate?", "cifar-levers")
def levers() -> Lines:
    """Validation accuracy at equal updates, at the epoch of the lowest loss; then what each lever gains."""
    cells: dict[tuple[str, str], dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for trial in trials_of("cifar-levers"):
        data = f"{trial.config['train_size']:,}"
        for key, word in (("augment", " augmented"), ("wrong_labels", " 20 % wrong")):
            if key in trial.config:
                data += word
        if trial.seed:  # seed 0 chose the rates
            cells[trial.config["model"], data][trial.config["lr"]].append(trial.history[trial.best_epoch - 1].accuracy)
    yield (
        "Accuracy at the epoch of the lowest loss, untuned (0.001) and tuned, on each of the two seeds that did not "
        "choose:"
    )
    for (model, data), rates in cells.items():
        rate = _tuned(rates)
        yield f"  {model:9} {data:18} untuned {_each(rates[0.001])}, tuned {_each(rates[rate])} (lr {rate:g})"
    yield "Gains of the CIFAR network in points, on each of the two seeds, the rate tuned on both sides:"
    counts = ["1,000", "4,000", "16,000", "40,000"]
    for here, more in zip(counts, [*counts[1:], None], strict=True):
        start = _at_its_rate(cells["cifar", here])
        gains = [("the model (wider)", _at_its_rate(cells["wider", here]) - start)]
        gains.append(("from pixels to this network", start - _at_its_rate(cells["pixels", here])))
        if more:
            gains.append((f"{more} pictures", _at_its_rate(cells["cifar", more]) - start))
        gains.append(("the rate", start - np.array(cells["cifar", here][0.001])))
        yield f"  {here:6} " + ", ".join(f"{words} {_points(gain)}" for words, gain in gains)


def _at_its_rate(rates: Mapping[float, Sequence[float]]) -> np.ndarray:
    return np.array(rates[_tuned(rates)])


def _tuned(rates: Mapping[float, Any]) -> float:
    return next((rate for rate in rates if rate != 0.001), 0.001)


def _each(values: Sequence[float]) -> str:
    return " ".join(f"{value:.1%}" for value in values)


def _points(gains: Sequence[float]) -> str:
    return " ".join(f"{100 * gain:+.1f}" for gain in gains)


@finding("architectures", "Is the architecture just another hyperparameter?", "cifar-architectures")
def architectures() -> Lines:
    """Shares of variance with the learning rate among them; the best architectures, and what they cost."""
    trials = trials_of("cifar-architectures")
    found = importance.shares(trials, scope="all", adaptive=False)
    parts = ", ".join(f"{label} {share.share:.2f}" for label, share in list(found.rows().items())[:6])
    yield f"Data: {trials.data}; one seed; shares of the variance of ranks, loss of the best epoch: {parts}"
    rates = sorted({trial.config["lr"] for trial in trials})
    losses: dict[tuple, dict[float, float]] = defaultdict(dict)
    for trial in trials:
        own = tuple((key, value) for key, value in trial.config.items() if key != "lr")
        losses[own][trial.config["lr"]] = trial.best_loss
    grid = np.array([[row[rate] for rate in rates] for row in losses.values()])
    tuned, costs = grid.min(1), np.array([sizes.multiply_adds(dict(own)) for own in losses])
    yield (
        f"{len(tuned)} architectures, each at the best of {len(rates)} rates: best {tuned.min():.3f}, middle "
        f"{np.median(tuned):.3f}, worst {tuned.max():.3f}; the middle one gains {np.median(grid[:, 0] - tuned):.3f} "
        f"by its rate, from {rates[0]:g}"
    )
    pairs = ", ".join(
        f"{rates[one]:g} and {rates[other]:g} {rank_correlation(grid[:, one], grid[:, other]):.2f}"
        for one, other in itertools.combinations(range(len(rates)), 2)
    )
    improving = [
        np.mean([trial.best_epoch == trial.budget for trial in trials if trial.config["lr"] == rate]) for rate in rates
    ]
    yield f"Rank correlation of the architectures between two rates: {pairs}"
    yield "Best at the last epoch, so still improving: " + ", ".join(
        f"{share:.0%} at {rate:g}" for rate, share in zip(rates, improving, strict=True)
    )
    yield f"Rank correlation of the tuned loss with the multiply-adds: {rank_correlation(costs, tuned):.2f}"
    for place in pareto_front(-tuned, costs):
        words = "{depth} x {channels} channels, {kernel} x {kernel}, l1 {l1}, {activation}".format(
            **dict(list(losses)[place])
        )
        yield f"  {costs[place]:>10,} multiply-adds: {tuned[place]:.3f} ({words})"
