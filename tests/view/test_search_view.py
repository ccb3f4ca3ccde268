"""The live view of a search: the model from journals and from events, the pictures, the widgets, the lines of text."""

import io
import json
import math
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from helpers.machine import SCHEDULERS, SPACE, Machine
from hpt_lessons.journal import Journal
from hpt_lessons.search.bohb import BOHBSampler
from hpt_lessons.study.control import Control
from hpt_lessons.trials import Trials
from hpt_lessons.view.live import pictures
from hpt_lessons.view.live.model import SearchModel
from hpt_lessons.view.live.reader import JournalReader
from hpt_lessons.view.live.text import SearchText
from hpt_lessons.view.live.widget import Pace, SearchView
from hpt_lessons.view.look import marks

REAL = Path(__file__).parents[1] / "reference" / "search_on_cifar10_jpeg_copy.jsonl"


def told(*events, **options):
    model = SearchModel(**options)
    model.apply_all(events)
    return model


def study(trials=3, max_epochs=9, **more):
    return {"event": "study", "name": "toy", "data": "invented", "settings": {"max_epochs": max_epochs,
            "trials": trials}, "waits": False, "fixed": [], **more}  # fmt: skip


def begin(name, to=9, **config):
    return {"event": "trial", "trial": name, "config": config or {"lr": 0.1}, "to": to}


def result(name, epoch, loss, seconds=2.0, **more):
    return {"event": "result", "trial": name, "epoch": epoch, "loss": loss, "seconds": seconds, **more}


def end(name, status, **more):
    return {"event": "end", "trial": name, "status": status, **more}


# -- the model -----------------------------------------------------------------------------------------------------


def test_the_model_agrees_with_the_journal_read_by_hand():
    """A real search on real pictures, never resumed: each line of its journal says one thing, once."""
    lines = [json.loads(line) for line in REAL.read_text().splitlines()]
    losses = {line["trial"]: [] for line in lines if line["event"] == "trial"}
    for line in lines:
        if line["event"] == "result":
            losses[line["trial"]].append(line["loss"])
    ends = {line["trial"]: line["status"] for line in lines if line["event"] == "end"}
    model = told(*Journal(REAL).read())
    assert {trial.name: trial.values("loss") for trial in model.trials} == losses
    assert {trial.name: trial.status for trial in model.trials} == ends
    assert model.trials == Trials.read(REAL)
    best = min((values[-1], name) for name, values in losses.items() if name != "default")
    assert (model.value(model.incumbent), model.incumbent.name) == best
    assert (model.state, model.num_trials, model.planned) == ("complete", 11, model.epochs)
    assert model.epochs == sum(map(len, losses.values()))


def test_a_table_of_trials_is_a_search_that_is_over():
    """The same state as the journal from which the table was read; what was under way was cut off."""
    table, model = Trials.read(REAL), told(*Journal(REAL).read())
    over = SearchModel.of(table)
    assert over.trials == table
    assert (over.state, over.incumbent.name, over.epochs) == ("complete", model.incumbent.name, model.epochs)
    assert SearchView(table).model.trials == table
    assert SearchModel.of(Trials()).state == "ended"


def test_a_table_with_a_trial_that_was_cut_off_has_ended_and_its_bar_is_full():
    """Nobody knows what was planned: a replay that has spent its epochs was not interrupted."""
    over = SearchModel.of(told(study(), begin("a"), result("a", 1, 0.5)).trials)
    assert (over.state, over.words(over.rows["a"])) == ("ended", "interrupted")
    head = pictures.head(over)
    assert "width: 100.0%" in head and ">ended<" in head and "so far" not in head


def test_the_best_is_the_best_so_far_as_long_as_somebody_may_beat_it():
    """In the head, in the legend, in plain text."""
    model = told(study(trials=1), begin("a"), result("a", 1, 0.5))
    for draw in (pictures.head, pictures.curves, pictures.table, pictures.text):
        assert re.search("best (of the search )?so far", draw(model).lower())
    model.apply(end("a", "completed"))
    for draw in (pictures.head, pictures.curves, pictures.table, pictures.text):
        assert "best" in draw(model).lower() and "so far" not in draw(model)


