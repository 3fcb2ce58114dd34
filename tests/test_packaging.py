"""The wheel carries what the library reads, and importing it costs nothing."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import eegkd

PROJECT = Path(__file__).resolve().parent.parent
MONTAGES = sorted(path.name for path in (PROJECT / "montages").glob("*.toml"))
HEAVY = (
    "braindecode",
    "matplotlib",
    "mne",
    "moabb",
    "pandas",
    "sklearn",
    "torch",
    "torchaudio",
)


def run_python(*arguments, cwd):
    """Run Python in a process of its own and return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def imported_by(code, cwd):
    """Return which heavy packages a fresh process has imported after ``code``."""
    report = f"import sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    return run_python("-c", f"{code}\n{report}", cwd=cwd).splitlines()[-1].split()


def build_wheel(sampler, folder):
    """Build a wheel with pip, without the package index, and return its path."""
    run_python(
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
        str(sampler),
        cwd=folder,
    )
    (wheel,) = folder.glob("eegkd-*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Return the wheel of the source tree."""
    return build_wheel(PROJECT, tmp_path_factory.mktemp("wheel"))


def test_there_are_montages_to_package():
    assert {"headband.toml", "headphone.toml"} <= set(MONTAGES)


def test_wheel_carries_montages_types_and_every_module(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {
        str(path.relative_to(PROJECT)) for path in (PROJECT / "eegkd").rglob("*.py")
    }
    assert modules | {f"eegkd/montages/{name}" for name in MONTAGES} <= names
    assert not [name for name in names if name.endswith(".yml")]
    assert "eegkd/py.typed" in names
    foreign = {name for name in names if not name.startswith(("eegkd/", "eegkd-"))}
    assert not foreign


def test_unpacked_wheel_reads_its_own_montages(wheel, tmp_path):
    electrode = tmp_path / "electrode"
    zipfile.ZipFile(wheel).extractall(electrode)
    printed = run_python(
        "-c",
        f"import sys; sys.path.insert(0, {str(electrode)!r})\n"
        "import eegkd\n"
        "print(eegkd.__file__)\n"
        "print(*eegkd.load_montage('headphone').ch_names)\n"
        "print(*eegkd.list_montages())",
        cwd=tmp_path,
    ).splitlines()
    assert Path(printed[0]).is_relative_to(electrode)
    assert printed[1] == "C5 C3 C1 Cz C2 C4 C6"
    assert sorted(printed[2].split()) == [name[: -len(".toml")] for name in MONTAGES]


def test_source_archive_builds_the_same_wheel(wheel, tmp_path):
    run_python(
        "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path), cwd=PROJECT
    )
    (archive,) = tmp_path.glob("eegkd-*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(tmp_path, filter="data")
    sampler = archive.with_name(archive.name.removesuffix(".tar.gz"))
    for name in (
        "tests/conftest.py",
        "docs/conf.py",
        "Makefile",
        "constraints/cpu.txt",
    ):
        assert (sampler / name).is_file()
    rebuilt = build_wheel(sampler, tmp_path)
    assert sorted(zipfile.ZipFile(rebuilt).namelist()) == sorted(
        zipfile.ZipFile(wheel).namelist()
    )


def test_import_is_light(tmp_path):
    assert imported_by("import eegkd; dir(eegkd)", tmp_path) == []


def test_command_line_help_is_light(tmp_path):
    code = (
        "import sys; sys.argv = ['eegkd', '--help']\n"
        "from eegkd.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as stop:\n    assert not stop.code, stop.code"
    )
    assert imported_by(code, tmp_path) == []


def test_light_imports_can_be_told_from_heavy_ones(tmp_path):
    assert imported_by("from eegkd.view import View", tmp_path) != []


def test_declared_lower_bounds_are_the_oldest_versions_that_are_tested():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = {}
    for line in [*project["dependencies"], *extras["cluster"], *extras["xdf"]]:
        requirement = Requirement(line)
        bounds = [part for part in requirement.specifier if part.operator == ">="]
        declared[requirement.name] = [Version(part.version) for part in bounds]
    lines = (PROJECT / "constraints" / "oldest.txt").read_text("utf-8").splitlines()
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    assert declared == {name: [Version(version)] for name, version in pins}


def test_versions_agree():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    citation = (PROJECT / "CITATION.cff").read_text("utf-8").splitlines()
    changelog = (PROJECT / "CHANGELOG.md").read_text("utf-8")
    assert eegkd.__version__ == project["version"]
    assert f"version: {project['version']}" in citation
    assert f"## [{project['version']}]" in changelog
