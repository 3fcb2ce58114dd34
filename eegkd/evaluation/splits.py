"""Who is trained and tested on what. Test trials never take part in a choice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from eegkd._checks import check_choice, check_labels, join_names
from eegkd.data.groups import groups, last_groups, shares_samples

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Fold", "evaluation_folds", "held_out", "make_folds"]

#: Evaluations that hold out what ``test`` says; MOABB's say themselves what is tested.
HOLD_OUT = ("individual", "dependent", "independent")
EVALUATIONS = (*HOLD_OUT, "within_session", "cross_session", "cross_subject")
MOABB_SEED = 42  # of the folds within a session, as in moabb.benchmark
N_FOLDS = 5  # within a session, as in MOABB
TESTS = ("auto", "session", "run", "time")
TEST_FRACTION = 1 / 3  # part of the runs, or of one recording's end, that is tested on


@dataclass(frozen=True)
class Fold:
    """One training set and the test trials of the subjects that it is for.

    Parameters
    ----------
    name : str
        The subject that the fold is for, or ``"all"``.
    train : ndarray of int
        Index of the training trials, validation included.
    test : dict of subject -> ndarray of int
        Index of each subject's test trials.

    Notes
    -----
    No training trial shares samples with a test trial, see `eegkd.data.groups`.
    """

    name: str
    train: np.ndarray
    test: dict[Any, np.ndarray]

    def compact(self) -> tuple[np.ndarray, Fold]:
        """Return the trials that the fold needs, and the fold among these alone.

        Returns
        -------
        needed : ndarray of int
            Index of the training and test trials, sorted.
        fold : Fold
            The same fold, counted within ``needed``.
        """
        needed = np.unique(np.concatenate([self.train, *self.test.values()]))
        return needed, Fold(
            self.name,
            np.searchsorted(needed, self.train),
            {who: np.searchsorted(needed, rows) for who, rows in self.test.items()},
        )


def held_out(
    metadata: pd.DataFrame, y: np.ndarray, test: str | Sequence[str] = "auto"
) -> tuple[np.ndarray, str]:
    """Say which trials are for testing, without looking at signals.

    Parameters
    ----------
    metadata : DataFrame
        ``subject``, ``session`` and ``run`` of each trial.
    y : ndarray, shape (n_trials,)
        Labels.
    test : {"auto", "session", "run", "time"} or list of str, default="auto"
        ``"session"`` tests on each subject's last session; ``"run"`` on the last
        third of the runs (at least one) of each kind, where runs that hold the same
        classes are of one kind; ``"time"`` on the last third of each class, or, of
        trials that overlap or come from one segment, of the groups of
        `eegkd.data.groups.groups`. A list names the test sessions. ``"auto"`` takes
        the first of the three that the data allow, for all subjects alike.

    Returns
    -------
    mask : ndarray of bool, shape (n_trials,)
        Whether a trial is for testing.
    rule : str
        The rule in plain words, for the report.

    Raises
    ------
    ValueError
        If the rule leaves a subject without training or test trials, or a class
        without training trials; or labels are continuous.
    """
    y = check_labels(y, len(metadata))
    if not isinstance(test, str):
        sessions = list(test)
        known = sorted(metadata["session"].unique())
        unknown = [name for name in sessions if name not in known]
        if unknown or not sessions:
            raise ValueError(
                f"'test' must be a rule ({join_names(TESTS)}) or name sessions of the "
                f"data ({join_names(known)}), got {test!r}."
            )
        mask = metadata["session"].isin(sessions).to_numpy()
        return _check(mask, metadata, y, f"session {join_names(sessions)}")
    check_choice(test, "test", TESTS)
    if test == "auto":
        test = automatic_test(metadata, y)
    mask = np.zeros(len(metadata), dtype=bool)
    group = groups(metadata) if test == "time" else None
    for rows in _by(metadata, ["subject"]):
        if group is None:
            mask[_test_rows(metadata.iloc[rows], y[rows], rows, test)] = True
        else:
            mask[rows] = last_groups(group[rows], y[rows], TEST_FRACTION, rounded=False)
    words = {
        "session": "the last session of each subject",
        "run": "the last third of the runs of each subject (one session recorded)",
        "time": "the last third of each class of each subject (one run recorded; "
        "neighboring trials share slow drifts, so scores are optimistic)",
    }
    return _check(mask, metadata, y, words[test])


def automatic_test(metadata: pd.DataFrame, y: np.ndarray) -> str:
    """Return the strictest rule of `held_out` that every subject's data allow.

    Parameters
    ----------
    metadata : DataFrame
        ``subject``, ``session`` and ``run`` of each trial.
    y : ndarray, shape (n_trials,)
        Labels.

    Returns
    -------
    test : {"session", "run", "time"}
        The rule.
    """
    if metadata.groupby("subject")["session"].nunique().min() > 1:
        return "session"
    several = all(
        all(len(runs) > 1 for runs in _kinds(metadata.iloc[rows], y[rows]).values())
        for rows in _by(metadata, ["subject"])
    )
    return "run" if several else "time"


def make_folds(
    metadata: pd.DataFrame, is_test: np.ndarray, evaluation: str = "individual"
) -> list[Fold]:
    """Cut trials into folds by an evaluation that holds out what ``test`` says.

    Parameters
    ----------
    metadata : DataFrame
        ``subject`` of each trial.
    is_test : ndarray of bool, shape (n_trials,)
        Which trials are for testing, see `held_out`.
    evaluation : {"individual", "dependent", "independent"}, default="individual"
        Train on the subject's own training trials, on those of all subjects, or on
        those of all other subjects. Testing is always on the subject's own test
        trials.

    Returns
    -------
    folds : list of Fold
        One for each subject; one for all if ``evaluation`` is "dependent".

    Raises
    ------
    ValueError
        If ``evaluation`` is unknown, or "independent" has fewer than two subjects.
    """
    check_choice(evaluation, "evaluation", HOLD_OUT)
    subject = metadata["subject"].to_numpy()
    subjects = list(dict.fromkeys(subject.tolist()))
    tests = {who: np.flatnonzero((subject == who) & is_test) for who in subjects}
    if evaluation == "dependent":
        return [_apart(metadata, Fold("all", np.flatnonzero(~is_test), tests))]
    if evaluation == "independent" and len(subjects) < 2:
        raise ValueError(
            "'evaluation' 'independent' trains on other subjects, but there is only "
            f"subject {subjects[0]}. Load at least two subjects."
        )
    own = evaluation == "individual"
    return [
        _apart(
            metadata,
            Fold(
                str(who),
                np.flatnonzero(((subject == who) == own) & ~is_test),
                {who: tests[who]},
            ),
        )
        for who in subjects
    ]


def _apart(metadata: pd.DataFrame, fold: Fold) -> Fold:
    """Return a fold without training trials that share samples with test trials."""
    tested = np.concatenate([*fold.test.values()])
    shared = shares_samples(metadata, fold.train, tested)
    return replace(fold, train=fold.train[~shared])


def nested_fold(
    metadata: pd.DataFrame, y: np.ndarray, fold: Fold, fraction: float = 1 / 4
) -> Fold:
    """Cut the training trials of a fold once more, for a look before the test.

    Parameters
    ----------
    metadata : DataFrame
        ``subject``, ``session`` and ``run`` of each trial.
    y : ndarray, shape (n_trials,)
        Labels.
    fold : Fold
        Its test trials take no part.
    fraction : float, default=1/4
        Part of the training trials that the nested fold is tested on.

    Returns
    -------
    nested : Fold
        Tested on the last trials of each class of each subject; whole groups of
        `eegkd.data.groups.groups` where trials belong together. A fold that is tested
        on subjects that it was not trained on holds out the last subjects instead, at
        least one.
    """
    rows = fold.train
    own = metadata.iloc[rows].reset_index(drop=True)
    subject = own["subject"].to_numpy()
    names = list(dict.fromkeys(subject.tolist()))
    if set(names) & set(fold.test) or len(names) < 2:
        mask = np.zeros(len(rows), dtype=bool)
        group = groups(own)
        for part in _by(own, ["subject"]):
            # Without groups the trials of a class are counted one by one.
            alone = np.arange(len(part)) if group is None else group[part]
            mask[part] = last_groups(alone, y[rows][part], fraction)
    else:
        last = names[-max(1, round(fraction * len(names))) :]
        mask = np.isin(subject, last)
    tests = {
        who: rows[mask & (subject == who)]
        for who in names
        if mask[subject == who].any()
    }
    return _apart(metadata, Fold(fold.name, rows[~mask], tests))


def evaluation_folds(
    metadata: pd.DataFrame,
    y: np.ndarray,
    evaluation: str = "individual",
    test: str | Sequence[str] = "auto",
) -> tuple[list[Fold], str]:
    """Cut trials into folds: who is trained and who is tested on what.

    Parameters
    ----------
    metadata : DataFrame
        ``subject``, ``session`` and ``run`` of each trial.
    y : ndarray, shape (n_trials,)
        Labels.
    evaluation : str, default="individual"
        ``"individual"``, ``"dependent"`` or ``"independent"``, see `make_folds`, or
        ``"within_session"`` (five folds within each session), ``"cross_session"``
        (each session of a subject is tested once, by what was learned on its other
        sessions) or ``"cross_subject"`` (each subject is tested by what was learned
        on the others), cut by MOABB's splitters.
    test : {"auto", "session", "run", "time"} or list of str, default="auto"
        What the first three hold out, see `held_out`; the others say themselves.

    Returns
    -------
    folds : list of Fold
        In the order of the data; names are distinct.
    rule : str
        What is tested on, in plain words.

    Raises
    ------
    ValueError
        If ``evaluation`` is unknown, labels are continuous, the data have too few
        sessions or subjects, or a fold would be tested on a class that it was not
        trained on.
    """
    check_choice(evaluation, "evaluation", EVALUATIONS)
    y = check_labels(y, len(metadata))
    if evaluation in HOLD_OUT:
        is_test, rule = held_out(metadata, y, test)
        folds = make_folds(metadata, is_test, evaluation)
        return _check_classes(folds, y), rule
    if test != "auto":
        raise ValueError(
            f"'test' must be 'auto' for evaluation {evaluation!r}, which says itself "
            f"what is tested, got {test!r}. Use one of {join_names(HOLD_OUT)} with it."
        )
    _check_several(metadata, evaluation)
    from moabb.evaluations import splitters

    splitter: Any
    group = groups(metadata) if evaluation == "within_session" else None
    if group is not None:
        rule = (
            "each fifth of each session in turn (groups of trials that overlap or "
            "belong together, drawn at random)"
        )
        splitter = _GroupSplitter(group)
    elif evaluation == "within_session":
        rule = "each fifth of each session in turn (trials drawn at random by class)"
        splitter = splitters.WithinSessionSplitter(random_state=MOABB_SEED)
    elif evaluation == "cross_session":
        rule = "each session of each subject in turn"
        splitter = splitters.CrossSessionSplitter()
    else:
        rule = "all trials of each subject in turn"
        splitter = splitters.CrossSubjectSplitter()
    metadata = metadata.reset_index(drop=True)
    folds = []
    for train, rows in splitter.split(y, metadata):
        who = metadata["subject"].tolist()[rows[0]]
        name = str(who)
        if evaluation != "cross_subject":
            name += f"/{metadata['session'].iloc[rows[0]]}"
        if evaluation == "within_session":
            name += f"/{sum(fold.name.startswith(name + '/') for fold in folds)}"
        fold = Fold(name, np.asarray(train), {who: np.asarray(rows)})
        folds.append(_apart(metadata, fold))
    return _check_classes(folds, y), rule


class _GroupSplitter:
    """Five folds within each session that keep groups together."""

    def __init__(self, group: np.ndarray) -> None:
        self.group = group

    def split(
        self, y: np.ndarray, metadata: pd.DataFrame
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the training and the test trials of each fold."""
        from sklearn.model_selection import StratifiedGroupKFold

        for rows in _by(metadata, ["subject", "session"]):
            here = self.group[rows]
            most = np.unique(y[rows], return_counts=True)[1].max()
            n_splits = min(N_FOLDS, len(np.unique(here)), int(most))
            if n_splits < 2:
                who, session = metadata[["subject", "session"]].iloc[rows[0]]
                raise ValueError(
                    "'evaluation' 'within_session' needs at least two stretches of "
                    f"recording that do not overlap, but session {session!r} of "
                    f"subject {who} has {len(rows)} trials that hang together. Use "
                    "'cross_session', or 'individual', which then holds out runs."
                )
            folds = StratifiedGroupKFold(
                n_splits, shuffle=True, random_state=MOABB_SEED
            )
            for train, test in folds.split(rows, y[rows], here):
                yield rows[train], rows[test]


