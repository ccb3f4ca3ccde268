"""The benchmark command finds its measurements, hands options on, and answers by their bounds."""

import pytest

from benchmarks import __main__ as command


def test_a_measurement_prints_its_table(capsys):
    """The quick form of the one that needs neither torch nor Ray: a row for each problem, a column for each method."""
    assert command.run(["bohb", "--quick"]) == 0
    said = capsys.readouterr().out
    for word in ("== bohb ==", "Hartmann-6", "counting ones 8+8", "Branin", "BOHB / Hyperband", "ms (median)"):
        assert word in said
    assert said.rstrip().endswith("All bounds were met.")


def test_a_measurement_that_is_not_there_is_named(capsys):
    assert command.run(["speed"]) == 2
    assert "'speed'. Known are bohb, population, replay, search, start, training" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("statuses", "status", "last"),
    [
        ([0, 0], 0, "All bounds were met."),
        ([0, 1], 1, "Bounds missed in: two."),
    ],
)
def test_a_bound_that_is_missed_is_the_answer(monkeypatch, capsys, statuses, status, last):
    """Every measurement runs, whatever the others found."""
    found = dict(zip(("one", "two"), statuses, strict=True))
    monkeypatch.setattr(command, "names", lambda: list(found))
    monkeypatch.setattr(
        command.importlib,
        "import_module",
        lambda name: type(
            "Module",
            (),
            {
                "main": staticmethod(
                    lambda options, name=name: (options == ["--quick"] or 2) and found[name.split(".")[1]]
                )
            },
        ),
    )
    assert command.run(["--quick"]) == status
    assert capsys.readouterr().out.rstrip().endswith(last)
