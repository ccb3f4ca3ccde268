"""An event is the same event after it was a line of JSON: a resumed trial goes on with what it began with."""

import enum
import json
import math
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpt_lessons.journal import Journal
from hpt_lessons.json_lines import identical, kept, read_line, write_line
from hpt_lessons.search import domains
from hpt_lessons.trials import Trials

RESERVED = ["_nan", "_inf", "_-inf", "_tuple", "__inf", "___tuple", "_", "nan", "_nan_"]
keys = st.text() | st.sampled_from(RESERVED)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([math.inf, -math.inf, -0.0]),
    lambda inner: (st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3)
                   | st.lists(inner, max_size=3).map(tuple)),
    max_leaves=12,
)  # fmt: skip
events = st.dictionaries(keys, values, max_size=4)


def spelled(value):
    """The oracle: Python's own source of a value tells types, signs and NaN apart; the order of keys counts, too."""
    return repr(value)


@given(events)
def test_an_event_comes_back_as_it_was(event):
    """Nested as deep as one likes: tuples in lists in tuples, infinities in them, and keys that look like ours."""
    assert spelled(read_line(write_line(event))) == spelled(event)
    assert spelled(kept(event)) == spelled(event)


@given(events)
def test_a_line_is_json_for_everybody_and_no_part_of_it_is_an_event(event):
    line = write_line(event)
    json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert all(read_line(line[:size]) is None for size in range(len(line) - 1))


@given(values, values)
def test_values_are_identical_if_they_are_spelled_alike(one, other):
    """Dictionaries apart, whose keys have no order here."""
    assert identical(one, one)
    if "{" not in spelled(one) + spelled(other):
        assert identical(one, other) == (spelled(one) == spelled(other))


def test_a_line_is_readable_for_people():
    """A list and null where JSON has nothing better, and behind it what they stand for."""
    line = write_line({"config": {"kernel": (5, 5), "clip": math.inf, "low": -math.inf}, "loss": math.nan})
    assert json.loads(line) == {
        "config": {"kernel": [5, 5], "clip": None, "low": None},
        "loss": None,
        "_tuple": [["config", "kernel"]],
        "_inf": [["config", "clip"]],
        "_-inf": [["config", "low"]],
        "_nan": [["loss"]],
    }


def test_lines_of_old_journals_are_read():
    """They knew NaN alone, and wrote the infinities as one."""
    event = read_line(b'{"event": "result", "loss": null, "more": [1, null, null], "_nan": [["loss"], ["more", 1]]}\n')
    assert spelled(event) == spelled({"event": "result", "loss": math.nan, "more": [1, math.nan, None]})
    assert read_line(b'{"event": "trial", "config": {"kernel": [5, 5]}}') == {
        "event": "trial",
        "config": {"kernel": [5, 5]},
    }


@pytest.mark.parametrize(
    "notes",
    [
        '"_tuple": [["x"]]',
        '"_tuple": [["n"]]',
        '"_tuple": [[]]',
        '"_inf": [["y", 0]]',
        '"_inf": 3',
        '"_tuple": {"n": 1}',
        '"_-inf": [["n", "m"]]',
    ],
)
def test_notes_that_point_nowhere_make_no_event(notes):
    """A line that somebody has edited is named by the journal, not half understood."""
    assert read_line(f'{{"n": 1, "l": [], {notes}}}'.encode()) is None


class Colour(enum.IntEnum):
    RED = 1


class Word(enum.StrEnum):
    RED = "red"


Size = namedtuple("Size", "width height")
LOOP: list = []
LOOP.append(LOOP)
UNKEPT = {
    "set": {3, 5},
    "object": object(),
    "function": len,
    "class": dict,
    "complex": 1j,
    "bytes": b"x",
    "keys": {3: "x"},
    "deep": [({"a": (frozenset(),)},)],
    "IntEnum": Colour.RED,
    "text Enum": Word.RED,
    "namedtuple": Size(3, 4),
    "array": np.zeros(2),
    "OrderedDict": OrderedDict(a=1),
    "loop": LOOP,
    "huge": 10**5000,
    "date": np.datetime64("2026-01-01"),
    "range": range(3),
}


@pytest.mark.parametrize("value", UNKEPT.values(), ids=UNKEPT)
def test_what_would_come_back_as_something_else_is_refused(value):
    with pytest.raises(TypeError, match="journal: "):
        kept({"x": value})


CHOICES = [
    [(5, 5), (3, 3)],
    [(1, 2), (1.0, 2.0), [1, 2], (True, 2)],
    [1, 1.0, True],
    [True, 1.0, 1],
    [0.0, -0.0, False],
    [math.inf, -math.inf, math.nan, None],
    [[(1,), [math.nan]], [(1,), [math.inf]]],
    [{"a": (1,)}, {"a": [1]}, {}],
    [np.float32(0.1), np.int64(1), np.str_("1")],
    [(np.int64(1), 2), (np.float64(1), 2)],
    ["1", 1, ("1",), (1,)],
    [(), [], "", 0],
]


@pytest.mark.parametrize("choice", CHOICES, ids=repr)
def test_a_value_from_the_journal_has_its_place_in_the_choice(choice):
    """Each of them its own, also where one equals another for Python, as 1 and True do, in a tuple too."""
    for index, value in enumerate(choice):
        assert domains.index_of(tuple(choice), value) == index
        assert domains.index_of(tuple(choice), read_line(write_line({"x": value}))["x"]) == index


def test_a_value_that_is_only_equal_is_found_as_well():
    assert domains.index_of((4, 8), 8.0) == 1
    with pytest.raises(ValueError, match="not among the values"):
        domains.index_of(((5, 5), (3, 3)), (5, 3))


def test_the_table_of_a_journal_has_the_values_too(tmp_path):
    journal, config = Journal(tmp_path / "j.jsonl"), {"kernel": (3, (5,)), "clip": math.inf, "net": {"sizes": [(1, 2)]}}
    journal.append({"event": "trial", "trial": "0000", "config": config})
    journal.append({"event": "result", "trial": "0000", "epoch": 1, "loss": math.inf, "shape": (1, 2)})
    trials = Trials.read(journal.path)
    assert trials["0000"].config == config and trials["0000"].loss == math.inf
    assert trials["0000"].history[0].extra == {"shape": (1, 2)}
    assert trials.frame()["kernel"][0] == (3, (5,)) and "0000" in repr(trials[0])
