"""Store in the notebooks what is equal on every machine, and hold them to the rules of the course.

    python tools/notebooks.py                     run all lessons and store their text
    python tools/notebooks.py --check             see whether all of them keep the rules; nothing is run
    python tools/notebooks.py --check --run       run them as well and compare with what is stored; nothing is written

Stored is the text that nbval compares, with its execution count: no pictures, no widgets, no times, no outputs of cells
tagged `nbval-ignore-output` (live training). A refresh on another machine leaves the same bytes.
"""

import argparse
import difflib
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from hpt_lessons.files import write_atomically

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
LET_OFF, RAISES = "nbval-ignore-output", "raises-exception"
SKIPPED = {"nbval-skip", "skip-execution"}
LINES_PER_CELL, WORDS_PER_CELL, SHARE_LET_OFF = 15, 20, 1 / 3
# What nbval leaves out of the comparison by itself. Other pictures it would compare, so that they cannot be dropped.
UNCOMPARED = {"image/png", "image/jpeg", "application/vnd.jupyter.widget-view+json"}
TEXT = {"text/plain", "text/html", "text/markdown", "text/latex", "application/json"}
KEPT_METADATA = {"tags", "nbgrader", "slideshow", "jupyter", "editable", "deletable"}
FIGURE = re.compile(r"<Figure size [^>]*>")
# Differs from machine to machine or from run to run.
PRIVATE = re.compile(r"0x[0-9a-f]{6,}|/(?:home|root|tmp|Users|private|var/folders)/|[A-Z]:\\Users", re.IGNORECASE)


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0 if all is well."""
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("notebooks", nargs="*", type=Path, help="default: all in notebooks/")
    ask.add_argument("--check", action="store_true", help="write nothing, name what breaks a rule")
    ask.add_argument("--run", action="store_true", help="with --check: run them too, and compare the text")
    options = ask.parse_args(arguments)
    paths = options.notebooks or sorted(FOLDER.rglob("*.ipynb"))
    paths = [path for path in paths if ".ipynb_checkpoints" not in path.parts]
    problems: list[str] = []
    if not options.check:
        for path in paths:
            problems += refresh(path)
    problems += check(paths)
    if options.check and options.run:
        for path in paths:
            problems += compare(path)
    print("\n".join(problems) or f"{len(paths)} notebook{'s'[: len(paths) != 1]}: all rules kept.")
    return 1 if problems else 0


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
    """Run a notebook and store its text; what cannot be stored comes back as problems."""
    from nbclient.exceptions import CellExecutionError

    print(f"{path.name}: running ...", file=sys.stderr)
    notebook = read(path.read_text(encoding="utf-8"))
    try:
        execute(notebook, path.parent)
    except CellExecutionError as error:
        return [f"{path.name}: a cell failed, nothing was stored.\n{error}"]
    problems = [f"{path.name}, {problem}" for problem in unstorable(notebook)]
    normalise(notebook)
    write_atomically(path, lambda file: file.write(dump(notebook).encode()))
    return problems


def compare(path: Path) -> list[str]:
    """Run a notebook and name every line of text that is not as stored."""
    stored = path.read_text(encoding="utf-8")
    notebook = read(stored)
    execute(notebook, path.parent)
    normalise(notebook)
    now = dump(notebook)
    lines = difflib.unified_diff(stored.splitlines(), now.splitlines(), "stored", "run now", lineterm="", n=0)
    return [f"{path.name}: {line}" for line in lines]


# -- what is stored ----------------------------------------------------------------------------------------------------


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Leave what is equal on every machine, in place."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in cell.metadata if key in KEPT_METADATA})
        cell.metadata.get("jupyter", {}).pop("outputs_hidden", None)
        if cell.cell_type == "code":
            cell.outputs = [] if LET_OFF in tags(cell) else stored_outputs(cell.outputs)
    return notebook


def read(text: str) -> NotebookNode:
    """A notebook from its file's text; cells without an id of their own get one here, since nbformat would draw one."""
    raw = json.loads(text)
    if raw.get("nbformat") == 4:
        used: set[str] = set()
        for cell in raw["cells"]:
            cell["id"] = stable_id(cell, used)
        raw["nbformat_minor"] = 5
    return nbformat.reads(json.dumps(raw), as_version=4)


def stable_id(cell: dict, used: set[str]) -> str:
    """The cell's own id, or one from its text if it has none or shares it with an earlier cell."""
    name, text = cell.get("id"), "".join(cell["source"])
    repeat = 0
    while not name or name in used:
        name = hashlib.sha256(f"{repeat} {cell['cell_type']} {text}".encode()).hexdigest()[:8]
        repeat += 1
    used.add(name)
    return name


