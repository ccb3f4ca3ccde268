"""A search in this process: a training that writes down what it trained, and a user who comes in between."""

import json
import math
import threading

import pytest

from hpt_lessons.journal import Journal
from hpt_lessons.search import halving, rungs
from hpt_lessons.search.searchers import Listed
from hpt_lessons.study.control import Control
from hpt_lessons.study.here import run_here
from hpt_lessons.study.running import launch
from hpt_lessons.trials import Trials
from hpt_lessons.view.live.model import SearchModel

EPOCHS = 4


class Training:
    """Trains a parabola with its best at x = 3, keeps a checkpoint; before an epoch it calls `before(trial, epoch)`."""

    def __init__(self, before=lambda trial, epoch: None):
        self.before, self.trained = before, []

    def __call__(self, config, checkpoint):
        history = json.loads(checkpoint.read_text()) if checkpoint.exists() else []
        yield from history
        for epoch in range(len(history) + 1, EPOCHS + 1):
            self.before(checkpoint.stem, epoch)
            self.trained.append((checkpoint.stem, epoch))
            loss = (config["x"] - 3) ** 2 + 1 / epoch
            history.append({"epoch": epoch, "loss": loss, "accuracy": 0.5, "diverged": config["x"] > 90})
            checkpoint.parent.mkdir(exist_ok=True)
            checkpoint.write_text(json.dumps(history))
            yield history[-1]


def five():
    return Listed([{"x": float(x)} for x in range(5)])


def search(folder, train=None, searcher=None, **options):
    options = {"max_epochs": EPOCHS, "name": "mine", "folder": folder, "fixed": {"default": {"x": 9.0}}, **options}
    return run_here(train or Training(), searcher or five(), **options)


def ends(trials):
    return {trial.name: (trial.status, trial.budget) for trial in trials}


ALL = dict.fromkeys(["default", *(f"000{n}" for n in range(5))], ("completed", EPOCHS))


def test_the_default_is_trained_beside_the_search_with_equal_epochs(tmp_path):
    study = search(tmp_path)
    assert study.finished and ends(study.trials) == ALL
    assert study.best().name == "0003" and "default" not in study.searched


def test_trials_take_turns_so_that_several_can_be_watched(tmp_path):
    train = Training()
    search(tmp_path, train, at_once=2)
    assert train.trained[:6] == [("default", 1), ("0000", 1), ("default", 2), ("0000", 2), ("default", 3), ("0000", 3)]
    assert len(train.trained) == len(set(train.trained)) == 6 * EPOCHS


def test_the_journal_is_read_by_the_reader_of_every_study(tmp_path):
    study = search(tmp_path, data="five numbers", settings={"seed": 0})
    events = Journal(study.folder / "journal.jsonl").read()
    assert (events[0]["event"], events[0]["data"], events[0]["settings"]["trials"]) == ("study", "five numbers", 5)
    model = SearchModel()
    model.apply_all(events)
    assert model.complete and model.trials == study.trials == Trials.from_events(events)
    assert model.incumbent.name == "0003"


def test_the_time_left_counts_one_epoch_at_a_time(tmp_path):
    """Four trials take turns, and still each epoch that is left takes its own seconds."""

    def slow(config, checkpoint):
        for epoch in range(1, EPOCHS + 1):
            yield {"epoch": epoch, "loss": 1.0, "seconds": 10.0}

    study = search(tmp_path, slow, at_once=4)
    events = Journal(study.folder / "journal.jsonl").read()
    model = SearchModel()
    model.apply_all(events[: next(n for n, event in enumerate(events) if event["event"] == "result") + 1])
    assert model.count("running") == 4 and model.seconds_left == 10.0 * (6 * EPOCHS - 1)


def test_who_is_cancelled_stops_and_the_others_go_on(tmp_path):
    """In the middle of its second epoch, which is not counted; a resume does not bring it back."""
    control = Control()
    train = Training(lambda trial, epoch: control.cancel("0001") if (trial, epoch) == ("0001", 2) else None)
    study = search(tmp_path, train, control=control)
    assert study.finished and ends(study.trials) == {**ALL, "0001": ("stopped", 1)}
    assert {"event": "end", "trial": "0001", "status": "stopped", "why": "cancelled"} in Journal(
        study.folder / "journal.jsonl"
    ).read()
    again = Training()
    assert ends(search(tmp_path, again, resume=True).trials) == ends(study.trials) and again.trained == []


