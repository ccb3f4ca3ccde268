"""What are the pictures that all this is about?"""

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from hpt_lessons.view.look.style import name_data
from hpt_lessons.view.plots.looks import new_axes


def show_pictures(
    images: np.ndarray,
    labels: Sequence[int] | None = None,
    classes: Sequence[str] | None = None,
    *,
    rows: int = 2,
    columns: int = 8,
    ax: Axes | None = None,
    data: str = "",
) -> Axes:
    """The first rows x columns pictures on one sheet, each over the name of its class.

    `images` has the shape (n, height, width, 3) or (n, height, width), as bytes or as numbers in 0..1; `labels` index
    `classes`; without `classes` the labels themselves are shown.
    """
    images = np.asarray(images)
    count = _count(images, labels, rows * columns)
    rows = math.ceil(count / columns)
    names = _names(labels, classes, count)
    step = 1.08 + 0.2 * max((1 + name.count("\n") for name in names if name), default=0)  # a picture is 1 high
    size = min(1.25, 10 / columns)
    ax = ax or new_axes((size * columns, size * step * rows + 0.4))
    for index in range(count):
        left, top = (index % columns) * 1.08, -(index // columns) * step
        box = (left, left + 1, top - 1, top)
        ax.imshow(images[index], extent=box, cmap="gray", vmin=0, vmax=255 if images.dtype == np.uint8 else 1)
        ax.text(left + 0.5, top - 1.04, names[index], ha="center", va="top", fontsize=8, linespacing=1.0)
    ax.set(xlim=(-0.04, columns * 1.08), ylim=(-rows * step, 0.04), aspect="equal")
    ax.set_axis_off()
    return name_data(ax, data)


def _count(images: np.ndarray, labels: Sequence[int] | None, room: int) -> int:
    """How many pictures are shown; an error if there are none, or labels for fewer."""
    if images.ndim not in (3, 4) or len(images) == 0:
        raise ValueError(f"show_pictures: images of shape {images.shape}; expected (n, height, width, 3) and n > 0.")
    count = min(len(images), room)
    if labels is not None and len(labels) < count:
        raise ValueError(f"show_pictures: {len(labels)} labels for {len(images)} pictures; give one for each.")
    return count


def _names(labels: Sequence[int] | None, classes: Sequence[str] | None, count: int) -> list[str]:
    """What stands below each picture: long names on two lines, cut where even that is too little."""
    if labels is None:
        return [""] * count
    words = [str(label if classes is None else classes[int(label)]) for label in labels[:count]]
    return ["\n".join(textwrap.wrap(word, 13, max_lines=2, placeholder="\N{HORIZONTAL ELLIPSIS}")) for word in words]
