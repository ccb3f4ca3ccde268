"""Which pictures do we learn from, and which of them may we look at?

`load_data` decides once what is used, prepares it, and leaves a marker in the data folder; `open_data` obeys the
marker, so that every trial in every process sees the same pictures. `Data.split` draws the line between training and
validation, and `open_test_set` is the only way to the test pictures: it is used once, at the end, and it counts.
"""

import json
import numbers
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hpt_lessons.cifar.pictures import arrays, sources
from hpt_lessons.files import DataError, append_line, explained, locked, make_folder

__all__ = ["Data", "DataError", "load_data", "open_data", "open_test_set", "test_openings"]

_OPENINGS = "test_openings.jsonl"


@dataclass(frozen=True, repr=False, eq=False)
class Data:
    """The pictures for training and validation; the test pictures are not in it.

    `images` is uint8 (n, 32, 32, 3), `labels` int64 (n,) with indices into `classes`; both are mapped read-only from
    the cache in `folder` (None for arrays of one's own, which have no test set). `mean` and `std` are per channel, of
    all these images in 0..1. `name` is what stands on every table and plot.
    """

    name: str
    classes: tuple[str, ...]
    images: np.ndarray
    labels: np.ndarray
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    folder: Path | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"{len(self):,} pictures in {len(self.classes)} classes: {self.name}"

    def split(
        self, seed: int = 0, train_size: int | None = None, valid_size: int | None = None, score_size: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the training and of the validation pictures, equal for equal arguments on every machine.

        The validation pictures (one fifth unless `valid_size` says otherwise) depend on `seed` and `valid_size`
        alone, and the first 1000 training pictures of `train_size=4000` are those of `train_size=1000`: more data
        means more, not other data. The split is plainly random, not stratified by class: it does not change when a
        label is corrected, and stratifying would matter only for a few dozen validation pictures.

        `score_size` pictures are in neither part: see `score_half`.

        Raises ValueError for a size that is no whole number or leaves nothing for the other part.
        """
        count = len(self)
        if count < 2:
            raise ValueError(f"split: {count} picture(s) cannot be divided; expected at least 2.")
        _check_count("seed", seed, 0, None)
        score_size = _check_count("score_size", score_size, 0, count - 2)
        most = count - score_size - 1
        valid_size = (
            min(most, max(1, count // 5)) if valid_size is None else _check_count("valid_size", valid_size, 1, most)
        )
        left = count - valid_size - score_size
        train_size = left if train_size is None else _check_count("train_size", train_size, 1, left)
        order = self._order(seed)
        return order[valid_size : valid_size + train_size], order[:valid_size]

    def score_half(self, seed: int, score_size: int) -> np.ndarray:
        """Indices of `score_size` pictures that `split` keeps out of both its parts if it is told so.

        Who has chosen on the validation pictures scores the choice on these: the best of many by its own numbers looks
        better than it is. They depend on `seed` and `score_size` alone.
        """
        return self._order(seed)[len(self) - _check_count("score_size", score_size, 0, len(self) - 2) :]

    def _order(self, seed: int) -> np.ndarray:
        # numpy promises that PCG64's raw numbers stay the same in all versions; `permutation` may change.
        return np.argsort(np.random.PCG64(int(seed)).random_raw(len(self)), kind="stable")


def load_data(
    data_dir: str | os.PathLike[str] | None = None,
    dataset: str | None = None,
    *,
    url: str | None = None,
    images: str | os.PathLike[str] | None = None,
    name: str | None = None,
    wait: float = 10.0,
    progress: bool = True,
) -> Data:
    """Prepare the data in `data_dir`, remember there what is used, and open it.

    `data_dir`: by default the environment's HPT_LESSONS_DATA, else `data` below the current folder.
    `dataset`: by default the environment's HPT_LESSONS_DATASET, else "auto" (or "folder" if `images` is given).
    - "cifar10": CIFAR-10, downloaded (170 MB) if it is not there. `url` is another address of the same archive.
    - "folder": your own pictures, `images/train/<class>/...` and, if you like, `images/test/<class>/...`, see
      `folder`. `name` is what plots call them. Files that were changed, added or removed are noticed.
    - "standin": the generated pictures.
    - "auto": what this data folder was prepared with; a new one gets CIFAR-10 if it can be had, else the stand-in and
      a sentence that says so. Details in `sources`.
    `wait`: seconds without any progress after which a server is given up; asked for by name, it gets three chances.

    Raises ValueError for an argument that makes no sense, `DataError` if what was asked for cannot be had.
    """
    folder = sources.data_folder(data_dir)
    kind = sources.check_arguments(dataset, url, images, name, wait)
    _prepare(kind, folder, url, images, name, wait, progress)
    return open_data(folder)


def open_data(data_dir: str | os.PathLike[str] | None = None) -> Data:
    """The data that `load_data` has prepared in `data_dir`: maps the arrays, never downloads, never decodes.

    Raises `DataError` if nothing has been prepared there or if it is damaged.
    """
    folder = sources.data_folder(data_dir)
    marker = sources.read_marker(folder)
    if marker is None:
        remedy = f"Call load_data({str(folder)!r}) once, before the trials start."
        raise DataError(f"No data has been prepared in {folder}. {remedy}")
    cache = sources.cache_folder(folder, marker["arrays"])
    try:
        return _open_cache(cache)
    except (DataError, FileNotFoundError):
        pass  # Another process may just have put a new version in place: look once more.
    try:
        return _open_cache(cache)
    except DataError as error:
        remedy = f"Call load_data({str(folder)!r}) again to mend it."
        raise DataError(f"{marker['name']} in {folder} is damaged: {error} {remedy}") from error


def open_test_set(data: Data, why: str) -> tuple[np.ndarray, np.ndarray]:
    """The sealed test set: images uint8 (m, 32, 32, 3) and labels int64 (m,).

    Each opening is written down beside the arrays (in the home folder where these may only be read) with its reason
    `why`: a test set that is looked at often becomes a second validation set. No opening without a record: `DataError`
    if it cannot be written.
    """
    if not isinstance(why, str) or not why.strip():
        raise ValueError(f"open_test_set: why={why!r}; say in a few words what the test set is opened for.")
    cache = _home(data)
    description = arrays.describe(cache)
    test = tuple(arrays.map_array(cache, description, name) for name in ("test_images", "test_labels"))
    opening = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "why": why.strip(), "pid": os.getpid()}
    path = _openings_files(cache)[0]
    make_folder(path.parent)
    with explained(path):
        append_line(path, json.dumps(opening, ensure_ascii=False).encode() + b"\n")
    return test


def test_openings(data: Data) -> list[dict[str, Any]]:
    """When and why the test set of this data was opened, oldest first."""
    lines = [
        line
        for path in _openings_files(_home(data))
        if path.is_file()
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
    ]
    return [_opening(line) for line in lines if line.strip()]


def _openings_files(cache: Path) -> list[Path]:
    """Where openings are written down, the place to write to first.

    Beside the arrays; where these may only be read, as in a class room, in the student's own folder.
    """
    beside = cache / _OPENINGS
    own = Path.home() / ".hpt_lessons" / cache.name / _OPENINGS
    if os.access(beside if beside.exists() else cache, os.W_OK):
        return [beside, own]
    return [own, beside]


# pytest would take a function of this name for a test wherever it is imported.
test_openings.__test__ = False  # type: ignore[attr-defined]


def _prepare(
    kind: str, folder: Path, url: str | None, images: Any, name: str | None, wait: float, progress: bool
) -> None:
    """Settle what is used in the folder, alone with it; nobody waits for the lock where everything is ready."""
    if kind == "auto":
        ready = sources.is_settled(folder, url)
        settle = partial(sources.settle_automatically, folder, url, wait, progress)
    else:
        source = _named(kind, folder, url, images, wait, progress)
        ready, settle = sources.is_ready(folder, source, name), partial(sources.settle, folder, source, name)
    if not ready:
        with locked(folder):
            settle()


def _named(kind: str, folder: Path, url: str | None, images: Any, wait: float, progress: bool) -> sources.PictureSource:
    if kind == "cifar10":
        return sources.cifar10(folder, url, wait, progress)
    return sources.own_pictures(folder, images, progress) if kind == "folder" else sources.generated()


def _open_cache(cache: Path) -> Data:
    description = arrays.describe(cache)
    images, labels = (arrays.map_array(cache, description, name) for name in ("images", "labels"))
    mean, std = tuple(description["mean"]), tuple(description["std"])
    return Data(description["name"], tuple(description["classes"]), images, labels, mean, std, cache)


def _home(data: Data) -> Path:
    if data.folder is None:
        raise ValueError(f"{data!r} has no test set: it was not opened by load_data or open_data.")
    return data.folder


def _opening(line: str) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except (ValueError, TypeError):
        return {"time": "", "why": f"(unreadable: {line[:40]!r})"}  # damaged, but it was an opening: it counts


def _check_count(name: str, value: Any, low: int, high: int | None) -> int:
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):
        expected = f"a whole number from {low}" + ("" if high is None else f" to {high}, for the pictures there are")
        raise ValueError(f"split: {name}={value!r}; expected {expected}.")
    return int(value)
