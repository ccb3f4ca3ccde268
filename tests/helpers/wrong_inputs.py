"""The table of wrong inputs: each entry point with one argument left open, and the kind of value that belongs there.

A new entry point joins by a line in `ENTRIES`, a new way to be wrong by a line in `KINDS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from hpt_lessons import analysis, recorded
from hpt_lessons.analysis import importance
from hpt_lessons.cifar.config import UNTUNED, read_config
from hpt_lessons.cifar.data import load_data
from hpt_lessons.cifar.population import train_population
from hpt_lessons.cifar.training import choose_device, train_cifar
from hpt_lessons.raytune.cifar import tune_cifar
from hpt_lessons.raytune.launch import launch
from hpt_lessons.raytune.study import run_study
from hpt_lessons.recorded.objective import Recorded
from hpt_lessons.recorded.replay import Pool, Synthetic, chosen, repeats, replay
from hpt_lessons.search import bergstra, layouts, nas, rungs
from hpt_lessons.search import domains as tune
from hpt_lessons.search.asha import PromotionASHA, StoppingASHA
from hpt_lessons.search.bohb import BOHBSampler
from hpt_lessons.search.halving import Hyperband, NoStopping
from hpt_lessons.search.searchers import RandomSearch, RandomThenGrid
from hpt_lessons.search.space import Space
from hpt_lessons.search.ticks import grid_points
from hpt_lessons.trials import Trials
from hpt_lessons.view import LayoutEditor, Quiz, SearchSpaceEditor, plots

NAN = float("nan")
SPACE = {"lr": tune.loguniform(1e-4, 1e-1), "l1": tune.randint(4, 65)}
FRAME = pd.DataFrame({"lr": [0.1], "loss": [1.0]})

# What a tired person would hand over in the place of ...
KINDS: dict[str, list[Any]] = {
    "a count": [0, -3, 2.5, "3", None, NAN],
    "a seed": [-1, 1.5, "zero"],
    "a share": [0, -0.2, 1.7, "half", NAN],
    "a confidence": [0, 1, 95, "95 %", NAN],
    "a search space": [
        None,
        "lr",
        [0.1, 0.01],
        3,
        {"lr": tune.loguniform},
        {"how": tune.choice([{"lr": tune.uniform(0, 1)}])},
        FRAME,
    ],
    "a table": [None, "cifar-lenet", [{"lr": 0.1}], FRAME, 7],
    "numbers": [None, "0.5", [], [[1.0, 2.0], [3.0, 4.0]], ["a", "b"], [1.0, NAN]],
    "a metric": ["acc", "Loss", None, 3],
    "a scope": ["best", None, 1],
    "a word": ["nonsense", None, 3],
    "a configuration": [None, "lr", [1], {}, {"lr": 0.1, "learning": 2}],
    "a data set": ["mnist", 3],
    "a folder": [3, 1.5, ["data"]],
    "a device": ["tpu-7", "gpu", 3.5],
    "a searcher": [None, "random", 3, RandomSearch],
    "a function": [None, "train", 3],
    "a name of a table": ["cifar", None, 3, "../cifar-lenet"],
}


class Untouched:
    """Stands for prepared pictures: whoever looks at them has gone too far."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the pictures were asked for {name!r} before the arguments were looked at")


UNTOUCHED: Any = Untouched()


@dataclass(frozen=True)
class Entry:
    """An entry point: its name, the argument left open, what belongs there, the call, and what is right here."""

    name: str
    argument: str
    kind: str
    call: Callable[[Any], Any]
    allowed: tuple[Any, ...] = ()


def pool_table() -> Trials:
    return recorded.load("pool-plain", partial=True)


def table() -> Trials:
    return recorded.load("cifar-lenet-seeds")


def objective() -> Recorded:
    return Recorded(recorded.load("cifar-lenet").filter(lambda trial: trial.config["l1"] != 120))


