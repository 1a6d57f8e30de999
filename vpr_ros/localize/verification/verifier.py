# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Verification: local features of an image are matched to the thumbnails of its candidates."""

from __future__ import annotations

import logging
import math
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from vpr_ros.errors import MapError, VprError
from vpr_ros.geometry.mounts import OPTICAL_ROTATION
from vpr_ros.geometry.two_view import TwoView, relate
from vpr_ros.inputs.frames.thumbnail_codec import decode_thumbnail, shrunk
from vpr_ros.localize.evidence import reranked
from vpr_ros.localize.verification.fixed_edges import FixedEdges, sampled_places
from vpr_ros.localize.verification.parallax import neighbouring_places, parallax
from vpr_ros.localize.verification.relative_pose import RelativePose
from vpr_ros.maps import PlaceMap
from vpr_ros.types import LEAST_COMPARED, THUMBNAIL_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from vpr_ros.geometry import Pose
    from vpr_ros.geometry.pinhole import Pinhole
    from vpr_ros.geometry.resection import Resection
    from vpr_ros.localize.evidence import InlierRule
    from vpr_ros.localize.verification.local_features import LocalDetector, LocalFeatures
    from vpr_ros.maps import Place
    from vpr_ros.maps.columns import Columns
    from vpr_ros.search import Candidates

_log = logging.getLogger(__name__)

Key = TypeVar('Key')
Value = TypeVar('Value')

_CACHE_BYTES = 1 << 26
"""Of the features of places that are kept: some 900 places of XFeat, 130 of SIFT."""


@dataclass(frozen=True, eq=False)
class Verification:
    """The matches of one thumbnail with the image.

    Attributes:
        place_id: Of the candidate.
        matches: How many there are.
        inliers: Of these, see `TwoView`.
        agreeing: (I, 2) rows of features of the query and of the place, of those that agree.
        deformation: Of these, see `TwoView`.
    """

    place_id: int
    matches: int
    inliers: float
    agreeing: NDArray[np.intp]
    deformation: float


@dataclass(frozen=True)
class Reranking:
    """How many candidates are compared by local features and ordered by similarity and inliers.

    Attributes:
        count: Candidates; with fewer than `LEAST_COMPARED` a place has no rivals, and calibrations
            are not fitted to that.
        budget: Seconds after which no further candidate of an image is compared; 0 for no limit,
            with which results do not depend on the speed of the machine.
    """

    count: int = 10
    budget: float = 0.0


class ThumbnailSource(Protocol):
    """The pictures of places: a map, or a stand-in by which no poses are measured."""

    def thumbnail(self, place_id: int) -> bytes | None:
        """Return the JPEG of a place, None where there is none."""


