"""A search in a thread of its own, and the live view of somebody else's search: in real Ray processes."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import ray.cloudpickle

from hpt_lessons.journal import Journal
from hpt_lessons.search.searchers import Listed
from hpt_lessons.trials import Trials
from hpt_lessons.view.live.model import SearchModel

pytestmark = [pytest.mark.ray, pytest.mark.slow]
# The workers cannot import this file: its functions travel whole.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
ROOT = Path(__file__).resolve().parents[2]
EPOCHS = 6


def held(config, checkpoint):
    """Each epoch is written down before it is reported. Trial 1, and from 3 on all, wait in the third for a file."""
    from ray import tune

    done = int(checkpoint.read_text()) if checkpoint.exists() else 0
    for epoch in range(1, EPOCHS + 1):
        if epoch > done:
            time.sleep(0.2)
            go = checkpoint.with_name(f"go {config['x']:g}")
            while epoch == 3 and config["x"] in (1, 3, 4, 5) and not go.exists():
                time.sleep(0.05)
            with open(checkpoint.with_name("log.txt"), "a") as log:
                log.write(f"{checkpoint.stem} {epoch}\n")
            checkpoint.write_text(str(epoch))
        tune.report({"loss": config["x"] + 1 / epoch})


def wait_until(true, patience=240):
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def six():
    return Listed([{"x": float(n)} for n in range(6)])


@pytest.fixture(scope="module")
def stopped(ray_running, tmp_path_factory):
    """Six trials, two at a time: one is cancelled in its middle, then the search is stopped."""
    from hpt_lessons.raytune.launch import launch
    from hpt_lessons.raytune.study import run_study

    folder = tmp_path_factory.mktemp("studies")
    options = {"max_epochs": EPOCHS, "name": "mine", "folder": folder}
    search = launch(run_study, held, six(), **options)
    state = {"running at once": search.running, "waited": search.wait(timeout=0.1)}
    wait_until(lambda: "0001" in search.trials and search.trials["0001"].budget == 2)
    with pytest.raises(ValueError, match=r"cancel 'nobody': there is no trial of this name\. Those .* 0001"):
        search.cancel("nobody")
    search.cancel("0001")
    wait_until(lambda: search.trials["0001"].status == "stopped")
    with pytest.raises(ValueError, match="it is stopped already"):
        search.cancel("0001")
    (search.folder / "trials" / "go 1").touch()
    wait_until(lambda: "0003" in search.trials and search.trials["0003"].budget == 2)
    search.stop()
    state["study"] = search.wait(timeout=60)
    state["trials"] = search.trials
    return options, search, state


def test_a_launched_search_runs_beside_us_until_it_is_stopped(stopped):
    _, search, state = stopped
    assert state["running at once"] and state["waited"] is None
    assert not search.running and search.result is state["study"] and not state["study"].finished
    statuses = {trial.name: trial.status for trial in state["trials"]}
    assert statuses["0000"] == "completed" and statuses["0003"] == "interrupted"
    assert set(statuses.values()) == {"completed", "stopped", "interrupted"}


def test_a_cancelled_trial_is_recorded_as_such_and_keeps_what_it_had(stopped):
    _, search, state = stopped
    assert (state["trials"]["0001"].status, state["trials"]["0001"].budget) == ("stopped", 2)
    assert {"event": "end", "trial": "0001", "status": "stopped", "why": "cancelled"} in search.journal.read()


def test_a_stopped_search_goes_on_and_leaves_the_cancelled_trial_alone(stopped):
    from hpt_lessons.raytune.launch import launch
    from hpt_lessons.raytune.study import run_study

    options, search, _ = stopped
    for number in (3, 4, 5):
        (search.folder / "trials" / f"go {number}").touch()
    study = launch(run_study, held, six(), **options, resume=True).wait()
    assert study.finished
    statuses = {trial.name: (trial.status, trial.budget) for trial in study.trials}
    assert statuses.pop("0001") == ("stopped", 2)
    assert statuses == {f"000{n}": ("completed", EPOCHS) for n in (0, 2, 3, 4, 5)}
    lines = (study.folder / "trials" / "log.txt").read_text().splitlines()
    assert len(lines) == len(set(lines)), "an epoch was trained twice"
    seen = SearchModel()
    seen.apply_all(Journal(study.folder / "journal.jsonl").read())
    assert seen.complete and seen.words(seen.rows["0001"]) == "cancelled" and seen.trials == study.trials
    # Of an epoch that was trained but not heard of before the stop nobody knows the seconds: two at most.
    seconds = [result.seconds for trial in study.trials for result in trial.history]
    assert sum(not 0.2 <= value < 60 for value in seconds) <= 2


def test_what_the_search_refuses_is_an_error_where_it_was_launched(stopped, tmp_path):
    """Bad arguments at once; what only Ray can know where somebody waits for the result."""
    from hpt_lessons.raytune.cifar import tune_cifar
    from hpt_lessons.raytune.launch import launch
    from hpt_lessons.raytune.study import run_study

    with pytest.raises(FileExistsError, match="mine"):
        launch(run_study, held, six(), **stopped[0])
    with pytest.raises(ValueError, match="num_samples=0"):
        launch(tune_cifar, num_samples=0, folder=tmp_path)
    search = launch(run_study, held, six(), max_epochs=1, folder=tmp_path, resources={"cpu": 64})
    with pytest.raises(ValueError, match="one trial asks for"):
        search.wait()


# -- the callback --------------------------------------------------------------------------------------------------


def bowl(config):
    from ray import tune

    for epoch in range(1, 5):
        if config["x"] == 3:
            raise MemoryError("3 is too much")
        tune.report({"score": -config["x"] / epoch})


def test_any_tuner_is_shown_and_what_is_shown_is_what_ray_knows(ray_running, tmp_path, capfd):
    """The oracle is Ray's own table; a scheduler's cuts are told from trials that ran to the end."""
    from ray import tune
    from ray.tune.schedulers import AsyncHyperBandScheduler

    from hpt_lessons.view import LiveView

    view = LiveView("score", "max", name="bowl")
    results = tune.Tuner(
        bowl,
        param_space={"x": tune.grid_search([1, 2, 3, 4])},
        tune_config=tune.TuneConfig(
            metric="score",
            mode="max",
            max_concurrent_trials=1,
            scheduler=(AsyncHyperBandScheduler(max_t=4, grace_period=1, reduction_factor=2)),
        ),
        run_config=tune.RunConfig(storage_path=str(tmp_path), verbose=0, callbacks=[view]),
    ).fit()
    rows = {row.config["x"]: row for row in view.model.rows.values()}
    for result in results:
        row = rows[result.config["x"]]
        assert row.epoch == (result.metrics or {}).get("training_iteration", 0)
        assert (row.status == "failed") == (result.error is not None)
    assert [rows[x].status for x in (1, 2, 3, 4)] == ["completed", "stopped", "failed", "stopped"]
    assert "MemoryError" in rows[3].why and view.model.complete
    assert view.model.incumbent.config == results.get_best_result("score", "max").config
    said = capfd.readouterr().err
    assert re.search(r"completed after epoch 4, score -0.25, .* \(x=1\)", said)
    assert len([line for line in said.splitlines() if "x=" in line and not line.startswith("Best")]) == 4


def test_a_live_view_travels_as_itself():
    """Ray pickles callbacks with the tuner: the copy is a fresh view with the same settings."""
    from hpt_lessons.view import LiveView

    view = ray.cloudpickle.loads(ray.cloudpickle.dumps(LiveView("score", max_epochs=7)))
    assert (view.model.metric, view.model.mode, view.model.max_epochs, view.spent) == ("score", "min", 7, 0.0)


def test_ctrl_c_ends_a_live_view_and_the_end_of_the_script_a_launched_search_in_good_order(tmp_path):
    """A script that launched a search, looks at another, and is interrupted there: `fit` returns, both say so."""
    script, out = tmp_path / "script.py", tmp_path / "out.txt"
    script.write_text(SCRIPT)
    env = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    with open(out, "wb") as file:
        run = subprocess.Popen([sys.executable, script, tmp_path], stdout=file, stderr=subprocess.STDOUT, env=env)
    try:
        wait_until(lambda: (tmp_path / "reports.txt").exists() or run.poll() is not None)
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=120) == 0, out.read_text()
    finally:
        run.kill()
    said = out.read_text()
    assert "fit returned, 1 interrupted" in said
    assert re.search(r"interrupted after epoch \d+, loss 1, .* \(x=1\)", said), said
    trials = Trials.read(tmp_path / "left" / "journal.jsonl")
    assert [trial.status for trial in trials] == ["interrupted"] and trials[0].budget >= 1


SCRIPT = """
import sys, time
from pathlib import Path
from ray import tune
from hpt_lessons.raytune.launch import launch
from hpt_lessons.raytune.setup import start_ray
from hpt_lessons.raytune.study import run_study
from hpt_lessons.search.searchers import Listed
from hpt_lessons.view import LiveView

