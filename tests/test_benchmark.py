"""The grid of jobs: keys, reuse, resuming, leakage, failures."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import eegkd
from eegkd import BASELINES, METHODS
from eegkd.benchmark import engine, work
from eegkd.benchmark import run as run_module
from eegkd.benchmark.grid import Recordings
from eegkd.benchmark.run import prepare
from eegkd.benchmark.store import Store
from eegkd.methods import none

from .conftest import make_trials

SITES = ["C3", "Cz", "C4"]
TIMED = ["train_seconds", "predict_ms"]


def compare(trials, store, **changed):
    """Run a small comparison: two subjects, one montage, two methods, one epoch."""
    asked = {
        "montages": SITES,
        "methods": ["none", "sk_kd"],
        "n_seeds": 1,
        "max_epochs": 1,
        "store": store,
        **changed,
    }
    return eegkd.benchmark(trials, **asked)


def keys(trials, tmp_path, **changed):
    """Return the keys of a small comparison's jobs by their names."""
    asked = {"montages": SITES, "methods": ["none", "kd"], "n_seeds": 1, **changed}
    run = prepare(trials, store=tmp_path / "keys.sqlite", **asked)
    return {(job.method, job.montage, job.fold): job.key for job in run.jobs}


def tidy(results):
    """Return what does not depend on the clock, in one order."""
    order = ["dataset", "evaluation", "method", "decoder", "montage", "seed", "subject"]
    scores = results.scores.drop(columns=TIMED)
    return scores.sort_values([*order, "fold"]).reset_index(drop=True)


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store.sqlite"


@pytest.fixture
def counted(monkeypatch):
    """Count what is trained, by kind and method."""
    done = []
    attempt = work.attempt

    def count(task):
        done.append(tuple(task.items[0].named[name] for name in ("kind", "method")))
        return attempt(task)

    monkeypatch.setattr(engine, "attempt", count)
    return done


def test_every_combination_is_a_row(trials, store):
    results = compare(
        trials,
        store,
        montages=["headphone", eegkd.Montage(name="three", ch_names=tuple(SITES))],
        methods=["none", "kd"],
        baselines=["csp_lda"],
        n_seeds=2,
    )
    assert results.complete
    found = results.scores.groupby(["kind", "method", "decoder", "montage"]).size()
    assert found.to_dict() == {
        ("teacher", "teacher", "CovarianceNet", "full"): 4,  # two subjects, two seeds
        **{
            ("student", method, "CovarianceNet", montage): 4
            for method in ("none", "kd")
            for montage in ("headphone", "three")
        },
        **{  # no randomness: one seed
            ("baseline", "csp_lda", "", montage): 2
            for montage in ("headphone", "three", "full")
        },
    }
    assert results.scores["n_chans"].groupby(
        results.scores["montage"]
    ).first().to_dict() == {"full": 22, "headphone": 7, "three": 3}
    assert (results.scores["n_trials"] == 36).all()


def test_the_scores_are_those_of_the_estimators(trials, store):
    """The grid adds nothing to what training by hand gives."""
    results = compare(trials, store, methods=["sk_kd"], max_epochs=2)
    train = (trials.metadata["session"] == "0train").to_numpy()
    own = (trials.metadata["subject"] == 2).to_numpy()
    student = eegkd.DistilledClassifier(SITES, "sk_kd", max_epochs=2)
    student.fit(trials.subset(train & own))
    tested = trials.subset(~train & own)
    row = results.scores.query("kind == 'student' and subject == '2'").iloc[0]
    assert row["fingerprint"] == student.fingerprint_
    assert row["accuracy"] == student.score(tested, tested.y)
    assert row["parameters"] == student.decoder_.n_parameters
    teacher = results.scores.query("kind == 'teacher' and subject == '2'").iloc[0]
    assert teacher["fingerprint"] == student.teacher_.fingerprint_


