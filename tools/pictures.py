"""Static pictures of every plot and every widget, for the README and for readers without a kernel.

    python tools/pictures.py                      all of them, into docs/plots and docs/widgets
    python tools/pictures.py contour quiz         only these
    python tools/pictures.py --out FOLDER         somewhere else

The plots are drawn from the recorded trials and from searches replayed on them, always with the same seeds. A widget is
shown in a real JupyterLab in headless Chromium; where there is no Chromium its picture in docs/ stays as it is, and the
command says so. What a widget draws by itself is written as SVG too, without a browser. Each file has at most 100 kB.
"""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from PIL import Image

from hpt_lessons import view
from hpt_lessons.analysis.importance.shares import good_region, shares
from hpt_lessons.cifar.config import UNTUNED
from hpt_lessons.recorded import load
from hpt_lessons.recorded.objective import Recorded
from hpt_lessons.recorded.replay import chosen, repeats
from hpt_lessons.search import layouts
from hpt_lessons.search.presets import bounded
from hpt_lessons.trials import Trial, Trials
from hpt_lessons.view import plots
from hpt_lessons.view.look import style

ROOT = Path(__file__).resolve().parent.parent
MOST_BYTES, DPI, COLOURS, SHARES = 100_000, 80, 256, (1.0, 0.85, 0.7)
EPOCHS = 27

JOURNAL = ROOT / "tests" / "reference" / "search_on_cifar10_jpeg_copy.jsonl"
QUESTIONS = ROOT / "notebooks" / "quiz" / "09.toml"
# What a cell says to show a widget in the state that the README names; the other widgets are shown as they begin.
STATES = {
    "SearchSpaceEditor": """
from hpt_lessons.recorded import load
from hpt_lessons.search.presets import bounded
SearchSpaceEditor(bounded(), trials=load("cifar-lenet"))""",
    "LayoutEditor": """
from hpt_lessons.search.presets import bounded
LayoutEditor(bounded(), "sobol", num_trials=16)""",
    "GridAgainstRandom": """
game = GridAgainstRandom()
game.many.click()
game""",
    "OneHyperparameter": """
bets = OneHyperparameter(score="last")
bets.rate.value, bets.bet.value = "high", "batch_size"
bets.keep.click()
bets.others.click()
bets""",
    "Rungs": """
Rungs(step=40, workers=4)""",
    "BOHBExplorer": """
BOHBExplorer(step=20)""",
    "Quiz": f"""
quiz = Quiz({str(QUESTIONS)!r})
first = quiz.cards[0]
first.field.answer = [choice.text for choice in first.question.choices[:2]]
first.check.click()
quiz""",
    "SearchView": f"""
from hpt_lessons.trials import Journal
from hpt_lessons.view.live.model import SearchModel
running = SearchModel()
running.hear_all(Journal({str(JOURNAL)!r}).read_on(0)[0][:34])
running.alive = True
SearchView(running)""",
}


def picture_name(widget: str) -> str:
    """How the file of a widget's picture is called.

    >>> picture_name("SearchSpaceEditor"), picture_name("BOHBExplorer")
    ('search-space-editor', 'bohb-explorer')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", widget).lower()


# For each picture docs/widgets/NAME.png the cell that ends with the widget.
WIDGETS = {
    picture_name(name): f"from hpt_lessons.view import {name}\n{STATES.get(name, f'{name}()').strip()}"
    for name in view.WIDGETS
}
TALL, CUT = 1900, {"quiz": 620}  # pixels; of the quiz the first questions are enough
# What draws itself, as SVG: docs/widgets/NAME.svg.
DRAWN: dict[str, Callable[[], str]] = {
    "layout-editor": lambda: view.LayoutEditor(bounded(), "sobol", num_trials=16).picture.value,
    "grid-against-random": lambda: view.GridAgainstRandom().picture.value,
    "one-hyperparameter": lambda: _bet().gains.value,
}
# The variables that the page gives them in a notebook.
THEME = "--hpt-muted: #595959; --hpt-red: #b34700; background: #fff; "


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0 if every picture that was asked for could be made."""
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("names", nargs="*", help=f"of {', '.join([*plots.__all__, *WIDGETS])}; default: all")
    ask.add_argument("--out", type=Path, default=ROOT / "docs")
    options = ask.parse_args(arguments)
    unknown = [name for name in options.names if name not in (*plots.__all__, *WIDGETS)]
    if unknown:
        ask.error(f"there is no picture {unknown[0]!r}; there are {', '.join([*plots.__all__, *WIDGETS])}")
    names = options.names or [*plots.__all__, *WIDGETS]
    draw_plots([name for name in names if name in plots.__all__], options.out / "plots")
    draw_widgets([name for name in names if name in DRAWN], options.out / "widgets")
    return show_widgets([name for name in names if name in WIDGETS], options.out / "widgets")


