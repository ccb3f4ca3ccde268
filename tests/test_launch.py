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

from hpt_lessons.search.searchers import Listed
from hpt_lessons.trials import Journal, Trials
from hpt_lessons.view.search_model import SearchModel

pytestmark = [pytest.mark.ray, pytest.mark.slow]
# The workers cannot import this file: its functions travel whole.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
HERE = Path(__file__).resolve().parent
EPOCHS = 6


@pytest.fixture(scope="module")
def ray_running():
    import ray

    from hpt_lessons.raytune.setup import start_ray

    start_ray(num_cpus=2)
    yield
    ray.shutdown()


def slow(config, checkpoint, pace=0.2):
    """Each epoch is written down before it is reported; the file is the checkpoint, too."""
    from ray import tune

    done = int(checkpoint.read_text()) if checkpoint.exists() else 0
    for epoch in range(1, EPOCHS + 1):
        if epoch > done:
            time.sleep(pace)
            with open(checkpoint.with_name("log.txt"), "a") as log:
                log.write(f"{checkpoint.stem} {epoch}\n")
            checkpoint.write_text(str(epoch))
        tune.report({"loss": config["x"] + 1 / epoch})


def wait_until(true, patience=120):
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def stopped(ray_running, tmp_path_factory):
    """Six trials, two at a time: one is cancelled in its middle, then the search is stopped."""
    from hpt_lessons.raytune.launch import launch
    from hpt_lessons.raytune.study import run_study

    folder = tmp_path_factory.mktemp("studies")
    arguments = (run_study, slow, Listed([{"x": float(n)} for n in range(6)]))
    options = {"max_epochs": EPOCHS, "name": "mine", "folder": folder}
    search = launch(*arguments, **options)
    state = {"running at once": search.running, "waited": search.wait(timeout=0.1)}
    wait_until(lambda: "0001" in search.trials and search.trials["0001"].budget >= 2)
    search.cancel("0001")
    with pytest.raises(ValueError, match=r"cancel 'nobody': there is no trial of this name\. Those .* are 0000"):
        search.cancel("nobody")
    wait_until(lambda: sum(trial.status == "completed" for trial in search.trials) >= 1)
    with pytest.raises(ValueError, match="it is stopped already"):
        search.cancel("0001")
    search.stop()
    state["study"] = search.wait(timeout=60)
    state["trials"] = search.trials
    return arguments, options, search, state


def test_a_launched_search_runs_beside_us_until_it_is_stopped(stopped):
    _, _, search, state = stopped
    assert state["running at once"] and state["waited"] is None
    assert not search.running and search.result is state["study"] and not state["study"].finished
    statuses = {trial.trial: trial.status for trial in state["trials"]}
    assert statuses["0000"] == "completed" and "interrupted" in statuses.values()
    assert set(statuses.values()) == {"completed", "stopped", "interrupted"}


def test_a_cancelled_trial_is_recorded_as_such_and_keeps_what_it_had(stopped):
    _, _, search, state = stopped
    assert state["trials"]["0001"].status == "stopped" and 2 <= state["trials"]["0001"].budget < EPOCHS
    assert {"event": "end", "trial": "0001", "status": "stopped", "why": "cancelled"} in search.journal.read()


def test_a_stopped_search_goes_on_and_leaves_the_cancelled_trial_alone(stopped):
    from hpt_lessons.raytune.launch import launch

    arguments, options, _, state = stopped
    study = launch(*arguments, **options, resume=True).wait()
    assert study.finished
    statuses = {trial.trial: (trial.status, trial.budget) for trial in study.trials}
    assert statuses.pop("0001") == ("stopped", state["trials"]["0001"].budget)
    assert statuses == {f"000{n}": ("completed", EPOCHS) for n in (0, 2, 3, 4, 5)}
    lines = (study.folder / "trials" / "log.txt").read_text().splitlines()
    assert len(lines) == len(set(lines)), "an epoch was trained twice"
    seen = SearchModel()
    seen.hear_all(Journal(study.folder / "journal.jsonl").read())
    assert seen.complete and seen.words(seen.rows["0001"]) == "cancelled" and seen.trials == study.trials
    assert all(0.2 <= result.seconds < 60 for trial in study.trials for result in trial.history)


