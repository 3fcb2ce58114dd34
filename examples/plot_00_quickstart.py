"""
From a dataset to a student on a headband
=========================================

A teacher reads all 64 electrodes of a *simulated* motor-imagery dataset, a student
reads the four of a headband. The student is trained twice: alone, and taught by
similarity-keeping distillation. Nothing is downloaded.
"""

# %%
# One call trains and tests all three, for each person. Training sees the first
# session, testing the second.
import argparse
from pathlib import Path

import eegkd

parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
parser.add_argument("--output", type=Path, default=Path("demo"), help="folder")
parser.add_argument("--subjects", type=int, nargs="+", default=[1, 2, 3, 4])
parser.add_argument("--max-epochs", type=int, default=100)
arguments = parser.parse_args()

result = eegkd.fit(
    "SimulatedMotorImagery",
    montage="headband",
    subjects=arguments.subjects,
    max_epochs=arguments.max_epochs,
    lr=2e-3,  # fewer, larger steps than the published 500 passes at 5e-4
    n_jobs=2,
)

# %%
# The table says what the electrodes cost and what the teacher gives back. A few
# persons and one seed show how it works; they do not show that one way is better.
print(result.describe())

# %%
# The student is an ordinary scikit-learn classifier. It accepts all electrodes or only
# its own, by name.
trials = eegkd.load_trials("SimulatedMotorImagery", subjects=arguments.subjects[:1])
student = result.students[str(arguments.subjects[0]), 0]
headband = trials.to_epochs().pick(list(student.decoder_.view.ch_names))
print(f"\nFirst labels from {headband.ch_names}: {student.predict(headband[:3])}")

# %%
# Everything is kept: tables, models (safetensors and JSON) and a report to look at.
folder = result.save(arguments.output)
report = result.report(folder / "report.html")
figure = folder / "scores.png"
result.plot().savefig(figure, dpi=150)
print(
    f"\nScores and models: {folder}/\nFigure: {figure}\nReport: {report}\n"
    f"Load it again with eegkd.load({str(folder)!r})"
)
