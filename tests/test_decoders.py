"""Decoders: every registered network keeps one contract; foreign ones fit in."""

import copy
import functools
import gc
import inspect
import json
import pickle
import subprocess
import sys
import threading
import warnings
import weakref
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from eegkd.decoders import (
    DECODERS,
    LEFT_OUT,
    Decoder,
    DecoderSpec,
    Output,
    Tap,
    build_decoder,
    list_decoders,
)
from eegkd.decoders.build import decoder_from_config
from eegkd.decoders.networks import quiet_networks
from eegkd.view import View

CH_22 = tuple(
    (
        "Fz FC3 FC1 FCz FC2 FC4 C5 C3 C1 Cz C2 C4 C6 CP3 CP1 CPz CP2 CP4 P1 Pz P2 POz"
    ).split()
)
HEADBAND = ("Fz", "C5", "C6", "POz")
SIGNAL = {"n_outputs": 4, "n_times": 500, "sfreq": 125.0}
N_TRIALS = 2

# Their features have a map for each electrode (or pair): only Grams are comparable.
MAPS_FOLLOW_ELECTRODES = {"EEGDINO", "EEGMiner", "SPARCNet", "SleepStagerChambon2018"}

CASES = [
    pytest.param(name, marks=[pytest.mark.slow] if spec.slow else [])
    for name, spec in DECODERS.items()
]


@dataclass(frozen=True)
class Electrodes:
    """Stand-in for a view: channel names alone."""

    ch_names: tuple[str, ...] = HEADBAND

    @property
    def n_chans(self):
        """Return the number of channels."""
        return len(self.ch_names)

    def to_dict(self):
        """Return the channels."""
        return {"ch_names": list(self.ch_names)}


def build(decoder, ch_names=HEADBAND, **changed):
    """Build a decoder in eval mode."""
    options = {**SIGNAL, "random_state": 0, **changed}
    return build_decoder(decoder, Electrodes(ch_names), **options).eval()


def signals(decoder, n_trials=N_TRIALS, seed=1):
    """Return standard normal trials of the decoder's shape."""
    shape = (n_trials, decoder.view.n_chans, decoder.config["n_times"])
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def assert_same_output(first, second):
    assert torch.equal(first.logits, second.logits)
    assert torch.equal(first.embedding, second.embedding)
    assert list(first.features) == list(second.features)
    for name, features in first.features.items():
        assert torch.equal(features, second.features[name]), name


# Every registered decoder


@pytest.mark.parametrize("name", CASES)
def test_registered_decoder(name):
    teacher, student = build(name, CH_22), build(name, HEADBAND)
    shapes = []
    for decoder in (teacher, student):
        check_output(decoder)
        check_gradients(decoder)
        check_features_are_not_overwritten(decoder)
        check_copies(decoder)
        output = decoder(signals(decoder))
        shapes.append([f.shape[1:] for f in output.features.values()])
    assert (shapes[0] == shapes[1]) == (name not in MAPS_FOLLOW_ELECTRODES)
    check_random_state(student)


def check_output(decoder):
    """Shapes, order of taps, and the same answer twice."""
    output = decoder(signals(decoder))
    assert output.logits.shape == (N_TRIALS, 4)
    assert output.embedding.shape == (N_TRIALS, output.embedding.shape[1])
    assert output.embedding.shape[1] > 1
    assert list(output.features) == list(DECODERS[decoder.config["name"]].taps)
    for features in output.features.values():
        assert features.ndim == 3
        assert features.shape[0] == N_TRIALS
        assert features.shape[2] > 1
        assert torch.isfinite(features).all()
    assert_same_output(output, decoder(signals(decoder)))
    alone = decoder(signals(decoder), features=False)
    assert torch.equal(alone.logits, output.logits)


def check_gradients(decoder):
    """Every tap passes a gradient to every electrode."""
    x = signals(decoder).requires_grad_()
    output = decoder(x)
    for name, features in [*output.features.items(), ("embedding", output.embedding)]:
        (gradient,) = torch.autograd.grad(features.square().sum(), x, retain_graph=True)
        assert (gradient.abs().sum(dim=(0, 2)) > 0).all(), name


def check_features_are_not_overwritten(decoder):
    """No layer after a tap changes the tapped tensor in place."""
    seen = {}

    def remember(name, tap):
        def hook(module, args, output=None):
            value = args if tap.side == "in" else output
            value = value[0] if isinstance(value, tuple) else value
            seen[name] = tap.arrange(value).clone()

        module = decoder.network.get_submodule(tap.path)
        if tap.side == "in":
            return module.register_forward_pre_hook(hook)
        return module.register_forward_hook(hook)

    handles = [remember(name, tap) for name, tap in decoder.taps.items()]
    output = decoder(signals(decoder))
    for handle in handles:
        handle.remove()
    for name, features in output.features.items():
        assert torch.equal(features, seen[name]), name


