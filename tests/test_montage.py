"""Montages: the shipped files, names, every error, and finding electrodes in data."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import mne
import numpy as np
import pytest

from eegkd.data.channels import canonical_name, mne_montage, positions
from eegkd.montage import (
    FAR_MM,
    Montage,
    Substitution,
    list_montages,
    load_montage,
    nearest_electrodes,
    resolve,
)

FILES = sorted((Path(__file__).resolve().parent.parent / "montages").glob("*.toml"))
CH_22 = (
    "Fz FC3 FC1 FCz FC2 FC4 C5 C3 C1 Cz C2 C4 C6 CP3 CP1 CPz CP2 CP4 P1 Pz P2 POz"
).split()
# PhysionetMI, spelled as in its EDF files.
CH_64 = (
    "Fc5. Fc3. Fc1. Fcz. Fc2. Fc4. Fc6. C5.. C3.. C1.. Cz.. C2.. C4.. C6.. Cp5. Cp3. "
    "Cp1. Cpz. Cp2. Cp4. Cp6. Fp1. Fpz. Fp2. Af7. Af3. Afz. Af4. Af8. F7.. F5.. F3.. "
    "F1.. Fz.. F2.. F4.. F6.. F8.. Ft7. Ft8. T7.. T8.. T9.. T10. Tp7. Tp8. P7.. P5.. "
    "P3.. P1.. Pz.. P2.. P4.. P6.. P8.. Po7. Po3. Poz. Po4. Po8. O1.. Oz.. O2.. Iz.."
).split()
NAMES_64 = [canonical_name(name) for name in CH_64]
MISSING = ("error", "nearest", "interpolate")


def distance(first, second):
    """Return the distance of two electrodes in MNE's own montage, in mm."""
    xyz = mne_montage().get_positions()["ch_pos"]
    return 1000 * np.linalg.norm(xyz[first] - xyz[second])


def write(folder, text):
    """Write a montage file and return its path."""
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return file


# -- the files ---------------------------------------------------------------------


def test_every_file_is_listed():
    assert list_montages() == [file.stem for file in FILES]
    assert {"headphone", "headband", "muse", "motor_3"} <= set(list_montages())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_file_is_complete_and_canonical(file):
    montage = load_montage(file.stem)
    known = set(mne_montage().ch_names)
    assert montage.name == file.stem
    assert montage.citation
    assert montage.device
    assert montage.description.endswith(".")
    assert set(montage.ch_names) <= known - {"T3", "T4", "T5", "T6"}
    assert len(set(montage.ch_names)) == montage.n_chans
    assert montage.sfreq is None or 100 <= montage.sfreq <= 1000
    # What is written in the file is already canonical: nothing was renamed on the way.
    written = tomllib.loads(file.read_text("utf-8"))["ch_names"]
    assert tuple(written) == montage.ch_names
    assert load_montage(file) == montage


def test_the_electrodes_of_the_paper_and_of_devices():
    electrodes = {
        name: " ".join(load_montage(name).ch_names) for name in list_montages()
    }
    assert electrodes["headphone"] == "C5 C3 C1 Cz C2 C4 C6"
    assert electrodes["headband"] == "Fz C5 C6 POz"
    assert electrodes["muse"] == "TP9 AF7 AF8 TP10"
    assert electrodes["brainbit"] == "T7 T8 O1 O2"
    assert {name: len(text.split()) for name, text in electrodes.items()} == {
        "brainalive": 8,
        "brainbit": 4,
        "crown": 8,
        "cyton": 8,
        "cyton_daisy": 16,
        "dreem": 5,
        "dsi_24": 19,
        "enophone": 4,
        "epoc_x": 14,
        "headband": 4,
        "headphone": 7,
        "hermes": 8,
        "insight": 5,
        "motor_3": 3,
        "muse": 4,
        "neurofield_q21": 19,
        "notion": 8,
        "occipital_3": 3,
        "smarting_24": 24,
        "unicorn": 8,
    }


def test_which_montages_fit_some_data():
    assert list_montages(CH_22) == ["headband", "headphone", "motor_3"]
    fitting = list_montages(CH_64)
    assert "epoc_x" in fitting
    assert "muse" not in fitting
    for name in list_montages():
        assert (name in fitting) == (set(load_montage(name).ch_names) <= set(NAMES_64))