@given(cuts=st.lists(st.integers(0, 12_000), max_size=8))
def test_a_journal_heard_in_pieces_says_the_same(tmp_path_factory, cuts):
    """Whatever has been written when somebody looks, half a line included: in the end nothing is lost or doubled."""
    whole = REAL.read_bytes()
    path = tmp_path_factory.mktemp("study") / "journal.jsonl"
    path.write_bytes(b"")
    model = SearchModel()
    reader = JournalReader(path, model)
    for cut in [*sorted(cuts), len(whole)]:
        path.write_bytes(whole[:cut])
        reader.poll()
    assert model.trials == Trials.read(REAL)
    assert model.num_events == whole.count(b"\n")


def test_a_damaged_last_line_waits_for_its_end_and_a_damaged_one_before_is_left_out(tmp_path):
    path = tmp_path / "journal.jsonl"
    line = json.dumps(result("0000", 1, 0.5)).encode()
    path.write_bytes(json.dumps(begin("0000")).encode() + b"\n" + line[:20])
    model = SearchModel()
    reader = JournalReader(path, model)
    reader.poll()
    assert [row.epoch for row in model.rows.values()] == [0]
    Journal(path).append(result("0000", 1, 0.4))  # a resumed search closes the torn line off
    reader.poll()
    assert [row.results[-1].loss for row in model.rows.values()] == [0.4]


ENDS = [
    ("completed", "", "completed"),
    ("stopped", "", "stopped early"),
    ("stopped", "cancelled", "cancelled"),
    ("diverged", "", "diverged"),
    ("failed", "MemoryError: no", "failed"),
    ("interrupted", "", "interrupted"),
]


@pytest.mark.parametrize(("status", "why", "words"), ENDS)
def test_every_end_has_its_words_its_sign_and_its_mark(status, why, words):
    model = told(study(1), begin("0000"), result("0000", 1, 0.5), end("0000", status, why=why))
    row = model.rows["0000"]
    assert model.words(row) == words
    assert pictures.SIGNS[words] in pictures.table(model) and words in pictures.curves(model)
    assert (why or words) in pictures.line(model, row)
    assert model.complete == (status != "interrupted")


def test_a_trial_that_reached_its_rung_pauses_until_it_goes_on_or_is_cut():
    model = told(study(2, waits=True), begin("0000", to=1), result("0000", 1, 0.5))
    assert model.words(model.rows["0000"]) == "paused"
    model.apply({"event": "goes on", "trial": "0000", "to": 3})
    assert model.words(model.rows["0000"]) == "running" and model.rows["0000"].goal == 3
    model.apply_all([begin("0001", to=1), result("0001", 1, 0.9), end("0001", "stopped")])
    assert model.words(model.rows["0001"]) == "stopped early"


def test_where_nobody_waits_for_others_nobody_pauses():
    """Ray's ASHA lets a trial go on without a word in the journal."""
    assert told(study(), begin("0000", to=1), result("0000", 1, 0.5)).rows["0000"].status == "running"


def test_after_a_resume_what_was_cut_off_waits_for_a_place_and_what_was_cancelled_stays_so():
    model = told(
        study(5),
        *(begin(f"000{n}") for n in range(5)),
        end("0000", "interrupted"),
        end("0001", "failed"),
        end("0002", "stopped", why="cancelled"),
        end("0003", "completed"),
        {"event": "resumed"},
    )
    states = ["waiting", "waiting", "stopped", "completed", "waiting"]  # 0004: the search was killed
    assert [row.status for row in model.rows.values()] == states
    model.apply(result("0000", 1, 0.5))
    assert model.rows["0000"].status == "running"


def test_a_search_that_nobody_runs_has_no_running_trials():
    model = told(study(), begin("0000"))
    assert (model.state, model.words(model.rows["0000"])) == ("running", "running")
    model.alive = False
    assert (model.state, model.words(model.rows["0000"])) == ("interrupted", "interrupted")


