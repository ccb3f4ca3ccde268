"""How long does a student wait from a key to the picture? In a real JupyterLab, in headless Chromium.

The search-space editor with 12 rows, a bound typed anew; another layout; a step of a slider of each explorer, or
another start; another answer to a question of the quiz. The time runs in the page, from the key until the new picture
is in it. Needs an idle machine, and Chromium. What the live view of a search costs says `benchmarks/view.py`.
"""

import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
BOUND = 100  # ms, in the median

# Remember when the next key is pressed, and when the picture changes after it.
WATCH = """picture => { window.waited = new Promise(answer => {
  let pressed = 0;
  document.addEventListener('keydown', () => { pressed = performance.now(); }, {capture: true, once: true});
  const watch = new MutationObserver(() => {
    if (pressed) { watch.disconnect(); answer(performance.now() - pressed); }
  });
  watch.observe(picture, {childList: true, subtree: true});
  setTimeout(() => answer(null), 10000);
}); }"""


def main(arguments: list[str]) -> int:
    """Print the median and the slowest of each; 0 if every median is at most 100 ms, or if there is no browser."""
    sys.path.insert(0, str(ROOT / "tests"))
    from playwright.sync_api import sync_playwright

    from helpers import lab as labs

    if labs.chromium() is None:
        print("There is no Chromium on this machine: nothing was measured.")
        return 0
    steps = 10 if "--quick" in arguments else 40
    folder = tempfile.TemporaryDirectory(prefix="widgets-")
    with folder, labs.Lab(Path(folder.name)) as lab, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=labs.chromium(), headless=True, args=labs.FLAGS)
        medians = []
        for name, (cell, keys) in MEASURED.items():
            page = lab.run(browser, name, f"from hpt_lessons.view import {name}\n{cell}")
            medians.append(report(name, keys(page, steps)))
        browser.close()
    return 0 if "--quick" in arguments or max(medians) <= BOUND else 1


def report(name: str, times: list[float]) -> float:
    print(f"{name:18} median {median(times):4.0f} ms, slowest {max(times):4.0f} ms, {len(times)} keys; bound {BOUND}")
    return median(times)


def editor(page, steps: int) -> list[float]:
    """The last digit of an exponent is typed anew."""
    page.get_by_label("p5 from").fill("1e-7")
    picture = page.locator(".hpt-picture").nth(5)
    times = []
    for step in range(steps):
        page.get_by_label("p5 from").press("Shift+ArrowLeft")
        times.append(waited(page, picture, str(5 + step % 2)))
    return times


def slides(page, steps: int, slider: str) -> list[float]:
    """A slider goes back and forth: every step has another picture."""
    page.get_by_role("slider", name=slider).focus()
    picture = page.locator(".hpt > .widget-html", has=page.locator("svg"))
    return [waited(page, picture, "ArrowRight" if step % 2 else "ArrowLeft") for step in range(steps)]


def chooses(page, steps: int, label: str) -> list[float]:
    """The entry of a list above the chosen one, and back: another start, another layout."""
    page.get_by_label(label, exact=True).focus()
    picture = page.locator(".hpt .widget-html", has=page.locator("svg")).first
    return [waited(page, picture, "ArrowUp" if step % 2 else "ArrowDown") for step in range(steps)]


def answers(page, steps: int) -> list[float]:
    """A number that is none, another one each time: what is wrong with it is said below the question."""
    field = page.get_by_label("Question 2")
    feedback = page.locator(".hpt .widget-vbox", has=field).last
    times = []
    for step in range(steps):
        field.fill(f"1/{step + 2}")
        times.append(waited(page, feedback, "Enter"))
    return times


def waited(page, picture, key: str) -> float:
    """Milliseconds from this key to the picture; RuntimeError if none comes."""
    page.wait_for_timeout(150)
    picture.evaluate(WATCH)
    page.keyboard.press(key)
    time = page.evaluate("window.waited")
    if time is None:
        raise RuntimeError(f"no picture came within 10 s after the key {key!r}")
    return time


# What each widget is made with, and which keys are pressed.
MEASURED = {
    "SearchSpaceEditor": (
        "from hpt_lessons.search import domains as tune\n"
        "SearchSpaceEditor({f'p{i}': tune.loguniform(1e-7, 1e-1) for i in range(12)})",
        editor,
    ),
    "LayoutEditor": (
        "from hpt_lessons.search.presets import bounded\nLayoutEditor(bounded(), num_trials=16)",
        partial(chooses, label="Layout"),
    ),
    "GridAgainstRandom": ("GridAgainstRandom()", partial(slides, slider="Importance")),
    "Rungs": ("Rungs(step=20, workers=4)", partial(slides, slider="Step")),
    "BOHBExplorer": ("BOHBExplorer(step=20)", partial(slides, slider="Step")),
    "OneHyperparameter": (
        """bets = OneHyperparameter()
for bets.rate.value in ("high", "sensible"):
    bets.bet.value = "lr"
    bets.keep.click()
    bets.others.click()
bets""",
        partial(chooses, label="Start: lr"),
    ),
    "Quiz": (f"Quiz({str(ROOT / 'notebooks' / 'quiz' / '09.toml')!r})", answers),
}
