"""A bar tells how far it is and how long it takes, where people can read it, and never stops the work."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpt_lessons.progress import Progress, bar_line, seconds_in_words, size_in_words


@pytest.fixture(autouse=True)
def _no_choice(monkeypatch):
    """Whatever the person who runs the tests has chosen."""
    monkeypatch.delenv("HPT_LESSONS_PROGRESS", raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def clock(monkeypatch):
    """Time that passes when we say so."""
    now = [1000.0]
    monkeypatch.setattr(Progress, "clock", staticmethod(lambda: now[0]))
    return now


# -- words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "under 1 s"), (0.4, "under 1 s"), (1, "1 s"), (59.4, "59 s"), (59.6, "1 min"), (60, "1 min"),
        (80, "1 min 20 s"), (3599.6, "1 h"), (3600, "1 h"), (3660, "1 h 1 min"), (7322, "2 h 2 min"), (86400, "1 d"),
        (90000, "1 d 1 h"), (float("inf"), "an unknown time"), (float("nan"), "an unknown time"),
    ],
)  # fmt: skip
def test_durations_are_said_as_people_say_them(seconds, words):
    assert seconds_in_words(seconds) == words


@given(seconds=st.floats(1, 1e7))
def test_the_words_are_right_to_half_of_their_last_unit(seconds):
    """Read back, a duration is at most half a second off below the hour, half a minute above."""
    size = {"d": 86400, "h": 3600, "min": 60, "s": 1}
    parts = re.findall(r"(\d+) (d|h|min|s)", seconds_in_words(seconds))
    read = sum(int(number) * size[unit] for number, unit in parts)
    assert abs(read - seconds) <= (0.5 if seconds < 3599 else 30)
    assert [unit for _, unit in parts] == [unit for unit in size if unit in {word for _, word in parts}]


def test_sizes_are_said_in_powers_of_a_thousand():
    assert [size_in_words(size) for size in (0, 999, 1000, 999_960, 170_498_071, 5e9)] == [
        "0 B", "999 B", "1.0 kB", "1.0 MB", "170.5 MB", "5.0 GB",
    ]  # fmt: skip


# -- a log file ----------------------------------------------------------------------------------------------------


def test_a_log_gets_whole_lines_few_of_them_and_the_last(clock):
    """A thousand steps in no time: one line, the final one, without a carriage return."""
    log = io.StringIO()
    with Progress(1000, "training", "step", file=log) as progress:
        for _ in range(1000):
            progress.update()
        progress.note("best loss 0.42")
        clock[0] += 80
    assert log.getvalue() == "training: 1000/1000 steps, took 1 min 20 s, best loss 0.42\n"


def test_a_log_gets_a_line_at_most_every_interval(clock):
    """Of 25 steps of a second each, a line every ten seconds and the last one, and nothing but these words in it."""
    log = io.StringIO()
    with Progress(25, "training", file=log, interval=10) as progress:
        for _ in range(25):
            clock[0] += 1
            progress.update()
    assert log.getvalue() == (
        "training: 10/25 epochs, 15 s left\ntraining: 20/25 epochs, 5 s left\ntraining: 25/25 epochs, took 25 s\n"
    )


def test_the_time_left_comes_from_the_time_taken(clock):
    """Two of ten epochs in 40 s: 8 x 20 s are left, fewer while the third is running, never less than nothing."""
    progress = Progress(10, "training", file=io.StringIO())
    assert repr(progress) == "Progress(training: 0/10 epochs)"
    clock[0] += 40
    progress.update(2)
    assert repr(progress) == "Progress(training: 2/10 epochs, 2 min 40 s left)"
    clock[0] += 10
    assert repr(progress) == "Progress(training: 2/10 epochs, 2 min 30 s left)"
    clock[0] += 1000
    assert repr(progress) == "Progress(training: 2/10 epochs, under 1 s left)"
    progress.close()


def test_what_was_there_before_does_not_count_as_speed(clock):
    """A download that goes on at 90 of 100 MB and gets 1 MB in 10 s needs 90 s more, not 1 s."""
    progress = Progress(100e6, "CIFAR-10", bytes=True, initial=90e6, file=io.StringIO())
    clock[0] += 10
    progress.set(91e6)
    assert repr(progress) == "Progress(CIFAR-10: 91.0 MB of 100.0 MB, 1 min 30 s left)"
    progress.close()


def test_a_total_may_become_known_later(clock):
    progress = Progress(None, "download", bytes=True, file=io.StringIO())
    clock[0] += 5
    progress.set(1e6)
    assert repr(progress) == "Progress(download: 1.0 MB, 5 s so far)"
    progress.total = 3e6
    assert repr(progress) == "Progress(download: 1.0 MB of 3.0 MB, 10 s left)"
    assert progress.total == 3e6
    progress.close()
    assert repr(progress) == "Progress(download: 1.0 MB of 3.0 MB, ended after 5 s)"


def test_one_is_not_many():
    progress = Progress(1, "one", file=io.StringIO())
    assert "0/1 epoch" in repr(progress)
    assert "epochs" not in repr(progress)
    progress.close()


@pytest.mark.parametrize(("error", "word"), [(KeyboardInterrupt, "interrupted"), (RuntimeError, "failed")])
def test_an_interrupt_leaves_the_last_state(clock, error, word):
    """What was reached, and how it ended; the exception goes on its way."""
    log = io.StringIO()
    with pytest.raises(error), Progress(10, "search", "trial", file=log) as progress:
        progress.set(3)
        progress.note("best 0012")
        clock[0] += 80
        raise error
    assert log.getvalue() == f"search: 3/10 trials, {word} after 1 min 20 s, best 0012\n"


def test_after_the_end_nothing_is_written():
    log = io.StringIO()
    with Progress(10, "search", file=log) as progress:
        pass
    before = log.getvalue()
    progress.update()
    progress.note("late")
    progress.write("late")
    progress.close()
    assert log.getvalue() == before
    assert before.count("\n") == 1


def test_a_line_of_its_own_is_written_at_once():
    log = io.StringIO()
    progress = Progress(10, "search", file=log)
    progress.write("trial 3 stopped")
    assert log.getvalue() == "trial 3 stopped\n"
    progress.close()


def test_threads_may_share_a_bar():
    """No step is lost, and no line is mixed with another."""
    log = io.StringIO()
    with Progress(8000, "steps", "step", file=log, interval=0.001) as progress:
        threads = [threading.Thread(target=lambda: [progress.update() for _ in range(1000)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert progress.n == 8000
    assert all(re.fullmatch(r"steps: \d+/8000 steps(, .*)?", line) for line in log.getvalue().splitlines())


def test_no_step_is_lost_between_reading_and_writing(monkeypatch):
    """Whoever reads how much is done lets another thread go first: the sum is right all the same."""

    def read_and_let_others_go_first(bar):
        done = bar.done
        time.sleep(0)
        return done

    monkeypatch.setattr(
        Progress, "n", property(read_and_let_others_go_first, lambda bar, n: setattr(bar, "done", n)), raising=False
    )
    progress = Progress(None, "steps", enabled=False)
    threads = [threading.Thread(target=lambda: [progress.update() for _ in range(100)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert progress.n == 400


def test_a_log_that_breaks_does_not_stop_the_work():
    """A closed file, or a disk that is full."""
    closed = io.StringIO()
    closed.close()
    with Progress(2, "training", file=closed, interval=0) as progress:
        progress.update()
        progress.write("a line")

    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

    with Progress(2, "training", file=Full(), interval=0) as progress:
        progress.update()
    assert progress.n == 1


@pytest.mark.parametrize("off", ["argument", "environment"])
def test_it_can_be_silent(monkeypatch, capfd, off):
    """It counts, and shows nothing."""
    if off == "environment":
        monkeypatch.setenv("HPT_LESSONS_PROGRESS", "off")
    with Progress(2, "training", enabled=off != "argument", interval=0) as progress:
        progress.update()
        progress.write("a line")
        progress.note("a note")
    assert progress.n == 1
    assert capfd.readouterr() == ("", "")


def test_text_goes_to_stderr_so_that_results_can_be_piped(capfd):
    with Progress(1, "training") as progress:
        progress.update()
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("training: 1/1 epoch")


def test_a_misspelt_choice_is_an_error(monkeypatch):
    monkeypatch.setenv("HPT_LESSONS_PROGRESS", "quiet")
    with pytest.raises(ValueError, match="HPT_LESSONS_PROGRESS='quiet' is not possible; choose auto, plain, off"):
        Progress(1, "training")


# -- a terminal ----------------------------------------------------------------------------------------------------

pty = pytest.importorskip("pty", reason="needs a terminal to draw in", exc_type=ImportError)


def in_a_terminal(code, send=None, **environment):
    """What a terminal gets to see while `code` runs; `send` is a signal, sent when the word READY is seen."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "import sys, time; from hpt_lessons.progress import Progress\n" + code]
    child = subprocess.Popen(
        command, stdout=theirs, stderr=theirs, stdin=theirs, close_fds=True, env=os.environ | environment,
        # Whoever runs the tests in the background has Ctrl-C ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not chunk:
            break
        seen += chunk
        if send is not None and b"READY" in seen:
            child.send_signal(send)
            send = None
    os.close(ours)
    child.wait()
    return seen.decode("utf-8")


def test_a_terminal_has_one_line_that_is_drawn_again():
    """All drawings in the same line, the last one final; it ends with the only line break."""
    seen = in_a_terminal("""
with Progress(20, "training") as p:
    for _ in range(20):
        time.sleep(0.02)
        p.update()
        p.note("best loss 0.42")
""")
    drawings = seen.rstrip("\r\n").split("\r")
    assert "\n" not in seen.rstrip("\r\n")
    assert len(drawings) >= 3
    assert any(" s left" in drawing for drawing in drawings)
    assert re.search(r"training 100% \|.*\| 20/20 epochs, took .*, best loss 0.42\s*$", drawings[-1])


@pytest.mark.parametrize("columns", [200, 79, 59, 40, 20, 5])
@pytest.mark.parametrize("label", ["training", "학습"])
def test_a_line_has_room_in_any_terminal(clock, columns, label):
    """The bar is a bar, 20 wide in any usual terminal; what has no room is left out from the end, where the note is."""
    progress = Progress(10, label, enabled=False)
    clock[0] += 10
    progress.set(3)
    progress.note("12 running, 3 waiting, best loss 1.234 (trial 0007, epoch 3)")
    line = bar_line(progress, columns)
    wide = 2 if label == "학습" else 0
    assert len(line) + wide <= columns
    if columns >= 40:
        bar, words = re.fullmatch(rf"{label}  30% \|(█+ +)\| (.*)", line).groups()
        assert len(bar) == (20 if columns >= 59 else 10) and bar.count("█") == 0.3 * len(bar)
        assert words.startswith("3/10 epochs") and words.endswith("…") == (columns < 200)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (120, "5/8 epochs, 6 s left, best 1.756, 3/4 trials, 2 running, 1 stopped early"),
        (80, "5/8 epochs, 6 s left, best 1.756 …"),
        (60, "5/8 epochs, 6 s left …"),
    ],
)
def test_a_search_in_a_terminal_has_a_bar_and_whole_words_beside_it(clock, columns, words):
    """One column of the terminal stays free, so that no line wraps."""
    progress = Progress(8, "search", enabled=False)
    clock[0] += 10
    progress.set(5)
    progress.note("best 1.756, 3/4 trials, 2 running, 1 stopped early")
    line = bar_line(progress, columns - 1)
    bar, said = re.fullmatch(r"search  62% \|(█+ +)\| (.*)", line).groups()
    assert len(bar) == 20 and said == words


