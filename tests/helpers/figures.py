"""What a figure says, read back from its artists; and no figure and no setting that outlives its test."""

import matplotlib
import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_rgb


@pytest.fixture(autouse=True)
def _close():
    with matplotlib.rc_context():
        yield
    plt.close("all")


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def data_name(ax):
    return ax.get_title(loc="right")


def luminance(colour):
    """Relative luminance as in the web's accessibility guidelines (WCAG 2)."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
