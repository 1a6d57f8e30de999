# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A node whose map follows the fleet's server, and who asks the server where it is lost."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from fleet_server import database, server  # noqa: F401  fixtures
from node_samples import MODEL, NAME, Reports, describer_of, message, picture, seen_again
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from vpr_ros.msg import PlaceCandidateArray

from vpr_ros.fleet import connected, push
from vpr_ros.geometry import Datum, Pose
from vpr_ros.localize import Decision, Status
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.nodes import fleet_link

pytestmark = pytest.mark.ros
DATUM = Datum(48.0, 11.0, 500.0)


@pytest.fixture
def town(tmp_path):
    """A map of 8 pictures, 1 km apart, along a street to the east."""
    path = tmp_path / 'town.vprmap'
    describer = describer_of(MODEL)
    with MapWriter.create(path, describer.model_info, datum=DATUM) as place_map:
        session = place_map.begin_session('drive', 0)
        for i in range(8):
            (description,) = describer.describe([picture(i)])
            pose = Pose.planar(1000.0 * i, 0, 0)
            place_map.add([NewPlace(description, session, stamp=i, pose=pose)])
        yield place_map


class Robot:
    """A node that follows the town about its beginning, and the images it sees."""

    def __init__(self, start, listener, path, url, **parameters):
        self.listener = listener
        self.reports = Reports(listener)
        self.answers = listener.collect(PlaceCandidateArray, f'{NAME}/candidates')
        start(
            'place_recognition_node',
            model=MODEL,
            map_path=path,
            calibration='none',
            fleet=url,
            fleet_map='town',
            fleet_region=f'{DATUM.lat} {DATUM.lon} 1500.0',
            **parameters,
        )
        self._images = listener.publisher(Image, '/image')
        self._seconds = 0

    def see(self, number, where, status=PlaceCandidateArray.ACCEPTED):
        """Show a picture until an answer puts it somewhere, and the last one shown has its own."""

        def answered():
            return any(answer.header.stamp.sec == self._seconds for answer in self.answers)

        def seen():
            self._seconds += 1
            self._images.publish(
                message(seen_again(picture(number), self._seconds), self._seconds)
            )
            for _ in range(4):
                self.listener.wait_until(lambda: True)
            return any(
                answer.status == status
                and answer.candidates
                and answer.candidates[0].pose.pose.position.x == where
                for answer in self.answers
            )

        self.answers.clear()
        self.listener.wait_until(seen, 60, f'for place {number}')
        # One that is still on its way would be accepted after `relocalize` was called.
        self.listener.wait_until(answered, 30, 'for the last answer')

    def call(self, service):
        client = self.listener.node.create_client(Trigger, f'{NAME}/{service}')
        self.listener.wait_until(client.service_is_ready, 30, 'for the service')
        answer = client.call_async(Trigger.Request())
        self.listener.wait_until(answer.done, 30, 'for the answer')


def test_server_is_not_asked_about_a_picture_that_tells_nothing(monkeypatch):
    sync = SimpleNamespace(start=lambda: None)
    monkeypatch.setattr(fleet_link, 'FleetSync', lambda *_, **__: sync)
    questions = []
    node = SimpleNamespace(jobs=SimpleNamespace(submit=questions.append))
    names = {'fleet': 'postgresql://server/fleet', 'fleet_map': 'town', 'fleet_region': ''}
    parameters = SimpleNamespace(**names, fallback='fleet')
    link = fleet_link.FleetLink(node, parameters, SimpleNamespace(path='m'), None, None)
    for status, asked in ((Status.UNINFORMATIVE, 0), (Status.BELOW_THRESHOLD, 1)):
        link.seen(None, SimpleNamespace(decision=Decision(status, 'so')))
        assert len(questions) == asked


def test_map_follows_the_fleet_and_moves_with_the_robot(start, listener, database, town, tmp_path):  # noqa: F811
    with connected(database) as connection:
        push(connection, 'town', town)
    robot = Robot(start, listener, tmp_path / 'robot.vprmap', database)
    robot.see(1, 1000.0)  # 1500 m about the beginning, then about the robot
    robot.see(2, 2000.0)
    robot.see(3, 3000.0)

    def told():
        values = {}
        for part in robot.reports.latest:
            values.update(robot.reports.values(part))
        return values.get('fleet') == 'follows' and values['fleet: as the server was'] != 'never'

    listener.wait_until(told, 30, 'for the diagnostics')


def test_lost_robot_asks_the_server_and_goes_on_there(start, listener, database, town, tmp_path):  # noqa: F811
    with connected(database) as connection:
        push(connection, 'town', town)
    path = tmp_path / 'robot.vprmap'
    robot = Robot(start, listener, path, database, fallback='fleet')
    robot.see(0, 0.0)
    robot.call('relocalize')
    robot.see(7, 7000.0)  # 5.5 km beyond the region
    robot.see(6, 6000.0)  # the region has moved there
