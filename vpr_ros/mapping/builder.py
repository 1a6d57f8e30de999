# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Adds frames with poses to a map as places: of a robot, of bags and of folders."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import ImageError, MapError
from vpr_ros.geometry import Datum, Pose
from vpr_ros.inputs.frames.information import emptiness
from vpr_ros.inputs.frames.thumbnail_codec import encode_thumbnail
from vpr_ros.inputs.poses import PoseSource
from vpr_ros.inputs.replay import replay_frames
from vpr_ros.mapping.keyframes import KeyframeConfig, KeyframeGate
from vpr_ros.maps import NewPlace
from vpr_ros.types import THUMBNAIL_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vpr_ros.describe import Describer
    from vpr_ros.inputs.bags import Bag, ChosenTopics
    from vpr_ros.inputs.folders import PosedImage
    from vpr_ros.inputs.frames import Picture
    from vpr_ros.inputs.poses import PoseReading
    from vpr_ros.maps import MapWriter
    from vpr_ros.types import Description

_log = logging.getLogger(__name__)


class MapBuilder:
    """Adds the keyframes of one traverse to a place map; each is durable before the next.

    Args:
        place_map: A map open for writing, made with the describer's model.
        describer: Describes the images.
        keyframes: Spacing of the places.
        session: Name of the traverse; it begins in the map with its first place.
        camera: Name of the camera, for pictures that name none.
        thumbnails: Longest side of the pictures kept in the map, pixels; 0 for none.
        mounts: The optical frame of each camera in the base frame, by the camera's name.

    Attributes:
        session: Identity of the traverse in the map, None before its first place.
        blank: Number of due frames that were left out because their pictures show nothing.
    """

    def __init__(
        self,
        place_map: MapWriter,
        describer: Describer,
        keyframes: KeyframeConfig | None = None,
        *,
        session: str = '',
        camera: str = '',
        thumbnails: int = THUMBNAIL_SIZE,
        mounts: Mapping[str, Pose] = MappingProxyType({}),
    ) -> None:
        self._map = place_map
        self._describer = describer
        self._keyframes = keyframes or KeyframeConfig()
        # Cameras look at different things: each is mapped as if it were alone.
        self._gates: defaultdict[str, KeyframeGate] = defaultdict(
            lambda: KeyframeGate(self._keyframes)
        )
        self._camera = camera
        self._session_name = session
        self._thumbnails = thumbnails
        self._mounts = dict(mounts)
        self.session: int | None = None
        self.blank = 0

    def set_keyframes(self, config: KeyframeConfig) -> None:
        """Change the spacing of the places to come."""
        self._keyframes = config
        for gate in self._gates.values():
            gate.config = config

    def set_mount(self, camera: str, mount: Pose | None) -> None:
        """Say where the optical frame of a camera sits in the base frame from now on."""
        if mount is None:
            self._mounts.pop(camera, None)
        else:
            self._mounts[camera] = mount

    @property
    def travelled(self) -> float:
        """Metres along the frames offered so far."""
        return max((gate.travelled for gate in self._gates.values()), default=0.0)

    def set_datum(self, datum: Datum | None) -> None:
        """Give the map the datum of the poses that are going to be added, if it has none.

        Raises:
            MapError: It has poses already, in a frame whose place on Earth is unknown.
        """
        if datum is None or self._map.datum is not None:
            return
        if not np.isnan(self._map.positions[:, 0]).all():
            msg = (
                f'{self._map.path} holds poses and no datum: positions on Earth cannot be related '
                'to them. Make a new map, or give this one its datum (MapWriter.set_datum)'
            )
            raise MapError(msg)
        self._map.set_datum(datum)

    def offer(self, frame: Picture, reading: PoseReading | None) -> int | None:
        """Add the frame as a place if a keyframe is due; return the new place's id.

        A due frame whose picture shows nothing is left out; the next frame is due instead.

        Raises:
            ImageError: A due frame cannot be decoded (the next frame is due instead).
            MapError: The map cannot be written; no half place is left behind.
        """
        if not self.due(frame, reading) or self.left_out(frame):
            return None
        (description,) = self._describer.describe([frame.rgb])
        return self.add(frame, reading, description)

    def due(self, frame: Picture, reading: PoseReading | None) -> bool:
        """Note the robot's motion and return whether this frame should become a place."""
        return self._gates[frame.camera].due(frame.stamp, reading.pose if reading else None)

    def left_out(self, frame: Picture) -> str:
        """Return why a due frame is left out, and count it: its picture shows nothing; else empty.

        Every blank wall and covered lens looks like such a place.

        Raises:
            ImageError: The frame cannot be decoded.
        """
        why = emptiness(frame.rgb)
        self.blank += bool(why)
        return why

    def add(self, frame: Picture, reading: PoseReading | None, description: Description) -> int:
        """Add a described frame as a place; return its id, which is durable by then.

        Raises:
            MapError: The map cannot be written; no half place is left behind.
        """
        session = self.session
        place = NewPlace(
            description=description,
            session=session or 0,
            stamp=frame.stamp,
            pose=reading.pose if reading else None,
            covariance=reading.covariance if reading else None,
            geo=reading.geo if reading else None,
            camera=frame.camera or self._camera,
            distance=self.travelled,
            mount=self._mounts.get(frame.camera),
            thumbnail=encode_thumbnail(frame.rgb, self._thumbnails) if self._thumbnails else None,
        )
        with self._map.transaction():
            if session is None:
                session = self._map.begin_session(self._session_name, frame.stamp)
            (place_id,) = self._map.add([replace(place, session=session)])
        self.session = session
        self._gates[frame.camera].take(frame.stamp, place.pose)
        return place_id

    def finish(self) -> None:
        """Give the map its codes, where the model makes none itself and there are none yet."""
        if len(self._map) and not self._map.snapshot.meta.coder:
            self._map.recode()


