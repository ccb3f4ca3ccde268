"""Searches in real Ray processes: the classic program, our own study, and what happens when something dies."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import ray.cloudpickle

from hpt_lessons.cifar.config import UNTUNED
from hpt_lessons.cifar.data import load_data, test_openings
from hpt_lessons.journal import Journal
from hpt_lessons.search import layouts
from hpt_lessons.search.searchers import Listed
from hpt_lessons.trials import Trials
from programs import kill_study

pytestmark = [pytest.mark.ray, pytest.mark.slow]
# The workers cannot import this file: its functions travel whole.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
PROGRAMS = Path(kill_study.__file__).resolve().parent
SMALL = {"train_size": 300, "valid_size": 100}
SEARCH = {"num_samples": 4, "max_epochs": 2, "seed": 3, "options": SMALL, "name": "one", "progress": False}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return load_data(tmp_path_factory.mktemp("data"), "standin", progress=False)


def test_the_classic_program_runs_as_it_stands(tmp_path):
    """Three samples, two epochs: the reporter prints its blocks, and the best configuration is printed."""
    env = {**os.environ, "HOME": str(tmp_path), "HPT_LESSONS_DATASET": "standin"}
    program, options = [sys.executable, PROGRAMS / "classic.py"], {"cwd": tmp_path, "env": env, "timeout": 500}
    run = subprocess.run(program, capture_output=True, text=True, check=False, **options)
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout.count("== Status ==") >= 2
    assert re.search(r"Number of trials: 3/3 \(3 TERMINATED\)", run.stdout)
    assert int(re.search(r"Best trial l1: (\d+)", run.stdout)[1]) in [2**n for n in range(2, 9)]
    assert re.search(r"Best trial final validation loss: \d", run.stdout)
    assert "data: generated pictures" in run.stdout


@pytest.fixture(scope="module")
def study(ray_running, data, tmp_path_factory):
    from hpt_lessons.raytune.cifar import tune_cifar

    return tune_cifar(**SEARCH, data=data, folder=tmp_path_factory.mktemp("studies"))


def test_the_same_seed_samples_the_same_configurations(study):
    from hpt_lessons.search.presets import classic

    assert [trial.config for trial in study.searched] == layouts.random(classic(), 4, seed=3)


def test_the_untuned_default_is_trained_beside_the_search_and_never_cut(study):
    default = study.trials["default"]
    assert default.config == UNTUNED
    assert (default.status, default.budget) == ("completed", 2)
    assert "default" not in study.searched
    assert study.best().name != "default"


def test_the_journal_is_what_the_trials_reported(study):
    """Ray's own results and our table agree on every trial's last loss; the data set's name is in both."""
    last = {Path(result.path).name: result.metrics for result in study.results}
    for trial in study.trials:
        assert last[trial.name]["loss"] == trial.loss
        assert last[trial.name]["data"] == trial.data == study.trials.data == "generated pictures (stand-in)"


def test_a_trial_of_a_search_equals_the_same_training_without_ray(study, data):
    from hpt_lessons.cifar.training import train_cifar

    best = study.best()
    alone = train_cifar({**best.config, **SMALL, "epochs": best.budget, "seed": 3}, data=data, progress=False)
    assert [entry["loss"] for entry in alone] == best.values("loss")


def test_the_test_set_is_opened_once_for_a_study(study, data):
    from hpt_lessons.raytune.cifar import test_best

    before = len(test_openings(data))
    first = test_best(study, data)
    assert test_best(study, data) == first
    assert len(test_openings(data)) == before + 1
    assert set(first) == {study.best().name, "default"}
    assert all(0 <= correct <= pictures == 2000 for correct, pictures in first.values())


def test_a_complete_study_resumes_at_once_and_trains_nothing(study, data):
    from hpt_lessons.raytune.cifar import tune_cifar

    written = (study.folder / "journal.jsonl").read_bytes()
    again = tune_cifar(**SEARCH, data=data, folder=study.folder.parent, resume=True)
    assert again.trials == study.trials
    assert (study.folder / "journal.jsonl").read_bytes() == written


def test_a_trial_that_fails_is_named_and_the_others_go_on(ray_running, tmp_path):
    """The error's last line is in the journal; on resume the trial is tried again."""
    from hpt_lessons.raytune.study import run_study

    run = {"max_epochs": 2, "name": "broken", "folder": tmp_path, "progress": False}
    configs = [{"x": 1}, {"x": -1}, {"x": 2}]
    study = run_study(_fails_below_zero, Listed(configs), **run)
    assert [trial.status for trial in study.trials] == ["completed", "failed", "completed"]
    why = [event.get("why", "") for event in Journal(study.folder / "journal.jsonl").read() if event["event"] == "end"]
    assert any("square root of -1" in text for text in why)
    (tmp_path / "broken" / "mended").touch()
    again = run_study(_fails_below_zero, Listed(configs), **run, resume=True)
    assert [trial.status for trial in again.trials] == ["completed"] * 3


