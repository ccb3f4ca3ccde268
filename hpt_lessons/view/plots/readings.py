"""What do the plots read from the table of trials? Metrics and their names, ends, winners, repeats, hyperparameters."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from hpt_lessons.trials import Trial, Trials, expect_trials, leaves
from hpt_lessons.words import percent

# What each metric is called on an axis, and by what it is multiplied there.
METRICS = {"loss": ("validation loss per picture (nats)", 1), "accuracy": ("validation accuracy (%)", 100)}


# What a finished trial may have beside them.
FINAL = METRICS | {"test_accuracy": ("test accuracy (%)", 100)}


def metric_label(metric: str, known: Mapping[str, tuple[str, int]] = METRICS) -> tuple[str, int]:
    """The name of a metric on an axis, and by what it is multiplied there; ValueError for one that is not known."""
    if metric not in known:
        raise ValueError(f"metric={metric!r} is not possible; choose {' or '.join(map(repr, known))}.")
    return known[metric]


def not_empty(caller: str, trials: Trials) -> None:
    """ValueError if nothing is in the table, TypeError if it is none."""
    expect_trials(caller, trials)
    if not len(trials):
        raise ValueError(f"{caller}: the table has no trials, so there is nothing to draw. Run the search first.")


def status_of(trial: Trial) -> str:
    """How the trial ended; one that diverged in any epoch has diverged."""
    return "diverged" if trial.diverged else trial.status


def sound_values(trial: Trial, metric: str) -> list[float]:
    """The metric after each epoch before the trial diverged, if it did."""
    return [result.value(metric) for result in trial.sound]


def last_value(trial: Trial, metric: str) -> float:
    """The metric after the last epoch, NaN for a trial that diverged or has no epoch."""
    return trial.history[-1].value(metric) if trial.history and not trial.diverged else math.nan


def winner_of(trials: Trials, metric: str, best: Trial | str | None) -> Trial | None:
    """The trial to emphasise: the one asked for, or the best by its last epoch, or none if none has a sound result."""
    if best is not None:
        return trials[best if isinstance(best, str) else best.name]
    if any(math.isfinite(last_value(trial, metric)) for trial in trials):
        return trials.best(metric)
    return None


def winner_text(winner: Trial, metric: str, best: Trial | str | None = None) -> str:
    """The winner's name and its last sound value, for a legend; by what it is the best, unless it was asked for."""
    value = sound_values(winner, metric)[-1] * METRICS[metric][1] if winner.sound else math.nan
    text = f"{winner.name} ({in_unit(value, metric)})"
    return f"best last {metric}: {text}" if best is None else text


def in_unit(value: float, metric: str) -> str:
    """A value of a metric's axis in words."""
    return percent(value / 100, 1) if metric == "accuracy" else f"{value:.3f}"


def repeated(trials: Trials) -> list[list[Trial]]:
    """Groups of at least two sound trials that differ in nothing but their seed."""
    groups: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.history and not trial.diverged:
            config = {key: value for key, value in trial.config.items() if key != "seed"}
            groups[repr(sorted(config.items(), key=lambda item: item[0]))].append(trial)
    return [group for group in groups.values() if len(group) > 1]


def columns_of(trials: Trials) -> dict[str, dict[str, Any]]:
    """For each hyperparameter its value in each trial that has it."""
    columns: dict[str, dict[str, Any]] = defaultdict(dict)
    for trial in trials:
        for path, value in leaves(trial.config):
            columns["/".join(path)][trial.name] = value
    return dict(columns)


def distinct_values(values: Mapping[str, Any]) -> list:
    """The different values, in order of appearance; compared as text, since lists cannot be put into a set."""
    return list({repr(value): value for value in values.values()}.values())


def choose_parameters(caller: str, columns: Mapping[str, Mapping[str, Any]], wanted: Sequence[str] | None) -> list[str]:
    """The hyperparameters asked for, or those that differ between trials; ValueError if there are none such."""
    wanted = [wanted] if isinstance(wanted, str) else wanted
    chosen = [name for name in columns if len(distinct_values(columns[name])) > 1] if wanted is None else list(wanted)
    unknown = [name for name in chosen if name not in columns]
    if unknown or not chosen:
        problem = f"no configuration has {unknown[0]!r}" if unknown else "the configurations do not differ"
        raise ValueError(f"{caller}: {problem}; there are {', '.join(columns) or 'no hyperparameters'}.")
    return chosen
