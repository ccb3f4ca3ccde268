"""How does a helper work? `show_source` prints it: nothing in this course is hidden."""

import inspect
from collections.abc import Callable


def show_source(thing: Callable | type, *, docstring: bool = True) -> None:
    """Print the source of a function or class of the package, and the file it stands in.

    With `docstring=False` the text under its first line is left out. Raises TypeError for what has no Python source.
    """
    thing = inspect.unwrap(thing)
    try:
        lines = inspect.getsource(thing).rstrip().splitlines()
    except (TypeError, OSError) as error:
        raise TypeError(f"show_source: {thing!r} has no Python source to show; give a function or a class.") from error
    text = thing.__doc__ or ""
    if not docstring and text.count("\n"):
        lines = _without_docstring(lines, text)
    print(f"# {thing.__module__}")
    print("\n".join(lines))


def _without_docstring(lines: list[str], text: str) -> list[str]:
    first = next(number for number, line in enumerate(lines) if '"""' in line)
    last = first + text.count("\n")
    return [*lines[:first], lines[first] + '"""', *lines[last + 1 :]]
