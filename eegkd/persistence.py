"""Fitted estimators on disk: safetensors and JSON, never pickle.

An estimator is two files: ``<name>.json`` says what it is, ``<name>.safetensors``
holds the weights. The JSON file holds a checksum of the weights, so that damage and
mix-ups are noticed before anything is predicted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eegkd._checks import join_names

if TYPE_CHECKING:
    from eegkd.estimators.base import MontageEstimator

__all__ = ["load_classifier", "save_classifier"]

FORMAT = 1  # raised when files of before can no longer be read
KINDS = (
    "DecoderClassifier",
    "DistilledClassifier",
    "DecoderRegressor",
    "DistilledRegressor",
)
FITTED = ("n_times_", "sfreq_", "amplitude_", "simulated_")


def save_classifier(classifier: MontageEstimator, stem: str | Path) -> Path:
    """Write a fitted classifier to ``<stem>.json`` and ``<stem>.safetensors``.

    Parameters
    ----------
    classifier : DecoderClassifier, DistilledClassifier or a regressor
        Fitted. A student is saved without its teacher.
    stem : str or path
        Path without an ending; its folder is created if needed.

    Returns
    -------
    file : Path
        The JSON file.

    Raises
    ------
    NotFittedError
        If ``classifier`` is not fitted.
    """
    described, weights = pack_classifier(classifier)
    stem = Path(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    _with_ending(stem, ".safetensors").write_bytes(weights)
    file = _with_ending(stem, ".json")
    file.write_text(json.dumps(described, indent=1), encoding="utf-8")
    return file


def pack_classifier(
    classifier: MontageEstimator,
) -> tuple[dict[str, Any], bytes]:
    """Return a fitted classifier as a JSON-ready description and its weights.

    A student is packed without its teacher; the description has a checksum.
    """
    from safetensors.torch import save
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(classifier)
    weights = save(
        {
            name: value.detach().cpu().contiguous().clone()
            for name, value in classifier.decoder_.state_dict().items()
        }
    )
    return {
        "format": FORMAT,
        "kind": type(classifier).__name__,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "params": _json_params(classifier, classifier.get_params(deep=False)),
        "settings": _json_params(classifier, classifier.settings_),
        "decoder": classifier.decoder_.config,
        "view": classifier.decoder_.view.to_dict(),
        **classifier.labels_.to_dict(),
        "ch_names": list(classifier.ch_names_in_),
        "history": {
            "rows": classifier.history_.rows,
            "best_epoch": classifier.history_.best_epoch,
            "seconds": classifier.history_.seconds,
            "updates": classifier.history_.updates,
            "n_students": classifier.history_.n_students,
            "notes": classifier.history_.notes,
        },
        **{name: getattr(classifier, name) for name in FITTED},
    }, weights


def load_classifier(stem: str | Path, decoders: dict[str, Any] | None = None) -> Any:
    """Read what `save_classifier` wrote.

    Parameters
    ----------
    stem : str or path
        Path without an ending.
    decoders : dict of str -> callable, optional
        Networks of your own, by name; braindecode's are known.

    Returns
    -------
    classifier : DecoderClassifier, DistilledClassifier or a regressor
        Fitted; a student has no ``teacher_``.

    Raises
    ------
    FileNotFoundError
        If one of the two files is missing.
    ValueError
        If a file is damaged, of a later version, or not a classifier's.
    """
    stem = Path(stem)
    file = _with_ending(stem, ".json")
    saved = read_json(file, "a classifier of eegkd", {"kind", "weights_sha256"})
    weights_file = _with_ending(stem, ".safetensors")
    if not weights_file.is_file():
        raise FileNotFoundError(
            f"{str(weights_file)!r} is missing. Copy it beside {file.name}."
        )
    weights = weights_file.read_bytes()
    if hashlib.sha256(weights).hexdigest() != saved["weights_sha256"]:
        raise ValueError(
            f"{str(weights_file)!r} is damaged or belongs to another classifier: its "
            f"checksum differs from the one in {file.name}. Copy both files again."
        )
    try:
        return unpack_classifier(saved, weights, decoders)
    except ValueError as error:
        raise ValueError(f"{str(file)!r} is not usable: {error}") from error


def unpack_classifier(
    described: dict[str, Any], weights: bytes, decoders: dict[str, Any] | None = None
) -> Any:
    """Return the classifier that `pack_classifier` packed."""
    from safetensors.torch import load

    from eegkd import estimators
    from eegkd.decoders.build import decoder_from_config
    from eegkd.distillation import History
    from eegkd.view import View

    if described["kind"] not in KINDS:
        raise ValueError(
            f"it holds a {described['kind']!r}, not one of {join_names(KINDS)}."
        )
    params = _unpaired(described["params"])
    classifier = getattr(estimators, described["kind"])(**params)
    classifier.settings_ = _unpaired(described["settings"])
    classifier.decoder_ = decoder_from_config(
        described["decoder"], load(weights), View.from_dict(described["view"]), decoders
    ).eval()
    classifier._keep_labels(classifier.label_kind.from_dict(described))
    classifier.ch_names_in_ = tuple(described["ch_names"])
    classifier.history_ = History(**described["history"])
    for name in FITTED:
        setattr(classifier, name, described[name])
    if described["kind"].startswith("Distilled"):
        classifier.teacher_, classifier.teachers_ = None, []
    return classifier


def _json_params(classifier: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those parameters that JSON can hold; the view has the montage as well."""
    from eegkd.decoders.build import factory_name
    from eegkd.distillation import Recipe

    params: dict[str, Any] = {}
    for name, value in given.items():
        if name == "montage" and value is not None:
            params[name] = list(classifier.decoder_.view.montage.ch_names)
        elif name == "class_weight" and isinstance(value, Mapping):
            # Pairs, because the keys of a JSON object are text and labels may not be.
            params[name] = [[_of_python(label), float(value[label])] for label in value]
        elif name == "recipe" and isinstance(value, Recipe):
            params[name] = {
                field: item if _is_json(item) else factory_name(item)
                for field, item in value.to_dict().items()
            }
        elif _is_json(value):
            params[name] = value
        elif name in ("student", "decoder"):
            params[name] = classifier.decoder_.config["name"]
        elif name == "method":
            params[name] = factory_name(value)
    return params


