"""What you see: plots, the search-space editor, explorers, the quiz (matplotlib, ipywidgets); only notebooks import it.

`SearchSpaceEditor`   edit a search space, with a live picture of what will be tried
`LayoutEditor`        see where a grid, random draws, Sobol points or a Latin hypercube put the trials of a space
`GridAgainstRandom`   play the two against each other, and count who wins
`OneHyperparameter`   bet on the one hyperparameter to tune, and see what each alone would give
`BOHBExplorer`        see what BOHB's model thinks, and where it goes next
`Rungs`               step through halving, Hyperband and ASHA, and see what became of those who were cut
`SearchView`          a search while it runs: progress, every trial, curves that grow; cancel a trial, stop it
`watch`               the same where there is no notebook, too: lines of text
`LiveView`            the same as a callback, for any Ray Tune run of your own
`Quiz`                a quiz that explains every wrong answer and goes on where you were
"""

_HOME = {
    "BOHBExplorer": "bohb.explorer",
    "GridAgainstRandom": "grid_against_random.explorer",
    "LayoutEditor": "layouts.editor",
    "LiveView": "live.callback",
    "OneHyperparameter": "one_hyperparameter.explorer",
    "Quiz": "quiz.cards",
    "Rungs": "rungs.explorer",
    "SearchSpaceEditor": "space.editor",
    "SearchView": "live.widget",
    "watch": "live.widget",
}

__all__ = [
    "BOHBExplorer",
    "GridAgainstRandom",
    "LayoutEditor",
    "LiveView",
    "OneHyperparameter",
    "Quiz",
    "Rungs",
    "SearchSpaceEditor",
    "SearchView",
    "watch",
]


def __getattr__(name: str):
    """Open a room when it is first asked for: a lesson that only plots needs no widgets."""
    if name not in _HOME:
        raise AttributeError(f"module 'hpt_lessons.view' has no attribute {name!r}; it offers {', '.join(__all__)}")
    from importlib import import_module

    return getattr(import_module(f"hpt_lessons.view.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
