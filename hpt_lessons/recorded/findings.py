"""What do the recorded trials say about each claim of the course? `python -m hpt_lessons.recorded.findings [NAME ...]`.

Each finding is a function that yields the lines it prints, from the tables that are shipped and nothing else, with
fixed seeds: the same numbers on every machine. FINDINGS.md sets them beside the claims; `--write` puts the lines there
anew, and a test compares them. Like the builder, and unlike all else in `recorded`, this command knows `analysis`.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import spearmanr

from hpt_lessons.analysis import importance, stats
from hpt_lessons.recorded import sizes, table
from hpt_lessons.recorded.replay import Recorded, Synthetic, chosen, final_score, repeats, replay
from hpt_lessons.search.halving import StoppingASHA
from hpt_lessons.trials import Trial, Trials

FILE = Path(__file__).with_name("FINDINGS.md")
UNTUNED = {"l1": 120, "l2": 84, "lr": 0.001, "batch_size": 4}
LONGEST = 27  # epochs
REPEATS = 100
Lines = Iterator[str]


class Finding(NamedTuple):
    """A question, the tables that it needs, the function that answers it, and whether that takes long."""

    question: str
    tables: tuple[str, ...]
    lines: Callable[[], Lines]
    slow: bool


FINDINGS: dict[str, Finding] = {}


def finding(name: str, question: str, *tables: str,
            slow: bool = False) -> Callable[[Callable[[], Lines]], Callable[[], Lines]]:
    """Enter a function under a name; `slow`: it takes more than a few seconds, so no test runs it."""
    def enter(lines: Callable[[], Lines]) -> Callable[[], Lines]:
        FINDINGS[name] = Finding(question, tables, lines, slow)
        return lines
    return enter


@cache
def trials_of(name: str) -> Trials:
    """A recorded table, as far as it is measured."""
    return table.load(name, partial=True)


def sweep_of(shape: tuple[int, int], batch_size: int) -> Trials:
    """The learning rates of one shape and batch size with the first seed, from `cifar-lenet`."""
    cell = {"l1": shape[0], "l2": shape[1], "batch_size": batch_size}
    return trials_of("cifar-lenet").filter(lambda trial: trial.config.items() >= cell.items() and trial.seed == 0)


def cube() -> Trials:
    """The part of `cifar-lenet` that is a search space: all its widths, without the shape of the untuned default."""
    return trials_of("cifar-lenet").filter(lambda trial: trial.config["l1"] != UNTUNED["l1"])


def same(trial: Trial, config: Mapping[str, Any]) -> bool:
    return trial.config.items() >= config.items()


def percentiles(values: Sequence[float]) -> str:
    return " ".join(f"{value:.3f}" for value in np.nanpercentile(values, [10, 50, 90]))


# -- the opening -------------------------------------------------------------------------------------------------------
@finding("ten-trials", "Ten trials in the manner of the well-known example: better than not tuning at all?",
         "cifar-lenet", "cifar-lenet-seeds")
def ten_trials() -> Lines:
    """Random search with ASHA (grace period 1, reduction factor 2), 10 epochs, the best last loss wins."""
    space, searches = Recorded(cube()), 2 * REPEATS

    def manner(domains, seed, max_epochs, budget):
        return replay_random(domains, seed, 10), StoppingASHA(1, 10, 2)

    tables = repeats(space, manner, searches, 10 * 10, max_epochs=10)
    winners = [trials.best("loss", scope="last") for trials in tables]
    found = [space.score(best.config, best.seed, budget=best.budget) for best in winners]
    plain = [trial for trial in trials_of("cifar-lenet-seeds") if same(trial, UNTUNED)]
    default = [trial.history[9].loss for trial in plain]
    short = np.mean([best.budget < 10 for best in winners])
    yield f"Data: {space.data}; 10 epochs, validation loss, winners scored on seeds their search did not see."
    yield f"Ten-trial searches, {searches} of them: 10, 50 and 90 % lie below {percentiles(found)}; mean " + str(
        stats.over_repeats(found, "both"))
    yield f"Untuned default, {len(default)} seeds: mean {np.mean(default):.3f}, from {min(default):.3f} to " \
          f"{max(default):.3f}"
    ahead = int(np.sum(np.array(found) < np.mean(default)))
    low, high = stats.wilson(ahead, searches)
    yield (f"Searches whose winner beats the default's mean: {ahead / searches:.0%} [{low:.0%}, {high:.0%}]; winners "
           f"that had been stopped before epoch 10: {short:.0%}")
    used = np.mean([sum(trial.budget for trial in trials) for trials in tables])
    yield f"Epochs spent by a search: {used:.0f} on average; by the default: 10"


def replay_random(domains: Mapping[str, Any], seed: int, trials: int) -> Any:
    """The random searcher of the lessons."""
    from hpt_lessons.search import layouts
    from hpt_lessons.search.searchers import Listed

    return Listed(layouts.random(domains, trials, seed))


# -- noise -------------------------------------------------------------------------------------------------------------
@finding("one-seed", "How much does one seed mean?", "cifar-lenet-seeds")
def one_seed() -> Lines:
    """Standard deviations from seed to seed, with the same split and with splits of their own."""
    groups: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials_of("cifar-lenet-seeds"):
        groups[str(sorted(trial.config.items()))].append(trial)
    full = [group for group in groups.values() if len(group) == 8 and not any(trial.diverged for trial in group)]
    full.sort(key=lambda group: np.mean([trial.best_loss for trial in group]))
    yield f"Data: {trials_of('cifar-lenet-seeds').data}; {len(full)} configurations, 8 seeds each, 27 epochs."
    yield "Standard deviation over seeds 0 to 3 (one split) and 4 to 7 (own splits), mean over configurations:"
    for name, value in (("loss, best epoch", lambda trial: trial.best_loss),
                        ("loss, last epoch", lambda trial: trial.loss),
                        ("accuracy, last epoch", lambda trial: trial.accuracy),
                        ("test accuracy", lambda trial: trial.history[-1].extra["test_accuracy"])):
        spreads = [np.mean([np.std([value(trial) for trial in group if (trial.seed < 4) == shared], ddof=1)
                            for group in full]) for shared in (True, False)]
        yield f"  {name:22} {spreads[0]:.4f}  {spreads[1]:.4f}"
    best = [trial.best_loss for trial in full[0]]
    second = [trial.best_loss for trial in full[1]]
    yield (f"Best and second configuration, best epoch: {np.mean(best):.4f} and {np.mean(second):.4f}; with one seed "
           f"each the second looks better in {np.mean(np.subtract.outer(best, second) > 0):.0%} of the pairs")


@finding("winners-curse", "How much of a winner's score is luck?", "cifar-lenet-seeds")
def winners_curse() -> Lines:
    """Chosen on one seed, scored on seven others; what the noise lets one expect, and what was seen."""
    scores = stats.by_seed(trials_of("cifar-lenet-seeds").filter(lambda trial: not trial.diverged), scope="all")
    good = scores.values[np.argsort(scores.values.mean(axis=1))[:8]]
    noise, seen = stats.training_noise(good), stats.seen_curse(good)
    own = stats.training_noise(good, paired=True)  # what a seed's split does to all alike makes no winner
    expected = stats.expected_curse(good.mean(axis=1), own)
    yield f"The {len(good)} best of {len(scores.configs)} configurations with 8 seeds, loss of the best epoch."
    yield f"Standard deviation of one training: {noise:.4f}; without what all trials of a seed share: {own:.4f}"
    yield (f"Seen: promised {seen.promised:.4f}, delivered {seen.delivered:.4f}: {seen.lost:.4f} worse "
           f"[{seen.low:.4f}, {seen.high:.4f}]")
    yield f"Expected from the noise: {expected.lost:.4f} worse"
    yield (f"Expected if all were equally good: {stats.expected_best(8) * own:.4f} for 8 trials, "
           f"{stats.expected_best(100) * own:.4f} for 100")


# -- search ------------------------------------------------------------------------------------------------------------
@finding("grid-random", "Grid against random against random, then a grid: at 9, 16, 36 and 64 trials?", "cifar-lenet",
         slow=True)
def grid_random() -> Lines:
    """Full trainings, best epoch; shifted grids; final choices scored on seeds that their search did not see."""
    objective = Recorded(cube(), scope="all")
    yield f"Data: {objective.data}; loss of the best epoch, {REPEATS} repeats; differences below 0: better than random."
    for count in (9, 16, 36, 64):
        scores = {method: finals(objective, method, count * LONGEST) for method in ("random", "grid",
                                                                                    "random-then-grid")}
        yield f"{count} trials: random {np.mean(scores['random']):.4f}"
        for method in ("grid", "random-then-grid"):
            yield "  " + against_random(method, scores)


def finals(objective: Any, method: Any, budget: int, max_epochs: int = LONGEST) -> np.ndarray:
    """The final scores of the repeats of a method."""
    return np.array([final_score(objective, trials) for trials in repeats(objective, method, REPEATS, budget,
                                                                          max_epochs=max_epochs)])


def against_random(method: str, scores: Mapping[str, np.ndarray]) -> str:
    compared = stats.compare(scores[method], scores["random"], "both")
    return (f"{method:17} {np.mean(scores[method]):.4f}, difference {compared.difference:+.4f} "
            f"[{compared.low:+.4f}, {compared.high:+.4f}], better in {compared.superiority:.0%} of the repeats")


EARLY = ("hyperband", "asha", "asha-promotion", "bohb")


@finding("early-stopping", "ASHA, Hyperband and BOHB against random search at equal budget?", "cifar-lenet", slow=True)
def early_stopping() -> Lines:
    """On the recorded trials; and what the first epochs say about the end."""
    objective = Recorded(cube(), scope="all")
    yield f"Data: {objective.data}; loss of the best epoch, {REPEATS} repeats, equal epochs."
    alive = [trial for trial in cube() if trial.seed == 0 and len(trial.sound) == LONGEST]
    ends = [trial.best_loss for trial in alive]
    good = np.argsort(ends)[: len(ends) // 2]
    for words, some in (("all", range(len(alive))), ("the better half", good)):
        rho = [spearmanr([alive[place].history[epoch - 1].loss for place in some], [ends[place] for place in some])[0]
               for epoch in (1, 3, 9)]
        yield (f"Rank correlation of the loss at epochs 1, 3, 9 with the lowest, {words} of {len(alive)} "
               f"trials that lived: {rho[0]:.2f}, {rho[1]:.2f}, {rho[2]:.2f}")
    yield from at_equal_budget(objective, (4, 10, 30))


@finding("early-stopping-synthetic", "The same where the space is larger: four axes, two of them important?", slow=True)
def early_stopping_synthetic() -> Lines:
    """On formulas, with curves that cross little and much."""
    for correlation in (0.8, 0.2):
        objective = Synthetic(4, 2, correlation=correlation, noise=0.02)
        yield f"{objective}; loss, {REPEATS} repeats, equal epochs."
        yield from at_equal_budget(objective, (10, 30))


def at_equal_budget(objective: Any, trainings: Sequence[int]) -> Lines:
    for full in trainings:
        scores = {method: finals(objective, method, full * LONGEST) for method in ("random", *EARLY)}
        yield f"{full} full trainings: random {np.mean(scores['random']):.4f}"
        for method in EARLY:
            yield "  " + against_random(method, scores)


@finding("asha-cuts", "How often does ASHA cut the trial that would have won, and what does it cost?", "cifar-lenet")
def asha_cuts() -> Lines:
    """27 random trials each time; the winner is the one with the lowest loss if all were trained to the end."""
    objective = Recorded(cube(), scope="all")
    yield f"Data: {objective.data}; 27 random trials, {REPEATS} searches, one after another, reduction factor 3."
    for grace in (1, 3, 9):
        lost, regret, spent = zip(*(one_asha(objective, seed, grace) for seed in range(REPEATS)), strict=True)
        low, high = stats.wilson(sum(lost), REPEATS)
        yield (f"  grace period {grace}: the winner is cut in {np.mean(lost):.0%} [{low:.0%}, {high:.0%}] of the "
               f"searches; regret {stats.over_repeats(regret, 'both').mean:.4f} on average, 90 % below "
               f"{np.percentile(regret, 90):.4f}; {np.mean(spent) / (27 * LONGEST):.0%} of the epochs")


def one_asha(objective: Recorded, seed: int, grace: int) -> tuple[bool, float, int]:
    """Whether the later winner was cut, how much worse the choice is, and the epochs spent."""
    trials = replay(objective, replay_random(objective.space, seed, 27), StoppingASHA(grace, LONGEST, 3),
                    budget=27 * LONGEST, seed=seed)
    ends = {trial.trial: objective.curve(trial.config, seed, draw).result(LONGEST) for draw, trial in enumerate(trials)}
    whole = {trial.trial: min((row.loss for row in curve_of(objective, trial, seed, draw)), default=np.inf)
             for draw, trial in enumerate(trials) if not ends[trial.trial].diverged}
    winner, choice = min(whole, key=whole.get), chosen(trials, scope="all").trial
    cut = trials[winner].status == "stopped"
    return cut, whole[choice] - whole[winner], sum(trial.budget for trial in trials)


def curve_of(objective: Recorded, trial: Trial, seed: int, draw: int) -> list:
    """Every epoch of the training that the search saw the beginning of."""
    curve = objective.curve(trial.config, seed, draw)
    return [curve.result(epoch) for epoch in range(1, len(curve) + 1)]


# -- what matters ------------------------------------------------------------------------------------------------------
@finding("importance", "Which hyperparameter matters: learning rate, batch size, widths?", "cifar-lenet")
def what_matters() -> Lines:
    """Shares of the variance of ranks, unnormalised, over all trials and over the region of the good ones."""
    first = cube().filter(lambda trial: trial.seed == 0)
    for name, trials in (("all trials", first), ("the good region", importance.good_region(first, scope="all"))):
        found = importance.shares(trials, scope="all", adaptive=False)
        parts = ", ".join(f"{' x '.join(key)} {share.share:.2f}" for key, share in
                          sorted(found.shares.items(), key=lambda item: -item[1].share)[:5])
        yield f"{name} ({found.configurations} configurations, ranks by the loss of the best epoch): {parts}"


STARTS = {"too low": 0.0001, "sensible": 0.001, "too high": 0.03162}


@finding("one-only", "You may tune only one hyperparameter: which?", "cifar-lenet")
def one_only() -> Lines:
    """The gain of tuning each alone from a start of 64/128 units and batch size 4 or 16."""
    first = cube().filter(lambda trial: trial.seed == 0)
    yield "Gain in the loss of the best epoch by tuning one alone; one seed, so winners look a little too good."
    for batch in sorted({trial.config["batch_size"] for trial in first}):
        for words, rate in STARTS.items():
            start = {"l1": 64, "l2": 128, "lr": rate, "batch_size": batch}
            gains = importance.gains(first, start, scope="all")
            parts = ", ".join(f"{gain.name} {gain.gain:.3f}" for gain in gains if np.isfinite(gain.gain))
            yield f"  from batch size {batch} and a rate {words} ({rate:g}): {parts}"


@finding("batch-or-rate", "The batch size first, as the notes say? At the untuned shape, batch size 2 to 16.",
         "cifar-lenet")
def batch_or_rate() -> Lines:
    """Tuning only the batch size, or only the learning rate, from a rate too low, sensible, too high."""
    trials = trials_of("cifar-lenet").filter(lambda trial: trial.config["l1"] == UNTUNED["l1"] and trial.seed == 0)
    loss = {(trial.config["lr"], trial.config["batch_size"]): trial.best_loss for trial in trials if trial.sound}
    batches = sorted({batch for _, batch in loss})
    yield f"Data: {trials.data}; loss of the best epoch of 27, one seed."
    for words, rate in STARTS.items():
        row = {batch: loss[rate, batch] for batch in batches}
        start, best = row[4], min(row, key=row.get)
        by_rate = min((value, lr) for (lr, batch), value in loss.items() if batch == 4)
        yield (f"  from a rate {words} ({rate:g}) and batch size 4, loss {start:.3f}: the best batch size ({best}) "
               f"gives {row[best]:.3f}, the best rate ({by_rate[1]:g}) {by_rate[0]:.3f}")
    best = {batch: min((loss[rate, size], rate) for rate, size in loss if size == batch) for batch in batches}
    yield "  with the rate tuned for each batch size: " + ", ".join(
        f"{batch}: {value:.3f} at {rate:g}" for batch, (value, rate) in best.items())
    spread = {rate: np.ptp([loss[rate, batch] for batch in batches]) for rate in STARTS.values()}
    yield (f"  best minus worst batch size: {spread[0.001]:.3f} at the fixed rate 0.001, "
           f"{np.ptp([value for value, _ in best.values()]):.3f} with the rate tuned")


@finding("batch-size", "Batch sizes 2 to 512: at equal epochs and at equal updates?", "cifar-batch-size")
def batch_size() -> Lines:
    """Best learning rate of each batch size; updates are epochs times pictures over batch size."""
    trials = trials_of("cifar-batch-size").filter(lambda trial: trial.seed == 0)
    yield f"Data: {trials.data}; seed 0, the best of 13 learning rates by the loss so far."
    for words, most in (("27 epochs", None), ("2,109 updates", 2109)):
        parts = []
        for batch in sorted({trial.config["batch_size"] for trial in trials}):
            epochs = LONGEST if most is None else min(LONGEST, int(most * batch / 10_000))
            own = [(min(result.loss for result in trial.sound[:epochs]), trial.config["lr"]) for trial in trials
                   if trial.config["batch_size"] == batch and epochs and trial.sound[:epochs]]
            parts += [f"{batch}: {min(own)[0]:.3f} at {min(own)[1]:g}"] if own else []
        yield f"  after {words}: {', '.join(parts)}"


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
    yield (f"Data: {trials_of(name).data}; {len(equal)} paired seeds, loss of the best epoch; equal rates ({rate:g}): "
           f"{np.mean([trial.best_loss for trial in equal.values()]):.4f}")
    for scheme, own in paired.items():
        compared = stats.compare([own[seed].best_loss for seed in equal], [equal[seed].best_loss for seed in equal],
                                 "training")
        yield (f"  factors {scheme:17} (lr {own[1].config['lr']:g}): {compared.difference:+.4f} [{compared.low:+.4f}, "
               f"{compared.high:+.4f}], better in {compared.superiority:.0%}")


@finding("levers", "Which lever pays most: model, data or the learning rate?", "cifar-levers")
def levers() -> Lines:
    """Validation accuracy at equal updates: untuned and tuned, for each model and kind of data."""
    cells: dict[tuple, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for trial in trials_of("cifar-levers"):
        data = "".join([f"{trial.config['train_size']:,}", " augmented" * ("augment" in trial.config),
                        " 20 % wrong" * ("wrong_labels" in trial.config)])
        if trial.seed:
            cells[trial.config["model"], data][trial.config["lr"]].append(max(trial.values("accuracy")))
    yield "Accuracy of the best epoch, untuned (0.001) and tuned, mean over seeds that did not choose:"
    for (model, data), rates in cells.items():
        tuned = next((rate for rate in rates if rate != 0.001), 0.001)
        yield (f"  {model:9} {data:18} untuned {np.mean(rates[0.001]):.1%}, tuned {np.mean(rates[tuned]):.1%} "
               f"(lr {tuned:g})")


@finding("architectures", "Is the architecture just another hyperparameter?", "cifar-architectures")
def architectures() -> Lines:
    """Shares of variance with the learning rate among them; the best architectures, and what they cost."""
    trials = trials_of("cifar-architectures")
    found = importance.shares(trials, scope="all", adaptive=False)
    parts = ", ".join(f"{' x '.join(key)} {share.share:.2f}" for key, share in
                      sorted(found.shares.items(), key=lambda item: -item[1].share)[:6])
    yield f"Data: {trials.data}; shares of the variance of ranks, loss of the best epoch: {parts}"
    rates = sorted({trial.config["lr"] for trial in trials})
    losses: dict[tuple, dict[float, float]] = defaultdict(dict)
    for trial in trials:
        own = tuple((key, value) for key, value in trial.config.items() if key != "lr")
        losses[own][trial.config["lr"]] = trial.best_loss
    grid = np.array([[row[rate] for rate in rates] for row in losses.values()])
    tuned, costs = grid.min(1), np.array([sizes.multiply_adds(dict(own)) for own in losses])
    yield (f"{len(tuned)} architectures, each at the best of {len(rates)} rates: best {tuned.min():.3f}, middle "
           f"{np.median(tuned):.3f}, worst {tuned.max():.3f}; the middle one gains {np.median(grid[:, 0] - tuned):.3f} "
           f"by its rate, from {rates[0]:g}")
    yield (f"Rank correlation of the architectures between the rates {rates[0]:g} and {rates[-1]:g}: "
           f"{spearmanr(grid[:, 0], grid[:, -1])[0]:.2f}; of the tuned loss with the multiply-adds: "
           f"{spearmanr(costs, tuned)[0]:.2f}")
    for own, loss, cost in _front(list(losses), tuned, costs):
        words = "{depth} x {channels} channels, {kernel} x {kernel}, l1 {l1}, {activation}".format(**dict(own))
        yield f"  {cost:>10,} multiply-adds: {loss:.3f} ({words})"


def _front(names: Sequence[tuple], losses: np.ndarray, costs: np.ndarray) -> Iterator[tuple[tuple, float, int]]:
    """Those that no cheaper one equals (the Pareto front), the cheapest first."""
    lowest = np.inf
    for place in np.lexsort((losses, costs)):
        if losses[place] < lowest:
            lowest = losses[place]
            yield names[place], float(lowest), int(costs[place])


# -- the command -------------------------------------------------------------------------------------------------------
def measured(name: str) -> bool:
    """Whether the tables that a finding needs are there, in part at least."""
    try:
        return all(len(trials_of(one)) for one in FINDINGS[name].tables)
    except ValueError:
        return False


def block(name: str) -> str:
    """What FINDINGS.md says under a name: the command, and what it prints."""
    return "\n".join(["```", f"$ python -m hpt_lessons.recorded.findings {name}", *FINDINGS[name].lines(), "```"])


def rewritten(text: str, names: Sequence[str]) -> str:
    """The text of FINDINGS.md with these blocks as they are now; KeyError if one has no place there."""
    for name in names:
        start = text.find(f"```\n$ python -m hpt_lessons.recorded.findings {name}\n")
        if start < 0:
            raise KeyError(f"FINDINGS.md has no block for {name!r}; write its command there between three backquotes.")
        end = text.index("\n```", start) + len("\n```")
        text = text[:start] + block(name) + text[end:]
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the named findings, all that are measured if none is named."""
    ask = argparse.ArgumentParser(prog="python -m hpt_lessons.recorded.findings", description=__doc__.splitlines()[0])
    ask.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(FINDINGS)} (all)")
    ask.add_argument("--write", action="store_true", help="put what is found into FINDINGS.md")
    options = ask.parse_args(arguments)
    for name in options.names:
        if name not in FINDINGS:
            ask.error(f"there is no finding {name!r}; there are {', '.join(FINDINGS)}")
    names = options.names or [name for name in FINDINGS if measured(name)]
    if options.write:
        FILE.write_text(rewritten(FILE.read_text(encoding="utf-8"), names), encoding="utf-8")
        return 0
    for name in names:
        if not measured(name):
            print(f"{name}: {', '.join(FINDINGS[name].tables)} is not measured yet.", file=sys.stderr)
            return 1
        print(f"{FINDINGS[name].question}", *FINDINGS[name].lines(), sep="\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
