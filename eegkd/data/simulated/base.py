"""What all simulated sets share: subjects and days by number, one code for each set."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import mne
import numpy as np
from moabb.datasets.base import BaseDataset

from eegkd._checks import check_int, check_number, join_names
from eegkd._docs import fill_doc
from eegkd.data.simulated.head import SFREQ
from eegkd.data.simulated.signals import LINE_FREQ

Runs = dict[str, mne.io.RawArray]
SESSIONS = ("0train", "1test")  # as in BNCI2014_001
IN_MEMORY = 2  # subjects in memory, for evaluations that read one several times

# The latest recordings of all sets, by code and subject.
_recordings: OrderedDict[tuple[str, int], dict[str, Runs]] = OrderedDict()


def check_trials(n_trials: int, n_runs: int) -> tuple[int, int]:
    """Return trials of each class and runs of a session, if every run gets some."""
    check_int(n_runs, "n_runs", at_least=1)
    hint = "Each run needs one or more."
    return check_int(n_trials, "n_trials", at_least=n_runs, hint=hint), n_runs


def shuffled_runs(
    classes: Sequence[Any], n_trials: int, n_runs: int, rng: np.random.Generator
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each run's name and the classes of its trials, as many of each."""
    for run, part in enumerate(np.array_split(range(n_trials), n_runs)):
        yield str(run), rng.permutation(np.repeat(classes, len(part)))


# What the docstrings of all sets say.
SHARED = {
    "nobody": """
    Nobody was recorded: the signals are computed, offline and in about a second for
    each subject, from dipoles in a spherical head. The set is for trying things out,
    for tests and for teaching. What works here still has to be shown on real EEG.
    """,
    "n_subjects": """
    n_subjects : int, default=9
        Number of subjects, counted from 1.
    """,
    "drawn": """
    sfreq : float, default=160.0
        Sampling rate of the recordings in Hz, at least 110.
    seed : int, default=0
        Which subjects and days are drawn. A subject's signals depend on the seed and
        on its number alone, not on which others are asked for.
    subjects, sessions : sequence, optional
        Selection, as in all MOABB datasets.
    """,
    "simulated": """
    simulated : bool
        True. Tables and reports that are made from this set say so.
    """,
}


@fill_doc(SHARED)
class SimulatedDataset(BaseDataset):
    """A simulated set: subjects by number, two days, nothing to be downloaded.

    A subclass says which subjects it draws and what a day's recordings are. Both depend
    on the seed and on the numbers of subject and day alone, not on who else is asked
    for.

    Parameters
    ----------
    %(n_subjects)s
    %(drawn)s
    events : mapping of str to int
        Codes of the classes.
    interval : sequence of float, length 2
        Of a trial in seconds, relative to its event.
    unusual : mapping of str to bool
        What the code of the set names beside its class if it differs from the default,
        and whether it does, so that MOABB's caches and results are told apart.

    Attributes
    ----------
    %(simulated)s
    """

    paradigm: str  # in MOABB's words
    simulated = True

    def __init__(
        self,
        n_subjects: int,
        sfreq: float,
        seed: int,
        subjects: Sequence[int] | None,
        sessions: Sequence[Any] | None,
        events: Mapping[str, int],
        interval: Sequence[float],
        unusual: Mapping[str, bool],
    ) -> None:
        check_int(n_subjects, "n_subjects", at_least=1)
        self.sfreq = check_number(sfreq, "sfreq", at_least=2.2 * LINE_FREQ)
        self.seed = check_int(seed, "seed", at_least=0)
        said = {**unusual, f"sfreq{sfreq:g}": sfreq != SFREQ, f"seed{seed}": seed != 0}
        code = self._make_code([name for name, differs in said.items() if differs])
        super().__init__(
            subjects=range(1, n_subjects + 1),
            sessions_per_subject=len(SESSIONS),
            events=dict(events),
            code=code.replace("_", "-").replace(".", "-"),
            interval=list(interval),
            paradigm=self.paradigm,
            selected_subjects=subjects,
            selected_sessions=sessions,
        )

    def _make_code(self, named: Sequence[str]) -> str:
        """Return the code of the set, which names what is unusual."""
        return "-".join([type(self).__name__, *named])

    @abstractmethod
    def _draw_subject(self, rng: np.random.Generator) -> Any:
        """Return what stays the same in one subject."""

    @abstractmethod
    def _record(self, subject: Any, rng: np.random.Generator) -> Runs:
        """Return the runs of one day, annotated with the names of the events."""

    def _get_single_subject_data(self, subject: int) -> dict[str, Runs]:
        """Return the recordings of one subject by session and run."""
        key = (self.code, subject)
        if key not in _recordings:
            drawn = self._draw_subject(self._rng(subject))
            _recordings[key] = {
                name: self._record(drawn, self._rng(subject, day))
                for day, name in enumerate(SESSIONS, start=1)
            }
        _recordings.move_to_end(key)
        while len(_recordings) > IN_MEMORY:
            _recordings.popitem(last=False)
        # Copies: whoever reads recordings may filter them in place.
        return {
            session: {run: raw.copy() for run, raw in runs.items()}
            for session, runs in _recordings[key].items()
        }

    def _rng(self, *key: int) -> np.random.Generator:
        """Return the generator of one subject, or of one of its days."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def data_path(
        self,
        subject: int,
        path: Any = None,
        force_update: bool = False,
        update_path: bool | None = None,
        verbose: Any = None,
    ) -> list[str]:
        """Return the file that makes the recordings; nothing is to be downloaded.

        Parameters
        ----------
        subject : int
            Number of a subject.
        path, force_update, update_path, verbose : object
            Not used; they are there because all MOABB datasets have them.

        Returns
        -------
        paths : list of str
            The path of the set's module.

        Raises
        ------
        ValueError
            If there is no such subject.
        """
        if subject not in self.subject_list:
            raise ValueError(
                f"'subject' must be one of {join_names(self.subject_list)}, got "
                f"{subject!r}."
            )
        return [inspect.getfile(type(self))]
