"""The widgets as a student meets them: in a real JupyterLab, in headless Chromium, with mouse and keyboard."""

import re

import pytest

from helpers import lab as labs

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


def test_the_quiz_explains_a_wrong_choice_and_is_operated_by_keyboard(open_notebook):
    """Space ticks, Tab goes on, Enter presses; nothing but the feedback below the question moves."""
    page = open_notebook(f"from hpt_lessons.view import Quiz\nQuiz({str(labs.ROOT / 'notebooks/quiz/09.toml')!r})")
    wrong = page.get_by_label("an array with all the training pictures")
    wrong.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    playwright.expect(page.get_by_text("It travels, but whole")).to_be_visible()
    answer = page.get_by_label("Question 2")
    answer.fill("1/4")
    answer.press("Enter")
    playwright.expect(page.get_by_text("'1/4' is no number")).to_be_visible()
    answer.fill("25 %")
    playwright.expect(page.get_by_text("'1/4' is no number")).not_to_be_visible()
    answer.press("Enter")
    playwright.expect(page.get_by_text("1 of 5 right, 1 at the first try")).to_be_visible()
    assert all(name for name in page.evaluate(NAMES))


# The accessible name of every input in the outputs: the text of its label.
NAMES = """() => [...document.querySelectorAll('.jp-OutputArea input, .jp-OutputArea select')]
  .map(field => [...(field.labels || [])].map(label => label.textContent.trim()).join(' ')
                || field.getAttribute('aria-label'))"""


def test_run_all_stops_at_an_open_prediction_until_it_is_skipped_or_made(open_notebook, lab, tmp_path):
    """One line in place of a traceback; what was written beside a figure is kept without a mouse."""
    questions = tmp_path / "q.toml"
    questions.write_text((labs.ROOT / "notebooks/quiz/09.toml").read_text(encoding="utf-8") + LOOK, encoding="utf-8")
    page = open_notebook(
        "import os\nos.environ['HPT_LESSONS_PREDICTIONS'] = 'ask'\nfrom hpt_lessons.view import Quiz\n"
        f"quiz = Quiz({str(questions)!r}, answers={str(tmp_path / 'a.json')!r})",
        "quiz.predict('high-rates')",
        "print('be' + 'low')\nquiz.compare('high-rates', result=33.4)",
        "quiz.observe('look')",
    )
    playwright.expect(
        page.get_by_text("Predict first, or press Skip: the prediction above is open, so this did not run.", exact=True)
    ).to_be_visible()
    playwright.expect(page.get_by_text("below", exact=True)).not_to_be_visible()
    page.get_by_role("button", name="Skip").click()
    playwright.expect(page.get_by_text("Skipped. Now run the next cell.")).to_be_visible()
    page.get_by_label("Predict, %").fill("33")
    page.get_by_label("Predict, %").press("Enter")
    playwright.expect(page.get_by_text("Kept; you can still change it. Now run the next cell.")).to_be_visible()
    lab.command(page, "notebook:run-all-cells")
    playwright.expect(page.get_by_text("below", exact=True)).to_be_visible()
    playwright.expect(page.get_by_text("you were right.")).to_be_visible()
    area = page.get_by_label("What do you see?")
    area.fill("It rises.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    playwright.expect(page.get_by_text("Kept on 20")).to_be_visible()


LOOK = """
[[question]]
id = "look"
kind = "observation"
text = "What does the curve do?"
see = "Quiz"
"""


EDITOR = """
from hpt_lessons.search import domains as tune
from hpt_lessons.view import SearchSpaceEditor
editor = SearchSpaceEditor({"lr": tune.loguniform(1e-4, 1e-1), "l1": tune.choice([4, 8]), "epochs": 10})
editor
"""


def test_a_bad_bound_shows_its_error_where_it_was_typed_and_mending_it_updates_the_code(open_notebook, lab):
    page = open_notebook(EDITOR)
    field = page.get_by_label("lr from")
    place = page.get_by_label("l1 values").bounding_box()
    field.fill("0")
    playwright.expect(page.get_by_text("a logarithmic scale has no 0")).to_be_visible()
    assert lab.ask(page, "editor.model.space['lr'].lower, list(editor.errors)") == "(0.0001, ['lr'])"
    assert page.get_by_label("l1 values").bounding_box() == place  # nothing jumps
    field.fill("1e-6")
    code = page.get_by_label("Python source of the search space")
    playwright.expect(code).to_have_value(re.compile(r"tune\.loguniform\(1e-6, 0\.1\)"))
    assert lab.ask(page, "editor.errors, editor.model.space['lr'].lower") == "({}, 1e-06)"
    page.get_by_role("button", name="Copy the code").click()
    playwright.expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == code.input_value()


def test_rows_are_added_filled_and_deleted_with_the_keyboard_alone(open_notebook, lab):
    """Tab goes from left to right and down; a new row has the keyboard, after a delete the next row has it."""
    page = open_notebook(EDITOR)
    names = page.evaluate(NAMES)
    assert all(names) and len(set(names[1:])) == len(names) - 1, names
    page.get_by_label("lr kind").focus()
    seen = []
    for _ in range(4):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUSED))
    assert seen == ["lr from", "lr to", "Delete lr", "hyperparameter 2 name"]
    page.get_by_role("button", name="Add a hyperparameter").focus()
    page.keyboard.press("Enter")
    playwright.expect(page.get_by_label("hyperparameter 4 name")).to_be_focused()
    page.keyboard.type("momentum")  # the name that nobody has chosen yet is selected
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.type("0.5")
    playwright.expect(page.get_by_label("momentum from")).to_have_value("0.5")
    page.get_by_role("button", name="Delete l1").focus()
    page.keyboard.press("Enter")
    playwright.expect(page.get_by_role("button", name="Delete epochs")).to_be_focused()
    assert lab.ask(page, "list(editor.model.rows[i].name for i in range(3))") == "['lr', 'epochs', 'momentum']"


