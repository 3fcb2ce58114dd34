"""The grid: everything a comparison is made of, as independent jobs with keys.

A job's key is a hash of everything that determines its result: the trials, which of
them train and test, the electrodes, the network, the method, every setting, the seed
and the versions of the packages. Equal keys mean equal results, whoever made them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from eegkd._checks import (
    check_choice,
    check_int,
    check_method_options,
    check_registered,
    join_names,
)
from eegkd._hashing import content, digest
from eegkd.benchmark.fit_result import versions
from eegkd.data.filter_bank import electrodes_of
from eegkd.data.paradigms import find_paradigm
from eegkd.data.trials import Trials
from eegkd.evaluation.splits import (
    EVALUATIONS,
    HOLD_OUT,
    TESTS,
    Fold,
    automatic_test,
    evaluation_folds,
)
from eegkd.montage import Montage, load_montage, resolve

# Evaluations in which no subject needs another one's trials.
ALONE = ("individual", "within_session", "cross_session")
FULL = "full"
# Columns of the metadata that decide who learns what; in the keys of all jobs.
WHO_AND_WHEN = ("subject", "session", "run", "group", "start", "stop")
LAYOUT_FORMAT = 2  # of what the store remembers of a grid
MEMORY = 2**31  # bytes of trials to keep at most, beyond those at work


class DataChangedError(ValueError):
    """The trials on disk are not those that the grid was made of."""

    def __init__(self, fold: str) -> None:
        super().__init__(
            f"The trials of fold {fold!r} differ from those that this comparison was "
            "laid out with. The files of the dataset have changed; call again."
        )


@dataclass(frozen=True)
class Job:
    """One training and its test.

    Parameters
    ----------
    key : str
        Hash of everything that determines the result.
    source : int
        Number of the dataset in the call.
    dataset, evaluation, fold : str
        Which trials, cut how, which part.
    kind : {"teacher", "student", "baseline"}
        What is trained.
    method, decoder, montage : str
        How, which network (empty for classical baselines), on which electrodes.
    seed : int
        Seed of weights, order and dropout.
    teacher : str or None
        Key of the teacher's job, for students that need one.
    seeded : bool, default=True
        Whether the seed changes the result.
    """

    key: str
    source: int
    dataset: str
    evaluation: str
    fold: str
    kind: str
    method: str
    decoder: str
    montage: str
    seed: int
    teacher: str | None = None
    seeded: bool = True

    def described(self) -> dict[str, Any]:
        """Return what tells the job's rows apart.

        Returns
        -------
        described : dict
            The fields that are columns of the table of scores.
        """
        hidden = ("key", "source", "teacher", "seeded")
        return {k: v for k, v in asdict(self).items() if k not in hidden}


@dataclass
class Grid:
    """What `eegkd.benchmark` was asked for, checked as far as needs no data.

    Parameters
    ----------
    datasets : list
        Names, MOABB datasets or `Trials`.
    montages : dict of str -> Montage
        The low-density montages by name.
    methods : dict of str -> tuple of (name or callable, dict)
        Methods and their options, by the label in the tables.
    decoders : dict of str -> name or callable, or None
        Networks of teacher and student; None takes that of each dataset's paradigm.
    baselines : dict of str -> tuple of (name or callable, dict)
        Baselines and their options.
    evaluations : list of str
        How trials are cut into training and test.
    test : str or list of str
        What the first three evaluations hold out.
    subjects : list or None
        Subjects of each dataset; all by default.
    seeds : list of int
        Seeds.
    data : dict
        Options of `eegkd.load_trials`.
    training : dict
        Parameters of `eegkd.DistilledClassifier`.
    options : dict of str -> dict or None
        ``student_options`` of each decoder, by its label, where ``training`` has none.
    """

    datasets: list[Any]
    montages: dict[str, Montage]
    methods: dict[str, tuple[Any, dict[str, Any]]]
    decoders: dict[str, Any] | None
    baselines: dict[str, tuple[Any, dict[str, Any]]]
    evaluations: list[str]
    test: Any
    subjects: list[Any] | None
    seeds: list[int]
    data: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    options: dict[str, dict[str, Any] | None] = field(default_factory=dict)

    def spec(self) -> str:
        """Return a hash of everything that was asked for, and of the versions.

        Returns
        -------
        spec : str
            Equal for equal calls.
        """
        datasets = [
            trials_content(item) if isinstance(item, Trials) else item
            for item in self.datasets
        ]
        asked = {**vars(self), "datasets": datasets}
        return digest([asked, _packages(), LAYOUT_FORMAT])

    def adapted(self, paradigm: str | None) -> Grid:
        """Return the grid for datasets of one paradigm, nothing left open.

        Parameters
        ----------
        paradigm : str or None
            A key of `eegkd.PARADIGMS`; None stands for trials of unknown kind.

        Returns
        -------
        grid : Grid
            With the paradigm's network, schedule and temperature wherever none was
            asked for.
        """
        from eegkd.methods import METHODS

        row = find_paradigm(paradigm)
        training = {**row.training(), **self.training}
        decoders = self.decoders
        if decoders is None:
            decoders = {row.decoder: row.decoder}
        options = {}
        if "student_options" not in training:
            options = {name: row.network_options(one) for name, one in decoders.items()}
        if training.get("teacher") is not None:
            own = row.network_options(training["teacher"])
            training.setdefault("teacher_options", own)
        methods = {}
        for label, (method, chosen) in self.methods.items():
            function = check_registered(method, "methods", METHODS)
            methods[label] = (method, row.method_options(function, chosen))
        return replace(
            self,
            decoders=decoders,
            methods=methods,
            training=training,
            options=options,
        )

    def own_options(self, label: str) -> dict[str, Any]:
        """Return the parameters that belong to the network of one decoder alone.

        Parameters
        ----------
        label : str
            The decoder's label in the tables.

        Returns
        -------
        parameters : dict
            ``student_options``, where it is the decoder's own; else nothing.
        """
        if label not in self.options:
            return {}
        return {"student_options": self.options[label]}

    def settings(self) -> dict[str, Any]:
        """Return everything that was asked for as plain data, for reports.

        Returns
        -------
        settings : dict
            JSON-ready.
        """
        return {
            "montages": {name: list(m.ch_names) for name, m in self.montages.items()},
            "methods": {
                label: {"method": _label(method), **content(options)}
                for label, (method, options) in self.methods.items()
            },
            "decoders": None if self.decoders is None else list(self.decoders),
            "baselines": {
                label: {"baseline": _label(baseline), **content(options)}
                for label, (baseline, options) in self.baselines.items()
            },
            "evaluations": self.evaluations,
            "test": content(self.test),
            "subjects": content(self.subjects),
            "seeds": self.seeds,
            "n_seeds": len(self.seeds),
            "data": content(self.data),
            "training": content(self.training),
            "versions": versions(),
        }


def make_grid(
    datasets: Any,
    montages: Any,
    methods: Any,
    decoders: Any,
    *,
    baselines: Any,
    evaluation: Any,
    n_seeds: int,
    random_state: int,
    **others: Any,
) -> Grid:
    """Check what `eegkd.benchmark` was given, and put it in one form.

    Parameters
    ----------
    datasets, montages, methods, decoders, baselines, evaluation : object
        See `eegkd.benchmark`.
    n_seeds, random_state : int
        Seeds, counted from ``random_state``.
    **others
        ``test``, ``subjects``, ``data`` and ``training`` of `Grid`.

    Returns
    -------
    grid : Grid
        The same, named and checked.

    Raises
    ------
    ValueError, TypeError
        If an argument is not allowed.
    """
    check_int(n_seeds, "n_seeds", at_least=1)
    check_int(random_state, "random_state", at_least=0)
    grid = Grid(
        datasets=_list(datasets),
        montages=_named_montages(montages),
        methods=_with_options(methods, "methods"),
        decoders=None if decoders is None else _named_decoders(decoders),
        baselines=_with_options(baselines, "baselines"),
        evaluations=_evaluation_list(evaluation),
        seeds=list(range(random_state, random_state + n_seeds)),
        **others,
    )
    if not grid.datasets or not (grid.decoders != {} or grid.baselines):
        lacking = "decoders or baselines" if grid.datasets else "datasets"
        raise ValueError(f"'{lacking}' must name at least one, got none.")
    if not isinstance(grid.data, dict):
        raise TypeError(
            "'data' must be a dict of options of eegkd.load_trials, got "
            f"{type(grid.data).__name__}."
        )
    if grid.data and any(isinstance(item, Trials) for item in grid.datasets):
        raise ValueError(
            f"'data' ({join_names(grid.data)}) is for datasets that are loaded, but "
            "'datasets' holds Trials, which are ready. Leave it out."
        )
    labels = ["teacher", *grid.methods, *grid.baselines]
    if len(set(labels)) < len(labels):
        raise ValueError(
            "'methods' and 'baselines' must have labels of their own, and none may be "
            f"'teacher', got {join_names(labels[1:], 80)}. "
            "Give labels with a dict."
        )
    return grid


def _evaluation_list(evaluation: Any) -> list[str]:
    """Return one or several evaluations as a list of distinct ones."""
    names = list(dict.fromkeys(_list(evaluation)))
    if not names:
        raise ValueError("'evaluation' must name at least one, got none.")
    return [check_choice(name, "evaluation", EVALUATIONS) for name in names]


def _named_montages(montages: Any) -> dict[str, Montage]:
    """Return montages by name; a list of electrodes is one montage."""
    from eegkd.data.channels import positions
    from eegkd.montage import list_montages

    items = montages if isinstance(montages, (list, tuple)) else [montages]
    texts = [item for item in items if isinstance(item, str)]
    known = {*list_montages()}
    all_texts = len(texts) == len(items) > 1
    # No montage is named so: electrodes, if any of them is one.
    if all_texts and not known & set(texts) and positions(texts):
        items = [list(items)]
    wanted = [load_montage(item) for item in items]
    named = {montage.name: montage for montage in wanted}
    if FULL in named or len(named) < len(wanted):
        raise ValueError(
            "'montages' must have distinct names other than 'full', got "
            f"{join_names(montage.name for montage in wanted)}. Teachers and baselines "
            "are tested on all electrodes anyway; give montages of your own a name "
            "with eegkd.Montage(name=..., ch_names=...)."
        )
    return named


def _named_decoders(decoders: Any) -> dict[str, Any]:
    """Return decoders by the label in the tables."""
    if isinstance(decoders, Mapping):
        return {str(label): decoder for label, decoder in decoders.items()}
    return _distinct("decoders", _list(decoders))


def _with_options(value: Any, argument: str) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Return methods or baselines, and their options, by the label in the tables."""
    if not isinstance(value, Mapping):
        named = _distinct(argument, _list(value))
        return {label: (item, {}) for label, item in named.items()}
    found, name = {}, argument.removesuffix("s")
    for label, item in value.items():
        options = dict(item) if isinstance(item, Mapping) else {name: item}
        found[str(label)] = (options.pop(name, label), options)
    return found


