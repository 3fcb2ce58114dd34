"""`Montage`: the electrodes of a device; read, list, check, find them in data.

Names and positions are those of MNE's 10-05 montage. MNE and SciPy are imported when a
name or a position is first looked up, not with this module.
"""

from __future__ import annotations

import os
import tomllib
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from eegkd._checks import (
    MAX_NAMES,
    check_ch_names,
    check_choice,
    check_int,
    check_number,
    check_type,
    did_you_mean,
    join_names,
)
from eegkd.data.channels import (
    canonical_name,
    electrode_names,
    electrode_positions,
    mne_montage,
    positions,
)
from eegkd.data.filter_bank import Rows, electrodes_of, in_band, read_rows

__all__ = [
    "Montage",
    "ladder",
    "list_montages",
    "load_montage",
    "nearest_electrodes",
    "resolve",
]

ON_MISSING = ("error", "nearest", "interpolate")
NEEDED_KEYS = ("name", "ch_names", "citation")
OPTIONAL_KEYS = ("device", "reference", "sfreq", "description")
# Every electrode of the 10-10 system has a neighbor within 28 to 39 mm. What is farther
# away sees another part of the brain.
FAR_MM = 40.0


# -- names and positions ----------------------------------------------------------


def nearest_electrodes(
    electrode: str, ch_names: Sequence[str], n: int = 3
) -> list[tuple[str, float]]:
    """Return the channels of the data that are nearest to an electrode.

    Parameters
    ----------
    electrode : str
        Name of an electrode of the 10-05 system.
    ch_names : sequence of str
        Channels of the data. Those without a known position are ignored, and
        those of a filter bank are electrodes once, without their bands.
    n : int, default=3
        How many channels to return at most, >= 1.

    Returns
    -------
    nearest : list of (str, float)
        Channel, in the data's own spelling, and its straight-line distance in
        millimeters; nearest first.

    Raises
    ------
    ValueError
        If ``electrode`` is not an electrode of the 10-05 system.
    """
    check_int(n, "n", at_least=1)
    check_type(electrode, "electrode", str, "a string")
    (electrode,) = _check_electrodes([electrode], "electrode")
    distances = {
        name: 1000 * float(np.linalg.norm(xyz - electrode_positions()[electrode]))
        for name, xyz in positions(electrodes_of(check_ch_names(ch_names))).items()
    }
    return sorted(distances.items(), key=lambda pair: pair[1])[:n]


def _check_electrodes(electrodes: Any, argument: str) -> tuple[str, ...]:
    """Return the canonical names of distinct electrodes of the 10-05 system."""
    given = check_ch_names(electrodes, argument)
    names = [canonical_name(electrode) for electrode in given]
    unknown = [name for name in names if name not in electrode_positions()]
    if unknown:
        meant = (did_you_mean(name, electrode_names().values()) for name in unknown)
        raise ValueError(
            f"'{argument}' must be in the 10-05 system, like 'C3' or 'AF7', got "
            f"{join_names(unknown)}. Correct the spelling, or leave it out."
            + "".join(list(dict.fromkeys(meant))[:MAX_NAMES])
        )
    _check_distinct(given, argument, "Keep one of them.")
    return tuple(names)


def _check_distinct(names: Sequence[str], argument: str, advice: str) -> dict[str, int]:
    """Return the place of every electrode; two names for one are an error."""
    place: dict[str, int] = {}
    for i, name in enumerate(names):
        electrode = canonical_name(name)
        if electrode in place:
            raise ValueError(
                f"'{argument}' must name each electrode once, but "
                f"{names[place[electrode]]!r} and {name!r} are the same electrode "
                f"{electrode!r}. {advice}"
            )
        place[electrode] = i
    return place


# -- montages ---------------------------------------------------------------------


