"""The card of a recorded table: what it is, how it was measured, what is in it, and what it cannot tell.

Every number is computed from the table, so that a card cannot tell of another table than the one beside it.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hpt_lessons.files import write_atomically
from hpt_lessons.progress import seconds_in_words
from hpt_lessons.recorded.making.plans import Plan
from hpt_lessons.recorded.table import ALIVE
from hpt_lessons.trials import Trial, Trials

SWEEP = 8  # learning rates from which on it means something whether the best one lies inside

CAUTION = """\
- One epoch's number is one draw: the same trial with another seed gives another one. Do not choose and score a trial on
  the same seed.
- The trials of one group (same shape, batch size and seed) saw the pictures in the same order and, with equal seeds,
  started from the same weights: their noise is not independent.
- Learning rates between the recorded ones were not measured.
- The last epoch is often not the best one: with few pictures many of these trainings overfit.
- Seconds are those of a single worker with one thread, found by training one trial of each shape and batch size alone;
  the groups in which the trials were really trained took less. {seconds}
{edge}- The pictures, the split and the training length are those above; with others the ranking may be another."""


# Of sweeps, not of a pool.
EDGE = '- Where the best learning rate is "at the edge", a better one may lie outside the range.\n'
# After what `cost` did with the table, and before.
CALIBRATED = "Calibrated on an idle machine:\n  the shortest of three epochs."
BESIDE = "One measurement each, beside other\n  work: trust them to a third."


def write_card(path: Path, plan: Plan, trials: Trials, about: Mapping[str, Any]) -> None:
    """Write the card of a table as Markdown."""
    write_atomically(path, lambda file: file.write(card(plan, trials, about).encode()))


CARD = """\
# {plan.title}

Table `{plan.name}`: {count:,} trials, measured, not simulated.

{plan.text}

## How it was measured

{facts}

## What is in it

{counts}

{best}

## What it cannot tell

{caution}

## How to build it again

```
python -m hpt_lessons.recorded.making.build {plan.name} --data FOLDER --data-name '{pictures}'
```

