"""The cards for a discussion: what they say comes from somewhere, and what they point at is there."""

import json
import re
import sys
from pathlib import Path

import pytest

from hpt_lessons.view.quiz import deck
from hpt_lessons.view.quiz.deck import Deck

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
sys.path.insert(0, str(ROOT / "tools"))
prose_numbers = pytest.importorskip("prose_numbers")

CARDS = Deck(NOTEBOOKS / "cards.toml")


def test_there_are_twenty_and_two_are_those_of_the_notes():
    assert len(CARDS) >= 20
    assert "only one hyperparameter" in CARDS["one-only"].question
    assert CARDS["every-layer"].question == "Must every layer have the same learning rate?"


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_a_number_of_the_evidence_is_in_its_source(card):
    paragraph = f"{card.evidence} <!-- from: {card.source} -->"
    assert list(prose_numbers._paragraph_problems(paragraph, set())) == []


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_the_section_that_shows_it_is_there(card):
    cells = json.loads((NOTEBOOKS / card.lesson).read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    assert f"## {card.section}" in text.splitlines()


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_a_card_shows_the_question_first_and_folds_the_rest(card):
    text = card._repr_markdown_()
    question, _, rest = text.partition("<details>")
    assert card.question in question and card.answer not in question
    assert card.answer in rest and card.evidence in rest and all(what in rest for _, what in card.marks)


def test_it_is_printed_with_answers_for_the_teacher_and_without_for_the_class(capsys):
    file = str(NOTEBOOKS / "cards.toml")
    assert deck.main([file]) == 0
    teacher = capsys.readouterr().out
    assert deck.main([file, "--questions"]) == 0
    students = capsys.readouterr().out
    for card in CARDS:
        assert card.question in students and card.question in teacher
        assert card.answer not in students and card.answer in teacher
    assert len(re.findall(r"^## \d+$", students, flags=re.MULTILINE)) == len(CARDS)


GOOD = """[[card]]
id = "a"
question = "Q?"
answer = "A."
evidence = "E."
from = "arithmetic"
lesson = "l.ipynb"
section = "s"
marks = [[2, "what"]]
"""


def test_a_good_file_is_read(tmp_path):
    (tmp_path / "d.toml").write_text(GOOD)
    found = Deck(tmp_path / "d.toml")
    assert [card.id for card in found] == ["a"] and found[0].points == 2 and "1 cards" in repr(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no \\[\\[card\\]\\]"),
        ("card = 3", "no \\[\\[card\\]\\]"),
        ("card = [3]", "a table"),
        (GOOD.replace('answer = "A."\n', ""), "'answer' is missing"),
        (GOOD.replace('"A."', '" "'), "a text was expected"),
        (GOOD.replace('"A."', "7"), "answer=7"),
        (GOOD + 'colour = "red"\n', "'colour' is not known"),
        (GOOD.replace('[[2, "what"]]', "[]"), "marks="),
        (GOOD.replace('[[2, "what"]]', '[[0, "what"]]'), "marks="),
        (GOOD.replace('[[2, "what"]]', '[["what", 2]]'), "marks="),
        (GOOD.replace('[[2, "what"]]', '"two"'), "marks="),
        (GOOD + GOOD, "twice"),
        ("[[card", "no TOML"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, text, said):
    (tmp_path / "d.toml").write_text(text)
    with pytest.raises(ValueError, match=said):
        Deck(tmp_path / "d.toml")


def test_a_card_or_file_that_is_not_there_is_named(tmp_path, capsys):
    with pytest.raises(KeyError, match="'one-only'"):
        CARDS["one-of-two"]
    with pytest.raises(FileNotFoundError, match=r"no\.toml"):
        Deck(tmp_path / "no.toml")
    assert deck.main([str(tmp_path / "no.toml")]) == 1 and "no.toml" in capsys.readouterr().err
    assert deck.main([]) == 2
