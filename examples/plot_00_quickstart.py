"""
From a dataset to a student on a headband
=========================================

A teacher reads all 64 electrodes of a *simulated* motor-imagery dataset, a student
reads the four of a headband. The student is trained twice: alone, and taught by
similarity-keeping distillation. Nothing is downloaded.
"""

# %%
# One call trains and tests all three, for each subject. Training sees the first
# session, testing the second. ``--dataset`` takes any set of MOABB that has the
# headband's electrodes (Fz, C5, C6 and POz).
import argparse
from pathlib import Path

import eegkd

parser = argparse.ArgumentParser(description="From a dataset to a student.")
parser.add_argument("--dataset", default="SimulatedMotorImagery", help="of MOABB")
parser.add_argument("--subjects", type=int, nargs="+", help="by default 1 to 4")
parser.add_argument("--max-epochs", type=int, help="instead of the recipe's")
parser.add_argument("--quick", action="store_true", help="a few epochs, to try it")
parser.add_argument("--output", type=Path, default=Path("demo"), help="folder")
arguments = parser.parse_args()
subjects = arguments.subjects or ([1] if arguments.quick else [1, 2, 3, 4])

result = eegkd.fit(
    arguments.dataset,
    montage="headband",
    subjects=subjects,
    max_epochs=arguments.max_epochs or (3 if arguments.quick else "auto"),
    n_jobs=1 if arguments.quick else 2,
)

# %%
# The table says what the electrodes cost and what the teacher gives back. A few
# subjects and one seed show how it works; they do not show that one way is better.
print(result.describe())

# %%
# The student is an ordinary scikit-learn classifier. It accepts all electrodes or only
# its own, by name.
trials = eegkd.load_trials(arguments.dataset, subjects=subjects[:1])
student = result.students[str(subjects[0]), 0]
headband = trials.to_epochs().pick(list(student.decoder_.view.ch_names))
print(f"First labels from {headband.ch_names}: {student.predict(headband[:3])}")

# %%
# Everything is kept: tables, models (safetensors and JSON) and a report to look at.
folder = result.save(arguments.output)
report = result.report(folder / "report.html")
figure = result.plot()
figure.savefig(folder / "scores.png", dpi=150)
print(
    f"Scores and models: {folder}/\nFigure: {folder / 'scores.png'}\n"
    f"Report: {report}\nLoad it again with eegkd.load({str(folder)!r})"
)
