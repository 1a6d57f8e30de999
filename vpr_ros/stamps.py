# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stamps: integers of nanoseconds, for float64 does not hold them exactly."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

SECOND = 10**9
"""Nanoseconds in a second."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LEAST_NANOSECONDS = 10**15
"""As seconds, whole numbers this large would lie beyond any time."""


def from_time(time: Any) -> int:
    """Return the nanoseconds of a builtin_interfaces Time or Duration of rclpy or rosbags.

    Raises:
        ValueError: Its nanoseconds are more than a second.
    """
    if time.nanosec >= SECOND:
        msg = f'the stamp is damaged: {time.nanosec} ns is more than a second'
        raise ValueError(msg)
    return int(time.sec) * SECOND + int(time.nanosec)


def format_stamp(stamp: int) -> str:
    """Return nanoseconds as seconds, all nine decimals, exactly."""
    seconds, rest = divmod(abs(stamp), SECOND)
    return f'{"-" if stamp < 0 else ""}{seconds}.{rest:09d}'


def iso_time(stamp: int) -> str | None:
    """Return nanoseconds since 1970 as date and time (ISO 8601, UTC); None beyond the calendar."""
    try:
        return (_EPOCH + timedelta(microseconds=stamp // 1000)).isoformat()
    except OverflowError:
        return None


def parse_stamp_of_any_unit(text: str) -> int:
    """Return the nanoseconds of a text in seconds or a smaller unit, as data sets have stamps.

    Whole numbers too large for seconds are in milli- or microseconds where that is a time in the
    years 2001 to 2033, else in nanoseconds.

    Raises:
        ValueError: It is no number, or beyond 64 bits.
    """
    whole, _, fraction = text.partition('.')
    if whole.isdecimal() and not fraction.strip('0'):
        number = int(whole)
        for unit in (10**6, 10**3):
            if 10**18 <= number * unit < 2 * 10**18:
                return number * unit
        if _LEAST_NANOSECONDS <= number < 2**63:
            return number
    return parse_stamp(text)


def parse_stamp(text: str) -> int:
    """Return the nanoseconds of a text in seconds, exactly.

    Raises:
        ValueError: It is no number, or beyond 64 bits.
    """
    try:
        stamp = Decimal(text).scaleb(9)
        if abs(stamp) <= 2**63 and -(2**63) <= (whole := int(stamp.to_integral_value())) < 2**63:
            return whole
    except ArithmeticError:
        pass
    msg = f'{text[:40]!r} is no stamp in seconds'
    raise ValueError(msg)
