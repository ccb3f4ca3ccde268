"""The README: short, begins with what to do, and what it links to is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "hpt_lessons/findings/FINDINGS.md"]
PAGES += sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))


def dead_links(page: Path) -> list[str]:
    text = re.sub(r"^```.*?^```|`[^`\n]+`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(\s*<?([^)\s>]+)", text)]
    return [target for target in targets if target and "://" not in target and not (page.parent / target).exists()]


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_links_to_is_there(page):
    assert dead_links(ROOT / page) == []


def test_a_dead_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("[a](page.md) [b](https://example.org) ![c](gone.png) [d](#part) `[e](code.md)`", encoding="utf-8")
    assert dead_links(page) == ["gone.png"]


def test_the_readme_is_read_in_a_few_minutes_and_says_first_where_to_begin():
    assert len(README.split()) <= 1200
    first_screen = "\n".join(README.splitlines()[:20])
    assert "## Begin here" in first_screen and "make lab" in first_screen
    assert "**What there is today:**" in first_screen


def test_each_lesson_that_is_not_planned_has_its_link():
    rows = re.findall(r"^\| (\d\d) \| (.*?) \|", README, re.MULTILINE)
    for number, name in rows:
        assert ("(planned)" in name) != bool(list((ROOT / "notebooks").glob(f"{number}_*.ipynb")))