def test_listing_imports_no_heavy_package():
    code = (
        "import sys; from eegkd.montage import list_montages; list_montages(); "
        "print([name for name in ('mne', 'scipy', 'torch') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# -- names and positions -----------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("Cz", "Cz"),
        ("FP1", "Fp1"),
        ("fpz", "Fpz"),
        ("T3", "T7"),
        ("t4", "T8"),
        ("T5", "P7"),
        ("T6", "P8"),
        ("T7", "T7"),
        (" Fc5. ", "FC5"),
        ("T9..", "T9"),
        ("FTT9H", "FTT9h"),
        ("TPP10h", "TPP10h"),
        ("a1", "A1"),
        ("EOG left", "EOG left"),
        (" E12.", " E12."),
        ("", ""),
    ],
)
def test_canonical_name(given, canonical):
    assert canonical_name(given) == canonical


def test_canonical_names_stay_as_they_are():
    names = mne_montage().ch_names
    for name in set(names) - {"T3", "T4", "T5", "T6"}:
        assert canonical_name(name) == name
        assert canonical_name(name.upper()) == name


def test_canonical_name_must_be_a_string():
    with pytest.raises(TypeError, match="'name' must be a string, got int"):
        canonical_name(3)


def test_positions_are_in_meters_and_leave_out_the_unknown():
    xyz = positions(["Cz", "FP1", "T3", "EOG"])
    assert list(xyz) == ["Cz", "FP1", "T3"]
    np.testing.assert_array_equal(xyz["T3"], positions(["T7"])["T7"])
    assert xyz["Cz"][2] > 0.08  # up
    assert xyz["T3"][0] < -0.07  # left
    assert xyz["FP1"][1] > 0.07  # front
    with pytest.raises(ValueError, match="read-only"):
        xyz["Cz"][0] = 0.0


def test_nearest_electrodes():
    found = nearest_electrodes("TP9", ["EOG", *CH_64])
    assert [name for name, _ in found] == ["T9..", "Tp7.", "T7.."]
    assert found[0][1] == pytest.approx(distance("TP9", "T9"))
    assert nearest_electrodes("t3", ["Cz", "T7"], 1) == [("T7", 0.0)]
    assert nearest_electrodes("Cz", ["EOG"]) == []


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("Foo", CH_22), ValueError, "'electrode' must be in the 10-05 system.*'Foo'"),
        ((3, CH_22), TypeError, "'electrode' must be a string, got int"),
        (("Cz", "Cz"), TypeError, "'ch_names' must be a list of channel names"),
        (("Cz", CH_22, 0), ValueError, "'n' must be an integer >= 1, got 0"),
    ],
)
def test_nearest_electrodes_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        nearest_electrodes(*arguments)


# -- loading -----------------------------------------------------------------------


def test_a_list_keeps_its_order_and_gets_canonical_names():
    for electrodes in (
        ["c4", "T3", "FZ"],
        ("c4", "T3", "FZ"),
        np.array(["c4", "T3", "FZ"]),
    ):
        montage = load_montage(electrodes)
        assert montage == Montage(name="custom", ch_names=("C4", "T7", "Fz"))
        assert all(type(electrode) is str for electrode in montage.ch_names)


def test_a_file_with_all_keys_and_with_the_needed_ones(tmp_path):
    text = 'name = "mine"\nch_names = ["t3", "CZ"]\ncitation = "manual"\n'
    least = load_montage(write(tmp_path, text))
    assert least == Montage(name="mine", ch_names=("T7", "Cz"), citation="manual")
    text += 'device = "D"\nreference = "A1"\nsfreq = 250\ndescription = "Two."\n'
    whole = load_montage(str(write(tmp_path, text)))
    assert whole == Montage("mine", ("T7", "Cz"), "D", "A1", 250.0, "manual", "Two.")
    assert type(whole.sfreq) is float


def test_a_montage_is_checked_and_comes_back():
    muse = load_montage("muse")
    assert load_montage(muse) == muse
    assert load_montage(Montage("mine", ["t3"])).ch_names == ("T7",)
    with pytest.raises(ValueError, match=r"'ch_names' must be in the 10-05.*'Q1'"):
        load_montage(Montage("mine", ("Q1",)))


