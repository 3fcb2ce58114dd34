"""The `eegkd` command: arguments in, calls out, no logic."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from eegkd.cli import benchmark, fit, lists, predict

EXAMPLES = """\
examples:
  eegkd fit SimulatedMotorImagery --montage headband --subjects 1 2 --max-epochs 100
  eegkd fit BNCI2014_001 --montage headphone --seeds 3 --output headphone
  eegkd predict headphone recording-epo.fif
  eegkd benchmark SimulatedMotorImagery --subjects 1 2 --seeds 2 --max-epochs 50
  eegkd montages
"""


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
    arguments = vars(_parser().parse_args(argv))
    try:
        return int(arguments.pop("run")(**arguments) or 0)
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
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"eegkd {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in (fit, predict, benchmark, lists):
        group.add_to(commands)
    return parser
