# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Loop closures on a traverse of pictures that are told apart without a network."""

from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import pytest
from pictures import blocks

from vpr_ros.geometry import Pose
from vpr_ros.geometry.resection import Resection
from vpr_ros.inputs.poses import PoseReading
from vpr_ros.localize import Localizer, Status
from vpr_ros.localize.evidence import InlierRule
from vpr_ros.loops import LoopConfig, LoopDetector
from vpr_ros.mapping import KeyframeConfig, MapBuilder
from vpr_ros.maps import MapWriter
from vpr_ros.search import Retriever
from vpr_ros.types import Description, ModelInfo

SECOND = 10**9
DIM = 64
MODEL = ModelInfo('numbers', '0' * 64, DIM, DIM, 'none', trained=True)


@dataclass(frozen=True)
class Frame:
    """A picture of a number."""

    stamp: int
    number: int
    camera: str = ''

    @property
    def rgb(self):
        picture = blocks(self.number)
        picture[0, 0, 0] = self.number
        return picture


class Describer:
    model_info = MODEL

    def describe(self, images):
        descriptors = np.eye(DIM, dtype=np.float32)
        numbers = [int(image[0, 0, 0]) for image in images]
        return [Description(descriptors[n], np.packbits(descriptors[n] > 0)) for n in numbers]


@contextmanager
def detector(tmp_path, config, verifier=None):
    with MapWriter.create(tmp_path / 'loops.vprmap', model=MODEL) as place_map:
        yield LoopDetector(
            place_map,
            MapBuilder(place_map, Describer(), KeyframeConfig(0.5), thumbnails=0),
            Localizer(Describer(), Retriever(place_map), verifier=verifier),
            config,
        )


def closures(tmp_path, numbers, config, step=SECOND, metres=1.0, verifier=None):
    """Drive past numbers, one a step; return (later, earlier) indices of the loops found."""
    with detector(tmp_path, config, verifier) as drive:
        found = []
        for i, number in enumerate(numbers):
            reading = PoseReading(i * step, Pose.planar(metres * i, 0, 0))
            keyframe = drive.offer(Frame(i * step, number), reading)
            if keyframe is not None and keyframe.earlier is not None:
                found.append((keyframe.place_id - 1, keyframe.earlier.id - 1))
        return found


LAP = list(range(30))


def test_second_lap_closes_to_the_first(tmp_path):
    found = closures(tmp_path, LAP + LAP[:5], LoopConfig(10, 10, 10))
    assert found == [(30, 0), (31, 1), (32, 2), (33, 3), (34, 4)]


def test_standing_before_the_same_wall_is_no_loop(tmp_path):
    assert closures(tmp_path, [7] * 9, LoopConfig(20, 10, 10)) == []


@pytest.mark.parametrize(
    'config', [LoopConfig(29.5, 0, 0), LoopConfig(0, 29.5, 0), LoopConfig(0, 0, 29)]
)
def test_each_exclusion_alone_keeps_the_recent_past_out(tmp_path, config):
    numbers = LAP[:29] + LAP[:3]
    assert closures(tmp_path, numbers, config) == []


@pytest.mark.parametrize(
    'config', [LoopConfig(28.5, 0, 0), LoopConfig(0, 28.5, 0), LoopConfig(0, 0, 28)]
)
def test_each_exclusion_admits_what_lies_beyond_it(tmp_path, config):
    numbers = LAP[:29] + LAP[:3]
    assert closures(tmp_path, numbers, config) == [(29, 0), (30, 1), (31, 2)]


def test_loops_are_announced_no_faster_than_asked_for(tmp_path):
    found = closures(tmp_path, LAP + LAP, LoopConfig(10, 10, 10, interval=8))
    assert found == [(30, 0), (38, 8), (46, 16), (54, 24)]


def test_loops_that_were_not_measured_are_kept_back_where_measures_are_asked_for(tmp_path):
    assert closures(tmp_path, LAP + LAP, LoopConfig(10, 10, 10, require_transform=True)) == []


class Measures:
    """Finds that each picture was made where its place was."""

    rule = InlierRule('all-1', least=10, chance=5)
    stopped = False

    def comparison(self, rgb):
        return self

    def reranked(self, candidates, how):
        return replace(candidates, inliers=np.where(candidates.similarities > 0.5, 30.0, 0.0))

    def with_first(self, candidates):
        return candidates

    def transform(self, place):
        return Resection(Pose.identity(), np.diag(np.square([0.2] * 3 + [0.02] * 3)), 30)


def test_loop_that_the_way_since_the_last_ones_contradicts_is_kept_back(tmp_path):
    second = [0, 1, 2, 18, 4, 5]
    found = closures(tmp_path, LAP + second, LoopConfig(10, 10, 10), verifier=Measures())
    assert found == [(30, 0), (31, 1), (32, 2), (34, 4), (35, 5)]


def test_loop_that_was_kept_back_says_why(tmp_path):
    # Picture 3 again, nine metres on: a driver that handed out what it held before a pause.
    with detector(tmp_path, LoopConfig(10, 10, 10), Measures()) as drive:
        shown, metres = [*LAP, 0, 1, 2, 3], [*LAP, 30, 31, 32, 42]
        kept = [
            drive.offer(Frame(i * SECOND, number), PoseReading(i * SECOND, Pose.planar(x, 0, 0)))
            for i, (number, x) in enumerate(zip(shown, metres, strict=True))
        ]
    decision = kept[-1].localization.decision
    assert kept[-2].earlier is not None
    assert kept[-1].earlier is None
    assert decision.status == Status.TEMPORALLY_INCONSISTENT
    assert 'odometry since the last loops contradicts it' in decision.reason
