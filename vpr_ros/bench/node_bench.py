# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Times of the stages of place_recognition_node, for one image."""

from __future__ import annotations

import resource
import struct
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from vpr_ros.bench.node_process import NodeProcess
from vpr_ros.bench.search_bench import MOUNT, random_places
from vpr_ros.bench.verify_bench import street_views
from vpr_ros.describe import Describer
from vpr_ros.geometry import Pose
from vpr_ros.inputs.frames.thumbnail_codec import encode_thumbnail
from vpr_ros.localize import Localizer, calibration_for
from vpr_ros.maps import MapWriter, PlaceMap
from vpr_ros.msg import PlaceCandidateArray
from vpr_ros.nodes.conversions import to_candidate_array, to_time
from vpr_ros.search import Retriever
from vpr_ros.stamps import from_time
from vpr_ros.types import THUMBNAIL_SIZE, Description

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from vpr_ros.nodes.parameter_fields import Value

_START = 60.0
"""Seconds the node may take to load network and map."""


_VIEWS = 11
"""Pictures of the street: the image that is sent, and those of the places."""
_OTHER_MOUNT = Pose.planar(-1.0, 0.0, np.pi)
_TIMED = 100
"""Images that are timed in this process."""
_SUFFIX = ' p50 / p95 [ms]'
_LOCKSTEP = 30
"""Images that are answered one by one to measure the speed of the node."""


def bench_node(
    rate: float, seconds: float, model: str, places: int
) -> list[dict[str, str | float]]:
    """Send images to a node and return its stages with median and 95th percentile, ms.

    The stage overhead is everything except network and search; rest is the time between stages,
    rerank the comparison of local features with those of the first ten places.
    """
    with _running(model, places) as bench:
        bench.send(rate, seconds)
        report = bench.report()
    rows: list[dict[str, str | float]] = []
    for key, value in report.items():
        if key.endswith(_SUFFIX):
            p50, p95 = map(float, value.split(' / '))
            rows.append({'stage': key.removesuffix(_SUFFIX), 'p50 [ms]': p50, 'p95 [ms]': p95})
    return rows


