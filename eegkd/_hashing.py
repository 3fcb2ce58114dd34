"""What a value is, in plain data: equal settings give equal hashes, others do not.

Memory addresses, the order of sets and the process never take part. Two uses: the keys
of jobs in a benchmark, and the printed parameters of estimators, by which MOABB tells
results apart.

A class of the library says itself what it is, by a method ``content_key``. Callables of
a user are told apart by what their code does and by all that it encloses.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import partial, singledispatch
from os import PathLike
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

MAX_DEPTH = 24  # deeper than any setting or fitted pipeline
Of = Callable[[Any], Any]  # gives the content of a part
#: What of a code object tells what it does.
CODE = (
    "co_code",
    "co_names",
    "co_varnames",
    "co_consts",
    "co_argcount",
    "co_kwonlyargcount",
    "co_flags",
    "co_exceptiontable",
)


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
    return _content(value, lambda part: content(part, (*above, id(value))))


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
        return all(map(is_plain, value))
    if is_dataclass(value) and not isinstance(value, type):
        return all(is_plain(getattr(value, item.name)) for item in fields(value))
    if hasattr(value, "get_params"):
        fitted = hasattr(value, "fingerprint_")
        return not fitted and is_plain(value.get_params(deep=False))
    return value is None or isinstance(value, (str, bytes, int, float, PathLike))


# -- what each kind of value is ----------------------------------------------------


@singledispatch
def _content(value: Any, of: Of) -> Any:
    """Return what an object says of itself, else its class and its attributes."""
    name = _name(type(value))
    if hasattr(value, "content_key"):
        return [name, of(value.content_key())]
    if hasattr(value, "detach"):  # a tensor
        return [name, of(value.detach().cpu().numpy())]
    if getattr(value, "__dict__", None):
        return [name, of(dict(vars(value)))]
    try:
        return [name, hashlib.sha256(pickle.dumps(value, protocol=4)).hexdigest()]
    except (TypeError, AttributeError, pickle.PicklingError):
        return [name, re.sub(r" at 0x\w+", "", repr(value))]


@_content.register
def _(value: Mapping, of: Of) -> Any:
    return {str(key): of(item) for key, item in value.items()}


@_content.register(list)
@_content.register(tuple)
def _(value: Any, of: Of) -> Any:
    return [of(item) for item in value]


@_content.register(set)
@_content.register(frozenset)
def _(value: Any, of: Of) -> Any:
    return sorted((of(item) for item in value), key=json.dumps)


@_content.register
def _(value: PathLike, of: Of) -> Any:
    return str(value)


@_content.register
def _(value: bytes, of: Of) -> Any:
    return ["bytes", value.hex()]


@_content.register
def _(value: np.generic, of: Of) -> Any:
    return value.item()


@_content.register
def _(value: np.ndarray, of: Of) -> Any:
    if value.dtype == object:
        return ["object", list(value.shape), of(value.ravel().tolist())]
    data = np.ascontiguousarray(value).tobytes()
    return [str(value.dtype), list(value.shape), hashlib.sha256(data).hexdigest()]


@_content.register
def _(value: partial, of: Of) -> Any:
    return ["partial", of(value.func), of(value.args), of(value.keywords)]


@_content.register
def _(value: MethodType, of: Of) -> Any:
    return ["method", of(value.__func__), of(value.__self__)]


@_content.register
def _(value: ModuleType, of: Of) -> Any:
    return ["module", value.__name__]


@_content.register
def _(value: type, of: Of) -> Any:
    try:
        source = inspect.getsource(value)
    except (OSError, TypeError):  # typed at a prompt, or compiled
        source = ""
    methods = [item for item in vars(value).values() if inspect.isfunction(item)]
    return [_name(value), source, of(methods)]


@_content.register
def _(value: FunctionType, of: Of) -> Any:
    closed = [cell.cell_contents for cell in value.__closure__ or ()]
    defaults = [value.__defaults__, value.__kwdefaults__]
    return [_name(value), *map(of, (value.__code__, closed, defaults, _named(value)))]


@_content.register
def _(value: CodeType, of: Of) -> Any:
    return [of(getattr(value, part)) for part in CODE]


def _name(value: Any) -> str:
    """Return the full name of a function or class."""
    return f"{value.__module__}.{value.__qualname__}"


def _named(function: FunctionType) -> dict[str, Any]:
    """Return constants and functions of its own module that a function names."""
    known = function.__globals__
    named = {n: known[n] for n in function.__code__.co_names if n in known}
    return {
        name: item
        for name, item in named.items()
        if is_plain(item)
        or (inspect.isfunction(item) and item.__module__ == function.__module__)
    }
