# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Windows and gates as filters that a Qdrant server applies inside its search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qdrant_client import models

from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from collections.abc import Collection

    from vpr_ros.search import Window

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
    """Return what a window asks of a place, except for its gates."""
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
