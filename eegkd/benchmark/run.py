"""`benchmark`: the grid of all jobs, resumed, in parallel, with conclusions."""

from __future__ import annotations

import contextlib
import inspect
import sys
import time
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eegkd._checks import check_int
from eegkd.benchmark.grid import (
    DataChangedError,
    Grid,
    Job,
    Recordings,
    fold_digest,
    fold_id,
    lay_out,
    make_grid,
    needed_first,
    relative,
)
from eegkd.benchmark.results import Results
from eegkd.benchmark.store import Store
from eegkd.evaluation.fold import Item
from eegkd.evaluation.table import SCORES

if TYPE_CHECKING:
    import pandas as pd

# Arguments of `benchmark` that say how the work is done, not what.
WORKING = ("n_jobs", "cluster", "progress")
WAIT_SECONDS = 1.0  # between looks at what another process is doing


def benchmark(
    datasets: Any,
    montages: Any = ("headphone", "headband"),
    methods: Any = ("none", "kd", "sk_kd"),
    decoders: Any = None,
    *,
    baselines: Any = (),
    evaluation: Any = "individual",
    test: str | Sequence[str] = "auto",
    subjects: Sequence[Any] | None = None,
    n_seeds: int = 10,
    random_state: int = 0,
    store: str | Path = "results.sqlite",
    n_jobs: int = 1,
    cluster: Any = None,
    data: dict[str, Any] | None = None,
    progress: bool | None = None,
    **training: Any,
) -> Results:
    """Compare methods over datasets, subjects, montages, decoders and seeds.

    Every combination is a job of its own, written to the store when it is finished.
    Calling again does what is missing, so that an interrupted benchmark is resumed
    and a finished one is only read. A teacher is trained once for all its students.

    Parameters
    ----------
    datasets : str, moabb dataset, Trials or list of these
        What to compare on.
    montages : str, path, Montage or list of these, default=("headphone", "headband")
        Electrodes of the students. Teachers and baselines are tested on all
        electrodes as well.
    methods : list of str or callable, or dict, default=("none", "kd", "sk_kd")
        How students are taught, see `eegkd.METHODS`. A dict gives labels to methods
        with options: ``{"strong": {"method": "sk_kd", "similarity_weight": 900}}``.
        Where a method trains its student longer, more often or with averaged weights,
        and "none" is among them, an untaught student that is trained so is added, with
        which it is compared.
    decoders : list of str or callable, optional
        Networks of teacher and student, see `eegkd.list_decoders`. By default that of
        each dataset's paradigm, see `eegkd.PARADIGMS`, which also has the schedule,
        class weights and temperature that are not given here.
    baselines : list of str or callable, or dict, default=()
        Decoders without a teacher, see `eegkd.baselines`; a dict gives options, as
        for methods. Those without randomness are run with the first seed only.
    evaluation : str or list of str, default="individual"
        ``"individual"``, ``"dependent"`` or ``"independent"`` (the paper's), or
        ``"within_session"``, ``"cross_session"`` or ``"cross_subject"`` (MOABB's),
        see `eegkd.evaluation.splits.evaluation_folds`.
    test : {"auto", "session", "run", "time"} or list of str, default="auto"
        What the first three hold out, see `eegkd.evaluation.splits.held_out`.
    subjects : sequence, optional
        Subjects of each dataset; all by default.
    n_seeds : int, default=10
        Seeds, counted from ``random_state``.
    random_state : int, default=0
        First seed.
    store : str or path, default="results.sqlite"
        File that holds what is finished. Several processes may use one file.
    n_jobs : int, default=1
        Jobs at once, each in a process of its own with one thread; -1 takes all
        processors.
    cluster : str, distributed.Client or distributed cluster, optional
        Dask cluster to use instead, such as ``"tcp://host:8786"``. Its workers have
        one thread each.
    data : dict, optional
        Options of `eegkd.load_trials`, such as ``{"l_freq": 8, "h_freq": 32}``.
    progress : bool, optional
        Whether to show a progress bar; by default when the error output is a
        terminal.
    **training
        Parameters of `DistilledClassifier`: ``max_epochs``, ``patience``, ``lr``,
        ``weight_decay``, ``batch_size``, ``calibrate``, ``class_weight``, ``taps``,
        ``valid_fraction``, ``n_teachers``, ``teacher``, ``on_missing``, ``reference``,
        ``standardize``, ``device``, ``student_options``, ``teacher_options``,
        ``paradigm``. ``permuted_teacher`` adds a student with a permuted teacher beside
        each that reads a given one, a control.

    Returns
    -------
    results : Results
        Scores and what follows from them. After Ctrl-C, or when jobs failed, it says
        what is missing.

    Raises
    ------
    ValueError, TypeError
        If an argument is not allowed, or a montage does not fit a dataset; before
        anything is trained.
    FileNotFoundError
        If a dataset is neither on disk nor to be downloaded.
    OSError
        If the store cannot be written; what was finished before is safe in it.

    See Also
    --------
    eegkd.fit : One montage and method, with models and training curves.
    load_results : Read a store without the call that made it.

    Examples
    --------
    >>> import tempfile
    >>> import eegkd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     results = eegkd.benchmark(
    ...         "SimulatedMotorImagery", "headband", ["none", "kd"], subjects=[1],
    ...         n_seeds=1, max_epochs=1, store=folder + "/store.sqlite")
    >>> results.complete, len(results.scores)
    (True, 3)
    """
    said = {name: value for name, value in locals().items() if name not in WORKING}
    n_processes = count_processes(n_jobs)
    run = prepare(**said.pop("training"), **said)
    interrupted = run.finish(n_processes, cluster, progress)
    return run.results(interrupted)


