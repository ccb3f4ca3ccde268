"""FINDINGS.md says what its commands print, for each finding that is measured, and has no number without one."""

import re

import pytest

from hpt_lessons.findings import __main__ as findings

TEXT = findings.FILE.read_text(encoding="utf-8")
MEASURED = [name for name in findings.FINDINGS if findings.measured(name)]
# What a section says in its own words: everything but the blocks.
SECTIONS = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]


def blocks(section: str) -> list[str]:
    return re.findall(r"^```\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)


def command_of(block: str) -> str:
    return re.match(r"\$ python -m hpt_lessons\.findings ([\w-]+)\n", block)[1]


def test_every_measured_finding_has_its_place():
    """And nothing stands there that no table supports."""
    named = [command_of(block) for section in SECTIONS for block in blocks(section)]
    assert sorted(named) == sorted(MEASURED)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * findings.FINDINGS[name].slow) for name in MEASURED]
)
def test_the_command_prints_what_the_file_says(name):
    """Line by line, hundreds of replayed searches among them."""
    assert findings.block(name) in TEXT, f"run: python -m hpt_lessons.findings {name} --write"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.splitlines()[0][:40])
def test_numbers_in_prose_come_from_the_block_beside_them(section):
    """Decimals and percentages; counts such as 'ten trials' are words."""
    printed = " ".join(blocks(section))
    prose = re.sub(r"^```\n.*?^```", "", section, flags=re.MULTILINE | re.DOTALL)
    numbers = re.findall(r"\d+\.\d+|\d+(?= ?%)", prose)
    assert [number for number in numbers if not re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", printed)] == []


def test_a_block_is_put_in_its_place(monkeypatch):
    """Only that one is changed; a finding without a place is an error that says what to write."""
    monkeypatch.setitem(findings.FINDINGS, "small", findings.Finding("?", (), lambda: iter(["one", "two"]), False))
    start, end = "Before.\n```\n$ python -m hpt_lessons.findings small\n", "\nAfter ```x```.\n"
    assert findings.rewritten(f"{start}old\n```{end}", ["small"]) == f"{start}one\ntwo\n```{end}"
    with pytest.raises(KeyError, match="no block for 'small'"):
        findings.rewritten("nothing", ["small"])


def test_the_command_names_what_it_does_not_know(capsys):
    """An unknown finding, and one whose table is not there."""
    with pytest.raises(SystemExit):
        findings.main(["everything"])
    assert "ten-trials" in capsys.readouterr().err


def test_a_finding_without_its_table_says_so(monkeypatch, capsys):
    """Nothing is printed that was not measured."""
    missing = findings.Finding("?", ("no-such-table",), lambda: iter(["made up"]), False)
    monkeypatch.setitem(findings.FINDINGS, "missing", missing)
    assert findings.main(["missing"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "no-such-table is not measured yet" in err
