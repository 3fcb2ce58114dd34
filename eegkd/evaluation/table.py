"""The one schema of scores, and what such a table says: functions of DataFrames.

A row of scores is one test subject of one trained item. An *item* is what is compared:
a method with its decoder on a montage. Folds of one subject are averaged first, then
seeds; subjects are the units of every interval and test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eegkd._checks import check_choice, join_names
from eegkd.data.paradigms import find_paradigm
from eegkd.evaluation.metrics import (
    METRICS,
    chance_level,
    judged_metric,
    metric_title,
)
from eegkd.evaluation.statistics import (
    PRACTICAL_SEEDS,
    SIGNIFICANCE,
    chance_test,
    combine_datasets,
    effect_size,
    holm,
    mean_interval,
    paired_permutation_test,
    pool_folds,
    seed_noise,
    seeds_needed,
    smallest_p_value,
)

if TYPE_CHECKING:
    import pandas as pd

PLACE = ["dataset", "evaluation", "montage"]
ITEM = ["kind", "method", "decoder", "montage"]
#: Columns of every table of scores.
SCORES = [
    "dataset", "simulated", "evaluation", "fold", "subject", "seed", *ITEM, "n_chans",
    "n_classes", "n_trials", "n_effective", "key", *METRICS,
]  # fmt: skip
#: Columns of the plan behind it: one row for each job.
PLANNED = [
    "dataset", "evaluation", "fold", *ITEM, "seed", "seeded", "key", "status",
]  # fmt: skip
COMPARED = [
    *PLACE, "decoder", "a", "b", "metric", "n_subjects", "n_seeds", "difference", "low",
    "high", "effect_size", "p_value", "p_holm", "seeds_needed", "verdict",
]  # fmt: skip
JUDGED = [
    *PLACE[:2], *ITEM, "metric", "chance", "n_subjects", "mean", "n_effective",
    "p_value", "p_holm", "above", "possible",
]  # fmt: skip
ALL_DATASETS = "all datasets"


class Tables(NamedTuple):
    """What is known of a grid: its scores, its jobs, and what the datasets are.

    Parameters
    ----------
    scores : DataFrame
        One row for each finished job and test subject, columns `SCORES`.
    planned : DataFrame
        One row for each job, columns `PLANNED`.
    paradigms : mapping of str to str or None
        Paradigm of each dataset; None is taken for motor imagery.
    controls : mapping of str to str
        Method of the untaught student that a method is fairly compared with, where
        it is not ``"none"``.
    """

    scores: pd.DataFrame
    planned: pd.DataFrame
    paradigms: Mapping[str, str | None]
    controls: Mapping[str, str] = MappingProxyType({})

    def metric_of(self, dataset: str) -> str:
        """Return the metric of a dataset's paradigm."""
        return find_paradigm(self.paradigms.get(dataset)).metric

    def chance_level(self, dataset: str, metric: str | None = None) -> float | None:
        """Return the chance level of a dataset with scores, where it is a number."""
        n_classes = rows_where(self.scores, dataset=dataset)["n_classes"].iloc[0]
        return chance_level(self.paradigms.get(dataset), int(n_classes), metric)

    @property
    def seeded(self) -> set[str]:
        """The methods whose result changes with the seed."""
        changes = self.planned["seeded"].astype(bool)
        return set(self.planned.loc[changes, "method"])

    @property
    def simulated(self) -> list[str]:
        """The datasets whose signals were computed, not recorded."""
        rows = self.scores[self.scores["simulated"].astype(bool)]
        return list(rows["dataset"].unique())

    def check(self) -> None:
        """Refuse tables that lack a column or would count a score twice."""
        for name, columns in (("scores", SCORES), ("planned", PLANNED)):
            table: pd.DataFrame = getattr(self, name)
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


