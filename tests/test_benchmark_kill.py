"""Killed at any moment, a comparison loses nothing that was finished."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import eegkd
from eegkd.benchmark import engine
from eegkd.benchmark.run import prepare
from eegkd.benchmark.store import Store
from eegkd.methods import none

from .conftest import PROJECT, make_trials

SITES = ["C3", "Cz", "C4"]
N_KILLS = 20
# The key holds the path of the log.
TIMED = ["train_seconds", "predict_ms", "key"]
fork = multiprocessing.get_context("fork")  # the packages are loaded already


def logged(log):
    """Return a method that writes a line whenever it is used."""

    def once(training):
        with open(log, "a") as file:
            file.write(f"{training.loop['random_state']}\n")
        return none(training)

    once.needs_teacher = False
    return once


def small(log, store, **changed):
    """Return the arguments of a small grid: 2 subjects, 6 seeds, 36 jobs."""
    return {
        "datasets": make_trials(n_per_class=6),
        "montages": SITES,
        "methods": [logged(log), "kd"],
        "n_seeds": 6,
        "max_epochs": 1,
        "store": store,
        **changed,
    }


def table(results):
    """Return what does not depend on the clock, in one order."""
    scores = results.scores.drop(columns=TIMED)
    return scores.sort_values(["method", "seed", "subject"]).reset_index(drop=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the table of the same grid, not killed."""
    folder = tmp_path_factory.mktemp("whole")
    return table(eegkd.benchmark(**small(folder / "log", folder / "store.sqlite")))


def run_and_be_killed(arguments, seconds):
    """Run in a process of its own, which is killed after a while."""
    child = fork.Process(target=eegkd.benchmark, kwargs=arguments)
    child.start()
    child.join(seconds)
    ended = child.exitcode is not None
    child.kill()
    child.join()
    return ended


def test_twenty_kills_lose_nothing(tmp_path, whole):
    log, store = tmp_path / "log", tmp_path / "store.sqlite"
    arguments = small(log, store)
    run = prepare(**arguments_of_prepare(arguments))
    keys = [job.key for job in run.jobs]
    started = time.perf_counter()
    run_one = eegkd.benchmark(**{**arguments, "store": tmp_path / "timed.sqlite"})
    duration = time.perf_counter() - started
    assert run_one.complete
    log.unlink()
    moments, finished = random.Random(0), set()
    for _ in range(N_KILLS):
        run_and_be_killed(arguments, moments.uniform(0, 3 * duration / N_KILLS))
        now = Store(store).done(keys)
        assert finished <= now, "a finished job was lost"
        finished = now
    assert finished, "no job was ever finished: kill later"
    results = eegkd.benchmark(**arguments)
    assert results.complete
    assert table(results).equals(whole)
    assert not results.scores.duplicated(["method", "seed", "subject"]).any()
    # Each kill loses at most the job that was running.
    begun = len(log.read_text().splitlines())
    assert 12 <= begun <= 12 + N_KILLS + 1


def arguments_of_prepare(arguments):
    """Return the arguments without those that only running needs."""
    return {k: v for k, v in arguments.items() if k not in ("n_jobs", "progress")}


