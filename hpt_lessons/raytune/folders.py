"""Where do Ray's own files lie? In `ray` below the study's folder, which is removed only with our mark in it."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

MARK = "made by hpt_lessons.txt"


def fresh_ray_folder(study: Path) -> Path:
    """An empty folder for Ray's own files, with our mark; what an earlier run of the study left there is removed.

    Ray would warn about it, or mix it in. A folder `ray` without the mark stays as it is, and another one is taken.
    """
    folder = next(folder for folder in map(study.joinpath, _ray_names()) if _may_be_removed(folder))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("What Ray has written for this study. It is removed when the study goes on.\n", "utf-8")
    return folder


def _ray_names() -> Iterator[str]:
    yield "ray"
    yield from (f"ray-{number}" for number in itertools.count(2))


def _may_be_removed(folder: Path) -> bool:
    """Whether this is not there, or is an empty folder or one of ours."""
    if folder.is_symlink() or not folder.is_dir():
        return not folder.is_symlink() and not folder.exists()
    return (folder / MARK).is_file() or not any(folder.iterdir())
