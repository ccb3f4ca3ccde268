"""Open a lesson in JupyterLab, as a copy of your own: `python tools/lab.py [LESSON] [options of JupyterLab]`.

    python tools/lab.py                           the first lesson
    python tools/lab.py 9                         lesson 09; a part of its name does as well
    python tools/lab.py grid --no-browser         what follows the lesson goes to JupyterLab

The copies lie in work/, which git ignores, without stored outputs. A copy that you have changed is never overwritten: a
newer version of the lesson is put beside it. Data and studies lie in work/ too. Where the course is not yours to write
in, ~/hpt_lessons_work takes the place of work/.
"""

import datetime
import hashlib
import json
import os
import posixpath
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, unquote

from hpt_lessons.files import DataError, make_folder, read_json, write_atomically, write_json

ROOT = Path(__file__).resolve().parent.parent
FIRST = ("00", "04", "09")  # the lesson to begin with is the first of these that exists
COPIED = {".ipynb", ".toml", ".md", ".py", ".csv", ".png", ".svg"}
NOT_COPIED = {"data", "studies", "__pycache__", "ruff.toml"}
HIDDEN = "hide-in-copy"  # the tag of cells that only prove something to the tests
RECORD = ".copies.json"  # of each file two digests: what was given last, and what was put beside a changed copy since
ELSEWHERE = "course"  # in the folder of copies: what lessons show from outside notebooks/
LINK = re.compile(r"""((?:\]\(\s*<?|\b(?:src|href)\s*=\s*["']))([^\s"'<>()#?]+)""")


def main(arguments: list[str] | None = None) -> int:
    """Bring the copies up to date and open one; the exit status."""
    options = list(sys.argv[1:] if arguments is None else arguments)
    if {"-h", "--help"} & set(options):
        print(__doc__)
        return 0
    asked = options.pop(0) if options and not options[0].startswith("-") else None
    try:
        work = own_folder()
        course = contents()
        for line in bring(course, work):
            print(line)
        lesson = choose(asked, work, course)
        os.environ.update(environment(work))
    except (DataError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    serve(work, lesson, options)
    return 0


# -- where -------------------------------------------------------------------------------------------------------------


def own_folder() -> Path:
    """The student's folder: work/ in the course, or one in the home folder, which is said, if the course is not theirs.

    Root may write everywhere but on a read-only disk, so that a container works on the folder that is lent to it.
    """
    work = ROOT / "work"
    if not hasattr(os, "getuid") or os.getuid() in (0, ROOT.stat().st_uid):
        try:
            work.mkdir(exist_ok=True)
            with tempfile.TemporaryFile(dir=work):
                return work
        except OSError:
            pass
    work = Path.home() / "hpt_lessons_work"
    print(f"{ROOT} is not yours to write in: your copies, data and studies lie in {work}.", flush=True)
    return make_folder(work)


def environment(work: Path) -> dict[str, str]:
    """The variables with which lessons and `make tune` find the same data, studies and programs.

    What the user has set stays. Folders that were filled before there was work/ are used on, and named.
    """
    found = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])}
    for variable, name in (("HPT_LESSONS_DATA", "data"), ("HPT_LESSONS_STUDIES", "studies")):
        if os.environ.get(variable):
            found[variable] = str(Path(os.environ[variable]).expanduser().absolute())
            continue
        earlier = [folder for folder in (ROOT / "notebooks" / name, ROOT / name) if is_in_use(folder)]
        chosen = work / name if is_in_use(work / name) or not earlier else earlier[0]
        found[variable] = str(chosen)
        if chosen in earlier:
            more = "".join(f" There is more in {folder}." for folder in earlier[1:])
            print(f"{chosen} is there from before and goes on being used; move it to {work} if you like.{more}")
    return found


def is_in_use(folder: Path) -> bool:
    """True if there is something in this folder and we may write there."""
    return folder.is_dir() and os.access(folder, os.W_OK) and any(folder.iterdir())


# -- the copies --------------------------------------------------------------------------------------------------------


def contents() -> dict[str, bytes]:
    """All files that a student gets: the path below the folder of copies, and the content."""
    lessons, files = ROOT / "notebooks", {}
    for path in sorted(lessons.rglob("*")):
        name = path.relative_to(lessons)
        hidden = any(part.startswith(".") or part in NOT_COPIED for part in name.parts)
        if hidden or path.suffix not in COPIED or not path.is_file():
            continue
        if path.suffix != ".ipynb":
            files[name.as_posix()] = path.read_bytes()
            continue
        try:
            files |= lesson_copy(path)
        except (ValueError, LookupError, AttributeError) as error:
            print(f"{path} is no notebook that can be read, and was left out ({str(error).splitlines()[0]}).")
    return files


