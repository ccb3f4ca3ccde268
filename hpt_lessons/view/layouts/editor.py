"""The layout editor: how would a grid, random draws, Sobol points or a Latin hypercube cover this space?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import ipywidgets as widgets

from hpt_lessons import checks
from hpt_lessons.search.searchers import Listed
from hpt_lessons.search.ticks import RULES
from hpt_lessons.trials import one_of
from hpt_lessons.view.layouts.model import LAYOUTS, LayoutModel
from hpt_lessons.view.look import page, svg
from hpt_lessons.view.look.marks import marks
from hpt_lessons.view.look.shadows import shadows
from hpt_lessons.view.space.editor import SearchSpaceEditor
from hpt_lessons.view.space.model import SpaceModel
from hpt_lessons.words import count

WIDTH, HEIGHT, SIZE = 460, 400, 320
CSS = "<style>.hpt .hpt-old { opacity: 0.3; }</style>"  # a picture that is not what was asked for


class LayoutEditor(page.Panel):
    """Choose a layout, and see its points along two axes and their shadows.

    `space` is a search space or a `SearchSpaceEditor`: then the points follow what is edited there. `value` is the list
    of configurations (ValueError where the layout is not possible), `searcher()` hands them to a search, `code` is the
    line of Python that gives them.
    """

    def __init__(
        self,
        space: SearchSpaceEditor | SpaceModel | Mapping[str, Any],
        layout: str = "random",
        num_trials: int = 9,
        ticks: int = 3,
    ) -> None:
        model = getattr(space, "model", space)
        model = model if isinstance(model, SpaceModel) else SpaceModel(model)
        one_of("layout", layout, tuple(LAYOUTS))
        checks.whole("num_trials", num_trials)
        checks.whole("ticks", ticks)
        self.model = LayoutModel(model, layout, num_trials, ticks)
        self._quiet = False
        self._make()
        columns = widgets.HBox([self._controls, self.picture], layout=page.WRAP)
        super().__init__([widgets.HTML(CSS, layout={"display": "none"}), columns], "LayoutEditor")
        model.on_change(self._space_changed)
        self._update()

    @property
    def value(self) -> list[dict[str, Any]]:
        """The configurations, one for each trial; ValueError if this layout of this space is not possible."""
        return self.model.configs

    @property
    def code(self) -> str:
        """The line of Python that gives the same configurations."""
        return self.model.code

    def searcher(self) -> Listed:
        """The configurations for a search that asks for one after the other."""
        return Listed(self.value)

    def _make(self) -> None:
        model = self.model
        self.layout_kind = self._field(widgets.Dropdown, "layout", "Layout", options=LAYOUTS)
        self.num_trials = self._field(widgets.IntText, "num_trials", "Trials")
        self.seed = self._field(widgets.IntText, "seed", "Seed")
        self.ticks = self._field(widgets.IntText, "ticks", "Ticks on each axis")
        self.rule = self._field(widgets.Dropdown, "rule", "Ticks at the", options=RULES)
        self.x = self._field(widgets.Dropdown, "x", "Across", options=list(model.axes))
        self.y = self._field(widgets.Dropdown, "y", "Up", options=list(model.axes))
        self.words, self.picture = widgets.HTML(), widgets.HTML(layout={"flex": "1 1 400px", "max_width": "480px"})
        fields = [self.layout_kind, self.num_trials, self.seed, self.ticks, self.rule, self.x, self.y, self.words]
        self._controls = widgets.VBox(fields, layout={"width": "300px", "flex": "0 1 300px", "overflow": "visible"})

    def _field(self, kind: Callable, setting: str, label: str, **options: Any) -> widgets.ValueWidget:
        """A field that sets one setting of the model."""
        axis = setting in ("x", "y")  # "" in the model, None in the field, where there is no axis to show
        value = getattr(self.model, setting)
        field = kind(
            value=(value or None) if axis else value,
            description=label,
            layout={"width": "280px"},
            style={"description_width": "120px"},
            **options,
        )

        def changed(change: Any) -> None:
            if not self._quiet:
                self.model.change(**{setting: (change.new or "") if axis else change.new})
                self._show_axes()
                self._update()

        field.observe(changed, "value")
        return field

    def _space_changed(self) -> None:
        self.model.refresh()
        self._show_axes()
        self._update()

    def _show_axes(self) -> None:
        """The two axes of the model in their fields: both may change when one is chosen."""
        self._quiet = True
        try:
            for field, name in ((self.x, self.model.x), (self.y, self.model.y)):
                names = list(self.model.axes)
                if list(field.options) != names:
                    field.options = names
                field.value = name or None
        finally:
            self._quiet = False

    def _update(self) -> None:
        grid = self.model.layout == "grid"
        for field, used in ((self.num_trials, not grid), (self.seed, not grid), (self.ticks, grid), (self.rule, grid)):
            field.disabled = not used
        if self.model.error:
            self.picture.add_class("hpt-old")
            text = f"{escape(self.model.error)} The picture is still that of the layout before."
            self.words.value = page.unbroken(f'<div role="alert" style="color: {page.RED}">{text}</div>')
            return
        self.picture.remove_class("hpt-old")
        self.picture.value = draw(self.model)
        lines = [f"<b>{count(len(self.model.configs), 'trial')}</b>"]
        lines += [f"{escape(name)}: {count(self.model.distinct(name), 'different value')}" for name in self.model.axes]
        lines += [_behind(self.model)] if self.model.axes else []
        lines += _balance(self.model)
        self.words.value = f'<div role="status">{"<br>".join(lines)}<br><code>{escape(self.code)}</code></div>'


def _behind(model: LayoutModel) -> str:
    """How many points can be told apart in the picture."""
    if model.dots == len(model.configs):
        return "Each is a point of its own in the picture."
    return f"{count(model.dots, 'point')} in the picture: at some of them several trials coincide."


def _balance(model: LayoutModel) -> list[str]:
    """Sobol points fill each half, quarter, ... of every axis equally only at powers of two.

    Owen, "On dropping the first Sobol point" (2022).
    """
    trials = model.num_trials
    if model.layout != "sobol" or trials & (trials - 1) == 0:
        return []
    return [f"Sobol points are balanced at {2 ** (trials.bit_length() - 1):,} or {2 ** trials.bit_length():,}."]


def draw(model: LayoutModel) -> str:
    """The picture of a layout along the two chosen axes."""
    if not model.axes:
        return ""
    colour = {"grid": svg.ORANGE, "random": svg.BLUE}.get(model.layout, page.TEXT)
    plot = shadows(
        model.positions(model.x), model.positions(model.y), left=80, top=26, size=SIZE, colour=colour,
        x_name=model.x, y_name=model.y, x_marks=marks(model.axes[model.x].domain),
        y_marks=marks(model.axes[model.y].domain),
    )  # fmt: skip
    across, up = model.distinct(model.x), model.distinct(model.y)
    words = f"{count(len(model.configs), 'trial')} of a {model.layout} layout: "
    words += f"{count(across, 'different value')} of {model.x}, {up} of {model.y}"
    return svg.picture(WIDTH, HEIGHT, [plot], words)