class Verifier:
    """Matches images to the thumbnails of a map.

    Args:
        place_map: With thumbnails; a place without one is not compared.
        detector: Of local features.
        camera: Intrinsics of the camera, the same for map and queries; without them no transform
            is measured.
        mount: Its optical frame in the base frame, for places whose mount is not known.
        min_inliers: Least inliers of an accepted candidate where there is no calibration; 0 for
            those of the detector.

    Attributes:
        camera: As given; may be set later.
        detector: As given.
        rule: The meaning of its inliers.
    """

    def __init__(
        self,
        place_map: ThumbnailSource,
        detector: LocalDetector,
        camera: Pinhole | None = None,
        mount: Pose = OPTICAL_ROTATION,
        min_inliers: int = 0,
    ) -> None:
        self._map = place_map
        self._mount = mount
        self._cache: OrderedDict[int, LocalFeatures | None] = OrderedDict()
        self._cached_bytes = 0
        self._fixed: dict[tuple[int, int], tuple[int, FixedEdges]] = {}
        self._parallaxes: dict[int, tuple[int, float]] = {}
        self.camera = camera
        self.detector = detector
        self.rule: InlierRule = detector.rule
        if min_inliers:
            self.rule = replace(detector.rule, least=min_inliers)

    def comparison(self, rgb: NDArray[np.uint8]) -> FeatureComparison:
        """Return the comparison of an image (H, W, 3) with places."""
        return FeatureComparison(self, rgb)

    def features(self, place_id: int) -> LocalFeatures | None:
        """Return the features of a place's thumbnail, None where it has none that is a picture."""
        self.load([place_id])
        return self._cache[place_id]

    def load(
        self, place_ids: Sequence[int], pictures: Sequence[NDArray[np.uint8]] = ()
    ) -> list[LocalFeatures]:
        """Make sure that the features of places are cached; return those of pictures.

        All are detected in one call.
        """
        for place_id in place_ids:
            if place_id in self._cache:
                self._cache.move_to_end(place_id)
        absent = {i: self._picture_of(i) for i in place_ids if i not in self._cache}
        known = {i: picture for i, picture in absent.items() if picture is not None}
        wanted = [*pictures, *known.values()]
        found = self.detector.detect(wanted) if wanted else []
        of_places = dict(zip(known, found[len(pictures) :], strict=True))
        for place_id in absent:
            self._keep(place_id, of_places.get(place_id))
        return found[: len(pictures)]

    def _picture_of(self, place_id: int) -> NDArray[np.uint8] | None:
        """Return the thumbnail of a place; None where it has none or a damaged one, which is said.

        One bad thumbnail must not keep every image from an answer that the place resembles.
        """
        try:
            jpeg = self._map.thumbnail(place_id)
            return None if jpeg is None else decode_thumbnail(jpeg)
        except VprError as error:
            _log.warning('place %d is not compared: %s', place_id, error)
            return None

    def compare(self, query: LocalFeatures, place_id: int) -> Verification | None:
        """Match a place to a query; None where the place has no thumbnail."""
        place = self.features(place_id)
        if place is None:
            return None
        fixed = self._fixed_edges(place_id)
        matches, view = related(self.detector, query, place, fixed)
        agreeing = matches[view.agreeing]
        return Verification(place_id, len(matches), view.inliers, agreeing, view.deformation)

    def learn(self) -> None:
        """Learn what the map tells of its pictures, so that no image has to wait for it."""
        if isinstance(self._map, PlaceMap):
            columns = self._map.snapshot.columns
            for row in np.unique(columns.cameras, return_index=True)[1].tolist():
                self.parallax(int(columns.ids[row]))

    def parallax(self, place_id: int) -> float:
        """Return that of the camera of a place; NaN where the map does not tell."""
        if (found := self._row_of(place_id)) is None:
            return math.nan
        columns, row = found
        camera = int(columns.cameras[row])

        def view(first: int, second: int) -> TwoView | None:
            one, other = self.features(first), self.features(second)
            if one is None or other is None:
                return None
            return related(self.detector, one, other, self._fixed_edges(second))[1]

        def learnt() -> float:
            return parallax(neighbouring_places(columns, camera), view, self.rule.chance)

        return _learnt(self._parallaxes, camera, len(columns), learnt)

    def _fixed_edges(self, place_id: int) -> FixedEdges | None:
        """Return those of the camera and session of a place; None where the map tells no poses."""
        if (found := self._row_of(place_id)) is None:
            return None
        columns, row = found
        key = int(columns.sessions[row]), int(columns.cameras[row])

        def learnt() -> FixedEdges:
            pictures = map(self._picture_of, sampled_places(columns, *key))
            return FixedEdges([picture for picture in pictures if picture is not None])

        return _learnt(self._fixed, key, len(columns), learnt)

    def _row_of(self, place_id: int) -> tuple[Columns, int] | None:
        """Return the columns of the map and a place's row.

        None where the map tells no poses, or the place was deleted since it was found.
        """
        if not isinstance(self._map, PlaceMap):
            return None
        columns = self._map.snapshot.columns
        try:
            return columns, int(columns.rows_of([place_id])[0])
        except MapError:
            return None

    def transform(
        self, query: LocalFeatures, place: Place, verification: Verification
    ) -> Resection | None:
        """Return the base of an image in the base of a place; None where it is not measured."""
        if self.camera is None or not isinstance(self._map, PlaceMap):
            return None
        relative = RelativePose(self._map, self.detector, self.features, self.camera, self._mount)
        return relative.measured(query, place, verification.agreeing)

    def _keep(self, place_id: int, features: LocalFeatures | None) -> None:
        """Cache features, and forget those that were not used for the longest time."""
        self._cache[place_id] = features
        self._cached_bytes += _bytes(features)
        while self._cached_bytes > _CACHE_BYTES and len(self._cache) > LEAST_COMPARED:
            self._cached_bytes -= _bytes(self._cache.popitem(last=False)[1])


