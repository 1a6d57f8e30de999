# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Poses of the base by stamp, interpolated where the rhythm of their source allows it."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from statistics import median
from typing import TYPE_CHECKING

from vpr_ros.inputs.poses.pose_reading import PoseReading
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

KEPT = 30 * SECOND
"""Nanoseconds of history; frames wait for their poses far shorter than this."""
_KEPT_READINGS = 100
"""Readings that stay however old they are: a source that publishes on motion pauses for long."""
_TIME_JUMP = SECOND
"""A stamp this many nanoseconds in the past means a restarted clock, not a late message."""

_SHORT = 1.5
"""Seconds that are always interpolated over."""
_RHYTHM = 3.5
"""Times the usual interval of the source: two messages in a row may be missing."""
_FAR = 30.0
"""Metres beyond which a straight line says too little about the way."""
_NEAR = 1.0, 5.0
"""Metres between two poses that may take any time, since the robot stood meanwhile: the least and
the most. Between them it is one and a half usual steps."""
_STANDS = 1800.0
"""Seconds that a robot may have stood; more is a clock that is off."""
_STEPS = 1.5
_TURN = 1.0
"""Radians, likewise."""
_HALF_TURN = math.pi / 2
"""Radians above which the direction of a turn is not clear any more."""
_FASTER = 3.0, 1.0
"""A pose jumps if it moves faster than so many times the latest top speed, plus metres/second."""
_PAST, _LEAST_PAST = 20, 3
"""Intervals that show the rhythm of a source, and how many must be known."""
_SETTLED = _LEAST_PAST + 2
"""Readings after which the rhythm of a source is known."""


class Cause(Enum):
    """Why there is no pose at a stamp, in the words of reports."""

    NONE = 'before any pose came'
    BEFORE = 'before the first pose'
    AFTER = 'after the last pose'
    GAP = 'in gaps between poses'
    JUMP = 'where the pose jumps'


@dataclass(frozen=True)
class NoPose:
    """Why there is no pose at a stamp.

    Attributes:
        cause: The kind.
        seconds: Between the poses before and after, for a gap or jump.
        metres: Between them.
    """

    cause: Cause
    seconds: float = 0.0
    metres: float = 0.0


class PoselessFrames:
    """Counts the frames without a pose by cause; ``str`` says it in words."""

    def __init__(self) -> None:
        self._counts: Counter[Cause] = Counter()
        self._longest: dict[Cause, NoPose] = {}

    def add(self, why: NoPose) -> None:
        """Count a frame."""
        self._counts[why.cause] += 1
        longest = self._longest.setdefault(why.cause, why)
        if why.seconds > longest.seconds:
            self._longest[why.cause] = why

    def __len__(self) -> int:
        return self._counts.total()

    def __str__(self) -> str:
        """Return the counts in words, such as ``2 before the first pose``; empty for none."""
        counts = ((cause, self._counts[cause]) for cause in Cause)
        return ', '.join(f'{count} {self.words(cause)}' for cause, count in counts if count)

    def words(self, cause: Cause) -> str:
        """Return a cause in words, with the longest gap or jump that was met."""
        if cause not in (Cause.GAP, Cause.JUMP):
            return str(cause.value)
        longest = self._longest[cause]
        return f'{cause.value} (the longest {longest.seconds:.1f} s, {longest.metres:.1f} m)'


