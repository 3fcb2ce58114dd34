"""Criteria on the maps of one trial: references, invariances, gradients, errors."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from eegkd.criteria.maps import (
    FSP,
    ICKD,
    KDSVD,
    NST,
    flow,
    map_correlation,
    same_steps,
    selectivity_discrepancy,
    singular_vectors,
)
from eegkd.decoders import Output

REFERENCES = {"nst", "fsp", "ickd", "kdsvd"}
BATCH = SimpleNamespace()


def randn(*shape, seed=0):
    """Return seeded normal values in double precision."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def output(*sizes, n_trials=4, seed=0):
    """Return an output with taps of the given (n_maps, n_steps)."""
    sizes = sizes or ((3, 20), (5, 20), (6, 10))
    return Output(
        randn(n_trials, 2),
        {
            f"tap{i}": randn(n_trials, *size, seed=seed + i)
            for i, size in enumerate(sizes)
        },
        None,
    )


WIDE = ((5, 24), (7, 12), (4, 12))


def started(criterion, student, teacher):
    """Return a criterion with seeded modules, for validation."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        if hasattr(criterion, "start"):
            criterion.start(student.detach(), teacher, BATCH)
            criterion.eval()
    return criterion


def connected(criterion, student):
    """Return the student's last maps behind the criterion's connectors, in NumPy."""
    taps = list(student.features)[-len(criterion.connect) :]
    with torch.no_grad():
        return [
            connect(student.features[tap]).numpy()
            for connect, tap in zip(criterion.connect, taps, strict=True)
        ]


# -- references -------------------------------------------------------------------


def numpy_nst(student, teacher):
    """Return the published discrepancy by loops over trials and pairs of maps."""
    total = 0.0
    for own, target in zip(student, teacher, strict=True):
        a = own / np.linalg.norm(own, axis=1, keepdims=True)
        b = target / np.linalg.norm(target, axis=1, keepdims=True)
        total += np.mean([(x @ y) ** 2 for x in a for y in a])
        total += np.mean([(x @ y) ** 2 for x in b for y in b])
        total -= 2 * np.mean([(x @ y) ** 2 for x in a for y in b])
    return total / len(student)


def test_nst_equals_numpy_reference():
    """The longer map is averaged in windows of time, and never over maps."""
    student, teacher = output(), output(*WIDE, seed=50)
    expected = numpy_nst(
        windows(student.features["tap1"], 12), teacher.features["tap1"].numpy()
    ) + numpy_nst(
        student.features["tap2"].numpy(), windows(teacher.features["tap2"], 10)
    )
    value = NST()(student, teacher, BATCH)
    assert value.shape == (4,)
    assert value.mean().item() == pytest.approx(expected, abs=1e-12)


def windows(features, n_steps):
    """Average windows of time, written out by their first and last sample."""
    values = features.numpy()
    length = values.shape[2]
    edges = [
        (i * length // n_steps, -(-(i + 1) * length // n_steps)) for i in range(n_steps)
    ]
    return np.stack([values[:, :, a:b].mean(axis=2) for a, b in edges], axis=2)


def numpy_flow(maps):
    """Return the flow between neighboring layers of equal length, by loops."""
    return [
        np.array(
            [
                [[np.mean(b * t) for b in bottom[i]] for t in top[i]]
                for i in range(len(bottom))
            ]
        )
        for bottom, top in zip(maps[:-1], maps[1:], strict=True)
    ]


def test_fsp_equals_numpy_reference():
    sizes = ((3, 12), (5, 12), (6, 12))
    student, teacher = output(*sizes), output(*sizes, seed=50)
    expected = sum(
        np.mean((own - target) ** 2)
        for own, target in zip(
            numpy_flow([f.numpy() for f in student.features.values()]),
            numpy_flow([f.numpy() for f in teacher.features.values()]),
            strict=True,
        )
    )
    criterion = started(FSP(), student, teacher)
    value = criterion(student, teacher, BATCH)
    assert not list(criterion.parameters())  # equal maps are compared as published
    assert value.shape == (4,)
    assert value.mean().item() == pytest.approx(expected, abs=1e-12)


def test_fsp_of_other_numbers_of_maps_equals_numpy_reference():
    student, teacher = output((3, 24), (7, 12), (6, 12)), output(*WIDE, seed=50)
    criterion = started(FSP(), student, teacher)
    assert [type(module) for module in criterion.connect] == [
        nn.Conv1d,
        nn.Identity,
        nn.Conv1d,
    ]
    own = connected(criterion, student)
    target = [f.numpy() for f in teacher.features.values()]
    for maps in (own, target):
        maps[0] = maps[0].reshape(*maps[0].shape[:2], 12, 2)
    expected = 0.0
    for i in range(2):
        flows = []
        for maps in (own, target):
            bottom = maps[i].mean(axis=3) if i == 0 else maps[i]
            flows.append(np.einsum("nbt,nct->ncb", bottom, maps[i + 1]) / 12)
        expected += np.mean((flows[0] - flows[1]) ** 2)
    value = criterion(student, teacher, BATCH)
    assert value.mean().item() == pytest.approx(expected, abs=1e-12)


def test_ickd_equals_numpy_reference():
    """The code's sum over entries over maps and trials."""
    student, teacher = output(), output(*WIDE, seed=50)
    criterion = started(ICKD(2), student, teacher)
    expected = 0.0
    for own, target in zip(
        connected(criterion, student),
        [teacher.features[tap].numpy() for tap in ("tap1", "tap2")],
        strict=True,
    ):
        rows = []
        for maps in (own, target):
            gram = np.array([trial @ trial.T for trial in maps])
            rows.append(gram / np.sqrt((gram**2).sum(axis=2, keepdims=True)))
        expected += ((rows[0] - rows[1]) ** 2).sum() / target.shape[1] / len(target)
    value = criterion(student, teacher, BATCH)
    assert value.mean().item() == pytest.approx(expected, abs=1e-12)


