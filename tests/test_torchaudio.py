"""A torch without CUDA does not break `import braindecode`, here and in workers."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eegkd import _torchaudio

PROJECT = Path(__file__).resolve().parent.parent

LINKED_TO_CUDA = 'OSError("libc10_cuda.so: cannot open shared object file")'
# Newer torch wraps the loader's error in one that names the file alone.
WRAPPED = """OSError("Could not load this library: /x/_torchaudio.so") from {}"""
UNDEFINED = 'OSError("/opt/libcuda/_torchaudio.so: undefined symbol: _ZN3c10")'


def run(code, *paths):
    """Run code in a fresh interpreter; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*paths, PROJECT]))},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return f"{done.stdout.strip()}\n{done.stderr.strip()}".strip()


@pytest.fixture
def fake(tmp_path):
    """Return a maker of a package that loads its extension as torchaudio does."""

    def make(outcome):
        extension = tmp_path / "torchaudio" / "_extension"
        extension.mkdir(parents=True)
        (tmp_path / "torchaudio" / "__init__.py").write_text("from . import _extension")
        (extension / "__init__.py").write_text(
            "from .utils import _load_lib\nAVAILABLE = _load_lib('_torchaudio')\n"
        )
        (extension / "utils.py").write_text(
            f"def _load_lib(name):\n    {outcome}\n\ndef other():\n    return 'as is'\n"
        )
        return tmp_path

    return make


IMPORT_AND_PRINT = "import torchaudio; print(torchaudio._extension.AVAILABLE)"


@pytest.mark.parametrize(
    "error",
    [
        LINKED_TO_CUDA,
        WRAPPED.format(LINKED_TO_CUDA),
        WRAPPED.format('OSError("libcudart.so.13: cannot open shared object file")'),
    ],
    ids=["named", "wrapped", "another library"],
)
def test_missing_cuda_library_means_no_extension(fake, error):
    folder = fake(f"raise {error}")
    assert "cannot open shared object" in run(IMPORT_AND_PRINT, folder)
    assert run(f"import eegkd; {IMPORT_AND_PRINT}", folder) == "False"


@pytest.mark.parametrize(
    "error",
    [UNDEFINED, 'ImportError("libcudart.so.13")', 'OSError("disk")'],
    ids=["undefined symbol", "import error", "disk"],
)
def test_other_errors_are_not_hidden(fake, error):
    printed = run(f"import eegkd; {IMPORT_AND_PRINT}", fake(f"raise {error}"))
    assert printed.endswith(error.replace("(", ": ", 1).replace('"', "")[:-1])


def test_working_extension_stays(fake):
    folder = fake("return name == '_torchaudio'")
    code = (
        f"import eegkd; {IMPORT_AND_PRINT}; print(torchaudio._extension.utils.other())"
    )
    assert run(code, folder).split("\n") == ["True", "as is"]


def test_failed_import_before_eegkd_is_repaired(fake):
    code = """
try:
    import torchaudio
except OSError:
    import eegkd
"""
    assert run(code + IMPORT_AND_PRINT, fake(f"raise {LINKED_TO_CUDA}")) == "False"


def test_what_is_missing_is_logged(fake):
    code = "import logging; logging.basicConfig(level='DEBUG'); import eegkd; "
    printed = run(code + IMPORT_AND_PRINT, fake(f"raise {LINKED_TO_CUDA}"))
    assert "DEBUG:eegkd._torchaudio:torchaudio goes without _torchaudio" in printed
    assert "libc10_cuda.so" in printed


def hooks():
    return [hook for hook in sys.meta_path if isinstance(hook, _torchaudio.Hook)]


def test_install_is_cheap_and_adds_one_hook(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    for name in [name for name in sys.modules if name.startswith("torchaudio")]:
        monkeypatch.delitem(sys.modules, name)
    for hook in hooks():
        sys.meta_path.remove(hook)
    start = time.perf_counter()
    _torchaudio.install()
    assert time.perf_counter() - start < 1e-3
    _torchaudio.install()
    assert len(hooks()) == 1


def test_install_does_nothing_after_torchaudio(monkeypatch):
    monkeypatch.setattr(
        sys, "meta_path", [hook for hook in sys.meta_path if hook not in hooks()]
    )
    monkeypatch.setitem(sys.modules, "torchaudio", object())
    _torchaudio.install()
    assert not hooks()


def test_braindecode_imports_in_a_worker(tmp_path):
    (tmp_path / "work.py").write_text(
        "import eegkd\n\n"
        "def name_of_a_network():\n"
        "    from braindecode.models import SCCNet\n"
        "    return SCCNet.__name__\n"
    )
    code = (
        "from joblib import Parallel, delayed\n"
        "import work\n"
        "jobs = [delayed(work.name_of_a_network)()]\n"
        "print(Parallel(n_jobs=2, backend='loky')(jobs))\n"
        "print(work.name_of_a_network())"
    )
    assert run(code, tmp_path).split("\n")[:2] == ["['SCCNet']", "SCCNet"]