def _distinct(argument: str, items: list[Any]) -> dict[str, Any]:
    """Return items by label; refuse two of one label."""
    named = {_label(item): item for item in items}
    if len(named) < len(items):
        raise ValueError(
            f"'{argument}' must have distinct names, got "
            f"{join_names(map(_label, items), 80)}. Give labels with a dict: "
            "{'mine': ..., 'other': ...}."
        )
    return named


class Recordings:
    """The trials of one dataset, loaded when they are needed.

    Parameters
    ----------
    dataset : str, moabb dataset or Trials
        What is loaded.
    subjects : list or None
        Which subjects; all by default.
    options : dict
        Of `eegkd.load_trials`.

    Attributes
    ----------
    subjects : list
        The subjects.
    paradigm : str or None
        Of which paradigm the trials are.
    """

    def __init__(
        self, dataset: Any, subjects: Sequence[Any] | None, options: dict[str, Any]
    ) -> None:
        from eegkd.data.find import check_subjects, list_subjects, paradigm_of

        self.dataset, self.options = dataset, options
        self.paradigm = paradigm_of(dataset)
        if isinstance(dataset, Trials):
            self.subjects = check_subjects(subjects, dataset.subjects, dataset.name)
        else:
            self.subjects = list_subjects(dataset, subjects)
        self._loaded: OrderedDict[Any, Trials] = OrderedDict()

    def folds(
        self, evaluation: str, test: Any, only: str | None = None
    ) -> Iterator[tuple[Trials, Fold, str]]:
        """Yield the folds of an evaluation, each with the trials it counts in.

        Parameters
        ----------
        evaluation : str
            See `eegkd.evaluation.splits.evaluation_folds`.
        test : str or list of str
            What the first three evaluations hold out.
        only : str, optional
            Name of the only fold that is wanted.

        Yields
        ------
        trials : Trials
            Trials of one subject, or of all where a fold needs several.
        fold : Fold
            Which of them train and test.
        rule : str
            What is tested on, in words.
        """
        alone = evaluation in ALONE
        for who in self.subjects if alone else [None]:
            if alone and only is not None and not f"{only}/".startswith(f"{who}/"):
                continue
            trials = self._trials(who)
            folds, rule = evaluation_folds(trials.metadata, trials.y, evaluation, test)
            yield from (
                (trials, fold, rule) for fold in folds if only in (None, fold.name)
            )

    def rule(self, evaluation: str, test: Any) -> Any:
        """Return what is held out: one rule for all subjects of a dataset.

        Parameters
        ----------
        evaluation : str
            See `eegkd.evaluation.splits.evaluation_folds`.
        test : str or list of str
            What was asked for; evaluations that hold out decide ``"auto"`` by
            the data.

        Returns
        -------
        test : str or list of str
            The strictest rule that every subject allows.
        """
        if test != "auto" or evaluation not in HOLD_OUT:
            return test
        found = set()
        for who in self.subjects if evaluation in ALONE else [None]:
            trials = self._trials(who)
            found.add(automatic_test(trials.metadata, trials.y))
        return max(found, key=TESTS.index)  # from strict to lenient

    def _trials(self, who: Any) -> Trials:
        """Return the trials of one subject, or of all; keep the latest in memory."""
        if who not in self._loaded:
            self._loaded[who] = self._load(self.subjects if who is None else [who])
        self._loaded.move_to_end(who)
        sizes = [trials.X.nbytes for trials in self._loaded.values()]
        while len(sizes) > 1 and sum(sizes) > MEMORY:
            self._loaded.popitem(last=False)
            sizes.pop(0)
        return self._loaded[who]

    def _load(self, subjects: list[Any]) -> Trials:
        """Load subjects."""
        from eegkd.data.load import load_trials

        if isinstance(self.dataset, Trials):
            chosen = self.dataset.metadata["subject"].isin(subjects).to_numpy()
            return self.dataset.subset(chosen)
        return load_trials(
            self.dataset, subjects=subjects, **{"progress": False, **self.options}
        )