@dataclass(frozen=True)
class Montage:
    """The electrodes of one device.

    Parameters
    ----------
    name : str
        Short name of the set, such as ``"muse"``.
    ch_names : tuple of str
        Electrodes in the device's order, by their canonical 10-05 names.
    device : str, default=""
        Product that has these electrodes.
    reference : str, optional
        Where the device's reference electrode sits, if known.
    sfreq : float, optional
        Sampling rate of the device in Hz, if known.
    citation : str, default=""
        What states the electrodes.
    description : str, default=""
        One plain sentence.

    See Also
    --------
    eegkd.load_montage : Load and check a montage.
    eegkd.list_montages : Names of the montages that come with the library.
    """

    name: str
    ch_names: tuple[str, ...]
    device: str = ""
    reference: str | None = None
    sfreq: float | None = None
    citation: str = ""
    description: str = ""

    @property
    def n_chans(self) -> int:
        """Number of electrodes."""
        return len(self.ch_names)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields, JSON-ready.

        Returns
        -------
        fields : dict
            The parameters of `Montage`; ``ch_names`` is a list.
        """
        return {**asdict(self), "ch_names": list(self.ch_names)}

    def __repr__(self) -> str:
        # Every electrode: printed parameters must tell two montages apart.
        return f"<Montage | {self.name}: {join_names(self.ch_names, self.n_chans)}>"


def load_montage(montage: str | os.PathLike[str] | Sequence[str] | Montage) -> Montage:
    """Load a montage by name, from a file or from a list of electrodes.

    Parameters
    ----------
    montage : str, path, list of str or Montage
        A name from `list_montages`, the path of a TOML file, the names of the
        electrodes (the montage is then called ``"custom"``), or a montage to check.

    Returns
    -------
    montage : Montage
        The montage, its electrodes in the given order under their canonical names.

    Raises
    ------
    TypeError
        If ``montage`` or a value in its file is of the wrong kind.
    ValueError
        If the name is unknown, the file is malformed, or the electrodes are not
        distinct electrodes of the 10-05 system.
    FileNotFoundError
        If there is no such file.

    See Also
    --------
    eegkd.list_montages : The names.

    Examples
    --------
    >>> from eegkd import load_montage
    >>> load_montage("muse").ch_names
    ('TP9', 'AF7', 'AF8', 'TP10')
    >>> load_montage(["FZ", "t3", "t4"])
    <Montage | custom: 'Fz', 'T7', 'T8'>
    """
    if isinstance(montage, Montage):
        return _checked(montage, "ch_names")
    if isinstance(montage, str) and montage in _shipped():
        return _load_shipped(montage)
    if isinstance(montage, os.PathLike):
        return _read(Path(montage))
    if isinstance(montage, str):
        if montage.lower().endswith(".toml") or {"/", os.sep} & {*montage}:
            return _read(Path(montage))
        raise ValueError(
            f"Unknown name {montage!r} for 'montage'. Allowed: "
            f"{join_names(_shipped(), 80)}, the path of a TOML file, or a list of "
            f"electrodes such as ['C3', 'Cz', 'C4'].{did_you_mean(montage, _shipped())}"
        )
    if isinstance(montage, (Sequence, np.ndarray)):
        return Montage(name="custom", ch_names=_check_electrodes(montage, "montage"))
    raise TypeError(
        "'montage' must be a name from list_montages(), the path of a TOML file, a "
        f"list of electrodes or a Montage, got {type(montage).__name__}."
    )


def list_montages(ch_names: Sequence[str] | None = None) -> list[str]:
    """Return the names of the montages that come with the library.

    Parameters
    ----------
    ch_names : sequence of str, optional
        Channels of some data. If given, only the montages are named whose electrodes
        are all among them; in a filter bank in every band.

    Returns
    -------
    names : list of str
        Names for `load_montage`, sorted.

    See Also
    --------
    eegkd.load_montage : Load one of them.

    Examples
    --------
    >>> from eegkd import list_montages
    >>> list_montages(["C3", "Cz", "C4", "Fz", "POz", "C5", "C6"])
    ['headband', 'motor_3']
    """
    if ch_names is None:
        return list(_shipped())
    electrodes = read_rows(check_ch_names(ch_names)).electrodes
    present = {canonical_name(electrode) for electrode in electrodes}
    return [name for name in _shipped() if present >= {*_load_shipped(name).ch_names}]


@cache
def _shipped() -> dict[str, Path]:
    """Return the library's montage files by name: in a wheel, or in the source tree."""
    package = Path(__file__).resolve().parent
    inside = package / "montages"
    folder = inside if inside.is_dir() else package.parent / "montages"
    return {file.stem: file for file in sorted(folder.glob("*.toml"))}