def test_a_montage_is_a_value():
    muse = load_montage("muse")
    assert muse.n_chans == 4
    assert repr(muse) == "<Montage | muse: 'TP9', 'AF7', 'AF8', 'TP10'>"
    assert "O2" in repr(load_montage("smarting_24"))  # no electrode is left out
    assert hash(muse) == hash(load_montage("muse"))
    with pytest.raises(AttributeError, match="cannot assign"):
        muse.name = "other"
    saved = json.loads(json.dumps(muse.to_dict()))
    assert saved == muse.to_dict()
    assert load_montage(Montage(**saved)) == muse


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("Muse", ValueError, "Unknown name 'Muse'.*'headband'.*Did you mean 'muse'"),
        ("full", ValueError, "Unknown name 'full' for 'montage'. Allowed: "),
        ("Cz", ValueError, r"Unknown name 'Cz'.*list of electrodes such as \['C3'"),
        ("no/such.toml", FileNotFoundError, "existing TOML file, got 'no/such.toml'"),
        ("nowhere.TOML", FileNotFoundError, "existing TOML file, got 'nowhere.TOML'"),
        (Path("muse"), FileNotFoundError, "existing TOML file, got 'muse'"),
        (Path(), FileNotFoundError, r"existing TOML file, got '\.'"),
        (None, TypeError, "'montage' must be a name.*got NoneType"),
        (4, TypeError, "'montage' must be a name.*got int"),
        ({"C3", "C4"}, TypeError, "'montage' must be a name.*got set"),
        ([], ValueError, "'montage' must name at least one channel, got none"),
        (["C3", 4], TypeError, "'montage' must be a list of channel names"),
        (["C3", "C3"], ValueError, "hold each channel once, but 'C3' occur"),
        (["C3", "c3"], ValueError, "'C3' and 'c3' are the same electrode 'C3'"),
        (
            ["T3", "T7"],
            ValueError,
            "'T3' and 'T7' are the same electrode 'T7'. Keep one",
        ),
        (["Cz", "C33"], ValueError, "10-05 system.*got 'C33'.*Did you mean 'C3'"),
        (["Ch1", "Ch2"], ValueError, "10-05 system.*got 'Ch1', 'Ch2'. Correct"),
        (Montage("full", ("C3",)), ValueError, "'name' must be .* other than 'full'"),
        (Montage(" ", ("C3",)), ValueError, "'name' must be a name.*got ' '"),
        (Montage("a", ("C3",), sfreq=-1), ValueError, "'sfreq' must be .* > 0, got -1"),
        (Montage("a", ("C3",), device=None), TypeError, "'device' must be a string"),
        (Montage("a", ()), ValueError, "'ch_names' must name at least one channel"),
    ],
)
def test_load_errors(given, error, message):
    with pytest.raises(error, match=message):
        load_montage(given)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (
            "ch_names = [",
            ValueError,
            "must be valid TOML in UTF-8, but: .*A line reads",
        ),
        ("", ValueError, "missing: 'name', 'ch_names', 'citation'"),
        (
            'name = "a"\nch_names = ["C3"]',
            ValueError,
            "missing: 'citation', not all.*none",
        ),
        (
            "{ok}ch_name = 1",
            ValueError,
            "not allowed: 'ch_name'. Did you mean 'ch_names'",
        ),
        (
            'name = 1\nch_names = ["C3"]\ncitation = "s"',
            TypeError,
            "'name' in '.*' must be",
        ),
        (
            'name = "a"\nch_names = "C3"\ncitation = "s"',
            TypeError,
            "'ch_names' in '.*an array",
        ),
        (
            'name = "a"\nch_names = []\ncitation = "s"',
            ValueError,
            "'ch_names' in .*got none",
        ),
        (
            'name = "a"\nch_names = [1]\ncitation = "s"',
            TypeError,
            "'ch_names' in '.*mine.toml",
        ),
        (
            'name = "a"\nch_names = ["C3", "T5", "P7"]\ncitation = "s"',
            ValueError,
            "'ch_names' in '.*mine.toml' must name each.* once, but 'T5' and 'P7'",
        ),
        (
            'name = "a"\nch_names = ["C3", "POZZ"]\ncitation = "s"',
            ValueError,
            "'ch_names' in '.*mine.toml' must be in the 10-05.*Did you mean 'POz'",
        ),
        ('{ok}sfreq = "250"', TypeError, "'sfreq' in '.*' must be a finite number > 0"),
        ("{ok}sfreq = 0", ValueError, "'sfreq' in '.*got 0. It is in Hz"),
        ("{ok}sfreq = true", TypeError, "'sfreq' in '.*got bool True"),
        ("{ok}reference = 1", TypeError, "'reference' in '.*' must be a string"),
        ("{ok}device = []", TypeError, "'device' in '.*' must be a string, got list"),
        (
            'name = "full"\nch_names = ["C3"]\ncitation = "s"',
            ValueError,
            "other than 'full'",
        ),
    ],
)
def test_file_errors(tmp_path, text, error, message):
    ok = 'name = "a"\nch_names = ["C3", "C4"]\ncitation = "s"\n'
    with pytest.raises(error, match=message):
        load_montage(write(tmp_path, text.replace("{ok}", ok)))


