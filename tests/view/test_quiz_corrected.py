"""A key that is corrected later: what a student answered stays, whether it was right is judged by the key of today."""

import csv
import json

import pytest

from hpt_lessons.view.quiz.answers import Answers
from hpt_lessons.view.quiz.cards import Quiz
from hpt_lessons.view.quiz.questions import load

CAPITAL = {"Lima": False, "Quito": True, "Bogota": False}
PRIMES = {"2": True, "9": False, "11": True}


def write(path, *, capital=CAPITAL, primes=PRIMES, boiling=(100, 2), guess=CAPITAL, without=()):
    """A file of four questions: one choice, several, a number (answer, tolerance), and a prediction."""
    asked = {
        "capital": ("one", _choices(capital)),
        "primes": ("several", _choices(primes)),
        "boiling": ("number", f'answer = {boiling[0]}\ntolerance = {boiling[1]}\nwhy = "Measured."\n'),
        "guess": ("one", "predict = true\n" + _choices(guess)),
    }
    heads = (
        f'[[question]]\nid = "{id}"\nkind = "{kind}"\ntext = "{id}?"\nsee = "Here"\n{rest}'
        for id, (kind, rest) in asked.items()
        if id not in without
    )
    path.write_text('title = "t"\nlesson = "l.ipynb"\n' + "".join(heads))
    return path


def _choices(choices):
    entries = (f'text = "{text}"\nwhy = "of {text}"\nright = {str(right).lower()}\n' for text, right in choices.items())
    return "".join(f"[[question.choice]]\n{entry}" for entry in entries)


@pytest.fixture
def toml(tmp_path):
    return write(tmp_path / "l.toml")


@pytest.fixture
def answered(toml, tmp_path):
    """Quito, 2 and 11, 101.5 and the bet on Quito are answered; the function opens the file of questions again."""
    quiz = Quiz(toml, answers=tmp_path / "a.json")
    for card, answer in zip(quiz.cards, (["Quito"], ["2", "11"], 101.5), strict=True):
        card.field.answer = answer
        card.check.click()
    prediction = quiz.predict("guess")
    prediction.field.answer = ["Quito"]
    prediction.keep.click()
    assert quiz.score == {"questions": 3, "answered": 3, "right": 3, "first try": 3}
    return lambda **key: Quiz(write(toml, **key), answers=tmp_path / "a.json")


def rows(quiz, tmp_path):
    """The rows of an export, which are the same in both forms."""
    table = list(csv.DictReader(quiz.export(tmp_path / "r.csv").open(newline="")))
    entries = json.loads(quiz.export(tmp_path / "r.json").read_text())
    assert [{key: str("" if value is None else value) for key, value in row.items()} for row in entries] == table
    return {row["question"]: row for row in entries}


@pytest.mark.parametrize(
    ("question", "key"),
    [
        ("capital", {"capital": CAPITAL | {"Lima": True, "Quito": False}}),
        ("primes", {"primes": PRIMES | {"9": True}}),
        ("boiling", {"boiling": (100, 1)}),
        ("boiling", {"boiling": (50, 2)}),
    ],
)
def test_what_was_right_by_the_old_key_is_wrong_by_the_new_one(answered, tmp_path, question, key):
    """In the score, in the export and on the card alike; the answer stays."""
    quiz = answered(**key)
    assert quiz.score == {"questions": 3, "answered": 3, "right": 2, "first try": 2}
    row = rows(quiz, tmp_path)[question]
    assert row["right"] is False and row["first_try_right"] is False and row["tries"] == 1 and row["note"] == ""
    assert row["answer"] == {"capital": "Quito", "primes": "2; 11", "boiling": "101.5"}[question]
    (card,) = [card for card in quiz.cards if card.question.id == question]
    assert "Not quite" in card.feedback.value
    assert "2 of 3 right, 2 at the first try" in quiz._head.value


def test_what_was_wrong_by_the_old_key_is_right_by_the_new_one(toml, tmp_path):
    """The first of two tries, so that it is right at the first; and before the solution was looked at."""
    quiz = Quiz(toml, answers=tmp_path / "a.json")
    for answer in (["Lima"], ["Bogota"]):
        quiz.cards[0].field.answer = answer
        quiz.cards[0].check.click()
    quiz.cards[2].field.answer = 110
    quiz.cards[2].check.click()
    quiz.cards[2].show.click()
    assert quiz.score["right"] == 0
    again = Quiz(write(toml, capital=CAPITAL | {"Lima": True, "Quito": False}, boiling=(100, 10)), tmp_path / "a.json")
    assert again.score == {"questions": 3, "answered": 2, "right": 2, "first try": 2}
    found = rows(again, tmp_path)
    assert found["capital"]["right"] and found["capital"]["first_try_right"] and found["capital"]["answer"] == "Bogota"
    assert found["boiling"]["right"] and found["boiling"]["solution_shown"]
    assert again.cards[0].field.answer == ["Bogota"] and "Not quite" in again.cards[0].feedback.value


