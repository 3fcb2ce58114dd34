"""Knowledge distillation of EEG decoders from full to wearable electrode montages.

``eegkd.fit(dataset, montage="headband")`` trains a teacher on all electrodes and
teaches a student that reads only the electrodes of a wearable device.

Every name below is loaded when it is first used: ``import eegkd`` itself costs
milliseconds and imports neither torch, MNE, MOABB nor braindecode.
"""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

from eegkd import _torchaudio

try:
    __version__ = version("eegkd")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

# A torch without CUDA must not break `import braindecode`, here and in workers.
_torchaudio.install()

_MODULE_OF = {
    "fit": "api",
    "load": "benchmark.fit_result",
    "FitResult": "benchmark.fit_result",
    "benchmark": "benchmark",
    "load_results": "benchmark",
    "read_plan": "benchmark",
    "Results": "benchmark",
    "load_trials": "data",
    "list_datasets": "data",
    "RecordedDataset": "data",
    "Trials": "data.trials",
    "PARADIGMS": "data.paradigms",
    "Montage": "montage",
    "load_montage": "montage",
    "list_montages": "montage",
    "list_decoders": "decoders",
    "METHODS": "methods",
    "DecoderClassifier": "estimators",
    "DistilledClassifier": "estimators",
    "DecoderRegressor": "estimators",
    "DistilledRegressor": "estimators",
    "load_classifier": "persistence",
    "BASELINES": "baselines",
    "list_baselines": "baselines",
    "pipelines_folder": "baselines.pipelines",
}

__all__ = [*_MODULE_OF, "__version__"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'eegkd' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"eegkd.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


class _Package(ModuleType):
    """Keeps ``eegkd.benchmark`` the function when the package of its name loads."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "benchmark" and isinstance(value, ModuleType):
            value = value.benchmark
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
