"""A user's own files as a dataset: formats, events, channels, units, XDF, errors."""

from __future__ import annotations

import pickle
import re
import struct
import sys
from pathlib import PureWindowsPath

import mne
import numpy as np
import pandas as pd
import pytest

from eegkd.data import list_subjects, load_trials
from eegkd.data.recordings import RecordedDataset, header
from eegkd.data.recordings.files import _read_pattern
from eegkd.evaluation.splits import held_out

CH_NAMES = ["C3", "Cz", "C4", "Fz"]
ONSETS = np.arange(3.0, 43.0, 5.0)
CODES = ["769", "770"] * 4
HANDS = {"left_hand": "769", "right_hand": "770"}


def make_raw(
    ch_names=CH_NAMES, sfreq=100.0, seed=0, onsets=ONSETS, names=CODES, kind="eeg"
):
    """Return 45 s of noise of 10 microvolts with cues."""
    rng = np.random.default_rng(seed)
    signals = 1e-5 * rng.standard_normal((len(ch_names), int(45 * sfreq)))
    info = mne.create_info(list(ch_names), sfreq, kind)
    raw = mne.io.RawArray(signals, info, verbose="error")
    return raw.set_annotations(mne.Annotations(onsets, 0.0, names))


def write(raw, path):
    """Write a recording in the format of its suffix."""
    if path.suffix == ".fif":
        raw.save(path, verbose="error")
    else:
        mne.export.export_raw(path, raw, verbose="error")
    return path


def opened(*args, **options):
    """Return a dataset whose files have been opened."""
    dataset = RecordedDataset(*args, **options)
    dataset.overview()
    return dataset


def first_run(dataset, subject=None):
    """Return the first recording of a subject as MOABB gets it."""
    subject = dataset.subject_list[0] if subject is None else subject
    sessions = dataset._get_single_subject_data(subject)
    return next(iter(next(iter(sessions.values())).values()))


# -- formats -----------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["_raw.fif", ".edf", ".bdf", ".vhdr"])
def test_a_file_gives_the_trials_that_epochs_give(tmp_path, suffix):
    raw = make_raw()
    path = write(raw, tmp_path / f"run{suffix}")
    trials = load_trials(
        RecordedDataset(path, HANDS), l_freq=4, h_freq=30, sfreq=None, tmax=2.0
    )

    events, _ = mne.events_from_annotations(raw, {"769": 1, "770": 2}, verbose="error")
    filtered = raw.copy().filter(4, 30, method="iir", verbose="error")
    own = mne.Epochs(
        filtered, events, tmin=0, tmax=1.99, baseline=None, verbose="error"
    ).get_data()
    assert trials.ch_names == tuple(CH_NAMES)
    assert trials.y.tolist() == ["left_hand", "right_hand"] * 4
    # 16 bits of the range of the signals, at most
    np.testing.assert_allclose(trials.X, own, atol=1e-8)


def test_events_of_a_trigger_channel(tmp_path):
    raw = make_raw([*CH_NAMES, "STI 014"], kind=["eeg"] * 4 + ["stim"])
    raw.set_annotations(None)
    raw._data[-1] = 0
    for onset, code in zip(ONSETS, [1, 2] * 4, strict=True):
        raw._data[-1, int(onset * 100) : int(onset * 100) + 20] = code
    path = write(raw, tmp_path / "run_raw.fif")
    for options in ({}, {"stim_channel": "STI 014"}):
        dataset = RecordedDataset(path, {"left_hand": 1, "right_hand": 2}, **options)
        run = first_run(dataset)
        assert run.ch_names == CH_NAMES
        np.testing.assert_allclose(run.annotations.onset, ONSETS)
        assert run.annotations.description.tolist() == ["left_hand", "right_hand"] * 4


def test_trigger_codes_that_a_reader_scaled_or_that_share_their_bits():
    raw = make_raw([*CH_NAMES, "Status"], kind=["eeg"] * 4 + ["misc"])
    raw.set_annotations(None)
    codes = np.zeros(4500)
    codes[500:520], codes[1500:1520] = 7, 9
    for data in (codes * 1e-6, codes + 2**20):
        raw._data[-1] = data
        run = first_run(
            RecordedDataset(
                raw, {"a": 7, "b": 9}, stim_channel="Status", interval=(0, 1)
            )
        )
        assert run.annotations.onset.tolist() == [5.0, 15.0]


def test_codes_may_follow_without_a_zero_between():
    raw = make_raw([*CH_NAMES, "STI"], kind=["eeg"] * 4 + ["stim"])
    raw.set_annotations(None)
    codes = np.zeros(4500)
    codes[:10] = 3  # from the first sample
    codes[500:600], codes[600:700], codes[700:800] = 5, 3, 5
    codes[1500:1510], codes[1510] = 7, 3  # a line that falls one sample late
    codes[2000] = 5  # a pulse of one sample
    raw._data[-1] = codes
    dataset = RecordedDataset(raw, {"a": 5, "b": 3, "c": 7}, interval=(0, 1))
    found = first_run(dataset).annotations
    events = mne.find_events(
        raw, consecutive=True, initial_event=True, shortest_event=1, verbose="error"
    )
    names = {5: "a", 3: "b", 7: "c"}
    wanted = [(i / 100, names[code]) for i, _, code in events if i != 1510]
    assert len(wanted) == len(events) - 1 == 6
    assert list(zip(found.onset, found.description, strict=True)) == wanted


def test_a_negative_code_falls_back_to_nothing():
    raw = make_raw([*CH_NAMES, "STI"], kind=["eeg"] * 4 + ["stim"])
    raw.set_annotations(None)
    raw._data[-1] = 0
    raw._data[-1, 500:600], raw._data[-1, 900:950] = -2, 1
    dataset = RecordedDataset(raw, interval=(0, 1))
    assert dataset.event_id == {"-2": 1, "1": 2}


def test_a_cropped_recording_with_a_date_keeps_the_time_of_its_events():
    raw = make_raw()
    raw.set_meas_date(1_700_000_000)
    cropped = raw.copy().crop(10.0)
    run = first_run(RecordedDataset(cropped, HANDS))
    np.testing.assert_allclose(run.annotations.onset, ONSETS[ONSETS > 10] - 10)
    np.testing.assert_allclose(run.get_data(), cropped.get_data())


# -- what `files` may be -----------------------------------------------------------