def check_copies(decoder):
    """Pickle, deep copy and configuration give the same decoder."""
    output = decoder(signals(decoder))
    config = json.loads(json.dumps(decoder.config))
    for other in (
        pickle.loads(pickle.dumps(decoder)),
        copy.deepcopy(decoder),
        decoder_from_config(config, decoder.state_dict(), decoder.view),
    ):
        assert other is not decoder
        assert other.network is not decoder.network
        assert not other.training
        assert other.config == decoder.config
        assert_same_output(output, other(signals(decoder)))


def check_random_state(decoder):
    """Weights follow from the seed; the global generators are left alone."""
    name = decoder.config["name"]
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    same, other = build(name), build(name, random_state=1)
    after = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    assert torch.equal(before[0], after[0])
    assert before[1] == after[1]
    weights = decoder.state_dict()
    for key, value in same.state_dict().items():
        assert torch.equal(value, weights[key]), key
    differ = [
        key
        for key, value in other.named_parameters()
        if not torch.equal(value, decoder.get_parameter(key))
    ]
    assert differ


def test_table_lists_every_network_of_braindecode():
    with quiet_networks():
        from braindecode.models import util

        util._init_models_dict()
    theirs = {n for n, spec in DECODERS.items() if spec.module == "braindecode.models"}
    assert theirs <= set(util.models_dict) <= theirs | set(LEFT_OUT)
    assert set(DECODERS) - theirs == {"CovarianceNet", "SpectrumNet"}
    assert not set(DECODERS) & set(LEFT_OUT)
    assert all(
        reason.endswith(".") and len(reason) > 20 for reason in LEFT_OUT.values()
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(LEFT_OUT) - {"REVE"}))  # REVE downloads
def test_left_out_networks_do_not_classify_trials(name, monkeypatch):
    monkeypatch.delitem(LEFT_OUT, name)
    monkeypatch.setitem(DECODERS, name, DecoderSpec({}))
    with pytest.raises(ValueError, match="cannot read trials|must return logits"):
        build_decoder(name, Electrodes(CH_22), **SIGNAL, taps=[""])