@cache
def _load_shipped(name: str) -> Montage:
    """Return a montage of the library, read once."""
    return _read(_shipped()[name])


def _read(file: Path) -> Montage:
    """Read and check a montage file."""
    if not file.is_file():
        raise FileNotFoundError(
            f"'montage' must be an existing TOML file, got {str(file)!r}. Check the "
            "path, or take a name from list_montages()."
        )
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"Montage file {str(file)!r} must be valid TOML in UTF-8, but: {error}. "
            'A line reads like: ch_names = ["C3", "Cz", "C4"].'
        ) from error
    allowed = (*NEEDED_KEYS, *OPTIONAL_KEYS)
    missing = [key for key in NEEDED_KEYS if key not in content]
    extra = [key for key in content if key not in allowed]
    if missing or extra:
        raise ValueError(
            f"Montage file {str(file)!r} must have the keys {join_names(NEEDED_KEYS)} "
            f"and may have {join_names(OPTIONAL_KEYS)}; missing: "
            f"{join_names(missing)}, not allowed: {join_names(extra)}."
            + "".join(did_you_mean(key, allowed) for key in extra[:1])
        )
    ch_names = check_type(
        content.pop("ch_names"), f"ch_names' in '{file}", list, "an array"
    )
    return _checked(Montage(ch_names=ch_names, **content), "ch_names", f"' in '{file}")


def _checked(montage: Montage, argument: str, place: str = "") -> Montage:
    """Return a montage with canonical names; ``place`` follows a field's name."""
    for field in ("name", "device", "reference", "citation", "description"):
        value = getattr(montage, field)
        if not (field == "reference" and value is None):
            check_type(value, f"{field}{place}", str, "a string")
    if not montage.name.strip() or montage.name == "full":
        raise ValueError(
            f"'name{place}' must be a name other than 'full', which stands for all "
            f"channels of the data, got {montage.name!r}. Choose another name."
        )
    sfreq = montage.sfreq
    if sfreq is not None:
        sfreq = check_number(sfreq, f"sfreq{place}", above=0, hint="It is in Hz.")
    ch_names = _check_electrodes(montage.ch_names, f"{argument}{place}")
    return replace(montage, ch_names=ch_names, sfreq=sfreq)


# -- a montage in data ------------------------------------------------------------


@dataclass(frozen=True)
class Substitution:
    """An electrode that is read from another electrode of the data.

    Parameters
    ----------
    electrode : str
        Electrode of the montage that the data do not have.
    used : str
        Channel of the data that is read in its place, in the data's spelling.
    distance_mm : float
        Straight-line distance of the two in millimeters.
    """

    electrode: str
    used: str
    distance_mm: float