def test_a_file_that_is_not_text(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_bytes(b"name = '\xff'")
    with pytest.raises(ValueError, match="must be valid TOML in UTF-8"):
        load_montage(file)


def test_list_errors():
    with pytest.raises(TypeError, match="'ch_names' must be a list of channel names"):
        list_montages("Cz")


# -- finding electrodes in data --------------------------------------------------------


@pytest.mark.parametrize("on_missing", MISSING)
def test_present_electrodes_are_picked_by_name_in_the_montages_order(on_missing):
    ch_names = ["EOG", "CZ", "t4", "C4..", "Pz", "c3", "T3"]
    found = resolve(["T7", "C3", "Cz", "C4", "T8"], ch_names, on_missing)
    assert found.ch_names == ("T7", "C3", "Cz", "C4", "T8")
    assert found.data_names == ("T3", "c3", "CZ", "C4..", "t4")
    assert found.index.tolist() == [6, 5, 1, 3, 2]
    assert found.index.dtype.kind == "i"
    assert found.weights is None
    assert found.substitutions == ()
    assert found.report() == ""


def test_the_headphone_on_another_order_of_channels():
    X = np.arange(22.0)
    straight = resolve("headphone", CH_22)
    turned = resolve("headphone", CH_22[::-1])
    assert straight.index.tolist() == list(range(6, 13))
    np.testing.assert_array_equal(X[straight.index], X[::-1][turned.index])


@pytest.mark.parametrize("on_missing", MISSING)
def test_present_electrodes_are_bit_identical_whatever_replaces_the_others(on_missing):
    X = np.random.default_rng(0).standard_normal((64, 500)).astype(np.float32)
    electrodes = ("AF7", "C3", "AF8") if on_missing == "error" else load_montage("muse")
    found = resolve(electrodes, CH_64, on_missing)
    if on_missing == "interpolate":
        seen = found.weights.astype(np.float32) @ X
    else:
        seen = X[found.index]
    for electrode in ("AF7", "AF8"):
        channel = NAMES_64.index(electrode)
        np.testing.assert_array_equal(seen[found.ch_names.index(electrode)], X[channel])


def test_a_missing_site_is_an_error_that_helps():
    with pytest.raises(ValueError, match="Montage 'muse' needs electrodes") as caught:
        resolve("muse", CH_64)
    message = str(caught.value)
    assert "'TP9' (nearest: 'T9..', 31 mm), 'TP10' (nearest: 'T10.', 31 mm)." in message
    assert "The data have 64 channels: 'Fc5.', 'Fc3.'" in message
    for name in list_montages(CH_64):
        assert repr(name) in message
    assert "'enophone'" not in message
    assert "on_missing='nearest' or on_missing='interpolate'" in message


def test_the_error_cuts_long_lists_and_copes_without_positions():
    with pytest.raises(ValueError, match=r"\.\.\. \(14 in all\)\. The data have 22"):
        resolve("smarting_24", CH_22)
    with pytest.raises(
        ValueError, match=r"do not have: 'C3', 'Cz', 'C4'\. .*that fit these data: none"
    ):
        resolve("motor_3", ["EEG1", "EEG2"])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("motor_3", CH_22, "zero"), ValueError, "'on_missing' must be one of 'error'"),
        (("motr_3", CH_22), ValueError, "Unknown name 'motr_3'.*mean 'motor_3'"),
        (("motor_3", "C3"), TypeError, "'ch_names' must be a list of channel names"),
        (
            ("motor_3", ["C3", "Cz", "C4", "T3", "T7"]),
            ValueError,
            "'ch_names' must name each electrode once, but 'T3' and 'T7' are the same",
        ),
        (
            ("muse", ["AF7", "AF8", "T9", "EOG"], "nearest"),
            ValueError,
            r"one free electrode .* \('TP9', 'TP10'\), but the data have 1: 'T9'",
        ),
        (
            ("muse", ["T9", "T10", "Fpz", "EOG", "EMG"], "interpolate"),
            ValueError,
            "at least 4 electrodes with a known position, but the data have 3",
        ),
    ],
)
def test_resolve_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        resolve(*arguments)


