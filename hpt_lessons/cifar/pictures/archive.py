"""The CIFAR-10 archive: how to know that it is whole, and how to read it without trusting it.

Krizhevsky, 'Learning multiple layers of features from tiny images' (2009), is the origin of the pictures. Names and
checksums are torchvision's. The batches are Python pickles, and a pickle can run any program: so nothing is unpickled
before its checksum is right, and then only by a reader that knows arrays and nothing else. The archive is read where it
lies: nothing in it is ever written anywhere.
"""

import hashlib
import io
import pickle
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpt_lessons.cifar.pictures.arrays import SIDE, Pictures
from hpt_lessons.files import DataError


@dataclass(frozen=True)
class Archive:
    """Where the archive comes from, what it is called, and the MD5 of it and of each `members` file in its `folder`."""

    url: str
    filename: str
    md5: str
    folder: str
    members: Mapping[str, str]
    name: str = "CIFAR-10"


def cifar10_archive() -> Archive:
    """CIFAR-10 as torchvision knows it."""
    from torchvision.datasets import CIFAR10

    members = dict([*CIFAR10.train_list, *CIFAR10.test_list, (CIFAR10.meta["filename"], CIFAR10.meta["md5"])])
    return Archive(CIFAR10.url, CIFAR10.filename, CIFAR10.tgz_md5, CIFAR10.base_folder, members)


def md5_of(path: Path) -> str:
    """MD5 of a file, in hexadecimal. It tells damage from wholeness, which is all that is asked of it here."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, _md5).hexdigest()


def is_whole(path: Path, md5: str) -> bool:
    """Is there such a file, and is it the right one?"""
    return path.is_file() and md5_of(path) == md5


def is_unpacked(archive: Archive, folder: Path) -> bool:
    """Do all members lie whole below `folder`, where somebody has unpacked the archive?"""
    return all(is_whole(folder / archive.folder / name, md5) for name, md5 in archive.members.items())


def read_pictures(archive: Archive, folder: Path) -> Pictures:
    """The pictures of the unpacked archive below `folder`, or else of the archive in it, in the order of the batches.

    Raises `DataError` if the archive cannot be read, or a member is missing or is not what it should be.
    """
    if is_unpacked(archive, folder):
        files = {name: (folder / archive.folder / name).read_bytes() for name in archive.members}
    else:
        files = _members(archive, folder / archive.filename)
    for name, md5 in archive.members.items():
        # These very bytes are checked and then read: nobody can change a file in between.
        if _md5(files[name]).hexdigest() != md5:
            raise DataError(f"{name} of {archive.name} in {folder} is damaged: its MD5 is not {md5}. Remove it.")
    images, labels = _join([safe_unpickle(files[name]) for name in sorted(files) if name.startswith("data_batch")])
    test_images, test_labels = _join([safe_unpickle(files["test_batch"])])
    classes = tuple(safe_unpickle(files["batches.meta"])["label_names"])
    return Pictures(archive.name, classes, images, labels, test_images, test_labels)


def safe_unpickle(data: bytes) -> Any:
    """What a pickle holds, if that is arrays, numbers, texts, lists and dictionaries; else `UnpicklingError`."""
    # The batches were written by Python 2, whose texts are bytes: latin-1 reads any byte.
    return _ArrayUnpickler(io.BytesIO(data), encoding="latin1").load()


def _md5(data: bytes = b"") -> Any:
    return hashlib.md5(data, usedforsecurity=False)


def _members(archive: Archive, path: Path) -> dict[str, bytes]:
    """The known files in the archive; links, devices and strangers are passed over."""
    names = {f"{archive.folder}/{name}": name for name in archive.members}
    try:
        with tarfile.open(path, "r:*") as tar:
            files = {
                names[item.name]: tar.extractfile(item).read() for item in tar if item.name in names and item.isreg()
            }
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise DataError(f"{path} cannot be unpacked: {error}. Remove it and call load_data again.") from error
    if missing := set(archive.members) - set(files):
        raise DataError(f"{path} holds no file {min(missing)!r}; it is not the {archive.name} archive.")
    return files


def _join(batches: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """The batches one after the other: images (n, 32, 32, 3) and labels (n,)."""
    planes = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, SIDE, SIDE)
    labels = np.concatenate([np.asarray(batch["labels"], dtype=np.int64) for batch in batches])
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels


class _ArrayUnpickler(pickle.Unpickler):
    """An unpickler that builds numpy arrays and knows nothing else that could be called."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in (("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")):
            return lambda kind, shape, _: np.ndarray.__new__(kind, shape, np.int8)
        if (module, name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module, name) == ("numpy", "dtype"):
            # Old pickles say 0 and 1 where numpy now wants False and True.
            return lambda code, align=0, copy=0: np.dtype(code, align=bool(align), copy=bool(copy))
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of pictures; refused.")
