"""`eegkd montages` and the like: what there is to choose from."""

from __future__ import annotations

import json
from typing import Any

from eegkd.cli.options import add_command


def add_to(commands: Any) -> None:
    """Add the commands."""
    for name, run, about in (
        ("montages", _montages, "list the electrode sets"),
        ("decoders", _decoders, "list the networks"),
        ("baselines", _baselines, "list the decoders to compare with"),
        ("paradigms", _paradigms, "show what differs between paradigms, and why"),
    ):
        add_command(commands, name, run, about)
    add_command(commands, "datasets", _datasets, "list the datasets").add_argument(
        "paradigm",
        nargs="?",
        help="imagery, p300, ssvep, cvep or rstate (default: imagery)",
    )
    add_command(
        commands, "methods", _methods, "list the distillation methods"
    ).add_argument("name", nargs="?", help="show all about one of them")
    add_command(
        commands, "info", _info, "show versions, or what a folder holds"
    ).add_argument("folder", nargs="?", help="folder written by eegkd fit --output")


def _montages() -> None:
    from eegkd import list_montages, load_montage

    for name in list_montages():
        montage = load_montage(name)
        print(f"{name:<16}{montage.n_chans:>3}  {' '.join(montage.ch_names)}")


def _decoders() -> None:
    from eegkd import list_decoders

    print("\n".join(list_decoders()))


def _baselines() -> None:
    from eegkd import BASELINES

    for name, baseline in BASELINES.items():
        print(f"{name:<24}{baseline.about}")


def _paradigms() -> None:
    from eegkd.data.paradigms import PARADIGMS, describe_paradigm

    print("\n\n".join(map(describe_paradigm, PARADIGMS.values())))


def _datasets(paradigm: str = "imagery") -> None:
    from eegkd import list_datasets

    print("\n".join(list_datasets(paradigm)))


def _methods(name: str | None = None) -> None:
    from eegkd._checks import check_registered
    from eegkd.methods import METHODS
    from eegkd.methods._text import method_text, methods_table

    if name is None:
        print(methods_table(METHODS))
        print("\neegkd methods NAME tells all about one of them.")
    else:
        print(method_text(name, check_registered(name, "name", METHODS)))


def _info(folder: str | None = None) -> None:
    if folder is None:
        from eegkd.benchmark.fit_result import versions

        for name, version in versions().items():
            print(f"{name:<14}{version}")
        return
    import eegkd

    result = eegkd.load(folder)
    print(result.describe())
    print("\n" + json.dumps(result.settings, indent=1))