@pytest.fixture
def four(tmp_path):
    """Files of two subjects with two sessions."""
    return {
        (subject, session): write(
            make_raw(seed=10 * subject + number),
            tmp_path / f"S{subject}_{session}_raw.fif",
        )
        for subject in (1, 2)
        for number, session in enumerate(("pre", "post"))
    }


def places(dataset):
    """Return subject, session, run and seed of the recordings, by their signals."""
    table = dataset.overview()
    return list(
        table[["subject", "session", "run", "file"]].itertuples(index=False, name=None)
    )


def test_every_form_of_files_says_the_same(four, tmp_path):
    nested = {s: {d: [four[s, d]] for d in ("pre", "post")} for s in (1, 2)}
    named = {s: {d: {"0": four[s, d]} for d in ("pre", "post")} for s in (1, 2)}
    rows = [
        {"file": str(file), "subject": s, "session": d} for (s, d), file in four.items()
    ]
    wanted = [
        (1, "0pre", "0", "S1_pre_raw.fif"),
        (1, "1post", "0", "S1_post_raw.fif"),
        (2, "0pre", "0", "S2_pre_raw.fif"),
        (2, "1post", "0", "S2_post_raw.fif"),
    ]
    codes = set()
    for files in (nested, named, rows, pd.DataFrame(rows)):
        dataset = RecordedDataset(files, HANDS)
        assert places(dataset) == wanted
        assert (dataset.subject_list, dataset.n_sessions) == ([1, 2], 2)
        codes.add(dataset.code)
    assert len(codes) == 1


def test_a_pattern_is_in_natural_order(tmp_path):
    for seed, name in enumerate(("S2/day10", "S2/day9", "S10/day9")):
        path = tmp_path / f"{name}_raw.fif"
        path.parent.mkdir(exist_ok=True)
        write(make_raw(seed=seed), path)
    (tmp_path / "S2" / "notes.txt").write_text("not a recording")
    dataset = RecordedDataset(f"{tmp_path}/S{{subject}}/day{{session}}_raw.fif", HANDS)
    assert places(dataset) == [
        (2, "9", "0", "day9_raw.fif"),
        (2, "10", "0", "day10_raw.fif"),
        (10, "9", "0", "day9_raw.fif"),
    ]


def sessions(dataset):
    """Return each subject's sessions in the order of the recordings."""
    table = dataset.overview()
    groups = table.groupby("subject", sort=False)["session"]
    return {subject: list(dict.fromkeys(names)) for subject, names in groups}


def raws():
    """Return recordings that all differ."""
    seed = 0
    while True:
        yield make_raw(seed=seed)
        seed += 1


def test_sessions_keep_the_order_of_each_subject_where_one_lacks_some():
    new = raws()
    nested = {"A": {"day2": next(new)}, "B": {"day1": next(new), "day2": next(new)}}
    table = [
        {"file": raw, "subject": subject, "session": session}
        for subject, own in nested.items()
        for session, raw in own.items()
    ]
    for files in (nested, table, pd.DataFrame(table)):
        dataset = RecordedDataset(files, HANDS)
        assert sessions(dataset) == {"A": ["1day2"], "B": ["0day1", "1day2"]}
    trials = load_trials(RecordedDataset(nested, HANDS), subjects=["B"])
    tested, _ = held_out(trials.metadata, trials.y)
    assert set(trials.metadata["session"][tested]) == {"1day2"}


def test_runs_keep_the_order_of_each_session():
    new = raws()
    files = {
        1: {"0": {"test": next(new)}},
        2: {"0": {"training": next(new), "test": next(new)}},
    }
    table = RecordedDataset(files, HANDS).overview()
    assert table["run"].tolist() == ["1test", "0training", "1test"]


def test_orders_that_contradict_each_other():
    new = raws()
    files = {
        "A": {"drug": next(new), "placebo": next(new)},
        "B": {"placebo": next(new), "drug": next(new)},
    }
    with pytest.raises(
        ValueError, match="sessions in one order, but 'drug', 'placebo'"
    ):
        RecordedDataset(files, HANDS)
    numbered = {
        who: {f"{i}{name}": raw for i, (name, raw) in enumerate(own.items())}
        for who, own in files.items()
    }
    assert sessions(RecordedDataset(numbered, HANDS)) == {
        "A": ["0drug", "1placebo"],
        "B": ["0placebo", "1drug"],
    }


def test_numbers_of_sessions_and_runs_are_their_order():
    new = raws()
    rows = [
        {"file": next(new), "session": session, "run": run}
        for session in (2, 1)
        for run in (10, 9)
    ]
    table = RecordedDataset(rows, HANDS).overview()
    places = list(zip(table["session"], table["run"], strict=True))
    assert places == [("1", "9"), ("1", "10"), ("2", "9"), ("2", "10")]


def write_all(folder, dates):
    """Write files that differ; a date is days after the first one, or None."""
    for seed, (name, day) in enumerate(dates.items()):
        raw = make_raw(seed=seed)
        if day is not None:
            raw.set_meas_date(1_700_000_000 + 86_400 * day)
        write(raw, folder / name)
    return folder


def test_a_pattern_numbers_days_also_if_a_subject_lacks_one(tmp_path):
    names = ("SA_day2.edf", "SB_day1.edf", "SB_day2.edf")
    write_all(tmp_path, dict.fromkeys(names))
    dataset = RecordedDataset(tmp_path / "S{subject}_{session}.edf", HANDS)
    assert sessions(dataset) == {"A": ["1day2"], "B": ["0day1", "1day2"]}


def test_sessions_of_a_pattern_without_numbers_go_by_date(tmp_path):
    days = {"P1_pre.edf": 0, "P1_post.edf": 9, "P2_before.edf": 1, "P2_after.edf": 2}
    write_all(tmp_path, days)
    dataset = RecordedDataset(tmp_path / "P{subject}_{session}.edf", HANDS)
    found = {
        s: [n.lstrip("0123456789") for n in own] for s, own in sessions(dataset).items()
    }
    assert found == {1: ["pre", "post"], 2: ["before", "after"]}


