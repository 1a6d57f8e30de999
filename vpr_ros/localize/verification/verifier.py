# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Verification: local features of the image are matched to the thumbnails of the first candidates.

It can reject an accepted candidate (no thumbnail matches) and accept one where descriptors did not
suffice (one place matches and no other).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import MapError
from vpr_ros.geometry.mounts import OPTICAL_ROTATION
from vpr_ros.geometry.resection import Observation, in_base, resect, triangulate
from vpr_ros.geometry.two_view import TwoView, relate
from vpr_ros.inputs.frames.thumbnail_codec import THUMBNAIL_SIZE, decode_thumbnail, shrunk
from vpr_ros.localize.decision import Decision, Status
from vpr_ros.localize.verification.local_features import FeatureDetector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vpr_ros.geometry import Pose
    from vpr_ros.geometry.pinhole import Pinhole
    from vpr_ros.geometry.resection import Resection
    from vpr_ros.localize.decision import DecisionConfig
    from vpr_ros.localize.verification.local_features import LocalFeatures
    from vpr_ros.maps import Place, PlaceMap
    from vpr_ros.search import Candidates

_CACHED = 256
"""Places whose features are cached, some 130 MB of SIFT at most."""
_TOP = 5
"""Candidates that are verified."""
_RIVAL_SHARE = 0.5
"""Share of the best place's inliers that makes a place elsewhere a rival."""
_THRESHOLD = 1.5
"""Distance from the epipolar line, pixels."""
_NEIGHBOURS = 8
"""Places before and after one that may serve as the other end of a baseline."""
_BASELINE = (0.3, 8.0)
"""Least and greatest distance between keyframes that give depth, metres."""
_BASELINE_SIGMA = 0.05
"""Relative standard deviation of that distance by the poses of the map."""
_POSITION_FLOOR, _ANGLE_FLOOR = 0.15, 0.005
"""Standard deviations added to those of a measured pose, metres and radians, for small thumbnails
and points whose errors are correlated."""


@dataclass(frozen=True, eq=False)
class Verification:
    """The matches of one thumbnail with the image.

    Attributes:
        place_id: Of the candidate.
        matches: (M, 2) rows of features of the query and of the place.
        view: The geometry that most matches agree with, from the place to the query.
        verified: Whether enough matches agree.
    """

    place_id: int
    matches: NDArray[np.intp]
    view: TwoView
    verified: bool

    @property
    def inliers(self) -> int:
        """Matches that agree."""
        return int(np.count_nonzero(self.view.inliers))


@dataclass(frozen=True, eq=False)
class Checked:
    """The decision after verification.

    Attributes:
        candidates: A verified one comes first.
        decision: The new one.
        verifications: Of the first candidates, in their order.
        transform: Base frame of the query in the base frame of the first candidate, where it is
            accepted and distances are known.
    """

    candidates: Candidates
    decision: Decision
    verifications: tuple[Verification, ...] = ()
    transform: Resection | None = None