def numpy_kdsvd(student, teacher, n_vectors):
    """Return the code's loss by NumPy's SVD, trial by trial."""
    total = 0.0
    for trial in range(len(student[0])):
        layers = []
        for own, target in zip(student, teacher, strict=True):
            v_t, s_t = right_vectors(target[trial])
            v_s, s_s = right_vectors(own[trial])
            v_s = v_s[:, s_s > 1e-9 * s_s[0]]  # a mixture of 3 maps has 3 vectors
            v_t, v_s = v_t[:, :n_vectors], v_s[:, : n_vectors + 3]
            v_t = np.array([v * np.sign(v[np.abs(v).argmax()]) for v in v_t.T]).T
            cosine = v_s.T @ v_t
            mask = np.abs(cosine) == np.abs(cosine).max(axis=0)
            aligned = v_s @ (np.sign(cosine) * mask)
            weight = s_t[:n_vectors] / np.linalg.norm(s_t[:n_vectors])
            layers.append((aligned * weight, v_t * weight))
        for bottom, top in zip(layers[:-1], layers[1:], strict=True):
            kernels = [
                np.exp(-((t[:, None] - b[None]) ** 2) / 8)
                for b, t in zip(bottom, top, strict=True)
            ]
            total += ((kernels[0] - kernels[1]) ** 2).sum()
    return total / len(student[0])


def right_vectors(maps):
    """Return right singular vectors of time by maps, in columns, and values."""
    _, s, vh = np.linalg.svd(maps.T, full_matrices=False)
    return vh.T, s


@pytest.mark.parametrize("n_vectors", [1, 2])
@pytest.mark.parametrize("sizes", [((3, 20), (5, 20), (6, 10)), WIDE])
def test_kdsvd_equals_numpy_reference(n_vectors, sizes):
    student, teacher = output(), output(*sizes, seed=50)
    criterion = started(KDSVD(3, n_vectors), student, teacher)
    expected = numpy_kdsvd(
        connected(criterion, student),
        [f.numpy() for f in teacher.features.values()],
        n_vectors,
    )
    value = criterion(student, teacher, BATCH)
    assert value.shape == (4,)
    assert value.mean().item() == pytest.approx(expected, abs=1e-10)


def test_singular_vectors_equal_the_svd():
    features = randn(3, 5, 40)
    vectors, energies = singular_vectors(features, 4)
    _, s, vh = torch.linalg.svd(features.transpose(1, 2), full_matrices=False)
    assert torch.allclose(energies, s[:, :4] ** 2)
    cosine = (vectors * vh.transpose(1, 2)[:, :, :4]).sum(dim=1)
    assert torch.allclose(cosine.abs(), torch.ones_like(cosine))


# -- properties -------------------------------------------------------------------


