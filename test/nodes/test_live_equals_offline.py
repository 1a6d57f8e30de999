# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The nodes over real DDS give what the same code gives on the bag."""

from itertools import islice

import numpy as np
import pytest
from shared_data import DATA

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from vpr_ros.bench.answer_recorder import AnswerRecorder
from vpr_ros.bench.bag_player import Playback, play
from vpr_ros.bench.node_process import reliable
from vpr_ros.describe import Describer
from vpr_ros.inputs.bags import Bag, choose_topics
from vpr_ros.inputs.replay import replay_frames
from vpr_ros.localize import Localizer, calibration_for, make_filter
from vpr_ros.mapping import KeyframeConfig, map_bag
from vpr_ros.maps import MapWriter, PlaceMap
from vpr_ros.search import Retriever

MAP_BAG = DATA / 'bags' / 'gardens_day_left'
QUERY_BAG = DATA / 'bags' / 'gardens_day_right'
IMAGE = '/camera/image_raw'
NODE = '/place_recognition_node'
ANSWERS = f'{NODE}/candidates'

pytestmark = [
    pytest.mark.ros,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not MAP_BAG.exists(), reason=f'no bag {MAP_BAG}; set VPR_TEST_DATA'),
]


@pytest.fixture(scope='module', params=['d2vpr-nano', 'hog'])
def describer(request):
    """A network with a hash head, and a descriptor that takes its codes from the map."""
    return Describer(request.param)


@pytest.fixture(scope='module')
def gardens(describer, tmp_path_factory):
    """The map of the whole left traverse, made offline."""
    path = tmp_path_factory.mktemp('gardens') / 'left.vprmap'
    with Bag(MAP_BAG) as bag, MapWriter.create(path, model=describer.model_info) as place_map:
        assert map_bag(place_map, bag, describer, choose_topics(bag), KeyframeConfig()) == 200
    return path


@pytest.mark.parametrize('seconds', [25, pytest.param(None, marks=pytest.mark.slow, id='whole')])
@pytest.mark.parametrize('temporal', ['none', 'sequence'])
def test_every_processed_frame_gets_the_answer_of_the_offline_evaluation(
    start, gardens, describer, temporal, seconds
):
    calibration = calibration_for(describer.model_info)
    if temporal != 'none' and calibration is None:
        pytest.skip(f'no calibration of {describer.model_info.name} is shipped')
    model, topic = describer.model_info.name, f'{IMAGE}/compressed'
    with AnswerRecorder(NODE) as recorder:
        node = start(
            'place_recognition_node',
            remap={'image': IMAGE},
            model=model,
            map_path=gardens,
            temporal=temporal,
            verify='none',  # how much is compared depends on the time that is left
            **reliable(topic),
        )
        recorder.wait_for_publisher(lambda: node.alive)
        playback = Playback(1000, duration=seconds, subscribers=1, wait_for=ANSWERS, timeout=60)
        played = play(QUERY_BAG, playback)
        assert recorder.wait_for(played.published[topic])
    assert node.stop() == 0
    assert played.unanswered == 0

    with Bag(QUERY_BAG) as bag, PlaceMap.open(gardens) as place_map:
        replayed = replay_frames(bag, topic, '/odom')
        frames = [frame for frame, _ in islice(replayed, played.published[topic])]
        before = None
        if temporal != 'none':
            before = make_filter(temporal, lambda: place_map.snapshot.columns, calibration.places)
        localizer = Localizer(
            describer, Retriever(place_map), calibration=calibration, temporal=before
        )
        offline = [localizer.localize(frame) for frame in frames]
    live = recorder.answers
    stamps = [a.header.stamp.sec * 10**9 + a.header.stamp.nanosec for a in live]
    assert stamps == [frame.stamp for frame in frames]
    for answer, expected in zip(live, offline, strict=True):
        found = expected.candidates
        assert answer.status == expected.decision.status
        assert answer.reason == expected.decision.reason
        assert [c.place_id for c in answer.candidates] == found.ids.tolist()
        assert [c.hamming_distance for c in answer.candidates] == found.hamming.tolist()
        np.testing.assert_allclose(
            [c.similarity for c in answer.candidates],
            found.similarities,
            atol=1e-6,
        )
        known = found.probabilities
        np.testing.assert_allclose(
            [c.score for c in answer.candidates],
            np.full(len(found), np.nan) if known is None else known,
            atol=1e-6,
        )
    poses = {one.stamp: one.decision.pose for one in offline if one.decision.pose is not None}
    assert recorder.poses.keys() == poses.keys()
    for stamp, pose in poses.items():
        np.testing.assert_allclose(recorder.poses[stamp].as_array(), pose.as_array(), atol=1e-6)


def test_live_mapper_makes_the_places_of_the_offline_one(start, gardens, describer, tmp_path):
    path = tmp_path / 'live.vprmap'
    model = describer.model_info.name
    topics = reliable(f'{IMAGE}/compressed', '/odom')
    node = start('map_builder_node', remap={'image': IMAGE}, model=model, map_path=path, **topics)
    # Thirty keyframes a second, several times as many as can be described.
    play(MAP_BAG, Playback(rate=30.0, duration=30, subscribers=1, timeout=120))
    assert node.stop() == 0
    with PlaceMap.open(path) as live, PlaceMap.open(gardens) as offline:
        assert live.verify() == []
        # The last image waits for a pose that is not played.
        assert len(live) >= 50
        rows = np.arange(len(live))
        np.testing.assert_array_equal(offline.stamps[rows], live.stamps)
        np.testing.assert_array_equal(offline.positions[rows], live.positions)
        if describer.model_info.code_bits:
            np.testing.assert_array_equal(offline.codes[rows], live.codes)
        else:
            assert live.codes.shape == (len(live), 0)  # so few are searched without
        np.testing.assert_array_equal(
            offline.descriptors(rows), live.descriptors(np.arange(len(live)))
        )