RACE = [
    study(4, fixed=["default"]),
    *(begin(name) for name in ("default", "a", "b", "c")),
    result("default", 1, 0.1),
    result("a", 1, 0.2),
    result("a", 2, 0.6),
    result("b", 1, 0.5),
    result("c", 1, 0.3),
    result("c", 2, 1e6, diverged=True),
    end("c", "diverged"),
]


def test_the_incumbent_is_searched_sound_and_best_by_its_last_epoch():
    assert told(*RACE).incumbent.name == "b"
    flipped = told(*RACE[1:], metric="score", mode="max")
    assert flipped.incumbent is None and "report diverged, loss, seconds" in pictures.wrong_metric(flipped)


@pytest.mark.parametrize("scope", ["last", "all"])
def test_the_incumbent_is_the_best_of_the_table_by_the_same_rule(scope):
    """The oracle is the table's own `best`."""
    for events in (RACE, Journal(REAL).read()):
        model = told(*events, scope=scope)
        searched = [row for row in model.rows if row not in model.fixed]
        assert model.incumbent.name == model.trials.best(scope=scope, among=searched).name


def test_the_best_does_not_get_worse_by_its_best_epoch_and_by_its_last_the_view_says_so():
    best, last = told(*RACE[:3], scope="all"), told(*RACE[:3])
    for model in (best, last):
        model.apply_all([result("a", 1, 2.124), result("a", 2, 2.177)])
    assert pictures.verdict(best).startswith(
        "Best of the search so far, by the best epoch: a, loss 2.124 after epoch 1"
    )
    said = pictures.verdict(last)
    assert said.startswith("Best of the search so far, by the last epoch: a, loss 2.177 after epoch 2")
    assert said.endswith("By the best epoch it would be a: 2.124 after epoch 1.")
    with pytest.raises(ValueError, match="scope='first' is not possible; choose 'last' or 'all'"):
        SearchModel(scope="first")


@pytest.mark.parametrize(
    ("default", "words"),
    [
        ([1.756], "The untuned default is better: 1.756 after epoch 1."),
        ([3.0], "The untuned default is worse: 3 after epoch 1."),
        ([2.0, 2.09604], "The untuned default is as good: 2.096 after epoch 2."),
        ([1e7], "The untuned default diverged."),
        ([], "The untuned default has no result."),
    ],
)
def test_the_view_says_how_the_untuned_default_compares(default, words):
    model = told(study(1, fixed=["default"]), begin("default"), begin("0000"))
    model.apply_all(result("default", epoch, loss) for epoch, loss in enumerate(default, start=1))
    model.apply(result("0000", 1, 2.096))
    running = pictures.beside(model)
    assert running == words.replace("better", "better so far").replace("worse", "worse so far").replace(
        "good", "good so far"
    ).replace("no result", "no result yet")
    model.apply_all([end("0000", "completed"), end("default", "stopped" if default else "failed")])
    assert pictures.beside(model) == words
    for draw in (pictures.head, pictures.text):
        assert words in draw(model)


def test_more_is_better_where_the_metric_says_so():
    model = told(study(1, fixed=["default"]), begin("default"), begin("0000"), metric="accuracy")
    model.apply_all([result("default", 1, 1.0, accuracy=0.4), result("0000", 1, 2.0, accuracy=0.14)])
    assert pictures.beside(model) == "The untuned default is better so far: 0.4 after epoch 1."


def test_an_axis_has_a_unit_only_where_it_is_known():
    plain = told(begin("a"), result("a", 1, 0.5))
    assert (pictures.label(plain), pictures.label(told(*RACE, metric="rmse"))) == ("loss", "rmse")
    assert pictures.label(told(*Journal(REAL).read())) == "validation loss per picture (nats)"


@pytest.mark.parametrize("strange", [math.nan, math.inf, "high", None, [1, 2], {"a": 1}])
def test_a_strange_result_is_no_incumbent_and_stops_nothing(strange):
    """The search is the user's: whatever it reports, looking at it must not end it."""
    model = told(
        study(2),
        begin("0000"),
        result("0000", 1, strange),
        begin("0001"),
        result("0001", 1, 0.5),
        {"event": "news from the future"},
        {"trial": "0000"},
        {},
    )
    assert model.incumbent.name == "0001"
    assert "0000" in pictures.still(model) and "0000" in pictures.text(model)