def test_runs_that_a_star_stands_for_go_by_date(tmp_path):
    write_all(tmp_path, {"S1_training.edf": 0, "S1_feedback.edf": 1})
    table = RecordedDataset(tmp_path / "S{subject}_*.edf", HANDS).overview()
    assert table["file"].tolist() == ["S1_training.edf", "S1_feedback.edf"]
    assert table["run"].tolist() == ["0", "1"]


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        ({"P1_pre.edf": None, "P1_post.edf": None}, r"_post.edf' states no date"),
        ({"P1_pre.edf": 1, "P1_post.edf": None}, r"_post.edf' states no date"),
        ({"P1_pre.edf": 3, "P1_post.edf": 3}, "dates of the files do not set"),
        ({"P1_pre1.edf": None, "P1_post1.edf": None}, "found 'post1', 'pre1', whose"),
        (
            {"P1_day1.edf": None, "P1_day01.edf": None},
            "found 'day0?1', 'day0?1', whose",
        ),
        (
            {"P1_02-01-2024.edf": None, "P1_05-01-2023.edf": None},
            "found '02-01-2024', '05-01-2023', whose",
        ),
    ],
)
def test_a_pattern_whose_order_is_not_known_asks_for_it(tmp_path, dates, message):
    write_all(tmp_path, dates)
    with pytest.raises(ValueError, match=message):
        RecordedDataset(tmp_path / "P{subject}_{session}.edf", HANDS)


def test_a_date_that_stands_for_none_is_no_order(tmp_path):
    # 1985-01-01 is EDF's for anonymous files; the time of the day may be a real one.
    for seed, (name, hour) in enumerate({"pre": 14, "post": 10}.items()):
        raw = make_raw(seed=seed)
        raw.set_meas_date(473_385_600 + 3600 * hour)
        write(raw, tmp_path / f"{name}.edf")
    with pytest.raises(ValueError, match="states no date.*give the order"):
        RecordedDataset(tmp_path / "{session}.edf", HANDS)


def test_one_session_each_needs_no_order(tmp_path):
    write_all(tmp_path, {"S1_pre.edf": None, "S2_post.edf": None})
    dataset = RecordedDataset(tmp_path / "S{subject}_{session}.edf", HANDS)
    assert dataset.subject_list == [1, 2]


@pytest.mark.parametrize(
    "pattern",
    [
        "./data [1]/S{subject}.edf",
        "data [1]//S{subject}.edf",
        "other/../data [1]/S{subject}.edf",
        "~/data [1]/S{subject}.edf",
        "~/data [1]/S*.edf",
        "{home}/data [1]/./S{subject}.edf",
    ],
)
def test_patterns_may_be_spelled_like_any_path(tmp_path, monkeypatch, pattern):
    for folder in ("data [1]", "data 1", "other"):
        (tmp_path / folder).mkdir()
    write_all(tmp_path / "data [1]", {"S7.edf": None})
    write_all(tmp_path / "data 1", {"S8.edf": None})  # what [1] means to a shell
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    dataset = RecordedDataset(pattern.replace("{home}", str(tmp_path)), HANDS)
    assert dataset.overview()["file"].tolist() == ["S7.edf"]


def test_a_question_mark_in_a_pattern_is_meant_as_it_is(tmp_path):
    if sys.platform == "win32":
        pytest.skip("no file name may hold one")
    for folder in ("a?", "ab"):
        (tmp_path / folder).mkdir()
        write_all(tmp_path / folder, {"S1.edf": None})
    dataset = RecordedDataset(f"{tmp_path}/a?/S{{subject}}.edf", HANDS)
    assert len(dataset.overview()) == 1


def test_patterns_of_windows():
    path = PureWindowsPath(r"C:\data\.\S{subject}\{session}_*.edf")
    wild, expression = _read_pattern(path)
    assert wild == "data/S*/*_*.edf"
    file = PureWindowsPath(r"C:\data\S1\day2_x.edf").as_posix()
    assert re.fullmatch(expression, file).groupdict() == {
        "subject": "1",
        "session": "day2",
    }


def test_a_pattern_without_files_names_its_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"The folder is '.*/nothing'; check"):
        RecordedDataset(f"{tmp_path.as_posix()}/nothing/{{subject}}.edf", HANDS)


def test_a_field_that_a_pattern_names_twice_has_one_value(tmp_path):
    for folder, name in (("sub-01", "sub-01"), ("sub-01", "sub-02")):
        (tmp_path / folder).mkdir(exist_ok=True)
        write(make_raw(), tmp_path / folder / f"{name}_raw.fif")
    dataset = RecordedDataset(
        f"{tmp_path}/sub-{{subject}}/sub-{{subject}}_raw.fif", HANDS
    )
    assert places(dataset) == [(1, "0", "0", "sub-01_raw.fif")]


def test_a_list_holds_the_runs_of_one_session(four):
    dataset = RecordedDataset(list(four.values())[:3], HANDS)
    assert [place[:3] for place in places(dataset)] == [
        (1, "0", "0"),
        (1, "0", "1"),
        (1, "0", "2"),
    ]


def test_names_become_those_that_moabb_takes():
    one, two, three = (make_raw(seed=seed) for seed in (1, 2, 3))
    files = {"anna": {"day 1": one, "day 2": [two, three]}}
    dataset = RecordedDataset(files, HANDS)
    data = dataset.get_data()  # MOABB checks the names
    assert {s: list(runs) for s, runs in data["anna"].items()} == {
        "0day1": ["0"],
        "1day2": ["0", "1"],
    }
    digits = RecordedDataset({1: {"1": make_raw(), "1b": make_raw(seed=1)}}, HANDS)
    assert list(digits.get_data()[1]) == ["0session1", "1session1b"]


# -- events ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ("Stimulus/S  1", "Stimulus/S  1"),
        ("Stimulus/S  1", "S1"),
        ("Stimulus/S  1", 1),
        ("769.0", 769),
        ("T1", 1),
        ("Left Hand", "left hand"),
    ],
)
def test_an_event_may_be_written_a_little_differently(found, wanted):
    raw = make_raw(names=[found, "other"] * 4)
    run = first_run(RecordedDataset(raw, {"a": wanted, "b": "other"}))
    assert run.annotations.description.tolist() == ["a", "b"] * 4


def test_the_exact_name_goes_before_similar_ones():
    raw = make_raw(names=["S1", "s1"] * 4)
    run = first_run(RecordedDataset(raw, {"a": "S1", "b": "s1"}))
    assert run.annotations.description.tolist() == ["a", "b"] * 4


def test_by_default_all_events_are_classes_but_not_what_software_writes():
    raw = make_raw()
    raw.annotations.append(
        [0.0, 1.0, 2.0], 0.0, ["New Segment/", "Comment/x", "BAD_eye"]
    )
    dataset = RecordedDataset(raw)
    assert dataset.event_id == {"769": 1, "770": 2}
    assert "BAD_eye" in first_run(dataset).annotations.description


