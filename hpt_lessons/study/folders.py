"""Where may a study write, and what may it remove? Only where nobody else has put anything: `study_folder`.

A study's folder is new, empty, or one in which a study of ours has begun.
"""

import os
import time
from pathlib import Path
from typing import Any

from hpt_lessons.files import read_json
from hpt_lessons.json_lines import read_line
from hpt_lessons.names import check_name

JOURNAL, LOCK, COMMAND = "journal.jsonl", "study.lock", "command.json"
_BEGIN = b'{"event": "study"'  # how the first line of every study begins
_OTHERS = {"answers"}  # what else is kept beside the studies


def studies_folder(folder: str | Path | None = None) -> Path:
    """Where studies are kept: `folder`, else the environment's HPT_LESSONS_STUDIES, else `studies` below here."""
    given = str(folder or "")
    if "://" in given:
        raise ValueError(
            f"folder={given!r} is an address; a folder on this machine, or one that all machines see, was expected."
        )
    return Path(folder or os.environ.get("HPT_LESSONS_STUDIES") or "studies").expanduser().resolve()


def default_name() -> str:
    """A name for a study to which none was given: the time."""
    return time.strftime("study-%Y%m%d-%H%M%S")


def study_folder(folder: str | Path | None, name: Any) -> Path:
    """The folder of the study, which need not be there yet; nothing is written.

    ValueError if `name` is no name, FileExistsError if something is in the way that no study of ours has put there.
    """
    check_name(name)
    if name.casefold() in _OTHERS:
        raise ValueError(
            f"name {name!r}: a folder of this name beside the studies keeps the answers to the questions. "
            "Choose another name."
        )
    path = studies_folder(folder) / name
    for part in (path, *path.parents):
        if (part.exists() or part.is_symlink()) and not part.is_dir():
            raise FileExistsError(
                f"study {name!r}: {part} is a file, and a folder was expected. Choose another name or another folder."
            )
    if not path.exists():
        return path
    others = sorted(entry.name for entry in path.iterdir() if not _left_before_the_start(entry))
    if others and not _has_begun(path / JOURNAL):
        what = f"{', '.join(map(repr, others[:3]))}{' and more' if len(others) > 3 else ''}"
        raise FileExistsError(
            f"study {name!r}: {path} holds {what}, and no study has begun there"
            f"{_why_not(path / JOURNAL)}. A study goes into a new or an empty folder: choose "
            "another name or another folder. Nothing was changed."
        )
    return path


def _why_not(journal: Path) -> str:
    return f" (the first line of its {JOURNAL} is not that of a study: repair or move it)" if journal.exists() else ""


def _has_begun(journal: Path) -> bool:
    """Whether the first event is the beginning of a study; beginnings that a kill has torn off do not count."""
    if not journal.is_file():
        return False
    with open(journal, "rb") as file:
        for line in file:
            event = read_line(line) if line.endswith(b"\n") else None
            if event is not None or not _is_torn_beginning(line):
                return event is not None and event.get("event") == "study"
    return False


def _is_torn_beginning(line: bytes) -> bool:
    line = line.rstrip(b"\n")
    return line.startswith(_BEGIN) or _BEGIN.startswith(line)


def _left_before_the_start(entry: Path) -> bool:
    """Whether this was left by a study that was refused or killed before it began."""
    if entry.is_symlink() or not entry.is_file():
        return False
    if entry.name == JOURNAL:
        with open(entry, "rb") as file:
            return all(_is_torn_beginning(line) for line in file)
    if entry.name == COMMAND:
        return {"samples", "scheduler", "name"} <= (read_json(entry) or {}).keys()
    return entry.name == LOCK and entry.stat().st_size == 0