def test_what_the_search_refuses_is_an_error_where_it_was_launched(stopped, tmp_path):
    """Bad arguments at once; what only Ray can know where somebody waits for the result."""
    from hpt_lessons.raytune.cifar import tune_cifar
    from hpt_lessons.raytune.launch import launch

    arguments, options, _, _ = stopped
    with pytest.raises(FileExistsError, match="mine"):
        launch(*arguments, **options)
    with pytest.raises(ValueError, match="num_samples 0"):
        launch(tune_cifar, num_samples=0, folder=tmp_path)
    search = launch(*arguments, max_epochs=1, folder=tmp_path, resources={"cpu": 64})
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
        bowl, param_space={"x": tune.grid_search([1, 2, 3, 4])},
        tune_config=tune.TuneConfig(metric="score", mode="max", max_concurrent_trials=1, scheduler=(
            AsyncHyperBandScheduler(max_t=4, grace_period=1, reduction_factor=2))),
        run_config=tune.RunConfig(storage_path=str(tmp_path), verbose=0, callbacks=[view])).fit()
    rows = {row.config["x"]: row for row in view.model.rows.values()}
    for result in results:
        row = rows[result.config["x"]]
        assert row.epoch == (result.metrics or {}).get("training_iteration", 0)
        assert (row.state == "failed") == (result.error is not None)
    assert [rows[x].state for x in (1, 2, 3, 4)] == ["completed", "stopped", "failed", "stopped"]
    assert "MemoryError" in rows[3].why and view.model.complete
    assert view.model.incumbent.config == results.get_best_result("score", "max").config
    said = capfd.readouterr().err
    assert re.search(r"completed after epoch 4, score -0.25, .* \(x=1\)", said)
    assert len([line for line in said.splitlines() if "x=" in line]) == 4


def test_ctrl_c_ends_a_tuner_with_a_live_view_in_good_order(tmp_path):
    """In a process of its own, as a script: the last lines say what there is, and `fit` returns."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    env = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(HERE.parent)}
    with open(tmp_path / "out.txt", "wb") as out:
        run = subprocess.Popen([sys.executable, script, tmp_path], stdout=out, stderr=subprocess.STDOUT, env=env)
    log = tmp_path / "log.txt"
    wait_until(lambda: log.exists() and len(log.read_text()) >= 3 or run.poll() is not None)
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=90) == 0
    said = (tmp_path / "out.txt").read_text()
    assert "fit returned, 1 interrupted" in said
    assert re.search(r"interrupted after epoch \d+, loss 1, .* \(x=1\)", said), said


SCRIPT = """
import sys, time
from ray import tune
from hpt_lessons.raytune.setup import start_ray
from hpt_lessons.view import LiveView

def endless(config):
    while True:
        time.sleep(0.2)
        with open(sys.argv[1] + "/log.txt", "a") as log:
            log.write("x")
        tune.report({"loss": 1.0})

start_ray(num_cpus=1)
folder = sys.argv[1]
def train(config):
    sys.argv[1:] = [folder]
    endless(config)

view = LiveView()
tune.Tuner(train, param_space={"x": tune.grid_search([1])},
           run_config=tune.RunConfig(storage_path=folder, verbose=0, callbacks=[view])).fit()
print(f"fit returned, {view.model.count('interrupted')} interrupted")
"""


def test_a_live_view_costs_little_and_travels_as_itself(tmp_path):
    """Ray pickles callbacks with the tuner: the copy is a fresh view with the same settings."""
    from hpt_lessons.view import LiveView

    view = ray.cloudpickle.loads(ray.cloudpickle.dumps(LiveView("score", max_epochs=7)))
    assert (view.model.metric, view.model.mode, view.model.max_epochs, view.spent) == ("score", "min", 7, 0.0)


def test_a_script_that_ends_interrupts_its_search_properly(tmp_path):
    """Nobody waits and nobody stops it: the journal says interrupted, and no process is left."""
    script = tmp_path / "script.py"
    script.write_text(LEAVING)
    env = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)])}
    run = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True, timeout=180, env=env,
                         check=False)
    assert run.returncode == 0, run.stderr
    trials = Trials.read(tmp_path / "left" / "journal.jsonl")
    assert [trial.status for trial in trials] == ["interrupted"]
    assert trials[0].budget >= 1


LEAVING = """
import sys, time
from hpt_lessons.raytune.launch import launch
from hpt_lessons.raytune.setup import start_ray
from hpt_lessons.raytune.study import run_study
from hpt_lessons.search.searchers import Listed

def train(config, checkpoint):
    from ray import tune
    for epoch in range(100):
        time.sleep(0.2)
        tune.report({"loss": 1.0})

if __name__ == "__main__":
    start_ray(num_cpus=1)
    search = launch(run_study, train, Listed([{"x": 1}]), max_epochs=100, name="left", folder=sys.argv[1])
    while not len(search.trials) or search.trials[0].budget < 1:
        time.sleep(0.1)
"""