def test_several_events_may_be_one_class():
    raw = make_raw(names=["a", "b", "c", "d"] * 2)
    dataset = RecordedDataset(raw, {"x": ["a", "b"], "y": "c"})
    counts = dataset.overview()[["x", "y"]]
    assert counts.to_numpy().tolist() == [[4, 2]]
    assert load_trials(dataset).y.tolist() == ["x", "x", "y"] * 2


def test_trials_over_bad_spans_and_breaks_are_left_out():
    raw = make_raw()
    raw.annotations.append([4.0, 9.0], [0.5, 0.0], ["BAD_move", "boundary"])
    trials = load_trials(RecordedDataset(raw, HANDS))
    assert len(trials) == len(ONSETS) - 2


def test_a_run_may_lack_a_class():
    runs = [make_raw(names=["769"] * 8), make_raw(names=["770"] * 8, seed=1)]
    trials = load_trials(RecordedDataset(runs, HANDS))
    assert pd.crosstab(trials.metadata["run"], trials.y).to_numpy().tolist() == [
        [8, 0],
        [0, 8],
    ]


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ({"a": "769", "b": "77"}, r"'77' for class 'b' is in none.*'769' \(4\), '770'"),
        ({"a": "769", "b": "769"}, "'769' comes more than once"),
        ({"a": ["769", "770"], "b": ["770", "769"]}, "'769', '770' come more than"),
        ({"a": [], "b": "769"}, "class 'a' has none. Name one"),
        ({"a": "769"}, "two or more classes, got 'a'"),
        ({1: "769"}, "name classes by strings, got 1"),
        ({"a": 769.5, "b": "770"}, r"whole number, got 769\.5"),
    ],
)
def test_wrong_events_say_what_the_files_have(events, message):
    error = TypeError if "by strings" in message or "whole" in message else ValueError
    with pytest.raises(error, match=message):
        opened(make_raw(), events)


def test_an_ambiguous_event_names_the_candidates():
    raw = make_raw(names=["Stimulus/S  1", "Response/S  1"] * 4)
    with pytest.raises(ValueError, match=r"may be .*'Response/S  1'"):
        opened(raw, {"a": "S1", "b": "Stimulus/S  1"})


def test_a_file_without_the_events_is_named_with_what_it_has(tmp_path):
    good = write(make_raw(), tmp_path / "good_raw.fif")
    rest = write(make_raw(names=["rest"] * 8), tmp_path / "rest_raw.fif")
    with pytest.raises(ValueError, match=r"rest_raw.fif' has none of.*'rest' \(8\)"):
        opened([good, rest], HANDS)
    with pytest.raises(ValueError, match="The files have no events"):
        opened(make_raw(onsets=[], names=[]))


def test_events_that_are_no_dict():
    with pytest.raises(TypeError, match="dict {class: event} or a list.*got str"):
        RecordedDataset(make_raw(), "769")


# -- paradigms ---------------------------------------------------------------------


def test_p300_stimuli_with_numbers_are_targets_or_not():
    raw = make_raw(names=["Target/1", "NonTarget/1", "Target/2", "NonTarget/2"] * 2)
    dataset = RecordedDataset(raw, paradigm="p300")
    counts = dataset.overview()[["Target", "NonTarget"]].to_numpy()
    assert counts.tolist() == [[4, 4]]
    assert load_trials(dataset).y.tolist() == ["Target", "NonTarget"] * 4


def test_p300_needs_targets():
    raw = make_raw(names=["target", "non-target"] * 4)
    dataset = opened(raw, paradigm="p300")
    assert set(dataset.event_id) == {"Target", "NonTarget"}
    assert dataset.interval == [0.0, 1.0]
    assert set(load_trials(dataset).y) == {"Target", "NonTarget"}
    with pytest.raises(ValueError, match="classes 'Target' and 'NonTarget', got 'a'"):
        opened(raw, {"a": "target", "b": "non-target"}, paradigm="p300")


def test_ssvep_needs_frequencies():
    raw = make_raw(names=["13", "rest"] * 4)
    options = {"paradigm": "ssvep", "interval": (0, 2)}
    dataset = opened(raw, **options)
    assert load_trials(dataset).classes.tolist() == ["13", "rest"]
    with pytest.raises(ValueError, match=r"frequency in Hz.*got 'slow'"):
        opened(raw, {"slow": "13", "rest": "rest"}, **options)
    with pytest.raises(ValueError, match="'interval' must be the beginning and end"):
        opened(raw, paradigm="ssvep")