def _fails_below_zero(config, checkpoint):
    from ray import tune

    if config["x"] < 0 and not (checkpoint.parent.parent / "mended").exists():
        raise ValueError(f"square root of {config['x']}")
    for epoch in (1, 2):
        tune.report({"loss": config["x"] / epoch})


def test_a_worker_that_dies_is_replaced_and_loses_at_most_the_epoch_it_was_in(ray_running, tmp_path):
    from hpt_lessons.raytune.study import run_study

    study = run_study(_dies_once, Listed([{"x": 1}]), max_epochs=4, name="dead", folder=tmp_path, progress=False)
    trial = study.trials[0]
    assert (trial.status, [result.epoch for result in trial.history]) == ("completed", [1, 2, 3, 4])
    assert (study.folder / "trials" / "log.txt").read_text().split() == ["1", "2", "3", "4"]


def _dies_once(config, checkpoint):
    from ray import tune

    done = int(checkpoint.read_text()) if checkpoint.exists() else 0
    for epoch in range(1, done + 1):
        tune.report({"loss": 1 / epoch})
    for epoch in range(done + 1, 5):
        if epoch == 3 and done == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        with open(checkpoint.with_name("log.txt"), "a") as log:
            log.write(f"{epoch}\n")
        checkpoint.write_text(str(epoch))
        tune.report({"loss": 1 / epoch})


def test_a_search_without_a_worker_says_what_rays_log_says_and_goes_on(ray_running, tmp_path, monkeypatch, capfd):
    """Here the worker only needs longer than the patience."""
    from hpt_lessons.raytune import watchdog
    from hpt_lessons.raytune.study import run_study

    run = {"max_epochs": 4, "folder": tmp_path, "progress": False}
    assert run_study(_dies_once, Listed([{"x": 1}]), **run, name="patient").finished
    assert "No worker" not in capfd.readouterr().err
    monkeypatch.setattr(watchdog, "PATIENCE", 0.01)
    assert run_study(_dies_once, Listed([{"x": 1}]), **run, name="hasty").finished
    said = capfd.readouterr().err
    assert said.count("No worker of Ray's has come up for 0.01 s") == 1
    assert re.search(r"The end of .*session_.*/logs/\w+\.\w+:\n.", said)


def test_more_resources_than_there_are_is_said_before_anything_starts(ray_running, tmp_path):
    """The name of the refused study stays free."""
    from hpt_lessons.raytune.study import run_study

    with pytest.raises(ValueError, match=r"one trial asks for \{'cpu': 64\}"):
        options = {"name": "mine", "folder": tmp_path, "resources": {"cpu": 64}, "progress": False}
        run_study(_dies_once, Listed([{"x": 1}]), max_epochs=1, **options)
    assert Journal(tmp_path / "mine" / "journal.jsonl").read() == []


def test_a_resumed_study_goes_on_with_exactly_the_values_that_it_began_with(ray_running, tmp_path):
    """Tuples and an infinity reach the trials before and after the interruption as they stand in the space."""
    from ray import tune

    from hpt_lessons.raytune.launch import launch
    from hpt_lessons.raytune.study import run_study
    from hpt_lessons.search.bohb import BOHBSampler
    from hpt_lessons.search.halving import Hyperband

    space = {
        "x": tune.uniform(0, 1),
        "kernel": tune.choice([(5, 5), (3, 3)]),
        "top": (float("inf"), [(1,)]),
        "net": {"clip": tune.choice([float("inf"), 1.0, 1])},
    }
    (tmp_path / "hold").touch()
    options = {"max_epochs": 3, "scheduler": Hyperband(1, 3), "num_trials": 7, "name": "values", "folder": tmp_path}
    search = launch(run_study, _writes_its_values, BOHBSampler(space, seed=2, min_points=2), **options)
    deadline = time.monotonic() + 240
    while len(search.trials) < 2 and search.running and time.monotonic() < deadline:
        time.sleep(0.05)
    search.stop()
    search.wait(timeout=60)
    assert {trial.status for trial in search.trials} == {"interrupted"}
    (tmp_path / "hold").unlink()
    options["scheduler"] = Hyperband(1, 3)
    study = run_study(
        _writes_its_values, BOHBSampler(space, seed=2, min_points=2), **options, resume=True, progress=False
    )
    assert study.finished and len(study.trials) == 7
    seen: dict[str, set[str]] = {}
    for line in (study.folder / "trials" / "log.txt").read_text().splitlines():
        name, _, values = line.partition(" ")
        seen.setdefault(name, set()).add(values)
    for trial in study.trials:
        assert seen[trial.name] == {repr(trial.config)}, "what it was given, each time that it began"
        assert trial.config["kernel"] in [(5, 5), (3, 3)] and repr(trial.config["top"]) == "(inf, [(1,)])"
    assert study.trials["0000"].config == search.trials["0000"].config


