"""What does it cost to look at a search? The live view in a real kernel, beside a search in real Ray processes.

Cost is the processor time of drawing and of the thread that sends what the kernel has to say, over the time of the
search; once for a `SearchView` of a launched search, once for a `LiveView` in a `Tuner`. Epochs are short, so that
there is much to draw.
"""

import argparse
import json
import sys
import tempfile

BOUND = 0.02

START = """
import json, threading, time
import psutil
from ray import tune
from hpt_lessons.raytune.setup import start_ray

def thread_seconds(name):
    ids = {thread.native_id for thread in threading.enumerate() if name in thread.name}
    return sum(t.user_time + t.system_time for t in psutil.Process().threads() if t.id in ids)

def report(way, spent, sent, begin, epochs):
    wall = time.perf_counter() - begin
    print(json.dumps({"way": way, "view": spent, "sending": sent, "search": wall, "epochs": epochs,
                      "share": (spent + sent) / wall}))

start_ray(num_cpus=2)
"""
LAUNCHED = """
from hpt_lessons.raytune.launch import launch
from hpt_lessons.raytune.study import run_study
from hpt_lessons.search.searchers import Listed
from hpt_lessons.view import SearchView

def train(config, checkpoint):
    for epoch in range(1, EPOCHS + 1):
        time.sleep(PACE)
        tune.report({"loss": config["x"] + 1 / epoch})

begin, sent = time.perf_counter(), thread_seconds("IOPub")
search = launch(run_study, train, Listed([{"x": 1 / n, "y": n} for n in range(1, TRIALS + 1)]), max_epochs=EPOCHS,
                name="toy", folder=FOLDER)
view = SearchView(search)
display(view)
study = search.wait()
view._follower.join()
report("SearchView", view.spent, thread_seconds("IOPub") - sent, begin, sum(t.budget for t in study.trials))
"""
CALLBACK = """
from hpt_lessons.view import LiveView

def train_plainly(config):
    for epoch in range(1, EPOCHS + 1):
        time.sleep(PACE)
        tune.report({"loss": config["x"] + 1 / epoch})

begin, sent, live = time.perf_counter(), thread_seconds("IOPub"), LiveView()
tune.Tuner(train_plainly, param_space={"x": tune.grid_search([1 / n for n in range(1, TRIALS + 1)])},
           tune_config=tune.TuneConfig(reuse_actors=True),
           run_config=tune.RunConfig(storage_path=FOLDER, verbose=0, callbacks=[live])).fit()
report("LiveView", live.spent, thread_seconds("IOPub") - sent, begin, live.model.epochs)
import ray
ray.shutdown()
"""


def main(arguments: list[str]) -> int:
    """Print a line for each way; 0 if both cost less than 2 % of the search's time."""
    ask = argparse.ArgumentParser(prog="benchmarks view")
    ask.add_argument("--quick", action="store_true", help="a smaller search")
    quick = ask.parse_args(arguments).quick
    with tempfile.TemporaryDirectory(prefix="view-") as folder:
        rows = measure(folder, trials=6 if quick else 20, epochs=4 if quick else 20, pace=0.2)
    print(f"{'':12}{'search':>9}{'epochs':>8}{'view':>9}{'sending':>9}{'share':>9}")
    for row in rows:
        print(
            f"{row['way']:12}{row['search']:7.1f} s{row['epochs']:8d}{row['view']:7.2f} s{row['sending']:7.2f} s"
            f"{row['share']:9.2%}"
        )
    print(f"Processor time of the view over the time of the search; bound {BOUND:.0%}.")
    return 0 if max(row["share"] for row in rows) < BOUND else 1


def measure(folder: str, **sizes: float) -> list[dict]:
    """Both searches in one kernel: what each of them printed."""
    import nbformat
    from nbclient import NotebookClient

    values = {"FOLDER": repr(folder), **{name.upper(): repr(value) for name, value in sizes.items()}}
    settings = "\n".join(f"{name} = {value}" for name, value in values.items())
    cells = [nbformat.v4.new_code_cell(code) for code in (START + settings, LAUNCHED, CALLBACK)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    texts = [out.text for cell in cells for out in cell.outputs if out.output_type == "stream" and out.name == "stdout"]
    return [json.loads(line) for text in texts for line in text.splitlines() if line.startswith("{")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
