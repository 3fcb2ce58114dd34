"""What differs between paradigms, in one table: band, window, scoring, network.

A dataset says of which paradigm it is, and everything that depends on it is looked up
here. Each value has its reason beside it; none was chosen by looking at test scores.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from eegkd._checks import check_choice

__all__ = ["PARADIGMS", "Paradigm"]


@dataclass(frozen=True)
class Paradigm:
    """The defaults of one paradigm.

    Parameters
    ----------
    name : str
        What MOABB calls the paradigm of a dataset.
    title : str
        Its name in a sentence.
    moabb : tuple of str
        MOABB's paradigm classes that may be named in `eegkd.load_trials`, the default
        first.
    l_freq, h_freq : float
        Pass band in Hz.
    sfreq : float
        Sampling rate in Hz.
    metric : str
        Name in `eegkd.evaluation.metrics.METRICS` of the score that tables are about.
    decoder : str
        Network of teacher and student.
    published : str
        Their network with ``recipe="published"``.
    temperature : float or None
        Softness of scores in methods that have a ``temperature``; None leaves each
        method its own.
    window : float, optional
        Length in seconds of the windows that trials are cut into; None leaves trials
        whole.
    class_weight : {None, "balanced"}, default=None
        Weights of the classes in the loss on labels.
    decoder_options : mapping of str to mapping, optional
        By network, arguments that differ from its own defaults.
    taps : {None, "embedding"}, default=None
        Where methods compare features; None takes the network's own taps.
    trial : str, default=""
        What a trial is, as a sentence, where it is not one choice of the subject; then
        no bits a minute are counted.
    reasons : mapping of str to str
        Why each value is as it is, by field.
    """

    name: str
    title: str
    moabb: tuple[str, ...]
    l_freq: float
    h_freq: float
    sfreq: float
    metric: str
    decoder: str
    published: str
    temperature: float | None
    window: float | None = None
    class_weight: str | None = None
    decoder_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    taps: str | None = None
    trial: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)

    def network(self, recipe: Any = "default") -> str:
        """Return the network that goes with a recipe.

        Parameters
        ----------
        recipe : str, Recipe or mapping, default="default"
            As estimators take it.

        Returns
        -------
        decoder : str
            ``published`` for ``"published"``, else ``decoder``.
        """
        named = isinstance(recipe, str) and recipe == "published"
        return self.published if named else self.decoder

    def network_options(self, decoder: Any) -> dict[str, Any] | None:
        """Return the arguments of a network, None where it has its own defaults.

        Parameters
        ----------
        decoder : str or callable
            A network.

        Returns
        -------
        options : dict or None
            For ``student_options``, ``teacher_options`` or ``decoder_options`` of the
            estimators.
        """
        if not isinstance(decoder, str):
            return None
        return dict(self.decoder_options.get(decoder, {})) or None

    def method_options(
        self, method: Callable[..., Any], options: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Return the options of a method, with the paradigm's temperature.

        Parameters
        ----------
        method : callable
            ``method(training, **options)``.
        options : mapping or None
            Options that were chosen.

        Returns
        -------
        options : dict
            The same, and ``temperature`` where the paradigm has one and the method an
            option for it that nobody chose and whose default is another.
        """
        chosen = dict(options or {})
        known = inspect.signature(method).parameters.get("temperature")
        if self.temperature is None or known is None:
            return chosen
        if known.default != self.temperature:
            chosen.setdefault("temperature", self.temperature)
        return chosen


_TWO_CLASSES = (
    "Of two classes softened scores tell no more than plain ones, only less sharply; "
    "the teacher's probabilities are taken as they are."
)
_NATIVE = "MOABB's default, so that scores can be set beside its tables."
_RATE = "Above twice the band with room for the filter, and what EEGNet was made for."
_COVARIANCE = (
    "Rhythms show in the covariances of electrodes. With the 60 to 120 trials of one "
    "session a linear map of their logarithms is about as good as the best classical "
    "decoders, which no convolutional network was on the development data."
)
_EEGNET = (
    "Made for several paradigms and shown to work on event-related potentials; 2000 "
    "weights can be learned from one session (Lawhern et al., 2018)."
)

