"""Make networks from a name: seeded, quiet, with plain options."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from eegkd._checks import did_you_mean, join_names
from eegkd.data.channels import mne_montage
from eegkd.data.filter_bank import read_rows
from eegkd.decoders.table import DECODERS

logger = logging.getLogger(__name__)

SIGNAL = (
    "n_chans",
    "n_outputs",
    "n_times",
    "sfreq",
    "chs_info",
    "input_window_seconds",
)
# Their warnings at import and construction are notes on the network, or on themselves.
THIRD_PARTY = frozenset({"braindecode", "mne", "torch", "wfdb"})
TORCH_PREFIX = "torch.nn."


@contextlib.contextmanager
def quiet_networks() -> Iterator[None]:
    """Log what third-party packages warn about while networks are made."""
    with warnings.catch_warnings(record=True) as caught:
        for package in THIRD_PARTY:
            warnings.filterwarnings("always", module=rf"{package}(\.|$)")
        yield
    for warning in caught:
        if THIRD_PARTY.intersection(Path(warning.filename).parts):
            logger.info("%s: %s", warning.category.__name__, warning.message)
        else:
            warnings.showwarning(
                warning.message, warning.category, warning.filename, warning.lineno
            )


@contextlib.contextmanager
def seeded(random_state: int) -> Iterator[None]:
    """Seed torch's CPU generator, and put its state back afterwards."""
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would reseed the generators of the GPUs as well.
        torch.default_generator.manual_seed(random_state)
        yield


def network_class(name: str) -> type[nn.Module]:
    """Return the class of a name in the table."""
    with quiet_networks():
        found = getattr(importlib.import_module(DECODERS[name].module), name, None)
    if found is None:
        import braindecode

        raise ValueError(
            f"'decoder' {name!r} is not in the installed braindecode "
            f"{braindecode.__version__}. Install another version, or choose another "
            "decoder."
        )
    return found


def known_name(kind: type) -> str | None:
    """Return the name of a class that the table lists."""
    name = kind.__name__
    listed = name in DECODERS and kind.__module__.startswith(DECODERS[name].module)
    return name if listed else None


def make_network(
    name: str,
    ch_names: Sequence[str],
    *,
    n_outputs: int,
    n_times: int,
    sfreq: float,
    random_state: int,
    options: Mapping[str, Any],
) -> nn.Module:
    """Build a network whose weights follow from ``random_state``."""
    spec = DECODERS[name]
    make = network_class(name)
    signal: dict[str, Any] = {
        "n_chans": len(ch_names),
        "n_outputs": n_outputs,
        "n_times": n_times,
        "sfreq": sfreq,
    }
    if spec.positions:
        signal["chs_info"] = electrode_info(ch_names, sfreq)
    values = {key: decode_option(value) for key, value in options.items()}
    with quiet_networks(), seeded(random_state):
        network = make(**signal, **{**spec.options, **values})
    for path in spec.folded:
        conv = cast("nn.Conv2d", network.get_submodule(path))
        network.set_submodule(path, FoldedConv2d.of(conv))
    return network


class FoldedConv2d(nn.Conv2d):
    """A convolution over the whole height of one map, with the height as channels.

    The same weights, under the same name, give the same result; but where a general
    convolution of one input channel is slow on a CPU, this one is not. It makes a
    training step of SCCNet two to three times as fast.
    """

    @classmethod
    def of(cls, conv: nn.Conv2d) -> FoldedConv2d:
        """Return the folded twin of a convolution, with its parameters."""
        folded = cls(
            conv.in_channels,
            conv.out_channels,
            cast("tuple[int, int]", conv.kernel_size),
            bias=conv.bias is not None,
            device="meta",
        )
        folded.weight, folded.bias = conv.weight, conv.bias
        return folded

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve maps, shape (n_batch, 1, height, n_steps), over time."""
        x = nn.functional.conv1d(x.squeeze(1), self.weight.squeeze(1), self.bias)
        return x.unsqueeze(2)  # (n_batch, n_filters, 1, n_steps - kernel + 1)


def check_electrodes(ch_names: Sequence[str], decoder: str) -> None:
    """Refuse channels without a position, if the network asks for positions."""
    if not DECODERS[decoder].positions:
        return
    bands = read_rows(ch_names).bands
    if len(bands) > 1:
        raise ValueError(
            f"'decoder' {decoder!r} reads electrodes by their positions, each once, "
            f"but the trials are of a filter bank of {len(bands)} bands "
            f"({join_names(bands)}). Choose another decoder, or load the trials in "
            "one band."
        )
    known = {name.lower() for name in mne_montage().ch_names}
    unknown = [name for name in ch_names if name.lower() not in known]
    if unknown:
        raise ValueError(
            f"'decoder' {decoder!r} needs electrode positions, but "
            f"{join_names(unknown)} are no electrodes of the 10-05 system. Rename the "
            "channels, or choose another decoder."
        )


def electrode_info(ch_names: Sequence[str], sfreq: float) -> list[dict[str, Any]]:
    """Return MNE's channel entries with positions on the template head."""
    import mne

    info = mne.create_info(list(ch_names), sfreq, "eeg")
    info.set_montage(mne_montage(), match_case=False)
    return info["chs"]


def check_options(
    options: Mapping[str, Any], make: Callable[..., Any], decoder: str
) -> dict[str, Any]:
    """Return options that the network knows, in a form that JSON can hold."""
    parameters = inspect.signature(make).parameters.values()
    allowed = [
        parameter.name
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and parameter.name not in SIGNAL
    ]
    takes_any = decoder not in DECODERS and any(
        parameter.kind is parameter.VAR_KEYWORD for parameter in parameters
    )
    for key in options:
        if key in SIGNAL:
            raise ValueError(
                f"Option {key!r} of decoder {decoder!r} follows from the view and the "
                "trials. Leave it out."
            )
        if key not in allowed and not takes_any:
            raise ValueError(
                f"Unknown option {key!r} of decoder {decoder!r}. Allowed: "
                f"{join_names(allowed, 80)}." + did_you_mean(key, allowed)
            )
    return {key: encode_option(key, value) for key, value in options.items()}


def encode_option(key: str, value: Any) -> Any:
    """Return an option as JSON holds it; a class of torch.nn becomes its name."""
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if isinstance(value, (list, tuple)):
        return [encode_option(key, part) for part in value]
    if isinstance(value, type):
        name = value.__name__
        if getattr(nn, name, None) is value:
            return TORCH_PREFIX + name
    raise TypeError(
        f"Option '{key}' must be a number, a string, a list of these or a class of "
        f"torch.nn, got {type(value).__name__}. For anything else pass a factory as "
        "'decoder'."
    )


def decode_option(value: Any) -> Any:
    """Return what `encode_option` wrote as the network takes it."""
    if isinstance(value, str) and value.startswith(TORCH_PREFIX):
        return getattr(nn, value.removeprefix(TORCH_PREFIX))
    return value
