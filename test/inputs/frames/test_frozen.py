# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

from vpr_ros.inputs.frames.frame import FreezeWatch


def message(stamp, pixels):
    return b'\0\1\0\0' + stamp.to_bytes(8, 'little') + pixels.tobytes()


def test_equal_images_are_counted_whatever_their_stamps():
    watch, pixels = FreezeWatch(), np.arange(5000, dtype=np.uint8)
    for stamp in range(5):
        watch.see(message(stamp, pixels))
    assert watch.repeats == 4


def test_one_different_byte_anywhere_is_enough():
    rng = np.random.default_rng(0)
    watch, pixels = FreezeWatch(), np.arange(5000, dtype=np.uint8)
    watch.see(message(0, pixels))
    for stamp, place in enumerate(rng.integers(0, 5000, 50)):
        pixels[place] += 1
        watch.see(message(stamp, pixels))
        assert watch.repeats == 0


def test_images_of_another_size_are_not_equal():
    watch = FreezeWatch()
    for size in (100, 200, 100):
        watch.see(message(0, np.zeros(size, np.uint8)))
        assert watch.repeats == 0
