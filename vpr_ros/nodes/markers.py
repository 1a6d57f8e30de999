# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The map, the candidates and the accepted pose as markers for RViz or Foxglove."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from geometry_msgs.msg import Point, Quaternion, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from vpr_ros.geometry.confidence import ellipse_of
from vpr_ros.nodes.conversions import to_pose

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rclpy.lifecycle import LifecycleNode

    from vpr_ros.localize import Decision
    from vpr_ros.maps import PlaceMap
    from vpr_ros.search import Candidates

_MOST_PLACES = 10_000
"""Places drawn of a map at most; a larger map is thinned out."""
_FLAT = 0.05
"""Height of the ellipse of a covariance, metres."""
_PLACE = ColorRGBA(r=0.35, g=0.55, b=0.85, a=0.7)
_POSE = ColorRGBA(r=0.1, g=0.8, b=0.4, a=1.0)
_ELLIPSE = ColorRGBA(r=0.1, g=0.8, b=0.4, a=0.3)


class Markers:
    """Publishes markers while there are subscribers."""

    def __init__(self, node: LifecycleNode) -> None:
        self._publisher = node.create_lifecycle_publisher(MarkerArray, '~/markers', 10)
        self._viewers = 0
        self._shown: tuple[str, int] | None = None

    @property
    def watched(self) -> bool:
        """Whether there are subscribers."""
        viewers = self._publisher.get_subscription_count()
        if viewers > self._viewers:
            self._shown = None  # a new subscriber has not received the map
        self._viewers = viewers
        return bool(viewers)

    def show_map(self, place_map: PlaceMap) -> None:
        """Publish the places of a map where it has changed since they were published."""
        state = place_map.id, place_map.version
        if not self.watched or state == self._shown:
            return
        self._shown = state
        header = Header(frame_id=place_map.frame_id)
        self._publisher.publish(MarkerArray(markers=[place_marker(header, place_map.positions)]))

    def show_answer(self, header: Header, candidates: Candidates, decision: Decision) -> None:
        """Publish candidates and the accepted pose in place of the previous ones."""
        if self.watched:
            markers = [candidate_marker(header, candidates), *pose_markers(header, decision)]
            self._publisher.publish(MarkerArray(markers=markers))


def place_marker(header: Header, positions: NDArray[np.float64]) -> Marker:
    """Return points at positions (N, 3) in metres, without those that are NaN."""
    known = positions[np.isfinite(positions).all(1)]
    known = known[:: -(-len(known) // _MOST_PLACES) or 1]
    marker = _marker(header, 'map', Marker.POINTS, Vector3(x=0.3, y=0.3), _PLACE)
    marker.points = [Point(x=x, y=y, z=z) for x, y, z in known.tolist()]
    if not marker.points:
        marker.action = Marker.DELETE
    return marker


def candidate_marker(header: Header, candidates: Candidates) -> Marker:
    """Return spheres at the candidates, from red to yellow with increasing similarity."""
    size = Vector3(x=0.8, y=0.8, z=0.8)
    marker = _marker(header, 'candidates', Marker.SPHERE_LIST, size, _PLACE)
    for (x, y, z), similarity in zip(
        candidates.poses[:, :3].tolist(), candidates.similarities.tolist(), strict=True
    ):
        if not math.isnan(x):
            marker.points.append(Point(x=x, y=y, z=z))
            likeness = min(max(similarity, 0.0), 1.0)
            marker.colors.append(ColorRGBA(r=1.0, g=likeness, b=0.1, a=0.9))
    if not marker.points:
        marker.action = Marker.DELETE
    return marker


def pose_markers(header: Header, decision: Decision) -> list[Marker]:
    """Return an arrow at the accepted pose and its 95 % confidence ellipse."""
    arrow = _marker(header, 'pose', Marker.ARROW, Vector3(x=2.0, y=0.3, z=0.3), _POSE)
    ellipse = _marker(header, 'covariance', Marker.CYLINDER, Vector3(z=_FLAT), _ELLIPSE)
    if decision.pose is None or decision.covariance is None:
        arrow.action = ellipse.action = Marker.DELETE
        return [arrow, ellipse]
    arrow.pose = to_pose(decision.pose)
    major, minor, yaw = ellipse_of(decision.covariance[:2, :2])
    ellipse.pose.position = arrow.pose.position
    ellipse.pose.orientation = Quaternion(z=math.sin(yaw / 2), w=math.cos(yaw / 2))
    ellipse.scale = Vector3(x=2 * major, y=2 * minor, z=_FLAT)
    return [arrow, ellipse]


def _marker(
    header: Header, namespace: str, kind: int, scale: Vector3, colour: ColorRGBA
) -> Marker:
    marker = Marker(header=header, ns=namespace, type=kind, action=Marker.ADD, color=colour)
    marker.scale = scale
    marker.pose.orientation.w = 1.0
    return marker