def bench_calls(model: str, places: int) -> list[dict[str, str | float]]:
    """Return the Python functions called and the milliseconds spent on an image, in this process.

    Counted is everything from the description of the image to the message of candidates, without
    the network and the middleware: for a camera whose mount is not known, for one mounted as the
    camera that mapped, and for one mounted otherwise.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'bench.vprmap'
        _make_map(path, model, places)
        with PlaceMap.open(path) as place_map:
            mounts = {'no mount': None, 'the same mount': MOUNT, 'another mount': _OTHER_MOUNT}
            return [_calls(place_map, name, mount) for name, mount in mounts.items()]


def _calls(place_map: PlaceMap, name: str, mount: Pose | None) -> dict[str, str | float]:
    model = place_map.model
    code = place_map.codes[0] if model.code_bits else None
    description = Description(place_map.descriptors([0])[0], code)
    describer: Any = SimpleNamespace(describe=lambda images: [description for _ in images])
    localizer = Localizer(describer, Retriever(place_map), calibration=calibration_for(model))
    blocks = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    picture = blocks.repeat(8, 0).repeat(8, 1)
    image: Any = SimpleNamespace(stamp=0, camera='', rgb=picture)
    mounts = {} if mount is None else {'': mount}

    def answer() -> None:
        (result,) = localizer.localize_all([image], mounts=mounts)
        to_candidate_array(result, model, place_map)

    calls, seconds = 0, []

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == 'call'

    for _ in range(_TIMED):
        started = time.perf_counter()
        answer()
        seconds.append(time.perf_counter() - started)
    sys.setprofile(count)
    answer()
    sys.setprofile(None)
    return {'camera': name, 'Python calls': calls, 'p50 [ms]': float(np.median(seconds)) * 1e3}


def bench_overload(
    seconds: float, model: str, places: int, factor: float = 5.0
) -> list[dict[str, str | float]]:
    """Send images faster than a node can answer them; return rates, losses and latencies.

    Latencies are from receiving an image in the node to publishing its answer; those to the
    sender include the middleware, twice. The network has one thread, since sender and node share
    the machine.
    """
    with _running(model, places, threads=1) as bench:
        for _ in range(_LOCKSTEP):
            bench.ask()
        alone = [answer.latency for answer in bench.answers[_LOCKSTEP // 3 :]]
        sustainable = 1e3 / float(np.median(alone))
        before, memory = bench.report(), bench.memory()
        bench.answers.clear()
        sent = bench.send(factor * sustainable, seconds)
        after = bench.report()
        answers = bench.answers
        memories = memory, bench.memory()

    def grown(key: str) -> int:
        return int(after[key]) - int(before[key])

    rows: list[tuple[str, str | float]] = [
        ('sustainable rate [Hz]', sustainable),
        ('sent [Hz]', sent / seconds),
        ('answered [Hz]', len(answers) / seconds),
        ('images sent', sent),
        ('images received', grown('images received')),
        ('images dropped for newer ones', grown('images dropped for newer ones')),
        ('images processed', grown('images processed')),
        ('latency of one at a time p50 [ms]', float(np.median(alone))),
        ('latency of one at a time max [ms]', max(alone)),
        *_percentiles('latency', [answer.latency for answer in answers]),
        *_percentiles('latency to the sender', [answer.heard for answer in answers]),
        ('memory before [MB]', memories[0]),
        ('memory after [MB]', memories[1]),
    ]
    return [{'figure': name, 'value': value} for name, value in rows]


def _percentiles(name: str, values: list[float]) -> list[tuple[str, str | float]]:
    levels = zip(('p50', 'p95', 'max'), np.percentile(values, [50, 95, 100]), strict=True)
    return [(f'{name} {level} [ms]', float(value)) for level, value in levels]


@dataclass(frozen=True)
class _Answer:
    """Latency of an answer, ms: in the node, and from sending the image to its receipt."""

    latency: float
    heard: float


class _Bench:
    """Sends images to a running node and receives its answers."""

    def __init__(self, process: NodeProcess, pixels: NDArray[np.uint8]) -> None:
        self._process = process
        self._node = rclpy.create_node('vpr_bench')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._reports: list[DiagnosticArray] = []
        self.answers: list[_Answer] = []
        self._node.create_subscription(DiagnosticArray, '/diagnostics', self._reports.append, 10)
        self._node.create_subscription(
            PlaceCandidateArray, '/place_recognition_node/candidates', self._on_answer, 100
        )
        self._publisher = self._node.create_publisher(Image, 'image', 1)
        height, width, _ = pixels.shape
        image = Image(height=height, width=width, encoding='rgb8', step=width * 3)
        image.data = pixels.tobytes()
        self._raw = bytearray(serialize_message(image))
        self.wait_until(lambda: self._publisher.get_subscription_count() > 0)

    def close(self) -> None:
        self._executor.shutdown()
        self._node.destroy_node()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START
        while not condition():
            self._process.check()
            if time.monotonic() > deadline:
                msg = f'the node does not answer after {_START} s:\n{self._process.output}'
                raise TimeoutError(msg)
            self._executor.spin_once(timeout_sec=0.1)

    def ask(self) -> None:
        """Send an image and wait for its answer; the first may be lost in discovery."""
        count, sent = len(self.answers), 0.0

        def answered() -> bool:
            nonlocal sent
            if len(self.answers) == count and time.monotonic() - sent > 1:
                sent = time.monotonic()
                self._publish()
            return len(self.answers) > count

        self.wait_until(answered)

    def send(self, rate: float, seconds: float) -> int:
        """Send images at a rate; return how many."""
        end, due, sent = time.monotonic() + seconds, time.monotonic(), 0
        while time.monotonic() < end:
            self._publish()
            sent += 1
            due = max(due + 1 / rate, time.monotonic() - 1 / rate)
            # At least once, so that answers are received in time.
            self._executor.spin_once(timeout_sec=0)
            while (left := due - time.monotonic()) > 0:
                self._executor.spin_once(timeout_sec=left)
        return sent

    def report(self) -> dict[str, str]:
        """Return the next diagnostics of the node."""
        self._reports.clear()
        # The first may be older than the last image.
        self.wait_until(lambda: len(self._reports) > 1)
        return {value.key: value.value for value in self._reports[-1].status[0].values}

    def memory(self) -> float:
        """Return the node's resident memory, MB."""
        pages = Path(f'/proc/{self._process.process.pid}/statm').read_text('utf-8').split()[1]
        return int(pages) * resource.getpagesize() / 1e6

    def _publish(self) -> None:
        # Serialised once, since Python serialises slower than a camera sends.
        stamp = to_time(time.time_ns())
        struct.pack_into('<iI', self._raw, 4, stamp.sec, stamp.nanosec)
        self._publisher.publish(bytes(self._raw))

    def _on_answer(self, answer: PlaceCandidateArray) -> None:
        stamp = from_time(answer.header.stamp)
        latency = from_time(answer.latency) * 1e-6
        self.answers.append(_Answer(latency, (time.time_ns() - stamp) * 1e-6))


@contextmanager
def _running(model: str, places: int, threads: int = 0) -> Iterator[_Bench]:
    """Run a node with a map of random places, whose thumbnails show the street of the images."""
    pixels, *views = street_views(_VIEWS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'bench.vprmap'
        _make_map(path, model, places, [encode_thumbnail(v, THUMBNAIL_SIZE) for v in views])
        rclpy.init()
        try:
            settings: dict[str, Value] = {
                'map_path': str(path),
                'model': model,
                'threads': threads,
            }
            log = Path(folder) / 'node.log'
            with (
                NodeProcess('place_recognition_node', log, parameters=settings) as process,
                closing(_Bench(process, pixels)) as bench,
            ):
                yield bench
        finally:
            rclpy.shutdown()


def _make_map(path: Path, model: str, count: int, thumbnails: Sequence[bytes] = ()) -> None:
    info = Describer(model).model_info
    with MapWriter.create(path, model=info) as place_map:
        session = place_map.begin_session('random', 0)
        places = random_places(np.random.default_rng(0), info, session, 0, count)
        if thumbnails:
            places = [
                replace(place, thumbnail=thumbnails[i % len(thumbnails)])
                for i, place in enumerate(places)
            ]
        place_map.add(places)
        if not info.code_bits:
            place_map.recode()