def lesson_copy(path: Path) -> dict[str, bytes]:
    """A notebook as students get it, without outputs and hidden cells, and the pictures it shows from elsewhere."""
    import nbformat  # here, for `make tune` needs none, and it takes seconds

    notebook, elsewhere = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4), {}
    notebook.cells = [cell for cell in notebook.cells if HIDDEN not in cell.metadata.get("tags", [])]
    notebook.metadata.pop("widgets", None)
    name = path.relative_to(ROOT / "notebooks").as_posix()

    def followed(link: re.Match) -> str:
        """The link as it is, or to a copy of a file that lies outside notebooks/, where JupyterLab does not look."""
        target = Path(os.path.normpath(path.parent / unquote(link[2])))
        if not target.is_relative_to(ROOT) or target.is_relative_to(ROOT / "notebooks") or not target.is_file():
            return link[0]
        copy = f"{ELSEWHERE}/{target.relative_to(ROOT).as_posix()}"
        elsewhere[copy] = target.read_bytes()
        return link[1] + quote(posixpath.relpath(copy, posixpath.dirname(name)))

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        elif cell.cell_type == "markdown":
            cell.source = LINK.sub(followed, cell.source)
    return {name: (nbformat.writes(notebook).rstrip("\n") + "\n").encode(), **elsewhere}


def bring(course: dict[str, bytes], work: Path) -> list[str]:
    """Put the copies into `work`; what the student has changed stays, and each newer version beside it is named."""
    before = read_json(work / RECORD) or {}
    record, said = dict(before), []
    for name, content in course.items():
        copy, new = work / name, digest(name, content)
        entry = record.get(name)
        given, offered = entry if isinstance(entry, list) and len(entry) == 2 else (None, None)
        mine = digest(name, copy.read_bytes()) if copy.exists() else None
        if mine != new and mine in (None, given, offered):  # gone, or as it was given
            write(copy, content)
            mine = new
        if mine == new:
            record[name] = [new, None]
        elif new not in (given, offered):
            if not any(digest(name, path.read_bytes()) == new for path in copy.parent.glob(f"{copy.stem}.new-*")):
                beside = free_name(copy)
                write(beside, content)
                said.append(f"{name}: your changed copy stays; the course's newer one lies beside it, {beside.name}")
            record[name] = [given, new]
    if record != before:
        write_json(work / RECORD, record)
    return said


def digest(name: str, content: bytes) -> str:
    """What a file says, as a hash; of a notebook only the text of its cells, so that running it is no change."""
    if name.endswith(".ipynb"):
        try:
            cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(content)["cells"]]
        except (ValueError, LookupError, TypeError):
            pass  # no notebook any more: then every byte counts
        else:
            # JupyterLab adds an empty cell when the last one is run.
            content = json.dumps([cell for cell in cells if cell[1].strip()]).encode()
    return hashlib.sha256(content).hexdigest()


def write(path: Path, content: bytes) -> None:
    make_folder(path.parent)
    write_atomically(path, lambda file: file.write(content))


def free_name(copy: Path) -> Path:
    """A name beside the copy that says from when it is, such as 04_grid.new-2026-11-28.ipynb, and is not taken."""
    today, number = datetime.date.today().isoformat(), 1
    while (path := copy.with_name(f"{copy.stem}.new-{today}{f'-{number}' * (number > 1)}{copy.suffix}")).exists():
        number += 1
    return path


# -- the lesson --------------------------------------------------------------------------------------------------------


def choose(asked: str | None, work: Path, course: Iterable[str]) -> str:
    """The notebook in `work` that is meant by its number, its name or a part of it; ValueError says which there are."""
    lessons = sorted((name for name in course if name.endswith(".ipynb")), key=lambda name: (name.count("/"), name))
    if asked is None:
        return next((found[0] for number in FIRST if (found := matching(number, lessons))), lessons[0])
    name = re.sub(r"^(\./)?(notebooks/|work/)?", "", asked.replace("\\", "/")).removesuffix(".ipynb")
    if ".." not in name.split("/") and (work / f"{name}.ipynb").is_file():  # also one of the student's own
        return f"{name}.ipynb"
    found = matching(name, lessons)
    if len(found) == 1:
        return found[0]
    wrong = f"{asked!r} may be {' or '.join(found)}." if found else f"There is no lesson {asked!r}."
    raise ValueError("\n  ".join([f"{wrong} A number or a part of a name will do. There are:", *lessons]))


def matching(name: str, lessons: list[str]) -> list[str]:
    """The lessons with this number, or with this in their name; those in folders only if there are no others."""

    def fits(lesson: str) -> bool:
        if name.isdecimal():
            return (number := re.match(r"\d+", posixpath.basename(lesson))) is not None and int(number[0]) == int(name)
        return re.sub(r"[\s-]+", "_", name.lower()) in lesson.lower()

    found = [lesson for lesson in lessons if fits(lesson)]
    return [lesson for lesson in found if "/" not in lesson] or found


def serve(work: Path, lesson: str, options: list[str]) -> None:
    """Run JupyterLab on the student's folder until it is stopped; every address that it prints opens the lesson."""
    from jupyterlab.labapp import LabApp

    ours = {
        "--ServerApp.root_dir": str(work),
        "--LabApp.default_url": f"/lab/tree/{quote(lesson)}",
        "--Application.log_level": "WARN",
    }
    theirs = {option.partition("=")[0] for option in options}
    settings = [f"{name}={value}" for name, value in ours.items() if name not in theirs]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        settings.append("--allow-root")
    server = LabApp.initialize_server([*settings, *options])
    address = server.display_url.splitlines()[0]
    # Said last, below all that JupyterLab says while it starts.
    server.io_loop.add_callback(print, f"\n{lesson} is open at\n{address}\nTo stop: Ctrl-C, twice.", flush=True)
    server.start()


if __name__ == "__main__":
    sys.exit(main())
