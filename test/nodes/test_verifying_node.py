# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""place_recognition_node with verification: what does not pass is not believed."""

import time
from itertools import islice

import numpy as np
import pytest
from shared_data import DATA

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from geometry_msgs.msg import PoseWithCovarianceStamped
from node_samples import make_map, picture
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage
from vpr_ros.msg import PlaceCandidateArray

from vpr_ros.describe import Describer
from vpr_ros.evaluation import Tolerance
from vpr_ros.evaluation.bag_evaluation import evaluate_bag
from vpr_ros.inputs.bags import Bag, choose_topics
from vpr_ros.localize import DecisionConfig, Localizer, Reranking, Status, Verifier, local_detector
from vpr_ros.mapping import KeyframeConfig, map_bag
from vpr_ros.maps import MapWriter, PlaceMap
from vpr_ros.search import Retriever

MAP_BAG = DATA / 'bags' / 'gardens_day_left'
QUERY_BAG = DATA / 'bags' / 'gardens_day_right'
TOPIC = '/camera/image_raw/compressed'
NODE = 'place_recognition_node'
FRAMES = 12
STRICT = 160
"""Features that must agree, so many that some of what looks right does not pass."""
RULES = {'max_distance_ratio': 1.0}
"""By descriptors everything is accepted, so that there is something to refuse."""

pytestmark = [
    pytest.mark.ros,
    pytest.mark.skipif(not MAP_BAG.exists(), reason=f'no bag {MAP_BAG}; set VPR_TEST_DATA'),
]


@pytest.fixture(scope='module')
def describer():
    return Describer('hog')


def map_with_thumbnails(path, describer):
    with Bag(MAP_BAG) as bag, MapWriter.create(path, model=describer.model_info) as place_map:
        topics = choose_topics(bag)
        map_bag(place_map, bag, describer, topics, KeyframeConfig(), thumbnails=320)
    return path


def test_node_verifies_as_the_offline_evaluation_does(start, listener, describer, tmp_path):
    path = map_with_thumbnails(tmp_path / 'left.vprmap', describer)
    with Bag(QUERY_BAG) as bag, PlaceMap.open(path) as place_map:
        localizer = Localizer(
            describer,
            Retriever(place_map),
            DecisionConfig(**RULES),
            verifier=Verifier(place_map, local_detector('xfeat'), min_inliers=STRICT),
            reranking=Reranking(5),
        )
        topics = choose_topics(bag)
        tolerance = Tolerance(5.0)
        offline = evaluate_bag(
            place_map, bag, localizer, topics, tolerance, candidates=10, limit=FRAMES
        )
        images = [
            deserialize_message(m.raw, CompressedImage)
            for m in islice(bag.messages([TOPIC]), FRAMES)
        ]
    expected = {query.stamp: query for query in offline.queries}
    assert {'UNVERIFIED', 'ACCEPTED'} <= {query.status for query in expected.values()}

    answers, poses = {}, set()

    def stamp_of(message):
        return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec

    def note(answer):
        answers[stamp_of(answer)] = answer

    listener.node.create_subscription(PlaceCandidateArray, f'/{NODE}/candidates', note, 10)
    listener.node.create_subscription(
        PoseWithCovarianceStamped, f'/{NODE}/pose', lambda pose: poses.add(stamp_of(pose)), 10
    )
    publisher = listener.publisher(CompressedImage, TOPIC)
    node = start(
        NODE,
        remap={'image': '/camera/image_raw'},
        model='hog',
        map_path=path,
        verify='xfeat',
        rerank=5,
        rerank_budget_ms=0.0,
        min_inliers=STRICT,
        calibration='none',
        **RULES,
    )
    for image in images:
        stamp = stamp_of(image)
        accepted = expected[stamp].accepted
        asked = 0.0

        def answered(stamp=stamp, image=image, accepted=accepted):
            nonlocal asked
            if time.monotonic() - asked > 2:  # what is sent before all are connected is lost
                publisher.publish(image)
                asked = time.monotonic()
            return stamp in answers and (stamp in poses or not accepted)

        listener.wait_until(answered, what='for the answer')
    assert node.stop() == 0

    assert poses == {stamp for stamp, query in expected.items() if query.accepted}
    for stamp, query in expected.items():
        answer = answers[stamp]
        assert Status(answer.status).name == query.status
        assert answer.reason == query.reason
        assert [c.place_id for c in answer.candidates] == query.candidates.ids.tolist()
        inliers = query.candidates.inliers
        whole = np.nan_to_num(inliers).astype(int)
        assert [c.num_inliers for c in answer.candidates] == whole.tolist()
        assert answer.candidates[0].verified == (inliers[0] >= STRICT) >= query.accepted


def test_map_without_thumbnails_is_said_not_to_be_verified(start, listener, tmp_path):
    path = make_map(tmp_path / 'plain.vprmap', [picture(seed) for seed in range(4)])
    node = start(NODE, model='hog', map_path=path, verify='xfeat')

    def warnings():
        return [line for line in node.output.splitlines() if 'nothing is verified' in line]

    listener.wait_until(warnings, what='for the warning')
    assert 'build the map with thumbnails' in warnings()[0]
    assert node.stop() == 0
    assert len(warnings()) == 1
