# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluation of a bag against a map, by the chain that the live node runs."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import ImageError, VprError
from vpr_ros.evaluation.metrics import pose_rows
from vpr_ros.evaluation.picture_sources import by_another_key
from vpr_ros.evaluation.results import Evaluation, Setup
from vpr_ros.evaluation.summary import PlaceTable, QueryResult
from vpr_ros.inputs.bags import is_geodetic, pose_source
from vpr_ros.inputs.frames import DynamicRange, Frame, stamp_of
from vpr_ros.inputs.replay import replay_frames
from vpr_ros.version import SOFTWARE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from typing import TypeAlias

    from numpy.typing import NDArray

    from vpr_ros.evaluation.metrics import Tolerance
    from vpr_ros.evaluation.picture_sources import Pictures
    from vpr_ros.geometry import Datum, Pose
    from vpr_ros.inputs.bags import Bag, ChosenTopics, Topic
    from vpr_ros.inputs.frames import Picture
    from vpr_ros.inputs.poses import PoseReading
    from vpr_ros.localize import Localization, Localizer
    from vpr_ros.maps import PlaceMap

    Progress: TypeAlias = Callable[[int, int], None]
    """Called after each image with how many are done, and of how many."""

_log = logging.getLogger(__name__)


def evaluate_bag(  # noqa: PLR0913  each is a choice of its own
    place_map: PlaceMap,
    bag: Bag,
    localizer: Localizer,
    topics: ChosenTopics,
    tolerance: Tolerance,
    *,
    candidates: int,
    limit: int | None = None,
    stretch: tuple[float, float] = (0.0, 1.0),
    odometry: bool = False,
    mode: str = 'single frame',
    created: str = '',
    placed: PlacedBy | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Localise every image of a bag and compare with the poses of the bag.

    Args:
        place_map: That the localizer searches.
        bag: The queries; its poses must be in the frame of the map.
        localizer: To be evaluated.
        topics: Of the bag.
        tolerance: Of correct answers.
        candidates: Candidates per image, the largest N of recall@N.
        limit: Stop after this many images.
        stretch: Beginning and end of what is localised, shares of the images of the bag.
        odometry: Whether the temporal filter gets odometry, for which the true poses stand in.
        mode: Of the decision, stored with the results.
        created: Date and time, ISO 8601, stored with the results.
        placed: True poses of the places of a map without poses.
        progress: Called after each image.

    Raises:
        VprError: The map has no poses and `placed` is not given, or the bag has fixes and the map
            no datum.
    """
    if placed is None:
        require_poses(place_map)
    datum = placed.datum if placed else place_map.datum
    if is_geodetic(topics.pose) and datum is None:
        msg = (
            f'{topics.pose.name} has positions on Earth, but the map {place_map.path} has no '
            'datum: choose a pose topic in the frame of the map, or build the map from fixes too'
        )
        raise VprError(msg)
    source = pose_source(topics.pose, datum)
    first, last = (math.ceil(share * topics.image.count) for share in stretch)
    frames = replay_frames(bag, topics.image.name, topics.pose.name, source)
    return evaluate_frames(
        place_map,
        islice(frames, first, last if stretch[1] < 1 else None),
        localizer,
        tolerance,
        name=bag.path.name,
        count=last - first,
        candidates=candidates,
        limit=limit,
        odometry=odometry,
        mode=mode,
        created=created,
        placed=placed,
        progress=progress,
    )


def evaluate_frames(  # noqa: PLR0913  each is a choice of its own
    place_map: PlaceMap,
    frames: Iterable[tuple[Picture, PoseReading | None]],
    localizer: Localizer,
    tolerance: Tolerance,
    *,
    name: str,
    count: int,
    candidates: int,
    limit: int | None = None,
    odometry: bool = False,
    mode: str = 'single frame',
    created: str = '',
    placed: PlacedBy | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Localise images with their true poses; see ``evaluate_bag``.

    Args:
        place_map: That the localizer searches.
        frames: The images in order, each with its pose in the frame of the map.
        localizer: To be evaluated.
        tolerance: Of correct answers.
        name: Of the images, stored with the results.
        count: How many images there are.
        candidates: Candidates per image, the largest N of recall@N.
        limit: Stop after this many images.
        odometry: Whether the temporal filter gets odometry, for which the true poses stand in.
        mode: Of the decision, stored with the results.
        created: Date and time, ISO 8601, stored with the results.
        placed: True poses of the places of a map without poses.
        progress: Called after each image.

    Raises:
        VprError: The map has no poses and `placed` is not given.
    """
    if placed is None:
        require_poses(place_map)
    total = count if limit is None else min(limit, count)
    places = placed.table if placed else place_table(place_map)
    queries: list[QueryResult] = []
    unreadable = 0
    for done, (frame, reading) in enumerate(islice(frames, limit), start=1):
        try:
            motion = reading.pose if odometry and reading else None
            result = localizer.localize(frame, odometry=motion, k=candidates)
        except ImageError as error:
            unreadable += 1
            _log.warning('frame at %d ns left out: %s', frame.stamp, error)
        else:
            query = query_result(result, reading.pose if reading else None)
            if placed is not None:
                poses = places.poses_of(query.candidates.ids)
                query = replace(query, candidates=replace(query.candidates, poses=poses))
            queries.append(query)
        if progress is not None:
            progress(done, max(done, total))
    setup = Setup(
        query=name,
        map=place_map.path.name,
        model=place_map.model,
        tolerance=tolerance,
        candidates=candidates,
        mode=mode,
        created=created,
        software=SOFTWARE,
        unreadable=unreadable,
        detector=localizer.detector,
    )
    return Evaluation(setup, places, tuple(queries))


def require_poses(place_map: PlaceMap) -> None:
    """Make sure that answers can be judged by the poses of a map.

    Raises:
        VprError: No place has one.
    """
    if len(place_map) and not place_map.has_poses:
        msg = (
            f'{place_map.path} has no poses to judge answers by: `vpr map update-poses` gives it '
            'some, and `vpr evaluate bag` takes those of the bag that it was built from, given as '
            'the map bag'
        )
        raise VprError(msg)


@dataclass(frozen=True, eq=False)
class PlacedBy:
    """True poses of the places of a map without poses, by the bag that it was built from.

    Attributes:
        table: The places with these poses.
        datum: Origin of their frame on Earth, where it is known.
    """

    table: PlaceTable
    datum: Datum | None

    @staticmethod
    def bag(place_map: PlaceMap, bag: Bag, image: Topic, pose: Topic) -> PlacedBy:
        """Read them from a bag.

        Raises:
            VprError: No place has the stamp of an image of the bag that has a pose.
        """
        table, source = place_table(place_map), pose_source(pose)
        frames = replay_frames(bag, image.name, pose.name, source)
        known = {frame.stamp: reading.pose for frame, reading in frames if reading is not None}
        poses = pose_rows(known.get(stamp) for stamp in table.stamps.tolist())
        if np.isnan(poses).all():
            msg = (
                f'{bag.path} has no image with a pose at the stamp of a place of {place_map.path}'
            )
            raise VprError(msg)
        return PlacedBy(replace(table, poses=poses), source.datum)


def place_table(place_map: PlaceMap) -> PlaceTable:
    """Return the columns of a map that an evaluation needs."""
    columns = place_map.snapshot.columns
    return PlaceTable(
        columns.ids, columns.sessions, columns.stamps, np.asarray(columns.poses, np.float64)
    )


def query_result(result: Localization, truth: Pose | None) -> QueryResult:
    """Return the answer to an image beside its true pose."""
    return QueryResult(
        stamp=result.stamp,
        status=result.decision.status.name,
        truth=truth,
        # Without the map, whose descriptors would stay in memory.
        candidates=replace(result.candidates, snapshot=None, rows=None),
        pose=result.decision.pose,
        timings=dict(result.timings),
        reason=result.decision.reason,
        covariance=result.decision.covariance,
    )


def frame_pictures(bag: Bag, image_topic: str) -> Pictures:
    """Return a source of a bag's images by stamp; unreadable ones are left out."""

    def fetch(stamps: Collection[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        values = DynamicRange(image_topic)
        for message in bag.messages([image_topic]):
            try:
                if (stamp := stamp_of(message.raw)) not in stamps:
                    continue
                picture = Frame(message.raw, message.type, values=values).rgb
            except VprError:  # told when it was localised
                continue
            yield stamp, picture

    return fetch


def place_pictures(places: PlaceTable, bag: Bag, image_topic: str) -> Pictures:
    """Return a source of the images of places by id, from the bag the map was built from."""
    return by_another_key(
        frame_pictures(bag, image_topic), lambda place: int(places.stamps[places.rows[place]])
    )
