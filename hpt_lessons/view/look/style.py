"""One look for all figures: colours by what they stand for, figure sizes, and the name of the data on every plot.

The colours are those of Okabe and Ito, "Color universal design" (2008), chosen so that people with any kind of colour
vision tell them apart. No plot relies on colour alone: width and the shape of the marker say the same, also in grey.

Figures are drawn with dark ink on white paper; where a notebook's theme is dark the finished picture is turned
(`theme`).
"""

from cycler import cycler
from matplotlib import rcParams
from matplotlib.axes import Axes

from hpt_lessons.view.look import theme

ORANGE, SKY, GREEN = "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE, BLACK = "#0072B2", "#D55E00", "#CC79A7", "#000000"
PAPER, INK = "#FFFFFF", "#1A1A1A"

COLOURS = {
    "random": BLUE,
    "grid": ORANGE,
    "halving": GREEN,
    "bohb": PURPLE,
    # Neither grid nor random.
    "sobol": "#4D4D4D",
    "latin-hypercube": "#4D4D4D",
    # The newcomer of a lesson, never two of them in one figure.
    "hyperband": SKY,
    "random-then-grid": SKY,
    "evolution": SKY,
    "best": VERMILLION,
    "default": BLACK,
    "cut": "#4D4D4D",
    "neutral": "#9A9A9A",
    "faint": "#D0D0D0",
    "text": "#595959",  # at least 7 to 1 on white
}

# Inches. A notebook's text is about ten wide.
NARROW = (6.0, 4.0)
WIDE = (10.0, 4.0)
TALL = (7.0, 8.0)


def use() -> None:
    """Set matplotlib's defaults for the lessons: call it once, at the top of a notebook."""
    theme.follow()
    rcParams.update(
        {
            "axes.axisbelow": True,
            "axes.edgecolor": INK,
            "axes.facecolor": PAPER,
            "axes.grid": True,
            "axes.labelcolor": INK,
            "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, BLACK]),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "figure.constrained_layout.use": True,
            "figure.dpi": 100,
            "figure.edgecolor": PAPER,
            "figure.facecolor": PAPER,
            "figure.figsize": NARROW,
            "font.size": 11,
            "grid.color": "#E6E6E6",
            "legend.frameon": False,
            "lines.linewidth": 1.5,
            "savefig.facecolor": PAPER,
            "savefig.pad_inches": 0.15,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
        }
    )


def name_data(ax: Axes, name: str) -> Axes:
    """Write the name of the data set small at the upper right of the plot, where no curve can cover it.

    It takes the place of a right-aligned title, so that centred and left-aligned titles stay free.
    """
    ax.set_title(f"data: {name or 'not named'}", loc="right", fontsize="small", color=COLOURS["text"])
    return ax