Remove the table first: one that is there is not built again. The numbers agree up to the rounding of the \
processor, which a chaotic training enlarges.
"""


def card(plan: Plan, trials: Trials, about: Mapping[str, Any]) -> str:
    """The text of the card."""
    pool = any("momentum" in trial.config for trial in trials)
    return CARD.format(
        plan=plan,
        count=len(trials),
        facts="\n".join(_facts(plan, trials, about)),
        counts="\n".join(_counts(trials)),
        best="\n".join(_best_of_a_pool(trials) if pool else _best_of_sweeps(trials)),
        caution=CAUTION.format(seconds=CALIBRATED if about.get("calibrated") else BESIDE, edge="" if pool else EDGE),
        pictures=_pictures(plan, about),
    )


def _facts(plan: Plan, trials: Trials, about: Mapping[str, Any]) -> Iterable[str]:
    seeds = sorted({trial.seed for trial in trials})
    splits = sorted({split(trial) for trial in trials})
    lengths = sorted({trial.budget for trial in trials if not trial.diverged and not is_dead(trial)})
    sizes = sorted({trial.config.get("train_size", plan.fixed["train_size"]) for trial in trials})
    yield (
        f"- Pictures: {about['data']}; {' or '.join(f'{size:,}' for size in sizes)} to train on, "
        f"{about['valid']:,} to validate on after every epoch, "
        + (f"{about['score']:,} others to score on after every epoch, " if about.get("score") else "")
        + f"{about['test']:,} to test on after the last one."
    )
    yield f"- Epochs: {', '.join(map(str, lengths))}. Seeds: {_list(seeds)}. Seeds of the split: {_list(splits)}."
    yield f"- The same for all trials: {', '.join(f'{key}={value}' for key, value in plan.fixed.items())}."
    yield (
        f"- Code {', '.join(about['code'])}; torch {', '.join(about['torch'])}; {', '.join(about['hardware'])}; "
        f"{seconds_in_words(about['spent'])} of computing, networks of one shape trained together."
    )
    alone = sum(trial.seconds for trial in trials)
    yield f"- Trained one after the other by single workers, the same trials would take {seconds_in_words(alone)}."


def _pictures(plan: Plan, about: Mapping[str, Any]) -> str:
    """The name of all the pictures, of which the trials may have seen some classes only."""
    return about["data"].removesuffix(f", {about['classes']} of {about['classes'] + plan.known_classes} classes")


def _counts(trials: Trials) -> Iterable[str]:
    diverged = [trial for trial in trials if trial.diverged]
    late = sum(len(trial.history) > 1 for trial in diverged)
    yield f"- Diverged: {len(diverged)} of {len(trials)}, {late} of them after the first epoch."
    dead = [trial for trial in trials if is_dead(trial)]
    yield (
        f"- Dead (not diverged, but at the end no better than {ALIVE:g} times guessing): {len(dead)} of "
        f"{len(trials)}, {sum(max(trial.values('accuracy')) > 2 * trial.accuracy for trial in dead)} of them had "
        "been twice as good before. A network that answers always the same is trained no further, so most of these "
        "curves end early."
    )
    sound = [trial for trial in trials if not trial.diverged and not is_dead(trial)]
    early = sum(trial.best_epoch < trial.budget for trial in sound)
    yield f"- Best epoch before the last one: {early} of the {len(sound)} other trials."


def _best_of_sweeps(trials: Trials) -> Iterable[str]:
    """For each combination of the other hyperparameters the best learning rate, of the trials with the first seed.

    Few learning rates are no range, and whether the best lies inside is then left out.
    """
    first = min(trial.seed for trial in trials)
    cells: dict[tuple, list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.seed == first and split(trial) == first:
            cells[_cell(trial)].append(trial)
    keys = list(dict.fromkeys(key for cell in cells for key, _ in cell))
    yield f"Best epoch of the best learning rate, seed {first}:"
    yield ""
    yield from _lines([*keys, "learning rate", "in the range", "loss", "accuracy", "epoch"])
    for cell, members in sorted(cells.items(), key=lambda item: _in_order(dict(item[0]), keys)):
        sound = [trial for trial in members if trial.sound]
        if sound:
            best, rates = min(sound, key=lambda trial: trial.best_loss), [trial.config["lr"] for trial in members]
            inside = "yes" if min(rates) < best.config["lr"] < max(rates) else "**at the edge**"
            inside = inside if len(rates) >= SWEEP else "-"
            yield _line([*(dict(cell).get(key, "-") for key in keys), f"{best.config['lr']:g}", inside, *_result(best)])


def _cell(trial: Trial) -> tuple:
    """All but the learning rate."""
    own = ((key, value) for key, value in trial.config.items() if key != "lr")
    return tuple((key, value if isinstance(value, str | int | float) else str(value)) for key, value in own)


def _best_of_a_pool(trials: Trials) -> Iterable[str]:
    """No two trials of a pool share what is beside the learning rate: its best ten, by their best epoch."""
    sound = sorted((trial for trial in trials if trial.sound), key=lambda trial: trial.best_loss)[:10]
    keys = list(trials[0].config)
    yield "The best ten by their best epoch on the validation pictures:"
    yield ""
    yield from _lines([*keys, "loss", "accuracy", "epoch", "loss on the score half"])
    for trial in sound:
        scored = trial.history[trial.best_epoch - 1].value("score_loss")
        yield _line([*(trial.config[key] for key in keys), *_result(trial), f"{scored:.3f}"])


def _lines(columns: Sequence[str]) -> Iterable[str]:
    """The head of a table in Markdown."""
    return _line(columns), "|" + "---|" * len(columns)


def _line(values: Sequence[Any]) -> str:
    return f"| {' | '.join(map(str, values))} |"


def _result(trial: Trial) -> tuple[str, str, str]:
    """Loss, accuracy and number of the best epoch."""
    result = trial.history[trial.best_epoch - 1]
    return f"{result.loss:.3f}", f"{result.accuracy:.1%}", str(result.epoch)


def _in_order(cell: Mapping[str, Any], keys: Iterable[str]) -> list[tuple[float, str]]:
    """Numbers by their size, before words by the alphabet; what a trial has not set comes first."""
    values = [cell.get(key, -math.inf) for key in keys]
    return [(math.inf, value) if isinstance(value, str) else (float(value), "") for value in values]


def split(trial: Trial) -> int:
    """The seed that divided training and validation pictures."""
    return int(trial.history[0].extra["split_seed"])


def is_dead(trial: Trial) -> bool:
    """Whether a training that did not diverge ended no better than guessing."""
    return not trial.diverged and bool(trial.history[-1].extra["dead"])


def _list(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