def lay_out(grid: Grid, sources: Sequence[Recordings]) -> dict[str, Any]:
    """Return all jobs of a grid, and facts about the data.

    Datasets are read one subject at a time where the evaluation allows it.

    Parameters
    ----------
    grid : Grid
        What was asked for.
    sources : sequence of Recordings
        Its datasets.

    Returns
    -------
    layout : dict
        ``jobs``, a list of the fields of `Job`; ``facts`` about the data, a list;
        ``folds``, the hash of each fold's trials by dataset, evaluation and name;
        ``tests``, what is held out by dataset and evaluation; ``paradigms``, that of
        each dataset; and ``device``.

    Raises
    ------
    ValueError
        If a montage does not fit a dataset, or a name is unknown.
    """
    paradigms = [source.paradigm for source in sources]
    grids = {paradigm: grid.adapted(paradigm) for paradigm in dict.fromkeys(paradigms)}
    traits = {paradigm: _Traits.of(own) for paradigm, own in grids.items()}
    packages = _packages()
    jobs: list[dict[str, Any]] = []
    facts, folds, tests = [], {}, {}
    for number, source in enumerate(sources):
        here = grids[source.paradigm]
        for evaluation in grid.evaluations:
            known = {"source": number, "evaluation": evaluation}
            test = source.rule(evaluation, grid.test)
            tests[f"{number}:{evaluation}"] = test
            fact: dict[str, Any] = {}
            for trials, fold, rule in source.folds(evaluation, test):
                fact = fact or _facts(here, trials, rule, evaluation)
                hashed = fold_digest(trials, fold)
                folds[fold_id(number, evaluation, fold.name)] = hashed
                own = {**known, "dataset": trials.name, "fold": fold.name}
                shared = _Fold(own, [hashed, packages])
                found = _jobs(here, traits[source.paradigm], shared)
                jobs += [asdict(job) for job in found]
            facts.append(fact)
    names = [fact["dataset"] for fact in facts if fact["evaluation"] == evaluation]
    if len(set(names)) < len(names):
        raise ValueError(
            f"'datasets' must have distinct names, got {join_names(names)}. Give "
            "Trials of your own a name: dataclasses.replace(trials, name='mine')."
        )
    return {
        "jobs": jobs,
        "facts": facts,
        "folds": folds,
        "tests": tests,
        "paradigms": paradigms,
        "device": traits[paradigms[0]].device,
    }