def _check_classes(folds: list[Fold], y: np.ndarray) -> list[Fold]:
    """Return folds if none is tested on a class that it was not trained on."""
    for fold in folds:
        known = set(y[fold.train].tolist())
        for who, rows in fold.test.items():
            unseen = set(y[rows].tolist()) - known
            if unseen:
                raise ValueError(
                    f"'y' of subject {who} holds class {join_names(sorted(unseen))} "
                    f"in the test trials of fold {fold.name!r}, but not in its "
                    "training trials. Leave out the class or the subject, or use "
                    "another evaluation."
                )
    return folds


def _by(metadata: pd.DataFrame, columns: list[str]) -> Iterator[np.ndarray]:
    """Yield the row numbers of each group, in order of appearance."""
    yield from (
        np.asarray(rows)
        for rows in metadata.reset_index(drop=True)
        .groupby(columns, sort=False)
        .indices.values()
    )


def _check_several(metadata: pd.DataFrame, evaluation: str) -> None:
    """Refuse an evaluation for which there are too few sessions or subjects."""
    if evaluation == "cross_subject" and metadata["subject"].nunique() < 2:
        raise ValueError(
            "'evaluation' 'cross_subject' trains on other subjects, but there is only "
            f"subject {metadata['subject'].iloc[0]}. Load at least two subjects."
        )
    if evaluation == "cross_session":
        sessions = metadata.groupby("subject", sort=False)["session"].nunique()
        single = sessions[sessions < 2].index.tolist()
        if single:
            raise ValueError(
                "'evaluation' 'cross_session' trains on other sessions, but subject "
                f"{', '.join(map(str, single))} has one session only. Use "
                "'within_session', or 'individual', which then holds out runs."
            )


