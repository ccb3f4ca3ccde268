"""A widget is registered in one place, `view.WIDGETS`; here stands what else a widget of the course needs."""

import json
import re
from pathlib import Path

import pytest

from benchmarks import widgets as measured
from helpers.tools import load_tool
from hpt_lessons import view
from hpt_lessons.view.look import page

ROOT = Path(__file__).resolve().parents[2]
tool = load_tool("pictures")


def texts(pattern):
    return [path.read_text(encoding="utf-8") for path in sorted(ROOT.glob(pattern))]


def gallery():
    """The cells of the gallery, with the kind of each before its text."""
    cells = json.loads((ROOT / "notebooks" / "gallery.ipynb").read_text(encoding="utf-8"))["cells"]
    return "\n".join(f"{cell['cell_type']}\n{''.join(cell['source'])}" for cell in cells)


def lacking(name):
    """What is still to do for the widget of this name."""
    picture = f"docs/widgets/{tool.picture_name(name)}.png"
    needs = {
        f"take its picture {picture}: python tools/pictures.py {tool.picture_name(name)}": (ROOT / picture).is_file(),
        f"show it in README.md: ![...]({picture}) `{name}`: ...": f"{picture}) `{name}`: " in texts("README.md")[0],
        f"show it in notebooks/gallery.ipynb: a heading with `{name}`, its picture, a cell that imports it": re.search(
            rf"## [^\n]+ `{name}`\n.*?{re.escape(picture)}.*?\ncode\n.*?\bimport {name}\b", gallery(), re.DOTALL
        ),
        f"operate it by keyboard in tests/browser: a test with 'import {name}' and .press(": any(
            re.search(rf"import {name}\b.*?\.press\(", text, re.DOTALL) for text in texts("tests/browser/test_*.py")
        ),
        "measure it in benchmarks/widgets.py (MEASURED), or in a benchmark of its own": name in measured.MEASURED
        or any(f"import {name}\n" in text for text in texts("benchmarks/*.py")),
    }
    return [words for words, there in needs.items() if not there]


@pytest.mark.parametrize("name", view.WIDGETS)
def test_a_registered_widget_has_all_that_a_widget_needs(name):
    assert not lacking(name), f"{name} is registered, and not yet of the course:\n" + "\n".join(lacking(name))


def test_a_new_widget_is_told_all_that_it_lacks():
    assert [words.split()[0] for words in lacking("SliderOfDoom")] == ["take", "show", "show", "operate", "measure"]
    assert "docs/widgets/slider-of-doom.png" in lacking("SliderOfDoom")[0]


@pytest.mark.parametrize("name", view.WIDGETS)
def test_a_registered_widget_is_one_with_the_common_look(name):
    assert issubclass(getattr(view, name), page.Panel)
    assert f"\n`{name}`" in view.__doc__ and name in view.__all__ and name in dir(view)


def test_everything_at_the_door_is_there_and_a_name_that_is_not_is_answered():
    assert all(getattr(view, name) is not None for name in view.__all__)
    with pytest.raises(AttributeError, match=r"no attribute 'Quizz'; it offers SearchSpaceEditor, "):
        _ = view.Quizz
