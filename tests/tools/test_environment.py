"""One source of the dependencies: what pyproject.toml says, the lock fixes and environment.yml repeats for conda."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT, LOCK, CONDA, MAKEFILE, README = (
    (ROOT / name).read_text(encoding="utf-8")
    for name in ("pyproject.toml", "requirements.lock", "environment.yml", "Makefile", "README.md")
)
AT_CONDA_FORGE = {"torch": "pytorch", "ray[tune]": "ray-tune"}
LINE = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[0-9][\w.!+]*)(?: ; (?P<marker>[^;#@]+))?")
SYSTEMS = [
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "aarch64"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
    {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
]
MACHINES = [
    {
        **system,
        "python_version": python,
        "python_full_version": f"{python}.9",
        "platform_release": "",
        "extra": "",
        "platform_version": "",
        "implementation_name": "cpython",
        "implementation_version": f"{python}.9",
        "platform_python_implementation": "CPython",
    }
    for system in SYSTEMS
    for python in ("3.11", "3.12", "3.13", "3.14")
]


# -- environment.yml ---------------------------------------------------------------------------------------------------


def bounds(name, text):
    """Name and bounds as one requirement says them, whatever their order; conda's python=3.12 stays as it is."""
    return (name, text if re.fullmatch(r"=\d.*", text) else str(SpecifierSet(text)))


def drift(pyproject, conda):
    """Every difference between the two, in words."""
    project, environment = tomllib.loads(pyproject)["project"], yaml.safe_load(conda)
    wanted = set()
    for line in project["dependencies"]:
        requirement = Requirement(line)
        name = requirement.name + (f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else "")
        wanted.add((AT_CONDA_FORGE.get(name, name), str(requirement.specifier)))
    lines = [line for line in environment["dependencies"] if isinstance(line, str)]
    listed = {bounds(*re.fullmatch(r"([\w-]+)(.*)", line).groups()) for line in lines}
    python = {bound for name, bound in listed if name == "python"}
    found = [f"missing: {name}{bound}" for name, bound in wanted - listed]
    found += [
        f"not in pyproject.toml: {name}{bound}" for name, bound in listed - wanted if name not in ("python", "pip")
    ]
    if len(python) != 1 or Version(python.pop().lstrip("=")) not in SpecifierSet(project["requires-python"]):
        found.append("python is not one version that pyproject.toml allows")
    if environment["name"] != project["name"]:
        found.append("another name")
    return found


def test_conda_gets_what_pyproject_says():
    assert drift(PYPROJECT, CONDA) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ('    "numpy>=2.0",\n', "", ["not in pyproject.toml: numpy>=2.0"]),
        ('"numpy>=2.0"', '"numpy>=2.1"', ["missing: numpy>=2.1", "not in pyproject.toml: numpy>=2.0"]),
        (
            '"ray[tune]>=2.50,<2.61"',
            '"ray>=2.50"',
            ["missing: ray>=2.50", "not in pyproject.toml: ray-tune<2.61,>=2.50"],
        ),
        ('    "torch>=2.6",\n', '    "torch>=2.6",\n    "optuna>=4",\n', ["missing: optuna>=4"]),
        (">=3.11,<3.15", ">=3.13,<3.15", ["python is not one version that pyproject.toml allows"]),
    ],
)
def test_a_change_in_pyproject_alone_is_seen(old, new, found):
    assert PYPROJECT.count(old) == 1
    assert sorted(drift(PYPROJECT.replace(old, new), CONDA)) == found


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("  - scipy>=1.14\n", "", ["missing: scipy>=1.14"]),
        ("pytorch>=2.6", "pytorch>=2.5", ["missing: pytorch>=2.6", "not in pyproject.toml: pytorch>=2.5"]),
        ("  - pip\n", "  - pip\n  - seaborn\n", ["not in pyproject.toml: seaborn"]),
        ("python=3.12", "python=3.10", ["python is not one version that pyproject.toml allows"]),
        ("name: hpt_lessons", "name: other", ["another name"]),
    ],
)
def test_a_change_for_conda_alone_is_seen(old, new, found):
    assert CONDA.count(old) == 1
    assert sorted(drift(PYPROJECT, CONDA.replace(old, new))) == found


def test_the_package_itself_is_installed_from_the_folder_and_nothing_else_by_pip():
    pip = [line for line in yaml.safe_load(CONDA)["dependencies"] if isinstance(line, dict)]
    assert pip == [{"pip": ["--editable ."]}]


# -- requirements.lock -------------------------------------------------------------------------------------------------


def locked(lock=LOCK):
    """(name, version, marker or None) of each line; an error names a line in another form."""
    for line in lock.splitlines():
        parts = LINE.fullmatch(line)
        assert parts, f"requirements.lock: {line!r} is not `name==version ; marker`"
        yield canonicalize_name(parts["name"]), Version(parts["version"]), parts["marker"] and Marker(parts["marker"])


def versions(machine):
    """Name -> versions that the lock has for a machine."""
    found = {}
    for name, version, marker in locked():
        if marker is None or marker.evaluate(machine):
            found.setdefault(name, []).append(version)
    return found


def direct():
    project = tomllib.loads(PYPROJECT)["project"]
    return [Requirement(line) for line in [*project["dependencies"], *project["optional-dependencies"]["test"]]]


def test_the_lock_has_names_and_versions_and_no_address():
    """Whoever installs chooses where from: a mirror in the class room, the CPU builds of PyTorch."""
    assert len(list(locked())) > len(direct())
    assert "://" not in LOCK
    assert "--" not in LOCK


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://mirror.example/simple",
        "numpy @ https://mirror.example/numpy.whl",
        "numpy>=2",
        "numpy",
        "numpy==2.0 --hash=sha256:00",
        "# a remark",
        "-e .",
        "",
    ],
)
def test_a_line_in_another_form_is_refused(line):
    with pytest.raises(AssertionError, match="is not `name==version"):
        list(locked(f"{line}\n"))


@pytest.mark.parametrize(
    "machine", MACHINES, ids=lambda m: f"{m['sys_platform']}-{m['platform_machine']}-{m['python_version']}"
)
def test_every_machine_finds_one_version_that_pyproject_allows(machine):
    found = versions(machine)
    for requirement in direct():
        name = canonicalize_name(requirement.name)
        assert name in found, f"{name} is not locked"
        assert found[name][0] in requirement.specifier, f"{name} {found[name][0]} is not {requirement.specifier}"
    assert {name: several for name, several in found.items() if len(several) > 1} == {}, "one version each"


# -- make and the README -----------------------------------------------------------------------------------------------


def targets():
    return set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))


def test_each_make_command_in_the_readme_is_a_target():
    code = re.findall(r"^```.*?^```|`[^`\n]+`", README, re.MULTILINE | re.DOTALL)
    named = {target for piece in code for target in re.findall(r"\bmake ([a-z]+)", piece)}
    assert {"lab", "test"} <= named <= targets()


def test_make_alone_says_what_there_is():
    if shutil.which("make") is None:
        pytest.skip("make is not here")
    said = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = re.findall(r"^  ([a-z]+) +\S", said, re.MULTILINE)
    assert sorted(listed) == sorted(targets())
    assert {"help", "setup", "lab", "tune", "test", "check", "format", "bench", "refresh"} <= set(listed)
