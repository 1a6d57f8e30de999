# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What place_recognition_node spends its time on, measured from outside."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import Image

from vpr_ros.describe import Describer
from vpr_ros.geometry import Pose
from vpr_ros.maps import NewPlace, PlaceMap
from vpr_ros.nodes.conversions import to_time
from vpr_ros.nodes.process import NodeProcess
from vpr_ros.types import Description

_WIDTH, _HEIGHT = 640, 480
_START = 60.0
"""Seconds the node may take to load network and map."""


def bench_node(
    rate: float, seconds: float, model: str, places: int
) -> list[dict[str, str | float]]:
    """Send images to a node and return its stages with median and 95th percentile, ms.

    The stage overhead is everything but the network and the search.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'bench.vprmap'
        _make_map(path, model, places)
        rclpy.init()
        node = rclpy.create_node('vpr_bench')
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        try:
            with NodeProcess(
                'place_recognition_node',
                Path(folder) / 'node.log',
                parameters={'map_path': str(path), 'model': model},
            ) as process:
                stages = _send(node, executor, process, rate, seconds)
        finally:
            executor.shutdown()
            node.destroy_node()
            rclpy.shutdown()
    return [
        {'stage': name, 'p50 [ms]': p50, 'p95 [ms]': p95} for name, (p50, p95) in stages.items()
    ]


def _make_map(path: Path, model: str, count: int) -> None:
    """Write a map of random places: searching takes the same time in any map."""
    info = Describer(model).model_info
    rng = np.random.default_rng(0)
    descriptors = rng.standard_normal((count, info.descriptor_dim), np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    codes = rng.integers(0, 256, (count, info.code_bits // 8), np.uint8)
    with PlaceMap.create(path, model=info) as place_map:
        session = place_map.begin_session('random', 0)
        place_map.add(
            [
                NewPlace(
                    Description(descriptor, code if info.code_bits else None),
                    session,
                    stamp=i,
                    pose=Pose.planar(i, 0, 0),
                )
                for i, (descriptor, code) in enumerate(zip(descriptors, codes, strict=True))
            ]
        )
        if not info.code_bits:
            place_map.recode()


def _send(
    node: rclpy.node.Node,
    executor: SingleThreadedExecutor,
    process: NodeProcess,
    rate: float,
    seconds: float,
) -> dict[str, tuple[float, float]]:
    """Publish images at a rate; return the stages of the node's last diagnostics."""
    reports: list[DiagnosticArray] = []
    node.create_subscription(DiagnosticArray, '/diagnostics', reports.append, 10)
    publisher = node.create_publisher(Image, 'image', 1)
    pixels = np.random.default_rng(0).integers(0, 256, _WIDTH * _HEIGHT * 3, np.uint8).tobytes()
    image = Image(height=_HEIGHT, width=_WIDTH, encoding='rgb8', step=_WIDTH * 3, data=pixels)
    start = time.monotonic()
    while publisher.get_subscription_count() == 0:
        process.check()
        if time.monotonic() - start > _START:
            msg = f'the node does not listen after {_START} s:\n{process.output}'
            raise TimeoutError(msg)
        executor.spin_once(timeout_sec=0.1)
    end = time.monotonic() + seconds
    due = time.monotonic()
    while time.monotonic() < end:
        image.header.stamp = to_time(time.time_ns())
        publisher.publish(image)
        due += 1 / rate
        while (left := due - time.monotonic()) > 0:
            executor.spin_once(timeout_sec=left)
    process.check()
    values = {value.key: value.value for value in reports[-1].status[0].values}
    suffix = ' p50 / p95 [ms]'
    return {
        key.removesuffix(suffix): (float(value.split(' / ')[0]), float(value.split(' / ')[1]))
        for key, value in values.items()
        if key.endswith(suffix)
    }