def test_a_terminal_without_block_characters_gets_other_ones():
    seen = in_a_terminal('with Progress(1, "training") as p:\n    p.update()', PYTHONIOENCODING="ascii")
    assert f"training 100% |{20 * '#'}| 1/1 epoch, took" in seen


def test_the_first_note_of_a_long_start_is_seen_at_once():
    """Before the first epoch nothing else is drawn: what is being waited for must not wait too."""
    seen = in_a_terminal("""
with Progress(10, "search") as p:
    p.note("starting Ray ...")
    p.note("running")
""")
    assert seen.index("0/10 epochs, starting Ray ...") < seen.index("0/10 epochs, ended after")


def test_a_line_of_its_own_stands_above_the_bar():
    seen = in_a_terminal("""
with Progress(2, "training") as p:
    p.update()
    p.write("trial 3 stopped")
    p.update()
""")
    lines = [line.split("\r")[-1].strip() for line in seen.replace("\r\n", "\n").strip().split("\n")]
    assert lines[-2] == "trial 3 stopped"
    assert "2/2 epochs" in lines[-1]


def test_ctrl_c_leaves_the_state_above_the_traceback():
    seen = in_a_terminal(
        """
with Progress(10, "search", "trial") as p:
    p.set(3)
    print("READY", flush=True)
    time.sleep(20)
""",
        send=signal.SIGINT,
    )
    state = seen.index("3/10 trials, interrupted after")
    assert seen.index("KeyboardInterrupt") > state


