"""Every example in a docstring of the package is true."""

import doctest
import importlib
import pkgutil

import pytest

import hpt_lessons

# Those in `without` stand for libraries that Ray's processes shall not load: importing them is an error on purpose.
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(hpt_lessons.__path__, "hpt_lessons.")
    if ".without." not in module.name
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_are_true(name):
    """Each module is imported by its name, so a file that cannot be is noticed as well."""
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples():
    """A walk that finds nothing would pass as well."""
    finder = doctest.DocTestFinder()
    examples = [test for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples]
    assert len(examples) > 20