def fold_id(source: int, evaluation: str, fold: str) -> str:
    """Return the name of a fold among those of all datasets and evaluations."""
    return f"{source}:{evaluation}:{fold}"


def trials_content(trials: Trials) -> list[Any]:
    """Return everything about trials that a grid depends on, read anew.

    Parameters
    ----------
    trials : Trials
        Ready trials.

    Returns
    -------
    content : list
        A hash of signals and labels, and who, when and what they are.
    """
    signals = replace(trials).fingerprint  # of a copy: arrays may have changed
    who = _who_and_when(trials)
    what = [trials.name, trials.simulated, trials.paradigm]
    return [signals, who, *what, content(trials.settings)]


def _who_and_when(trials: Trials) -> dict[str, list[str]]:
    """Return what the metadata say that decides who learns what."""
    known = [name for name in WHO_AND_WHEN if name in trials.metadata]
    return {name: trials.metadata[name].astype(str).tolist() for name in known}


def fold_digest(trials: Trials, fold: Fold) -> str:
    """Return a hash of the trials of a fold and of who trains and tests on which.

    Parameters
    ----------
    trials : Trials
        The trials that the fold counts in.
    fold : Fold
        The fold.

    Returns
    -------
    digest : str
        Equal for equal signals, labels, subjects and parts.
    """
    needed, small = fold.compact()
    chosen = trials.subset(needed)
    who = _who_and_when(chosen)
    test = [[str(name), rows] for name, rows in small.test.items()]
    return digest([chosen.fingerprint, who, small.train, test])


