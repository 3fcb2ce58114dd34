"""`FitResult`: what a fit gave, as tables, models, text, folder and report."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eegkd._checks import check_folder, join_names
from eegkd.benchmark.results import Results
from eegkd.evaluation.metrics import chance_level, metric_title
from eegkd.evaluation.validation import (
    WAYS,
    disagreement,
    doubt,
    found_lines,
    minus_untaught,
)
from eegkd.evaluation.wording import fairly_trained
from eegkd.persistence import FORMAT, load_classifier, read_json, save_classifier

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from eegkd.estimators import DecoderClassifier, DistilledClassifier

RESULT_FILE = "result.json"
TABLES = ("scores", "planned", "validation", "history", "predictions")
MODELS = ("teachers", "untaught", "students")
TEXT = ("fold", "subject", "decoder", "key", "fingerprint")  # columns, even of digits


def _table() -> Any:
    """Return an empty table."""
    import pandas as pd

    return pd.DataFrame()


@dataclass(eq=False)
class FitResult(Results):
    """Scores, teachers and students; made by `eegkd.fit` and `eegkd.load`.

    A benchmark of one dataset, evaluation and montage that keeps its models: all that
    `Results` says of scores and jobs holds here as well.

    Parameters
    ----------
    scores, planned : DataFrame
        As in `Results`. The untaught student, which learned on the same trials and
        electrodes without a teacher, is of the method "none".
    failures, settings : dict
        As in `Results`; the settings are those of the student and of the data as well.
    interrupted : bool
        As in `Results`.
    students, untaught, teachers : dict of (fold, seed) -> classifier
        Fitted classifiers. A fold is named after the subject that it is for; of the
        evaluation "dependent" it is "all". With ``method="none"`` the students are the
        untaught ones, and there are no teachers.
    validation : DataFrame
        Columns of ``scores``, on training trials: those that were held out and chose
        the epoch, or, where none were, those that models trained once more on the rest
        were tested on. Empty without a method that teaches, or ``validate=False``.
    history : DataFrame
        Losses of each training epoch: ``fold``, ``seed``, ``kind``, ``method``,
        ``epoch`` and losses.
    predictions : DataFrame
        One row for each test trial, seed and model: ``fold``, ``subject``, ``seed``,
        ``kind``, ``method``, ``label`` and ``predicted``.
    example : dict of str -> ndarray
        Similarities between test trials of the first fold and seed, as its
        ``teachers``, ``untaught`` and ``students`` see them, and their ``labels``.
    """

    students: dict[tuple[str, int], DistilledClassifier] = field(default_factory=dict)
    untaught: dict[tuple[str, int], DistilledClassifier] = field(default_factory=dict)
    teachers: dict[tuple[str, int], DecoderClassifier] = field(default_factory=dict)
    validation: pd.DataFrame = field(default_factory=_table)
    history: pd.DataFrame = field(default_factory=_table)
    predictions: pd.DataFrame = field(default_factory=_table)
    example: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def student(self) -> DistilledClassifier:
        """The taught student with the lowest label loss of all folds and seeds.

        On validation trials; where none are held out, on training trials. Chosen
        without the test trials. Students of single subjects are in
        ``students``.
        """
        return self.best_student()

    @property
    def best(self) -> DistilledClassifier:
        """The student that validation prefers, untaught or taught.

        Validation trials of all folds and seeds say whether students should be taught;
        among those, it is the one with the lowest label loss. With one fold for
        each subject, the others are in ``students`` or ``untaught``, as ``preferred``
        says.

        Raises
        ------
        ValueError
            If there was no validation to tell.
        """
        taught = self.preferred != "none" or self.settings["method"] == "none"
        models = self.students if taught else self.untaught
        return min(models.values(), key=lambda model: model.history_.label_loss)

    @property
    def preferred(self) -> str:
        """The method that validation prefers: that of the taught students or "none".

        Its mean score must be higher than the untaught students'. The method "auto"
        has made this choice itself, in every fold.

        Raises
        ------
        ValueError
            If there was no validation to tell.
        """
        method = self.settings["method"]
        if method in ("none", "auto"):
            return method
        differences = self.minus_untaught().set_index("method")["difference"]
        if method not in differences:
            raise ValueError(
                "'validate' must be True for a student that validation prefers, but "
                "no validation was done. Call eegkd.fit(validate=True), or choose one "
                "of students and untaught."
            )
        return method if differences[method] > 0 else "none"

    def minus_untaught(self, metric: str | None = None) -> pd.DataFrame:
        """Return how much better than untaught students the others validate.

        Parameters
        ----------
        metric : str, optional
            A metric column of ``validation``; by default the paradigm's.

        Returns
        -------
        differences : DataFrame
            See `eegkd.evaluation.validation.minus_untaught`; without rows where there
            was no validation.
        """
        tables = self.tables._replace(scores=self.validation)
        metric = metric or self.metric
        return minus_untaught(tables, self.settings["method"], metric)

    def validation_lines(self) -> list[str]:
        """Return what validation says of teacher and student, in words.

        Returns
        -------
        lines : list of str
            Empty where there was no validation.
        """
        method, differences = self.settings["method"], self.minus_untaught()
        lines = self._choices() if method == "auto" else []
        if not len(differences):
            return lines
        known = self.settings["validation"]
        return [
            f"Validation, on {WAYS[known['way']]}.",
            *found_lines(differences, self.metric),
            *filter(None, [doubt(differences, self.metric)]),
            *filter(None, [disagreement(known["auto"], method)]),
            *lines,
        ]

    def _choices(self) -> list[str]:
        """Return what the method "auto" chose for each fold and seed, and why."""
        return [
            f"Fold {fold}, seed {seed}: {student.history_.notes['auto']['why']}"
            for (fold, seed), student in self.students.items()
            if "auto" in student.history_.notes
        ]

    def best_student(
        self, fold: str | None = None, seed: int | None = None
    ) -> DistilledClassifier:
        """Return the student with the lowest label loss.

        On validation trials; where none are held out, on training trials.

        Parameters
        ----------
        fold : str, optional
            Only of this fold: a subject, where the evaluation has one for each.
        seed : int, optional
            Only of this seed.

        Returns
        -------
        student : DistilledClassifier
            One of ``students``.

        Raises
        ------
        ValueError
            If there is none.
        """
        fitting = [
            model
            for key, model in self.students.items()
            if fold in (None, key[0]) and seed in (None, key[1])
        ]
        if not fitting:
            folds, seeds = (
                join_names(dict.fromkeys(key[part] for key in self.students), 80)
                for part in (0, 1)
            )
            raise ValueError(
                f"'fold' and 'seed' must name a student, got {fold!r} and {seed!r}. "
                f"Folds: {folds}; seeds: {seeds}. Leave one out for the best of all."
            )
        return min(fitting, key=lambda model: model.history_.label_loss)

    @property
    def metric(self) -> str:
        """The metric of the paradigm: "roc_auc" for P300, "accuracy" elsewhere.

        Results that do not say of which paradigm they are count as motor imagery.
        """
        return self.metric_of(self.settings["dataset"])

    def describe(self, metric: str | None = None) -> str:
        """Return scores and conclusions as text for a terminal.

        Parameters
        ----------
        metric : str, optional
            A metric column of ``scores``; by default the paradigm's.

        Returns
        -------
        text : str
            What was tested on, and what `Results.describe` says.
        """
        settings = self.settings
        lines = [
            f"Tested on {settings['test']}; montage {settings['montage']['name']} "
            f"({len(settings['montage']['ch_names'])} electrodes).",
            self._fairly(),
            super().describe(metric),
            "\n  ".join(self.validation_lines()),
        ]
        return "\n\n".join(filter(None, [*lines, settings["replaced_electrodes"]]))

    def _fairly(self) -> str:
        """Return how the untaught student was trained, where it is not as usual."""
        how = fairly_trained(self.settings.get("untaught"))
        return f"The untaught student was trained{how}." if how else ""

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
        for kind in MODELS:
            for (fold, seed), classifier in getattr(self, kind).items():
                name = f"{kind}/{fold.replace('/', '_')}_seed-{seed}"
                save_classifier(classifier, folder / "models" / name)
                models.append({"kind": kind, "fold": fold, "seed": seed, "name": name})
        for name in TABLES:
            table = getattr(self, name)
            if len(table.columns):
                table.to_csv(folder / f"{name}.csv", index=False)
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
            "failures": self.failures,
            "interrupted": self.interrupted,
        }
        # Last: a folder without it was not written to the end.
        (folder / RESULT_FILE).write_text(
            json.dumps(described, indent=1), encoding="utf-8"
        )
        return folder

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
        means = self.scores.groupby("method", sort=False)[self.metric].mean()
        parts = [f"{method} {mean:.3f}" for method, mean in means.items()]
        kind = ", simulated" if self.settings.get("simulated") else ""
        return (
            f"<FitResult | {self.settings['dataset']}{kind}, montage "
            f"{self.settings['montage']['name']}: mean {metric_title(self.metric)} "
            f"{', '.join(parts)}>"
        )


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
    models: dict[str, dict[tuple[str, int], Any]] = {kind: {} for kind in MODELS}
    for entry in saved["models"]:
        models[entry["kind"]][entry["fold"], entry["seed"]] = load_classifier(
            folder / "models" / entry["name"], decoders
        )
    for key, student in models["students"].items():
        student.teacher_ = models["teachers"].get(key)
    try:
        tables = {
            name: pd.read_csv(folder / f"{name}.csv", dtype=dict.fromkeys(TEXT, str))
            for name in TABLES
            # Results of version 0.2 have no validation.
            if name != "validation" or (folder / f"{name}.csv").is_file()
        }
        example = load_file(folder / "example.safetensors")
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"'folder' {str(folder)!r} is incomplete: {error}. Copy it again."
        ) from error
    except (SafetensorError, ValueError) as error:
        raise ValueError(
            f"'folder' {str(folder)!r} is damaged: {error}. Copy it again."
        ) from error
    kept: dict[str, Any] = {**tables, **models}
    return FitResult(
        **kept,
        example={**example, "labels": np.array(saved["example_labels"])},
        settings=saved["settings"],
        failures=saved["failures"],
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
