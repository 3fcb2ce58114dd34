"""Where jobs run: here, in processes of this machine, or on a Dask cluster.

All three take tasks and give outcomes, one at a time as they are finished, in any
order. A process that dies takes its job with it, not the others: what it left is done
again, alone, so that a job that kills its process is found out.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Any

from eegkd.benchmark.fit_result import versions
from eegkd.benchmark.work import Outcome, Task, attempt

MAX_LOSSES = 3  # times that a job may lose its process before it counts as failed
CONNECT_SECONDS = 10  # until a scheduler that does not answer is an error
IDLE_SECONDS = 300  # that a worker waits for a task, while data are loaded
WATCH_SECONDS = 1.0  # between looks of a worker at whether it is still needed
SENT_AHEAD = 2  # tasks on their way for each worker of a cluster, so that none waits


Engine = Callable[[Iterable[Task]], Iterator[Outcome]]


@contextlib.contextmanager
def open_engine(n_jobs: int = 1, cluster: Any = None) -> Iterator[Engine]:
    """Start what does tasks, and end it after the block.

    ``engine(tasks)`` yields the outcome of each task as it comes. Tasks are taken one
    at a time, when there is room for them.
    """
    if cluster is not None:
        with _dask(cluster) as pool:
            yield pool.run
    elif n_jobs == 1:
        yield lambda tasks: map(attempt, tasks)
    else:
        with _processes(n_jobs) as pool:
            yield pool.run


class _Pool:
    """An executor, how to make it anew when it broke, and how many tasks it holds."""

    def __init__(
        self, make: Callable[[int], Executor], room: Callable[[], int]
    ) -> None:
        self.make, self.room = make, room
        self.executor = make(room())
        self.running: dict[Future[Outcome], Task] = {}

    def run(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Yield the outcomes of tasks; those that lost their process come last."""
        waiting, lost = iter(tasks), deque[Task]()
        for task in waiting:
            self._submit(task)
            while len(self.running) >= self.room():
                yield from self._collect(lost)
        while self.running:
            yield from self._collect(lost)
        if lost:
            self.room = lambda: 1
        for task in lost:
            yield self._alone(task)

    def _submit(self, task: Task) -> None:
        """Send a task; an executor that broke meanwhile is replaced once."""
        try:
            future = self.executor.submit(attempt, task)
        except RuntimeError:
            self.executor = self.make(self.room())
            future = self.executor.submit(attempt, task)
        self.running[future] = task

    def _collect(self, lost: deque[Task]) -> Iterator[Outcome]:
        """Wait for the next outcomes."""
        done, _ = wait(self.running, return_when=FIRST_COMPLETED)
        for future in done:
            task = self.running.pop(future)
            try:
                yield future.result()
            except Exception:  # noqa: BLE001 - `attempt` raises nothing: the engine did
                lost.append(task)

    def _alone(self, task: Task) -> Outcome:
        """Do a task that lost its process with nothing beside it."""
        for _ in range(MAX_LOSSES - 1):
            self._submit(task)
            future = next(iter(self.running))
            del self.running[future]
            try:
                return future.result()
            except Exception as error:  # noqa: BLE001 - as above
                said = f"{type(error).__name__}: {error}"
        return Outcome(
            task.key,
            traceback=f"The process of this job ended {MAX_LOSSES} times before the "
            f"job did. It may have run out of memory.\n{said}",
        )


@contextlib.contextmanager
def _processes(n_workers: int) -> Iterator[_Pool]:
    """Give a pool of loky's processes; end them if the work is cut short.

    A pool of its own: the one that loky shares is joblib's, which others may use.
    """
    from joblib.externals.loky import ProcessPoolExecutor

    def make(n_workers: int) -> Executor:
        return ProcessPoolExecutor(
            max_workers=n_workers,
            timeout=IDLE_SECONDS,
            initializer=_end_with,
            initargs=(os.getpid(),),
        )

    pool = _Pool(make, lambda: n_workers)
    try:
        with warnings.catch_warnings():
            # loky takes the import of torch for a leak, and says so when it replaces
            # the worker; its work is not lost.
            warnings.filterwarnings("ignore", "A worker stopped while some jobs")
            yield pool
    except BaseException:
        pool.executor.shutdown(wait=True, kill_workers=True)  # type: ignore[call-arg]
        raise
    pool.executor.shutdown()


def _end_with(parent: int) -> None:
    """End this process when the one that started it was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _dask(cluster: Any) -> Iterator[_Pool]:
    """Give a pool of a cluster's workers; leave the cluster as it was found."""
    try:
        import dask
        import distributed
    except ImportError as error:
        raise ImportError(
            "'cluster' needs the package distributed. Install eegkd[cluster], or use "
            "n_jobs for processes on this machine."
        ) from error
    given = isinstance(cluster, distributed.Client)
    try:
        client = (
            cluster if given else distributed.Client(cluster, timeout=CONNECT_SECONDS)
        )
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(
            "'cluster' must be the address of a Dask scheduler such as "
            "'tcp://host:8786', a distributed.Client or a cluster object, got "
            f"{cluster!r} ({error}). Check that the scheduler runs."
        ) from error
    with contextlib.ExitStack() as stack:
        if not given:
            stack.enter_context(client)
        # Each job brings its trials, so that it can be done again anywhere.
        quiet = {"distributed.admin.large-graph-warning-threshold": "10GB"}
        stack.enter_context(dask.config.set(quiet))
        _check_workers(client)

        def room() -> int:
            return SENT_AHEAD * max(1, len(client.nthreads()))

        pool = _Pool(lambda _: client.get_executor(pure=False), room)
        try:
            yield pool
        finally:
            for future in pool.running:
                future.cancel()


def _check_workers(client: Any) -> None:
    """Refuse workers of several threads, or with other versions of the packages."""
    several = {name: n for name, n in client.nthreads().items() if n > 1}
    if several:
        raise ValueError(
            f"'cluster' must have workers of one thread each, but {len(several)} have "
            f"{max(several.values())}: jobs in one process would wait for each other. "
            "Start them with dask worker --nthreads 1 --nworkers N."
        )
    own = versions()
    for worker, found in client.run(versions).items():
        found.pop("python")  # its patch number does not matter
        other = {name: v for name, v in found.items() if own[name] != v}
        if other:
            raise ValueError(
                f"'cluster' must have the packages of this process, but {worker} has "
                f"{other} instead of { {name: own[name] for name in other} }. Install "
                "the same versions there: results depend on them."
            )