@pytest.mark.parametrize("paradigm", ["cvep", "rstate"])
def test_other_paradigms_are_loaded(paradigm):
    raw = make_raw(names=["1.0", "0.0"] * 4)
    dataset = RecordedDataset(raw, paradigm=paradigm, interval=(0, 4))
    assert load_trials(dataset).classes.tolist() == ["0.0", "1.0"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"paradigm": "mi"}, "'paradigm' must be one of"),
        ({"interval": (4, 0)}, "'interval' must begin before it ends"),
        ({"interval": 4}, "'interval' must be the beginning and end"),
        ({"channels": "all"}, "'channels' must be one of"),
        ({"unit": "volts"}, "'unit' must be one of"),
        ({"name": "my set"}, "'name' must consist of letters, digits and dashes"),
        ({"ch_types": {"C3": "brain"}}, "'ch_types' must be one of"),
        ({"ch_types": {"C5": "misc"}}, "'ch_types' must name channels.*got 'C5'"),
        ({"rename": {"C5": "C3"}}, "'rename' must name channels.*got 'C5'"),
        ({"rename": ["C3"]}, "must name all channels in order"),
        ({"stim_channel": "STI"}, "'stim_channel' must be a channel of"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        opened(make_raw(), HANDS, **options)


# -- channels ----------------------------------------------------------------------


def test_names_of_clinical_files_become_electrodes():
    raw = make_raw(["EEG FP1-REF", "EEG T3-LE", "Cz..", "EEG-fz", "EEG FPz-Cz", "HEOG"])
    with pytest.warns(UserWarning, match="without a name.*'EEG FPz-Cz'"):
        dataset = opened(raw, HANDS)
    assert dataset.ch_names == ("Fp1", "T7", "Cz", "Fz", "EEG FPz-Cz")
    quiet = opened(raw, HANDS, rename={"EEG FPz-Cz": "Fpz"})
    assert quiet.ch_names == ("Fp1", "T7", "Cz", "Fz", "Fpz")


def test_a_list_names_all_channels():
    raw = make_raw(["1", "2", "3", "4"])
    dataset = RecordedDataset(raw, HANDS, rename=["TP9", "AF7", "AF8", "TP10"])
    assert dataset.ch_names == ("TP9", "AF7", "AF8", "TP10")
    np.testing.assert_array_equal(first_run(dataset).get_data(), raw.get_data())


@pytest.mark.parametrize("key", ["EEG CZ-REF", "Cz"])
def test_what_is_no_eeg_is_left_out(key):
    raw = make_raw(["C3", "EEG CZ-REF", "AccX", "C4"])
    dataset = RecordedDataset(raw, HANDS, ch_types={key: "misc"})
    assert dataset.ch_names == ("C3", "C4")
    np.testing.assert_array_equal(first_run(dataset).get_data(), raw.get_data()[[0, 3]])


def test_channels_that_a_file_lacks_are_named(tmp_path):
    a = write(make_raw(), tmp_path / "a_raw.fif")
    b = write(make_raw(["C4", "C3", "Pz"], seed=1), tmp_path / "b_raw.fif")
    with pytest.raises(ValueError, match="b_raw.fif' lacks 'Cz', 'Fz'.*'Pz' beside"):
        opened([a, b], HANDS)
    dataset = opened([a, b], HANDS, channels="common")
    assert dataset.ch_names == ("C3", "C4")
    runs = dataset.get_data()[1]["0"]
    expected = make_raw(["C4", "C3", "Pz"], seed=1).get_data()[[1, 0]]
    np.testing.assert_allclose(runs["1"].get_data(), expected, atol=1e-11)


def test_files_without_a_common_channel():
    with pytest.raises(ValueError, match="No channel is in all files"):
        opened([make_raw(["C3"]), make_raw(["C4"])], HANDS, channels="common")


def test_two_channels_of_one_site_or_no_eeg():
    with pytest.raises(ValueError, match="several channels for 'C3': 'C3', 'EEG C3'"):
        opened(make_raw(["C3", "EEG C3"]), HANDS)
    with pytest.raises(ValueError, match="no EEG channel, but.*'misc'"):
        opened(make_raw(kind="misc"), HANDS)


def test_nothing_of_a_person_or_a_program_comes_along():
    raw = make_raw()
    raw.info["bads"] = ["C3"]
    raw.info["subject_info"] = {"last_name": "Doe"}
    raw.set_eeg_reference(projection=True, verbose="error")
    run = first_run(RecordedDataset(raw, HANDS))
    assert (run.info["bads"], run.info["projs"]) == ([], [])
    assert run.info["subject_info"] is None
    assert np.isfinite(run.info["chs"][0]["loc"][:3]).all()


# -- signals -----------------------------------------------------------------------


def test_nan_is_an_error_and_flat_a_warning_that_name_the_channel():
    raw = make_raw()
    raw._data[1] = 0.0
    dataset = RecordedDataset(raw, HANDS)
    with pytest.warns(UserWarning, match="is flat in 'Cz'.*Leave it out"):
        dataset.get_data()
    raw._data[3, 17] = np.nan
    with pytest.raises(ValueError, match=r"NaN or infinite values in 'Fz'"):
        first_run(RecordedDataset(raw, HANDS, ch_types={"Cz": "misc"}))


def test_a_wrong_unit_is_noticed_and_can_be_stated():
    raw = make_raw()
    right = raw.get_data()
    raw._data *= 1e6
    with pytest.warns(UserWarning, match=r"typical amplitude of 9\.9 V.*unit='uV'"):
        first_run(RecordedDataset(raw, HANDS))
    run = first_run(RecordedDataset(raw, HANDS, unit="uV"))
    np.testing.assert_allclose(run.get_data(), right)


def test_runs_may_have_different_rates():
    runs = [make_raw(sfreq=100.0), make_raw(sfreq=128.0), make_raw(sfreq=250.0)]
    trials = load_trials(RecordedDataset(runs, HANDS), sfreq=100, h_freq=40)
    assert (len(trials), trials.n_times, trials.sfreq) == (24, 400, 100.0)


def test_a_faster_run_is_resampled_to_the_slowest():
    raws = []
    for sfreq in (100.0, 250.0):
        raw = make_raw(["C3"], sfreq)
        raw._data[0] = 1e-5 * np.sin(2 * np.pi * 7 * raw.times)
        raws.append(raw)
    dataset = RecordedDataset(raws, HANDS)
    runs = dataset.get_data()[1]["0"]
    assert [run.info["sfreq"] for run in runs.values()] == [100.0, 100.0]
    middle = slice(500, 4000)  # away from the edges
    np.testing.assert_allclose(
        runs["1"].get_data()[:, middle], runs["0"].get_data()[:, middle], atol=2e-8
    )
    assert dataset.overview()["sfreq"].tolist() == [100.0, 250.0]


# -- when files are opened -----------------------------------------------------------


def test_files_are_opened_when_classes_and_read_when_signals_are_needed(
    four, monkeypatch
):
    seen = []
    for name in ("open_raw", "content_of"):
        function = getattr(header, name)
        monkeypatch.setattr(
            header, name, lambda *a, f=function, n=name: seen.append(n) or f(*a)
        )
    files = {s: {d: four[s, d] for d in ("pre", "post")} for s in (1, 2)}
    dataset = RecordedDataset(files, HANDS)
    assert (dataset.subject_list, dataset.n_sessions) == ([1, 2], 2)
    assert list_subjects(dataset) == [1, 2]
    assert dataset.data_path(1) == [str(four[1, "pre"]), str(four[1, "post"])]
    assert seen == []
    assert dataset.event_id == {"left_hand": 1, "right_hand": 2}
    assert len(dataset.overview()) == 4
    assert seen == ["open_raw"] * 4
    first_run(dataset)
    assert dataset.code.endswith(dataset.fingerprint[:8])
    assert seen == ["open_raw"] * 4 + ["content_of"] * 4


# -- identity ----------------------------------------------------------------------


def test_the_code_follows_the_content(tmp_path):
    path = write(make_raw(), tmp_path / "a_raw.fif")
    code = RecordedDataset(path, HANDS, name="Pilot-1").code
    assert code.startswith("RecordedDataset-pilot-1-")
    moved = path.rename(tmp_path / "b_raw.fif")
    assert RecordedDataset(moved, HANDS, name="pilot-1").code == code
    write(make_raw(seed=1), path)
    others = [
        RecordedDataset(path, HANDS),
        RecordedDataset(moved, {"left_hand": "770", "right_hand": "769"}),
        RecordedDataset(moved, HANDS, interval=(0, 2)),
        RecordedDataset(moved, HANDS, ch_types={"C3": "misc"}),
        RecordedDataset({2: moved}, HANDS),
        RecordedDataset(make_raw(), HANDS),
        RecordedDataset(make_raw(seed=1), HANDS),
    ]
    codes = {code[-8:], *(other.code[-8:] for other in others)}
    assert len(codes) == 1 + len(others)


def test_signals_beside_the_header_count(tmp_path):
    codes = set()
    for seed in (0, 1):
        raw = make_raw(seed=seed)
        path = tmp_path / str(seed) / "run.vhdr"
        path.parent.mkdir()
        write(raw, path)
        codes.add(RecordedDataset(path, HANDS).code)
    assert len(codes) == 2


def test_a_raw_is_copied_when_the_dataset_is_made():
    raw = make_raw()
    dataset = RecordedDataset(raw, HANDS)
    before = first_run(dataset).get_data()
    raw._data[:] = 0
    np.testing.assert_array_equal(first_run(dataset).get_data(), before)
    assert dataset.data_path(1) == []


def test_the_dataset_survives_pickling(four):
    dataset = RecordedDataset(list(four.values()), HANDS)
    again = pickle.loads(pickle.dumps(dataset))
    assert again.code == dataset.code
    assert again.data_path(1) == [str(path) for path in four.values()]
    np.testing.assert_array_equal(
        first_run(again).get_data(), first_run(dataset).get_data()
    )


def test_simulated_is_said():
    trials = load_trials(RecordedDataset(make_raw(), HANDS, simulated=True))
    assert trials.simulated
    assert not load_trials(RecordedDataset(make_raw(), HANDS)).simulated


# -- in the rest of the library and in MOABB ---------------------------------------


def test_moabbs_cache_keeps_two_datasets_apart(tmp_path):
    from moabb.paradigms import LeftRightImagery

    cache = {"path": str(tmp_path), "use": True, "save_array": True, "save_raw": True}
    paradigm = LeftRightImagery(resample=100, fmax=30)
    first, other = (RecordedDataset(make_raw(seed=seed), HANDS) for seed in (0, 1))
    X, _, _ = paradigm.get_data(first, cache_config=cache)
    again, _, _ = paradigm.get_data(first, cache_config=cache)
    X_other, _, _ = paradigm.get_data(other, cache_config=cache)
    np.testing.assert_allclose(again, X, atol=1e-6)
    assert not np.allclose(X_other, X)


def test_moabbs_evaluation_takes_it(four, tmp_path):
    from moabb.evaluations import CrossSessionEvaluation
    from moabb.paradigms import LeftRightImagery
    from sklearn.dummy import DummyClassifier

    files = {s: {d: four[s, d] for d in ("pre", "post")} for s in (1, 2)}
    evaluation = CrossSessionEvaluation(
        LeftRightImagery(),
        [RecordedDataset(files, HANDS)],
        hdf5_path=str(tmp_path),
        overwrite=True,
    )
    scores = evaluation.process({"dummy": DummyClassifier()})
    assert scores["score"].tolist() == [0.5] * 4
    assert set(scores["session"]) == {"0pre", "1post"}


def test_fit_and_benchmark_take_it(four, tmp_path):
    import eegkd

    files = {s: {d: four[s, d] for d in ("pre", "post")} for s in (1, 2)}
    dataset = RecordedDataset(files, HANDS, interval=(0, 1))
    result = eegkd.fit(dataset, montage=["C3", "C4"], subjects=[2], max_epochs=1)
    assert set(result.scores["method"]) == {"teacher", "none", "sk_kd"}
    results = eegkd.benchmark(
        dataset,
        montages=[["C3", "C4"]],
        methods=[],
        decoders=[],
        baselines=["csp_lda"],
        store=tmp_path / "results.sqlite",
    )
    assert set(results.scores["dataset"]) == {dataset.code}


@pytest.mark.filterwarnings("ignore:Montage name 'standard_10:FutureWarning")
def test_real_recordings_give_the_trials_that_moabb_gives(mne_data, monkeypatch):
    from moabb.datasets import PhysionetMI
    from moabb.paradigms import LeftRightImagery

    monkeypatch.setenv("MOABB_DOWNLOAD_PROVIDER", "upstream")
    folder = mne_data / "MNE-eegbci-data" / "files" / "eegmmidb" / "1.0.0" / "S001"
    dataset = RecordedDataset(
        [folder / f"S001R{run:02}.edf" for run in (4, 8, 12)],
        {"left_hand": "T1", "right_hand": "T2"},
        interval=(0, 3),
    )
    paradigm = LeftRightImagery(resample=125)
    own, y, _ = paradigm.get_data(dataset)
    reference = PhysionetMI(subjects=[1])
    X, labels, metadata = paradigm.get_data(reference, [1])
    assert y.tolist() == labels.tolist()
    assert metadata["run"].nunique() == 3
    np.testing.assert_allclose(own, X, atol=1e-9 * np.abs(X).max())


# -- wrong files -------------------------------------------------------------------


def test_missing_files_are_named(tmp_path):
    there = write(make_raw(), tmp_path / "there_raw.fif")
    with pytest.raises(FileNotFoundError, match=r"gone\.edf' does not"):
        RecordedDataset([there, tmp_path / "gone.edf"], HANDS)
    with pytest.raises(FileNotFoundError, match=r"none like .*\{subject\}\.bdf"):
        RecordedDataset(tmp_path / "{subject}.bdf", HANDS)
    dataset = RecordedDataset(there, HANDS)
    there.unlink()
    with pytest.raises(FileNotFoundError, match="there_raw.fif' is not there any more"):
        dataset.get_data()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("run.docx", r"suffixes '\.edf', '\.bdf'.*pass the mne Raw"),
        ("run.vmrk", r"Give the \.vhdr file"),
        ("run.csv", "Trials.from_arrays"),
        ("run.edf", "could not be read by MNE"),
    ],
)
def test_files_that_are_no_recordings(tmp_path, name, message):
    (tmp_path / name).write_text("text")
    with pytest.raises(ValueError, match=message):
        opened(tmp_path / name, HANDS)


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        ([], ValueError, "at least one recording, got none"),
        (3, TypeError, "must be a path, an mne Raw.*got int"),
        ([3], TypeError, "must hold paths or mne Raw objects, got int"),
        ([{"path": "x"}], ValueError, "must have the column 'file'"),
        ({"a b": make_raw()}, ValueError, "letters and digits, got 'a b'"),
        (
            [{"file": make_raw(), "run": 1}, {"file": make_raw(), "run": 1}],
            ValueError,
            "a subject, session and run of its own",
        ),
    ],
)
def test_wrong_forms_of_files(files, error, message):
    with pytest.raises(error, match=message):
        RecordedDataset(files, HANDS)