@pytest.mark.parametrize("criterion", [NST(), FSP(), KDSVD(), KDSVD(3, 2)], ids=repr)
def test_zero_when_student_equals_teacher_and_positive_otherwise(criterion):
    criterion = started(criterion, output(), output())
    same = criterion(output(), output(), BATCH)
    assert same.detach().numpy() == pytest.approx(0, abs=1e-12)
    assert (criterion(output(), output(seed=70), BATCH) > 1e-3).all()


def test_ickd_is_zero_where_the_mixture_is_none():
    criterion = started(ICKD(), output(), output())
    criterion.connect[0] = nn.Identity()
    assert criterion(output(), output(), BATCH).abs().max() < 1e-12
    assert (criterion(output(), output(seed=70), BATCH) > 1e-3).all()


def test_nst_ignores_order_number_and_scale_of_maps():
    maps, teacher = randn(4, 5, 20), randn(4, 7, 20, seed=1)
    expected = selectivity_discrepancy(maps, teacher)
    scale = randn(4, 5, 1, seed=2)
    order = torch.tensor([3, 1, 4, 0, 2])
    for variant in (maps[:, order], maps.repeat(1, 3, 1), maps * scale):
        assert torch.allclose(selectivity_discrepancy(variant, teacher), expected)
    assert not torch.allclose(selectivity_discrepancy(maps + 1, teacher), expected)


def test_ickd_ignores_the_order_of_time_and_rescaling_of_all_maps():
    maps = randn(4, 5, 20)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(map_correlation(3 * maps[:, :, order]), map_correlation(maps))
    assert not torch.allclose(map_correlation(maps + 1), map_correlation(maps))


def test_kdsvd_ignores_signs_of_maps_of_all_layers_and_rotations_of_time():
    """Only the students' vectors over maps count, in whatever sign they come."""
    student, teacher = output(), output(seed=50)
    criterion = started(KDSVD(), student, teacher)
    expected = criterion(student, teacher, BATCH)
    turned = {
        tap: -values @ torch.linalg.qr(randn(values.shape[2], values.shape[2]))[0]
        for tap, values in student.features.items()
    }
    value = criterion(Output(None, turned, None), teacher, BATCH)
    assert torch.allclose(value, expected)
    flipped = {tap: -values for tap, values in teacher.features.items()}
    value = criterion(student, Output(None, flipped, None), BATCH)
    assert torch.allclose(value, expected)


def test_flow_of_layers_of_other_lengths_averages_time_alone():
    bottom, top = randn(4, 3, 24), randn(4, 5, 8, seed=1)
    expected = flow(bottom.reshape(4, 3, 8, 3).mean(dim=3), top)
    assert torch.allclose(flow(bottom, top), expected)
    assert flow(bottom, top).shape == (4, 5, 3)
    assert torch.allclose(flow(top, bottom), expected.transpose(1, 2))


def test_layers_of_equal_length_are_left_alone():
    first, second = randn(2, 3, 8), randn(2, 5, 8)
    assert all(
        a is b for a, b in zip(same_steps(first, second), (first, second), strict=True)
    )


@pytest.mark.parametrize("criterion", [NST(), FSP(), ICKD(), KDSVD()], ids=repr)
def test_a_trial_does_not_depend_on_the_others(criterion):
    student, teacher = output(), output(*WIDE, seed=50)
    criterion = started(criterion, student, teacher)
    expected = criterion(student, teacher, BATCH)
    for i in range(4):
        one = [
            Output(None, {k: v[i : i + 1] for k, v in out.features.items()}, None)
            for out in (student, teacher)
        ]
        assert torch.allclose(criterion(*one, BATCH), expected[i])


# -- gradients and degenerate batches ------------------------------------------------


@pytest.mark.parametrize("criterion", [NST(), FSP(), ICKD(), KDSVD()], ids=repr)
def test_gradients(criterion):
    """Analytic gradients equal finite differences, in double precision."""
    sizes = ((3, 6), (3, 6), (4, 3))
    teacher = output((2, 6), (3, 6), (4, 3), n_trials=2, seed=50)
    criterion = started(criterion, output(*sizes, n_trials=2), teacher)
    taps = output(*sizes, n_trials=2).features

    def loss(*features):
        student = Output(None, dict(zip(taps, features, strict=True)), None)
        return criterion(student, teacher, BATCH)

    inputs = tuple(values.requires_grad_() for values in taps.values())
    assert torch.autograd.gradcheck(loss, inputs, atol=1e-6)


