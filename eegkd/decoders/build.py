"""Build decoders: by name, from a factory, around a network, from what was saved."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from eegkd._checks import (
    check_int,
    check_number,
    check_registered,
    check_type,
    join_names,
)
from eegkd.decoders.decoder import Decoder, last_layer
from eegkd.decoders.networks import (
    SIGNAL,
    check_electrodes,
    check_options,
    decode_option,
    known_name,
    make_network,
    network_class,
    quiet_networks,
    seeded,
)
from eegkd.decoders.table import DECODERS, EMBEDDING, LEFT_OUT, Tap

if TYPE_CHECKING:
    from eegkd.view import View

N_CHECK = 2


def build_decoder(
    decoder: str | Callable[..., nn.Module] | nn.Module,
    view: View,
    *,
    n_outputs: int,
    n_times: int,
    sfreq: float,
    random_state: int | None = None,
    taps: str | Sequence[str | Tap] | Mapping[str, str | Tap] | None = None,
    **options: Any,
) -> Decoder:
    """Build a network for the electrodes of a view.

    Parameters
    ----------
    decoder : str, callable or Module
        Name of a network, see `list_decoders`; a factory or class that is
        called with those of ``n_chans``, ``n_outputs``, ``n_times`` and ``sfreq``
        that its signature has; or a ready network, used as it is.
    view : View
        The electrodes that the network reads.
    n_outputs : int
        Number of classes.
    n_times : int
        Number of samples in one trial.
    sfreq : float
        Sampling rate in Hz, > 0.
    random_state : int, optional
        Seed of the weights. The global random state is left alone; None draws a seed.
    taps : sequence, mapping or "embedding", optional
        Where features are read: paths of modules (their outputs), or `Tap`; a mapping
        names them. ``"embedding"`` reads the input of the last layer as one vector,
        whatever the network. By default those of the table for a network that it
        lists, or the embedding alone.
    **options
        Further arguments of the network, such as ``drop_prob=0.25``. A class of
        torch.nn may be given by name: ``activation="torch.nn.ELU"``.

    Returns
    -------
    decoder : Decoder
        The network behind the view, in training mode unless it came ready.

    Raises
    ------
    ValueError
        If the name, an option or a tap is unknown, the trials are too short for the
        network, or it does not return one score for each class.
    TypeError
        If ``decoder`` is or makes no torch module.

    See Also
    --------
    decoder_from_config : Build again what was saved.

    Notes
    -----
    Some networks shorten their kernels where trials are shorter than they were
    designed for. What braindecode says about it is logged at level INFO.

    Examples
    --------
    >>> from eegkd.decoders import build_decoder
    >>> from eegkd.view import View
    >>> view = View(["C3", "Cz", "C4"], ["Fz", "C3", "Cz", "C4"], standardize=None)
    >>> build_decoder("SCCNet", view, n_outputs=2, n_times=500, sfreq=125.0)
    <Decoder | SCCNet: 3 electrodes, 6894 parameters>
    """
    signal = {
        "n_chans": view.n_chans,
        "n_outputs": check_int(n_outputs, "n_outputs", at_least=1),
        "n_times": check_int(n_times, "n_times", at_least=1),
        "sfreq": check_number(sfreq, "sfreq", above=0),
    }
    seed = (
        int(np.random.SeedSequence().generate_state(1)[0])
        if random_state is None
        else check_int(random_state, "random_state", at_least=0)
    )
    decoder = _name_of(decoder)
    check_registered(decoder, "decoder", DECODERS)
    name = factory_name(decoder)
    if isinstance(decoder, str):
        check_electrodes(view.ch_names, name)
    options = _check_options(decoder, name, options)

    with _explained(name, signal), quiet_networks(), seeded(seed):
        network = _make(decoder, view, signal, seed, options)
    check_type(network, "decoder", nn.Module, "a torch module or make one")
    default, embedding_tap = _places(network)
    if isinstance(taps, str) and taps == EMBEDDING:
        taps = {EMBEDDING: replace(embedding_tap, time_axis=None)}
    chosen = default if taps is None else _named(taps)
    config = {
        "name": name,
        "foreign": not isinstance(decoder, str),
        **signal,
        "random_state": seed,
        "options": options,
        "taps": {tap: asdict(place) for tap, place in chosen.items()},
    }
    built = Decoder(network, view, chosen, config, embedding_tap)
    with seeded(seed):
        _check_outputs(built, name, signal)
    return built


def decoder_from_config(
    config: Mapping[str, Any],
    state_dict: Mapping[str, Tensor],
    view: View,
    decoders: Mapping[str, Callable[..., nn.Module]] | None = None,
) -> Decoder:
    """Build a saved decoder again.

    Parameters
    ----------
    config : mapping
        ``decoder.config`` of the saved decoder.
    state_dict : mapping of str to Tensor
        ``decoder.state_dict()`` of the saved decoder.
    view : View
        The view of the saved decoder.
    decoders : mapping of str to callable, optional
        Factories of networks that are not in the table, by the name that ``config``
        gives.

    Returns
    -------
    decoder : Decoder
        The same decoder, in eval mode.

    Raises
    ------
    ValueError
        If a factory is missing, or weights and configuration do not fit together.
    """
    name = config["name"]
    if config["foreign"] and name not in (decoders or {}):
        raise ValueError(
            f"'decoders' must hold the factory of {name!r}, which is not a network of "
            f"the library, got {join_names(decoders or {})}. Pass "
            f"decoders={{{name!r}: factory}}."
        )
    if view.n_chans != config["n_chans"]:
        raise ValueError(
            f"'view' must have the {config['n_chans']} electrodes that {name!r} was "
            f"saved with, got {view.n_chans}: {join_names(view.ch_names)}."
        )
    built = build_decoder(
        decoders[name] if config["foreign"] and decoders else name,
        view,
        n_outputs=config["n_outputs"],
        n_times=config["n_times"],
        sfreq=config["sfreq"],
        random_state=config["random_state"],
        taps={tap: Tap(**place) for tap, place in config["taps"].items()},
        **config["options"],
    )
    built.config = {**built.config, "name": name}  # type: ignore[dict-item]
    try:
        built.load_state_dict(state_dict)
    except RuntimeError as error:
        raise ValueError(
            f"'state_dict' does not fit the configuration of {name!r}: {error}"
        ) from error
    return built.eval()


def _name_of(decoder: Any) -> Any:
    """Return the name of a class that the table lists, else the same."""
    if isinstance(decoder, type) and (name := known_name(decoder)):
        return name
    if isinstance(decoder, str) and decoder in LEFT_OUT:
        raise ValueError(
            f"'decoder' {decoder!r} is left out. {LEFT_OUT[decoder]} Choose one of "
            f"{join_names(DECODERS, 80)}."
        )
    return decoder


def factory_name(decoder: Any) -> str:
    """Return the name of a factory, or of the class of a network."""
    if isinstance(decoder, str):
        return decoder
    if isinstance(decoder, nn.Module):
        return type(decoder).__qualname__
    decoder = getattr(decoder, "func", decoder)  # inside functools.partial
    return getattr(decoder, "__qualname__", type(decoder).__qualname__)


def _check_options(decoder: Any, name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return options that the network knows, JSON-ready."""
    if isinstance(decoder, nn.Module):
        if options:
            raise TypeError(
                f"'options' must be left out for a ready network, got "
                f"{join_names(options)}. Pass its class or a factory instead."
            )
        return {}
    if not options:
        return {}
    make = network_class(name) if isinstance(decoder, str) else decoder
    return check_options(options, make, name)


