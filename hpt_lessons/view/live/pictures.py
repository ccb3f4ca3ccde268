"""How does a search look? HTML and SVG text of its state: progress, learning curves, the table of its trials.

Plain text that follows the theme, made in a few milliseconds; the same text is the live view and what a saved notebook
keeps of it.
"""

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from hpt_lessons.journal import ENDED, TrialState
from hpt_lessons.progress import seconds_in_words
from hpt_lessons.trials import leaves
from hpt_lessons.view.live.model import SearchModel
from hpt_lessons.view.look import page, svg
from hpt_lessons.view.look.marks import limits, ticks

ROW = 22  # pixels of a row of the table, and 2 more for its head
VISIBLE = 14  # rows in sight; the others are scrolled to
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 286, 62, 20, 50, 40
SHOWN = 200  # rows of the table; the best and the unfinished ones if there are more
SIGNS = {
    "running": "▷",
    "paused": "‖",
    "waiting": "…",
    "completed": "●",
    "stopped early": "✕",
    "cancelled": "✕",
    "diverged": "▲",
    "failed": "✚",
    "interrupted": "□",
}
NAMES = {"loss": "validation loss per picture (nats)", "accuracy": "validation accuracy"}
RULES = {"last": "by the last epoch", "all": "by the best epoch"}

CSS = """<style>
.hpt .hpt-head { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 2px 24px; font-size: 14px; }
.hpt textarea.hpt-again { width: 100%; box-sizing: border-box; resize: vertical; font-size: 13px; line-height: 1.4;
  font-family: var(--jp-code-font-family, monospace); background: var(--jp-layout-color1, #fff); color: inherit;
  border: 1px solid var(--jp-border-color1, #bdbdbd); padding: 4px 6px; }
.hpt .hpt-found { font-size: 14px; line-height: 1.45; min-height: 2.9em; margin: 2px 0; }
.hpt .hpt-bar { height: 8px; border-radius: 4px; margin: 6px 0; background: var(--jp-layout-color2, #e0e0e0); }
.hpt .hpt-bar div { height: 100%; border-radius: 4px; background: var(--hpt-blue, #0072b2); }
.hpt table.hpt-trials { border-collapse: collapse; font-size: 13px; line-height: 20px; margin: 0; border: 0;
  font-variant-numeric: tabular-nums; color: inherit; }
.hpt table.hpt-trials th, .hpt table.hpt-trials td { padding: 1px 12px 1px 4px; text-align: right; border: 0;
  white-space: nowrap; max-width: 260px; overflow: hidden; text-overflow: ellipsis; }
.hpt table.hpt-trials th:first-child, .hpt table.hpt-trials td.hpt-word, .hpt table.hpt-trials th.hpt-word {
  text-align: left; }
.hpt table.hpt-trials thead th { position: sticky; top: 0; z-index: 1; height: 24px; box-sizing: border-box;
  font-weight: 600; background: var(--jp-layout-color0, #fff);
  box-shadow: inset 0 -1px var(--jp-border-color1, #bdbdbd); }
.hpt table.hpt-trials tbody tr { height: 22px; }
.hpt table.hpt-trials tbody th { font-weight: normal; }
.hpt table.hpt-trials tbody tr, .hpt table.hpt-trials tbody tr:nth-child(even) { background: none; }
.hpt table.hpt-trials tbody tr.hpt-best { background: var(--jp-layout-color2, #eee); }
.hpt table.hpt-trials tbody tr.hpt-best th, .hpt table.hpt-trials tbody tr.hpt-best td { font-weight: 600; }
.hpt table.hpt-trials tbody tr.hpt-marked { outline: 2px solid var(--hpt-blue); outline-offset: -2px; }
.hpt table.hpt-trials tbody tr.hpt-over { color: var(--hpt-muted, #595959); }
</style>"""


def number(value: Any) -> str:
    """A value of a table, in few characters.

    >>> number(0.000123456), number(64), number(float("nan")), number("adam")
    ('0.0001235', '64', '', 'adam')
    """
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}"
    return str(value)


def in_words(config: dict[str, Any]) -> str:
    """A configuration in a line."""
    return ", ".join(f"{'/'.join(path)}={number(value)}" for path, value in leaves(config))


