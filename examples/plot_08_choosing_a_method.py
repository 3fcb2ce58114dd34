"""
Choosing a method
=================

There are some fifty ways of teaching a student. This page goes from the questions
that leave few of them to a comparison of those few. Everything is chosen on the
training session; the test session is read once, at the end, for what was chosen. The
EEG is *simulated*.
"""

# %%
# Every method has a card: what it transfers, which teachers it needs, when to use it,
# what it cannot do, and its reference. ``eegkd methods NAME`` prints the same in a
# terminal.
import argparse
import tempfile
from collections import Counter
from pathlib import Path

import eegkd

parser = argparse.ArgumentParser(description="Choosing a method.")
parser.add_argument("--dataset", default="SimulatedMotorImagery", help="of MOABB")
parser.add_argument("--subjects", type=int, nargs="+", help="by default 1 to 3")
parser.add_argument("--max-epochs", type=int, help="instead of the recipe's")
parser.add_argument("--quick", action="store_true", help="a few epochs, to try it")
parser.add_argument("--output", type=Path, help="folder, by default a temporary one")
arguments = parser.parse_args()
folder = arguments.output or Path(tempfile.mkdtemp(prefix="eegkd-"))
folder.mkdir(parents=True, exist_ok=True)
subjects = arguments.subjects or ([1] if arguments.quick else [1, 2, 3])
epochs = arguments.max_epochs or (1 if arguments.quick else "auto")

card = eegkd.METHODS["rkd"].card
for field in "title transfers teacher reference composition use limits".split():
    print(f"{field:<12} {getattr(card, field)}")

# %%
# **First question: which teachers are there?** None: a student can teach itself, or
# learn beside a peer. One: most methods. Several, of other subjects, networks or
# headsets: some methods weigh them for each trial.
kinds = Counter(method.card.teacher for method in eegkd.METHODS.values())
for kind, number in kinds.items():
    able = [name for name, m in eegkd.METHODS.items() if m.card.teacher == kind]
    print(f"{kind:<8} {number:>3}  {', '.join(able[:6])}{', ...' * (number > 6)}")

# %%
# **Second question: how many classes?** With two, the scores of a teacher say how sure
# it is and nothing else; there are no other classes of which one could be likelier than
# another. Methods that compare layers, or relations between trials, have more to pass
# on. The number of classes is known before anything is trained.
trials = eegkd.load_trials(arguments.dataset, subjects=subjects)
print(trials)
two = len(trials.classes) == 2
candidates = ["none", "kd" if not two else "pkt", "sk_kd", "rkd", "smoothed_labels"]
for name in candidates:
    print(f"{name:<16} {eegkd.METHODS[name].card.transfers}")

# %%
# Two of these are there to be beaten. ``none`` is the student without a teacher.
# ``smoothed_labels`` has labels as soft as the teacher's answers, but without what the
# teacher knows: whoever is not better than that has smoothed, not taught.
#
# **Third question: what does it do here?** The candidates are compared on the first
# session alone, whose last run stands for the test. The other session is not touched.
first = trials.metadata.groupby("subject")["session"].transform("first")
training_days = trials.subset((trials.metadata["session"] == first).to_numpy())
results = eegkd.benchmark(
    training_days,
    montages="headband",
    methods=candidates,
    test="auto",  # the last third of the runs, since there is one session now
    n_seeds=1 if arguments.quick else 2,
    n_jobs=1 if arguments.quick else 2,
    max_epochs=epochs,
    store=folder / "choice.sqlite",
)
print(results.describe())

# %%
# Dots are subjects. Whoever reads a ranking from this figure reads noise: with so few
# subjects no difference can reach p < 0.05, and the text above says so. It can show
# that a method breaks down on these data, which is reason enough to leave it out.
validation = results.plot_scores()
validation.savefig(folder / "validation.png", dpi=150)

# %%
# **Fourth question: what does it cost?** Seconds to train one student, without its
# teacher, which is trained once for all of them. Methods that train assistants, augment
# trials or make new ones cost several times as much.
seconds = results.summary("train_seconds").set_index("method")["mean"]
print((seconds / seconds["none"]).round(2).rename("times none").to_string())

# %%
# Only now the test session, for the candidate with the highest mean. If that is
# ``none`` or the control, the honest choice is to have no teacher; the best of the
# others is shown here so that the page has something to show. The choice saw none of
# these trials, so that this score is not flattered by it.
taught = results.summary().query("kind == 'student'").set_index("method")["mean"]
taught = taught.drop(["none", "smoothed_labels"])
chosen = str(taught.idxmax())
result = eegkd.fit(trials, "headband", method=chosen, max_epochs=epochs)
print(f"Chosen: {chosen}\n{result.describe()}")

# %%
tested = result.plot()
tested.savefig(folder / "test.png", dpi=150)
results.report(folder / "choice.html")
print(f"Scores, figures and the report of the choice: {folder}/")
