"""The explorer of grid against random: move a slider, see the shadows, and count who wins."""

from __future__ import annotations

from functools import partial
from typing import Any

import ipywidgets as widgets
import numpy as np

from hpt_lessons.analysis.intervals import wilson
from hpt_lessons.search.ticks import RULES
from hpt_lessons.view.grid_against_random.model import WIDTH as BELL
from hpt_lessons.view.grid_against_random.model import Contest
from hpt_lessons.view.look import page, svg
from hpt_lessons.view.look.shadows import shadows
from hpt_lessons.words import count, percent

SIZE, LEFT, TOP, GAP = 270, 60, 76, 390
ROOM = (175, 130)  # letters of the longest words
COLOURS = {"grid": svg.ORANGE, "random": svg.BLUE}


class GridAgainstRandom(page.Panel):
    """Play grid against random: one axis matters, the others as much as you choose.

    `score` is who won how many rounds with these settings; `contest` holds the points and the rules.
    """

    def __init__(
        self, importance: float = 0.1, dimension: int = 2, trials: int = 9, rule: str = "ends", seed: int = 0
    ) -> None:
        self.contest = Contest(importance, dimension, trials, rule, seed)
        self._make()
        settings = widgets.HBox([self.importance, self.dimension, self.trials, self.rule], layout=page.WRAP)
        buttons = widgets.HBox([self.one, self.many], layout=page.WRAP)
        super().__init__(
            [settings, buttons, self.words, self.picture, widgets.HTML(page.NAME_SLIDERS)], "GridAgainstRandom"
        )
        self._update()

    @property
    def score(self) -> dict[str, int]:
        """Rounds won by grid, by random, and drawn."""
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
        self.words, self.picture = widgets.HTML(), widgets.HTML()
        self.one.on_click(lambda _: self._play(1))
        self.many.on_click(lambda _: self._play(100))

    def _change(self, name: str, value: Any) -> None:
        self.contest.change(**{name: value})
        self._update()

    def _play(self, rounds: int) -> None:
        self.contest.play(rounds)
        self._update()

    def _update(self) -> None:
        self.importance.disabled = self.contest.dimension == 1  # there is no rest
        self.picture.value = draw(self.contest)
        self.words.value = page.status(in_words(self.contest), *ROOM)


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
    score = f"Grid {wins['grid']}, random {wins['random']}, draws {wins['draw']}."
    if not decided:
        return f"{first}<br>{score}"
    low, high = wilson(wins["random"], decided)
    share = (f"Random won {percent(wins['random'] / decided)} of the decided rounds (95 % interval "
             f"{percent(low)} to {percent(high)}).")  # fmt: skip
    return f"{first}<br>{score} {share}"


def draw(contest: Contest) -> str:
    """Both layouts side by side along the first two axes, with the bell of the axis that matters above each."""
    parts = []
    for column, (name, points) in enumerate((("grid", contest.grid), ("random", contest.random))):
        left = LEFT + column * GAP
        heights = contest.heights(points)
        parts.append(_bell(contest, left))
        ys = points[:, 1] if contest.dimension > 1 else np.full(len(points), 0.5)
        parts.append(shadows(points[:, 0], ys, left=left, top=TOP, size=SIZE, colour=COLOURS[name],
                             x_name="the axis that matters", ring=int(heights.argmax())))  # fmt: skip
        parts.append(svg.text(left + SIZE / 2, TOP + SIZE + 60, _shown(contest, points), "middle"))
        if contest.dimension > 1:
            middle = TOP + SIZE / 2
            parts.append(f'<g transform="rotate(-90 {left - 28} {middle:g})">'
                         f'{svg.text(left - 28, middle, "another axis", "middle", 12, page.TEXT)}</g>')  # fmt: skip
        best = f"best {percent(contest.best[name])} of the peak"
        parts.append(svg.text(left, 16, name, size=14, colour=page.TEXT))
        parts.append(svg.text(left + SIZE, 16, best, "end", 12, page.TEXT))
    grid, random = (percent(contest.best[name]) for name in ("grid", "random"))
    label = f"Grid: best {grid} of the peak. Random: best {random}."
    return svg.picture(LEFT + GAP + SIZE + 20, TOP + SIZE + 68, parts, label)


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