def _make(
    decoder: Any,
    view: View,
    signal: dict[str, Any],
    seed: int,
    options: dict[str, Any],
) -> Any:
    """Call what makes the network."""
    if isinstance(decoder, nn.Module):
        return decoder
    if isinstance(decoder, str):
        wanted = {key: signal[key] for key in ("n_outputs", "n_times", "sfreq")}
        return make_network(
            decoder, view.ch_names, **wanted, random_state=seed, options=options
        )
    parameters = inspect.signature(decoder).parameters
    takes_all = any(p.kind == p.VAR_KEYWORD for p in parameters.values())
    wanted = {
        key: signal[key]
        for key in SIGNAL
        if key in signal and (takes_all or key in parameters)
    }
    return decoder(
        **wanted, **{key: decode_option(value) for key, value in options.items()}
    )


def _places(network: nn.Module) -> tuple[dict[str, Tap], Tap]:
    """Return the taps and the place of the embedding that fit a network."""
    if name := known_name(type(network)):
        spec = DECODERS[name]
        return dict(spec.taps), spec.embedding_tap
    embedding = Tap(last_layer(network), "in")
    return {EMBEDDING: embedding}, embedding


def _named(taps: Any) -> dict[str, Tap]:
    """Return taps by name; a path stands for the output of its module."""
    if isinstance(taps, str):
        raise TypeError(
            f"'taps' must be 'embedding', or a list or a mapping of module paths, got "
            f"{taps!r}. Pass [{taps!r}]."
        )
    if not isinstance(taps, Mapping):
        taps = {tap.path if isinstance(tap, Tap) else tap: tap for tap in taps}
    if not taps:
        raise ValueError("'taps' must name at least one module, got none.")
    return {
        name: tap if isinstance(tap, Tap) else Tap(tap) for name, tap in taps.items()
    }


@contextlib.contextmanager
def _explained(name: str, signal: dict[str, Any]) -> Iterator[None]:
    """Say for which trials a network failed; its own message rarely does."""
    try:
        yield
    except Exception as error:
        seconds = signal["n_times"] / signal["sfreq"]
        raise ValueError(
            f"'decoder' {name!r} cannot read trials of {signal['n_times']} samples at "
            f"{signal['sfreq']:g} Hz ({seconds:.3g} s) on {signal['n_chans']} "
            f"electrodes ({type(error).__name__}: {error}). If the trials are short, "
            "use a longer window or a higher sampling rate, or choose another decoder."
        ) from error


def _check_outputs(decoder: Decoder, name: str, signal: dict[str, Any]) -> None:
    """Run two trials through a new decoder."""
    parameter = next(decoder.parameters(), torch.empty(0))
    trials = torch.randn(N_CHECK, signal["n_chans"], signal["n_times"])
    trials = trials.to(parameter.device, parameter.dtype)
    with quiet_networks(), _evaluating(decoder), torch.no_grad():
        with _explained(name, signal):
            logits, found = decoder.record(trials)
        expected = (N_CHECK, signal["n_outputs"])
        if not isinstance(logits, Tensor) or logits.shape != expected:
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits)
            raise ValueError(
                f"'decoder' {name!r} must return logits of shape (n_batch, n_outputs), "
                f"{expected} for {N_CHECK} trials, got {got}. Give it one output for "
                "each class and pool over time."
            )
        output = decoder.collect(logits, found)
    for tap, features in output.features.items():
        if len(features) != N_CHECK:
            raise ValueError(
                f"Tap {tap!r} must have one row for each of {N_CHECK} trials, got "
                f"{len(features)}. Choose a module that keeps the batch apart."
            )


@contextlib.contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Put every part into eval mode, and back into its own mode afterwards."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def check_decoder(decoder: Any, argument: str = "decoder") -> None:
    """Refuse what is no known name, factory or network, without building it."""
    check_registered(_name_of(decoder), argument, DECODERS)
