"""The search-space editor: rows to type in, a live picture of what will be tried, and the space for Ray Tune."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import ipywidgets as widgets

from hpt_lessons import checks
from hpt_lessons.search.presets import PRESETS
from hpt_lessons.search.space import Space
from hpt_lessons.trials import Trials, expect_trials
from hpt_lessons.view.look import page
from hpt_lessons.view.space.code import function_source
from hpt_lessons.view.space.cost import cost, zoomed
from hpt_lessons.view.space.histograms import function_draws, histogram
from hpt_lessons.view.space.model import SpaceModel
from hpt_lessons.view.space.rows import SPECIAL, Row
from hpt_lessons.view.space.words import LABELS, in_words
from hpt_lessons.words import count

OWN = "the space as it was given"
EDITED = "the space as you edited it"

NOTE, COST = 240, 160  # letters that there is room for

CSS = """<style>
.hpt .hpt-row { align-items: start; padding: 4px 2px 2px; overflow: visible;
  border-top: 1px solid var(--jp-border-color2, #e0e0e0); }
.hpt .hpt-over { flex-direction: column; align-items: stretch; height: auto; margin: 0; overflow: visible; }
.hpt .hpt-over > .widget-label { width: auto; height: 15px; line-height: 15px; font-size: 11px; text-align: left;
  margin: 0; color: var(--hpt-muted); flex: none; justify-content: flex-start; }
.hpt .hpt-over input, .hpt .hpt-over select { width: 100%; height: 28px; flex: none; box-sizing: border-box; }
.hpt .hpt-kept, .hpt .hpt-kept .widget-html-content { min-width: 0; width: 100%; margin: 0; }
.hpt .hpt-kept code { display: block; margin-top: 15px; line-height: 28px; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; font-size: 12px; padding: 0 6px; }
.hpt .hpt-wrong input { border-color: var(--hpt-red); box-shadow: inset 0 0 0 1px var(--hpt-red); }
.hpt .hpt-row > .hpt-say { grid-column: 1 / 5; grid-row: 2; min-height: 32px; margin: 0; }
.hpt .hpt-row > .hpt-picture { grid-column: 5; grid-row: 1 / 3; margin: 0; }
.hpt .hpt-say .widget-html-content { font-size: 12px; line-height: 16px; color: var(--hpt-muted); }
.hpt .hpt-say b { color: var(--hpt-red); font-weight: 500; }
/* The words of this button are for those who listen to the page. */
.hpt .hpt-icon { font-size: 0; display: flex; align-items: center; justify-content: center; }
.hpt .hpt-icon i { font-size: 14px; margin: 0 !important; }
.hpt .hpt-code, .hpt .hpt-code .widget-html-content { min-width: 0; }
.hpt .hpt-code textarea { width: 100%; box-sizing: border-box; resize: vertical; font-size: 13px; line-height: 1.4;
  font-family: var(--jp-code-font-family, monospace); color: inherit; background: var(--jp-layout-color2, #f5f5f5);
  border: 1px solid var(--jp-border-color1, #bdbdbd); padding: 6px 8px; }
</style>"""

# In the page: a name that nobody has chosen yet is selected, so that typing replaces it; the line in the list of kinds
# cannot be chosen; Ctrl-Z takes the last step back, but in a field it is the browser's own.
KEYS = """<img alt="" width="1" height="1" src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="
onload="const box = this.closest('.hpt'); if (box) {
box.addEventListener('focusin', event => { const here = event.target;
if (here.matches('.hpt-name input') && here.value.startsWith('parameter_')) here.select();
if (here.matches('select')) for (const option of here.options) option.disabled = option.text === 'more:'; });
box.addEventListener('keydown', event => {
if (event.key !== 'z' || !(event.ctrlKey || event.metaKey) || event.target.matches('input, textarea')) return;
event.preventDefault(); box.querySelector('.hpt-undo').click(); }); }">"""
MORE = "more:"  # the line in the list of kinds


class SearchSpaceEditor(page.Panel):
    """Edit a search space, with a live picture of what will be tried.

    `space` is a dictionary of Ray Tune domains (or of those of `hpt_lessons.search.domains`), by default the classic
    one of the CIFAR example. `trials` is the table of a finished search, or the search itself: from it come the
    expected time and the button that zooms in; without it, a space of the CIFAR example has the time of the recorded
    trials. `workers` is how many trials run at a time.

    `value` is the edited space for Ray Tune, and can be set; while a row is wrong it is the last valid one. `errors`
    says what is wrong, `code` is Python source. ValueError for a space that is wrong from the start.
    """

    def __init__(
        self,
        space: Mapping[str, Any] | None = None,
        *,
        trials: Any = None,
        num_samples: int = 10,
        workers: int | None = None,
    ) -> None:
        if trials is not None and not hasattr(trials, "searched"):
            expect_trials("SearchSpaceEditor", trials)
        checks.whole("num_samples", num_samples)
        own = dict(Space.of(space)) if space is not None else next(iter(PRESETS.values()))()
        self.model = SpaceModel(own)
        self.trials: Trials | None = getattr(trials, "searched", trials)
        self._presets: dict[str, Callable[[], Mapping]] = {OWN: lambda: own, **PRESETS}
        self._rows: dict[Row, RowView] = {}
        self._drawn: tuple[str, dict[str, list]] | None = None
        self._make(num_samples, workers or cost(own, 1).workers)
        page_parts = widgets.HTML(CSS + KEYS, layout={"display": "none"})
        super().__init__([page_parts, self._top, self._body, self._bottom], "SearchSpaceEditor")
        self.model.on_change(self._changed)
        self._update()

    # -- what a notebook reads -------------------------------------------------------------------------------------
    @property
    def value(self) -> dict[str, Any]:
        """The space as a dictionary of Ray Tune domains: the last valid one."""
        return self.model.value

    @value.setter
    def value(self, space: Mapping[str, Any]) -> None:
        self.model.set(space)

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong, by the name of the hyperparameter; {} if nothing is."""
        return self.model.errors

    @property
    def code(self) -> str:
        """Python source of `value`."""
        return self.model.code

    @property
    def num_samples(self) -> int:
        """How many samples the cost line counts with."""
        return self.samples.value

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call this function, without arguments, after every change."""
        self.model.on_change(listener)

    # -- the parts -------------------------------------------------------------------------------------------------
    def _make(self, num_samples: int, workers: int) -> None:
        wide = {"description_width": "initial"}
        self.preset = widgets.Dropdown(
            options=list(self._presets), description="Begin with", style=wide, layout={"width": "320px"}
        )
        self.zoom = widgets.Button(
            description="Zoom to the best region",
            layout={"width": "auto"},
            tooltip="A third of each range around the best trial of the search",
        )
        self.zoom.disabled = not self.trials
        self.add_row = widgets.Button(description="Add a hyperparameter", layout={"width": "auto"})
        self.undo = widgets.Button(
            description="Undo", disabled=True, layout={"width": "auto"}, tooltip="Take the last step back (Ctrl-Z)"
        )
        self.undo.add_class("hpt-undo")
        self.samples = widgets.BoundedIntText(
            num_samples, min=1, max=1_000_000, description="Samples", style=wide, layout={"width": "142px"},
            continuous_update=True,
        )  # fmt: skip
        self.workers = widgets.BoundedIntText(
            workers, min=1, max=100_000, description="Workers", style=wide, layout={"width": "132px"},
            continuous_update=True,
        )  # fmt: skip
        self.note, self.state, self.source = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.cost = widgets.HTML(layout={"flex": "1 1 400px", "min_width": "0", "margin": "6px 2px 2px"})
        self.source.add_class("hpt-code")
        self._body = widgets.VBox(layout={"overflow": "visible"})
        top = widgets.HBox([self.preset, self.zoom], layout={"flex_flow": "row wrap"})
        self._top = widgets.VBox([top, self.note] if self.trials else [top])
        self._explain_zoom()
        counts = widgets.HBox(
            [self.samples, self.workers, self.cost], layout={"flex_flow": "row wrap", "align_items": "flex-start"}
        )
        steps = widgets.HBox([self.add_row, self.undo], layout=page.WRAP)
        self._bottom = widgets.VBox([steps, self.state, counts, self.source])
        self.preset.observe(lambda change: self._begin(change.new), "value")
        self.zoom.on_click(lambda _: self._zoom())
        self.add_row.on_click(lambda _: self._add())
        self.undo.on_click(lambda _: self._undo())
        for field in (self.samples, self.workers):
            field.observe(lambda _: self._show_cost(), "value")

    # -- what happens ----------------------------------------------------------------------------------------------
    def _begin(self, preset: str) -> None:
        """Begin again with a preset, or go back to what was edited."""
        if self._beginning:
            return
        self._explain_zoom()
        self._beginning = True
        try:
            if preset == EDITED:
                self.model.restore(self._edited)
            else:
                self.model.set(self._presets[preset]())
        finally:
            self._beginning = False

    def _keep_edited(self) -> None:
        """From the first edit on the menu has an entry that gives the edited space back."""
        self._edited, self._beginning = self.model.snapshot(), True
        try:
            if EDITED not in self.preset.options:
                self.preset.options = [*self._presets, EDITED]
            self.preset.value = EDITED
        finally:
            self._beginning = False

    def _add(self) -> None:
        row = self.model.add()
        self._rows[row].focus()

    def _delete(self, row: Row) -> None:
        """Take the row out; the keyboard goes on with the one that follows."""
        place = self.model.rows.index(row)
        self.model.delete(row)
        left = self.model.rows
        target = self._rows[left[min(place, len(left) - 1)]].delete if left else self.add_row
        target.focus()

    def _undo(self) -> None:
        self._explain_zoom()
        self.model.undo()
        if self.undo.disabled:  # a button that is switched off loses the keyboard
            self.add_row.focus()

    def _zoom(self) -> None:
        """Narrow the space; the one before the first of several zooms is remembered, for its edges."""
        self._wide = self._wide if self.model.space is self._narrow else self.model.space
        try:
            space, note = zoomed(self.model.space, self.trials, self._wide)
        except ValueError as error:
            self._say(str(error), page.RED)
            return
        self.model.set(space)
        self._narrow = self.model.space
        self._say(note, page.TEXT)

    def _explain_zoom(self) -> None:
        self._say(f"Zooming takes a third of each range around the best of {len(self.trials or ())} trials.")

    def _say(self, words: str, colour: str = page.MUTED) -> None:
        """Words under the button that zooms in; they have their room from the start."""
        self.note.value = page.status(f'<span style="color: {colour}">{escape(words)}</span>', NOTE)

    # -- what is shown ---------------------------------------------------------------------------------------------
    _beginning = False
    _wide: Space | None = None
    _narrow: Space | None = None

    def _changed(self) -> None:
        if not self._beginning:
            self._keep_edited()
        self._update()

    def _update(self) -> None:
        rows = self.model.rows
        if list(self._rows) != rows:
            self._rows = {row: self._rows.get(row) or self._view_of(row) for row in rows}
            self._body.children = tuple(self._rows.values())
        for view in self._rows.values():
            view.update()
        self.undo.disabled = not self.model.undoable
        self._show_state()
        self._show_cost()
        self._show_code()

    def _view_of(self, row: Row) -> RowView:
        return RowView(self.model, row, self._delete, self._draws_of_functions)

    def _draws_of_functions(self) -> dict[str, list]:
        """Drawn once for all rows, after each change: a function may look at the other values."""
        if self._drawn is None or self._drawn[0] != self.model.code:
            self._drawn = self.model.code, function_draws(self.model.space)
        return self._drawn[1]

    def _show_state(self) -> None:
        names = ", ".join(self.model.errors)
        if names:
            text = f"<b>Fix {escape(names)}.</b> Until then <code>.value</code> and the code are the last valid space."
        elif not self.model.space.axes:
            text = "<b>Nothing is searched:</b> every trial would be the same. Add a hyperparameter."
        else:
            text = f"<code>.value</code> is this space: {count(len(self.model.rows), 'hyperparameter')}."
        colour = page.RED if names or not self.model.space.axes else page.MUTED
        self.state.value = f'<div role="status" style="color: {colour}">{text}</div>'

    def _show_cost(self) -> None:
        words = str(cost(self.model.space, self.samples.value, self.trials, self.workers.value))
        self.cost.value = page.status(f'<span style="font-variant-numeric: tabular-nums">{escape(words)}</span>', COST)

    def _show_code(self) -> None:
        needed = ", ".join(f"<code>{escape(name)}</code>" for name in self.model.needed)
        note = f' <span style="color: {page.MUTED}">Its functions also need {needed}.</span>' if needed else ""
        self.source.value = copied_code(self.code) + note


def copied_code(code: str) -> str:
    """HTML of source with a button that copies it: the browser does that, and it works without a kernel too."""
    rows = min(code.count("\n") + 1, 20)
    copy = (
        "const t = this.parentNode.querySelector('textarea'); t.select();"
        "if (navigator.clipboard) { navigator.clipboard.writeText(t.value); } else { document.execCommand('copy'); }"
        "this.textContent = 'Copied'; setTimeout(() => { this.textContent = 'Copy the code'; }, 1500);"
    )
    area = f'<textarea readonly rows="{rows}" spellcheck="false" aria-label="Python source of the search space">'
    button = f'<button type="button" class="jupyter-button widget-button" onclick="{copy}">Copy the code</button>'
    return f"<div>{area}{escape(code)}</textarea>{button}</div>"


class RowView(widgets.GridBox):
    """One hyperparameter: name, kind, fields, delete, histogram; below them what the row means, or its error."""

    def __init__(
        self, model: SpaceModel, row: Row, delete: Callable[[Row], None], draws: Callable[[], dict[str, list]]
    ) -> None:
        self.model, self.row, self._draws = model, row, draws
        self._quiet = False
        self._pictured: Any = self
        # A name counts when it is complete: when the field is left, or with Enter.
        self.name = widgets.Text(row.name, description="name", description_allow_html=True, continuous_update=False)
        self.name.add_class("hpt-name")
        self.kind = widgets.Dropdown(
            options=_menu(row.kinds), value=row.kind, description="kind", description_allow_html=True
        )
        self.texts: dict[str, widgets.Text] = {}
        self.fields = widgets.HBox(layout={"overflow": "visible", "grid_gap": "6px"})
        self.delete = widgets.Button(icon="trash", layout={"width": "34px", "height": "28px", "margin": "15px 0 0"})
        self.delete.add_class("hpt-icon")
        self.picture = widgets.HTML()
        self.say = widgets.HTML()
        self.picture.add_class("hpt-picture")
        self.say.add_class("hpt-say")
        for field in (self.name, self.kind):
            field.add_class("hpt-over")
            field.layout.width = "auto"
        self.name.observe(lambda change: self._change(lambda: model.rename(row, change.new)), "value")
        self.kind.observe(lambda change: self._change(lambda: self._choose(change.new)), "value")
        self.delete.on_click(lambda _: delete(row))
        super().__init__(
            [self.name, self.kind, self.fields, self.delete, self.picture, self.say],
            layout={"grid_template_columns": "146px 118px minmax(0, 1fr) 36px 164px", "grid_gap": "2px 8px"},
        )
        self.add_class("hpt-row")

    def focus(self) -> None:
        """Put the keyboard into the name; the page may still be building the row."""
        try:
            asyncio.get_running_loop().call_later(0.2, self.name.focus)
        except RuntimeError:
            self.name.focus()

    def _change(self, act: Callable[[], None]) -> None:
        if not self._quiet:
            act()

    def _choose(self, kind: str) -> None:
        if kind == MORE:
            self.kind.value = self.row.kind
        else:
            self.model.change_kind(self.row, kind)

    def update(self) -> None:
        """Show what the model says; nothing that is the same is sent to the page again."""
        self._quiet = True
        try:
            self.name.value, self.kind.value = self.row.name, self.row.kind
            self._show_fields()
        finally:
            self._quiet = False
        errors = self.model.errors_of(self.row)
        for field, text in {"name": self.name, **self.texts}.items():
            (text.add_class if field in errors else text.remove_class)("hpt-wrong")
        spoken = self.row.name or "hyperparameter without a name"
        self.delete.description = self.delete.tooltip = f"Delete {spoken}"
        self._show_picture()
        if errors:
            text = f'<div role="alert"><b>{escape(next(iter(errors.values())))}</b></div>'
        else:
            text = self._trouble or page.inline(in_words(self.model.domain(self.row)))
        self.say.value = page.unbroken(text)

    def _show_fields(self) -> None:
        wanted = self.row.fields
        if tuple(self.texts) != wanted or not self.fields.children:
            self.texts = {field: self._text(field) for field in wanted}
            self.fields.children = tuple(self.texts.values()) or (_kept(self.row),)
        number = self.model.rows.index(self.row) + 1
        self.name.description = page.hidden(f"hyperparameter {number} ") + "name"
        self.kind.description = page.hidden(f"{self.row.name} ") + "kind"
        for field, text in self.texts.items():
            text.value = self.row.texts.get(field, "")
            text.description = page.hidden(f"{self.row.name} ") + LABELS[field]

    def _text(self, field: str) -> widgets.Text:
        text = widgets.Text(
            self.row.texts.get(field, ""),
            description=LABELS[field],
            description_allow_html=True,
            layout={"width": "100%", "min_width": "0"},
        )
        text.add_class("hpt-over")
        text.observe(lambda change: self._change(lambda: self.model.type(self.row, field, change.new)), "value")
        return text

    _trouble = ""

    def _show_picture(self) -> None:
        """A new histogram if the domain has changed; that of a function when anything has: it may look at the rest."""
        domain = self.model.domain(self.row)
        if self.model.errors_of(self.row) or (domain is not None and domain.function and not self.model.valid):
            return
        drawn_from = (domain, self.model.code) if domain is not None and domain.function else repr(domain)
        if drawn_from == self._pictured:
            return
        self._pictured, self._trouble = drawn_from, ""
        try:
            values = self._draws()[self.row.name] if domain is not None and domain.function else None
            self.picture.value = histogram(domain, values) if domain is not None else ""
        except Exception as error:  # the student's function may raise anything, and the editor must go on
            self.picture.value = ""
            failed = f"{type(error).__name__}: {error}"
            self._trouble = f"<b>No picture, for drawing from it failed: {escape(failed[:200])}</b>"


def _menu(kinds: list[str]) -> list[str]:
    """The kinds for the list: those that few spaces need come last, below a line."""
    usual = [kind for kind in kinds if kind not in SPECIAL]
    return [*usual, MORE, *(kind for kind in kinds if kind in SPECIAL)]


def _kept(row: Row) -> widgets.HTML:
    """What cannot be typed, to be read."""
    source = function_source(row.kept) if row.kind == "sample_from" else repr(row.kept)
    shown = source or "a function whose source is not to be found"
    kept = widgets.HTML(f'<code title="{escape(shown)}">{escape(shown)}</code>')
    kept.add_class("hpt-kept")
    return kept