def test_a_stopped_search_goes_on_and_ends_with_the_same_trials(tmp_path):
    """Wherever it is stopped: as if it had not been, and no finished epoch is trained again."""
    whole = search(tmp_path / "whole")
    for epochs in range(1, 6 * EPOCHS):
        control, train, folder = Control(), Training(), tmp_path / str(epochs)
        train.before = lambda *_, c=control, t=train, n=epochs: c.stop() if len(t.trained) + 1 == n else None
        stopped = search(folder, train, control=control)
        assert not stopped.finished and sum(trial.budget for trial in stopped.trials) == epochs
        assert {trial.status for trial in stopped.trials} <= {"completed", "interrupted"}
        rest = Training()
        study = search(folder, rest, resume=True)
        assert study.finished and study.trials == whole.trials
        assert len(train.trained) + len(rest.trained) == 6 * EPOCHS


def test_an_interrupt_of_the_kernel_leaves_what_was_finished(tmp_path, capsys):
    def interrupt(trial, epoch):
        if (trial, epoch) == ("0002", 2):
            raise KeyboardInterrupt

    study = search(tmp_path, Training(interrupt))
    assert not study.finished and study.trials["0002"].status == "interrupted" and study.trials["0002"].budget == 1
    assert "Go on with resume=True and name='mine'" in capsys.readouterr().out
    assert ends(search(tmp_path, resume=True).trials) == ALL


def test_a_trial_that_raises_is_recorded_and_the_search_goes_on(tmp_path):
    def fail(trial, epoch):
        if (trial, epoch) == ("0001", 3):
            raise RuntimeError("no memory left")

    study = search(tmp_path, Training(fail))
    assert study.finished and ends(study.trials) == {**ALL, "0001": ("failed", 2)}
    end = [event for event in Journal(study.folder / "journal.jsonl").read() if event.get("status") == "failed"]
    assert end == [{"event": "end", "trial": "0001", "status": "failed", "why": "RuntimeError: no memory left"}]


def test_a_trial_that_diverges_is_recorded_and_never_the_best(tmp_path):
    study = search(tmp_path, searcher=Listed([{"x": 99.0}, {"x": 0.0}]))
    assert ends(study.trials)["0000"] == ("diverged", 1) and study.best().name == "0001"


def test_the_same_search_gives_the_same_trials(tmp_path):
    assert search(tmp_path / "one").trials == search(tmp_path / "two").trials


@pytest.mark.parametrize("at_once", [1, 3])
def test_halving_lets_the_best_go_on(tmp_path, at_once):
    """Five trials for one epoch; of the parabola's losses it is known who comes to the second rung and to the third."""
    scheduler = halving.SuccessiveHalving(rungs.halving_plan(5, 1, EPOCHS, eta=2))
    study = search(tmp_path, scheduler=scheduler, at_once=at_once)
    kept = sorted((trial for trial in study.searched if trial.budget > 1), key=lambda trial: abs(trial.config["x"] - 3))
    assert study.finished and study.best().name == kept[0].name == "0003" and kept[0].budget == EPOCHS
    assert study.trials["default"].budget == EPOCHS
    assert all(trial.status == "stopped" for trial in study.searched if trial.budget < EPOCHS)


def test_what_cannot_be_searched_is_an_error_that_says_why(tmp_path):
    search(tmp_path)
    with pytest.raises(FileExistsError, match="resume=True"):
        search(tmp_path)
    with pytest.raises(ValueError, match="max_epochs = 4, and now it is 3"):
        search(tmp_path, resume=True, max_epochs=3)


def test_a_launched_search_runs_beside_us_and_answers_the_buttons(tmp_path):
    """The cell comes back at once; a trial is cancelled by its name, the search stopped, and launched again it ends."""
    reached, go = threading.Event(), threading.Event()

    def wait(trial, epoch):
        if (trial, epoch) == ("0003", 2):
            reached.set()
            go.wait(60)

    options = {"max_epochs": EPOCHS, "folder": tmp_path}
    running = launch(run_here, Training(wait), five(), name="mine", **options)
    assert reached.wait(60) and running.running
    with pytest.raises(ValueError, match="there is no trial of this name"):
        running.cancel("0009")
    running.cancel("0003")
    running.stop()
    go.set()
    stopped = running.wait(60)
    assert not stopped.finished and ends(stopped.trials)["0003"] == ("stopped", 1)
    study = launch(run_here, Training(), five(), name="mine", resume=True, **options).wait(60)
    assert ends(study.trials) == {f"000{n}": ("stopped", 1) if n == 3 else ("completed", EPOCHS) for n in range(5)}
    with pytest.raises(FileExistsError):
        launch(run_here, Training(), five(), name="mine", **options)


def test_losses_that_are_no_numbers_do_not_win(tmp_path):
    def nothing(config, checkpoint):
        yield {"epoch": 1, "loss": math.nan, "accuracy": 0.0, "diverged": True}

    study = search(tmp_path, nothing)
    assert study.finished and {trial.status for trial in study.trials} == {"diverged"}