def count_processes(n_jobs: int) -> int:
    """Return how many jobs run at once: all processors for -1."""
    if check_int(n_jobs, "n_jobs", at_least=-1) == 0:
        raise ValueError("'n_jobs' must be >= 1, or -1 for all processors, got 0.")
    if n_jobs > 0:
        return n_jobs
    import joblib

    return joblib.cpu_count()


def prepare(*datasets: Any, **said: Any) -> Run:
    """Find out which jobs a benchmark has, without doing any.

    Takes what `benchmark` takes, but for how the work is done.
    """
    bound = inspect.signature(benchmark).bind(*datasets, **said)
    bound.apply_defaults()
    given = {n: value for n, value in bound.arguments.items() if n not in WORKING}
    store, data = given.pop("store"), given.pop("data")
    grid = make_grid(**given, data={} if data is None else data)
    if not isinstance(store, (str, Path)):
        raise TypeError(
            f"'store' must be the path of a file, got {type(store).__name__}."
        )
    run = Run(grid, Store(store))
    run.lay_out()
    return run


def load_results(store: str | Path = "results.sqlite") -> Results:
    """Read the results of the latest benchmark that a store was used for.

    Parameters
    ----------
    store : str or path, default="results.sqlite"
        File that `benchmark` wrote.

    Returns
    -------
    results : Results
        What is finished, and what is missing.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a store, or nothing was begun in it.
    """
    if not Path(store).is_file():
        raise FileNotFoundError(
            f"'store' must be a file that eegkd.benchmark wrote, got {str(store)!r}, "
            "which does not exist. Check the spelling."
        )
    opened = Store(store)
    layout = opened.grid()
    if layout is None:
        raise ValueError(
            f"'store' {str(store)!r} holds no benchmark yet. Run eegkd.benchmark."
        )
    return collect(opened, layout)


