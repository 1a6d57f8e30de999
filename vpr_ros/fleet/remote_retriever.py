# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Search of a map on a server: prefetch by codes and re-ranking by descriptors in one request."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from qdrant_client import models

from vpr_ros.fleet.points import CODE, DESCRIPTOR, columns_of, signs
from vpr_ros.fleet.remote_map import explained
from vpr_ros.maps import Camera
from vpr_ros.search import Candidates, Window
from vpr_ros.search.window import Nearby
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from vpr_ros.fleet.remote_map import RemoteMap
    from vpr_ros.maps import Snapshot
    from vpr_ros.types import Description

_EARTHS = 1.01
"""More than the greatest ratio of distances on the sphere and on the ellipsoid."""


def sessions_admitted(window: Window | None, known: Collection[int]) -> list[int]:
    """Return the sessions a window admits, of those that are whole."""
    admitted = set(known)
    if window is not None:
        admitted -= window.not_sessions
        if window.sessions is not None:
            admitted &= window.sessions
    return sorted(admitted)


def conditions_of(window: Window, sessions: list[int]) -> list[models.Condition]:
    """Return the conditions of a window on a place, except for its gates."""
    conditions: list[models.Condition] = [_any('session', sessions)]
    if window.cameras is not None:
        conditions.append(_any('camera', sorted(window.cameras)))
    if window.stamps is not None:
        conditions += [_since(window.stamps[0]), _until(window.stamps[1])]
    if window.not_stamps is not None:
        first, last = window.not_stamps
        conditions.append(models.Filter(should=[_until(first - 1), _since(last + 1)]))
    if window.apart is not None:
        apart = window.apart
        before = models.Range(lte=apart.distance - apart.metres)
        after = models.Range(gte=apart.distance + apart.metres)
        conditions.append(
            models.Filter(
                should=[
                    models.Filter(must_not=[_any('session', [apart.session])]),
                    models.FieldCondition(key='distance', range=before),
                    models.FieldCondition(key='distance', range=after),
                ]
            )
        )
    return conditions


def around_gates(window: Window) -> list[models.Condition]:
    """Return conditions that all places within the gates of a window fulfil, and few others.

    The server knows no spheres in a map, and only a spherical Earth.
    """
    conditions: list[models.Condition] = []
    if window.near is not None:
        position, radius = np.asarray(window.near[0], np.float64), window.near[1]
        reach = radius + 1e-6 * (1 + float(np.abs(position).max()) + radius)
        for axis, middle in zip('xyz', position.tolist(), strict=True):
            span = models.Range(gte=middle - reach, lte=middle + reach)
            conditions.append(models.FieldCondition(key=axis, range=span))
    if window.near_geo is not None:
        point, radius = window.near_geo
        conditions.append(
            models.FieldCondition(
                key='geo',
                geo_radius=models.GeoRadius(
                    center=models.GeoPoint(lat=point.lat, lon=point.lon),
                    radius=_EARTHS * radius + 1,
                ),
            )
        )
    return conditions


def _any(key: str, values: list[int] | list[str]) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchAny(any=values))


def _since(stamp: int) -> models.Filter:
    second, nanosecond = divmod(stamp, SECOND)
    return _second(models.Range(gt=second), second, models.Range(gte=nanosecond))


def _until(stamp: int) -> models.Filter:
    second, nanosecond = divmod(stamp, SECOND)
    return _second(models.Range(lt=second), second, models.Range(lte=nanosecond))


def _second(other: models.Range, second: int, within: models.Range) -> models.Filter:
    """Return: another second as given, or this one with nanoseconds as given."""
    this = models.FieldCondition(key='second', match=models.MatchValue(value=second))
    nanosecond = models.FieldCondition(key='nanosecond', range=within)
    return models.Filter(
        should=[
            models.FieldCondition(key='second', range=other),
            models.Filter(must=[this, nanosecond]),
        ]
    )


_HAMMING = models.SearchParams(
    # Signs lose nothing when they are packed into bits, so nothing needs scoring anew.
    quantization=models.QuantizationSearchParams(rescore=False)
)


class RemoteRetriever:
    """Searches a map on a server as `vpr_ros.search.Retriever` does one in a file.

    Results are the same but where candidates are equally near: which of those the server passes
    on, it does not say. Sessions in windows are those of the collection.
    """

    def __init__(self, remote: RemoteMap) -> None:
        self._remote = remote

    def search(
        self,
        description: Description,
        k: int = 10,
        candidates: int = 100,
        window: Window | None = None,
    ) -> Candidates:
        """Return the best places for a description; see `Searcher.search`.

        Raises:
            MapError: The description is not of the map's model, or the server fails.
        """
        remote = self._remote
        query, code = remote.rules.query_of(description)
        wanted = self._filter(window)
        if wanted is None:
            return Candidates.none()
        prefetch, params = None, None
        if code is None:
            params = models.SearchParams(exact=True)
        else:
            prefetch = models.Prefetch(
                query=signs(code),
                using=CODE,
                filter=wanted,
                params=_HAMMING,
                limit=max(candidates, k),
            )
        with explained(remote.collection):
            answer = remote.client.query_points(
                remote.collection,
                query=query.tolist(),
                using=DESCRIPTOR,
                prefetch=prefetch,
                query_filter=wanted,
                search_params=params,
                limit=k,
            )
        best = sorted(answer.points, key=lambda point: (-point.score, point.id))
        if not best:
            return Candidates.none()
        return Candidates.found(
            self._snapshot(best),
            np.arange(len(best)),
            np.array([point.score for point in best]),
            np.array([_hamming(code, point) for point in best]),
        )

    def refresh(self) -> bool:
        """See which sessions were pushed or deleted since; return whether there was anything."""
        return self._remote.refresh()

    def _filter(self, window: Window | None) -> models.Filter | None:
        """Return the conditions on places, None where no place can fulfil them."""
        sessions = sessions_admitted(window, self._remote.rules.names)
        if not sessions or (window is not None and window.cameras == frozenset()):
            return None
        window = window or Window()
        conditions = conditions_of(window, sessions)
        gates = around_gates(window)
        if gates:
            inside = self._inside(window, models.Filter(must=[*conditions, *gates]))
            if not inside:
                return None
            conditions.append(models.HasIdCondition(has_id=list(inside)))
        return models.Filter(must=conditions)

    def _inside(self, window: Window, roughly: models.Filter) -> list[int]:
        """Return which places lie within the gates, exactly."""
        gates = Window(near=window.near, near_geo=window.near_geo)
        fields = ['session', 'camera', 'second', 'nanosecond', 'x', 'y', 'z', 'geo']
        inside: list[int] = []
        for points in self._remote.scroll(roughly, fields):
            columns = columns_of(points, {}, 0)
            snapshot = replace(self._remote.rules, columns=columns)
            inside += columns.ids[gates.select(snapshot, Nearby())].tolist()
        return inside

    def _snapshot(self, points: list[models.ScoredPoint]) -> Snapshot:
        """Return points as a map of their own, row by row."""
        rules, cameras = self._remote.rules, dict[Camera, int]()
        columns = columns_of(points, cameras, rules.meta.code_bits // 8)
        known = {key: camera for camera, key in cameras.items()}
        return replace(rules, columns=columns, cameras=known)


def _hamming(code: NDArray[np.uint8] | None, point: models.ScoredPoint) -> int:
    if code is None or point.payload is None:
        return -1
    stored = int.from_bytes(bytes.fromhex(point.payload['code']), 'big')
    return bin(stored ^ int.from_bytes(code.tobytes(), 'big')).count('1')