# -- the head ----------------------------------------------------------------------------------------------------------


def counts(model: SearchModel) -> str:
    """How many trials are where: '2 running, 3 of 10 trials ended (1 stopped early)'."""
    words = [model.words(row) for row in model.rows.values()]
    ended = sum(row.status in ENDED for row in model.rows.values())
    of = f" of {model.num_trials}" if model.num_trials is not None else ""
    special = [
        f"{words.count(word)} {word}" for word in ("stopped early", "cancelled", "diverged", "failed") if word in words
    ]
    now = [f"{words.count(word)} {word}" for word in ("running", "paused", "waiting", "interrupted") if word in words]
    among = f" ({', '.join(special)})" if special else ""
    return ", ".join([*now, f"{ended}{of} trials ended{among}"])


def amount(model: SearchModel) -> str:
    """Epochs done and to do, and the time left: '24 of about 60 epochs, 1 min 20 s left'."""
    done, planned, left = model.epochs, model.planned, model.seconds_left
    # Of those that pause somebody will go on; nobody knows who, and how far.
    about = "at least" if model.count("paused") else "about"
    if model.state == "running" and planned is not None:
        text = f"{done} of {about} {planned} epochs"
    else:
        text = f"{done} epoch{'' if done == 1 else 's'}"
    return f"{text}, {about} {seconds_in_words(left)} left" if left is not None else text


def best(model: SearchModel) -> str:
    """The incumbent in words; empty before the first result: '0003, loss 1.175 after epoch 8 (lr=0.1)'."""
    row = model.incumbent
    return f"{row.name}, {model.metric} {_reached(model, row)} ({in_words(row.config)})" if row else ""


def _reached(model: SearchModel, row: TrialState) -> str:
    """'1.175 after epoch 8'."""
    epoch, value = model.score(row) or (0, math.nan)
    return f"{number(value)} after epoch {epoch}"


def best_word(model: SearchModel) -> str:
    """What the incumbent is: nobody can beat it any more once all trials have ended."""
    return "best" if model.state in ("complete", "ended") else "best so far"


def found(model: SearchModel) -> str:
    """What the incumbent is, and by which rule: 'Best of the search so far, by the last epoch'."""
    return f"{best_word(model).replace('best', 'Best of the search', 1)}, {RULES[model.scope]}"


def beside(model: SearchModel) -> str:
    """How what was not searched compares: 'The untuned default is better: 1.756 after epoch 8.'"""
    row, winner = model.baseline, model.incumbent
    if row is None:
        return ""
    name = "The untuned default" if row.name == "default" else f"Trial {row.name}, which was given,"
    score = model.score(row)
    if score is None:
        return f"{name} {'diverged' if row.results else 'has no result' + ' yet' * row.unfinished}."
    if winner is None:
        return f"{name}: {model.metric} {_reached(model, row)}."
    return f"{name} is {_compared(model, score[1], model.value(winner))}: {_reached(model, row)}."


def _compared(model: SearchModel, value: float, other: float) -> str:
    """Better, worse, or as good where nobody sees a difference in the numbers that are shown."""
    word = "better" if model.better(value, other) else "worse"
    word = "as good" if number(value) == number(other) else word
    return word if model.state in ("complete", "ended") else f"{word} so far"


def was_better(model: SearchModel) -> str:
    """That an earlier epoch was better than the last one of the incumbent: by the last epoch the best can get worse."""
    winner, top = model.incumbent, model.best_epoch
    if winner is None or top is None or not model.better(top[2], model.value(winner)):
        return ""
    return f"By the best epoch it would be {top[0].name}: {number(top[2])} after epoch {top[1]}."


def verdict(model: SearchModel) -> str:
    """The incumbent, what it is compared with, and a better epoch before: all in words."""
    first = f"{found(model)}: {best(model)}." if best(model) else "No result yet."
    return " ".join(part for part in (first, beside(model), was_better(model)) if part)


STATES = {
    "waiting": "starting …",
    "running": "running",
    "complete": "complete",
    "ended": "ended",
    "interrupted": "interrupted",
    "failed": "failed",
}


