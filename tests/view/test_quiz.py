"""The quiz: questions that hold together, judgements with reasons, answers that outlive the notebook, the widget."""

import copy
import csv
import json
import math
import re
import tomllib
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpt_lessons.view.look import typed
from hpt_lessons.view.look.page import inline
from hpt_lessons.view.quiz import questions as asking
from hpt_lessons.view.quiz.answers import Answers
from hpt_lessons.view.quiz.cards import Quiz

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
FILES = sorted((NOTEBOOKS / "quiz").glob("*.toml"))
LESSON_09 = NOTEBOOKS / "quiz" / "09.toml"


@pytest.fixture
def questions():
    return asking.load(LESSON_09)


@pytest.fixture
def quiz(questions, tmp_path):
    return Quiz(questions, answers=tmp_path / "09.json")


def texts(widget):
    """All HTML of a widget and its children."""
    own = [widget.value] if isinstance(getattr(widget, "value", None), str) else []
    return "\n".join(own + [texts(child) for child in getattr(widget, "children", ())])


# -- the files of the lessons ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_choice_is_explained_and_each_question_points_into_its_lesson(path):
    """`load` insists on a `why` everywhere; `see` is a heading of the lesson, letter for letter."""
    content = asking.load(path)
    cells = json.loads((NOTEBOOKS / content.lesson).read_text(encoding="utf-8"))["cells"]
    lines = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown").splitlines()
    headings = {re.sub(r"^#+\s+", "", line).strip() for line in lines if re.match(r"#+\s", line)}
    assert {question.see for question in content} <= headings
    if not content.lesson.startswith("deeper/"):
        assert len([question for question in content if question.in_quiz]) == 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_solution_is_right_and_every_other_single_choice_wrong(path):
    """And each wrong choice, taken alone, is told its own reason."""
    for question in (question for question in asking.load(path) if question.kind != "observation"):
        assert asking.judge(question, question.solution).right
        for choice in question.choices:
            feedback = asking.judge(question, [choice.text])
            assert feedback.right == ([choice.text] == question.solution)
            if not choice.right:
                assert (choice.text, choice.why) in feedback.reasons
        for mistake in question.mistakes:
            assert asking.judge(question, mistake.value).reasons == (("", mistake.why),)


def test_the_numbers_of_lesson_09_are_those_of_an_experiment(questions):
    """The two computed answers, computed: draws of the domain, and the program's mean of batch means."""
    import numpy as np

    from hpt_lessons.search import domains, layouts

    drawn = [c["lr"] for c in layouts.random({"lr": domains.loguniform(1e-5, 1e-1)}, 4000, seed=0)]
    share = 100 * np.mean([1e-3 <= rate < 1e-2 for rate in drawn])
    assert abs(share - questions["decades"].answer) < 2.5
    losses = [0, 0, 0, 0, 5]
    assert questions["batch-means"].answer == np.mean([np.mean(losses[:4]), np.mean(losses[4:])])
    assert questions["high-rates"].answer == pytest.approx(100 * math.log(0.1 / 0.01) / math.log(0.1 / 1e-4), abs=0.5)


def broken(change):
    """The problems of lesson 09's file after a change to its content."""
    content = tomllib.loads(LESSON_09.read_text(encoding="utf-8"))
    changed = copy.deepcopy(content)
    change(changed["question"])
    assert asking.problems(content) == []
    return asking.problems(changed)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda q: q[0]["choice"][1].pop("why"), "question 'what-travels', choice 2: 'why' is missing"),
        (lambda q: q[0]["choice"][1].update(why=" "), "choice 2: 'why' is empty"),
        (lambda q: q[1].pop("see"), "question 'decades': 'see' is missing"),
        (lambda q: q[1].update(answer="25"), "'answer' is '25'; a number was expected"),
        (lambda q: q[1].update(answer=True), "'answer' is True; a number was expected"),
        (lambda q: q[1].update(tolerance=-1), "the tolerance -1 is below 0"),
        (lambda q: q[1]["mistake"][0].update(value=25.5), "the mistake 25.5 would count as right"),
        (lambda q: q[2]["choice"][1].update(right=True), "2 choices are right; exactly one was expected"),
        (lambda q: q[2].update(choice=q[2]["choice"][:1]), "at least two choices"),
        (lambda q: q[2]["choice"][1].update(text=q[2]["choice"][0]["text"]), "two choices have the same text"),
        (lambda q: [choice.pop("right", None) for choice in q[0]["choice"]], "0 choices are right; at least one"),
        (lambda q: q[3].update(id="decades"), "question 'decades': the id comes more than once"),
        (lambda q: q[3].update(kind="essay"), "kind 'essay'"),
        (lambda q: q[3].update(wehy="?"), "'wehy' is not known"),
        (lambda q: q.clear(), "at least one [[question]]"),
    ],
)
def test_a_fault_in_a_file_is_named(change, words):
    assert any(words in problem for problem in broken(change))


