"""If you may tune one hyperparameter only, which? A bet, a start, and what the recorded trials say. No widgets here.

A bet is a prediction of the quiz: it is kept in the same kind of file, and the first one counts there too.

Goodfellow, Bengio & Courville (Deep Learning, 2016, section 11.4) answer: the learning rate. Whether that holds depends
on where one starts, on what is held fixed, and on how it is scored; so all of these can be chosen.
"""

from __future__ import annotations

import math
import os
from typing import Any

from hpt_lessons.analysis.importance.alone import NAMES, TOGETHER, Alone, Edge, Evidence, along, edge
from hpt_lessons.cifar.config import UNTUNED
from hpt_lessons.trials import Trial, Trials
from hpt_lessons.view.quiz.answers import Answers, answers_file
from hpt_lessons.view.quiz.questions import Choice, Question, Questions

RATES = ("low", "sensible", "high")
SCORES = {"best": "all", "last": "last"}
FEWEST = 3  # learning rates, to speak of a low, a sensible and a high one

Shape = tuple[int, int]


class BetModel:
    """A start, a bet on one hyperparameter, and the answer, which is told only after the bet.

    `trials` is a table of recorded trials of one seed, `repeats` one with more seeds of some configurations. A start is
    a `shape` (l1, l2), a `batch_size` and a `rate`: the lowest that was recorded ("low"), that of the untuned default
    ("sensible"), or the first that breaks the training ("high"). `score` is "best" for the accuracy of the best epoch,
    "last" for that of the last one. Bets are kept in the file `answers`; the first bet on a start stays.

    Raises ValueError if no network was trained at three learning rates.
    """

    def __init__(
        self,
        trials: Trials,
        repeats: Trials | None = None,
        *,
        score: str = "best",
        answers: str | os.PathLike | None = None,
    ) -> None:
        self.evidence = Evidence(trials, repeats)
        self.sweeps = self._sweeps()
        if not self.sweeps:
            raise ValueError(
                f"only one: none of {len(trials)} trials belongs to a network that was trained at "
                f"{FEWEST} learning rates or more; give such a table."
            )
        self._known: dict[tuple, list[Alone]] = {}
        self._opened: set[str] = set()
        self.shape, self.batch_size, self.rate, self.score = *self._first(), "sensible", "best"
        self.change(score=score)
        path = answers_file("only-one") if answers is None else answers
        self.answers = Answers(Questions("One hyperparameter only", "only one", "only-one", self._questions()), path)

    # -- the start -------------------------------------------------------------------------------------------------
    def change(self, **settings: Any) -> None:
        """Another shape, batch size, rate or score; where a shape has not this batch size, it takes its first one.

        ValueError for what was not recorded.
        """
        for name, value in settings.items():
            allowed = {"shape": self.shapes, "batch_size": sorted({batch for _, batch in self.sweeps}), "rate": RATES,
                       "score": tuple(SCORES)}.get(name)  # fmt: skip
            if allowed is None or value not in allowed:
                there = "shape, batch_size, rate and score" if allowed is None else ", ".join(map(str, allowed))
                raise ValueError(f"only one: {name}={value!r} is not to be had; there are {there}.")
            setattr(self, name, value)
        if self.batch_size not in self.batches(self.shape):
            self.batch_size = self.batches(self.shape)[-1]

    @property
    def shapes(self) -> list[Shape]:
        """The networks that were trained at several learning rates, as (l1, l2)."""
        return sorted({shape for shape, _ in self.sweeps})

    def batches(self, shape: Shape) -> list[int]:
        """The batch sizes with which a network was trained."""
        return sorted(batch for other, batch in self.sweeps if other == shape)

    @property
    def start(self) -> dict[str, Any]:
        """The configuration from which is tuned."""
        return self._config(self.shape, self.batch_size, self.rate)

    @property
    def first(self) -> Trial:
        """The training of the start."""
        return next(iter(along(self.evidence.trials, self.start, ())))

    def rate_of(self, rate: str) -> float:
        """The learning rate that is "low", "sensible" or "high" for the chosen network and batch size."""
        return self._config(self.shape, self.batch_size, rate)["lr"]

    # -- the bet ---------------------------------------------------------------------------------------------------
    @property
    def candidates(self) -> list[str]:
        """What may be bet on: the hyperparameters of which other values were recorded at this start."""
        return [name for name in NAMES if len(along(self.evidence.trials, self.start, [name])) > 1]

    @property
    def bet(self) -> str | None:
        """The bet on this start, None before there is one."""
        kept = self.answers.last(self._id())
        return kept.answer[0] if kept else None

    def bet_on(self, name: str) -> str:
        """Bet that tuning this one alone gains most from this start; the bet that counts, which is the first one."""
        if name not in self.candidates:
            raise ValueError(f"only one: {name!r} cannot be bet on here; there are {', '.join(self.candidates)}.")
        if self.bet is None:
            self.answers.add(self.answers.questions[self._id()], [name])
        return self.bet or name

    def open(self) -> None:
        """Show all others too; ValueError before there is a bet."""
        if self.bet is None:
            raise ValueError("only one: bet first, then see the others.")
        self._opened.add(self._id())

    @property
    def opened(self) -> bool:
        """Whether the answer for all hyperparameters may be shown."""
        return self.bet is not None and self._id() in self._opened

    def forget(self) -> None:
        """All bets are gone, in the file too."""
        self.answers.forget()
        self._opened.clear()

    # -- the answer ------------------------------------------------------------------------------------------------
    @property
    def rows(self) -> dict[str, Alone | None]:
        """The answer by hyperparameter, then `TOGETHER`; None for what is not told yet."""
        if self.bet is None:
            return dict.fromkeys((*NAMES, TOGETHER))
        return {row.name: row if self.shows(row.name) else None for row in self._rows()}

    def shows(self, name: str) -> bool:
        """Whether this part of the answer may be seen: the bet's own after the bet, the rest when it is opened."""
        return self.opened or (self.bet is not None and self.bet == name)

    @property
    def winner(self) -> Alone:
        """The row with the largest gain of one alone; ValueError before the answer is open."""
        if not self.opened:
            raise ValueError("only one: the answer is not open yet.")
        alone = [row for row in self._rows() if row.name != TOGETHER and row.recorded]
        return max(alone, key=lambda row: row.gain)

    def sweep(self, batch_size: int | None = None) -> Trials:
        """The chosen network at all learning rates, in their order; by default with the start's batch size."""
        chosen = self.sweeps[self.shape, self.batch_size if batch_size is None else batch_size]
        return Trials(sorted(chosen, key=lambda trial: trial.config["lr"]))

    def edges(self) -> dict[int, Edge]:
        """For each batch size of the chosen network, between which learning rates training begins to break."""
        return {batch: edge(self.sweeps[self.shape, batch]) for batch in self.batches(self.shape)}

    def accuracy(self, trial: Trial) -> float:
        """A training's accuracy in 0..1, by the chosen score."""
        return self.evidence.score(trial, SCORES[self.score])

    def _rows(self) -> list[Alone]:
        place = (*self.start.values(), self.score)
        if place not in self._known:
            self._known[place] = self.evidence.answer(self.start, SCORES[self.score])
        return self._known[place]

    def _sweeps(self) -> dict[tuple[Shape, int], Trials]:
        """All networks and batch sizes that were trained at enough learning rates."""
        cells: dict[tuple[Shape, int], list[Trial]] = {}
        for trial in self.evidence.trials:
            missing = [name for name in NAMES if name not in trial.config]
            if missing:
                raise ValueError(
                    f"only one: trial {trial.name!r} has no {missing[0]!r}; {', '.join(NAMES)} are "
                    "needed, those of the CIFAR network."
                )
            cells.setdefault(((trial.config["l1"], trial.config["l2"]), trial.config["batch_size"]), []).append(trial)
        return {cell: Trials(found) for cell, found in cells.items() if len(found) >= FEWEST}

    def _config(self, shape: Shape, batch: int, rate: str) -> dict[str, Any]:
        sweep = self.sweeps[shape, batch]
        rates = sorted(trial.config["lr"] for trial in sweep)
        broken = edge(sweep).broken
        lr = {
            "low": rates[0],
            "high": rates[-1] if math.isnan(broken) else broken,
            "sensible": min(rates, key=lambda other: abs(math.log(other / UNTUNED["lr"]))),
        }[rate]
        return {"lr": lr, "batch_size": batch, "l1": shape[0], "l2": shape[1]}

    def _first(self) -> tuple[Shape, int]:
        """The start with the most hyperparameters to bet on; among equals, from which one of them gains most."""

        def worth(cell: tuple[Shape, int]) -> tuple:
            start = self._config(*cell, "sensible")
            lines = [along(self.evidence.trials, start, [name]) for name in NAMES]
            reached = [max(self.evidence.score(trial, "all") for trial in line) for line in lines]
            first = self.evidence.score(next(iter(along(self.evidence.trials, start, ()))), "all")
            return sum(len(line) > 1 for line in lines), max(reached) - first, cell

        return max(self.sweeps, key=worth)

    def _id(self) -> str:
        return _name(self.shape, self.batch_size, self.rate)

    def _questions(self) -> tuple[Question, ...]:
        """One prediction for each start, so that bets are kept as those of a quiz are."""
        choices = tuple(Choice(name, "") for name in NAMES)
        return tuple(Question(_name(*cell, rate), "one", "Which one, tuned alone, gains most?", "", choices,
                              predict=True) for cell in self.sweeps for rate in RATES)  # fmt: skip


def _name(shape: Shape, batch: int, rate: str) -> str:
    return f"{shape[0]}x{shape[1]}-b{batch}-{rate}"


def stuck(row: Alone) -> bool:
    """Whether every recorded value breaks the training: tuning this one alone does not help at all."""
    return row.recorded and all(run.broke for run in row.runs)


def recorded() -> tuple[Trials, Trials | None]:
    """The recorded trials of the CIFAR network, as many as there are, and their repeats with other seeds."""
    from hpt_lessons.recorded import load

    try:
        repeats = load("cifar-lenet-seeds", partial=True)
    except ValueError:
        repeats = None
    return load("cifar-lenet", partial=True), repeats
