"""The report: what it says, that it stands alone, and what its figures show."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from eegkd.benchmark.fit_result import FitResult
from eegkd.evaluation.metrics import METRICS
from eegkd.evaluation.statistics import effective_trials
from eegkd.evaluation.table import SCORES
from eegkd.evaluation.wording import kind_name
from eegkd.report import (
    KIND_COLORS,
    plot_confusion,
    plot_history,
    plot_montage,
    plot_scores,
    plot_similarity,
    write_report,
)

CH_64 = (
    "FC5 FC3 FC1 FCz FC2 FC4 FC6 C5 C3 C1 Cz C2 C4 C6 CP5 CP3 CP1 CPz CP2 CP4 CP6 Fp1 "
    "Fpz Fp2 AF7 AF3 AFz AF4 AF8 F7 F5 F3 F1 Fz F2 F4 F6 F8 FT7 FT8 T7 T8 T9 T10 TP7 "
    "TP8 P7 P5 P3 P1 Pz P2 P4 P6 P8 PO7 PO3 POz PO4 PO8 O1 Oz O2 Iz"
).split()
MEANS = {"teacher": 0.75, "none": 0.5, "sk_kd": 0.55}
HOLDERS = {"teacher": "teachers", "none": "untaught", "sk_kd": "students"}
CLASSES = ["feet", "left_hand", "right_hand", "tongue"]


def make_result(n_subjects=9, n_seeds=3, classes=CLASSES, gain=0.05, **settings):
    """Return a made-up result: subject k is 0.02 k better, the student by ``gain``."""
    rng = np.random.default_rng(0)
    keys = [(who, seed) for who in range(1, n_subjects + 1) for seed in range(n_seeds)]
    means = {**MEANS, "sk_kd": MEANS["none"] + gain}
    if settings.get("method") == "none":
        del means["sk_kd"]
    scores, planned, history, predictions = [], [], [], []
    for who, seed in keys:
        for method, mean in means.items():
            accuracy = mean + 0.02 * (who - (n_subjects + 1) / 2)
            common = {"fold": str(who), "subject": str(who), "seed": seed}
            common["kind"] = "teacher" if method == "teacher" else "student"
            common["method"] = method
            job = {
                **common,
                "dataset": settings.get("dataset", "BNCI2014_001"),
                "evaluation": "individual",
                "decoder": "SCCNet",
                "montage": "full" if method == "teacher" else "headband",
                "key": f"{who} {seed} {method}",
            }
            planned.append({**job, "seeded": True, "status": "done"})
            scores.append(
                {
                    **dict.fromkeys([*SCORES, *METRICS], np.nan),
                    **job,
                    "simulated": settings.get("simulated", False),
                    "n_chans": 64 if method == "teacher" else 4,
                    "n_classes": len(classes),
                    "n_trials": 144,
                    "n_effective": effective_trials(np.repeat(classes, 12)),
                    "accuracy": accuracy,
                    "balanced_accuracy": accuracy,
                    "kappa": 2 * accuracy - 1,
                    "roc_auc": np.nan,
                }
            )
            n_epochs = 40 + 5 * (who % 3)
            epoch = np.arange(n_epochs)
            scale = 5.0 if method == "sk_kd" else 1.0
            noise = 0.03 * rng.standard_normal((2, n_epochs))
            valid = 0.6 + 0.8 * np.exp(-epoch / 8) + 0.006 * epoch + noise[0]
            history.append(
                pd.DataFrame(
                    {
                        "epoch": epoch,
                        "train_loss": scale * 1.4 * np.exp(-epoch / 12),
                        "valid_loss": scale * valid,
                        "valid_accuracy": mean - np.exp(-epoch / 8) / 4 + noise[1],
                    }
                ).assign(**common)
            )
            label = np.repeat(classes, 12)
            wrong = rng.random(len(label)) > accuracy
            guess = np.where(wrong, rng.choice(classes, len(label)), label)
            predictions.append(
                pd.DataFrame({"label": label, "predicted": guess, **common})
            )
    labels = np.repeat(classes, 20)
    same = (labels[:, None] == labels[None]).astype(float)
    example = {"labels": labels}
    for method, mean in means.items():
        noise = rng.standard_normal((len(labels), len(labels)))
        noise = (1.1 - mean) * (noise + noise.T) / 5
        example[HOLDERS[method]] = 0.3 * mean * same + noise + 0.2
    everything = SimpleNamespace(ch_names=tuple(CH_64))
    decoder = SimpleNamespace(
        view=SimpleNamespace(ch_names=everything.ch_names, montage=everything)
    )
    teacher = SimpleNamespace(decoder_=decoder)
    text = [(str(who), seed) for who, seed in keys]
    return FitResult(
        scores=pd.DataFrame(scores),
        planned=pd.DataFrame(planned),
        students=dict.fromkeys(text, SimpleNamespace()),
        untaught=dict.fromkeys(text, SimpleNamespace()),
        teachers=dict.fromkeys(text, teacher),
        history=pd.concat(history, ignore_index=True),
        predictions=pd.concat(predictions, ignore_index=True),
        example=example,
        settings={
            "dataset": "BNCI2014_001",
            "simulated": False,
            "data": {"l_freq": 4.0, "events": ["a<b", "c"], "nested": {"tmin": 0.5}},
            "data_fingerprint": "0123abcd",
            "classes": list(classes),
            "montage": {"name": "headband", "ch_names": ["Fz", "C5", "C6", "POz"]},
            "replaced_electrodes": "",
            "method": "sk_kd",
            "method_options": {},
            "evaluation": "individual",
            "test": "the last session of each subject",
            "seeds": list(range(n_seeds)),
            "classifier": {"lr": 0.001, "reference": None},
            "versions": {"python": "3.12.1", "eegkd": "0.1.0"},
            **settings,
        },
    )


def words(page):
    """Return a page's own text: tags, scripts and repeated blanks gone."""
    body = page[page.rindex("<body") :]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def electrodes(figure):
    """Return where a montage's figure shows electrodes."""
    shown = [dots.get_offsets() for dots in figure.axes[0].collections]
    return np.concatenate(shown)


