# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import threading

from vpr_ros.nodes.worker import NewestWorker


def gated_worker(**arguments):
    """A worker that does its work when told; returns what was done, in rounds."""
    busy, go = threading.Event(), threading.Event()
    rounds = []

    def work(items):
        busy.set()
        assert go.wait(10)
        rounds.append(items)
        return len(items)

    return NewestWorker(work, rounds.append, **arguments), busy, go, rounds


def test_newest_item_wins_while_the_worker_is_busy():
    worker, busy, go, rounds = gated_worker()
    worker.submit(0)
    assert busy.wait(10)
    for item in (1, 2, 3):
        worker.submit(item)
    go.set()
    while worker.processed < 2:
        pass
    worker.stop()
    assert rounds == [[0], [3]]
    assert (worker.received, worker.dropped, worker.processed) == (4, 2, 2)


def test_the_newest_item_of_each_source_is_in_the_next_round():
    worker, busy, go, rounds = gated_worker(sources=2)
    worker.submit('f0', 'front')
    assert busy.wait(10)  # the rear camera is silent: it is not waited for long
    for item in ('f1', 'f2'):
        worker.submit(item, 'front')
    worker.submit('r1', 'rear')
    go.set()
    while worker.processed < 3:
        pass
    worker.stop()
    assert rounds == [['f0'], ['f2', 'r1']]
    assert (worker.received, worker.dropped, worker.processed) == (4, 1, 3)


def test_images_of_one_trigger_are_worked_on_together():
    worker, _, go, rounds = gated_worker(sources=3)
    for camera in ('left', 'front', 'right'):
        worker.submit(camera, camera)
    go.set()
    while worker.processed < 3:
        pass
    worker.stop()
    assert rounds == [['left', 'front', 'right']]


def test_an_error_is_reported_and_the_worker_goes_on():
    failed, done = [], threading.Event()

    def work(items):
        if items == [None]:
            raise ValueError('bad item')
        done.set()
        return 1

    worker = NewestWorker(work, failed.append)
    worker.submit(None)
    while not failed:
        pass
    worker.submit(1)
    assert done.wait(10)
    worker.stop()
    assert str(failed[0]) == 'bad item'
    assert worker.processed == 1


def test_stop_finishes_the_item_in_progress_and_forgets_the_next():
    worker, busy, go, rounds = gated_worker()
    worker.submit(1)
    assert busy.wait(10)
    worker.submit(2)
    threading.Timer(0.05, go.set).start()
    worker.stop()
    assert rounds == [[1]]