PARADIGMS: dict[str, Paradigm] = {
    "imagery": Paradigm(
        name="imagery",
        title="motor imagery",
        moabb=(
            "MotorImagery",
            "LeftRightImagery",
            "FilterBankMotorImagery",
            "FilterBankLeftRightImagery",
        ),
        l_freq=4.0,
        h_freq=38.0,
        sfreq=125.0,
        metric="accuracy",
        decoder="CovarianceNet",
        published="SCCNet",
        temperature=None,
        reasons={
            "l_freq": "Mu and beta rhythms, as in the paper on similarity keeping.",
            "sfreq": "That of SCCNet, whose kernels are in samples.",
            "metric": "Classes are balanced.",
            "class_weight": "Classes are balanced.",
            "decoder": _COVARIANCE,
            "published": "Squares and averages band power, what imagery changes; the "
            "paper's first network.",
            "taps": "Behind the spatial filters, as in the paper.",
            "temperature": "That of each method, 4 for KD and SK-KD as in the paper.",
        },
    ),
    "p300": Paradigm(
        name="p300",
        title="P300",
        moabb=("P300",),
        l_freq=1.0,
        h_freq=24.0,
        sfreq=64.0,
        metric="roc_auc",
        class_weight="balanced",
        decoder="EEGNet",
        published="EEGNet",
        decoder_options={
            "EEGNet": {
                "kernel_length": 32,
                "depthwise_kernel_length": 8,
                "pool1_kernel_size": 2,
            }
        },
        temperature=1.0,
        trial="Scores are of single stimuli, whose windows overlap. A speller decides "
        "after several repetitions, which is not counted here.",
        reasons={
            "l_freq": _NATIVE,
            "sfreq": "Enough for the band; with kernels of half the samples about a "
            "quarter of the work of 128 Hz.",
            "metric": "Five of six stimuli are no targets: whoever never says target "
            "is right in 83 % of the trials.",
            "class_weight": "Without it the cheapest answer is never to say target.",
            "decoder": _EEGNET + " At half of its rate kernels and the first pooling "
            "have half the samples, and last as long.",
            "taps": "Maps over time behind the spatial filter: responses are locked to "
            "the stimulus, which is what correlations over time compare.",
            "temperature": _TWO_CLASSES,
        },
    ),
    "ssvep": Paradigm(
        name="ssvep",
        title="SSVEP",
        moabb=("SSVEP", "FilterBankSSVEP"),
        l_freq=7.0,
        h_freq=45.0,
        sfreq=128.0,
        metric="accuracy",
        decoder="SpectrumNet",
        published="EEGNet",
        decoder_options={"EEGNet": {"kernel_length": 128}},
        temperature=None,
        reasons={
            "l_freq": _NATIVE + " The second harmonic of most stimuli is inside.",
            "sfreq": _RATE,
            "metric": "Classes are balanced.",
            "class_weight": "Classes are balanced.",
            "decoder": "Reads amplitude and phase at each frequency, which is what "
            "differs between stimuli. With 25 to 100 training trials convolutional "
            "networks were at chance level on the development data.",
            "published": "Its kernels last one second, which tells frequencies apart "
            "that differ by 1 Hz (Waytowich et al., 2018).",
            "taps": "Spectra behind the spatial filters: amplitudes and phases of the "
            "response.",
            "temperature": "That of each method: neighboring frequencies and harmonics "
            "are mistaken for each other, which softened scores tell.",
        },
    ),
    "cvep": Paradigm(
        name="cvep",
        title="c-VEP",
        moabb=("CVEP", "FilterBankCVEP"),
        l_freq=1.0,
        h_freq=45.0,
        sfreq=128.0,
        metric="accuracy",
        class_weight="balanced",
        decoder="EEGNet",
        published="EEGNet",
        decoder_options={
            "EEGNet": {
                "kernel_length": 16,
                "pool1_kernel_size": 2,
                "pool2_kernel_size": 2,
            }
        },
        temperature=1.0,
        trial="Scores are of single windows of a code, which overlap. Which code was "
        "looked at is decided from many of them, which is not counted here.",
        reasons={
            "l_freq": _NATIVE,
            "sfreq": _RATE,
            "metric": "Most codes have about as many flashes as pauses; for those that "
            "do not, such as burst codes, read balanced_accuracy beside it.",
            "class_weight": "No effect on balanced codes; others have fewer flashes.",
            "decoder": _EEGNET
            + " Windows last a third of a second, and so the kernels "
            "an eighth.",
            "taps": "Maps over time behind the spatial filter: responses are locked to "
            "each flash.",
            "temperature": _TWO_CLASSES,
        },
    ),
    "rstate": Paradigm(
        name="rstate",
        title="resting state",
        moabb=("RestingStateToP300Adapter",),
        l_freq=1.0,
        h_freq=35.0,
        sfreq=128.0,
        metric="accuracy",
        class_weight="balanced",
        decoder="SCCNet",
        published="SCCNet",
        taps="embedding",
        temperature=1.0,
        window=4.0,
        trial="Scores are of windows. Those of one segment are alike, so that there "
        "are fewer independent ones than are counted.",
        reasons={
            "l_freq": _NATIVE,
            "sfreq": "MOABB's default.",
            "metric": "Segments of the states are about as long.",
            "class_weight": "No effect on balanced states.",
            "decoder": "Squares and averages band power, what states differ in; about "
            "as good as the best classical decoders on the development data.",
            "taps": "Nothing is locked to the beginning of a window, so that maps over "
            "time have nothing in common; the pattern of power over filters has.",
            "temperature": _TWO_CLASSES,
            "window": "Segments last a minute and are few; four seconds hold some tens "
            "of cycles of alpha, and a device answers as fast.",
        },
    ),
}


def describe_paradigm(row: Paradigm) -> str:
    """Return what a paradigm sets, and why, as text.

    Parameters
    ----------
    row : Paradigm
        A row of the table.

    Returns
    -------
    text : str
        One line for each value.
    """
    lines = [f"{row.name}: {row.title}"]
    for item in fields(row):
        value = getattr(row, item.name)
        if item.name not in ("name", "title", "reasons") and value not in (
            None,
            {},
            "",
        ):
            shown = ", ".join(value) if isinstance(value, tuple) else f"{value}"
            reason = row.reasons.get(item.name)
            lines.append(
                f"  {item.name:<16}{shown}" + (f"\n{'':18}{reason}" if reason else "")
            )
    return "\n".join(lines)


def find_paradigm(name: str | None) -> Paradigm:
    """Return a row of the table.

    Parameters
    ----------
    name : str or None
        A key of `PARADIGMS`; None stands for trials of unknown kind, which are
        treated as motor imagery.

    Returns
    -------
    paradigm : Paradigm
        Its defaults.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    if name is None:
        return PARADIGMS["imagery"]
    return PARADIGMS[check_choice(name, "paradigm", PARADIGMS)]