def test_time_left_is_the_epochs_left_at_the_pace_so_far_shared_by_the_workers():
    """Two trials of 9 epochs at 2 s, two at a time, four more to come: 12 + 4 x 9 epochs, 2 s each, halved."""
    model = told(study(6), begin("a"), begin("b"), *(result(name, n, 1) for n in (1, 2, 3) for name in "ab"))
    assert model.planned == 6 * 9
    assert model.seconds_left == pytest.approx((12 + 36) * 2.0 / 2)
    assert "6 of about 54 epochs, about 48 s left" in pictures.amount(model)


def test_where_trials_are_stopped_early_less_is_expected_of_those_to_come():
    model = told(
        study(10),
        *(
            event
            for n in range(4)
            for event in (begin(str(n)), result(str(n), 1, 1), *([end(str(n), "stopped")] if n < 3 else []))
        ),
    )
    assert model.planned == 3 * 1 + 2 + 6 * 1


def test_a_cancelled_trial_takes_off_the_epochs_that_it_will_not_train_and_nothing_else():
    """Nine trials of eight epochs, nobody stopped early; one is cancelled after its first."""
    model = told(study(9, max_epochs=8), begin("a"), begin("b"), result("a", 1, 1), result("b", 1, 1))
    assert model.planned == 72
    model.apply(end("a", "stopped", why="cancelled"))
    assert model.planned == 72 - 7
    model.apply_all([begin("c"), result("c", 1, 1)])
    assert model.planned == 72 - 7 and "3 of about 65 epochs, about 1 min 2 s left" in pictures.amount(model)


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
def test_what_is_seen_is_what_the_search_knows(tmp_path, scheduler):
    """After every result of a search with each scheduler: who runs and who pauses, by the search's own account."""
    machine = Machine(tmp_path, lambda: BOHBSampler(SPACE, seed=1), SCHEDULERS[scheduler], 15)
    state = machine.state()
    Journal(machine.path).append(study(15, waits=bool(state.search.scheduler.waits), fixed=["default"]))
    model, offset, seen = SearchModel(), 0, set()

    def look():
        nonlocal offset
        events, offset = Journal(machine.path).read_on(offset)
        model.apply_all(events)
        assert {row.name for row in model.rows.values() if row.status == "running"} == set(state.running)
        assert {row.name for row in model.rows.values() if row.status == "paused"} == state.paused
        seen.update(row.status for row in model.rows.values())

    while name := state.next_trial():
        look()
        for epoch in range(state.epochs[name] + 1, 10):
            action = machine.report(state, name, epoch)
            look()
            if action != "continue":
                break
    look()
    assert model.complete and model.trials == Trials.read(machine.path)
    assert ("paused" in seen) == (scheduler not in ("stopping", "no stopping"))


# -- the source ----------------------------------------------------------------------------------------------------


def test_a_search_in_another_process_is_known_by_its_lock(tmp_path):
    """Whoever runs a study holds its lock; when the lock is free, nobody does."""
    Journal(tmp_path / "journal.jsonl").append(begin("0000"))
    model = SearchModel()
    with FileLock(tmp_path / "study.lock"):
        assert JournalReader(tmp_path, model).poll()
    assert model.state == "running" and model.name == tmp_path.name
    assert not JournalReader(tmp_path, model).poll()
    assert model.state == "interrupted"


def test_a_folder_without_a_search_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no journal\.jsonl"):
        SearchView(tmp_path / "nowhere")


# -- pictures and text ---------------------------------------------------------------------------------------------


def test_a_name_is_text_and_nothing_else():
    model = told(
        study(1, name="<b>x", data="<script>1</script>"),
        begin("<i>", **{"<u>": "<s>"}),
        result("<i>", 1, 0.5),
        end("<i>", "failed", why="<img src=x onerror=alert(1)>"),
    )
    html = pictures.still(model)
    assert not re.search(r"<(i|u|s|script|img)\b", html) and "&lt;script&gt;" in html