@dataclass(frozen=True)
class _Traits:
    """What one must know of methods, baselines and training to lay out jobs."""

    taught: set[str]  # methods that need a teacher
    seeded: set[str]  # baselines that depend on the seed
    anywhere: set[str]  # baselines that read all electrodes as well
    training: dict[str, Any]  # with defaults filled in
    device: str  # where networks are trained

    @classmethod
    def of(cls, grid: Grid) -> _Traits:
        """Look up, and check, everything that the grid names."""
        from eegkd.baselines import BASELINES
        from eegkd.estimators import (
            DistilledClassifier,
            check_training,
            find_device,
        )
        from eegkd.methods import METHODS

        own = ("student", "method_options", "random_state")
        defaults = check_training(grid.training, "benchmark", own)
        _check_teacher(grid.training.get("teacher"))
        taught = set()
        for label, (method, options) in grid.methods.items():
            found = check_registered(method, "methods", METHODS)
            check_method_options(found, options, f"'methods' gives {label!r}")
            if getattr(found, "needs_teacher", True):
                taught.add(label)
        for decoder in (grid.decoders or {}).values():
            DistilledClassifier(student=decoder, **grid.training).check()
        seeded, anywhere = set(), set()
        for label, (baseline, options) in grid.baselines.items():
            factory = check_registered(baseline, "baselines", BASELINES)
            factory(None, **options)
            if getattr(factory, "uses_seed", True):
                seeded.add(label)
            if not getattr(factory, "needs_montage", False):
                anywhere.add(label)
        training = {**defaults, **grid.training}
        device = find_device(training["device"]).type
        return cls(taught, seeded, anywhere, {**training, "device": device}, device)


