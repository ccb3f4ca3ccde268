"""The explorer of grid against random: move a slider, see the shadows, and count who wins."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import ipywidgets as widgets
import numpy as np

from hpt_lessons.analysis.intervals import wilson
from hpt_lessons.search.ticks import RULES
from hpt_lessons.view.grid_against_random.model import WIDTH as BELL
from hpt_lessons.view.grid_against_random.model import Contest, Settings
from hpt_lessons.view.look import page, svg
from hpt_lessons.view.look.shadows import shadows
from hpt_lessons.words import count, percent

SIZE, LEFT, TOP, GAP = 270, 60, 76, 390
ROOM = (175, 130)  # letters of the longest words
COLOURS = {"grid": svg.ORANGE, "random": svg.BLUE, "tie": page.MUTED}
BAR, BAR_LEFT, ROW = 300, 232, 24  # of the scoreboard: how long the bar of a full hundred is, where it begins, a row
CSS = """<style>
@keyframes hpt-grow { from { transform: scaleX(var(--from)); } }
@media (prefers-reduced-motion: no-preference) { .hpt .hpt-tally { animation: hpt-grow 0.8s ease-out; } }
</style>"""


class GridAgainstRandom(page.Panel):
    """Play grid against random: one axis matters, the others as much as you choose.

    `score` is who won how many rounds with these settings; `contest` holds the points, the rules, and the scores of all
    settings that were played.
    """

    def __init__(
        self, importance: float = 0.1, dimension: int = 2, trials: int = 9, rule: str = "centres", seed: int = 0
    ) -> None:
        self.contest = Contest(importance, dimension, trials, rule, seed)
        self._make()
        settings = widgets.HBox([self.importance, self.dimension, self.trials, self.rule], layout=page.WRAP)
        buttons = widgets.HBox([self.one, self.many, self.forget], layout=page.WRAP)
        children = [settings, buttons, self.words, self.picture, self.board]
        css = widgets.HTML(CSS, layout={"display": "none"})
        super().__init__([css, *children, widgets.HTML(page.NAME_SLIDERS)], "GridAgainstRandom")
        self._update()

    @property
    def score(self) -> dict[str, int]:
        """Rounds won by grid, by random, and ties."""
        return dict(self.contest.wins)

    def _make(self) -> None:
        field = partial(page.field, model=self.contest, changed=self._change, label="150px", width="430px")
        share = {"min": 0, "max": 1, "step": 0.05, "readout_format": ".2f"}
        self.importance = field(widgets.FloatSlider, "importance", "Importance of the rest", **share)
        self.dimension = field(widgets.IntSlider, "dimension", "Hyperparameters", min=1, max=6)
        self.trials = field(widgets.IntSlider, "trials", "Trials", min=1, max=100)
        self.rule = field(widgets.Dropdown, "rule", "Grid ticks at the", options=RULES)
        self.one = widgets.Button(description="Play a round")
        self.many = widgets.Button(description="Play 100 rounds")
        self.forget = widgets.Button(description="Forget the scores")
        self.words, self.picture, self.board = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.forget.on_click(lambda _: self._forget())
        self.one.on_click(lambda _: self._play(1))
        self.many.on_click(lambda _: self._play(100))

    def _change(self, name: str, value: Any) -> None:
        self.contest.change(**{name: value})
        self._update()

    def _play(self, rounds: int) -> None:
        before = self.contest.round
        self.contest.play(rounds)
        self._update(before)

    def _forget(self) -> None:
        self.contest.forget()
        self._update()

    def _update(self, before: int | None = None) -> None:
        """Show the round; the bar of its score grows from so many rounds `before`."""
        self.importance.disabled = self.contest.dimension == 1  # there is no rest
        self.picture.value = draw(self.contest)
        self.words.value = page.status(in_words(self.contest), *ROOM)
        self.board.value = scoreboard(self.contest, before)


def in_words(contest: Contest) -> str:
    """The score with its interval, and what the grid spends its trials on."""
    tried, used = contest.values_tried, len(contest.grid)
    ticks = " x ".join(map(str, contest.ticks))
    unused = contest.trials - used
    left = f" ({unused} of {contest.trials} trials fit into no even grid: nobody uses them)" if unused else ""
    first = (f"The grid of {ticks} tries <b>{count(tried['grid'], 'value')}</b> of the axis that matters, "
             f"random tries <b>{tried['random']}</b>{left}.")  # fmt: skip
    wins, rounds = contest.wins, sum(contest.wins.values())
    if not rounds:
        return f"{first}<br>No round played yet. Who will win more often?"
    decided = wins["grid"] + wins["random"]
    score = f"Grid {wins['grid']}, random {wins['random']}, ties {wins['tie']}."
    if not decided:
        return f"{first}<br>{score}"
    low, high = wilson(wins["random"], decided)
    share = (f"Random won {percent(wins['random'] / decided)} of the decided rounds (95 % interval "
             f"{percent(low)} to {percent(high)}).")  # fmt: skip
    return f"{first}<br>{score} {share}"


def draw(contest: Contest) -> str:
    """Both layouts side by side along the first two axes; once a round was played, the bell of the first above each."""
    parts, played = [], contest.round > 0
    for column, (name, points) in enumerate((("grid", contest.grid), ("random", contest.random))):
        left = LEFT + column * GAP
        heights = contest.heights(points)
        parts += [_bell(contest, left)] if played else []
        ys = points[:, 1] if contest.dimension > 1 else np.full(len(points), 0.5)
        ring = int(heights.argmax()) if played else None
        parts.append(shadows(points[:, 0], ys, left=left, top=TOP, size=SIZE, colour=COLOURS[name],
                             x_name="the axis that matters", ring=ring))  # fmt: skip
        parts.append(svg.text(left + SIZE / 2, TOP + SIZE + 60, _shown(contest, points), "middle"))
        if contest.dimension > 1:
            middle = TOP + SIZE / 2
            parts.append(f'<g transform="rotate(-90 {left - 28} {middle:g})">'
                         f'{svg.text(left - 28, middle, "another axis", "middle", 12, page.TEXT)}</g>')  # fmt: skip
        best = f"best: {percent(contest.best[name])} of the peak's height" if played else ""
        parts.append(svg.text(left, 16, name, size=14, colour=page.TEXT))
        parts.append(svg.text(left + SIZE, 16, best, "end", 12, page.TEXT))
    grid, random = (percent(contest.best[name]) for name in ("grid", "random"))
    label = "The points of both. The peak is shown when a round was played."
    if played:
        label = f"Best points, in heights of the peak: grid {grid}, random {random}."
    return svg.picture(LEFT + GAP + SIZE + 20, TOP + SIZE + 68, parts, label)


def scoreboard(contest: Contest, before: int | None = None) -> str:
    """A row for each setting that was played, the present one first: its rules, a bar of its wins, and the numbers."""
    scores = contest.scores
    if not scores:
        return ""
    rows = sorted(scores, key=lambda settings: settings != contest.settings)
    full = 100 * math.ceil(max(sum(wins.values()) for wins in scores.values()) / 100)
    parts = [svg.text(8, 14, "Scores of this session", size=13, colour=page.TEXT)]
    for number, settings in enumerate(rows):
        start = before if settings == contest.settings else None
        parts.append(_score(settings, scores[settings], 22.0 + number * ROW, full, start))
    label = "; ".join(f"{_named(settings)}: {_wins(scores[settings])}" for settings in rows)
    return svg.picture(LEFT + GAP + SIZE + 20, 30 + ROW * len(rows), parts, f"Scores. {label}.")


def _score(settings: Settings, wins: dict[str, int], top: float, full: int, before: int | None) -> str:
    parts, x, rounds = [], float(BAR_LEFT), sum(wins.values())
    for name in ("grid", "tie", "random"):
        length = BAR * wins[name] / full
        box = {"x": x, "y": top + 4, "width": length, "height": float(ROW - 8)}
        parts.append(svg.element("rect", **box, style=f"fill: {COLOURS[name]}"))
        x += length
    grow = ""
    if before is not None:
        grow = f' class="hpt-tally" style="--from: {before / rounds:.3f}; transform-origin: {BAR_LEFT}px 0"'
    bar = f"<g{grow}>{''.join(parts)}</g>"
    names = svg.text(8, top + 16, _named(settings), colour=page.TEXT)
    return names + bar + svg.text(BAR_LEFT + BAR + 12, top + 16, _wins(wins))


def _named(settings: Settings) -> str:
    importance, dimension, trials, rule = settings
    rest = f"rest {importance:.2f}, {dimension} axes" if dimension > 1 else "1 axis"
    return f"{rest}, {count(trials, 'trial')}, {rule}"


def _wins(wins: dict[str, int]) -> str:
    return f"grid {wins['grid']}, random {wins['random']}, ties {wins['tie']}"


def _shown(contest: Contest, points: np.ndarray) -> str:
    """What the picture leaves out where there are more axes than it has."""
    if contest.dimension < 3:
        return ""
    places = len(np.unique(points[:, :2], axis=0))
    hidden = f": {len(points)} points in {count(places, 'place')}" if places < len(points) else ""
    return f"2 of {contest.dimension} axes shown{hidden}"


def _bell(contest: Contest, left: float) -> str:
    """The function along the first axis, drawn above the plot, and a line down from its peak."""
    us = np.linspace(0, 1, 121)
    bell = np.exp(-0.5 * ((us - contest.peak[0]) / BELL) ** 2)
    x = left + contest.peak[0] * SIZE
    down = svg.line(x, TOP - 2, x, TOP + SIZE, page.MUTED, 1, stroke_dasharray="3 4")
    return down + svg.curve(left + us * SIZE, TOP - 4 - 44 * bell, page.MUTED)