def rows_where(table: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """Return the rows whose columns have the values."""
    for name, value in values.items():
        table = table[table[name] == value]
    return table


def by_seed(
    tables: Tables,
    metric: str | None = None,
) -> pd.DataFrame:
    """Return one score for each item, subject and seed that has all its folds.

    Folds are averaged. ``metric`` is a column of scores, by default that of each
    dataset's paradigm, here and below. ``shared`` says whether one network served
    several subjects, which gives all of them the same luck. Bits a minute count whole
    selections: there are none where a trial is not one.
    """
    if metric is not None:
        check_choice(metric, "metric", METRICS)
    scores, planned, paradigms, *_ = tables
    scores = scores.reset_index(drop=True)
    scores["metric"], scores["score"] = "", np.nan
    for dataset, rows in scores.groupby("dataset", sort=False):
        name = metric or tables.metric_of(str(dataset))
        selects = not find_paradigm(paradigms.get(str(dataset))).trial
        scores.loc[rows.index, "metric"] = name
        if selects or name != "itr":
            scores.loc[rows.index, "score"] = rows[name].astype(float)
    scores["shared"] = scores.groupby("key")["subject"].transform("nunique").gt(1)
    scores["known"] = _planned_folds(scores, planned)
    unit = [*PLACE[:2], *ITEM, "subject", "seed"]
    table = (
        scores.groupby(unit, sort=False)
        .agg(
            score=("score", "mean"),
            metric=("metric", "first"),
            shared=("shared", "first"),
            known=("known", "first"),
            done=("fold", "nunique"),
        )
        .reset_index()
    )
    table = table[table["done"] == table["known"]].dropna(subset="score")
    return table.drop(columns=["known", "done"])


def _planned_folds(scores: pd.DataFrame, planned: pd.DataFrame) -> list[int]:
    """Return for each row of the scores how many folds its subject has.

    A fold is named after its subject, and what follows a slash; where folds have other
    names, those that were seen count.
    """
    names = planned.groupby(PLACE[:2])["fold"].unique()
    unit = [*PLACE[:2], "subject"]
    counts: dict[Any, int] = {}
    key: Any
    for key, seen in scores.groupby(unit)["fold"].unique().items():
        own = sum(str(name).startswith(f"{key[2]}/") for name in names[key[:2]])
        counts[key] = max(len(seen), own)
    return [counts[row] for row in scores[unit].itertuples(index=False, name=None)]


def by_subject(seeds: pd.DataFrame) -> pd.DataFrame:
    """Return one score for each item and subject of `by_seed`, seeds averaged."""
    unit = [*PLACE[:2], *ITEM, "subject", "metric"]
    grouped = seeds.groupby(unit, sort=False)
    return grouped.agg(score=("score", "mean"), n_seeds=("seed", "size")).reset_index()


def summarize(
    tables: Tables,
    metric: str | None = None,
) -> pd.DataFrame:
    """Return one row for each dataset, evaluation and item of the plan.

    See `eegkd.benchmark.Results.summary`.
    """
    import pandas as pd

    scores, planned, *_ = tables
    table = by_subject(by_seed(tables, metric))
    columns = [*PLACE, "kind", "method", "decoder"]
    left = planned.assign(missing=planned["status"].ne("done"))
    items = left.groupby(columns, sort=False)["missing"].sum()
    rows: list[dict[str, Any]] = []
    place: Any
    key: Any
    for place, group in items.groupby(level=PLACE, sort=False):
        here = rows_where(table, **dict(zip(PLACE, place, strict=True)))
        name = metric or tables.metric_of(place[0])
        wide = here.pivot_table(
            index="subject", columns=["method", "decoder"], values="score"
        ).dropna()
        one_seed = (here["n_seeds"].lt(2) & here["method"].isin(tables.seeded)).any()
        wins = {} if one_seed else _wins(wide, name)
        for key, missing in group.items():
            named = dict(zip(columns, key, strict=True))
            item = (named["method"], named["decoder"])
            own = wide[item] if item in wide else pd.Series(dtype=float)
            seeds = rows_where(here, method=item[0], decoder=item[1])["n_seeds"]
            mean, low, high = mean_interval(own.to_numpy())
            rows.append(
                {
                    **named,
                    "n_chans": rows_where(scores, **named)["n_chans"].max(),
                    "metric": name,
                    "mean": mean,
                    "low": low,
                    "high": high,
                    "of_teacher": _share(own, named, table, name),
                    "wins": wins.get(item, np.nan),
                    "n_subjects": len(own),
                    "n_seeds": int(seeds.min()) if len(seeds) else 0,
                    "missing": int(missing),
                }
            )
    return pd.DataFrame(rows)


def _wins(wide: pd.DataFrame, metric: str) -> dict[Any, float]:
    """Return on how many subjects each item is the best; ties are split."""
    if not len(wide):
        return {}
    values = -wide if METRICS[metric].less_is_better else wide
    best = values.eq(values.max(axis=1), axis=0)
    return dict(best.div(best.sum(axis=1), axis=0).sum())


def _share(
    own: pd.Series, named: dict[str, Any], table: pd.DataFrame, metric: str
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


def compare(
    tables: Tables,
    pairs: Sequence[tuple[str, str]],
    metric: str | None = None,
) -> pd.DataFrame:
    """Compare pairs of methods, paired over subjects, corrected for all of them.

    See `eegkd.benchmark.Results.compare`.
    """
    import pandas as pd

    seeds = by_seed(tables, metric)
    rows = []
    for cell in cells(tables.planned, pairs):
        paradigm = tables.paradigms.get(cell["dataset"])
        name = metric or tables.metric_of(cell["dataset"])
        rows.append(_compare_cell(seeds, cell, tables.seeded, name, paradigm))
    rows += list(_combined(rows, set(tables.simulated)))
    _judge(rows)
    return pd.DataFrame(rows, columns=COMPARED)


def paired_scores(
    tables: Tables,
    pairs: Sequence[tuple[str, str]],
    metric: str | None = None,
) -> pd.DataFrame:
    """Return where pairs of methods were measured, and the scores ``a`` and ``b``.

    One row for each subject that has both.
    """
    import pandas as pd

    seeds, found = by_seed(tables, metric), []
    for cell in cells(tables.planned, pairs):
        both = _both(*_sides(seeds, cell)).reset_index(names="subject")
        names = {name: cell[name] for name in [*PLACE, "decoder"]}
        found.append(both.assign(**names))
    filled = [one for one in found if len(one)]
    if not filled:
        raise ValueError(
            "'a' and 'b' must share a subject, dataset, evaluation, montage and "
            f"decoder, but {pairs[0][0]!r} and {pairs[0][1]!r} have none in common. "
            "Run more of the grid first."
        )
    return pd.concat(filled)


def find_pairs(planned: pd.DataFrame, a: Any, b: Any) -> list[tuple[str, str]]:
    """Return the pairs of methods that two arguments stand for.

    None stands for every method but the teacher; several are each paired with each of
    the other side.
    """
    methods = list(planned["method"].unique())
    teachers = set(planned.loc[planned["kind"] == "teacher", "method"])
    sides = []
    for argument, value in (("a", a), ("b", b)):
        names = [value] if isinstance(value, str) else value
        if names is None:
            names = [name for name in methods if name not in teachers]
        sides.append([check_choice(one, argument, methods) for one in names])
    pairs = [(one, other) for one in sides[0] for other in sides[1] if one != other]
    if not pairs or (a is None and b is None):
        raise ValueError(
            f"'a' and 'b' must name two different methods, got {a!r} and {b!r}. "
            f"Pass two of {join_names(methods, 80)}."
        )
    return pairs


def fair_pairs(pairs: Sequence[tuple[str, str]], tables: Tables) -> list[Any]:
    """Return pairs in which the untaught student is trained as the other one is.

    The plain one, ``"none"``, gives way to the method's own control; each pair once.
    """
    controls = tables.controls
    fair = [
        (
            controls.get(b, a) if a == "none" else a,
            controls.get(a, b) if b == "none" else b,
        )
        for a, b in pairs
    ]
    return [(a, b) for a, b in dict.fromkeys(fair) if a != b]


def cells(
    planned: pd.DataFrame, pairs: Sequence[tuple[str, str]]
) -> Iterator[dict[str, str]]:
    """Yield dataset, evaluation, montage and decoder where both of a pair are planned.

    A teacher meets every montage, and a baseline every decoder.
    """
    columns = [*PLACE, "decoder"]
    order = [list(planned[name].unique()) for name in columns]
    items = planned[[*PLACE, "kind", "method", "decoder"]].drop_duplicates()
    for a, b in pairs:
        left, right = rows_where(items, method=a), rows_where(items, method=b)
        both = left.merge(right, on=PLACE[:2], suffixes=("", "_b"))
        teaches = both["kind"].eq("teacher")
        same = both["montage"].eq(both["montage_b"])
        same |= teaches | both["kind_b"].eq("teacher")
        fits = both["decoder"].eq(both["decoder_b"])
        fits |= both["decoder"].eq("") | both["decoder_b"].eq("")
        both["montage"] = both["montage"].where(~teaches, both["montage_b"])
        both["decoder"] = both["decoder"].where(
            both["decoder"].ne(""), both["decoder_b"]
        )
        found: list[Any] = list(
            both.loc[same & fits, columns].itertuples(index=False, name=None)
        )
        found.sort(
            key=lambda cell: [o.index(v) for o, v in zip(order, cell, strict=True)]
        )
        for cell in found:
            yield {**dict(zip(columns, cell, strict=True)), "a": a, "b": b}


def _sides(
    seeds: pd.DataFrame, cell: dict[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the scores of both methods of a comparison, of single seeds."""
    here = rows_where(seeds, **{name: cell[name] for name in PLACE[:2]})
    here = here[here["decoder"].isin([cell["decoder"], ""])]
    here = here[here["montage"].eq(cell["montage"]) | here["kind"].eq("teacher")]
    return here[here["method"] == cell["a"]], here[here["method"] == cell["b"]]


def _both(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
    """Return the means over seeds of the subjects that both sides have."""
    a, b = (
        side.groupby("subject", sort=False)["score"].mean() for side in (left, right)
    )
    return a.to_frame("a").join(b.rename("b"), how="inner")


def _compare_cell(
    seeds: pd.DataFrame,
    cell: dict[str, str],
    seeded: set[str],
    metric: str,
    paradigm: str | None,
) -> dict[str, Any]:
    """Return one row of a comparison, not yet corrected and judged."""
    left, right = _sides(seeds, cell)
    both = _both(left, right)
    a, b = both["a"].to_numpy(), both["b"].to_numpy()
    row: dict[str, Any] = {**dict.fromkeys(COMPARED, np.nan), **cell}
    row |= {"n_subjects": len(both), "n_seeds": 0, "one_seed": False, "metric": metric}
    if not len(both):
        return row
    by_chance = [side for side in (left, right) if side["method"].isin(seeded).any()]
    row["n_seeds"] = min([_least_seeds(s, both.index) for s in by_chance], default=1)
    row["one_seed"] = bool(by_chance) and row["n_seeds"] < 2
    row["difference"], row["low"], row["high"] = mean_interval(a - b)
    row["effect_size"] = effect_size(a, b)
    if by_chance:
        # Of one seed the noise is not known. Taking that of a single subject for it
        # errs on the side of more seeds.
        shared = any(side["shared"].any() for side in by_chance)
        if row["one_seed"]:
            imagery = find_paradigm(paradigm).name == "imagery"
            known = METRICS[metric].single_run_sd if imagery else np.nan
            sd = float(known * np.sqrt(len(by_chance)))
        else:
            sd = _noise_of_seeds(by_chance, shared)
        n_independent = 1 if shared else len(both)
        row["seeds_needed"] = seeds_needed(row["difference"], sd, n_independent)
    if not row["one_seed"]:
        row["p_value"] = paired_permutation_test(a, b)
    return row


def _least_seeds(side: pd.DataFrame, subjects: pd.Index) -> int:
    """Return the smallest number of seeds that one of the subjects has."""
    return int(side["subject"].value_counts()[subjects].min())


def _noise_of_seeds(sides: list[pd.DataFrame], shared: bool) -> float:
    """Return one seed's noise in a difference.

    Networks that serve several subjects give all of them the same luck: then it is the
    noise of the mean over subjects that counts.
    """
    tables = []
    for side in sides:
        table = side.pivot_table(index="subject", columns="seed", values="score")
        tables.append(table.dropna(axis=1).mean().to_frame().T if shared else table)
    if len(tables) == 2:
        paired = seed_noise((tables[0] - tables[1]).to_numpy())
        if np.isfinite(paired):
            return paired
    return float(np.sqrt(sum(seed_noise(table.to_numpy()) ** 2 for table in tables)))


def _combined(
    rows: list[dict[str, Any]], simulated: set[str]
) -> Iterator[dict[str, Any]]:
    """Yield a row over all datasets for each comparison that several have."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
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
        yield _combine(group) | {"dataset": ALL_DATASETS + kind}


def _combine(group: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the row over all datasets of one comparison."""
    from moabb.analysis.meta_analysis import combine_effects

    columns = ("difference", "effect_size", "p_value", "n_subjects")
    differences, effects, p_values, counts = (
        np.array([row[name] for row in group]) for name in columns
    )
    one_seed = any(row["one_seed"] for row in group)
    effect, p_value = combine_datasets(effects, p_values, counts)
    least = np.array([smallest_p_value(int(n)) for n in counts])
    return {
        **group[0],
        "n_subjects": int(counts.sum()),
        "n_seeds": min(row["n_seeds"] for row in group),
        "difference": float(combine_effects(differences, counts)),
        "low": np.nan,
        "high": np.nan,
        "effect_size": effect,
        "p_value": np.nan if one_seed else p_value,
        "seeds_needed": np.nan,
        "one_seed": one_seed,
        "least": combine_datasets(np.ones(len(group)), least, counts)[1],
    }


def _judge(rows: list[dict[str, Any]]) -> None:
    """Add corrected p-values and verdicts to the rows of a comparison."""
    p_values = np.array([row.get("p_value", np.nan) for row in rows])
    least = np.array(
        [row.get("least", smallest_p_value(row["n_subjects"])) for row in rows]
    )
    # Holm's correction is monotone: no scores could give less than this.
    reachable = holm(np.where(np.isfinite(p_values), least, np.nan))
    n_tests = int(np.isfinite(p_values).sum())
    for row, p_holm, best in zip(rows, holm(p_values), reachable, strict=True):
        row["p_holm"] = p_holm
        row["verdict"] = _verdict(row, best, n_tests)


def _verdict(row: dict[str, Any], best: float, n_tests: int) -> str:
    """Return what one comparison allows one to say.

    ``best`` is the smallest corrected p-value that any scores could give.
    """
    if not row["n_subjects"]:
        return "not measured: no subject has both"
    if row["one_seed"]:
        if "least" in row:
            return "unresolved: one seed; see its datasets"
        if smallest_p_value(row["n_subjects"]) >= SIGNIFICANCE:
            return f"unresolved: one seed, and {_too_few(row)}, whatever the scores"
        return f"unresolved: one seed; {_enough(row)}"
    if row["p_holm"] < SIGNIFICANCE:
        less = METRICS[row["metric"]].less_is_better
        return "a better" if (row["difference"] > 0) != less else "b better"
    if best >= SIGNIFICANCE:
        tests = f" in {n_tests} comparisons" if n_tests > 1 else ""
        return f"not shown: {_too_few(row)}{tests}, whatever the scores"
    if row["seeds_needed"] > row["n_seeds"]:
        return f"not shown; the seeds alone vary by more: {_enough(row)}"
    return "not shown"


def _too_few(row: dict[str, Any]) -> str:
    """Return that no scores of these subjects could show a difference, in words."""
    n = row["n_subjects"]
    subjects = "1 subject" if n == 1 else f"{n} subjects"
    return f"{subjects} cannot reach p < {SIGNIFICANCE}"


def _enough(row: dict[str, Any]) -> str:
    """Return how many seeds would resolve a difference, in words."""
    needed = row["seeds_needed"]
    if row["difference"] == 0:
        return "no number of seeds resolves a difference of 0"
    if np.isnan(needed):
        return "how many would resolve it is not known for this metric and paradigm"
    if needed >= PRACTICAL_SEEDS:
        return "no practical number of seeds would resolve it"
    return f"about {needed:.0f} seeds would resolve it"


def against_chance(
    tables: Tables,
) -> pd.DataFrame:
    """Return for each item whether it is shown to be above chance level.

    See `eegkd.benchmark.Results.against_chance`.
    """
    import pandas as pd

    found = [pd.DataFrame(columns=JUDGED)]
    place: Any
    for place, rows in tables.scores.groupby(PLACE[:2], sort=False):
        paradigm = tables.paradigms.get(place[0])
        n_classes = int(rows["n_classes"].iloc[0])
        metric = judged_metric(paradigm)
        subjects = by_subject(by_seed(tables._replace(scores=rows), metric))
        subjects = subjects.merge(_worth(rows), on=[*ITEM, "subject"])
        found.append(
            judge_chance(subjects, n_classes, metric, ITEM).assign(
                **dict(zip(PLACE, place, strict=False)),
                metric=metric,
                chance=chance_level(paradigm, n_classes, metric),
            )
        )
    filled = [table for table in found if len(table)] or found
    return pd.concat(filled, ignore_index=True)[JUDGED]


def judge_chance(
    subjects: pd.DataFrame, n_classes: int, metric: str, item: Sequence[str]
) -> pd.DataFrame:
    """Return for each item whether its scores are shown to be above chance level.

    ``subjects`` has a row for each item and subject: ``score`` (folds and seeds
    averaged), ``n_effective``, and the columns ``item`` that name it.
    """
    import pandas as pd

    item = list(item)
    rows, least = [], []
    key: Any
    for key, own in subjects.dropna(subset="score").groupby(item, sort=False):
        counts, values = own["n_effective"].to_numpy(), own["score"].to_numpy()
        perfect = np.ones(len(own))
        least.append(chance_test(perfect, counts, n_classes, metric=metric))
        rows.append(
            {
                **dict(zip(item, key, strict=True)),
                "n_subjects": len(own),
                "mean": own["score"].mean(),
                "n_effective": counts.sum(),
                "p_value": chance_test(values, counts, n_classes, metric=metric),
            }
        )
    columns = [*item, "n_subjects", "mean", "n_effective", "p_value"]
    judged = pd.DataFrame(rows, columns=columns)
    judged["p_holm"] = holm(judged["p_value"].to_numpy())
    judged["above"] = judged["p_holm"] < SIGNIFICANCE
    judged["possible"] = holm(np.array(least)) < SIGNIFICANCE
    return judged


def _worth(rows: pd.DataFrame) -> pd.DataFrame:
    """Return with how many trials each item and subject is tested, effectively."""
    import pandas as pd

    counts = rows["n_effective"].astype(float).fillna(rows["n_trials"].astype(float))
    unit = [*ITEM, "subject"]
    worth: list[dict[str, Any]] = []
    key: Any
    for key, own in rows.assign(worth=counts).groupby(unit, sort=False):
        folds = own.groupby("fold")["worth"].mean()  # the same for every seed
        pooled = pool_folds(folds.to_numpy())
        worth.append({**dict(zip(unit, key, strict=True)), "n_effective": pooled})
    return pd.DataFrame(worth, columns=[*unit, "n_effective"])


def one_place(planned: pd.DataFrame, **given: str | None) -> dict[str, str]:
    """Return the one dataset, evaluation and montage that arguments stand for.

    None stands for the only one; of the montages "full" needs not be told from a
    single other one.
    """
    place = {}
    for name, value in given.items():
        allowed = list(planned[name].unique())
        if value is None:
            few = [one for one in allowed if one != "full"] or allowed
            if len(few) != 1:
                raise ValueError(
                    f"'{name}' must be one of {join_names(allowed, 80)}, got None. "
                    "Choose one, since there are several."
                )
            value = few[0]
        place[name] = check_choice(value, name, allowed)
        planned = planned[planned[name] == value]
    return place


def shown_items(
    tables: Tables, place: dict[str, str], metric: str | None = None
) -> pd.DataFrame:
    """Return the scores by subject of the items of a place, and of the teachers."""
    same = {name: place[name] for name in PLACE[:2]}
    table = rows_where(by_subject(by_seed(tables, metric)), **same)
    shown = table["montage"].eq(place["montage"]) | table["kind"].eq("teacher")
    if not shown.any():
        name = metric or tables.metric_of(place["dataset"])
        raise ValueError(
            f"'metric' must have scores to draw, but {name!r} has none for {place}. "
            "Finish more of the grid first."
        )
    return table[shown]


def ranked_items(
    tables: Tables, place: dict[str, str], metric: str | None = None
) -> pd.DataFrame:
    """Return the scores by subject of the items of a place; one seed is an error."""
    table = rows_where(by_subject(by_seed(tables, metric)), **place)
    single = table[table["n_seeds"].lt(2) & table["method"].isin(tables.seeded)]
    if len(single):
        names = (single["method"] + " " + single["decoder"]).str.strip().unique()
        raise ValueError(
            f"'metric' cannot rank on one seed, but {join_names(names)} have only one "
            "for some subject. Run the grid with 'n_seeds' of 2 or more."
        )
    return table
