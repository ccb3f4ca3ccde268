"""A plugin of pytest: after the notebooks have run, the seconds that each took, and all of them together."""

from collections import Counter

SECONDS: Counter = Counter()


def pytest_runtest_logreport(report) -> None:
    """Each cell is a test; the start of the kernel counts for the first one."""
    file = report.nodeid.partition("::")[0]
    if file.endswith(".ipynb"):
        SECONDS[file] += report.duration


def pytest_terminal_summary(terminalreporter) -> None:
    """The longest first."""
    if not SECONDS:
        return
    terminalreporter.section("seconds of the notebooks")
    for file, seconds in SECONDS.most_common():
        terminalreporter.write_line(f"{seconds:6.0f}  {file.removeprefix('notebooks/')}")
    terminalreporter.write_line(f"{SECONDS.total():6.0f}  all together")
