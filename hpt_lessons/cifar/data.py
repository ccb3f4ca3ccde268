"""Which pictures do we learn from, and which of them may we look at?

`load_data` decides once what is used, prepares it, and leaves a marker in the data folder; `open_data` obeys the
marker, so that every trial in every process sees the same pictures. `Data.split` draws the line between training and
validation, and `open_test_set` is the only way to the test pictures: it is used once, at the end, and it counts.
"""

import hashlib
import json
import numbers
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from . import arrays
from .files import DataError, explained, locked, make_folder, read_json, write_json

__all__ = ["Data", "DataError", "load_data", "open_data", "open_test_set", "test_openings"]

DATASETS = ("auto", "cifar10", "standin", "folder")
MARKER = "hpt_lessons_data.json"
STANDIN_NAME = "generated pictures (stand-in)"
_CACHE = "arrays"
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
        self, seed: int = 0, train_size: int | None = None, valid_size: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the training and of the validation pictures, equal for equal arguments on every machine.

        The validation pictures (one fifth unless `valid_size` says otherwise) depend on `seed` and `valid_size`
        alone, and the first 1000 training pictures of `train_size=4000` are those of `train_size=1000`: more data
        means more, not other data. The split is plainly random, not stratified by class: it stays as it is when
        labels are corrected, and the share of a class of p in m validation pictures strays by only sqrt(p (1 - p) /
        m).
        """
        count = len(self)
        _check_count("seed", seed, 0, None)
        valid_size = max(1, count // 5) if valid_size is None else _check_count("valid_size", valid_size, 1, count - 1)
        left = count - valid_size
        train_size = left if train_size is None else _check_count("train_size", train_size, 1, left)
        # numpy promises that PCG64's raw numbers stay the same in all versions; `permutation` may change.
        order = np.argsort(np.random.PCG64(int(seed)).random_raw(count), kind="stable")
        return order[valid_size : valid_size + train_size], order[:valid_size]


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
    `dataset`: by default the environment's HPT_LESSONS_DATASET, else "auto" (or "folder" if `images` is given):
    - "cifar10": CIFAR-10, downloaded (170 MB) if it is not there; `url` is another address of the same archive;
    - "folder": pictures of your own, `images/train/<class>/...` and, if you like, `images/test/<class>/...`; `name`
    is what
      plots call them. Only this looks for changed files in the folder;
    - "standin": the generated pictures;
    - "auto": what this data folder was prepared with, so that a study that is resumed sees the same pictures. In a
    new data
      folder CIFAR-10 if it can be had, else the stand-in. A stand-in gives way to CIFAR-10 only if `url` is given or
      the archive (or `cifar-10-batches-py`) has been put into `data_dir`; no other address is tried a second time.
    `wait`: seconds without any progress after which a server is given up.

    Raises ValueError for an argument that makes no sense, `DataError` if what was asked for by name cannot be had.
    """
    folder = _data_folder(data_dir)
    kind = _kind(dataset, url, images, name, wait)
    fetch = partial(_cifar10, folder, url, wait, progress)
    if kind == "auto":
        ready, settle = _settled(folder, url), partial(_settle_automatically, folder, url, fetch, progress)
    else:
        source = {"cifar10": fetch, "standin": _standin, "folder": partial(_folder, folder, images, progress)}[kind]()
        ready, settle = _is_ready(folder, source, name), partial(_settle, folder, source, name)
    if not ready:
        with locked(folder):
            settle()
    return open_data(folder)


