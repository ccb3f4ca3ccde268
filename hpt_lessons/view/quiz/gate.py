"""Has the student predicted? Until then the cells that follow are not run, also in Run All.

IPython shows each cell to its `ast_transformers` before it is run, and one of them may reject the cell. What had been
run before the prediction was on the page may be run again: the prediction's own cell, and the cells above it. Only in a
notebook's kernel; the environment variable HPT_LESSONS_PREDICTIONS=skip turns it off, as for the tests.
"""

import ast
import os
from collections.abc import Callable
from typing import Any

from IPython import get_ipython
from IPython.core.error import InputRejected

CHOICES = ("ask", "skip")


class PredictFirst(InputRejected):
    """A cell was not run, because a prediction before it is open."""

    def _render_traceback_(self) -> list[str]:
        """What the notebook shows in place of a traceback."""
        return [str(self)]


class Gate:
    """Rejects new cells while a prediction is open; one for a kernel, among its `ast_transformers`."""

    def __init__(self, shell: Any) -> None:
        self._entered: list[str] = shell.history_manager.input_hist_raw  # the text of all cells so far
        self._first = 0  # the cells that were run before all answers were forgotten are new again
        self._waiting: dict[str, tuple[int, Callable[[], bool]]] = {}
        self._cell: str | None = None  # the one that is about to run; None for what JupyterLab asks in silence
        shell.ast_transformers.append(self)
        shell.events.register("pre_execute", self._note_nothing)
        shell.events.register("pre_run_cell", self._note)

    def wait_for(self, name: str, is_open: Callable[[], bool]) -> None:
        """Reject what was not run before this call, as long as `is_open()`."""
        before, _ = self._waiting.get(name, (len(self._entered), is_open))
        self._waiting[name] = before, is_open

    def start_again(self) -> None:
        """Wait for nothing, and take all cells as new."""
        self._first, self._waiting = len(self._entered), {}

    def _note_nothing(self) -> None:
        self._cell = None

    def _note(self, info: Any) -> None:
        self._cell = info.raw_cell if info.store_history else None

    def visit(self, tree: ast.AST) -> ast.AST:
        """The cell as it is, or PredictFirst."""
        for before, is_open in self._waiting.values():
            if self._cell is not None and self._cell not in self._entered[self._first : before] and is_open():
                raise PredictFirst("Predict first, or press Skip: the prediction above is open, so this did not run.")
        return tree


def wait_for(name: str, is_open: Callable[[], bool]) -> None:
    """Let the cells that follow wait for a prediction, in a notebook; elsewhere nothing happens."""
    choice = os.environ.get("HPT_LESSONS_PREDICTIONS") or "ask"
    if choice not in CHOICES:
        raise ValueError(f"HPT_LESSONS_PREDICTIONS={choice!r} is not possible; choose {', '.join(CHOICES)}.")
    shell = get_ipython()
    if choice == "skip" or not hasattr(shell, "kernel"):
        return
    gate = next(iter(_gates()), None) or Gate(shell)
    gate.wait_for(name, is_open)


def start_again() -> None:
    """Wait for no prediction until it is asked for again."""
    for gate in _gates():
        gate.start_again()


def _gates() -> list[Gate]:
    shell = get_ipython()
    return [each for each in shell.ast_transformers if isinstance(each, Gate)] if shell else []