@given(st.lists(st.floats(-1e9, 1e9), min_size=1), st.sampled_from(["min", "max"]))
def test_the_best_is_always_inside_the_picture(values, mode):
    low, high = marks.limits(values, mode)
    assert low < high and low <= (min if mode == "min" else max)(values) <= high
    assert 1 <= len(marks.ticks(low, high)) <= 8


def test_nested_configurations_get_a_column_each_and_many_trials_are_cut_to_those_that_matter():
    model = told(study(400), *(event for n in range(300) for event in (
        begin(f"{n:04d}", optimizer={"name": "sgd", "lr": n}), result(f"{n:04d}", 1, 300 - n),
        end(f"{n:04d}", "stopped"))), begin("last"))  # fmt: skip
    html = pictures.table(model)
    assert ">optimizer/lr<" in html and html.count("<tr") == 1 + pictures.SHOWN
    assert ">last<" in html and ">0299 " in html and ">0000<" not in html and "101 more" in html


# -- the widgets ---------------------------------------------------------------------------------------------------


class Handle:
    """A search that was launched, without Ray."""

    def __init__(self, folder, *events):
        self.name, self.folder, self.control, self.running, self.error = folder.name, folder, Control(), True, None
        self.cancelled = []
        for event in events:
            self.tell(event)

    def tell(self, event):
        Journal(self.folder / "journal.jsonl").append(event)

    def cancel(self, trial):
        if trial == "0001":
            raise ValueError("cancel '0001': it is completed already.")
        self.cancelled.append(trial)

    def stop(self):
        self.control.stop()


def offered(view):
    """The trials that can be cancelled, as listed; the first entry is none of them."""
    first, *others = view.trial.options
    assert first == ("choose a trial", "")
    return [value for _, value in others]


def test_the_table_fills_and_the_chosen_trial_stays_chosen(tmp_path):
    handle = Handle(tmp_path, study(), begin("0000"), begin("0001"))
    view = SearchView(handle)
    assert offered(view) == ["0000", "0001"] and view.trial.value == "" and view.table.value.count("<tr") == 1 + 2
    view.trial.value = "0001"
    handle.tell(begin("0002"))
    handle.tell(end("0000", "completed"))
    view.update()
    assert offered(view) == ["0001", "0002"] and view.trial.value == "0001"
    assert view.table.value.count("<tr") == 1 + 3


def test_the_buttons_cancel_and_stop_and_say_so(tmp_path):
    handle = Handle(tmp_path, study(), begin("0000"), begin("0001"))
    view = SearchView(handle)
    view.cancel.click()
    assert handle.cancelled == [] and "Choose a trial first" in view.message.value
    view.trial.value = "0000"
    view.cancel.click()
    assert handle.cancelled == ["0000"] and "Trial 0000 ends" in view.message.value
    view.stop.click()
    assert handle.control.stopping and view.stop.disabled and view.cancel.disabled
    handle.tell(end("0000", "stopped", why="cancelled"))
    handle.tell(end("0001", "interrupted"))
    handle.running = False
    assert not view.update()
    assert "finished epochs are kept" in view.message.value and offered(view) == [] and view.stop.disabled


def test_what_the_search_is_compared_with_comes_last_and_is_asked_about(tmp_path):
    handle = Handle(tmp_path, study(fixed=["default"]), begin("default"), begin("0000"))
    view = SearchView(handle)
    assert offered(view) == ["0000", "default"] and view.sure.layout.visibility == "hidden"
    view.trial.value = "default"
    view.cancel.click()
    view.cancel.click()
    assert handle.cancelled == [] and "compared with" in view.message.value and view.sure.layout.visibility is None
    handle.tell(begin("0001"))
    view.update()
    assert "compared with" in view.message.value  # the question waits for its answer
    view.trial.value = "0000"
    assert view.sure.layout.visibility == "hidden" and "compared with" not in view.message.value
    view.trial.value = "default"
    view.cancel.click()
    view.sure.click()
    assert handle.cancelled == ["default"] and view.sure.layout.visibility == "hidden"


