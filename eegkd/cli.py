"""The `eegkd` command: arguments in, calls out, no logic."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

EPILOG = """\
examples:
  eegkd fit SimulatedMotorImagery --montage headband --subjects 1 2 --max-epochs 100
  eegkd fit BNCI2014_001 --montage headphone --seeds 3 --output headphone
  eegkd predict headphone recording-epo.fif
  eegkd benchmark SimulatedMotorImagery --subjects 1 2 --seeds 2 --max-epochs 50
  eegkd montages
"""
BENCHMARK_EPILOG = """\
examples:
  eegkd benchmark PhysionetMI --methods none sk_kd --baselines csp_lda ts_lr --jobs 4
  eegkd benchmark --plan plan.toml --dry-run
  eegkd benchmark --plan plan.toml --jobs 4 --report benchmark.html
  eegkd benchmark --plan plan.toml --cluster tcp://scheduler:8786

Every finished job is in the store at once. The same command again does what is
missing; a finished benchmark is only read. Options beside a plan replace the plan's.
"""
FIT_EPILOG = """\
examples:
  eegkd fit SimulatedMotorImagery --subjects 1 2 --max-epochs 100
  eegkd fit PhysionetMI --subjects 1 2 3 --montage headphone --output headphone
  eegkd fit BNCI2014_001 --method kd --decoder EEGNet --evaluation dependent --seeds 3
  eegkd fit SimulatedP300 --montage unicorn --subjects 1

Files are looked for in the folder that the environment variable MNE_DATA names.
With --output, scores, models and a report are written to that folder.
"""
PREDICT_EPILOG = """\
examples:
  eegkd predict headphone recording-epo.fif
  eegkd predict headphone recording-epo.fif --subject 1 --seed 0 > labels.csv