# -- the plots -----------------------------------------------------------------------------------------------------


class Replays:
    """What the plots tell about: the recorded trials, and searches replayed on them."""

    def __init__(self, name: str = "cifar-lenet"):
        self.rows = load(name, partial=True)
        self.objective = Recorded(self.rows)

    def searches(self, method: str, trainings: int, count: int = 1, epochs: int = EPOCHS) -> list[Trials]:
        """So many searches of a method, each with the epochs of so many trainings of that many epochs."""
        return repeats(self.objective, method, count, trainings * epochs, max_epochs=epochs, workers=2)

    def winners(self, method: str, trainings: int, count: int = 8, **config: object) -> list[Trial]:
        """The trial that each of these searches would hand over, under a name of its own."""
        return [
            _again(chosen(table), f"{method}-{trainings}-{seed}", seed, {"search": method, "trials": trainings})
            for seed, table in enumerate(self.searches(method, trainings, count))
        ]

    def untuned(self, trainings: int, count: int = 8) -> list[Trial]:
        """The untuned default, trained with other seeds."""
        return [
            Trial(
                f"default-{trainings}-{seed}",
                {"search": "default", "trials": trainings},
                seed,
                self.objective.data,
                "completed",
                (self.objective.evaluate(UNTUNED, EPOCHS, seed),),
            )
            for seed in range(count)
        ]


def _again(trial: Trial, name: str, seed: int, config: Mapping[str, object]) -> Trial:
    return Trial(name, dict(config), seed, trial.data, trial.status, trial.history)


def picture_of(name: str, replays: Replays) -> Axes | np.ndarray:
    """The axes of the plot of this name."""
    return {"show_pictures": _pictures, "shadows": _shadows, "importance": _importance}.get(name, _plot)(name, replays)


def _plot(name: str, replays: Replays) -> Axes | np.ndarray:
    """The plots that need nothing but tables."""
    made: dict[str, Callable[[], Axes | np.ndarray]] = {
        "contour": lambda: plots.contour(replays.rows.filter(_of_default_shape), "lr", "batch_size", log=True),
        "gantt": lambda: plots.gantt(replays.searches("asha", 9, epochs=9)[0]),
        "incumbents": lambda: plots.incumbents(
            {method: replays.searches(method, 10, 20) for method in ("random", "hyperband", "bohb")},
            over="epochs", scope="all"),
        "learning_curves": lambda: plots.learning_curves(replays.searches("asha", 9, epochs=9)[0]),
        "lever_dots": lambda: plots.lever_dots(
            Trials(run for trials in (4, 9, 16)
                   for run in (*replays.untuned(trials), *replays.winners("random", trials))),
            lambda trial: f"{trial.config['trials']} random trials"),
        "paired_differences": lambda: plots.paired_differences(
            Trials(replays.winners("random", 9)), Trials(replays.winners("bohb", 9)), names=("random", "BOHB"),
            metric="accuracy"),
        "parallel_coordinates": lambda: plots.parallel_coordinates(replays.rows),
        "pareto": lambda: plots.pareto(replays.searches("asha", 10)[0]),
        "slices": lambda: plots.slices(replays.rows),
    }  # fmt: skip
    return made[name]()


def _pictures(_: str, __: Replays) -> Axes:
    from hpt_lessons.cifar.pictures.standin import CLASSES, generate

    images, labels, *_ = generate(0, 16, 0)
    return plots.show_pictures(images, labels, CLASSES, data="stand-in")


def _shadows(_: str, __: Replays) -> Axes:
    from hpt_lessons.search import domains as tune

    space = {"lr": tune.loguniform(1e-4, 1e-1), "l1": tune.loguniform(4, 256)}
    left, right = plt.subplots(1, 2, figsize=style.WIDE, sharex=True, sharey=True, layout="constrained")[1]
    plots.shadows(layouts.grid(space, 3), "lr", "l1", title="grid", log=True, ax=left)
    return plots.shadows(layouts.random(space, 9, seed=0), "lr", "l1", title="random", log=True, ax=right)


