# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import threading

from vpr_ros.nodes.worker import NewestWorker


def test_newest_item_wins_while_the_worker_is_busy():
    busy, go = threading.Event(), threading.Event()
    done = []

    def work(item):
        busy.set()
        assert go.wait(10)
        done.append(item)

    worker = NewestWorker(work, done.append)
    worker.submit(0)
    assert busy.wait(10)
    for item in (1, 2, 3):
        worker.submit(item)
    go.set()
    while worker.processed < 2:
        pass
    worker.stop()
    assert done == [0, 3]
    assert (worker.received, worker.dropped, worker.processed) == (4, 2, 2)


def test_an_error_is_reported_and_the_worker_goes_on():
    failed, done = [], threading.Event()

    def work(item):
        if item is None:
            raise ValueError('bad item')
        done.set()

    worker = NewestWorker(work, failed.append)
    worker.submit(None)
    while not failed:
        pass
    worker.submit(1)
    assert done.wait(10)
    worker.stop()
    assert str(failed[0]) == 'bad item'


def test_stop_finishes_the_item_in_progress_and_forgets_the_next():
    busy, go = threading.Event(), threading.Event()
    done = []

    def work(item):
        busy.set()
        assert go.wait(10)
        done.append(item)

    worker = NewestWorker(work, done.append)
    worker.submit(1)
    assert busy.wait(10)
    worker.submit(2)
    threading.Timer(0.05, go.set).start()
    worker.stop()
    assert done == [1]
