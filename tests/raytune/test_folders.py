"""A study writes and removes only in its own folder, and a name is a name."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpt_lessons.journal import Journal
from hpt_lessons.names import check_name
from hpt_lessons.raytune import __main__ as command
from hpt_lessons.raytune.cifar import tune_cifar
from hpt_lessons.raytune.folders import MARK, fresh_ray_folder
from hpt_lessons.raytune.launch import launch
from hpt_lessons.raytune.study import run_study
from hpt_lessons.search import domains
from hpt_lessons.search.bohb import BOHBSampler
from hpt_lessons.search.searchers import Listed
from hpt_lessons.study.folders import study_folder

BEGIN = {"event": "study", "version": 1, "name": "mine", "data": "", "settings": {"max_epochs": 1, "trials": 1}}
NAMES = ["first-try", "study-20260101", "a", "한글 이름", "lr=0.1, wd=(1)", "v1.2", "naïve_β", "🎓", "0", 100 * "x"]
NO_NAMES = {
    "": "empty", " ": "empty", ".": "begins", "..": "begins", "...": "begins", "-x": "begins", "--resume": "begins",
    ".git": "begins", "x.": "ends", " x": "blank", "x ": "blank", "a/b": "'/'", "../x": "'/'", "/tmp/x": "'/'",
    "a\\b": "cannot stand", "..\\..": "cannot stand", "C:": "':'", "C:x": "':'", "~": "'~'", "~/x": "'~'",
    "a\nb": "cannot stand", "a\0": "cannot stand", "\x7f": "cannot stand", "a\u202eb": "cannot stand",
    "\ud800": "cannot", "a*": "cannot stand",
    "a\u2028": "cannot stand", "$HOME": "cannot stand", "a;b": "cannot", "a`b": "cannot",
    "[x]": "cannot", "a?": "cannot",
    "nul": "Windows", "CON": "Windows", "com1.txt": "Windows", "Lpt9": "Windows", "aux .x": "Windows", "x" * 101: "101",
    "한" * 90: "270 bytes",
}  # fmt: skip
OTHERS = {
    "a folder ray": ["ray/mine.txt"],
    "an empty folder ray": ["ray/"],
    "a text": ["thesis.txt"],
    "a journal of somebody": ["journal.jsonl"],
    "trials": ["trials/0000.pt"],
    "a hidden file": [".git/config"],
    "a lock with content": ["study.lock"],
    "a command of somebody": ["command.json"],
    "a folder as journal": ["journal.jsonl/"],
    "the ray of a study": ["ray/ray/tuner.pkl"],
}


def refused_calls(name, folder):
    """Every public way to begin a study."""
    arguments = {"max_epochs": 1, "name": name, "folder": folder}
    yield lambda: run_study(print, Listed([{"x": 1}]), **arguments)
    yield lambda: run_study(print, Listed([{"x": 1}]), **arguments, resume=True)
    yield lambda: tune_cifar(num_samples=1, data_dir=Path(folder) / "data", **arguments)
    yield lambda: launch(run_study, print, Listed([{"x": 1}]), **arguments)
    yield lambda: launch(tune_cifar, num_samples=1, data_dir=Path(folder) / "data", **arguments)


def content(folder: Path) -> dict:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_taken_as_it_is(tmp_path, name):
    assert study_folder(tmp_path, name) == tmp_path / name
    (tmp_path / name).mkdir()
    assert study_folder(tmp_path, name) == tmp_path / name
    assert command.read_arguments(["--name", name]).name == name


@pytest.mark.parametrize(("name", "why"), NO_NAMES.items(), ids=map(ascii, NO_NAMES))
def test_what_is_no_name_is_refused_everywhere_and_nothing_is_made(tmp_path, capsys, name, why):
    (tmp_path / "studies").mkdir()
    for call in refused_calls(name, tmp_path / "studies"):
        with pytest.raises(ValueError, match=why) as refused:
            call()
        assert "a plain name was expected" in str(refused.value) and "first-try" in str(refused.value)
    with pytest.raises(SystemExit):
        command.read_arguments([f"--name={name}"])
    assert "a plain name was expected" in capsys.readouterr().err
    assert content(tmp_path) == {"studies": None}


@pytest.mark.parametrize("name", [3, b"x", Path("x"), ["x"], True])
def test_a_name_is_text(tmp_path, name):
    with pytest.raises(ValueError, match="text was expected"):
        run_study(print, Listed([{"x": 1}]), max_epochs=1, name=name, folder=tmp_path)
    assert not content(tmp_path)


@given(st.text(max_size=120))
def test_whatever_is_allowed_is_one_part_of_a_path_on_every_system(name):
    """The oracle are the path rules of both families of systems."""
    from pathlib import PurePosixPath, PureWindowsPath

    try:
        check_name(name)
    except ValueError:
        return
    for path in (PurePosixPath(name), PureWindowsPath(name)):
        assert path.parts == (name,) and path.name == name and not path.anchor
    assert not PureWindowsPath(name).is_reserved()


@pytest.mark.parametrize("files", OTHERS.values(), ids=OTHERS)
def test_a_folder_of_somebody_else_is_refused_and_stays_as_it_is(tmp_path, files):
    """Whatever lies there: it is not a study that has begun."""
    for file in files:
        path = tmp_path / "mine" / file
        (path if file.endswith("/") else path.parent).mkdir(parents=True)
        if not file.endswith("/"):
            path.write_text('{"mine": 1}\n')
    before = content(tmp_path)
    for call in refused_calls("mine", tmp_path):
        with pytest.raises(FileExistsError, match=r"no study has begun there.*choose another name"):
            call()
    with pytest.raises(FileExistsError, match="no study has begun there"):
        command.named(command.read_arguments(["--folder", str(tmp_path), "--name", "mine"]))
    assert content(tmp_path) == before


@pytest.mark.parametrize("first", ["# my notes\n", '{"event": "note"}\n', "[]\n", '{"event": "end"}\n', "[{]\n"])
def test_a_journal_that_does_not_begin_as_ours_is_refused(tmp_path, first):
    journal = Journal(tmp_path / "mine" / "journal.jsonl")
    journal.append(BEGIN)
    journal.path.write_text(first + journal.path.read_text("utf-8"), "utf-8")
    before = content(tmp_path)
    with pytest.raises(FileExistsError, match=r"first line of its journal\.jsonl is not that of a study"):
        study_folder(tmp_path, "mine")
    assert content(tmp_path) == before


def test_a_study_of_ours_is_found_also_where_a_kill_has_torn_its_beginning(tmp_path):
    """At every byte of the first line: its name is free to begin again, and then it has begun."""
    journal = Journal(tmp_path / "mine" / "journal.jsonl")
    journal.append(BEGIN)
    line = journal.path.read_bytes()
    for size in range(len(line)):
        journal.path.write_bytes(line[:size])
        assert study_folder(tmp_path, "mine") == tmp_path / "mine"
        journal.append(BEGIN)
        (tmp_path / "mine" / "trials").mkdir(exist_ok=True)
        assert study_folder(tmp_path, "mine") == tmp_path / "mine"
        (tmp_path / "mine" / "trials").rmdir()


def test_what_a_refused_search_leaves_does_not_take_its_name(tmp_path):
    options = command.named(command.read_arguments(["--folder", str(tmp_path), "--name", "mine"]))
    command.remember(options)
    (tmp_path / "mine" / "study.lock").touch()
    assert study_folder(tmp_path, "mine") == tmp_path / "mine"


@pytest.mark.parametrize("where", ["mine", "."])
def test_a_file_in_the_way_is_named(tmp_path, where):
    folder = tmp_path / "studies"
    (folder / where).parent.mkdir(exist_ok=True)
    (folder if where == "." else folder / where).write_text("in the way")
    before = content(tmp_path)
    for call in refused_calls("mine", folder):
        with pytest.raises(FileExistsError, match="is a file, and a folder was expected"):
            call()
    assert content(tmp_path) == before


def test_only_our_own_ray_is_removed(tmp_path):
    """What an earlier run left goes; a folder that somebody has put into a study, or a link, stays."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mine.txt").touch()
    place = tmp_path / "mine"
    first = fresh_ray_folder(place)
    (first / "ray").mkdir()
    (first / "ray" / "tuner.pkl").touch()
    assert fresh_ray_folder(place) == first == place / "ray" and os.listdir(first) == [MARK]
    shutil.rmtree(first)
    first.mkdir()
    (first / "mine.txt").touch()
    assert fresh_ray_folder(place) == fresh_ray_folder(place) == place / "ray-2"
    (place / "ray-3").mkdir()
    shutil.rmtree(place / "ray-2")
    (place / "ray-2").symlink_to(tmp_path / "elsewhere")
    assert fresh_ray_folder(place) == place / "ray-3"
    assert (first / "mine.txt").exists() and (tmp_path / "elsewhere" / "mine.txt").exists()


