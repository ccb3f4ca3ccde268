"""The CIFAR-10 archive: what is in it, how to know that it is whole, and how to read it without trusting it.

Krizhevsky, 'Learning multiple layers of features from tiny images' (2009), is the origin of the pictures. Names and
checksums are torchvision's. The batches are Python pickles, and a pickle can run any program: so nothing is unpickled
before its checksum is right, and then only by a reader that knows arrays and nothing else.
"""

import hashlib
import io
import pickle
import tarfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from hpt_lessons.cifar.pictures.arrays import SIDE, Pictures
from hpt_lessons.files import DataError, make_folder, remove_drafts, write_atomically

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Archive:
    """Where the archive comes from, what it is called, and the MD5 of it and of each `members` file in its `folder`."""

    url: str
    filename: str
    md5: str
    folder: str
    members: Mapping[str, str]
    train: tuple[str, ...]
    test: tuple[str, ...]
    meta: str
    name: str = "CIFAR-10"


def cifar10_archive() -> Archive:
    """CIFAR-10 as torchvision knows it."""
    from torchvision.datasets import CIFAR10

    members = dict([*CIFAR10.train_list, *CIFAR10.test_list, (CIFAR10.meta["filename"], CIFAR10.meta["md5"])])
    train, test = (tuple(name for name, _ in batches) for batches in (CIFAR10.train_list, CIFAR10.test_list))
    meta = CIFAR10.meta["filename"]
    return Archive(CIFAR10.url, CIFAR10.filename, CIFAR10.tgz_md5, CIFAR10.base_folder, members, train, test, meta)


def md5_of(path: Path) -> str:
    """MD5 of a file, in hexadecimal. It tells damage from wholeness, which is all that is asked of it here."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def is_whole(path: Path, md5: str) -> bool:
    """Is there such a file, and is it the right one?"""
    return path.is_file() and md5_of(path) == md5


def damaged_members(archive: Archive, folder: Path) -> list[str]:
    """The members that are missing below `folder` or are not what they should be."""
    home = folder / archive.folder
    return [name for name, md5 in archive.members.items() if not is_whole(home / name, md5)]


def extract(archive: Archive, folder: Path, names: Iterable[str]) -> None:
    """Take these members out of the archive in `folder`; each appears only when its checksum is right.

    Nothing else in the archive is touched: a member with another name, a link or a device is never written anywhere.
    Raises `DataError` if the archive cannot be read or a member is missing or wrong.
    """
    path, home = folder / archive.filename, make_folder(folder / archive.folder)
    wanted = {f"{archive.folder}/{name}": name for name in names}
    remove_drafts(home)
    try:
        with tarfile.open(path, "r:*") as tar:
            for member in tar:
                if member.name in wanted and member.isreg():
                    name = wanted.pop(member.name)
                    write_atomically(home / name, _checked_copy(tar.extractfile(member), archive.members[name], name))
                if not wanted:
                    break
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise DataError(f"{path} cannot be unpacked: {error}. Remove it and call load_data again.") from error
    if wanted:
        raise DataError(f"{path} holds no file {sorted(wanted)[0]!r}; it is not the {archive.name} archive.")


def read_pictures(archive: Archive, folder: Path) -> Pictures:
    """The pictures of the unpacked archive: train and test, in the order of the batches."""
    meta = _read_member(archive, folder, archive.meta)
    images, labels = _read_batches(archive, folder, archive.train)
    test_images, test_labels = _read_batches(archive, folder, archive.test)
    return Pictures(archive.name, tuple(meta["label_names"]), images, labels, test_images, test_labels)


def safe_unpickle(data: bytes) -> Any:
    """What a pickle holds, if that is arrays, numbers, texts, lists and dictionaries; else `UnpicklingError`."""
    # The batches were written by Python 2, whose texts are bytes: latin-1 reads any byte.
    return _ArrayReader(io.BytesIO(data), encoding="latin1").load()


def _checked_copy(source: BinaryIO, md5: str, name: str) -> Callable[[BinaryIO], None]:
    def copy(target: BinaryIO) -> None:
        digest = hashlib.md5(usedforsecurity=False)
        while block := source.read(_BLOCK):
            digest.update(block)
            target.write(block)
        if digest.hexdigest() != md5:
            raise DataError(f"{name} in the archive has the MD5 {digest.hexdigest()}; expected {md5}.")

    return copy


def _read_batches(archive: Archive, folder: Path, names: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    batches = [_read_member(archive, folder, name) for name in names]
    planes = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, SIDE, SIDE)
    labels = np.concatenate([np.asarray(batch["labels"], dtype=np.int64) for batch in batches])
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels


def _read_member(archive: Archive, folder: Path, name: str) -> dict[str, Any]:
    path = folder / archive.folder / name
    data = path.read_bytes()
    # These very bytes are checked and then read: nobody can change the file in between.
    if hashlib.md5(data, usedforsecurity=False).hexdigest() != archive.members[name]:
        raise DataError(f"{path} is damaged: its MD5 is not {archive.members[name]}. Call load_data again to mend it.")
    return safe_unpickle(data)


def _reconstruct(kind: type, shape: tuple[int, ...], _typecode: Any) -> np.ndarray:
    return np.ndarray.__new__(kind, shape, np.int8)


def _dtype(code: str, align: Any = False, copy: Any = False) -> np.dtype:
    # Old pickles say 0 and 1 where numpy now wants False and True.
    return np.dtype(code, align=bool(align), copy=bool(copy))


class _ArrayReader(pickle.Unpickler):
    """An unpickler that builds numpy arrays and knows nothing else that could be called."""

    _KNOWN: Mapping[tuple[str, str], Any] = {
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): _dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of pictures; refused.") from None