ENTRIES = [
    # -- spaces, layouts, ticks
    Entry("Space", "space", "a search space", Space),
    Entry("layouts.random", "space", "a search space", lambda v: layouts.random(v, 3)),
    Entry("layouts.random", "num_samples", "a count", lambda v: layouts.random(SPACE, v, 0)),
    Entry("layouts.random", "seed", "a seed", lambda v: layouts.random(SPACE, 3, v)),
    Entry("layouts.grid", "space", "a search space", lambda v: layouts.grid(v, 3)),
    Entry("layouts.grid", "ticks", "a count", lambda v: layouts.grid(SPACE, v)),
    Entry("layouts.grid", "rule", "a word", lambda v: layouts.grid(SPACE, 3, v)),
    Entry("layouts.even_grid", "num_samples", "a count", lambda v: layouts.even_grid(SPACE, v)),
    Entry("layouts.sobol", "num_samples", "a count", lambda v: layouts.sobol(SPACE, v, 0)),
    Entry("layouts.sobol", "seed", "a seed", lambda v: layouts.sobol(SPACE, 4, v)),
    Entry("layouts.latin_hypercube", "num_samples", "a count", lambda v: layouts.latin_hypercube(SPACE, v, 0)),
    Entry("layouts.halton", "num_samples", "a count", lambda v: layouts.halton(SPACE, v, 0)),
    Entry("layouts.zoom", "space", "a search space", lambda v: layouts.zoom(v, [{"lr": 0.01, "l1": 8}], [1.0])),
    Entry("layouts.zoom", "width", "a share", lambda v: layouts.zoom(SPACE, [{"lr": 0.01, "l1": 8}], [1.0], width=v)),
    Entry("grid_points", "ticks", "a count", lambda v: grid_points(SPACE["lr"], v)),
    Entry("grid_points", "rule", "a word", lambda v: grid_points(SPACE["lr"], 3, v)),
    # -- searchers and schedulers
    Entry("RandomSearch", "space", "a search space", RandomSearch),
    Entry("RandomSearch", "seed", "a seed", lambda v: RandomSearch(SPACE, v)),
    Entry("RandomThenGrid", "num_trials", "a count", lambda v: RandomThenGrid(SPACE, v, 0)),
    Entry("BOHBSampler", "space", "a search space", BOHBSampler),
    Entry("BOHBSampler", "seed", "a seed", lambda v: BOHBSampler(SPACE, seed=v)),
    Entry("NoStopping", "max_budget", "a count", NoStopping),
    Entry("Hyperband", "min_budget", "a count", lambda v: Hyperband(v, 27)),
    Entry("Hyperband", "max_budget", "a count", lambda v: Hyperband(1, v)),
    Entry("StoppingASHA", "max_budget", "a count", lambda v: StoppingASHA(1, v)),
    Entry("StoppingASHA", "min_budget", "a count", lambda v: StoppingASHA(v, 27)),
    Entry("PromotionASHA", "max_budget", "a count", lambda v: PromotionASHA(1, v)),
    Entry("rungs", "max_budget", "a count", lambda v: rungs.rungs(1, v)),
    Entry("halving_plan", "trials", "a count", lambda v: rungs.halving_plan(v, 1, 27)),
    Entry("trials_needed", "share", "a share", bergstra.trials_needed),
    Entry("at_least_one_hit", "trials", "a count", lambda v: bergstra.at_least_one_hit(0.05, v)),
    Entry("nas.choices_of", "space", "a search space", nas.choices_of),
    # -- tables and replay
    Entry("recorded.load", "name", "a name of a table", recorded.load),
    Entry("Recorded", "trials", "a table", Recorded),
    Entry("Recorded", "scope", "a scope", lambda v: Recorded(table(), scope=v)),
    Entry("Pool", "trials", "a table", Pool),
    Entry("Pool", "metric", "a metric", lambda v: Pool(pool_table(), v)),
    Entry("Pool", "scope", "a scope", lambda v: Pool(pool_table(), scope=v)),
    Entry("Pool", "config", "a configuration", lambda v: Pool(pool_table()).score(v)),
    Entry("pilot", "trials", "a table", analysis.pilot),
    Entry("pilot", "metric", "a metric", lambda v: analysis.pilot(pool_table()[:8], v)),
    Entry("replay", "budget", "a count", lambda v: replay(objective(), RandomSearch(SPACE, 0), budget=v), (None,)),
    Entry("replay", "workers", "a count", lambda v: replay(objective(), RandomSearch(SPACE, 0), workers=v)),
    Entry("replay", "max_epochs", "a count", lambda v: replay(objective(), RandomSearch(SPACE, 0), max_epochs=v)),
    Entry("replay", "seed", "a seed", lambda v: replay(objective(), RandomSearch(SPACE, 0), seed=v)),
    Entry("repeats", "method", "a word", lambda v: repeats(objective(), v, 1, 27)),
    Entry("repeats", "repeats", "a count", lambda v: repeats(objective(), "random", v, 27)),
    Entry("chosen", "trials", "a table", chosen),
    Entry("Synthetic", "dimension", "a count", lambda v: Synthetic(v)),
    # -- statistics
    Entry("wilson", "n", "a count", lambda v: analysis.wilson(0, v)),
    Entry("wilson", "confidence", "a confidence", lambda v: analysis.wilson(1, 10, v)),
    Entry("mean_interval", "values", "numbers", analysis.mean_interval),
    Entry("mean_interval", "confidence", "a confidence", lambda v: analysis.mean_interval([1.0, 2.0], v)),
    Entry("bootstrap_interval", "values", "numbers", analysis.bootstrap_interval),
    Entry("bootstrap_interval", "resamples", "a count", lambda v: analysis.bootstrap_interval([1, 2], resamples=v)),
    Entry("paired_difference", "first", "numbers", lambda v: analysis.paired_difference(v, [1.0, 2.0])),
    Entry("compare", "first", "numbers", lambda v: analysis.compare(v, [1.0, 2.0], "search")),
    Entry("compare", "varied", "a word", lambda v: analysis.compare([1.0, 2.0], [1.5, 2.5], v)),
    Entry("over_repeats", "values", "numbers", lambda v: analysis.over_repeats(v, "both")),
    Entry("expected_best", "trials", "a count", analysis.expected_best),
    Entry("student_factor", "freedom", "a count", analysis.student_factor),
    Entry("by_seed", "trials", "a table", analysis.by_seed),
    Entry("by_seed", "metric", "a metric", lambda v: analysis.by_seed(table(), v)),
    Entry("by_seed", "scope", "a scope", lambda v: analysis.by_seed(table(), scope=v)),
    Entry("incumbent", "trials", "a table", analysis.incumbent),
    Entry("incumbent", "metric", "a metric", lambda v: analysis.incumbent(table(), metric=v)),
    Entry("importance.shares", "trials", "a table", importance.shares),
    Entry("importance.shares", "metric", "a metric", lambda v: importance.shares(table(), metric=v)),
    Entry("importance.good_region", "trials", "a table", importance.good_region),
    Entry("importance.gains", "trials", "a table", lambda v: importance.gains(v, UNTUNED)),
    # -- records and configurations
    Entry("Trials.best", "metric", "a metric", lambda v: table().best(v)),
    Entry("Trials.best", "scope", "a scope", lambda v: table().best("loss", scope=v)),
    Entry("read_config", "config", "a configuration", read_config),
    # -- plots
    Entry("plots.slices", "trials", "a table", plots.slices),
    Entry("plots.slices", "metric", "a metric", lambda v: plots.slices(table(), metric=v)),
    Entry("plots.learning_curves", "trials", "a table", plots.learning_curves),
    Entry("plots.parallel_coordinates", "trials", "a table", plots.parallel_coordinates),
    Entry("plots.contour", "trials", "a table", lambda v: plots.contour(v, "lr", "l1")),
    Entry("plots.lever_dots", "trials", "a table", lambda v: plots.lever_dots(v, "lr")),
    Entry("plots.pareto", "trials", "a table", lambda v: plots.pareto(v)),
    Entry("plots.gantt", "trials", "a table", plots.gantt),
    Entry("plots.importance", "found", "a table", plots.importance),
    Entry("plots.incumbents", "methods", "a table", plots.incumbents),
    Entry("plots.paired_differences", "first", "a table", lambda v: plots.paired_differences(v, table())),
    # -- widgets
    Entry("SearchSpaceEditor", "space", "a search space", SearchSpaceEditor, (None,)),
    Entry("SearchSpaceEditor", "trials", "a table", lambda v: SearchSpaceEditor(SPACE, trials=v), (None,)),
    Entry("SearchSpaceEditor", "num_samples", "a count", lambda v: SearchSpaceEditor(SPACE, num_samples=v)),
    Entry("LayoutEditor", "space", "a search space", LayoutEditor),
    Entry("LayoutEditor", "layout", "a word", lambda v: LayoutEditor(SPACE, v)),
    Entry("LayoutEditor", "num_trials", "a count", lambda v: LayoutEditor(SPACE, "random", v)),
    Entry("Quiz", "questions", "a name of a table", Quiz),
    # -- data and training
    Entry("load_data", "dataset", "a data set", lambda v: load_data(dataset=v)),
    Entry("load_data", "data_dir", "a folder", lambda v: load_data(v, "standin")),
    Entry("load_data", "wait", "a count", lambda v: load_data(dataset="standin", wait=v), (2.5,)),
    Entry("train_cifar", "config", "a configuration", lambda v: train_cifar(v, data=UNTOUCHED)),
    Entry("train_cifar", "device", "a device", choose_device),
    Entry("train_population", "configs", "a configuration", lambda v: train_population([v], data=UNTOUCHED)),
    # -- searches with Ray, which is not started
    Entry("tune_cifar", "space", "a search space", lambda v: tune_cifar(v, data=UNTOUCHED), (None,)),
    Entry("tune_cifar", "num_samples", "a count", lambda v: tune_cifar(num_samples=v, data=UNTOUCHED)),
    Entry("tune_cifar", "max_epochs", "a count", lambda v: tune_cifar(max_epochs=v, data=UNTOUCHED)),
    Entry("tune_cifar", "search", "a word", lambda v: tune_cifar(search=v, data=UNTOUCHED)),
    Entry("tune_cifar", "scheduler", "a word", lambda v: tune_cifar(scheduler=v, data=UNTOUCHED), (None,)),
    Entry("tune_cifar", "seed", "a seed", lambda v: tune_cifar(seed=v, data=UNTOUCHED)),
    Entry("run_study", "train", "a function", lambda v: run_study(v, RandomSearch(SPACE, 0), max_epochs=3)),
    Entry("run_study", "searcher", "a searcher", lambda v: run_study(print, v, max_epochs=3)),
    Entry("run_study", "max_epochs", "a count", lambda v: run_study(print, RandomSearch(SPACE, 0), max_epochs=v)),
    Entry(
        "run_study",
        "num_trials",
        "a count",
        lambda v: run_study(print, RandomSearch(SPACE, 0), max_epochs=3, num_trials=v),
        (None,),
    ),
    Entry("launch", "num_samples", "a count", lambda v: launch(tune_cifar, num_samples=v, data=UNTOUCHED)),
]