def test_gradient_of_singular_vectors_equals_that_of_torch():
    """Through what does not change with signs: the projections."""
    features = randn(3, 4, 9).requires_grad_()
    mixed = randn(3, 4, 4, seed=4)
    vectors, _ = singular_vectors(features, 2)
    ((vectors @ vectors.transpose(1, 2)) * mixed).sum().backward()
    own, features.grad = features.grad, None
    _, _, vh = torch.linalg.svd(features.transpose(1, 2), full_matrices=False)
    leading = vh[:, :2]
    ((leading.transpose(1, 2) @ leading) * mixed).sum().backward()
    assert torch.allclose(own, features.grad, rtol=1e-6)


def test_gradient_stays_finite_where_singular_values_are_equal():
    """Torch's own gradient does not: it divides by their difference."""
    features = torch.eye(4).repeat(2, 1, 3).requires_grad_()
    vectors, _ = singular_vectors(features, 2)
    (vectors * randn(2, 4, 2).float()).sum().backward()
    assert torch.isfinite(features.grad).all()
    assert features.grad.abs().max() < 1e4


CASES = {
    "single": (1, lambda f: f),
    "constant in time": (4, lambda f: torch.ones_like(f)),
    "zero": (4, lambda f: torch.zeros_like(f)),
    "a dead map": (4, lambda f: f * (torch.arange(f.shape[1]) > 0)[:, None]),
    "equal maps": (4, lambda f: f[:, :1].repeat(1, f.shape[1], 1)),
    "one step": (1, lambda f: f[:, :, :1]),
    "one map": (4, lambda f: f[:, :1]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", [NST, FSP, ICKD, KDSVD])
def test_degenerate_maps_give_finite_losses_and_gradients(kind, case):
    n_trials, change = CASES[case]
    single = [
        {tap: values.float() for tap, values in out.features.items()}
        for out in (output(n_trials=n_trials), output(*WIDE, n_trials=n_trials))
    ]
    features = {
        tap: change(values).requires_grad_() for tap, values in single[0].items()
    }
    student, teacher = Output(None, features, None), Output(None, single[1], None)
    criterion = kind()
    if kind is not NST:
        bare = Output(None, {k: v.detach() for k, v in features.items()}, None)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            criterion.start(bare, teacher, BATCH)
        criterion.train()
    value = criterion(student, teacher, BATCH)
    assert value.shape == (n_trials,)
    value.sum().backward()
    grads = [v.grad for v in features.values() if v.grad is not None]
    if kind is not NST:
        grads += [p.grad for p in criterion.parameters() if p.grad is not None]
    assert grads
    assert torch.isfinite(value).all()
    assert all(torch.isfinite(grad).all() for grad in grads)
    assert all(grad.abs().max() < 1e5 for grad in grads)


def test_mixtures_are_learned():
    student, teacher = output(), output(*WIDE, seed=50)
    for criterion in (FSP(), ICKD(), KDSVD()):
        started(criterion, student, teacher).train()
        criterion(student, teacher, BATCH).mean().backward()
        assert list(criterion.parameters())
        for name, parameter in criterion.named_parameters():
            assert parameter.grad.abs().max() > 0, name


# -- errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: NST(0), ValueError, r"'n_taps' must be an integer >= 1, got 0"),
        (lambda: ICKD(0), ValueError, r"'n_taps' must be an integer >= 1, got 0"),
        (lambda: FSP(1), ValueError, r"'n_taps' must be an integer >= 2, got 1"),
        (lambda: KDSVD(1), ValueError, r"'n_taps' must be an integer >= 2, got 1"),
        (
            lambda: KDSVD(n_vectors=0),
            ValueError,
            r"'n_vectors' must be an integer >= 1, got 0",
        ),
        (
            lambda: started(FSP(), output((3, 8)), output()),
            ValueError,
            r"must have at least 2 taps each, got 1 and 3. Build them with more",
        ),
        (
            lambda: NST()(output(), Output(None, {}, None), BATCH),
            ValueError,
            r"must have at least 1 tap each, got 3 and 0",
        ),
        (
            lambda: KDSVD()(output(), output(), BATCH),
            RuntimeError,
            r"KDSVD must be started before it is called, but it has no modules yet",
        ),
    ],
)
def test_errors_say_what_to_do(make, error, message):
    with pytest.raises(error, match=message):
        make()