class Sources(HTMLParser):
    """Collect what a browser would load for a page."""

    def __init__(self, page):
        super().__init__()
        self.found, self.styles = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        """Keep addresses of everything but links to click on."""
        if tag != "a":
            named = ("src", "srcset", "href", "data", "action", "poster")
            self.found += [(tag, value) for name, value in attrs if name in named]

    def handle_data(self, data):
        """Keep style sheets."""
        if self.lasttag == "style":
            self.styles += data


def texts(figure):
    """Return every text in a figure's axes."""
    found = [text.get_text() for ax in figure.axes for text in ax.texts]
    return found + [ax.get_title() for ax in figure.axes]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Write and read the page of a whole result."""
    file = tmp_path_factory.mktemp("report") / "new" / "report.html"
    before = plt.get_fignums()
    assert write_report(make_result(), file) == file
    assert plt.get_fignums() == before
    assert [path.name for path in file.parent.iterdir()] == ["report.html"]
    return file.read_text(encoding="utf-8")


def test_page_needs_no_other_file_and_no_network(page):
    sources = Sources(page)
    assert sum(tag == "img" for tag, _ in sources.found) == 6  # a logo, five figures
    assert all(sampler.startswith("data:") for _, sampler in sources.found)
    assert ".eegkd-long" in sources.styles
    assert not re.search(r"@import|url\((?!\s*[\"']?data:)", sources.styles)


def test_page_says_in_words_what_was_done_and_found(page):
    text = words(page)
    assert "Dataset BNCI2014_001 , 9 subjects, 3 seeds, 4 classes" in text
    assert "Montage headband : 4 electrodes (Fz, C5, C6, POz)" in text
    assert "Method: sk_kd (soft labels and similarity keeping)" in text
    assert "Tested on the last session of each subject" in text
    assert "Taught minus untaught student: +0.050 in accuracy" in text
    assert "paired permutation test over 9 subjects, seeds averaged: p = 0.004" in text
    assert "The taught student was more accurate." in text
    assert "chance level: 0.250" in text
    assert "SIMULATED" not in text
    assert "two classes" not in text
    assert "Incomplete" not in text


def test_page_has_the_numbers_of_the_summary_and_of_every_fit(page):
    text = words(page)
    for row in make_result().summary().to_dict("records"):
        assert f"{kind_name(row['kind'], row['method'])} , reads" in text
        assert f"mean accuracy {row['mean']:.3f}" in text
        assert f"{row['low']:.3f} to {row['high']:.3f}" in text
    body = page[page.rindex("<body") :]
    tables = re.findall(r"<table.*?</table>", body, flags=re.DOTALL)
    assert len(tables) == 3
    assert tables[1].count("<tr") == 1 + 9 * 3 * 3


def test_page_lists_settings_versions_citation_and_loading(page):
    text = words(page)
    assert "data: l_freq 4.0" in text
    assert "data: nested: tmin 0.5" in text
    assert "classifier: reference not set" in text
    assert "versions: python 3.12.1" in text
    assert "arXiv:2212.03329" in text
    assert "eegkd.load(&quot;folder&quot;)" in text
    assert "result.students[&#x27;1&#x27;, 0]" in text


def test_page_order(page):
    titles = (
        "What was done and found",
        "Scores",
        "Scores of each subject and seed",
        "Montage",
        "Accuracy of each subject",
        "Training",
        "Confusions",
        "Similarity of test trials",
        "Settings and versions",
        "How to cite",
        "How to load the models",
    )
    found = re.findall(r'<span class="me-auto"><a [^>]*>([^<]*)</a>', page)
    assert tuple(found) == titles


@pytest.fixture
def headline(tmp_path, monkeypatch):
    """Return a page's text without the time that figures take."""
    monkeypatch.setattr("eegkd.report.page._figures", lambda result: iter(()))

    def write(result):
        file = write_report(result, tmp_path / "report.html")
        return words(file.read_text(encoding="utf-8"))

    return write


