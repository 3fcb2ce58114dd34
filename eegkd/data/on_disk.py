"""Recordings on disk come first; what is neither there nor to be had is told."""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eegkd.data.find import EMBEDDED


@contextlib.contextmanager
def on_disk(dataset: Any, subject: Any) -> Iterator[None]:
    """Let MOABB look on disk first; name the file that is missing.

    Raises
    ------
    FileNotFoundError
        If recordings are neither on disk nor to be downloaded.
    """
    if getattr(dataset, "simulated", False) or getattr(dataset, "local", False):
        yield  # nothing is to be downloaded
        return
    from moabb.datasets.download import DatasetDownloadError, NemarDownloadError

    name = type(dataset).__name__
    with _environment(moabb_settings(dataset)) as folder:
        try:
            yield
        except PermissionError:
            raise
        except (OSError, DatasetDownloadError, NemarDownloadError) as error:
            wanted = _wanted_file(error) or Path(folder, "MNE-...-data")
            raise FileNotFoundError(
                f"The recordings of {name}, subject {subject!r}, are not on disk and "
                f"could not be downloaded ({type(error).__name__}). MOABB looks for "
                f"{str(wanted)!r}; MNE_DATA is {folder!r}.\n"
                "Put the files there, set MNE_DATA to the folder that has them, or, "
                "with a network, run moabb.datasets."
                f"{name}().download(subject_list=[{subject!r}]).\n"
                f"Without data, try the simulated set {EMBEDDED!r}."
            ) from error


def moabb_settings(dataset: Any) -> dict[str, str]:
    """Return MOABB's settings that the user left open, as environment variables."""
    import mne
    from moabb.datasets.download import nemar_store

    settings = {}
    if mne.get_config("MNE_DATA") is None:  # MOABB would write to the user's config
        folder = Path.home() / "mne_data"
        folder.mkdir(parents=True, exist_ok=True)
        settings["MNE_DATA"] = str(folder)
    with _environment(settings) as data:
        mirrored = (
            dataset.nemar_id is not None
            and Path(data).is_dir()
            and nemar_store(dataset.code, dataset.nemar_id).is_dir()
        )
    if mne.get_config("MOABB_DOWNLOAD_PROVIDER") is None and not mirrored:
        settings["MOABB_DOWNLOAD_PROVIDER"] = "upstream"
    return settings


@contextlib.contextmanager
def _environment(settings: dict[str, str]) -> Iterator[str]:
    """Set environment variables for a while; give the folder of the data."""
    import mne

    os.environ.update(settings)
    try:
        yield str(Path(mne.get_config("MNE_DATA")).expanduser())
    finally:
        for key in settings:
            os.environ.pop(key, None)


def _wanted_file(error: BaseException) -> Path | None:
    """Return where MOABB's downloader wanted to put the file, if it came that far."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        destination = frame.f_locals.get("destination")
        if frame.f_globals.get("__name__") == "moabb.datasets.download" and destination:
            return Path(destination)
    return None
