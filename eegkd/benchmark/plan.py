"""A plan: the arguments of a benchmark in a TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from eegkd._checks import did_you_mean, join_names

LISTS = ("datasets", "montages", "methods", "decoders", "baselines", "evaluation")
SINGLE = ("test", "subjects", "n_seeds", "random_state", "store", "n_jobs", "cluster")
TABLES = ("data", "training")


def read_plan(file: str | Path) -> dict[str, Any]:
    """Return the arguments that a plan gives to `eegkd.benchmark`.

    Parameters
    ----------
    file : str or path
        A TOML file whose keys are arguments of `eegkd.benchmark`. ``methods`` and
        ``baselines`` are lists of names or tables of options by label; ``[data]``
        holds options of `eegkd.load_trials` and ``[training]`` parameters of
        `eegkd.DistilledClassifier`. Montage files are looked for beside the plan.

    Returns
    -------
    arguments : dict
        For ``eegkd.benchmark(**arguments)``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not TOML, or holds something else.

    Examples
    --------
    >>> import eegkd
    >>> plan = eegkd.read_plan("examples/plans/quick.toml")  # doctest: +SKIP
    >>> results = eegkd.benchmark(**plan)                    # doctest: +SKIP
    """
    file = Path(file)
    if not file.is_file():
        raise FileNotFoundError(
            f"'plan' must be a TOML file, got {str(file)!r}, which does not exist. "
            "Check the spelling."
        )
    try:
        plan = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"'plan' {str(file)!r} is not valid TOML: {error}.") from error
    allowed = (*LISTS, *SINGLE, *TABLES)
    for name, value in plan.items():
        if name not in allowed:
            raise ValueError(
                f"'plan' {str(file)!r} holds {name!r}. Allowed: "
                f"{join_names(allowed, 40)}; parameters of training belong to "
                "[training]." + did_you_mean(name, allowed)
            )
        if name in TABLES and not isinstance(value, dict):
            raise ValueError(
                f"'plan' {str(file)!r} must hold {name!r} as a table, got {value!r}. "
                f"Write [{name}] and its options below."
            )
    if "montages" in plan:
        plan["montages"] = [_beside(item, file) for item in _as_list(plan["montages"])]
    training = plan.pop("training", {})
    both = sorted(set(training) & set(plan))
    if both:
        raise ValueError(
            f"'plan' {str(file)!r} names {join_names(both)} twice, at the top and in "
            "[training]. Leave one out."
        )
    return {**plan, **training}


def _as_list(value: Any) -> list[Any]:
    """Return one or several items as a list."""
    return value if isinstance(value, list) else [value]


def _beside(item: Any, file: Path) -> Any:
    """Return the path of a montage file that stands beside the plan."""
    if isinstance(item, str) and item.endswith(".toml") and not Path(item).is_file():
        return str(file.parent / item)
    return item