def test_simulated_is_said_to_be_simulated(headline):
    text = headline(make_result(simulated=True))
    assert "BNCI2014_001 (SIMULATED DATA), montage headband" in text
    assert "SIMULATED DATA. The signals of BNCI2014_001 were computed" in text
    assert "The taught student was more accurate in this simulation." in text


@pytest.mark.parametrize(
    ("options", "expected", "absent"),
    [
        ({"gain": -0.03}, "The taught student was less accurate.", "more accurate"),
        ({"gain": 0.0}, "No difference was shown. That is not evidence", "accurate"),
        (
            {"n_subjects": 6},
            "The taught student was more accurate",
            "no difference can",
        ),
        (
            {"n_subjects": 5},
            "With 5 subjects no difference can reach p &lt; 0.05",
            "more accurate",
        ),
        ({"n_subjects": 1}, "With one subject this cannot be tested", "p ="),
        ({"n_seeds": 1}, "Unresolved: one seed; about", "3 seeds"),
        (
            {"classes": ["left", "right"]},
            "With two classes, soft labels carry nothing beyond the teacher's",
            "4 classes",
        ),
        (
            {"replaced_electrodes": "POz by Pz (28 mm)"},
            "Replaced electrodes. POz by Pz (28 mm)",
            "nothing",
        ),
        ({"method": "none"}, "The student was given no teacher", "Method:"),
    ],
)
def test_words_fit_the_result(headline, options, expected, absent):
    text = headline(make_result(**options))
    assert expected in text
    assert (
        absent
        not in text[text.index("What was done and found") : text.index("Settings and")]
    )


def test_failures_and_interruption_are_shown(headline):
    result = make_result()
    result.failures["4 1 sk_kd"] = "Traceback <x>\n  file\nFloatingPointError: The loss"
    result.interrupted = True
    text = headline(result)
    assert "Incomplete. The work was interrupted" in text
    assert "1 job failed and took no part in the scores" in text
    expected = "fold 4, sk_kd, SCCNet, headband, seed 1: FloatingPointError: The loss"
    assert expected in text
    assert "Traceback &lt;x&gt;" in text


def test_names_are_escaped_and_not_read_as_formulas(tmp_path):
    bad = "<script>$\\evil$</script>"
    result = make_result(
        n_subjects=2,
        n_seeds=1,
        classes=["a", bad],
        dataset=bad,
        montage={"name": bad, "ch_names": ["C3", bad]},
        replaced_electrodes=bad,
    )
    for table in (result.scores, result.predictions):
        table["subject"] += bad
    for table in (result.scores, result.planned):
        table["montage"] += bad
    page = write_report(result, tmp_path / "a.html").read_text(encoding="utf-8")
    assert bad not in page
    assert page.count("&lt;script&gt;$\\evil$") > 10