def _check_teacher(teacher: Any) -> None:
    """Refuse several teachers, and one that may have seen trials that are tested on."""
    if isinstance(teacher, (list, tuple)):
        raise TypeError(
            "'teacher' must be one network or unfitted DecoderClassifier in a "
            f"comparison, got a list of {len(teacher)}. Methods with several teachers "
            "train the others themselves; DistilledClassifier(teacher=[...]) takes "
            "lists."
        )
    if getattr(teacher, "__sklearn_is_fitted__", bool)():
        raise ValueError(
            "'teacher' must not be fitted: it may have seen test trials of some fold. "
            "Pass sklearn.base.clone(teacher), which is trained in each fold, or use "
            "DistilledClassifier(teacher=...) on trials that it has not seen."
        )


@dataclass(frozen=True)
class _Fold:
    """A fold whose jobs are made: what they share, and what is in all their keys."""

    known: dict[str, Any]
    shared: list[Any]  # of the keys: trials and versions

    def job(
        self, kind: str, names: Sequence[str], seed: int, *parts: Any, **more: Any
    ) -> Job:
        """Return a job whose key is made of the parts and of what all share."""
        shared = [self.known["evaluation"], self.known["fold"], *self.shared]
        method, decoder, montage = names
        return Job(
            key=digest([kind, list(names), seed, shared, *parts]),
            kind=kind,
            method=method,
            decoder=decoder,
            montage=montage,
            seed=seed,
            **self.known,
            **more,
        )


def _jobs(grid: Grid, traits: _Traits, fold: _Fold) -> Iterator[Job]:
    """Yield all jobs of one fold, teachers before their students."""
    for seed in grid.seeds:
        teachers: dict[str, Job] = {}
        for name, decoder in (grid.decoders or {}).items():
            training = {**traits.training, **grid.own_options(name)}
            # The teacher reads all electrodes as they are.
            of_teacher = {k: v for k, v in training.items() if k != "on_missing"}
            label, network = teacher_network(grid, name, decoder)
            if label not in teachers:
                item = ("teacher", label, FULL)
                teachers[label] = fold.job("teacher", item, seed, network, of_teacher)
                yield teachers[label]
            for place, montage in grid.montages.items():
                for method, (function, options) in grid.methods.items():
                    needed = teachers[label].key if method in traits.taught else None
                    own = (decoder, function, options, montage.ch_names, needed)
                    item = (method, name, place)
                    yield fold.job(
                        "student", item, seed, training, *own, teacher=needed
                    )
    yield from _baseline_jobs(grid, traits, fold)


def _baseline_jobs(grid: Grid, traits: _Traits, fold: _Fold) -> Iterator[Job]:
    """Yield the jobs of the baselines of one fold."""
    for label, (baseline, options) in grid.baselines.items():
        places: dict[str, Any] = {name: m.ch_names for name, m in grid.montages.items()}
        if label in traits.anywhere:
            places[FULL] = None
        seeded = label in traits.seeded
        training = baseline_options(baseline, traits.training)
        for seed in grid.seeds if seeded else grid.seeds[:1]:
            for place, ch_names in places.items():
                own = (training, baseline, options, ch_names)
                item = (label, "", place)
                yield fold.job("baseline", item, seed, *own, seeded=seeded)


