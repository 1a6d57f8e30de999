# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The metric pose of an image relative to a place whose local features match it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry.resection import Observation, in_base, resect, triangulate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vpr_ros.geometry import Pose
    from vpr_ros.geometry.pinhole import Pinhole
    from vpr_ros.geometry.resection import Resection
    from vpr_ros.localize.verification.local_features import LocalDetector, LocalFeatures
    from vpr_ros.maps import Place, PlaceMap

_NEIGHBOURS = 8
"""Places before and after one that may serve as the other end of a baseline."""
_BASELINE = (0.3, 8.0)
"""Least and greatest distance between keyframes that give depth, metres."""
_BASELINE_SIGMA = 0.05
"""Relative standard deviation of that distance by the poses of the map."""


@dataclass(frozen=True, eq=False)
class RelativePose:
    """Measures images against the places of a map.

    Args:
        place_map: The map.
        detector: Of the local features.
        features: Returns those of a place, None where it has no thumbnail.
        camera: Intrinsics, of the map and of the images.
        mount: Its optical frame in the base frame, for places whose mount is not known.
    """

    place_map: PlaceMap
    detector: LocalDetector
    features: Callable[[int], LocalFeatures | None]
    camera: Pinhole
    mount: Pose

    def measured(
        self, query: LocalFeatures, place: Place, matches: NDArray[np.intp]
    ) -> Resection | None:
        """Return the base of an image in the base of a place; None where that fails.

        Args:
            query: Features of the image.
            place: That it shows.
            matches: (M, 2) rows of features of the query and of the place that agree.
        """
        anchor, camera = self.features(place.id), self.camera
        if place.pose is None or anchor is None:
            return None
        mount = place.mount or self.mount
        sigma = self.detector.sigma / camera.focal_pixels(query.size)
        rays = camera.rays(anchor.points.astype(np.float64), anchor.size)
        observations = [
            self._observation(anchor, place.pose @ mount, neighbour)
            for neighbour in self._neighbours(place)
        ]
        points = triangulate(rays, [each for each in observations if each is not None], sigma)
        matched = dict(matches[:, ::-1].tolist())
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
        pixels = query.points[rows].astype(np.float64)
        found = resect(seen, camera.rays(pixels, query.size), sigma, _BASELINE_SIGMA)
        if found is None:
            return None
        floors = np.repeat(self.detector.pose_floors, 3)
        covariance = found.covariance + np.diag(np.square(floors))
        return in_base(replace(found, covariance=covariance), mount)

    def _neighbours(self, place: Place) -> list[Place]:
        """Return places of the same session that are far enough away to give depth."""
        snapshot = self.place_map.snapshot
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
        self, anchor: LocalFeatures, pose: Pose, neighbour: Place
    ) -> Observation | None:
        """Return the features of a place that a neighbour sees too.

        Args:
            anchor: Features of the place.
            pose: Of the camera at the place, in the map frame.
            neighbour: The other place.
        """
        features = self.features(neighbour.id)
        if features is None or neighbour.pose is None:
            return None
        matches = self.detector.match(features, anchor)
        between = pose.inverse() @ neighbour.pose @ (neighbour.mount or self.mount)
        pixels = features.points[matches[:, 0]].astype(np.float64)
        return Observation(matches[:, 1], self.camera.rays(pixels, features.size), between)
