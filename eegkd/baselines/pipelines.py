"""Pipeline files for ``moabb.benchmark``, written when asked for."""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eegkd._checks import check_choice, check_type
from eegkd.baselines import BASELINES
from eegkd.data.paradigms import PARADIGMS
from eegkd.decoders import DECODERS
from eegkd.estimators import DecoderClassifier, DistilledClassifier
from eegkd.estimators.classifiers import check_training
from eegkd.methods import METHODS
from eegkd.montage import ON_MISSING, Montage, list_montages, load_montage

__all__ = ["EPOCHS_MARK", "contexts_file", "pipelines_folder"]

#: How the name of every pipeline ends. ``moabb.benchmark`` hands Epochs, which know
#: channel names and sampling rate, only to pipelines whose name contains one of eight
#: strings, ``"SSVEP CCA"`` among them; all others get bare arrays.
EPOCHS_MARK = " (Epochs, like SSVEP CCA)"

MONTAGES = ("headphone", "headband")
METHOD_NAMES = ("none", "kd", "sk_kd")

#: MOABB's classes that the files are for, by paradigm. Resting state is left out: MOABB
#: makes one trial of a whole segment there, `eegkd.load_trials` windows.
CLASSES = {
    "imagery": ("LeftRightImagery", "MotorImagery"),
    "p300": ("P300",),
    "ssvep": ("SSVEP",),
    "cvep": ("CVEP",),
}
TITLES = {"none": "No teacher", "kd": "KD", "sk_kd": "SK-KD"}
CITATIONS = {
    "kd": ("https://doi.org/10.48550/arXiv.1503.02531",),
    "sk_kd": ("https://doi.org/10.48550/arXiv.2212.03329",),
}