def test_a_teacher_is_trained_once_for_all_its_students(trials, store, counted):
    compare(trials, store, methods=["none", "kd", "sk_kd"], montages=["headphone"])
    assert counted.count(("teacher", "teacher")) == 2
    counted.clear()
    # Another montage and method, later: the same teachers.
    compare(trials, store, methods=["kd"], montages=[SITES])
    assert counted == [("student", "kd")] * 2


def test_a_finished_grid_is_only_read(trials, store, counted):
    first = compare(trials, store)
    assert len(counted) == 6
    counted.clear()
    again = compare(trials, store)
    assert counted == []
    assert again.scores.equals(first.scores)


def test_a_finished_grid_is_read_without_the_heavy_packages(store):
    code = (
        "import sys, eegkd; "
        "r = eegkd.benchmark('SimulatedMotorImagery', 'headband', 'none', "
        "subjects=[1], n_seeds=1, max_epochs=1, store=sys.argv[1]); "
        "heavy = {'torch', 'moabb', 'braindecode', 'sklearn'} & set(sys.modules); "
        "print(r.complete, len(r.scores), sorted(heavy))"
    )
    asked = {"subjects": [1], "n_seeds": 1, "max_epochs": 1, "store": store}
    assert eegkd.benchmark(
        "SimulatedMotorImagery", "headband", "none", **asked
    ).complete
    command = [sys.executable, "-c", code, str(store)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True 2 []"


def test_only_what_is_missing_is_done(trials, store, counted):
    compare(trials, store, subjects=[1])
    counted.clear()
    results = compare(trials, store, n_seeds=2)
    # Subject 1, seed 0 was there; each of the other three is three jobs.
    assert len(counted) == 9
    assert results.complete
    assert len(results.scores) == 12


def test_two_ways_of_running_agree_bit_for_bit(trials, tmp_path):
    one = compare(trials, tmp_path / "1.sqlite", n_seeds=2)
    two = compare(trials, tmp_path / "2.sqlite", n_seeds=2, n_jobs=2)
    assert tidy(one).equals(tidy(two))
    # joblib's own processes are as they were.
    from joblib import Parallel, delayed

    assert Parallel(n_jobs=2)(delayed(abs)(n) for n in (-1, -2)) == [1, 2]
    assert one.scores["fingerprint"].nunique() == 12  # it could have differed


@pytest.mark.parametrize(
    ("evaluation", "n_rows"),
    [
        ("individual", 2),
        ("dependent", 2),  # one training, two test subjects
        ("independent", 2),
        ("within_session", 20),
        ("cross_session", 4),
        ("cross_subject", 2),
    ],
)
def test_every_evaluation_runs(trials, store, evaluation, n_rows):
    results = compare(trials, store, methods=[], evaluation=evaluation)
    assert results.complete
    assert len(results.scores) == n_rows
    assert set(results.scores["subject"]) == {"1", "2"}
    assert set(results.scores["evaluation"]) == {evaluation}


def test_several_evaluations_and_datasets_share_a_table(trials, store):
    other = replace(make_trials(seed=5), name="others")
    results = compare(
        [trials, other], store, evaluation=["individual", "dependent"], methods="none"
    )
    assert results.complete
    sizes = results.scores.groupby(["dataset", "evaluation"]).size()
    assert sizes.to_dict() == {
        (name, evaluation): 4
        for name in ("arrays", "others")
        for evaluation in ("individual", "dependent")
    }


# Keys


def test_equal_calls_have_equal_keys(trials, tmp_path):
    again = keys(make_trials(), tmp_path)
    assert keys(trials, tmp_path) == again
    assert len(set(again.values())) == len(again)


@pytest.mark.parametrize(
    "changed",
    [
        {"max_epochs": 3},
        {"lr": 3e-4},
        {"reference": "average"},
        {"standardize": None},
        {"device": "meta"},
        {"evaluation": "cross_session"},
        {"test": "run"},
        {"random_state": 1},
        {"decoders": ["EEGNet"]},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_changed_setting_is_another_key(tmp_path, changed):
    trials = make_trials()
    trials.metadata["run"] = np.where(np.arange(len(trials)) % 36 < 18, "0", "1")
    before, after = keys(trials, tmp_path), keys(trials, tmp_path, **changed)
    assert not set(before.values()) & set(after.values())


def test_options_of_a_method_are_in_its_key_alone(trials, tmp_path):
    plain = keys(trials, tmp_path, methods={"kd": {"temperature": 4.0}, "none": {}})
    hot = keys(trials, tmp_path, methods={"kd": {"temperature": 9.0}, "none": {}})
    differ = {name for name in plain if plain[name] != hot[name]}
    assert {method for method, *_ in differ} == {"kd"}


def test_a_student_depends_on_its_teacher_others_do_not(trials, tmp_path):
    own = keys(trials, tmp_path)
    other = keys(trials, tmp_path, n_teachers=2)
    assert own["kd", "custom", "1"] != other["kd", "custom", "1"]


def test_a_changed_value_in_the_data_is_another_key(trials, tmp_path):
    before = keys(trials, tmp_path)
    X = trials.X.copy()
    X[0, 0, 0] += 1e-6  # a trial of subject 1
    after = keys(replace(trials, X=X), tmp_path)
    assert before["none", "custom", "1"] != after["none", "custom", "1"]
    assert before["none", "custom", "2"] == after["none", "custom", "2"]


def test_defaults_that_are_written_out_change_no_key(trials, tmp_path):
    assert keys(trials, tmp_path) == keys(
        trials, tmp_path, weight_decay=1e-2, device="cpu", on_missing="error"
    )


def test_baselines_do_not_depend_on_what_they_do_not_use(trials, tmp_path):
    asked = {"decoders": [], "methods": [], "baselines": ["csp_lda", "EEGNet"]}
    before = keys(trials, tmp_path, **asked)
    after = keys(trials, tmp_path, **asked, max_epochs=7)
    differ = {name for name in before if before[name] != after[name]}
    assert {method for method, *_ in differ} == {"EEGNet"}


def test_the_same_trials_under_another_name_are_called_so(trials, store, counted):
    """Results of one content are shared; what they are called is not."""
    compare(trials, store)
    counted.clear()
    made = replace(trials, name="made up", simulated=True)
    results = compare(made, store)
    assert counted == []
    assert results.simulated == ["made up"]
    both = compare([trials, made], store)
    assert len(both.scores) == 2 * len(results.scores)
    assert both.simulated == ["made up"]


def test_corrected_metadata_are_another_grid(trials, store):
    before = compare(trials, store, methods="none")
    swapped = trials.metadata["session"].map({"0train": "1test", "1test": "0train"})
    metadata = trials.metadata.assign(session=swapped)
    after = compare(replace(trials, metadata=metadata), store, methods="none")
    shared = set(before.scores["fingerprint"]) & set(after.scores["fingerprint"])
    assert not shared


def test_trials_that_were_changed_in_place_are_another_grid(trials, store):
    before = compare(trials, store, methods="none")
    trials.X[:] = trials.X[::-1].copy()
    after = compare(trials, store, methods="none")
    assert set(before.scores["key"]) & set(after.scores["key"]) == set()


def test_one_rule_of_testing_holds_for_all_subjects(trials, store):
    """Subject 2 has one session and run only, so that subject 1 is split likewise."""
    own = trials.metadata["subject"].eq(1) | trials.metadata["session"].eq("0train")
    results = compare(trials.subset(own.to_numpy()), store, methods="none")
    facts = results.settings["facts"]
    assert [fact["test"][:30] for fact in facts] == ["the last third of each class o"]
    tested = results.scores.groupby("subject")["n_trials"].first()
    assert tested.to_dict() == {"1": 24, "2": 12}


def test_a_class_that_was_not_trained_is_refused(trials, store):
    gone = trials.metadata["session"].eq("0train") & (trials.y == "left_hand")
    gone &= trials.metadata["subject"].eq(1)
    for evaluation in ("individual", "cross_session"):
        with pytest.raises(ValueError, match="'left_hand'.*"):
            compare(trials.subset(~gone.to_numpy()), store, evaluation=evaluation)


@pytest.mark.parametrize("kind", ["inner", "partial", "instance"])
def test_networks_of_ones_own_teach_and_learn(trials, store, kind):
    from functools import partial

    from torch import nn

    def inner(n_chans, n_outputs, n_times, sfreq, width=4):
        return nn.Sequential(
            nn.Conv1d(n_chans, width, 9), nn.ELU(), nn.Flatten(),
            nn.Linear(width * (n_times - 8), n_outputs),
        )  # fmt: skip

    class Instance:
        def __call__(self, n_chans, n_outputs, n_times, sfreq):
            return inner(n_chans, n_outputs, n_times, sfreq)

    made = {"inner": inner, "partial": partial(inner, width=3), "instance": Instance()}
    options = {"methods": "kd", "subjects": [1], "decoders": {"mine": made[kind]}}
    results = compare(trials, store, **options)
    assert results.complete
    assert set(results.scores["decoder"]) == {"mine"}


def test_one_teacher_of_another_kind_serves_all_decoders(trials, store, counted):
    results = compare(
        trials,
        store,
        methods="kd",
        decoders=["SCCNet", "EEGNet"],
        teacher="ShallowFBCSPNet",
        subjects=[1],
    )
    assert counted.count(("teacher", "teacher")) == 1
    assert results.complete
    teachers = results.scores.query("kind == 'teacher'")
    assert teachers["decoder"].tolist() == ["ShallowFBCSPNet"]
    assert results.summary()["of_teacher"].notna().all()


def test_a_fitted_teacher_is_refused(trials, store):
    teacher = eegkd.DecoderClassifier(max_epochs=1).fit(trials)
    with pytest.raises(ValueError, match="'teacher' must not be fitted"):
        compare(trials, store, teacher=teacher)


def test_an_option_that_cannot_be_written_fails_no_other_job(trials, store):
    from torch import nn

    options = {"student_options": {"activation": nn.ReLU}, "decoders": "EEGNet"}
    results = compare(trials, store, subjects=[1], **options)
    assert results.complete


def test_a_new_version_is_another_key(trials, tmp_path, monkeypatch):
    from eegkd.benchmark import grid

    before = keys(trials, tmp_path)
    monkeypatch.setattr(grid, "versions", lambda: {"python": "3", "torch": "99"})
    assert not set(before.values()) & set(keys(trials, tmp_path).values())


def make_method(weight):
    def taught(training):
        assert weight
        return none(training)

    taught.needs_teacher = False
    return taught


# Failures


def test_a_failed_job_is_recorded_and_the_rest_goes_on(trials, store, monkeypatch):
    def broken(training):
        raise RuntimeError("a planted failure")

    broken.needs_teacher = True
    with pytest.warns(UserWarning, match="4 of 6 jobs are finished; 2 failed"):
        results = compare(trials, store, methods=["none", broken])
    assert not results.complete
    assert set(results.planned["status"]) == {"done", "failed"}
    assert len(results.failures) == 2
    assert all("a planted failure" in text for text in results.failures.values())
    assert set(results.missing()["method"]) == {"broken"}
    assert set(results.scores["method"]) == {"teacher", "none"}


def test_a_failed_job_is_tried_again_by_the_next_call(trials, store, tmp_path):
    flag = tmp_path / "repaired"

    def fragile(training):
        if not flag.exists():
            raise RuntimeError("not yet")
        return none(training)

    fragile.needs_teacher = False
    with pytest.warns(UserWarning, match="2 failed"):
        compare(trials, store, methods=[fragile])
    flag.touch()
    results = compare(trials, store, methods=[fragile])
    assert results.complete
    assert results.failures == {}


def test_students_of_a_failed_teacher_fail_with_the_reason(trials, store):
    def stubborn(n_chans, n_outputs, n_times, sfreq):
        raise RuntimeError("no network today")

    with pytest.warns(UserWarning, match="0 of 4 jobs are finished; 4 failed"):
        results = compare(trials, store, methods=["kd"], decoders=[stubborn])
    texts = list(results.failures.values())
    assert sum("no network today" in text for text in texts) == 2
    assert sum("teacher failed" in text for text in texts) == 2


def test_a_lost_teacher_is_trained_again(trials, store, counted):
    import sqlite3

    compare(trials, store, methods=["none"])
    with sqlite3.connect(store) as db:
        db.execute("UPDATE models SET weights = x'00'")
    db.close()
    counted.clear()
    results = compare(trials, store, methods=["none", "kd"])
    assert results.complete
    assert counted == [("teacher", "teacher")] * 2 + [("student", "kd")] * 2


def test_data_that_changed_since_are_noticed(trials, store, monkeypatch, counted):
    """A grid is remembered; files that were replaced meanwhile are not mixed in."""
    other = make_trials(seed=9)
    now = {"trials": trials}

    def load(self, subjects):
        own = now["trials"]
        return own.subset(own.metadata["subject"].isin(subjects).to_numpy())

    monkeypatch.setattr(Recordings, "_load", load)
    name = "SimulatedMotorImagery"  # as if its files held these trials
    with pytest.warns(UserWarning, match="2 failed"):
        compare(name, store, subjects=[1, 2], methods=["none", _always_broken])
    now["trials"] = other
    counted.clear()
    with pytest.warns(UserWarning, match="2 failed"):
        results = compare(
            name, store, subjects=[1, 2], methods=["none", _always_broken]
        )
    assert ("student", "none") in counted  # of the new data
    assert len(results.scores) == 4
    assert len(Store(store)) == 8


def _always_broken(training):
    raise RuntimeError("broken")


_always_broken.needs_teacher = False


# Leakage, over the whole grid


# One for each kind of teacher; tests/test_methods.py asks the same of every method.
TAUGHT = list({method.card.teacher: name for name, method in METHODS.items()}.values())


def learned(trials, store):
    """Return what every item of a grid with all kinds of decoders has learned."""
    results = compare(
        trials,
        store,
        methods=TAUGHT,
        baselines=[
            *(name for name in BASELINES if BASELINES[name].paradigms == ("imagery",)),
            "field_interpolation",
        ],
        subjects=[1],
        max_epochs=2,
    )
    assert results.complete
    names = ["method", "montage"]
    return results.scores.set_index(names)["fingerprint"].sort_index()


@pytest.fixture(scope="module")
def learned_before(tmp_path_factory):
    return learned(make_trials(), tmp_path_factory.mktemp("grid") / "store.sqlite")


def _tested(trials):
    return np.flatnonzero(trials.metadata["session"] == "1test")


def test_other_test_trials_change_no_weight(trials, store, learned_before):
    """Neither permuted labels nor noise in the place of signals."""
    X, y, rows = trials.X.copy(), trials.y.copy(), _tested(trials)
    rng = np.random.default_rng(0)
    y[rows] = rng.permutation(y[rows])
    assert (y != trials.y).any()
    X[rows] = (1e-5 * rng.standard_normal(X[rows].shape)).astype(np.float32)
    assert learned(replace(trials, X=X, y=y), store).equals(learned_before)


def test_a_changed_training_label_changes_weights(trials, store, learned_before):
    """The test above can fail."""
    y = trials.y.copy()
    own = np.flatnonzero(trials.metadata["session"] == "0train")
    y[own] = np.random.default_rng(0).permutation(y[own])
    after = learned(replace(trials, y=y), store)
    assert (after != learned_before).all()


# Bad input, before anything is trained


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"n_seeds": 0}, ValueError, "'n_seeds' must be an integer >= 1"),
        ({"n_jobs": 0}, ValueError, "'n_jobs' must be >= 1, or -1"),
        ({"methods": ["sk-kd"]}, ValueError, "Unknown name 'sk-kd' for 'methods'"),
        ({"methods": {"kd": {"heat": 3}}}, ValueError, "'kd' the options 'heat'"),
        ({"decoders": ["EEGnet7"]}, ValueError, "EEGnet7"),
        ({"decoders": []}, ValueError, "'decoders or baselines' must name at least"),
        ({"baselines": ["csp"]}, ValueError, "Unknown name 'csp' for 'baselines'"),
        ({"evaluation": "loso"}, ValueError, "'evaluation' must be one of"),
        ({"evaluation": []}, ValueError, "'evaluation' must name at least one"),
        ({"montages": ["headphone", "headphone"]}, ValueError, "distinct names"),
        ({"montages": ["muse"]}, ValueError, "'TP9'"),
        ({"epochs": 4}, TypeError, r"benchmark\(\) has no argument 'epochs'"),
        (
            {"subjects": [7]},
            ValueError,
            "'subjects' must be among those of arrays: 1, 2",
        ),
        ({"subjects": []}, ValueError, "'subjects' must be among those of arrays"),
        ({"subjects": [1, 1]}, ValueError, "name each subject once"),
        ({"subjects": 1}, TypeError, "'subjects' must be a list"),
        ({"evaluation": None}, ValueError, "'evaluation' must name at least one"),
        ({"data": {"l_freq": 8}}, ValueError, "'data' .* is for datasets that are"),
        ({"data": "x"}, TypeError, "'data' must be a dict"),
        ({"montages": ["headphnoe", "headbnad"]}, ValueError, "Did you mean 'headph"),
        ({"methods": ["kd", "kd"]}, ValueError, "'methods' must have distinct names"),
        ({"decoders": [make_trials, make_trials]}, ValueError, "'decoders' must have"),
        ({"methods": {"teacher": "kd"}}, ValueError, "none may be 'teacher'"),
        (
            {"methods": {"csp_lda": "kd"}, "baselines": "csp_lda"},
            ValueError,
            "labels of their own",
        ),
        ({"test": "last"}, ValueError, "'test' must be one of"),
        ({"cluster": "tcp://127.0.0.1:1"}, ValueError, "'cluster' must be"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
@pytest.mark.filterwarnings("ignore::UserWarning:distributed")
def test_bad_input_is_refused_before_work(
    trials, store, counted, monkeypatch, changed, error, message
):
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 1)
    with pytest.raises(error, match=message):
        compare(trials, store, **changed)
    assert counted == []


def test_a_store_must_be_a_path(trials):
    with pytest.raises(TypeError, match="'store' must be the path of a file, got None"):
        eegkd.benchmark(trials, SITES, store=None)


def test_two_datasets_of_one_name_are_refused(trials, store):
    with pytest.raises(ValueError, match="'datasets' must have distinct names"):
        compare([trials, make_trials(seed=3)], store)


# Reading later


def test_results_are_read_without_the_call(trials, store):
    made = compare(trials, store)
    read = eegkd.load_results(store)
    assert read.complete
    assert tidy(read).equals(tidy(made))


def test_reading_what_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="'store' must be a file that"):
        eegkd.load_results(tmp_path / "no.sqlite")
    run_module.Store(tmp_path / "empty.sqlite")
    with pytest.raises(ValueError, match="holds no benchmark yet"):
        eegkd.load_results(tmp_path / "empty.sqlite")


def test_ctrl_c_keeps_what_is_finished(trials, store, monkeypatch):
    attempt, done = work.attempt, []

    def interrupt(task):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(task.key)
        return attempt(task)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "attempt", interrupt)
        with pytest.warns(UserWarning, match="3 of 6 jobs.*interrupted"):
            results = compare(trials, store)
    assert len(results.scores) == 3
    assert results.planned["status"].value_counts().to_dict() == {
        "done": 3,
        "missing": 3,
    }
    assert compare(trials, store).complete


def test_progress_is_quiet_unless_asked(trials, store, capsys):
    compare(trials, store, methods=[])
    assert capsys.readouterr().err == ""
    compare(trials, store, progress=True)
    shown = capsys.readouterr().err
    assert "4/4" in shown
    assert "job" in shown