def _unpaired(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters that were written as what they were."""
    from eegkd.distillation import Recipe

    found = {**params}
    if isinstance(params.get("class_weight"), list):
        found["class_weight"] = dict(params["class_weight"])
    if isinstance(params.get("recipe"), Mapping):
        found["recipe"] = Recipe(**params["recipe"])
    return found


def _is_json(value: Any) -> bool:
    """Return whether a parameter can be written as it is."""
    if not isinstance(value, (str, int, float, bool, dict, list, tuple, type(None))):
        return False
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True


def _of_python(label: Any) -> Any:
    """Return a label of NumPy's types as one of Python's."""
    return label.item() if isinstance(label, np.generic) else label


def _with_ending(stem: Path, ending: str) -> Path:
    """Add an ending; unlike ``with_suffix`` it leaves dots in the name alone."""
    return stem.parent / (stem.name + ending)


def read_json(file: Path, what: str, needed: set[str]) -> dict[str, Any]:
    """Return the content of one of the library's JSON files."""
    if not file.is_file():
        raise FileNotFoundError(
            f"{str(file)!r} is missing, so its folder does not hold {what}, or was not "
            "written to the end."
        )
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{str(file)!r} is damaged: {error}. Copy it again."
        ) from error
    if not isinstance(saved, dict) or not needed <= set(saved):
        raise ValueError(f"{str(file)!r} is a JSON file, but not {what}.")
    if saved.get("format") != FORMAT:
        raise ValueError(
            f"{str(file)!r} has format {saved.get('format')!r}, but this version of "
            f"eegkd reads format {FORMAT}. Use the version that wrote it."
        )
    return saved
