# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Builds a map: camera images and poses in, places in the map's file out."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from std_srvs.srv import SetBool, Trigger

from vpr_ros.errors import VprError
from vpr_ros.mapping import MapBuilder
from vpr_ros.maps import MapWriter, PlaceMap
from vpr_ros.nodes.complaints import REPEAT
from vpr_ros.nodes.keyframe_queue import KeyframeQueue, PosedFrame
from vpr_ros.nodes.map_follower import MapFollower
from vpr_ros.nodes.mapping_node import MappingNode
from vpr_ros.nodes.running import run
from vpr_ros.nodes.services import RefusedError, serve
from vpr_ros.srv import DeleteSession, MergeMap

if TYPE_CHECKING:
    from vpr_ros.geometry import Datum
    from vpr_ros.inputs.frames import Frame
    from vpr_ros.inputs.poses import PoseReading
    from vpr_ros.nodes.parameters import MapBuilderParameters

_CODED_FROM = 512
"""Places at which codes are fitted if the model makes none, and again each time they double.

Smaller maps need none: they are searched exactly, by descriptors.
"""
_NO_ROOM = 'there is no more room for images that wait'
_LOST = (
    'images were lost on their way to this node, since the computer or the network is too busy: '
    'subscribe reliably (qos_overrides), where their sender is reliable, or send smaller ones'
)
"""Why images are dropped."""


