# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.inputs.frames import UnsetStamps, stamp_of

IMAGE = 'sensor_msgs/msg/Image'
stamps = st.integers(0, 2**31 * 10**9 - 1)


def message(stamp, order='<'):
    seconds, nanoseconds = divmod(stamp, 10**9)
    return (b'\0\1\0\0' if order == '<' else bytes(4)) + struct.pack(
        f'{order}iI', seconds, nanoseconds
    ) + b'rest'  # fmt: skip


@given(stamp=stamps, received=stamps, order=st.sampled_from('<>'))
def test_only_a_stamp_that_was_never_set_becomes_the_time_of_receipt(stamp, received, order):
    raw = UnsetStamps().mend('/a', IMAGE, message(stamp, order), received)
    assert stamp_of(raw) == (stamp or received)
    assert raw[12:] == b'rest'


@given(raw=st.binary(max_size=30), received=stamps)
def test_any_bytes_pass(raw, received):
    mended = UnsetStamps().mend('/a', IMAGE, raw, received)
    assert len(mended) == len(raw)


@pytest.mark.parametrize('typename', ['tf2_msgs/msg/TFMessage', 'std_msgs/msg/String', 'a/msg/B'])
def test_messages_without_a_header_stay_as_they_are(typename):
    assert UnsetStamps().mend('/a', typename, bytes(20), 5) == bytes(20)


def test_each_topic_is_named_once(caplog):
    unset = UnsetStamps()
    for topic in ('/a', '/b', '/a', '/a'):
        unset.mend(topic, IMAGE, message(0), 7)
    assert [record.args[0] for record in caplog.records] == ['/a', '/b']
