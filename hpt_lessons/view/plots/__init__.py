"""What happened in a search? Plots of trials: how they learned, who won, what mattered, and what it cost.

Each plot takes the table of trials, wherever that came from, draws on the axes it is given (or on a new figure) and
returns them. The name of the data set stands on every plot. A diverged trial's loss is no number to draw: it is marked
at the edge, and the scale is that of the others.

`learning_curves`       every trial's loss after each epoch, and how it ended
`incumbents`            the best result so far of several methods, with bands
`slices`                each hyperparameter against the result
`parallel_coordinates`  what good configurations have in common
`contour`               the result over the plane of two hyperparameters
`shadows`               which values a layout tries at all
`importance`            which hyperparameters matter, with intervals
`paired_differences`    one thing changed, the same seeds
`lever_dots`            every run a dot, each group beside its untuned default
`pareto`                the result against its cost, and the front
`gantt`                 who ran when on which worker, and who was cut
`show_pictures`         the pictures that all this is about
"""

from hpt_lessons.view.plots._contour import contour
from hpt_lessons.view.plots._gantt import gantt
from hpt_lessons.view.plots._importance import importance
from hpt_lessons.view.plots._incumbents import incumbents
from hpt_lessons.view.plots._learning_curves import learning_curves
from hpt_lessons.view.plots._lever_dots import lever_dots
from hpt_lessons.view.plots._paired_differences import paired_differences
from hpt_lessons.view.plots._parallel_coordinates import parallel_coordinates
from hpt_lessons.view.plots._pareto import pareto
from hpt_lessons.view.plots._shadows import shadows
from hpt_lessons.view.plots._show_pictures import show_pictures
from hpt_lessons.view.plots._slices import slices

__all__ = [
    "contour",
    "gantt",
    "importance",
    "incumbents",
    "learning_curves",
    "lever_dots",
    "paired_differences",
    "parallel_coordinates",
    "pareto",
    "shadows",
    "show_pictures",
    "slices",
]