@dataclass(frozen=True, eq=False)
class Resolved:
    """Where the electrodes of a montage are found in data.

    Parameters
    ----------
    ch_names : tuple of str
        Electrodes of the montage, in the montage's order. In trials of a filter bank
        all electrodes in the first band, then all in the second, and so on.
    data_names : tuple of str
        When picking, the channel of the data that is read for each electrode. When
        interpolating, all channels of the data, the columns of ``weights``.
    index : ndarray of int, shape (n_chans,), or None
        Place of these channels in the data; None when interpolating.
    weights : ndarray of float64, shape (n_chans, n_data_chans), or None
        ``weights @ X`` gives the electrodes. An electrode that the data have is one 1
        among zeros; the others are rows of a spherical-spline interpolation.
    substitutions : tuple of Substitution
        Electrodes that are read from a neighbor.
    interpolated : tuple of str
        Electrodes that are interpolated.
    bands : tuple of str
        Names of the bands of a filter bank; ``("",)`` for trials of one band. What
        stands in for an electrode is the same in all of them.
    """

    ch_names: tuple[str, ...]
    data_names: tuple[str, ...]
    index: np.ndarray | None
    weights: np.ndarray | None = None
    substitutions: tuple[Substitution, ...] = ()
    interpolated: tuple[str, ...] = ()
    bands: tuple[str, ...] = ("",)

    def report(self) -> str:
        """Say in plain words what stands for the electrodes that the data do not have.

        Returns
        -------
        text : str
            One sentence; empty if nothing was replaced.
        """
        if self.substitutions:
            return f"Not in the data: {_listed(self.substitutions, 'read from')}."
        if self.interpolated and self.weights is not None:
            first = [
                in_band(electrode, self.bands[0]) for electrode in self.interpolated
            ]
            rows = [self.ch_names.index(name) for name in first]
            n_used = np.count_nonzero(self.weights[rows].any(axis=0))
            return (
                f"Not in the data: {', '.join(self.interpolated)} (interpolated from "
                f"{n_used} electrodes by spherical splines)."
            )
        return ""


def resolve(
    montage: str | os.PathLike[str] | Sequence[str] | Montage,
    ch_names: Sequence[str],
    on_missing: str = "error",
) -> Resolved:
    """Find the electrodes of a montage in data.

    Parameters
    ----------
    montage : str, path, list of str or Montage
        What `load_montage` takes.
    ch_names : sequence of str
        Channels of the data, in any spelling that `canonical_name` knows. Those of a
        filter bank are named after electrode and band, such as ``"C3 8-12 Hz"``; each
        electrode is then found in every band.
    on_missing : {"error", "nearest", "interpolate"}, default="error"
        What to do about an electrode that the data do not have. ``"nearest"`` reads the
        nearest electrode instead, each electrode once, so that the distances add up
        to the least; an electrode that the montage has itself is not moved.
        ``"interpolate"`` computes the electrode from all electrodes by MNE's spherical
        splines. Channels without a known position take no part in either.

    Returns
    -------
    resolved : Resolved
        Which channels to read, or how to weight them, in the montage's order.

    Raises
    ------
    ValueError
        If an electrode is missing and ``on_missing="error"``, if there are too few
        electrodes to stand in, if two channels of the data are the same electrode, or
        if an electrode lacks one of the bands.

    Warns
    -----
    UserWarning
        If the nearest electrode is more than 40 mm away.

    Notes
    -----
    Distances and splines use the positions of MNE's 10-05 montage, whatever the cap.
    The center of the sphere is fitted to the whole montage, so that the weights do not
    depend on where the data's electrodes happen to be.
    """
    check_choice(on_missing, "on_missing", ON_MISSING)
    ch_names = check_ch_names(ch_names)
    rows = read_rows(ch_names)
    found = _find_electrodes(load_montage(montage), rows.electrodes, on_missing)
    return in_every_band(found, rows, ch_names)


def in_every_band(found: Resolved, rows: Rows, ch_names: Sequence[str]) -> Resolved:
    """Return where electrodes are in each band, given where they are in one."""
    if rows.bands == ("",):
        return found
    index, weights, data_names = None, None, tuple(ch_names)
    if found.index is not None:
        index = rows.index[:, found.index].ravel()
        data_names = tuple(ch_names[row] for row in index)
    else:
        in_bands = np.zeros((len(rows.bands), len(found.ch_names), len(ch_names)))
        for in_one, channels in zip(in_bands, rows.index, strict=True):
            in_one[:, channels] = found.weights
        weights = in_bands.reshape(-1, len(ch_names))
    return replace(
        found,
        ch_names=tuple(
            in_band(electrode, band)
            for band in rows.bands
            for electrode in found.ch_names
        ),
        data_names=data_names,
        index=index,
        weights=weights,
        bands=rows.bands,
    )


