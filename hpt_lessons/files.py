"""Files that are whole or not there: atomic writing, lines that survive a kill, one writer at a time, clear errors."""

import contextlib
import errno
import glob
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

LOCK = ".hpt_lessons.lock"

_REMEDY = {
    errno.ENOSPC: "the disk is full: free some space, or choose a folder on another disk",
    errno.EDQUOT: "your disk quota is used up: free some space, or choose a folder on another disk",
    errno.EFBIG: "the file would be larger than is allowed here: choose a folder on another disk",
    errno.EROFS: "the disk is read-only: choose a folder that you may write to",
    errno.EACCES: "you have no permission to write there: choose a folder of your own",
    errno.EPERM: "writing is not permitted there: choose a folder of your own",
    errno.ENOTDIR: "a part of this path is a file, not a folder: choose another folder",
    errno.EEXIST: "a file of this name is in the way: move it, or choose another folder",
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
    """Let `write(file)` fill a file that appears under its name only when it is complete and on the disk.

    Whatever moment the power fails at, `path` holds the old content or the whole new one. The draft is a hidden file
    with the number of this process in its name, so it meets no file of anybody else's.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with explained(path):
            with open(draft, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
            _sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def append_line(path: Path, line: bytes) -> None:
    """Append one line, which ends with a newline, and force it to the disk.

    A line that a kill has torn off before is closed first, so that it cannot swallow this one.
    """
    is_new = not path.exists()
    with open(path, "ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else b"\n" + line
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file as durable as its contents (Windows has no such call and needs none)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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


def remove_drafts(folder: Path, name: str = "*") -> None:
    """Clear away what a killed `write_atomically` left half written, of one file or of all in this folder.

    Call it only where nobody else writes: while holding the lock, or for a file that is yours alone.
    """
    for draft in folder.glob(f".{name if name == '*' else glob.escape(name)}.*.tmp"):
        if draft.name.split(".")[-2].isdecimal():  # the number of a process: no file of anybody else's
            draft.unlink(missing_ok=True)
