"""`make lab`: students work on copies without outputs, their changes are kept, and the address opens the lesson."""

import copy
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

ROOT = Path(__file__).resolve().parents[2]
LESSON, PICTURE = "04_grid_and_random.ipynb", b"\x89PNG one"


def notebook(*cells):
    made = v4.new_notebook(cells=list(cells), metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    for number, cell in enumerate(made.cells):
        cell.id = f"cell-{number}"
    return made


def code(source, *tags):
    outputs = [v4.new_output("stream", text="67 %\n")]
    return v4.new_code_cell(source, outputs=outputs, execution_count=3, metadata={"tags": list(tags)} if tags else {})


def save(path, made):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(made, path)


def says(path):
    """The text of a notebook's cells."""
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """tools/lab.py in a small course of three lessons."""
    spec = importlib.util.spec_from_file_location("lab_tool", ROOT / "tools" / "lab.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    tool.ROOT = tmp_path / "the course"
    lessons = tool.ROOT / "notebooks"
    save(lessons / LESSON, notebook(v4.new_markdown_cell("# Why?"), code("play()", "nbval-ignore-output")))
    save(lessons / "09_ray_tune_cifar.ipynb", notebook(code("tune()")))
    save(lessons / "gallery.ipynb", notebook(v4.new_markdown_cell("![a quiz](../docs/widgets/quiz.png)")))
    save(lessons / "deeper" / "09_bug_hunt.ipynb", notebook(v4.new_markdown_cell("[see](../../docs/widgets/quiz.png)")))
    (lessons / "quiz").mkdir()
    (lessons / "quiz" / "04.toml").write_text("question = 1\n")
    (lessons / "ruff.toml").write_text("")
    (tool.ROOT / "docs" / "widgets").mkdir(parents=True)
    (tool.ROOT / "docs" / "widgets" / "quiz.png").write_bytes(PICTURE)
    tool.work = tool.ROOT / "work"
    tool.bring_all = lambda: tool.bring(tool.contents(), tool.work)
    for name in ("HPT_LESSONS_DATA", "HPT_LESSONS_STUDIES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tool


def rewrite(lab, *sources, name=LESSON):
    """A new version of a lesson arrives, as by `git pull`."""
    save(lab.ROOT / "notebooks" / name, notebook(*(code(source) for source in sources)))


def change(path, *more):
    """The student types into a copy."""
    made = nbformat.read(path, as_version=4)
    made.cells += [v4.new_code_cell(source) for source in more]
    nbformat.write(made, path)


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def newer(folder, stem="04_grid_and_random"):
    return sorted(path for path in folder.iterdir() if re.match(rf"{stem}\.new-\d{{4}}-\d\d-\d\d", path.name))


# -- what a copy is ----------------------------------------------------------------------------------------------------


def test_a_student_gets_the_lessons_the_quizzes_and_the_pictures_and_nothing_else(lab):
    for litter in ("data/cifar.png", "studies/one/notes.md", ".ipynb_checkpoints/x-checkpoint.ipynb", "big.npy"):
        path = lab.ROOT / "notebooks" / litter
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    assert lab.bring_all() == []
    assert files_in(lab.work) == [
        ".copies.json",
        LESSON,
        "09_ray_tune_cifar.ipynb",
        "course/docs/widgets/quiz.png",
        "deeper/09_bug_hunt.ipynb",
        "gallery.ipynb",
        "quiz/04.toml",
    ]


def test_a_copy_is_the_lesson_without_what_running_it_leaves(lab):
    lab.bring_all()
    original = nbformat.read(lab.ROOT / "notebooks" / LESSON, as_version=4)
    expected = copy.deepcopy(original)
    expected.cells[1].outputs, expected.cells[1].execution_count = [], None
    assert original != expected
    found = nbformat.read(lab.work / LESSON, as_version=4)
    nbformat.validate(found)
    assert found == expected


def test_cells_for_the_tests_are_left_out(lab):
    save(lab.ROOT / "notebooks" / LESSON, notebook(code("look()"), code("print(True)", "hide-in-copy")))
    lab.bring_all()
    assert says(lab.work / LESSON) == ["look()"]


@pytest.mark.parametrize("folder", ["exercises", "deeper", "solutions"])
def test_what_lies_in_folders_is_copied_like_the_lessons(lab, folder):
    path = f"{folder}/04_grid_and_random.ipynb"
    save(lab.ROOT / "notebooks" / path, notebook(code("look()"), code("print(True)", "hide-in-copy")))
    lab.bring_all()
    assert says(lab.work / path) == ["look()"]
    assert nbformat.read(lab.work / path, as_version=4).cells[0].outputs == []


@pytest.mark.parametrize("folder", ["", "deeper/", "solutions/more/"])
@pytest.mark.parametrize(
    "text",
    [
        "![a](LINK)",
        '![a](LINK "title") and more',
        "[a](LINK#part)",
        "<img alt='a' src='LINK'>",
        '<a href="LINK">a</a>',
        "[![a](LINK)](https://example.org/x.png)",
    ],
)
def test_a_link_out_of_the_lessons_leads_to_a_copy(lab, folder, text):
    up = "../" * (1 + folder.count("/"))
    (lab.ROOT / "docs" / "my pictures").mkdir()
    (lab.ROOT / "docs" / "my pictures" / "b.png").write_bytes(b"two")
    name = f"{folder}05_links.ipynb"
    text = text.replace("LINK", f"{up}docs/my%20pictures/b.png")
    save(lab.ROOT / "notebooks" / name, notebook(v4.new_markdown_cell(text), code(f"# {text}")))
    lab.bring_all()
    shown, kept = says(lab.work / name)
    link = re.search(r"[\w./%]*b\.png", shown)[0]
    target = lab.work / folder / urllib.parse.unquote(link)
    assert target.resolve().is_relative_to(lab.work.resolve())
    assert target.read_bytes() == b"two"
    assert shown.replace(link, "") == text.replace(f"{up}docs/my%20pictures/b.png", "")
    assert kept == f"# {text}", "code stays as it is"


@pytest.mark.parametrize(
    "link",
    ["quiz/04.toml", "09_ray_tune_cifar.ipynb", "https://arxiv.org/../x", "../not-there.png", "#part", "../../x"],
)
def test_other_links_stay(lab, link):
    (lab.ROOT.parent / "x").write_text("outside the course")
    save(lab.ROOT / "notebooks" / LESSON, notebook(v4.new_markdown_cell(f"[a]({link})")))
    lab.bring_all()
    assert says(lab.work / LESSON) == [f"[a]({link})"]


def test_a_lesson_that_cannot_be_read_is_named_and_the_others_come(lab, capsys):
    (lab.ROOT / "notebooks" / LESSON).write_text("<<<<<<< HEAD\n")
    lab.bring_all()
    assert f"{LESSON} is no notebook that can be read" in capsys.readouterr().out
    assert not (lab.work / LESSON).exists()
    assert (lab.work / "gallery.ipynb").exists()


# -- what happens to a copy --------------------------------------------------------------------------------------------


def run_it(path):
    """What JupyterLab writes when all is run: outputs, numbers, metadata, an empty cell at the end."""
    made = nbformat.read(path, as_version=4)
    made.cells[-1].outputs, made.cells[-1].execution_count = [v4.new_output("stream", text="42\n")], 1
    made.cells[-1].metadata["scrolled"] = True
    made.metadata["language_info"] = {"name": "python", "version": "3.12"}
    made.cells.append(v4.new_code_cell(""))
    nbformat.write(made, path)


def test_what_is_as_it_was_is_left_alone_with_the_outputs_of_the_student(lab):
    lab.bring_all()
    run_it(lab.work / LESSON)
    before = (lab.work / LESSON).read_bytes()
    assert lab.bring_all() == []
    assert (lab.work / LESSON).read_bytes() == before


@pytest.mark.parametrize("ran", [False, True])
def test_an_unchanged_copy_is_refreshed_silently(lab, ran):
    lab.bring_all()
    if ran:
        run_it(lab.work / LESSON)
    rewrite(lab, "a better lesson()")
    assert lab.bring_all() == []
    assert says(lab.work / LESSON) == ["a better lesson()"]
    assert newer(lab.work) == []


def test_a_changed_copy_stays_and_a_newer_lesson_is_put_beside_it_once(lab):
    lab.bring_all()
    change(lab.work / LESSON, "my answer")
    before = (lab.work / LESSON).read_bytes()
    assert lab.bring_all() == [], "as long as the lesson is the same there is nothing to say"
    rewrite(lab, "a better lesson()")
    [said] = lab.bring_all()
    [beside] = newer(lab.work)
    assert LESSON in said
    assert beside.name in said
    assert says(beside) == ["a better lesson()"]
    change(beside, "I work here now")
    assert lab.bring_all() == []
    assert newer(lab.work) == [beside]
    assert says(beside)[-1] == "I work here now"
    assert (lab.work / LESSON).read_bytes() == before


def test_two_newer_lessons_on_one_day_do_not_replace_each_other(lab):
    lab.bring_all()
    change(lab.work / LESSON, "mine")
    for version in ("second()", "third()"):
        rewrite(lab, version)
        assert len(lab.bring_all()) == 1
    assert sorted(says(path) for path in newer(lab.work)) == [["second()"], ["third()"]]


def test_who_takes_the_newer_one_is_up_to_date_again(lab):
    lab.bring_all()
    change(lab.work / LESSON, "mine")
    rewrite(lab, "second()")
    lab.bring_all()
    newer(lab.work)[0].replace(lab.work / LESSON)
    rewrite(lab, "third()")
    assert lab.bring_all() == []
    assert says(lab.work / LESSON) == ["third()"]


def test_a_deleted_copy_comes_back(lab):
    lab.bring_all()
    change(lab.work / LESSON, "mine")
    (lab.work / LESSON).unlink()
    assert lab.bring_all() == []
    assert says(lab.work / LESSON) == ["# Why?", "play()"]


@pytest.mark.parametrize(
    "record", [None, "", "[1]", '{"04_grid_and_random.ipynb": 3}', "\udce9".encode(errors="replace")]
)
def test_without_the_record_what_equals_the_lesson_is_unchanged_and_all_else_is_kept(lab, record):
    lab.bring_all()
    change(lab.work / LESSON, "mine")
    run_it(lab.work / "09_ray_tune_cifar.ipynb")
    lost = lab.work / ".copies.json"
    lost.unlink()
    if record is not None:
        lost.write_bytes(record.encode() if isinstance(record, str) else record)
    assert [line.split(":")[0] for line in lab.bring_all()] == [LESSON]
    assert says(lab.work / LESSON)[-1] == "mine"
    assert len(newer(lab.work)) == 1
    lost.unlink()
    assert lab.bring_all() == [], "the same version is not put beside it a second time"
    rewrite(lab, "second()", name="09_ray_tune_cifar.ipynb")
    assert lab.bring_all() == []
    assert says(lab.work / "09_ray_tune_cifar.ipynb") == ["second()"]


@pytest.mark.parametrize("broken", ["", "{", '{"cells": 3}', '{"cells": [{"source": 1}]}'])
def test_a_copy_that_is_no_notebook_any_more_is_the_students_all_the_same(lab, broken):
    lab.bring_all()
    (lab.work / LESSON).write_text(broken)
    rewrite(lab, "second()")
    assert len(lab.bring_all()) == 1
    assert (lab.work / LESSON).read_text() == broken


def test_quizzes_and_pictures_are_kept_and_refreshed_in_the_same_way(lab):
    lab.bring_all()
    original, mine = lab.ROOT / "notebooks" / "quiz" / "04.toml", lab.work / "quiz" / "04.toml"
    original.write_text("question = 2\n")
    (lab.ROOT / "docs" / "widgets" / "quiz.png").write_bytes(b"another")
    assert lab.bring_all() == []
    assert mine.read_text() == "question = 2\n"
    assert (lab.work / "course" / "docs" / "widgets" / "quiz.png").read_bytes() == b"another"
    mine.write_text("question = 'mine'\n")
    original.write_text("question = 3\n")
    [said] = lab.bring_all()
    [beside] = newer(lab.work / "quiz", "04")
    assert beside.name in said
    assert beside.suffix == ".toml"
    assert (mine.read_text(), beside.read_text()) == ("question = 'mine'\n", "question = 3\n")


def test_files_of_the_student_are_not_touched(lab):
    lab.bring_all()
    save(lab.work / "mine.ipynb", notebook(code("mine")))
    before = (lab.work / "mine.ipynb").read_bytes()
    (lab.ROOT / "notebooks" / "gallery.ipynb").unlink()
    assert lab.bring_all() == []
    assert (lab.work / "mine.ipynb").read_bytes() == before
    assert (lab.work / "gallery.ipynb").exists(), "a lesson that the course no longer has stays with the student"


# -- which lesson ------------------------------------------------------------------------------------------------------


@pytest.fixture
def choose(lab):
    lab.bring_all()
    return lambda asked: lab.choose(asked, lab.work, lab.contents())


@pytest.mark.parametrize(
    "asked",
    ["9", "09", "ray", "Ray Tune", "ray-tune", "09_ray_tune_cifar", "09_ray_tune_cifar.ipynb",
     "notebooks/09_ray_tune_cifar.ipynb", "./work/09_ray_tune_cifar.ipynb", "work\\09_ray_tune_cifar.ipynb"],
)  # fmt: skip
def test_a_lesson_is_found_by_its_number_its_name_and_a_part_of_it(choose, asked):
    assert choose(asked) == "09_ray_tune_cifar.ipynb"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("gallery", "gallery.ipynb"),
        ("grid", LESSON),
        ("bug", "deeper/09_bug_hunt.ipynb"),
        ("deeper/09_bug_hunt", "deeper/09_bug_hunt.ipynb"),
        ("deeper\\09_bug_hunt.ipynb", "deeper/09_bug_hunt.ipynb"),
    ],
)
def test_lessons_in_folders_are_found_when_no_other_has_the_name(choose, asked, found):
    assert choose(asked) == found


def test_a_file_of_the_students_own_is_opened_by_its_name(lab, choose):
    save(lab.work / "my grid.ipynb", notebook())
    assert choose("my grid.ipynb") == "my grid.ipynb"
    assert choose("grid") == LESSON


@pytest.mark.parametrize("asked", ["5", "0", "nope", "../notebooks/gallery", "04.toml", "05_nothere.ipynb"])
def test_a_wrong_lesson_is_answered_with_those_that_there_are(choose, asked):
    with pytest.raises(ValueError, match=r"There is no lesson") as error:
        choose(asked)
    for name in (LESSON, "09_ray_tune_cifar.ipynb", "gallery.ipynb", "deeper/09_bug_hunt.ipynb"):
        assert name in str(error.value)


def test_an_ambiguous_lesson_is_answered_with_those_it_may_be(lab, choose):
    rewrite(lab, "zoom()", name="05_random_then_grid.ipynb")
    with pytest.raises(ValueError, match=r"'random' may be 04_grid_and_random\.ipynb or 05_random_then_grid\.ipynb"):
        choose("random")


def test_the_first_lesson_is_the_first_that_exists(lab):
    def first():
        return lab.choose(None, lab.work, lab.contents())

    assert first() == LESSON
    rewrite(lab, "hello()", name="00_start_here.ipynb")
    assert first() == "00_start_here.ipynb"
    for name in ("00_start_here.ipynb", LESSON):
        (lab.ROOT / "notebooks" / name).unlink()
    assert first() == "09_ray_tune_cifar.ipynb"


@pytest.mark.parametrize(
    ("arguments", "opened"),
    [
        ([], (LESSON, [])),
        (["9"], ("09_ray_tune_cifar.ipynb", [])),
        (["--port", "9999"], (LESSON, ["--port", "9999"])),
        (["9", "--port", "9999", "--no-browser"], ("09_ray_tune_cifar.ipynb", ["--port", "9999", "--no-browser"])),
    ],
)
def test_the_rest_of_the_command_line_goes_to_jupyterlab(lab, monkeypatch, arguments, opened):
    seen = []
    monkeypatch.setattr(lab, "serve", lambda work, *more: seen.append((work, more)))
    monkeypatch.setattr(lab.os, "environ", dict(os.environ))
    assert lab.main(arguments) == 0
    assert seen == [(lab.work, opened)]
    assert lab.os.environ["HPT_LESSONS_DATA"] == str(lab.work / "data")


def test_with_a_wrong_lesson_nothing_is_opened(lab, monkeypatch, capsys):
    monkeypatch.setattr(lab, "serve", lambda *_: pytest.fail("opened"))
    assert lab.main(["77"]) == 1
    assert "There is no lesson '77'" in capsys.readouterr().err


# -- data and studies --------------------------------------------------------------------------------------------------


def test_data_and_studies_lie_with_the_copies(lab, capsys):
    found = lab.environment(lab.work)
    assert found["HPT_LESSONS_DATA"] == str(lab.work / "data")
    assert found["HPT_LESSONS_STUDIES"] == str(lab.work / "studies")
    assert found["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert capsys.readouterr().out == ""


def test_what_the_user_has_set_stays(lab, monkeypatch, tmp_path):
    monkeypatch.setenv("HPT_LESSONS_DATA", str(tmp_path / "class"))
    monkeypatch.setenv("HPT_LESSONS_STUDIES", "here")
    (lab.ROOT / "notebooks" / "data").mkdir()
    (lab.ROOT / "notebooks" / "data" / "cifar").touch()
    found = lab.environment(lab.work)
    assert found["HPT_LESSONS_DATA"] == str(tmp_path / "class")
    assert found["HPT_LESSONS_STUDIES"] == str(Path("here").absolute()), "one folder, wherever a notebook lies"


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        (["notebooks/data"], "notebooks/data"),
        (["data"], "data"),
        (["data", "notebooks/data"], "notebooks/data"),
        (["notebooks/data", "work/data"], "work/data"),
        ([], "work/data"),
    ],
)
def test_a_download_from_before_is_used_on_and_named(lab, capsys, there, chosen):
    for name in there:
        (lab.ROOT / name).mkdir(parents=True)
        (lab.ROOT / name / "cifar-10").touch()
    (lab.ROOT / "studies").mkdir(exist_ok=True)  # an empty folder is no reason
    found = lab.environment(lab.work)
    assert found["HPT_LESSONS_DATA"] == str(lab.ROOT / chosen)
    assert found["HPT_LESSONS_STUDIES"] == str(lab.work / "studies")
    said = capsys.readouterr().out.splitlines()
    assert len(said) == (not chosen.startswith("work"))
    if said:
        assert all(str(lab.ROOT / name) in said[0] for name in there)


