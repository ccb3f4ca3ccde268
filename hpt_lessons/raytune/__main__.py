"""The Ray Tune CIFAR example without a notebook: `python -m hpt_lessons.raytune`, or `make tune ARGS="..."`."""

import argparse
import json
import os
import shlex
import sys
from pathlib import Path

from hpt_lessons.cifar.data import Data, DataError, load_data
from hpt_lessons.cifar.pictures.download import DownloadError
from hpt_lessons.files import write_json
from hpt_lessons.names import check_name
from hpt_lessons.progress import seconds_in_words
from hpt_lessons.raytune import cifar
from hpt_lessons.raytune.judge import verdict
from hpt_lessons.raytune.setup import prepare_ray
from hpt_lessons.raytune.study import Study
from hpt_lessons.study.cifar import SEARCHES
from hpt_lessons.study.folders import COMMAND, JOURNAL, default_name, study_folder
from hpt_lessons.trials import Trial

ZOOM_FROM = 5  # samples: with fewer there is nothing to zoom into


def main(arguments: list[str] | None = None) -> int:
    """Search, then show what was found; the exit status is 0 when the study is complete, else 1."""
    options = read_arguments(arguments)
    try:
        options = remembered(options) if options.resume else named(options)
        print(
            f"{options.samples} trials of at most {options.epochs} epochs, and the untuned default beside them.",
            flush=True,
        )
        if not options.resume:
            prepare_ray()
        data = prepare(options)
        remember(options)
        print(f"Data: {data!r}. Study: {os.path.relpath(folder_of(options))}", flush=True)
        study = cifar.tune_cifar(
            num_samples=options.samples,
            max_epochs=options.epochs,
            search=options.search,
            seed=options.seed,
            scheduler=options.scheduler,
            data=data,
            options=sizes(options),
            name=options.name,
            folder=options.folder,
            resume=options.resume,
            resources={"cpu": options.cpus, "gpu": options.gpus},
        )
        if study.finished:
            print(report(study, data, learns=options.search == "bohb"))
            return 0
    except (ValueError, OSError, DataError, RuntimeError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f'On the command line: make tune ARGS="{how_to_go_on(options)}"')
    return 1


def read_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """The command line; each default is the small search that two cores finish in minutes."""
    ask = argparse.ArgumentParser(
        prog="python -m hpt_lessons.raytune",
        description=f"{__doc__.splitlines()[0]} The untuned default is trained beside the search.",
    )
    ask.add_argument("--samples", type=int, default=16, help="configurations to try (default: %(default)s)")
    ask.add_argument(
        "--epochs", type=int, default=4, help="epochs of a trial that is not stopped (default: %(default)s)"
    )
    ask.add_argument(
        "--data",
        default="auto",
        metavar="WHAT",
        help="'cifar10', 'standin', a folder of pictures train/<class>/..., or 'auto': CIFAR-10 if it can be had, "
        "else the stand-in (default: %(default)s)",
    )
    ask.add_argument("--data-name", metavar="TEXT", help="what a folder of pictures is called in the results")
    ask.add_argument(
        "--data-dir", metavar="DIR", help="where prepared data is kept (default: $HPT_LESSONS_DATA, else data)"
    )
    ask.add_argument("--train-size", type=int, metavar="N", help="use only N training pictures (default: all)")
    ask.add_argument(
        "--seed",
        type=int,
        default=0,
        help="of the configurations, the weights and the picture order (default: %(default)s)",
    )
    ask.add_argument(
        "--search",
        choices=SEARCHES,
        help="which configurations to try (default: random-then-grid, or random for fewer than "
        f"{ZOOM_FROM} samples); a grid over all four needs at least --samples 32",
    )
    ask.add_argument(
        "--scheduler",
        choices=cifar.SCHEDULERS,
        help="what stops bad trials early (default: hyperband for bohb, else asha)",
    )
    ask.add_argument("--name", help="of the study: a folder of this name keeps all that it finds (default: the time)")
    ask.add_argument(
        "--folder",
        default=os.environ.get("HPT_LESSONS_STUDIES", "studies"),
        metavar="DIR",
        help="where studies are kept (default: $HPT_LESSONS_STUDIES, else studies)",
    )
    ask.add_argument(
        "--resume", action="store_true", help="go on with the study --name, or with the last one, as it was begun"
    )
    ask.add_argument("--cpus", type=float, default=1, help="CPU cores for each trial (default: %(default)g)")
    ask.add_argument("--gpus", type=float, default=0, help="GPUs for each trial, for example 0.25 (default: none)")
    options = ask.parse_args(arguments)
    for name in ("samples", "epochs"):
        if getattr(options, name) < 1:
            ask.error(f"--{name} {getattr(options, name)}: at least 1 is needed")
    if options.name is not None:
        try:
            check_name(options.name, "--name")
        except ValueError as error:
            ask.error(f"{error} --folder says where studies are.")
    if options.resume:
        others = {name for name, value in vars(options).items() if value != ask.get_default(name)}
        if others := sorted(others - {"resume", "name", "folder"}):
            ask.error(f"--resume goes on as the study was begun; leave out --{', --'.join(others).replace('_', '-')}")
    options.search = options.search or ("random-then-grid" if options.samples >= ZOOM_FROM else "random")
    return options


