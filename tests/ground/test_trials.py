"""What is in the journal stays in the journal, and the table tells it as it was."""

import json
import math
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpt_lessons.journal import Journal, fold
from hpt_lessons.trials import DIVERGED_LOSS, STATUSES, Result, Trial, Trials

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def canonical(value):
    """The value so that == compares it: NaN equals NaN."""
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, dict):
        return {key: canonical(item) for key, item in value.items()}
    return type(value)(map(canonical, value)) if isinstance(value, list | tuple) else value


def make(name, losses, status="completed", **changes):
    """A trial with these losses, one an epoch; DIVERGED_LOSS comes with accuracy 0, others with 1 / (1 + loss)."""
    history = tuple(
        Result(epoch, loss, 0.0 if loss == DIVERGED_LOSS else 1 / (1 + loss), 2.0, {"diverged": loss == DIVERGED_LOSS})
        for epoch, loss in enumerate(losses, start=1)
    )
    return Trial(name, {"lr": 0.1} | changes.pop("config", {}), status=status, history=history, **changes)


# -- the journal ---------------------------------------------------------------------------------------------------


def test_numbers_of_numpy_become_plain_ones(tmp_path):
    """A configuration drawn with numpy is recorded without a thought; what would be a list is not kept in one."""
    journal = Journal(tmp_path / "j.jsonl")
    scalars = {"l1": np.int64(64), "lr": np.float32(0.5), "top": np.float64("-inf"), "on": np.bool_(True),
               "net": np.str_("wider"), "widths": (np.int8(3), [np.int8(4)])}  # fmt: skip
    plain = {"l1": 64, "lr": 0.5, "top": -math.inf, "on": True, "net": "wider", "widths": (3, [4])}
    journal.append(scalars | {"rates": np.array([1.0, 0.5])})
    assert repr(journal.read()) == repr([plain | {"rates": [1.0, 0.5]}])
    assert repr(journal.kept(scalars)) == repr(plain)


@pytest.mark.parametrize("text", ["학습률", "naïve\u2028line\x85end", "a\nb\r\n", "\x00", "🎓", "\ud800"])
def test_text_of_any_script_survives(tmp_path, text):
    """Also what other programs take for the end of a line, and half a character from a broken file name."""
    journal = Journal(tmp_path / "j.jsonl")
    journal.append({"why": text, text: 1})
    assert journal.read() == [{"why": text, text: 1}]


@pytest.mark.parametrize(
    ("value", "kind"), [(lambda _: 2**3, "function"), ({1, 2}, "set"), (1j, "complex"), (object(), "object")]
)
def test_what_json_cannot_hold_is_refused_by_name_and_nothing_is_written(tmp_path, value, kind):
    """A rule for drawing, such as a lambda, is no configuration."""
    journal = Journal(tmp_path / "j.jsonl")
    journal.append({"event": "study"})
    before = journal.path.read_bytes()
    with pytest.raises(TypeError, match=rf"'config/model/l1' is of type {kind}.*what was drawn"):
        journal.append({"event": "trial", "config": {"model": {"l1": value}}})
    with pytest.raises(TypeError, match=r"'config' has keys that are not text"):
        journal.append({"event": "trial", "config": {3: "three"}})
    with pytest.raises(TypeError, match="an event is a dictionary"):
        journal.append(["event"])
    assert journal.path.read_bytes() == before


def test_wherever_the_last_line_is_cut_no_other_event_is_lost(tmp_path):
    """At every byte: all complete lines are read, and the next append is read as well."""
    told = [{"event": "trial", "trial": "한 1", "config": {"lr": 1e-3}}, {"loss": math.nan}, {"why": 'a "}" \n'}, {}]
    whole = Journal(tmp_path / "whole.jsonl")
    for event in told:
        whole.append(event)
    content = whole.path.read_bytes()
    ends = [offset for offset, byte in enumerate(content) if byte == ord("\n")]
    cut = Journal(tmp_path / "cut.jsonl")
    for size in range(len(content) + 1):
        cut.path.write_bytes(content[:size])
        complete = [canonical(event) for event, end in zip(told, ends, strict=True) if end <= size]
        assert [canonical(event) for event in cut.read()] == complete, size
        assert cut.skipped == [], "a line cut short is no surprise"
        cut.append({"event": "next"})
        assert [canonical(event) for event in cut.read()] == [*complete, {"event": "next"}], size
        cut.append({"event": "and another"})
        assert [canonical(event) for event in cut.read()][-2:] == [{"event": "next"}, {"event": "and another"}], size