class FeatureComparison:
    """One image compared with places of a map.

    Args:
        verifier: Of the map.
        rgb: (H, W, 3) the image.

    Attributes:
        stopped: Whether the time ran out before all were compared.
    """

    def __init__(self, verifier: Verifier, rgb: NDArray[np.uint8]) -> None:
        self._verifier = verifier
        # As small as the thumbnails, so that both sides show the same detail.
        self._rgb = shrunk(rgb, THUMBNAIL_SIZE)
        self._query: LocalFeatures | None = None
        self._found: dict[int, Verification | None] = {}
        self.stopped = False

    def reranked(self, candidates: Candidates, how: Reranking) -> Candidates:
        """Return the candidates in the order of their fused scores.

        Args:
            candidates: Best first.
            how: How many of the first are compared.
        """
        end = time.perf_counter() + how.budget if how.budget else float('inf')
        for first in range(0, min(how.count, len(candidates)), LEAST_COMPARED):
            if first and time.perf_counter() > end:
                self.stopped = True
                break
            self._compare(candidates.ids[first : min(first + LEAST_COMPARED, how.count)].tolist())
        return reranked(self._known(candidates))

    def with_first(self, candidates: Candidates) -> Candidates:
        """Return the candidates with the first of them compared."""
        if len(candidates) and int(candidates.ids[0]) not in self._found:
            self._compare([int(candidates.ids[0])])
            return self._known(candidates)
        return candidates

    def transform(self, place: Place) -> Resection | None:
        """Return the base of the image in the base of a place; None where it is not measured."""
        verification = self._found.get(place.id)
        if verification is None or self._query is None:
            return None
        return self._verifier.transform(self._query, place, verification)

    def _compare(self, place_ids: list[int]) -> None:
        pictures = [self._rgb] if self._query is None else []
        found = self._verifier.load(place_ids, pictures)
        query = self._query = found[0] if found else self._query
        if query is not None:
            self._found.update({i: self._verifier.compare(query, i) for i in place_ids})

    def _known(self, candidates: Candidates) -> Candidates:
        figures = np.full((len(candidates), 4), np.nan)
        for row, i in enumerate(candidates.ids.tolist()):
            if (one := self._found.get(i)) is not None:
                shift = self._verifier.parallax(i)
                figures[row] = one.inliers, one.matches, one.deformation, shift
        inliers, matches, deformations, parallaxes = figures.T
        return replace(
            candidates,
            inliers=inliers,
            matches=matches,
            deformations=deformations,
            parallaxes=parallaxes,
        )


def related(
    detector: LocalDetector,
    query: LocalFeatures,
    place: LocalFeatures,
    fixed: FixedEdges | None = None,
) -> tuple[NDArray[np.intp], TwoView]:
    """Match the features of a picture to those of a place.

    Args:
        detector: Of the features.
        query: Of the picture.
        place: Of the place.
        fixed: To the camera; such matches tell nothing and are left out.

    Returns:
        (M, 2) rows of features of the query and of the place, and what these matches have in
        common.
    """
    matches = detector.match(query, place)
    if fixed is not None:
        matches = fixed.without(query, place, matches)
    view = relate(
        place.points[matches[:, 1]].astype(np.float64),
        query.points[matches[:, 0]].astype(np.float64),
        query.size,
    )
    return matches, view


def _learnt(
    known: dict[Key, tuple[int, Value]], key: Key, places: int, learn: Callable[[], Value]
) -> Value:
    """Return what is known of a key: learnt now, or when the map had more than half its places."""
    then, value = known.get(key, (0, None))
    if value is None or places >= 2 * then:
        value = learn()
        known[key] = places, value
    return value


def detector_of(verifier: Verifier | None) -> str:
    """Return the name of the detector that candidates are compared by; empty where none is."""
    return '' if verifier is None else verifier.rule.detector


def _bytes(features: LocalFeatures | None) -> int:
    return 0 if features is None else features.points.nbytes + features.descriptors.nbytes


def require_thumbnails(place_map: PlaceMap) -> None:
    """Make sure that the places of a map can be compared; an empty map may get thumbnails yet.

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
