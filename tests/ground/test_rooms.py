"""The arrows between the rooms run one way: who may import whom."""

import ast
from pathlib import Path

import pytest

import hpt_lessons

ROOT = Path(hpt_lessons.__file__).parent
MAY_USE = {
    "search": set(),
    "cifar": set(),
    "analysis": set(),
    "recorded": {"search", "analysis", "cifar.config"},
    "recorded/making": {"recorded", "search", "analysis", "cifar"},
    "findings": {"recorded", "search", "analysis", "cifar.config"},
    "study": {"search", "cifar", "analysis"},
    "raytune": {"study", "search", "cifar", "analysis"},
    "view": {"study", "raytune", "findings", "recorded", "search", "analysis", "cifar"},
}
ROOMS = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()}


def imports(path):
    """What a file imports of the package, wherever in it, as names without `hpt_lessons.`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (name.removeprefix("hpt_lessons.") for name in names if name.startswith("hpt_lessons."))


def test_every_room_is_known():
    assert {room.split("/")[0] for room in MAY_USE} == ROOMS


@pytest.mark.parametrize("room", MAY_USE)
def test_a_room_uses_only_those_below_it(room):
    files = [path for path in (ROOT / room).rglob("*.py") if "making" not in path.parts or room == "recorded/making"]
    assert files
    for path in files:
        for name in imports(path):
            below = name.split(".")[0] not in ROOMS - {room.split("/")[0]}
            allowed = any(name == other or name.startswith(f"{other}.") for other in MAY_USE[room])
            assert below or allowed, f"{path.relative_to(ROOT)} imports {name}"


def test_the_ground_floor_knows_no_room():
    for path in ROOT.glob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & ROOMS