def _find_electrodes(
    montage: Montage, ch_names: tuple[str, ...], on_missing: str
) -> Resolved:
    """Find the electrodes of a montage among others, whatever the bands."""
    place = _check_distinct(ch_names, "ch_names", "Drop one of these channels.")
    missing = [electrode for electrode in montage.ch_names if electrode not in place]
    if missing and on_missing == "error":
        raise ValueError(_lacking(montage, missing, ch_names))
    if missing and on_missing == "interpolate":
        return _interpolate(montage, missing, ch_names, place)
    stand_ins = _stand_ins(montage, missing, ch_names) if missing else ()
    used = {change.electrode: ch_names.index(change.used) for change in stand_ins}
    index = np.array(
        [place.get(electrode, used.get(electrode)) for electrode in montage.ch_names]
    )
    return Resolved(
        ch_names=montage.ch_names,
        data_names=tuple(ch_names[i] for i in index),
        index=index,
        substitutions=stand_ins,
    )


def ladder(
    small: Sequence[str], ch_names: Sequence[str], n_steps: int
) -> list[Montage]:
    """Return montages between a small one and all electrodes of the data.

    Parameters
    ----------
    small : sequence of str
        Electrodes of the small montage, channels of the data.
    ch_names : sequence of str
        Channels of the data. Those without a known position take no part, and those
        of a filter bank are electrodes once.
    n_steps : int
        Montages between the two ends, >= 0.

    Returns
    -------
    montages : list of Montage
        From small to large, without the ends; each holds the one before it. Fewer
        than ``n_steps`` where there are not as many electrodes between.

    Notes
    -----
    Numbers of electrodes grow by a constant factor. Electrodes are added in the order
    of their distance to the small montage's nearest one.

    Examples
    --------
    >>> [step.ch_names for step in ladder(["Cz"], ["Fz", "Cz", "CPz", "POz"], 1)]
    [('Cz', 'CPz')]
    """
    check_int(n_steps, "n_steps", at_least=0)
    places = positions(electrodes_of(check_ch_names(ch_names)))
    own = [name for name in electrodes_of(small) if name in places]
    held = set(map(canonical_name, own))
    free = {n: xyz for n, xyz in places.items() if canonical_name(n) not in held}
    anchors = np.array([places[name] for name in own]) if own else np.zeros((1, 3))
    order = sorted(
        free, key=lambda name: np.linalg.norm(anchors - free[name], axis=1).min()
    )
    n_small, n_full = max(len(own), 1), len(own) + len(order)
    sizes = {
        round(n_small * (n_full / n_small) ** (step / (n_steps + 1)))
        for step in range(1, n_steps + 1)
    }
    montages = []
    for size in sorted(sizes - {len(own), n_full}):
        chosen = {canonical_name(name) for name in [*own, *order[: size - len(own)]]}
        names = [canonical_name(name) for name in places]
        montages.append(
            Montage(
                name=f"{size} electrodes",
                ch_names=tuple(name for name in names if name in chosen),
            )
        )
    return montages


def _lacking(montage: Montage, missing: list[str], ch_names: Sequence[str]) -> str:
    """Word the error about missing electrodes."""
    listed = []
    for electrode in missing[:MAX_NAMES]:
        near = "".join(
            f" (nearest: {name!r}, {distance:.0f} mm)"
            for name, distance in nearest_electrodes(electrode, ch_names, 1)
        )
        listed.append(f"{electrode!r}{near}")
    if len(missing) > MAX_NAMES:
        listed.append(f"... ({len(missing)} in all)")
    return (
        f"Montage {montage.name!r} needs electrodes that the data do not have: "
        f"{', '.join(listed)}. The data have {len(ch_names)} channels: "
        f"{join_names(ch_names)}. Montages that fit these data: "
        f"{join_names(list_montages(ch_names), 80)}. Choose one that fits, or pass "
        "on_missing='nearest' or on_missing='interpolate'."
    )


