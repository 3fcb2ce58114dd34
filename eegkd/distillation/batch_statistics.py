"""Means and variances of batch normalization, computed anew over all trials."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from eegkd.decoders import Decoder
from eegkd.samplers import Sampler


def normalizations(decoder: Decoder) -> list[nn.modules.batchnorm._BatchNorm]:
    """Return the layers of a decoder that keep running statistics."""
    return [
        module
        for module in decoder.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
        and module.track_running_stats
    ]


def refresh_statistics(decoder: Decoder, sampler: Sampler) -> None:
    """Replace running statistics by means over all trials, with the present weights.

    Parameters
    ----------
    decoder : Decoder
        Changed in place; in eval mode afterwards.
    sampler : Sampler
        Training trials.
    """
    norms = normalizations(decoder)
    decoder.eval()
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.train()
    seen = 0
    for batch in sampler(0):  # some samplers train what makes their trials
        seen += len(batch)
        for norm in norms:  # a mean over the trials, not over the batches
            norm.momentum = len(batch) / seen
        with torch.no_grad():
            decoder(batch.seen_by(decoder.view), features=False)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    decoder.eval()


def changed_answers(decoder: Decoder, sampler: Sampler) -> float:
    """Return how many answers depend on which statistics are used.

    Parameters
    ----------
    decoder : Decoder
        With running statistics of a training; as it was afterwards.
    sampler : Sampler
        Training trials.

    Returns
    -------
    share : float
        Of the trials, those whose class changes where statistics are computed anew,
        0 to 1; 0 where nothing has running statistics or labels are continuous.
    """
    norms = normalizations(decoder)
    if not norms:
        return 0.0
    saved = copy.deepcopy(decoder.state_dict())
    before = _classes(decoder, sampler)
    refresh_statistics(decoder, sampler)
    after = _classes(decoder, sampler)
    decoder.load_state_dict(saved)
    decoder.eval()
    return float((before != after).double().mean())


def _classes(decoder: Decoder, sampler: Sampler) -> Tensor:
    """Return the likeliest class of each trial, shape (n_trials,)."""
    decoder.eval()
    found = []
    for batch in sampler(0):
        with torch.no_grad():
            output = decoder(batch.seen_by(decoder.view), features=False)
        found.append(output.logits.argmax(dim=1))
    return torch.cat(found)
