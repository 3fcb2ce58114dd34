"""Build the source archive and the wheel, and try both where nothing else is.

The source archive must hold what is under version control of the folders that
pyproject.toml names, and nothing else. The wheel is built from it, installed into an
empty environment, and asked for what needs no data.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
WORK = PROJECT / "build" / "release"
SMOKE = """
import eegkd
import braindecode.models
assert "site-packages" in eegkd.__file__, eegkd.__file__
assert eegkd.load_montage("headband").ch_names
print("eegkd", eegkd.__version__, eegkd.DistilledClassifier(montage="headband"))
"""


def run(*command: str | Path, cwd: Path = PROJECT) -> str:
    """Run a command, stop where it fails, and return what it printed."""
    print("$", *command, flush=True)
    environment = {
        name: text for name, text in os.environ.items() if name != "PYTHONPATH"
    }
    done = subprocess.run(
        command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{done.stdout}\nended with status {done.returncode}")
    return done.stdout


def check_contents(archive: Path) -> None:
    """Compare a source archive with the files under version control."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    roots = settings["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    tracked = run("git", "ls-files", *(root[1:] for root in roots)).splitlines()
    always = {"LICENSE", "PKG-INFO", "README.md", "pyproject.toml", ".gitignore"}
    with tarfile.open(archive) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    missing, foreign = set(tracked) - names, names - set(tracked) - always
    if missing or foreign:
        sys.exit(f"{archive.name} lacks {sorted(missing)}, has {sorted(foreign)}")
    print(f"{archive.name}: {len(names)} files, all under version control")


def main() -> None:
    """Build, check, install and try."""
    shutil.rmtree(WORK, ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", WORK)
    (archive,) = WORK.glob("*.tar.gz")
    (wheel,) = WORK.glob("*.whl")
    check_contents(archive)
    venv.create(WORK / "env", with_pip=True)
    programs = WORK / "env" / "bin"
    run(
        programs / "python", "-m", "pip", "install", "--quiet", "-c",
        PROJECT / "constraints" / "cpu.txt", wheel,
    )  # fmt: skip
    run(programs / "python", "-m", "pip", "check", cwd=WORK)
    run(programs / "eegkd", "--help", cwd=WORK)
    print(run(programs / "eegkd", "montages", cwd=WORK))
    print(run(programs / "python", "-c", SMOKE, cwd=WORK))
    print(f"{wheel.name} and {archive.name} are good, in {WORK}")


if __name__ == "__main__":
    main()
