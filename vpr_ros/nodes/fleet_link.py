# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The fleet of a node: its map follows the server's, which also answers where the map cannot."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vpr_ros.errors import FleetError, VprError
from vpr_ros.fleet import FleetMap, FleetRetriever, connected, explained
from vpr_ros.fleet.region import MapRegion
from vpr_ros.fleet.server_connection import require_no_password
from vpr_ros.fleet.sync import FleetSync
from vpr_ros.geometry import GeoPoint
from vpr_ros.localize import Status
from vpr_ros.nodes.worker import BusyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vpr_ros.fleet import PullReport
    from vpr_ros.inputs.frames import Frame
    from vpr_ros.localize import Localization, Localizer
    from vpr_ros.maps import PlaceMap
    from vpr_ros.nodes.localization_publisher import LocalizationPublisher
    from vpr_ros.nodes.map_follower import MapFollower
    from vpr_ros.nodes.node import VprNode
    from vpr_ros.nodes.parameters import PlaceRecognitionParameters
    from vpr_ros.search import Searcher

_END = 2.0
"""Seconds that the end of a node waits for a server that does not answer."""
_PAUSE = 1.0
"""Seconds between two questions to the server."""


class FleetLink:
    """Follows a map on the server, and asks the server while the robot does not know where it is.

    Neither holds up an image: both have threads of their own.

    Args:
        node: That localises.
        parameters: Of the server, of the map there and of the region.
        maps: The map that follows.
        publisher: Of the server's answers.
        localizer: Returns what judges candidates, from the map on the server and who searches it.

    Raises:
        FleetError: The parameters make no sense.
    """

    def __init__(
        self,
        node: VprNode[Any],
        parameters: PlaceRecognitionParameters,
        maps: MapFollower[PlaceMap],
        publisher: LocalizationPublisher,
        localizer: Callable[[FleetMap, Searcher], Localizer],
    ) -> None:
        require_no_password(parameters.fleet)
        if not parameters.fleet_map:
            msg = 'the parameter fleet_map must name the map on the server of the fleet'
            raise FleetError(msg)
        self._node, self._parameters, self._maps = node, parameters, maps
        self._publisher, self._localizer = publisher, localizer
        self._lost, self._asking, self._asked = True, False, 0.0
        self._fault = ''
        self._sync = FleetSync(
            maps.path,
            parameters.fleet,
            parameters.fleet_map,
            region_of(parameters.fleet_region),
            changed=self._read,
        ).start()

    def _read(self, _report: PullReport) -> None:
        """Read what was written to the file, where no image waits for it."""
        # A map that is replaced at this moment is read as a whole soon.
        with suppress(VprError):
            if self._maps.map is not None:
                self._maps.map.refresh()

    def stop(self) -> None:
        """End to follow."""
        self._sync.stop(_END)

    def start_again(self) -> None:
        """Note that nobody knows where the robot is."""
        self._lost, self._asked = True, 0.0

    def seen(self, frame: Frame, result: Localization) -> None:
        """Take what the map answered to a frame: move the region along, or ask the server."""
        if result.decision.status == Status.ACCEPTED:
            self._lost = False
            self._move(result)
            return
        # The server knows no earlier pictures: one of a frozen camera would seem new there.
        tells = result.decision.status != Status.UNINFORMATIVE
        asks = tells and self._lost and self._parameters.fallback == 'fleet' and not self._asking
        if asks and time.monotonic() - self._asked >= _PAUSE:
            self._asking, self._asked = True, time.monotonic()
            try:
                self._node.jobs.submit(lambda: self._node.attempt(self._ask, frame))
            except BusyError:
                self._asking = False

    def report(self) -> dict[str, str]:
        """Return in words how far the map is behind the server."""
        state = self._sync.state
        age = 'never' if state.age is None else f'{state.age:.0f} s ago'
        lag = '' if state.lag is None else f'{state.lag:.1f}'
        found = {
            'fleet': state.fault or 'follows',
            'fleet: as the server was': age,
            'fleet: lag of the last change [s]': lag,
        }
        if state.refused:
            found['fleet: left alone'] = '; '.join(state.refused)
        return {**found, 'fleet: last question': self._fault} if self._fault else found

    def _move(self, result: Localization) -> None:
        """Let the region follow an accepted pose, in the frame of the map that was searched."""
        pose, searched = result.decision.pose, result.candidates.snapshot
        if pose is not None and searched is not None and searched.meta.datum is not None:
            self._sync.move(searched.meta.datum.point_at(pose.position))

    def _ask(self, frame: Frame) -> None:
        """Ask the server where a frame was taken."""
        parameters, asked = self._parameters, time.perf_counter()
        url, limit = parameters.fleet, parameters.fallback_timeout
        try:
            with connected(url, seconds=limit) as connection, explained(url):
                fleet = FleetMap(connection, parameters.fleet_map)
                localizer = self._localizer(fleet, FleetRetriever(fleet))
                result = localizer.localize(frame, k=parameters.max_candidates, by_itself=True)
        except VprError as error:
            self._fault = str(error)
        else:
            late = time.perf_counter() - asked > limit
            self._fault = f'answered too late, after more than {limit:g} s' if late else ''
            if self._lost and not late and result.decision.status == Status.ACCEPTED:
                self._lost = False
                self._publish(frame, result, asked)
        finally:
            self._asking = False

    def _publish(self, frame: Frame, result: Localization, asked: float) -> None:
        """Publish where the server says that a frame was taken, and move the region there."""
        model = self._node.describer().model_info
        with self._maps.lock:
            self._publisher.publish(frame, result, model, asked, self._parameters.initial_pose)
        self._move(result)


def region_of(text: str) -> MapRegion | None:
    """Return the region that a parameter names, None where it is empty.

    Raises:
        FleetError: It names none.
    """
    if not text.strip():
        return None
    try:
        lat, lon, radius = map(float, text.split())
        return MapRegion(GeoPoint(lat, lon), radius)
    except ValueError as error:
        msg = (
            f'fleet_region is {text!r}: latitude, longitude (degrees) and a radius (m) are '
            'needed, separated by spaces'
        )
        raise FleetError(msg) from error