class Verifier:
    """Matches images to the thumbnails of a map.

    Args:
        place_map: With thumbnails; a place without one is not verified.
        min_inliers: Least matches that agree with one geometry.
        camera: Intrinsics of the camera, the same for map and queries; without them no transform
            is measured.
        mount: Its optical frame in the base frame, for places whose mount is not known.
        detector: Of local features.

    Attributes:
        camera: As given; may be set later.
    """

    def __init__(
        self,
        place_map: PlaceMap,
        min_inliers: int = 15,
        camera: Pinhole | None = None,
        mount: Pose = OPTICAL_ROTATION,
        detector: FeatureDetector | None = None,
    ) -> None:
        self._map = place_map
        self._min_inliers = min_inliers
        self.camera = camera
        self._mount = mount
        self._detector = detector or FeatureDetector()
        self._cache: OrderedDict[int, LocalFeatures | None] = OrderedDict()

    def check(
        self,
        rgb: NDArray[np.uint8],
        candidates: Candidates,
        decision: Decision,
        decided: DecisionConfig,
    ) -> Checked:
        """Return candidates and decision after verification.

        Args:
            rgb: (H, W, 3) the query.
            candidates: Best first.
            decision: On them, by descriptors.
            decided: By which rules.

        Raises:
            MapError: A thumbnail is damaged.
        """
        if not len(candidates):
            return Checked(candidates, decision)
        query = self._detector.detect(shrunk(rgb, THUMBNAIL_SIZE))
        first = candidates.ids[:_TOP].tolist()
        found = tuple(self.compare(query, place_id) for place_id in first)
        order = sorted(range(len(found)), key=lambda i: (-found[i].inliers, i))
        best = found[order[0]]
        if not best.verified:
            looked = f'; at most {best.inliers} features of {len(found)} candidates agree'
            if decision.status == Status.ACCEPTED:
                decision = Decision(Status.UNVERIFIED, decision.reason + looked)
            return Checked(candidates, decision, found)
        candidates = candidates.take([*order, *range(len(found), len(candidates))])
        found = tuple(found[i] for i in order)
        place = candidates.place(0)
        rival = self._rival(candidates, found, decided.place_radius)
        if rival is not None:
            text = f'{best.inliers} features agree with place {place.id}, {rival.inliers} with '
            text += f'place {rival.place_id} elsewhere'
            return Checked(candidates, Decision(Status.AMBIGUOUS, text), found)
        transform = self._transform(query, place, best)
        text = f'{best.inliers} of {len(best.matches)} features agree with place {place.id}'
        accepted = _accepted(text, place, transform, decided)
        return Checked(candidates, accepted, found, transform)

    def compare(self, query: LocalFeatures, place_id: int) -> Verification:
        """Match the thumbnail of a place to the query."""
        place = self._features(place_id)
        if place is None:
            nothing = np.empty((0, 2), np.intp)
            return Verification(place_id, nothing, TwoView(np.zeros(0, np.bool_)), verified=False)
        matches = self._detector.match(query, place)
        view = relate(
            place.points[matches[:, 1]],
            query.points[matches[:, 0]],
            query.size,
            self.camera,
            _THRESHOLD,
        )
        enough = np.count_nonzero(view.inliers) >= self._min_inliers
        return Verification(place_id, matches, view, verified=bool(enough))

    def _rival(
        self, candidates: Candidates, found: Sequence[Verification], radius: float
    ) -> Verification | None:
        """Return a place elsewhere that matches nearly as well as the first."""
        here = candidates.together(np.array([0]), radius)[0].tolist()
        for same, other in zip(here[1:], found[1:], strict=False):
            enough = other.inliers >= _RIVAL_SHARE * found[0].inliers
            if not same and other.verified and enough:
                return other
        return None

    def _features(self, place_id: int) -> LocalFeatures | None:
        """Return the features of a place's thumbnail, None where it has none."""
        if place_id in self._cache:
            self._cache.move_to_end(place_id)
            return self._cache[place_id]
        jpeg = self._map.thumbnail(place_id)
        features = None
        if jpeg is not None:
            features = self._detector.detect(shrunk(decode_thumbnail(jpeg), THUMBNAIL_SIZE))
        self._cache[place_id] = features
        if len(self._cache) > _CACHED:
            self._cache.popitem(last=False)
        return features

    def _transform(
        self, query: LocalFeatures, place: Place, verification: Verification
    ) -> Resection | None:
        """Measure the base of the query in the base of the place; None where that fails."""
        anchor = self._features(place.id)
        camera, mount = self.camera, place.mount or self._mount
        if camera is None or place.pose is None or anchor is None:
            return None
        # The threshold is taken for two standard deviations of a feature.
        sigma = _THRESHOLD / 2 / camera.focal_pixels(query.size)
        rays = camera.rays(anchor.points, anchor.size)
        observations = [
            self._observation(camera, anchor, place.pose @ mount, neighbour)
            for neighbour in self._neighbours(place)
        ]
        points = triangulate(rays, [each for each in observations if each is not None], sigma)
        matched = dict(verification.matches[verification.view.inliers][:, ::-1].tolist())
        both = np.array(
            [i for i, row in enumerate(points.rows.tolist()) if row in matched], np.intp
        )
        seen = replace(
            points,
            rows=points.rows[both],
            positions=points.positions[both],
            covariances=points.covariances[both],
        )
        rows = np.array([matched[row] for row in seen.rows.tolist()], np.intp)
        found = resect(
            seen,
            camera.rays(query.points[rows], query.size),
            sigma,
            _BASELINE_SIGMA,
        )
        if found is None:
            return None
        floors = [_POSITION_FLOOR] * 3 + [_ANGLE_FLOOR] * 3
        covariance = found.covariance + np.diag(np.square(floors))
        return in_base(replace(found, covariance=covariance), mount)

    def _neighbours(self, place: Place) -> list[Place]:
        """Return places of the same session that are far enough away to give depth."""
        snapshot = self._map.snapshot
        row = int(snapshot.columns.rows_of([place.id])[0])
        around = range(max(0, row - _NEIGHBOURS), min(row + _NEIGHBOURS + 1, len(snapshot)))
        low, high = _BASELINE
        return [
            other
            for other in snapshot.places_at(np.array(around))
            if other.session == place.session
            and other.camera == place.camera
            and other.pose is not None
            and place.pose is not None
            and low <= place.pose.distance_to(other.pose) <= high
        ]

    def _observation(
        self, camera: Pinhole, anchor: LocalFeatures, pose: Pose, neighbour: Place
    ) -> Observation | None:
        """Return the features of a place that a neighbour sees too.

        Args:
            camera: Intrinsics.
            anchor: Features of the place.
            pose: Of the camera at the place, in the map frame.
            neighbour: The other place.
        """
        features = self._features(neighbour.id)
        if features is None or neighbour.pose is None:
            return None
        matches = self._detector.match(features, anchor)
        between = pose.inverse() @ neighbour.pose @ (neighbour.mount or self._mount)
        rays = camera.rays(features.points[matches[:, 0]], features.size)
        return Observation(matches[:, 1], rays, between)


def _accepted(
    text: str, place: Place, transform: Resection | None, config: DecisionConfig
) -> Decision:
    """Accept a place, with the measured pose where there is one."""
    if place.pose is None:
        return Decision(Status.ACCEPTED, text + '; the place has no pose')
    if transform is None:
        sigmas = [config.position_sigma] * 3 + [config.angle_sigma] * 3
        return Decision(Status.ACCEPTED, text, place.pose, np.diag(np.square(sigmas)))
    turn = np.kron(np.eye(2), place.pose.rotation)
    covariance = turn @ transform.covariance @ turn.T
    return Decision(Status.ACCEPTED, text, place.pose @ transform.pose, covariance)


def verifier_for(
    place_map: PlaceMap, min_inliers: int = 15, camera: Pinhole | None = None
) -> Verifier:
    """Return the verifier of a map.

    Args:
        place_map: With thumbnails, or empty.
        min_inliers: Least matches that agree with one geometry.
        camera: Intrinsics, where they are known.

    Raises:
        MapError: The first and the last place have no thumbnail.
    """
    ids = place_map.ids
    if len(ids) and not any(place_map.thumbnail(int(i)) for i in (ids[0], ids[-1])):
        msg = (
            f'{place_map.path} has no thumbnails to verify candidates by: build the map with '
            'thumbnails'
        )
        raise MapError(msg)
    return Verifier(place_map, min_inliers, camera)