def test_two_processes_share_a_store(tmp_path, whole):
    """They divide the jobs; both end with all results."""
    log, store = tmp_path / "log", tmp_path / "store.sqlite"
    arguments = small(log, store)
    children = [
        fork.Process(target=_save_table, args=(arguments, tmp_path / f"{number}.csv"))
        for number in range(2)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0
    tables = [(tmp_path / f"{number}.csv").read_text() for number in range(2)]
    assert tables[0] == tables[1] == whole.to_csv()
    assert len(log.read_text().splitlines()) == 12  # each job was done once


def _save_table(arguments, file):
    Path(file).write_text(table(eegkd.benchmark(**arguments)).to_csv())


def test_what_a_killed_process_had_claimed_is_done(tmp_path, whole):
    store = tmp_path / "store.sqlite"
    arguments = small(tmp_path / "log", store)
    keys = [job.key for job in prepare(**arguments_of_prepare(arguments)).jobs]
    child = fork.Process(target=_claim, args=(store, keys))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert table(eegkd.benchmark(**arguments)).equals(whole)


def _claim(store, keys):
    own = Store(store)
    for key in keys:
        own.claim(key)
    os.kill(os.getpid(), signal.SIGKILL)


PARALLEL = """\
import sys
import eegkd
from tests.conftest import make_trials

if __name__ == "__main__":
    eegkd.benchmark(
        make_trials(), ["C3", "Cz", "C4"], "none", n_seeds=50, max_epochs=2,
        store=sys.argv[1], n_jobs=2,
    )
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_workers_end_with_the_process_that_was_killed(tmp_path):
    store = tmp_path / "store.sqlite"
    script = tmp_path / "parallel.py"
    script.write_text(PARALLEL)
    main = subprocess.Popen(
        [sys.executable, str(script), str(store)],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    try:
        wait_for(lambda: store.is_file() and len(Store(store)) >= 3)
        workers = [pid for pid, parent in parents().items() if parent == main.pid]
    finally:
        main.kill()
        main.wait()
    finished = len(Store(store))
    assert len(workers) >= 2
    wait_for(lambda: not set(workers) & set(parents()))
    assert len(Store(store)) >= finished >= 3


def wait_for(condition, seconds=90):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def parents():
    """Return the parent of each process that is not just a zombie."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rsplit(")", 1)[1].split()[:2]
        except OSError:  # it has ended
            continue
        if state != "Z":
            found[int(stat.parent.name)] = int(parent)
    return found


# Workers that die


def deadly(marker):
    """Return a method that kills its process: once with seed 0, always with seed 1."""

    def method(training):
        seed = training.loop["random_state"]
        if seed == 1 or (seed == 0 and not marker.exists()):
            if seed == 0:
                marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return none(training)

    method.needs_teacher = False
    return method


def harmless():
    """Return a method of the same name that lives."""

    def method(training):
        return none(training)

    method.needs_teacher = False
    return method


@pytest.mark.filterwarnings("ignore:A worker stopped:UserWarning")
def test_a_killed_worker_costs_no_result_and_a_job_that_kills_is_found_out(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(engine, "MAX_LOSSES", 2)
    arguments = {
        **small(tmp_path / "log", tmp_path / "store.sqlite"),
        "methods": [deadly(tmp_path / "marker"), "kd"],
        "subjects": [1],
        "n_seeds": 2,
    }
    with pytest.warns(UserWarning, match="5 of 6 jobs are finished; 1 failed"):
        results = eegkd.benchmark(**arguments, n_jobs=2)
    assert (tmp_path / "marker").exists()
    lost = results.missing()
    assert lost["method"].tolist() == ["method"]
    assert lost["seed"].tolist() == [1]
    (text,) = results.failures.values()
    assert "process of this job ended 2 times" in text
    calm = {"methods": [harmless(), "kd"], "store": tmp_path / "calm.sqlite"}
    expected = table(eegkd.benchmark(**{**arguments, **calm}))
    found = (expected["method"] != "method") | (expected["seed"] != 1)
    assert table(results).equals(expected[found].reset_index(drop=True))


# A cluster


@pytest.fixture
def cluster(tmp_path):
    """Two worker processes of one thread each."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address=None,
        local_directory=str(tmp_path),
    ) as made:
        yield made


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_cluster_whose_worker_is_killed_gives_the_same_bits(tmp_path, whole, cluster):
    import threading

    log, store = tmp_path / "log", tmp_path / "store.sqlite"
    pids = [worker.pid for worker in cluster.workers.values()]
    arguments = small(log, store, cluster=cluster)

    finished = []

    def kill_one():
        wait_for(lambda: len(Store(store)) >= 8)
        os.kill(pids[0], signal.SIGKILL)
        finished.append(len(Store(store)))

    killer = threading.Thread(target=kill_one)
    killer.start()
    results = eegkd.benchmark(**arguments)
    killer.join()
    assert 8 <= finished[0] < 36  # it was in the middle
    assert results.complete
    assert table(results).equals(whole)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_workers_of_several_threads_are_refused(tmp_path):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=2,
            processes=False,
            dashboard_address=None,
        ) as threads,
        pytest.raises(ValueError, match="'cluster' must have workers of one thread"),
    ):
        eegkd.benchmark(
            **small(tmp_path / "log", tmp_path / "store.sqlite", cluster=threads)
        )