def test_the_place_of_the_answers_is_no_study(tmp_path):
    with pytest.raises(ValueError, match="keeps the answers"):
        study_folder(tmp_path, "Answers")


@pytest.mark.parametrize("trial", ["../outside", "a/b", "", "nul"])
def test_a_fixed_trial_has_a_name_too(tmp_path, trial):
    """Its checkpoint is a file of this name."""
    with pytest.raises(ValueError, match=r"fixed: trial .*a plain name was expected"):
        run_study(print, Listed([{"x": 1}]), max_epochs=1, folder=tmp_path, fixed={trial: {"x": 2}})
    assert not content(tmp_path)


BAD = {"set": {1, 2}, "function": len, "object": object(), "keys": {1: "x"}, "array": np.zeros(3)}


@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
def test_a_value_that_cannot_come_back_is_refused_before_the_search(tmp_path, value):
    """In a choice, as a constant, in a list of configurations, in a fixed trial: named, and nothing is made."""
    searched = {"x": domains.uniform(0, 1), "net": {"act": domains.choice([3, value])}}
    constant = {"x": domains.uniform(0, 1), "net": {"act": [value]}}
    options = {"max_epochs": 1, "num_trials": 2, "name": "mine", "folder": tmp_path}
    searchers = [BOHBSampler(searched), BOHBSampler(constant), Listed([{"x": 1}, {"net": {"act": value}}])]
    for searcher in searchers:
        with pytest.raises(ValueError, match=r"net/act.*Give it a name"):
            run_study(print, searcher, **options)
    with pytest.raises(ValueError, match=r"fixed, 'one'.*'act'"):
        run_study(print, Listed([{"x": 1}, {"x": 2}]), **options, fixed={"one": {"act": value}})
    assert not content(tmp_path)