def test_a_file_that_cannot_be_asked_is_refused_with_its_name(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file of questions .*none\.toml"):
        asking.load(tmp_path / "none.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("title = ")
    with pytest.raises(ValueError, match=r"bad\.toml: this is no TOML"):
        asking.load(bad)
    bad.write_text('title = "t"\nlesson = 3\n')
    with pytest.raises(ValueError, match=r"(?s)'lesson' is 3.*at least one \[\[question\]\]"):
        asking.load(bad)


# -- judging ---------------------------------------------------------------------------------------------------------


@given(off=st.floats(-5, 5))
def test_a_number_is_right_within_its_tolerance_and_told_the_direction_beyond(off):
    question = asking.Question("q", "number", "?", "see", answer=10.0, tolerance=1.0, why="so")
    feedback = asking.judge(question, 10.0 + off)
    if abs(abs(off) - 1) > 1e-6:
        assert feedback.right == (abs(off) < 1)
        assert feedback.right or ("too large" if off > 0 else "too small") in feedback.headline


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_wrong_number_without_a_reason_of_its_own_gets_the_hint(path):
    """The questions of a quiz give one; without it only the direction is told."""
    asked = [question for question in asking.load(path) if question.kind == "number" and not question.predict]
    for question in asked:
        feedback = asking.judge(question, question.answer + 1000)
        assert "is too large" in feedback.headline and feedback.reasons == (("", question.hint),) * bool(question.hint)
    assert path.stem != "04" or all(question.hint for question in asked)


def test_a_missing_tick_is_counted_but_not_given_away(questions):
    question = questions["what-travels"]
    feedback = asking.judge(question, ["the path of the folder with the data"])
    assert not feedback.right and "1 right one is not ticked" in feedback.headline
    assert feedback.reasons == ()


def test_what_is_no_answer_is_refused(questions):
    for answer in (3.0, [], ["nonsense"], ["Each", "both"], True):
        with pytest.raises(ValueError, match="is no answer to it"):
            asking.judge(questions["last-or-all"], answer)
    with pytest.raises(ValueError, match="is no answer"):
        asking.judge(questions["decades"], True)
    with pytest.raises(KeyError, match="there are 'what-travels'"):
        questions["nonsense"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("25", 25),
        (" 25 % ", 25),
        ("1e-4", 1e-4),
        ("2**8", 256),
        ("10**-2", 0.01),
        ("-3", -3),
        ("\N{MINUS SIGN}3", -3),
        (".5", 0.5),
    ],
)
def test_a_number_is_read_as_people_write_it(questions, text, value):
    read = questions["decades"].read(text)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "missing"),
        ("0,1", "Write 0.1 with a point"),
        ("10^-4", "Write 1e-4"),
        ("5x10^3", "Write 5e3"),
        ("nan", "no finite number"),
        ("1e999", "too large"),
        (".", "no number"),
        ("about 3", "no number"),
        ("9**99**9", "no number"),
        ("1_000", "no number"),
        ("__import__('os')", "no number"),
        ("1j", "no number"),
        ("9" * 400, "too large"),
    ],
)
def test_what_is_no_number_is_told_what_to_type(text, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        typed.number(text)


@given(st.text(max_size=40))
def test_no_text_is_ever_run(text):
    """Whatever is typed, the answer is a finite number or a sentence."""
    try:
        assert math.isfinite(typed.number(text))
    except ValueError as error:
        assert len(str(error)) <= 200


# -- the student's file ----------------------------------------------------------------------------------------------


def test_answers_outlive_the_notebook(questions, tmp_path):
    """A new kernel shows the last answer, its feedback and the score."""
    first = Quiz(questions, answers=tmp_path / "a.json")
    first.cards[2].field.value = first.cards[2].field.options[1][1]
    first.cards[2].check.click()
    first.cards[2].field.value = first.cards[2].field.options[0][1]
    first.cards[2].check.click()
    again = Quiz(asking.load(LESSON_09), answers=tmp_path / "a.json")
    assert again.score == {"questions": 5, "answered": 1, "right": 1, "first try": 0}
    assert again.cards[2].field.answer == ["A arrived at the rungs first, and nobody was there to lose against"]
    assert "Right." in again.cards[2].feedback.value
    assert again.cards[1].feedback.value == "" and again.cards[1].show.disabled


def test_two_open_notebooks_do_not_forget_each_others_answers(questions, tmp_path):
    one, two = (Answers(questions, tmp_path / "a.json") for _ in range(2))
    one.add(questions["decades"], 25)
    two.add(questions["batch-means"], 1)
    assert Answers(questions, tmp_path / "a.json").score()["answered"] == 2


def test_an_answer_that_the_question_no_longer_has_is_left_out(questions, tmp_path):
    file = tmp_path / "a.json"
    old = [{"answer": ["a choice that was removed"], "right": True, "when": "2026-01-01T10:00:00"}]
    odd = [{"answer": [["x"]], "right": True, "when": ""}, {"answer": {"x": 1}, "right": True, "when": ""}]
    file.write_text(json.dumps({"answers": {"last-or-all": old + odd, "gone": old}}))
    kept = Answers(questions, file)
    assert kept.last("last-or-all") is None and kept.score()["right"] == 0


@pytest.mark.parametrize("content", ["", "{", "[]", '{"answers": {"decades": [{"x": 1}]}}', '{"answers": 3}'])
def test_an_unreadable_file_is_put_aside_not_overwritten(questions, tmp_path, content):
    file = tmp_path / "a.json"
    file.write_text(content)
    quiz = Quiz(questions, answers=file)
    assert "kept as a.json.unreadable" in texts(quiz)
    assert (tmp_path / "a.json.unreadable").read_text() == content
    quiz.answers.add(questions["decades"], 25)
    assert Answers(questions, file).score()["right"] == 1


def test_what_was_put_aside_before_is_not_overwritten_either(questions, tmp_path):
    """Each of three unreadable files is kept under a name of its own, which is said."""
    file = tmp_path / "a.json"
    for content, aside in (("{1", "a.json.unreadable"), ("{2", "a.json.unreadable-2"), ("{3", "a.json.unreadable-3")):
        file.write_text(content)
        assert f"kept as {aside}." in Answers(questions, file).trouble
        assert (tmp_path / aside).read_text() == content


def test_a_place_that_cannot_be_written_does_not_stop_the_quiz(questions, tmp_path):
    (tmp_path / "file").write_text("in the way")
    quiz = Quiz(questions, answers=tmp_path / "file" / "a.json")
    quiz.cards[1].field.answer = 25
    quiz.cards[1].check.click()
    quiz.cards[4].field.answer = 2.5
    quiz.cards[4].check.click()
    assert quiz.score["right"] == 2 and "cannot be kept" in texts(quiz)


def test_by_default_answers_lie_beside_the_studies(questions, tmp_path, monkeypatch):
    monkeypatch.setenv("HPT_LESSONS_STUDIES", str(tmp_path))
    Answers(questions).add(questions["decades"], 25)
    assert (tmp_path / "answers" / "09.json").is_file()
    assert list(tmp_path.rglob("*.tmp")) == []


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_results_are_exported_as_a_row_a_question(questions, tmp_path, suffix):
    clock = iter(datetime(2026, 1, 1, 10, minute) for minute in range(10))
    answers = Answers(questions, tmp_path / "a.json", clock=lambda: next(clock))
    answers.add(questions["decades"], 33)
    answers.add(questions["decades"], 25)
    answers.add(questions["batch-means"], None)
    answers.add(questions["batch-means"], 2.5)
    path = answers.export(tmp_path / f"results{suffix}")
    text = path.read_text(encoding="utf-8")
    rows = json.loads(text) if suffix == ".json" else list(csv.DictReader(text.splitlines()))
    found = {row["question"]: {key: str(value) for key, value in row.items()} for row in rows}
    assert set(found) == {question.id for question in questions}
    assert (
        found["decades"]
        | {
            "answer": "25%",
            "right": "True",
            "first_try_right": "False",
            "tries": "2",
            "first": "2026-01-01T10:00:00",
            "last": "2026-01-01T10:01:00",
        }
        == found["decades"]
    )
    assert found["batch-means"]["right"] == "False" and found["batch-means"]["solution_shown"] == "True"
    with pytest.raises(ValueError, match=r"\.csv or \.json"):
        answers.export(tmp_path / "results.xls")


# -- the widget ------------------------------------------------------------------------------------------------------


def test_a_wrong_choice_is_explained_and_a_right_one_explains_all(quiz, questions):
    card, question = quiz.cards[2], questions["first-to-arrive"]
    card.check.click()
    assert "Choose one" in card.feedback.value and quiz.score["answered"] == 0
    card.field.value = question.choices[1].text
    card.check.click()
    assert "ASHA expects nothing" in card.feedback.value and "nobody waits" not in card.feedback.value
    card.field.value = question.choices[0].text
    card.check.click()
    assert all(inline(choice.why) in card.feedback.value for choice in question.choices)
    assert f"“{question.see}”" in card.feedback.value
    assert "1 of 5 right" in texts(quiz)


def test_several_ticks_and_a_number_with_a_reason(quiz):
    several, number = quiz.cards[0], quiz.cards[1]
    for position in (0, 1):
        list(several.field.boxes.values())[position].value = True
    several.check.click()
    assert "1 of your ticks is wrong, and 1 right one is not ticked" in several.feedback.value
    number.field.text.value = "9 %"
    number.check.click()
    assert "<em>linear</em>" in number.feedback.value
    number.field.text.value = "0,25"
    number.check.click()
    assert "Write 0.25 with a point" in number.feedback.value and quiz.score["right"] == 0


def test_what_was_said_about_another_answer_is_gone_when_the_answer_changes(quiz):
    """Wrong, right, refused or shown: of each kind of question."""
    several, number, one = quiz.cards[0], quiz.cards[1], quiz.cards[2]
    number.field.text.value = "1/4"
    number.check.click()
    assert "no number" in number.feedback.value
    number.field.text.value = "25 %"
    assert number.feedback.value == ""
    one.check.click()
    one.field.value = one.field.options[1][1]
    assert one.feedback.value == ""
    box = next(iter(several.field.boxes.values()))
    box.value = True
    several.check.click()
    several.show.click()
    assert several.feedback.value
    box.value = False
    assert several.feedback.value == ""


def test_enter_in_a_number_field_checks_the_answer_or_keeps_the_prediction(quiz, questions):
    """As the page sends it, once for each press."""
    number, prediction = quiz.cards[1], quiz.predict("high-rates")
    for part in (number, prediction):
        part.field.text.value = "25"
        part.field.text._handle_custom_msg({"event": "submit"}, [])
    assert "Right" in number.feedback.value and quiz.score["right"] == 1
    assert quiz.answers.last("high-rates").answer == 25


def test_percent_are_read_the_same_whether_they_are_asked_for_or_not(questions):
    asked, other = questions["decades"], questions["batch-means"]
    assert [asked.read(text) for text in ("25", "25%", "25 %", "2.5e1 %")] == [25] * 4
    assert [other.read(text) for text in ("0.25", "25%", "25 %")] == [0.25] * 3
    with pytest.raises(ValueError, match=r"Write 0.5 with a point"):
        other.read("0,5 %")


def test_whoever_looks_at_the_solution_first_does_not_score(quiz):
    card = quiz.cards[1]
    card.field.text.value = "33"
    card.check.click()
    card.show.click()
    assert "The answer: 25%" in card.feedback.value
    card.field.text.value = "25"
    card.check.click()
    assert "Right" in card.feedback.value and quiz.score["right"] == 0
    quiz.forget()
    assert card.field.text.value == "" and card.feedback.value == "" and quiz.score["answered"] == 0


def test_a_prediction_is_kept_and_shown_beside_the_result(quiz, questions, tmp_path):
    prediction = quiz.predict("high-rates")
    prediction.field.text.value = "50"
    prediction.keep.click()
    again = Quiz(questions, answers=tmp_path / "09.json")
    assert again.predict("high-rates").field.text.value == "50"
    shown = again.compare("high-rates", result=33.4).value
    assert "50%" in shown and "33.4%" in shown and "off by 16.6%" in shown and "three decades" in shown
    assert again.score["questions"] == 5


def test_a_prediction_can_be_changed_until_the_result_is_shown(quiz, questions, tmp_path):
    """Then it is closed on the page, in the file, and in a new kernel; forgetting opens it."""
    prediction = quiz.predict("high-rates")
    for text in ("50", "40"):
        prediction.field.text.value = text
        prediction.keep.click()
        assert "still change it" in prediction.feedback.value and not prediction.field.text.disabled
    assert "40%" in quiz.compare("high-rates").value
    assert prediction.field.text.disabled and prediction.keep.disabled and prediction.skip.disabled
    again = Quiz(questions, answers=tmp_path / "09.json")
    again.answers.add(questions["high-rates"], 33)
    assert again.answers.last("high-rates").answer == 40
    later = again.predict("high-rates")
    assert later.field.text.value == "40" and later.keep.disabled
    again.forget()
    assert later.field.text.value == "" and not later.keep.disabled and later.is_open


@pytest.mark.parametrize("typed_in", [True, False])
def test_a_skipped_prediction_is_not_judged(quiz, typed_in):
    """By the button, or typed; it can be made after all, and is closed once the result was shown."""
    prediction = quiz.predict("high-rates")
    if typed_in:
        prediction.field.text.value = "Skip "
    (prediction.keep if typed_in else prediction.skip).click()
    assert "Skipped" in prediction.feedback.value and not prediction.is_open
    shown = quiz.compare("high-rates", result=33.4).value
    assert "you skipped it" in shown and "33.4%" in shown and "So" not in shown and "three decades" in shown
    assert prediction.keep.disabled
    (row,) = [row for row in quiz.answers.records() if row["question"] == "high-rates"]
    assert row["answer"] == "skipped" and row["right"] is False and row["tries"] == 0


def test_who_skipped_may_predict_before_the_result_is_shown(quiz):
    prediction = quiz.predict("high-rates")
    prediction.skip.click()
    prediction.field.text.value = "33"
    prediction.keep.click()
    assert "you were right" in quiz.compare("high-rates", result=33.4).value


def test_a_choice_is_predicted_changed_and_skipped_too(tmp_path):
    """The last thing that was pressed counts."""
    quiz = Quiz(NOTEBOOKS / "quiz" / "04.toml", answers=tmp_path / "04.json")
    id = next(q.id for q in quiz.questions if q.predict and q.kind == "one")
    prediction, other = quiz.predict(id), quiz.questions[id].choices[1].text
    prediction.field.value = other
    prediction.keep.click()
    prediction.skip.click()
    assert prediction.field.value is None and quiz.answers.skipped(id)
    prediction.field.value = other
    prediction.keep.click()
    quiz.compare(id)
    assert prediction.field.disabled and prediction.field.value == other


def test_all_is_forgotten_at_the_second_click(quiz, questions):
    """A first click only asks; an answer given meanwhile takes the question back."""
    quiz.answers.add(questions["high-rates"], 33)
    quiz.again.click()
    assert "Click again" in quiz.again.description and quiz.answers.last("high-rates") is not None
    quiz.cards[1].field.text.value = "25"
    quiz.cards[1].check.click()
    assert "Click again" not in quiz.again.description
    quiz.again.click()
    quiz.again.click()
    assert quiz.answers.last("high-rates") is None and quiz.score["answered"] == 0
    assert "Click again" not in quiz.again.description


def test_a_result_without_a_prediction_says_so(quiz):
    assert "before you predicted" in quiz.compare("high-rates").value
    assert not quiz.predict("high-rates").keep.disabled
    for ask in (quiz.predict, quiz.compare):
        with pytest.raises(ValueError, match=r"'decades' is no prediction: write `predict = true`"):
            ask("decades")


# -- observations ----------------------------------------------------------------------------------------------------

OBSERVED = """
title = "t"
lesson = "l.ipynb"
[[question]]
id = "curve"
kind = "observation"
text = "What happens after epoch 5?"
see = "Curves"
"""


@pytest.fixture
def observed(tmp_path):
    path = tmp_path / "l.toml"
    path.write_text(OBSERVED)
    return lambda: Quiz(path, answers=tmp_path / "l.json")


def test_what_a_student_observes_is_kept_and_exported(observed, tmp_path):
    quiz = observed()
    area = quiz.observe("curve")
    assert any("<b>What do you see?</b>" in getattr(part, "value", "") for part in area.children)
    area.keep.click()
    assert "Write a sentence first" in area.feedback.value
    for text in ("It falls.", "=It rises\nagain."):
        area.field.value = text
        assert area.feedback.value == ""
        area.keep.click()
        assert "Kept on" in area.feedback.value
    assert observed().observe("curve").field.value == "=It rises\nagain."
    (row,) = json.loads(quiz.export(tmp_path / "r.json").read_text())
    assert row["kind"] == "observation" and row["answer"] == "=It rises\nagain." and row["right"] is None
    (row,) = csv.DictReader(quiz.export(tmp_path / "r.csv").open(newline=""))
    assert row["answer"] == "'=It rises\nagain." and row["right"] == ""
    assert quiz.score["questions"] == 0 and repr(quiz).startswith("Quiz(0 questions")
    quiz.forget()
    assert area.field.value == ""


def test_an_observation_is_no_prediction_and_no_question_of_the_quiz(observed, quiz):
    with pytest.raises(ValueError, match="'curve' is no prediction"):
        observed().predict("curve")
    with pytest.raises(ValueError, match="'decades' is no observation: write `kind = \"observation\"`"):
        quiz.observe("decades")
    content = tomllib.loads(OBSERVED + "predict = true")
    assert asking.problems(content) == ["question 'curve': an observation cannot be a prediction."]
    assert "'answer' is not known" in asking.problems(tomllib.loads(OBSERVED + "answer = 3"))[0]


def test_a_quiz_can_be_listened_to_like_every_widget(quiz):
    heard = []
    quiz.observe(lambda change: heard.append(change.new), "children")
    quiz.children = ()
    assert heard == [()]


def test_every_input_has_a_label_and_the_repr_is_short(quiz):
    for card in quiz.cards:
        fields = getattr(card.field, "boxes", None)
        inputs = list(fields.values()) if fields else [getattr(card.field, "text", card.field)]
        assert all(field.description for field in inputs)
    assert repr(quiz) == "Quiz(5 questions on 09_ray_tune_cifar.ipynb)" == quiz._repr_mimebundle_()["text/plain"]
    assert len(repr(quiz.predict("high-rates"))) < 110


def test_text_of_a_question_is_text_not_markup():
    shown = inline("a < b & `x<y>` is *so* 2 * 3 * 4")
    assert shown == "a &lt; b &amp; <code>x&lt;y&gt;</code> is <em>so</em> 2 * 3 * 4"