def map_bag(  # noqa: PLR0913  each is a choice of its own
    place_map: MapWriter,
    bag: Bag,
    describer: Describer,
    topics: ChosenTopics,
    keyframes: KeyframeConfig,
    *,
    session: str = '',
    source: PoseSource | None = None,
    thumbnails: int = THUMBNAIL_SIZE,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Add the keyframes of a bag to a map and return how many became places.

    Frames without a pose, without a readable picture, or whose picture shows nothing are left out
    and reported in the log.

    Args:
        place_map: Open for writing, made with the describer's model.
        bag: An open bag.
        describer: Describes the images.
        topics: Of the bag.
        keyframes: Spacing of the places.
        session: Name of the traverse.
        source: Reads the poses; None takes them as poses of the base, and common fixes.
        thumbnails: Longest side of the pictures kept in the map, pixels; 0 for none.
        progress: Told after each frame how many are done, and of how many.

    Raises:
        MapError: The map cannot be written; the places added so far stay.
    """
    builder = MapBuilder(place_map, describer, keyframes, session=session, thumbnails=thumbnails)
    source = source or PoseSource(topics.pose.type, place_map.datum)
    added = poseless = 0
    frames = replay_frames(bag, topics.image.name, topics.pose.name, source)
    for done, (frame, reading) in enumerate(frames, start=1):
        progress(done, max(done, topics.image.count))
        if reading is None:
            poseless += 1
            continue
        builder.set_datum(source.datum)
        try:
            added += builder.offer(frame, reading) is not None
        except ImageError as error:
            _log.warning('frame at %d ns left out: %s', frame.stamp, error)
    if poseless:
        _log.warning('%d frames left out: no pose at their stamps', poseless)
    _warn_of_blank(builder, 'frames')
    builder.finish()
    return added


def import_images(  # noqa: PLR0913  each is a choice of its own
    place_map: MapWriter,
    images: Sequence[PosedImage],
    describer: Describer,
    keyframes: KeyframeConfig | None = None,
    *,
    session: str = '',
    camera: str = '',
    mount: Pose | None = None,
    thumbnails: int = THUMBNAIL_SIZE,
    left_out: Counter[str] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Add images to a map, a session for each of theirs, and return how many became places.

    Images without a readable picture, whose picture shows nothing, or whose pose is not known but
    should be, are left out and reported in the log.

    Args:
        place_map: Open for writing, made with the describer's model. Where poses have to be made
            of positions on Earth and it has no datum, the first such position becomes it.
        images: In the order in which they are to be added.
        describer: Describes the images.
        keyframes: Spacing of the places; None makes a place of every image.
        session: Name of the session of images that name none.
        camera: Name of the camera of images that name none.
        mount: Pose in the base frame of the body whose poses are given; None for the base.
        thumbnails: Longest side of the pictures kept in the map, pixels; 0 for none.
        left_out: Takes the number of images that are left out, by the reason; it may hold those
            that their reader left out.
        progress: Told after each image how many are done, and of how many.

    Raises:
        MapError: The map cannot be written; the places added so far stay.
    """
    keyframes = keyframes or KeyframeConfig(every=True)
    left_out = Counter() if left_out is None else left_out
    builders: dict[str, MapBuilder] = {}
    added = 0
    for done, image in enumerate(images, start=1):
        name = image.session or session
        builder = builders.get(name)
        if builder is None:
            builder = builders[name] = MapBuilder(
                place_map, describer, keyframes, session=name, camera=camera, thumbnails=thumbnails
            )
        if image.pose is None and image.geo is not None:
            builder.set_datum(Datum.at(image.geo))
        reading = image.reading(place_map.datum, mount)
        if reading is None and image.left_out:
            left_out[image.left_out] += 1
        else:
            sensor = mount or Pose.identity()
            builder.set_mount(image.camera, image.mount and sensor @ image.mount)
            try:
                added += builder.offer(image.picture(), reading) is not None
            except ImageError as error:
                _log.warning('image left out: %s', error)
                left_out['they cannot be read'] += 1
        progress(done, len(images))
    for builder in builders.values():
        if builder.blank:
            left_out[_BLANK] += builder.blank
    for reason, count in left_out.items():
        _log.warning('%d images left out: %s', count, reason)
    for builder in builders.values():
        builder.finish()
    return added


_BLANK = 'they show nothing (dark, blank, covered or noise)'


def _warn_of_blank(builder: MapBuilder, kind: str) -> None:
    if builder.blank:
        _log.warning('%d %s left out: %s', builder.blank, kind, _BLANK)
