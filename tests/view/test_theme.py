"""Figures in a dark theme: what was readable on white is readable on the dark page, and no colour changes its hue."""

import base64
import colorsys
import io
from types import SimpleNamespace

import IPython
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from IPython.core.formatters import PNGFormatter
from IPython.core.pylabtools import print_figure
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from nbclient import NotebookClient
from PIL import Image

from hpt_lessons.view.look import style, theme

PAGE = to_rgb("#111111")  # of JupyterLab's dark theme, behind outputs


def contrast(one, other):
    """As in the web's accessibility guidelines (WCAG 2)."""

    def bright(colour):
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
        return np.dot(parts, [0.2126, 0.7152, 0.0722])

    low, high = sorted(map(bright, (one, other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ink", [style.INK, style.COLOURS["text"], style.BLACK])
def test_text_is_read_on_both_papers(ink):
    assert contrast(to_rgb(ink), to_rgb(style.PAPER)) > 7
    assert contrast(theme.turned(to_rgb(ink)), PAGE) > 4.5


@pytest.mark.parametrize("name", ["random", "grid", "halving", "bohb", "sobol", "hyperband", "best", "default", "cut"])
def test_lines_are_seen_on_both_papers_and_keep_their_hue(name):
    colour = to_rgb(style.COLOURS[name])
    on_dark = theme.turned(colour)
    assert contrast(colour, (1, 1, 1)) > 2 and contrast(on_dark, PAGE) > 2.9
    if name not in ("default", "cut", "sobol"):
        turn = abs(colorsys.rgb_to_hsv(*colour)[0] - colorsys.rgb_to_hsv(*on_dark)[0])
        assert min(turn, 1 - turn) < 0.06


def test_white_becomes_the_page_and_black_white():
    assert theme.turned((1, 1, 1)) == pytest.approx(PAGE, abs=0.01)
    assert theme.turned((0, 0, 0)) == pytest.approx((1, 1, 1), abs=0.01)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Writes the theme that is chosen in JupyterLab."""
    monkeypatch.setenv("JUPYTERLAB_SETTINGS_DIR", str(tmp_path))

    def choose(text):
        path = tmp_path / theme.SETTINGS
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return choose


def test_the_theme_is_that_of_the_settings(settings):
    assert not theme.dark()  # nothing was chosen
    for text, is_dark in [
        ('{\n    // Theme\n    "theme": "JupyterLab Dark"\n}', True),
        ('{"theme": "JupyterLab Dark High Contrast"}', True),
        ('{\n    "theme": "JupyterLab Light",\n    "preferred-dark-theme": "JupyterLab Dark"\n}', False),
        ('{\n    // "theme": "JupyterLab Dark"\n}', False),
        ("no JSON at all", False),
    ]:
        settings(text)
        assert theme.dark() == is_dark, text


@pytest.fixture
def shown(monkeypatch):
    """What a notebook gets of a figure, as an array of pixels."""
    formatter = PNGFormatter()
    formatter.for_type(Figure, lambda figure: print_figure(figure, "png", base64=True))
    display = SimpleNamespace(formatters={"image/png": formatter})
    shell = SimpleNamespace(display_formatter=display, events=SimpleNamespace(register=lambda *_: None))
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    theme.follow()
    theme.follow()  # once is enough, twice turns nothing back
    yield lambda figure: np.asarray(Image.open(io.BytesIO(base64.b64decode(formatter(figure)))).convert("RGB"))
    plt.close("all")


def test_a_figure_is_turned_in_the_dark_theme_alone_and_photographs_never(shown, settings):
    figure, ax = plt.subplots(figsize=(2, 2))
    light = shown(figure)
    settings('{"theme": "JupyterLab Dark"}')
    dark = shown(figure)
    assert tuple(light[0, 0]) == (255, 255, 255) and tuple(dark[0, 0]) == (17, 17, 17)
    assert dark.shape == light.shape
    settings('{"theme": "JupyterLab Light"}')
    assert np.array_equal(shown(figure), light)
    settings('{"theme": "JupyterLab Dark"}')
    ax.imshow(np.eye(4))
    assert tuple(shown(figure)[0, 0]) == (255, 255, 255)
    mapped, ax = plt.subplots()
    ax.contourf(np.eye(4))
    assert theme.shades_matter(mapped)


@pytest.mark.slow
def test_in_a_kernel_with_its_own_way_of_drawing_the_first_figure_is_turned_already(settings, monkeypatch):
    """The kernel loads its backend with the first figure, and would set its own printer after ours."""
    monkeypatch.delenv("MPLBACKEND", raising=False)  # that of the tests, which shows nothing
    settings('{"theme": "JupyterLab Dark"}')
    code = ["from hpt_lessons.view import style\nstyle.use()", "import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in code])
    NotebookClient(notebook, timeout=120, startup_timeout=120).execute()
    data = notebook.cells[1].outputs[0]["data"]
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB")
    assert picture.getpixel((0, 0)) == (17, 17, 17) and set(data) == {"image/png", "text/plain"}