@dataclass
class Run:
    """One call of `benchmark`: its grid, its store, and what is loaded meanwhile.

    Parameters
    ----------
    grid : Grid
        What was asked for.
    store : Store
        Where results are kept.
    """

    grid: Grid
    store: Store
    layout: dict[str, Any] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)
    _spec: str = ""
    _recordings: list[Recordings] | None = None
    _latest: tuple[Any, Any] = (None, None)

    def lay_out(self, anew: bool = False) -> None:
        """Find out which jobs there are; the store remembers an equal call's."""
        self._spec = self._spec or self.grid.spec()  # hashes Trials: once
        layout = None if anew else self.store.grid(self._spec)
        if layout is None:
            layout = lay_out(self.grid, self.recordings)
            layout["settings"] = self.grid.settings()
            self.store.save_grid(self._spec, layout)
        self.layout = layout
        self.jobs = [Job(**fields) for fields in layout["jobs"]]

    @property
    def recordings(self) -> list[Recordings]:
        """The datasets, opened when they are first needed."""
        if self._recordings is None:
            self._recordings = [
                Recordings(dataset, self.grid.subjects, self.grid.data)
                for dataset in self.grid.datasets
            ]
        return self._recordings

    def missing(self) -> list[Job]:
        """Return the jobs that are not finished, failed ones included."""
        done = self.store.done(job.key for job in self.jobs)
        return [job for job in self.jobs if job.key not in done]

    def finish(
        self, n_jobs: int = 1, cluster: Any = None, progress: bool | None = None
    ) -> bool:
        """Do what is missing; say whether Ctrl-C ended the work early."""
        self.store.use_grid(self._spec)
        if not self.missing():
            return False
        self._check_device()
        self._retrain_lost_teachers()
        with _Bar(len(self.missing()), progress) as bar, self.store.at_work():
            try:
                try:
                    self._finish(n_jobs, cluster, bar)
                except DataChangedError:
                    # Files were replaced since the grid was laid out: once more.
                    self._recordings, self._latest = None, (None, None)
                    self.lay_out(anew=True)
                    bar.restart(len(self.missing()))
                    self._finish(n_jobs, cluster, bar)
            except KeyboardInterrupt:
                return True
        return False

    def _check_device(self) -> None:
        """Lay the grid out anew if it was made where networks ran elsewhere."""
        from eegkd.estimators.training_data import find_device

        device = self.grid.training.get("device", "auto")
        if find_device(device).type != self.layout["device"]:
            self.lay_out(anew=True)

    def _finish(self, n_jobs: int, cluster: Any, bar: _Bar) -> None:
        """Do the missing teachers, then everything else."""
        from eegkd.benchmark.engine import open_engine

        done = self.store.done(job.key for job in self.jobs)
        with open_engine(n_jobs, cluster) as engine:
            for part in needed_first(self.jobs, done):
                self._do(part, engine, bar)

    def _do(self, jobs: list[Job], engine: Any, bar: _Bar) -> None:
        """Do jobs, or wait for the other process that does them."""
        begun = time.time()
        todo = {job.key: job for job in jobs}
        failed: set[str] = set()
        while todo:
            for outcome in engine(self._claimed(todo, failed)):
                job = todo.pop(outcome.key)
                self._write(job, outcome)
                if outcome.traceback:
                    failed.add(job.key)
                bar.advance(job, failed=bool(outcome.traceback))
            elsewhere = self._elsewhere(todo, begun, bar)
            for key in failed:
                todo.pop(key, None)
            if elsewhere:
                bar.wait(len(todo))
                time.sleep(WAIT_SECONDS)

    def _claimed(self, todo: dict[str, Job], failed: set[str]) -> Iterator[Any]:
        """Yield the tasks of those jobs that no other process works on."""
        for job in list(todo.values()):
            if job.key in failed or not self.store.claim(job.key):
                continue
            if job.teacher and self.store.model(job.teacher) is None:
                text = "The job of its teacher failed, so that it could not be done."
                self.store.fail(job.key, job.described(), text)
                failed.add(job.key)
                continue
            yield self.task(job)

    def _elsewhere(self, todo: dict[str, Job], begun: float, bar: _Bar) -> bool:
        """Drop what other processes finished or failed; say if they are at work."""
        done, busy = self.store.done(todo), self.store.claimed(todo)
        for key in done | self.store.failures_since(begun, todo):
            bar.advance(todo.pop(key), failed=key not in done)
        return bool(busy)

    def _write(self, job: Job, outcome: Any) -> None:
        """Keep what a job gave."""
        if outcome.traceback:
            self.store.fail(job.key, job.described(), outcome.traceback)
            return
        (scored,) = outcome.done
        self.store.finish(
            job.key, job.described(), scored.rows, outcome.seconds, scored.model
        )

    def _retrain_lost_teachers(self) -> None:
        """Count teachers whose weights are gone or damaged as missing again."""
        missing = self.missing()
        keys = {job.key for job in missing}
        for teacher in {job.teacher for job in missing if job.teacher} - keys:
            if self.store.model(teacher) is None:
                self.store.forget(teacher)

    def task(self, job: Job) -> Any:
        """Return everything that a worker needs for a job."""
        from eegkd.benchmark.work import Task
        from eegkd.decoders.build import factory_name

        self.grid.add_controls()  # the store may remember jobs of theirs
        trials, fold = self._fold(job)
        teacher = self.grid.training.get("teacher")
        own = [*(self.grid.decoders or {}).values()]
        own.append(getattr(teacher, "decoder", teacher))
        return Task(
            key=job.key,
            items=[Item(self.estimator(job), job.described())],
            trials=trials,
            fold=fold,
            teacher=self.store.model(job.teacher) if job.teacher else None,
            decoders={factory_name(one): one for one in own if callable(one)},
        )

    def estimator(self, job: Job) -> Any:
        """Return the unfitted estimator of a job."""
        paradigm = self.layout["paradigms"][job.recording]
        montage = self.grid.montages.get(job.montage)
        if job.kind == "baseline":
            return self.grid.baseline(job.method, montage, paradigm, job.seed)
        networks = self.grid.networks(paradigm)
        network = networks.get(job.decoder, next(iter(networks.values())))
        student = self.grid.student(job.method, network, montage, job.seed)
        if job.kind == "teacher":
            return student
        # Its teacher comes trained.
        return student.set_params(teacher=None, teacher_options=None)

    def _fold(self, job: Job) -> tuple[Any, Any]:
        """Return the trials of a job's fold, those of the latest one from memory."""
        name = fold_id(job.recording, job.evaluation, job.fold)
        if self._latest[0] != name:
            recording = self.recordings[job.recording]
            test = self.layout["tests"][f"{job.recording}:{job.evaluation}"]
            found = recording.folds(job.evaluation, test, only=job.fold)
            trials, fold, _ = next(found, (None, None, None))
            if trials is None or fold is None:
                raise DataChangedError(name)
            if fold_digest(trials, fold) != self.layout["folds"].get(name):
                raise DataChangedError(name)
            self._latest = (name, relative(trials, fold))
        return self._latest[1]

    def results(self, interrupted: bool = False) -> Results:
        """Return what is in the store."""
        results = collect(self.store, self.layout)
        results.interrupted = interrupted
        n_missing = len(results.missing())
        if n_missing:
            n_failed = len(results.failures)
            warnings.warn(
                f"{len(self.jobs) - n_missing} of {len(self.jobs)} jobs are finished; "
                + ("the work was interrupted; " if interrupted else "")
                + (f"{n_failed} failed (see results.failures); " if n_failed else "")
                + "calling again does what is missing.",
                stacklevel=3,
            )
        return results


