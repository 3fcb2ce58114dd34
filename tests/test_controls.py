"""Fair controls: updates are counted, and what is compared got as many of them."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

import eegkd
from eegkd import DecoderClassifier, DistilledClassifier
from eegkd.benchmark.store import Store
from eegkd.criteria import trial_similarity
from eegkd.estimators import DistilledRegressor
from eegkd.methods import METHODS
from eegkd.methods.controls import control_of
from eegkd.persistence import pack_classifier, unpack_classifier
from eegkd.samplers import TrialSampler
from eegkd.teachers import Frozen, others

from .conftest import make_trials

# Methods with several teachers, which train the others beside a given one.
SEVERAL = {"mean_mkd", "entropy_mkd", "aekd", "ca_mkd", "ces_kd", "pskd"}
# What they take of the teacher's answers does not depend on whose they are, or, so
# early, they find nothing to take.
UNMOVED = {"smoothed_labels", "auto"}
EPOCHS = {"max_epochs": 8, "batch_size": 10, "lr": 2e-3, "valid_fraction": 0}


@pytest.fixture(scope="module")
def train():
    """Return 36 training trials of one subject: four batches an epoch."""
    trials = make_trials(n_subjects=1)
    return trials.subset((trials.metadata["session"] == "0train").to_numpy())


@pytest.fixture
def steps():
    """Return the steps of all optimizers, by the parameter they begin with."""
    counted = {}

    def count(optimizer, *_):
        first = optimizer.param_groups[0]["params"][0]
        counted[first] = counted.get(first, 0) + 1

    hook = register_optimizer_step_post_hook(count)
    yield counted
    hook.remove()


def of_student(counted, model):
    """Return how many of the steps moved the student."""
    return counted[next(iter(model.decoder_.parameters()))]


@pytest.mark.parametrize(
    ("method", "n_epochs"),
    [("none", 8), ("kd", 8), ("fsp", 9), ("activation_boundaries", 9), ("tasked", 8)],
)
def test_updates_are_counted_over_all_stages(train, steps, method, n_epochs):
    model = DistilledClassifier("headphone", method, **EPOCHS).fit(train)
    assert of_student(steps, model) == 4 * n_epochs
    assert model.history_.updates == 4 * n_epochs
    assert model.history_.n_students == 1
    again = unpack_classifier(*pack_classifier(model))
    assert again.history_.updates == model.history_.updates


def batch_of(train):
    """Return a batch of all training trials."""
    codes = np.searchsorted(train.classes, train.y)
    sampler = TrialSampler.from_arrays(train.X, codes)
    return sampler.batch(torch.randperm(len(sampler)))


@pytest.mark.parametrize("permuted", ["within_classes", "all_trials"])
@pytest.mark.parametrize("memory_limit", [0, 2**30])
def test_a_permuted_teacher_says_of_trials_what_it_says_of_others(
    train, teacher, permuted, memory_limit
):
    decoder = teacher.decoder_
    batch = batch_of(train)
    own = Frozen(decoder)(batch)
    frozen = Frozen(decoder, memory_limit=memory_limit, permuted=permuted)
    other = frozen(batch)
    same = (own.logits[:, None] - other.logits).abs().amax(dim=2) < 1e-5
    assert (same.sum(dim=0) == 1).all()  # trials differ, so it can be told whose it is
    told = same.int().argmax(dim=0)  # of which trial each answer is
    assert sorted(told.tolist()) == list(range(len(batch)))
    assert (told != torch.arange(len(batch))).all()
    alike = batch.y[told] == batch.y
    assert alike.all() == (permuted == "within_classes")
    for tap, value in own.features.items():
        torch.testing.assert_close(other.features[tap], value[told])
        gram = own.relation(trial_similarity, tap)[told][:, told]
        torch.testing.assert_close(other.relation(trial_similarity, tap), gram)
    torch.testing.assert_close(other.embedding, own.embedding[told])
    torch.testing.assert_close(frozen(batch).logits, other.logits)
    again = Frozen(decoder, permuted=permuted, seed=1)(batch)
    assert not torch.equal(again.logits, other.logits)


def test_who_is_alone_keeps_its_answer():
    group = torch.tensor([0, 1, 0, 2, 0, 1])
    order = others(group, 0)
    assert order[3] == 3
    assert torch.equal(group[order], group)
    assert (order != torch.arange(6)).sum() == 5
    assert others(group[:1], 0).tolist() == [0]


@pytest.fixture(scope="module")
def teacher(train):
    """Return a teacher on all electrodes."""
    return DecoderClassifier(max_epochs=3, batch_size=10, lr=2e-3).fit(train)


@pytest.mark.parametrize(
    "method", [name for name, one in METHODS.items() if one.needs_teacher]
)
def test_students_of_permuted_teachers(train, teacher, method):
    student = DistilledClassifier(
        "headphone",
        method,
        teacher=teacher,
        student="SCCNet",
        method_options={"n_teachers": 2} if method in SEVERAL else {},
        max_epochs=2,
        batch_size=12,
    )
    if not METHODS[method].card.permutable:
        with pytest.raises(ValueError, match="'permuted_teacher' must be None"):
            student.set_params(permuted_teacher="all_trials").fit(train)
        return
    taught = student.fit(train).fingerprint_
    student.set_params(permuted_teacher="all_trials").fit(train)
    assert np.isfinite(student.history_.best_loss)
    assert (student.fingerprint_ == taught) == (method in UNMOVED)


@pytest.mark.parametrize("method", ["none", "born_again", "mutual_learning"])
def test_methods_without_a_given_teacher_refuse_to_permute_it(method):
    with pytest.raises(ValueError, match="'permuted_teacher' must be None for"):
        DistilledClassifier(method=method, permuted_teacher="within_classes").check()


def test_continuous_labels_have_no_classes():
    student = DistilledRegressor(method="fitnet", permuted_teacher="within_classes")
    with pytest.raises(ValueError, match="'all_trials' for continuous labels"):
        student.check()
    student.set_params(permuted_teacher="all_trials").check()
    with pytest.raises(ValueError, match="must be one of None, 'within_classes'"):
        student.set_params(permuted_teacher="any").check()


# Options that change how long, how often or with which average a student is trained.
VARIED = [
    ("activation_boundaries", {"init_part": 0.5}),
    ("fsp", {"init_epochs": 3}),
    ("cgan_kd", {"same_updates": True}),
    ("cgan_kd", {"ratio": 0.5}),
    ("early_stopped_teacher", {"fractions": (0.5, 1.0)}),
    ("sweet_spot", {"batch_sizes": (8,), "fractions": (1.0, 1.0)}),
    ("ros_kd", {"average_from": 0.75}),
    ("mean_teacher", {"keep": "average"}),
]
QUICK = {
    "born_again": {"n_generations": 1},
    "ros_kd": {"n_teachers": 1},
    "self_distillation": {"n_generations": 1, "probe": False},
    **{name: {"n_teachers": 1} for name in SEVERAL},
}


@pytest.mark.parametrize(
    ("method", "options"), [*((name, {}) for name in METHODS), *VARIED]
)
def test_the_control_is_trained_as_long_and_as_often(train, teacher, method, options):
    """Cards promise what is measured: updates, students to choose from, averages."""
    common = {**EPOCHS, "valid_fraction": 0.2}
    given = {**QUICK.get(method, {}), **options}
    taught = DistilledClassifier(
        "headphone", method, teacher=teacher, method_options=given, **common
    ).fit(train)
    control = control_of(METHODS[method], given)
    untaught = DistilledClassifier(
        "headphone", "none", method_options=control, **common
    ).fit(train)
    n_batches = 3
    plain = n_batches * EPOCHS["max_epochs"]
    first, other = taught.history_, untaught.history_
    # Less than one epoch more, never fewer; synthetic trials make other last batches.
    short = len(first.rows) if method == "cgan_kd" else 0
    assert first.updates <= other.updates + short
    assert other.updates < first.updates + n_batches
    assert first.n_students == other.n_students
    averaged = [history.notes.get("averaged_epochs") for history in (first, other)]
    if method != "mean_teacher":  # an average of another kind
        assert averaged[0] == averaged[1]
    differs = abs(first.updates - plain) > short or first.n_students > 1
    assert bool(control) == (differs or any(averaged))


def test_restarts_differ_and_the_best_stays(train):
    settings = {**EPOCHS, "valid_fraction": 0.2, "max_epochs": 3}
    untaught = partial(DistilledClassifier, "headphone", "none", **settings)
    best = untaught(method_options={"restarts": 3}).fit(train)
    losses = [one["student_label_loss"] for one in best.history_.notes["candidates"]]
    assert len({*losses}) == 3
    assert best.history_.label_loss == min(losses)
    assert losses[0] == untaught().fit(train).history_.label_loss
    assert best.history_.notes["chosen"] == int(np.argmin(losses))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lengthen": 0}, "'lengthen' must be a finite number > 0"),
        ({"further_epochs": -1}, "'further_epochs' must be an integer >= 0"),
        ({"restarts": 0}, "'restarts' must be an integer >= 1"),
    ],
)
def test_wrong_options_of_the_untaught_student(train, options, message):
    student = DistilledClassifier(method="none", method_options=options)
    with pytest.raises(ValueError, match=message):
        student.fit(train)


GRID = {"n_seeds": 1, "max_epochs": 4, "batch_size": 12, "progress": False}


@pytest.fixture
def compared(tmp_path):
    """Return a benchmark of methods, some of which train longer or more often."""

    def run(methods, store="store.sqlite", **training):
        return eegkd.benchmark(
            make_trials(n_classes=2),
            "headphone",
            methods,
            store=tmp_path / store,
            **GRID,
            **training,
        )

    return run


def test_a_benchmark_compares_with_the_fair_control(compared):
    methods = {
        "none": {},
        "kd": {},
        "fsp": {},
        "signs": {"method": "activation_boundaries"},
        "often": {"method": "early_stopped_teacher", "fractions": (0.5, 1.0)},
    }
    results = compared(methods)
    longer, often = "none (1.125 x epochs)", "none (best of 2)"
    assert results.methods[1:] == [*methods, longer, often]
    assert results.settings["controls"] == {
        "fsp": longer,
        "signs": longer,
        "often": often,
    }
    updates = results.scores.groupby("method")["updates"].first()
    students = results.scores.groupby("method")["n_students"].first()
    assert updates["fsp"] == updates["signs"] == updates[longer] > updates["none"]
    assert students["often"] == students[often] == 2
    # One control for two methods, one job for each subject.
    planned = results.planned
    assert (planned["method"] == longer).sum() == 2
    table = results.compare(["kd", "fsp", "signs", "often"], "none")
    assert list(table["b"]) == ["none", longer, longer, often]
    assert list(results.compare("none", "fsp")["a"]) == [longer]
    assert list(results.compare("fsp", "none", fair=False)["b"]) == ["none"]
    scores = results.by_subject().set_index(["method", "subject"])["score"]
    expected = (scores["fsp"] - scores[longer]).mean()
    assert table["difference"][1] == pytest.approx(expected)
    text = results.describe()
    assert f"fsp - {longer}" in text
    assert "kd - none =" in text
    assert longer not in results.compare("kd", None)["a"].unique()
    # What was trained before keeps its key when a method is added or left out.
    fewer = compared({name: methods[name] for name in ("none", "signs")})
    keys = set(fewer.planned["key"])
    assert keys < set(planned["key"])
    assert len(keys) == 8


def test_a_control_is_resumed_as_it_was_begun(compared, tmp_path):
    methods = ["none", "fsp"]
    whole = compared(methods).scores
    store = Store(tmp_path / "store.sqlite")
    for key in whole["key"]:
        store.forget(key)
    again = compared(methods).scores
    longer = "none (1.125 x epochs)"
    for table in (whole, again):
        assert (table["method"] == longer).sum() == 2
    assert list(whole["fingerprint"]) == list(again["fingerprint"])


def test_without_an_untaught_student_no_control_is_added(compared):
    results = compared(["fsp"])
    assert results.methods == ["teacher", "fsp"]
    assert results.settings["controls"] == {}


def test_a_control_that_is_there_already_is_taken(compared):
    longer = {"method": "none", "lengthen": 1.125}
    results = compared({"none": {}, "long": longer, "fsp": {}})
    assert results.methods == ["teacher", "none", "long", "fsp"]
    assert list(results.compare("fsp", "none")["b"]) == ["long"]
    assert "long - none" not in results.describe()


def test_a_benchmark_with_permuted_teachers(compared):
    results = compared(["none", "kd", "sk_kd"], permuted_teacher="within_classes")
    controls = [f"{name} (teacher permuted within classes)" for name in ("kd", "sk_kd")]
    assert results.methods == ["teacher", "none", "kd", "sk_kd", *controls]
    text = results.describe()
    assert "Does it matter which trial the teacher speaks of?" in text
    assert f"kd - {controls[0]}" in text
    assert f"{controls[0]} - none" not in text
    prints = results.scores.set_index(["method", "subject"])["fingerprint"]
    assert (prints["kd"] != prints[controls[0]]).all()
    plain = compared(["none", "kd", "sk_kd"], "other.sqlite")
    assert set(plain.planned["key"]) < set(results.planned["key"])
    with pytest.raises(ValueError, match="needs a method that learns from a given"):
        compared(["none", "born_again"], permuted_teacher="all_trials")


def test_a_fit_compares_with_fair_and_permuted_controls(tmp_path):
    quick = {"max_epochs": 4, "batch_size": 12, "progress": False}
    result = eegkd.fit(
        make_trials(n_classes=2),
        "headphone",
        method="fsp",
        permuted_teacher="all_trials",
        **quick,
    )
    control = "fsp (teacher permuted)"
    assert result.methods == ["teacher", "none", control, "fsp"]
    updates = result.scores.groupby("method")["updates"].first()
    assert updates["none"] == updates["fsp"]
    assert result.settings["untaught"] == {"lengthen": 1.125}
    assert "with 1.125 x epochs: as long and as often as" in result.describe()
    for key, student in result.students.items():
        assert student.permuted_teacher is None
        rows = result.scores[result.scores["fold"] == key[0]].set_index("method")
        assert student.fingerprint_ == rows.loc["fsp", "fingerprint"]
        assert rows.loc[control, "fingerprint"] != student.fingerprint_
    page = result.report(tmp_path / "fit.html").read_text(encoding="utf-8")
    assert "student of a permuted teacher" in page
    assert "1.125 x epochs" in page
