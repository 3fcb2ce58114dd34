"""`eegkd fit`: train and test teacher and student on a dataset."""

from __future__ import annotations

import argparse
import ast
import sys
from pathlib import Path
from typing import Any

from eegkd.cli.options import add_command, add_training, to_call

EXAMPLES = """\
examples:
  eegkd fit SimulatedMotorImagery --subjects 1 2 --max-epochs 100
  eegkd fit PhysionetMI --subjects 1 2 3 --montage headphone --output headphone
  eegkd fit BNCI2014_001 --method kd --decoder EEGNet --evaluation dependent --seeds 3
  eegkd fit SimulatedP300 --montage unicorn --subjects 1

Files are looked for in the folder that the environment variable MNE_DATA names.
With --output, scores, models and a report are written to that folder.
"""


def add_to(commands: Any) -> None:
    """Add the command."""
    about = "train and test teacher and student on a dataset"
    command = add_command(commands, "fit", run, about, EXAMPLES)
    add = command.add_argument
    add("dataset", metavar="DATASET", help="see eegkd datasets")
    add(
        "--montage",
        nargs="+",
        help="a name from eegkd montages, a TOML file, or two or more electrodes "
        "(default: headband)",
    )
    add("--method", help="see eegkd methods (default: sk_kd)")
    add(
        "--option",
        action="append",
        type=_option,
        dest="method_options",
        metavar="NAME=VALUE",
        help="an option of the method, see eegkd methods NAME; may be repeated",
    )
    add("--decoder", help="default: that of the dataset's paradigm")
    add("--teacher", help="another network for the teacher")
    add("--student", help="another network for the student")
    add(
        "--evaluation",
        help="individual, dependent, independent, within_session, cross_session or "
        "cross_subject (default: individual)",
    )
    add("--seeds", type=int, dest="n_seeds", help="how many (default: 1)")
    add_training(command)
    add("--output", type=Path, help="folder for scores, models, report")


def run(output: Path | None = None, **arguments: Any) -> int:
    """Call `eegkd.fit`, print what came out and write what is asked."""
    import eegkd

    call = to_call(arguments)
    if len(call.get("montage", ())) == 1:
        (call["montage"],) = call["montage"]
    if "method_options" in call:
        call["method_options"] = dict(call["method_options"])
    result = eegkd.fit(**call)
    print(result.describe())
    if output is not None:
        folder = result.save(output)
        report = result.report(folder / "report.html")
        print(f"\nScores and models: {folder}\nReport: {report}")
    for key, text in result.failures.items():
        print(f"\nFailed: {result.job(key)}\n{text}", file=sys.stderr)
    if result.interrupted:
        return 130
    return 1 if result.failures else 0


def _option(text: str) -> tuple[str, Any]:
    """Return name and value of an option; what is no Python literal is text."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise argparse.ArgumentTypeError(
            f"must be NAME=VALUE, such as temperature=2, got {text!r}"
        )
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value
