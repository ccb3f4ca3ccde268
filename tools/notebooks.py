"""Store in the notebooks what is equal on every machine, and hold them to the rules of the course.

    python tools/notebooks.py                     run all lessons and store their text
    python tools/notebooks.py --check             see whether all of them keep the rules; nothing is run
    python tools/notebooks.py --check --run       run them as well and compare with what is stored; nothing is written
    python tools/notebooks.py --check --form X    hold notebook X to the form of a lesson, whether it is listed or not

Stored is the text that nbval compares, with its execution count: no pictures, no widgets, no times, no outputs of cells
tagged `nbval-ignore-output` (live training). A refresh on another machine leaves the same bytes. The notebooks in
exercises/ are not run, but made from those in solutions/.
"""

import argparse
import difflib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from nbformat import NotebookNode

import exercises
import lesson_form
from hpt_lessons.files import make_folder, write_atomically
from stored_form import (
    LET_OFF,
    check_cells,
    check_checks,
    check_order,
    check_words,
    code_cells,
    dump,
    is_compared,
    normalise,
    read,
    tags,
    unstorable,
)

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
SHARE_LET_OFF = 1 / 3
# The notebooks that are held to the form of a lesson, by their name in notebooks/; each of the others joins when it is
# cut to it.
NEW_FORM: tuple[str, ...] = (
    "00_start_here.ipynb",
    "01_three_levers.ipynb",
    "02_noise_and_honest_scores.ipynb",
    "03_search_spaces.ipynb",
    "04_grid_and_random.ipynb",
    "05_random_then_grid.ipynb",
    "06_stopping_early.ipynb",
    "07_bohb.ipynb",
    "08_automl_and_nas.ipynb",
    "09_ray_tune_cifar.ipynb",
    "11_one_hyperparameter.ipynb",
    "12_every_layer_the_same_rate.ipynb",
    "deeper/04_one_comparison_is_an_anecdote.ipynb",
    "deeper/04_where_do_the_ticks_stand.ipynb",
    "deeper/06_what_did_stopping_cost.ipynb",
    "deeper/09_bug_hunt.ipynb",
    "solutions/00_start_here_solutions.ipynb",
    "solutions/01_three_levers_solutions.ipynb",
    "solutions/02_noise_and_honest_scores_solutions.ipynb",
    "solutions/03_search_spaces_solutions.ipynb",
    "solutions/04_grid_and_random_solutions.ipynb",
    "solutions/05_random_then_grid_solutions.ipynb",
    "solutions/06_stopping_early_solutions.ipynb",
    "solutions/07_bohb_solutions.ipynb",
    "solutions/08_automl_and_nas_solutions.ipynb",
    "solutions/09_ray_tune_cifar_solutions.ipynb",
    "solutions/11_one_hyperparameter_solutions.ipynb",
    "solutions/12_every_layer_the_same_rate_solutions.ipynb",
)


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0 if all is well."""
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("notebooks", nargs="*", type=Path, help="default: all in notebooks/")
    ask.add_argument("--check", action="store_true", help="write nothing, name what breaks a rule")
    ask.add_argument("--run", action="store_true", help="with --check: run them too, and compare the text")
    ask.add_argument("--form", action="store_true", help="hold them all to the form of a lesson, also those not listed")
    options = ask.parse_args(arguments)
    paths = options.notebooks or sorted(FOLDER.rglob("*.ipynb"))
    paths = [path for path in paths if ".ipynb_checkpoints" not in path.parts]
    problems: list[str] = []
    if not options.check:
        for path in paths:
            problems += refresh(path)
    problems += check(paths, options.form)
    if options.check and options.run:
        for path in paths:
            problems += compare(path)
    for path in paths:
        if kind_of(path) in ("lesson", "deeper"):
            print(measured(path))
    print("\n".join(problems) or f"{len(paths)} notebook{'s'[: len(paths) != 1]}: all rules kept.")
    return 1 if problems else 0


def kind_of(path: Path) -> str:
    """What a notebook is: exercises, solutions, deeper, lesson, or other."""
    if path.parent.name in ("exercises", "solutions", "deeper"):
        return path.parent.name
    return "lesson" if path.name[:2].isdecimal() else "other"


def measured(path: Path) -> str:
    """How long a lesson is, in a line."""
    try:
        return f"{path.name}: {lesson_form.sizes(read(path.read_text(encoding='utf-8')))}"
    except ValueError:
        return f"{path.name}: not a notebook"


# -- running -----------------------------------------------------------------------------------------------------------


def environment(folder: Path) -> dict[str, str]:
    """The environment in which lessons are run for their text: stand-in pictures, one thread, all files in `folder`."""
    here = {
        "HPT_LESSONS_DATASET": "standin",
        "HPT_LESSONS_PREDICTIONS": "skip",
        "HPT_LESSONS_DATA": str(folder / "data"),
        "HPT_LESSONS_STUDIES": str(folder / "studies"),
        "OMP_NUM_THREADS": "1",
        "TMPDIR": str(folder),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "jupyter"),
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }
    # Some machines forbid Python to keep compiled modules: each of Ray's many processes would compile all it imports.
    not_here = ("MPLBACKEND", "HPT_LESSONS_PROGRESS", "PYTHONDONTWRITEBYTECODE")
    return {**{name: value for name, value in os.environ.items() if name not in not_here}, **here}


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run all cells in a fresh kernel of this very environment, with `folder` as the current one; outputs in place."""
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager

    class ThisEnvironment(AsyncKernelManager):
        def _kernel_spec_manager_default(self) -> NbvalKernelspecManager:
            return NbvalKernelspecManager(parent=self.parent)

    with tempfile.TemporaryDirectory(prefix="hpt-", ignore_cleanup_errors=True) as temporary:
        NotebookClient(
            notebook,
            timeout=600,
            kernel_name=CURRENT_ENV_KERNEL_NAME,
            kernel_manager_class=ThisEnvironment,
            record_timing=False,
            store_widget_state=False,
            resources={"metadata": {"path": str(folder)}},
        ).execute(env=environment(Path(temporary)), stderr=subprocess.DEVNULL)


