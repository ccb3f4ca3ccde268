"""How does a large file get here whole, over a network that may fail at any byte?

The archive arrives in a `.part` file that the next try, or the next call, goes on with (HTTP ranges, RFC 9110, section
14), and gets its name when its checksum is right. The caller holds the lock of the data folder, so processes do not
fetch it twice.
"""

import contextlib
import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hpt_lessons.cifar.pictures.archive import Archive, is_whole, md5_of
from hpt_lessons.files import DataError, explained, make_folder
from hpt_lessons.progress import Progress

TRIES = 3
_BLOCK = 1 << 16
_GZIP = b"\x1f\x8b"
_SIGN_OF_LIFE = 1 << 10  # bytes that must arrive within `wait` seconds: one byte now and then is no progress
_STEP = 1 << 16  # bytes by which a try must get further than all before it, so that it does not count against TRIES
_REMEDY = (
    "Call again later, give another address of the same archive with url=, "
    "or put the archive into the data folder yourself."
)


class DownloadError(DataError):
    """The archive cannot be fetched: `reason` says why, the message also what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}. {_REMEDY}")
        self.reason = reason


class _TryAgain(Exception):
    """Something that may go better at the next try; `silent`: the server cannot be reached, or says nothing."""

    def __init__(self, reason: str, silent: bool = False) -> None:
        super().__init__(reason)
        self.silent = silent


def fetch(
    archive: Archive,
    folder: Path,
    url: str | os.PathLike[str] | None = None,
    *,
    wait: float = 10.0,
    progress: bool = True,
    patient: bool = True,
) -> None:
    """See to it that the archive lies whole in `folder`, going on with what an earlier call has got.

    `url` is another address (http, https, file) of the same archive, or the path of a copy. A server that is silent for
    `wait` seconds is given up: at once, or if `patient` after `TRIES` tries, as is one that never gets further. Raises
    `DownloadError` if the archive cannot be had, `DataError` if it cannot be written.
    """
    path = folder / archive.filename
    if is_whole(path, archive.md5):
        return
    address, part = _address(url or archive.url), path.with_name(path.name + ".part")
    make_folder(folder)
    if path.exists():  # damaged; if it was cut short, only the rest is missing
        os.replace(path, part)
    if not is_whole(part, archive.md5):
        try:
            _until_whole(lambda: _transfer(address, part, wait, progress, archive), part, patient)
        except _TryAgain as trouble:
            kept = f" ({_size(part):,} bytes are kept, and the next call goes on from there)" if _size(part) else ""
            raise DownloadError(f"{archive.name} could not be fetched from {address}: {trouble}{kept}") from trouble
    os.replace(part, path)


def _until_whole(transfer: Callable[[], None], part: Path, patient: bool) -> None:
    """Try again as long as it gets further; the last `_TryAgain` when it does not."""
    failures, furthest = 0, _size(part)
    while True:
        try:
            return transfer()
        except _TryAgain as trouble:
            size = _size(part)
            failures = 0 if size >= furthest + _STEP else failures + 1
            furthest = max(size, furthest)
            if failures >= TRIES or (trouble.silent and not patient):
                raise
            time.sleep(0.2 * 2**failures)


def _transfer(url: str, part: Path, wait: float, progress: bool, archive: Archive) -> None:
    """One request: append to `part`, or begin it anew if the server sends all; an error if it is not whole then."""
    had = _size(part)
    headers = {"User-Agent": "hpt_lessons"} | ({"Range": f"bytes={had}-"} if had else {})
    try:
        opener = urllib.request.build_opener()  # anew, so that a proxy counts that was set a moment ago
        with opener.open(urllib.request.Request(url, headers=headers), timeout=wait) as answer:
            start, total = _range(answer, part)
            block = answer.read1(_BLOCK)
            if start == 0 and not _GZIP.startswith(block[:2]):
                raise DownloadError(f"{url} sent no gzip archive but {block[:12]!r}... (is it a login page?)")
            with Progress(total, archive.name, unit="B", bytes=True, enabled=progress, initial=start) as bar:
                _write(answer, block, part, start > 0, wait, bar)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _judged(error, url, part, wait) from error
    if total is not None and _size(part) < total:
        raise _TryAgain(f"the connection ended after {_size(part):,} of {total:,} bytes")
    if (md5 := md5_of(part)) != archive.md5:
        part.unlink()
        reason = (
            f"what {url} sent is not the {archive.name} archive: its MD5 is {md5}, expected {archive.md5}. It was "
            f"removed. If this is your own copy, serve the original {archive.filename} unchanged"
        )
        # If it was resumed, the two halves may be of different files: one clean start.
        raise _TryAgain(reason) if start else DownloadError(reason)


def _write(answer: Any, block: bytes, part: Path, append: bool, wait: float, bar: Progress) -> None:
    """Write what arrives, `block` first; TimeoutError if it is too little."""
    with explained(part), open(part, "ab" if append else "wb", buffering=0) as file:  # what has arrived survives a kill
        deadline, sign = time.monotonic() + wait, bar.n + _SIGN_OF_LIFE
        while block:
            file.write(block)
            bar.update(len(block))
            if bar.n >= sign:
                deadline, sign = time.monotonic() + wait, bar.n + _SIGN_OF_LIFE
            elif time.monotonic() > deadline:
                raise TimeoutError
            block = answer.read1(_BLOCK)


def _range(answer: Any, part: Path) -> tuple[int, int | None]:
    """(start, total) in bytes: where the answer belongs, and how long the whole will be if that is known."""
    if answer.status == 206:
        sent = re.match(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("Content-Range", ""))
        if sent and int(sent[1]) == _size(part):
            return int(sent[1]), int(sent[2])
        part.unlink()
        raise _TryAgain("the server sent another part than was asked for")
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _judged(error: Exception, url: str, part: Path, wait: float) -> Exception:
    """What went wrong, in words, and whether another try makes sense."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        if error.code == 416:
            part.unlink()
            return _TryAgain("the file there is shorter than what was fetched before")
        answered = f"the server answered {error.code} ({http.client.responses.get(error.code, 'unknown')})"
        if error.code in (408, 425, 429) or error.code >= 500:
            return _TryAgain(answered)
        return DownloadError(f"{url} cannot be fetched: {answered}")
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return _TryAgain(f"nothing arrived for {wait:g} s", silent=True)
    if isinstance(error, urllib.error.URLError):  # no connection at all: name unknown, refused, proxy, certificate
        return _TryAgain(f"no connection ({getattr(reason, 'strerror', None) or reason})", silent=True)
    if isinstance(error, http.client.InvalidURL | ValueError):
        return DownloadError(f"{url} is not a valid address: {error}")
    return _TryAgain(f"the connection broke ({type(error).__name__}: {error})")


def _address(url: str | os.PathLike[str]) -> str:
    """The address as urllib wants it; the path of a file becomes one."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        if Path(url).is_file():
            return Path(url).absolute().as_uri()
    if urlsplit(str(url)).scheme not in ("http", "https", "file"):
        raise DownloadError(f"url={url!r} is no address; expected http://..., https://... or the path of the archive")
    return str(url)


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0
