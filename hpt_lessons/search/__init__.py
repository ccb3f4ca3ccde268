"""How to search: spaces, layouts, early stopping, models (numpy; SciPy only where used).

`domains`   what one hyperparameter may be, with the names of `ray.tune`'s functions, without Ray
`space`     the dictionary of these: checked, sampled, mapped to the unit cube and back, to a grid, to Python source
`layouts`   grid, random, Latin hypercube, Sobol, Halton; zooming in, and the edge check
`searchers` the layouts as ask() and tell(); random first, then a grid
`bergstra`  why random search beats a grid, and when it does not
`rungs`     at which budgets trials are compared; `halving`, `asha`: who goes on, how far, who stops
`protocols` what a searcher, a scheduler and an objective can be asked
`asktell`   a searcher and a scheduler at work together: a whole search in a loop of ten lines
`bohb`      Hyperband that learns where to look, from the densities in `density`
`nas`       random search and evolution over architectures; the Pareto front
"""

_ROOMS = (
    "asha",
    "asktell",
    "bergstra",
    "bohb",
    "density",
    "domains",
    "halving",
    "layouts",
    "nas",
    "presets",
    "protocols",
    "rungs",
    "searchers",
    "space",
    "space_mistakes",
)


def __getattr__(name: str):
    """Open a room when it is first asked for, so that importing the package takes no time."""
    if name not in _ROOMS:
        raise AttributeError(f"module 'hpt_lessons.search' has no attribute {name!r}; it offers {', '.join(_ROOMS)}")
    from importlib import import_module

    return import_module(f"hpt_lessons.search.{name}")