def refresh(path: Path) -> list[str]:
    """Run a notebook and store its text, exercises only made from it; what cannot be stored comes back as problems."""
    if kind_of(path) == "exercises":
        return make_exercises(exercises.source_of(path))
    print(f"{path.name}: running ...", file=sys.stderr)
    notebook = read(path.read_text(encoding="utf-8"))
    if failed := run(notebook, path):
        return failed
    problems = [f"{path.name}, {problem}" for problem in unstorable(notebook)]
    normalise(notebook)
    write_atomically(path, lambda file: file.write(dump(notebook).encode()))
    return problems + (make_exercises(path) if kind_of(path) == "solutions" else [])


def run(notebook: NotebookNode, path: Path) -> list[str]:
    """Run a notebook where it lies; the error of a cell comes back as a problem."""
    from nbclient.exceptions import CellExecutionError

    try:
        execute(notebook, path.parent)
    except CellExecutionError as error:
        return [f"{path.name}: a cell failed, nothing was stored.\n{error}"]
    return []


def make_exercises(solutions: Path) -> list[str]:
    """Write the exercises that a notebook of solutions gives, if any."""
    text = exercises.text_for(solutions) if solutions.is_file() else None
    if text is not None:
        place = exercises.place_of(solutions)
        make_folder(place.parent)
        write_atomically(place, lambda file: file.write(text.encode()))
    return []


def compare(path: Path) -> list[str]:
    """Run a notebook and name every line of text that is not as stored; exercises have none, and need only run."""
    stored = path.read_text(encoding="utf-8")
    notebook = read(stored)
    if (failed := run(notebook, path)) or kind_of(path) == "exercises":
        return failed
    normalise(notebook)
    now = dump(notebook)
    lines = difflib.unified_diff(stored.splitlines(), now.splitlines(), "stored", "run now", lineterm="", n=0)
    return [f"{path.name}: {line}" for line in lines]


# -- the rules ---------------------------------------------------------------------------------------------------------


def check(paths: list[Path], all_in_form: bool = False) -> list[str]:
    """Every breach of a rule in these notebooks, and of the share that is let off over all of them."""
    problems: list[str] = []
    with_output = let_off = 0
    for path in paths:
        text = path.read_text(encoding="utf-8")
        try:
            notebook = read(text)
        except Exception as error:  # whatever is wrong with the file, it is this file
            problems.append(f"{path.name}: not a notebook: {error}")
            continue
        found = breaches(path, notebook, all_in_form)
        if not found and dump(normalise(read(text))) != text:
            found.append("not in the form in which it is stored: make refresh")
        problems += [f"{path.name}, {problem}" for problem in found]
        if kind_of(path) != "exercises":
            off = sum(LET_OFF in tags(cell) for _, cell in code_cells(notebook))
            let_off += off
            with_output += off + sum(is_compared(cell) for _, cell in code_cells(notebook))
    if let_off > SHARE_LET_OFF * with_output:
        problems.append(f"{let_off} of {with_output} cells with output are tagged {LET_OFF}: at most a third may be")
    return problems


def breaches(path: Path, notebook: NotebookNode, all_in_form: bool) -> list[str]:
    """What is wrong with one notebook, by what it is."""
    kind = kind_of(path)
    if kind == "exercises":
        orphan = [] if exercises.source_of(path).is_file() else ["its notebook of solutions is gone: delete it"]
        return [*check_cells(notebook), *orphan]
    found = [*check_cells(notebook), *check_order(notebook), *check_checks(notebook), *check_words(notebook)]
    if kind == "solutions":
        found += [*exercises.problems(notebook), *exercises.outdated(path)]
    if kind in lesson_form.KINDS and (all_in_form or name_of(path) in NEW_FORM):
        found += lesson_form.problems(notebook, path.parent, kind)
    return found


def name_of(path: Path) -> str:
    """The path below notebooks/, as in NEW_FORM."""
    path = path.resolve()
    return path.relative_to(FOLDER).as_posix() if path.is_relative_to(FOLDER) else path.as_posix()


if __name__ == "__main__":
    sys.exit(main())
