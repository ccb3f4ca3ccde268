"""The pictures of the explorer of one hyperparameter: gains from the start, and the learning-rate curve with its edge.

Both are drawn on a fixed scale of accuracies, so that nothing jumps from one start to the next.
"""

from __future__ import annotations

import math

from hpt_lessons.analysis.importance.alone import Alone, broke
from hpt_lessons.trials import Trial
from hpt_lessons.view.look import svg
from hpt_lessons.view.look.marks import alike
from hpt_lessons.view.look.page import FAINT, GREEN, LINE, MUTED, RED, TEXT
from hpt_lessons.view.one_hyperparameter.model import NAMES, TOGETHER, BetModel, stuck
from hpt_lessons.words import percent

WIDTH, HEIGHT, TOP = 480, 326, 56
LEFT, PLOT, ROW = 136, 236, 42  # of the gains: where the scale begins, how wide it is, how high a row
CURVE_LEFT, CURVE, DEEP = 44, 420, 194  # of the curve
GUESSING = 0.1
WORDS = {TOGETHER: "all together"}


def draw_gains(model: BetModel) -> str:
    """A row for each hyperparameter: every recorded value a dot, the gain of the best one with its interval."""
    scale = _accuracies(model, LEFT, PLOT)
    start = model.accuracy(model.first)
    bottom = TOP + ROW * (len(NAMES) + 1)
    tops = {name: TOP + place * ROW for place, name in enumerate(model.rows)}
    parts = [_head("Tuning one alone, from the start", model)]
    if model.bet is not None:
        parts.append(
            svg.element(
                "rect", x=4.0, y=tops[model.bet] + 1.0, width=WIDTH - 8.0, height=ROW - 2.0, style=f"fill: {FAINT}"
            )
        )
    parts.append(svg.line(scale(GUESSING), TOP, scale(GUESSING), bottom, MUTED, 1, stroke_dasharray="2 3"))
    parts.append(svg.line(scale(start), TOP - 6, scale(start), bottom, TEXT, 1.5))
    parts.append(svg.text(scale(start), TOP - 10, f"start {percent(start, 1)}", "middle", 11, TEXT))
    parts += [_row(model, name, row, tops[name], scale, start) for name, row in model.rows.items()]
    for tick in _ticks(scale):
        parts.append(svg.text(scale(tick), bottom + 16, percent(tick), "middle", 11))
    parts.append(svg.text(LEFT + PLOT / 2, bottom + 32, _axis(model), "middle", 11, TEXT))
    parts.append(svg.text(WIDTH - 8, TOP - 26, "gain, in points", "end", 11))
    parts.append(svg.text(8, bottom + 51, _basis(model), size=11))
    return svg.picture(WIDTH, HEIGHT, parts, gains_in_words(model))


def _accuracies(model: BetModel, start: float, length: float) -> svg.Ruler:
    """From 0 to the next ten percent above the best that was recorded."""
    best = max(model.evidence.score(trial, "all") for trial in model.evidence.trials)
    return svg.Ruler(0, min(1.0, math.ceil(best * 10 + 0.2) / 10), start, start + length)


def _ticks(scale: svg.Ruler) -> list[float]:
    """Every ten percent, or every twenty if there are many."""
    return [tenth / 10 for tenth in range(0, round(10 * scale.high) + 1, 1 if scale.high <= 0.6 else 2)]


def _head(title: str, model: BetModel) -> str:
    return svg.text(8, 16, title, size=13, colour=TEXT) + svg.text(
        WIDTH - 8, 16, f"data: {model.evidence.data or 'not named'}", "end", 11
    )


def _axis(model: BetModel) -> str:
    which = {"best": "best", "last": "last"}[model.score]
    return f"validation accuracy of the {which} epoch"


def _row(model: BetModel, name: str, row: Alone | None, top: float, scale: svg.Ruler, start: float) -> str:
    middle = top + ROW / 2
    parts = [svg.line(8, top + ROW, WIDTH - 8, top + ROW, LINE, 1)]
    parts.append(svg.text(10, top + 17, WORDS.get(name, name), size=13, colour=TEXT))
    if model.bet == name:
        parts.append(svg.text(LEFT - 4, top + 17, "your bet", "end", 11, svg.BLUE))
    if row is None:
        return "".join([*parts, svg.text(LEFT + PLOT + 14, middle + 4, "?", size=14, colour=TEXT)])
    if not row.recorded:
        return "".join([*parts, svg.text(10, top + 32, "no other recorded here", size=11)])
    parts.append(svg.text(10, top + 32, _chosen(row), size=11))
    parts += [_mark(scale(run.score), middle + 9, run.broke) for run in row.runs]
    parts.append(_gain(row, start, middle, scale))
    parts += _number(row, middle)
    return "".join(parts)


def _chosen(row: Alone) -> str:
    values = f"{len(row.runs)} values"
    if row.name == TOGETHER:
        return f"{len(row.runs)} combinations"
    return f"best: the start's {svg.short(row.value)}" if row.seen == 0 else f"{values}, best {svg.short(row.value)}"


