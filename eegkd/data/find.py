"""Which dataset is meant: by name, class or object, and which of its subjects."""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from eegkd._checks import check_choice, did_you_mean, join_names
from eegkd.data.paradigms import PARADIGMS
from eegkd.data.trials import Trials

EMBEDDED = "SimulatedMotorImagery"
# Warnings of MOABB and MNE about their own insides, which no user can act upon.
THIRD_PARTY = (
    (FutureWarning, "Montage name 'standard_10"),
    (RuntimeWarning, "Setting non-standard config type"),
    (RuntimeWarning, "HED annotations were detected"),
)


def list_subjects(dataset: Any, subjects: Sequence[Any] | None = None) -> list[Any]:
    """Return the subjects of a dataset, without loading it.

    Parameters
    ----------
    dataset : str, moabb BaseDataset or class of one
        As in `load_trials`.
    subjects : sequence, optional
        A selection to check.

    Returns
    -------
    subjects : list
        The selection, or all subjects.

    Raises
    ------
    ValueError
        If the dataset or a subject is unknown.
    """
    with quiet_moabb():
        found = find_dataset(dataset)
        if subjects is None:  # the code of own recordings takes long
            return list(found.subject_list)
        return check_subjects(subjects, found.subject_list, found.code)


def paradigm_of(dataset: Any) -> str | None:
    """Return the key of `eegkd.PARADIGMS` that a dataset or trials have, or None."""
    if isinstance(dataset, Trials):
        return dataset.paradigm
    with quiet_moabb():
        found = find_dataset(dataset)
    return found.paradigm if found.paradigm in PARADIGMS else None


def list_datasets(paradigm: str = "imagery") -> list[str]:
    """Return the names that `load_trials` knows.

    Parameters
    ----------
    paradigm : {"imagery", "p300", "ssvep", "cvep", "rstate"}, default="imagery"
        Kind of datasets, in MOABB's words.

    Returns
    -------
    names : list of str
        The embedded simulated dataset first, then MOABB's in alphabetical order.

    Raises
    ------
    ValueError
        If ``paradigm`` is not one of the above.
    """
    check_choice(paradigm, "paradigm", PARADIGMS)
    with quiet_moabb():
        return [
            name
            for name, dataset_class in _dataset_classes().items()
            if dataset_class().paradigm == paradigm
        ]


def _dataset_classes() -> dict[str, Any]:
    """Return the datasets that need no arguments, the embedded ones first."""
    import moabb.datasets
    from moabb.datasets.base import BaseDataset

    from eegkd.data.simulated import SIMULATED

    classes: dict[str, Any] = dict(SIMULATED)
    for name, value in inspect.getmembers(moabb.datasets, inspect.isclass):
        if not issubclass(value, BaseDataset) or name.startswith("Fake"):
            continue
        if not any(
            argument.default is argument.empty
            and argument.kind is not argument.VAR_KEYWORD
            for argument in inspect.signature(value).parameters.values()
        ):
            classes[name] = value
    return classes


def find_dataset(dataset: Any) -> Any:
    """Return the MOABB dataset that a name or class stands for.

    Parameters
    ----------
    dataset : str, moabb BaseDataset or class of one
        As in `eegkd.load_trials`.

    Returns
    -------
    dataset : moabb BaseDataset
        The dataset.

    Raises
    ------
    ValueError
        If there is no dataset of this name.
    TypeError
        If it is something else.
    """
    from moabb.datasets.base import BaseDataset

    if isinstance(dataset, str):
        classes = _dataset_classes()
        names = {_loose(name): name for name in classes}
        if _loose(dataset) not in names:
            raise ValueError(
                f"Unknown name {dataset!r} for 'dataset'. Allowed: a MOABB dataset, "
                "or a name in eegkd.list_datasets(), such as "
                f"{EMBEDDED!r} or 'BNCI2014_001'." + did_you_mean(dataset, classes)
            )
        dataset = classes[names[_loose(dataset)]]
    if inspect.isclass(dataset) and issubclass(dataset, BaseDataset):
        dataset = dataset()
    if not isinstance(dataset, BaseDataset):
        raise TypeError(
            "'dataset' must be a name in eegkd.list_datasets(), a MOABB dataset or "
            f"its class, got {type(dataset).__name__}. For files of your own use "
            "eegkd.RecordedDataset, for epochs or arrays eegkd.Trials.from_epochs or "
            "eegkd.Trials.from_arrays."
        )
    return dataset


def _loose(name: str) -> str:
    """Return a name without what people write differently."""
    return name.lower().replace("-", "").replace("_", "")


def check_subjects(subjects: Any, allowed: Sequence[Any], dataset: str) -> list[Any]:
    """Return a selection of subjects as the dataset spells them, in its order.

    ``dataset`` is its name, for messages. None stands for all.
    """
    allowed = list(allowed)
    if subjects is None:
        return allowed
    if isinstance(subjects, str) or not hasattr(subjects, "__iter__"):
        raise TypeError(
            f"'subjects' must be a list of subjects, got {subjects!r}. "
            f"For a single one write subjects=[{subjects!r}]."
        )
    subjects = list(subjects)
    wrong = [subject for subject in subjects if subject not in allowed]
    if wrong or not subjects:
        raise ValueError(
            f"'subjects' must be among those of {dataset}: {join_names(allowed)}, "
            f"got {join_names(wrong)}. Leave 'subjects' out to load all."
        )
    if len(set(subjects)) < len(subjects):
        raise ValueError(
            f"'subjects' must name each subject once, got {subjects!r}. "
            "Remove the repeated ones."
        )
    return [allowed[allowed.index(subject)] for subject in subjects]


@contextlib.contextmanager
def quiet_moabb() -> Iterator[None]:
    """Silence what MOABB and MNE say about themselves."""
    import mne

    with warnings.catch_warnings(), mne.utils.use_log_level("error"):
        for category, message in THIRD_PARTY:
            warnings.filterwarnings("ignore", message, category)
        yield