def test_damage_in_the_middle_is_reported_with_its_line(tmp_path):
    """What cannot be read is named, not hidden, and costs no other line."""
    journal = Journal(tmp_path / "j.jsonl")
    journal.path.write_bytes(b'{"a": 1}\nnonsense\n[2]\n\xff\xfe\n\n{"b": 2}\r\n{"_nan": [["x"]], "c": \n{"d": 4}')
    assert journal.read() == [{"a": 1}, {"b": 2}, {"d": 4}]
    assert [number for number, _ in journal.skipped] == [2, 3, 4, 7]
    assert journal.skipped[0] == (2, "nonsense")


WRITER = """
import sys
from hpt_lessons.journal import Journal, fold
journal = Journal(sys.argv[1])
for number in range(10**9):
    journal.append({"event": "result", "number": number, "padding": "x" * (number % 300)})
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_no_event_is_lost_when_the_writer_is_killed(tmp_path):
    """Killed five times in the middle of writing: every event whose append returned is there, once, in order."""
    journal = Journal(tmp_path / "j.jsonl")
    expected = 0
    for kill in range(5):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(journal.path)], stdout=subprocess.PIPE, text=True)
        writer.stdout.readline()
        time.sleep(0.05 + 0.013 * kill)
        writer.send_signal(signal.SIGKILL)
        acknowledged = 1 + writer.stdout.read().count("\n")
        writer.wait()
        writer.stdout.close()
        numbers = [event["number"] for event in journal.read()][expected:]
        assert numbers == list(range(len(numbers)))
        assert acknowledged <= len(numbers) <= acknowledged + 1, "the last may be written but not yet acknowledged"
        expected += len(numbers)
    assert len(journal.skipped) <= 4


def test_each_append_is_forced_to_the_disk(tmp_path, monkeypatch):
    """A power failure after `append` returned costs nothing: the file was synced with the line in it, and its name."""
    journal, synced = Journal(tmp_path / "new" / "j.jsonl"), []
    real = os.fsync

    def fsync(descriptor):
        what = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        synced.append((what, journal.path.read_bytes().count(b"\n")))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    journal.append({})
    journal.append({})
    name = [] if os.name == "nt" else [("folder", 1)]  # Windows has no such call and needs none
    assert synced == [("file", 1), *name, ("file", 2)]


def test_a_long_journal_is_parsed_once(tmp_path, monkeypatch):
    """Ten thousand lines become a table with one look at each."""
    path, parsed = tmp_path / "j.jsonl", []
    line = '{"event": "result", "trial": "%04d", "epoch": %d, "loss": 1.5, "accuracy": 0.4, "seconds": 3.2}'
    lines = [line % (number // 100, number % 100 + 1) for number in range(10_000)]
    path.write_text("\n".join(lines) + "\n")
    loads = json.loads
    monkeypatch.setattr(json, "loads", lambda text: parsed.append(text.decode()) or loads(text))
    assert sum(len(trial.history) for trial in Trials.read(path)) == 10_000
    assert [text for text in parsed if text] == lines


# -- from events to the table --------------------------------------------------------------------------------------


def told(*lines):
    """The table of events given as short tuples."""
    trials = [{"event": "trial", "trial": name, "config": {"lr": 0.1}} for name in dict.fromkeys(n for n, *_ in lines)]
    later = [
        {"event": "end", "trial": name, "status": what[0]}
        if isinstance(what[0], str)
        else {"event": "result", "trial": name, "epoch": what[0], "loss": what[1], "accuracy": 0.5, "seconds": 1.0}
        for name, *what in lines
    ]
    return Trials.from_events([{"event": "study", "data": "CIFAR-10"}, *trials, *later])


def test_a_trial_without_an_end_is_running():
    assert told(("a", 1, 2.0))["a"].status == "running"


def test_what_is_said_twice_counts_once():
    """A resumed trial reports its finished epochs again, and its configuration: the first account stands."""
    again = {"event": "trial", "trial": "a", "config": {"lr": 99}, "seed": 99}
    first = {"event": "trial", "trial": "a", "config": {"lr": 1}, "seed": 7}
    losses = [(1, 2.0), (2, 1.5), (1, 9.0)]
    results = [{"event": "result", "trial": "a", "epoch": epoch, "loss": loss} for epoch, loss in losses]
    (trial,) = Trials.from_events([first, results[0], again, results[1], results[2]])
    assert (trial.config, trial.seed) == ({"lr": 1}, 7)
    assert trial.values("loss") == [2.0, 1.5]
    assert trial.budget == 2


@pytest.mark.parametrize("end", ["interrupted", "failed"])
def test_a_trial_that_goes_on_is_running_until_its_next_end(end):
    assert told(("a", 1, 2.0), ("a", end))["a"].status == end
    assert told(("a", 1, 2.0), ("a", end), ("a", 1, 2.0))["a"].status == end
    assert told(("a", 1, 2.0), ("a", end), ("a", 2, 1.0))["a"].status == "running"
    assert told(("a", 1, 2.0), ("a", end), ("a", 2, 1.0), ("a", "completed"))["a"].status == "completed"


def test_what_a_resume_takes_up_again_is_running():
    """What was cut off, and what failed; not the one that had failed and that its rung went on without."""
    ends = [("a", "interrupted"), ("b", "failed"), ("c", "stopped"), ("default", "failed")]
    for waits, revived in ((False, "running"), (True, "failed")):
        events = [{"event": "study", "waits": waits}, *({"event": "trial", "trial": name} for name, _ in ends)]
        events += [{"event": "end", "trial": name, "status": status, "why": "so"} for name, status in ends]
        assert [trial.status for trial in Trials.from_events(events)] == [status for _, status in ends]
        resumed = Trials.from_events([*events, {"event": "resumed"}])
        assert [trial.status for trial in resumed] == ["running", revived, "stopped", "running"]


def test_an_event_that_is_refused_changes_nothing():
    state = fold([{"event": "trial", "trial": "a", "config": {"lr": 1}}])
    for bad in ({"epoch": 1, "loss": "high"}, {"loss": 1.0}, {"epoch": "one"}):
        with pytest.raises(ValueError):
            state.apply({"event": "result", "trial": "b", **bad})
    with pytest.raises(ValueError, match="'end' needs 'status'"):
        state.apply({"event": "end", "trial": "b"})
    assert state.rows == fold([{"event": "trial", "trial": "a", "config": {"lr": 1}}]).rows


def test_a_trial_that_was_stopped_is_not_brought_back_by_what_it_had_reported():
    assert told(("a", 1, 2.0), ("a", "stopped"), ("a", 1, 2.0))["a"].status == "stopped"


def test_other_events_may_be_in_a_journal_too():
    assert len(Trials.from_events([{"event": "note"}, {}, {"event": "trial", "trial": "a", "config": {}}])) == 1


def test_an_event_that_lacks_its_point_is_named():
    with pytest.raises(ValueError, match="'result' needs 'epoch'"):
        Trials.from_events([{"event": "result", "trial": "a", "loss": 1.0}])
    with pytest.raises(ValueError, match="status 'finished' is none of running, completed"):
        Trials.from_events([{"event": "end", "trial": "a", "status": "finished"}])


def test_a_journal_that_is_not_there_is_an_error_that_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no journal .*none\.jsonl"):
        Trials.read(tmp_path / "none.jsonl")
    assert Journal(tmp_path / "none.jsonl").read() == []


def test_the_journal_tells_the_table(tmp_path):
    """From file to table: order of beginning, the name of the data, extras, a null loss."""
    journal = Journal(tmp_path / "j.jsonl")
    journal.append({"event": "study", "version": 1, "name": "s", "data": "CIFAR-10", "seed": 3, "settings": {}})
    for name in ("b", "a"):
        journal.append({"event": "trial", "trial": name, "config": {"lr": 0.1, "schedule": None}, "seed": 1})
    numbers = {"loss": math.nan, "accuracy": 0.1, "seconds": 2, "train_loss": 3.0}
    journal.append({"event": "result", "trial": "a", "epoch": 1} | numbers)
    trials = Trials.read(journal.path)
    assert [trial.name for trial in trials] == ["b", "a"]
    assert trials.data == "CIFAR-10"
    assert trials["a"].config == {"lr": 0.1, "schedule": None}
    assert math.isnan(trials["a"].loss)
    assert trials["a"].history[0].extra == {"train_loss": 3.0}


records = st.lists(
    st.fixed_dictionaries(
        {
            "trial": st.text(),
            "config": st.dictionaries(st.text(), json_values, max_size=3),
            "seed": st.none() | st.integers(),
            "data": st.text(),
            "status": st.sampled_from(STATUSES),
            "history": st.lists(st.floats(), max_size=4).map(
                lambda losses: [
                    {"epoch": e, "loss": loss, "accuracy": 0.5, "seconds": 1.0, "lr": loss}
                    for e, loss in enumerate(losses, 1)
                ]
            ),
        }
    ),
    max_size=4,
    unique_by=lambda record: record["trial"],
)


@settings(max_examples=60, deadline=None)
@given(told=records)
def test_a_table_of_records_holds_what_they_say(told):
    trials = Trials.from_records(told)
    assert [trial.name for trial in trials] == [record["trial"] for record in told]
    for trial, record in zip(trials, told, strict=True):
        said = [getattr(trial, name) for name in ("config", "seed", "data", "status")]
        assert canonical(said) == canonical([record[name] for name in ("config", "seed", "data", "status")])
        entries = [{**result.extra, **vars(result)} for result in trial.history]
        assert canonical([{key: entry[key] for key in entry if key != "extra"} for entry in entries]) == canonical(
            record["history"]
        )


@settings(max_examples=40, deadline=None)
@given(told=records)
def test_any_table_becomes_frames_with_a_row_each(told):
    """Whatever the configurations are called and hold; no column is overwritten by another."""
    trials = Trials.from_records(told)
    frame, curves = trials.frame(), trials.curves()
    assert list(frame["trial"]) == [record["trial"] for record in told]
    assert list(frame["status"]) == [record["status"] for record in told]
    assert len(curves) == sum(len(record["history"]) for record in told)
    assert frame.columns.is_unique


# -- the trial and the winner --------------------------------------------------------------------------------------


def test_a_trial_sums_up_its_history():
    trial = make("a", [2.0, 1.0, 1.5])
    assert (trial.budget, trial.loss, trial.best_loss, trial.best_epoch, trial.seconds) == (3, 1.5, 1.0, 2, 6.0)
    assert trial.accuracy == pytest.approx(0.4)
    assert not trial.diverged


def test_a_trial_without_results_has_no_numbers():
    trial = make("a", [], status="running")
    assert trial.budget == 0
    assert trial.best_epoch is None
    assert all(math.isnan(number) for number in (trial.loss, trial.accuracy, trial.best_loss))


def test_best_by_last_and_by_all_differ_where_a_run_overfits():
    """By its last epoch the steady trial wins, by its best epoch the one that overfitted."""
    trials = Trials([make("overfits", [1.0, 0.5, 2.0]), make("steady", [1.5, 1.2, 0.9])])
    assert trials.best().name == "steady"
    assert trials.best("loss", "min", "all").name == "overfits"
    assert trials.best("accuracy", scope="all").name == "overfits"
    assert trials.best("loss", "max").name == "overfits"


def test_accuracy_is_maximised_unless_told_otherwise():
    trials = Trials([make("good", [0.5]), make("bad", [2.0])])
    assert trials.best("accuracy").name == "good"
    assert trials.best("accuracy", "min").name == "bad"


def test_a_diverged_trial_wins_by_all_only_through_an_epoch_from_before():
    """Its last result never counts, whichever metric and direction; what it had reached before does by 'all'."""
    fell = make("fell", [0.4, 0.3, DIVERGED_LOSS], status="diverged")
    never = make("never", [DIVERGED_LOSS], status="diverged")
    plain = make("plain", [2.0, 1.0])
    trials = Trials([fell, never, plain])
    for metric in ("loss", "accuracy"):
        for mode in ("min", "max"):
            assert trials.best(metric, mode, "last").name == "plain"
            assert trials.best(metric, mode, "all").name != "never"
    assert trials.best(scope="all").name == "fell"
    assert (fell.best_loss, fell.best_epoch) == (0.3, 2)
    assert math.isnan(never.best_loss)


@pytest.mark.parametrize("loss", [DIVERGED_LOSS, math.nan, math.inf])
def test_divergence_shows_in_the_loss_even_without_a_word(loss):
    """A trial that came back from a broken loss is not trusted afterwards."""
    trial = Trial("a", {}, status="completed", history=(Result(1, 2.0, 0.3), Result(2, loss, 0.1), Result(3, 0.1, 0.9)))
    assert trial.diverged
    assert (trial.best_loss, trial.best_epoch) == (2.0, 1)
    assert Trials([trial, make("b", [5.0])]).best().name == "b"


@given(
    losses=st.lists(st.lists(st.sampled_from([0.5, 1.0, 2.0, DIVERGED_LOSS]), max_size=4), min_size=1, max_size=5),
    scope=st.sampled_from(["last", "all"]),
)
def test_nobody_beats_the_best(losses, scope):
    """Against the plain rule: of a run that never diverged its last (or any) loss, of others what came before."""
    trials = Trials(make(str(number), curve) for number, curve in enumerate(losses))
    competing = {}
    for name, curve in zip(map(str, range(len(losses))), losses, strict=True):
        if scope == "last" and DIVERGED_LOSS not in curve and curve:
            competing[name] = curve[-1]
        if scope == "all" and curve and curve[0] != DIVERGED_LOSS:
            competing[name] = min(curve[: (*curve, DIVERGED_LOSS).index(DIVERGED_LOSS)])
    if competing:
        assert trials.best(scope=scope).name == min(competing, key=competing.get)
    else:
        with pytest.raises(ValueError, match=r"none of .* trials has a sound result"):
            trials.best(scope=scope)


def test_the_choice_can_be_restricted():
    trials = Trials([make("a", [1.0]), make("b", [2.0]), make("c", [3.0])])
    assert trials.best(among=["b", "c"]).name == "b"
    with pytest.raises(KeyError, match="no trial 'z'; the first names are: a, b, c"):
        trials.best(among=["z"])


def test_a_misspelt_choice_is_an_error():
    trials = Trials([make("a", [1.0])])
    with pytest.raises(ValueError, match="mode='least' is not possible; choose 'min' or 'max'"):
        trials.best(mode="least")
    with pytest.raises(ValueError, match="scope='avg' is not possible; choose 'last' or 'all'"):
        trials.best(scope="avg")
    with pytest.raises(ValueError, match="metric='acuracy' is not reported"):
        trials.best("acuracy")


# -- the table -----------------------------------------------------------------------------------------------------


def test_the_table_is_a_sequence():
    trials = Trials([make("a", [1.0]), make("b", [2.0], status="stopped"), make("c", [3.0])])
    assert (len(trials), trials[0].name, trials[-1].name, trials["b"].loss) == (3, "a", "c", 2.0)
    assert "b" in trials
    assert "z" not in trials
    assert trials[0] in trials
    assert trials[1:] == trials.select(["b", "c"])
    assert [trial.name for trial in trials.filter(lambda trial: trial.status == "stopped")] == ["b"]
    assert repr(trials) == "Trials(3: 2 completed, 1 stopped)"
    assert len(repr(make("a", [1.0], config={"key": "x" * 500}))) < 110


def test_a_trial_is_listed_once():
    with pytest.raises(ValueError, match="each trial once, but 'a' came more often"):
        Trials([make("a", [1.0]), make("a", [2.0])])


def test_trials_on_different_data_are_not_one_data_set():
    trials = Trials([make("a", [1.0], data="CIFAR-10"), make("b", [1.0], data="stand-in")])
    with pytest.raises(ValueError, match="different data \\('CIFAR-10', 'stand-in'\\)"):
        _ = trials.data
    assert trials[:1].data == "CIFAR-10"
    assert list(trials.frame()["data"]) == ["CIFAR-10", "stand-in"]


def test_a_frame_has_the_configuration_under_its_own_names():
    """Nested ones by path; a name that is taken gets a prefix; whole numbers stay whole beside gaps."""
    trials = Trials(
        [
            make("a", [2.0, 1.0], seed=7, config={"l1": 64, "model": {"act": "relu", "drop": 0.1}, "loss": "huber"}),
            make("b", [], config={"on": True, "a/b": 1, "a": {"b": 2}}, status="running"),
        ]
    )
    frame = trials.frame()
    assert list(frame.columns[:11]) == [
        "trial", "status", "epochs", "loss", "accuracy", "best_loss", "best_epoch", "seconds", "seed", "data", "lr",
    ]  # fmt: skip
    assert frame.loc[0, ["model/act", "config/loss", "loss", "best_epoch"]].tolist() == ["relu", "huber", 1.0, 2]
    assert frame.loc[1, ["a/b", "config/a/b"]].tolist() == [1, 2]
    assert {name: str(frame[name].dtype) for name in ("l1", "epochs", "loss", "seed", "best_epoch", "on", "lr")} == {
        "l1": "Int64", "epochs": "int64", "loss": "float64", "seed": "Int64", "best_epoch": "Int64", "on": "boolean",
        "lr": "float64",
    }  # fmt: skip
    assert frame["seed"].isna().tolist() == [False, True]


def test_seeds_of_any_size_fit_a_frame():
    assert Trials([make("a", [1.0], seed=2**100), make("b", [1.0])]).frame()["seed"][0] == 2**100


def test_an_empty_table_is_a_table():
    trials = Trials()
    assert (len(trials), trials.data, repr(trials)) == (0, "", "Trials(none)")
    assert trials.frame().empty
    assert "trial" in trials.frame()
    assert trials.curves().empty
    with pytest.raises(ValueError, match="none of 0 trials"):
        trials.best()


def test_curves_are_ready_to_be_grouped():
    """A row an epoch, with the extras: the way a pandas user goes on from here."""
    trials = Trials([make("a", [2.0, 1.0]), make("b", [3.0])])
    curves = trials.curves()
    assert list(curves.columns) == ["trial", "epoch", "loss", "accuracy", "seconds", "diverged"]
    assert curves.groupby("trial")["loss"].min().to_dict() == {"a": 1.0, "b": 3.0}


def test_csv_is_what_pandas_reads(tmp_path):
    trials = Trials([make("a", [2.0], data="CIFAR-10", config={"이름": "값, 둘"})])
    trials.to_csv(tmp_path / "t.csv")
    back = pd.read_csv(tmp_path / "t.csv", dtype={"trial": str})
    assert back.loc[0, ["trial", "loss", "data", "이름"]].tolist() == ["a", 2.0, "CIFAR-10", "값, 둘"]


def test_the_record_needs_neither_torch_nor_ray_nor_pandas():
    """A lesson without training opens at once."""
    code = textwrap.dedent("""
        import sys, hpt_lessons.trials
        print(sorted({"torch", "ray", "pandas", "matplotlib", "scipy"} & set(sys.modules)))
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
