"""What a tired person hands over is refused at the door: entry point x kind of wrong input -> an error that helps."""

import re
import traceback
import warnings
from pathlib import Path

import pytest

import hpt_lessons
from helpers.wrong_inputs import ENTRIES, KINDS, Entry

HERE = str(Path(hpt_lessons.__file__).parent)
TAKEN = (ValueError, TypeError, KeyError, FileNotFoundError, RuntimeError)


HELP = re.compile(
    r"expected|choose|[Gg]ive|Use|Known are|is missing; it must|it must be|there are|List |Leave out|say in what"
)


def same(one, other):
    return one is other or (type(one) is type(other) and one == other)


CASES = [
    pytest.param(entry, value, id=re.sub(r"\s+", " ", f"{entry.name}-{entry.argument}-{value!r}")[:80])
    for entry in ENTRIES
    for value in KINDS[entry.kind]
    if not any(same(value, right) for right in entry.allowed)
]


def names(message: str, value: object) -> bool:
    """Whether the message says what was given: the value, its type, or a key or a part of it."""
    parts = [repr(value), str(value), type(value).__name__]
    parts += [repr(key) for key in value] if isinstance(value, dict) else []
    return any(part[:30] in message for part in parts) or value == {}


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch, tmp_path):
    """No search begins here, and what is written by mistake is written elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPT_LESSONS_STUDIES", str(tmp_path / "studies"))
    monkeypatch.setattr("hpt_lessons.raytune.study._run", lambda *a, **k: pytest.fail("a search was started"))


@pytest.mark.parametrize(("entry", "value"), CASES)
def test_it_is_refused_with_a_sentence(entry: Entry, value, tmp_path):
    """The error is ours, not one from deep inside a library; it names what was given, and leaves nothing behind."""
    with warnings.catch_warnings(), pytest.raises(TAKEN) as caught:
        warnings.simplefilter("ignore")
        entry.call(value)
    message = str(caught.value)
    assert traceback.extract_tb(caught.value.__traceback__)[-1].filename.startswith(HERE), message
    assert names(message, value), message
    assert HELP.search(message), f"it says what was expected, or what to do: {message}"
    assert list(tmp_path.rglob("*")) == []


def test_the_table_is_large():
    assert len(CASES) >= 200
