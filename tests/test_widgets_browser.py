"""The widgets as a student meets them: in a real JupyterLab, in headless Chromium, with mouse and keyboard."""

import pytest

import lab as labs

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(labs.chromium() is None, reason="there is no Chromium on this machine: apt install chromium"),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with labs.Lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=labs.chromium(), headless=True, args=labs.FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_notebook(lab, browser, request):
    """Open and run a notebook; afterwards nothing may have been asked of another machine, and no error have come."""
    pages = []

    def run(*cells, **options):
        pages.append(lab.run(browser, request.node.name.replace("[", "-").strip("]")[:60], *cells, **options))
        return pages[-1]

    yield run
    for page in pages:
        lab.command(page, "notebook:shutdown-kernel")
        page.context.close()
        assert page.faults == []


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
    page.get_by_label("Question 2").fill("25 %")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    playwright.expect(page.get_by_text("1 of 5 right, 1 at the first try")).to_be_visible()
    assert all(name for name in page.evaluate(NAMES))


# The accessible name of every input in the outputs: the text of its label.
NAMES = """() => [...document.querySelectorAll('.jp-OutputArea input, .jp-OutputArea select')]
  .map(field => [...(field.labels || [])].map(label => label.textContent.trim()).join(' ')
                || field.getAttribute('aria-label'))"""