# -- the data folder -----------------------------------------------------------------------------------------------


def pictures():
    from hpt_lessons.cifar.pictures.arrays import Pictures

    images, labels = np.arange(4 * 3072, dtype=np.uint8).reshape(4, 32, 32, 3), np.array([0, 1, 0, 1])
    return Pictures("four", ("a", "b"), images, labels, images, labels)


def test_the_cache_removes_its_own_arrays_only(tmp_path):
    """What an earlier version wrote goes; the arrays and drafts of others in that folder stay."""
    from hpt_lessons.cifar.pictures import arrays

    mine = ["weights.npy", "images.npy", "my-images-0123.npy", ".notes.tmp", ".x.y.tmp", "images-of-my-cat.npy.bak"]
    for name in mine:
        (tmp_path / name).write_text("mine")
    arrays.write_arrays(tmp_path, pictures(), "0123456789abcdef")
    (tmp_path / ".images-0.npy.4711.tmp").touch()
    arrays.write_arrays(tmp_path, pictures(), "fedcba9876543210")
    assert arrays.intact(tmp_path, "fedcba9876543210")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*mine, "arrays.json", *(f"{name}-fedcba987654.npy" for name in arrays.ARRAYS)}
    assert all((tmp_path / name).read_text() == "mine" for name in mine)


def test_a_description_of_somebody_else_is_not_overwritten(tmp_path):
    from hpt_lessons.cifar.pictures import arrays
    from hpt_lessons.files import DataError

    (tmp_path / "arrays.json").write_text(json.dumps({"mine": 1}))
    before = content(tmp_path)
    with pytest.raises(DataError, match=r"arrays\.json is in the way"):
        arrays.write_arrays(tmp_path, pictures(), "0123456789abcdef")
    assert content(tmp_path) == before