def test_names_are_listed_without_braindecode():
    code = (
        "import sys; from eegkd.decoders import list_decoders; "
        "print(len(list_decoders()), [m for m in ('braindecode', 'mne', 'moabb') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"{len(DECODERS)} []"
    assert list_decoders() == sorted(DECODERS, key=str.lower)


# Taps of the paper


def test_taps_of_sccnet_are_spatial_temporal_and_squared():
    decoder = build("SCCNet").train()  # dropout comes after the last tap
    output = decoder(signals(decoder))
    assert [*output.features] == ["spatial_batch_norm", "batch_norm", "squared"]
    _, temporal, squared = output.features.values()
    assert temporal.shape == (N_TRIALS, 20, 489)
    assert torch.equal(squared, temporal.square())


def test_taps_of_eegnet_follow_the_nonlinearities():
    decoder = build("EEGNet")
    spatial, first, second = decoder(signals(decoder)).features.values()
    torch.testing.assert_close(first, functional.elu(spatial))
    assert second.shape == (N_TRIALS, 16, 126)
    assert second.min() > -1


def test_taps_of_shallow_are_batch_norm_and_square():
    decoder = build("ShallowFBCSPNet")
    convolved, normed, squared = decoder(signals(decoder)).features.values()
    assert torch.equal(squared, normed.square())
    together = torch.stack([convolved, normed], dim=2).flatten(0, 1)
    correlation = torch.stack([torch.corrcoef(pair)[0, 1] for pair in together])
    torch.testing.assert_close(correlation.abs(), torch.ones(N_TRIALS * 40))


def test_embedding_is_what_the_last_layer_reads():
    decoder = build("SCCNet")
    output = decoder(signals(decoder))
    torch.testing.assert_close(
        decoder.network.final_layer(output.embedding), output.logits
    )


def test_time_is_the_last_axis_of_every_feature():
    # The end of a trial reaches the last steps of every tap of a convolution. Others
    # move by rounding at most, whichever kernel convolves.
    for name in ("SCCNet", "EEGNet", "ShallowFBCSPNet", "Deep4Net", "ATCNet"):
        decoder = build(name)
        x = signals(decoder)
        changed = x.clone()
        changed[..., -50:] += 10
        before, after = decoder(x), decoder(changed)
        for tap, features in before.features.items():
            same = torch.isclose(features, after.features[tap], rtol=1e-4, atol=1e-5)
            steps = (~same).any(dim=(0, 1)).nonzero()
            assert 0 < len(steps) < features.shape[2] / 2, (name, tap)
            assert steps.min() >= features.shape[2] / 2, (name, tap)


@pytest.mark.parametrize(
    ("shape", "time_axis", "expected"),
    [
        ((2, 3, 4, 5), -1, (2, 12, 5)),
        ((2, 3, 4, 5), 1, (2, 20, 3)),
        ((2, 3, 5), -2, (2, 5, 3)),
        ((2, 7), -1, (2, 1, 7)),
    ],
)
def test_tap_arranges_maps_over_time(shape, time_axis, expected):
    value = torch.arange(float(np.prod(shape))).reshape(shape)
    features = Tap("x", time_axis=time_axis).arrange(value)
    assert features.shape == expected
    if len(shape) > 2:
        moved = np.moveaxis(value.numpy(), time_axis, -1)
        np.testing.assert_array_equal(features, moved.reshape(expected))


@pytest.mark.parametrize("time_axis", [0, -3, 3, -4])
def test_tap_refuses_an_axis_that_is_not_time(time_axis):
    with pytest.raises(ValueError, match=r"'time_axis' .* \(2, 3, 4\) other than the"):
        Tap("x", time_axis=time_axis).arrange(torch.zeros(2, 3, 4))


def test_tap_refuses_an_unknown_side():
    with pytest.raises(ValueError, match="'side' must be one of 'out', 'in', got 'up'"):
        Tap("x", side="up")


# Output


def test_relation_applies_a_function_to_a_tap():
    features = torch.randn(3, 2, 5)
    output = Output(torch.zeros(3, 2), {"a": features}, torch.zeros(3, 1))
    gram = output.relation(lambda f: f.flatten(1) @ f.flatten(1).T, "a")
    torch.testing.assert_close(gram, torch.einsum("imt,jmt->ij", features, features))


def test_relation_names_the_taps():
    output = Output(torch.zeros(3, 2), {"squared": torch.zeros(3, 1, 2)}, None)
    with pytest.raises(ValueError, match="'tap' must be one of 'squared', got 'squar'"):
        output.relation(torch.sum, "squar")


def test_detach_cuts_every_part():
    decoder = build("SCCNet")
    output = decoder(signals(decoder))
    assert output.logits.requires_grad
    detached = output.detach()
    parts = [detached.logits, detached.embedding, *detached.features.values()]
    assert not any(part.requires_grad for part in parts)
    assert_same_output(output, detached)
    assert decoder(signals(decoder), features=False).detach().embedding is None


def test_without_features_nothing_is_recorded():
    decoder = build("SCCNet")
    output = decoder(signals(decoder), features=False)
    assert output.features == {}
    assert output.embedding is None


# Hooks


def test_hooks_of_two_decoders_do_not_mix():
    network = nn.Sequential(nn.Flatten(), nn.Linear(2000, 8), nn.Linear(8, 4))
    first = build(network, taps={"a": "1"})
    second = build(network, taps={"b": "2"})
    x = signals(first)
    assert list(first(x).features) == ["a"]
    assert list(second(x).features) == ["b"]
    other = build("SCCNet", random_state=5)
    before = first(x)
    other(x)
    assert_same_output(before, first(x))


def test_hooks_sit_on_the_instance():
    decoder = build("SCCNet")
    bare = type(decoder.network)(n_chans=4, **SIGNAL)
    assert sum(len(m._forward_hooks) for m in decoder.network.modules()) == 2
    assert sum(len(m._forward_hooks) for m in bare.modules()) == 0


def test_running_the_bare_network_records_nothing():
    decoder = build("SCCNet")
    decoder.network(signals(decoder))
    assert decoder._recorder.found is None


def test_nothing_stays_alive_after_forward():
    decoder = build("SCCNet")
    output = decoder(signals(decoder))
    references = [weakref.ref(f) for f in output.features.values()]
    del output
    gc.collect()
    assert [reference() for reference in references] == [None] * 3


def test_an_error_in_forward_ends_the_recording():
    decoder = build("SCCNet")
    with pytest.raises(RuntimeError, match="dtype|type"):
        decoder(signals(decoder).double())
    assert decoder._recorder.found is None
    assert list(decoder(signals(decoder)).features) == list(decoder.taps)


class Meet(nn.Module):
    """Flatten the trials once as many threads as wanted have come here."""

    barrier = None

    def forward(self, x):  # noqa: D102
        if self.barrier is not None:
            self.barrier.wait(timeout=20)
        return x.flatten(1)


def test_threads_do_not_mix_their_features():
    decoder = build(nn.Sequential(Meet(), nn.Linear(2000, 4)), taps={"flat": "0"})
    batches = [signals(decoder, seed=seed) for seed in range(4)]
    outputs = [None] * 4

    def work(place):
        outputs[place] = decoder(batches[place])

    Meet.barrier = threading.Barrier(4)
    try:
        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        Meet.barrier = None
    for batch, output in zip(batches, outputs, strict=True):
        assert torch.equal(output.features["flat"][:, 0], batch.flatten(1))


# Building by name


def test_random_state_none_draws_a_seed_and_keeps_it():
    state = torch.get_rng_state()
    first = build("EEGNet", random_state=None)
    second = build("EEGNet", random_state=None)
    assert torch.equal(torch.get_rng_state(), state)
    key = "network.conv_temporal.weight"
    assert not torch.equal(first.get_parameter(key), second.get_parameter(key))
    again = build("EEGNet", random_state=first.config["random_state"])
    assert torch.equal(first.get_parameter(key), again.get_parameter(key))


def test_a_new_decoder_is_in_training_mode():
    decoder = build_decoder("SCCNet", Electrodes(), **SIGNAL)
    assert all(module.training for module in decoder.modules())


def test_the_check_leaves_batch_norm_untouched():
    norm = build("SCCNet").network.batch_norm
    assert norm.num_batches_tracked == 0
    assert torch.equal(norm.running_mean, torch.zeros(20))


def test_braindecode_class_counts_as_its_name():
    from braindecode.models import EEGNet

    decoder = build(EEGNet)
    assert decoder.config == build("EEGNet").config
    assert not decoder.config["foreign"]


def test_options_reach_the_network():
    decoder = build("EEGNet", drop_prob=0.1, activation=nn.ReLU)
    assert decoder.network.drop_1.p == 0.1
    assert isinstance(decoder.network.elu_1, nn.ReLU)
    assert decoder.config["options"] == {
        "drop_prob": 0.1,
        "activation": "torch.nn.ReLU",
    }
    by_name = build("EEGNet", drop_prob=0.1, activation="torch.nn.ReLU")
    assert_same_output(decoder(signals(decoder)), by_name(signals(decoder)))
    check_copies(decoder)


def test_options_override_those_of_the_table():
    from braindecode.modules import LinearWithConstraint

    def is_constrained(decoder):
        # The parametrized class that torch makes still derives from its own.
        return any(
            isinstance(module, LinearWithConstraint)
            for module in decoder.network.final_layer.modules()
        )

    assert is_constrained(build("EEGNet"))
    assert not is_constrained(build("EEGNet", final_layer_with_constraint=False))


def test_number_of_parameters():
    # Spatial 22 x 4 + 22, norm 44, temporal 20 x 22 x 12, norm 40, linear 720 x 4 + 4.
    assert build("SCCNet").n_parameters == 110 + 44 + 5280 + 40 + 2884
    assert repr(build("SCCNet")) == "<Decoder | SCCNet: 4 electrodes, 8358 parameters>"


@pytest.mark.parametrize(
    ("decoder", "changed", "message"),
    [
        ("SCNet", {}, "Unknown name 'SCNet' for 'decoder'.* Did you mean 'SCCNet'"),
        ("REVE", {}, "'decoder' 'REVE' is left out. It downloads"),
        ("EEGNet", {"dropprob": 1}, "option 'dropprob' .* Did you mean 'drop_prob'"),
        ("EEGNet", {"n_chans": 4}, "Option 'n_chans' of decoder 'EEGNet' follows from"),
        ("EEGNet", {"n_outputs": 0}, "'n_outputs' must be an integer >= 1, got 0"),
        ("EEGNet", {"sfreq": 0}, "'sfreq' must be a finite number > 0, got 0"),
        ("EEGNet", {"random_state": -1}, "'random_state' must be an integer >= 0"),
        (
            "EEGNet",
            {"n_times": 20},
            r"'EEGNet' cannot read trials of 20 samples at 125 Hz \(0.16 s\) on 4 elec",
        ),
        (
            "SCCNet",
            {"taps": ["norm"]},
            "must name modules of SCCNet, got 'norm'",
        ),
        ("SCCNet", {"taps": []}, "'taps' must name at least one module"),
        (
            "SCCNet",
            {"taps": [Tap("batch_norm", time_axis=4)]},
            "'time_axis' of the tap at 'batch_norm'",
        ),
    ],
)
def test_bad_values_are_named(decoder, changed, message):
    with pytest.raises(ValueError, match=message):
        build(decoder, **changed)


@pytest.mark.parametrize(
    ("decoder", "changed", "message"),
    [
        (7, {}, "'decoder' must be a name .* or a callable, got int"),
        ("EEGNet", {"n_times": 500.0}, "'n_times' must be an integer >= 1, got float"),
        ("EEGNet", {"activation": Meet}, "Option 'activation' must be a number"),
        ("SCCNet", {"taps": "batch_norm"}, r"Pass \['batch_norm'\]"),
        (
            lambda: "network",
            {},
            "must be a torch module or make one, got str",
        ),
        (nn.Linear(2, 2), {"bias": True}, "'options' must be left out for a ready"),
    ],
)
def test_bad_types_are_named(decoder, changed, message):
    with pytest.raises(TypeError, match=message):
        build(decoder, **changed)


def test_the_cause_of_a_failure_is_kept():
    with pytest.raises(ValueError, match="cannot read trials") as caught:
        build("EEGNet", n_times=20)
    assert isinstance(caught.value.__cause__, RuntimeError | ValueError)


def test_notes_of_braindecode_are_logged(caplog):
    caplog.set_level("INFO")
    build("SCCNet", n_times=60)
    assert "Scaling temporal parameters down" in caplog.text
    caplog.clear()
    build("SCCNet", n_times=100)
    assert not caplog.text


def test_warnings_of_a_factory_are_shown():
    def warn_and_make(n_chans, n_outputs):
        warnings.warn("mind the width", UserWarning, stacklevel=2)
        return Small(n_chans, n_outputs)

    with pytest.warns(UserWarning, match="mind the width"):
        build(warn_and_make)


def test_positions_are_asked_for():
    with pytest.raises(ValueError, match="'DGCNN' needs .* positions, but 'EEG1'"):
        build("DGCNN", ("Fz", "EEG1", "Cz", "Pz"))
    assert build("DGCNN", ("FZ", "t7", "Cz", "Pz")).view.n_chans == 4


@pytest.mark.parametrize("shape", [(2, 22, 500), (2, 4, 499), (4, 500)])
def test_signals_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"must have shape \(n_batch, 4, 500\), got"):
        build("SCCNet")(torch.zeros(shape))