def stored_outputs(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """The text of what a cell printed, showed and returned; neighbouring pieces of one stream become one."""
    kept: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream":
            if output.name == "stderr":
                continue
            if kept and kept[-1].output_type == "stream":
                kept[-1].text += output.text
            else:
                kept.append(nbformat.from_dict({"output_type": "stream", "name": "stdout", "text": output.text}))
        elif output.output_type == "error":
            # nbval compares name and text; the traceback names the machine's folders.
            summary = f"{output.ename}: {output.evalue}"
            kept.append(nbformat.from_dict({**output, "traceback": [summary]}))
        else:
            data = {kind: output.data[kind] for kind in output.data if kind in TEXT}
            if data:
                kept.append(nbformat.from_dict({**output, "data": data, "metadata": {}}))
    return kept


def dump(notebook: NotebookNode) -> str:
    """The one way to write a notebook: sorted keys, one space of indent, one line break at the end."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def unstorable(notebook: NotebookNode) -> Iterator[str]:
    """Outputs just made that nbval would compare and that cannot be stored."""
    for number, cell in code_cells(notebook):
        if LET_OFF in tags(cell):
            continue
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                said = output.text.strip()[:60]
                yield f"cell {number}: writes to stderr ({said!r}): silence its cause or tag it {LET_OFF}"
            for kind in set(output.get("data", {})) - TEXT - UNCOMPARED:
                yield f"cell {number}: shows {kind}, which nbval compares: show png, or tag it {LET_OFF}"


# -- the rules ---------------------------------------------------------------------------------------------------------


def check(paths: list[Path]) -> list[str]:
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
        found = [*check_cells(notebook), *check_order(notebook), *check_checks(notebook), *check_words(notebook)]
        if not found and dump(normalise(read(text))) != text:
            found.append("not in the form in which it is stored: make refresh")
        problems += [f"{path.name}, {problem}" for problem in found]
        off = sum(LET_OFF in tags(cell) for _, cell in code_cells(notebook))
        let_off += off
        with_output += off + sum(is_compared(cell) for _, cell in code_cells(notebook))
    if let_off > SHARE_LET_OFF * with_output:
        problems.append(f"{let_off} of {with_output} cells with output are tagged {LET_OFF}: at most a third may be")
    return problems


def check_cells(notebook: NotebookNode) -> Iterator[str]:
    """What each cell must keep for itself."""
    if "widgets" in notebook.metadata:
        yield "metadata: the state of widgets is stored"
    for number, cell in code_cells(notebook):
        lines = len(cell.source.splitlines())
        if lines > LINES_PER_CELL:
            yield f"cell {number}: {lines} lines of code, at most {LINES_PER_CELL} are read"
        if set(cell.metadata) & {"execution", "ExecuteTime"}:
            yield f"cell {number}: the time of its run is stored"
        if LET_OFF in tags(cell) and cell.outputs:
            yield f"cell {number}: is tagged {LET_OFF}, and yet its output is stored"
        if is_skipped(cell) and not tags(cell) >= SKIPPED:
            yield f"cell {number}: needs both tags {' and '.join(sorted(SKIPPED))}: nbval reads one, nbclient the other"
        for output in cell.outputs:
            yield from (f"cell {number}: {problem}" for problem in check_output(output, tags(cell)))


def check_output(output: NotebookNode, tagged: set[str]) -> Iterator[str]:
    """What one stored output must not be."""
    if output.output_type == "error" and RAISES not in tagged:
        yield f"an error is stored ({output.ename}) without the tag {RAISES}"
    if output.output_type == "stream" and output.name == "stderr":
        yield "text on stderr is stored"
    for kind in sorted(set(output.get("data", {})) - TEXT):
        what = "a widget" if "widget" in kind else "a picture" if kind.startswith("image/") else "something unreadable"
        yield f"{what} is stored ({kind})"
    words = text_of(output)
    if re.search(r"<svg|data:image", words):
        yield "a picture is stored inside HTML: show it as png or in a widget"
    if found := PRIVATE.search(words):
        yield f"stored text is not equal on every machine: {words[max(0, found.start() - 20) : found.end() + 20]!r}"


def check_order(notebook: NotebookNode) -> Iterator[str]:
    """Cells were run once each, from top to bottom: nbval compares nothing in a cell without its count."""
    expected = 0
    for number, cell in code_cells(notebook):
        if not cell.source.strip():
            yield f"cell {number}: is empty"
        elif is_skipped(cell):
            if cell.execution_count is not None:
                yield f"cell {number}: is never run, and yet has the count {cell.execution_count}"
        else:
            expected += 1
            if cell.execution_count != expected:
                yield f"cell {number}: has the count {cell.execution_count} instead of {expected}: make refresh"


def check_checks(notebook: NotebookNode) -> Iterator[str]:
    """Live training is followed by a check of its result that is compared."""
    cells = list(code_cells(notebook))
    for place, (number, cell) in enumerate(cells):
        if LET_OFF in tags(cell) and not any(is_compared(later) for _, later in cells[place + 1 :]):
            yield f"cell {number}: is tagged {LET_OFF}, and no compared cell comes after it"


def check_words(notebook: NotebookNode) -> Iterator[str]:
    """A lesson is a text with code in it."""
    words = sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")
    number = sum(1 for _ in code_cells(notebook))
    if words < WORDS_PER_CELL * number:
        yield f"{words} words of text for {number} cells of code: at least {WORDS_PER_CELL} a cell explain it"


def code_cells(notebook: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    """Number, counted from 1 over all cells, and cell."""
    return ((number, cell) for number, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code")


def tags(cell: NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def is_skipped(cell: NotebookNode) -> bool:
    return bool(tags(cell) & SKIPPED)


def is_compared(cell: NotebookNode) -> bool:
    """Its stored text says more than that there is a figure."""
    words = "".join(FIGURE.sub("", text_of(output)) for output in cell.outputs)
    return bool(words.strip()) and not tags(cell) & {LET_OFF, *SKIPPED}


def text_of(output: NotebookNode) -> str:
    """All text of an output in one piece."""
    shown = [str(content) for kind, content in output.get("data", {}).items() if kind in TEXT]
    return "\n".join([output.get("text", ""), output.get("evalue", ""), *shown])


if __name__ == "__main__":
    sys.exit(main())
