"""How to search: spaces, layouts, early stopping, models (numpy; SciPy only where used).

`domains`        what one hyperparameter may be, with the names of `ray.tune`'s functions, without Ray
`space`          the dictionary of these, read once: checked, sampled, mapped to the unit cube and back, to a grid
`sample_from`    values that a student's own functions draw
`presets`        spaces to begin with
`ticks`          how many values of each axis a grid has, and which
`layouts`        grid, random, Latin hypercube, Sobol, Halton; zooming in, and the edge check
`searchers`      the layouts as ask() and tell(); random first, then a grid
`bergstra`       why random search beats a grid, and when it does not
`rungs`          budgets, rungs and brackets; who is best, who has lost
`halving`        successive halving and Hyperband: who goes on, how far, who stops
`asha`           the same without waiting for the others
`protocols`      what a searcher, a scheduler and an objective can be asked
`asktell`        a searcher and a scheduler at work together: a whole search in a loop of ten lines
`density`        how likely is a point, by the points that are there?
`bohb`           Hyperband that learns where to look
`nas`            random search and evolution over architectures; the Pareto front
`space_mistakes` what may be wrong with a domain, in words
"""

from types import ModuleType

_ROOMS = (
    "asha", "asktell", "bergstra", "bohb", "density", "domains", "halving", "layouts", "nas", "presets", "protocols",
    "rungs", "sample_from", "searchers", "space", "space_mistakes", "ticks",
)  # fmt: skip


def __getattr__(name: str) -> ModuleType:
    """Open a room when it is first asked for, so that importing the package takes no time."""
    if name not in _ROOMS:
        raise AttributeError(f"module 'hpt_lessons.search' has no attribute {name!r}; it offers {', '.join(_ROOMS)}")
    from importlib import import_module

    return import_module(f"hpt_lessons.search.{name}")
