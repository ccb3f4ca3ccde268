"""A search in a notebook cell: what was printed before it stays, and at the end a line says what came of it."""

import re
import subprocess

import nbformat
import pytest
from nbclient import NotebookClient
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager

pytestmark = [pytest.mark.ray, pytest.mark.slow]

PREPARE = """
from ray import tune
from hpt_lessons.raytune.adapters import SilentReporter
from hpt_lessons.raytune.study import run_study
from hpt_lessons.search.searchers import Listed

def train(config, checkpoint=None):
    for epoch in range(2):
        tune.report({"loss": config["x"]})
"""
STUDY = """
print("a line")
study = run_study(train, Listed([{"x": 1.0}, {"x": 2.0}, {"x": 3.0}]), max_epochs=2, name="toy", folder=".")
print([trial.status for trial in study.trials])
"""
TUNER = """
print("another line")
run = tune.RunConfig(storage_path=STORAGE, verbose=0, progress_reporter=SilentReporter())
results = tune.Tuner(train, param_space={"x": 1.0}, run_config=run).fit()
"""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """The notebook as it stands after its run, with the state of its widgets."""
    from jupyter_client.manager import AsyncKernelManager

    class ThisEnvironment(AsyncKernelManager):
        def _kernel_spec_manager_default(self):
            return NbvalKernelspecManager(parent=self.parent)

    folder = tmp_path_factory.mktemp("cell")
    sources = [PREPARE, STUDY, TUNER.replace("STORAGE", repr(str(folder)))]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    client = NotebookClient(
        notebook,
        timeout=400,
        kernel_name=CURRENT_ENV_KERNEL_NAME,
        kernel_manager_class=ThisEnvironment,
        resources={"metadata": {"path": str(folder)}},
    )
    return client.execute(stderr=subprocess.DEVNULL)


def printed(cell) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream" and output.name == "stdout")


def test_what_the_cell_printed_before_a_search_stays(notebook):
    assert printed(notebook.cells[1]) == "a line\n['completed', 'completed', 'completed']\n"


def test_the_bar_stays_and_ends_as_a_line_on_the_whole_search(notebook):
    shown = [
        output.data["application/vnd.jupyter.widget-view+json"]["model_id"]
        for output in notebook.cells[1].outputs
        if "application/vnd.jupyter.widget-view+json" in output.get("data", {})
    ]
    assert len(shown) == 1
    states = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    texts = re.findall(r"<span[^>]*>([^<]*)", " ".join(str(state["state"].get("value")) for state in states.values()))
    assert len(texts) == 1
    assert re.fullmatch(r"6/6 epochs, took .* s, 3 trials, 0 stopped early; best 0000, loss 1\.000", texts[0])


def test_a_cell_leaves_nothing_that_differs_from_run_to_run(notebook):
    """Text on stderr, or the time, would be compared with the stored notebook."""
    for output in notebook.cells[1].outputs:
        assert output.get("name") != "stderr"
        assert not {"text/plain", "text/html"} & set(output.get("data", {}))


def test_what_a_cell_printed_before_a_tuner_of_the_users_own_stays(notebook):
    assert printed(notebook.cells[2]) == "another line\n"