def _stand_ins(
    montage: Montage, missing: list[str], ch_names: Sequence[str]
) -> tuple[Substitution, ...]:
    """Give every missing electrode one of its own, by the least total distance."""
    from scipy.optimize import linear_sum_assignment

    free = positions(n for n in ch_names if canonical_name(n) not in montage.ch_names)
    if len(free) < len(missing):
        raise ValueError(
            f"on_missing='nearest' needs one free electrode with a known position for "
            f"each missing one of montage {montage.name!r} ({join_names(missing)}), "
            f"but the data have {len(free)}: {join_names(free)}. Choose a smaller "
            "montage, or pass on_missing='interpolate'."
        )
    electrodes = np.array([electrode_positions()[electrode] for electrode in missing])
    distances = 1000 * np.linalg.norm(
        electrodes[:, np.newaxis] - np.array(list(free.values())), axis=-1
    )
    names = list(free)
    stand_ins = tuple(
        Substitution(missing[row], names[column], float(distances[row, column]))
        for row, column in zip(*linear_sum_assignment(distances), strict=True)
    )
    _warn_if_far(montage, stand_ins, "read from")
    return stand_ins


def _interpolate(
    montage: Montage,
    missing: list[str],
    ch_names: tuple[str, ...],
    place: dict[str, int],
) -> Resolved:
    """Weight the data's channels: a 1 for a present electrode, a spline for others."""
    known = list(positions(ch_names))
    if len(known) < 4:
        raise ValueError(
            "on_missing='interpolate' needs at least 4 electrodes with a known "
            f"position, but the data have {len(known)}: {join_names(known)}. Use data "
            "with more electrodes, or their 10-05 names."
        )
    nearest = [
        Substitution(electrode, *nearest_electrodes(electrode, known, 1)[0])
        for electrode in missing
    ]
    _warn_if_far(montage, nearest, "nearest is")
    weights = np.zeros((montage.n_chans, len(ch_names)))
    splines = _splines(missing, [canonical_name(name) for name in known])
    columns = [ch_names.index(name) for name in known]
    for row, electrode in enumerate(montage.ch_names):
        if electrode in place:
            weights[row, place[electrode]] = 1.0
        else:
            weights[row, columns] = splines[missing.index(electrode)]
    return Resolved(
        montage.ch_names, ch_names, None, weights, interpolated=tuple(missing)
    )


def _splines(missing: list[str], known: list[str]) -> np.ndarray:
    """Return MNE's weights (n_missing, n_known): what it makes of unit signals."""
    import mne

    def sensors(names: list[str]) -> mne.Info:
        return mne.create_info(names, 1.0, "eeg").set_montage(mne_montage())

    center = mne.bem.fit_sphere_to_headshape(
        sensors([*electrode_positions()]), units="m", verbose="ERROR"
    )[1]
    signals = np.vstack([np.zeros((len(missing), len(known))), np.eye(len(known))])
    evoked = mne.EvokedArray(signals, sensors([*missing, *known]), verbose="ERROR")
    evoked.info["bads"] = missing
    evoked.interpolate_bads(origin=center, verbose="ERROR")
    return evoked.data[: len(missing)]


def _warn_if_far(
    montage: Montage, stand_ins: Iterable[Substitution], verb: str
) -> None:
    """Warn about electrodes that stand in from another part of the head."""
    far = [change for change in stand_ins if change.distance_mm > FAR_MM]
    if far:
        warnings.warn(
            f"Montage {montage.name!r} reaches where the data have no electrodes: "
            f"{_listed(far, verb)}. Beyond {FAR_MM:.0f} mm the signal says "
            "little about the electrode. Choose a montage that fits the data, see "
            "list_montages(ch_names).",
            stacklevel=5,
        )


def _listed(stand_ins: Iterable[Substitution], verb: str) -> str:
    """Name electrodes and the electrodes that stand in for them in a sentence."""
    return ", ".join(
        f"{change.electrode} ({verb} {change.used}, {change.distance_mm:.0f} mm away)"
        for change in stand_ins
    )
