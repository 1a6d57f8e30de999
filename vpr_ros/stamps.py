# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Stamps: integers of nanoseconds, for float64 does not hold them exactly."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

SECOND = 10**9
"""Nanoseconds in a second."""


def from_time(time: Any) -> int:
    """Return the nanoseconds of a builtin_interfaces Time or Duration of rclpy or rosbags."""
    return int(time.sec) * SECOND + int(time.nanosec)


def format_stamp(stamp: int) -> str:
    """Return nanoseconds as seconds, all nine decimals, exactly."""
    seconds, rest = divmod(abs(stamp), SECOND)
    return f'{"-" if stamp < 0 else ""}{seconds}.{rest:09d}'


def parse_stamp(text: str) -> int:
    """Return the nanoseconds of a text in seconds, exactly.

    Raises:
        ValueError: It is no number, or beyond 64 bits.
    """
    try:
        stamp = Decimal(text).scaleb(9)
        if abs(stamp) < 2**63 - 1:
            return int(stamp.to_integral_value())
    except ArithmeticError:
        pass
    msg = f'{text[:40]!r} is no stamp in seconds'
    raise ValueError(msg)
