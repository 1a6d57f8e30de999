# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The entities of a recording: their paths, and the archetype that is logged at each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import rerun as rr


@dataclass(frozen=True)
class Entity:
    """A path in a recording, or the beginning of one.

    Attributes:
        parts: Of the path; any text.
        archetype: Of Rerun, of all data there.
    """

    parts: tuple[str, ...]
    archetype: Any

    @property
    def path(self) -> str:
        """The path, with its parts escaped."""
        return str(rr.new_entity_path(list(self.parts)))

    def at(self, other: Entity) -> Entity:
        """Return the same archetype at the path of another entity."""
        return replace(self, parts=other.parts)

    def of(self, part: str) -> Entity:
        """Return the entity of one session, verdict or candidate."""
        return replace(self, parts=(*self.parts, part))


def _entity(path: str, archetype: Any) -> Entity:
    return Entity(tuple(path.split('/')), archetype)


WORLD, EARTH = 'world', 'earth'
"""Paths above all that is in the map frame, and above all that is on Earth."""

MARKDOWN = 'text/markdown'
Z_UP = rr.components.ViewCoordinates.RIGHT_HAND_Z_UP
UP = _entity(WORLD, rr.ViewCoordinates)
ABOUT = _entity('about', rr.TextDocument)

PLACES = _entity('world/map/places', rr.Points3D)
WAYS = _entity('world/map/ways', rr.LineStrips3D)
PLACES_ON_EARTH = _entity('earth/map/places', rr.GeoPoints)
"""Of each session."""

DISTINCTNESS = _entity('world/health/distinctness', rr.Points3D)
LOOK_ALIKES = _entity('world/health/look_alikes', rr.LineStrips3D)
GAPS = _entity('world/health/gaps', rr.LineStrips3D)
BLANK = _entity('world/health/blank', rr.Points3D)
LOOK_ALIKES_ON_EARTH = _entity('earth/health/look_alikes', rr.GeoLineStrings)
GAPS_ON_EARTH = _entity('earth/health/gaps', rr.GeoLineStrings)

PLACE = _entity('world/place/position', rr.Points3D)
PLACE_ON_EARTH = _entity('earth/place', rr.GeoPoints)
PLACE_RESEMBLES = _entity('world/place/resembles', rr.LineStrips3D)
PLACE_PICTURE = _entity('place/picture', rr.EncodedImage)
PLACE_LOOK_ALIKE = _entity('place/look_alike', rr.EncodedImage)
PLACE_ABOUT = _entity('place/about', rr.TextDocument)
BESIDE = _entity('plots/similarity/beside', rr.Scalars)
ELSEWHERE = _entity('plots/similarity/elsewhere', rr.Scalars)
DISTINCTNESS_PLOT = _entity('plots/distinctness', rr.Scalars)
"""Over the places of a map."""

DRIVE_WAY = _entity('world/drive/way', rr.LineStrips3D)
DRIVE_JUDGED = _entity('world/drive/judged', rr.Points3D)
DRIVE_WRONG = _entity('world/drive/wrong_answers', rr.LineStrips3D)
DRIVE_ON_EARTH = _entity('earth/drive/way', rr.GeoLineStrings)
LOOPS = _entity('world/loops', rr.LineStrips3D)
"""Of a drive as a whole; frames by verdict, loops by kind."""

QUERY_TRUTH = _entity('world/query/truth', rr.Arrows3D)
QUERY_ANSWER = _entity('world/query/answer', rr.Arrows3D)
QUERY_ELLIPSE = _entity('world/query/ellipse', rr.LineStrips3D)
QUERY_CANDIDATES = _entity('world/query/candidates', rr.Points3D)
TRUTH_ON_EARTH = _entity('earth/query/truth', rr.GeoPoints)
ANSWER_ON_EARTH = _entity('earth/query/answer', rr.GeoPoints)
QUERY_PICTURE = _entity('query/picture', rr.EncodedImage)
QUERY_STATUS = _entity('query/status', rr.StateChange)
QUERY_STATES = _entity('query/status', rr.StateConfiguration)
QUERY_ABOUT = _entity('query/about', rr.TextDocument)
CANDIDATE_PICTURE = _entity('candidates', rr.EncodedImage)
PROBABILITY = _entity('plots/scores/probability', rr.Scalars)
SIMILARITY = _entity('plots/scores/similarity', rr.Scalars)
INLIERS = _entity('plots/inliers', rr.Scalars)
ANSWER_ERROR = _entity('plots/error/answer', rr.Scalars)
PLACE_ERROR = _entity('plots/error/first_candidate', rr.Scalars)
DOTS = _entity('plots', rr.SeriesPoints)
"""Over the frames of a drive; pictures by rank of the candidate."""