class PoseBuffer:
    """Pose readings in order of stamp; interpolates between neighbours.

    Sources differ in rhythm: odometry comes many times a second, fixes once a second or less, and
    localisation often only when the robot has moved. Two readings are interpolated if the time
    between them is short, usual for their source, or went by with little motion. They are not if
    the pose jumped, as at a relocalisation. Only readings up to the later one count, so that a bag
    and a live topic give the same.

    Attributes:
        late: Readings ignored because a newer one came first.
        jump: The last jump, as at a relocalisation; None before the first.
    """

    def __init__(self) -> None:
        self._readings: list[PoseReading] = []
        self.late = 0
        self.jump: NoPose | None = None

    def add(self, reading: PoseReading) -> bool:
        """Append a reading; return True where time jumped back and the history was dropped."""
        jumped = False
        if self._readings and reading.stamp <= self._readings[-1].stamp:
            if self._readings[-1].stamp - reading.stamp < _TIME_JUMP:
                self.late += 1
                return False
            self._readings.clear()
            jumped = True
        elif self._readings:
            self._note_jump(self._readings[-1], reading)
        self._readings.append(reading)
        if (
            len(self._readings) > 2 * _KEPT_READINGS
            and self._readings[0].stamp < reading.stamp - 2 * KEPT
        ):
            old = self._index(reading.stamp - KEPT)
            del self._readings[: min(old, len(self._readings) - _KEPT_READINGS)]
        return jumped

    @property
    def newest(self) -> int | None:
        """The last stamp, None before the first reading."""
        return self._readings[-1].stamp if self._readings else None

    def stamps(self, after: int | None, until: int) -> list[int]:
        """Return the stamps of the readings after one, None for all, up to another."""
        begin = 0 if after is None else self._index(after + 1)
        return [reading.stamp for reading in self._readings[begin : self._index(until + 1)]]

    @property
    def _settled(self) -> bool:
        return len(self._readings) >= _SETTLED

    def decided(self, stamp: int) -> bool:
        """Whether no later reading can change the answer of ``at(stamp)``."""
        if not self._readings or self._readings[-1].stamp < stamp:
            return False
        if self._settled:
            return True
        found = self.find(stamp)
        return not (isinstance(found, NoPose) and found.cause is Cause.GAP)

    def at(self, stamp: int) -> PoseReading | None:
        """Return the reading at a stamp, interpolated, or None where it is unknown."""
        found = self.find(stamp)
        return None if isinstance(found, NoPose) else found

    def find(self, stamp: int) -> PoseReading | NoPose:
        """Return the reading at a stamp, interpolated, or why there is none."""
        if not self._readings:
            return NoPose(Cause.NONE)
        i = self._index(stamp)
        if i == len(self._readings):
            return NoPose(Cause.AFTER)
        after = self._readings[i]
        if after.stamp == stamp:
            return after
        if i == 0:
            return NoPose(Cause.BEFORE)
        before = self._readings[i - 1]
        steps = self._steps(range(max(1, i - _PAST), i))
        why = _apart(before, after, steps if len(steps) >= _LEAST_PAST else [])
        if why is not None and i <= _LEAST_PAST and self._settled:
            # The rhythm of a source that has just begun shows in the readings that follow.
            first = (j for j in range(1, _SETTLED) if j != i)
            why = _apart(before, after, self._steps(first))
        if why is not None:
            return why
        fraction = (stamp - before.stamp) / (after.stamp - before.stamp)
        pose = before.pose.interpolate(after.pose, fraction)
        nearest = before if fraction < 0.5 else after
        return PoseReading(stamp, pose, nearest.covariance, nearest.geo, nearest.frame)

    def _note_jump(self, before: PoseReading, after: PoseReading) -> None:
        seconds, metres = _step(before, after)
        if metres <= _NEAR[0] and before.frame == after.frame:
            return
        last = len(self._readings)
        steps = self._steps(range(max(1, last - _PAST), last))
        if _jumps(before, after, steps if len(steps) >= _LEAST_PAST else []):
            self.jump = NoPose(Cause.JUMP, seconds, metres)

    def _steps(self, rows: Iterable[int]) -> list[tuple[float, float]]:
        """Return the seconds and metres from the reading before to each of some readings."""
        return [_step(self._readings[j - 1], self._readings[j]) for j in rows]

    def _index(self, stamp: int) -> int:
        return bisect_left(self._readings, stamp, key=lambda reading: reading.stamp)


def _apart(
    before: PoseReading, after: PoseReading, steps: Sequence[tuple[float, float]]
) -> NoPose | None:
    """Return why two readings in a row are not interpolated, None where they are.

    Args:
        before: A reading.
        after: The next one.
        steps: Seconds and metres of other intervals of their source; none where too few are known.
    """
    seconds, metres = _step(before, after)
    turn = before.pose.angle_to(after.pose)
    if turn > _HALF_TURN or _jumps(before, after, steps):
        return NoPose(Cause.JUMP, seconds, metres)
    nearest, farthest = _NEAR
    if seconds <= _SHORT and metres <= nearest:
        return None
    known = bool(steps)
    usual = _RHYTHM * median(time for time, _ in steps) if known else 0.0
    if seconds <= _SHORT or (seconds <= usual and metres <= _FAR):
        return None
    near = farthest
    if known:
        near = min(max(nearest, _STEPS * median(length for _, length in steps)), farthest)
    if metres <= near and turn <= _TURN and seconds <= _STANDS:
        return None
    return NoPose(Cause.GAP, seconds, metres)


def _jumps(before: PoseReading, after: PoseReading, steps: Sequence[tuple[float, float]]) -> bool:
    """Tell whether the pose jumps between two readings; for the arguments see ``_apart``."""
    seconds, metres = _step(before, after)
    if before.frame != after.frame:
        return True
    if not steps or metres <= _NEAR[0]:
        return False
    times, more = _FASTER
    top = max(length / time for time, length in steps)
    return metres / seconds > times * top + more


def _step(before: PoseReading, after: PoseReading) -> tuple[float, float]:
    """Return the seconds and metres from one reading to the next."""
    return (after.stamp - before.stamp) / SECOND, before.pose.distance_to(after.pose)