def teacher_network(grid: Grid, name: str, decoder: Any) -> tuple[str, Any]:
    """Return label and network of the teacher of a student's decoder.

    Parameters
    ----------
    grid : Grid
        What was asked for.
    name : str
        Label of the student's decoder.
    decoder : str or callable
        The student's decoder.

    Returns
    -------
    label : str
        The network's label in the tables.
    network : object
        The same network, or the one that ``teacher`` names for all.
    """
    teacher = grid.training.get("teacher")
    if teacher is None:
        return name, decoder
    return _label(getattr(teacher, "decoder", teacher)), teacher


def baseline_options(baseline: Any, training: Mapping[str, Any]) -> dict[str, Any]:
    """Return those parameters of the training that a baseline takes.

    Parameters
    ----------
    baseline : str or callable
        A name in `eegkd.BASELINES` or a factory.
    training : mapping
        Parameters of `eegkd.DistilledClassifier`.

    Returns
    -------
    options : dict
        For the factory.
    """
    from eegkd.baselines import BASELINES

    factory = check_registered(baseline, "baselines", BASELINES)
    known = {"on_missing", "reference", *getattr(factory, "options", ())}
    return {name: value for name, value in training.items() if name in known}


def _facts(grid: Grid, trials: Trials, rule: str, evaluation: str) -> dict[str, Any]:
    """Return what reports say of a dataset; refuse montages that do not fit it."""
    on_missing = grid.training.get("on_missing", "error")
    replaced = {}
    for name, montage in grid.montages.items():
        text = resolve(montage, trials.ch_names, on_missing).report()
        if text:
            replaced[name] = text
    return {
        "dataset": trials.name,
        "evaluation": evaluation,
        "simulated": trials.simulated,
        "paradigm": trials.paradigm,
        "test": rule,
        "classes": [str(label) for label in trials.classes],
        "n_chans": len(electrodes_of(trials.ch_names)),
        "n_times": trials.n_times,
        "sfreq": float(trials.sfreq),
        "settings": content(trials.settings or {}),
        "replaced_electrodes": replaced,
        "decoders": [*(grid.decoders or {})],
        "methods": {
            label: {"method": _label(method), **content(options)}
            for label, (method, options) in grid.methods.items()
        },
        "training": content(grid.training),
        "options": content(grid.options),
    }


def _packages() -> dict[str, str]:
    """Return the versions that take part in a key; Python's own does not matter."""
    return {name: found for name, found in versions().items() if name != "python"}


def _list(value: Any) -> list[Any]:
    """Return none, one or several things as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _label(value: Any) -> str:
    """Return the name of a method, decoder or baseline, the same in every process."""
    if isinstance(value, str):
        return value
    value = getattr(value, "func", value)  # inside functools.partial
    return getattr(value, "__name__", type(value).__name__)


def needed_first(jobs: Sequence[Job], done: set[str]) -> tuple[list[Job], list[Job]]:
    """Part jobs into those that others wait for and the rest.

    Parameters
    ----------
    jobs : sequence of Job
        All jobs.
    done : set of str
        Keys of finished ones.

    Returns
    -------
    first, then : list of Job
        Missing teachers, and everything else that is missing.
    """
    missing = [job for job in jobs if job.key not in done]
    first = [job for job in missing if job.kind == "teacher"]
    return first, [job for job in missing if job.kind != "teacher"]


def relative(trials: Trials, fold: Fold) -> tuple[Trials, Fold]:
    """Return only the trials that a fold needs, and the fold within them.

    Parameters
    ----------
    trials : Trials
        All trials.
    fold : Fold
        A part of them.

    Returns
    -------
    trials : Trials
        The needed ones, to be sent to a worker.
    fold : Fold
        The same fold.
    """
    needed, small = fold.compact()
    whole = len(needed) == len(trials) and np.array_equal(
        needed, np.arange(len(trials))
    )
    return (trials if whole else trials.subset(needed)), small