def folder_of(options: argparse.Namespace) -> Path:
    return Path(options.folder) / options.name


def named(options: argparse.Namespace) -> argparse.Namespace:
    """The options with a name that is free."""
    options.name = options.name or default_name()
    study_folder(options.folder, options.name)
    if (folder_of(options) / JOURNAL).exists():
        raise FileExistsError(
            f"study {options.name!r}: there is one already in {options.folder}. "
            f"Go on with it by {how_to_go_on(options)}, or choose another name."
        )
    return options


def how_to_go_on(options: argparse.Namespace) -> str:
    """The options of the command line that go on with this study."""
    return shlex.join(["--resume", "--name", options.name, "--folder", options.folder])


def remember(options: argparse.Namespace) -> None:
    """Keep the options beside the study, so that going on needs no more than its name."""
    folder_of(options).mkdir(parents=True, exist_ok=True)
    write_json(folder_of(options) / COMMAND, vars(options))


def remembered(options: argparse.Namespace) -> argparse.Namespace:
    """The options with which the named study, or the one that was begun last, was begun."""
    journals = [folder_of(options) / JOURNAL] if options.name else Path(options.folder).glob(f"*/{JOURNAL}")
    begun = [journal for journal in journals if journal.exists() and journal.with_name(COMMAND).exists()]
    if not begun:
        which = f"study {options.name!r}" if options.name else "study"
        raise FileNotFoundError(
            f"--resume: there is no {which} in {options.folder} that make tune has begun. Leave "
            "--resume out to begin one."
        )
    last = max(begun, key=lambda journal: journal.with_name(COMMAND).stat().st_mtime)
    kept = json.loads(last.with_name(COMMAND).read_text(encoding="utf-8"))
    return argparse.Namespace(**{**kept, "resume": True, "folder": options.folder, "name": last.parent.name})


def prepare(options: argparse.Namespace) -> Data:
    """The data that was asked for: by one of its names, or a folder."""
    if options.data in ("auto", "cifar10", "standin"):
        try:
            return load_data(options.data_dir, None if options.data == "auto" else options.data)
        except DownloadError as error:
            folder = Path(options.data_dir or os.environ.get("HPT_LESSONS_DATA") or "data").absolute()
            raise DataError(
                f"CIFAR-10 cannot be had now: {error.reason}. Put cifar-10-python.tar.gz, or the folder "
                f"cifar-10-batches-py, into {folder}, or search on generated pictures: --data standin."
            ) from error
    return load_data(options.data_dir, "folder", images=options.data, name=options.data_name)


def sizes(options: argparse.Namespace) -> dict[str, int]:
    return {} if options.train_size is None else {"train_size": options.train_size}


def report(study: Study, data: Data, learns: bool = False) -> str:
    """The best trial beside the untuned default: validation loss and accuracy, and the test set, opened once.

    With `learns` also how many of the trials' results the searcher's model has heard of.
    """
    best, by_all = study.best(), study.best(scope="all")
    tested = cifar.test_best(study, data)
    trials = study.searched
    cut = sum(trial.status == "stopped" for trial in trials)
    lines = [
        f"{len(trials)} trials on {study.trials.data}, {cut} stopped early, "
        f"{seconds_in_words(sum(trial.seconds for trial in study.trials))} of training in all.",
        f"Best by its last validation loss: trial {best.name}, "
        + ", ".join(
            f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in best.config.items()
        ),
        *([] if by_all.name == best.name else [f"Best by any epoch: trial {by_all.name}, after {by_all.best_epoch}."]),
        "",
        f"{'':16}{'epochs':>7}{'valid. loss':>13}{'valid. accuracy':>17}   test accuracy [95 % interval]",
        _row("best trial", best, tested),
    ]
    if "default" in study.trials:
        lines.append(_row("untuned default", study.trials["default"], tested))
    if learns:
        counts = cifar.told_and_reported(study).items()
        lines += [
            "",
            "What trials reported at their rungs, the model was told: "
            + ", ".join(f"{told} of {reported} at epoch {epoch}" for epoch, (told, reported) in counts)
            + ".",
        ]
    lines += [
        "",
        f"The intervals are for the {next(iter(tested.values()))[1]:,} test pictures of {data.name}; another "
        "seed moves the results too.",
        "",
        *verdict(best, next(iter(study.trials.filter(lambda trial: trial.name == "default")), None), tested),
    ]
    return "\n".join(lines)


def _row(label: str, trial: Trial, tested: dict[str, tuple[int, int]]) -> str:
    from hpt_lessons.analysis.intervals import wilson

    correct, pictures = tested[trial.name]
    low, high = wilson(correct, pictures)
    return (
        f"{label:16}{trial.budget:7d}{trial.loss:13.3f}{100 * trial.accuracy:15.1f} %   "
        f"{100 * correct / pictures:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
    )


if __name__ == "__main__":
    sys.exit(main())