def test_a_name_counts_when_it_is_complete_and_undo_takes_a_step_back(open_notebook, lab):
    """Letter by letter `l1` becomes `lr`, which is there: no 'l' is left in the code. Ctrl-Z undoes a delete."""
    page = open_notebook(EDITOR)
    name = page.get_by_label("hyperparameter 2 name")
    name.focus()
    page.keyboard.press("End")
    page.keyboard.press("Backspace")
    page.wait_for_timeout(400)
    assert lab.ask(page, "[row.name for row in editor.model.rows]") == "['lr', 'l1', 'epochs']"
    page.keyboard.type("r")
    page.keyboard.press("Enter")
    playwright.expect(page.get_by_text("lr comes twice").first).to_be_visible()
    assert lab.ask(page, "sorted(editor.model.space)") == "['epochs', 'l1', 'lr']"
    page.get_by_role("button", name="Undo").press("Enter")
    playwright.expect(name).to_have_value("l1")
    samples = page.get_by_label("Samples")
    samples.fill("123456")  # without leaving the field
    playwright.expect(page.get_by_text("123,456 trials")).to_be_visible()
    assert samples.evaluate("field => field.scrollWidth <= field.clientWidth")
    page.get_by_role("button", name="Delete epochs").press("Enter")
    playwright.expect(page.get_by_role("button", name="Delete epochs")).to_have_count(0)
    page.get_by_role("button", name="Delete l1").press("Control+z")
    playwright.expect(page.get_by_role("button", name="Delete epochs")).to_be_visible()
    kind = page.get_by_label("lr kind")
    kind.focus()
    page.keyboard.press("End")  # over the line, which cannot be chosen
    playwright.expect(kind).to_have_value("qrandn")
    for _ in range(6):
        page.keyboard.press("ArrowUp")
    playwright.expect(kind).to_have_value("grid_search")


def test_what_stands_side_by_side_in_the_editor_is_aligned_and_zooming_moves_nothing(open_notebook):
    """The words about zooming stand under their button, in room that is there before."""
    page = open_notebook(
        EDITOR.replace(
            "\neditor\n",
            """
from hpt_lessons.trials import Result, Trial, Trials
done = [Trial(str(i), {"lr": lr, "l1": 4, "epochs": 10}, 0, "toy", "completed", (Result(1, lr, 0.1, 6.0),))
        for i, lr in enumerate((1e-4, 1e-2))]
SearchSpaceEditor({"lr": tune.loguniform(1e-4, 1e-1), "l1": tune.choice([4, 8]), "epochs": 10}, trials=Trials(done))
""",
        ),
        width=900,
    )
    boxes = page.evaluate(SIDES)
    assert boxes["menu"] == boxes["row"] == boxes["samples"]
    assert abs(boxes["cost"] - boxes["input"]) <= 1
    row = page.get_by_label("lr from")
    place = row.bounding_box()
    page.get_by_role("button", name="Zoom to the best region").press("Enter")
    playwright.expect(page.get_by_text("Careful: it lies at the lower end of lr")).to_be_visible()
    assert row.bounding_box() == place


