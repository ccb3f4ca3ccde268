"""A small archive in the true format of CIFAR-10, and a server on loopback that can fail in many ways."""

import contextlib
import gzip
import hashlib
import http.server
import io
import pickle
import struct
import tarfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from hpt_lessons.cifar.pictures.archive import Archive
from hpt_lessons.cifar.pictures.download import fetch

FOLDER = "cifar-10-batches-py"
FILENAME = "cifar-10-python.tar.gz"
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
BATCHES = [f"data_batch_{number}" for number in range(1, 6)]
PER_BATCH = 20


class Python2Pickler(pickle._Pickler):
    """Writes what Python 2 wrote: texts as bytes (BINSTRING), and numpy under its name of then.

    The real batches are such files, and Python 3 writes no such thing by itself.
    """

    dispatch = dict(pickle._Pickler.dispatch)  # noqa: RUF012

    def __init__(self, file):
        super().__init__(file, protocol=2)

    def _save_text(self, value):
        data = value.encode("latin1") if isinstance(value, str) else value
        self.write(b"T" + struct.pack("<I", len(data)) + data)
        self.memoize(value)

    def _save_function(self, value, name=None):
        module = value.__module__.replace("numpy._core", "numpy.core")
        self.write(b"c" + f"{module}\n{value.__qualname__}\n".encode())
        self.memoize(value)

    dispatch[bytes] = dispatch[str] = _save_text
    dispatch[type(len)] = dispatch[type] = _save_function
    dispatch[type(lambda: 0)] = _save_function
    dispatch[type(np.dtype)] = _save_function


def python2_pickle(value) -> bytes:
    file = io.BytesIO()
    Python2Pickler(file).dump(value)
    return file.getvalue()


def picture_numbers(seed: int, count: int = PER_BATCH) -> tuple[np.ndarray, list[int]]:
    """Planes as in the batches, uint8 (count, 3072), and labels; noise, which does not shrink when packed."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 3072), dtype=np.uint8), [int(label) for label in rng.integers(0, 10, count)]


def batch_files() -> dict[str, bytes]:
    """The files of the archive, by name."""
    files = {}
    for seed, name in enumerate([*BATCHES, "test_batch"]):
        data, labels = picture_numbers(seed)
        names = [f"{number}.png" for number in range(len(labels))]
        entry = {"batch_label": name, "labels": labels, "data": data, "filenames": names}
        files[name] = python2_pickle(entry)
    files["batches.meta"] = python2_pickle({"num_cases_per_batch": PER_BATCH, "label_names": CLASSES, "num_vis": 3072})
    return files


def pack(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """A packed archive of these members; the same bytes whenever and wherever it is made."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(file.getvalue(), compresslevel=1, mtime=0)


def member(name: str, data: bytes = b"", **fields) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def describe(packed: bytes, files: dict[str, bytes], url: str = "http://127.0.0.1:9/none.tar.gz") -> Archive:
    """The description that belongs to these bytes: what torchvision's numbers are for the real archive."""
    md5s = {name: hashlib.md5(data).hexdigest() for name, data in files.items()}
    md5 = hashlib.md5(packed).hexdigest()
    return Archive(url, FILENAME, md5, FOLDER, md5s)


def small_archive() -> tuple[bytes, Archive]:
    """120 pictures in the true format: the packed bytes (about 370 kB) and their description."""
    files = batch_files()
    root = member(FOLDER, type=tarfile.DIRTYPE)
    packed = pack([root, *(member(f"{FOLDER}/{name}", data) for name, data in files.items())])
    return packed, describe(packed, files)


@dataclass
class Behaviour:
    """How the server treats one request."""

    status: int = 200
    data: bytes | None = None  # other bytes than the archive
    cut: int | None = None  # the connection ends after so many bytes of the answer
    stall: int | None = None  # nothing more comes after so many bytes of the answer
    dribble: float | None = None  # a byte at a time, so many seconds apart
    length: int | None = None  # what Content-Length says; -1: nothing
    ranges: bool = True
    location: str | None = None
    deaf: bool = False  # accepts and never answers
    shift: int = 0  # a range that begins elsewhere than was asked for
    pause: float = 0.0  # between blocks of 16 KiB


@dataclass
class Server:
    """The archive at `url`; `script` says how the first requests are treated, `usual` how all later ones."""

    packed: bytes
    usual: Behaviour = field(default_factory=Behaviour)
    script: list[Behaviour] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> "Server":
        self._over = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/{FILENAME}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def behave(self, **changes) -> None:
        self.usual = replace(self.usual, **changes)

    def next(self, **changes) -> None:
        self.script.append(replace(self.usual, **changes))


def _handler(server: Server) -> type[http.server.BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            with lock:
                behaviour = server.script.pop(0) if server.script else server.usual
                server.requests.append({"path": self.path, **self.headers})
                server.sent.append(0)
                number = len(server.sent) - 1
            self.close_connection = True
            with contextlib.suppress(OSError):  # the client has gone
                self._answer(behaviour, lambda count: server.sent.__setitem__(number, server.sent[number] + count))

        def _answer(self, how: Behaviour, count: Callable[[int], None]):
            if how.deaf:
                return server._over.wait(30)
            data, start = server.packed if how.data is None else how.data, 0
            status = how.status
            asked = self.headers.get("Range")
            if asked and how.ranges and status == 200:
                start = int(asked.removeprefix("bytes=").rstrip("-")) + how.shift
                status = 206 if start < len(data) else 416
            body = data[start:] if status in (200, 206) else b"" if status == 416 else b"no"
            self.send_response_only(status)
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            if how.location:
                self.send_header("Location", how.location)
            if how.length != -1:
                self.send_header("Content-Length", str(len(body) if how.length is None else how.length))
            self.end_headers()
            self._send(body, how, count)

        def _send(self, body: bytes, how: Behaviour, count: Callable[[int], None]):
            end = min(len(body), *(limit for limit in (how.cut, how.stall, len(body)) if limit is not None))
            step = 1 if how.dribble else 1 << 14
            for at in range(0, end, step):
                block = body[at : min(at + step, end)]
                self.wfile.write(block)
                self.wfile.flush()
                count(len(block))
                if server._over.wait(how.dribble or how.pause or 0):
                    return
            if how.stall is not None:
                server._over.wait(30)

    return Handler


def unpacked(folder: Path) -> Path:
    """`cifar-10-batches-py` below `folder`, as somebody may have it already."""
    home = folder / FOLDER
    home.mkdir(parents=True)
    for name, data in batch_files().items():
        (home / name).write_bytes(data)
    return home


def get(folder: Path, url: str, archive=None, **options) -> None:
    """Fetch the small archive, or another one, from a server of this test."""
    fetch(archive or small_archive()[1], folder, url, **{"wait": 5.0, "progress": False, "patient": False, **options})


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for what another thread does; whoever asserts afterwards says what is lacking."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
