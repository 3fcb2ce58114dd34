"""The grid: everything a benchmark is made of, as independent jobs with keys.

A job's key is a hash of everything that determines its result: the trials, which of
them train and test, the electrodes, the network, the method, every setting, the seed
and the versions of the packages. Equal keys mean equal results, whoever made them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

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
from eegkd.evaluation.wording import permuted_label, untaught_label
from eegkd.montage import Montage, load_montage, resolve

if TYPE_CHECKING:
    from eegkd.estimators import DistilledClassifier

# Evaluations in which no subject needs another one's trials.
ALONE = ("individual", "within_session", "cross_session")
FULL = "full"
# Columns of the metadata that decide who learns what; in the keys of all jobs.
WHO_AND_WHEN = ("subject", "session", "run", "group", "start", "stop")
LAYOUT_FORMAT = 3  # of what the store remembers of a grid
MEMORY = 2**31  # bytes of trials to keep at most, beyond those at work


class DataChangedError(ValueError):
    """The trials on disk are not those that the grid was made of."""

    def __init__(self, fold: str) -> None:
        super().__init__(
            f"The trials of fold {fold!r} differ from those that this benchmark was "
            "laid out with. The files of the dataset have changed; call again."
        )


@dataclass(frozen=True)
class Job:
    """One training and its test.

    Parameters
    ----------
    key : str
        Hash of everything that determines the result.
    recording : int
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
    recording: int
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
        """Return what tells the job's rows apart."""
        hidden = ("key", "recording", "teacher", "seeded")
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
    permuted_teacher : {None, "within_classes", "all_trials"}
        How teachers are permuted for controls; None adds none.
    controls : dict of str -> str
        Label of the untaught student that a method is compared with, where it is not
        "none"; see `add_controls`.
    permuted : dict of str -> str
        How the teacher is permuted, of methods that are controls with one.
    data : dict
        Options of `eegkd.load_trials`.
    training : dict
        Parameters of `eegkd.DistilledClassifier`.
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
    permuted_teacher: str | None = None
    controls: dict[str, str] = field(default_factory=dict)
    permuted: dict[str, str] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)

    def spec(self) -> str:
        """Return a hash of everything that was asked for, and of the versions."""
        datasets = [
            trials_content(item) if isinstance(item, Trials) else item
            for item in self.datasets
        ]
        asked = {**vars(self), "datasets": datasets}
        return digest([asked, _packages(), LAYOUT_FORMAT])

    def networks(self, paradigm: str | None) -> dict[str, Any]:
        """Return the networks of students by label; the paradigm's if none is named."""
        if self.decoders is not None:
            return self.decoders
        recipe = self.training.get("recipe", "default")
        return {find_paradigm(paradigm).network(recipe): "auto"}

    def student(
        self, method: str, network: Any, montage: Montage | None, seed: int = 0
    ) -> DistilledClassifier:
        """Return an unfitted student, of which the teacher may be trained alone.

        A ``method`` without such a label stands for no teacher. Without ``montage``,
        where electrodes do not matter, it takes any.
        """
        from eegkd.estimators import DistilledClassifier

        named, options = self.methods.get(method, ("none", {}))
        own = {
            "montage": montage or next(iter(self.montages.values()), "headband"),
            "student": network,
            "method": named,
            "method_options": dict(options) or None,
            "permuted_teacher": self.permuted.get(method),
        }
        return seeded(DistilledClassifier(**{**self.training, **own}), seed)

    def baseline(
        self,
        label: str,
        montage: Montage | None,
        paradigm: str | None,
        seed: int = 0,
    ) -> Any:
        """Return an unfitted baseline; without a montage it reads all electrodes.

        It is told the paradigm, since transformed trials do not say it.
        """
        factory, options = self._factory(label)
        known = {"on_missing", "reference", *getattr(factory, "options", ())}
        given = {"paradigm": paradigm or "auto", **self.training}
        shared = {name: value for name, value in given.items() if name in known}
        return factory(montage, **{**shared, "random_state": seed, **options})

    def _factory(self, label: str) -> tuple[Any, dict[str, Any]]:
        """Return what makes a baseline, and its options."""
        from eegkd.baselines import BASELINES

        baseline, options = self.baselines[label]
        return check_registered(baseline, "baselines", BASELINES), options

    def check(self) -> None:
        """Refuse names and options that the library does not have."""
        from eegkd.estimators.classifiers import check_training
        from eegkd.methods import METHODS

        own = ("student", "method_options", "random_state", "permuted_teacher")
        check_training(self.training, "benchmark", own)
        _check_teacher(self.training.get("teacher"))
        for label, (method, options) in self.methods.items():
            found = check_registered(method, "methods", METHODS)
            check_method_options(found, options, f"'methods' gives {label!r}")
        for network in (self.decoders or {"": "auto"}).values():
            self.student("", network, None).check()
        for label in self.baselines:
            factory, options = self._factory(label)
            factory(None, **options)

    def add_controls(self) -> None:
        """Add the controls of all methods; once, however often it is called."""
        self._add_permuted()
        self._add_untaught()

    def _add_permuted(self) -> None:
        """Add a student with a permuted teacher for each that reads a given one."""
        from eegkd.methods import METHODS
        from eegkd.teachers import PERMUTED

        how = check_choice(self.permuted_teacher, "permuted_teacher", PERMUTED)
        if how is None:
            return
        for label, (method, options) in list(self.methods.items()):
            card = getattr(check_registered(method, "methods", METHODS), "card", None)
            able = card is None or card.can_permute
            if able and label not in self.permuted:
                name = permuted_label(label, how)
                self.methods[name], self.permuted[name] = (method, options), how
        if not self.permuted:
            raise ValueError(
                "'permuted_teacher' needs a method that learns from a given teacher's "
                f"answers, but 'methods' are {join_names(self.methods, 80)}. Add one, "
                "such as 'kd', or leave it out."
            )

    def _add_untaught(self) -> None:
        """Add the untaught students that are trained as long and as often as others."""
        from eegkd.methods import METHODS
        from eegkd.methods.controls import control_of

        if self.methods.get("none") != ("none", {}):
            return  # nothing is compared with the untaught student
        for label, (method, options) in list(self.methods.items()):
            found = check_registered(method, "methods", METHODS)
            control = "none", control_of(found, options)
            same = [name for name, own in self.methods.items() if own == control]
            name = same[0] if same else untaught_label(control[1])
            if name != "none":
                self.methods[name], self.controls[label] = control, name

    def settings(self) -> dict[str, Any]:
        """Return everything that was asked for as plain data, for reports."""
        return {
            "montages": {name: list(m.ch_names) for name, m in self.montages.items()},
            "methods": {
                label: {"method": label_of(method), **content(options)}
                for label, (method, options) in self.methods.items()
            },
            "decoders": None if self.decoders is None else list(self.decoders),
            "controls": self.controls,
            "permuted": self.permuted,
            "baselines": {
                label: {"baseline": label_of(baseline), **content(options)}
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
    """Check what `eegkd.benchmark` was given, and put it in one form."""
    check_int(n_seeds, "n_seeds", at_least=1)
    check_int(random_state, "random_state", at_least=0)
    training = dict(others.pop("training", {}))
    grid = Grid(
        datasets=_list(datasets),
        montages=_named_montages(montages),
        methods=_with_options(methods, "methods"),
        decoders=None if decoders is None else _named_decoders(decoders),
        baselines=_with_options(baselines, "baselines"),
        evaluations=_evaluation_list(evaluation),
        seeds=list(range(random_state, random_state + n_seeds)),
        permuted_teacher=training.pop("permuted_teacher", None),
        training=training,
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
    named = {label_of(item): item for item in items}
    if len(named) < len(items):
        raise ValueError(
            f"'{argument}' must have distinct names, got "
            f"{join_names(map(label_of, items), 80)}. Give labels with a dict: "
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
        """Yield the folds of an evaluation, or the only one that is wanted.

        Each comes with the trials that it counts in (of one subject, or of all where a
        fold needs several), and what is tested on, in words.
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
        """Return what is held out: one rule for all subjects of a dataset."""
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


def lay_out(grid: Grid, recordings: Sequence[Recordings]) -> dict[str, Any]:
    """Return all jobs of a grid, and facts about the data.

    Datasets are read one subject at a time where the evaluation allows it. The layout
    holds ``jobs`` (fields of `Job`) and ``facts``; by dataset, evaluation and fold the
    hash of the trials (``folds``) and what is held out (``tests``); ``paradigms``, that
    of each dataset; and ``device``.
    """
    from eegkd.estimators.training_data import find_device

    grid.check()
    grid.add_controls()
    paradigms = [one.paradigm for one in recordings]
    device = find_device(grid.training.get("device", "auto")).type
    items = {one: [*_items(grid, one, device)] for one in dict.fromkeys(paradigms)}
    packages = _packages()
    jobs: list[dict[str, Any]] = []
    facts, folds, tests = [], {}, {}
    for number, recording in enumerate(recordings):
        for evaluation in grid.evaluations:
            known = {"recording": number, "evaluation": evaluation}
            test = recording.rule(evaluation, grid.test)
            tests[f"{number}:{evaluation}"] = test
            fact: dict[str, Any] = {}
            for trials, fold, rule in recording.folds(evaluation, test):
                fact = fact or _facts(grid, trials, rule, evaluation)
                hashed = fold_digest(trials, fold)
                folds[fold_id(number, evaluation, fold.name)] = hashed
                own = {**known, "dataset": trials.name, "fold": fold.name}
                shared = FoldJobs(own, [hashed, packages])
                found = _jobs(items[recording.paradigm], grid.seeds, shared)
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
        "device": device,
    }


def fold_id(recording: int, evaluation: str, fold: str) -> str:
    """Return the name of a fold among those of all datasets and evaluations."""
    return f"{recording}:{evaluation}:{fold}"


def trials_content(trials: Trials) -> list[Any]:
    """Return everything about trials that a grid depends on, read anew."""
    signals = replace(trials).fingerprint  # of a copy: arrays may have changed
    who = _who_and_when(trials)
    what = [trials.name, trials.simulated, trials.paradigm]
    return [signals, who, *what, content(trials.settings)]


def _who_and_when(trials: Trials) -> dict[str, list[str]]:
    """Return what the metadata say that decides who learns what."""
    known = [name for name in WHO_AND_WHEN if name in trials.metadata]
    return {name: trials.metadata[name].astype(str).tolist() for name in known}


def fold_digest(trials: Trials, fold: Fold) -> str:
    """Return a hash of the trials of a fold and of who trains and tests on which."""
    needed, small = fold.compact()
    chosen = trials.subset(needed)
    who = _who_and_when(chosen)
    test = [[str(name), rows] for name, rows in small.test.items()]
    return digest([chosen.fingerprint, who, small.train, test])


def _check_teacher(teacher: Any) -> None:
    """Refuse several teachers, and one that may have seen trials that are tested on."""
    if isinstance(teacher, (list, tuple)):
        raise TypeError(
            "'teacher' must be one network or unfitted DecoderClassifier in a "
            f"benchmark, got a list of {len(teacher)}. Methods with several teachers "
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
class FoldJobs:
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


@dataclass(frozen=True)
class _Planned:
    """What is trained in every fold and with every seed."""

    kind: str
    names: tuple[str, str, str]  # method, decoder and montage
    parts: list[Any]  # of the key
    teacher: str = ""  # label of the network that teaches it
    seeded: bool = True


def _items(grid: Grid, paradigm: str | None, device: str) -> Iterator[_Planned]:
    """Yield teachers before their students, then baselines."""
    known = set()
    for label, network in grid.networks(paradigm).items():
        any_student = grid.student("", network, None)
        teacher = teacher_label(any_student, paradigm) or label
        if teacher not in known:
            known.add(teacher)
            parts: list[Any] = [
                _settings(any_student, paradigm, device, of_teacher=True)
            ]
            yield _Planned("teacher", ("teacher", teacher, FULL), parts)
        for place, montage in grid.montages.items():
            for method in grid.methods:
                student = grid.student(method, network, montage)
                parts = [_settings(student, paradigm, device), montage.ch_names]
                taught = teacher if student.uses_teacher() else ""
                yield _Planned("student", (method, label, place), parts, taught)
    for label in grid.baselines:
        factory, _ = grid._factory(label)
        places: dict[str, Any] = dict(grid.montages)
        if not getattr(factory, "needs_montage", False):
            places[FULL] = None
        for place, montage in places.items():
            made = grid.baseline(label, montage, paradigm)
            parts = [made, grid.baselines[label], paradigm, device]
            uses_seed = getattr(factory, "uses_seed", True)
            yield _Planned("baseline", (label, "", place), parts, seeded=uses_seed)


def _settings(
    student: DistilledClassifier,
    paradigm: str | None,
    device: str,
    of_teacher: bool = False,
) -> dict[str, Any]:
    """Return what decides what a student, or its teacher, learns; nothing is "auto"."""
    hidden = {"montage", "progress", "ch_names", "sfreq", "units", "random_state"}
    if of_teacher:  # it reads all electrodes as they are
        hidden |= {"method", "method_options", "on_missing", "permuted_teacher"}
        own = student.teacher is None
        hidden |= {"teacher"} if own else {"student", "student_options"}
    else:  # its teacher comes trained, and has a key
        hidden |= {"teacher", "teacher_options"}
    found = {**resolved_settings(student, paradigm), "device": device}
    return {name: value for name, value in found.items() if name not in hidden}


def resolved_settings(
    student: DistilledClassifier, paradigm: str | None
) -> dict[str, Any]:
    """Return every parameter of a student, nothing left to the paradigm."""
    from eegkd.estimators import resolve_settings

    params = student.get_params(deep=False)
    return {**params, **resolve_settings(params, paradigm)}


def _jobs(
    items: Sequence[_Planned], seeds: Sequence[int], fold: FoldJobs
) -> Iterator[Job]:
    """Yield all jobs of one fold, teachers before their students."""
    networks = [item for item in items if item.kind != "baseline"]
    for seed in seeds:
        keys: dict[str, str] = {}
        for item in networks:
            needed = keys.get(item.teacher)
            parts = [*item.parts, needed]
            job = fold.job(item.kind, item.names, seed, *parts, teacher=needed)
            if item.kind == "teacher":
                keys[item.names[1]] = job.key
            yield job
    for item in items:
        if item.kind == "baseline":
            for seed in seeds if item.seeded else seeds[:1]:
                own = {"seeded": item.seeded}
                yield fold.job(item.kind, item.names, seed, *item.parts, **own)


def teacher_label(student: DistilledClassifier, paradigm: str | None) -> str:
    """Return what tables call the network of a teacher; empty for the student's."""
    given = student.teacher
    given = given[0] if isinstance(given, (list, tuple)) else given
    if given is None:
        return ""
    network = getattr(given, "decoder", given)
    is_open = isinstance(network, str) and network == "auto"
    own = find_paradigm(paradigm).network(getattr(given, "recipe", student.recipe))
    return own if is_open else label_of(network)


def seeded(student: DistilledClassifier, seed: int) -> DistilledClassifier:
    """Return an unfitted copy of a student, all seeds of it and its teacher set."""
    from sklearn.base import clone

    own = clone(student).set_params(random_state=seed)
    if hasattr(own.teacher, "get_params") and not own.teacher.__sklearn_is_fitted__():
        own.teacher.set_params(random_state=seed)
    return own


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
        "decoders": [*grid.networks(trials.paradigm)],
    }


def _packages() -> dict[str, str]:
    """Return the versions that take part in a key; Python's own does not matter."""
    return {name: found for name, found in versions().items() if name != "python"}


def _list(value: Any) -> list[Any]:
    """Return none, one or several things as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def label_of(value: Any) -> str:
    """Return the name of a method, decoder or baseline, the same in every process."""
    if isinstance(value, str):
        return value
    value = getattr(value, "func", value)  # inside functools.partial
    return getattr(value, "__name__", type(value).__name__)


def needed_first(jobs: Sequence[Job], done: set[str]) -> tuple[list[Job], list[Job]]:
    """Part missing jobs into teachers, which others wait for, and the rest."""
    missing = [job for job in jobs if job.key not in done]
    first = [job for job in missing if job.kind == "teacher"]
    return first, [job for job in missing if job.kind != "teacher"]


def relative(trials: Trials, fold: Fold) -> tuple[Trials, Fold]:
    """Return only the trials that a fold needs, and the fold within them."""
    needed, small = fold.compact()
    whole = len(needed) == len(trials) and np.array_equal(
        needed, np.arange(len(trials))
    )
    return (trials if whole else trials.subset(needed)), small