def test_what_was_said_goes_when_it_is_not_true_any_more(tmp_path):
    handle = Handle(tmp_path, study(), begin("0000"), begin("0001"))
    view = SearchView(handle)
    view.trial.value = "0001"
    handle.tell(end("0001", "completed"))  # and the view has not seen it
    view.cancel.click()
    assert "it is completed already" in view.message.value and offered(view) == ["0000"]
    view.update()
    assert "it is completed already" in view.message.value
    handle.tell(begin("0002"))
    view.update()
    assert "completed already" not in view.message.value
    view.trial.value = "0002"
    view.cancel.click()
    handle.tell(end("0002", "stopped", why="cancelled"))
    view.update()
    assert "Trial 0002: cancelled." in view.message.value and view.trial.value == ""
    handle.tell(begin("0003"))
    view.update()
    assert "0002" not in view.message.value


def test_after_a_stop_there_is_a_line_to_go_on_with(tmp_path):
    handle = Handle(tmp_path, study(), begin("0000"), end("0000", "interrupted"))
    handle.again = "search = launch(tune, {'a': 1}, resume=True)"
    view = SearchView(handle)
    assert view.again.layout.display == "none"
    handle.running = False
    view.update()
    assert view.again.layout.display is None and "launch(tune, {&#x27;a&#x27;: 1}" in view.again.value


def test_the_chosen_trial_is_marked_in_the_curves_and_in_the_table(tmp_path):
    view = SearchView(Handle(tmp_path, study(), begin("0000"), result("0000", 1, 0.5), begin("0001")))
    assert "hpt-marked" not in view.table.value and "opacity: 0.3" not in view.curves.value
    view.trial.value = "0000"
    row = re.search(r'<tr class="[^"]*hpt-marked"><th scope="row">([^< ]*)', view.table.value)
    assert row[1] == "0000" and "opacity: 0.3" in view.curves.value


def test_a_listener_hears_of_the_state_at_once_and_of_the_rest_now_and_then(tmp_path, monkeypatch):
    clock = SimpleNamespace(now=0.0)
    times = SimpleNamespace(monotonic=lambda: clock.now, thread_time=lambda: 0.0)
    monkeypatch.setattr("hpt_lessons.view.live.widget.time", times)
    handle = Handle(tmp_path, study(1), begin("0000"))
    view = SearchView(handle)
    heard = [view.spoken.value]
    for seconds, event in ((1, result("0000", 1, 0.5)), (20, result("0000", 2, 0.4)), (21, result("0000", 3, 0.3))):
        clock.now = seconds
        handle.tell(event)
        view.update()
        heard.append(view.spoken.value)
    assert heard[0] == heard[1] != heard[2] == heard[3] and 'role="status"' in heard[2] and "loss 0.4" in heard[2]
    handle.tell(end("0000", "completed"))
    view.update()
    assert "complete:" in view.spoken.value and "loss 0.3" in view.spoken.value


def test_a_search_that_failed_says_why(tmp_path):
    handle = Handle(tmp_path, study())
    handle.error, handle.running = ValueError("one trial asks for 64 CPUs"), False
    view = SearchView(handle)
    assert "ValueError: one trial asks for 64 CPUs" in view.head.value and view.model.state == "failed"


def test_only_a_search_that_was_launched_here_has_buttons(tmp_path):
    Journal(tmp_path / "journal.jsonl").append(begin("0000"))
    view = SearchView(tmp_path)
    assert view.controls.layout.display == "none" and view.search is None
    assert repr(view) == f"SearchView({tmp_path.name})"


def test_what_a_notebook_keeps_needs_no_kernel(tmp_path):
    """HTML and text with the last state, hidden by the widgets' own style as long as they are there."""
    view = SearchView(Handle(tmp_path, study(), begin("0000"), result("0000", 1, 0.25)))
    still = view._still()
    assert "0.25" in still["text/html"] and "<svg" in still["text/html"] and "0000: running" in still["text/plain"]
    key = re.search(r'<div class="(hpt-still-\w+)">', still["text/html"])[1]
    assert f".{key} {{ display: none; }}" in view.children[1].value


