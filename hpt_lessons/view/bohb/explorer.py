"""The explorer of BOHB: observations, the good and the bad density, their ratio, and the proposal that follows."""

from __future__ import annotations

import asyncio
from functools import partial
from html import escape
from typing import Any

import ipywidgets as widgets

from hpt_lessons.view.bohb.model import HINTS, MOST, NEEDLE, OWN, OWN_BANDWIDTH, PROBLEMS, REPEATS, BOHBModel
from hpt_lessons.view.bohb.picture import draw
from hpt_lessons.view.look import page, svg
from hpt_lessons.view.look.stepper import StepPanel

WIDTHS = [(f"{width:g}", width) for width in (0.01, 0.03, 0.06, 0.1)]
QUIET, BREATH = 0.3, 0.01  # seconds without a key before repeats begin, and between two of them


class BOHBExplorer(StepPanel):
    """Step through BOHB's model on a problem with one hyperparameter, or two.

    `problem` is one of `bohb_model.PROBLEMS`; the other settings are those of `BOHBModel`. `step` is the number of
    observations that are shown, `model` knows everything at each of them.
    """

    room = (90, 155, 187, 140)
    _later: asyncio.TimerHandle | None = None

    def __init__(self, problem: str = "one valley", step: int = 0, **settings: Any) -> None:
        self.model = BOHBModel(problem, **settings)
        super().__init__(self._fields(), self.model.trials, step, "BOHBExplorer")

    def show(self, step: int) -> tuple[str, str]:
        """Words and picture after so many observations."""
        return in_words(self.model, step), draw(self.model, step, self.truth.value)

    def _fields(self) -> list[widgets.Widget]:
        field = partial(page.field, model=self.model, changed=self._change)
        self.problem = field(widgets.Dropdown, "problem", "Problem", options=list(PROBLEMS))
        self.gamma = field(widgets.FloatSlider, "gamma", "Gamma (good)", min=0.05, max=0.5, step=0.01)
        self.bandwidth_factor = field(
            widgets.FloatSlider, "bandwidth_factor", "Bandwidth factor", min=0.5, max=10, step=0.5, readout_format=".1f"
        )
        self.min_bandwidth = field(
            widgets.Dropdown, "min_bandwidth", "Least bandwidth", options=_widths(self.model.min_bandwidth)
        )
        self.random_share = field(widgets.FloatSlider, "random_share", "Random share", min=0, max=1, step=0.01)
        self.noise = field(widgets.FloatSlider, "noise", "Noise", min=0, max=0.3, step=0.01)
        self.trials = field(widgets.IntSlider, "trials", "Trials", min=1, max=MOST)
        self.seed = field(widgets.BoundedIntText, "seed", "Seed", min=0, max=10**6)
        self.truth = widgets.Checkbox(
            True, description="Show what BOHB cannot see", indent=False, layout=self.problem.layout
        )
        self.truth.observe(lambda _: self._update(), "value")
        return [self.problem, self.truth, self.min_bandwidth, self.bandwidth_factor, self.gamma, self.random_share,
                self.noise, self.trials, self.seed]  # fmt: skip

    def _update(self) -> None:
        super()._update()
        if self._later is not None:
            self._later.cancel()
        if self.step and not self.model.repeated:
            self._repeat_soon(QUIET)

    def _repeat_soon(self, pause: float) -> None:
        """BOHB is repeated with other seeds while nobody presses a key; without a kernel's loop, at once."""
        try:
            self._later = asyncio.get_running_loop().call_later(pause, self._repeat)
        except RuntimeError:
            while not self.model.repeated:
                self.model.repeat()
            self._update()

    def _repeat(self) -> None:
        """One more; the last one is told."""
        self.model.repeat()
        if self.model.repeated:
            self._update()
        else:
            self._repeat_soon(BREATH)

    def _change(self, name: str, value: Any) -> None:
        before, step = getattr(self.model, name), getattr(getattr(self, name), "step", None)
        if value == before or (step and abs(value - before) < step / 2):
            return  # the page rounds a third to 0.33: that is no change
        try:
            self.model.change(**{name: value})
        except ValueError as error:  # there is no recorded table
            getattr(self, name).value = getattr(self.model, name)
            self.words.value = f'<div role="alert" style="color: {page.RED}">{escape(str(error))}</div>'
            return
        self.renew(self.model.trials)


def in_words(model: BOHBModel, step: int) -> str:
    """What was observed, what the model made of it, what comes next, and how that compares with random search."""
    said = [_observed(model, step), _next(model, step), *([_so_far(model, step)] if step else [])]
    return "<br>".join([*said, f'<span style="color: {page.MUTED}">{_hint(model)}</span>'])


def _hint(model: BOHBModel) -> str:
    """Does the model help on this problem, and why or why not?"""
    if model.min_bandwidth <= 10 * OWN_BANDWIDTH:
        return NEEDLE
    return f"With the settings of the start {HINTS[model.problem]}"


def _widths(own: float) -> list[tuple[str, float]]:
    """The least bandwidths to choose from, and the one that was given."""
    others = [] if own in dict(WIDTHS).values() or own == OWN_BANDWIDTH else [(f"{own:g}", own)]
    return [(f"{OWN_BANDWIDTH:g} (BOHB's own)", OWN_BANDWIDTH), *sorted(WIDTHS + others, key=lambda pair: pair[1])]


def _observed(model: BOHBModel, step: int) -> str:
    if not step:
        return f"<b>Before the start.</b> {PROBLEMS[model.problem].capitalize()}."
    kind = "drawn at random" if model.kinds[step - 1] == "random" else "proposed by the model"
    place, value = model.words(model.positions[step - 1]), model.values[step - 1]
    return f"<b>Observation {step} of {model.trials}</b>, {kind}: {escape(place)} gave {value:.4g}."


def _next(model: BOHBModel, step: int) -> str:
    proposal, place = model.next(step)
    where, split = escape(model.words(place)), model.split(step)
    if split is None:
        needed = 2 * model.sampler(step).min_points
        return f"There is no model before {needed} observations. Next: {where}, at random."
    good, bad = (len(part) for part in split)
    groups = f"{good} good and {bad} bad observations make the densities."
    if proposal.random:
        return f"{groups} Next: {where}, at random: some always are, so that errors of the model do not last."
    draws = len(proposal.candidates)
    return f"{groups} Next: {where}, the best of {draws} draws around good ones."


def _so_far(model: BOHBModel, step: int) -> str:
    """The best of this run, and what is usual: one run, lucky or not, says little about a method."""
    where, regret = escape(model.words(model.positions[model.best(step)])), _number(model.regret(step))
    best = f"Best so far: {where}, {regret} above the best there is."
    ours, theirs = model.own_regrets(step), model.random_regrets(step)
    if ours is None:
        return f"{best} One run says little: BOHB is being repeated with {OWN} other seeds."
    return (f"{best} Medians after {step}: BOHB {_spread(ours, f'{OWN} runs')}, "
            f"random {_spread(theirs, str(REPEATS))}.")  # fmt: skip


def _spread(quartiles: tuple[float, float, float], runs: str) -> str:
    low, median, high = map(_number, quartiles)
    return f"{median} (half of {runs}: {low} to {high})"


def _number(value: float) -> str:
    return svg.short(float(f"{value:.2g}"))
