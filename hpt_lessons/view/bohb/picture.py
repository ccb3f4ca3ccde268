"""The picture of BOHB's model: observations, good and bad densities, their ratio, and the proposal that follows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from hpt_lessons.search.bohb import Densities
from hpt_lessons.view.bohb.model import LINE, BOHBModel, Problem
from hpt_lessons.view.look import svg
from hpt_lessons.view.look.marks import marks, ticks
from hpt_lessons.view.look.page import MUTED, PAPER, RED, TEXT

WIDTH, HEIGHT, LEFT, RIGHT = 760, 520, 56, 736
VALUES, DENSITY, RATIO = (46, 206), (250, 346), (390, 470)  # top and bottom of the three plots
SQUARE, CELLS = 330, 66  # of two dimensions: the map, and its cells along each side
# The ratio there falls below any scale away from the good ones: bands between these powers of ten, and their darkness.
EDGES, SHADES = (-30, -10, -3, 0, 1, 2), (0.4, 0.28, 0.18, 0.08, 0.15, 0.35, 0.6)
DECADES = 3.0  # the ratio is shown from 1e-3 to 1e3
_x = svg.Ruler(0, 1, LEFT, RIGHT)
DASHED = {"stroke_dasharray": "5 3"}


def draw(model: BOHBModel, step: int, truth: bool = True) -> str:
    """What is known after so many observations; with `truth` also what BOHB cannot see: the problem."""
    parts = _legend(truth) + (_map(model, step, truth) if len(model.task.axes) == 2 else _line(model, step, truth))
    proposal, place = model.next(step)
    kind = "at random" if proposal.random else f"the best of {len(proposal.candidates)} draws"
    parts.append(svg.text(RIGHT, HEIGHT - 6, f"data: {model.task.data}", "end"))
    label = f"{step} observations, the good and the bad density, and their ratio. Next: {model.words(place)}, {kind}."
    return svg.picture(WIDTH, HEIGHT, parts, label)


def _legend(truth: bool) -> list[str]:
    marks = [
        ("good", _mark(5, 0, "good"), 14),
        ("bad", _mark(5, 0, "bad"), 14),
        ("not used", _mark(5, 0, ""), 14),
        ("next", _diamond(5, 0), 15),
    ]
    if truth:
        marks.append(("what BOHB cannot see", svg.line(0, 0, 22, 0, MUTED, 1.5, **DASHED), 28))
    return svg.legend(LEFT, marks)


def _mark(x: float, y: float, group: str) -> str:
    """A disc for a good observation, a cross for a bad one, a small ring for one that no density uses."""
    if group == "bad":
        arms = f"M{x - 3.5:.1f} {y - 3.5:.1f}l7 7m0 -7l-7 7"
        return svg.element("path", d=arms, style=f"fill: none; stroke: {svg.ORANGE}; stroke-width: 2")
    style = f"fill: {svg.BLUE}" if group else f"fill: {PAPER}; stroke: {MUTED}; stroke-width: 1.5"
    return svg.circle(x, y, 4.5 if group else 3, style)


def _diamond(x: float, y: float) -> str:
    path = f"M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z"
    return svg.element("path", d=path, style=f"fill: {RED}; stroke: {PAPER}; stroke-width: 1")


def _ring(x: float, y: float) -> str:
    return svg.circle(x, y, 8.5, f"fill: none; stroke: {TEXT}; stroke-width: 2")


def _groups(model: BOHBModel, step: int) -> list[str]:
    """For each observation 'good', 'bad' or '' for neither."""
    names, split = [""] * step, model.split(step)
    if split is not None:
        for name, places in zip(("good", "bad"), split, strict=True):
            for place in places:
                names[place] = name
    return names


# -- one dimension ---------------------------------------------------------------------------------------------------
def _line(model: BOHBModel, step: int, truth: bool) -> list[str]:
    """Three plots over the same axis."""
    parts = [*_values(model, step, truth), *_densities(model, step), *_ratio(model, step)]
    proposal, place = model.next(step)
    x = _x(place[0])
    parts.insert(0, svg.line(x, VALUES[0], x, RATIO[1], RED, 1.2, stroke_dasharray="2 3"))
    top = VALUES[0] - 6
    parts.append(_diamond(x, top))
    right = place[0] < 0.75
    words = f"next: {model.words(place)}{', at random' if proposal.random else ''}"
    parts.append(svg.text(x + (11 if right else -11), top + 4, words, "start" if right else "end", 11.5, TEXT))
    for at, words in marks(model.task.axes[0].domain):
        parts.append(svg.text(_x(at), RATIO[1] + 17, words, "middle"))
    parts.append(svg.text((LEFT + RIGHT) / 2, RATIO[1] + 35, model.task.axes[0].name, "middle", 12, TEXT))
    return parts


def _frame(place: tuple[int, int], title: str) -> list[str]:
    top, bottom = place
    return [svg.line(LEFT, bottom, RIGHT, bottom, MUTED, 1, stroke_opacity=0.6),
            svg.text(LEFT - 44, top - 12, title, size=12, colour=TEXT)]  # fmt: skip


def _values(model: BOHBModel, step: int, truth: bool) -> list[str]:
    """The observations, and the problem itself."""
    y = svg.Ruler(*model.range, VALUES[1], VALUES[0] + 6)
    parts = _frame(VALUES, model.task.value_name) + y.levels(ticks(*model.range), LEFT, RIGHT)
    if truth:
        parts.append(svg.curve(_x(LINE), y(model.task.height(LINE[:, None])), MUTED, 1.5, **DASHED))
    for number, group in enumerate(_groups(model, step)):
        parts.append(_mark(_x(model.positions[number, 0]), y(model.values[number]), group))
    if step:
        parts.append(_ring(_x(model.positions[step - 1, 0]), y(model.values[step - 1])))
    return parts


def _densities(model: BOHBModel, step: int) -> list[str]:
    """Both densities on the same scale, and a tick for each of their points."""
    top, bottom = DENSITY
    parts, found = _frame(DENSITY, "density of good and of bad observations"), model.densities(step)
    if found is None:
        return [*parts, _no_model((top + bottom) / 2)]
    parts += _pair(found, LEFT, RIGHT, top, bottom)
    for number, group in enumerate(_groups(model, step)):
        x = _x(model.positions[number, 0])
        colour, low = (svg.BLUE, bottom + 2) if group == "good" else (svg.ORANGE, bottom + 9)
        if group:
            parts.append(svg.line(x, low, x, low + 6, colour, 1.6))
    return parts


def _pair(found: Densities, left: float, right: float, top: float, bottom: float) -> list[str]:
    """The bad density always has an eighth of the height: a good one that is a needle is cut off, and says so."""
    most, limit = float(found.good.max()), 8 * float(found.bad.max())
    scale, xs, parts = (bottom - top) / min(max(most, limit / 8), limit), left + (right - left) * LINE, []
    for values, colour, more in ((found.bad, svg.ORANGE, DASHED), (found.good, svg.BLUE, {})):
        ys = bottom - scale * np.minimum(values, limit)
        area = [left, *xs, right], [bottom, *ys, bottom]
        parts += [svg.curve(*area, "none", 0, colour, fill_opacity=0.12), svg.curve(xs, ys, colour, 2, **more)]
    if most > 1.05 * limit:
        inside = np.flatnonzero(found.good > limit)
        first, last = (left + (right - left) * LINE[place] for place in (inside[0], inside[-1]))
        after = last < right - 150
        times = f"{most / limit:.1f}" if most < 10 * limit else f"{most / limit:.0f}"
        words = f"goes up to {times} times this height"
        parts.append(svg.text(last + 6 if after else first - 6, top + 10, words, "start" if after else "end"))
    return parts


def _no_model(y: float) -> str:
    return svg.text((LEFT + RIGHT) / 2, y, "no model yet: too few observations", "middle", 12)


def _ratio(model: BOHBModel, step: int) -> list[str]:
    """Good over bad on a logarithmic scale, and the draws of the next proposal on it."""
    ruler = svg.Ruler(-DECADES, DECADES, *reversed(RATIO))

    def y(log: float | np.ndarray) -> float | np.ndarray:
        return ruler(np.clip(log, -DECADES, DECADES))

    parts = _frame(RATIO, "their ratio; dots: the draws among which the next one is chosen")
    parts += ruler.levels((-2, 0, 2), LEFT, RIGHT, words=lambda power: svg.short(10.0**power))
    logs = model.log_ratio(step, LINE[:, None])
    if logs is None:
        return parts
    parts.append(svg.curve(_x(LINE), y(logs), TEXT, 1.6))
    proposal, place = model.next(step)
    if proposal.candidates is None:
        return parts
    style = f"fill: {svg.BLUE}; fill-opacity: 0.5"
    for u, log in zip(proposal.candidates[:, 0], proposal.log_ratio / np.log(10), strict=True):
        parts.append(svg.circle(_x(u), y(log), 2.5, style))
    return [*parts, _diamond(_x(place[0]), float(y(proposal.log_ratio.max() / np.log(10))))]


# -- two dimensions --------------------------------------------------------------------------------------------------
def _map(model: BOHBModel, step: int, truth: bool) -> list[str]:
    """The ratio as a map of bands, blue where good ones are likelier; beside it both densities along each axis."""
    left, top = LEFT + 14, 64
    bottom = top + SQUARE

    def at(point: Sequence[float]) -> tuple[float, float]:
        return left + SQUARE * float(point[0]), bottom - SQUARE * float(point[1])

    parts = [svg.text(left - 58, 36, "ratio of good to bad: blue above 1, orange below", size=12, colour=TEXT)]
    parts += [*_bands(model, step, left, top), *_key(left, bottom + 76), *_square(model, left, top)]
    if truth:
        for level in (0.02, 0.1):
            xs, ys = zip(*map(at, _contour(model.task, level)), strict=True)
            parts.append(svg.curve(xs, ys, MUTED, 1.3, **DASHED))
    proposal, place = model.next(step)
    for point in () if proposal.random else proposal.candidates:
        x, y = at(point)
        parts.append(svg.circle(x, y, 2, f"fill: {TEXT}; fill-opacity: 0.45"))
    parts += [_mark(*at(model.positions[number]), group) for number, group in enumerate(_groups(model, step))]
    parts += [_ring(*at(model.positions[step - 1]))] if step else []
    parts.append(_diamond(*at(place)))
    if step == 0 or model.split(step) is None:
        parts.append(svg.text(left + SQUARE / 2, top - 8, "no model yet: too few observations", "middle", 12))
    for axis in range(2):
        parts += _along(model, step, axis, 96 + axis * 190)
    words = f"next: {model.words(place)}{', at random' if proposal.random else ''}"
    return [*parts, svg.text(left, bottom + 62, words, "start", 11.5, TEXT)]


def _bands(model: BOHBModel, step: int, left: float, top: float) -> list[str]:
    """Each band of the ratio is one shape, made of rows of neighbouring cells."""
    centres = (np.arange(CELLS) + 0.5) / CELLS
    across, up = np.meshgrid(centres, centres)
    logs = model.log_ratio(step, np.stack([across.ravel(), up.ravel()], axis=1))
    if logs is None:
        return []
    found, size = np.searchsorted(EDGES, logs).reshape(CELLS, CELLS), SQUARE / CELLS
    paths = [""] * len(SHADES)
    for row, bands in enumerate(found):
        starts = [0, *(np.flatnonzero(np.diff(bands)) + 1), CELLS]
        for start, end in pairwise(starts):
            corner = f"{left + start * size:g} {top + SQUARE - (row + 1) * size:g}"
            paths[bands[start]] += f"M{corner}h{(end - start) * size:g}v{size:g}H{left + start * size:g}z"
    return [f'<path d="{path}" shape-rendering="crispEdges" style="{_shade(band)}"/>'
            for band, path in enumerate(paths) if path]  # fmt: skip


def _shade(band: int) -> str:
    return f"fill: {svg.BLUE if EDGES[band - 1] >= 0 and band else svg.ORANGE}; fill-opacity: {SHADES[band]}"


def _key(left: float, top: float) -> list[str]:
    """The bands of the ratio from low to high, and the ratios between them."""
    size, parts = SQUARE / len(SHADES), []
    for band in range(len(SHADES)):
        x = left + band * size
        parts.append(f'<rect x="{x:.1f}" y="{top:g}" width="{size:.1f}" height="12" style="{_shade(band)}"/>')
        if band:
            parts.append(svg.text(x, top + 25, svg.short(10.0 ** EDGES[band - 1]), "middle"))
    return parts


def _square(model: BOHBModel, left: float, top: float) -> list[str]:
    bottom = top + SQUARE
    across, up = model.task.axes
    parts = [f'<rect x="{left:g}" y="{top:g}" width="{SQUARE}" height="{SQUARE}" '
             f'style="fill: none; stroke: {MUTED}; stroke-opacity: 0.6"/>']  # fmt: skip
    parts += [svg.text(left + SQUARE * u, bottom + 17, words, "middle") for u, words in marks(across.domain)]
    parts += [svg.text(left - 6, bottom - SQUARE * u + 4, words, "end") for u, words in marks(up.domain)]
    parts.append(svg.text(left + SQUARE / 2, bottom + 35, across.name, "middle", 12, TEXT))
    return [*parts, svg.text(left - 58, top - 10, up.name, size=12, colour=TEXT)]


@lru_cache(maxsize=8)
def _contour(task: Problem, level: float) -> np.ndarray:
    """Where the problem is so much of its range above its best: an outline seen from the best place, ray by ray."""
    low, high = task.limits
    mesh = np.stack(np.meshgrid(LINE[::3], LINE[::3]), axis=-1).reshape(-1, 2)
    centre = mesh[np.argmin(task.height(mesh))]
    angles, radii = np.linspace(0, 2 * np.pi, 73), np.linspace(0, 1.5, 301)
    rays = centre + radii[None, :, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)[:, None, :]
    inside = task.height(rays.reshape(-1, 2)).reshape(rays.shape[:2]) <= low + level * (high - low)
    inside &= ((rays >= 0) & (rays <= 1)).all(axis=2)
    last = np.where(inside.all(axis=1), len(radii) - 1, np.maximum(inside.argmin(axis=1) - 1, 0))
    return rays[np.arange(len(angles)), last]


def _along(model: BOHBModel, step: int, axis: int, top: float) -> list[str]:
    """Both densities along one axis, the other one summed out."""
    left, right, bottom = 470, RIGHT, top + 110
    name = model.task.axes[axis].name
    parts = [svg.text(left, top - 14, f"densities along {name}", size=12, colour=TEXT),
             svg.line(left, bottom, right, bottom, MUTED, 1, stroke_opacity=0.6)]  # fmt: skip
    parts += [svg.text(left + (right - left) * u, bottom + 17, words, "middle")
              for u, words in marks(model.task.axes[axis].domain)]  # fmt: skip
    found = model.densities(step, axis)
    if found is None:
        return parts
    return parts + _pair(found, left, right, top, bottom)
