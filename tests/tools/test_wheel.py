"""What is installed from a wheel has its tables, findings and types with it, and neither tests nor lessons."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = "import setuptools.build_meta as backend, sys; backend.build_wheel(sys.argv[1])"


@pytest.mark.slow
def test_the_wheel_has_the_data_of_the_package_and_nothing_else(tmp_path):
    """Built from a copy, by the backend that pyproject.toml names: nothing is fetched, nothing left in the project."""
    source, target = tmp_path / "source", tmp_path / "wheel"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("hpt_lessons", "tests", "notebooks", "tools", "benchmarks"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "data", "studies"))
    subprocess.run([sys.executable, "-c", BUILD, str(target)], cwd=source, check=True, capture_output=True)
    (wheel,) = target.glob("*.whl")
    there = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = ROOT / "hpt_lessons"
    wanted = {path for kind in ("*.py", "*.npz", "*.md") for path in package.rglob(kind)}
    wanted = {path for path in wanted if "parts" not in path.parts}  # of tables that are still being recorded
    wanted |= {package / "py.typed", package / "recorded" / "making" / "pool.json"}
    assert there == {path.relative_to(ROOT).as_posix() for path in wanted}
    assert any(name.endswith(".npz") for name in there) and "hpt_lessons/findings/FINDINGS.md" in there