folder = sys.argv[1]

def endless(config, checkpoint=None):
    for epoch in range(10_000):
        time.sleep(0.2)
        tune.report({"loss": 1.0})
        if checkpoint is None and epoch == 3:
            Path(folder, "reports.txt").touch()

start_ray(num_cpus=2)
search = launch(run_study, endless, Listed([{"x": 2}]), max_epochs=10_000, name="left", folder=folder)
while not len(search.trials) or search.trials[0].budget < 1:
    time.sleep(0.1)
view = LiveView()
tune.Tuner(lambda config: endless(config), param_space={"x": tune.grid_search([1])},
           run_config=tune.RunConfig(storage_path=folder, verbose=0, callbacks=[view])).fit()
print(f"fit returned, {view.model.count('interrupted')} interrupted")
"""


AFTER = """
import sys
from hpt_lessons.raytune.launch import launch
from hpt_lessons.raytune.study import run_study
from hpt_lessons.search.searchers import Listed

def train(config, checkpoint):
    from ray import tune
    tune.report({"loss": config["x"]})

launch(run_study, train, Listed([{"x": 1.0}]), max_epochs=1, folder=sys.argv[1], progress=False).wait()
import ray
print("still there:", ray.get(ray.remote(lambda: 3).remote()))
"""


def test_ray_outlives_the_thread_of_a_search(tmp_path):
    """On Linux processes can end with the thread that started them; the notebook goes on with Ray after its search."""
    done = subprocess.run(
        [sys.executable, "-c", AFTER, str(tmp_path)], capture_output=True, text=True, timeout=200, cwd=tmp_path
    )
    assert "still there: 3" in done.stdout, done.stdout + done.stderr
