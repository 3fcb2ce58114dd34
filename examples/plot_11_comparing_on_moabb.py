"""
Comparing on MOABB
==================

Numbers in the literature come from MOABB's evaluations. This page runs students of
eegkd inside one of them, beside pipelines that MOABB users know, then repeats it
with `eegkd.benchmark`, and sets the scores of both beside each other. The EEG is
*simulated*.
"""

# %%
# A dataset and a paradigm of MOABB. The simulated set is a MOABB dataset like any
# other. The band is wider than MOABB's 8 to 32 Hz for motor imagery, which networks
# want, and the same for everybody.
import argparse
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import mne
import pandas as pd
from moabb.evaluations import CrossSessionEvaluation
from moabb.paradigms import LeftRightImagery
from moabb.pipelines.utils import parse_pipelines_from_directory
from pyriemann.estimation import Covariances
from pyriemann.tangentspace import TangentSpace
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import eegkd
from eegkd.baselines.pipelines import EPOCHS_MARK, pipelines_folder
from eegkd.data import find_dataset

parser = argparse.ArgumentParser(description="Comparing on MOABB.")
parser.add_argument("--dataset", default="SimulatedMotorImagery", help="of MOABB")
parser.add_argument("--subjects", type=int, nargs="+", help="by default 1 to 3")
parser.add_argument("--max-epochs", type=int, help="instead of the recipe's")
parser.add_argument("--quick", action="store_true", help="a few epochs, to try it")
parser.add_argument("--output", type=Path, help="folder, by default a temporary one")
arguments = parser.parse_args()
folder = arguments.output or Path(tempfile.mkdtemp(prefix="eegkd-"))
folder.mkdir(parents=True, exist_ok=True)
mne.set_log_level("WARNING")

dataset = find_dataset(arguments.dataset)
dataset.subject_list = arguments.subjects or ([1] if arguments.quick else [1, 2, 3])
simulated = getattr(dataset, "simulated", False)
paradigm = LeftRightImagery(fmin=4, fmax=38, resample=125)

# %%
# Pipelines come as files in MOABB's own format: a student for each method and montage,
# and the classical decoders on the same electrodes. ``pipelines_folder()`` writes
# them, for ``moabb.benchmark``; here two methods on one montage are enough.
print(len(list(Path(pipelines_folder()).glob("*.yml"))), "files")
epochs = arguments.max_epochs or (1 if arguments.quick else None)
training = {"max_epochs": epochs} if epochs else {}  # else the default recipe's
written = pipelines_folder(
    folder / "pipelines", montage="headphone", methods=["none", "sk_kd"], **training
)
print(Path(written, "sk_kd_covariancenet_headphone.yml").read_text(encoding="utf-8"))

# %%
# MOABB's evaluation: each session is tested by what was learned on the other one. Ours
# need channel names, so that they find their electrodes: ``return_epochs=True``. In
# each fold the teacher is trained anew, on all electrodes of the training session.
NAMES = {  # in MOABB's file, and in eegkd
    "CovarianceNet full": ("teacher", "full"),
    "No teacher CovarianceNet headphone": ("none", "headphone"),
    "SK-KD CovarianceNet headphone": ("sk_kd", "headphone"),
    "CSP + LDA headphone": ("csp_lda", "headphone"),
    "Tangent space + LR headphone": ("ts_lr", "headphone"),
    "TS + LR for arrays, full": ("ts_lr", "full"),  # not in a file, see below
}


def in_moabb(pipelines, **options):
    """Return MOABB's scores of some pipelines."""
    evaluation = CrossSessionEvaluation(
        paradigm=paradigm,
        datasets=[dataset],
        random_state=42,
        hdf5_path=str(folder / "moabb"),
        suffix=f"eegkd-{eegkd.__version__}",
        overwrite=True,
        **options,
    )
    return evaluation.process(pipelines)


ours = {
    config["name"].removesuffix(EPOCHS_MARK): config["pipeline"]
    for config in parse_pipelines_from_directory(written)
}
of_eegkd = in_moabb(
    {name: ours[name] for name in NAMES if name in ours}, return_epochs=True
)

# %%
# Pipelines for arrays are evaluated as they always are, on all electrodes.
of_others = in_moabb(
    {
        "TS + LR for arrays, full": make_pipeline(
            Covariances("oas"), TangentSpace(), LogisticRegression(max_iter=1000)
        )
    }
)
scores = pd.concat([of_eegkd, of_others])
print(scores.groupby("pipeline", sort=False)["score"].mean().round(3).to_string())

# %%
# The same with `eegkd.benchmark`, which writes every training to a store when it is
# finished, averages folds, then seeds, then subjects, and tests what follows. MOABB
# scores two classes by ROC-AUC, so this does too.
results = eegkd.benchmark(
    dataset,
    montages="headphone",
    methods=["none", "sk_kd"],
    baselines=["csp_lda", "ts_lr"],
    evaluation="cross_session",
    data={"paradigm": paradigm},
    n_seeds=1,
    n_jobs=1 if arguments.quick else 2,
    store=folder / "results.sqlite",
    **training,
)
print(results.describe("roc_auc"))
results.report(folder / "benchmark.html")

# %%
# Everything on one page: ``benchmark.html``. One of its figures, where each dot is a
# subject. They are few, and there is one seed: nothing is ranked here.
items = results.plot_scores("roc_auc")
items.savefig(folder / "scores.png", dpi=150)

# %%
# Both ways beside each other, a dot for each subject and pipeline. Classical decoders
# lie on the diagonal: same trials, same folds, nearly the same scores, and the tangent
# space that was put together for arrays is the one of eegkd. Networks lie near it.
# MOABB's trials hold one sample more at their end, which is enough to send the training
# of a network another way, as another seed would; how far apart the dots of one color
# lie is a measure of what one seed is worth.
here = results.by_subject("roc_auc")
here = here.set_index(["method", "montage", "subject"])["score"].sort_index()
there = scores.assign(subject=scores["subject"].astype(str))
there = there.groupby(["pipeline", "subject"])["score"].mean()
colors = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"]
both, ax = plt.subplots(figsize=(6.4, 4.8), layout="constrained")
for (name, item), color, marker in zip(NAMES.items(), colors, "osD^vX", strict=True):
    in_ours = here.loc[item]
    in_theirs = there.loc[name, in_ours.index.astype(str)]
    ax.scatter(in_theirs, in_ours, 50, color, marker=marker, label=name, alpha=0.8)
ax.axline((0.5, 0.5), slope=1, color="#8c8c8c", linewidth=1, zorder=0)
ax.set_xlabel("ROC-AUC in MOABB's CrossSessionEvaluation")
ax.set_ylabel("ROC-AUC in eegkd.benchmark")
ax.set_title(f"{'SIMULATED: ' * simulated}{dataset.code}", loc="left", weight="bold")
ax.legend(frameon=False, loc="upper left", fontsize=9)
ax.spines[["top", "right"]].set_visible(False)
both.savefig(folder / "both.png", dpi=150)
print("Wrote:", *sorted(path.name for path in folder.iterdir()))