class MapBuilderNode(MappingNode):
    """Adds keyframes to the map, each durable before the next is processed."""

    parameters: MapBuilderParameters
    image_depth = 30  # a busy executor must not lose keyframes

    def __init__(self) -> None:
        super().__init__('map_builder_node')
        self._builder: MapBuilder | None = None
        self._mapping = True
        self._queue: KeyframeQueue | None = None
        self._progress, self._next_word = (0, 0, 0, 0), 0.0
        self._coded = 0
        self._maps: MapFollower[MapWriter] = MapFollower(
            self,
            lambda: self.parameters,
            lambda path: MapWriter.open(path, model=self._describer.model_info),
            self._begin,
            self._refuse_while_mapping,
        )
        serve(self, SetBool, 'set_mapping', self._finish_frame, first=self._set_mapping)
        serve(self, Trigger, 'clear_map', self._clear)
        serve(self, DeleteSession, 'delete_session', self._delete_session)
        serve(self, MergeMap, 'merge_map', self._merge)

    def load(self) -> None:
        """Load the network and open the map for writing, or create it."""
        self._describer = self.describer()
        self._mapping = True
        path, model = self._maps.path, self._describer.model_info
        if not self.parameters.map_path:  # the folder of the user's maps may not be there yet
            path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            self._maps.open(path)
        else:
            frame_id = self.parameters.map_frame
            self._maps.use(MapWriter.create(path, model=model, frame_id=frame_id))

    def datum(self) -> Datum | None:
        """Return the datum of the map, so that all sessions share it."""
        return self._maps.map.datum if self._maps.map is not None else None

    def unload(self) -> None:
        """Close the map."""
        self._maps.use(None)

    def on_frame(self, frame: Frame) -> None:
        """Take the frame, unless mapping is paused."""
        if self._mapping:
            super().on_frame(frame)

    def make_worker(self) -> KeyframeQueue:
        """Return a queue: no keyframe gives way to a newer one."""
        self._progress = (0, 0, 0, 0)
        self._queue = KeyframeQueue(self.work, self.fail, len(self.cameras))
        return self._queue

    @property
    def waiting(self) -> int:
        """Keyframes that are added before the node stops."""
        return self._queue.waiting if self._queue is not None else 0

    def finish(self) -> None:
        """Add the keyframes that wait, unless the node is hurried."""
        queue = self._queue  # which tells that the process must not end yet
        if queue is None:
            return
        if queue.waiting:
            self.get_logger().info(
                f'{queue.waiting} keyframes wait and are added first; another signal leaves them'
            )
        while not (queue.wait(0.1) or self.hurried):
            pass
        if left := queue.waiting:
            self.get_logger().error(f'{left} keyframes that waited are not in the map')
        self._queue = None

    def submit(self, frame: Frame, reading: PoseReading | None) -> None:
        """Queue the frame if a keyframe is due; the decision cannot wait, since it may be next."""
        builder, queue = self._builder, self._queue
        if builder is None or queue is None:
            return
        builder.set_keyframes(self.keyframe_config())
        try:
            if builder.due(frame, reading):
                if self._left_out(builder, frame):
                    return
                builder.take(frame, reading)
                queue.submit(PosedFrame(frame, reading, builder.travelled), frame.camera)
            else:
                queue.processed += 1
        except VprError as error:
            self.fail(error)

    def work(self, items: list[PosedFrame]) -> int:
        """Add keyframes as places, described in one batch."""
        with self._maps.lock:
            return self._add(items)

    def _add(self, items: list[PosedFrame]) -> int:
        builder = self._builder
        if builder is None:
            return 0
        builder.set_datum(self.datum_in_use)
        for camera, mount in self.mounts.items():  # Which tf may give only now.
            builder.set_mount(camera, mount)
        started = time.perf_counter()
        pictures = [item.frame.rgb for item in items]
        decoded = time.perf_counter()
        descriptions = self._describer.describe(pictures)
        described = time.perf_counter()
        for (frame, reading, travelled), description in zip(items, descriptions, strict=True):
            builder.add(frame, reading, description, travelled=travelled)
        self.times.add(
            {
                'decode': decoded - started,
                'describe': described - decoded,
                'write': time.perf_counter() - described,
            }
        )
        return len(items)

    def _left_out(self, builder: MapBuilder, frame: Frame) -> bool:
        """Return whether the frame's picture shows nothing, and say so."""
        why = builder.left_out(frame)
        if why:
            text = f'image left out of the map: {why}; {builder.blank} so far'
            self.get_logger().warning(text, throttle_duration_sec=REPEAT)
        return bool(why)

    def tick(self) -> None:
        """Announce changes of the map once a second, and fit codes when due."""
        super().tick()
        place_map = self._maps.map
        if place_map is None:
            return
        if place_map.overwritten:
            self._let_go(place_map)
            return
        self._maps.announce()
        self._tell_progress(len(place_map))
        fits = not place_map.model.code_bits
        if fits and len(place_map) >= max(_CODED_FROM, 2 * self._coded) and self.jobs.idle:
            self._coded = len(place_map)
            self.jobs.submit(lambda: self.attempt(place_map.recode))

    def _let_go(self, place_map: MapWriter) -> None:
        """Leave what was written over the map to others, who cannot read it before."""
        text = f'{place_map.path}: another map was written over the file: load it to go on'
        self.get_logger().error(text)
        self._maps.use(None)
        self._maps.fault = text

    def _tell_progress(self, places: int) -> None:
        """Say every few seconds how mapping goes, where that has changed."""
        unpaired = self._pairs.dropped if self._pairs is not None else 0
        dropped = unpaired + (self._queue.dropped if self._queue is not None else 0)
        lost = sum(health.lost for health in self.inputs())
        state = places, self.waiting, dropped, lost
        now = time.monotonic()
        if state == self._progress or now < self._next_word:
            return
        *_, dropped_before, lost_before = self._progress
        text = f'{places} places, {self.waiting} waiting, {dropped + lost} dropped'
        reasons = [_NO_ROOM] * (dropped > dropped_before) + [_LOST] * (lost > lost_before)
        if reasons:
            self.get_logger().warning(f'{text}: {"; ".join(reasons)}')
        else:
            self.get_logger().info(text)
        self._progress, self._next_word = state, now + REPEAT

    def faults(self) -> list[str]:
        """Return also what is wrong with the map."""
        return [*self._maps.faults(), *super().faults()]

    def report(self) -> dict[str, str]:
        """Return also the size of the map, and how many images were left out."""
        state = 'on' if self._mapping else 'paused'
        places = str(len(self._maps.map)) if self._maps.map is not None else ''
        blank = str(self._builder.blank) if self._builder is not None else ''
        return {
            **super().report(),
            'mapping': state,
            'keyframes waiting': str(self.waiting),
            'places': places,
            'images that show nothing': blank,
        }

    def _begin(self, place_map: MapWriter | None) -> None:
        """Add to this map from now on, in a new session."""
        self._builder = None
        if place_map is None:
            return
        self._builder = MapBuilder(
            place_map,
            self._describer,
            self.keyframe_config(),
            session=self.parameters.session_name,
            thumbnails=self.parameters.thumbnails,
            frame='' if self.parameters.anchored else None,
        )
        self._coded = len(place_map) if place_map.info().coder else 0
        self.get_logger().info(f'adding to {place_map.path}: {len(place_map)} places')

    def _refuse_while_mapping(self) -> None:
        if self._mapping and self.worker is not None:
            msg = 'the node is mapping: pause it first (set_mapping)'
            raise RefusedError(msg, 'IN_USE')

    # Services.

    def _set_mapping(self, request: Any) -> None:
        if request.data and not self._mapping:
            # Poses from before the pause may be of another map.
            self.forget_poses()
        self._mapping = request.data

    def _finish_frame(self, request: Any, response: Any) -> None:
        if not request.data and self._queue is not None:
            self._queue.wait()
        with self._maps.lock:  # Mapping has stopped when the caller is told so.
            response.message = 'mapping' if request.data else 'paused'

    def _clear(self, _request: Any, response: Any) -> None:
        place_map = self._maps.required()
        if self._queue is not None:
            self._queue.discard()
        with self._maps.lock:
            count = len(place_map)
            place_map.clear()
            self._begin_session()
        response.message = f'{count} places deleted'
        self.get_logger().warning(f'clear_map: {count} places of {place_map.path} deleted')

    def _delete_session(self, request: Any, response: Any) -> None:
        place_map = self._maps.required()
        with self._maps.lock:
            session = request.session_id
            if session not in place_map.snapshot.names:
                msg = f'the map has no session {session}'
                raise RefusedError(msg, 'NOT_FOUND')
            if self._builder is not None and session == self._builder.session:
                if self._mapping and self.worker is not None:
                    msg = f'session {session} is being recorded: pause first (set_mapping)'
                    raise RefusedError(msg, 'IN_USE')
                self._begin_session()
            count = len(place_map)
            place_map.delete_session(session)
            response.places_deleted = count - len(place_map)
        self.get_logger().warning(
            f'delete_session: session {session} of {place_map.path} deleted, '
            f'{response.places_deleted} places'
        )

    def _merge(self, request: Any, response: Any) -> None:
        place_map = self._maps.required()
        response.info = self._maps.info()
        path = self._maps.folder.path_of(request.map_url)
        if path.exists() and path.samefile(place_map.path):
            msg = f'{path} is the map that is being added to'
            raise RefusedError(msg, 'EXISTS')
        with PlaceMap.open(path, memory_budget=0) as other:
            before = len(place_map)
            sessions = place_map.merge(other)
        response.places_added = len(place_map) - before
        response.session_ids = sorted(sessions.values())
        response.info = self._maps.info()

    def _begin_session(self) -> None:
        if self._builder is not None:
            self._builder.session = None


def main() -> int:
    """Run the node."""
    return run(MapBuilderNode)


if __name__ == '__main__':
    sys.exit(main())