# Foreign networks


class Small(nn.Module):
    """A network that knows its last layer by name."""

    def __init__(self, n_chans, n_outputs, width=3):
        super().__init__()
        self.spatial = nn.Conv1d(n_chans, width, 1)
        self.final_layer = nn.Linear(width, n_outputs)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):  # noqa: D102
        return self.final_layer(self.spatial(x).square().mean(-1))


def make_by_keywords(**signal):
    assert signal == {"n_chans": 4, **SIGNAL}
    return nn.Sequential(nn.Flatten(), nn.Linear(2000, 6), nn.ReLU(), nn.Linear(6, 4))


def test_a_class_gets_the_keywords_that_it_takes():
    decoder = build(Small, width=5, taps=["spatial"])
    output = decoder(signals(decoder))
    assert output.features["spatial"].shape == (N_TRIALS, 5, 500)
    torch.testing.assert_close(
        output.embedding, output.features["spatial"].square().mean(-1)
    )
    assert decoder.config["name"] == "Small"
    assert decoder.config["foreign"]


def test_open_keywords_get_the_whole_signal():
    decoder = build(make_by_keywords)
    output = decoder(signals(decoder))
    # No layer is called final_layer: the input of the last linear one.
    assert list(output.features) == ["embedding"]
    assert output.features["embedding"].shape == (N_TRIALS, 1, 6)
    assert torch.equal(output.features["embedding"][:, 0], output.embedding)


