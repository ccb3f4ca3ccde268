"""Does nothing happen? If no worker comes up in time, what Ray's own logs say about it is said: `watchdog`."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

PATIENCE = 30.0  # seconds
LINES = 3  # of a log
ERRORS, OTHERS = "raylet.err", ("raylet.out", "gcs_server.out")


@contextlib.contextmanager
def watchdog(
    working: threading.Event, say: Callable[[str], object], session: Path | None, patience: float | None = None
) -> Iterator[None]:
    """While a search waits for its first worker: say once what keeps Ray from starting one, and go on waiting.

    Whoever sees a worker sets `working`. `session` is the folder of Ray's session, None if it is not on this machine;
    `patience` in seconds, `PATIENCE` unless given.
    """
    patience = PATIENCE if patience is None else patience
    ended = threading.Event()

    def watch() -> None:
        if not working.wait(patience) and not ended.is_set():
            say(f"No worker of Ray's has come up for {patience:g} s; the search goes on waiting. {last_words(session)}")

    threading.Thread(target=watch, name="watchdog of a search", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        working.set()  # so that the thread ends


def last_words(session: Path | None) -> str:
    """The end of Ray's newest log, of its errors if there are any, and which one that is."""
    texts = {path: _text(path) for path in (session / "logs" / name for name in (ERRORS, *OTHERS))} if session else {}
    written = [path for path, text in texts.items() if text]
    if not written:
        return "Its logs say nothing about it; a machine that is very busy may only need more time."
    newest = max(written, key=lambda path: (path.name == ERRORS, path.stat().st_mtime))
    lines = [line.strip() for line in texts[newest].splitlines() if line.strip()]
    return "\n".join([f"The end of {newest}:", *lines[-LINES:]])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