def head(model: SearchModel) -> str:
    """Name, data, progress and incumbent."""
    done, planned, state = model.epochs, model.planned, model.state
    share = 1.0 if state in ("complete", "ended") else min(1.0, done / planned) if planned else 0.0
    data = f" · data: {escape(model.data)}" if model.data else ""
    incumbent = f"{found(model)}: <b>{escape(best(model))}</b>" if best(model) else "No result yet."
    others = f"<b>{escape(beside(model))}</b> {escape(was_better(model))}".replace("<b></b>", "")
    trouble = f'<div style="color: {page.RED}; font-weight: 600">{escape(model.error)}</div>' if model.error else ""
    missing = "" if model.error else wrong_metric(model)
    now = model.stage or STATES[state]
    return (
        f'<div class="hpt-head"><span><b>{escape(model.name)}</b>{data}</span><span>{escape(now)}</span></div>'
        f'<div class="hpt-bar" role="progressbar" aria-label="progress of the search" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{share * 100:.0f}"><div style="width: {share:.1%}"></div></div>'
        f'<div class="hpt-head"><span>{amount(model)}</span><span>{counts(model)}</span></div>'
        f'<div class="hpt-found">{incumbent}<br>{others}</div>{trouble}{missing}'
    )


def wrong_metric(model: SearchModel) -> str:
    """What to do when the results do not say what the trials are to be compared by."""
    if not model.reported or model.metric in model.reported:
        return ""
    names = ", ".join(sorted(model.reported))
    text = f"No result has a {model.metric!r}; they report {names}. Say which one with metric=..."
    return f'<div style="color: {page.RED}">{escape(text)}</div>'


# -- the table ---------------------------------------------------------------------------------------------------------


def chosen(model: SearchModel) -> list[TrialState]:
    """The rows to show, in the order of their start."""
    rows = list(model.rows.values())
    if len(rows) <= SHOWN:
        return rows
    sign = 1 if model.mode == "min" else -1

    def rank(row: TrialState) -> tuple:
        value = model.value(row)
        return (not row.unfinished, math.isnan(value), sign * value)

    names = {row.name for row in sorted(rows, key=rank)[:SHOWN]}
    return [row for row in rows if row.name in names]


def columns(rows: Iterable[TrialState]) -> list[str]:
    """The hyperparameters of these trials, those of nested configurations as 'a/b'."""
    return list(dict.fromkeys("/".join(path) for row in rows for path, _ in leaves(row.config)))


def table(model: SearchModel, marked: str = "") -> str:
    """A row a trial: state, configuration, epoch, the metric, seconds; the trial `marked` has a frame."""
    rows, winner = chosen(model), model.incumbent
    if not rows:
        return ""
    keys = columns(rows)
    heads = ["trial", "state", *keys, "epoch", _column(model), "seconds"]
    top = "".join(f'<th scope="col"{_word(index == 1)}>{escape(name)}</th>' for index, name in enumerate(heads))
    body = "".join(_row(model, row, keys, row is winner, row.name == marked) for row in rows)
    left = len(model.rows) - len(rows)
    more = f'<div style="color: {page.MUTED}">… and {left} more that ended with less.</div>' if left else ""
    return (
        f'<table class="hpt-trials"><caption class="hpt-hidden">The trials of the search</caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>{more}"
    )


def _column(model: SearchModel) -> str:
    return model.metric if model.scope == "last" else f"best {model.metric}"


def _row(model: SearchModel, row: TrialState, keys: Sequence[str], is_best: bool, is_marked: bool) -> str:
    words = model.words(row)
    values = {"/".join(path): value for path, value in leaves(row.config)}
    why = f": {row.why}" if row.why and words != row.why else ""
    state = f'<td class="hpt-word" title="{escape(words + why)}">{SIGNS.get(words, "?")} {escape(words + why)}</td>'
    cells = [number(values.get(key, "")) for key in keys]
    cells += [
        f"{row.epoch}" + (f"/{model.max_epochs}" if model.max_epochs else ""),
        number(model.value(row)),
        f"{row.seconds:.1f}" if row.seconds else "",
    ]
    look = "hpt-best" if is_best else "" if row.unfinished else "hpt-over"
    look += " hpt-marked" * is_marked
    name = escape(row.name) + (" ★" + page.hidden(best_word(model)) if is_best else "")
    return (
        f'<tr class="{look}"><th scope="row">{name}</th>{state}'
        + "".join(f"<td>{escape(c)}</td>" for c in cells)
        + "</tr>"
    )


