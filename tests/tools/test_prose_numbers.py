"""Which numbers of a text count, where each may come from, and what a mark has to lead to."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.tools import load_tool

numbers = load_tool("prose_numbers")


def texts(paragraph):
    return [number.text for number in numbers.quoted(paragraph)]


@pytest.mark.parametrize(
    ("paragraph", "counted"),
    [
        ("It is 0.91 and −2.5, or 12.", ["0.91", "2.5", "12"]),
        ("Between 30 and 45 %, 10–20 or 1,234.5.", ["30", "45", "10", "20", "1,234.5"]),
        ("A 60-trial search of 2,000 pictures at 3e-4", ["60", "2,000", "3e-4"]),
        ("nine of 3 or 9 or 5 %", []),
        ("**Needs:** lesson 00. **Time:** about 60 minutes", []),
        ("Section 12, figure 18, lessons 04 and 09, tables 10 to 12, Python 3.11", []),
        ("Bergstra & Bengio 2012, and (McKay 1979)", []),
        ("12. the twelfth, the 12th, CIFAR-10, conv32 and l1", []),
        ("`lr=1e-3`, ``40``, $(1-p)^{60}$, [40](https://x.org/40), https://x.org/41, <img width='42'>", []),
        ("3⁵, 10⁻³, 0.99ⁿ and 12²", []),
        ("a 95 % interval, the 95 % intervals", []),
        ("In 2012 we had 2012 trials", ["2012"]),
    ],
)
def test_what_counts_as_a_number(paragraph, counted):
    assert texts(paragraph) == counted


def lesson(prose, printed="", code="1", heading="Here", before=""):
    return new_notebook(
        cells=[
            new_markdown_cell(before),
            new_markdown_cell(f"## {heading}\n\n{prose}"),
            new_code_cell(code, outputs=[new_output("stream", text=printed)]),
        ]
    )


@pytest.mark.parametrize(
    ("prose", "printed"),
    [
        ("0.91", "0.9127"),
        ("by 1.6 points", "-1.6"),
        ("by 1.6 points", "difference -0.0163"),
        ("67 %", "67%"),
        ("67 %", "0.671"),
        ("0.13", "0.125"),
        ("about 2,000", "1987"),
        ("1,234", "1,234 trials"),
        ("3e-4", "0.00031"),
        ("256", "2**8"),
        ("12.5", "<td>12.5</td>"),
        ("0.5", ".5"),
    ],
)
def test_a_number_is_one_of_its_section_rounded(prose, printed):
    assert list(numbers.problems(lesson(prose, printed))) == []
    assert list(numbers.problems(lesson(prose, code=f"text = '{printed}'"))) == []


@pytest.mark.parametrize(
    ("prose", "printed"),
    [("0.91", "0.9157"), ("0.671", "67.1"), ("0.67", "67%"), ("2,000", "1851"), ("21", "20"), ("12.5", "12.54e3")],
)
def test_a_number_of_nowhere_is_named_with_its_words(prose, printed):
    (problem,) = numbers.problems(lesson(f"We got {prose} at the end.", printed))
    assert problem == (
        f"'Here': {prose} ('We got {prose} at the end.') is in no output or code of its section: "
        "quote what is printed, or add <!-- from: ... --> to its paragraph"
    )


def test_the_output_of_another_section_does_not_count():
    notebook = lesson("12.5", "12.5", heading="There")
    notebook.cells.append(new_markdown_cell("Still 12.5.\n\n### Below\n\n12.5\n\n## Next\n\nAgain 12.5."))
    (problem,) = numbers.problems(notebook)
    assert problem.startswith("'Next': 12.5") and numbers.count(notebook) == 4


def test_what_is_asked_and_what_is_cited_is_not_looked_at():
    for heading in ("Exercises", "References"):
        notebook = lesson("Draw 625 points (20 minutes); pages 281-305.", heading=heading)
        assert list(numbers.problems(notebook)) == [] and numbers.count(notebook) == 0


@pytest.mark.parametrize(
    ("mark", "problem"),
    [
        ("Bergstra & Bengio 2012, figure 1", None),
        ("arithmetic", None),
        ("table cifar-lenet", None),
        ("table no-such", "there is no recorded table 'no-such'"),
        ("finding ten-trials", "77.5 ('It was 77.5 in the end.') is not in its finding, output or code"),
        ("finding no-such", "there is no finding 'no-such': python -m hpt_lessons.findings prints"),
    ],
)
@pytest.mark.parametrize("gap", ["\n", "\n\n"])
def test_a_mark_says_where_a_number_comes_from(mark, problem, gap):
    found = list(numbers.problems(lesson(f"It was 77.5 in the end.{gap}<!-- from: {mark} -->")))
    assert (found == []) if problem is None else found[0].startswith(f"'Here': {problem}")


def test_the_number_of_a_finding_is_looked_up_in_its_section():
    """The text that its command prints is committed, and a test compares it with what the command prints."""
    block = (numbers.PACKAGE / "findings" / "FINDINGS.md").read_text(encoding="utf-8")
    assert "mean 1.586, from 1.526 to 1.671" in block, "the numbers of this test"
    prose = "The default has 1.59, our searches 83 %.\n<!-- from: finding ten-trials -->"
    assert list(numbers.problems(lesson(prose))) == []


def test_a_mark_is_for_its_own_paragraph_and_fences_are_code():
    fence = "```python\nx = 80.5\n\n# 81.5\n```"
    prose = f"First 77.5.\n<!-- from: arithmetic -->\n\nThen 78.5.\n\n{fence}\n\nIt is 80.5 or 81.5."
    (problem,) = numbers.problems(lesson(prose))
    assert "78.5" in problem and numbers.count(lesson(prose)) == 4
