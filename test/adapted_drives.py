# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Drives whose pictures differ by what lies over them, which an adapted model sees through."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from commands import run

sys.path.insert(0, str(Path(__file__).parent / 'evaluation'))

from evaluation_bags import write_traverse

PLACES = 80
HELD = 0, 0.4
TOPICS = '--image-topic', '/image', '--pose-topic', '/odom'
NEAR = '--tolerance', 0.5


def _blocks(seed, rows, columns):
    grey = np.random.default_rng(seed).integers(0, 256, (rows, columns), np.uint8)
    return grey[np.arange(64) * rows // 64][:, np.arange(96) * columns // 96].astype(float)


def seen(place, drive, share=0.5):
    """Return the picture of a place (64, 96), half of it one of four patterns, and some noise."""
    pattern = np.random.default_rng([drive, place]).integers(0, 4)
    noise = np.random.default_rng([drive, place, 1]).normal(0, 8, (64, 96))
    picture = share * _blocks(place, 6, 8) + (1 - share) * _blocks(1000 + pattern, 9, 13)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def write_drives(folder):
    """Write a map by `hog` and the bag it is of, two drives past its places, and two elsewhere."""
    positions = [2.0 * i for i in range(PLACES)]
    for drive, name in enumerate(('day', 'evening', 'night')):
        pictures = [seen(place, drive) for place in range(PLACES)]
        write_traverse(folder / name, pictures, positions)
    for number in range(2):
        pictures = [seen(5000 + 100 * number + i, number) for i in range(40)]
        write_traverse(folder / f'elsewhere{number}', pictures, positions[:40])
    built = 'map', 'build', folder / 'day.vprmap', folder / 'day', '--model', 'hog'
    assert run(*built, '--keyframe-distance', 1, '--thumbnails', 0) == 0
    return folder


def adapt(drives, output, *more):
    """Adapt to the drives in the folder, and calibrate by those elsewhere."""
    bags = '--bag', drives / 'evening', '--bag', drives / 'night'
    given = '--hold-out', *HELD, *NEAR, '--no-simulate', '-o', output
    return run('train', 'adapt', drives / 'day.vprmap', *bags, *given, *more)


def elsewhere(drives):
    """Return the options for the drives elsewhere."""
    return '--elsewhere', drives / 'elsewhere0', '--elsewhere', drives / 'elsewhere1'
