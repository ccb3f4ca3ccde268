"""What is used when: CIFAR-10, one's own pictures, or the generated ones?

Whoever asks by name gets that or an error. Otherwise a data folder keeps to what it was prepared with, because a study
that is resumed must see the same pictures; the decision is written into a marker that every process obeys. A new folder
gets CIFAR-10 if it can be had, else the stand-in. Later on the network is not tried again unless an address is given;
only an archive (or `cifar-10-batches-py`) that was put into the folder takes the place of the stand-in.
"""

import hashlib
import numbers
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from hpt_lessons.cifar.pictures import arrays
from hpt_lessons.files import DataError, read_json, write_json

DATASETS = ("auto", "cifar10", "standin", "folder")
MARKER = "hpt_lessons_data.json"
STANDIN_NAME = "generated pictures (stand-in)"


@dataclass(frozen=True)
class PictureSource:
    """Where pictures can come from: `build` makes them, `key` tells whether those cached under `cache` are still right.

    `origin` is the folder they were made from, if there is one.
    """

    kind: str
    cache: str
    key: str
    build: Callable[[], arrays.Pictures]
    origin: str | None = None


def generated() -> PictureSource:
    """The stand-in."""
    from hpt_lessons.cifar.pictures import standin

    def build() -> arrays.Pictures:
        return arrays.Pictures(STANDIN_NAME, tuple(standin.CLASSES), *standin.generate(seed=0))

    # The program is the origin of these pictures: when it changes, they are made again.
    return PictureSource("standin", "standin", hashlib.blake2b(Path(standin.__file__).read_bytes()).hexdigest(), build)


def cifar10(
    folder: Path, url: str | None, wait: float, progress: bool, network: bool = True, patient: bool = True
) -> PictureSource:
    """CIFAR-10; the arguments are those of `download.fetch`. Without `network` only what lies in the folder is used."""

    def build() -> arrays.Pictures:
        from hpt_lessons.cifar.pictures import archive, download

        known = archive.cifar10_archive()
        if not archive.is_unpacked(known, folder):
            if not network and not archive.is_whole(folder / known.filename, known.md5):
                raise download.DownloadError(f"{folder} holds no whole {known.name}")
            download.fetch(known, folder, url, wait=wait, progress=progress, patient=patient)
        return archive.read_pictures(known, folder)

    return PictureSource("cifar10", "cifar10", "cifar10", build)


def own_pictures(folder: Path, images: str | os.PathLike[str] | None, progress: bool) -> PictureSource:
    """A folder of one's own pictures; without `images` the one that the data folder was prepared with."""
    from hpt_lessons.cifar.pictures.folder import look_into, read_pictures

    if images is None:
        marker = read_marker(folder)
        if marker is None or marker["dataset"] != "folder":
            raise ValueError("load_data: dataset='folder' needs images=, the folder that holds train/<class>/...")
        images = marker["origin"]
    found = look_into(Path(images))
    cache = "folder-" + hashlib.blake2b(os.fsencode(found.root), digest_size=6).hexdigest()
    return PictureSource("folder", cache, found.key, partial(read_pictures, found, progress), str(found.root))


def is_ready(folder: Path, source: PictureSource, name: str | None = None) -> bool:
    """Does the marker name this source, and is everything there?"""
    marker, cache = read_marker(folder), cache_folder(folder, source.cache)
    named = marker is not None and (marker["dataset"], marker["arrays"]) == (source.kind, source.cache)
    return named and arrays.intact(cache, source.key) and name in (None, arrays.describe(cache)["name"])


def settle(folder: Path, source: PictureSource, name: str | None = None) -> None:
    """Build what is missing, then say in the marker that it is what is used; call it while holding the lock."""
    if is_ready(folder, source, name):
        return
    cache = cache_folder(folder, source.cache)
    if not arrays.intact(cache, source.key):
        if source.kind == "folder" and name is None:
            name = (read_json(cache / arrays.DESCRIPTION) or {}).get("name")  # the name it was given earlier
        pictures = source.build()
        arrays.write_arrays(cache, pictures if name is None else replace(pictures, name=name), source.key)
    elif name is not None:
        arrays.rename_arrays(cache, name)
    used = arrays.describe(cache)["name"]
    marker = {"version": 1, "dataset": source.kind, "name": used, "arrays": source.cache, "origin": source.origin}
    write_json(folder / MARKER, marker)


def is_settled(folder: Path, url: str | None) -> bool:
    """Can "auto" take the data folder as it is, without looking for CIFAR-10?"""
    marker = read_marker(folder)
    if marker is None or not arrays.intact(cache_folder(folder, marker["arrays"])):
        return False
    if marker["dataset"] != "standin":
        return True
    if url is not None or any(folder.glob("cifar-10*")):
        return False
    _say_standin(folder, "this data folder was prepared with them")
    return True


def settle_automatically(folder: Path, url: str | None, wait: float, progress: bool) -> None:
    """What the marker says; without one CIFAR-10 if it can be had soon, else the stand-in. Call it holding the lock."""
    if is_settled(folder, url):
        return  # another process has done it meanwhile
    marker = read_marker(folder)
    used = None if marker is None else marker["dataset"]
    if used == "folder":
        return settle(folder, own_pictures(folder, None, progress))
    network = used != "standin" or url is not None
    try:
        settle(folder, cifar10(folder, url, wait, progress, network, patient=False))
    except DataError as error:
        if used == "cifar10":
            raise  # a study that began with CIFAR-10 must not go on with something else unnoticed
        settle(folder, generated())
        _say_standin(folder, getattr(error, "reason", str(error)))


def _say_standin(folder: Path, reason: str) -> None:
    """One sentence: what is used, why, and how to get CIFAR-10."""
    how = f'call load_data({str(folder)!r}, "cifar10")'
    print(f"Using {STANDIN_NAME}: {reason.rstrip('. ')}; to get CIFAR-10, {how}.", file=sys.stderr)


def check_arguments(dataset: str | None, url: str | None, images: Any, name: str | None, wait: float) -> str:
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


def data_folder(data_dir: str | os.PathLike[str] | None) -> Path:
    """The absolute path of the data folder: trials run in other folders than the notebook."""
    if not isinstance(data_dir, (str, os.PathLike, type(None))):
        raise TypeError(f"data_dir={data_dir!r} is a {type(data_dir).__name__}; the path of a folder was expected.")
    return Path(data_dir or os.environ.get("HPT_LESSONS_DATA") or "data").expanduser().absolute()


def cache_folder(folder: Path, name: str) -> Path:
    """Where the arrays of one source lie."""
    return folder / "arrays" / name


def read_marker(folder: Path) -> dict[str, Any] | None:
    """The marker, or None if there is none that can be understood."""
    marker = read_json(folder / MARKER)
    if marker is None or marker.get("version") != 1 or marker.get("dataset") not in DATASETS[1:]:
        return None
    plain = isinstance(marker.get("arrays"), str) and Path(marker["arrays"]).name == marker["arrays"]
    return marker if plain and "name" in marker and "origin" in marker else None
