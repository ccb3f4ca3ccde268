"""How is a table of recorded trials kept? As one compressed file of plain arrays, a row for each trial.

The arrays of a table, for n trials and E epochs of the longest one:

- `configs`, text (n,): each configuration as JSON, with `seed` and `split_seed` (0 if left out);
- `epochs`, int32 (n,): epochs that were trained, fewer than planned for a diverged or dead network (one that answers
  always the same: nothing would come of it); in what follows, a row means nothing after them;
- `train_loss` and `loss`, float32 (n, E): mean losses over the training and the validation pictures, in nats;
- `correct`, int32 (n, E): validation pictures classified correctly;
- `score_loss` and `score_correct`, where trials were also scored on pictures that nobody chose by: the same for these;
- `test_correct`, int32 (n,): test pictures classified correctly after the last epoch, -1 for a diverged trial;
- `diverged`, bool (n,): whether the training broke down in its last epoch;
- `seconds`, float32 (n,): what an epoch takes one worker with one thread that trains this trial alone;
- `about`, text: JSON with the name of the data, the numbers of pictures, and how the table was made.

Nothing in it is code: it is read with `allow_pickle=False`.
"""

import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hpt_lessons.files import write_atomically
from hpt_lessons.recorded import sizes
from hpt_lessons.trials import Result, Trial, Trials

HOME = Path(__file__).resolve().parent / "tables"
PER_EPOCH = ("train_loss", "loss", "correct")
SCORED = ("score_loss", "score_correct")
# Columns that count pictures: the accuracy that they are of, and of how many pictures.
COUNTED = {"correct": ("accuracy", "valid"), "score_correct": ("score_accuracy", "score")}
# A network that at its end is right less often than this times guessing has unlearned everything: it is dead.
ALIVE = 1.2
AUGMENTED = ", augmented"  # what the name of the data gets where all trials of a table saw other pictures each epoch
COLUMNS = ("configs", "epochs", *PER_EPOCH, "test_correct", "diverged")

Rows = dict[str, np.ndarray]


class TableError(RuntimeError):
    """A table cannot be read; the message says which and what to do."""


def names(folder: Path = HOME) -> list[str]:
    """The tables that are complete, in alphabetical order."""
    return sorted(path.stem for path in Path(folder).glob("*.npz"))


def load(name: str, folder: Path = HOME, *, partial: bool = False) -> Trials:
    """The recorded table of this name, a trial for each row.

    `config` holds what is tuned in this table, `seed` the seed of initialisation and order of pictures; besides loss,
    accuracy and seconds each epoch has `train_loss` and the `split_seed` that divided training and validation pictures
    (and `score_loss` and `score_accuracy` where there is a score half: choose on one, score on the other),
    the last one of a trial that did not diverge also the `test_accuracy` and whether the network is `dead` (no better
    than guessing); where architectures differ, its `parameters` and `multiply_adds`. With `partial`, what is finished
    of a table that is still being built.

    Raises ValueError for a name that there is not, `TableError` for a file that cannot be read.
    """
    if not isinstance(name, str):
        raise ValueError(f"recorded: {name!r} is no name of a table; there are {', '.join(names(folder))}.")
    path = Path(folder) / f"{name}.npz"
    if path.is_file():
        return to_trials(read(path))
    parts = sorted((Path(folder) / "parts" / name).glob("*.npz")) if name else []
    if not parts:
        raise ValueError(f"recorded: there is no table {name!r}; there are {', '.join(names(folder)) or 'none'}.")
    if not partial:
        raise ValueError(
            f"recorded: {name!r} is not finished, {len(parts)} part(s) of it are there. "
            "load(name, partial=True) gives those."
        )
    return to_trials(join([read(part) for part in parts]))