def collect(store: Store, layout: dict[str, Any]) -> Results:
    """Put together what a store has of a grid."""
    jobs = [Job(**fields) for fields in layout["jobs"]]
    keys = [job.key for job in jobs]
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in store.rows(keys):
        rows.setdefault(row["key"], []).append(row)
    failures, busy = store.failures(keys), store.claimed(keys)
    simulated = {fact["dataset"]: fact["simulated"] for fact in layout["facts"]}
    scores, planned = tabulate(jobs, rows, simulated, failures, busy)
    settings = {
        **layout["settings"],
        "facts": layout["facts"],
        "store": str(store.path),
    }
    return Results(scores, planned, failures, settings)


def tabulate(
    jobs: Sequence[Job],
    rows: Mapping[str, list[dict[str, Any]]],
    simulated: Mapping[str, bool],
    failures: Collection[str],
    busy: Collection[str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what jobs gave and what became of them: the tables of `eegkd.Results`.

    ``rows`` and ``failures`` are by key; ``busy`` are those that another process works
    on; ``simulated`` says it for each dataset.
    """
    import pandas as pd

    planned, scores = [], []
    for job in jobs:
        named = {**job.described(), "key": job.key}
        status = "missing"
        for name, keys in (("failed", failures), ("running", busy), ("done", rows)):
            status = name if job.key in keys else status
        planned.append({**named, "seeded": job.seeded, "status": status})
        # Names are those of this call: other calls may have named the data otherwise.
        own = {**named, "simulated": simulated[job.dataset]}
        scores += [{**row, **own} for row in rows.get(job.key, [])]
    table = pd.DataFrame(scores)
    # Jobs that were done before a metric existed have none of it.
    columns = dict.fromkeys([*SCORES, *table.columns])
    return table.reindex(columns=list(columns)), pd.DataFrame(planned)


class _Bar:
    """One progress bar with rate, remaining time and failures."""

    def __init__(self, total: int, progress: bool | None) -> None:
        from tqdm import tqdm

        show = sys.stderr.isatty() if progress is None else progress
        self.bar = tqdm(total=total, unit="job", disable=not show, smoothing=0.1)
        self.n_failed = 0

    def advance(self, job: Job, failed: bool = False) -> None:
        """Count a job."""
        self.n_failed += failed
        text = f"{job.dataset} {job.fold} {job.montage} {job.method}"
        self.bar.set_description(text, refresh=False)
        if self.n_failed:
            self.bar.set_postfix_str(f"{self.n_failed} failed", refresh=False)
        self.bar.update()

    def wait(self, n_jobs: int) -> None:
        """Say that another process does what is left."""
        self.bar.set_description(f"waiting for another process: {n_jobs} jobs")

    def restart(self, total: int) -> None:
        """Count another number of jobs."""
        self.bar.reset(total)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(AttributeError):
            self.bar.close()
