"""What commands share. An option that is not given does not reach the function."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

DATA = ("paradigm", "l_freq", "h_freq", "sfreq", "tmin", "tmax", "window")
OPEN = "default: see eegkd paradigms"


def add_command(
    commands: Any, name: str, run: Callable[..., Any], about: str, examples: str = ""
) -> argparse.ArgumentParser:
    """Return the parser of a new command, whose options are arguments of ``run``."""
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=about,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    command.set_defaults(run=run)
    return command


def add_training(command: argparse.ArgumentParser) -> None:
    """Add what `fit` and `benchmark` take to load trials and to train on them."""
    add = command.add_argument
    add("--subjects", nargs="+", type=int, help="default: all")
    add(
        "--test",
        nargs="+",
        help="what is held out: auto, session, run, time, or names of sessions "
        "(default: auto)",
    )
    add("--random-state", type=int, help="first seed (default: 0)")
    add("--recipe", help="default or published (default: default)")
    add("--max-epochs", type=int, help=OPEN)
    add("--patience", type=int, help=OPEN)
    add("--batch-size", type=int, help=OPEN)
    add("--lr", type=float, help=OPEN)
    add("--weight-decay", type=float, help=OPEN)
    add("--permuted-teacher", help="a control: within_classes or all_trials")
    add("--reference", help="average (default: as recorded)")
    add("--on-missing", help="error, nearest or interpolate (default: error)")
    add("--device", help="auto, cpu or cuda (default: auto)")
    add("--jobs", type=int, dest="n_jobs", help="processes (default: 1)")
    add("--paradigm", help="a MOABB class, such as LeftRightImagery")
    add("--l-freq", type=float, help=f"Hz ({OPEN})")
    add("--h-freq", type=float, help=f"Hz ({OPEN})")
    add("--sfreq", type=float, help=f"Hz ({OPEN})")
    add("--tmin", type=float, help="s after the cue (default: dataset's)")
    add("--tmax", type=float, help="s after the cue (default: dataset's)")
    add("--window", type=float, help=f"s, cut trials ({OPEN})")


def to_call(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments as `fit` and `benchmark` take them.

    Options of `eegkd.load_trials` are ``data``, a rule for ``test`` is its name.
    """
    from eegkd.evaluation.splits import TESTS

    call = {name: value for name, value in arguments.items() if name not in DATA}
    data = {name: value for name, value in arguments.items() if name in DATA}
    if data:
        call["data"] = data
    if len(call.get("test", ())) == 1 and call["test"][0] in TESTS:
        (call["test"],) = call["test"]
    return call