def _kinds(own: pd.DataFrame, y: np.ndarray) -> dict[tuple[str, ...], list[Any]]:
    """Group one subject's runs by the classes that they hold."""
    kinds: dict[tuple[str, ...], list[Any]] = {}
    for rows in _by(own, ["session", "run"]):
        run = (own["session"].iloc[rows[0]], own["run"].iloc[rows[0]])
        kinds.setdefault(tuple(sorted(map(str, set(y[rows])))), []).append(run)
    return kinds


def _test_rows(
    own: pd.DataFrame, y: np.ndarray, rows: np.ndarray, test: str
) -> np.ndarray:
    """Return the row numbers of one subject's test trials."""
    if test == "session":
        last = max(own["session"].unique(), key=_session_order)
        return rows[(own["session"] == last).to_numpy()]
    if test == "run":
        chosen = {
            run
            for runs in _kinds(own, y).values()
            for run in runs[len(runs) - max(1, int(len(runs) * TEST_FRACTION)) :]
        }
        pairs = zip(own["session"], own["run"], strict=True)
        return rows[np.array([pair in chosen for pair in pairs])]
    ends = [
        np.flatnonzero(y == label)[-max(1, int((y == label).sum() * TEST_FRACTION)) :]
        for label in np.unique(y)
    ]
    return rows[np.sort(np.concatenate(ends))]


