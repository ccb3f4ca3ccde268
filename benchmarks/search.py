"""How much of two cores trains during a search? Our lean set-up of Ray Tune beside Ray's defaults, ten trials each.

Both search the same ten configurations with the same ASHA, each in a fresh process. Busy is the time that trials spent
in training and validation, as they measured it themselves, over the time of the search multiplied by the cores; the
time of the search begins when Ray Tune is asked to search and ends with its answer. Starting Ray is printed beside it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

BOUND = 0.85
CORES = 2
TRIALS = 10


def main(arguments: list[str]) -> int:
    """Print one line for each set-up; 0 if ours keeps at least 0.85 of the cores busy."""
    ask = argparse.ArgumentParser(prog="benchmarks search")
    ask.add_argument("--quick", action="store_true", help="shorter trials; the bound is not judged")
    ask.add_argument("--setup", choices=("lean", "default"), help=argparse.SUPPRESS)
    ask.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = ask.parse_args(arguments)
    if options.setup:
        print(json.dumps(measure(options.setup, options.folder, options.quick)))
        return 0
    print(f"{'set-up':22}{'search':>9}{'training':>10}{'busy':>7}{'start of Ray':>14}   epochs")
    with tempfile.TemporaryDirectory(prefix="search-") as folder:
        rows = {setup: in_fresh_process(setup, folder, options.quick) for setup in ("default", "lean")}
    for setup, label in (("default", "Ray's defaults"), ("lean", "hpt_lessons")):
        row = rows[setup]
        print(
            f"{label:22}{row['search']:7.1f} s{row['training']:8.1f} s{row['busy']:7.2f}{row['start']:12.1f} s"
            f"{row['epochs']:9d}"
        )
    print(f"{CORES} trials at a time, one thread each, on {rows['lean']['data']}; bound for hpt_lessons: {BOUND}.")
    return 0 if options.quick or rows["lean"]["busy"] >= BOUND else 1


def in_fresh_process(setup: str, folder: str, quick: bool) -> dict:
    command = [sys.executable, "-m", "benchmarks.search", "--setup", setup, "--folder", folder]
    output = subprocess.run([*command, *(["--quick"] if quick else [])], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(output.stdout.strip().splitlines()[-1])


def measure(setup: str, folder: Path, quick: bool) -> dict:
    from hpt_lessons.cifar.data import load_data
    from hpt_lessons.search import layouts
    from hpt_lessons.search.presets import bounded

    data = load_data(folder / "data", "standin", progress=False)
    configs = layouts.random(bounded(), TRIALS, seed=1)
    options = {"epochs": 3 if quick else 27, "train_size": 1000 if quick else 8000}
    searched = lean(configs, options, data, folder) if setup == "lean" else default(configs, options, folder)
    start, search, seconds = searched
    return {
        "start": start,
        "search": search,
        "training": sum(seconds),
        "epochs": len(seconds),
        "data": data.name,
        "busy": sum(seconds) / (CORES * search),
    }


def lean(configs: list[dict], options: dict, data, folder: Path) -> tuple[float, float, list[float]]:
    from ray import tune  # noqa: F401 (imported before the clock starts, as for Ray's defaults)

    from hpt_lessons.raytune import cifar, study
    from hpt_lessons.raytune.setup import start_ray
    from hpt_lessons.search.searchers import Listed

    begin = time.perf_counter()
    start_ray(num_cpus=CORES)
    ready = time.perf_counter()
    found = study.run_study(
        cifar._train,
        Listed(configs),
        max_epochs=options["epochs"],
        name="lean",
        folder=folder,
        scheduler=cifar.make_scheduler("asha", options["epochs"], TRIALS),
        progress=False,
        shared={"data": data, "options": options},
    )
    end = time.perf_counter()
    return ready - begin, end - ready, [result.seconds for trial in found.trials for result in trial.history]


def default(configs: list[dict], options: dict, folder: Path) -> tuple[float, float, list[float]]:
    import ray
    from ray import tune
    from ray.tune.search import BasicVariantGenerator

    from hpt_lessons.cifar.training import train_cifar
    from hpt_lessons.raytune.cifar import make_scheduler
    from hpt_lessons.search.presets import bounded
    from hpt_lessons.search.space import Space

    begin = time.perf_counter()
    ray.init(num_cpus=CORES)
    ready = time.perf_counter()
    tuner = tune.Tuner(
        partial(train_cifar, data_dir=str(folder / "data")),
        param_space={**Space(bounded()).to_ray(), **options},
        tune_config=tune.TuneConfig(
            metric="loss",
            mode="min",
            num_samples=TRIALS,
            scheduler=make_scheduler("asha", options["epochs"], TRIALS),
            search_alg=BasicVariantGenerator(points_to_evaluate=configs),
        ),
        run_config=tune.RunConfig(storage_path=str(folder / "ray")),
    )
    grid = tuner.fit()
    end = time.perf_counter()
    return ready - begin, end - ready, [value for result in grid for value in result.metrics_dataframe["seconds"]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
