"""Figures on dark paper where JupyterLab's theme is dark.

A figure reaches the page as a picture, which no style sheet can recolour. Ink that is read on white and on black alike
does not exist: the best grey has 4.3 to 1 on both, and looks faint on a projector. So the finished picture is turned:
light becomes dark, hues stay. Which theme is chosen stands in JupyterLab's settings, on the machine of the kernel;
where there are none (another front end, an exported page, a test) the paper is white.
"""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure

DARKEST = 0x11 / 255  # of JupyterLab's dark page
SETTINGS = Path("@jupyterlab", "apputils-extension", "themes.jupyterlab-settings")
# Half a turn of the hue that keeps the brightness (CSS filter effects, hue-rotate), columns of R, G, B.
_HALF_TURN = np.array([[-0.574, 1.430, 0.144], [0.426, 0.430, 0.144], [0.426, 1.430, -0.856]])


def dark() -> bool:
    """Whether a dark theme is chosen in JupyterLab; not where nobody has chosen one."""
    folder = os.environ.get("JUPYTERLAB_SETTINGS_DIR")
    if folder is None:
        from jupyter_core.paths import jupyter_config_dir

        folder = str(Path(jupyter_config_dir(), "lab", "user-settings"))
    try:
        text = (Path(folder) / SETTINGS).read_text(encoding="utf-8")
    except OSError:
        return False
    found = re.search(r'^(?!\s*//)[^\n]*"theme"\s*:\s*"([^"]*)"', text, re.MULTILINE)
    return found is not None and "dark" in found[1].lower()


def turned(colours: np.ndarray) -> np.ndarray:
    """Colours (..., 3), each part 0 to 1, as they are on dark paper: white is `DARKEST`, black is white, hues stay."""
    flipped = np.clip((1 - np.asarray(colours, dtype=float)) @ _HALF_TURN.T, 0, 1)
    return np.asarray(DARKEST + (1 - DARKEST) * flipped)


def follow() -> None:
    """From now on figures that a notebook shows follow the theme; outside of IPython nothing happens."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return
    import matplotlib.pyplot as plt

    # A notebook's own backend sets its printer when it is loaded: now, and not with the first figure.
    plt.switch_backend(plt.get_backend())
    formatter = shell.display_formatter.formatters["image/png"]
    plain = formatter.type_printers.get(Figure)
    if plain is not None and not hasattr(plain, "follows"):
        formatter.for_type(Figure, _following(plain))


def _following(plain: Callable[[Figure], Any]) -> Callable[[Figure], Any]:
    def show(figure: Figure) -> Any:
        picture = plain(figure)
        return _on_dark(picture) if dark() and not shades_matter(figure) else picture

    show.follows = True  # type: ignore[attr-defined]
    return show


def shades_matter(figure: Figure) -> bool:
    """Whether dark and light have a meaning in the figure, as in photographs and maps: it keeps its white paper."""
    return any(ax.images or any(isinstance(part, ContourSet) for part in ax.collections) for ax in figure.axes)


def _on_dark(picture: Any) -> Any:
    """The PNG on dark paper, in the form in which it was given: bytes, base64 text, or either with metadata."""
    if isinstance(picture, tuple):
        return (_on_dark(picture[0]), *picture[1:])
    if isinstance(picture, str):
        return base64.b64encode(_on_dark(base64.b64decode(picture))).decode()
    from PIL import Image

    opened = Image.open(io.BytesIO(picture)).convert("RGBA")
    white = Image.new("RGBA", opened.size, "white")
    pixels = np.asarray(Image.alpha_composite(white, opened).convert("RGB")) / 255
    result = io.BytesIO()
    Image.fromarray((255 * turned(pixels)).round().astype(np.uint8)).save(result, "PNG", dpi=opened.info.get("dpi"))
    return result.getvalue()