def _session_order(session: str) -> tuple[int, str]:
    """Order sessions by their number, as in "0train", "1test", "10"."""
    digits = re.match(r"\d*", session).group()  # type: ignore[union-attr]
    return int(digits or 0), session


def _check(
    mask: np.ndarray, metadata: pd.DataFrame, y: np.ndarray, rule: str
) -> tuple[np.ndarray, str]:
    """Return mask and rule if every subject and class can be trained and tested."""
    for rows in _by(metadata, ["subject"]):
        who = metadata["subject"].tolist()[rows[0]]
        if mask[rows].all() or not mask[rows].any():
            lacking = "training" if mask[rows].all() else "test"
            sessions = metadata["session"].iloc[rows].unique().tolist()
            raise ValueError(
                f"'test' leaves subject {who} without {lacking} trials "
                f"(rule: {rule}). Its sessions: "
                f"{join_names(sessions)}. Choose "
                "another rule, such as test='run' or test='time'."
            )
        untrained = set(y[rows].tolist()) - set(y[rows][~mask[rows]].tolist())
        if untrained:
            raise ValueError(
                f"'test' leaves subject {who} without training trials of class "
                f"{join_names(sorted(map(str, untrained)))} (rule: {rule}). Choose "
                "another rule, such as test='time', or drop the class."
            )
    return mask, rule
