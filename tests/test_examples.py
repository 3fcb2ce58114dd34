"""Each example runs as the gallery and its readers run it, only quicker."""

from __future__ import annotations

import ast
import runpy
import sys

import matplotlib as mpl
import mne
import pytest
from matplotlib import pyplot as plt

from .conftest import PROJECT

FOLDER = PROJECT / "examples"
EXAMPLES = sorted(FOLDER.glob("plot_*.py"))

each = pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)


def listing():
    """Return what is in the folder of the examples beside the scripts."""
    return {path for path in FOLDER.rglob("*") if path.suffix not in (".py", ".pyc")}


@pytest.fixture
def _as_before():
    """Undo what a script may set for the whole process."""
    backend = mpl.get_backend()
    level = mne.set_log_level("WARNING", return_old_level=True)
    mpl.use("agg")
    yield
    plt.close("all")
    mpl.use(backend)
    mne.set_log_level(level)


def test_examples_are_numbered_and_there_are_no_other_scripts():
    assert set(FOLDER.glob("*.py")) == set(EXAMPLES)
    numbers = [file.stem.split("_")[1] for file in EXAMPLES]
    assert "00" in numbers
    assert len(set(numbers)) == len(numbers)


@each
def test_example_has_what_the_gallery_needs(file):
    text = file.read_text(encoding="utf-8")
    title, line, blank, *prose = ast.get_docstring(ast.parse(text)).splitlines()
    assert title
    assert line == "=" * len(title)
    assert blank == ""
    assert "simulated" in " ".join(prose).lower()
    # The gallery runs cells, not a file: these are empty or missing there.
    names = {node.id for node in ast.walk(ast.parse(text)) if hasattr(node, "id")}
    assert not names & {"__doc__", "__file__"}


@each
def test_example_has_the_options_of_all(file, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(file), "--help"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(str(file), run_name="__main__")
    said = capsys.readouterr().out
    assert {"--quick", "--output"} <= set(said.replace("]", " ").split())
    assert "--dataset" in said or "--files" in said


@each
@pytest.mark.timeout(400)
@pytest.mark.usefixtures("_as_before")
def test_example_runs_and_writes_below_its_output_alone(
    file, tmp_path, monkeypatch, capsys
):
    before = listing()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(file), "--quick", "--output", "out"])
    runpy.run_path(str(file), run_name="__main__")
    assert "simulated" in capsys.readouterr().out.lower()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert listing() == before
    figures = list((tmp_path / "out").glob("*.png"))
    assert figures
    assert all(plt.imread(figure).std() > 0.01 for figure in figures)
