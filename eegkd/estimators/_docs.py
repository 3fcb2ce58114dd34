"""What several estimators say in their docstrings, and take, written once."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

from eegkd import _docs as shared

DOC = {
    "network": """
{0} : str or callable, default="auto"
    Name of a network, see `eegkd.list_decoders`, or a callable
    ``f(n_chans, n_outputs, n_times, sfreq)`` that returns a ``torch.nn.Module``.
{0}_options : dict, None or "auto", default="auto"
    Further arguments of the network; None leaves all of them as they are by
    themselves.""",
    "picked": """
on_missing : {"error", "nearest", "interpolate"}, default="error"
    What to do about an electrode that the data do not have.
reference : {None, "average"}, default=None
    Whether to re-reference to the mean of the montage's electrodes.""",
    "arrays": """
ch_names : sequence of str, optional
    Channel names of arrays given to `fit`. Epochs and `Trials` bring theirs.
sfreq : float, optional
    Sampling rate in Hz of arrays given to `fit`.
units : {"auto", "V", "uV"}, default="auto"
    Unit of arrays, see `Trials.from_arrays`.""",
    "view": """
%(picked)s
standardize : {"channel", None}, default="channel"
    Whether each electrode is scaled by its deviation over the training trials.""",
    "signals": """
%(view)s
%(arrays)s""",
    "training": """
paradigm : str, default="auto"
    Key of `eegkd.PARADIGMS`: the row that decides every parameter that is
    ``"auto"``. By default that of the trials; motor imagery where they do not say.
recipe : str, Recipe or dict, default="default"
    How networks are trained: a key of `eegkd.distillation.RECIPES` (``"default"``,
    or ``"published"`` to reproduce the paper), a `Recipe`, or a dict of its fields.
    The six parameters that follow replace single fields of it unless they are
    ``"auto"``.
max_epochs : int or "auto", default="auto"
    Epochs over the training trials, of everyone who learns.
patience : int, None or "auto", default="auto"
    Stop after so many epochs without a lower validation loss.
batch_size : int or "auto", default="auto"
    Trials in a batch.
lr : float or "auto", default="auto"
    Highest learning rate.
weight_decay : float or "auto", default="auto"
    Strength of the weight decay.
valid_fraction : float or "auto", default="auto"
    Part of the trials of each subject, of each class where there are classes, from
    the end, that is not learned from and chooses the epoch whose weights are kept,
    and among teachers; 0 learns from all trials and keeps the last epoch.""",
    "weights": """
class_weight : {"auto", None, "balanced"} or dict of label to float, default="auto"
    How much a trial of each class counts in the loss on labels. ``"balanced"``
    makes classes count alike, however many trials they have.""",
    "no_weights": """
class_weight : {"auto", None}, default="auto"
    For classes only.""",
    "split": """
taps : {"auto", None, "embedding"}, sequence or mapping, default="auto"
    Where features are compared, see `eegkd.decoders.build_decoder`.""",
    "rest": """
%(split)s
random_state : int, default=0
    Seed of weights, order and dropout. The same seed gives the same weights on
    one CPU with as many threads.
device : str, default="auto"
    ``"auto"`` takes a GPU where there is one; or a torch device.
progress : callable, optional
    Called as ``progress(epoch, row)`` after each epoch.""",
    "distilled": """
teacher : None, str, callable, {0} or list of these, default=None
    None trains the student's kind of decoder on all electrodes; a name or
    callable another kind; an unfitted `{0}` is copied and trained
    with its own parameters; a fitted one is used as it is, also one read by
    `eegkd.persistence.load_classifier` or made by `{0}.from_network`.
    A list, for methods with several teachers, may mix decoders and montages. A
    fitted teacher must not have seen the trials that the student will be tested
    on.""",
    "student_options": """
method_options : dict, optional
    Options of the method, such as ``{"similarity_weight": 100}``. A temperature
    that is not among them is the paradigm's, where it has one.
student_options : dict, None or "auto", default="auto"
    Further arguments of the student's network; None leaves all of them as they are
    by themselves.
teacher_options : dict, None or "auto", default="auto"
    Further arguments of the network of a teacher that ``teacher`` names; where
    ``teacher`` is None they are by default those of the student.
n_teachers : int, default=1
    Candidates trained for each teacher, each with its own seed, of which the one
    with the lowest validation loss (without validation trials, the lowest training
    loss) teaches; not the number of teachers of a method with several, which is
    ``method_options={"n_teachers": ...}``.""",
    "calibrate": """
calibrate : float, None or "auto", default="auto"
    Scale the weight of every transfer loss so that its gradient on the first
    batch is so many times as long as the label loss's, > 0. None leaves weights as
    the method has them; ``"auto"`` is the recipe's, which methods whose weights move
    do not follow.""",
    "permuted": """
permuted_teacher : {None, "within_classes", "all_trials"}, default=None
    A control: the student learns from what the teacher says of *other* trials of the
    batch, of the same class or of any. A gain that such a student has as well does not
    come from what the teacher knows about single trials.""",
    "teachers": """
teacher_ : {0} or None
    The first teacher; None for methods without one.
teachers_ : list of {0}
    All teachers.""",
    "classes": """
classes_ : ndarray, shape (n_classes,)
    Labels, sorted.""",
    "unit": """
label_center_, label_scale_ : float
    Mean and standard deviation of the training labels.""",
    "learned": """
settings_ : dict
    What ``"auto"`` stood for: network, its options, and ``recipe``, how it was
    trained.
history_ : History
    Losses of each epoch.
fingerprint_ : str
    Short hash of what was learned.
ch_names_in_ : tuple of str
    Channels given to `fit`.
n_times_, sfreq_ : int and float
    Samples in a trial and sampling rate in Hz.""",
    "X_train": """
X : mne.Epochs, list of mne.Epochs, Trials, TrainingData or ndarray
    Trials with all electrodes. Arrays have shape (n_trials, n_chans, n_times) and
    need the parameters ``ch_names`` and ``sfreq``. `TrainingData` shares what
    several estimators would do with the same trials.
y : array-like, shape (n_trials,), optional
    Labels, of any type for classes; by default those that epochs or `Trials`
    carry.
subjects : array-like, shape (n_trials,), optional
    Subject of each trial, so that each takes part in the validation.""",
    "X_predict": """
X : mne.Epochs, list of mne.Epochs, Trials or ndarray
    Trials with all electrodes of `fit` or only the montage's, in any order
    by name. Arrays have shape (n_trials, n_chans, n_times) and, unless
    ``ch_names`` is given, the channels of `fit` or of the montage in order.
ch_names : sequence of str, optional
    Channel names of an array.""",
    "refused": """
NotFittedError
    If `fit` has not been called.
ValueError
    If an electrode is missing, or rate, length or scale do not match, or a
    value of the montage's electrodes is not finite.""",
}


fill_doc = shared.fill_doc(DOC)


def assign(estimator: Any, given: Mapping[str, Any]) -> None:
    """Keep the parameters of a constructor, its ``locals()``, as attributes."""
    for name, value in given.items():
        if name not in ("self", "__class__"):
            setattr(estimator, name, value)


def with_defaults(constructor: Any, **defaults: Any) -> Any:
    """Return a copy of a constructor with other defaults of positional parameters."""
    made = types.FunctionType(constructor.__code__, constructor.__globals__)
    names = constructor.__code__.co_varnames[1 : constructor.__code__.co_argcount]
    known = zip(names, constructor.__defaults__, strict=True)
    made.__defaults__ = tuple(defaults.get(name, value) for name, value in known)
    made.__kwdefaults__ = constructor.__kwdefaults__
    made.__annotations__ = constructor.__annotations__
    return made