def _word(left: bool) -> str:
    return ' class="hpt-word"' if left else ""


# -- the curves --------------------------------------------------------------------------------------------------------


def label(model: SearchModel) -> str:
    """What the curves show; with its unit where the results are known to be those of a network that tells pictures."""
    known = bool(model.data) and "accuracy" in model.reported
    return NAMES.get(model.metric, model.metric) if known else model.metric


def curves(model: SearchModel, marked: str = "") -> str:
    """The metric of every trial after each epoch, the incumbent emphasised, and how each trial ended.

    The trial `marked` has a light band behind its curve.
    """
    lines = {row.name: model.values(row) for row in model.rows.values()}
    low, high = limits([value for points in lines.values() for _, value in points], model.mode)
    plot = _Plot(max(2, model.longest or 2), low, high, model.mode)
    winner = model.incumbent
    rows = sorted(model.rows.values(), key=lambda row: (row is winner, row.name in model.fixed, row.unfinished))
    parts = [plot.axes(label(model)), *_legend(model)]
    parts += [_band(plot, lines.get(marked, []))]
    parts += [_curve(plot, model, row, lines[row.name], row is winner) for row in rows]
    if not any(lines.values()):
        parts.append(svg.text(WIDTH / 2, (TOP + HEIGHT - BOTTOM) / 2, "no results yet", "middle", 13))
    words = f"Learning curves of {len(model.rows)} trials. {verdict(model) if winner else ''}"
    return svg.picture(WIDTH, HEIGHT, parts, words)


