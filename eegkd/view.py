"""`View`: what one device sees of a trial. The barrier against leakage.

Everything that mixes or scales electrodes (picking, re-referencing, standardizing)
happens here, on the electrodes of the montage alone. What a montage does not have
cannot reach the network behind the view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from eegkd._checks import check_ch_names, check_choice, join_names
from eegkd.data.channels import canonical_name
from eegkd.data.filter_bank import electrodes_of, in_band, read_rows, split_band
from eegkd.montage import Montage, Resolved, in_every_band, load_montage, resolve

__all__ = ["View"]

REFERENCES = (None, "average")
STANDARDIZE = (None, "channel")


class View:
    """The electrodes of one montage, re-referenced and standardized.

    Parameters
    ----------
    montage : str, path, list of str, Montage or None
        The device's electrodes; None sees every channel of the data.
    ch_names : sequence of str
        Channels of the data that the view is used on. Those of a filter bank are
        named after electrode and band, such as ``"C3 8-12 Hz"``.
    on_missing : {"error", "nearest", "interpolate"}, default="error"
        What to do about an electrode that the data do not have, see
        `eegkd.montage.resolve`.
    reference : {None, "average"}, default=None
        ``"average"`` subtracts the mean of the view's own electrodes, in each band of
        a filter bank by itself; None keeps the reference of the recording.
    standardize : {"channel", None}, default="channel"
        ``"channel"`` scales every channel by the mean and the standard deviation
        that it had over the trials given to `fit`. None passes volts.

    Attributes
    ----------
    ch_names : tuple of str
        Channels that the view shows, in order: the montage's electrodes; of a filter
        bank all of them in the first band, then all in the second, and so on.
    n_chans : int
        Number of channels: ``montage.n_chans`` electrodes times the number of bands.
    bands : tuple of str
        Names of the bands of a filter bank; ``("",)`` for trials of one band.
    resolved : Resolved
        Which channel of the data stands for which electrode.
    center_, scale_ : Tensor, shape (n_chans, 1)
        Mean and standard deviation in volts, learned by `fit`.
    align_ : Tensor, shape (n_chans, n_chans), or None
        Spatial matrix applied after standardizing, learned by `align`; None before.

    Notes
    -----
    A scale for each electrode over all training trials keeps what motor imagery is
    decoded from, the change of power between trials; a scale for each trial would
    remove it.
    """

    def __init__(
        self,
        montage: Any,
        ch_names: Sequence[str],
        *,
        on_missing: str = "error",
        reference: str | None = None,
        standardize: str | None = "channel",
    ) -> None:
        data_names = check_ch_names(ch_names)
        self.on_missing = on_missing
        self.reference = check_choice(reference, "reference", REFERENCES)
        self.standardize = check_choice(standardize, "standardize", STANDARDIZE)
        if montage is None:
            rows = read_rows(data_names)
            names = tuple(map(canonical_name, rows.electrodes))
            self.montage = Montage(name="full", ch_names=names)
            found = Resolved(names, rows.electrodes, index=np.arange(len(names)))
            self.resolved = in_every_band(found, rows, data_names)
        else:
            self.montage = load_montage(montage)
            self.resolved = resolve(self.montage, data_names, on_missing)
        self.data_names = data_names
        self.center_: Tensor | None = None
        self.scale_: Tensor | None = None
        self.align_: Tensor | None = None

    @property
    def ch_names(self) -> tuple[str, ...]:
        """Channels that the view shows, in order."""
        return self.resolved.ch_names

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands of a filter bank; ``("",)`` for trials of one band."""
        return self.resolved.bands

    @property
    def n_chans(self) -> int:
        """Number of channels that the view shows: electrodes times bands."""
        return len(self.ch_names)

    @property
    def is_full(self) -> bool:
        """Whether the view shows every channel of the data."""
        return self.montage.name == "full"

    def pick(self, X: Tensor) -> Tensor:
        """Return the view's electrodes, re-referenced, in volts.

        Parameters
        ----------
        X : Tensor, shape (n_trials, n_data_chans, n_times)
            Signals of all channels of the data, in volts.

        Returns
        -------
        X_picked : Tensor, shape (n_trials, n_chans, n_times)
            Signals of the view's electrodes, in volts.
        """
        if self.resolved.index is not None:
            X = X[:, torch.as_tensor(self.resolved.index, device=X.device)]
        else:
            weights = torch.as_tensor(
                self.resolved.weights, dtype=X.dtype, device=X.device
            )
            X = torch.matmul(weights, X)
        if self.reference == "average":
            in_bands = X.unflatten(1, (len(self.bands), -1))
            X = (in_bands - in_bands.mean(dim=2, keepdim=True)).flatten(1, 2)
        return X

    def fit(self, X: Tensor) -> View:
        """Learn the scale of every electrode from training trials.

        Parameters
        ----------
        X : Tensor, shape (n_trials, n_data_chans, n_times)
            Training signals in volts.

        Returns
        -------
        self : View
            The fitted view.

        Raises
        ------
        ValueError
            If an electrode is flat in all trials.
        """
        return self.learn(self.pick(X))

    def learn(self, picked: Tensor) -> View:
        """Learn the scale of every electrode from signals that are picked already.

        Parameters
        ----------
        picked : Tensor, shape (n_trials, n_chans, n_times)
            What `pick` returned of training trials.

        Returns
        -------
        self : View
            The fitted view.

        Raises
        ------
        ValueError
            If an electrode is flat in all trials.
        """
        picked = picked.double()
        center = picked.mean(dim=(0, 2))
        scale = picked.std(dim=(0, 2), correction=0)
        flat = torch.nonzero(scale <= 1e-12 + 1e-6 * scale.median()).flatten()
        if len(flat):
            names = [self.ch_names[channel] for channel in flat.tolist()]
            raise ValueError(
                f"'X' must have signal on every electrode of montage "
                f"'{self.montage.name}', but {join_names(names)} "
                "are flat in all trials. Drop them from the montage, interpolate "
                "them (epochs.interpolate_bads()), or check the recording."
            )
        self.center_, self.scale_ = center.float()[:, None], scale.float()[:, None]
        self.align_ = None  # it was learned on another scale
        return self

    def align(self, X: Tensor) -> View:
        """Return the same fitted view with the electrodes made uncorrelated.

        Euclidean alignment: signals are multiplied by the inverse square root of the
        mean covariance of some trials, so that the trials of one subject, or of one
        device, have unit covariance on average. It mixes the view's own electrodes
        only.

        Parameters
        ----------
        X : Tensor, shape (n_trials, n_data_chans, n_times)
            Trials of one subject in volts. Their labels are not needed.

        Returns
        -------
        view : View
            A view with ``align_``, which shares everything else with this one.

        Raises
        ------
        ValueError
            If there is no trial.
        RuntimeError
            If the view is not fitted.

        Notes
        -----
        The mean over trials of X X^T / n_times [1]_, of signals that are standardized
        where the view does so. Directions without power, such as the mean of the
        electrodes after average referencing, are left out of the inverse.

        References
        ----------
        .. [1] He, H., & Wu, D. (2020). Transfer learning for brain-computer interfaces:
           A Euclidean space data alignment approach. IEEE Transactions on Biomedical
           Engineering, 67(2), 399-410.
        """
        if not len(X):
            raise ValueError(
                "'X' must hold at least one trial to align to, got none. Pass the "
                "training trials of one subject."
            )
        other = object.__new__(View)
        other.__dict__.update(self.__dict__)
        other.align_ = None
        shown = other(X).double()
        covariance = torch.einsum("nct,ndt->cd", shown, shown) / (
            len(shown) * shown.shape[2]
        )
        power, directions = torch.linalg.eigh(covariance)
        kept = power > 1e-7 * power[-1]
        inverse = torch.where(kept, power.clamp_min(1e-30).rsqrt(), 0.0)
        other.align_ = ((directions * inverse) @ directions.T).float()
        return other

    def __call__(self, X: Tensor) -> Tensor:
        """Return what the network behind the view reads.

        Parameters
        ----------
        X : Tensor, shape (n_trials, n_data_chans, n_times)
            Signals of all channels of the data, in volts.

        Returns
        -------
        X_view : Tensor, shape (n_trials, n_chans, n_times)
            Signals of the view's electrodes; of unit scale when standardized.
        """
        return self.scale(self.pick(X))

    def scale(self, X: Tensor) -> Tensor:
        """Standardize, and align, signals that are picked already.

        Parameters
        ----------
        X : Tensor, shape (n_trials, n_chans, n_times)
            Signals of the view's electrodes, in volts.

        Returns
        -------
        X_view : Tensor, same shape
            Of unit scale when standardized, uncorrelated when aligned, otherwise ``X``
            itself.

        Raises
        ------
        RuntimeError
            If the view is not fitted.
        """
        X = self._standardized(X)
        if self.align_ is None:
            return X
        return torch.matmul(self.align_.to(X.device, X.dtype), X)

    def _standardized(self, X: Tensor) -> Tensor:
        """Return picked signals of unit scale, or as they are."""
        if self.standardize is None:
            return X
        if self.center_ is None or self.scale_ is None:
            raise RuntimeError(
                f"{self!r} must be fitted before use. Call view.fit(X_train)."
            )
        return (X - self.center_.to(X.device)) / self.scale_.to(X.device)

    def bind(self, ch_names: Sequence[str]) -> View:
        """Return the same fitted view for data with other channels or another order.

        An electrode is looked for under its own name first, then under the name of
        the channel that stood in for it when the view was made.

        Parameters
        ----------
        ch_names : sequence of str
            Channels of the other data.

        Returns
        -------
        view : View
            A view on the other data that shares this one's scale.

        Raises
        ------
        ValueError
            If an electrode of the view is not among ``ch_names``.
        """
        ch_names = check_ch_names(ch_names)
        if ch_names == self.data_names:
            return self
        other = object.__new__(View)
        other.__dict__.update(self.__dict__)
        other.data_names = ch_names
        other.resolved = self._find_again(ch_names)
        return other

    def _find_again(self, ch_names: tuple[str, ...]) -> Resolved:
        """Find every electrode by name in data that the view was not made for."""
        place = {canonical_name(name): row for row, name in enumerate(ch_names)}
        stand_in = {
            in_band(change.electrode, band): in_band(canonical_name(change.used), band)
            for change in self.resolved.substitutions
            for band in self.bands
        }
        rows = {
            electrode: place.get(electrode, place.get(stand_in.get(electrode, "")))
            for electrode in self.ch_names
        }
        lost = [electrode for electrode, row in rows.items() if row is None]
        if not lost:
            index = np.array([*rows.values()], dtype=int)
            names = tuple(ch_names[row] for row in index)
            return Resolved(self.ch_names, names, index, bands=self.bands)
        if self.resolved.weights is not None:
            return self._interpolate_again(self.resolved.weights, place, ch_names)
        raise ValueError(
            f"'ch_names' must hold the {self.n_chans} electrodes of montage "
            f"'{self.montage.name}', but {join_names(lost)} are missing from the "
            f"{len(ch_names)} channels {join_names(ch_names)}. Pass all "
            "electrodes, or the montage's, under their 10-05 names."
        )

    def _interpolate_again(
        self, known: np.ndarray, place: dict[str, int], ch_names: tuple[str, ...]
    ) -> Resolved:
        """Weigh all channels that the view was made for, wherever they are now."""
        read = {name: place.get(canonical_name(name)) for name in self.data_names}
        lost = [name for name, row in read.items() if row is None]
        if lost:
            raise ValueError(
                f"'ch_names' must hold the electrodes of montage "
                f"'{self.montage.name}' or everything they are interpolated "
                f"from, but {join_names(lost)} are missing. Pass the same "
                "channels as in fit."
            )
        weights = np.zeros((self.n_chans, len(ch_names)))
        weights[:, np.array([*read.values()], dtype=int)] = known
        return Resolved(self.ch_names, ch_names, None, weights, bands=self.bands)

    def to_dict(self) -> dict[str, Any]:
        """Return everything needed to make the fitted view again.

        Returns
        -------
        saved : dict
            JSON-ready; `from_dict` reads it.
        """
        return {
            "montage": self.montage.to_dict(),
            "data_names": list(self.data_names),
            "ch_names": list(self.ch_names),
            "full": self.is_full,
            "on_missing": self.on_missing,
            "reference": self.reference,
            "standardize": self.standardize,
            "center": None if self.center_ is None else self.center_[:, 0].tolist(),
            "scale": None if self.scale_ is None else self.scale_[:, 0].tolist(),
            "align": None if self.align_ is None else self.align_.tolist(),
        }

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> View:
        """Make a view from what `to_dict` returned.

        Parameters
        ----------
        saved : dict
            What `to_dict` returned, also after a round trip through JSON.

        Returns
        -------
        view : View
            The same fitted view.
        """
        view = cls(
            None if saved["full"] else Montage(**_tuples(saved["montage"])),
            saved["data_names"],
            on_missing=saved["on_missing"],
            reference=saved["reference"],
            standardize=saved["standardize"],
        )
        # A view that was bound to other data shows them in the order of the first.
        view._show(saved.get("ch_names", view.ch_names))  # older files do not have it
        if saved["center"] is not None:
            view.center_ = torch.tensor(saved["center"])[:, None]
            view.scale_ = torch.tensor(saved["scale"])[:, None]
        if saved.get("align") is not None:  # older files do not have it
            view.align_ = torch.tensor(saved["align"])
        return view

    def _show(self, ch_names: Sequence[str]) -> None:
        """Show these of the channels, in this order."""
        if list(ch_names) == list(self.ch_names):
            return
        found = self.resolved
        order = [self.ch_names.index(name) for name in ch_names]
        if found.index is not None:
            names = tuple(found.data_names[row] for row in order)
            found = replace(found, index=found.index[order], data_names=names)
        elif found.weights is not None:
            found = replace(found, weights=found.weights[order])
        bands = tuple(dict.fromkeys(split_band(name)[1] for name in ch_names))
        self.resolved = replace(found, ch_names=tuple(ch_names), bands=bands)
        if self.is_full:
            self.montage = Montage(name="full", ch_names=electrodes_of(ch_names))

    def __repr__(self) -> str:
        in_bands = f" in {len(self.bands)} bands" if len(self.bands) > 1 else ""
        electrodes = join_names(self.montage.ch_names)
        return f"<View | {self.montage.name}: {electrodes}{in_bands}>"


def _tuples(montage: dict[str, Any]) -> dict[str, Any]:
    """Turn JSON's lists back into tuples."""
    return {**montage, "ch_names": tuple(montage["ch_names"])}
