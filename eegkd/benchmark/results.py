"""`Results`: what a benchmark gave, and what it allows one to say."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eegkd._checks import check_choice, join_names
from eegkd.benchmark.chance import ITEM, guessing_lines, judge_items
from eegkd.benchmark.conclusions import (
    PLACE,
    combine,
    in_words,
    interval,
    item_names,
    judge,
    least_seeds,
    noise_of_seeds,
    rows_where,
    sides,
    subject_means,
    summary_lines,
)
from eegkd.data.paradigms import find_paradigm
from eegkd.evaluation.metrics import METRICS, chance_level, metric_title
from eegkd.evaluation.statistics import (
    SIGNIFICANCE,
    effect_size,
    mean_interval,
    paired_permutation_test,
    seeds_needed,
    smallest_p_value,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SCORES = [
    "dataset", "simulated", "evaluation", "fold", "subject", "seed", *ITEM, "n_chans",
    "n_classes", "n_trials", "key",
]  # fmt: skip
PLANNED = [
    "dataset", "evaluation", "fold", *ITEM, "seed", "seeded", "key", "status",
]  # fmt: skip
ALL_DATASETS = "all datasets"
QUESTIONS = {
    "Does a teacher help? Taught students against students without one": "student",
    "Are simpler methods better? Baselines against students without a teacher": (
        "baseline"
    ),
}
COMPARED = [
    *PLACE, "decoder", "a", "b", "metric", "n_subjects", "n_seeds", "difference", "low",
    "high", "effect_size", "p_value", "p_holm", "seeds_needed", "verdict",
]  # fmt: skip


@dataclass(eq=False)
class Results:
    """Scores of a benchmark and the conclusions that they allow.

    An *item* is what is compared: a method with its decoder on a montage. Subjects are
    the units of every interval and test: folds of one subject are averaged first, then
    seeds. A subject's seed of which some folds are missing is left out.

    Parameters
    ----------
    scores : DataFrame
        One row for each finished job and test subject: ``dataset``, ``simulated``,
        ``evaluation``, ``fold``, ``subject``, ``seed``, ``kind`` ("teacher", "student"
        or "baseline"), ``method``, ``decoder`` ("" for baselines), ``montage`` ("full"
        for all electrodes), ``n_chans``, ``n_classes``, ``n_trials`` (tested), ``key``
        (of the job), and the metrics: ``accuracy``, ``balanced_accuracy``, ``kappa``,
        ``roc_auc``, ``calibration_error``, ``log_loss``, ``brier_score``, ``itr``
        (bits/min), ``parameters``, ``macs``, ``train_seconds`` and ``predict_ms``.
    planned : DataFrame
        One row for each job of the grid: ``dataset``, ``evaluation``, ``fold``,
        ``kind``, ``method``, ``decoder``, ``montage``, ``seed``, ``seeded`` (whether
        the seed changes the result), ``key`` and ``status`` ("done", "failed",
        "missing" or "running").
    failures : dict of str -> str
        Traceback of each failed job, by key.
    settings : dict
        What was set, and the versions of the packages.
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
        for name, table, columns in (
            ("scores", self.scores, [*SCORES, *METRICS]),
            ("planned", self.planned, PLANNED),
        ):
            absent = [column for column in columns if column not in table]
            if absent:
                raise ValueError(
                    f"'{name}' must have the columns {join_names(columns, 80)}, but "
                    f"{join_names(absent)} are missing. Add them, empty if unknown."
                )
        unit = [*PLACE[:2], "fold", "subject", "seed", *ITEM]
        twice = self.scores.duplicated(unit)
        if twice.any():
            row = dict(self.scores.loc[twice, unit].iloc[0])
            raise ValueError(
                "'scores' must hold each item, fold, subject and seed once, but "
                f"{int(twice.sum())} rows repeat one (first: {row}). Keep the rows of "
                "one setting only."
            )

    @property
    def complete(self) -> bool:
        """Whether every planned job is done."""
        return bool((self.planned["status"] == "done").all())

    @property
    def simulated(self) -> list[str]:
        """The datasets whose signals were computed, not recorded."""
        rows = self.scores[self.scores["simulated"].astype(bool)]
        return list(rows["dataset"].unique())

    @property
    def methods(self) -> list[str]:
        """The methods and baselines of the grid, in its order."""
        return list(self.planned["method"].unique())

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
        if self.complete:
            return ""
        counts = self.missing()["status"].value_counts()
        parts = ", ".join(f"{number} {status}" for status, number in counts.items())
        return (
            f"INCOMPLETE: {counts.sum()} of {len(self.planned)} jobs are not done "
            f"({parts}). Items are compared on the subjects that all of them have."
        )

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
        return find_paradigm(self.paradigm_of(dataset)).metric

    def paradigm_of(self, dataset: str) -> str | None:
        """Return the paradigm of a dataset.

        Parameters
        ----------
        dataset : str
            A dataset of the grid.

        Returns
        -------
        paradigm : str or None
            A key of `eegkd.PARADIGMS`; None where ``settings`` do not say it.
        """
        for fact in self.settings.get("facts", ()):
            if fact["dataset"] == dataset:
                return fact.get("paradigm")
        return None

    @property
    def metrics(self) -> list[str]:
        """The metrics of the datasets' paradigms, each once."""
        names = map(self.metric_of, self.planned["dataset"].unique())
        return list(dict.fromkeys(names))

    def against_chance(self) -> pd.DataFrame:
        """Return for each item whether it is shown to do more than guess.

        Returns
        -------
        judged : DataFrame
            One row for each item of each dataset and evaluation: ``dataset``,
            ``evaluation``, ``kind``, ``method``, ``decoder``, ``montage``, ``metric``
            that was tested (balanced accuracy in the place of accuracy), ``chance``,
            ``n_subjects``, ``mean``, ``n_effective`` (what the test trials of all
            subjects are worth), ``p_value`` (one-sided, over test trials, see
            `eegkd.evaluation.statistics.chance_test`), ``p_holm`` (corrected for the
            number of items of the dataset and evaluation), ``above`` (``p_holm`` <
            0.05) and ``possible`` (whether perfect scores would be).

        Notes
        -----
        What test trials are worth is the column ``n_effective`` of ``scores``, see
        `eegkd.evaluation.statistics.effective_trials`. Rows without it, which older
        versions wrote, count with all their trials.
        """
        return judge_items(self)

    def at_chance(self) -> list[str]:
        """Return which items are not shown to do more than guess, in words.

        Returns
        -------
        lines : list of str
            A heading, and a line for each dataset and evaluation where there are
            some; empty where all items are above chance.
        """
        return guessing_lines(self)

    def by_subject(self, metric: str | None = None) -> pd.DataFrame:
        """Return one score for each item and subject.

        Parameters
        ----------
        metric : str, optional
            A metric column of ``scores``; by default that of each dataset's paradigm,
            see `metric_of`.

        Returns
        -------
        table : DataFrame
            ``dataset``, ``evaluation``, ``kind``, ``method``, ``decoder``,
            ``montage``, ``subject``, ``metric``, ``score`` (folds averaged first,
            then seeds) and ``n_seeds``.
        """
        grouped = self._by_seed(metric).groupby(
            [*PLACE[:2], *ITEM, "subject", "metric"], sort=False
        )
        return grouped.agg(
            score=("score", "mean"), n_seeds=("seed", "size")
        ).reset_index()

    def summary(self, metric: str | None = None) -> pd.DataFrame:
        """Return one row for each dataset, evaluation, montage, method and decoder.

        Parameters
        ----------
        metric : str, optional
            A metric column of ``scores``; by default that of each dataset's paradigm,
            see `metric_of`.

        Returns
        -------
        summary : DataFrame
            ``metric``, ``mean``, ``low`` and ``high`` (95 % interval over subjects, of
            those that all items of the dataset, evaluation and montage have),
            ``of_teacher`` (share of the mean of the teacher of the same decoder over
            the same subjects; of the first decoder's teacher for classical baselines),
            ``wins`` (subjects on which the item is the best of its dataset, evaluation
            and montage, ties split; NaN where one of them has one seed only, since
            that would rank on one seed), ``n_subjects``, ``n_seeds`` (the least that
            a subject has) and ``missing`` (jobs that are not done).

        Warns
        -----
        UserWarning
            If the grid is not finished.
        """
        import pandas as pd

        self._warn()
        table = self.by_subject(metric)
        columns = [*PLACE, "kind", "method", "decoder"]
        not_done = self.planned["status"].ne("done")
        items = not_done.groupby(
            [self.planned[name] for name in columns], sort=False
        ).sum()
        rows: list[dict[str, Any]] = []
        place: Any
        key: Any
        for place, group in items.groupby(level=PLACE, sort=False):
            here = rows_where(table, **dict(zip(PLACE, place, strict=True)))
            name = metric or self.metric_of(place[0])
            wide = here.pivot_table(
                index="subject", columns=["method", "decoder"], values="score"
            ).dropna()
            wins = self._wins(wide, here, name)
            for key, missing in group.items():
                named = dict(zip(columns, key, strict=True))
                item = (named["method"], named["decoder"])
                own = wide[item] if item in wide else pd.Series(dtype=float)
                seeds = rows_where(here, method=item[0], decoder=item[1])["n_seeds"]
                rows.append(
                    {
                        **named,
                        "metric": name,
                        **interval(own),
                        "of_teacher": self._share(own, named, table, name),
                        "wins": wins.get(item, np.nan),
                        "n_subjects": len(own),
                        "n_seeds": int(seeds.min()) if len(seeds) else 0,
                        "missing": int(missing),
                    }
                )
        return pd.DataFrame(rows)

    def compare(
        self,
        a: str | Sequence[str] | None,
        b: str | Sequence[str] | None = None,
        metric: str | None = None,
    ) -> pd.DataFrame:
        """Compare two methods, or one with all others, paired over subjects.

        Parameters
        ----------
        a, b : str, list of str, or None
            Methods or baselines. Several are each compared with each of the other
            side. None stands for every other one except the teacher, which reads
            other electrodes; name it to compare with it on every montage.
        metric : str, optional
            A metric column of ``scores``; by default that of each dataset's paradigm,
            see `metric_of`.

        Returns
        -------
        table : DataFrame
            One row for each pair, dataset, evaluation, montage and decoder that has
            both; a classical baseline is compared with every decoder. ``metric``,
            ``n_subjects`` that both have, ``n_seeds``, mean ``difference`` a - b with
            its 95 % interval over subjects (``low``, ``high``), ``effect_size``,
            ``p_value`` (paired permutation test), ``p_holm`` (Holm's correction over
            all rows of this call), ``seeds_needed`` and ``verdict``. Where there are
            several datasets, rows named "all datasets" combine them by MOABB's
            meta-analysis; simulated and recorded ones are never combined, and
            datasets that are scored by different metrics neither.

        Raises
        ------
        ValueError
            If a name is unknown, or there is no pair of two different ones.

        Warns
        -----
        UserWarning
            If the grid is not finished.

        Notes
        -----
        **One seed ranks nothing.** If either side depends on a seed and has one only,
        nothing is tested: ``p_value`` is NaN and ``verdict`` names the number of seeds
        that would resolve the difference, see
        `eegkd.evaluation.statistics.seeds_needed`. With one seed its noise is taken
        from the literature, for (balanced) accuracy of motor imagery; with more it is
        estimated.

        Verdicts are "a better" or "b better" where ``p_holm`` is below 0.05, and
        otherwise "not shown", which does not say that there is no difference.
        """
        import pandas as pd

        pairs = self._pairs(a, b)
        self._warn()
        by_seed = self._by_seed(metric)
        rows = [
            self._compare_cell(by_seed, cell, metric or self.metric_of(cell["dataset"]))
            for pair in pairs
            for cell in self._cells(*pair)
        ]
        rows = [*rows, *self._combined(rows)]
        judge(rows)
        return pd.DataFrame(rows, columns=COMPARED)

    def plot_pairs(self, a: str, b: str, metric: str | None = None) -> Figure:
        """Draw two methods, one line for each subject, and their differences.

        Parameters
        ----------
        a, b : str
            Methods or baselines.
        metric : str, optional
            A metric column of ``scores``; by default that of each dataset's paradigm,
            see `metric_of`.

        Returns
        -------
        figure : matplotlib.figure.Figure
            For each dataset and evaluation, by montage: scores of each subject joined
            by lines, and below them the differences with mean and 95 % interval.

        Raises
        ------
        ValueError
            If a name is unknown or no subject has both.
        """
        import pandas as pd

        from eegkd.report import plot_pairs

        by_seed = self._by_seed(metric)
        tables = [pd.DataFrame()]
        for pair in self._pairs(a, b):
            for cell in self._cells(*pair):
                left, right = map(subject_means, sides(by_seed, cell))
                both = left.to_frame("a").join(right.rename("b"), how="inner")
                names = {name: cell[name] for name in [*PLACE, "decoder"]}
                tables.append(both.reset_index(names="subject").assign(**names))
        table = pd.concat([one for one in tables if len(one)] or tables)
        if not len(table):
            raise ValueError(
                f"'a' and 'b' must share a subject, dataset, evaluation, montage and "
                f"decoder, but {a!r} and {b!r} have none in common. Run more of the "
                "grid first."
            )
        shown = metric or {name: self.metric_of(name) for name in table["dataset"]}
        return plot_pairs(table, (a, b), metric=shown, remarks=self._remarks())

    def plot_scores(
        self,
        metric: str | None = None,
        *,
        dataset: str | None = None,
        evaluation: str | None = None,
        montage: str | None = None,
    ) -> Figure:
        """Draw every item of one montage, and the teachers, each subject a dot.

        Parameters
        ----------
        metric : str, optional
            A metric column of ``scores``; by default that of each dataset's paradigm,
            see `metric_of`.
        dataset, evaluation, montage : str, optional
            Which part of the grid. Needed where there are several; of the montages
            "full" needs not be told from a single other one.

        Returns
        -------
        figure : matplotlib.figure.Figure
            Subjects, mean, 95 % interval, and chance.

        Raises
        ------
        ValueError
            If the part is not in the grid, must be chosen, or has no scores.
        """
        from eegkd.report import plot_items

        place = self._place(dataset, evaluation, montage)
        same = {name: place[name] for name in PLACE[:2]}
        table = rows_where(self.by_subject(metric), **same)
        shown = table["montage"].eq(place["montage"]) | table["kind"].eq("teacher")
        table = table[shown]
        metric = metric or self.metric_of(place["dataset"])
        if not len(table):
            raise ValueError(
                f"'metric' must have scores to draw, but {metric!r} has none for "
                f"{place}. Finish more of the grid first."
            )
        return plot_items(
            table,
            metric=metric,
            chance=self._chance(place["dataset"], metric),
            remarks=self._remarks(),
        )

    def plot_critical_difference(
        self,
        metric: str | None = None,
        *,
        dataset: str | None = None,
        evaluation: str | None = None,
        montage: str | None = None,
    ) -> Figure:
        """Draw the mean ranks of all items of one montage over subjects.

        Parameters
        ----------
        metric : str, optional
            A metric column of ``scores``; by default that of each dataset's paradigm,
            see `metric_of`.
        dataset, evaluation, montage : str, optional
            Which part of the grid, as in `plot_scores`.

        Returns
        -------
        figure : matplotlib.figure.Figure
            Items joined by a bar are not told apart by Nemenyi's test after
            Friedman's; if Friedman's finds nothing, all are joined.

        Raises
        ------
        ValueError
            If there are fewer than 3 items or 6 subjects that all of them have, or an
            item has one seed only: one seed ranks nothing.
        """
        from eegkd.report import plot_critical_difference

        place = self._place(dataset, evaluation, montage)
        metric = metric or self.metric_of(place["dataset"])
        table = rows_where(self.by_subject(metric), **place)
        single = table[(table["n_seeds"] < 2) & self._seeded(table)]
        if len(single):
            raise ValueError(
                "'metric' cannot rank on one seed, but "
                f"{join_names(item_names(single))} have only one for some subject. Run "
                "the grid with 'n_seeds' of 2 or more."
            )
        return plot_critical_difference(
            table,
            metric=metric,
            less_is_better=METRICS[metric].less_is_better,
            remarks=self._remarks(),
        )

    def to_csv(self, file: str | Path) -> Path:
        """Write the scores of every job and subject.

        Parameters
        ----------
        file : str or path
            Its folder is created if needed; an existing file is replaced.

        Returns
        -------
        file : Path
            The file.

        Warns
        -----
        UserWarning
            If the grid is not finished.
        """
        self._warn()
        file = Path(file)
        file.parent.mkdir(parents=True, exist_ok=True)
        self.scores.to_csv(file, index=False)
        return file

    def to_latex(
        self, file: str | Path | None = None, metric: str | None = None
    ) -> str:
        r"""Return the summary as a LaTeX table for a paper.

        Parameters
        ----------
        file : str or path, optional
            Where to write it as well. Its folder is created if needed.
        metric : str, optional
            A metric column of ``scores``; by default that of each dataset's paradigm,
            see `metric_of`.

        Returns
        -------
        text : str
            A ``table`` environment; the document needs ``\usepackage{booktabs}``.

        Warns
        -----
        UserWarning
            If the grid is not finished; the caption says it too.
        """
        from eegkd.report import comparison_latex

        text = comparison_latex(self, metric)
        if file is not None:
            file = Path(file)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return text

    def describe(self, metric: str | None = None) -> str:
        """Return scores and conclusions as text for a terminal.

        Parameters
        ----------
        metric : str, optional
            A metric column of ``scores``; by default that of each dataset's paradigm,
            see `metric_of`.

        Returns
        -------
        text : str
            What is missing, a table for each dataset and evaluation, every method
            against no teacher, and failures.
        """
        lines = [*filter(None, [self.trouble()])]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The grid is not finished")
            summary = self.summary(metric)
            place: Any
            for place, rows in summary.groupby(PLACE[:2], sort=False):
                lines += ["", self.title(*place), *summary_lines(rows)]
            lines += ["", *self.conclusions(metric)]
        subjects = self.scores.groupby("dataset")["subject"].nunique()
        if len(few := subjects.index[subjects.map(smallest_p_value) >= SIGNIFICANCE]):
            lines.append(
                f"{join_names(few)}: too few subjects for any difference to reach "
                f"p < {SIGNIFICANCE}; this describes, it does not prove."
            )
        for key, text in self.failures.items():
            error = (text.strip().splitlines() or ["unknown error"])[-1]
            lines.append(f"FAILED {self.job(key)}: {error}")
        return "\n".join(lines).strip()

    def conclusions(self, metric: str | None = None) -> list[str]:
        """Return what the comparisons with no teacher allow one to say.

        Parameters
        ----------
        metric : str, optional
            A metric column of ``scores``; by default that of each dataset's paradigm,
            see `metric_of`.

        Returns
        -------
        lines : list of str
            Taught students, then baselines, each against the students without a
            teacher: a heading, and a line for each row of `compare`. These are two
            questions, so each is corrected for its own comparisons. Before them, which
            items are not shown to do more than guess, if there are any.
        """
        lines = self.at_chance()
        n_before = len(lines)
        for question, names in self.questions().items():
            lines.append(f"{question} (p after Holm's correction for all of these):")
            rows: list[Any] = self.compare(names, "none", metric).to_dict("records")
            lines += [f"  {self._where_compared(row)}: {in_words(row)}" for row in rows]
        if len(lines) == n_before:
            lines.append("There is no method to compare with no teacher.")
        return lines

    def questions(self) -> dict[str, list[str]]:
        """Return which methods answer which question, each a family of comparisons.

        Returns
        -------
        questions : dict of str -> list of str
            The question, and the methods that are compared with ``"none"`` for it.
        """
        if "none" not in self.methods:
            return {}
        kinds = self.planned.drop_duplicates("method").set_index("method")["kind"]
        return {
            question: names
            for question, kind in QUESTIONS.items()
            if (names := [one for one in kinds.index[kinds == kind] if one != "none"])
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
        from eegkd.report import write_comparison

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The grid is not finished")
            return write_comparison(self, file)

    def title(self, dataset: str, evaluation: str) -> str:
        """Return the name of a part of the grid, simulated data named so.

        Parameters
        ----------
        dataset, evaluation : str
            The part.

        Returns
        -------
        title : str
            Such as "BNCI2014_001, individual".
        """
        kind = " (SIMULATED)" if dataset in self.simulated else ""
        return f"{dataset}{kind}, {evaluation}"

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
        rows = self.planned[self.planned["key"] == key]
        if not len(rows):
            return f"job {key}"
        row = rows.iloc[0]
        named = [row[name] for name in ("dataset", "evaluation")]
        named += [f"fold {row['fold']}", row["method"], row["decoder"], row["montage"]]
        return ", ".join([*map(str, filter(None, named)), f"seed {row['seed']}"])

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
            n_missing = len(self.missing())
            warnings.warn(
                f"The grid is not finished: {n_missing} of {len(self.planned)} jobs "
                "are not done, see missing(). What is computed now may change.",
                UserWarning,
                stacklevel=3,
            )

    def _column(self, names: pd.Series) -> pd.Series:
        """Return the score of each row in the metric that is named for it."""
        column = self.scores["accuracy"].astype(float)
        for metric in names.unique():
            column = column.where(names != metric, self.scores[metric].astype(float))
        # Bits a minute count whole selections among equal classes.
        kinds = self.scores["dataset"].map(
            lambda name: find_paradigm(self.paradigm_of(name)).trial
        )
        return column.mask(kinds.ne("") & names.eq("itr"))

    def _by_seed(self, metric: str | None) -> pd.DataFrame:
        """Return one score for each item, subject and seed that has all its folds."""
        if metric is not None:
            check_choice(metric, "metric", METRICS)
        names = self.scores["dataset"].map(lambda name: metric or self.metric_of(name))
        scores = self.scores.assign(
            metric=names,
            score=self._column(names),
            # A network tested on several subjects gives all of them the same luck.
            shared=self.scores.groupby("key")["subject"].transform("nunique").gt(1),
            n_folds=self._planned_folds(),
        )
        grouped = scores.groupby([*PLACE[:2], *ITEM, "subject", "seed"], sort=False)
        table = grouped.agg(
            score=("score", "mean"),
            metric=("metric", "first"),
            shared=("shared", "first"),
            known=("n_folds", "first"),
            done=("fold", "nunique"),
        ).reset_index()
        table = table[table["done"] == table["known"]].dropna(subset="score")
        return table.drop(columns=["known", "done"])

    def _planned_folds(self) -> list[int]:
        """Return for each row of the scores how many folds its subject has.

        A fold is named after its subject, and what follows a slash; where folds have
        other names, those that were seen count.
        """
        names = self.planned.groupby(PLACE[:2])["fold"].unique()
        unit = [*PLACE[:2], "subject"]
        counts: dict[Any, int] = {}
        key: Any
        for key, seen in self.scores.groupby(unit)["fold"].unique().items():
            planned = map(str, names[key[:2]])
            own = sum(name.startswith(f"{key[2]}/") for name in planned)
            counts[key] = max(len(seen), own)
        rows = self.scores[unit].itertuples(index=False, name=None)
        return [counts[row] for row in rows]

    def _seeded(self, table: pd.DataFrame) -> pd.Series:
        """Return for each row whether the seed changes the result of its item."""
        seeded = set(self.planned.loc[self.planned["seeded"].astype(bool), "method"])
        return table["method"].isin(seeded)

    def _wins(
        self, wide: pd.DataFrame, here: pd.DataFrame, metric: str
    ) -> dict[Any, float]:
        """Return on how many subjects each item is the best; nothing on one seed."""
        by_chance = here[self._seeded(here)]
        if not len(wide) or (by_chance["n_seeds"] < 2).any():
            return {}
        sign = -1 if METRICS[metric].less_is_better else 1
        best = (sign * wide).eq((sign * wide).max(axis=1), axis=0)
        return dict(best.div(best.sum(axis=1), axis=0).sum())

    def _share(
        self, own: pd.Series, named: dict[str, Any], table: pd.DataFrame, metric: str
    ) -> float:
        """Return the share of the teacher's mean over the same subjects."""
        same = {name: named[name] for name in PLACE[:2]}
        teachers = rows_where(table, kind="teacher", **same)
        names = list(teachers["decoder"].unique())
        if not names or not len(own) or METRICS[metric].less_is_better:
            return float("nan")
        decoder = named["decoder"] if named["decoder"] in names else names[0]
        teacher = rows_where(teachers, decoder=decoder).set_index("subject")["score"]
        both = own.index.intersection(teacher.index)
        if not len(both) or teacher[both].mean() <= 0:
            return float("nan")
        return float(own[both].mean() / teacher[both].mean())

    def _pairs(self, a: Any, b: Any) -> list[tuple[str, str]]:
        """Return the pairs of methods that two arguments stand for."""
        teachers = set(self.planned.loc[self.planned["kind"] == "teacher", "method"])
        sides = []
        for argument, value in (("a", a), ("b", b)):
            names = [value] if isinstance(value, str) else value
            if names is None:
                names = [name for name in self.methods if name not in teachers]
            sides.append([check_choice(one, argument, self.methods) for one in names])
        pairs = [(one, other) for one in sides[0] for other in sides[1] if one != other]
        if not pairs or (a is None and b is None):
            raise ValueError(
                f"'a' and 'b' must name two different methods, got {a!r} and {b!r}. "
                f"Pass two of {join_names(self.methods, 80)}."
            )
        return pairs

    def _cells(self, a: str, b: str) -> Iterator[dict[str, str]]:
        """Yield dataset, evaluation, montage and decoder where both are planned."""
        items = self.planned[[*PLACE, "kind", "method", "decoder"]].drop_duplicates()
        left, right = items[items["method"] == a], items[items["method"] == b]
        both = left.merge(right, on=PLACE[:2], suffixes=("", "_b"))
        same = both["montage"].eq(both["montage_b"])
        same |= both["kind"].eq("teacher") | both["kind_b"].eq("teacher")
        fits = both["decoder"].eq(both["decoder_b"])
        fits |= both["decoder"].eq("") | both["decoder_b"].eq("")
        both = both[same & fits].copy()
        left_out = both["kind"].eq("teacher")
        both["montage"] = both["montage"].where(~left_out, both["montage_b"])
        both["decoder"] = both["decoder"].where(
            both["decoder"].ne(""), both["decoder_b"]
        )
        columns = [*PLACE, "decoder"]
        order = [list(self.planned[name].unique()) for name in columns]
        cells: list[Any] = list(both[columns].itertuples(index=False, name=None))
        cells.sort(
            key=lambda cell: [o.index(v) for o, v in zip(order, cell, strict=True)]
        )
        for cell in cells:
            yield {**dict(zip(columns, cell, strict=True)), "a": a, "b": b}

    def _compare_cell(
        self, by_seed: pd.DataFrame, cell: dict[str, str], metric: str
    ) -> dict[str, Any]:
        """Return one row of a comparison, not yet corrected and judged."""
        left, right = sides(by_seed, cell)
        both = (
            subject_means(left)
            .to_frame("a")
            .join(subject_means(right).rename("b"), how="inner")
        )
        a, b = both["a"].to_numpy(), both["b"].to_numpy()
        row: dict[str, Any] = {**dict.fromkeys(COMPARED, np.nan), **cell}
        row["n_subjects"] = len(both)
        row |= {"n_seeds": 0, "one_seed": False, "metric": metric}
        if not len(both):
            return row
        by_chance = [side for side in (left, right) if self._seeded(side).any()]
        row["n_seeds"] = min([least_seeds(s, both.index) for s in by_chance], default=1)
        row["one_seed"] = bool(by_chance) and row["n_seeds"] < 2
        row["difference"], row["low"], row["high"] = mean_interval(a - b)
        row["effect_size"] = effect_size(a, b)
        if by_chance:
            sd, n_independent = noise_of_seeds(
                by_chance,
                len(both),
                row["one_seed"],
                metric,
                self.paradigm_of(cell["dataset"]),
            )
            row["seeds_needed"] = seeds_needed(row["difference"], sd, n_independent)
        if not row["one_seed"]:
            row["p_value"] = paired_permutation_test(a, b)
        return row

    def _combined(self, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield a row over all datasets for each comparison that several have."""
        groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        simulated = set(self.simulated)
        measured = [row for row in rows if row["n_subjects"] > 1]
        mixed = len({row["dataset"] in simulated for row in measured}) == 2
        several = len({row["metric"] for row in measured}) > 1
        for row in measured:
            same = ("metric", "evaluation", "montage", "decoder", "a", "b")
            key = (row["dataset"] in simulated, *(row[name] for name in same))
            groups.setdefault(key, []).append(row)
        for (computed, metric, *_), group in groups.items():
            if len(group) < 2:
                continue
            kinds = [("simulated" if computed else "recorded")] if mixed else []
            kinds += [metric_title(metric)] if several else []
            kind = f" ({', '.join(kinds)})" if kinds else ""
            yield combine(group) | {"dataset": ALL_DATASETS + kind}

    def _place(
        self, dataset: str | None, evaluation: str | None, montage: str | None
    ) -> dict[str, str]:
        """Return the one part of the grid that arguments stand for."""
        rows, place = self.planned, {}
        given = {"dataset": dataset, "evaluation": evaluation, "montage": montage}
        for name, value in given.items():
            allowed = list(rows[name].unique())
            if value is None:
                few = [one for one in allowed if one != "full"] or allowed
                if len(few) != 1:
                    raise ValueError(
                        f"'{name}' must be one of {join_names(allowed, 80)}, got None. "
                        "Choose one, since there are several."
                    )
                value = few[0]
            place[name] = check_choice(value, name, allowed)
            rows = rows[rows[name] == value]
        return place

    def _chance(self, dataset: str, metric: str) -> float | None:
        """Return what guessing scores, or None where that is not defined."""
        rows = self.scores[self.scores["dataset"] == dataset]
        n_classes = int(rows["n_classes"].iloc[0])
        return chance_level(self.paradigm_of(dataset), n_classes, metric)

    def _where_compared(self, row: dict[str, Any]) -> str:
        """Return where a comparison was made, without what is the same everywhere."""
        several = [name for name in PLACE[:2] if self.planned[name].nunique() > 1]
        names = [row[name] for name in (*several, "montage", "decoder")]
        if len(self.metrics) > 1:
            names.append(metric_title(row["metric"]))
        return ", ".join(str(name) for name in names if name)

    def _remarks(self) -> dict[str, str]:
        """Return what must stand above a figure of each dataset."""
        unfinished = set(self.missing()["dataset"])
        said = {"SIMULATED": set(self.simulated), "INCOMPLETE": unfinished}
        return {
            dataset: ", ".join(word for word, names in said.items() if dataset in names)
            for dataset in self.planned["dataset"].unique()
        }