def test_factories_are_seeded():
    state = torch.get_rng_state()
    first, same, other = (build(Small, random_state=seed) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first.network.spatial.weight, same.network.spatial.weight)
    assert not torch.equal(first.network.spatial.weight, other.network.spatial.weight)


def test_a_ready_network_is_used_as_it_is():
    network = Small(4, 4).eval()
    network.spatial.train()
    weights = copy.deepcopy(network.state_dict())
    decoder = build_decoder(network, Electrodes(), **SIGNAL)
    assert decoder.network is network
    assert network.spatial.training
    assert not network.final_layer.training
    for key, value in network.state_dict().items():
        assert torch.equal(value, weights[key])


def test_a_ready_network_of_braindecode_has_the_taps_of_its_name():
    decoder = build(build("SCCNet").network)
    assert list(decoder.taps) == list(DECODERS["SCCNet"].taps)


def test_partial_is_named_after_its_function():
    decoder = build(functools.partial(Small, width=2))
    assert decoder.config["name"] == "Small"
    assert decoder.network.spatial.out_channels == 2


def test_taps_may_be_named():
    places = {"space": Tap("spatial"), "power": Tap("final_layer", "in")}
    decoder = build(Small, taps=places)
    features = decoder(signals(decoder)).features
    assert list(features) == ["space", "power"]
    torch.testing.assert_close(
        features["power"][:, 0], features["space"].square().mean(-1)
    )


class TwoReturns(nn.Module):
    """A layer that returns two tensors."""

    def forward(self, x):  # noqa: D102
        return x.square(), x


