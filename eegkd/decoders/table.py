"""Which networks are decoders here, and where their features are tapped.

A tap sits where the electrode axis is collapsed into maps that every montage has, so
that a row of teacher features and a row of student features describe the same trial
whatever the number of electrodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eegkd._checks import check_choice

if TYPE_CHECKING:
    from torch import Tensor

SIDES = ("out", "in")
EMBEDDING = "embedding"  # what the last layer reads, as a tap and as its name
NO_LIMIT = 1e6  # a norm that weights never reach


@dataclass(frozen=True)
class Tap:
    """A place in a network where features are read.

    Parameters
    ----------
    path : str
        Dotted path of a module, as ``network.named_modules()`` spells it.
    side : {"out", "in"}, default="out"
        Whether the module's output or its first input is read. Of several tensors
        the first counts, of several calls the last.
    time_axis : int or None, default=-1
        Axis of the tensor that becomes the last one, ``n_steps``. The axes between
        it and the batch become ``n_maps``. None makes one map of the whole tensor,
        for which order in time means nothing.
    """

    path: str
    side: str = "out"
    time_axis: int | None = -1

    def __post_init__(self) -> None:
        check_choice(self.side, "side", SIDES)

    def arrange(self, value: Tensor) -> Tensor:
        """Return a tensor as maps over time.

        Parameters
        ----------
        value : Tensor, shape (n_batch, ...)
            What the module got or returned.

        Returns
        -------
        features : Tensor, shape (n_batch, n_maps, n_steps)
            The same numbers, time last. A vector for each trial, shape
            (n_batch, n_dims), is one map.

        Raises
        ------
        ValueError
            If the tensor has no axis ``time_axis`` beside the batch.
        """
        if value.ndim == 2 or self.time_axis is None:
            return value.flatten(1).unsqueeze(1)
        if self.time_axis not in (*range(1, value.ndim), *range(1 - value.ndim, 0)):
            raise ValueError(
                f"'time_axis' of the tap at {self.path!r} must be an axis of a tensor "
                f"of shape {tuple(value.shape)} other than the batch, got "
                f"{self.time_axis}."
            )
        return value.movedim(self.time_axis, -1).flatten(1, -2)


@dataclass(frozen=True)
class DecoderSpec:
    """What the library knows about a network.

    Parameters
    ----------
    taps : mapping of str to Tap
        Default taps by name, from input to output. Similarity keeping reads the last
        two.
    embedding_tap : Tap
        Where the embedding is read: the input of the last layer.
    options : mapping, optional
        Constructor arguments that differ from the network's own defaults.
    published : mapping, optional
        Constructor arguments that come nearest to the network of the paper on
        similarity keeping, at 125 Hz; empty for networks that it does not use. The page
        on networks tells what still differs.
    folded : tuple of str, default=()
        Convolutions over one map's whole height that are computed in a faster way,
        with the same weights and the same result.
    positions : bool, default=False
        Whether the network needs the positions of the electrodes.
    slow : bool, default=False
        Whether the network is a foundation model, or needs more than five seconds to
        learn from 64 trials of 22 electrodes and 500 samples on one CPU core.
    module : str, default="braindecode.models"
        Module that has the class of the network, under its name.
    """

    taps: Mapping[str, Tap]
    embedding_tap: Tap = Tap("final_layer", "in")
    options: Mapping[str, Any] = field(default_factory=dict)
    published: Mapping[str, Any] = field(default_factory=dict)
    folded: tuple[str, ...] = ()
    positions: bool = False
    slow: bool = False
    module: str = "braindecode.models"


def list_decoders() -> list[str]:
    """Return the names that `eegkd.decoders.build_decoder` takes.

    Returns
    -------
    names : list of str
        Names of networks, in alphabetical order.

    Examples
    --------
    >>> "SCCNet" in list_decoders()
    True
    """
    return sorted(DECODERS, key=str.lower)


def _out(*paths: str, time_axis: int = -1) -> dict[str, Tap]:
    """Return taps at the outputs of modules, named by path."""
    return {path: Tap(path, "out", time_axis) for path in paths}


def _in(path: str, name: str, time_axis: int = -1) -> dict[str, Tap]:
    """Return one named tap at the input of a module."""
    return {name: Tap(path, "in", time_axis)}


LAST = _in("final_layer", EMBEDDING)

# SCCNet, EEGNet and ShallowFBCSPNet: the last two taps are those of the paper on
# similarity keeping. The paper's first tap of the other two still has the electrode
# axis, so the output of the spatial convolution stands in for it.
DECODERS: dict[str, DecoderSpec] = {
    "SCCNet": DecoderSpec(
        _out("spatial_batch_norm", "batch_norm") | _in("dropout", "squared"),
        published={
            "n_spatial_filters": 22,
            "n_spatial_filters_smooth": 20,
            "drop_prob": 0.5,
        },
        folded=("spatial_filt_conv",),
    ),
    "EEGNet": DecoderSpec(
        _out("bnorm_1", "elu_1", "elu_2"),
        options={"final_layer_with_constraint": True},  # as Lawhern et al., 2018
        published={
            "F1": 8,
            "D": 2,
            "F2": 16,
            "kernel_length": 64,
            "depthwise_kernel_length": 16,
            "pool1_kernel_size": 4,
            "pool2_kernel_size": 8,
            "drop_prob": 0.5,
            "batch_norm_momentum": 0.1,
            "batch_norm_eps": 1e-5,
            "conv_spatial_max_norm": NO_LIMIT,
            "final_layer_with_constraint": True,
            "norm_rate": NO_LIMIT,
        },
    ),
    "ShallowFBCSPNet": DecoderSpec(
        _out("conv_time_spat", "bnorm", "conv_nonlin_exp", time_axis=2),
        published={
            "n_filters_time": 40,
            "n_filters_spat": 40,
            "filter_time_length": 13,
            "pool_time_length": 35,
            "pool_time_stride": 7,
            "drop_prob": 0.25,
        },
    ),
    # After its third block the network has but a handful of steps in a usual trial.
    "Deep4Net": DecoderSpec(_out("bnorm", "nonlin_2", "nonlin_3", time_axis=2)),
    "EEGConformer": DecoderSpec(
        _out("patch_embedding.shallownet.2", "patch_embedding.shallownet.3")
        | _out("transformer", time_axis=1)
    ),
    # Five heads read overlapping windows of what `conv_block` returns.
    "ATCNet": DecoderSpec(
        _out(
            "conv_block.bn2",
            "conv_block.activation2",
            "conv_block.activation3",
            time_axis=2,
        ),
        embedding_tap=Tap("conv_block"),
    ),
    "EEGNeX": DecoderSpec(_out("block_3.1", "block_3.2", "block_5.2")),
    "AttentionBaseNet": DecoderSpec(
        _out("input_block.bn", "input_block.nonlinearity", "channel_expansion"),
        embedding_tap=Tap("final_layer.1", "in"),
    ),
    "BDTCN": DecoderSpec(
        _out(
            "base_tcn.temporal_blocks.temporal_block_0",
            "base_tcn.temporal_blocks.temporal_block_1",
            "base_tcn.temporal_blocks",
        ),
        embedding_tap=Tap("base_tcn.final_layer", "in"),
    ),
    "BENDR": DecoderSpec(_out("encoder") | LAST, slow=True),
    "BIOT": DecoderSpec(LAST, slow=True),
    "BrainModule": DecoderSpec(
        _out("input_projection", "encoder.sequence.4", "encoder"),
        embedding_tap=Tap("final_layer.2", "in"),
        slow=True,
    ),
    "CodeBrain": DecoderSpec(
        _out("final_layer.2") | _in("final_layer.7", EMBEDDING),
        embedding_tap=Tap("final_layer.7", "in"),
        slow=True,
    ),
    "ContraWR": DecoderSpec(_out("convs.0.dropout", "convs.1.dropout") | LAST),
    # Without spatial filters nothing is learned before `maps`, so no tap is before it.
    "CovarianceNet": DecoderSpec(
        # Both hold the same; methods that read the last tap want several maps.
        LAST | _out("maps"),
        module="eegkd.decoders.covariance",
    ),
    "CTNet": DecoderSpec(
        _out("cnn.eegnet_module.3", "cnn.eegnet_module.4") | _out("trans", time_axis=1)
    ),
    "DeepSleepNet": DecoderSpec(_out("residual_shortcut") | LAST, slow=True),
    "DGCNN": DecoderSpec(_out("classifier.0") | LAST, positions=True),
    "EEGDINO": DecoderSpec(LAST, options={"n_channel_embeddings": 128}, slow=True),
    "EEGInceptionERP": DecoderSpec(
        _out("inception_block_1", "inception_block_2", "final_block.2")
    ),
    "EEGInceptionMI": DecoderSpec(
        _out("initial_inception_module", "residual_block_2")
        | _out("intermediate_inception_modules_2.2"),
        slow=True,
    ),
    "EEGITNet": DecoderSpec(_out("inception_block", "TC_block2", "TC_block4")),
    "EEGMiner": DecoderSpec(LAST),
    "EEGPT": DecoderSpec(
        _out("target_encoder", "final_layer.probe1", time_axis=1),
        embedding_tap=Tap("final_layer.probe2", "in"),
        slow=True,
    ),
    "EEGSimpleConv": DecoderSpec(_out("bn", "blocks.0", "blocks.1")),
    "EEGSym": DecoderSpec(_out("channel_merging", time_axis=3) | LAST, positions=True),
    "EEGTCNet": DecoderSpec(
        _out("eegnet_tc.bn2", time_axis=2)
        | _in("eegnet_tc.pool1", "elu_1", time_axis=2)
        | _in("eegnet_tc.pool2", "elu_2", time_axis=2)
    ),
    "FBCNet": DecoderSpec(_out("spatial_conv.1", "spatial_conv.2") | LAST),
    "FBLightConvNet": DecoderSpec(_out("spatial_conv.1", "spatial_conv.2") | LAST),
    "FBMSNet": DecoderSpec(_out("spatial_conv.1", "spatial_conv.2") | LAST),
    "IFNet": DecoderSpec(
        _out("feature_block.spatial_bn", "feature_block.inter_frequency") | LAST
    ),
    "MEDFormer": DecoderSpec(LAST),
    "MSVTNet": DecoderSpec(_in("transformer", "tokens", time_axis=1) | LAST),
    "MVPFormer": DecoderSpec(LAST, slow=True),
    "PBT": DecoderSpec(LAST),
    "SignalJEPA_Contextual": DecoderSpec(
        _in("final_layer.linear", EMBEDDING),
        embedding_tap=Tap("final_layer.linear", "in"),
        positions=True,
        slow=True,
    ),
    "SignalJEPA_PostLocal": DecoderSpec(
        _in("final_layer.linear", EMBEDDING),
        embedding_tap=Tap("final_layer.linear", "in"),
    ),
    "SignalJEPA_PreLocal": DecoderSpec(_out("spatial_conv") | LAST),
    "SincShallowNet": DecoderSpec(
        _out("depthwiseconv", "temporal_aggregation.0", "temporal_aggregation.1")
    ),
    "SleepStagerBlanco2020": DecoderSpec(
        _out("feature_extractor.2", "feature_extractor.6", "feature_extractor.10"),
        options={"n_groups": 1},  # two groups ask for an even number of electrodes
    ),
    # The "spatial" convolution returns one virtual channel for each electrode.
    "SleepStagerChambon2018": DecoderSpec(_out("spatial_conv", "feature_extractor.2")),
    "SPARCNet": DecoderSpec(
        _out("encoder.denseblock1", "encoder.denseblock2", "encoder.denseblock3")
    ),
    "SpectrumNet": DecoderSpec(
        {"spectrum": Tap("spectrum"), EMBEDDING: Tap("maps")},
        module="eegkd.decoders.spectrum",
    ),
    "SSTDPN": DecoderSpec(
        _out("encoder.chan_conv", "encoder"), embedding_tap=Tap("encoder")
    ),
    "STEEGFormer": DecoderSpec(LAST, slow=True),
    "SyncNet": DecoderSpec(_in("pool", "response") | LAST),
    "TCFormer": DecoderSpec(
        _in("conv_block.pool1", "elu_1") | _out("conv_block.temporal_conv_2", "mix")
    ),
    "TIDNet": DecoderSpec(_out("dscnn.spatial") | LAST),
    "TSception": DecoderSpec(_out("batch_spatial_lay") | LAST),
    "USleep": DecoderSpec(_out("decoder_blocks.10", "decoder_blocks.11", "clf.1")),
}

_EMG = "It is made for surface EMG of the forearm, not for EEG."

LEFT_OUT: dict[str, str] = {
    "AttnSleep": "Its width must be set to a number that the trial length dictates.",
    "CBraMod": "It needs a trial length that is a multiple of its 200-sample patch.",
    "DANCE": "It detects events within a recording instead of classifying trials.",
    "EMG2QwertyNet": _EMG,
    "Labram": "It reads one fixed set of 128 channels, in 200-sample patches.",
    "LUNA": "It needs a trial length that is a multiple of its 40-sample patch.",
    "MetaNeuromotorHand": _EMG,
    "NeuroPose": _EMG,
    "REVE": "It downloads a table of electrode positions when it is built.",
    "SensingDynamics": _EMG,
    "SignalJEPA": "It is the body for pretraining, without a classification layer.",
    "VEMG2Pose": _EMG,
    "ZUNA": "It needs a trial length that is a multiple of its 32-sample patch.",
}