def test_a_terminal_can_be_asked_for_plain_lines():
    """For people who record their terminal, and for dumb ones."""
    code = 'with Progress(1, "training") as p:\n    p.update()'
    for environment in ({"HPT_LESSONS_PROGRESS": "plain"}, {"TERM": "dumb"}):
        assert re.fullmatch(r"training: 1/1 epoch, took [^\r]*\r\n", in_a_terminal(code, **environment))


# -- a notebook ----------------------------------------------------------------------------------------------------

CELLS = [
    """
    import threading
    from hpt_lessons.progress import Progress
    with Progress(10, "training") as p:
        for _ in range(10):
            p.update()
            p.note("best < 0.5")
        p.write("a line")
    def work():
        with Progress(3, "other") as p:
            p.update(3)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    print("done")
    """,
    """
    import ipywidgets
    everything = ipywidgets.widgets.widget._instances.values()
    bars = [widget for widget in everything if isinstance(widget, ipywidgets.FloatProgress)]
    print([(bar.description, bar.value, bar.max, bar.bar_style) for bar in bars])
    """,
    """
    try:
        with Progress(10, "training") as p:
            p.update(3)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        print("on")
    """,
]
STORED = ["done\n", "[('training', 10.0, 10.0, 'success'), ('other', 3.0, 3.0, 'success')]\n", "on\n"]


