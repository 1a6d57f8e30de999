# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Loop closures: one traverse recognised in itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vpr_ros.localize import Decision, Status
from vpr_ros.loops.consistency import Closure, End, LastClosures
from vpr_ros.search import Apart, Window
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from vpr_ros.inputs.frames import Picture
    from vpr_ros.inputs.poses import PoseReading
    from vpr_ros.localize import Localization, Localizer
    from vpr_ros.mapping import MapBuilder
    from vpr_ros.maps import MapWriter, Place


@dataclass(frozen=True)
class LoopConfig:
    """The least distance between the ends of a loop; every condition must hold.

    Attributes:
        time: Least age of the earlier place, seconds.
        distance: Least distance travelled between the ends, metres; 0 for traverses without poses.
        keyframes: Least number of places between the ends.
        interval: Least time between announced loops, seconds of stamps; 0 for all.
        require_transform: Announce only loops with a measured transform between the ends; needs
            a localizer that verifies and knows the camera.
    """

    time: float = 20.0
    distance: float = 10.0
    keyframes: int = 10
    interval: float = 0.0
    require_transform: bool = False


@dataclass(frozen=True)
class Keyframe:
    """A new place, and the earlier place it closes a loop to.

    Attributes:
        place_id: The new place.
        earlier: The place recognised in it; None where there is none, it contradicts the last
            loops, it has no transform although one is required, or it follows the last
            announced loop too soon.
        localization: Candidates and decision.
    """

    place_id: int
    earlier: Place | None
    localization: Localization


class LoopDetector:
    """Maps a traverse and searches for every new place among the older ones.

    Args:
        place_map: The traverse's own map, open for writing.
        builder: Adds places to it.
        localizer: Searches it.
        config: Which places are older.

    Attributes:
        localizer: As given; may be replaced.
    """

    def __init__(
        self,
        place_map: MapWriter,
        builder: MapBuilder,
        localizer: Localizer,
        config: LoopConfig | None = None,
    ) -> None:
        self._map = place_map
        self._builder = builder
        self.localizer = localizer
        self._config = config or LoopConfig()
        self._announced: int | None = None
        self._last = LastClosures()

    def offer(self, frame: Picture, reading: PoseReading | None) -> Keyframe | None:
        """Process an image; return its keyframe.

        There is none if the image is too near the last one or shows nothing.

        Raises:
            ImageError: A due frame cannot be decoded.
            MapError: The map cannot be written.
        """
        if not self._builder.due(frame, reading) or self._builder.left_out(frame):
            return None
        found = self._consistent(
            self.localizer.localize(frame, self._window(frame.stamp), k=1), reading
        )
        place_id = self._builder.add(frame, reading, found.description)
        if not self._announces(found):
            return Keyframe(place_id, None, found)
        self._announced = frame.stamp
        return Keyframe(place_id, found.candidates.place(0), found)

    def _consistent(self, found: Localization, reading: PoseReading | None) -> Localization:
        """Reject a loop whose transform contradicts the last ones."""
        if found.decision.status != Status.ACCEPTED or found.transform is None or reading is None:
            return found
        place, transform = found.candidates.place(0), found.transform
        if place.pose is None or place.distance is None:
            return found
        closure = Closure(
            End(place.pose, place.distance),
            End(reading.pose, self._builder.travelled),
            transform.pose,
            transform.covariance,
        )
        if self._last.admit(closure):
            return found
        text = f'{found.decision.reason}, but odometry since the last loops contradicts it'
        return replace(found, decision=Decision(Status.TEMPORALLY_INCONSISTENT, text))

    def _announces(self, found: Localization) -> bool:
        if found.decision.status != Status.ACCEPTED:
            return False
        if self._config.require_transform and found.transform is None:
            return False
        # After a clock was set back, the next loop is announced.
        since = None if self._announced is None else found.stamp - self._announced
        return since is None or not 0 <= since < self._config.interval * SECOND

    def _window(self, stamp: int) -> Window:
        """Return the window that excludes the recent past."""
        config = self._config
        newest = stamp - round(config.time * SECOND)
        if config.keyframes:
            stamps = self._map.stamps
            recent = stamps[-config.keyframes :]
            # With too few places nothing is old enough.
            enough = len(stamps) > config.keyframes
            newest = min(newest, int(recent[0]) - 1) if enough else -1
        apart = None
        if config.distance and self._builder.session is not None:
            apart = Apart(self._builder.session, self._builder.travelled, config.distance)
        return Window(stamps=(0, newest), apart=apart)
