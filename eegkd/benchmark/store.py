"""The store of finished jobs: one SQLite file that survives being killed.

A job is written once, in one transaction, when it is finished. Every call opens the
file anew, so that threads, processes and machines may share it; SQLite's own locks
keep them apart. Claims say who is at work on what, so that two processes on one store
divide the jobs instead of doing them twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import sqlite3
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from eegkd._checks import join_names

FORMAT = 1
APPLICATION = 0x65_65_67_6B  # "eegk", in SQLite's header
BUSY_SECONDS = 60.0  # how long to wait for another writer
BEAT_SECONDS = 10.0  # how often a worker at work says so
STALE_SECONDS = 90.0  # a claim without a sign of life for so long is void
AT_ONCE = 500  # keys in one query, below SQLite's limit
TABLES = (
    "jobs (key TEXT PRIMARY KEY, described TEXT NOT NULL, rows TEXT NOT NULL, "
    "seconds REAL NOT NULL, finished REAL NOT NULL, checksum TEXT NOT NULL)",
    "models (key TEXT PRIMARY KEY, described TEXT NOT NULL, weights BLOB NOT NULL)",
    "failures (key TEXT PRIMARY KEY, described TEXT NOT NULL, "
    "traceback TEXT NOT NULL, failed REAL NOT NULL)",
    "claims (key TEXT PRIMARY KEY, owner TEXT NOT NULL, beat REAL NOT NULL)",
    "grids (spec TEXT PRIMARY KEY, grid TEXT NOT NULL, used REAL NOT NULL)",
)


class Store:
    """Finished jobs, failures and claims in one SQLite file.

    Parameters
    ----------
    path : str or path
        The file; created with its folder if it is not there.

    Raises
    ------
    ValueError
        If the file is something else, damaged, or of another version.
    OSError
        If the file cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        if str(path) in ("", ":memory:"):
            raise ValueError(
                f"'store' must be a file, got {str(path)!r}. What is only in memory "
                "does not survive the process."
            )
        self.path = Path(path)
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{time.time():.3f}"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._connect() as db:
            if self._is_new(db):
                self._make_tables(db)

    def done(self, keys: Iterable[str]) -> set[str]:
        """Return the keys among these whose jobs are finished."""
        return {row[0] for row in self._select("key FROM jobs", keys)}

    def rows(self, keys: Iterable[str]) -> list[dict[str, Any]]:
        """Return the scores of finished jobs, with their keys.

        A damaged entry is left out with a warning and taken out of the store, so that
        the next call does its job again.
        """
        found, damaged = [], []
        for key, rows, checksum in self._select("key, rows, checksum FROM jobs", keys):
            if _checksum(rows) == checksum:
                found += [{**row, "key": key} for row in json.loads(rows)]
            else:
                damaged.append(key)
        if damaged:
            with self._connect() as db:
                db.executemany("DELETE FROM jobs WHERE key = ?", zip(damaged))
            warnings.warn(
                f"'store' {str(self.path)!r} holds {len(damaged)} damaged entries, "
                "which were removed; the next call does these jobs again.",
                stacklevel=3,
            )
        return found

    def seconds(self, keys: Iterable[str]) -> dict[str, float]:
        """Return how long finished jobs took."""
        return dict(self._select("key, seconds FROM jobs", keys))

    def finish(
        self,
        key: str,
        described: dict[str, Any],
        rows: list[dict[str, Any]],
        seconds: float,
        model: tuple[dict[str, Any], bytes] | None = None,
    ) -> None:
        """Write a finished job, with its model if others need it, or nothing at all."""
        text = json.dumps(rows)
        with self._connect() as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute(
                "INSERT OR IGNORE INTO jobs VALUES (?, ?, ?, ?, ?, ?)",
                (
                    key,
                    json.dumps(described),
                    text,
                    seconds,
                    time.time(),
                    _checksum(text),
                ),
            )
            if model is not None:
                db.execute(
                    "INSERT OR IGNORE INTO models VALUES (?, ?, ?)",
                    (key, json.dumps(model[0]), model[1]),
                )
            db.execute("DELETE FROM failures WHERE key = ?", (key,))
            db.execute("DELETE FROM claims WHERE key = ?", (key,))

    def fail(self, key: str, described: dict[str, Any], traceback: str) -> None:
        """Write that a job failed, and why, unless another process has finished it."""
        with self._connect() as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute(
                "INSERT OR REPLACE INTO failures SELECT ?, ?, ?, ? "
                "WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE key = ?)",
                (key, json.dumps(described), traceback, time.time(), key),
            )
            db.execute("DELETE FROM claims WHERE key = ?", (key,))

    def failures(self, keys: Iterable[str]) -> dict[str, str]:
        """Return the tracebacks of jobs that failed and were not finished since."""
        return dict(self._select("key, traceback FROM failures", keys))

    def failures_since(self, begun: float, keys: Iterable[str]) -> set[str]:
        """Return the keys whose jobs failed after a time in seconds since 1970."""
        found = self._select("key, failed FROM failures", keys)
        return {key for key, failed in found if failed > begun}

    def model(self, key: str) -> tuple[dict[str, Any], bytes] | None:
        """Return the packed classifier of a job; None if it is missing or damaged."""
        for described, weights in self._select("described, weights FROM models", [key]):
            model = json.loads(described)
            if hashlib.sha256(weights).hexdigest() == model["weights_sha256"]:
                return model, weights
        return None

    def forget(self, key: str) -> None:
        """Remove a job and its model, so that it is done again."""
        with self._connect() as db:
            db.execute("BEGIN IMMEDIATE")
            for table in ("jobs", "models", "failures"):
                db.execute(f"DELETE FROM {table} WHERE key = ?", (key,))

    def claim(self, key: str) -> bool:
        """Say that this process works on a job, unless it is done or claimed."""
        with self._connect() as db:
            db.execute("BEGIN IMMEDIATE")
            if db.execute("SELECT 1 FROM jobs WHERE key = ?", (key,)).fetchone():
                return False
            query = "SELECT owner, beat FROM claims WHERE key = ?"
            other = db.execute(query, (key,)).fetchone()
            if other is not None and other[0] != self.owner and _alive(*other):
                return False
            db.execute(
                "INSERT OR REPLACE INTO claims VALUES (?, ?, ?)",
                (key, self.owner, time.time()),
            )
            return True

    def claimed(self, keys: Iterable[str]) -> set[str]:
        """Return the keys among these that another live process works on."""
        return {
            key
            for key, owner, beat in self._select("key, owner, beat FROM claims", keys)
            if owner != self.owner and _alive(owner, beat)
        }

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Keep the claims of this process fresh inside the block, drop them after."""
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(BEAT_SECONDS):
                with contextlib.suppress(OSError, ValueError), self._connect() as db:
                    db.execute(
                        "UPDATE claims SET beat = ? WHERE owner = ?",
                        (time.time(), self.owner),
                    )

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            with contextlib.suppress(OSError, ValueError), self._connect() as db:
                db.execute("DELETE FROM claims WHERE owner = ?", (self.owner,))

    def save_grid(self, spec: str, grid: dict[str, Any]) -> None:
        """Keep which jobs a call is made of, so that the next one loads no data."""
        with self._connect() as db:
            db.execute(
                "INSERT INTO grids VALUES (?, ?, 0) "
                "ON CONFLICT (spec) DO UPDATE SET grid = excluded.grid",
                (spec, json.dumps(grid)),
            )

    def grid(self, spec: str | None = None) -> dict[str, Any] | None:
        """Return what `save_grid` kept; without ``spec`` what was used last."""
        with self._connect() as db:
            query = "SELECT grid FROM grids WHERE ? IN (spec, '') ORDER BY used DESC"
            found = db.execute(query, (spec or "",)).fetchone()
        return None if found is None else json.loads(found[0])

    def use_grid(self, spec: str) -> None:
        """Make a grid the one that was used last."""
        with self._connect() as db:
            db.execute("UPDATE grids SET used = ? WHERE spec = ?", (time.time(), spec))

    def __len__(self) -> int:
        with self._connect() as db:
            return db.execute("SELECT count(*) FROM jobs").fetchone()[0]

    def __repr__(self) -> str:
        return f"<Store | {self.path}: {len(self)} finished jobs>"

    @contextlib.contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction, and say in plain words what went wrong."""
        try:
            db = sqlite3.connect(self.path, timeout=BUSY_SECONDS)
            with contextlib.closing(db), db:
                yield db
        except sqlite3.OperationalError as error:
            raise OSError(
                f"'store' {str(self.path)!r} cannot be read or written: {error}. What "
                "was finished before is safe in it; make room, or mend permissions, "
                "and make the same call again."
            ) from error
        except sqlite3.DatabaseError as error:
            raise ValueError(_damaged(self.path, str(error))) from error

    def _is_new(self, db: sqlite3.Connection) -> bool:
        """Return whether the file is empty; refuse another file, and a damaged one."""
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if (application, version) != (APPLICATION, FORMAT):
            return True
        said = [row[0] for row in db.execute("PRAGMA quick_check(3)")]
        if said != ["ok"]:
            raise ValueError(_damaged(self.path, join_names(said)))
        return False

    def _make_tables(self, db: sqlite3.Connection) -> None:
        """Make an empty file a store; another process may be doing the same."""
        db.execute("BEGIN IMMEDIATE")
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (n_tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if n_tables and application != APPLICATION:
            raise ValueError(
                f"'store' {str(self.path)!r} must be a store of this version of eegkd, "
                "but it is another SQLite file. Name a new file."
            )
        for table in TABLES:
            db.execute(f"CREATE TABLE IF NOT EXISTS {table}")
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute(f"PRAGMA user_version = {FORMAT}")

    def _select(self, what: str, keys: Iterable[str]) -> list[tuple[Any, ...]]:
        """Return the rows of a table whose keys are asked for, in that order."""
        keys = list(dict.fromkeys(keys))
        found: list[tuple[Any, ...]] = []
        with self._connect() as db:
            for start in range(0, len(keys), AT_ONCE):
                some = keys[start : start + AT_ONCE]
                marks = ", ".join("?" * len(some))
                query = f"SELECT {what} WHERE key IN ({marks})"
                found += db.execute(query, some).fetchall()
        return found


def _alive(owner: str, beat: float) -> bool:
    """Return whether the process that claimed a job is still at work."""
    if time.time() - beat > STALE_SECONDS:
        return False
    host, pid, _ = owner.rsplit(":", 2)
    if host != socket.gethostname():
        return True
    if os.name == "nt":  # there, signal 0 is not a question
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's process
        return True
    return True


def _checksum(text: str) -> str:
    """Return a short hash by which a damaged entry is noticed."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _damaged(path: Path, said: str) -> str:
    """Return the message about a store that SQLite cannot read."""
    return (
        f"'store' {str(path)!r} is damaged or not a store of eegkd: {said}. Move it "
        "away and name a new file, or rescue its entries with the command "
        f"sqlite3 {path.name} .recover | sqlite3 rescued.sqlite"
    )