@pytest.mark.slow
def test_a_notebook_shows_widgets_and_no_text_that_changes(tmp_path):
    """Compared strictly with a notebook that stores only what was printed, every cell agrees; nothing raises."""
    notebook = {
        "cells": [
            {
                "cell_type": "code", "execution_count": number, "id": f"c{number}", "metadata": {},
                "outputs": [{"name": "stdout", "output_type": "stream", "text": stored}],
                "source": textwrap.dedent(source).strip(),
            }
            for number, (source, stored) in enumerate(zip(CELLS, STORED, strict=True), start=1)
        ],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4, "nbformat_minor": 5,
    }  # fmt: skip
    path = tmp_path / "bar.ipynb"
    path.write_text(json.dumps(notebook))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env", str(path)],
        capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"IPYTHONDIR": str(tmp_path / "ipython")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


class FakeKernel:
    """As much of a shell as tells that this is a notebook."""

    kernel = object()


def in_a_notebook(monkeypatch):
    import IPython

    monkeypatch.setattr(IPython, "get_ipython", FakeKernel)


def test_a_notebook_bar_is_a_widget_with_a_name(monkeypatch, capfd, clock):
    """The label is the bar's description, which screen readers say; the words are escaped; the colour tells the end."""
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda bundle, raw: shown.append(bundle))
    in_a_notebook(monkeypatch)
    with pytest.raises(KeyboardInterrupt), Progress(10, "training") as progress:
        widget = progress._look
        progress.set(3)
        progress.note("best < 0.5")
        progress.write("trial <3> stopped")
        clock[0] += 80
        raise KeyboardInterrupt
    assert [list(bundle) for bundle in shown] == [["application/vnd.jupyter.widget-view+json"]]
    assert (widget.progress.description, widget.progress.value, widget.progress.max) == ("training", 3, 10)
    assert widget.progress.bar_style == "warning"
    assert "3/10 epochs, interrupted after 1 min 20 s, best &lt; 0.5" in widget.text.value
    assert "trial &lt;3&gt; stopped" in widget.above.value
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("total", [None, 0, 5])
def test_a_notebook_bar_takes_any_total(monkeypatch, total):
    in_a_notebook(monkeypatch)
    with Progress(total, "training", unit="step") as progress:
        progress.update(7)
        progress.total = 6
    assert progress.n == 7


def test_a_notebook_without_ipywidgets_gets_lines(monkeypatch, capfd):
    in_a_notebook(monkeypatch)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with Progress(1, "training") as progress:
        progress.update()
    assert capfd.readouterr().err.startswith("training: 1/1 epoch, took")


def test_a_known_pace_counts_instead_of_the_time_that_passed(clock):
    """Workers took a minute to start and an epoch takes two seconds: nine epochs are 18 seconds, not nine minutes."""
    progress = Progress(10, "search", enabled=False)
    clock[0] += 60
    progress.update()
    assert "9 min left" in repr(progress)
    progress.expect(2.0)
    assert "18 s left" in repr(progress)
