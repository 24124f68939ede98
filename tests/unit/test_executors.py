"""Work in processes that fail, die, hang and are called off."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from preprocessing.executors import Work, run
from training.core.errors import DataError


def work(item: object) -> object:
    """What the items ask for. Lives here by name, as spawned processes must find it."""
    if item == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "exit":
        os._exit(3)
    if item == "hang":
        ctypes.PyDLL(None).sleep(600)  # in C, without letting Python go on
    if item == "data":
        raise DataError("broken")
    if item == "bug":
        raise ZeroDivisionError("oops")
    if isinstance(item, Path):
        time.sleep(0.5)
        item.touch()
    if item == "pid":
        return os.getpid()
    return item


@pytest.mark.parametrize("processes", [0, 1, 3])
def test_every_item_comes_back_once(processes):
    assert sorted(run(Work(work), range(20), processes)) == [(i, i) for i in range(20)]


def test_nothing_to_do():
    assert list(run(Work(work), [], 2)) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_a_dying_process_costs_its_own_item_only(processes):
    results = dict(run(Work(work), [1, 2, "die", 3, "exit", 4, 5], processes))
    for culprit in ("die", "exit"):
        assert isinstance(results[culprit], DataError) and "worker process died" in str(results.pop(culprit))
    assert results == {i: i for i in range(1, 6)}


@pytest.mark.parametrize("processes", [1, 2])
def test_a_hanging_process_is_killed_and_costs_its_own_item_only(processes):
    before = set(multiprocessing.active_children())
    results = dict(run(Work(work, limit=1), [1, 2, "hang", 3, 4, 5], processes))
    assert str(results.pop("hang")) == "took more than time_limit (1 s)"
    assert results == {i: i for i in range(1, 6)}
    assert set(multiprocessing.active_children()) == before


def trouble() -> None:
    time.sleep(2)
    raise ZeroDivisionError("no matter: the work will tell")


def test_preparing_takes_nothing_of_the_items_time():
    assert list(run(Work(work, limit=1, prepare=trouble), [1, 2], 1)) == [(1, 1), (2, 2)]


def test_a_process_is_used_again_until_it_dies():
    pids = [
        result
        for item, result in run(Work(work), ["pid", "pid", "data", "bug", "pid", "die", "pid"], 1)
        if item == "pid"
    ]
    assert pids[0] == pids[1] == pids[2] != pids[3]


def test_errors_are_handed_back_and_the_rest_goes_on():
    results = dict(run(Work(work), [1, "data", "bug", 2], 2))
    assert isinstance(results["data"], DataError) and str(results["bug"]) == "ZeroDivisionError: oops"
    assert (results[1], results[2]) == (1, 2)


def test_without_processes_a_bug_is_not_hidden():
    results = run(Work(work), ["data", "pid", "bug"], 0)
    assert isinstance(next(results)[1], DataError)
    assert next(results) == ("pid", os.getpid())
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_closing_ends_the_workers(tmp_path):
    before = set(multiprocessing.active_children())
    results = run(Work(work), [1, *(tmp_path / str(i) for i in range(50))], 2)
    next(results)
    results.close()
    assert set(multiprocessing.active_children()) == before
    assert len(list(tmp_path.iterdir())) < 5
