"""The live view of a search as a student meets it: in a real JupyterLab, with a search in real Ray processes."""

import re

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = pytest.mark.ray

ROWS = ".jupyter-widgets table.hpt-trials tbody tr"  # not those of the picture for the saved notebook
SEARCH = """
import time
from ray import tune
from hpt_lessons.raytune.launch import launch
from hpt_lessons.raytune.setup import start_ray
from hpt_lessons.raytune.study import run_study
from hpt_lessons.search.searchers import Listed
from hpt_lessons.view import SearchView

def train(config, checkpoint):
    for epoch in range(1, 1000):
        time.sleep(0.3)
        tune.report({"loss": config["x"] + 1 / epoch})

start_ray(num_cpus=2)
search = launch(run_study, train, Listed([{"x": float(n)} for n in range(5)]), max_epochs=999, name="toy")
view = SearchView(search)
view
"""


def test_a_search_is_watched_cancelled_in_part_and_stopped_while_other_cells_run(open_notebook, lab, browser, request):
    """And the notebook, saved and opened again without its kernel, shows how it ended."""
    page = open_notebook(SEARCH, "6 * 7")
    playwright.expect(page.get_by_text("42", exact=True)).to_be_visible()  # the second cell did not wait
    rows = page.locator(ROWS)
    patient = {"timeout": 240_000}
    playwright.expect(rows.filter(has_text="running")).to_have_count(2, **patient)
    playwright.expect(rows.first).to_contain_text(re.compile(r"[1-9]\d*/999"), **patient)
    page.get_by_label("Trial", exact=True).select_option("0001")
    page.get_by_role("button", name="Cancel this trial").press("Enter")
    playwright.expect(rows.filter(has_text="0001")).to_contain_text("cancelled", **patient)
    playwright.expect(rows.filter(has_text="0002")).to_contain_text("running", **patient)
    assert lab.ask(page, "1 + 1") == "2"
    page.get_by_role("button", name="Stop the search").press("Enter")
    line = page.get_by_label("Code that goes on with the search")
    playwright.expect(line).to_be_visible(**patient)
    line.focus()
    page.keyboard.press("Control+c")
    assert page.evaluate("() => navigator.clipboard.readText()") == (
        "search = launch(run_study, train, Listed(...), max_epochs=999, name='toy', resume=True)\nSearchView(search)"
    )
    assert lab.ask(page, "search.running, view.model.words(view.model.rows['0001'])") == "(False, 'cancelled')"
    assert lab.ask(page, "[t.status for t in search.wait().trials]") == "['interrupted', 'stopped', 'interrupted']"
    lab.command(page, "docmanager:save")
    lab.command(page, "notebook:shutdown-kernel")
    again = lab.open(browser, request.node.name[:60])
    playwright.expect(again.locator("table.hpt-trials").get_by_text("cancelled")).to_be_visible()
    playwright.expect(again.get_by_text("Error displaying widget")).to_be_hidden()
    assert again.faults == []
    again.context.close()


TUNER = """
import time
from ray import tune
from hpt_lessons.raytune.adapters import SilentReporter
from hpt_lessons.raytune.setup import start_ray
from hpt_lessons.view import LiveView

def train(config):
    for epoch in range(1000):
        time.sleep(0.3)
        tune.report({"loss": config["x"] / (epoch + 1)})

start_ray(num_cpus=1)
live = LiveView()
print("printed before the search")
run = tune.RunConfig(storage_path=STORAGE, verbose=0, callbacks=[live], progress_reporter=SilentReporter())
results = tune.Tuner(train, param_space={"x": tune.grid_search([1, 2])}, run_config=run).fit()
"""


def test_a_tuner_of_the_users_own_is_seen_while_it_runs_and_an_interrupt_stops_it(open_notebook, lab, tmp_path):
    page = open_notebook(TUNER.replace("STORAGE", repr(str(tmp_path))), wait=False)
    rows = page.locator(ROWS)
    playwright.expect(rows.first).to_contain_text("running", timeout=240_000)
    playwright.expect(page.get_by_text("Best of the search so far").first).to_be_visible(timeout=240_000)
    playwright.expect(page.get_by_text("printed before the search", exact=True)).to_be_visible()
    lab.command(page, "notebook:interrupt-kernel")
    playwright.expect(rows.first).to_contain_text("interrupted", timeout=120_000)
    assert lab.ask(page, "len(results), live.model.state") == "(2, 'interrupted')"


PREPARE = """
from hpt_lessons.cifar.data import load_data
from hpt_lessons.raytune.cifar import tune_cifar
data = load_data(DATA, "standin", progress=False)
"""
PLAIN = """
print("printed before the search")
study = tune_cifar(num_samples=2, max_epochs=2, data=data, options={"train_size": 300, "valid_size": 100}, name="plain")
"""
# Whatever the second cell showed, one text after the other.
WATCH = """() => { window.seen = []; new MutationObserver(() => {
  const cell = document.querySelectorAll('.jp-NotebookPanel .jp-Cell')[1];
  const text = cell?.querySelector('.jp-Cell-outputArea')?.innerText.trim();
  if (text && text !== window.seen.at(-1)) window.seen.push(text);
}).observe(document.body, {subtree: true, childList: true, characterData: true}); }"""


def test_a_plain_search_is_seen_from_before_ray_is_loaded_to_its_last_line(open_notebook, lab, tmp_path):
    page = open_notebook(PREPARE.replace("DATA", repr(str(tmp_path))), PLAIN, wait=False)
    page.evaluate(WATCH)
    last = page.get_by_text("2 trials and the untuned default")
    playwright.expect(last).to_be_visible(timeout=280_000)
    seen = page.evaluate("() => window.seen")
    searching = seen[next(place for place, text in enumerate(seen) if "epochs" in text) :]
    # The bar and its words are two messages: the browser may show the one before the other has come.
    loading, starting = (
        next(place for place, text in enumerate(searching) if words in text)
        for words in ("loading Ray", "starting Ray")
    )
    assert loading < starting, "the line is there before what takes longest"
    assert all(text.startswith("printed before the search") and "epochs" in text for text in searching)
    whole = "\n".join(searching)
    for words in ("starting Ray", "waiting for the first worker", " s so far", " left, ", "the untuned default is "):
        assert words in whole, words
    assert re.search(r"epochs, took .*, 2 trials and the untuned default, \d stopped early; best 000\d", searching[-1])