def test_a_folder_and_a_file_that_comes_twice(four, tmp_path):
    with pytest.raises(ValueError, match=r"is a folder. Give a pattern.*\{subject\}"):
        RecordedDataset(tmp_path, HANDS)
    with pytest.raises(ValueError, match="pre_raw.fif' comes more than.*and tested"):
        RecordedDataset([four[1, "pre"], four[1, "pre"]], HANDS)
    with pytest.raises(
        ValueError, match=r"'.*post_raw.fif', '.*pre_raw.fif' come more"
    ):
        RecordedDataset([four[1, "pre"], four[1, "post"]] * 2, HANDS)


def test_a_recording_that_comes_twice_under_other_names(tmp_path):
    raw = make_raw()
    with pytest.raises(ValueError, match="an mne Raw comes more than once"):
        RecordedDataset({1: raw, 2: raw}, HANDS)
    copies = RecordedDataset({1: raw, 2: raw.copy()}, HANDS)
    for need in (lambda: copies.code, lambda: load_trials(copies, subjects=[1])):
        with pytest.raises(ValueError, match="subject 2, .* is a copy of subject 1, "):
            need()
    first = write(raw, tmp_path / "first_raw.fif")
    copy = tmp_path / "copy_raw.fif"
    copy.write_bytes(first.read_bytes())
    with pytest.raises(ValueError, match=r"copy_raw.fif' is a copy of .*first_raw"):
        RecordedDataset([first, copy], HANDS).fingerprint  # noqa: B018
    # The same signals with other cues are another recording.
    assert RecordedDataset([raw, make_raw(onsets=ONSETS + 0.5)], HANDS).code


