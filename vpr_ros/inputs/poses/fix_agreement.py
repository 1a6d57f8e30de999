# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Holds satellite fixes back until they agree: receivers that start are wrong by kilometres."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry.geodesy import surface_positions
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.geometry import GeoPoint

_log = logging.getLogger(__name__)

_AGREEING, _SPAN = 3, SECOND
"""Fixes in a row that must agree, and the least time from the first to the last of them, ns."""
_NOISE = 30.0
"""Metres by which good fixes may differ."""
_LONGEST = 5.0
"""Seconds for which a drive at the highest speed is allowed for."""
_HELD = 50
"""Fixes that are held back at most."""
MAX_SPEED = 40.0
"""Metres a second that a vehicle drives at most."""
MAX_SPAN = 1_000_000.0
"""Metres from the datum that no session reaches."""


@dataclass(frozen=True)
class Fix:
    """A satellite fix: stamp in ns, position, and covariance (3, 3) or None where unknown."""

    stamp: int
    point: GeoPoint
    covariance: NDArray[np.float64] | None = None


class FixAgreement:
    """Passes fixes on once they agree with those before.

    The first fixes, and those after a jump, are held until three in a row over a second agree,
    which means that a vehicle can drive from one to the next. Those that later ones contradict
    are left out, and the log says so.
    """

    def __init__(self) -> None:
        self._last: Fix | None = None
        self._held: list[Fix] = []

    @property
    def fault(self) -> str:
        """Why fixes are held back, in words; empty if none are."""
        return f'fixes that wait for others that agree: {len(self._held)}' if self._held else ''

    def add(self, fix: Fix) -> list[Fix]:
        """Take a fix; return those that are believed now, in order."""
        newest = self._held[-1] if self._held else self._last
        if newest is not None and fix.stamp < newest.stamp - SECOND:  # The clock was set back.
            self._last, self._held = None, []
        if self._last is not None and _follows(self._last, fix):
            self._leave_out(self._held, fix)
            self._last, self._held = fix, []
            return [fix]
        self._held.append(fix)
        run = self._latest_run()
        if len(run) >= _AGREEING and run[-1].stamp - run[0].stamp >= _SPAN:
            return self._believe(run)
        if len(self._held) > _HELD:
            text = 'the fixes contradict each other; the last one lies %.0f m from the one before'
            _log.warning(text, separation(*(f.point for f in self._held[-2:])))
            self._held = run
        return []

    def finish(self) -> list[Fix]:
        """Return those of the fixes still held that most agree with, when no more will come."""
        runs: list[list[Fix]] = [[]]
        for fix in self._held:
            if not runs[-1] or not _follows(runs[-1][-1], fix):
                runs.append([])
            runs[-1].append(fix)
        run = max(reversed(runs), key=len)
        return self._believe(run) if run else []

    def _latest_run(self) -> list[Fix]:
        """Return the last of the held fixes that follow each other."""
        begin = len(self._held) - 1
        while begin and _follows(self._held[begin - 1], self._held[begin]):
            begin -= 1
        return self._held[begin:]

    def _believe(self, run: list[Fix]) -> list[Fix]:
        self._leave_out(
            [fix for fix in self._held if all(fix is not other for other in run)], run[0]
        )
        if self._last is not None and not _follows(self._last, run[0], longest=math.inf):
            metres = separation(self._last.point, run[0].point)
            _log.warning('the fixes jump by %.0f m: those before or after are wrong', metres)
        self._last, self._held = run[-1], []
        return run

    @staticmethod
    def _leave_out(fixes: list[Fix], believed: Fix) -> None:
        if fixes:
            metres = separation(fixes[0].point, believed.point)
            text = '%d fixes left out: later ones contradict them by %.0f m'
            _log.warning(text, len(fixes), metres)


def separation(a: GeoPoint, b: GeoPoint) -> float:
    """Return the metres between two points (along the chord), by height where both have one."""
    points = surface_positions(np.array([a.lat, b.lat]), np.array([a.lon, b.lon]))
    height = b.alt - a.alt
    return math.hypot(np.linalg.norm(points[1] - points[0]), 0.0 if math.isnan(height) else height)


def _follows(before: Fix, after: Fix, longest: float = _LONGEST) -> bool:
    """Tell whether a vehicle can drive from one fix to the next, in so many seconds at most."""
    seconds = min(max((after.stamp - before.stamp) / SECOND, 0.0), longest)
    return separation(before.point, after.point) <= _NOISE + MAX_SPEED * seconds
