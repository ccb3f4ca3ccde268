"""The explorer of stopping early: step, play and scrub through a search, and see what became of those it cut."""

from __future__ import annotations

import math
from functools import partial
from html import escape
from typing import Any

import ipywidgets as widgets

from hpt_lessons.trials import Trials
from hpt_lessons.view.look import page, svg
from hpt_lessons.view.look.stepper import StepPanel
from hpt_lessons.view.rungs.clock import Segment
from hpt_lessons.view.rungs.model import METHODS, ORDERS, PRESETS, SCORES, WORKERS, RungModel, made
from hpt_lessons.view.rungs.picture import draw
from hpt_lessons.words import count, percent, seconds_in_words

TABLE = "cifar-lenet"


class Rungs(StepPanel):
    """Step through successive halving, Hyperband or ASHA on curves that are known to the end.

    `trials` is any table of trials with whole curves, recorded or from a search of your own in which nobody was
    stopped; without it, the recorded table of the CIFAR network. Trials that a search stopped are left out: where most
    were, give a `max_budget` that enough of them reached. The other settings are those of `RungModel`. `step` is the
    step shown, `model` knows everything about the search at each of them.
    """

    room = (290, 300)

    def __init__(self, trials: Trials | None = None, method: str = "stopping", step: int = 0, **settings: Any) -> None:
        self.model = RungModel(table() if trials is None else trials, method, **settings)
        super().__init__(self._fields(), len(self.model.segments), step, "Rungs")

    def show(self, step: int) -> tuple[str, str]:
        """Words and picture of a step."""
        return in_words(self.model, step), draw(self.model, step, self.unseen.value)

    def _fields(self) -> list[widgets.Widget]:
        model = self.model
        field = partial(page.field, model=model, changed=self._change)
        self.preset = widgets.Dropdown(
            options=[("choose one", ""), *((name, name) for name in PRESETS)],
            description="Begin with",
            style={"description_width": "120px"},
            layout={"width": "312px", "max_width": "100%"},
        )
        self.preset.observe(lambda change: self._begin(change.new), "value")
        self.method = field(widgets.Dropdown, "method", "Method", options=_options(METHODS))
        self.eta = field(widgets.IntSlider, "eta", "eta (one in ...)", min=2, max=10)
        most = min(max(9, model.grace), model.max_budget)
        self.grace = field(widgets.IntSlider, "grace", "Smallest budget", min=1, max=most)
        self.count = field(widgets.IntSlider, "count", "Trials", min=2, max=model.most_trials)
        self.workers = field(widgets.IntSlider, "workers", "Workers", min=1, max=WORKERS)
        self.order = field(widgets.Dropdown, "order", "Order of arrival", options=_options(ORDERS))
        self.score = field(widgets.Dropdown, "score", "Judged by", options=_options(SCORES))
        self.seed = field(widgets.BoundedIntText, "seed", "Seed", min=0, max=10**6)
        self.unseen = widgets.Checkbox(
            True, description="Show what the search never saw", indent=False, layout=self.method.layout
        )
        self.unseen.observe(lambda _: self._update(), "value")
        return [self.preset, self.unseen, self.method, self.count, self.workers, self.eta, self.order, self.grace,
                self.score, self.seed]  # fmt: skip

    def _begin(self, preset: str) -> None:
        """The settings of a preset, in the model first and then in their fields."""
        if not preset:
            return
        self.model.preset(preset)
        self._filling = True
        try:
            for name in ("method", "eta", "grace", "count", "workers", "order", "score", "seed"):
                getattr(self, name).value = getattr(self.model, name)
        finally:
            self._filling = False
        self.renew(len(self.model.segments))

    _filling = False

    def _change(self, name: str, value: Any) -> None:
        if self._filling or value == getattr(self.model, name):
            return
        self.preset.value = ""  # it is none of them any more
        self.model.change(**{name: value})
        self.count.value = self.model.count  # Hyperband takes as many as its brackets need
        self.renew(len(self.model.segments))


def table() -> Trials:
    """The recorded table, as much of it as there is; made-up curves where there is none."""
    from hpt_lessons import recorded

    try:
        return recorded.load(TABLE, partial=True)
    except ValueError:
        return made()


def _options(words: dict[str, str]) -> list[tuple[str, str]]:
    return [(text, name) for name, text in words.items()]


def in_words(model: RungModel, step: int) -> str:
    """What happened in this step, what became of it, and where the search stands."""
    over = step == len(model.segments)
    first = _step(model, model.segments[step - 1], step, over) if step else _plan(model)
    if over:
        first += f" {_end(model)}"
    if not step:
        return f"{first}<br>{_about(model)}"
    total = model.max_budget * len(model.drawn)
    epochs, choice = model.epochs(step), model.choice(step)
    spent = (f"{epochs} of {total} epochs ({percent(epochs / total)}), workers busy "
             f"{percent(model.busy(step))} of the time.")  # fmt: skip
    if choice is None:
        return f"{first}<br>{spent}"
    regret = model.regret(choice)
    worse = "the best of all" if regret == 0 else f"{_points(model, regret)} worse than the best of all"
    end = f"in the end {worse}" if math.isfinite(regret) else "which diverges in the end"
    verdict = f"Best of those that came furthest: trial {choice + 1}, {end}."
    return f"{first}<br>{spent} {verdict}{f' {_instead(model)}' if over else ''}"