def test_the_folder_is_in_the_course_where_that_is_the_students_own(lab, capsys):
    assert lab.own_folder() == lab.ROOT / "work"
    assert files_in(lab.work) == []
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(os.name == "nt", reason="files have no owner's number there")
def test_a_course_of_somebody_else_is_not_written_to(lab, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(lab.os, "getuid", lambda: lab.ROOT.stat().st_uid + 1)
    monkeypatch.setattr(lab, "serve", lambda *opened: print(*opened))
    monkeypatch.setattr(lab.os, "environ", dict(os.environ))
    before = files_in(lab.ROOT)
    assert lab.main(["9"]) == 0
    folder = tmp_path / "home" / "hpt_lessons_work"
    said = capsys.readouterr().out.splitlines()
    assert str(folder) in said[0]
    assert "not yours" in said[0]
    assert said[-1] == f"{folder} 09_ray_tune_cifar.ipynb []"
    assert files_in(lab.ROOT) == before
    assert (folder / LESSON).exists()
    assert lab.os.environ["HPT_LESSONS_DATA"] == str(folder / "data")


def test_a_course_on_a_read_only_disk_is_not_written_to(lab, monkeypatch, capsys, tmp_path):
    def read_only(**_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(lab.tempfile, "TemporaryFile", read_only)
    assert lab.own_folder() == tmp_path / "home" / "hpt_lessons_work"
    assert "not yours" in capsys.readouterr().out


# -- the real server ---------------------------------------------------------------------------------------------------


@pytest.fixture
def clone(tmp_path):
    """The course as it is now, in a repository of its own where everything is committed."""
    folder = tmp_path / "clone"
    for name in ("tools", "notebooks", "docs"):
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "data", "studies")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / ".gitignore", folder)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", "all")
    return folder


