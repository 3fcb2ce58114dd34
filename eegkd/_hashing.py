"""What a value is, in plain data: equal settings give equal hashes, others do not.

Memory addresses, the order of sets and the process never take part. Two uses: the keys
of jobs in a comparison, and the printed parameters of estimators, by which MOABB tells
results apart.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import pickle
import re
from collections.abc import Mapping
from functools import partial
from os import PathLike
from typing import Any

import numpy as np

MAX_DEPTH = 24  # deeper than any setting or fitted pipeline


def digest(value: Any) -> str:
    """Return a hash of a value's content, the same in every process.

    Parameters
    ----------
    value : object
        What `content` takes.

    Returns
    -------
    digest : str
        32 hexadecimal digits.
    """
    text = json.dumps(content(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def content(value: Any, above: tuple[int, ...] = ()) -> Any:
    """Return a value as JSON-ready data that differs when the value does.

    Functions are told apart by name, code and what they close over, fitted decoders
    by what they have learned, other objects by class and attributes.

    Parameters
    ----------
    value : object
        A setting: plain data, arrays, functions, montages, estimators, datasets.
    above : tuple of int, default=()
        Identities of the values that hold this one.

    Returns
    -------
    content : object
        Plain data.

    Raises
    ------
    TypeError
        If values are nested too deeply.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if id(value) in above:
        return "itself"
    if len(above) > MAX_DEPTH:
        raise TypeError(
            f"A setting must be plain data or simple objects, got {type(value)!r} "
            f"nested more than {MAX_DEPTH} levels deep. Pass a name or a function."
        )
    above = (*above, id(value))
    if isinstance(value, Mapping):
        return {str(key): content(item, above) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [content(item, above) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((content(item, above) for item in value), key=json.dumps)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, PathLike):
        return str(value)
    if isinstance(value, np.ndarray):
        return _array_content(value, above)
    return _object_content(value, above)


def is_plain(value: Any) -> bool:
    """Return whether printing a value tells it from all others.

    Parameters
    ----------
    value : object
        A setting.

    Returns
    -------
    plain : bool
        False for functions, arrays and objects whose text may hide what they hold.
    """
    if isinstance(value, Mapping):
        return all(is_plain(item) for pair in value.items() for item in pair)
    if isinstance(value, (list, tuple)):
        return all(is_plain(item) for item in value)
    if type(value).__module__ == "eegkd.montage":
        return True  # prints all its electrodes
    if hasattr(value, "get_params"):
        return is_plain(value.get_params(deep=False)) and not hasattr(
            value, "fingerprint_"
        )
    return value is None or isinstance(value, (str, bytes, int, float, PathLike))


def _array_content(value: np.ndarray, above: tuple[int, ...]) -> list[Any]:
    """Return type, shape and a hash of an array."""
    if value.dtype == object:
        return ["object", list(value.shape), content(value.ravel().tolist(), above)]
    data = np.ascontiguousarray(value).tobytes()
    return [
        str(value.dtype),
        list(value.shape),
        hashlib.sha256(data).hexdigest(),
    ]


def _object_content(value: Any, above: tuple[int, ...]) -> Any:
    """Return a function, class or object as plain data."""
    if isinstance(value, partial):
        parts = [value.func, value.args, value.keywords]
        return ["partial", *(content(part, above) for part in parts)]
    if inspect.ismethod(value):
        return [
            "method",
            content(value.__func__, above),
            content(value.__self__, above),
        ]
    if inspect.isroutine(value) or inspect.isclass(value):
        return [f"{value.__module__}.{value.__qualname__}", _code_content(value, above)]
    if inspect.ismodule(value):
        return ["module", value.__name__]
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if hasattr(value, "fingerprint"):  # Trials
        return [name, value.fingerprint]
    if hasattr(value, "get_params") and hasattr(value, "fingerprint_"):
        params = value.get_params(deep=False)
        shown = {k: v for k, v in params.items() if k != "progress"}
        return [name, content(shown, above), value.fingerprint_]
    if hasattr(value, "detach"):  # a tensor
        return [name, _array_content(value.detach().cpu().numpy(), above)]
    if getattr(value, "__dict__", None):
        return [name, content(dict(vars(value)), above)]
    return [name, _state(value)]


def _state(value: Any) -> str:
    """Return a hash of an object that keeps its state to itself."""
    try:
        return hashlib.sha256(pickle.dumps(value, protocol=4)).hexdigest()
    except (TypeError, AttributeError, pickle.PicklingError):
        return re.sub(r" at 0x\w+", "", repr(value))


def _code_content(value: Any, above: tuple[int, ...]) -> Any:
    """Return source, code, closure and defaults of a function or class."""
    try:
        source = inspect.getsource(value)
    except (OSError, TypeError):  # typed at a prompt, or compiled
        source = ""
    code = getattr(value, "__code__", None)
    closed = [cell.cell_contents for cell in getattr(value, "__closure__", None) or ()]
    defaults = [
        getattr(value, name, None) for name in ("__defaults__", "__kwdefaults__")
    ]
    compiled = None
    # Two lambdas may stand in one line of source; their code tells them apart.
    if code is not None and (not source or value.__name__ == "<lambda>"):
        compiled = _compiled(code, above)
    members = (
        [item for item in vars(value).values() if inspect.isfunction(item)]
        if inspect.isclass(value)
        else []
    )
    named = _named_globals(value, code)
    return [source, compiled, content([closed, defaults, members, named], above)]


def _named_globals(value: Any, code: Any) -> dict[str, Any]:
    """Return constants and functions of its own module that a function names."""
    known = getattr(value, "__globals__", {})
    named = {
        name: known[name] for name in getattr(code, "co_names", ()) if name in known
    }
    return {
        name: item
        for name, item in named.items()
        if is_plain(item)
        or (inspect.isfunction(item) and item.__module__ == value.__module__)
    }


def _compiled(code: Any, above: tuple[int, ...]) -> list[Any]:
    """Return instructions, names and constants of compiled code."""
    constants = [
        _compiled(item, above) if inspect.iscode(item) else content(item, above)
        for item in code.co_consts
    ]
    return [code.co_code.hex(), list(code.co_names), constants]