class FirstOnly(nn.Module):
    """A network that uses the first of them."""

    def __init__(self):
        super().__init__()
        self.pair = TwoReturns()
        self.final_layer = nn.Linear(500, 4)

    def forward(self, x):  # noqa: D102
        return self.final_layer(self.pair(x)[0].mean(1))


def test_the_first_of_several_tensors_is_tapped():
    decoder = build(FirstOnly, taps=["pair"])
    x = signals(decoder)
    assert torch.equal(decoder(x).features["pair"], x.square())


@pytest.mark.parametrize(
    ("make", "changed", "message"),
    [
        (Small, {"taps": ["unused"]}, "Tap 'unused' .* did not reach it"),
        (
            Small,
            {"taps": ["conv"]},
            "Its modules are 'spatial', 'final_layer', 'unused'",
        ),
        (Small, {"depth": 3}, "Unknown option 'depth' of decoder 'Small'"),
        (
            lambda: nn.Sequential(
                nn.Flatten(0, 1),
                nn.Unflatten(0, (2, 4)),
                nn.Flatten(),
                nn.Linear(2000, 4),
            ),
            {"taps": ["0"]},
            "Tap '0' must have one row for each of 2 trials, got 8",
        ),
        (
            lambda: Small(4, 3),
            {},
            r"must return logits of shape \(n_batch, n_outputs\), \(2, 4\) .* \(2, 3\)",
        ),
        (
            lambda: nn.Linear(500, 4),
            {},
            r"got \(2, 4, 4\). Give it one output for each",
        ),
        (
            lambda: Small(22, 4),
            {},
            "cannot read trials of 500 samples .* on 4 electrode",
        ),
        (lambda n_people: n_people, {}, "cannot read trials .*missing 1 required"),
        (nn.Flatten, {}, "'decoder' must have a linear or convolution layer"),
    ],
)
def test_foreign_networks_that_do_not_fit(make, changed, message):
    with pytest.raises(ValueError, match=message):
        build(make, **changed)


# Copies and saving


def train_a_little(decoder):
    """Move weights and batch-norm statistics."""
    decoder.train()
    optimizer = torch.optim.SGD(decoder.parameters(), lr=0.01)
    for seed in range(3):
        loss = decoder(signals(decoder, 8, seed)).logits.square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return decoder.eval()


@pytest.mark.parametrize("decoder", ["EEGNet", "SCCNet", Small])
def test_copies_of_a_trained_decoder_agree(decoder):
    trained = train_a_little(build(decoder))
    fresh = build(decoder)
    x = signals(trained)
    assert not torch.equal(trained(x).logits, fresh(x).logits)
    for other in (through_pickle(trained), copy.deepcopy(trained)):
        assert_same_output(trained(x), other(x))
        assert other.n_parameters == trained.n_parameters


def test_a_copy_is_independent():
    decoder = build("EEGNet")
    x = signals(decoder)
    before = decoder(x)
    train_a_little(copy.deepcopy(decoder))
    assert_same_output(before, decoder(x))


def through_pickle(decoder):
    return pickle.loads(pickle.dumps(decoder))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, through_pickle])
def test_copies_keep_mode_freezing_and_precision(duplicate):
    decoder = build("EEGNet").train().double()
    decoder.network.bnorm_1.eval()
    decoder.network.conv_temporal.requires_grad_(False)
    decoder.note = "kept"
    other = duplicate(decoder)
    assert other.note == "kept"
    assert other.network.conv_temporal.weight.dtype == torch.float64
    assert not other.network.conv_temporal.weight.requires_grad
    assert other.network.bnorm_2.weight.requires_grad
    assert other.training
    assert other.network.bnorm_2.training
    assert not other.network.bnorm_1.training


def test_a_foreign_decoder_is_built_again_by_its_factory():
    decoder = train_a_little(build(Small, width=5))
    config = json.loads(json.dumps(decoder.config))
    again = decoder_from_config(
        config, decoder.state_dict(), decoder.view, decoders={"Small": Small}
    )
    assert_same_output(decoder(signals(decoder)), again(signals(decoder)))
    assert again.config == decoder.config
    with pytest.raises(ValueError, match="'decoders' must hold the factory of 'Small'"):
        decoder_from_config(config, decoder.state_dict(), decoder.view)


def test_weights_of_another_configuration_are_refused():
    decoder, other = build("SCCNet"), build("SCCNet", n_outputs=3)
    with pytest.raises(ValueError, match="'state_dict' does not fit .* 'SCCNet'"):
        decoder_from_config(decoder.config, other.state_dict(), decoder.view)


def test_a_view_of_another_size_is_refused():
    decoder = build("SCCNet")
    with pytest.raises(ValueError, match="'view' must have the 4 electrodes .* got 22"):
        decoder_from_config(decoder.config, decoder.state_dict(), Electrodes(CH_22))


