"""A search space that is being edited: rows of typed text, the last valid space, and what is wrong.

No widgets here. The space editor and the layout editor are two views of this one model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from hpt_lessons.search.domains import Domain, describe, is_domain, to_ray
from hpt_lessons.search.space import Space
from hpt_lessons.view.space.code import code_of, needs
from hpt_lessons.view.space.rows import Row


class SpaceModel:
    """The rows of a search space. `space`, `value` and `code` are those of the last moment when all rows were valid.

    `on_change` takes functions that are called without arguments after every change.
    """

    def __init__(self, space: Mapping[str, Any]) -> None:
        self._listeners: list[Callable[[], None]] = []
        self.rows: list[Row] = []
        self._past: list[list[tuple[Row, tuple]]] = []
        self._edit: tuple | None = None
        self.set(space)
        self._past.clear()

    # -- reading ---------------------------------------------------------------------------------------------------
    @property
    def errors(self) -> dict[str, str]:
        """The name of each faulty row (or its number, if it has none), and what is wrong; {} if all is well."""
        found = {}
        for number, row in enumerate(self.rows, start=1):
            for text in list(self._wrong[row].values())[:1]:
                name = row.name.strip()
                found[f"row {number}" if not name or name in found else name] = text
        return found

    def errors_of(self, row: Row) -> dict[str, str]:
        """What is wrong with each field of one row: 'name', 'lower', 'upper', ..."""
        return self._wrong[row]

    @property
    def valid(self) -> bool:
        """Whether all rows are valid, so that `space` says what they say."""
        return not any(self._wrong.values())

    @property
    def space(self) -> Space:
        """The last valid space, with domains of `hpt_lessons.search.domains` (imports no Ray)."""
        return self._space

    @property
    def value(self) -> dict[str, Any]:
        """The last valid space, with domains of `ray.tune` (imports Ray); what was not edited is the same object."""
        if self._value is None:
            self._value = _nested((name, _for_ray(value, given)) for name, value, given in self._last)
        return self._value

    @property
    def code(self) -> str:
        """Python source of the last valid space, with the numbers as they were typed."""
        return self._code

    @property
    def needed(self) -> list[str]:
        """The names that the functions in `code` take from around themselves."""
        functions = [value.function for _, value, _ in self._last if getattr(value, "function", None) is not None]
        return sorted({name for function in functions for name in needs(function)})

    def domain(self, row: Row) -> Domain | None:
        """The domain of a row; None for a constant, and while the row is wrong."""
        return describe(self._values[row])

    # -- changing --------------------------------------------------------------------------------------------------
    def on_change(self, listener: Callable[[], None]) -> None:
        """Call this function after every change."""
        self._listeners.append(listener)

    def set(self, space: Mapping[str, Any]) -> None:
        """Begin again with this space; ValueError that names every fault, and then nothing is changed."""
        rows = [Row.of(name, value) for name, value in _leaves(Space.of(space))]
        self._remember()
        self.rows = rows
        self._refresh()

    @property
    def undoable(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._past)

    def undo(self) -> None:
        """Take the last step back. Letters typed one after the other into the same field are one step."""
        if not self._past:
            return
        before, self._edit = self._past.pop(), None
        for row, state in before:
            row.put_back(state)
        self.rows = [row for row, _ in before]
        self._refresh()

    def _remember(self, edit: tuple | None = None) -> None:
        """Keep the rows as they are; `edit` is the row and the field that is typed into."""
        if edit is None or edit != self._edit:
            self._past.append([(row, row.state) for row in self.rows])
        self._edit = edit

    def snapshot(self) -> tuple:
        """All rows as they are, to be given back by `restore` after the space was exchanged."""
        return self.rows, self._last, self._space, self._code

    def restore(self, snapshot: tuple) -> None:
        """The rows of a snapshot again, and the last valid space of that time."""
        self._remember()
        self.rows, self._last, self._space, self._code = snapshot
        self._value = None
        self._refresh()

    def rename(self, row: Row, name: str) -> None:
        """Give a row another name; 'optimizer/lr' stands for a nested dictionary."""
        self._remember((row, "name"))
        row.name = name
        self._refresh()

    def type(self, row: Row, field: str, text: str) -> None:
        """Another text in one of the fields of a row."""
        if field not in row.fields:
            raise ValueError(f"field {field!r}: {row.kind} has {', '.join(row.fields) or 'none'}.")
        self._remember((row, field))
        row.type(field, text)
        self._refresh()

    def change_kind(self, row: Row, kind: str) -> None:
        """Another kind of domain, with bounds that say about the same where they can."""
        self._remember()
        row.change_kind(kind)
        self._refresh()

    def add(self, name: str | None = None) -> Row:
        """A new row at the end, valid from the start."""
        taken = {row.name for row in self.rows}
        free = (f"parameter_{number}" for number in range(1, len(taken) + 2))
        row = Row(name or next(n for n in free if n not in taken), "loguniform", {"lower": "1e-4", "upper": "1e-1"})
        self._remember()
        self.rows = [*self.rows, row]
        self._refresh()
        return row

    def delete(self, row: Row) -> None:
        """Take a row out."""
        self._remember()
        self.rows = [other for other in self.rows if other is not row]
        self._refresh()

    def _refresh(self) -> None:
        """Read all rows; where they are valid, they are the new space."""
        read = {row: row.read() for row in self.rows}
        names = _wrong_names(self.rows)
        self._values = {row: value for row, (value, _) in read.items()}
        self._wrong = {row: {**names.get(row, {}), **wrong} for row, (_, wrong) in read.items()}
        if self.valid:
            self._last = [(row.name, self._values[row], row.given[2] if row.untouched else None) for row in self.rows]
            self._space = Space(_nested((name, value) for name, value, _ in self._last))
            self._code = code_of((row, self._values[row]) for row in self.rows)
            self._value = None
        for listener in self._listeners:
            listener()


def _leaves(space: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a nested space under the names of their rows; `Space` has refused names with a slash."""
    for key, value in space.items():
        if isinstance(value, Mapping) and value and not is_domain(value):
            yield from _leaves(value, f"{path}{key}/")
        else:
            yield f"{path}{key}", value


def _nested(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    space: dict[str, Any] = {}
    for name, value in pairs:
        *groups, last = name.split("/")
        branch = space
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[last] = value
    return space


def _for_ray(value: Any, given: Any) -> Any:
    """What was given, if it is Ray's already; else what Ray calls it."""
    if describe(value) is None:
        return value
    return to_ray(value) if given is None or isinstance(given, Domain) else given


def _wrong_names(rows: list[Row]) -> dict[Row, dict[str, str]]:
    names = [row.name for row in rows]
    found = {}
    for row in rows:
        text = _wrong_name(row.name, names)
        if text is not None:
            found[row] = {"name": text}
    return found


def _wrong_name(name: str, names: list[str]) -> str | None:
    if not name.strip():
        return "A name is missing, for example lr."
    if name != name.strip() or not all(name.split("/")):
        return f"{name!r} has a space at an end, or a slash without a name beside it. Write lr or optimizer/lr."
    if names.count(name) > 1:
        return f"{name} comes twice. Give one of them another name."
    inside = [other for other in names if other.startswith(f"{name}/")]
    return f"{name} cannot have a value: {inside[0]} lies inside it. Rename one of them." if inside else None