def pipelines_folder(
    folder: str | os.PathLike[str] | None = None,
    *,
    montage: str | os.PathLike[str] | Sequence[str] | Montage | None = None,
    methods: Sequence[str] = METHOD_NAMES,
    on_missing: str = "error",
    **settings: Any,
) -> str:
    """Return a folder of pipeline files for ``moabb.benchmark``.

    There is one file for each method on each montage, one for the decoder on all
    electrodes, and one for each classical baseline on all electrodes and on each
    montage; for left-right and general motor imagery, P300, SSVEP and c-VEP. Networks
    and how they are trained are those of `eegkd.PARADIGMS`; `contexts_file` writes the
    bands and rates that belong to them.

    Parameters
    ----------
    folder : str or path, optional
        Where to write; it is made if needed, and files of the same name are replaced.
        None writes to a temporary folder, which is gone when the process ends.
    montage : str, path, list of str or Montage, optional
        Electrodes of the students, as in `eegkd.load_montage`. None writes files for
        ``"headphone"`` and ``"headband"``.
    methods : sequence of str, default=("none", "kd", "sk_kd")
        Names in `eegkd.METHODS`.
    on_missing : {"error", "nearest", "interpolate"}, default="error"
        What to do about an electrode that the data do not have.
    **settings
        Further parameters of `DistilledClassifier`, such as ``max_epochs=50`` or
        ``student="EEGNet"``, for students and the decoder on all electrodes of every
        paradigm. Values must be what YAML can hold: text, numbers, lists and dicts of
        them.

    Returns
    -------
    folder : str
        Absolute path of the folder, for the argument ``pipelines`` of
        ``moabb.benchmark``.

    Raises
    ------
    TypeError
        If a setting is unknown, or of a kind that a file cannot hold.
    ValueError
        If a montage, a method or the value of a setting is unknown.

    Notes
    -----
    Names of the pipelines end in `eegkd.baselines.pipelines.EPOCHS_MARK`, because
    ``moabb.benchmark`` decides by name which pipelines get Epochs. Take it off with
    ``results["pipeline"].str.removesuffix(EPOCHS_MARK)``.

    MOABB leaves a lock file beside each file that it reads.

    Examples
    --------
    >>> from pathlib import Path
    >>> from eegkd.baselines.pipelines import pipelines_folder
    >>> len(list(Path(pipelines_folder()).glob("*headband.yml")))
    16
    """
    if folder is not None:
        check_type(folder, "folder", (str, os.PathLike), "a path")
    _check_settings(settings)
    _check_methods(methods)
    check_choice(on_missing, "on_missing", ON_MISSING)
    montages = [_montage(m) for m in (MONTAGES if montage is None else (montage,))]
    texts = {
        _file_name(config["name"]): _text(config)
        for config in _configs(montages, methods, on_missing, settings)
    }
    if folder is None:
        folder = tempfile.mkdtemp(prefix="eegkd-pipelines-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (target / name).write_text(text, encoding="utf-8")
    return str(target.resolve())


def contexts_file(file: str | os.PathLike[str] = "contexts.yml") -> str:
    """Write the bands and rates that the pipelines are made for.

    Parameters
    ----------
    file : str or path, default="contexts.yml"
        Where to write; not in a folder of pipelines, whose files MOABB reads all.

    Returns
    -------
    file : str
        Absolute path, for the argument ``contexts`` of ``moabb.benchmark``.

    Notes
    -----
    Without it MOABB takes its own bands, and the rate of each dataset, while the
    kernels of EEGNet are counted in samples: at 512 Hz they last a fraction of what
    they should.
    """
    import yaml  # type: ignore[import-untyped]

    content = {
        name: {"fmin": row.l_freq, "fmax": row.h_freq, "resample": row.sfreq}
        for paradigm, row in PARADIGMS.items()
        for name in CLASSES.get(paradigm, ())
    }
    target = Path(check_type(file, "file", (str, os.PathLike), "a path"))
    target.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return str(target.resolve())


# -- what is written --------------------------------------------------------------


def _configs(
    montages: Sequence[tuple[str, Any]],
    methods: Sequence[str],
    on_missing: str,
    settings: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    """Yield the content of each file, in MOABB's terms."""
    known = DecoderClassifier().get_params()
    alone = {name.replace("student", "decoder"): v for name, v in settings.items()}
    alone = {name: value for name, value in alone.items() if name in known}
    for paradigm, classes in CLASSES.items():
        row = PARADIGMS[paradigm]
        network = settings.get("student", row.network(settings.get("recipe")))
        suffix = "" if paradigm == "imagery" else f" {row.title}"
        for method in methods:
            for label, montage in montages:
                yield _config(
                    f"{TITLES.get(method, method)} {network} {label}{suffix}",
                    classes,
                    CITATIONS.get(method, ()),
                    "eegkd.DistilledClassifier",
                    montage=montage,
                    method=method,
                    on_missing=on_missing,
                    paradigm=paradigm,
                    **settings,
                )
        yield _config(
            f"{network} full{suffix}",
            classes,
            (),
            "eegkd.DecoderClassifier",
            montage=None,
            paradigm=paradigm,
            **alone,
        )
    for name, baseline in BASELINES.items():
        if baseline.needs_montage or name in DECODERS:  # a network, see above
            continue
        named = [c for kind in baseline.paradigms for c in CLASSES.get(kind, ())]
        for label, montage in [("full", None), *montages]:
            yield _config(
                f"{baseline.title} {label}",
                named,
                baseline.citations,
                f"eegkd.baselines.{name}",
                montage=montage,
                on_missing=on_missing,
            )


def _config(
    name: str,
    classes: Sequence[str],
    citations: Sequence[str],
    component: str,
    **parameters: Any,
) -> dict[str, Any]:
    """Return the content of a file; MOABB hands Epochs that name no paradigm."""
    module, _, function = component.rpartition(".")
    step = {"name": function, "from": module, "parameters": parameters}
    cited = {"citations": list(citations)} if citations else {}
    return {
        "name": name + EPOCHS_MARK,
        "paradigms": list(classes),
        **cited,
        "pipeline": [step],
    }


def _montage(montage: Any) -> tuple[str, Any]:
    """Return how a montage is called in names, and what the file says of it."""
    found = load_montage(montage)
    if isinstance(montage, str) and montage in list_montages():
        return montage, montage
    electrodes = list(found.ch_names)
    if found.name != "custom":
        return found.name, electrodes
    joined = "-".join(electrodes)
    if len(electrodes) <= 8:
        return joined, electrodes
    short = hashlib.sha256(joined.encode()).hexdigest()[:8]
    return f"{len(electrodes)} electrodes {short}", electrodes


def _file_name(name: str) -> str:
    """Return the file of a pipeline: its name without the mark, in plain letters."""
    plain = name.removesuffix(EPOCHS_MARK).lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_") + ".yml"


def _text(config: dict[str, Any]) -> str:
    """Return the text of a file."""
    import yaml

    try:
        text: str = yaml.safe_dump(
            config, sort_keys=False, allow_unicode=True, width=88
        )
    except yaml.representer.RepresenterError as error:
        raise TypeError(
            "'settings' must hold text, numbers, lists and dicts, as YAML does, "
            f"got {error.args[1]!r}. Pass moabb.benchmark a list of pipelines instead."
        ) from error
    return text


# -- checks -----------------------------------------------------------------------


def _check_settings(settings: dict[str, Any]) -> None:
    """Refuse settings that no student has, or that the files set themselves."""
    own = ("method_options", "on_missing", "paradigm")
    check_training(settings, "pipelines_folder", own)
    check_type(settings.get("student", ""), "student", str, "a decoder's name")
    DistilledClassifier(**settings).check()


def _check_methods(methods: Any) -> None:
    """Refuse anything but a list of known methods."""
    check_type(methods, "methods", (list, tuple), "a list of names")
    for method in methods:
        check_choice(method, "methods", METHODS)
