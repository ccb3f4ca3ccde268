"""The picture of a search that stops early: learning curves with their rungs above, the workers' time below."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hpt_lessons.view.look import svg
from hpt_lessons.view.look.marks import ticks
from hpt_lessons.view.look.page import FAINT, GREEN, MUTED, PAPER, RED, TEXT
from hpt_lessons.view.rungs.clock import Segment
from hpt_lessons.view.rungs.model import OUT, RungModel
from hpt_lessons.words import count

WIDTH, LEFT, RIGHT = 760, 56, 716
TOP, BOTTOM = 66, 318  # of the curves
LANES, LANE = 388, 22  # of the workers: where the first begins, how high each is
MANY = 40  # so many curves are drawn thinner
AXES = {"error": "validation error (%)", "loss": "validation loss", "best": "lowest validation loss so far"}
LANES_TITLE = "workers, and the trials they train (solid: went on or finished; pale: runs or waits; hollow: cut)"
DASHED = {"stroke_dasharray": "2 4", "stroke_opacity": 0.75}


def draw(model: RungModel, step: int, unseen: bool = True) -> str:
    """What is known after a step; with `unseen` also what became of those who were cut, dashed."""
    parts = [*_legend(unseen), *_rungs(model, step), *_curves(model, step, unseen), *_results(model, step)]
    if unseen and math.isfinite(model.finals[model.best]):  # nothing may cover it
        parts.append(_star(_x(model, model.max_budget), _y(model, model.finals[model.best])))
    parts += [*_lanes(model, step), *_time(model, step)]
    statuses = model.statuses(step)
    label = (f"{len(model.drawn)} learning curves after step {step} of {len(model.segments)}: "
             f"{sum(status in OUT for status in statuses)} cut, {statuses.count('finished')} finished; below, who ran "
             f"when on {count(model.workers, 'worker')}.")  # fmt: skip
    return svg.picture(WIDTH, _floor(model) + 38, parts, label)


def _x(model: RungModel, epoch: float) -> float:
    """Across, on a logarithmic scale: rungs are as far from each other."""
    return svg.Ruler(1, model.max_budget, LEFT, RIGHT, log=True)(epoch)


def _floor(model: RungModel) -> float:
    """Where the lanes end: a lane for each worker, and no more."""
    return LANES + LANE * model.workers


def _y(model: RungModel, score: float | np.ndarray) -> float | np.ndarray:
    return _scores(model)(score)


def _scores(model: RungModel) -> svg.Ruler:
    return svg.Ruler(*model.limits, BOTTOM, TOP + 8)


def _legend(unseen: bool) -> list[str]:
    """What the marks mean, in one line."""
    marks = [
        ("trained", svg.line(0, 0, 22, 0, GREEN, 2), 28),
        ("goes on", _dot(4, 0, GREEN, True), 14),
        ("waits", _dot(4, 0, GREEN, False), 14),
        ("cut", _cross(4, 0, MUTED), 14),
    ]
    if unseen:
        marks += [
            ("what the search never saw", svg.line(0, 0, 22, 0, MUTED, 1.5, **DASHED), 28),
            ("best of all in the end", _star(6, 0), 18),
        ]
    return svg.legend(LEFT, marks)


def _rungs(model: RungModel, step: int) -> list[str]:
    """A line at each rung, with how many were judged there and how many went on; and the scale of the scores."""
    parts = [svg.text(LEFT - 44, 34, AXES[model.score], size=12, colour=TEXT),
             svg.text(RIGHT, 32, f"data: {model.trials.data or 'not named'}", "end")]  # fmt: skip
    parts += _scores(model).levels(ticks(*model.limits), LEFT, RIGHT)
    counts = model.rungs(step)
    for budget in counts:
        x, (judged, on) = _x(model, budget), counts[budget]
        last = budget == model.max_budget
        words = f"{judged} judged" if not last else f"{judged} finished"
        anchor = "start" if budget == 1 else "end" if last else "middle"
        parts += [
            svg.line(x, TOP - 2, x, BOTTOM, MUTED, 1, stroke_opacity=0.6),
            svg.text(x, TOP - 20, words, anchor),
            svg.text(x, BOTTOM + 17, str(budget), "middle", 12, TEXT),
        ]
        if not last:
            parts.append(svg.text(x, TOP - 7, f"{on} went on", anchor))
    for epoch in _marks(model, list(counts)):
        parts.append(svg.text(_x(model, epoch), BOTTOM + 17, str(epoch), "middle"))
    name = f"epochs (a line at each rung){_brackets(model)}"
    return [*parts, svg.text((LEFT + RIGHT) / 2, BOTTOM + 34, name, "middle", 12, TEXT)]


def _marks(model: RungModel, levels: list[int]) -> list[int]:
    """Epochs 1, 2, 5, 10, 20, 50 ... beside the rungs, where they do not run into them."""
    round_ones = [number * 10**power for power in range(len(str(model.max_budget))) for number in (1, 2, 5)]
    return [epoch for epoch in round_ones if epoch < model.max_budget
            and all(abs(_x(model, epoch) - _x(model, level)) > 24 for level in levels)]  # fmt: skip


def _brackets(model: RungModel) -> str:
    """Which trials make which bracket of Hyperband: they begin in this order."""
    numbers = sorted(set(model.brackets))
    words = []
    for number in numbers[:5]:
        first, last = model.brackets.index(number), len(model.brackets) - model.brackets[::-1].index(number)
        words.append(f"{number}: {first + 1}" if last == first + 1 else f"{number}: {first + 1} to {last}")
    more = ", ..." if len(numbers) > 5 else ""
    return f"; trials of bracket {', '.join(words)}{more}" if words else ""


def _curves(model: RungModel, step: int, unseen: bool) -> list[str]:
    """Every trial as far as it was trained; the one of this step last, so that nothing covers it."""
    reached, statuses = model.reached(step), model.statuses(step)
    now = model.segments[step - 1].trial if step else None
    parts, thin = [], 0.6 if len(model.drawn) > MANY else 1.0
    for trial in sorted(range(len(model.drawn)), key=lambda number: (number == now, statuses[number] not in OUT)):
        out = statuses[trial] in (*OUT, "diverged")
        colour, width = (MUTED, 1.2) if out else (GREEN, 1.8)
        best = unseen and trial == model.best
        if unseen and statuses[trial] in OUT:
            look = (RED, 1.8) if best else (MUTED, 1.0)
            parts.append(_piece(model, trial, reached[trial], model.max_budget, look[0], thin * look[1], **DASHED))
        if trial == now:
            colour, width = TEXT, 2.8
        parts.append(_piece(model, trial, 1, reached[trial], colour, thin * width))
    return parts


def _piece(model: RungModel, trial: int, first: int, last: int, colour: str, width: float, **more: Any) -> str:
    scores = model.scores[trial]
    epochs = [e for e in range(max(first, 1), min(last, len(scores)) + 1) if math.isfinite(scores[e - 1])]
    if len(epochs) < 2:
        return ""
    ys = _y(model, scores[np.array(epochs) - 1])
    return svg.curve([_x(model, e) for e in epochs], ys, colour, width, **more)


def _results(model: RungModel, step: int) -> list[str]:
    """A mark at each judgement: filled went on, hollow waits, a cross is out; a ring around the last one."""
    parts, statuses, went_on = [], model.statuses(step), model.went_on(step)
    for segment in model.segments[:step]:
        if math.isnan(segment.score):
            continue
        x, y = _x(model, segment.last), _y(model, segment.score)
        status = "on" if (segment.trial, segment.last) in went_on else statuses[segment.trial]
        filled = status in ("on", "finished", "running")
        parts.append(_cross(x, y, MUTED) if status in OUT else _dot(x, y, GREEN, filled))
    if step and not math.isnan(model.segments[step - 1].score):
        last = model.segments[step - 1]
        ring = f"fill: none; stroke: {TEXT}; stroke-width: 2"
        parts.append(svg.circle(_x(model, last.last), _y(model, last.score), 8, ring))
    return parts


def _dot(x: float, y: float, colour: str, filled: bool) -> str:
    style = f"fill: {colour if filled else PAPER}; stroke: {colour}; stroke-width: 1.5"
    return svg.circle(x, y, 3.5, style)


def _cross(x: float, y: float, colour: str) -> str:
    arms = f"M{x - 3:.1f} {y - 3:.1f}l6 6m0 -6l-6 6"
    return svg.element("path", d=arms, style=f"fill: none; stroke: {colour}; stroke-width: 1.6")


def _star(x: float, y: float) -> str:
    points = [(x + r * math.sin(a), y - r * math.cos(a))
              for r, a in zip([7, 3] * 5, np.arange(10) * math.pi / 5, strict=True)]  # fmt: skip
    return svg.element("polygon", points=" ".join(f"{px:.1f},{py:.1f}" for px, py in points), style=f"fill: {RED}")


def _lanes(model: RungModel, step: int) -> list[str]:
    """A lane for each worker, a bar for each segment."""
    parts = [svg.text(LEFT - 44, LANES - 14, LANES_TITLE, size=12, colour=TEXT)]
    for worker in range(model.workers):
        y = LANES + worker * LANE
        parts.append(svg.text(LEFT - 8, y + LANE / 2 + 3, str(worker + 1), "end"))
        parts.append(svg.line(LEFT, y + LANE - 1, RIGHT, y + LANE - 1, FAINT))
    went_on = model.went_on(step)
    for number, segment in enumerate(model.begun(step)):
        status = "on" if (segment.trial, segment.last) in went_on else model.statuses(step)[segment.trial]
        parts.append(_bar(model, step, segment, status, number == step - 1))
    return parts


def _bar(model: RungModel, step: int, segment: Segment, status: str, latest: bool) -> str:
    """Solid: went on or finished; pale: waits or runs; hollow: it was the last that the trial got."""
    clock = _clock(model)
    x, end = clock(segment.start), clock(min(segment.end, model.now(step)))
    y, width = LANES + segment.worker * LANE, max(end - x - 1, 0.5)
    out = status in (*OUT, "diverged")
    fill, opacity = (PAPER, 1) if out else (GREEN, 1 if status in ("on", "finished") else 0.35)
    edge = TEXT if latest else MUTED if out else GREEN
    box = {"x": float(x), "y": float(y + 1), "width": float(width), "height": float(LANE - 4)}
    bar = svg.element("rect", **box, rx=1, style=f"fill: {fill}; fill-opacity: {opacity}; stroke: {edge}; "
                      f"stroke-width: {2 if latest else 1}")  # fmt: skip
    name = str(segment.trial + 1)
    if width < 7 * len(name) + 3:
        return bar
    ink = PAPER if status in ("on", "finished") else TEXT
    return bar + svg.text(x + width / 2, y + LANE / 2 + 3, name, "middle", 10.5, ink)


def _clock(model: RungModel) -> svg.Ruler:
    """Seconds on the virtual clock, across."""
    return svg.Ruler(0, model.now(len(model.segments)), LEFT, RIGHT)


def _time(model: RungModel, step: int) -> list[str]:
    """The axis of the virtual clock, and a line where it stands."""
    clock = _clock(model)
    total = clock.high
    unit, name = (60, "minutes") if total > 300 else (1, "seconds")
    floor = _floor(model)
    marks = [mark for mark in ticks(0, total / unit) if mark <= total / unit]
    parts = []
    for mark in marks:
        x = clock(mark * unit)
        parts += [svg.line(x, floor, x, floor + 4, MUTED), svg.text(x, floor + 16, svg.short(mark), "middle")]
    parts.append(svg.text((LEFT + RIGHT) / 2, floor + 33, f"{name} on a virtual clock", "middle", 12, TEXT))
    here = clock(model.now(step))
    return [*parts, svg.line(here, LANES - 6, here, floor, TEXT, 1.2)]