def git(folder, *command):
    return subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True, text=True).stdout


class Served:
    """`python tools/lab.py ...` in a clone, its output read while it runs; stopped at the end of the `with` block."""

    def __init__(self, clone, tmp_path, *arguments):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        env = {name: value for name, value in os.environ.items() if not name.startswith(("HPT_LESSONS_", "JUPYTER"))}
        env |= {"HOME": str(tmp_path / "home"), "USERPROFILE": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
        (tmp_path / "home").mkdir(exist_ok=True)
        command = [sys.executable, str(clone / "tools" / "lab.py"), *arguments, "--no-browser", f"--port={port}"]
        both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.process = subprocess.Popen(command, env=env, cwd=tmp_path, text=True, **both)
        self.said, self.ready = [], threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if "To stop" in line:
                break
        self.ready.set()
        self.process.stdout.read()

    def __enter__(self):
        assert self.ready.wait(60), self.said
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.process.wait()

    @property
    def address(self):
        """The address that is printed for the lesson, in its parts."""
        found = [line for line in self.said if line.startswith("http")]
        assert len(found) == 1, self.said
        return urllib.parse.urlsplit(found[0])

    def get(self, path):
        """The status and the content of a page of this server."""
        url = f"{self.address.scheme}://127.0.0.1:{self.address.port}/{urllib.parse.quote(path)}?{self.address.query}"
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, b""


@pytest.mark.slow
def test_the_printed_address_opens_the_lesson_and_all_pictures_are_served(clone, tmp_path):
    with Served(clone, tmp_path, "4") as served:
        assert served.address.path == f"/lab/tree/{LESSON}"
        addresses = [line.strip() for line in served.said if "?token=" in line]
        assert all(f"/lab/tree/{LESSON}?" in line for line in addresses), "those of JupyterLab lead to the lesson too"
        assert served.get(served.address.path.lstrip("/"))[0] == 200
        status, answer = served.get(f"api/contents/{LESSON}")
        assert status == 200
        cells = json.loads(answer)["content"]["cells"]
        assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in cells)
        gallery = nbformat.read(clone / "work" / "gallery.ipynb", as_version=4)
        shown = re.findall(r"!\[[^]]*\]\(([^)\s]+)", "\n".join(cell.source for cell in gallery.cells))
        assert len(shown) >= 8
        for link in shown:
            assert served.get(f"files/{link}") == (200, (clone / link.replace("course/", "")).read_bytes())
        assert served.get("files/quiz/04.toml")[0] == 200
        assert served.get("files/not-there.png")[0] == 404, "or the test proves nothing"
    assert served.process.returncode == 0
    assert git(clone, "status", "--porcelain") == ""


@pytest.mark.slow
def test_a_search_without_a_notebook_keeps_its_studies_where_the_lessons_look(clone, tmp_path):
    env = {name: value for name, value in os.environ.items() if not name.startswith("HPT_LESSONS_")}
    command = [sys.executable, str(clone / "tools" / "tune.py"), "--resume"]
    env |= {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 1
    assert f"there is no study in {clone / 'work' / 'studies'}" in run.stderr
