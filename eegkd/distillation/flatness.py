"""How flat the loss is around trained weights: two probes that change nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from eegkd._checks import check_int, check_number
from eegkd.criteria import CrossEntropy
from eegkd.decoders import Decoder
from eegkd.samplers import Sampler

__all__ = ["flatness", "top_hessian_eigenvalue"]

Weights = dict[str, Tensor]


def flatness(
    decoder: Decoder,
    sampler: Sampler,
    *,
    radius: float = 0.1,
    n_directions: int = 10,
    random_state: int = 0,
    criterion: Callable[..., Tensor] | None = None,
) -> float:
    """Return how much the loss rises when the weights are shaken; less is flatter.

    Parameters
    ----------
    decoder : Decoder
        The trained decoder. It is read and not changed.
    sampler : Sampler
        The trials whose loss is looked at, usually those of the training. One epoch
        is taken.
    radius : float, default=0.1
        Length of the step, relative to the length of the weights, > 0.
    n_directions : int, default=10
        Random directions; each is walked forth and back.
    random_state : int, default=0
        Seed of the directions. The global random state is neither used nor changed.
    criterion : callable, optional
        ``criterion(output, None, batch)`` with one loss for each trial; by default
        the cross-entropy with the labels.

    Returns
    -------
    rise : float
        Mean rise of the loss, in its unit (nats for the cross-entropy). Negative
        where the weights are not at a minimum.

    Raises
    ------
    ValueError
        If a number is out of bounds.

    See Also
    --------
    top_hessian_eigenvalue : The sharpest direction instead of the mean one.

    Notes
    -----
    Directions are scaled filter by filter [1]_: in each filter (each row of a weight
    over its first axis) the step has ``radius`` times the length of the filter, so
    that rescaling a layer that batch normalization undoes does not change the answer.
    Biases and the parameters of normalizations are not shaken. Walking each direction
    both ways cancels the slope and leaves the curvature. Dropout is off and batch
    statistics are those of the training.

    References
    ----------
    .. [1] Li, H., Xu, Z., Taylor, G., Studer, C., & Goldstein, T. (2018). Visualizing
       the loss landscape of neural nets. Advances in Neural Information Processing
       Systems, 31.
    """
    radius = check_number(
        radius, "radius", above=0, hint="Typical values are 0.01 to 0.5."
    )
    check_int(n_directions, "n_directions", at_least=1)
    check_int(random_state, "random_state", at_least=0)
    criterion = criterion or CrossEntropy()
    generator = torch.Generator().manual_seed(random_state)
    weights, buffers = _state(decoder)
    rises = []
    with _evaluating(decoder), torch.no_grad():
        start = _loss(decoder, weights, buffers, sampler, criterion)
        for _ in range(n_directions):
            steps = _filter_steps(weights, radius, generator)
            for sign in (1, -1):
                moved = {name: w + sign * steps[name] for name, w in weights.items()}
                end = _loss(decoder, moved, buffers, sampler, criterion)
                rises.append(end - start)
    return float(torch.stack(rises).mean())


def top_hessian_eigenvalue(
    decoder: Decoder,
    sampler: Sampler,
    *,
    n_iter: int = 20,
    random_state: int = 0,
    criterion: Callable[..., Tensor] | None = None,
) -> float:
    """Return the curvature of the loss in its sharpest direction; less is flatter.

    Parameters
    ----------
    decoder : Decoder
        The trained decoder. It is read and not changed.
    sampler : Sampler
        The trials whose loss is looked at, usually those of the training. An epoch is
        taken for each step.
    n_iter : int, default=20
        Steps of the power iteration, >= 1; each costs about four epochs of training.
    random_state : int, default=0
        Seed of the first direction. The global random state is neither used nor
        changed.
    criterion : callable, optional
        ``criterion(output, None, batch)`` with one loss for each trial, twice
        differentiable; by default the cross-entropy with the labels.

    Returns
    -------
    eigenvalue : float
        Largest eigenvalue of the matrix of second derivatives of the mean loss by all
        parameters, a little too small where ``n_iter`` did not reach it.

    Raises
    ------
    ValueError
        If a number is out of bounds.
    RuntimeError
        If a part of the network or the criterion has no second derivative.

    See Also
    --------
    flatness : The mean over random directions.

    Notes
    -----
    Power iteration with products of the matrix and a vector, which take two backward
    passes and never the matrix [1]_. It finds the eigenvalue of the largest size; if
    that is negative, which happens away from a minimum, the matrix is shifted by it
    and iterated again. Dropout is off and batch statistics are those of the training.
    Unlike `flatness` it depends on how the layers are scaled: compare decoders of one
    architecture that were trained in one way.

    References
    ----------
    .. [1] Pearlmutter, B. A. (1994). Fast exact multiplication by the Hessian. Neural
       Computation, 6(1), 147-160.
    """
    check_int(n_iter, "n_iter", at_least=1)
    check_int(random_state, "random_state", at_least=0)
    weights, buffers = _state(decoder)
    for weight in weights.values():
        weight.requires_grad_()
    criterion = criterion or CrossEntropy()
    with _evaluating(decoder), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):

        def product(direction: Weights) -> Weights:
            """Return the matrix times a direction."""
            return _curvature(decoder, weights, buffers, sampler, criterion, direction)

        value = _power(product, weights, 0.0, n_iter, random_state)
        if value < 0:
            value += _power(product, weights, value, n_iter, random_state)
    return value


def _power(
    product: Callable[[Weights], Weights],
    weights: Weights,
    shift: float,
    n_iter: int,
    random_state: int,
) -> float:
    """Return the eigenvalue of largest size of a matrix less a multiple of identity."""
    generator = torch.Generator().manual_seed(random_state)
    direction = _unit({name: _normal(w, generator) for name, w in weights.items()})
    value = 0.0
    for _ in range(n_iter):
        image = product(direction)
        moved = {name: image[name] - shift * v for name, v in direction.items()}
        value = float(_dot(direction, moved))
        if not _dot(moved, moved) > 0:
            break
        direction = _unit(moved)
    return value


def _curvature(
    decoder: Decoder,
    weights: Weights,
    buffers: Weights,
    sampler: Sampler,
    criterion: Callable[..., Tensor],
    direction: Weights,
) -> Weights:
    """Return the second derivatives of the mean loss times a direction."""
    total = {name: torch.zeros_like(value) for name, value in direction.items()}
    names, leaves = list(weights), list(weights.values())
    n_trials = 0
    for batch in sampler(0):
        loss = _batch_loss(decoder, weights, buffers, batch, criterion).sum()
        first = torch.autograd.grad(loss, leaves, create_graph=True, allow_unused=True)
        slope = sum(
            (g * direction[name]).sum()
            for name, g in zip(names, first, strict=True)
            if g is not None and g.requires_grad
        )
        if isinstance(slope, Tensor):
            second = torch.autograd.grad(slope, leaves, allow_unused=True)
            for name, part in zip(names, second, strict=True):
                if part is not None:
                    total[name] += part
        n_trials += len(batch)
    return {name: value / n_trials for name, value in total.items()}


def _loss(
    decoder: Decoder,
    weights: Weights,
    buffers: Weights,
    sampler: Sampler,
    criterion: Callable[..., Tensor],
) -> Tensor:
    """Return the mean loss over one epoch, in double precision."""
    losses = [
        _batch_loss(decoder, weights, buffers, batch, criterion).double()
        for batch in sampler(0)
    ]
    return torch.cat(losses).mean()


def _batch_loss(
    decoder: Decoder,
    weights: Weights,
    buffers: Weights,
    batch: Any,
    criterion: Callable[..., Tensor],
) -> Tensor:
    """Return the loss of each trial as if the decoder had other weights."""
    shown = batch.seen_by(decoder.view)
    output = functional_call(decoder, (weights, buffers), (shown,))
    return criterion(output, None, batch)


def _state(decoder: Decoder) -> tuple[Weights, Weights]:
    """Return copies of all parameters and of all buffers."""
    return (
        {name: value.detach().clone() for name, value in decoder.named_parameters()},
        {name: value.detach().clone() for name, value in decoder.named_buffers()},
    )


def _filter_steps(
    weights: Weights, radius: float, generator: torch.Generator
) -> Weights:
    """Return a random step of the relative length, filter by filter."""
    steps = {}
    for name, weight in weights.items():
        if weight.ndim < 2:
            steps[name] = torch.zeros_like(weight)
            continue
        noise = _normal(weight, generator).flatten(1)
        length = weight.flatten(1).norm(dim=1, keepdim=True)
        step = noise / noise.norm(dim=1, keepdim=True) * length * radius
        steps[name] = step.view_as(weight)
    return steps


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Return normal values, the same on every device."""
    return torch.randn(like.shape, generator=generator, dtype=torch.float64).to(like)


def _unit(direction: Weights) -> Weights:
    """Return a direction of length 1."""
    length = _dot(direction, direction).sqrt()
    return {name: value / length for name, value in direction.items()}


def _dot(a: Weights, b: Weights) -> Tensor:
    """Return the inner product of two directions."""
    return torch.stack([(a[name] * b[name]).sum() for name in a]).sum().detach()


@contextlib.contextmanager
def _evaluating(decoder: Decoder) -> Iterator[None]:
    """Switch dropout off inside the block and put every module's mode back after it."""
    modes = [(module, module.training) for module in decoder.modules()]
    decoder.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