def test_a_search_that_is_stopped_before_a_trial_trains_ends_in_good_order(ray_running, tmp_path):
    """Whenever: before Ray has heard of the trials, before they have a folder, while their workers start."""
    from hpt_lessons.raytune.launch import launch
    from hpt_lessons.raytune.study import run_study

    (tmp_path / "hold").touch()
    for number in range(5):
        options = {"max_epochs": 3, "name": f"s{number}", "folder": tmp_path, "progress": False}
        search = launch(run_study, _writes_its_values, Listed([{"x": float(x)} for x in range(4)]), **options)
        while len(search.trials) < 2 and search.running:
            time.sleep(0.005)
        time.sleep(0.1 * number)
        search.stop()
        assert not search.wait(timeout=120).finished
        assert [trial.status for trial in search.trials] == ["interrupted"] * 2


def _writes_its_values(config, checkpoint):
    from ray import tune

    with open(checkpoint.with_name("log.txt"), "a") as log:
        log.write(f"{checkpoint.stem} {config!r}\n")
    while (checkpoint.parent.parent.parent / "hold").exists():
        time.sleep(0.05)
    for epoch in (1, 2, 3):
        tune.report({"loss": config["x"] + 1 / epoch})


def test_make_tune_with_bohb_tells_its_model_what_the_trials_reported(ray_running, tmp_path, capsys):
    """The whole command: the table with the untuned default, and as many results told as there are in checkpoints."""
    from hpt_lessons.raytune.__main__ import main

    small = ["--search", "bohb", "--samples", "5", "--epochs", "3", "--data", "standin"]
    small += ["--train-size", "300", "--name", "bohb"]
    assert main([*small, "--data-dir", str(tmp_path / "data"), "--folder", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    counts = re.findall(r"(\d+) of (\d+) at epoch (\d)", said)
    assert {epoch: int(told) for told, _, epoch in counts} == {"1": 3, "3": 1 + 2}
    assert all(told == reported for told, reported, _ in counts)
    assert re.search(r"untuned default +3 +\d\.\d{3}", said) and "generated pictures (stand-in)" in said


def test_killed_again_and_again_a_search_loses_nothing(tmp_path):
    """The short form of `python tests/programs/kill_study.py`: two kills, one inside the writing of a checkpoint."""
    moments = kill_study.kill_and_resume(tmp_path, kills=2, seed=1)
    assert kill_study.check_toy(tmp_path) == [], moments


def test_killed_again_and_again_bohb_knows_what_it_knew(tmp_path):
    """After a kill the model and the brackets are as they were: told is what was reported, nothing is trained twice."""
    moments = kill_study.kill_and_resume(tmp_path, kills=2, seed=3, kind="bohb")
    assert kill_study.check_bohb(tmp_path) == [], moments


def test_killed_once_a_search_with_train_cifar_loses_nothing(tmp_path):
    moments = kill_study.kill_and_resume(tmp_path, kills=2, seed=2, kind="cifar")
    assert kill_study.check_cifar(tmp_path) == [], moments


def test_ctrl_c_keeps_every_epoch_and_says_how_to_go_on(tmp_path):
    search = kill_study.start(tmp_path)
    deadline = time.monotonic() + 240
    while kill_study.epochs(tmp_path) < 5 and search.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    search.send_signal(signal.SIGINT)
    assert search.wait(timeout=120) == 0
    assert re.search(r"\d+ finished epochs of \d+ trials are kept.*resume=True", (tmp_path / "output.txt").read_text())
    trials = Trials.read(kill_study.journal(tmp_path))
    assert "interrupted" in {trial.status for trial in trials}
    assert kill_study.start(tmp_path).wait(timeout=400) == 0
    assert kill_study.check_toy(tmp_path) == []
