"""The store: written whole or not at all, shared, and honest about damage."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
import threading

import pytest

from eegkd.benchmark import store as store_module
from eegkd.benchmark.store import Store

ROW = {"subject": "1", "accuracy": 0.5}
WEIGHTS = b"weights"
MODEL = ({"weights_sha256": hashlib.sha256(WEIGHTS).hexdigest()}, WEIGHTS)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "deep" / "store.sqlite")


def put(store, key, **more):
    store.finish(key, {"method": key}, [{**ROW, **more}], seconds=1.5)


def test_what_is_written_is_read_again(store):
    put(store, "a")
    store.finish("b", {}, [ROW, {**ROW, "subject": "2"}], 2.0, MODEL)
    again = Store(store.path)
    assert again.done(["a", "b", "c"]) == {"a", "b"}
    assert [row["subject"] for row in again.rows(["b"])] == ["1", "2"]
    assert again.rows(["a"]) == [{**ROW, "key": "a"}]
    assert again.seconds(["a", "b"]) == {"a": 1.5, "b": 2.0}
    assert again.model("b") == MODEL
    assert again.model("a") is None
    assert len(again) == 2


def test_the_first_result_of_a_job_stands(store):
    put(store, "a")
    put(store, "a", accuracy=0.9)
    assert len(store) == 1
    assert store.rows(["a"])[0]["accuracy"] == 0.5


def test_more_keys_than_one_query_may_hold(store):
    put(store, "k7")
    assert store.done(f"k{i}" for i in range(3000)) == {"k7"}


def test_a_failure_is_kept_until_the_job_is_finished(store):
    store.fail("a", {}, "Traceback: no")
    assert store.failures(["a", "b"]) == {"a": "Traceback: no"}
    assert store.failures_since(0.0, ["a"]) == {"a"}
    assert not store.failures_since(1e12, ["a"])
    put(store, "a")
    assert store.failures(["a"]) == {}


def test_a_failure_does_not_undo_what_another_process_finished(store):
    put(store, "a")
    store.fail("a", {}, "Traceback: too late")
    assert store.failures(["a"]) == {}
    assert store.done(["a"]) == {"a"}


def test_processes_may_open_a_new_store_at_once(tmp_path):
    """Threads race to make the file, a hundred times."""
    for number in range(100):
        path, errors = tmp_path / f"{number}.sqlite", []
        start = threading.Barrier(4)

        def open_it(path=path, errors=errors, start=start):
            start.wait()
            try:
                put(Store(path), threading.current_thread().name)
            except (ValueError, OSError) as error:
                errors.append(error)

        threads = [threading.Thread(target=open_it) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        assert len(Store(path)) == 4


def test_what_is_not_a_file_is_refused():
    with pytest.raises(ValueError, match="'store' must be a file, got ':memory:'"):
        Store(":memory:")


def test_a_job_is_claimed_by_one(store):
    other = Store(store.path)
    assert store.claim("a")
    assert store.claim("a")  # its own
    assert not other.claim("a")
    assert other.claimed(["a", "b"]) == {"a"}
    assert store.claimed(["a"]) == set()
    put(store, "a")
    assert not other.claim("a")  # it is done
    assert other.claimed(["a"]) == set()


def test_claims_end_with_the_work(store):
    other = Store(store.path)
    with store.at_work():
        assert store.claim("a")
    assert other.claim("a")


def test_claims_of_the_dead_are_void(store):
    code = (
        "import sys; from eegkd.benchmark.store import Store; "
        "assert Store(sys.argv[1]).claim('a')"
    )
    subprocess.run([sys.executable, "-c", code, str(store.path)], check=True)
    assert store.claimed(["a"]) == set()
    assert store.claim("a")


def test_claims_without_a_sign_of_life_are_void(store, monkeypatch):
    other = Store(store.path)
    assert other.claim("a")
    assert not store.claim("a")
    monkeypatch.setattr(store_module, "STALE_SECONDS", -1.0)
    assert store.claim("a")


def test_signs_of_life_keep_a_claim(store, monkeypatch):
    monkeypatch.setattr(store_module, "BEAT_SECONDS", 0.01)
    with store.at_work():
        store.claim("a")
        with sqlite3.connect(store.path) as db:
            db.execute("UPDATE claims SET beat = 0")
        for _ in range(200):
            with sqlite3.connect(store.path) as db:
                (beat,) = db.execute("SELECT beat FROM claims").fetchone()
            if beat > 0:
                break
            threading.Event().wait(0.02)
    assert beat > 0


def test_grids_are_found_by_their_spec_or_as_the_latest(store):
    assert store.grid("x") is None
    assert store.grid() is None
    store.save_grid("x", {"jobs": [1]})
    store.save_grid("y", {"jobs": [2]})
    assert store.grid("x") == {"jobs": [1]}
    store.use_grid("x")
    assert store.grid() == {"jobs": [1]}
    assert store.grid("y") == {"jobs": [2]}  # looked at, not used
    assert store.grid() == {"jobs": [1]}
    store.use_grid("y")
    store.save_grid("x", {"jobs": [3]})
    assert store.grid() == {"jobs": [2]}
    assert store.grid("x") == {"jobs": [3]}


def test_a_forgotten_job_is_done_again(store):
    store.finish("a", {}, [ROW], 1.0, MODEL)
    store.forget("a")
    assert store.done(["a"]) == set()
    assert store.model("a") is None


def test_a_full_disk_loses_nothing_that_is_finished(store, monkeypatch):
    put(store, "a")
    connect = sqlite3.connect

    def full(*args, **kwargs):
        db = connect(*args, **kwargs)
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
        return db

    with monkeypatch.context() as patch:
        patch.setattr(store_module.sqlite3, "connect", full)
        with pytest.raises(OSError, match=r"'store'.* is full.* make the same call"):
            put(store, "b", padding="x" * 100_000)
    again = Store(store.path)
    assert again.done(["a", "b"]) == {"a"}
    put(again, "b")
    assert again.done(["a", "b"]) == {"a", "b"}


def test_another_file_is_refused(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to have a header " * 20)
    with pytest.raises(ValueError, match=r"'store'.*damaged or not a store.*new file"):
        Store(text)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    with pytest.raises(ValueError, match="another SQLite file"):
        Store(other)
    assert text.read_text().startswith("not a database")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(OSError, match="cannot be read or written"):
        Store(tmp_path)


def test_a_damaged_file_is_refused_and_left_alone(store):
    for number in range(200):
        put(store, f"key {number}", padding="x" * 200)
    content = bytearray(store.path.read_bytes())
    content[4096 : 4096 * 6] = os.urandom(4096 * 5)
    store.path.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged.*\.recover"):
        Store(store.path)
    assert store.path.read_bytes() == bytes(content)


def test_a_cut_file_is_refused(store):
    for number in range(200):
        put(store, f"key {number}", padding="x" * 200)
    os.truncate(store.path, store.path.stat().st_size // 2)
    with pytest.raises(ValueError, match="damaged"):
        Store(store.path)


def test_a_damaged_entry_is_done_again(store):
    put(store, "a")
    put(store, "b")
    with sqlite3.connect(store.path) as db:
        db.execute("UPDATE jobs SET rows = replace(rows, '0.5', '0.9') WHERE key='a'")
    db.close()
    with pytest.warns(UserWarning, match="1 damaged entries"):
        assert [row["key"] for row in store.rows(["a", "b"])] == ["b"]
    assert store.done(["a", "b"]) == {"b"}


def test_a_damaged_model_is_none(store):
    store.finish("a", {}, [ROW], 1.0, MODEL)
    with sqlite3.connect(store.path) as db:
        db.execute("UPDATE models SET weights = x'00'")
    db.close()
    assert store.model("a") is None


def test_writers_wait_for_each_other(store):
    """Eight threads write at once; nothing is lost."""

    def write(number):
        own = Store(store.path)
        for i in range(10):
            put(own, f"{number}-{i}")

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store) == 80
