"""How long does a student wait from a key to the picture? In a real JupyterLab, in headless Chromium.

The search-space editor with 12 rows, a bound typed anew; another layout; a step of a slider of each explorer, or
another start. The time runs in the page, from the key until the new picture is in it. Needs an idle machine, and
Chromium.
"""

import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
BOUND = 100  # ms, in the median

EDITOR = """
from hpt_lessons.search import domains as tune
from hpt_lessons.view import SearchSpaceEditor
SearchSpaceEditor({f"p{i}": tune.loguniform(1e-7, 1e-1) for i in range(12)})
"""
LAYOUT = """
from hpt_lessons.view import LayoutEditor
from hpt_lessons.search.presets import bounded
LayoutEditor(bounded(), num_trials=16)
"""
EXPLORERS = {
    "GridAgainstRandom": ("", "Importance"),
    "Rungs": ("step=20, workers=4", "Step"),
    "BOHBExplorer": ("step=20", "Step"),
}  # what each is made with, and its slider that is moved
BETS = """
from hpt_lessons.view import OneHyperparameter
bets = OneHyperparameter()
for bets.rate.value in ("high", "sensible"):
    bets.bet.value = "lr"
    bets.keep.click()
    bets.others.click()
bets
"""

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
        medians = [report("editor, 12 rows", editor(lab.run(browser, "editor", EDITOR), steps))]
        medians.append(report("LayoutEditor", chooses(lab.run(browser, "layout", LAYOUT), "Layout", steps)))
        for name, (options, slider) in EXPLORERS.items():
            page = lab.run(browser, name, f"from hpt_lessons.view import {name}\n{name}({options})")
            medians.append(report(name, explorer(page, slider, steps)))
        medians.append(report("OneHyperparameter", chooses(lab.run(browser, "bets", BETS), "Start: lr", steps)))
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


def explorer(page, slider: str, steps: int) -> list[float]:
    """A slider goes back and forth: every step has another picture."""
    page.get_by_role("slider", name=slider).focus()
    picture = page.locator(".hpt > .widget-html", has=page.locator("svg"))
    return [waited(page, picture, "ArrowRight" if step % 2 else "ArrowLeft") for step in range(steps)]


def chooses(page, label: str, steps: int) -> list[float]:
    """The entry of a list above the chosen one, and back: another start, another layout."""
    page.get_by_label(label, exact=True).focus()
    picture = page.locator(".hpt .widget-html", has=page.locator("svg")).first
    return [waited(page, picture, "ArrowUp" if step % 2 else "ArrowDown") for step in range(steps)]


def waited(page, picture, key: str) -> float:
    """Milliseconds from this key to the picture; RuntimeError if none comes."""
    page.wait_for_timeout(150)
    picture.evaluate(WATCH)
    page.keyboard.press(key)
    time = page.evaluate("window.waited")
    if time is None:
        raise RuntimeError(f"no picture came within 10 s after the key {key!r}")
    return time
