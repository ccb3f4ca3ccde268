"""A search in the notebook's own kernel, as the student of the first lesson meets it: without Ray."""

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

ROWS = ".jupyter-widgets table.hpt-trials tbody tr"  # not those of the picture for the saved notebook
SEARCH = """
import time
from hpt_lessons.search.searchers import Listed
from hpt_lessons.study.here import run_here
from hpt_lessons.study.running import launch
from hpt_lessons.view import SearchView

def train(config, checkpoint):
    for epoch in range(1, 1000):
        time.sleep(0.1)
        yield {"epoch": epoch, "loss": config["x"] + 1 / epoch}

bad = {"x": 9.0}
search = launch(run_here, train, Listed([{"x": float(n)} for n in range(5)]), max_epochs=999,
                name="toy", fixed={"default": bad})
SearchView(search)
"""


def test_trials_take_turns_one_is_cancelled_and_the_search_is_stopped(open_notebook, lab):
    page = open_notebook(SEARCH, "6 * 7")
    playwright.expect(page.get_by_text("42", exact=True)).to_be_visible()  # the second cell did not wait
    rows = page.locator(ROWS)
    patient = {"timeout": 120_000}
    playwright.expect(rows.filter(has_text="running")).to_have_count(4, **patient)
    page.get_by_label("Trial", exact=True).select_option("0001")
    page.get_by_role("button", name="Cancel this trial").press("Enter")
    playwright.expect(rows.filter(has_text="0001")).to_contain_text("cancelled", **patient)
    playwright.expect(rows.filter(has_text="0003")).to_contain_text("running", **patient)  # it takes the free place
    page.get_by_role("button", name="Stop the search").press("Enter")
    playwright.expect(page.get_by_label("Code that goes on with the search")).to_be_visible(**patient)
    assert lab.ask(page, "search.wait().trials['0001'].status, search.running") == "('stopped', False)"
    assert lab.ask(page, "'ray' in __import__('sys').modules") == "False"