def test_page_of_students_without_teacher_and_validation(tmp_path):
    result = make_result(n_subjects=1, n_seeds=1, method="none")
    result.teachers.clear()
    del result.example["teachers"]
    for name in ("scores", "history", "predictions"):
        table = getattr(result, name)
        setattr(result, name, table[table["kind"] != "teacher"])
    result.planned = result.planned[result.planned["kind"] != "teacher"]
    result.history = result.history.drop(columns=["valid_loss", "valid_accuracy"])
    text = words(write_report(result, tmp_path / "a.html").read_text(encoding="utf-8"))
    assert "teacher , reads" not in text
    assert "untaught student , reads" in text


def test_existing_page_is_replaced_and_user_figures_stay(tmp_path, monkeypatch):
    monkeypatch.setattr("eegkd.report.page._figures", lambda result: iter(()))
    file = tmp_path / "report.HTML"
    file.write_text("old", encoding="utf-8")
    mine = plt.figure()
    try:
        size, style = plt.rcParams["font.size"], plt.rcParams["figure.dpi"]
        write_report(make_result(), str(file))
        assert plt.fignum_exists(mine.number)
        assert (plt.rcParams["font.size"], plt.rcParams["figure.dpi"]) == (size, style)
    finally:
        plt.close(mine)
    assert "BNCI2014_001" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["report.pdf", "report", ""])
def test_other_endings_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"'file' must end in '\.html', got"):
        write_report(make_result(1, 1), tmp_path / name if name else "")


def test_montage_names_its_electrodes_and_no_others():
    figure = plot_montage(["Fz", "C5", "C6", "POz"], CH_64)
    assert isinstance(figure, Figure)
    assert texts(figure)[:4] == ["Fz", "C5", "C6", "POz"]
    grey, *filled = figure.axes[0].collections
    assert len(grey.get_offsets()) == 60
    assert to_hex(filled[0].get_facecolor()[0]).upper() == KIND_COLORS["taught student"]
    (_, fz), (c5, _), (c6, _), (poz_x, poz) = electrodes(figure)[-4:]
    assert c5 < -0.3 < 0.3 < c6  # left of the head is left
    assert fz > 0.2 > -0.2 > poz  # nose up
    assert abs(poz_x) < 0.05


def test_montage_without_names_draws_as_many_electrodes():
    shown, named = (plot_montage(["C3", "C4"], names=names) for names in (False, True))
    assert not shown.axes[0].texts
    assert len(shown.axes[0].collections) == len(named.axes[0].collections)


def test_montage_lies_on_the_head():
    places = electrodes(plot_montage(CH_64))
    assert len(places) == 64
    assert np.linalg.norm(places, axis=1).max() < 1.1


@pytest.mark.parametrize("ch_names", [CH_64, CH_64[7:14], ["TP9", "M1", "M2", "TP10"]])
def test_montage_names_do_not_overlap(ch_names):
    figure = plot_montage(ch_names, CH_64)
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in figure.axes[0].texts]
    assert len(boxes) == len(ch_names)
    assert all(not a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    assert all(text.get_size() > 6 for text in figure.axes[0].texts)


def test_montage_says_which_electrodes_have_no_position():
    figure = plot_montage(["Cz", "in-ear $1"])
    assert "Without a known position: in-ear $1" in texts(figure)
    figure.draw_without_rendering()


def test_scores_are_paired_by_subject():
    scores = make_result().scores
    figure = plot_scores(scores, chance=0.25)
    ax = figure.axes[0]
    lines = [line for line in ax.lines if len(line.get_ydata()) == 3]
    assert len(lines) == 9
    np.testing.assert_allclose(lines[0].get_ydata(), [0.67, 0.42, 0.47])
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert names == [
        "teacher\n64 electrodes",
        "untaught student\n4 electrodes",
        "taught student\n4 electrodes\nsk_kd",
    ]
    assert {"chance", *map(str, range(1, 10))} <= set(texts(figure))
    dashed = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [0.25]
    assert ax.get_ylim()[0] < 0.25


def test_scores_show_the_intervals_and_do_not_blow_up_small_differences():
    scores = make_result(n_subjects=2).scores  # intervals of +-0.13
    low, high = plot_scores(scores).axes[0].get_ylim()
    assert low < 0.5 - 0.127
    assert high > 0.75 + 0.127
    scores["accuracy"] = np.where(scores["method"] == "sk_kd", 0.51, 0.5)
    low, high = plot_scores(scores).axes[0].get_ylim()
    assert high - low >= 0.3
    assert (low + high) / 2 == pytest.approx(0.5, abs=0.02)
    scores["accuracy"] = 1.0
    low, high = plot_scores(scores).axes[0].get_ylim()
    assert 1 < high < 1.05
    assert high - low >= 0.3


def test_scores_draw_on_given_axes_and_other_metrics():
    figure = Figure()
    ax = figure.add_subplot()
    assert plot_scores(make_result().scores, ax, metric="kappa") is figure
    assert ax.get_ylabel() == "Test kappa"
    assert not [line for line in ax.lines if line.get_linestyle() == "--"]


def test_names_of_equal_scores_do_not_overlap():
    scores = make_result().scores
    scores["accuracy"] = 0.5
    figure = plot_scores(scores)
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in figure.axes[0].texts]
    edges = sorted((box.y0, box.y1) for box in boxes)
    assert len(edges) == 9
    assert all(
        low[1] <= high[0] + 1 for low, high in zip(edges[:-1], edges[1:], strict=True)
    )


