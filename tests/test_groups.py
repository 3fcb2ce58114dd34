"""Trials that overlap or belong together are on one side of every split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from eegkd.data.groups import groups, last_groups, shares_samples
from eegkd.data.trials import Trials, with_times
from eegkd.data.windows import cut_windows
from eegkd.estimators.training_data import TrainingData
from eegkd.estimators.validation import validation_mask
from eegkd.evaluation.splits import EVALUATIONS, evaluation_folds, held_out


def flashes(n_blocks, n_flashes=12, gap=0.2, pause=2.0, length=1.0, subjects=(1, 2)):
    """Return metadata and labels of overlapping trials with pauses between blocks."""
    rows, labels = [], []
    for who in subjects:
        for session in ("0", "1"):
            for run in ("0", "1"):
                start = 0.0
                for block in range(n_blocks):
                    for number in range(n_flashes):
                        rows.append((who, session, run, start, start + length, block))
                        labels.append("Target" if number % 6 == 2 else "NonTarget")
                        start += gap
                    start += pause
    names = ["subject", "session", "run", "start", "stop", "group"]
    return pd.DataFrame(rows, columns=names), np.array(labels)


def overlap_anywhere(metadata, left, right):
    """Say by comparing all pairs whether trials of two sides overlap."""
    for i in left:
        for j in right:
            a, b = metadata.iloc[i], metadata.iloc[j]
            same = all(a[name] == b[name] for name in ("subject", "session", "run"))
            if same and a["start"] < b["stop"] - 1e-6 and b["start"] < a["stop"] - 1e-6:
                return True
    return False


def trials_at(start, run=None, n_times=100, sfreq=100.0):
    start = np.asarray(start, dtype=float)
    metadata = pd.DataFrame({"run": ["0"] * len(start) if run is None else run})
    signals = np.random.default_rng(0).standard_normal((len(start), 2, n_times))
    return Trials.from_arrays(
        1e-5 * signals,
        np.arange(len(start)) % 2,
        ["C3", "C4"],
        sfreq,
        metadata,
        units="V",
    )


# --- where trials lie -----------------------------------------------------------------


def test_chains_of_overlapping_trials_are_blocks():
    start = np.array([0.0, 0.4, 1.3, 3.0, 4.0, 4.9, 0.5, 1.5])
    found = with_times(trials_at(start, list("aaaaaabb")), start).metadata
    assert found["group"].tolist() == [0, 0, 0, 1, 2, 2, 0, 1]
    np.testing.assert_allclose(found["stop"] - found["start"], 1.0)


def test_a_long_trial_links_those_that_follow():
    """Blocks look at everything that came before, not at the last trial alone."""
    start = np.array([0.0, 0.9, 1.8, 2.7, 10.0])
    found = with_times(trials_at(start), start).metadata
    assert found["group"].tolist() == [0, 0, 0, 0, 1]


def test_order_of_the_trials_does_not_change_their_blocks():
    start = np.array([5.0, 0.0, 5.5, 0.5])
    assert with_times(trials_at(start), start).metadata["group"].tolist() == [
        1,
        0,
        1,
        0,
    ]


def test_windows_are_the_trial_in_pieces_and_keep_its_block():
    start = np.array([0.0, 50.0])
    whole = with_times(trials_at(start, n_times=230), start)
    cut = cut_windows(whole, 0.5)
    assert cut.X.shape == (8, 2, 50)
    for trial in range(2):
        for window in range(4):
            expected = whole.X[trial, :, window * 50 : window * 50 + 50]
            np.testing.assert_array_equal(cut.X[4 * trial + window], expected)
    assert cut.y.tolist() == [0] * 4 + [1] * 4
    assert cut.metadata["group"].tolist() == [0] * 4 + [1] * 4
    np.testing.assert_allclose(cut.metadata["start"][4:], [50, 50.5, 51, 51.5])
    np.testing.assert_allclose(cut.metadata["stop"] - cut.metadata["start"], 0.5)


def test_windows_longer_than_a_trial_leave_it_as_it_is():
    start = np.array([0.0, 50.0])
    whole = with_times(trials_at(start), start)
    np.testing.assert_array_equal(cut_windows(whole, 4.0).X, whole.X)


def test_rest_that_goes_on_is_one_block():
    """A dataset that cuts a state into trials leaves no gap between them."""
    start = np.arange(8.0)
    trials = replace(trials_at(start), y=np.repeat([0, 1], 4), paradigm="rstate")
    assert with_times(trials, start).metadata["group"].tolist() == [0] * 4 + [1] * 4
    imagery = replace(trials, paradigm="imagery")
    assert with_times(imagery, start).metadata["group"].tolist() == list(range(8))


def test_times_count_from_the_first_trial_of_each_run():
    start = np.array([100.0, 102.0, 250.0, 251.5])
    found = with_times(trials_at(start, list("aabb")), start).metadata
    np.testing.assert_allclose(found["start"], [0, 2, 0, 1.5])


def test_epochs_of_a_recording_know_their_times():
    import mne

    info = mne.create_info(["C3", "C4"], 200.0, "eeg")
    signals = 1e-5 * np.random.default_rng(0).standard_normal((2, 8000))
    raw = mne.io.RawArray(signals, info, verbose="error")
    events = np.column_stack([np.arange(20) * 50 + 100, [0] * 20, [1, 2] * 10])
    epochs = mne.Epochs(
        raw, events, {"a": 1, "b": 2}, 0, 1, baseline=None, preload=True,
        verbose="error",
    )  # fmt: skip
    metadata = Trials.from_epochs(epochs.resample(100.0)).metadata
    np.testing.assert_allclose(metadata["start"], 0.25 * np.arange(20))
    assert (metadata["group"] == 0).all()
    cut = mne.Epochs(
        raw, events[::4], {"a": 1}, 0, 0.995, baseline=None, preload=True,
        verbose="error",
    )  # fmt: skip
    rest = Trials.from_epochs(cut, paradigm="rstate")
    assert (rest.metadata["group"] == 0).all()  # they touch, and are of one state
    assert Trials.from_epochs(cut).metadata["group"].nunique() == len(cut)
    made_up = mne.EpochsArray(epochs.get_data(), epochs.info, verbose="error")
    assert "group" not in Trials.from_epochs(made_up, [0, 1] * 10).metadata


@pytest.mark.parametrize("seconds", [0.001, 0.0099])
def test_a_window_without_a_sample_is_an_error(seconds):
    with pytest.raises(ValueError, match="'window' must hold at least one sample"):
        cut_windows(with_times(trials_at([0.0, 5.0]), np.array([0.0, 5.0])), seconds)


# --- sections -------------------------------------------------------------------------


def test_trials_that_stand_alone_have_no_sections():
    metadata, _ = flashes(12, n_flashes=1)
    assert groups(metadata) is None
    assert groups(metadata[["subject", "session", "run"]]) is None


def test_blocks_with_pauses_are_sections():
    metadata, _ = flashes(6)
    section = groups(metadata)
    keys = ["subject", "session", "run", "group"]
    assert metadata.groupby(keys).ngroups == len(np.unique(section))
    assert (
        metadata.assign(section=section).groupby(keys)["section"].nunique().max() == 1
    )
    assert (np.diff(section) >= 0).all()


def test_a_block_that_is_most_of_a_recording_is_cut_into_equal_parts():
    metadata, _ = flashes(1, n_flashes=120)
    section = groups(metadata)
    sizes = np.bincount(section)
    assert set(sizes) == {24}  # two runs of 120 trials: a tenth of the session
    assert (np.diff(section) >= 0).all()


def test_blocks_follow_from_times_where_they_are_not_numbered():
    metadata, _ = flashes(6)
    expected = groups(metadata)
    assert np.array_equal(groups(metadata.drop(columns="group")), expected)


def test_trials_without_times_stand_alone_beside_others():
    metadata, y = flashes(4, subjects=(1,))
    untimed = pd.DataFrame({"subject": [2] * 20, "session": "0", "run": "0"})
    both = pd.concat([metadata, untimed], ignore_index=True)
    section = groups(both)
    assert len(set(section[-20:])) == 20
    assert not set(section[-20:]) & set(section[:-20])
    rows = np.arange(len(both))
    shared = shares_samples(both, rows, rows)
    assert shared[:-20].all()
    assert not shared[-20:].any()
    labels = np.concatenate([y, ["Target", "NonTarget"] * 10])
    assert validation_mask(np.unique(labels, return_inverse=True)[1], both).any()


def test_last_groups_of_each_kind():
    section = np.repeat(range(8), 3)
    y = np.repeat(["open", "closed"] * 4, 3)
    chosen = last_groups(section, y, 0.25)
    assert np.unique(section[chosen]).tolist() == [6, 7]
    # The only section of its kind has to teach.
    alone = last_groups(np.array([0, 0, 1, 1, 2, 2]), np.array(list("aabbbb")), 0.5)
    assert alone.tolist() == [False] * 4 + [True] * 2


def test_overlap_is_what_comparing_all_pairs_finds():
    rng = np.random.default_rng(0)
    start = np.sort(rng.uniform(0, 30, 60))
    metadata = pd.DataFrame(
        {
            "subject": 1,
            "session": "0",
            "run": np.where(np.arange(60) % 2, "0", "1"),
            "start": start,
            "stop": start + rng.uniform(0.2, 1.5, 60),
        }
    )
    rows = rng.permutation(60)
    left, right = rows[:40], rows[40:]
    found = shares_samples(metadata, left, right)
    expected = [overlap_anywhere(metadata, [i], right) for i in left]
    assert found.tolist() == expected
    assert 0 < found.sum() < 40
    untimed = metadata[["subject", "session", "run"]]
    assert not shares_samples(untimed, left, right).any()


# --- splits ---------------------------------------------------------------------------


@pytest.mark.parametrize("evaluation", EVALUATIONS)
@pytest.mark.parametrize("shape", [{"n_blocks": 4}, {"n_blocks": 1, "n_flashes": 40}])
def test_no_evaluation_trains_on_samples_that_it_tests_on(evaluation, shape):
    metadata, y = flashes(**shape)
    folds, rule = evaluation_folds(metadata, y, evaluation)
    assert ("belong together" in rule) == (evaluation == "within_session")
    run = metadata.groupby(["subject", "session", "run"]).ngroup().to_numpy()
    start, stop = metadata["start"].to_numpy(), metadata["stop"].to_numpy()
    for fold in folds:
        tested = np.concatenate([*fold.test.values()])
        assert len(fold.train) > len(tested) / 2
        a, b = fold.train[:, np.newaxis], tested[np.newaxis]
        within = (start[a] < stop[b] - 1e-6) & (start[b] < stop[a] - 1e-6)
        assert not (within & (run[a] == run[b])).any()


def test_a_session_that_hangs_together_cannot_be_cut_into_folds():
    metadata, y = flashes(1, n_flashes=1, subjects=(1,))
    two = pd.concat([metadata.iloc[[0]]] * 2, ignore_index=True)
    with pytest.raises(ValueError, match="two stretches of recording"):
        evaluation_folds(two, np.array(["a", "b"]), "within_session")


@pytest.mark.parametrize("column", ["stop", "session", "run", "group"])
def test_keys_of_jobs_know_who_and_when(column):
    from eegkd.benchmark.grid import fold_digest
    from eegkd.evaluation.splits import Fold

    start = 0.25 * np.arange(20)
    trials = with_times(trials_at(start), start)
    fold = Fold("1", np.arange(10), {1: np.arange(15, 20)})
    changed = trials.metadata.assign(
        **{column: trials.metadata[column].iloc[::-1].to_numpy()}
        if column == "stop"
        else {column: ["x" if column != "group" else 7] * 20}
    )
    assert fold_digest(replace(trials, metadata=changed), fold) != fold_digest(
        trials, fold
    )


def test_within_session_tests_every_trial_once():
    metadata, y = flashes(5, subjects=(1,))
    folds, _ = evaluation_folds(metadata, y, "within_session")
    tested = np.concatenate([rows for fold in folds for rows in fold.test.values()])
    assert sorted(tested) == list(range(len(metadata)))
    assert len(folds) == 10  # five in each of two sessions


def test_the_end_of_one_run_is_held_out_in_blocks():
    metadata, y = flashes(9, subjects=(1,))
    one = metadata[metadata["session"].eq("0") & metadata["run"].eq("0")]
    one = one.reset_index(drop=True)
    mask, _ = held_out(one, y[: len(one)], "time")
    assert sorted(set(one["group"][mask])) == [6, 7, 8]


def test_validation_is_whole_blocks_from_the_end():
    metadata, y = flashes(4, subjects=(1,))
    codes = (y == "Target").astype(int)
    mask = validation_mask(codes, metadata, 1 / 8)
    chosen = metadata[mask].groupby(["session", "run"])["group"].unique()
    assert {key: blocks.tolist() for key, blocks in chosen.items()} == {
        ("1", "1"): [2, 3]
    }


def test_learning_leaves_out_what_overlaps_the_validation(monkeypatch):
    """A cut goes through the one block there is: its trials are not learned."""
    start = 0.25 * np.arange(80)
    trials = with_times(trials_at(start), start)
    data = TrainingData.of(trials, valid_fraction=0.2)
    sampler, valid = data.samplers(batch_size=128, seed=0)
    assert len(valid) == 16
    assert len(sampler) == 80 - 16 - 3  # three more reach into the validation
