"""
A teacher of your own
=====================

You have a network that works on all electrodes of a cap, trained in your own code, and
want a decoder for a headphone. Your network becomes the teacher as it is. This page
shows how, and goes on to a teacher of another architecture, to several teachers at
once, and to one teacher for several students. The EEG is *simulated*.
"""

# %%
# Trials. The first session of each subject is for training, the last for testing. A
# teacher must not have seen the trials that its students are tested on: split first,
# and train it on the same part as the students.
import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

import eegkd
from eegkd.evaluation.splits import held_out
from eegkd.report import plot_items

parser = argparse.ArgumentParser(description="A teacher of your own.")
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

trials = eegkd.load_trials(arguments.dataset, subjects=subjects)
is_test, rule = held_out(trials.metadata, trials.y)
print(f"{trials}\nTested on {rule}.")


def of_person(subject):
    """Return training and test trials of one subject."""
    own = (trials.metadata["subject"] == subject).to_numpy()
    return trials.subset(own & ~is_test), trials.subset(own & is_test)


# %%
# Your network. Nothing here knows of eegkd: a module of torch that maps signals
# (trials, electrodes, samples) to a score for each class, and a training loop. This one
# reads microvolts, filters in time and over electrodes, and takes the logarithm of the
# power.


class BandPower(nn.Module):
    """Filters in time and space, and the power of what they let through."""

    def __init__(self, n_chans, n_classes, n_filters=6, n_sources=10):
        super().__init__()
        self.time = nn.Conv2d(1, n_filters, (1, 25), padding="same")
        self.space = nn.Conv2d(n_filters, n_sources, (n_chans, 1), bias=False)
        self.norm = nn.BatchNorm2d(n_sources)
        self.drop = nn.Dropout(0.3)
        self.classify = nn.Linear(n_sources * 4, n_classes)

    def forward(self, x):
        """Return a score for each class."""
        x = self.norm(self.space(self.time(x[:, None])))
        power = nn.functional.adaptive_avg_pool2d(x**2, (1, 4))  # in four parts
        return self.classify(self.drop(power.clamp(min=1e-6).log().flatten(1)))


def train_yourself(train, n_epochs=1 if arguments.quick else 20):
    """Train the network on microvolts, without eegkd."""
    torch.manual_seed(0)
    X = torch.as_tensor(1e6 * train.X)
    y = torch.as_tensor(np.searchsorted(train.classes, train.y))
    network = BandPower(train.n_chans, len(train.classes))
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3, weight_decay=1e-3)
    for _ in range(n_epochs):
        for batch in torch.randperm(len(X)).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(X[batch]), y[batch]).backward()
            optimizer.step()
    return network


train, test = of_person(subjects[0])
network = train_yourself(train)

# %%
# Your network as a classifier of eegkd. It has to be told what a file of weights does
# not say: which output is which class, which channels it reads in which order, and in
# which unit: ``scale=1e-6`` says microvolts. The network is copied, and the copy is
# never trained.


def wrap(network, train):
    """Return a trained network as a fitted classifier."""
    return eegkd.DecoderClassifier.from_network(
        network,
        classes=train.classes,
        ch_names=train.ch_names,
        n_times=train.n_times,
        sfreq=train.sfreq,
        center=0,
        scale=1e-6,
    )


mine = wrap(network, train)
own_code = network.eval()(torch.as_tensor(1e6 * test.X)).argmax(dim=1)
same = (test.classes[own_code.numpy()] == mine.predict(test)).mean()
print(f"{mine.decoder_}\nAnswers as in your own code: {same:.0%} of the test trials")

# %%
# One teacher, fitted once, for several students. A fitted classifier is used as it is,
# so that another montage or method costs the student's training alone. ``sk_kd``
# compares the layer before the scores, which is found in any network; methods that
# compare further layers are told their names (``taps=["norm", "classify"]``).
MONTAGES = ["headphone", "headband"]


def teach(train, montage, teacher, method="sk_kd", **options):
    """Return a student on a montage."""
    student = eegkd.DistilledClassifier(
        montage, method, teacher, method_options=options or None, max_epochs=epochs
    )
    return student.fit(train)


for montage in MONTAGES:
    student = teach(train, montage, mine)
    print(f"{montage:<10} {student.score(test, test.y):.3f} of subject {subjects[0]}")

# %%
# Teachers of other architectures, and several at once. A teacher may be any decoder
# that eegkd knows (``eegkd.list_decoders()``), and need not have all electrodes. Fit it
# yourself, as here, or give it unfitted: then it is trained inside ``fit``. A list of
# teachers goes to a method whose card says "several"; ``ca_mkd`` trusts, for each
# trial, the teacher that is more certain of the label.
#
# All of this for each subject; "none" is the student without a teacher.


def compare(subject):
    """Yield the score of every teacher and student of one subject."""
    train, test = of_person(subject)
    sccnet = eegkd.DecoderClassifier(decoder="SCCNet", max_epochs=epochs).fit(train)
    teachers = {"BandPower": wrap(train_yourself(train), train)}
    teachers["SCCNet"] = sccnet
    for name, teacher in teachers.items():
        yield "teacher", name, "all", teacher.score(test, test.y)
    for montage in MONTAGES:
        ways = {"none": teach(train, montage, None, "none")}
        for name, teacher in teachers.items():
            ways[f"taught by {name}"] = teach(train, montage, teacher)
        both = list(teachers.values())
        ways["taught by both"] = teach(train, montage, both, "ca_mkd")
        for name, student in ways.items():
            yield "student", name, montage, student.score(test, test.y)


rows = [(*row, subject) for subject in subjects for row in compare(subject)]
columns = ["kind", "method", "montage", "score", "subject"]
scores = pd.DataFrame(rows, columns=columns)
scores.to_csv(folder / "scores.csv", index=False)
means = scores.groupby(["kind", "montage", "method"], sort=False)["score"].mean()
print(means.round(3).to_string())

# %%
# The figure. Each dot is one subject, so that one sees how far subjects lie apart. With
# so few of them and one seed it does not say which teacher is the better one:
# ``eegkd.benchmark`` is for that. Look first whether a teacher is better than the
# student without one: who is taught by a poor teacher may follow it down.
table = scores.assign(dataset=trials.name, evaluation="own teachers", decoder="")
note = {trials.name: "SIMULATED"} if trials.simulated else {}


def draw(montage):
    """Draw the teachers and the students of one montage."""
    shown = table[table["montage"].isin(["all", montage])]
    shown = shown.replace({"montage": {"all": "full"}})
    return plot_items(shown, chance=1 / len(trials.classes), remarks=note)


headphone = draw("headphone")
headphone.savefig(folder / "headphone.png", dpi=150)

# %%
headband = draw("headband")
headband.savefig(folder / "headband.png", dpi=150)
print(f"Scores and figures: {folder}/")