def test_choices_in_another_order_and_new_ones_change_nothing(answered, tmp_path):
    turned = dict(reversed(CAPITAL.items())) | {"La Paz": False}
    quiz = answered(capital=turned, primes=dict(reversed(PRIMES.items())), guess=turned)
    assert quiz.score["right"] == 3 and quiz.cards[0].field.answer == ["Quito"]
    assert {row["answer"] for row in rows(quiz, tmp_path).values()} == {"Quito", "2; 11", "101.5"}
    assert "you were right" in quiz.compare("guess").value


def test_an_answer_whose_choice_is_gone_is_said_and_not_counted(answered, tmp_path):
    without = {"Lima": True, "Bogota": False}
    quiz = answered(capital=without, guess=without)
    assert quiz.score == {"questions": 3, "answered": 2, "right": 2, "first try": 2}
    said = "Your earlier answer, Quito, is no answer to the question as it is now"
    assert said in quiz.cards[0].feedback.value and quiz.cards[0].field.answer is None
    found = rows(quiz, tmp_path)
    for id in ("capital", "guess"):
        assert found[id]["note"] == "the answer 'Quito' is no answer to the question as it is now"
        assert found[id]["answer"] == "" and found[id]["right"] is False and found[id]["tries"] == 0
    assert said in quiz.predict("guess").feedback.value and quiz.predict("guess").is_open
    assert "Quito, which is no answer to the question as it is now" in quiz.compare("guess").value
    quiz.cards[0].field.answer = ["Lima"]
    quiz.cards[0].check.click()
    assert quiz.score["right"] == 3 and rows(quiz, tmp_path)["capital"]["note"] == ""
    assert answered().cards[0].feedback.value.count("no answer to the question") == 0  # both are choices once more


def test_a_question_that_is_of_another_kind_now_takes_no_old_answer(answered, tmp_path):
    quiz = answered(without=["capital", "boiling"])
    with open(tmp_path / "l.toml", "a") as file:
        file.write('[[question]]\nid = "capital"\nkind = "observation"\ntext = "?"\nsee = "Here"\n')
    quiz = Quiz(load(tmp_path / "l.toml"), answers=tmp_path / "a.json")
    assert "Your earlier answer, Quito" in quiz.observe("capital").feedback.value
    assert "'Quito'" in rows(quiz, tmp_path)["capital"]["note"]


def test_a_question_that_was_removed_is_said_and_not_counted(answered, tmp_path):
    quiz = answered(without=["boiling", "guess"])
    assert quiz.score == {"questions": 2, "answered": 2, "right": 2, "first try": 2}
    assert "2 questions that you answered are no longer asked, and not counted." in quiz._head.value
    found = rows(quiz, tmp_path)
    assert list(found) == ["capital", "primes", "boiling", "guess"]
    assert found["boiling"]["answer"] == "101.5" and found["guess"]["answer"] == "Quito"
    for id in ("boiling", "guess"):
        assert found[id]["note"] == "the question is no longer asked" and found[id]["right"] is None
    quiz.cards[0].check.click()
    assert answered().score["right"] == 3  # asked once more, answered as before


def test_a_verdict_that_an_older_file_holds_is_not_believed(toml, tmp_path):
    old = {
        "capital": [{"answer": ["Quito"], "right": False, "when": "2026-01-01T10:00:00", "skipped": False}],
        "boiling": [{"answer": 3, "right": True, "when": "2026-01-01T10:00:00"}],
    }
    (tmp_path / "a.json").write_text(json.dumps({"lesson": "l.ipynb", "answers": old}))
    answers = Answers(load(toml), tmp_path / "a.json")
    assert answers.solved("capital") and not answers.solved("boiling") and answers.trouble == ""
    answers.add(answers.questions["boiling"], 99)
    kept = json.loads((tmp_path / "a.json").read_text())["answers"]
    assert not any("right" in entry for entries in kept.values() for entry in entries)
    assert len(kept["boiling"]) == 2 and kept["capital"][0]["answer"] == ["Quito"]
