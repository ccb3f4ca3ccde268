"""How does a large file get here whole, over a network that may fail at any byte?

`provide` sees to it that the unpacked archive lies in the data folder: what is there and right is kept, what is
damaged is taken from the archive again, and the archive is fetched only if it must be. It arrives in a `.part` file
that the next call goes on with (HTTP ranges, RFC 9110, section 14), and gets its name when its checksum is right. The
caller holds the lock of the data folder, so processes do not fetch it twice.
"""

import contextlib
import http.client
import os
import queue
import re
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hpt_lessons.cifar.pictures.archive import Archive, damaged_members, extract, is_whole, md5_of
from hpt_lessons.files import DataError, explained, make_folder, read_json, write_json

TRIES = 3
_BLOCK = 1 << 16
_SIGN_OF_LIFE = 1 << 10  # bytes that must arrive within `wait` seconds: one byte now and then is no progress
_STEP = 1 << 16  # bytes by which a try must get further than all before it, so that it does not count against TRIES
_REMEDY = (
    "Call again later, give another address of the same archive with url=, "
    "or put the archive into the data folder yourself."
)
_GZIP = b"\x1f\x8b"


class DownloadError(DataError):
    """The archive cannot be fetched: `reason` says why, the message also what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}. {_REMEDY}")
        self.reason = reason


class _Hiccup(Exception):
    """Something that may go better at the next try."""


class _Stalled(_Hiccup):
    """The server cannot be reached, or is silent."""


def provide(
    archive: Archive,
    folder: Path,
    *,
    url: str | None = None,
    wait: float = 10.0,
    progress: bool = True,
    network: bool = True,
    patient: bool = True,
) -> None:
    """See to it that every member of the archive lies whole below `folder`.

    `url` is another address (http, https, file) of the same archive, or the path of a copy. A server that is silent for
    `wait` seconds is given up: at once, or if `patient` after `TRIES` tries. Without `network` only what lies in the
    folder is used. Raises `DownloadError` if the archive cannot be had, `DataError` if it cannot be written or
    unpacked.
    """
    damaged = damaged_members(archive, folder)
    if not damaged:
        return
    path = folder / archive.filename
    if not is_whole(path, archive.md5):
        if not network:
            raise DownloadError(f"{folder} holds no whole {archive.name}")
        fetch(archive, path, _address(url or archive.url), wait, progress, patient)
    extract(archive, folder, damaged)


def fetch(archive: Archive, path: Path, url: str, wait: float, progress: bool, patient: bool) -> None:
    """Fetch the archive to `path`, going on with what an earlier call has got."""
    part = path.with_name(path.name + ".part")
    make_folder(path.parent)
    if path.exists():  # finished, but damaged; if it was cut short, only the rest is missing
        os.replace(path, part)
        _note(part).unlink(missing_ok=True)
    for last in (False, True):
        resumed = _persist(url, part, wait, progress, patient, archive.name)
        md5 = md5_of(part)
        if md5 == archive.md5:
            os.replace(part, path)
            _note(part).unlink(missing_ok=True)
            return
        _forget(part)
        if last or not resumed:  # if it was resumed, the two halves may be of different files: one clean start
            raise DownloadError(
                f"What {url} sent is not the {archive.name} archive: its MD5 is {md5}, expected {archive.md5}. It was "
                f"removed. If this is your own copy, serve the original {archive.filename} unchanged"
            )


def _persist(url: str, part: Path, wait: float, progress: bool, patient: bool, label: str) -> bool:
    """Transfer until the file is complete, trying again after a hiccup. Was any of it there before?"""
    failures, furthest = 0, _size(part)
    resumed = furthest > 0
    while True:
        try:
            return _transfer(url, part, wait, progress, label) and resumed
        except _Hiccup as hiccup:
            size = _size(part)
            failures = 0 if size >= furthest + _STEP else failures + 1
            resumed, furthest = resumed or size > 0, max(size, furthest)
            if failures >= TRIES or (isinstance(hiccup, _Stalled) and not patient):
                kept = f" ({size:,} bytes are kept, and the next call goes on from there)" if size else ""
                raise DownloadError(f"{label} could not be fetched from {url}: {hiccup}{kept}") from hiccup
            time.sleep(0.2 * 2**failures)


def _transfer(url: str, part: Path, wait: float, progress: bool, label: str) -> bool:
    """One request: append to `part`, or begin it anew. Was it appended to? `_Hiccup` if the file is not complete."""
    from hpt_lessons.progress import Progress

    had = _size(part)
    with _Stream(url, _range_headers(url, part), wait) as stream:
        start, total = _where_to_write(url, part, stream.head)
        first = next(stream, b"")
        if start == 0 and first[:2] != _GZIP[: len(first)]:
            raise DownloadError(f"{url} sent something that is no gzip archive (it begins with {first[:12]!r})")
        _check_space(part, start, total)
        write_json(_note(part), {"url": url, "validator": _validator(stream.head), "total": total})
        with (
            Progress(total, label, unit="B", bytes=True, enabled=progress, initial=start) as bar,
            explained(part),
            open(part, "r+b" if start else "wb") as file,
        ):
            file.seek(start)
            for block in _chain(first, stream):
                file.write(block)
                file.flush()  # what has arrived survives a kill
                bar.update(len(block))
    if total is not None and _size(part) < total:
        raise _Hiccup(f"the connection ended after {_size(part):,} of {total:,} bytes")
    return 0 < start == had


# --- what we ask and what we are told -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Head:
    """The beginning of an answer; status None: not HTTP, but a file."""

    status: int | None
    headers: Mapping[str, str]


def _range_headers(url: str, part: Path) -> dict[str, str]:
    """Ask for the rest only, or for all of it if the file there is no longer the same (RFC 9110, 13.1.5)."""
    size = _size(part)
    if not size:
        return {}
    note = read_json(_note(part)) or {}
    # Another address has other validators. Its file is the same or the checksum will tell.
    same = note.get("url") == url and note.get("validator")
    return {"Range": f"bytes={size}-", **({"If-Range": note["validator"]} if same else {})}


def _where_to_write(url: str, part: Path, head: _Head) -> tuple[int, int | None]:
    """(start, total) in bytes: where the answer belongs, and how long the whole will be if that is known."""
    if head.status in (None, 200):
        if "html" in head.headers.get("Content-Type", "").lower():
            raise DownloadError(f"{url} sent a web page, not the archive (is there a login page in between?)")
        length = head.headers.get("Content-Length", "")
        return 0, int(length) if length.isdecimal() else None
    if head.status == 206:
        return _check_range(part, head)
    if head.status == 416:
        if head.headers.get("Content-Range", "").replace(" ", "") == f"bytes*/{_size(part)}":
            return _size(part), _size(part)  # there was nothing left to send
        _forget(part)
        raise _Hiccup("the file there is shorter than what was fetched before")
    if head.status in (408, 425, 429) or head.status >= 500:
        raise _Hiccup(f"the server answered {_status(head.status)}")
    raise DownloadError(f"{url} cannot be fetched: the server answered {_status(head.status)}")


def _check_range(part: Path, head: _Head) -> tuple[int, int | None]:
    """The range that was sent must be the one that was asked for, of a file as long as before."""
    sent = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", head.headers.get("Content-Range", "").strip())
    start, total = (int(sent[1]), None if sent[2] == "*" else int(sent[2])) if sent else (-1, None)
    before = (read_json(_note(part)) or {}).get("total")
    if start != _size(part) or (total is not None and before not in (None, total)):
        _forget(part)
        raise _Hiccup("the server sent another part than was asked for, or the file there has changed")
    return start, total


def _status(code: int) -> str:
    return f"{code} ({http.client.responses.get(code, 'unknown')})"


def _validator(head: _Head) -> str | None:
    """What tells the server whether its file is still the same one; a weak tag does not tell for single bytes."""
    tag = head.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else head.headers.get("Last-Modified")


def _address(url: str) -> str:
    """The address as urllib wants it; the path of a file becomes one."""
    url = os.fspath(url) if isinstance(url, os.PathLike) else str(url)
    with contextlib.suppress(OSError, ValueError):
        if Path(url).is_file():
            return Path(url).absolute().as_uri()
    if urlsplit(url).scheme not in ("http", "https", "file"):
        raise DownloadError(f"url={url!r} is no address; expected http://..., https://... or the path of the archive")
    return url


# --- bytes from a server that may fall silent -----------------------------------------------------------------------


class _Stream(Iterator[bytes]):
    """The answer to one request, block by block: `head` first, then the bytes.

    A thread reads, because looking up a name or a slow header cannot be interrupted; it only ever puts blocks into a
    queue. Whoever takes them out decides how long silence may last, and can always be interrupted.
    """

    def __init__(self, url: str, headers: Mapping[str, str], wait: float) -> None:
        self._url, self._headers, self._wait = url, headers, wait
        self._blocks: queue.Queue[Any] = queue.Queue(maxsize=16)
        self._over = threading.Event()
        self._deadline, self._since = time.monotonic() + wait, 0
        self._ended = False

    def __enter__(self) -> "_Stream":
        threading.Thread(target=self._read, daemon=True, name="hpt_lessons download").start()
        try:
            self.head: _Head = self._take()
        except BaseException:  # __exit__ is not called: nobody else would tell the thread
            self._over.set()
            raise
        self._deadline = time.monotonic() + self._wait
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def __next__(self) -> bytes:
        block = None if self._ended else self._take()
        if block is None:
            self._ended = True
            raise StopIteration
        self._since += len(block)
        if self._since >= _SIGN_OF_LIFE:
            self._deadline, self._since = time.monotonic() + self._wait, 0
        return block

    def _take(self) -> Any:
        try:
            item = self._blocks.get(timeout=max(0.0, self._deadline - time.monotonic()))
        except queue.Empty:
            raise _Stalled(f"nothing arrived for {self._wait:g} s") from None
        if isinstance(item, Exception):
            raise item
        return item

    def _put(self, item: Any) -> None:
        while not self._over.is_set():
            with contextlib.suppress(queue.Full):
                return self._blocks.put(item, timeout=0.1)

    def _read(self) -> None:
        try:
            request = urllib.request.Request(self._url, headers={"User-Agent": "hpt_lessons", **self._headers})
            with urllib.request.urlopen(request, timeout=2 * self._wait) as answer:
                self._put(_Head(getattr(answer, "status", None), answer.headers))
                while not self._over.is_set() and (block := answer.read1(_BLOCK)):
                    self._put(block)
            self._put(None)
        except Exception as error:  # whatever it is, it must reach the one who waits for it
            self._put(_judged(error))
            self._put(None)


def _judged(error: Exception) -> Exception | _Head:
    """What went wrong while reading, and whether another try makes sense."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return _Head(error.code, error.headers)
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return _Stalled("the server did not answer in time")
    if isinstance(reason, FileNotFoundError | IsADirectoryError | PermissionError):
        return DownloadError(f"{reason.filename} cannot be read ({reason.strerror})")
    if isinstance(error, urllib.error.URLError):  # no connection at all: name unknown, refused, certificate
        return _Stalled(f"no connection ({getattr(reason, 'strerror', None) or reason})")
    if isinstance(error, http.client.InvalidURL | ValueError):
        return DownloadError(f"this is not a valid address: {error}")
    return _Hiccup(f"the connection broke ({type(error).__name__}: {error})")


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


# --- the unfinished file --------------------------------------------------------------------------------------------


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _note(part: Path) -> Path:
    """Beside the unfinished file: where it comes from, and how to ask for the rest."""
    return part.with_name(part.name + ".json")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _check_space(part: Path, start: int, total: int | None) -> None:
    free = shutil.disk_usage(part.parent).free + (_size(part) - start)
    missing = 0 if total is None else total - start
    if free < missing:
        raise DataError(
            f"The disk of {part.parent} has {free / 1e6:,.0f} MB free, and {missing / 1e6:,.0f} MB are still to come. "
            "Free some space, or choose a data folder on another disk."
        )
