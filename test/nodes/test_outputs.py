# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What place_recognition_node shows people, as a process: markers, debug image, diagnostics."""

import cv2
import numpy as np
import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')
pytest.importorskip('visualization_msgs', reason='needs the messages of RViz')

from node_samples import MODEL, NAME, Reports, make_map, message, picture, seen_again
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray
from vpr_ros.msg import PlaceCandidateArray

from vpr_ros.localize import Decision, Localization, Status
from vpr_ros.nodes.debug_image import draw
from vpr_ros.nodes.markers import place_marker
from vpr_ros.search import Candidates

pytestmark = pytest.mark.ros


def jpeg(rgb):
    return cv2.imencode('.jpg', rgb[..., ::-1])[1].tobytes()


@pytest.fixture
def town(tmp_path):
    """A map of three places with pictures."""
    pictures = [picture(i) for i in range(3)]
    return make_map(tmp_path / 'm.vprmap', pictures, thumbnails=[jpeg(p) for p in pictures])


def ask(listener, publisher, seed):
    """Return a condition that sends a picture each time it is asked."""
    number = [0]

    def send():
        number[0] += 1
        publisher.publish(message(seen_again(picture(seed), number[0]), number[0]))

    return send


def test_markers_show_map_candidates_and_pose_to_whoever_comes(start, listener, town):
    node = start('place_recognition_node', model=MODEL, map_path=town)
    send = ask(listener, listener.publisher(Image, '/image'), 1)
    answers = listener.collect(PlaceCandidateArray, f'{NAME}/candidates')

    def seen(arrays):
        send()
        return {'map', 'candidates', 'pose', 'covariance'} <= {
            marker.ns for array in arrays for marker in array.markers
        }

    for _ in range(2):  # the second comes when the map has been shown already
        arrays = listener.collect(MarkerArray, f'{NAME}/markers')
        listener.wait_until(lambda a=arrays: seen(a), what='for all markers')
    latest = {marker.ns: marker for array in arrays for marker in array.markers}
    assert sorted(point.x for point in latest['map'].points) == [0.0, 100.0, 200.0]
    assert latest['candidates'].points[0].x == 100.0
    assert latest['pose'].pose.position.x == 100.0
    assert latest['covariance'].scale.x > 0
    assert {marker.header.frame_id for marker in latest.values()} == {'map'}
    assert answers[-1].status == PlaceCandidateArray.ACCEPTED
    assert 'Traceback' not in node.output


def test_debug_image_shows_query_and_match_side_by_side(start, listener, town):
    node = start('place_recognition_node', model=MODEL, map_path=town)
    send = ask(listener, listener.publisher(Image, '/image'), 1)
    images = listener.collect(Image, f'{NAME}/debug_image', 1)

    def shown():
        send()
        return images

    listener.wait_until(shown, what='for a debug image')
    image = images[-1]
    pixels = np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3)
    # Both pictures are 400 wide with margins of 10; they begin below two lines.
    query, match = (pixels[70:350, x : x + 380].astype(float) for x in (20, 430))
    assert np.abs(query - match).mean() < 12  # the same picture, but for JPEG and the light
    assert query.std() > 40
    assert 'Traceback' not in node.output


def test_diagnostics_name_rates_latencies_drops_map_model_and_device(start, listener, town):
    reports = Reports(listener)
    start('place_recognition_node', model=MODEL, map_path=town, max_rate=0.5)
    send = ask(listener, listener.publisher(Image, '/image'), 1)
    part = 'place recognition'

    def told():
        send()
        return part in reports.latest and 'all p50 / p95 [ms]' in reports.values(part)

    listener.wait_until(told, what='for latencies')
    values = reports.values(part)
    assert values['model'] == MODEL
    assert values['device'] == 'cpu'
    assert '3 places' in values['map']
    assert float(values['images processed [Hz]']) > 0
    assert int(values['images dropped by max_rate']) > 0
    for stage in ('wait', 'decode', 'describe', 'retrieve', 'publish', 'overhead'):
        p50, p95 = map(float, values[f'{stage} p50 / p95 [ms]'].split(' / '))
        assert 0 <= p50 <= p95


def test_large_maps_are_thinned_and_places_without_pose_left_out():
    positions = np.zeros((25_000, 3))
    positions[:100] = np.nan
    marker = place_marker(Header(), positions)
    assert 5_000 < len(marker.points) <= 10_000
    assert place_marker(Header(), np.full((3, 3), np.nan)).action == Marker.DELETE


@pytest.mark.parametrize('match', [None, b'', b'no picture'])
@pytest.mark.parametrize('shape', [(480, 640, 3), (100, 10, 3), (1, 1, 3)])
def test_debug_image_is_drawn_without_a_match(match, shape):
    result = Localization(0, None, Candidates.none(), Decision(Status.NO_MAP, 'é' * 500), {})
    drawn = draw(np.full(shape, 99, np.uint8), result, match)
    assert drawn.dtype == np.uint8
    assert drawn.ndim == 3
