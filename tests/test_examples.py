"""Each example runs as a script, on simulated data, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from .conftest import PROJECT

EXAMPLES = sorted((PROJECT / "examples").glob("*.py"))


def test_there_are_examples():
    assert EXAMPLES


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_example_runs(file, tmp_path):
    quick = ["--subjects", "1", "--max-epochs", "2", "--output", "out"]
    done = subprocess.run(
        [sys.executable, str(file), *quick],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "simulated" in done.stdout
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"report.html", "scores.csv", "scores.png", "models"} <= written
