"""The explorer of one hyperparameter only: bet on one, choose a start, and see what tuning each alone would give."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import ipywidgets as widgets

from hpt_lessons.analysis.importance.alone import TOGETHER, Alone, broke
from hpt_lessons.cifar.config import UNTUNED
from hpt_lessons.trials import Trials
from hpt_lessons.view.look import page, svg
from hpt_lessons.view.one_hyperparameter.model import RATES, BetModel, recorded, stuck
from hpt_lessons.view.one_hyperparameter.picture import draw_curve, draw_gains, interval, points
from hpt_lessons.words import percent

SCORES = {"the best epoch": "best", "the last epoch": "last"}
RATE_WORDS = {"low": "the lowest", "sensible": "usual", "high": "too high"}
ROOM = (175, 187, 196)  # letters of the longest words


class OneHyperparameter(page.Panel):
    """Bet on the one hyperparameter that you would tune, then see what each of them gives when it is tuned alone.

    `trials` is a table of recorded trials with l1, l2, lr and batch_size, `repeats` one with more seeds; left out,
    those of the CIFAR network. Bets are kept in the file `answers` (by default `studies/answers/only-one.json`).
    `model` knows the start, the bet, and after the bet the answer.
    """

    def __init__(
        self,
        trials: Trials | None = None,
        repeats: Trials | None = None,
        *,
        score: str = "best",
        answers: str | os.PathLike | None = None,
    ) -> None:
        if trials is None:
            trials, repeats = recorded()
        self.model = BetModel(trials, repeats, score=score, answers=answers)
        self._quiet = False
        self._make()
        fields = [self.network, self.batch_size, self.rate, self.score, self.curve_batch, self.bet]
        settings = widgets.HBox(fields, layout=page.WRAP)
        bets = widgets.HBox([self.keep, self.others, self.again], layout=page.WRAP)
        pictures = widgets.HBox([self.gains, self.curve], layout=page.WRAP).add_class("hpt-side")
        super().__init__([settings, bets, self.words, pictures], "OneHyperparameter")
        self._settle()

    def _make(self) -> None:
        style, wide = {"description_width": "120px"}, {"width": "345px", "max_width": "100%"}
        model = self.model
        shapes = [(f"l1 = {l1}, l2 = {l2}", (l1, l2)) for l1, l2 in model.shapes]

        field = partial(page.field, widgets.Dropdown, model=model, changed=self._change, width="345px")
        self.network = field("shape", "Start: network", options=shapes)
        self.batch_size = field("batch_size", "Start: batch size", options=model.batches(model.shape))
        self.rate = field("rate", "Start: lr", options=self._rates())
        self.score = field("score", "Scored by", options=list(SCORES.items()))
        self.bet = widgets.Dropdown(options=self._choices(), description="Your bet", style=style, layout=wide)
        self.keep = widgets.Button(description="Keep my bet")
        self.others = widgets.Button(description="Show the others")
        self.again = widgets.Button(description="Forget my bets")
        self.curve_batch = widgets.Dropdown(
            options=model.batches(model.shape),
            value=model.batch_size,
            description="Curve: batch size",
            style=style,
            layout=wide,
        )
        self.words = widgets.HTML()
        self.gains, self.curve = (widgets.HTML(layout={"max_width": "100%"}) for _ in range(2))
        # A button that is switched off loses the keyboard: it goes to what comes next.
        self.keep.on_click(lambda _: self._keep())
        self.others.on_click(lambda _: self._act(self.model.open, self.rate))
        self.again.on_click(lambda _: self._act(self._forget, self.bet))
        self.curve_batch.observe(lambda _: None if self._quiet else self._update(), "value")

    def _change(self, setting: str, value: Any) -> None:
        if not self._quiet:
            self.model.change(**{setting: value})
            if setting != "score":
                self.bet.value = None  # another start, another bet
            self._settle(follow=setting in ("shape", "batch_size"))

    def _keep(self) -> None:
        if self.bet.value is None:
            self._say(f'<span style="color: {page.RED}">Choose your bet first.</span>')
        else:
            self._act(lambda: self.model.bet_on(self.bet.value), self.others)

    def _forget(self) -> None:
        self.model.forget()
        self.bet.value = None

    def _act(self, action: Callable[[], Any], then: widgets.DOMWidget | None = None) -> None:
        action()
        self._settle()
        if then is not None:
            then.focus()

    def _choices(self) -> list[tuple[str, str | None]]:
        """Nothing is chosen for the student: a bet that was only left as it was is none."""
        return [("choose one", None), *((name, name) for name in self.model.candidates)]

    def _rates(self) -> list[tuple[str, str]]:
        return [(f"{svg.short(self.model.rate_of(rate))} ({RATE_WORDS[rate]})", rate) for rate in RATES]

    def _settle(self, follow: bool = False) -> None:
        """The fields show what there is at this start, then the pictures follow."""
        model, self._quiet = self.model, True
        try:
            batches = model.batches(model.shape)
            _offer(self.batch_size, batches, model.batch_size)
            _offer(self.curve_batch, batches, model.batch_size if follow else self.curve_batch.value)
            _offer(self.rate, self._rates(), model.rate)
            _offer(self.bet, self._choices(), model.bet or self.bet.value)
        finally:
            self._quiet = False
        self.bet.disabled = self.keep.disabled = model.bet is not None
        self.others.disabled = model.bet is None or model.opened
        self._update()

    def _update(self) -> None:
        self.gains.value = draw_gains(self.model)
        self.curve.value = draw_curve(self.model, self.curve_batch.value)
        self._say(in_words(self.model))

    def _say(self, words: str) -> None:
        self.words.value = page.status(words, *ROOM)


def _offer(field: widgets.Dropdown, options: list, value: Any) -> None:
    """New options, and the value where it is one of them."""
    if list(field.options) != list(options):
        field.options = options
    values = [option[1] if isinstance(option, tuple) else option for option in options]
    field.value = value if value in values else values[0]


# -- what is said --------------------------------------------------------------------------------------------------


def in_words(model: BetModel) -> str:
    """Where the start stands, what the bet gave, and what the others would have given."""
    trouble = f" {model.answers.trouble}" if model.answers.trouble else ""
    first = f"{_start(model)}{trouble}"
    if model.bet is None:
        return f"{first}<br>Which <b>one</b> would you tune from here? Bet first: then you see what it gives."
    mine = model.rows[model.bet]
    second = f"You bet on <b>{mine.name}</b>: {_gain(mine)}"
    if not model.opened:
        return f"{first}<br>{second}<br>And the others?"
    return f"{first}<br>{second}<br>{_verdict(model, mine)}"


def _start(model: BetModel) -> str:
    accuracy = percent(model.accuracy(model.first), 1)
    which = ", the untuned default," if model.start == UNTUNED else ""
    reached = f"The start{which} reaches {accuracy}"
    if broke(model.first):
        by = " in its best epoch" if model.score == "best" else ""
        return (f"{reached}{by}. <b>This rate is beyond the edge:</b> by the last epoch the network has forgotten "
                "everything and only guesses (10\u00a0%).")  # fmt: skip
    return f"{reached} by its {model.score} epoch."


def _gain(row: Alone) -> str:
    """One sentence on a row."""
    if not row.recorded:
        return "no other value was recorded at this start."
    if stuck(row):
        return f"each of the {len(row.runs)} recorded values breaks down. <b>This one alone does not help.</b>"
    if row.basis == "one seed":
        sure = "one seed and no measured noise, so nobody knows how sure this is"
    else:
        sure = f"95 % interval {interval(row)}, " + (
            f"over {row.seeds} seeds" if row.basis == "seeds" else "one seed and noise measured elsewhere"
        )
    if row.seen == 0:
        return (f"none of the {len(row.runs)} recorded values beats the start's own {svg.short(row.value)}; "
                f"what differs is the seed ({sure}).")  # fmt: skip
    told = " The interval contains 0: it may be no gain." if row.low <= 0 <= row.high else ""
    return (f"<b>{points(row.gain)} points</b> with {svg.short(row.value)}, the best of {len(row.runs)} values "
            f"({sure}).{told}")  # fmt: skip


def _verdict(model: BetModel, mine: Alone) -> str:
    together = _together(model)
    helpless = [row.name for row in model.rows.values() if row.name not in (TOGETHER, mine.name) and stuck(row)]
    either = " either" if stuck(mine) else ""
    no_help = f" From here {_listed(helpless)} alone cannot help{either}." if helpless else ""
    if not any(_helps(row) for name, row in model.rows.items() if name != TOGETHER):
        return f"None of them alone surely gains anything: <b>the start is good already</b>.{together}"
    rival = _rival(model, mine)
    if rival is None:
        return f"No other one gains more alone: <b>a good bet</b>.{no_help}{together}"
    if _overlap(mine, rival):
        return (f"{rival.name} gains {points(rival.gain)}; the intervals overlap, so these trials do not tell which is "
                f"better.{no_help}{together}")  # fmt: skip
    return (f"<b>{rival.name} gains more</b>: {points(rival.gain)} points with {svg.short(rival.value)}."
            f"{no_help}{together}")  # fmt: skip


def _together(model: BetModel) -> str:
    """What tuning all of them gives. It can be less than one alone gives: the best of more tries owes more to luck."""
    every = model.rows[TOGETHER]
    if not every.recorded:
        return ""
    why = f", not more: the best of {len(every.runs)} owes more to luck" if every.gain < model.winner.gain else ""
    return f" All together: {points(every.gain)} points{why}."


def _rival(model: BetModel, mine: Alone) -> Alone | None:
    """Whom a bet is held against: the best one, or for the best one the next that may be as good; None if none may."""
    if model.winner.name != mine.name:
        return model.winner
    others = [row for name, row in model.rows.items() if name not in (TOGETHER, mine.name) and row.recorded]
    return max((row for row in others if _overlap(mine, row)), key=lambda row: row.gain, default=None)


def _overlap(one: Alone, other: Alone) -> bool:
    """Whether the intervals have a gain in common; not where an interval is unknown."""
    return one.low <= other.high and other.low <= one.high


def _helps(row: Alone) -> bool:
    """Whether there is a gain, as far as these trials tell."""
    return (row.low if math.isfinite(row.low) else row.gain) > 0


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
