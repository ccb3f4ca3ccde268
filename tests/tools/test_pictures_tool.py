"""The command that takes the static pictures: none is missing, none is large, and an unknown name is said to be one."""

import xml.etree.ElementTree as xml
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import lab as labs
from helpers.tools import load_tool
from hpt_lessons.view import plots

ROOT = Path(__file__).resolve().parents[2]


tool = load_tool("pictures")


def test_every_picture_in_docs_is_there_and_small():
    expected = {ROOT / "docs" / "plots" / f"{name}.png" for name in plots.__all__}
    expected |= {ROOT / "docs" / "widgets" / f"{name}.png" for name in tool.WIDGETS}
    expected |= {ROOT / "docs" / "widgets" / f"{name}.svg" for name in tool.DRAWN}
    for path in sorted(expected):
        assert path.is_file(), f"{path.name} is missing: python tools/pictures.py {path.stem}"
        assert path.stat().st_size <= tool.MOST_BYTES, path.name


def test_the_states_are_those_that_the_readme_names(tmp_path, monkeypatch):
    """A Sobol layout, the explanation of a wrong answer, a search while it runs: made by running the cells."""
    monkeypatch.setenv("HPT_LESSONS_STUDIES", str(tmp_path))
    made = {}
    for name in ("layout-editor", "quiz", "search-view"):
        *lines, last = tool.WIDGETS[name].strip().splitlines()
        exec("\n".join(lines), found := {})
        made[name] = eval(last, found)
    assert made["layout-editor"].model.layout == "sobol"
    assert "is wrong" in made["quiz"].cards[0].feedback.value
    assert made["search-view"].model.state == "running" and made["search-view"].model.unfinished


@pytest.mark.slow
def test_every_plot_is_drawn(tmp_path):
    assert tool.main([*plots.__all__, "--out", str(tmp_path)]) == 0
    assert {path.stem for path in (tmp_path / "plots").iterdir()} == set(plots.__all__)


def test_what_draws_itself_is_a_complete_svg_without_variables_that_nobody_sets(tmp_path):
    tool.draw_widgets(tool.DRAWN, tmp_path)
    for path in tmp_path.iterdir():
        text = path.read_text(encoding="utf-8")
        assert xml.fromstring(text).tag.endswith("svg")
        for variable in {part.split(")")[0] for part in text.split("var(")[1:]}:
            assert "," in variable or f"{variable}:" in text, f"{path.name}: {variable}"


@pytest.mark.slow
@pytest.mark.skipif(labs.chromium() is None, reason="there is no Chromium on this machine: apt install chromium")
def test_a_widget_is_shown_as_in_a_notebook(tmp_path):
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    assert tool.main(["layout-editor", "--out", str(tmp_path)]) == 0
    picture = Image.open(tmp_path / "widgets" / "layout-editor.png").convert("RGB")
    assert picture.width > 600
    assert len(picture.getcolors(10_000)) > 10, "not an empty page"


def test_without_a_browser_the_pictures_stay_and_the_command_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(labs, "chromium", lambda: None)
    assert tool.show_widgets(["quiz"], tmp_path) == 1
    assert "the pictures of quiz stay as they are" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_all_pictures_together_are_quickly_fetched():
    assert sum(path.stat().st_size for path in (ROOT / "docs").rglob("*.*")) < 1_500_000


def test_a_small_star_among_many_greys_keeps_its_colour(tmp_path):
    """And white stays white."""
    greys = np.random.default_rng(0).integers(0, 256, (300, 300, 1)).repeat(3, axis=2).astype(np.uint8)
    greys[:, 150:], greys[10:14, 10:14] = 255, (213, 94, 0)
    Image.fromarray(greys).save(tmp_path / "raw.png")
    tool.small(tmp_path / "raw.png", tmp_path / "small.png")
    small = np.asarray(Image.open(tmp_path / "small.png").convert("RGB")).astype(int)
    assert abs(small - greys)[10:14, 10:14].max() <= 3
    assert abs(small - greys)[:, 150:].max() == 0


def test_a_picture_with_many_colours_is_made_small_or_refused(tmp_path, monkeypatch):
    """A pixel of noise takes a byte."""
    monkeypatch.setattr(tool, "MOST_BYTES", 15_000)
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise[:130, :130]).save(tmp_path / "stamp.png")
    assert tool.small(tmp_path / "stamp.png", tmp_path / "out" / "stamp.png").startswith("stamp.png: 110 x 110, ")
    assert (tmp_path / "out" / "stamp.png").stat().st_size <= 15_000
    Image.fromarray(noise).save(tmp_path / "wall.png")
    with pytest.raises(ValueError, match=r"wall\.png has \d+ bytes, .* Draw it smaller"):
        tool.small(tmp_path / "wall.png", tmp_path / "out" / "wall.png")


def test_an_unknown_name_is_answered_with_those_that_there_are(capsys):
    with pytest.raises(SystemExit):
        tool.main(["kontur"])
    assert "there is no picture 'kontur'; there are contour, gantt" in capsys.readouterr().err