def _instead(model: RungModel) -> str:
    """The same epochs without stopping anybody: what they would have bought."""
    found = None if model.method == "nobody" else model.instead()
    if found is None:
        return ""
    trials, better, same = found
    return (f"Its epochs also pay for {count(trials, 'full training')}: of {trials} random trials the best beats this "
            f"one in {percent(better)} of all draws, and is this one in {percent(same)}.")  # fmt: skip


def _plan(model: RungModel) -> str:
    levels = ", ".join(map(str, model.levels))
    return (f"<b>Before the start.</b> {METHODS[model.method][0].upper()}{METHODS[model.method][1:]}: "
            f"{len(model.drawn)} trials{_filled(model)}, judged after {levels} epochs. Whom will it lose?")  # fmt: skip


def _filled(model: RungModel) -> str:
    """How many of Hyperband's brackets run."""
    there, planned = len(set(model.brackets)), len(model.plans)
    if not there:
        return ""
    if there == 1 < planned:
        return f", which only fill the first of its {planned} brackets (that is successive halving)"
    return f" in {there} brackets" if there > 1 else " in one bracket"


def _step(model: RungModel, segment: Segment, step: int, over: bool = False) -> str:
    """One sentence on what was decided, one on what the search cannot know; not that one where the search is over."""
    bracket = f" of bracket {model.brackets[segment.trial]}" if model.brackets else ""
    name = f"Trial {segment.trial + 1}{bracket} ({_config(model, segment.trial)})"
    head = f"<b>Step {step}</b>, after {seconds_in_words(segment.end)}. {name} "
    if math.isnan(segment.score):
        return f"{head}<b>diverged</b> in epoch {segment.last}: it loses to every other."
    epochs = f"{count(segment.last, 'epoch')}"
    head += f"has {_points(model, segment.score, '%')} after {epochs}"
    bar = (
        f" ({_points(model, segment.bar, '%')} or less is needed here)"
        if segment.bar is not None and segment.last < (model.max_budget)
        else ""
    )
    outcome = {"continue": "it goes on.", "pause": "it waits.", "stop": "it is <b>cut</b>."}[segment.decision.action]
    if segment.last >= model.max_budget:
        return f"{head}: it is <b>finished</b>."
    others = [int(other) for other in segment.decision.cut]
    if others:
        outcome += f" The rung is full: {len(others)} other{'s are' if len(others) > 1 else ' is'} <b>cut</b>."
    gone = [segment.trial] * (segment.decision.action == "stop") + others
    return f"{head}{bar}: {outcome}{'' if over or not gone else f' {_lost(model, gone)}'}"


def _end(model: RungModel) -> str:
    """Where the best of all was lost."""
    best, last = model.best, len(model.segments)
    who = f"The search is over. The best of all, trial {best + 1} ({_config(model, best)}), "
    if not model.lost_best(last):
        return f"{who}got the whole budget."
    epochs = count(model.reached(last)[best], "epoch")
    waits = model.statuses(last)[best] == "left"
    return f"{who}{f'waits after {epochs} for ever' if waits else f'was cut after {epochs}'}."


def _lost(model: RungModel, gone: list[int]) -> str:
    """What would have become of those who are cut now: the best of them."""
    best = min(gone, key=lambda trial: model.finals[trial])
    if best == model.best:
        words = f"Trial {best + 1} would have been <b>the best of all</b>: it is lost."
        return f'<span style="color: {page.RED}">{words}</span>'
    who = "It" if len(gone) == 1 else f"The best, trial {best + 1},"
    if not math.isfinite(model.finals[best]):
        return f"{who} would have diverged."
    return (f"{who} would have ended at {_points(model, model.finals[best], '%')}, "
            f"{_points(model, model.regret(best))} behind the best of all.")  # fmt: skip


def _points(model: RungModel, value: float, unit: str = "") -> str:
    if model.score != "error":
        return f"{value:.3f}"
    return f"{value:.1f}\u00a0%" if unit else f"{value:.1f} points"


def _config(model: RungModel, trial: int) -> str:
    """What distinguishes the configuration from the others that were drawn."""
    config = model.drawn[trial].config
    differ = [key for key in config if len({repr(other.config.get(key)) for other in model.drawn}) > 1]
    shown = [f"{key}={svg.short(config[key]) if isinstance(config[key], float) else config[key]}" for key in differ]
    if len({other.seed for other in model.drawn}) > 1:
        shown.append(f"seed {model.drawn[trial].seed}")
    return escape(", ".join(shown or ["like the others"]))


def _about(model: RungModel) -> str:
    """Which data, and who is left out."""
    one, left = model.left_out == 1, ""
    if model.left_out:
        left = f" {model.left_out} trial{'' if one else 's'} without a whole curve {'is' if one else 'are'} left out."
    data = f"Data: {escape(model.trials.data or 'not named')}, known curves replayed on a virtual clock.{left}"
    return f'<span style="color: {page.MUTED}">{data}</span>'
