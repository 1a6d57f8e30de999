# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages whose driver forgot to stamp them."""

from __future__ import annotations

import functools
import logging
import struct
from typing import Any

from vpr_ros.inputs.frames.cdr import stamp_of, types
from vpr_ros.stamps import SECOND

_LOG = logging.getLogger(__name__)
_STAMP = slice(4, 12)
_HEADER = 'std_msgs/msg/Header'


class UnsetStamps:
    """Gives messages with the stamp 0, which none was given, the time of their receipt.

    One rule for nodes and bags, where the time of recording is that of receipt. It is said once
    for each topic.
    """

    def __init__(self) -> None:
        self._named: set[str] = set()

    def time_of(self, topic: str, stamp: int, received: int) -> int:
        """Return the stamp of a message, or the time of its receipt where it has none, in ns."""
        if stamp or not received:
            return stamp
        if topic not in self._named:
            self._named.add(topic)
            _LOG.warning(
                '%s: stamps were never set (0), so the times of receipt are used; mend the driver '
                'that forgets them',
                topic,
            )
        return received

    def mend_transforms(self, topic: str, message: Any, received: int) -> None:
        """Stamp the transforms of a tf2_msgs/TFMessage that were not."""
        for transform in message.transforms:
            stamp = transform.header.stamp
            if not (stamp.sec or stamp.nanosec):
                stamp.sec, stamp.nanosec = divmod(self.time_of(topic, 0, received), SECOND)

    def mend(self, topic: str, typename: str, raw: bytes, received: int) -> bytes:
        """Return a serialised message, stamped if it begins with a header that was not."""
        if any(raw[_STAMP]) or not _begins_with_header(typename) or len(raw) < _STAMP.stop:
            return raw
        time = self.time_of(topic, stamp_of(raw), received)
        order = '<' if raw[1] else '>'
        stamp = struct.pack(f'{order}iI', *divmod(time, SECOND))
        return raw[: _STAMP.start] + stamp + raw[_STAMP.stop :]


@functools.cache
def _begins_with_header(typename: str) -> bool:
    """Tell whether messages of a type begin with a std_msgs/Header."""
    _, fields = types().fielddefs.get(typename, ((), ()))
    return bool(fields) and fields[0][1][1] == _HEADER
