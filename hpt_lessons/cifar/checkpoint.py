"""How does a training survive a sudden death? One file, replaced in one step, read without running anyone's code.

A checkpoint holds the weights, the state of the optimizer and the history of finished epochs. It needs no state of a
random generator: everything random in an epoch is drawn from (seed, epoch).
"""

import zipfile
from pathlib import Path
from typing import Any

from hpt_lessons.files import make_folder, remove_drafts, write_atomically

VERSION = 1
PARTS = {"settings", "data", "history", "model", "optimizer"}


def save(path: Path, state: dict[str, Any]) -> None:
    """Write `state` so that `path` holds either the old checkpoint or the new one, never a part of one.

    The new file is complete and on the disk (fsync) before it takes the old one's name.
    """
    import torch

    path = Path(path)
    make_folder(path.parent)
    remove_drafts(path.parent, path.name)  # a training has its checkpoint to itself
    write_atomically(path, lambda file: torch.save({"version": VERSION, **state}, file))


def load(path: Path) -> dict[str, Any] | None:
    """The saved state, or None if there is no checkpoint yet.

    Raises ValueError, naming the file, when it holds something else: what comes from a file is data, never code
    (`weights_only=True`).
    """
    import torch

    path = Path(path)
    if not path.exists():
        return None
    try:
        _check_sums(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            f"checkpoint {path}: not readable ({_in_short(error)}). "
            "Delete this file to train the trial again from its first epoch."
        ) from error
    if not isinstance(state, dict) or state.get("version") != VERSION or not state.keys() >= PARTS:
        raise ValueError(
            f"checkpoint {path}: not written by this version of hpt_lessons (expected version {VERSION}). "
            "Delete this file to train the trial again from its first epoch."
        )
    return state


def _in_short(error: Exception) -> str:
    return ": ".join([type(error).__name__, *str(error).splitlines()[:1]])


def _check_sums(path: Path) -> None:
    # The file is a zip archive with a checksum for each part; torch.load does not look at them.
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"the checksum of {damaged} is wrong")
