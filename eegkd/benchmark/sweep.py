"""`augmentation_sweep`: which augmentation of the trials helps a student."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from eegkd._checks import check_choice
from eegkd.benchmark.results import Results
from eegkd.benchmark.run import benchmark


def augmentation_sweep(
    dataset: Any,
    montage: Any = "headband",
    *,
    augmentations: Mapping[str, Any] | Iterable[Any] | None = None,
    teacher_too: bool = False,
    **options: Any,
) -> Results:
    """Compare the student under each augmentation, without any, and without a teacher.

    Parameters
    ----------
    dataset : str, moabb dataset, Trials or list of these
        What to compare on.
    montage : str, path, Montage or list of these, default="headband"
        The student's electrodes.
    augmentations : list of str, or dict, optional
        Names in `eegkd.samplers.AUGMENTATIONS`, all by default; a dict gives labels to
        mixtures: ``{"both": ["gaussian_noise", "time_shift"]}``.
    teacher_too : bool, default=False
        Whether the teacher is trained on changed trials as well; one for each
        augmentation.
    **options
        Further arguments of `eegkd.benchmark`, such as ``subjects``, ``n_seeds``,
        ``store``, ``decoders`` and ``max_epochs``.

    Returns
    -------
    results : Results
        Scores of the methods ``"none"``, ``"kd"`` and one for each augmentation, and
        what follows from them.

    Raises
    ------
    ValueError, TypeError
        If an augmentation is not known, two have the same label, there is none, or an
        argument is not allowed; before anything is trained.

    See Also
    --------
    eegkd.benchmark : Compare any methods.
    """
    from eegkd.samplers.augmented import AUGMENTATIONS, check_augment

    check_choice(teacher_too, "teacher_too", (True, False))
    if "methods" in options:
        raise ValueError(
            "'methods' must be left out: they follow from 'augmentations'. Call "
            "eegkd.benchmark for other methods."
        )
    if augmentations is None:
        augmentations = AUGMENTATIONS.keys()
    elif isinstance(augmentations, str):
        augmentations = [augmentations]
    labeled = _labeled(augmentations)
    methods: dict[str, dict[str, Any]] = {
        "none": {"method": "none"},
        "kd": {"method": "kd"},
    }
    for label, augment in labeled.items():
        check_augment(augment)
        if label in methods:
            raise ValueError(
                f"'augmentations' must not use the label {label!r}, which names the "
                "student without augmentation. Choose another label."
            )
        methods[label] = {"method": "augmented_kd", "augment": augment}
        if teacher_too:
            methods[label]["augment_teacher"] = True
    return benchmark(dataset, montage, methods, **options)


def _labeled(augmentations: Mapping[str, Any] | Iterable[Any]) -> dict[str, Any]:
    """Return augmentations by label, each label once."""
    if isinstance(augmentations, Mapping):
        labeled = dict(augmentations)
    else:
        labeled = {}
        for augment in augmentations:
            label = _label(augment)
            if label in labeled:
                raise ValueError(
                    f"'augmentations' must have different labels, but {label!r} occurs "
                    "more than once. Pass a dict that gives each one a label."
                )
            labeled[label] = augment
    if not labeled:
        raise ValueError(
            "'augmentations' must hold at least one augmentation, got none. None "
            "compares all."
        )
    return labeled


def _label(augment: Any) -> str:
    """Return what a table calls an augmentation, or several applied in order."""
    parts = augment if isinstance(augment, (list, tuple)) else [augment]
    return " + ".join(
        part
        if isinstance(part, str)
        else getattr(part, "__name__", type(part).__name__)
        for part in parts
    )
