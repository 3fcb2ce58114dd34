"""`fit`: from a dataset to teacher, student and scores in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eegkd.benchmark.fit_result import FitResult
from eegkd.benchmark.fit_run import make_student, run_fits
from eegkd.estimators._docs import fill_doc

__all__ = ["fit"]


@fill_doc
def fit(
    dataset: Any,
    montage: Any = None,
    *,
    method: Any = None,
    estimator: Any = None,
    decoder: Any = None,
    teacher: Any = None,
    student: Any = None,
    subjects: Sequence[Any] | None = None,
    evaluation: str = "individual",
    test: str | Sequence[str] = "auto",
    n_seeds: int = 1,
    random_state: int = 0,
    device: str = "auto",
    data: dict[str, Any] | None = None,
    n_jobs: int = 1,
    progress: bool | None = None,
    validate: bool = True,
    method_options: Mapping[str, Any] | None = None,
    student_options: Mapping[str, Any] | str | None = "auto",
    teacher_options: Mapping[str, Any] | str | None = "auto",
    n_teachers: int = 1,
    on_missing: str = "error",
    reference: str | None = None,
    standardize: str | None = "channel",
    paradigm: str = "auto",
    recipe: Any = "default",
    max_epochs: int | str = "auto",
    patience: int | str | None = "auto",
    batch_size: int | str = "auto",
    lr: float | str = "auto",
    weight_decay: float | str = "auto",
    valid_fraction: float | str = "auto",
    calibrate: float | str | None = "auto",
    permuted_teacher: str | None = None,
    class_weight: Any = "auto",
    taps: Any = "auto",
) -> FitResult:
    """Train a teacher on all electrodes and a student on a wearable's, and test both.

    For each fold and seed a teacher reads all electrodes of the dataset, an untaught
    student reads the montage's electrodes without a teacher, and a student reads the
    same electrodes with it. All three see the same training trials; the test trials
    are read once, at the end.

    Parameters
    ----------
    dataset : str, moabb dataset or Trials
        A name in `eegkd.list_datasets`, a MOABB class name, a MOABB dataset, or
        trials that are loaded already.
    montage : str, path, list of str or Montage, optional
        The student's electrodes, see `eegkd.list_montages`; "headband" by default.
    method : str or callable, optional
        How the student is taught, see `eegkd.METHODS`; "sk_kd" by default.
    estimator : DistilledClassifier, optional
        A student with settings of its own. It is cloned, and stays as it is: one that
        is fitted is trained anew. What it leaves at its default may be given here, such
        as a ``montage``, which then replaces it; two values of one setting are an
        error.
    decoder : str or callable, optional
        Network of teacher and student, see `eegkd.list_decoders`. By default that of
        the dataset's paradigm, see Notes.
    teacher, student : str, callable or DecoderClassifier, optional
        Another network for one of the two; ``teacher`` may be a `DecoderClassifier`.
    subjects : sequence, optional
        Subjects to load; all by default.
    evaluation : str, default="individual"
        Train on each subject's own training sessions (``"individual"``), on those of
        all subjects (``"dependent"``) or of all other subjects (``"independent"``); or
        MOABB's ``"within_session"``, ``"cross_session"`` and ``"cross_subject"``, see
        `eegkd.evaluation.splits.evaluation_folds`.
    test : {"auto", "session", "run", "time"} or list of str, default="auto"
        What the first three hold out, see `eegkd.evaluation.splits.held_out`.
    n_seeds : int, default=1
        Seeds, counted from ``random_state``.
    random_state : int, default=0
        First seed.
    device : str, default="auto"
        ``"auto"`` takes a GPU where there is one; or a torch device.
    data : dict, optional
        Options of `eegkd.load_trials`, such as ``{"l_freq": 8, "h_freq": 32}``.
    n_jobs : int, default=1
        Folds and seeds to work on at once, each in a process of its own with one
        thread; -1 takes all processors.
    progress : bool, optional
        Whether to show a progress bar; by default when the output is a terminal.
    validate : bool, default=True
        Whether teacher, untaught and taught student are scored on trials of the
        training, see ``result.validation`` and ``result.best``. Where the training
        holds validation trials out, this costs nothing; where it learns from all of
        them, each model is trained once more on three quarters of them, which adds
        about three quarters to the time.
    %(student_options)s
    %(view)s
    %(training)s
    %(calibrate)s
    permuted_teacher : {None, "within_classes", "all_trials"}, default=None
        A control beside the taught student: another one that learns from what the
        teacher says of *other* trials of the batch, of the same class or of any. Its
        rows say so.
    %(weights)s
    %(split)s

    Returns
    -------
    result : FitResult
        Scores, models and history. After Ctrl-C it holds what was finished.

    Raises
    ------
    ValueError
        If an argument is not allowed, or the montage does not fit the dataset.
    FileNotFoundError
        If the dataset is neither on disk nor to be downloaded.

    Warns
    -----
    UserWarning
        If the teacher is not better than the untaught student on validation trials, or
        not everything was finished.

    See Also
    --------
    eegkd.benchmark : Many methods, montages and datasets, resumed after interruptions.

    Notes
    -----
    What is left out is looked up in `eegkd.PARADIGMS` for the paradigm of the dataset:
    band, window and rate, network, class weights and temperature, and the score that
    tables are about. How networks are trained is looked up in
    `eegkd.distillation.RECIPES`. The paradigm's network has its options there whether
    it is chosen by default or by name; ``student_options=None`` or
    ``teacher_options=None`` takes the network as braindecode has it. `Trials` whose
    paradigm is not known are treated as motor imagery.

    Examples
    --------
    >>> import eegkd
    >>> result = eegkd.fit("SimulatedMotorImagery", montage="headband",
    ...                    subjects=[1], max_epochs=2)
    >>> result.scores[["kind", "method"]].to_numpy().tolist()
    [['teacher', 'teacher'], ['student', 'none'], ['student', 'sk_kd']]
    """
    said = dict(locals())
    of_run = ("dataset", "subjects", "data", "evaluation", "test", "n_seeds")
    run = {name: said.pop(name) for name in (*of_run, "n_jobs", "validate")}
    run["progress"] = said.pop("progress")  # a bar here, a function of a student
    return run_fits(make_student(**said), **run)
