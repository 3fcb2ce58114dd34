"""`Decoder`: a network behind a view. `Output`: what it says about a batch."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from eegkd._checks import did_you_mean, join_names
from eegkd.data.filter_bank import read_rows
from eegkd.decoders.networks import make_network
from eegkd.decoders.table import Tap

if TYPE_CHECKING:
    from eegkd.view import View

LAST_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(eq=False)
class Output:
    """What a decoder says about a batch of trials.

    Parameters
    ----------
    logits : Tensor, shape (n_batch, n_outputs)
        Scores before softmax.
    features : mapping of str to Tensor, shape (n_batch, n_maps, n_steps)
        Features by name of tap, from input to output, time last.
    embedding : Tensor, shape (n_batch, n_dims), or None
        Flattened input of the last layer. None if features were not asked for.
    """

    logits: Tensor
    features: Mapping[str, Tensor]
    embedding: Tensor | None

    def relation(self, function: Callable[[Tensor], Tensor], tap: str) -> Tensor:
        """Return how the trials of the batch relate to each other at a tap.

        A teacher that keeps its outputs answers with a slice of a matrix over all
        trials instead of computing anything.

        Parameters
        ----------
        function : callable
            Maps features, shape (n_batch, n_maps, n_steps), to a matrix, shape
            (n_batch, n_batch).
        tap : str
            Name of a tap.

        Returns
        -------
        matrix : Tensor, shape (n_batch, n_batch)
            One row and one column for each trial.

        Raises
        ------
        ValueError
            If there is no such tap.
        """
        if tap not in self.features:
            raise ValueError(
                f"'tap' must be one of {join_names(self.features)}, got {tap!r}."
                + did_you_mean(tap, self.features)
            )
        return function(self.features[tap])

    def detach(self) -> Output:
        """Cut the values off from the gradient.

        Returns
        -------
        output : Output
            The same values.
        """
        return Output(
            self.logits.detach(),
            {name: value.detach() for name, value in self.features.items()},
            None if self.embedding is None else self.embedding.detach(),
        )


class Decoder(nn.Module):
    """A network behind a view, with taps.

    Parameters
    ----------
    network : Module
        Maps signals, shape (n_batch, n_chans, n_times), to logits, shape
        (n_batch, n_outputs).
    view : View
        The electrodes that the network reads.
    taps : mapping of str to Tap
        Where features are read, from input to output.
    config : dict, optional
        What `decoder_from_config` needs to build the network again, JSON-ready.
    embedding_tap : Tap, optional
        Where the embedding is read. By default the input of ``final_layer``, or else
        of the last linear or convolution layer.

    Raises
    ------
    ValueError
        If a tap names a module that the network does not have.

    See Also
    --------
    build_decoder : Build one by name.

    Notes
    -----
    Features are read by hooks on the modules of this one network. They record only
    while this decoder runs, and keep nothing. Where the network comes from a name,
    copies and pickles hold the configuration and the weights, because many networks
    cannot be pickled themselves.
    """

    def __init__(
        self,
        network: nn.Module,
        view: View,
        taps: Mapping[str, Tap],
        config: dict[str, Any] | None = None,
        embedding_tap: Tap | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.view = view
        self.taps = dict(taps)
        self.config = config
        self.embedding_tap = embedding_tap or Tap(last_layer(network), "in")
        self._recorder = _Recorder()
        self._embedding_shape: torch.Size | None = None  # known after a first trial
        self._attach()

    def forward(self, x: Tensor, features: bool = True) -> Output:
        """Decode signals that the view has already been applied to.

        Parameters
        ----------
        x : Tensor, shape (n_batch, n_chans, n_times)
            Signals as ``self.view`` returns them.
        features : bool, default=True
            Whether features and embedding are read. Logits alone cost less memory.

        Returns
        -------
        output : Output
            Logits, features and embedding.

        Raises
        ------
        ValueError
            If ``x`` has another shape than the decoder was built for.
        """
        self._check_shape(x)
        if not features:
            return Output(self.network(x), {}, None)
        return self.collect(*self.record(x))

    def record(self, x: Tensor) -> tuple[Any, dict[str | None, Any]]:
        """Run the network with its hooks recording.

        Parameters
        ----------
        x : Tensor, shape (n_batch, n_chans, n_times)
            Signals as ``self.view`` returns them.

        Returns
        -------
        logits : Tensor, shape (n_batch, n_outputs)
            What the network returned.
        found : dict
            What the hooks saw, by name of tap; None names the embedding.
        """
        with self._recorder.recording() as found:
            return self.network(x), found

    def collect(self, logits: Tensor, found: dict[str | None, Any]) -> Output:
        """Make an output of what `record` returned.

        Parameters
        ----------
        logits : Tensor, shape (n_batch, n_outputs)
            What the network returned.
        found : dict
            What the hooks saw.

        Returns
        -------
        output : Output
            Logits, features and embedding.
        """
        embedding = self._pick(found, None, self.embedding_tap)
        self._embedding_shape = embedding.shape[1:]
        return Output(
            logits,
            {
                name: tap.arrange(self._pick(found, name, tap))
                for name, tap in self.taps.items()
            },
            embedding.flatten(1),
        )

    def classify(self, embedding: Tensor) -> Tensor:
        """Apply the last layer to embeddings, whoever they come from.

        Parameters
        ----------
        embedding : Tensor, shape (n_batch, n_dims)
            Of the size of this decoder's own embedding.

        Returns
        -------
        logits : Tensor, shape (n_batch, n_outputs)
            What the last layer makes of them. Gradients flow to ``embedding``.

        Raises
        ------
        ValueError
            If the embedding is not the input of a last layer that gives the logits,
            or has another size.
        """
        shape = self._embedding_shape
        size = None if shape is None else shape.numel()
        if embedding.ndim != 2 or embedding.shape[1] != (size or embedding.shape[1]):
            raise ValueError(
                f"'embedding' must have shape (n_batch, {size}), got "
                f"{tuple(embedding.shape)}."
            )
        last = submodule(self.network, self.embedding_tap.path)
        fitting = embedding if shape is None else embedding.unflatten(1, shape)
        logits = last(fitting)
        if logits.shape[0] != len(embedding) or logits.numel() % len(embedding):
            raise ValueError(
                f"Module {self.embedding_tap.path!r} must give one row of logits for "
                f"each trial, got {tuple(logits.shape)}."
            )
        return logits.flatten(1)

    @property
    def n_parameters(self) -> int:
        """Number of values in all parameters of the network."""
        return sum(parameter.numel() for parameter in self.parameters())

    def n_macs(self, n_times: int) -> int:
        """Count the multiply-accumulates of one trial.

        Convolutions and matrix products are counted, by PyTorch's counter;
        nonlinearities, pooling and scaling, which cost little, are not.

        Parameters
        ----------
        n_times : int
            Samples in a trial.

        Returns
        -------
        n_macs : int
            Multiply-accumulates; half the floating-point operations.
        """
        from torch.utils.flop_counter import FlopCounterMode

        device = next(self.network.parameters()).device
        training = self.training
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            self.eval()(
                torch.zeros(1, self.view.n_chans, n_times, device=device),
                features=False,
            )
        self.train(training)
        return counter.get_total_flops() // 2

    def __repr__(self) -> str:
        name = self.config["name"] if self.config else type(self.network).__name__
        rows = read_rows(self.view.ch_names)
        in_bands = f" in {len(rows.bands)} bands" if len(rows.bands) > 1 else ""
        return (
            f"<Decoder | {name}: {len(rows.electrodes)} electrodes{in_bands}, "
            f"{self.n_parameters} parameters>"
        )

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if self.config is None or self.config["foreign"]:
            return state
        modules = dict(self._modules)
        state["_modules"] = modules
        state["_saved"] = _Saved.of(self.network)
        del modules["network"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        saved = state.pop("_saved", None)
        super().__setstate__(state)
        if saved is not None:
            self.network = saved.restore(self._make_network())
            self._attach()

    def _make_network(self) -> nn.Module:
        """Build the network of the configuration; weights as at first."""
        config: dict[str, Any] = self.config  # type: ignore[assignment]
        return make_network(
            config["name"],
            self.view.ch_names,
            n_outputs=config["n_outputs"],
            n_times=config["n_times"],
            sfreq=config["sfreq"],
            random_state=config["random_state"],
            options=config["options"],
        )

    def _attach(self) -> None:
        """Register one hook for each tap and one for the embedding."""
        places: list[tuple[str | None, Tap]] = [*self.taps.items()]
        for name, tap in [*places, (None, self.embedding_tap)]:
            module = submodule(self.network, tap.path)
            hook = _Hook(self._recorder, name, tap.side)
            if tap.side == "in":
                module.register_forward_pre_hook(hook)
            else:
                module.register_forward_hook(hook)

    def _pick(self, found: dict[str | None, Any], name: str | None, tap: Tap) -> Tensor:
        """Return the tensor that a tap recorded."""
        value = found.get(name)
        while isinstance(value, (tuple, list)) and value:
            value = value[0]
        if not isinstance(value, Tensor) or value.ndim < 2:
            got = (
                "the forward pass did not reach it"
                if name not in found
                else f"got a tensor of shape {tuple(value.shape)}"
                if isinstance(value, Tensor)
                else f"got {type(value).__name__}"
            )
            raise ValueError(
                f"Tap {name or 'embedding'!r} must find a tensor of shape "
                f"(n_batch, ...) at the {tap.side}put of module {tap.path!r}, but "
                f"{got}. "
                + (
                    "Choose another module."
                    if name
                    else "Call the last layer of the network 'final_layer'."
                )
            )
        return value

    def _check_shape(self, x: Tensor) -> None:
        """Refuse signals of another number of electrodes or samples."""
        n_times = self.config["n_times"] if self.config else None
        if (
            x.ndim != 3
            or x.shape[1] != self.view.n_chans
            or x.shape[2] != (n_times or x.shape[2])
        ):
            raise ValueError(
                f"'x' must have shape (n_batch, {self.view.n_chans}, "
                f"{n_times or 'n_times'}), got {tuple(x.shape)}. Apply the decoder's "
                "own view first: decoder(decoder.view(X))."
            )


def submodule(network: nn.Module, path: str) -> nn.Module:
    """Return the module at a dotted path."""
    try:
        return network.get_submodule(path)
    except AttributeError as error:
        names = [name for name, _ in network.named_modules() if name]
        raise ValueError(
            f"'taps' must name modules of {type(network).__name__}, got {path!r}. Its "
            f"modules are {join_names(names, 40)}." + did_you_mean(path, names)
        ) from error


def last_layer(network: nn.Module) -> str:
    """Return the path of ``final_layer``, or of the last linear or convolution one."""
    if isinstance(getattr(network, "final_layer", None), nn.Module):
        return "final_layer"
    paths = [
        path
        for path, module in network.named_modules()
        if isinstance(module, LAST_LAYERS)
    ]
    if not paths:
        raise ValueError(
            f"'decoder' must have a linear or convolution layer whose input is its "
            f"embedding, but {type(network).__name__} has none. Call its last layer "
            "'final_layer'."
        )
    return paths[-1]


class _Recorder:
    """Where hooks leave what they see, in the thread that asked for it."""

    def __init__(self) -> None:
        self._local = threading.local()

    @property
    def found(self) -> dict[str | None, Any] | None:
        """What was seen so far, or None while nobody asks."""
        return getattr(self._local, "found", None)

    @contextlib.contextmanager
    def recording(self) -> Iterator[dict[str | None, Any]]:
        """Record within the block."""
        found: dict[str | None, Any] = {}
        self._local.found = found
        try:
            yield found
        finally:
            self._local.found = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _Recorder, ()


class _Hook:
    """Forward hook or forward pre-hook; a class, so that it can be pickled."""

    def __init__(self, recorder: _Recorder, name: str | None, side: str) -> None:
        self.recorder = recorder
        self.name = name
        self.side = side

    def __call__(self, module: nn.Module, args: Any, output: Any = None) -> None:
        """Leave the input or the output of a module."""
        found = self.recorder.found
        if found is not None:
            found[self.name] = args if self.side == "in" else output


@dataclass
class _Saved:
    """All of a network that its configuration does not tell."""

    weights: dict[str, Tensor]
    frozen: list[str]
    evaluating: list[str]

    @classmethod
    def of(cls, network: nn.Module) -> _Saved:
        """Read a network."""
        return cls(
            weights=network.state_dict(),
            frozen=[
                name
                for name, parameter in network.named_parameters()
                if not parameter.requires_grad
            ],
            evaluating=[
                name for name, module in network.named_modules() if not module.training
            ],
        )

    def restore(self, network: nn.Module) -> nn.Module:
        """Give a newly built network what was read."""
        sample = next(iter(self.weights.values()), torch.empty(0))
        network.to(sample.device)
        if sample.dtype == torch.float64:
            network.double()
        network.load_state_dict(self.weights)
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name not in self.frozen)
        for name, module in network.named_modules():
            module.training = name not in self.evaluating
        return network