def test_a_decoder_made_by_hand_needs_no_configuration():
    decoder = Decoder(Small(4, 2), Electrodes(), {"space": Tap("spatial")})
    output = decoder(torch.zeros(3, 4, 99))
    assert output.features["space"].shape == (3, 3, 99)
    assert repr(decoder) == "<Decoder | Small: 4 electrodes, 29 parameters>"
    assert_same_output(output, copy.deepcopy(decoder)(torch.zeros(3, 4, 99)))


def test_every_public_name_is_documented():
    for item in (Decoder, Output, Tap, build_decoder, decoder_from_config):
        assert "Parameters\n" in inspect.getdoc(item)


def test_a_folded_convolution_gives_what_the_network_gave():
    """Weights keep their names; scores and gradients are those of braindecode's."""
    from braindecode.models import SCCNet

    decoder = build_decoder(
        "SCCNet", Electrodes(["C3", "Cz", "C4"]), n_outputs=4, n_times=300, sfreq=125.0
    )
    stock = SCCNet(n_chans=3, n_outputs=4, n_times=300, sfreq=125.0)
    stock.load_state_dict(decoder.network.state_dict())
    x = torch.randn(5, 3, 300)
    stock.eval(), decoder.eval()
    ours, theirs = decoder(x).logits, stock(x)
    assert torch.allclose(ours, theirs, atol=1e-5)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    expected = dict(stock.named_parameters())
    for name, parameter in decoder.network.named_parameters():
        assert torch.allclose(parameter.grad, expected[name].grad, atol=1e-4), name


def test_multiply_accumulates_of_merged_convolutions():
    """Braindecode computes the two first layers of this network as one."""
    view = View(HEADBAND, CH_22).fit(torch.randn(8, 22, 500))
    decoder = build_decoder(
        "ShallowFBCSPNet", view, n_outputs=4, n_times=500, sfreq=125
    )
    merged = 40 * (500 - 25 + 1) * 25 * 4  # filters, steps, kernel, electrodes
    final = 4 * 40 * 27
    assert decoder.n_macs(500) == pytest.approx(merged + final, rel=0.01)


@pytest.mark.parametrize("name", ["SCCNet", "EEGNet"])
def test_multiply_accumulates(name):
    """Against a count by the shapes of what each layer returns."""
    view = View(HEADBAND, CH_22).fit(torch.randn(8, 22, 500))
    decoder = build_decoder(name, view, n_outputs=4, n_times=500, sfreq=125)
    counted = []

    def count(module, args, output):
        # A convolution (or linear layer) does fan_in products for each value it gives.
        fan_in = module.weight[0].numel()
        counted.append(fan_in * output[0].numel())

    layers = [
        module
        for module in decoder.network.modules()
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear)
    ]
    handles = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        decoder.eval()(torch.zeros(1, 4, 500), features=False)
    for handle in handles:
        handle.remove()
    decoder.train()
    assert decoder.n_macs(500) == pytest.approx(sum(counted), rel=0.01)
    assert decoder.training


# ---------------------------------------------------------------------------
# Networks as in the paper on similarity keeping, written here with torch's functions

PUBLISHED = {name: spec.published for name, spec in DECODERS.items() if spec.published}


def published(name, ch_names=CH_22, **options):
    """Return a network with the published options, its norms away from the start."""
    built = build_decoder(
        name,
        Electrodes(ch_names),
        n_outputs=4,
        n_times=562,
        sfreq=125.0,
        random_state=0,
        **{**PUBLISHED[name], **options},
    )
    torch.manual_seed(0)
    with torch.no_grad():
        for part, value in built.named_parameters():
            if value.ndim > 1:  # long filters: limits on norms would be felt
                value.mul_(5)
            elif not part.endswith("weight"):
                value.normal_()
        for part, value in built.named_buffers():
            if part.endswith("running_mean"):
                value.normal_()
            elif part.endswith("running_var"):
                value.uniform_(0.5, 2)
    return built.eval()


def normalized(network, name, x, eps=1e-5):
    """Return maps after batch normalization with running statistics."""
    norm = network.get_submodule(name)
    values = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    return functional.batch_norm(x, *values, training=False, eps=eps)


def reference_sccnet(network, x, padding):
    """Return scores of SCCNet of the paper; its own convolution pads with 6."""
    first, second = network.spatial_conv, network.spatial_filt_conv
    x = functional.conv2d(x[:, None], first.weight, first.bias)
    x = normalized(network, "spatial_batch_norm", x)
    kernel = second.weight.transpose(1, 2)  # filters as maps, not as rows
    x = functional.conv2d(x, kernel, padding=(0, padding))
    x = normalized(network, "batch_norm", x).square()
    x = functional.avg_pool2d(x, (1, 62), stride=(1, 12)).log().flatten(1)
    return x, functional.linear(x, network.final_layer.weight, network.final_layer.bias)


