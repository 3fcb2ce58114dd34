"""`Results`: scores of a benchmark or a fit, and what they allow one to say."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eegkd._checks import join_names
from eegkd._docs import fill_doc
from eegkd.evaluation.table import (
    Tables,
    against_chance,
    by_seed,
    by_subject,
    compare,
    fair_pairs,
    find_pairs,
    one_place,
    paired_scores,
    ranked_items,
    shown_items,
    summarize,
)
from eegkd.evaluation.wording import (
    chance_lines,
    conclusions,
    description,
    job_name,
    remarks,
    unfinished,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_SHARED = {
    "metric": """
        metric : str, optional
            A metric column of ``scores``; by default that of each dataset's paradigm,
            see `metric_of`.""",
    "takes_metric": """
        Parameters
        ----------
        %(metric)s""",
    "takes_part": """
        %(takes_metric)s
        dataset, evaluation, montage : str, optional
            Which part of the grid. Needed where there are several; of the montages
            "full" needs not be told from a single other one.""",
    "item": """
        ``dataset``, ``evaluation``, ``kind``, ``method``, ``decoder``, ``montage``,""",
    "figure": """
        Returns
        -------
        figure : matplotlib.figure.Figure""",
    "file": """
        Returns
        -------
        file : Path
            The file.""",
    "warns": """
        Warns
        -----
        UserWarning
            If the grid is not finished.""",
}
_fill = fill_doc(_SHARED)


@dataclass(eq=False)
class Results:
    """Scores of trained items and the conclusions that they allow.

    An *item* is what is compared: a method with its decoder on a montage. Subjects are
    the units of every interval and test: folds of one subject are averaged first, then
    seeds. A subject's seed of which some folds are missing is left out.

    Parameters
    ----------
    scores : DataFrame
        One row for each finished job and test subject: ``dataset``, ``simulated``,
        ``evaluation``, ``fold``, ``subject``, ``seed``, ``kind`` ("teacher", "student"
        or "baseline"), ``method`` ("none", or beginning with it, of the
        untaught student), ``decoder`` ("" for
        baselines), ``montage`` ("full" for all electrodes), ``n_chans``,
        ``n_classes``, ``n_trials`` (tested), ``n_effective`` (what they are worth, see
        `eegkd.evaluation.statistics.effective_trials`; all of them where it is
        empty), ``key`` (of the job), and a column for each of
        `eegkd.evaluation.metrics.METRICS`.
    planned : DataFrame
        One row for each job of the grid: ``dataset``, ``evaluation``, ``fold``,
        ``kind``, ``method``, ``decoder``, ``montage``, ``seed``, ``seeded`` (whether
        the seed changes the result), ``key`` and ``status`` ("done", "failed",
        "missing" or "running").
    failures : dict of str -> str
        Traceback of each failed job, by key.
    settings : dict
        What was set, and the versions of the packages. ``paradigm`` is that of the
        data, or ``facts`` that of each ``dataset``. ``controls`` holds the untaught
        student that a method is compared with, where it is not "none".
    interrupted : bool
        Whether Ctrl-C ended the work early.

    Raises
    ------
    ValueError
        If a column is missing, or a row of ``scores`` would be counted twice.
    """

    scores: pd.DataFrame
    planned: pd.DataFrame
    failures: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    interrupted: bool = False

    def __post_init__(self) -> None:
        self.tables.check()

    @property
    def complete(self) -> bool:
        """Whether every planned job is done."""
        return bool((self.planned["status"] == "done").all())

    @property
    def simulated(self) -> list[str]:
        """The datasets whose signals were computed, not recorded."""
        return self.tables.simulated

    @property
    def methods(self) -> list[str]:
        """The methods and baselines of the grid, in its order."""
        return list(self.planned["method"].unique())

    @property
    def paradigms(self) -> dict[str, str | None]:
        """The paradigm of each dataset: a key of `eegkd.PARADIGMS`, or None."""
        known = {
            fact["dataset"]: fact.get("paradigm")
            for fact in self.settings.get("facts", ())
        }
        rest = self.settings.get("paradigm")
        return {n: known.get(n, rest) for n in self.planned["dataset"].unique()}

    @property
    def tables(self) -> Tables:
        """What the functions of `eegkd.evaluation.table` take."""
        controls = self.settings.get("controls", {})
        return Tables(self.scores, self.planned, self.paradigms, controls)

    @property
    def metrics(self) -> list[str]:
        """The metrics of the datasets' paradigms, each once."""
        return list(dict.fromkeys(map(self.metric_of, self.paradigms)))

    def metric_of(self, dataset: str) -> str:
        """Return the metric of a dataset's paradigm.

        Parameters
        ----------
        dataset : str
            A dataset of the grid.

        Returns
        -------
        metric : str
            "roc_auc" for P300, "accuracy" elsewhere; also where ``settings`` do not
            say of which paradigm a dataset is, which counts as motor imagery.
        """
        return self.tables.metric_of(dataset)

    def missing(self) -> pd.DataFrame:
        """Return the planned jobs that are not done.

        Returns
        -------
        jobs : DataFrame
            Rows of ``planned`` that failed, run, or were not begun.
        """
        return self.planned[self.planned["status"] != "done"].reset_index(drop=True)

    def trouble(self) -> str:
        """Return how much of the grid is not done.

        Returns
        -------
        text : str
            One sentence, empty where everything is done.
        """
        return unfinished(self.planned)

    @_fill
    def against_chance(self) -> pd.DataFrame:
        """Return for each item whether it is shown to be above chance level.

        Returns
        -------
        judged : DataFrame
            One row for each item of each dataset and evaluation:
            %(item)s
            ``metric`` that was tested (balanced accuracy in the place of
            accuracy), ``chance``, ``n_subjects``, ``mean``, ``n_effective`` (what the
            test trials of all subjects are worth), ``p_value`` (one-sided, over test
            trials, see `eegkd.evaluation.statistics.chance_test`), ``p_holm``
            (corrected for the number of items of the dataset and evaluation),
            ``above`` (``p_holm`` < 0.05) and ``possible`` (whether perfect scores
            would be).
        """
        return against_chance(self.tables)

    def at_chance(self) -> list[str]:
        """Return which items are not shown to be above chance level, in words.

        Returns
        -------
        lines : list of str
            One for each dataset and evaluation where there are some, after its name if
            the grid has several; empty where all items are above chance level.
        """
        return chance_lines(self.tables)

    @_fill
    def by_subject(self, metric: str | None = None) -> pd.DataFrame:
        """Return one score for each item and subject.

        %(takes_metric)s

        Returns
        -------
        table : DataFrame
            %(item)s
            ``subject``, ``metric``, ``score`` (folds averaged first, then
            seeds) and ``n_seeds``.
        """
        return by_subject(by_seed(self.tables, metric))

    @_fill
    def summary(self, metric: str | None = None) -> pd.DataFrame:
        """Return one row for each dataset, evaluation, montage, method and decoder.

        %(takes_metric)s

        Returns
        -------
        summary : DataFrame
            %(item)s
            ``n_chans``, ``metric``, ``mean``, ``low`` and ``high`` (95 %
            interval over subjects, of those that all items of the dataset, evaluation
            and montage have), ``of_teacher`` (share of the mean of the teacher of the
            same decoder over the same subjects; of the first decoder's teacher for
            baselines), ``wins`` (subjects on which the item is the best of its
            dataset, evaluation and montage, ties split; NaN where one of them has one
            seed only, since that would rank on one seed), ``n_subjects``, ``n_seeds``
            (the least that a subject has) and ``missing`` (jobs that are not done).

        %(warns)s
        """
        self._warn()
        return summarize(self.tables, metric)

    @_fill
    def compare(
        self,
        a: str | Sequence[str] | None,
        b: str | Sequence[str] | None = None,
        metric: str | None = None,
        *,
        fair: bool = True,
    ) -> pd.DataFrame:
        """Compare two methods, or one with all others, paired over subjects.

        Parameters
        ----------
        a, b : str, list of str, or None
            Methods or baselines. Several are each compared with each of the other
            side. None stands for every other one except the teacher, which reads
            other electrodes; name it to compare with it on every montage.
        %(metric)s
        fair : bool, default=True
            Whether "none" stands for the untaught student that was trained as long and
            as often as the method beside it, which is another one where
            ``settings["controls"]`` says so.

        Returns
        -------
        table : DataFrame
            One row for each pair, dataset, evaluation, montage and decoder that has
            both; a baseline is compared with every decoder. ``metric``, ``n_subjects``
            that both have, ``n_seeds``, mean ``difference`` a - b with its 95 %
            interval over subjects (``low``, ``high``), ``effect_size``, ``p_value``
            (paired permutation test), ``p_holm`` (Holm's correction over all rows of
            this call), ``seeds_needed`` and ``verdict``. Where there are several
            datasets, rows named "all datasets" combine them by MOABB's meta-analysis;
            simulated and recorded ones are never combined, and datasets that are
            scored by different metrics neither.

        Raises
        ------
        ValueError
            If a name is unknown, or there is no pair of two different ones.

        %(warns)s

        Notes
        -----
        **One seed ranks nothing.** If either side depends on a seed and has one only,
        nothing is tested: ``p_value`` is NaN and ``verdict`` names the number of seeds
        that would resolve the difference, see
        `eegkd.evaluation.statistics.seeds_needed`. With one seed its noise is taken
        from the literature, for (balanced) accuracy of motor imagery; with more it is
        estimated. 100 seeds or more are not named as a number in ``verdict``, nor any
        where the subjects are too few for p < 0.05, which more seeds do not change.

        Verdicts are "a better" or "b better" where ``p_holm`` is below 0.05, and
        otherwise "not shown", which does not say that there is no difference.
        """
        pairs = find_pairs(self.planned, a, b)
        self._warn()
        tables = self.tables
        return compare(tables, fair_pairs(pairs, tables) if fair else pairs, metric)

    @_fill
    def plot_pairs(self, a: str, b: str, metric: str | None = None) -> Figure:
        """Draw two methods, one line for each subject, and their differences.

        Parameters
        ----------
        a, b : str
            Methods or baselines.
        %(metric)s

        %(figure)s
            For each dataset and evaluation, by montage: scores of each subject joined
            by lines, and below them the differences with mean and 95 % interval.

        Raises
        ------
        ValueError
            If a name is unknown or no subject has both.
        """
        from eegkd.report import plot_pairs

        tables = self.tables
        ((a, b),) = pairs = fair_pairs(find_pairs(self.planned, a, b), tables)
        table = paired_scores(tables, pairs, metric)
        shown = metric or {name: self.metric_of(name) for name in self.paradigms}
        return plot_pairs(table, (a, b), metric=shown, remarks=remarks(tables))

    @_fill
    def plot_scores(
        self,
        metric: str | None = None,
        *,
        dataset: str | None = None,
        evaluation: str | None = None,
        montage: str | None = None,
    ) -> Figure:
        """Draw every item of one montage, and the teachers, each subject a dot.

        %(takes_part)s

        %(figure)s
            Subjects, mean, 95 % interval, and chance level.

        Raises
        ------
        ValueError
            If the part is not in the grid, must be chosen, or has no scores.
        """
        from eegkd.report import plot_items

        place = one_place(
            self.planned, dataset=dataset, evaluation=evaluation, montage=montage
        )
        return plot_items(
            shown_items(self.tables, place, metric),
            metric=metric or self.metric_of(place["dataset"]),
            chance=self.tables.chance_level(place["dataset"], metric),
            remarks=remarks(self.tables),
        )

    @_fill
    def plot_critical_difference(
        self,
        metric: str | None = None,
        *,
        dataset: str | None = None,
        evaluation: str | None = None,
        montage: str | None = None,
    ) -> Figure:
        """Draw the mean ranks of all items of one montage over subjects.

        %(takes_part)s

        %(figure)s
            Items joined by a bar are not told apart by Nemenyi's test after
            Friedman's; if Friedman's finds nothing, all are joined.

        Raises
        ------
        ValueError
            If there are fewer than 3 items or 6 subjects that all of them have, or an
            item has one seed only: one seed ranks nothing.
        """
        from eegkd.report import plot_critical_difference

        place = one_place(
            self.planned, dataset=dataset, evaluation=evaluation, montage=montage
        )
        return plot_critical_difference(
            ranked_items(self.tables, place, metric),
            metric=metric or self.metric_of(place["dataset"]),
            remarks=remarks(self.tables),
        )

    @_fill
    def to_csv(self, file: str | Path) -> Path:
        """Write the scores of every job and subject.

        Parameters
        ----------
        file : str or path
            Its folder is created if needed; an existing file is replaced.

        %(file)s

        %(warns)s
        """
        self._warn()
        file = Path(file)
        file.parent.mkdir(parents=True, exist_ok=True)
        self.scores.to_csv(file, index=False)
        return file

    @_fill
    def to_latex(
        self, file: str | Path | None = None, metric: str | None = None
    ) -> str:
        r"""Return the summary as a LaTeX table for a paper.

        Parameters
        ----------
        file : str or path, optional
            Where to write it as well. Its folder is created if needed.
        %(metric)s

        Returns
        -------
        text : str
            A ``table`` environment; the document needs ``\usepackage{booktabs}``.

        Warns
        -----
        UserWarning
            If the grid is not finished; the caption says it too.
        """
        from eegkd.report import benchmark_latex

        text = benchmark_latex(self, metric)
        if file is not None:
            file = Path(file)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return text

    @_fill
    def describe(self, metric: str | None = None) -> str:
        """Return scores and conclusions as text for a terminal.

        %(takes_metric)s

        Returns
        -------
        text : str
            What is missing, a table for each dataset and evaluation, every method
            against the untaught student, and failures.
        """
        lines = description(self.tables, metric)
        for key, text in self.failures.items():
            error = (text.strip().splitlines() or ["unknown error"])[-1]
            lines.append(f"FAILED {self.job(key)}: {error}")
        return "\n".join(lines).strip()

    @_fill
    def conclusions(self, metric: str | None = None) -> list[str]:
        """Return what the comparisons with the untaught student allow one to say.

        %(takes_metric)s

        Returns
        -------
        lines : list of str
            Taught students, then baselines, each against the untaught students: a
            heading, and a line for each row of `compare`. These are two questions, so
            each is corrected for its own comparisons. Before them, which items are not
            shown to be above chance level, if there are any.
        """
        self._warn()
        return conclusions(self.tables, metric)

    @_fill
    def report(self, file: str | Path) -> Path:
        """Write one self-contained HTML page.

        Parameters
        ----------
        file : str or path
            Ends in ``.html``.

        %(file)s
        """
        from eegkd.report import write_benchmark

        return write_benchmark(self, file)

    def job(self, key: str) -> str:
        """Return what a job is, in words.

        Parameters
        ----------
        key : str
            A key of ``planned`` or ``failures``.

        Returns
        -------
        text : str
            Dataset, evaluation, fold, method, decoder, montage and seed.
        """
        return job_name(self.planned, key)

    def __repr__(self) -> str:
        done = int((self.planned["status"] == "done").sum())
        jobs = f"{done} of {len(self.planned)} jobs done"
        names = join_names(self.planned["dataset"].unique(), 3)
        kind = ", simulated" if self.simulated else ""
        return (
            f"<Results | {names}{kind}; {len(self.methods)} methods: "
            f"{jobs if self.complete else f'INCOMPLETE, {jobs}'}>"
        )

    def _warn(self) -> None:
        """Warn if the grid is not finished."""
        if not self.complete:
            warnings.warn(
                f"The grid is not finished: {len(self.missing())} of "
                f"{len(self.planned)} jobs are not done, see missing(). What is "
                "computed now may change.",
                UserWarning,
                stacklevel=3,
            )