class _Plot:
    """Where an epoch and a value lie in the picture."""

    def __init__(self, epochs: int, low: float, high: float, mode: str) -> None:
        self.epochs, self.low, self.high, self.mode = epochs, low, high, mode

    def x(self, epoch: float) -> float:
        return LEFT + 12 + (WIDTH - LEFT - RIGHT - 24) * (epoch - 1) / (self.epochs - 1)

    def y(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    @property
    def worst(self) -> float:
        """The edge at which diverged trials leave the picture."""
        return TOP if self.mode == "min" else HEIGHT - BOTTOM

    def axes(self, name: str) -> str:
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        step = max(1, math.ceil(self.epochs / 12))
        parts = [svg.line(LEFT, bottom, right, bottom), svg.line(LEFT, TOP, LEFT, bottom)]
        for epoch in range(step if step > 1 else 1, self.epochs + 1, step):
            parts.append(svg.text(self.x(epoch), bottom + 15, str(epoch), "middle"))
        for value in ticks(self.low, self.high):
            parts.append(svg.line(LEFT, self.y(value), right, self.y(value), page.FAINT))
            parts.append(svg.text(LEFT - 6, self.y(value) + 4, svg.short(value), "end"))
        parts.append(svg.text((LEFT + right) / 2, HEIGHT - 8, "epoch", "middle"))
        parts.append(svg.text(0, 12, name))
        return "".join(parts)


def _look(model: SearchModel, row: TrialState, is_best: bool) -> tuple[str, float, str]:
    """Colour, width and dashes of a curve."""
    if is_best:
        return page.RED, 3.0, ""
    if row.name in model.fixed:
        return page.TEXT, 1.8, "6 4"
    return (svg.BLUE, 1.6, "") if row.unfinished else (page.MUTED, 1.0, "")


def _band(plot: _Plot, points: list[tuple[int, float]]) -> str:
    path = " ".join(f"{plot.x(epoch):.1f},{plot.y(value):.1f}" for epoch, value in [*points[:1], *points])
    style = "fill: none; stroke: var(--hpt-blue); stroke-width: 12; stroke-linecap: round; opacity: 0.3"
    return f'<polyline points="{path}" style="{style}"/>' if path else ""


def _curve(plot: _Plot, model: SearchModel, row: TrialState, points: list[tuple[int, float]], is_best: bool) -> str:
    colour, width, dashes = _look(model, row, is_best)
    places = [(plot.x(epoch), plot.y(value)) for epoch, value in points]
    words = f"{row.name}: {model.words(row)}, {in_words(row.config)}"
    parts = [f"<title>{escape(words)}</title>"]
    if len(places) > 1:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        style = f"fill: none; stroke: {colour}; stroke-width: {width}; stroke-dasharray: {dashes or 'none'}"
        parts.append(f'<polyline points="{path}" style="{style}"/>')
    if len(points) < len(row.results):
        x = plot.x(row.results[len(points)].epoch)
        if places:
            parts.append(svg.line(*places[-1], x, plot.worst, colour, 1, stroke_dasharray="2 3"))
        parts.append(mark(x, plot.worst + 4, "diverged", page.TEXT))
    elif places:
        parts.append(mark(*places[-1], model.words(row), colour))
    return f"<g>{''.join(parts)}</g>"


def mark(x: float, y: float, words: str, colour: str) -> str:
    """The end of a curve: its shape says what became of the trial."""
    if words in ("stopped early", "cancelled"):
        path = f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"
    elif words == "failed":
        path = f"M{x - 5:.1f} {y:.1f}h10M{x:.1f} {y - 5:.1f}v10"
    elif words == "diverged":
        return f'<path d="M{x - 5:.1f} {y + 4:.1f}h10l-5 -9z" style="fill: {colour}"/>'
    elif words == "interrupted":
        return _hollow(f"M{x - 4:.1f} {y - 4:.1f}h8v8h-8z", colour)
    elif words == "completed":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" style="fill: {colour}"/>'
    else:
        return _hollow(f"M{x - 3:.1f} {y - 4:.1f}v8l7 -4z", colour)
    return f'<path d="{path}" style="fill: none; stroke: {colour}; stroke-width: 2"/>'


def _hollow(path: str, colour: str) -> str:
    return f'<path d="{path}" style="fill: {page.PAPER}; stroke: {colour}; stroke-width: 1.5"/>'


def _legend(model: SearchModel) -> list[str]:
    """What the lines and the marks that are there mean, in the second line of the picture."""
    words = {model.words(row) for row in model.rows.values()}
    lines = [(best_word(model), page.RED, 3.0, "none")] if model.incumbent else []
    lines += [("untuned default", page.TEXT, 1.8, "6 4")] if model.fixed & model.rows.keys() else []
    x, y, parts = 0.0, 29, []
    for name, colour, width, dashes in lines:
        parts += [svg.line(x, y - 4, x + 22, y - 4, colour, width, stroke_dasharray=dashes), svg.text(x + 28, y, name)]
        x += 44 + 6 * len(name)
    for name in [word for word in SIGNS if word in words and word not in ("paused", "waiting")]:
        parts += [mark(x + 6, y - 4, name, page.MUTED), svg.text(x + 15, y, name)]
        x += 32 + 6 * len(name)
    return parts


# -- what a saved notebook keeps, and plain text -----------------------------------------------------------------------


def still(model: SearchModel) -> str:
    """The whole state as one piece of HTML that needs no kernel."""
    return f'{page.CSS}{CSS}<div class="hpt">{head(model)}{curves(model)}{table(model)}</div>'


def text(model: SearchModel) -> str:
    """The whole state as plain text."""
    lines = [f"{model.name}: {STATES[model.state]}, {amount(model)}, {counts(model)}"]
    if best(model):
        lines.append(verdict(model))
    lines += [line(model, row) for row in chosen(model)]
    return "\n".join(lines)


def line(model: SearchModel, row: TrialState) -> str:
    """One trial in plain text: '0003: stopped early after epoch 1, loss 2.303, 4.1 s (lr=0.1)'."""
    when = f" after epoch {row.epoch}" if row.results else ""
    value = f", {_column(model)} {number(model.value(row))}" if row.results else ""
    seconds = f", {row.seconds:.1f} s" if row.seconds else ""
    words = model.words(row)
    why = f": {row.why}" if row.why and row.why != words else ""
    return f"{row.name}: {words}{when}{why}{value}{seconds} ({in_words(row.config)})"