# -- nearest -----------------------------------------------------------------------


def test_muse_on_physionet_reads_t9_and_t10():
    found = resolve("muse", CH_64, "nearest")
    assert found.ch_names == ("TP9", "AF7", "AF8", "TP10")
    assert found.data_names == ("T9..", "Af7.", "Af8.", "T10.")
    assert found.index.tolist() == [
        NAMES_64.index(n) for n in ("T9", "AF7", "AF8", "T10")
    ]
    assert found.weights is None
    assert found.substitutions == (
        Substitution("TP9", "T9..", pytest.approx(distance("TP9", "T9"))),
        Substitution("TP10", "T10.", pytest.approx(distance("TP10", "T10"))),
    )
    assert found.report() == (
        "Not in the data: TP9 (read from T9.., 31 mm away), "
        "TP10 (read from T10., 31 mm away)."
    )


def test_the_electrodes_named_here_are_those_of_the_real_recordings(mne_data):
    file = next(Path(mne_data).rglob("S001R04.edf"))
    raw = mne.io.read_raw_edf(file, verbose="ERROR")
    assert raw.ch_names == CH_64


@pytest.mark.filterwarnings("ignore:Montage 'custom' reaches:UserWarning")
@pytest.mark.parametrize("seed", range(10))
def test_the_assignment_is_the_best_there_is(seed):
    """Compare with all assignments, tried one by one."""
    rng = np.random.default_rng(seed)
    drawn = [str(n) for n in rng.choice(NAMES_64, 9, replace=False)]
    present, missing, free = drawn[:2], drawn[2:5], drawn[5:]
    found = resolve([*missing, *present], [*free, *present], "nearest")
    assert found.data_names[3:] == tuple(present)
    assert len(set(found.data_names)) == 5
    totals = [
        sum(map(distance, missing, chosen))
        for chosen in itertools.permutations(free, 3)
    ]
    total = sum(change.distance_mm for change in found.substitutions)
    assert total == pytest.approx(min(totals))


@pytest.mark.parametrize("electrodes", [["F3", "AF7"], ["AF7", "F3"]])
def test_no_electrode_is_read_twice_although_both_electrodes_are_nearest_to_it(
    electrodes,
):
    """F5 is nearest to both, and nearer to F3, but FC3 is far from AF7 only."""
    ch_names = ["FC3", "F5", "EOG"]
    assert {
        nearest_electrodes(electrode, ch_names, 1)[0][0] for electrode in electrodes
    } == {"F5"}
    assert distance("F3", "F5") < distance("AF7", "F5") < FAR_MM
    found = resolve(electrodes, ch_names, "nearest")
    used = dict(zip(found.ch_names, found.data_names, strict=True))
    assert used == {"F3": "FC3", "AF7": "F5"}


def test_an_electrode_of_the_montage_is_not_moved():
    """T9 is nearest to TP9 but has its own place."""
    found = resolve(["T9", "TP9"], CH_64, "nearest")
    assert found.data_names == ("T9..", "Tp7.")