def reference_eegnet(network, x):
    """Return scores of EEGNet of the paper, without limits on norms."""
    weights = dict(network.named_parameters())
    stored = "parametrizations.weight.original"
    x = functional.conv2d(x[:, None], weights["conv_temporal.weight"], padding=(0, 32))
    x = normalized(network, "bnorm_temporal", x)
    x = functional.conv2d(x, weights[f"conv_spatial.{stored}"], groups=8)
    x = functional.elu(normalized(network, "bnorm_1", x))
    x = functional.avg_pool2d(x, (1, 4))
    depth, point = (f"conv_separable_{part}.weight" for part in ("depth", "point"))
    x = functional.conv2d(x, weights[depth], padding=(0, 8), groups=16)
    x = functional.conv2d(x, weights[point])
    x = functional.elu(normalized(network, "bnorm_2", x))
    x = functional.avg_pool2d(x, (1, 8)).flatten(1)
    last = "final_layer.linearconstraint"
    return x, functional.linear(x, weights[f"{last}.{stored}"], weights[f"{last}.bias"])


def reference_shallow(network, x):
    """Return scores of the shallow network of the paper."""
    temporal, spatial = (
        network.conv_time_spat.conv_time,
        network.conv_time_spat.conv_spat,
    )
    x = functional.conv2d(x.mT[:, None], temporal.weight, temporal.bias)
    x = normalized(network, "bnorm", functional.conv2d(x, spatial.weight)).square()
    x = functional.avg_pool2d(x, (35, 1), stride=(7, 1)).log()
    last = network.final_layer.conv_classifier
    return x.flatten(1), functional.conv2d(x, last.weight, last.bias).flatten(1)


def test_the_networks_of_the_paper_have_published_options():
    assert set(PUBLISHED) == {"SCCNet", "EEGNet", "ShallowFBCSPNet"}


@pytest.mark.parametrize("ch_names", [CH_22, CH_22[6:13], HEADBAND])
@pytest.mark.parametrize(
    ("name", "n_dims"),
    [("SCCNet", 820), ("EEGNet", 16 * 17), ("ShallowFBCSPNet", 40 * 74)],
)
def test_published_options_give_the_sizes_of_the_paper(name, n_dims, ch_names):
    """Those of SCCNet were 840 with the padding that braindecode does not have."""
    output = published(name, ch_names)(torch.randn(2, len(ch_names), 562))
    assert output.embedding.numel() == 2 * n_dims


@pytest.mark.parametrize(
    ("name", "reference"),
    [("EEGNet", reference_eegnet), ("ShallowFBCSPNet", reference_shallow)],
)
def test_with_published_options_networks_compute_what_those_of_the_paper_do(
    name, reference
):
    network = published(name).network.double()
    x = torch.randn(3, 22, 562, dtype=torch.double)
    with torch.no_grad():
        _, expected = reference(network, x)
        torch.testing.assert_close(network(x), expected, rtol=1e-9, atol=1e-9)


def test_limits_on_norms_would_be_felt():
    x = torch.randn(3, 22, 562)
    limits = {"conv_spatial_max_norm": 1, "norm_rate": 0.25}
    with torch.no_grad():
        free, bound = published("EEGNet").network, published("EEGNet", **limits).network
        assert not torch.allclose(free(x), bound(x), rtol=0.01)


def test_of_the_sccnet_of_the_paper_the_padding_alone_is_missing():
    network = published("SCCNet").network.double()
    x = torch.randn(3, 22, 562, dtype=torch.double)
    with torch.no_grad():
        pooled, expected = reference_sccnet(network, x, padding=0)
        torch.testing.assert_close(network(x), expected, rtol=1e-3, atol=1e-3)
        assert pooled.shape == (3, 820)
        network.activation.epsilon = 0.0  # added to the power before its logarithm
        torch.testing.assert_close(network(x), expected, rtol=1e-9, atol=1e-9)


def test_dropout_and_batch_statistics_of_the_paper():
    eegnet, shallow = published("EEGNet").network, published("ShallowFBCSPNet").network
    norms = [part for part in eegnet.modules() if isinstance(part, nn.BatchNorm2d)]
    assert [(norm.momentum, norm.eps) for norm in norms] == [(0.1, 1e-5)] * 3
    assert [eegnet.drop_1.p, eegnet.drop_2.p] == [0.5, 0.5]  # the paper has the second
    assert shallow.drop.p == 0.25
    assert published("SCCNet").network.dropout.p == 0.5
