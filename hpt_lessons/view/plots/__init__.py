"""What happened in a search? Its learning curves, its configurations, and the pictures it was about.

Each plot takes the table of trials, wherever that came from, draws on the axes it is given (or on a new figure) and
returns them. The name of the data set stands on every plot. A diverged trial's loss is no number to draw: it is marked
at the edge, and the scale is that of the others.
"""

from hpt_lessons.view.plots.curves import learning_curves
from hpt_lessons.view.plots.panels import slices
from hpt_lessons.view.plots.pictures import show_pictures

__all__ = ["learning_curves", "show_pictures", "slices"]