@pytest.mark.parametrize(
    ("on_missing", "verb"), [("nearest", "read from"), ("interpolate", "nearest is")]
)
def test_far_electrodes_are_warned_about(on_missing, verb):
    with pytest.warns(
        UserWarning, match=rf"'muse' reaches where .*TP9 \({verb} C5, 82 mm"
    ) as caught:
        found = resolve("muse", CH_22, on_missing)
    assert Path(caught[0].filename) == Path(__file__)
    assert found.ch_names == load_montage("muse").ch_names
    if on_missing == "nearest":
        used = {change.used: change.distance_mm for change in found.substitutions}
        assert set(used) == {"C5", "FC3", "FC4", "C6"}
        assert min(used.values()) > FAR_MM


# -- interpolation -----------------------------------------------------------------


@pytest.fixture(scope="module")
def muse_64():
    """Return Muse on 64 electrodes and two channels that have no position."""
    return resolve("muse", ["EOG", *CH_64, "trigger"], "interpolate")


def test_the_weights_of_present_electrodes_are_exact_picks(muse_64):
    assert muse_64.index is None
    assert muse_64.data_names == ("EOG", *CH_64, "trigger")
    assert muse_64.weights.shape == (4, 66)
    assert muse_64.weights.dtype == np.float64
    for row, electrode in ((1, "AF7"), (2, "AF8")):
        one_hot = np.zeros(66)
        one_hot[1 + NAMES_64.index(electrode)] = 1.0
        np.testing.assert_array_equal(muse_64.weights[row], one_hot)


def test_channels_without_a_position_take_no_part(muse_64):
    assert not muse_64.weights[:, [0, -1]].any()
    assert np.count_nonzero(muse_64.weights[0]) == 64
    assert muse_64.substitutions == ()
    assert muse_64.interpolated == ("TP9", "TP10")
    assert muse_64.report() == (
        "Not in the data: TP9, TP10 (interpolated from 64 electrodes by spherical "
        "splines)."
    )


def test_interpolation_is_mnes_own():
    """Equal to MNE's repair of bad channels in epochs, with the same sphere."""
    layout = mne_montage()
    everywhere = mne.create_info(layout.ch_names, 100.0, "eeg").set_montage(layout)
    _, center, _ = mne.bem.fit_sphere_to_headshape(
        everywhere, units="m", verbose="ERROR"
    )
    names = ["TP9", *NAMES_64, "TP10"]
    info = mne.create_info(names, 100.0, "eeg").set_montage(layout)
    X = np.random.default_rng(1).standard_normal((3, 66, 50))
    epochs = mne.EpochsArray(X, info, verbose="ERROR")
    epochs.info["bads"] = ["TP9", "TP10"]
    default = epochs.copy().interpolate_bads(verbose="ERROR").get_data(copy=False)
    repaired = epochs.interpolate_bads(origin=center, verbose="ERROR").get_data()

    found = resolve(["TP10", "Cz", "TP9"], NAMES_64, "interpolate")
    ours = found.weights @ X[:, 1:-1]
    np.testing.assert_allclose(ours[:, 0], repaired[:, -1], atol=1e-6)
    np.testing.assert_allclose(ours[:, 2], repaired[:, 0], atol=1e-6)
    np.testing.assert_array_equal(ours[:, 1], X[:, names.index("Cz")])
    # MNE's default fits the sphere to the electrodes at hand: nearly the same.
    assert np.corrcoef(ours[:, 0].ravel(), default[:, -1].ravel())[0, 1] > 0.999


@pytest.mark.parametrize("electrode", ["C3", "Pz", "FC4"])
def test_a_smooth_field_is_recovered(electrode):
    """A constant is kept; a field that is linear in space is off by a millimeter."""
    ch_names = [name for name in NAMES_64 if name != electrode]
    found = resolve([electrode], ch_names, "interpolate")
    xyz = np.array(list(positions(ch_names).values()))
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-9)
    np.testing.assert_allclose(
        found.weights @ xyz, [positions([electrode])[electrode]], atol=1e-3
    )


def test_weights_follow_the_datas_order_and_spelling(muse_64):
    order = np.random.default_rng(2).permutation(64)
    turned = resolve("muse", [CH_64[i].upper() for i in order], "interpolate")
    np.testing.assert_allclose(
        turned.weights, muse_64.weights[:, 1:-1][:, order], atol=1e-10
    )