def test_history_marks_the_pass_that_was_kept():
    history = make_result(n_subjects=3, n_seeds=2).history
    figure = plot_history(history)
    assert len(figure.axes) == 6
    assert [ax.get_title() for ax in figure.axes[:3]] == list(KIND_COLORS)[:3]
    own = history.query("method == 'sk_kd' and fold == '2' and seed == 1")
    best = own.loc[own["valid_loss"].idxmin()]
    loss, accuracy = figure.axes[2].collections[0], figure.axes[5].collections[0]
    assert len(loss.get_offsets()) == 6
    assert [best["epoch"] + 1, best["valid_loss"]] in loss.get_offsets().tolist()
    expected = [best["epoch"] + 1, best["valid_accuracy"]]
    assert expected in accuracy.get_offsets().tolist()


def test_history_median_ends_where_most_runs_have_stopped():
    history = make_result(n_subjects=3, n_seeds=1).history  # 40, 45 and 50 epochs
    bold = [line for line in plot_history(history).axes[0].lines if line.get_label()]
    median = next(line for line in bold if line.get_label() == "training")
    values = np.asarray(median.get_ydata())
    assert np.isfinite(values[:45]).all()
    assert np.isnan(values[45:]).all()
    assert len(values) == 50


def test_history_without_validation_keeps_the_last_pass():
    history = make_result(1, 1).history.drop(columns=["valid_loss", "valid_accuracy"])
    figure = plot_history(history)
    assert len(figure.axes) == 3
    assert figure.axes[0].get_ylabel() == "Loss"


def test_confusion_is_in_percent_of_the_true_class():
    predictions = pd.DataFrame(
        {
            "kind": "student",
            "method": "kd",
            "label": ["a", "a", "a", "a", "b", "b"],
            "predicted": ["a", "a", "a", "b", "b", "c"],
        }
    )
    figure = plot_confusion(predictions)
    ax = figure.axes[0]
    shown = np.ma.filled(ax.images[0].get_array(), np.nan)
    np.testing.assert_array_equal(
        shown, [[75, 25, 0], [0, 50, 50], [np.nan, np.nan, np.nan]]
    )
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    assert texts(figure)[:6] == ["75", "25", "0", "0", "50", "50"]


def test_similarity_is_sorted_by_class_and_correlated_with_the_teacher():
    labels = np.array(["b", "a", "b", "a"])
    teacher = np.array(
        [[1, 0.1, 0.9, 0.2], [0.1, 1, 0.3, 0.8], [0.9, 0.3, 1, 0], [0.2, 0.8, 0, 1]]
    )
    example = {"teachers": teacher, "students": 1 - teacher, "labels": labels}
    figure = plot_similarity(example)
    first, second = figure.axes[:2]
    np.testing.assert_array_equal(
        first.images[0].get_array(), teacher[np.ix_([1, 3, 0, 2], [1, 3, 0, 2])]
    )
    assert first.get_title() == "teacher"
    assert second.get_title() == "taught student\ncorrelation with teacher -1.00"
    assert {line.get_ydata()[0] for line in first.lines} == {1.5, 0}
    assert first.images[0].get_clim() == second.images[0].get_clim()


def test_similarity_of_constant_features_has_no_correlation():
    example = {
        "teachers": np.eye(4),
        "students": np.ones((4, 4)),
        "labels": np.array(["a", "a", "b", "b"]),
    }
    figure = plot_similarity(example)
    assert "taught student\ncorrelation with teacher not defined" in texts(figure)
    figure.draw_without_rendering()