def _importance(_: str, replays: Replays) -> Axes:
    """Of every learning rate with every batch size in the default shape, eight seeds each."""
    objective, rates = replays.objective, [float(rate) for rate in np.geomspace(1e-4, 1e-1, 13)]
    sizes = objective.space["batch_size"].values
    runs = [(UNTUNED | {"lr": lr, "batch_size": size}, seed) for lr in rates for size in sizes for seed in range(8)]
    trials = Trials(
        Trial(f"{number:04d}", config, seed, objective.data, "completed", (objective.evaluate(config, EPOCHS, seed),))
        for number, (config, seed) in enumerate(runs)
    )
    rows = {
        name: shares(part, adaptive=False).rows()
        for name, part in (("all trials", trials), ("around the best quarter", good_region(trials)))
    }
    return plots.importance(rows, label="share of the variance of the ranks (not normalised)", data=objective.data)


def _of_default_shape(trial: Trial) -> bool:
    return (trial.config["l1"], trial.config["l2"]) == (UNTUNED["l1"], UNTUNED["l2"])


def draw_plots(names: Iterable[str], folder: Path) -> None:
    """Draw these plots and write each as a PNG into the folder."""
    names = list(names)
    if not names:
        return
    style.use()
    replays = Replays()
    for name in names:
        figure = np.ravel(picture_of(name, replays))[0].figure
        with tempfile.TemporaryDirectory() as place:
            figure.savefig(Path(place) / "raw.png", dpi=DPI)
            print(small(Path(place) / "raw.png", folder / f"{name}.png"))
        plt.close("all")


# -- the widgets ---------------------------------------------------------------------------------------------------


def _bet() -> view.OneHyperparameter:
    """The explorer of one hyperparameter beyond the edge, after a bet that is kept for this picture only."""
    with tempfile.TemporaryDirectory() as place:
        bets = view.OneHyperparameter(score="last", answers=Path(place) / "bets.json")
        bets.rate.value, bets.bet.value = "high", "batch_size"
        bets.keep.click()
        bets.others.click()
    return bets


def draw_widgets(names: Iterable[str], folder: Path) -> None:
    """Write what each of these widgets draws by itself as an SVG into the folder."""
    for name in names:
        path = folder / f"{name}.svg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(DRAWN[name]().replace('style="', f'style="{THEME}', 1) + "\n", encoding="utf-8")
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def show_widgets(names: Iterable[str], folder: Path, width: int = 1000) -> int:
    """Take a picture of each of these widgets in JupyterLab, whole or as `CUT` says; 1 if there is no browser."""
    names = list(names)
    if not names:
        return 0
    sys.path.insert(0, str(ROOT / "tests"))
    from helpers import lab as labs

    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if sync_playwright is None or labs.chromium() is None:
        print(f"No Chromium and playwright here: the pictures of {', '.join(names)} stay as they are.")
        return 1
    with tempfile.TemporaryDirectory() as place, labs.Lab(Path(place) / "lab") as lab, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=labs.chromium(), headless=True, args=labs.FLAGS)
        for name in names:
            raw = Path(place) / f"{name}.png"
            page = lab.run(browser, name, WIDGETS[name], width=width, height=TALL)
            if page.faults:
                raise RuntimeError(f"{name}: {page.faults[0]}")
            shown = page.locator(".jp-OutputArea .hpt").first
            shown.wait_for()
            page.wait_for_timeout(1500)  # fonts, icons, and pictures that follow the widget
            box = shown.bounding_box()
            if box["y"] + box["height"] > TALL:
                raise ValueError(f"{name} is {box['height']:.0f} pixels high, and the page {TALL}.")
            page.screenshot(path=raw, clip={**box, "height": min(box["height"], CUT.get(name, TALL))})
            print(small(raw, folder / f"{name}.png"))
            lab.command(page, "notebook:shutdown-kernel")
            page.context.close()
        browser.close()
    return 0


# -- small files ---------------------------------------------------------------------------------------------------


def small(raw: Path, path: Path) -> str:
    """Write the picture with 256 colours, smaller where it would need too much room; a line that says its size.

    The colours are moved to the middle of what they stand for (k-means): else a small orange star turns brown, because
    the many greys get most of the palette.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    original = Image.open(raw).convert("RGB")
    for share in SHARES:
        picture = original.resize([round(share * side) for side in original.size])
        picture.quantize(COLOURS, kmeans=2, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            return f"{path.name}: {picture.width} x {picture.height}, {path.stat().st_size / 1000:.0f} kB"
    raise ValueError(
        f"{path.name} has {path.stat().st_size} bytes, and at most {MOST_BYTES} are wanted. Draw it smaller."
    )


if __name__ == "__main__":
    sys.exit(main())
