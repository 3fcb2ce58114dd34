"""Criteria on how the bands, or regions, of one trial relate to each other."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from eegkd._checks import check_ch_names, check_choice, check_number, join_names
from eegkd.criteria.relations import unit
from eegkd.data.channels import canonical_name
from eegkd.data.filter_bank import split_band

if TYPE_CHECKING:
    from eegkd.decoders import Decoder, Output
    from eegkd.samplers import Batch, Sampler

MODALITIES = ("bands", "regions")
#: Frequency bands in Hz; the lower edge belongs to the band.
BANDS = {
    "theta": (4.0, 8.0),
    "alpha": (8.0, 13.0),
    "low_beta": (13.0, 20.0),
    "high_beta": (20.0, 30.0),
}
LOBES = {
    "frontal": ("Fp", "AFp", "AF", "AFF", "F", "FFC"),
    "central": ("FC", "FCC", "C", "CCP", "CP"),
    "parietal": ("CPP", "P", "PPO"),
    "temporal": ("FT", "FFT", "FTT", "T", "TTP", "TP", "TPP"),
    "occipital": ("PO", "POO", "O", "OI", "I"),
}


class ModalityGram:
    """Keep how alike the teacher finds the frequency bands, or regions, of a trial.

    Parameters
    ----------
    student, teacher : Decoder
        The two networks. The teacher is not changed.
    sfreq : float
        Sampling rate in Hz, > 0.
    modalities : {"bands", "regions"}, default="bands"
        What a trial is split into.
    bands : mapping of str to (float, float), optional
        Lower and upper edge of each band in Hz; at least two. By default theta 4-8,
        alpha 8-13, low beta 13-20 and high beta 20-30.
    regions : mapping of str to list of str, optional
        Electrodes of each region by 10-05 name. By default the frontal, central,
        parietal, temporal and occipital electrodes, each on the left, in the middle and
        on the right. Only regions of which both montages have an electrode count; at
        least two.

    Attributes
    ----------
    names : tuple of str
        The modalities that are compared.

    Raises
    ------
    ValueError
        If fewer than two modalities are left, or a band holds no frequency of the
        trials.

    Notes
    -----
    The paper compares the Gram matrices of modality features without saying what those
    are in a network that has no branches [1]_. Our reading: the embedding of a modality
    is the decoder's embedding of a trial of which only this modality is shown. A band
    is cut out of the view's signals in the Fourier domain; of a region the other
    electrodes are set to 0, their mean after standardizing. With embeddings scaled to
    unit length, E of shape (n_modalities, n_dims), the loss of a trial is the mean over
    all pairs of modalities of the squared difference of E E^T between student and
    teacher. It works with any decoder.

    The student reads each modality with dropout off and its running batch statistics,
    so that they do not drift toward filtered signals; this costs one more pass for
    each modality. The teacher's matrices are computed once for each trial where the
    sampler shows a trial unchanged.

    References
    ----------
    .. [1] Liu, P. (2021). Multi-modality distillation via learning the teacher's
       modality-level Gram matrix. arXiv:2112.11447.
    """

    name = "modality_gram"

    def __init__(
        self,
        student: Decoder,
        teacher: Decoder,
        sfreq: float,
        modalities: str = "bands",
        bands: Mapping[str, tuple[float, float]] | None = None,
        regions: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.student, self.teacher = student, teacher
        self.sfreq = check_number(sfreq, "sfreq", above=0)
        self.modalities = check_choice(modalities, "modalities", MODALITIES)
        self.names: tuple[str, ...]
        if modalities == "bands":
            self.bands = _check_bands(BANDS if bands is None else bands, self.sfreq)
            self.names = tuple(self.bands)
        else:
            self._place(regions)
        self._known: weakref.WeakKeyDictionary[Sampler, tuple[Tensor, Tensor]] = (
            weakref.WeakKeyDictionary()
        )

    def __call__(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        """Return the loss of each trial, shape (n_batch,), between 0 and 4."""
        with _evaluating(self.student):
            mine = self.gram(self.student, batch.seen_by(self.student.view))
        return (mine - self._teachers(batch)).square().mean(dim=(1, 2))

    def split(self, x: Tensor, decoder: Decoder) -> list[Tensor]:
        """Return a batch once for each modality, showing that modality only.

        Parameters
        ----------
        x : Tensor, shape (n_batch, n_chans, n_times)
            Signals as the decoder's view shows them.
        decoder : Decoder
            The student or the teacher.

        Returns
        -------
        shown : list of Tensor, each of shape (n_batch, n_chans, n_times)
            In the order of ``names``.
        """
        if self.modalities == "bands":
            return [band_pass(x, self.sfreq, *self.bands[name]) for name in self.names]
        masks = self._masks["student" if decoder is self.student else "teacher"]
        return [x * mask.to(x)[:, None] for mask in masks]

    def gram(self, decoder: Decoder, x: Tensor) -> Tensor:
        """Return how alike a decoder finds the modalities of each trial.

        Parameters
        ----------
        decoder : Decoder
            The student or the teacher.
        x : Tensor, shape (n_batch, n_chans, n_times)
            Signals as its view shows them.

        Returns
        -------
        gram : Tensor, shape (n_batch, n_modalities, n_modalities)
            Cosines between the embeddings of the modalities.
        """
        return modality_gram(
            torch.stack([decoder(s).embedding for s in self.split(x, decoder)], dim=1)
        )

    def _teachers(self, batch: Batch) -> Tensor:
        """Return the teacher's matrices, from memory where trials do not change."""
        sampler = batch.sampler
        remember = sampler.deterministic and batch.x is None
        if not remember:
            return self._read(batch)
        if sampler not in self._known:
            n_trials, n = len(sampler), len(self.names)
            device = batch.index.device
            self._known[sampler] = (
                torch.zeros(n_trials, dtype=torch.bool, device=device),
                torch.zeros(n_trials, n, n, device=device),
            )
        known, grams = self._known[sampler]
        if not known[batch.index].all():
            grams[batch.index] = self._read(batch).to(grams)
            known[batch.index] = True
        return grams[batch.index]

    @torch.no_grad()
    def _read(self, batch: Batch) -> Tensor:
        """Return the teacher's matrices by reading the batch now."""
        with _evaluating(self.teacher):
            return self.gram(self.teacher, batch.seen_by(self.teacher.view))

    def _place(self, regions: Mapping[str, Sequence[str]] | None) -> None:
        """Find the electrodes of each region in both montages; keep shared regions."""
        montages = {
            "student": self.student.view.ch_names,
            "teacher": self.teacher.view.ch_names,
        }
        masks = {who: _region_masks(chs, regions) for who, chs in montages.items()}
        names = [name for name in masks["teacher"] if name in masks["student"]]
        if len(names) < 2:
            raise ValueError(
                "'regions' must have at least two of which both montages hold an "
                f"electrode, got {join_names(names)} with the student's "
                f"{join_names(montages['student'])}. Use modalities='bands', which "
                "every montage has, or pass smaller regions."
            )
        self.names = tuple(names)
        self._masks = {
            who: [found[name] for name in names] for who, found in masks.items()
        }

    def __repr__(self) -> str:
        return f"ModalityGram(modalities={self.modalities!r}, {list(self.names)})"


