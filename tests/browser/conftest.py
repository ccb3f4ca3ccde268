"""A JupyterLab and a headless Chromium for the tests in this folder; without Chromium they are skipped."""

from pathlib import Path

import pytest

from helpers import lab as labs


def pytest_collection_modifyitems(items):
    lacking = pytest.mark.skipif(labs.chromium() is None, reason="there is no Chromium on this machine")
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(lacking)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with labs.Lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
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