RECORDING holds epochs in MNE's format with at least the montage's electrodes, cut and
filtered as the trials that the student was trained on (eegkd info FOLDER tells how).
"""

EVALUATION_HELP = (
    "individual, dependent, independent, within_session, cross_session or "
    "cross_subject (default: individual)"
)
DATA_NUMBERS = ("l_freq", "h_freq", "sfreq", "tmin", "tmax", "window")
TRAINING_NUMBERS = ("max_epochs", "batch_size", "lr", "weight_decay")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.

    Returns
    -------
    status : int
        0, or 1 if a part of the work failed, 2 if the input was wrong, 130 if the
        work was interrupted.
    """
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments) or 0)
    except KeyboardInterrupt:
        print("eegkd: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `eegkd montages | head`
        sys.stderr.close()
        return 0
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"eegkd: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    from eegkd import __version__

    parser = argparse.ArgumentParser(
        prog="eegkd",
        description="Teach EEG decoders for few electrodes by decoders for many.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"eegkd {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_fit(commands)
    _add_predict(commands)
    _add_benchmark(commands)
    for name, run, about in (
        ("montages", _montages, "list the electrode sets"),
        ("decoders", _decoders, "list the networks"),
        ("baselines", _baselines, "list the decoders to compare with"),
        ("paradigms", _paradigms, "show what differs between paradigms, and why"),
    ):
        commands.add_parser(name, help=about).set_defaults(run=run)
    datasets = commands.add_parser("datasets", help="list the datasets")
    datasets.add_argument(
        "paradigm",
        nargs="?",
        default="imagery",
        help="imagery, p300, ssvep, cvep or rstate (default: imagery)",
    )
    datasets.set_defaults(run=_datasets)
    methods = commands.add_parser("methods", help="list the distillation methods")
    methods.add_argument("name", nargs="?", help="show all about one of them")
    methods.set_defaults(run=_methods)
    info = commands.add_parser("info", help="show versions, or what a folder holds")
    info.add_argument("folder", nargs="?", help="folder written by eegkd fit --output")
    info.set_defaults(run=_info)
    return parser


def _add_fit(commands: Any) -> None:
    """Add the command `fit`."""
    fit = commands.add_parser(
        "fit",
        help="train and test teacher and student on a dataset",
        epilog=FIT_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    fit.add_argument("dataset", metavar="DATASET", help="see eegkd datasets")
    fit.add_argument(
        "--montage",
        nargs="+",
        default=["headband"],
        help="a name from eegkd montages, a TOML file, or two or more electrodes "
        "(default: headband)",
    )
    fit.add_argument("--subjects", nargs="+", type=int, help="default: all")
    fit.add_argument("--method", default="sk_kd", help="default: sk_kd")
    fit.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the method, see eegkd methods NAME; may be repeated",
    )
    fit.add_argument("--decoder", help="default: that of the dataset's paradigm")
    fit.add_argument("--teacher", help="another network for the teacher")
    fit.add_argument("--student", help="another network for the student")
    fit.add_argument(
        "--evaluation",
        default="individual",
        help=EVALUATION_HELP,
    )
    fit.add_argument(
        "--test",
        nargs="+",
        default=["auto"],
        help="what is held out: auto, session, run, time, or names of sessions",
    )
    fit.add_argument("--seeds", type=int, default=1, help="how many (default: 1)")
    fit.add_argument("--random-state", type=int, default=0, help="first seed")
    open_ones = "default: see eegkd paradigms"
    fit.add_argument("--max-epochs", type=int, help=open_ones)
    fit.add_argument("--patience", type=int, help="default: train to the end")
    fit.add_argument("--batch-size", type=int, help=open_ones)
    fit.add_argument("--lr", type=float, help=open_ones)
    fit.add_argument("--weight-decay", type=float, help=open_ones)
    fit.add_argument("--l-freq", type=float, help=f"Hz ({open_ones})")
    fit.add_argument("--h-freq", type=float, help=f"Hz ({open_ones})")
    fit.add_argument("--sfreq", type=float, help=f"Hz ({open_ones})")
    fit.add_argument("--tmin", type=float, help="s after the cue (default: dataset's)")
    fit.add_argument("--tmax", type=float, help="s after the cue (default: dataset's)")
    fit.add_argument("--window", type=float, help=f"s, cut trials ({open_ones})")
    fit.add_argument("--paradigm", help="a MOABB class, such as LeftRightImagery")
    fit.add_argument(
        "--on-missing",
        default="error",
        help="error, nearest or interpolate (default: error)",
    )
    fit.add_argument("--device", default="auto", help="auto, cpu or cuda")
    fit.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    fit.add_argument("--output", type=Path, help="folder for scores, models, report")
    fit.set_defaults(run=_fit)


def _add_predict(commands: Any) -> None:
    """Add the command `predict`."""
    predict = commands.add_parser(
        "predict",
        help="label the trials of a recording with a saved student",
        epilog=PREDICT_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    predict.add_argument("folder", metavar="FOLDER", help="from eegkd fit --output")
    predict.add_argument("recording", metavar="RECORDING", help="a -epo.fif file")
    predict.add_argument(
        "--subject", help="whose student (default: the best validated)"
    )
    predict.add_argument("--seed", type=int, help="which seed's student")
    predict.set_defaults(run=_predict)


def _add_benchmark(commands: Any) -> None:
    """Add the command `benchmark`."""
    run = commands.add_parser(
        "benchmark",
        help="compare methods over datasets, montages and seeds; resumes",
        epilog=BENCHMARK_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument("datasets", nargs="*", metavar="DATASET", help="eegkd datasets")
    run.add_argument("--plan", type=Path, help="TOML file with these options")
    for name, about in (
        ("montages", "default: headphone headband"),
        ("methods", "default: none kd sk_kd"),
        ("decoders", "default: that of each dataset's paradigm"),
        ("baselines", "see eegkd baselines (by default no baseline)"),
        ("evaluation", EVALUATION_HELP),
        ("test", "what is held out: auto, session, run, time, or names of sessions"),
    ):
        run.add_argument(f"--{name}", nargs="+", help=about)
    run.add_argument("--subjects", nargs="+", type=int, help="default: all")
    run.add_argument("--seeds", type=int, dest="n_seeds", help="default: 10")
    run.add_argument("--random-state", type=int, help="first seed")
    run.add_argument("--store", type=Path, help="default: results.sqlite")
    run.add_argument("--jobs", type=int, dest="n_jobs", help="default: 1")
    run.add_argument("--cluster", help="address of a Dask scheduler")
    for name, kind in (
        ("--max-epochs", int),
        ("--batch-size", int),
        ("--lr", float),
        ("--weight-decay", float),
    ):
        run.add_argument(name, type=kind, help="default: see eegkd paradigms")
    run.add_argument("--patience", type=int, help="default: train to the end")
    run.add_argument("--teacher", help="one network that teaches all decoders")
    run.add_argument("--reference", help="average; default: as recorded")
    run.add_argument("--on-missing", help="error, nearest or interpolate")
    run.add_argument("--device", help="auto, cpu or cuda")
    run.add_argument("--paradigm", help="a MOABB class, such as P300")
    for name in DATA_NUMBERS:
        option = "--" + name.replace("_", "-")
        run.add_argument(option, type=float, help="as in eegkd fit")
    run.add_argument(
        "--dry-run", action="store_true", help="print the jobs and an estimate"
    )
    run.add_argument("--report", type=Path, help="also write this HTML page")
    run.add_argument("--csv", type=Path, help="also write the scores to this file")
    run.set_defaults(run=_benchmark)


def _benchmark(arguments: argparse.Namespace) -> int:
    import eegkd
    from eegkd.benchmark.estimate import describe_jobs
    from eegkd.benchmark.run import count_processes, prepare

    asked = {} if arguments.plan is None else eegkd.read_plan(arguments.plan)
    own = {"run", "plan", "dry_run", "report", "csv"}
    given = {
        name: value
        for name, value in vars(arguments).items()
        if name not in own and value not in (None, [])
    }
    loading = {n: given.pop(n) for n in ("paradigm", *DATA_NUMBERS) if n in given}
    if loading:
        given["data"] = {**asked.get("data", {}), **loading}
    rule = given.get("test", [])
    if len(rule) == 1 and rule[0] in ("auto", "session", "run", "time"):
        given["test"] = rule[0]
    asked |= given
    if "datasets" not in asked:
        raise ValueError("Name a DATASET, or a --plan that does.")
    if arguments.dry_run:
        n_jobs = count_processes(asked.pop("n_jobs", 1))
        asked.pop("cluster", None)
        print(describe_jobs(prepare(**asked), n_jobs))
        return 0
    with warnings.catch_warnings():  # describe() says it as well
        warnings.filterwarnings("ignore", r"\d+ of \d+ jobs", UserWarning)
        results = eegkd.benchmark(**asked)
    print(results.describe())
    if arguments.csv is not None:
        print(f"\nScores: {results.to_csv(arguments.csv)}")
    if arguments.report is not None:
        print(f"Report: {results.report(arguments.report)}")
    if results.interrupted:
        return 130
    return 0 if results.complete else 1


def _fit(arguments: argparse.Namespace) -> int:
    import eegkd

    data = {
        name: getattr(arguments, name)
        for name in ("paradigm", *DATA_NUMBERS)
        if getattr(arguments, name) is not None
    }
    training = {
        name: getattr(arguments, name)
        for name in TRAINING_NUMBERS
        if getattr(arguments, name) is not None
    }
    one_name = len(arguments.montage) == 1
    result = eegkd.fit(
        arguments.dataset,
        arguments.montage[0] if one_name else arguments.montage,
        method=arguments.method,
        method_options=dict(map(_option, arguments.option)),
        decoder=arguments.decoder,
        teacher=arguments.teacher,
        student=arguments.student,
        subjects=arguments.subjects,
        evaluation=arguments.evaluation,
        test=arguments.test[0]
        if arguments.test[0] in ("auto", "session", "run", "time")
        else arguments.test,
        n_seeds=arguments.seeds,
        random_state=arguments.random_state,
        device=arguments.device,
        data=data,
        n_jobs=arguments.jobs,
        patience=arguments.patience,
        on_missing=arguments.on_missing,
        **training,
    )
    print(result.describe())
    if arguments.output is not None:
        folder = result.save(arguments.output)
        report = result.report(folder / "report.html")
        print(f"\nScores and models: {folder}\nReport: {report}")
    for key, text in result.failures.items():
        print(f"\nFailed: subject {key[0]}, seed {key[1]}\n{text}", file=sys.stderr)
    if result.interrupted:
        return 130
    return 1 if result.failures else 0


def _option(text: str) -> tuple[str, Any]:
    """Return name and value of an option; what is no Python literal is text."""
    import ast

    name, sign, value = text.partition("=")
    if not sign or not name:
        raise ValueError(
            f"--option must be NAME=VALUE, such as temperature=2, got {text!r}."
        )
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def _predict(arguments: argparse.Namespace) -> None:
    import csv

    import mne

    import eegkd

    result = eegkd.load(arguments.folder)
    student = result.student
    if arguments.subject is not None or arguments.seed is not None:
        fitting = {
            key: model
            for key, model in result.students.items()
            if arguments.subject in (None, key[0]) and arguments.seed in (None, key[1])
        }
        if not fitting:
            known = ", ".join(f"{who} seed {seed}" for who, seed in result.students)
            raise ValueError(
                f"--subject and --seed must name a saved student ({known}), got "
                f"subject {arguments.subject}, seed {arguments.seed}."
            )
        student = min(fitting.values(), key=lambda model: model.history_.best_loss)
    epochs = mne.read_epochs(arguments.recording, verbose="error")
    proba = student.predict_proba(epochs)
    writer = csv.writer(sys.stdout)
    writer.writerow(["trial", "label", *(f"p_{label}" for label in student.classes_)])
    for number, row in enumerate(proba):
        label = student.classes_[row.argmax()]
        writer.writerow([number, label, *(f"{value:.4f}" for value in row)])


def _montages(arguments: argparse.Namespace) -> None:
    from eegkd import list_montages, load_montage

    for name in list_montages():
        montage = load_montage(name)
        print(f"{name:<16}{montage.n_chans:>3}  {' '.join(montage.ch_names)}")


def _decoders(arguments: argparse.Namespace) -> None:
    from eegkd import list_decoders

    print("\n".join(list_decoders()))


def _methods(arguments: argparse.Namespace) -> None:
    from eegkd._checks import check_registered
    from eegkd.methods import METHODS
    from eegkd.methods.describe import describe, overview

    if arguments.name is None:
        print(overview(METHODS))
        print("\neegkd methods NAME tells all about one of them.")
    else:
        method = check_registered(arguments.name, "name", METHODS)
        print(describe(arguments.name, method))


def _baselines(arguments: argparse.Namespace) -> None:
    from eegkd import BASELINES

    for name, baseline in BASELINES.items():
        print(f"{name:<24}{baseline.about}")


def _datasets(arguments: argparse.Namespace) -> None:
    from eegkd import list_datasets

    print("\n".join(list_datasets(arguments.paradigm)))


def _paradigms(arguments: argparse.Namespace) -> None:
    from eegkd.data.paradigms import PARADIGMS, describe

    print("\n\n".join(map(describe, PARADIGMS.values())))


def _info(arguments: argparse.Namespace) -> None:
    import json

    from eegkd.benchmark.fit_result import versions

    if arguments.folder is None:
        for name, version in versions().items():
            print(f"{name:<14}{version}")
        return
    import eegkd

    result = eegkd.load(arguments.folder)
    print(result.describe())
    print("\n" + json.dumps(result.settings, indent=1))


if __name__ == "__main__":
    sys.exit(main())