def open_data(data_dir: str | os.PathLike[str] | None = None) -> Data:
    """The data that `load_data` has prepared in `data_dir`: maps the arrays, never downloads, never decodes.

    Raises `DataError` if nothing has been prepared there or if it is damaged.
    """
    folder = _data_folder(data_dir)
    marker = _read_marker(folder)
    if marker is None:
        remedy = f"Call load_data({str(folder)!r}) once, before the trials start."
        raise DataError(f"No data has been prepared in {folder}. {remedy}")
    cache = _cache(folder, marker["arrays"])
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

    Each opening is written down beside the arrays with its reason `why`: a test set that is looked at often becomes a
    second validation set. No opening without a record: `DataError` if it cannot be written.
    """
    if not isinstance(why, str) or not why.strip():
        raise ValueError(f"open_test_set: why={why!r}; say in a few words what the test set is opened for.")
    cache = _home(data)
    description = arrays.describe(cache)
    test = tuple(arrays.map_array(cache, description, name) for name in ("test_images", "test_labels"))
    opening = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "why": why.strip(), "pid": os.getpid()}
    _append_line(cache / _OPENINGS, json.dumps(opening, ensure_ascii=False))
    return test


def test_openings(data: Data) -> list[dict[str, Any]]:
    """When and why the test set of this data was opened, oldest first."""
    path = _home(data) / _OPENINGS
    if not path.is_file():
        return []
    return [_opening(line) for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]


# pytest would take a function of this name for a test wherever it is imported.
test_openings.__test__ = False  # type: ignore[attr-defined]


# --- what is used when ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Source:
    """Where pictures can come from: `build` makes them, `key` tells whether those in the folder `cache` are still right.

    A key of None means: as they are, whatever has happened to the files they were made from.
    """

    kind: str
    cache: str
    key: str | None
    build: Callable[[], arrays.Pictures]
    origin: str | None = None


def _standin() -> _Source:
    from . import standin

    def build() -> arrays.Pictures:
        return arrays.Pictures(STANDIN_NAME, tuple(standin.CLASSES), *standin.generate(seed=0))

    # The program is the origin of these pictures: when it changes, they are made again.
    return _Source("standin", "standin", hashlib.blake2b(Path(standin.__file__).read_bytes()).hexdigest(), build)


def _cifar10(
    folder: Path, url: str | None, wait: float, progress: bool, network: bool = True, patient: bool = True
) -> _Source:
    def build() -> arrays.Pictures:
        from .archive import cifar10_archive, read_pictures
        from .download import provide

        archive = cifar10_archive()
        provide(archive, folder, url=url, wait=wait, progress=progress, network=network, patient=patient)
        return read_pictures(archive, folder)

    return _Source("cifar10", "cifar10", "cifar10", build)


def _folder(folder: Path, images: str | os.PathLike[str] | None, progress: bool) -> _Source:
    from . import folder as pictures

    if images is None:
        marker = _read_marker(folder)
        if marker is None or marker["dataset"] != "folder":
            raise ValueError("load_data: dataset='folder' needs images=, the folder that holds train/<class>/...")
        images = marker["origin"]
    found = pictures.look_into(Path(images))
    cache = "folder-" + hashlib.blake2b(os.fsencode(found.root), digest_size=6).hexdigest()
    return _Source("folder", cache, found.key, partial(pictures.read_pictures, found, progress), str(found.root))


def _settled(folder: Path, url: str | None) -> bool:
    """Can "auto" take the data folder as it is, without looking for CIFAR-10?"""
    marker = _read_marker(folder)
    if marker is None or not arrays.intact(_cache(folder, marker["arrays"])):
        return False
    if marker["dataset"] != "standin":
        return True
    if url is not None or any(folder.glob("cifar-10*")):
        return False
    _say_standin(folder, "this data folder was prepared with them")
    return True


def _settle_automatically(folder: Path, url: str | None, fetch: Callable[..., _Source], progress: bool) -> None:
    """Settle what "auto" means in this data folder; see `load_data`."""
    marker = _read_marker(folder)
    used = None if marker is None else marker["dataset"]
    if used == "cifar10":
        _settle(folder, fetch())
    elif used == "folder":
        _settle(folder, _obedient(folder, marker, progress))
    else:
        try:
            _settle(folder, fetch(network=used is None or url is not None, patient=False))
        except DataError as error:
            _settle(folder, _standin())
            _say_standin(folder, str(error))


def _obedient(folder: Path, marker: dict[str, Any], progress: bool) -> _Source:
    """The pictures that the marker names: as they were prepared if they are intact, else made again."""
    if arrays.intact(_cache(folder, marker["arrays"])):
        return _Source("folder", marker["arrays"], None, lambda: None, marker["origin"])  # type: ignore[arg-type, return-value]
    return _folder(folder, marker["origin"], progress)


def _is_ready(folder: Path, source: _Source, name: str | None = None) -> bool:
    marker, cache = _read_marker(folder), _cache(folder, source.cache)
    named = marker is not None and (marker["dataset"], marker["arrays"]) == (source.kind, source.cache)
    return named and arrays.intact(cache, source.key) and name in (None, arrays.describe(cache)["name"])


def _settle(folder: Path, source: _Source, name: str | None = None) -> None:
    """Build what is missing, then say in the marker that it is what is used."""
    if _is_ready(folder, source, name):
        return
    cache = _cache(folder, source.cache)
    if not arrays.intact(cache, source.key):
        if source.kind == "folder" and name is None:
            name = (read_json(cache / arrays.DESCRIPTION) or {}).get("name")  # the name it was given earlier
        arrays.write_arrays(make_folder(cache), source.build(), source.key or "")
    if name is not None:
        arrays.rename_arrays(cache, name)
    used = arrays.describe(cache)["name"]
    marker = {"version": 1, "dataset": source.kind, "name": used, "arrays": source.cache, "origin": source.origin}
    write_json(folder / MARKER, marker)


def _say_standin(folder: Path, reason: str) -> None:
    """One sentence: what is used, why, and how to get CIFAR-10."""
    how = f'call load_data({str(folder)!r}, "cifar10")'
    print(f"Using {STANDIN_NAME}: {reason.rstrip('. ')}; to get CIFAR-10, {how}.", file=sys.stderr)


def _kind(dataset: str | None, url: str | None, images: Any, name: str | None, wait: float) -> str:
    """The data set that is asked for, after a look at whether the arguments fit together."""
    where = "dataset"
    if dataset is None and images is not None:
        dataset = "folder"
    if dataset is None and os.environ.get("HPT_LESSONS_DATASET"):
        where, dataset = "the environment's HPT_LESSONS_DATASET", os.environ["HPT_LESSONS_DATASET"]
    dataset = "auto" if dataset is None else dataset
    if dataset not in DATASETS:
        raise ValueError(f"load_data: {where} is {dataset!r}; expected one of {', '.join(map(repr, DATASETS))}.")
    if dataset != "folder" and images is not None:
        raise ValueError(f"load_data: images= goes with dataset='folder', not with {dataset!r}; leave one of them out.")
    if dataset != "folder" and name is not None:
        raise ValueError(f"load_data: name= is for pictures of your own; {dataset!r} has its name already.")
    if dataset in ("standin", "folder") and url is not None and where == "dataset":
        raise ValueError(f"load_data: url= is an address of CIFAR-10, not of {dataset!r}; leave one of them out.")
    if isinstance(wait, bool) or not isinstance(wait, numbers.Real) or not 0 < wait < float("inf"):
        raise ValueError(f"load_data: wait={wait!r}; expected a number of seconds greater than 0.")
    return dataset


# --- the data folder ------------------------------------------------------------------------------------------------


def _data_folder(data_dir: str | os.PathLike[str] | None) -> Path:
    """The absolute path: trials run in other folders than the notebook."""
    return Path(data_dir or os.environ.get("HPT_LESSONS_DATA") or "data").expanduser().absolute()


def _cache(folder: Path, name: str) -> Path:
    return folder / _CACHE / name


def _read_marker(folder: Path) -> dict[str, Any] | None:
    """The marker, or None if there is none that can be understood."""
    marker = read_json(folder / MARKER)
    if marker is None or marker.get("version") != 1 or marker.get("dataset") not in DATASETS[1:]:
        return None
    plain = isinstance(marker.get("arrays"), str) and Path(marker["arrays"]).name == marker["arrays"]
    return marker if plain and "name" in marker and "origin" in marker else None


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


def _append_line(path: Path, line: str) -> None:
    """Append one line; a line that a kill has torn off before is closed first, so that it cannot swallow this one."""
    with explained(path), open(path, "ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else "\n" + line
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _check_count(name: str, value: Any, low: int, high: int | None) -> int:
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):
        expected = f"a whole number from {low}" + ("" if high is None else f" to {high}, for the pictures there are")
        raise ValueError(f"split: {name}={value!r}; expected {expected}.")
    return int(value)