def test_drawing_keeps_to_its_share_of_the_time(monkeypatch):
    """A drawing of 20 ms is followed by a rest of 2 s; one of 1 ms by the least rest."""
    clock = SimpleNamespace(now=0.0, cpu=0.0)
    monkeypatch.setattr(
        "hpt_lessons.view.live.widget.time", SimpleNamespace(monotonic=lambda: clock.now, thread_time=lambda: clock.cpu)
    )
    pace = Pace(0.5)
    for cost, rest in ((0.001, 0.5), (0.02, 2.0)):
        with pace:
            clock.cpu += cost
        clock.now += 0.99 * rest
        assert not pace.due
        clock.now += 0.02 * rest
        assert pace.due
    assert pace.spent == pytest.approx(0.021)


# -- lines of text -------------------------------------------------------------------------------------------------


def test_a_log_gets_a_line_for_each_trial_that_ends_and_no_wall(tmp_path):
    handle = Handle(tmp_path, study(2), begin("0000", lr=0.1), begin("0001", lr=0.2))
    out = io.StringIO()
    text = SearchText(handle, file=out, interval=3600)
    for epoch in range(1, 10):
        handle.tell(result("0000", epoch, 1 / epoch))
        handle.tell(result("0001", epoch, 2 / epoch))
        text.update()
    handle.tell(end("0000", "completed"))
    handle.tell(end("0001", "stopped", why="cancelled"))
    handle.running = False
    assert not text.update()
    lines = out.getvalue().splitlines()
    assert [line for line in lines if line.startswith("000")] == [
        "0000: completed after epoch 9, loss 0.1111, 18.0 s (lr=0.1)",
        "0001: cancelled after epoch 9, loss 0.2222, 18.0 s (lr=0.2)",
    ]
    assert len(lines) <= 4 and "18/18 epochs" in lines[-1] and "best 0000, loss 0.1111" in lines[-1]


# -- the callback, without Ray's processes -------------------------------------------------------------------------


def ray_trial(name, **config):
    return SimpleNamespace(trial_id=name, config=config, error_file=None)


def say(view, kind, trial, **more):
    getattr(view, f"on_trial_{kind}")(iteration=1, trials=[], trial=trial, **more)


def reported(epoch, done=False, **metrics):
    return {"training_iteration": epoch, "time_this_iter_s": 0.5, "done": done, "trial_id": "?", "pid": 1, **metrics}


def test_the_callback_tells_who_was_cut_from_who_came_to_the_end(monkeypatch):
    """Ray says 'done' to both; shorter than the longest is cut, and a loss that is none is divergence."""
    from hpt_lessons.view import LiveView

    monkeypatch.setenv("HPT_LESSONS_PROGRESS", "off")
    view = LiveView()
    view.setup(stop=None, num_samples=1, total_num_samples=4)
    long, short, broken, open_end = (ray_trial(name, x=1) for name in ("long", "short", "broken", "open"))
    for trial in (long, short, broken, open_end):
        say(view, "start", trial)
    say(view, "result", short, result=reported(1, done=True, loss=0.9))
    say(view, "complete", short)
    say(view, "result", broken, result=reported(1, done=True, loss=math.nan))
    say(view, "complete", broken)
    for epoch in (1, 2, 3):
        odd = {"trial": 7, "event": "?", "kind": "odd"}  # a user's metric may be called anything
        say(view, "result", long, result=reported(epoch, done=epoch == 3, loss=1 / epoch, **odd))
    say(view, "complete", long)
    say(view, "result", open_end, result=reported(1, loss=2.0))
    view.on_experiment_end(trials=[])
    states = {name: row.status for name, row in view.model.rows.items()}
    assert states == {"long": "completed", "short": "stopped", "broken": "diverged", "open": "interrupted"}
    assert view.model.rows["long"].seconds == 1.5 and view.model.incumbent.name == "long"
    assert view.model.reported == {"loss", "seconds", "kind"}


def test_a_view_that_breaks_does_not_break_the_search(monkeypatch):
    from hpt_lessons.view import LiveView

    monkeypatch.setenv("HPT_LESSONS_PROGRESS", "off")
    view = LiveView()
    view.setup(total_num_samples=1)
    view.view.update = None
    with pytest.warns(UserWarning, match="the search goes on"):
        view.on_step_end(iteration=1, trials=[])
    say(view, "start", ray_trial("late"))
    view.on_experiment_end(trials=[])
