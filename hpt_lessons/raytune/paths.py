"""From which folders can Ray start its processes? From plain ones, and from nearly all others through a plain link.

Ray writes the path of Python unquoted into a line for the shell. With a space in it no worker ever comes up, a search
waits for ever, and the cause stands in a log that nobody opens. So Ray is shown the same Python by a path without
anything that a shell takes for something else.
"""

import contextlib
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

_PLAIN = re.compile(r"[\w/.,:+@%=-]+", re.ASCII)
_SOCKET_BYTES = 103 if sys.platform == "darwin" else 107  # the longest path that a socket may have
_BELOW = "/ray/session_2030-01-01_00-00-00_000000_{}/sockets/plasma_store"  # what Ray adds to its folder for one


def is_plain(path: str | os.PathLike[str]) -> bool:
    """Whether a shell reads this path as it stands.

    >>> is_plain("/home/kim/course/.venv/bin/python"), is_plain("/home/kim/my course/.venv/bin/python")
    (True, False)
    """
    return _PLAIN.fullmatch(os.fspath(path)) is not None


def holds_ray(folder: str | os.PathLike[str]) -> bool:
    """Whether Ray can keep its logs and sockets in `folder`: plain, and short enough for the path of a socket."""
    return is_plain(folder) and len(os.fspath(folder)) + len(_BELOW.format(os.getpid())) <= _SOCKET_BYTES


def check_package(folder: str | os.PathLike[str]) -> None:
    """RuntimeError if Ray itself lies where it cannot start from, whatever its Python is called.

    The paths of its own files are put into double quotes if there is a space in them, and else into none.
    """
    if os.name == "nt":
        return
    path = os.fspath(folder)
    spaced = " " in path or "\t" in path
    strange = sorted({c for c in path if c in "\\\r\n" or (c == "'" and not spaced) or "\ud800" <= c <= "\udfff"})
    if strange:
        raise RuntimeError(
            f"Ray cannot start its workers from {path!r}: it does not read "
            f"{' and '.join(map(repr, strange))} in a path. Move or rename the folder of the course, "
            "delete .venv in it, and run `make setup` again."
        )


@contextlib.contextmanager
def plain_python(folders: Iterable[str | os.PathLike[str]] | None = None) -> Iterator[None]:
    """While Ray starts, `sys.executable` is a path that its shell reads: through a link in one of `folders` if need be.

    The link stays, one for each environment: workers are started through it as long as Ray runs. RuntimeError if no
    folder can have one.
    """
    real = sys.executable
    if os.name == "nt" or not real or is_plain(real):  # on Windows Ray starts its workers in another way
        yield
        return
    # The link is to the folder above bin/, where Python looks for its pyvenv.cfg and its packages.
    file = Path(real)
    beside = Path(file.parent.name, file.name)
    link = _link(file.parent.parent, _candidates() if folders is None else folders) if is_plain(beside) else None
    if link is None:
        raise RuntimeError(
            f"Ray cannot start its workers from {real!r}: its shell would split or change this path, "
            "and no folder for temporary files can hold a link with a plain name. Move or rename the "
            "folder of the course, delete .venv in it, and run `make setup` again."
        )
    sys.executable = str(link / beside)
    try:
        yield
    finally:
        sys.executable = real


def ray_folder() -> str | None:
    """Where Ray keeps logs and sockets, if its own choice would not do; None if that will do."""
    chosen = os.environ.get("RAY_TMPDIR") or (os.environ.get("TMPDIR") if sys.platform == "linux" else None) or "/tmp"
    if os.name == "nt" or holds_ray(chosen):
        return None
    for folder in _candidates():
        if holds_ray(folder) and os.access(folder, os.W_OK | os.X_OK):
            return os.path.join(folder, "ray")
    raise RuntimeError(
        f"Ray cannot keep its logs and sockets in {chosen!r}: this path is too long or has characters "
        "that Ray does not read. Set RAY_TMPDIR to a short path of plain letters, such as /tmp."
    )


def _candidates() -> list[str]:
    return [tempfile.gettempdir(), "/tmp", "/var/tmp", str(Path.home())]


def _link(target: Path, folders: Iterable[str | os.PathLike[str]]) -> Path | None:
    """A link with a plain path to `target`: the one that is there already, or a new one; None if nowhere can be one."""
    name = "hpt-lessons-python-" + hashlib.sha256(f"{os.getuid()} {target}".encode(errors="replace")).hexdigest()[:12]
    for folder in folders:
        link = Path(folder, name)
        if not is_plain(link):
            continue
        with contextlib.suppress(OSError):  # this folder will not do
            with contextlib.suppress(FileExistsError):
                link.symlink_to(target)
            # In a folder of everybody, another's link might lead to another's Python.
            if link.lstat().st_uid == os.getuid() and os.readlink(link) == str(target):
                return link
    return None
