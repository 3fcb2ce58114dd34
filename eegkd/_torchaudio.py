"""Let ``import torchaudio`` succeed beside a torch without CUDA.

braindecode imports torchaudio, whose common build is linked against CUDA: beside a
CPU-only torch its import dies with ``OSError: libc10_cuda.so``. torchaudio also works
without its compiled extension, and braindecode needs nothing of the extension. So a
missing CUDA library is made to count as "no extension"; every other error stays one.
"""

from __future__ import annotations

import functools
import logging
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec

logger = logging.getLogger(__name__)

MODULE = "torchaudio._extension.utils"
CUDA_LIBRARY = (
    "lib(c10_|torch_)?(cuda|cublas|cudnn|cufft|cupti|curand|cusolver|cusparse|nv|nccl)"
)


class Hook:
    """Finder for ``sys.meta_path`` that wraps the loading of one module."""

    def find_spec(
        self, fullname: str, path: Any = None, target: Any = None
    ) -> ModuleSpec | None:
        """Return the spec that the other finders know, its loader wrapped."""
        if fullname != MODULE:
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                _wrap_loader(spec)
                return spec
        return None


def install() -> None:
    """Prepare the import of torchaudio; costs nothing, and nothing the second time."""
    if "torchaudio" in sys.modules:  # imported, so its extension was no obstacle
        return
    if MODULE in sys.modules:  # left behind by an import that failed
        _tolerate(sys.modules[MODULE])
    elif not any(isinstance(finder, Hook) for finder in sys.meta_path):
        sys.meta_path.insert(0, Hook())


def _wrap_loader(spec: ModuleSpec) -> None:
    """Make the loader change the module after it has run."""
    loader: Any = spec.loader
    run = loader.exec_module

    def exec_module(module: Any) -> None:
        run(module)
        _tolerate(module)

    loader.exec_module = exec_module


def _tolerate(module: Any) -> None:
    """Replace ``_load_lib``, which returns whether a library could be loaded."""
    load: Callable[[str], bool] | None = getattr(module, "_load_lib", None)
    if load is None or hasattr(load, "__wrapped__"):
        return

    @functools.wraps(load)
    def load_or_do_without(name: str) -> bool:
        try:
            return load(name)
        except OSError as error:
            if not _lacks_cuda(error):
                raise
            logger.debug("torchaudio goes without %s: %s", name, error)
            return False

    module._load_lib = load_or_do_without


def _lacks_cuda(error: BaseException | None) -> bool:
    """Return whether an error, or one that caused it, names a library of CUDA."""
    while error is not None:
        # The message is "LIBRARY: cannot open ..."; a folder may be called anything.
        if re.match(CUDA_LIBRARY, str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False