# Left edges of three rows, and the middles of an input and of the first line of the text beside it.
SIDES = """() => { const box = element => element.getBoundingClientRect(), one = name => document.querySelector(name);
  const typed = one('.hpt input[type=number]'), field = typed.parentNode;
  const line = box(field.parentNode.querySelector('.widget-html-content')), input = box(typed);
  return {menu: box(one('.hpt .widget-dropdown:not(.hpt-over)')).x, row: box(one('.hpt-row .hpt-over')).x,
    samples: box(field).x, cost: line.y + 1.45 * 14 / 2, input: input.y + input.height / 2}; }"""


# The label of what has the keyboard, or the title of a button that has only a picture.
FOCUSED = """() => { const here = document.activeElement;
  return [...(here.labels || [])].map(label => label.textContent.trim()).join(' ') || here.title; }"""


def test_a_layout_follows_the_edited_space_and_the_explorer_its_slider(open_notebook, lab):
    page = open_notebook(
        EDITOR,
        "from hpt_lessons.view import LayoutEditor\nLayoutEditor(editor)",
        "from hpt_lessons.view import GridAgainstRandom\ngame = GridAgainstRandom()\ngame",
    )
    page.get_by_label("Layout", exact=True).select_option("grid")
    playwright.expect(page.get_by_role("img", name="6 trials of a grid layout")).to_be_visible()
    page.get_by_label("l1 values").fill("4, 8, 16")
    playwright.expect(page.get_by_role("img", name="9 trials of a grid layout")).to_be_visible()
    page.get_by_role("slider", name="Trials").focus()
    page.keyboard.press("End")
    playwright.expect(page.get_by_text("The grid of 10 x 10")).to_be_visible()
    page.get_by_role("button", name="Play 100 rounds").press("Enter")
    playwright.expect(page.get_by_text("95 % interval")).to_be_visible()
    assert lab.ask(page, "sum(game.score.values()), game.trials.value") == "(100, 100)"


def test_a_bet_on_one_hyperparameter_is_kept_before_its_answer_is_shown(open_notebook, lab):
    """With the keyboard alone: the start beyond the edge, the bet, its answer, then all the others."""
    page = open_notebook("from hpt_lessons.view import OneHyperparameter\nbets = OneHyperparameter()\nbets")
    playwright.expect(page.get_by_role("img", name="The gains are shown after your bet")).to_be_visible()
    assert all(page.evaluate(NAMES))
    page.get_by_label("Start: lr").focus()
    page.keyboard.press("End")
    playwright.expect(page.get_by_text("This rate is beyond the edge")).to_be_visible()
    place = page.get_by_role("button", name="Show the others").bounding_box()
    page.get_by_role("button", name="Keep my bet").press("Enter")
    playwright.expect(page.get_by_text("Choose your bet first")).to_be_visible()
    page.get_by_label("Your bet", exact=True).focus()
    page.keyboard.press("End")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    playwright.expect(page.get_by_text("You bet on")).to_be_visible()
    kept = lab.ask(page, "bets.model.bet, bets.model.answers.path.is_file(), bets.model.opened")
    assert kept == f"({lab.ask(page, 'bets.model.candidates[-1]')}, True, False)"
    playwright.expect(page.get_by_role("button", name="Show the others")).to_be_focused()
    page.keyboard.press("Enter")
    playwright.expect(page.get_by_role("img", name=re.compile("Gains: lr .* all together"))).to_be_visible()
    playwright.expect(page.get_by_role("img", name="training breaks from")).to_be_visible()
    playwright.expect(page.get_by_label("Start: lr")).to_be_focused()  # the button has done its work
    assert page.get_by_role("button", name="Show the others").bounding_box() == place  # nothing jumps
    lab.command(page, "application:toggle-left-area")  # the file browser, which is open at first
    for width in (1280, 900):  # the pictures stand one below the other, and none is larger than it was drawn
        page.set_viewport_size({"width": width, "height": 1400})
        page.wait_for_timeout(500)
        sizes = [page.locator(".hpt svg").nth(number).bounding_box()["width"] for number in range(2)]
        assert all(300 < size <= 481 for size in sizes), (width, sizes)