def _mark(x: float, y: float, broken: bool) -> str:
    """A dot for a training, a cross for one that broke down."""
    if not broken:
        return svg.circle(x, y, 3, f"fill: {MUTED}; fill-opacity: 0.45")
    return svg.line(x - 3, y - 3, x + 3, y + 3, RED, 1.5) + svg.line(x - 3, y + 3, x + 3, y - 3, RED, 1.5)


def _gain(row: Alone, start: float, y: float, scale: svg.Ruler) -> str:
    """The gain as a distance from the start: full with a whole line over seeds, open and dashed from measured noise."""
    seeds = row.basis == "seeds"
    x, parts = scale(start + row.gain), []
    if math.isfinite(row.low):
        low, high = (min(max(scale(start + end), scale(0)), scale(scale.high)) for end in (row.low, row.high))
        dashes = {} if seeds else {"stroke_dasharray": "5 3"}
        parts.append(svg.line(low, y - 8, high, y - 8, svg.BLUE, 2.5, **dashes))
        parts += [svg.line(end, y - 13, end, y - 3, svg.BLUE, 2) for end in (low, high)]
    fill = "var(--hpt-blue, #0072b2)" if seeds else "var(--jp-layout-color1, #fff)"
    parts.append(svg.circle(x, y - 8, 3.5, f"fill: {fill}; stroke: {svg.BLUE}; stroke-width: 2"))
    return "".join(parts)


def _number(row: Alone, middle: float) -> list[str]:
    left = LEFT + PLOT + 14
    parts = [svg.text(left, middle - 3, points(row.gain), size=14, colour=TEXT)]
    if stuck(row):
        parts.append(svg.text(left, middle + 13, "all break down", size=11, colour=RED))
    elif math.isfinite(row.low):
        parts.append(svg.text(left, middle + 13, interval(row), size=11))
    else:
        parts.append(svg.text(left, middle + 13, "one seed: unsure", size=11))
    return parts


def points(gain: float) -> str:
    """A gain in points of accuracy, with its sign; what rounds to nothing has none.

    >>> points(0.0312), points(-0.004), points(-0.0001)
    ('+3.1', '-0.4', '0.0')
    """
    return "0.0" if abs(gain) < 0.0005 else f"{100 * gain:+.1f}"


def interval(row: Alone) -> str:
    """The interval of a gain, in points."""
    return f"{points(row.low)} to {points(row.high)}"


def _basis(model: BetModel) -> str:
    """Where the intervals come from, as far as rows are shown."""
    bases = {row.basis for row in model.rows.values() if row is not None and row.recorded}
    cells, most = model.evidence.measured
    said = []
    if "noise" in bases:
        said.append(f"dashed: one seed, 95 % from noise of {cells} configurations with up to {most} seeds")
    if "seeds" in bases:
        seeds = max(row.seeds for row in model.rows.values() if row is not None and row.basis == "seeds")
        said.append(f"full: 95 % over {seeds} seeds" if said else f"full: 95 % interval over {seeds} seeds")
    if "one seed" in bases:
        said.append("one seed and no noise measured: no interval")
    return "; ".join(said)


def gains_in_words(model: BetModel) -> str:
    """What the picture of the gains shows, for those who cannot see it."""
    shown = [f"{WORDS.get(name, name)} {points(row.gain)} points" for name, row in model.rows.items()
             if row is not None and row.recorded]  # fmt: skip
    start = f"Start at {percent(model.accuracy(model.first), 1)}"
    return f"{start}. Gains: {', '.join(shown)}." if shown else f"{start}. The gains are shown after your bet."


# -- the learning-rate curve ---------------------------------------------------------------------------------------


def draw_curve(model: BetModel, batch_size: int) -> str:
    """Accuracy over the learning rate for one batch size, and where training begins to break, for all batch sizes."""
    scale = _accuracies(model, TOP + 16 + DEEP, -DEEP)
    sweep = model.sweep(batch_size)
    rates = [trial.config["lr"] for trial in model.evidence.trials]
    across = svg.Ruler(min(rates), max(rates), CURVE_LEFT + 8, CURVE_LEFT + CURVE - 8, log=True)
    parts = [_head(f"The learning rate, at batch size {batch_size}", model), _frame(model, scale, across)]
    if not model.shows("lr"):
        parts.append(svg.text(CURVE_LEFT + CURVE / 2, TOP + DEEP / 2, "shown with the answer for lr", "middle", 13))
        return svg.picture(WIDTH, HEIGHT, parts, "The learning-rate curve is shown with the answer for lr.")
    parts += [_edge(model, batch_size, scale, across), _edges(model, batch_size, across)]
    sound = [trial for trial in sweep if not trial.diverged]
    ys = [scale(model.accuracy(trial)) for trial in sound]
    parts.append(svg.curve([across(trial.config["lr"]) for trial in sound], ys, svg.BLUE, 2))
    for trial in sweep:
        parts += [_other(model, other, scale, across) for other in _others(model, trial)]
        parts.append(_mark(across(trial.config["lr"]), scale(model.accuracy(trial)), broke(trial)))
    if batch_size == model.batch_size:
        x, y = across(model.start["lr"]), scale(model.accuracy(model.first))
        parts.append(svg.circle(x, y, 8, f"fill: none; stroke: {TEXT}; stroke-width: 2"))
        edge = x < CURVE_LEFT + 20  # beside the axis, whose marks stay free, and below a curve that rises
        place = (x - 3, y + 22, "start", "start") if edge else (x, y - 14, "start", "middle")
        parts.append(svg.text(*place, 11, TEXT))
    parts.append(svg.text(8, scale(0) + 51, _key(model, sweep), size=11))
    return svg.picture(WIDTH, HEIGHT, parts, curve_in_words(model, batch_size))


