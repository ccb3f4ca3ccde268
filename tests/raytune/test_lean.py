"""What Ray's processes do without: they do not find it, and whoever started them still does."""

import os
import subprocess
import sys

import pytest

from hpt_lessons.raytune import setup

IMPORTED = "import sys, jsonschema; print('rfc3987_syntax.syntax_helpers' in sys.modules)"


def test_a_process_that_is_started_lean_does_not_build_the_grammar():
    with setup.lean_processes():
        run = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize("before", [None, "/somewhere"])
def test_the_environment_is_afterwards_as_it_was(monkeypatch, before):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    if before:
        monkeypatch.setenv("PYTHONPATH", before)
    with setup.lean_processes():
        assert os.environ["PYTHONPATH"].split(os.pathsep)[1:] == ([before] if before else [])
    assert os.environ.get("PYTHONPATH") == before


def test_a_hidden_module_can_be_imported_afterwards():
    code = (
        "import sys\nfrom hpt_lessons.raytune import setup\n"
        "with setup._hidden():\n    import jsonschema\n"
        "assert 'rfc3987_syntax' not in sys.modules\nprint('free')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "free"
