"""What you see: plots, a search-space editor, explorers, a quiz (matplotlib, ipywidgets); only notebooks import it."""

from importlib import import_module

# A widget is registered here, in one line, and nowhere else: its name, its module, what it is for. It needs more than
# that before it is in the course; `tests/view/test_registry.py` says what is missing.
WIDGETS = {
    "SearchSpaceEditor": ("space.editor", "edit a search space, with a live picture of what will be tried"),
    "LayoutEditor": (
        "layouts.editor",
        "see where a grid, random draws, Sobol points or a Latin hypercube put the trials",
    ),
    "GridAgainstRandom": ("grid_against_random.explorer", "play the two against each other, and count who wins"),
    "OneHyperparameter": ("one_hyperparameter.explorer", "bet on the one to tune, and see what each alone would give"),
    "BOHBExplorer": ("bohb.explorer", "see what BOHB's model thinks, and where it goes next"),
    "Rungs": ("rungs.explorer", "step through halving, Hyperband and ASHA, and see what became of those who were cut"),
    "SearchView": ("live.widget", "a search while it runs: every trial, curves that grow; cancel a trial, stop it"),
    "Quiz": ("quiz.cards", "a quiz that explains every wrong answer and goes on where you were"),
}
_OTHERS = {
    "watch": ("live.widget", "the view of a search where there is no notebook, too: lines of text"),
    "LiveView": ("live.callback", "the same as a callback, for any Ray Tune run of your own"),
    "show_source": ("look.source", "print the source of any helper of the course"),
    "style": ("look.style", "the look of all figures: call `style.use()` at the top of a notebook"),
}
_DOOR = WIDGETS | _OTHERS

__all__ = [*_DOOR]
__doc__ += "\n\n" + "\n".join(f"{f'`{name}`':22}{line}" for name, (_, line) in _DOOR.items())


def __getattr__(name: str):
    """Open a room when it is first asked for: a lesson that only plots needs no widgets."""
    if name not in _DOOR:
        raise AttributeError(f"module 'hpt_lessons.view' has no attribute {name!r}; it offers {', '.join(__all__)}")
    home = import_module(f"hpt_lessons.view.{_DOOR[name][0]}")
    return getattr(home, name, home)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
