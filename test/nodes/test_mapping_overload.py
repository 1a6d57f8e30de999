# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""map_builder_node for a minute under three times the images that it can describe."""

import re
import time

import numpy as np
import pytest
from rosbags.rosbag2 import Writer
from shared_data import BAGS

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from diagnostic_msgs.msg import DiagnosticArray

from vpr_ros import models
from vpr_ros.bench.bag_player import Playback, play
from vpr_ros.bench.node_process import NodeProcess, reliable
from vpr_ros.describe import Describer
from vpr_ros.inputs.bags import Bag, choose_topics
from vpr_ros.inputs.frames.cdr import types
from vpr_ros.mapping import KeyframeConfig, map_bag
from vpr_ros.maps import MapWriter, PlaceMap
from vpr_ros.models.model_card import ModelCard
from vpr_ros.models.weights_file import save_weights
from vpr_ros.stamps import SECOND, from_time

BAG = BAGS / 'airsim_track'
IMAGE = '/camera/image_raw'
NETWORK = 'cosplace-resnet18'  # takes images of any size
SPACING = KeyframeConfig(distance=0.01)
SLOW = 7.5
"""Images a second that the network may describe at most, so that the bag lasts for a minute."""
FASTER = 4.0
"""Images that are sent for each that the network alone can describe, beside what else runs."""

pytestmark = [
    pytest.mark.ros,
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not BAG.exists(), reason=f'no bag {BAG}; set VPR_TEST_DATA'),
]


def seconds_of(describer):
    """Return the seconds that a network alone takes for an image: the least, and the median."""
    picture = np.random.default_rng(0).integers(0, 256, (144, 256, 3), np.uint8)
    seconds = []
    for _ in range(15):
        begin = time.perf_counter()
        describer.describe([picture])
        seconds.append(time.perf_counter() - begin)
    return min(seconds), float(np.median(seconds))


@pytest.fixture
def slow_network(tmp_path):
    """A network with made-up weights, and an input as large as makes it slow on this machine."""
    state = models.create(NETWORK).state_dict()
    for size in (640, 896, 1280):
        path = tmp_path / f'{NETWORK}-{size}.safetensors'
        save_weights(path, state, ModelCard(NETWORK, preprocessing=models.Preprocessing(size)))
        describer = Describer(str(path), threads=1, backend='torch')
        least, median = seconds_of(describer)
        if 1 / least < SLOW:
            return path, describer, 1 / median
        path.unlink()
    pytest.fail('no input is slow on this machine: take a larger network')


@pytest.fixture
def minute(slow_network, tmp_path):
    """A bag of the images of a minute, where so many come, and how much faster it is played."""
    sent = FASTER * slow_network[-1]
    with Bag(BAG) as bag, Writer(tmp_path / 'minute', version=9) as writer:
        topics = choose_topics(bag)
        faster = sent / (topics.image.count * SECOND / bag.duration)
        assert bag.duration / SECOND / faster >= 62, 'the bag is over too soon'
        connections = {
            topic.name: writer.add_connection(topic.name, topic.type, typestore=types())
            for topic in (topics.image, topics.pose)
        }
        end = bag.start + round(62 * faster * SECOND)
        for message in bag.messages(list(connections), bag.start, end):
            writer.write(connections[message.topic], message.time, message.raw)
    return tmp_path / 'minute', faster


class Reports:
    """What the node says of itself, once a second."""

    def __init__(self, listener):
        self._listener = listener
        self._messages = listener.collect(DiagnosticArray, '/diagnostics')

    def after(self, stamp):
        """Return the first report after a stamp, with its own stamp."""

        def found():
            return [m for m in self._messages if from_time(m.header.stamp) > stamp]

        self._listener.wait_until(found)
        message = found()[0]
        values = {value.key: value.value for value in message.status[0].values}
        return from_time(message.header.stamp), values


class Stopwatch:
    """Notes when the first and the last message of a playback were sent."""

    def __init__(self):
        self.first = self.last = 0.0

    def __call__(self, _progress):
        self.last = time.monotonic()
        self.first = self.first or self.last


def test_a_minute_of_three_times_the_images_that_can_be_described_loses_no_keyframe(
    start, listener, slow_network, minute, tmp_path
):
    path, describer, _ = slow_network
    recorded, faster = minute
    live = tmp_path / 'live.vprmap'
    node = start(
        'map_builder_node',
        remap={'image': IMAGE},
        kind=NodeProcess,
        model=path,
        map_path=live,
        threads=1,
        backend='torch',
        keyframe_distance=SPACING.distance,
        **reliable(f'{IMAGE}/compressed'),
    )
    reports, watch = Reports(listener), Stopwatch()
    played = play(recorded, Playback(rate=faster, subscribers=1, timeout=120), watch)
    seconds = watch.last - watch.first
    sent = played.published[f'{IMAGE}/compressed']

    # What it sustains is the more of what it did meanwhile and what it does when nothing comes.
    first, before = reports.after(time.time_ns())
    last, after = reports.after(first + 20 * SECOND)
    meanwhile = int(before['places']) / seconds
    alone = (int(after['places']) - int(before['places'])) / ((last - first) / SECOND)
    ratio = sent / seconds / max(meanwhile, alone)
    print(
        f'{sent} images in {seconds:.1f} s, {sent / seconds:.1f} a second; the node sustains '
        f'{meanwhile:.1f} meanwhile and {alone:.1f} alone: {ratio:.2f} times; '
        f'{after["keyframes waiting"]} wait'
    )
    assert seconds >= 60
    assert ratio >= 3
    assert int(after['keyframes waiting']) > 0
    assert int(after['images received']) == sent
    assert set(re.findall(r'(\d+) dropped', node.output)) == {'0'}
    assert 'were lost' not in node.output
    assert after['images dropped while waiting for a pose'] == '0'
    assert node.stop(timeout=900) == 0
    assert 'are not in the map' not in node.output

    offline = tmp_path / 'offline.vprmap'
    with Bag(recorded) as bag, MapWriter.create(offline, model=describer.model_info) as place_map:
        map_bag(place_map, bag, describer, choose_topics(bag), SPACING)
    assert_equal(live, offline)


def assert_equal(live, offline):
    with PlaceMap.open(live) as one, PlaceMap.open(offline) as other:
        assert one.verify() == []
        assert len(one) == len(other) > 100
        rows = np.arange(len(one))
        np.testing.assert_array_equal(one.descriptors(rows), other.descriptors(rows))
        for place, wanted in zip(one.places(one.ids), other.places(other.ids), strict=True):
            assert (place.stamp, place.distance) == (wanted.stamp, wanted.distance)
            np.testing.assert_array_equal(place.pose.as_array(), wanted.pose.as_array())
            assert one.thumbnail(place.id) == other.thumbnail(wanted.id)
