"""`FitResult`: what a fit gave, as tables, models, text, folder and report."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eegkd._checks import check_folder
from eegkd.data.paradigms import find_paradigm
from eegkd.evaluation.metrics import (
    METRICS,
    chance_level,
    judged_metric,
    metric_title,
)
from eegkd.evaluation.statistics import (
    ROLES,
    effective_trials,
    judge_chance,
    summarize,
)
from eegkd.evaluation.wording import NOTHING_TO_TEACH, chance_sentence
from eegkd.persistence import FORMAT, load_classifier, read_json, save_classifier

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from eegkd.estimators import DecoderClassifier, DistilledClassifier

RESULT_FILE = "result.json"
TABLES = ("scores", "history", "predictions")


@dataclass
class FitResult:
    """Teachers, students and what they score; made by `eegkd.fit` and `eegkd.load`.

    Parameters
    ----------
    scores : DataFrame
        One row for each subject, seed and role: ``subject``, ``seed``, ``role``,
        ``method``, ``montage``, ``n_chans``, ``n_trials`` (tested), ``accuracy``,
        ``balanced_accuracy``, ``kappa``, ``roc_auc``, ``calibration_error``,
        ``log_loss`` and ``brier_score``. The
        roles are "teacher" (all electrodes), "baseline" (the student's electrodes,
        no teacher) and "student" (the same, taught).
    students, baselines, teachers : dict of (subject, seed) -> classifier
        Fitted classifiers. Pooled training has the subject "all".
    history : DataFrame
        Losses of each epoch: ``subject``, ``seed``, ``role``, ``epoch`` and losses.
    predictions : DataFrame
        One row for each test trial, seed and role: ``subject``, ``seed``, ``role``,
        ``label`` and ``predicted``.
    example : dict of str -> ndarray
        Similarities between test trials of the first subject and seed, as teacher,
        baseline and student see them, and the ``labels`` of these trials.
    settings : dict
        Everything that was set, and the versions of the packages.
    failures : dict of (subject, seed) -> str
        Tracebacks of what failed; the rest is complete.
    interrupted : bool
        Whether Ctrl-C ended the work early.
    """

    scores: pd.DataFrame
    students: dict[tuple[str, int], DistilledClassifier]
    baselines: dict[tuple[str, int], DistilledClassifier]
    teachers: dict[tuple[str, int], DecoderClassifier]
    history: pd.DataFrame
    predictions: pd.DataFrame
    example: dict[str, np.ndarray]
    settings: dict[str, Any]
    failures: dict[tuple[str, int], str] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def student(self) -> DistilledClassifier:
        """The student with the lowest validation loss over all subjects and seeds.

        Chosen without the test trials. Students of single subjects are in
        ``students``.
        """
        return min(self.students.values(), key=lambda model: model.history_.best_loss)

    @property
    def metric(self) -> str:
        """The metric of the paradigm: "roc_auc" for P300, "accuracy" elsewhere.

        Results that do not say of which paradigm they are count as motor imagery.
        """
        return find_paradigm(self.settings.get("paradigm")).metric

    def summary(self, metric: str | None = None) -> pd.DataFrame:
        """Return one row for each role: mean, interval, share of the teacher, test.

        Parameters
        ----------
        metric : str, optional
            A metric column of ``scores``; by default the paradigm's, see `metric`.

        Returns
        -------
        summary : DataFrame
            ``mean``, ``low`` and ``high`` (95 % interval over subjects, seeds
            averaged first), ``of_teacher`` (share of the teacher's mean), and, for
            the student, ``vs_baseline`` (mean difference) and ``p_value`` (paired
            permutation test over subjects).
        """
        return summarize(self.scores, metric or self.metric)

    def against_chance(self) -> pd.DataFrame:
        """Return for each role whether it is shown to do more than guess.

        Returns
        -------
        judged : DataFrame, indexed by role
            ``metric`` that was tested (balanced accuracy in the place of accuracy),
            ``chance``, ``n_subjects``, ``mean``, ``n_effective`` (what the test trials
            of all subjects are worth, see
            `eegkd.evaluation.statistics.effective_trials`), ``p_value`` (one-sided,
            over test trials, see `eegkd.evaluation.statistics.chance_test`), ``p_holm``
            (corrected for the number of roles), ``above`` (``p_holm`` < 0.05) and
            ``possible`` (whether a perfect score would be).
        """
        kind, n_classes = self.settings.get("paradigm"), len(self.settings["classes"])
        metric = judged_metric(kind)
        # Tables made by hand may have accuracy only.
        column = metric if metric in self.scores else self.metric
        table = (
            self.scores.groupby(["role", "subject"], sort=False)[column]
            .mean()
            .reset_index()
            .rename(columns={"role": "item", column: "score"})
        )
        worth = {
            subject: effective_trials(own.loc[_first_run(own), "label"].to_numpy())
            for subject, own in self.predictions.groupby("subject")
        }
        table["n_effective"] = table["subject"].map(worth)
        judged = judge_chance(table, n_classes, metric)
        judged.index.name = "role"
        judged.insert(0, "metric", metric)
        judged.insert(1, "chance", chance_level(kind, n_classes, metric))
        return judged.reindex([role for role in ROLES if role in judged.index])

    def at_chance(self) -> str:
        """Return which roles are not shown to do more than guess, in words.

        Returns
        -------
        text : str
            A sentence or two, empty where all roles are above chance.
        """
        judged = self.against_chance()
        below = judged[~judged["above"]]
        chance = chance_level(
            self.settings.get("paradigm"), len(self.settings["classes"])
        )
        text = chance_sentence(
            [f"the {role}" for role in below.index],
            f"{metric_title(self.metric)} {chance:.3f}",
            n_effective=None
            if below["possible"].any()
            else float(below["n_effective"].max()),
        )
        if "teacher" in below.index and len(below) < len(judged):
            text += f" {NOTHING_TO_TEACH}"
        return text

    def describe(self, metric: str | None = None) -> str:
        """Return the scores and what they allow one to say, as text for a terminal.

        Parameters
        ----------
        metric : str, optional
            A metric column of ``scores``; by default the paradigm's.

        Returns
        -------
        text : str
            A table by role, the comparison of student and baseline, and which roles
            are not shown to do more than guess.
        """
        settings = self.settings
        summary = self.summary(metric)
        metric = metric or self.metric
        name, wide = metric_title(metric), max(len(metric_title(metric)), 8)
        least, most = METRICS[metric].bounds
        n_subjects = self.scores["subject"].nunique()
        lines = [
            f"{settings['dataset']}{' (simulated)' if settings['simulated'] else ''}, "
            f"{n_subjects} subject(s), {len(settings['seeds'])} seed(s), "
            f"evaluation {settings['evaluation']}; tested on {settings['test']}.",
            "",
            f"{'role':<10}{'method':<10}{'montage':<14}{'chans':>5}  "
            f"{name:>{wide}}  {'95 % over subjects':<18}  {'of teacher':>10}",
        ]
        for role, row in summary.iterrows():
            interval = (
                f"{max(row['low'], least):.3f} to {min(row['high'], most):.3f}"
                if row["low"] == row["low"]
                else "one subject"
            )
            lines.append(
                f"{role:<10}{row['method']:<10}{row['montage']:<14}"
                f"{row['n_chans']:>5}  {row['mean']:>{wide}.3f}  {interval:<18}  "
                f"{_share(row['of_teacher']):>10}"
            )
        if "p_value" in summary and n_subjects > 1:
            student = summary.loc["student"]
            lines += [
                "",
                f"Student minus baseline: {student['vs_baseline']:+.3f}, paired "
                f"permutation test over {n_subjects} subjects p = "
                f"{student['p_value']:.3f}.",
            ]
        if at_chance := self.at_chance():
            lines += ["", at_chance]
        if settings["replaced_electrodes"]:
            lines += ["", settings["replaced_electrodes"]]
        return "\n".join(lines)

    def plot(self, metric: str | None = None) -> Figure:
        """Draw the scores: a line for each subject, intervals beside it.

        Parameters
        ----------
        metric : str, optional
            A metric column of ``scores``; by default the paradigm's.

        Returns
        -------
        figure : matplotlib.figure.Figure
            The figure; ``figure.savefig(file)`` writes it.
        """
        from eegkd.report import plot_scores

        metric = metric or self.metric
        n_classes = len(self.settings["classes"])
        figure = plot_scores(
            self.scores,
            metric=metric,
            chance=chance_level(self.settings.get("paradigm"), n_classes, metric),
        )
        if self.settings["simulated"]:  # a saved figure has no page around it
            title = f"SIMULATED: {self.settings['dataset']}"
            # Above the legend, which stands on the frame.
            figure.axes[0].set_title(title, loc="left", weight="bold", size=11, pad=24)
        return figure

    def save(self, folder: str | Path) -> Path:
        """Write scores, models and settings to a folder that `eegkd.load` reads.

        Parameters
        ----------
        folder : str or path
            Created if needed.

        Returns
        -------
        folder : Path
            The folder.
        """
        from safetensors.numpy import save_file

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        models = []
        for role, found in self.by_role().items():
            for (subject, seed), classifier in found.items():
                who = subject.replace("/", "_")  # folds of a session
                name = f"{role}_subject-{who}_seed-{seed}"
                save_classifier(classifier, folder / "models" / name)
                models.append(
                    {"role": role, "subject": subject, "seed": seed, "name": name}
                )
        for table in TABLES:
            getattr(self, table).to_csv(folder / f"{table}.csv", index=False)
        save_file(
            {
                name: np.ascontiguousarray(value)
                for name, value in self.example.items()
                if name != "labels"
            },
            folder / "example.safetensors",
        )
        described = {
            "format": FORMAT,
            "settings": self.settings,
            "models": models,
            "example_labels": self.example["labels"].tolist(),
            "failures": [[*key, text] for key, text in self.failures.items()],
            "interrupted": self.interrupted,
        }
        # Last: a folder without it was not written to the end.
        (folder / RESULT_FILE).write_text(
            json.dumps(described, indent=1), encoding="utf-8"
        )
        return folder

    def by_role(self) -> dict[str, dict[tuple[str, int], Any]]:
        """Return the classifiers by role, then by subject and seed.

        Returns
        -------
        models : dict of str -> dict
            The attributes ``teachers``, ``baselines`` and ``students``.
        """
        return {
            "teacher": self.teachers,
            "baseline": self.baselines,
            "student": self.students,
        }

    def report(self, file: str | Path) -> Path:
        """Write one self-contained HTML page.

        Parameters
        ----------
        file : str or path
            Ends in ``.html``.

        Returns
        -------
        file : Path
            The file.
        """
        from eegkd.report import write_report

        return write_report(self, file)

    def __repr__(self) -> str:
        means = self.scores.groupby("role")[self.metric].mean()
        parts = [f"{role} {means[role]:.3f}" for role in ROLES if role in means]
        kind = ", simulated" if self.settings.get("simulated") else ""
        return (
            f"<FitResult | {self.settings['dataset']}{kind}, montage "
            f"{self.settings['montage']['name']}: mean {metric_title(self.metric)} "
            f"{', '.join(parts)}>"
        )


def _first_run(predictions: pd.DataFrame) -> pd.Series:
    """Return which rows are of the first role and seed: all test the same trials."""
    first = predictions.iloc[0]
    return predictions["role"].eq(first["role"]) & predictions["seed"].eq(first["seed"])


def _share(value: float) -> str:
    """Return a share of the teacher's mean as text."""
    return f"{value:.0%}" if np.isfinite(value) else "-"


def load(folder: str | Path, decoders: dict[str, Any] | None = None) -> FitResult:
    """Read what `FitResult.save` wrote.

    Parameters
    ----------
    folder : str or path
        Folder that was saved to.
    decoders : dict of str -> callable, optional
        Networks of your own that were trained, by name; braindecode's are known.

    Returns
    -------
    result : FitResult
        The same scores, and classifiers that predict the same.

    Raises
    ------
    FileNotFoundError
        If the folder or a file of it is missing.
    ValueError
        If a file is damaged or was not written by `FitResult.save`.
    """
    import pandas as pd
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    folder = check_folder(folder, "folder")
    saved = read_json(folder / RESULT_FILE, "a result of eegkd", {"settings", "models"})
    models: dict[str, dict[tuple[str, int], Any]] = {}
    for entry in saved["models"]:
        key = (entry["subject"], entry["seed"])
        models.setdefault(entry["role"], {})[key] = load_classifier(
            folder / "models" / entry["name"], decoders
        )
    for key, student in models["student"].items():
        student.teacher_ = models.get("teacher", {}).get(key)
    try:
        tables = {name: pd.read_csv(folder / f"{name}.csv") for name in TABLES}
        tables["history"]["subject"] = tables["history"]["subject"].astype(str)
        example = load_file(folder / "example.safetensors")
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"'folder' {str(folder)!r} is incomplete: {error}. Copy it again."
        ) from error
    except (SafetensorError, ValueError) as error:
        raise ValueError(
            f"'folder' {str(folder)!r} is damaged: {error}. Copy it again."
        ) from error
    return FitResult(
        **tables,
        students=models["student"],
        baselines=models.get("baseline", {}),
        teachers=models.get("teacher", {}),
        example={**example, "labels": np.array(saved["example_labels"])},
        settings=saved["settings"],
        failures={(who, seed): text for who, seed, text in saved["failures"]},
        interrupted=saved["interrupted"],
    )


def versions() -> dict[str, str]:
    """Return the version of Python and of each package that results depend on."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in (
        "eegkd",
        "torch",
        "braindecode",
        "moabb",
        "mne",
        "numpy",
        "scipy",
        "scikit-learn",
        "pyriemann",
    ):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