def test_an_unknown_subject():
    with pytest.raises(ValueError, match="'subject' must be one of 1, got 7"):
        RecordedDataset(make_raw(), HANDS).data_path(7)


# -- XDF ---------------------------------------------------------------------------
# A writer of its own, after the specification of XDF 1.0: chunks of length, tag and
# content; samples with a time stamp each.


def chunk(tag, content):
    return b"\x04" + struct.pack("<IH", len(content) + 2, tag) + content


def stream_chunks(number, xml, stamps, values, offset=0.0):
    """Return header, samples and clock offsets of a stream."""
    own = struct.pack("<I", number)
    out = chunk(2, own + f'<?xml version="1.0"?><info>{xml}</info>'.encode())
    for start in range(0, len(stamps), 50):
        part = range(start, min(start + 50, len(stamps)))
        content = own + b"\x04" + struct.pack("<I", len(part))
        for i in part:
            content += b"\x08" + struct.pack("<d", stamps[i])
            if isinstance(values[i], str):
                text = values[i].encode()
                content += b"\x04" + struct.pack("<I", len(text)) + text
            else:
                content += np.asarray(values[i]).tobytes()
        out += chunk(3, content)
    for time in np.linspace(stamps[0], stamps[-1], 5):
        out += chunk(4, own + struct.pack("<dd", time, offset))
    return out


def eeg_xml(labels=CH_NAMES, unit="microvolts", rate=100, kind="EEG", name="headset"):
    channels = "".join(
        f"<channel><label>{label}</label><unit>{unit}</unit><type>EEG</type></channel>"
        for label in labels
    )
    return (
        f"<name>{name}</name><type>{kind}</type><channel_count>4</channel_count>"
        f"<nominal_srate>{rate}</nominal_srate><channel_format>float32</channel_format>"
        f"<desc><channels>{channels}</channels></desc>"
    )


def marker_xml(kind="string"):
    return (
        "<name>cues</name><type>Markers</type><channel_count>1</channel_count>"
        f"<nominal_srate>0</nominal_srate><channel_format>{kind}</channel_format>"
    )


def write_xdf(path, *streams):
    header = chunk(1, b'<?xml version="1.0"?><info><version>1.0</version></info>')
    path.write_bytes(b"XDF:" + header + b"".join(streams))
    return path


def make_xdf(path, *, keep=None, xml=None, cues=ONSETS, jitter=0.0, markers=None):
    """Write noise and cues whose clock is 5 s behind that of the EEG."""
    microvolts = (1e6 * make_raw().get_data()).T.astype(np.float32)
    rng = np.random.default_rng(3)
    stamps = 1000 + np.arange(len(microvolts)) / 100
    stamps += jitter * rng.standard_normal(len(stamps))
    keep = np.arange(len(stamps)) if keep is None else keep
    values = (
        [CODES[i % 8] for i in range(len(cues))] if markers is None else markers(cues)
    )
    return write_xdf(
        path,
        stream_chunks(1, xml or eeg_xml(), stamps[keep], microvolts[keep]),
        stream_chunks(
            2,
            marker_xml("string" if markers is None else "int32"),
            995 + np.asarray(cues),
            values,
            offset=5.0,
        ),
    )


@pytest.fixture
def pyxdf():
    return pytest.importorskip("pyxdf")


@pytest.mark.usefixtures("pyxdf")
@pytest.mark.parametrize("jitter", [0.0, 0.002])
def test_an_xdf_file_is_read_on_one_clock(tmp_path, jitter):
    dataset = RecordedDataset(make_xdf(tmp_path / "run.xdf", jitter=jitter), HANDS)
    run = first_run(dataset)
    assert (dataset.ch_names, run.info["sfreq"]) == (tuple(CH_NAMES), 100.0)
    np.testing.assert_allclose(run.get_data(), make_raw().get_data(), atol=1e-11)
    np.testing.assert_allclose(run.annotations.onset, ONSETS, atol=1e-3)
    assert run.annotations.description.tolist() == ["left_hand", "right_hand"] * 4


