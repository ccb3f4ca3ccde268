"""The search on the command line: its options are remembered, and going on needs no more than a name."""

import os
from pathlib import Path

import pytest

from hpt_lessons.journal import Journal
from hpt_lessons.raytune import __main__ as command


def begin(folder: Path, name: str, *options: str, at: int) -> None:
    """A study as `make tune` leaves it once its search has begun."""
    read = command.read_arguments(["--folder", str(folder), "--name", name, *options])
    command.remember(command.named(read))
    os.utime(folder / name / "command.json", (at, at))
    Journal(folder / name / "journal.jsonl").append({"event": "study", "data": "x", "settings": {}})


def resumed(folder: Path, *options: str):
    return command.remembered(command.read_arguments(["--resume", "--folder", str(folder), *options]))


def test_going_on_takes_the_options_with_which_the_study_was_begun(tmp_path):
    begin(tmp_path, "mine", "--samples", "7", "--search", "bohb", "--data", "standin", at=1)
    options = resumed(tmp_path, "--name", "mine")
    assert (options.samples, options.search, options.data, options.resume) == (7, "bohb", "standin", True)


def test_without_a_name_the_study_that_was_begun_last_goes_on(tmp_path):
    begin(tmp_path, "older", "--samples", "3", at=1)
    begin(tmp_path, "newer", "--samples", "4", at=2)
    assert (resumed(tmp_path).name, resumed(tmp_path, "--name", "older").samples) == ("newer", 3)


def test_a_search_that_was_refused_is_not_the_last_one(tmp_path, capsys, monkeypatch):
    """Its data was not there: nothing has begun, and its name is free."""
    monkeypatch.chdir(tmp_path)
    begin(tmp_path, "good", at=1)
    nowhere = ["--folder", str(tmp_path), "--name", "refused", "--data", str(tmp_path / "nowhere")]
    assert command.main([*nowhere, "--data-dir", str(tmp_path / "data")]) == 1
    assert "nowhere" in capsys.readouterr().err
    assert resumed(tmp_path).name == "good"
    assert command.named(command.read_arguments(nowhere)).name == "refused"


def test_nothing_to_go_on_with_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no study 'mine' in"):
        resumed(tmp_path, "--name", "mine")


def test_a_name_that_is_taken_is_refused(tmp_path):
    begin(tmp_path, "mine", at=1)
    with pytest.raises(FileExistsError, match="--resume --name mine"):
        command.named(command.read_arguments(["--folder", str(tmp_path), "--name", "mine"]))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--resume", "--name", "mine", "--samples", "50", "--train-size", "9"], "leave out --samples, --train-size"),
        (["--name", "../outside"], "a plain name was expected"),
        (["--name", ""], "a plain name was expected"),
        (["--samples", "0"], "at least 1"),
        (["--search", "magic"], "invalid choice: 'magic'"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options, said, capsys):
    with pytest.raises(SystemExit):
        command.read_arguments(options)
    assert said in capsys.readouterr().err
