# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Adds frames with poses to a map as places: of a robot and of bags."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from vpr_ros.errors import ImageError, MapError, MessageError
from vpr_ros.inputs.bags import camera_mount, pose_source
from vpr_ros.inputs.frames.information import emptiness
from vpr_ros.inputs.frames.jpeg_comment import with_comment
from vpr_ros.inputs.frames.thumbnail_codec import encode_thumbnail
from vpr_ros.inputs.poses import begins_anew
from vpr_ros.inputs.replay import replay_frames
from vpr_ros.mapping.anchoring import frame_of_session
from vpr_ros.mapping.keyframes import KeyframeConfig, KeyframeGate
from vpr_ros.maps import NewPlace
from vpr_ros.types import THUMBNAIL_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from vpr_ros.describe import Describer
    from vpr_ros.geometry import Datum, Pose
    from vpr_ros.inputs.bags import Bag, ChosenTopics, Topic
    from vpr_ros.inputs.frames import Frame, Picture
    from vpr_ros.inputs.poses import PoseReading, PoseSource, TransformSource
    from vpr_ros.maps import MapWriter
    from vpr_ros.types import Description

_log = logging.getLogger(__name__)

BLANK = 'they show nothing (dark, blank, covered or noise)'
"""Why images are left out."""


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
        frame: Frame to store with the session, see `Session.frame`; empty where the poses are in
            the frame of the map whatever they name. None asks the first of them.

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
        frame: str | None = None,
    ) -> None:
        self._frame = frame
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
        if self._map.has_poses:
            msg = (
                f'{self._map.path} holds poses and no datum: positions on Earth cannot be related '
                'to them. Make a new map, or give this one its datum (MapWriter.set_datum)'
            )
            raise MapError(msg)
        self._map.set_datum(datum)

    def offer(self, frame: Picture, reading: PoseReading | None, name: str = '') -> int | None:
        """Add the frame as a place if a keyframe is due; return the new place's id.

        A due frame whose picture shows nothing is left out; the next frame is due instead.

        Args:
            frame: The image.
            reading: Its pose.
            name: Of the image, for people; kept as the comment of the thumbnail.

        Raises:
            ImageError: A due frame cannot be decoded (the next frame is due instead).
            MapError: The map cannot be written; no half place is left behind.
        """
        if not self.due(frame, reading) or self.left_out(frame):
            return None
        (description,) = self._describer.describe([frame.rgb])
        return self.add(frame, reading, description, name)

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

    def add(
        self,
        frame: Picture,
        reading: PoseReading | None,
        description: Description,
        name: str = '',
        travelled: float | None = None,
    ) -> int:
        """Add a described frame as a place; return its id, which is durable by then.

        Args:
            frame: The image.
            reading: Its pose.
            description: Of the image.
            name: Of the image, see ``offer``.
            travelled: Metres travelled by then, of a frame that was ``taken`` before; None takes
                the frame now.

        Raises:
            MapFrameError: The poses cannot be related to those of the map.
            MapError: The map cannot be written; no half place is left behind.
        """
        session = self.session
        beginning = self._frame or ''
        if session is None and reading is not None and self._frame is None:
            named = reading.frame if begins_anew(reading.frame) else ''
            beginning = frame_of_session(self._map, named)
        place = NewPlace(
            description=description,
            session=session or 0,
            stamp=frame.stamp,
            pose=reading.pose if reading else None,
            covariance=reading.covariance if reading else None,
            geo=reading.geo if reading else None,
            camera=frame.camera or self._camera,
            distance=(self.travelled if travelled is None else travelled) if reading else None,
            mount=self._mounts.get(frame.camera),
            thumbnail=with_comment(encode_thumbnail(frame.rgb, self._thumbnails), name)
            if self._thumbnails
            else None,
        )
        with self._map.transaction():
            if session is None:
                session = self._map.begin_session(self._session_name, frame.stamp, beginning)
            (place_id,) = self._map.add([replace(place, session=session)])
        self.session = session
        if travelled is None:
            self.take(frame, reading)
        return place_id

    def take(self, frame: Picture, reading: PoseReading | None) -> None:
        """Make a due frame the last keyframe, before or after it is added."""
        self._gates[frame.camera].take(frame.stamp, reading.pose if reading else None)

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
    cameras: Mapping[str, Topic] | None = None,
    mounts: Mapping[str, Pose] = MappingProxyType({}),
    session: str = '',
    source: PoseSource | TransformSource | None = None,
    thumbnails: int = THUMBNAIL_SIZE,
    anchored: bool = False,
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
        keyframes: Spacing of the places of each camera.
        cameras: Topics of several cameras, by their names; None for the one of `topics`, without
            a name.
        mounts: The optical frame of each camera in the base frame, by the camera's name; empty
            takes those that tf in the bag knows.
        session: Name of the traverse.
        source: Reads the poses; None takes them as poses of the base, and common fixes.
        thumbnails: Longest side of the pictures kept in the map, pixels; 0 for none.
        anchored: Whether the poses are in the frame of the map whatever frame they name.
        progress: Told after each frame how many are done, and of how many.

    Raises:
        MapError: The map cannot be written; the places added so far stay. Or no frame became a
            place; the text says why.
    """
    builder = MapBuilder(
        place_map,
        describer,
        keyframes,
        session=session,
        thumbnails=thumbnails,
        mounts=mounts,
        frame='' if anchored else None,
    )
    source = source or pose_source(topics.pose, place_map.datum)
    images, count = _images_of(cameras or {'': topics.image})
    added = done = 0
    left_out: Counter[str] = Counter()
    asked: set[str] = set()
    frames = replay_frames(bag, images, topics.pose.name, source)
    for done, (frame, reading) in enumerate(frames, start=1):
        progress(done, max(done, count))
        if not mounts and frame.camera not in asked:
            asked.add(frame.camera)
            builder.set_mount(frame.camera, _mount_of(frame, bag, topics.base))
        if reading is None:
            left_out['have no pose'] += 1
            continue
        builder.set_datum(source.datum)
        added += _is_added(builder, frame, reading, left_out)
    _conclude(builder, bag, images, done, added, left_out)
    return added


def _mount_of(frame: Frame, bag: Bag, base: str) -> Pose | None:
    """Return the mount that tf in the bag knows of the camera of a frame."""
    try:
        return camera_mount(bag, frame.frame_id, base)
    except MessageError:
        return None


def map_bag_without_poses(
    place_map: MapWriter,
    bag: Bag,
    describer: Describer,
    cameras: Mapping[str, Topic],
    interval: float,
    *,
    session: str = '',
    thumbnails: int = THUMBNAIL_SIZE,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Add images of a bag to a map as places without poses and return how many.

    Args:
        place_map: Open for writing, made with the describer's model.
        bag: An open bag.
        describer: Describes the images.
        cameras: Topics of the images, by the names of their cameras.
        interval: Seconds between two places of a camera; 0 makes a place of every image.
        session: Name of the traverse.
        thumbnails: Longest side of the pictures kept in the map, pixels; 0 for none.
        progress: Told after each frame how many are done, and of how many.

    Raises:
        MapError: The map cannot be written; the places added so far stay. Or no frame became a
            place; the text says why.
    """
    keyframes = KeyframeConfig.chosen(0.0, 0.0, interval)
    builder = MapBuilder(place_map, describer, keyframes, session=session, thumbnails=thumbnails)
    images, count = _images_of(cameras)
    added = done = 0
    left_out: Counter[str] = Counter()
    for done, (frame, _) in enumerate(replay_frames(bag, images), start=1):
        progress(done, max(done, count))
        added += _is_added(builder, frame, None, left_out)
    _conclude(builder, bag, images, done, added, left_out)
    return added