@pytest.mark.usefixtures("pyxdf")
def test_xdf_markers_may_be_integers(tmp_path):
    path = make_xdf(
        tmp_path / "run.xdf",
        markers=lambda cues: [np.int32(int(code)) for code in CODES],
    )
    run = first_run(RecordedDataset(path, {"left_hand": 769, "right_hand": 770}))
    assert run.annotations.description.tolist() == ["left_hand", "right_hand"] * 4


@pytest.mark.usefixtures("pyxdf")
def test_gaps_of_xdf_files_are_filled_and_marked(tmp_path):
    keep = np.r_[0:1000, 1060:4500]  # 0.6 s are missing at 10 s
    path = make_xdf(tmp_path / "run.xdf", keep=keep)
    with pytest.warns(UserWarning, match=r"lacks 60 samples in 1 gap, .* of 0\.61 s"):
        dataset = opened(path, HANDS)
    with pytest.warns(UserWarning, match="lacks 60 samples"):
        run = first_run(dataset)
    whole = make_raw().get_data()
    np.testing.assert_allclose(run.get_data()[:, keep], whole[:, keep], atol=1e-11)
    line = np.linspace(whole[:, 999], whole[:, 1060], 62, axis=1)
    np.testing.assert_allclose(run.get_data()[:, 999:1061], line, atol=1e-11)
    assert "BAD_gap" in run.annotations.description
    cues = [d != "BAD_gap" for d in run.annotations.description]
    np.testing.assert_allclose(run.annotations.onset[cues], ONSETS, atol=1e-3)
    with pytest.warns(UserWarning, match="lacks 60 samples"):
        assert len(load_trials(dataset)) == len(ONSETS) - 1  # the trial from 8 to 12 s


@pytest.mark.usefixtures("pyxdf")
@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (np.r_[0:1000, 2000:4500], r"lacks 1000 samples in 1 gap .*10% are allowed"),
        (np.flatnonzero(np.arange(4500) % 20 < 19), "states 100 Hz.*say 95"),
    ],
)
def test_xdf_files_that_lost_too_much(tmp_path, keep, message):
    with pytest.raises(ValueError, match=message):
        opened(make_xdf(tmp_path / "run.xdf", keep=keep), HANDS)


@pytest.mark.usefixtures("pyxdf")
def test_small_losses_that_add_up_are_told(tmp_path):
    # Four times in 1 s, 0.05 s are lost: less than 1 % of the recording.
    keep = np.flatnonzero(~np.isin(np.arange(4500) // 5, np.arange(300, 320, 5)))
    path = make_xdf(tmp_path / "run.xdf", keep=keep)
    with pytest.warns(UserWarning, match=r"stray by 0\.1\d s from a regular rate"):
        opened(path, HANDS)


@pytest.mark.usefixtures("pyxdf")
def test_markers_outside_of_the_eeg_are_told(tmp_path):
    path = make_xdf(tmp_path / "run.xdf", cues=[-3.0, *ONSETS[1:]])
    with pytest.warns(UserWarning, match=r"has 1 of 8 markers before or after.*'769'"):
        dataset = opened(path, HANDS)
    assert dataset.overview()["left_hand"].tolist() == [3]


@pytest.mark.usefixtures("pyxdf")
def test_units_of_xdf_files(tmp_path):
    volts = {}
    for unit in ("microvolts", "", "mV"):
        path = make_xdf(tmp_path / "run.xdf", xml=eeg_xml(unit=unit))
        dataset = opened(path, HANDS)
        if unit == "mV":
            with pytest.warns(UserWarning, match="typical amplitude of 0.0099 V"):
                run = first_run(dataset)
        else:
            run = first_run(dataset)
        volts[unit] = run.get_data()
    np.testing.assert_array_equal(volts[""], volts["microvolts"])
    np.testing.assert_allclose(volts["mV"], 1000 * volts[""], rtol=1e-6)
    path = make_xdf(tmp_path / "run.xdf", xml=eeg_xml(unit="counts"))
    with pytest.raises(ValueError, match="unit 'counts' for channel 'C3'.*unit='uV'"):
        opened(path, HANDS)
    stated = first_run(opened(path, HANDS, unit="uV"))
    np.testing.assert_array_equal(stated.get_data(), volts[""])


@pytest.mark.usefixtures("pyxdf")
def test_the_eeg_stream_is_chosen_by_type_or_name(tmp_path):
    microvolts = (1e6 * make_raw().get_data()).T.astype(np.float32)
    stamps = 10 + np.arange(len(microvolts)) / 100
    path = write_xdf(
        tmp_path / "run.xdf",
        stream_chunks(1, eeg_xml(name="a"), stamps, microvolts),
        stream_chunks(2, eeg_xml(name="b"), stamps, microvolts),
        stream_chunks(3, marker_xml(), 10 + ONSETS, CODES),
    )
    with pytest.raises(ValueError, match=r"one stream of type 'EEG'.*has 2.*'a'.*'b'"):
        opened(path, HANDS)
    assert opened(path, HANDS, stream="b").ch_names == tuple(CH_NAMES)
    with pytest.raises(ValueError, match=r"one stream named 'c'.*has 0"):
        opened(path, HANDS, stream="c")


@pytest.mark.usefixtures("pyxdf")
def test_xdf_channels_without_labels_are_counted(tmp_path):
    xml = eeg_xml().replace("label", "position")
    path = make_xdf(tmp_path / "run.xdf", xml=xml)
    dataset = RecordedDataset(path, HANDS, rename=CH_NAMES)
    assert dataset.ch_names == tuple(CH_NAMES)


@pytest.mark.usefixtures("pyxdf")
def test_a_damaged_xdf_file_is_told(tmp_path):
    path = make_xdf(tmp_path / "run.xdf")
    content = bytearray(path.read_bytes())
    content[60_000:60_400] = bytes(400)
    path.write_bytes(bytes(content[:150_000]))
    with (
        pytest.warns(UserWarning, match="is damaged"),
        pytest.raises(ValueError, match=r".+"),
    ):
        opened(path, HANDS)


def test_without_pyxdf_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyxdf", None)
    with pytest.raises(ImportError, match=r"pip install 'eegkd\[xdf\]'"):
        opened(make_xdf(tmp_path / "run.xdf"), HANDS)