# Where the picture of an explorer is, how large it is, and that every handle and number of a slider has a name.
PLACE = """() => { const box = document.querySelector('.hpt svg').getBoundingClientRect();
  return [box.x, box.y, box.width, box.height].map(Math.round); }"""
HANDLES = """() => [...document.querySelectorAll('.hpt [role=slider], .hpt .widget-readout[contenteditable=true]')]
  .map(handle => handle.getAttribute('role') && handle.getAttribute('aria-label'))"""
SLOW = 30_000  # ms; the machine may be busy


@pytest.mark.parametrize("width", [1280, 900])
def test_rungs_are_stepped_played_and_scrubbed_by_keyboard_and_nothing_jumps(open_notebook, lab, width):
    """Enter on the buttons, arrows on the slider; the picture changes where it is, and the sentence says why."""
    page = open_notebook("from hpt_lessons.view import Rungs\nrungs = Rungs(workers=3)\nrungs", width=width)
    expect = playwright.expect
    expect(page.get_by_role("img", name="27 learning curves after step 0 of")).to_be_visible(timeout=SLOW)
    step = page.get_by_role("button", name="Step", exact=True)
    step.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_role("img", name="27 learning curves after step 2 of")).to_be_visible(timeout=SLOW)
    expect(step).to_be_focused()
    place = page.evaluate(PLACE)
    handle = page.get_by_role("slider", name="Step")
    handle.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("Step 3, after")).to_be_visible(timeout=SLOW)
    page.keyboard.press("End")
    expect(page.get_by_text("The search is over.")).to_be_visible(timeout=SLOW)
    assert page.evaluate(PLACE) == place
    play = page.get_by_role("button", name="Play", exact=True)
    page.get_by_role("button", name="To the start").press("Enter")
    play.press("Enter")
    expect(page.get_by_text(re.compile(r"Step \d+, after"))).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Pause", exact=True).press("Enter")
    expect(play).to_be_visible(timeout=SLOW)
    page.wait_for_timeout(1000)  # for what was under way
    stood = lab.ask(page, "rungs.step")
    page.wait_for_timeout(1500)  # more than two of its beats
    assert lab.ask(page, "rungs.step") == stood
    page.get_by_label("Method").press("ArrowUp")
    expect(page.get_by_text("Hyperband: 46 trials in 4 brackets")).to_be_visible(timeout=SLOW)
    page.get_by_label("Method").press("ArrowUp")
    expect(page.get_by_text("Successive halving: 27 trials")).to_be_visible(timeout=SLOW)
    assert page.evaluate(PLACE) == place
    page.get_by_role("slider", name="Workers").press("End")
    expect(page.get_by_role("img", name="who ran when on 8 workers")).to_be_visible(timeout=SLOW)
    assert page.evaluate(PLACE)[:3] == place[:3] and page.evaluate(PLACE)[3] > place[3]  # a lane for each worker
    assert all(page.evaluate(NAMES)) and all(page.evaluate(HANDLES))


def test_bohb_is_stepped_and_run_to_the_end_by_keyboard(open_notebook, lab):
    """A rounded slider changes nothing by itself; another problem and another gamma do; the picture stays in place."""
    page = open_notebook("from hpt_lessons.view import BOHBExplorer\nbohb = BOHBExplorer(step=6)\nbohb")
    expect = playwright.expect
    expect(page.get_by_role("img", name="6 observations")).to_be_visible(timeout=SLOW)
    place = page.evaluate(PLACE)
    page.get_by_role("button", name="Step", exact=True).press("Enter")
    expect(page.get_by_role("img", name="7 observations")).to_be_visible(timeout=SLOW)
    page.get_by_role("slider", name="Step").press("ArrowLeft")
    expect(page.get_by_text("Observation 6 of 40")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="To the end").press("Enter")
    expect(page.get_by_text("6 good and 34 bad observations")).to_be_visible(timeout=SLOW)
    page.get_by_role("slider", name="gamma").press("ArrowRight")
    expect(page.get_by_text("6 good and 33 bad observations")).to_be_visible(timeout=SLOW)
    assert lab.ask(page, "round(bohb.model.gamma, 9), bohb.step") == "(0.16, 40)"
    page.get_by_label("Problem").press("m")  # the entry that begins so; in the notebook it would be a command
    expect(page.get_by_text("JPEG copy, recorded trials")).to_be_visible(timeout=SLOW)
    page.get_by_label("Problem").press("ArrowDown")
    expect(page.get_by_role("img", name="momentum=")).to_be_visible(timeout=SLOW)
    page.get_by_role("slider", name="Trials").press("Home")
    expect(page.get_by_text("Observation 1 of 1")).to_be_visible(timeout=SLOW)
    assert page.evaluate(PLACE) == place and all(page.evaluate(NAMES)) and all(page.evaluate(HANDLES))