def read(path: Path) -> Rows:
    """The arrays of a file; `TableError` if it is damaged or something else."""
    try:
        with np.load(path, allow_pickle=False) as file:
            rows = {key: file[key] for key in file.files}
        lengths = {len(rows[column]) for column in COLUMNS}
        json.loads(str(rows["about"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise TableError(
            f"recorded: {path.name} cannot be read ({type(error).__name__}: {error}). "
            "Take it from the repository again."
        ) from error
    if len(lengths) != 1:
        raise TableError(f"recorded: {path.name} has columns of different lengths. Take it from the repository again.")
    return rows


def write(path: Path, rows: Rows) -> None:
    """The arrays as one compressed file, written atomically."""
    write_atomically(path, lambda file: np.savez_compressed(file, **rows, allow_pickle=False))


def from_histories(
    configs: Sequence[Mapping[str, Any]],
    histories: Sequence[Sequence[Mapping[str, Any]]],
    test_accuracy: Mapping[int, float],
    about: Mapping[str, Any],
) -> Rows:
    """The arrays for trained configurations: the `history` of each and, by place, the test accuracy of sound ones.

    `about` must say the numbers of pictures, `valid` and `test`, and `score` if there is a score half.
    """
    shape = len(histories), max(len(history) for history in histories)
    rows: Rows = {
        "configs": np.array([json.dumps(config) for config in configs]),
        "epochs": np.array([len(history) for history in histories], np.int32),
        "test_correct": np.full(shape[0], -1, np.int32),
        "diverged": np.array([bool(history[-1]["diverged"]) for history in histories]),
        "about": np.array(json.dumps(about)),
    }
    for column in PER_EPOCH + SCORED if "score_loss" in histories[0][0] else PER_EPOCH:
        counted = COUNTED.get(column)
        rows[column] = np.zeros(shape, np.int32) if counted else np.full(shape, np.nan, np.float32)
        for number, history in enumerate(histories):
            rows[column][number, : len(history)] = [
                round(result[counted[0]] * about[counted[1]]) if counted else result[column] for result in history
            ]
    for number, accuracy in test_accuracy.items():
        rows["test_correct"][number] = round(accuracy * about["test"])
    return rows


def join(parts: Sequence[Rows]) -> Rows:
    """One table of several, row after row; shorter curves are filled up with NaN and 0. `about` is the first one's."""
    longest = max(part["loss"].shape[1] for part in parts)
    rows = {"about": parts[0]["about"]}
    for column in (*COLUMNS, *SCORED, "seconds"):
        if not all(column in part for part in parts):
            continue
        values = [part[column] for part in parts]
        if column in PER_EPOCH + SCORED:
            fill = 0 if column in COUNTED else np.nan
            values = [np.pad(value, ((0, 0), (0, longest - value.shape[1])), constant_values=fill) for value in values]
        rows[column] = np.concatenate(values)
    return rows


def some(rows: Rows, which: Sequence[int]) -> Rows:
    """Some rows of a table, by their numbers."""
    return {column: values if column == "about" else values[list(which)] for column, values in rows.items()}


def measured(folder: Path, fixed: Mapping[str, Any]) -> dict[str, tuple[Rows, int]]:
    """Every trial in the tables and parts of a folder, by its `fingerprint`: the table and the row.

    `fixed` is what holds for all trials of tables that do not say it themselves.
    """
    found: dict[str, tuple[Rows, int]] = {}
    for path in [*sorted(Path(folder).glob("*.npz")), *sorted(Path(folder).glob("parts/*/*.npz"))]:
        try:
            rows = read(path)
        except TableError:
            continue  # whoever needs it will be told
        same = json.loads(str(rows["about"])).get("fixed", fixed)
        for row, config in enumerate(rows["configs"]):
            found.setdefault(fingerprint({**same, **json.loads(str(config))}), (rows, row))
    return found


def fingerprint(config: Mapping[str, Any]) -> str:
    """The same text for configurations that mean the same training."""
    return json.dumps({"seed": 0, "split_seed": 0, "layer_factor": 1.0} | dict(config), sort_keys=True)


def to_trials(rows: Rows) -> Trials:
    """The table of trials; they are named by their row, '0000' the first."""
    about = json.loads(str(rows["about"]))
    return Trials(_trial(rows, row, about) for row in range(len(rows["configs"])))


def _trial(rows: Rows, row: int, about: Mapping[str, Any]) -> Trial:
    config = json.loads(str(rows["configs"][row]))
    seed, split_seed = config.pop("seed", 0), config.pop("split_seed", 0)
    config.pop("epochs", None)  # the length of the curve says it
    seconds = float(rows["seconds"][row]) if "seconds" in rows else float("nan")
    diverged = bool(rows["diverged"][row])
    results = []
    for place in range(int(rows["epochs"][row])):
        accuracy = int(rows["correct"][row, place]) / about["valid"]
        extra = {"train_loss": float(rows["train_loss"][row, place]), "split_seed": split_seed}
        if "score_loss" in rows:
            extra |= {
                "score_loss": float(rows["score_loss"][row, place]),
                "score_accuracy": int(rows["score_correct"][row, place]) / about["score"],
            }
        if place + 1 == rows["epochs"][row]:
            extra |= (
                {"diverged": True}
                if diverged
                else {
                    "test_accuracy": int(rows["test_correct"][row]) / about["test"],
                    "dead": accuracy < ALIVE / about.get("classes", 10),
                }
                | sizes.of(config)
            )
        results.append(Result(place + 1, float(rows["loss"][row, place]), accuracy, seconds, extra))
    status = "diverged" if diverged else "completed"
    data = about["data"] + AUGMENTED * bool(about.get("fixed", {}).get("augment"))
    return Trial(f"{row:04d}", config, seed, data, status, tuple(results))
