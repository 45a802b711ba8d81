"""The lock files are the whole answer: what anything in them requires is in them and fits.

pip installs them with `--no-deps`, so that nothing is resolved and no later release can change what
is installed. What a package requires stands in its metadata, which every environment that was made
from a lock holds; those of other Pythons and of the peers count where they have been made.
"""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.golden.goldens import ROOT


class Pin(NamedTuple):
    """A line of a lock that counts in an environment."""

    version: str
    extras: set[str]


class Package(NamedTuple):
    """An installed package: its version and the lines of what it requires."""

    version: str
    requires: list[str]


LOCKS = {
    "requirements.lock": [".venv", ".venv-3.11", ".venv-3.12", ".venv-3.13"],
    "requirements-dev.lock": [".venv"],
    "benchmarks/peers/requirements.lock": [".venv-peers"],
}
OURS = {
    "requirements.lock": ("build",),
    "requirements-dev.lock": ("build", "dev"),
}


def lines_of(lock: str) -> list[str]:
    """The requirements of a lock, one a line, without their hashes."""
    joined = lock.replace("\\\n", " ")
    return [line.partition("--hash")[0].strip() for line in joined.splitlines() if line.strip()]


def pins_of(lock: str, environment: dict[str, str]) -> dict[str, Pin]:
    """By name, what the lock installs in an environment."""
    pins = {}
    for requirement in map(Requirement, lines_of(lock)):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            (version,) = (one.version for one in requirement.specifier if one.operator == "==")
            pins[canonicalize_name(requirement.name)] = Pin(version, requirement.extras)
    return pins


def applies(requirement: Requirement, extras: set[str], environment: dict[str, str]) -> bool:
    marker = requirement.marker
    return marker is None or any(
        marker.evaluate({**environment, "extra": extra}) for extra in {"", *extras}
    )


def faults(lock: str, packages: dict[str, Package], environment: dict[str, str]) -> list[str]:
    """What a lock lacks for the packages that it installs, in an environment."""
    pins = pins_of(lock, environment)
    found = []
    for name, pin in pins.items():
        package = packages.get(name)
        if package is None or package.version != pin.version:
            found.append(f"{name} {pin.version} is not what is installed")
            continue
        for requirement in map(Requirement, package.requires):
            if not applies(requirement, pin.extras, environment):
                continue
            wanted = pins.get(canonicalize_name(requirement.name))
            if wanted is None:
                found.append(f"{name} requires {requirement}, which is not there")
            elif not requirement.specifier.contains(wanted.version, prereleases=True):
                found.append(f"{name} requires {requirement}, there is {wanted.version}")
            elif not requirement.extras <= wanted.extras:
                found.append(f"{name} requires {requirement}, whose extra is not there")
    return found


def environment_of(folder: Path) -> dict[str, str]:
    """What markers ask of the Python of an environment on this machine."""
    config = (folder / "pyvenv.cfg").read_text(encoding="utf-8")
    version = re.search(r"^version\s*=\s*(\d+\.\d+\.\d+)", config, re.MULTILINE)[1]
    minor = version.rpartition(".")[0]
    return {
        **default_environment(),
        "python_version": minor,
        "python_full_version": version,
        "implementation_version": version,
    }


def installed_in(folder: Path) -> dict[str, Package]:
    places = [str(path) for path in folder.glob("lib/python*/site-packages")]
    return {
        canonicalize_name(one.metadata["Name"]): Package(one.version, one.requires or [])
        for one in distributions(path=places)
    }


@pytest.mark.parametrize(
    ("lock", "folder"), [(lock, folder) for lock, made in LOCKS.items() for folder in made]
)
def test_what_anything_in_a_lock_requires_is_in_it_and_fits(lock, folder):
    place = ROOT / folder
    if not (place / "pyvenv.cfg").exists():
        pytest.skip(f"{folder} has not been made")
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert faults(text, installed_in(place), environment_of(place)) == []


@pytest.mark.parametrize(("lock", "groups"), OURS.items())
def test_what_the_project_requires_is_in_its_locks_and_fits(lock, groups):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    grouped = [one for group in groups for one in project["dependency-groups"][group]]
    pins = pins_of((ROOT / lock).read_text(encoding="utf-8"), default_environment())
    for requirement in map(Requirement, project["project"]["dependencies"] + grouped):
        pin = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pin.version, prereleases=True), requirement
        assert requirement.extras <= pin.extras, requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_has_hashes_and_no_address(lock):
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    joined = text.replace("\\\n", " ").splitlines()
    assert [line for line in joined if line.strip() and "--hash=sha256:" not in line] == []


LOCK = """\
runner[report]==2.0 \\
    --hash=sha256:00
table==1.4 ; python_full_version < '3.12' \\
    --hash=sha256:01
table==1.5 ; python_full_version >= '3.12' \\
    --hash=sha256:02
"""
PYTHON_311 = {**default_environment(), "python_version": "3.11", "python_full_version": "3.11.7"}


@pytest.mark.parametrize(
    ("requires", "fault"),
    [
        (['toml>=1; extra == "report"'], 'runner requires toml>=1; extra == "report", which is'),
        (["table>=1.5"], "runner requires table>=1.5, there is 1.4"),
        (["table[colour]"], "runner requires table[colour], whose extra is not there"),
        (["lines"], "runner requires lines, which is not there"),
        (["lines; python_version >= '3.12'", "table<1.5", 'dots; extra == "other"'], None),
    ],
)
def test_a_lock_that_lacks_something_is_found(requires, fault):
    packages = {"runner": Package("2.0", requires), "table": Package("1.4", [])}
    found = faults(LOCK, packages, PYTHON_311)
    assert len(found) == (fault is not None)
    assert fault is None or found[0].startswith(fault)


def test_an_environment_that_was_not_made_from_the_lock_is_found():
    packages = {"runner": Package("2.1", [])}
    assert faults(LOCK, packages, PYTHON_311) == [
        "runner 2.0 is not what is installed",
        "table 1.4 is not what is installed",
    ]


def test_every_line_that_installs_leaves_nothing_to_resolve():
    files = [ROOT / "Makefile", ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    lines = [
        line
        for path in files
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"pip\b.*\binstall ", line)
    ]
    assert len(lines) >= 4
    assert [line for line in lines if "--no-deps" not in line] == []
