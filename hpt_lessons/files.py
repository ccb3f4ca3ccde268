"""Files that are whole or not there: atomic writing, one writer at a time, and errors that say what to do."""

import contextlib
import errno
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

LOCK = ".hpt_lessons.lock"

_REMEDY = {
    errno.ENOSPC: "the disk is full: free some space, or choose a data folder on another disk",
    errno.EDQUOT: "your disk quota is used up: free some space, or choose another data folder",
    errno.EFBIG: "the file would be larger than is allowed here: choose a data folder on another disk",
    errno.EROFS: "the disk is read-only: choose a data folder that you may write to",
    errno.EACCES: "you have no permission to write there: choose a data folder of your own",
    errno.EPERM: "writing is not permitted there: choose a data folder of your own",
    errno.ENOTDIR: "a part of this path is a file, not a folder: choose another data folder",
    errno.EEXIST: "a file of this name is in the way: move it, or choose another data folder",
}


class DataError(RuntimeError):
    """The data cannot be had as asked for; the message says what was expected and what to do."""


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what the operating system says about writing to `path` into a `DataError` with a remedy."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REMEDY:
            raise
        raise DataError(f"{path} cannot be written; {_REMEDY[error.errno]} ({error.strerror}).") from error


def make_folder(folder: Path) -> Path:
    """The folder, made with its parents if it is missing."""
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_atomically(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Let `write(file)` fill a file that appears under its name only when it is complete and on the disk."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with explained(path):
            with open(draft, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """`value` as a JSON file, written atomically."""
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    # A file name that is no valid text (surrogates) must not stop us: it is written with escapes.
    write_atomically(path, lambda file: file.write(text.encode("utf-8", "backslashreplace")))


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None if the file is missing or is no JSON object."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Only one process at a time prepares the data in `folder`; the others wait and then find it ready.

    The operating system frees the lock when its holder dies, so nothing is left to clean up.
    """
    from filelock import FileLock, Timeout

    make_folder(folder)
    lock = FileLock(folder / LOCK)
    with explained(folder):
        try:
            lock.acquire(timeout=1)
        except Timeout:
            print(f"Waiting for another process that prepares the data in {folder} ...", file=sys.stderr)
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def remove_drafts(folder: Path) -> None:
    """Clear away what a killed `write_atomically` left half written; call it only while holding the lock."""
    for draft in folder.glob(".*.*.tmp"):
        if draft.name.split(".")[-2].isdecimal():  # the number of a process: no file of anybody else's
            draft.unlink(missing_ok=True)