def _frame(model: BetModel, scale: svg.Ruler, across: svg.Ruler) -> str:
    parts = []
    for tick in _ticks(scale):
        parts.append(svg.line(CURVE_LEFT, scale(tick), CURVE_LEFT + CURVE, scale(tick), LINE, 0.5))
        parts.append(svg.text(CURVE_LEFT - 6, scale(tick) + 4, percent(tick), "end", 11))
    rates = svg.decades(across.low, across.high)
    for rate, words in zip(rates, alike(rates), strict=True):
        parts.append(svg.text(across(rate), scale(0) + 16, words, "middle", 11))
    parts.append(svg.line(CURVE_LEFT, scale(GUESSING), CURVE_LEFT + CURVE, scale(GUESSING), MUTED, 1,
                          stroke_dasharray="2 3"))  # fmt: skip
    parts.append(svg.text(CURVE_LEFT + 4, scale(GUESSING) - 4, "guessing", size=11))
    parts.append(svg.text(CURVE_LEFT + CURVE / 2, scale(0) + 32, f"lr; up: {_axis(model)}", "middle", 11, TEXT))
    return "".join(parts)


def _edge(model: BetModel, batch_size: int, scale: svg.Ruler, across: svg.Ruler) -> str:
    """Nothing trains from the first rate that breaks down; between it and the last sound one lies the edge."""
    sound, broken = model.edges()[batch_size]
    if math.isnan(broken):
        return ""
    right, top = CURVE_LEFT + CURVE, scale(scale.high)
    first, parts = across(broken), []
    if not math.isnan(sound):
        parts.append(_area(across(sound), first, top, scale(0), 0.22))
    parts.append(_area(first, right, top, scale(0), 0.1))
    where = f"edge: {svg.short(sound)} to {svg.short(broken)}" if not math.isnan(sound) else "no rate trains"
    parts.append(svg.text((first if math.isnan(sound) else across(sound)) - 6, scale(0) - 8, where, "end", 11, RED))
    return "".join(parts)


def _area(left: float, right: float, top: float, bottom: float, opacity: float) -> str:
    return svg.element(
        "rect", x=left, y=top, width=right - left, height=bottom - top, style=f"fill: {RED}; fill-opacity: {opacity}"
    )


def _edges(model: BetModel, batch_size: int, across: svg.Ruler) -> str:
    """Above the curve: the edge of each batch size."""
    parts = [svg.text(CURVE_LEFT, TOP - 14, "edge at batch size", size=11)]
    for batch, (sound, broken) in model.edges().items():
        if math.isnan(sound) or math.isnan(broken):
            continue
        x, chosen = across(math.sqrt(sound * broken)), batch == batch_size
        colour = RED if chosen else MUTED
        parts.append(svg.text(x, TOP - 14, str(batch), "middle", 13 if chosen else 11, colour))
        parts.append(svg.curve([x - 4, x, x + 4, x - 4], [TOP - 8, TOP - 1, TOP - 8, TOP - 8], colour, 1, colour))
    return "".join(parts)


def _others(model: BetModel, trial: Trial) -> list[Trial]:
    return [other for seed, other in model.evidence.seeds(trial.config).items() if seed != trial.seed]


def _other(model: BetModel, trial: Trial, scale: svg.Ruler, across: svg.Ruler) -> str:
    style = f"fill: none; stroke: {GREEN}; stroke-width: 1.2"
    return svg.circle(across(trial.config["lr"]), scale(model.accuracy(trial)), 3, style)


def _key(model: BetModel, sweep: list[Trial]) -> str:
    several = any(_others(model, trial) for trial in sweep)
    return "cross: forgot everything by the last epoch; " + ("green rings: other seeds" if several else "one seed")


def curve_in_words(model: BetModel, batch_size: int) -> str:
    """What the picture of the curve shows, for those who cannot see it."""
    best = max(model.sweep(batch_size), key=model.accuracy)
    broken = model.edges()[batch_size].broken
    edge = (
        "no recorded rate breaks the training"
        if math.isnan(broken)
        else (f"training breaks from {svg.short(broken)} on")
    )
    return (f"Batch size {batch_size}: best {percent(model.accuracy(best), 1)} at learning rate "
            f"{svg.short(best.config['lr'])}; {edge}.")  # fmt: skip
