"""How does a search on Ray Tune run while the notebook goes on? In a thread of its own, as any other: `launch`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hpt_lessons.study import running
from hpt_lessons.study.running import Running
from hpt_lessons.study.study import Study

__all__ = ["Running", "launch"]


def launch(
    search: Callable[..., Study],
    *arguments: Any,
    name: str | None = None,
    folder: str | Path | None = None,
    **options: Any,
) -> Running:
    """Start a search and go on at once: `search` is `tune_cifar` or `run_study`, the rest are its arguments.

        search = launch(tune_cifar, num_samples=10, max_epochs=4, seed=0)
        SearchView(search)                    # see it
        search.cancel("0003")                 # a trial that nobody needs
        search.stop()                         # the whole search; launch(..., name=search.name, resume=True) goes on
        search.wait().best()                  # the study, when it is there

    Arguments that the search refuses are an error here, as if it had been called itself.
    """
    import ray  # noqa: F401 (before the search registers its own leaving, so that Ray's comes after it)

    return running.launch(search, *arguments, name=name, folder=folder, **options)
