"""What stopping cost: the stopped trials are trained on from where they were, beside the study that stopped them."""

import json

import pytest

from hpt_lessons.search.halving import SuccessiveHalving
from hpt_lessons.search.searchers import Listed
from hpt_lessons.study.control import Control
from hpt_lessons.study.finish import finish_stopped
from hpt_lessons.study.here import run_here

EPOCHS = 9


class Training:
    """Trial x starts at x and falls by `falls[x]` an epoch; `before(trial, epoch)` is called before each."""

    def __init__(self, falls, before=lambda trial, epoch: None):
        self.falls, self.before, self.trained = falls, before, []

    def __call__(self, config, checkpoint):
        history = json.loads(checkpoint.read_text()) if checkpoint.exists() else []
        yield from history
        for epoch in range(len(history) + 1, EPOCHS + 1):
            self.before(checkpoint.stem, epoch)
            self.trained.append((config["x"], epoch))
            loss = config["x"] - self.falls.get(config["x"], 0.0) * epoch
            history.append({"epoch": epoch, "loss": loss, "accuracy": 0.5, "seconds": 1.0})
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
            checkpoint.write_text(json.dumps(history))
            yield history[-1]


def searched(folder, falls, before=lambda trial, epoch: None, **options):
    """Nine trials x = 1..9 for one epoch, the three lowest for three, the lowest for nine."""
    searcher, scheduler = Listed([{"x": float(x)} for x in range(1, 10)]), SuccessiveHalving([(9, 1), (3, 3), (1, 9)])
    options = {"max_epochs": EPOCHS, "scheduler": scheduler, "name": "mine", "folder": folder, **options}
    return run_here(Training(falls, before), searcher, **options)


LATE = {9.0: 1.0, 5.0: 0.6}  # at the end 0 and -0.4; the winner stays at 1


def test_a_late_winner_that_was_cut_is_found_and_what_it_cost(tmp_path):
    study = searched(tmp_path, LATE)
    assert study.best().config == {"x": 1.0}
    train = Training(LATE)
    finished = study.finish_stopped(train)
    assert {trial.config["x"] for trial in finished.better} == {5.0, 9.0}
    assert finished.cost == pytest.approx(1.0 - (5 - 0.6 * 9))
    assert len(finished.trials) == 8 and finished.left == ()
    assert finished.saved == finished.spent == len(train.trained) == 6 * 8 + 2 * 6
    assert all(trial.budget == EPOCHS for trial in finished.trials)
    assert {trial.name for trial in finished.trials} == {trial.name for trial in study.trials if trial.budget < EPOCHS}
    assert "2 of them would have beaten the winner: 0004 by 1.400" in str(finished)


def test_where_nothing_was_lost_it_says_so(tmp_path):
    finished = searched(tmp_path, {}).finish_stopped(Training({}))
    assert len(finished.better) == 0 and finished.cost == 0.0
    assert "None of them would have beaten the winner, 0000 (1.000)." in str(finished)


def test_no_epoch_is_trained_twice_and_the_study_stays_as_it_was(tmp_path):
    study = searched(tmp_path, LATE)
    before = {path: path.read_bytes() for path in study.folder.rglob("*") if path.is_file()}
    train = Training(LATE)
    study.finish_stopped(train)
    assert min(epoch for _, epoch in train.trained) == 2 and len(set(train.trained)) == len(train.trained)
    assert {path: path.read_bytes() for path in before} == before


def test_what_there_was_no_time_for_goes_on_another_day(tmp_path):
    study = searched(tmp_path, LATE)
    control = Control()
    first = Training(LATE, lambda trial, epoch: control.stop() if len(first.trained) == 19 else None)
    some = finish_stopped(study, first, control=control)
    assert 0 < len(some.trials) < 8 and len(some.trials) + len(some.left) == 8
    assert "95 % interval; a random sample" in str(some)
    rest = Training(LATE)
    whole = finish_stopped(study, rest)
    assert len(whole.trials) == 8 and len(first.trained) + len(rest.trained) == 60
    assert not set(first.trained) & set(rest.trained)
    again = Training(LATE)
    assert str(finish_stopped(study, again)) == str(whole) and again.trained == []


def test_the_order_is_random_and_the_seed_decides(tmp_path):
    orders = []
    for seed in (0, 0, 1):
        study = searched(tmp_path / str(len(orders)), {})
        train = Training({})
        finish_stopped(study, train, seed=seed)
        orders.append(list(dict.fromkeys(x for x, _ in train.trained)))
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != sorted(orders[0])


def test_who_was_cancelled_is_left_alone(tmp_path):
    control = Control()
    study = searched(tmp_path, LATE, lambda *at: at == ("0001", 2) and control.cancel("0001"), control=control)
    finished = study.finish_stopped(Training(LATE))
    assert study.trials["0001"].budget == 1
    assert "0001" not in [trial.name for trial in finished.trials] and len(finished.trials) == 7


def test_what_cannot_be_finished_is_refused(tmp_path):
    whole = run_here(Training({}), Listed([{"x": 1.0}]), max_epochs=EPOCHS, name="whole", folder=tmp_path)
    with pytest.raises(ValueError, match="stopped no trial"):
        whole.finish_stopped(Training({}))
    control = Control()
    control.stop()
    begun = searched(tmp_path, {}, control=control)
    with pytest.raises(ValueError, match="is not finished"):
        begun.finish_stopped(Training({}))
    for hours in (0, -1, "1", True, float("nan")):
        with pytest.raises(ValueError, match="hours="):
            searched(tmp_path, {}, resume=True).finish_stopped(Training({}), hours=hours)
