"""What is stored of a notebook, so that it is equal on every machine, and the rules for every cell."""

import hashlib
import json
import re
from collections.abc import Iterator

import nbformat
from nbformat import NotebookNode

LET_OFF, RAISES = "nbval-ignore-output", "raises-exception"
SKIPPED = {"nbval-skip", "skip-execution"}
LINES_PER_CELL, WORDS_PER_CELL = 15, 20
# What nbval leaves out of the comparison by itself. Other pictures it would compare, so that they cannot be dropped.
UNCOMPARED = {"image/png", "image/jpeg", "application/vnd.jupyter.widget-view+json"}
TEXT = {"text/plain", "text/html", "text/markdown", "text/latex", "application/json"}
KEPT_METADATA = {"tags", "nbgrader", "slideshow", "jupyter", "editable", "deletable"}
FIGURE = re.compile(r"<Figure size [^>]*>")
# Differs from machine to machine or from run to run.
PRIVATE = re.compile(r"0x[0-9a-f]{6,}|/(?:home|root|tmp|Users|private|var/folders)/|[A-Z]:\\Users", re.IGNORECASE)


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


# -- the rules for cells -----------------------------------------------------------------------------------------------


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