def test_a_list_has_an_arrow_for_each_theme_and_a_box_to_tick_stands_level_with_its_row(open_notebook):
    """A black arrow is not seen on a dark page; the tick and the field beside it have their middles on one line."""
    page = open_notebook("from hpt_lessons.view import BOHBExplorer\nBOHBExplorer()")
    arrow = "() => getComputedStyle(document.querySelector('.hpt select')).backgroundImage"
    light = page.evaluate(arrow)
    page.evaluate("() => { document.body.dataset.jpThemeLight = 'false'; }")
    assert "e0e0e0" in page.evaluate(arrow) and "e0e0e0" not in light
    tick = page.get_by_label("Show what BOHB cannot see").bounding_box()
    level = tick["y"] + tick["height"] / 2
    fields = [field.bounding_box() for field in page.locator(".hpt select, .hpt input:not([type=checkbox])").all()]
    middles = [box["y"] + box["height"] / 2 for box in fields if box and box["y"] < level < box["y"] + box["height"]]
    assert middles and all(abs(middle - level) <= 1 for middle in middles)


TABLE = """
from hpt_lessons.journal import Journal
from hpt_lessons.view import SearchView
from hpt_lessons.view.live.model import SearchModel
model = SearchModel()
for n in range(30):
    model.apply({"event": "trial", "trial": f"{n:04d}", "config": {"lr": 0.1}})
    model.apply({"event": "result", "trial": f"{n:04d}", "epoch": 1, "loss": 1 / (n + 1), "seconds": 2.0})
SearchView(model)
"""


def test_the_last_row_in_sight_is_seen_whole(open_notebook):
    page = open_notebook(TABLE)
    playwright.expect(page.locator("table.hpt-trials").first).to_be_visible()
    box = page.locator(".jp-widgets, .widget-html").filter(has=page.locator("table.hpt-trials")).last.bounding_box()
    rows = [row.bounding_box() for row in page.locator(".hpt .widget-html tbody tr").all()]
    bottom = box["y"] + box["height"]
    seen = [row for row in rows if row["y"] < bottom - 1]
    assert 10 <= len(seen) < 30 and abs(seen[-1]["y"] + seen[-1]["height"] - bottom) <= 1


def test_letters_on_a_button_of_a_widget_do_nothing_to_the_notebook(open_notebook, lab):
    """In JupyterLab's command mode d d deletes the cell, and a puts one above it; Shift-Enter still runs the cell."""
    page = open_notebook(EDITOR)
    cells, button = page.locator(".jp-Cell"), page.get_by_role("button", name="Add a hyperparameter")
    count = cells.count()
    button.focus()
    for key in ("d", "d", "a", "b", "x", "m"):
        page.keyboard.press(key)
    page.wait_for_timeout(500)
    assert cells.count() == count and page.locator(".jp-CodeCell").count() == count
    playwright.expect(button).to_be_focused()
    page.keyboard.press("Enter")  # its own key
    playwright.expect(page.get_by_label("hyperparameter 4 name")).to_be_focused()
    button.focus()
    page.keyboard.press("Shift+Enter")
    playwright.expect(page.locator(".jp-InputPrompt").first).to_have_text("[2]:")
    now = cells.count()
    cells.first.locator(".jp-InputPrompt").click()
    page.keyboard.press("a")  # outside of a widget the notebook has its keys
    playwright.expect(cells).to_have_count(now + 1)
