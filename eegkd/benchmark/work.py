"""One task, wherever it runs: the items of a fold, trained and tested."""

from __future__ import annotations

import contextlib
import pickle
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eegkd.evaluation.fold import Item, Scored, run_fold

if TYPE_CHECKING:
    from eegkd.data.trials import Trials
    from eegkd.evaluation.splits import Fold

# Jobs in one process share torch's random state: never two at a time.
_ALONE = threading.Lock()


@dataclass(frozen=True)
class Task:
    """Everything that a worker needs to do one job, or several of one fold.

    Parameters
    ----------
    key : str
        Key of the task.
    items : list of Item
        What is trained, teachers before their students.
    trials : Trials
        Training and test trials of the fold, no others.
    fold : Fold
        Which of them train and test.
    teacher : tuple of dict and bytes, optional
        The packed teacher of a student.
    decoders : dict of str -> callable, optional
        Networks that are not braindecode's, by name.
    threads : int or None, default=1
        Threads to compute with; None takes as many as torch does. These networks are
        too small to gain from more, results stay the same wherever they run, and as
        many jobs as there are processors run at once.
    keep : bool, default=False
        Whether models, histories and predictions come back; otherwise only scores, and
        teachers packed.
    validate : bool, default=False
        Whether networks are scored on held-out training trials as well.
    """

    key: str
    items: list[Item]
    trials: Trials
    fold: Fold
    teacher: tuple[dict[str, Any], bytes] | None = None
    decoders: dict[str, Any] | None = None
    threads: int | None = 1
    keep: bool = False
    validate: bool = False

    def run(self) -> Iterator[Scored]:
        """Yield what each item gave, as it is finished."""
        from eegkd.persistence import pack_classifier, unpack_classifier

        teacher = None
        if self.teacher is not None:
            teacher = unpack_classifier(*self.teacher, self.decoders)
        done = run_fold(
            self.items, self.trials, self.fold, teacher, validate=self.validate
        )
        for item, scored in zip(self.items, done, strict=True):
            if self.keep:
                yield scored
                continue
            is_teacher = item.named["kind"] == "teacher"
            packed = pack_classifier(scored.model) if is_teacher else None
            yield Scored(packed, scored.rows)


@dataclass(frozen=True)
class Outcome:
    """What a task gave.

    Parameters
    ----------
    key : str
        The task's key.
    done : list of Scored
        What its items gave; if one failed, those before it.
    seconds : float
        How long it took.
    traceback : str
        Why an item failed; empty if none did.
    error : Exception, optional
        The same.
    """

    key: str
    done: list[Scored] = field(default_factory=list)
    seconds: float = 0.0
    traceback: str = ""
    error: Exception | None = None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The scores of all items."""
        return [row for scored in self.done for row in scored.rows]


def attempt(task: Task) -> Outcome:
    """Do a task, and return its outcome whatever happens."""
    start = time.perf_counter()
    done: list[Scored] = []
    failed: dict[str, Any] = {}
    threads = contextlib.nullcontext() if task.threads is None else one_thread()
    try:
        with _ALONE, threads:
            for scored in task.run():
                done.append(scored)  # what comes before an error stays
    except Exception as error:  # noqa: BLE001 - recorded, and the other jobs go on
        failed = {"traceback": traceback.format_exc(), "error": _portable(error)}
    return Outcome(task.key, done, time.perf_counter() - start, **failed)


def _portable(error: Exception) -> Exception:
    """Return an error that can be sent between processes."""
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - whatever its class does
        return RuntimeError(f"{type(error).__name__}: {error}")


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread inside the block."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
