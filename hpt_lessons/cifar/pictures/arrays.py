"""The cache: decoded pictures as plain `.npy` files that any number of processes map without copying.

A folder of the cache holds four arrays and `arrays.json`, which names them, their shapes and their sizes in bytes. It
is written last, so a cache is either complete or not there, and a file that was cut short later is noticed. The
arrays carry their key in their names: while a new version is written, readers keep the old one.
"""

import contextlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hpt_lessons.files import DataError, make_folder, read_json, remove_drafts, write_atomically, write_json

SIDE = 32
DESCRIPTION = "arrays.json"
ARRAYS = ("images", "labels", "test_images", "test_labels")
_OURS = re.compile(rf"({'|'.join(ARRAYS)})-[\w-]{{1,12}}\.npy")  # as `_write_array` names them
_VERSION = 1
_KEYS = {"name", "key", "classes", "mean", "std", "files"}


@dataclass(frozen=True)
class Pictures:
    """Decoded pictures: images uint8 (n, 32, 32, 3), labels int64 (n,), and the same for the test set.

    `notes` go into `arrays.json` beside them, for people to read (for example which files were left out).
    """

    name: str
    classes: tuple[str, ...]
    images: np.ndarray
    labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    notes: Mapping[str, Any] = field(default_factory=dict)


def write_arrays(folder: Path, pictures: Pictures, key: str) -> None:
    """Put the pictures into the cache `folder`; call it only while holding the lock of the data folder."""
    make_folder(folder)
    found = read_json(folder / DESCRIPTION)
    if found and "files" not in found:
        raise DataError(
            f"{folder / DESCRIPTION} is in the way: it was not written here, and stays as it is. Move it, "
            "or choose another data folder."
        )
    remove_drafts(folder)
    files = {name: _write_array(folder, name, getattr(pictures, name), key) for name in ARRAYS}
    mean, std = channel_statistics(pictures.images)
    description = {"version": _VERSION, "name": pictures.name, "key": key, "classes": list(pictures.classes)}
    write_json(folder / DESCRIPTION, {**description, "mean": mean, "std": std, "files": files, **pictures.notes})
    _remove_others(folder, {entry["file"] for entry in files.values()})


def rename_arrays(folder: Path, name: str) -> None:
    """Give the cached pictures another name, the one that stands on every plot."""
    write_json(folder / DESCRIPTION, {**describe(folder), "name": name})


def describe(folder: Path) -> dict[str, Any]:
    """What `arrays.json` says; a `DataError` if the cache is missing or an array is not what it should be."""
    description = read_json(folder / DESCRIPTION)
    if description is None or description.get("version") != _VERSION or not _KEYS.issubset(description):
        raise DataError(f"{folder} holds no prepared arrays ({DESCRIPTION} is missing or unreadable).")
    for name in ARRAYS:
        entry = description["files"][name]
        path = folder / entry["file"]
        size = path.stat().st_size if path.is_file() else None
        if size != entry["bytes"]:
            found = "is missing" if size is None else f"has {size:,} bytes"
            raise DataError(f"{path} {found}; {entry['bytes']:,} bytes were written.")
    return description


def intact(folder: Path, key: str | None = None) -> bool:
    """Is the cache complete, and of this key if one is given?"""
    try:
        return key in (None, describe(folder)["key"])
    except DataError:
        return False


def map_array(folder: Path, description: Mapping[str, Any], name: str) -> np.ndarray:
    """One array of the cache, mapped read-only: a plain ndarray, so that pickling it takes the numbers along."""
    entry = description["files"][name]
    path = folder / entry["file"]
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as an array: {error}.") from error
    if array.shape != tuple(entry["shape"]) or str(array.dtype) != entry["dtype"]:
        written = f"{entry['dtype']} {tuple(entry['shape'])}"
        raise DataError(f"{path} holds {array.dtype} {array.shape}; {written} was written.")
    return np.asarray(array)


def channel_statistics(images: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel, of images (n, 32, 32, 3) scaled to 0..1.

    Counted in whole numbers from histograms of the 256 levels, so the result is equal on every machine.
    """
    mean, std = [], []
    for channel in range(images.shape[-1]):
        counts = np.zeros(256, dtype=np.int64)
        for block in np.array_split(images[..., channel], max(1, len(images) // 5000)):
            counts += np.bincount(block.ravel(), minlength=256)
        pixels, total, squares = (sum(int(n) * level**power for level, n in enumerate(counts)) for power in (0, 1, 2))
        mean.append(total / pixels / 255)
        spread = math.sqrt((pixels * squares - total**2) / pixels**2) / 255
        std.append(spread or 1.0)  # all pixels alike: nothing to scale, and nothing to divide by
    return mean, std


def _write_array(folder: Path, name: str, array: np.ndarray, key: str) -> dict[str, Any]:
    path = folder / f"{name}-{key[:12]}.npy"
    write_atomically(path, lambda file: np.save(file, np.ascontiguousarray(array), allow_pickle=False))
    return {"file": path.name, "bytes": path.stat().st_size, "shape": list(array.shape), "dtype": str(array.dtype)}


def _remove_others(folder: Path, keep: set[str]) -> None:
    for path in folder.glob("*.npy"):
        if _OURS.fullmatch(path.name) and path.name not in keep:
            # Another process may still have the old version mapped, which Windows does not let us remove.
            with contextlib.suppress(OSError):
                path.unlink()
