# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from vpr_ros.errors import ImageError
from vpr_ros.inputs.frames import image_decoder
from vpr_ros.inputs.frames.decoder_choice import choose_decoder
from vpr_ros.inputs.frames.raw import decode_raw


class Bridge:
    """Stands in for cv_bridge.CvBridge; may be spoilt for one encoding."""

    def __init__(self, spoilt='', error=None):
        self.spoilt, self.error, self.calls = spoilt, error, 0

    def imgmsg_to_cv2(self, msg, desired_encoding):
        assert desired_encoding == 'rgb8'
        self.calls += 1
        if msg.encoding == self.spoilt and self.error:
            raise self.error
        pixels = decode_raw(msg)
        return pixels[..., ::-1] if msg.encoding == self.spoilt else pixels


def message(**changes):
    fields = {'width': 4, 'height': 2, 'step': 12, 'encoding': 'rgb8', 'is_bigendian': 0}
    return SimpleNamespace(**(fields | {'data': bytes(range(24))} | changes))


def test_an_agreeing_bridge_is_used():
    bridge = Bridge()
    decoder = choose_decoder(lambda: bridge)
    assert decoder.name == 'cv_bridge'
    checks = bridge.calls
    np.testing.assert_array_equal(decoder.decode(message()), decode_raw(message()))
    assert bridge.calls == checks + 1


@pytest.mark.parametrize(
    'changes',
    [
        {'step': 13, 'data': bytes(26)},  # cv_bridge reads the rows of this askew
        {'encoding': '8UC3'},
        {'encoding': 'mono16', 'step': 8, 'data': bytes(16), 'is_bigendian': 1},
    ],
)
def test_what_the_bridge_is_known_to_misread_is_decoded_by_ours(changes):
    bridge = Bridge()
    decoder = choose_decoder(lambda: bridge)
    checks = bridge.calls
    decoder.decode(message(**changes))
    assert bridge.calls == checks


def test_compressed_images_are_decoded_by_ours():
    data = cv2.imencode('.png', np.zeros((3, 4, 3), np.uint8))[1].tobytes()
    msg = SimpleNamespace(format='png', data=data)
    assert choose_decoder(Bridge).decode(msg).shape == (3, 4, 3)


@pytest.mark.parametrize(
    ('bridge', 'reason'),
    [
        (lambda: Bridge('bayer_rggb8'), 'other pixels for bayer_rggb8'),
        (lambda: Bridge('mono8', AttributeError('newbyteorder')), 'newbyteorder'),
        (
            lambda: Bridge('bgr8', SystemError('_ARRAY_API not found\nmore')),
            '_ARRAY_API not found',
        ),
    ],
)
def test_a_bridge_that_fails_the_check_is_not_used(bridge, reason):
    decoder = choose_decoder(bridge)
    assert decoder.name == 'vpr_ros'
    assert reason in decoder.reason
    assert '\n' not in decoder.reason
    assert decoder.decode(message()).shape == (2, 4, 3)


def test_a_bridge_that_does_not_import_is_not_used():
    decoder = choose_decoder(lambda: importlib.import_module('no_such_cv_bridge'))
    assert decoder.name == 'vpr_ros'
    assert 'no_such_cv_bridge' in decoder.reason


def test_later_failures_of_the_bridge_are_image_errors():
    bridge = Bridge()
    decoder = choose_decoder(lambda: bridge)
    bridge.spoilt, bridge.error = 'rgb8', RuntimeError('broken')
    with pytest.raises(ImageError, match='broken'):
        decoder.decode(message())
    with pytest.raises(ImageError, match='truncated'):
        decoder.decode(message(data=b'1'))


def test_the_choice_on_this_machine_decodes_and_says_why():
    decoder = image_decoder()
    assert decoder.decode(message()).shape == (2, 4, 3)
    assert 'cv_bridge' in decoder.reason


def test_the_real_cv_bridge_agrees_with_ours():
    pytest.importorskip('cv_bridge', reason='cv_bridge exists only in a ROS installation')
    decoder = image_decoder()
    if decoder.name != 'cv_bridge':
        pytest.skip(decoder.reason)
    np.testing.assert_array_equal(decoder.decode(message()), decode_raw(message()))