def _is_added(
    builder: MapBuilder, frame: Frame, reading: PoseReading | None, left_out: Counter[str]
) -> bool:
    """Offer a frame of a bag; return whether it became a place, and count it if unreadable."""
    try:
        return builder.offer(frame, reading) is not None
    except ImageError as error:
        _log.warning('frame at %d ns left out: %s', frame.stamp, error)
        left_out['cannot be read'] += 1
        return False


def _conclude(
    builder: MapBuilder,
    bag: Bag,
    topics: Collection[str],
    frames: int,
    added: int,
    left_out: Counter[str],
) -> None:
    """Finish a bag of so many frames, and say what was left out.

    Raises:
        MapError: No frame became a place; the text says why.
    """
    if builder.blank:
        _log.warning('%d frames left out: %s', builder.blank, BLANK)
    if not added:
        left_out['show nothing'] = builder.blank
        why = '; '.join(f'{count} {reason}' for reason, count in (+left_out).items())
        recorded = sum(bag.topics[topic].count for topic in topics)
        msg = (
            f'no place was added: of {frames} images on {", ".join(topics)} of {bag.path} '
            f'({recorded} recorded), {why or "none could be used"}'
        )
        raise MapError(msg)
    builder.finish()


def _images_of(cameras: Mapping[str, Topic]) -> tuple[dict[str, str], int]:
    """Return the camera of each topic, and how many images there are."""
    names = {topic.name: name for name, topic in cameras.items()}
    return names, sum(topic.count for topic in cameras.values())