def modality_gram(embeddings: Tensor) -> Tensor:
    """Return the cosines between the embeddings of each trial's modalities.

    Parameters
    ----------
    embeddings : Tensor, shape (n_batch, n_modalities, n_dims)
        One embedding for each modality.

    Returns
    -------
    gram : Tensor, shape (n_batch, n_modalities, n_modalities)
        Between -1 and 1; it does not change when a modality is scaled. An embedding of
        zeros has no direction, gives 0 and passes no gradient.
    """
    directions = unit(embeddings)
    return directions @ directions.transpose(1, 2)


def band_pass(x: Tensor, sfreq: float, low: float, high: float) -> Tensor:
    """Cut a band out of signals in the Fourier domain.

    Parameters
    ----------
    x : Tensor, shape (..., n_times)
        Signals.
    sfreq : float
        Sampling rate in Hz.
    low, high : float
        Edges in Hz; the lower one belongs to the band, the upper one does not.

    Returns
    -------
    x_band : Tensor, same shape
        The band alone, without shift in time.

    Raises
    ------
    ValueError
        If no frequency of the trials lies in the band.
    """
    n_times = x.shape[-1]
    frequency = torch.fft.rfftfreq(n_times, 1 / sfreq, device=x.device)
    inside = (frequency >= low) & (frequency < high)
    if not bool(inside.any()):
        raise ValueError(
            f"'bands' must each hold a frequency of the trials, which are "
            f"{sfreq / n_times:.3g} Hz apart, got {low:g} to {high:g} Hz. Use wider "
            "bands or longer trials."
        )
    return torch.fft.irfft(torch.fft.rfft(x) * inside, n=n_times)


def _check_bands(bands: object, sfreq: float) -> dict[str, tuple[float, float]]:
    """Return bands by name with edges in order and below half the sampling rate."""
    if not isinstance(bands, Mapping) or len(bands) < 2:
        raise ValueError(
            "'bands' must map at least two names to (low, high) in Hz, got "
            f"{bands!r}. The default is {BANDS}."
        )
    checked = {}
    for name, edges in bands.items():
        if not isinstance(edges, (tuple, list)) or len(edges) != 2:
            raise ValueError(
                f"'bands' must hold (low, high) in Hz for {name!r}, got {edges!r}."
            )
        low = check_number(edges[0], "bands", at_least=0)
        high = check_number(edges[1], "bands", above=low)
        if low >= sfreq / 2:
            raise ValueError(
                f"'bands' must begin below half the sampling rate, {sfreq / 2:g} Hz, "
                f"got {low:g} Hz for {name!r}. Drop the band."
            )
        checked[str(name)] = (low, high)
    return checked


def _region_masks(
    ch_names: Sequence[str], regions: Mapping[str, Sequence[str]] | None
) -> dict[str, Tensor]:
    """Return 1 for the electrodes of each region that has one, shape (n_chans,)."""
    if regions is None:
        wanted = [_scalp_region(name) for name in ch_names]
        names = dict.fromkeys(name for name in wanted if name is not None)
        return {n: torch.tensor([float(w == n) for w in wanted]) for n in names}
    masks = {}
    for name, members in regions.items():
        electrodes = {
            canonical_name(electrode)
            for electrode in check_ch_names(members, "regions")
        }
        own = [canonical_name(split_band(channel)[0]) for channel in ch_names]
        mask = torch.tensor([float(electrode in electrodes) for electrode in own])
        if mask.any():
            masks[str(name)] = mask
    return masks


def _scalp_region(name: str) -> str | None:
    """Return lobe and side of an electrode by its 10-05 name, None for other names."""
    electrode = canonical_name(split_band(name)[0])
    letters = electrode.rstrip("0123456789hz")
    rest = electrode[len(letters) :].rstrip("h")
    for lobe, prefixes in LOBES.items():
        if letters in prefixes and (rest == "z" or rest.isdigit()):
            side = "middle" if rest == "z" else "left" if int(rest) % 2 else "right"
            return f"{side} {lobe}"
    return None


@contextlib.contextmanager
def _evaluating(decoder: Decoder) -> Iterator[None]:
    """Switch a decoder to evaluation inside the block and back module by module."""
    training = [module for module in decoder.modules() if module.training]
    decoder.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
