"""The small archive, served from loopback, without waiting for anybody."""

import pytest

from helpers.archives import Server, small_archive
from hpt_lessons.cifar.pictures import download


@pytest.fixture
def impatient(monkeypatch):
    """Loopback is reached directly, two tries are many, and nothing is drawn."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("HPT_LESSONS_PROGRESS", "off")
    monkeypatch.setattr(download, "TRIES", 2)


@pytest.fixture
def server():
    with Server(small_archive()[0]) as running:
        yield running
