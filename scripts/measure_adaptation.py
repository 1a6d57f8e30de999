#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measure what `vpr train adapt` gains on the shared real drives, in both directions.

Each half of a drive judges once, fitted to the other half; the figures are those of the command.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / 'scripts')]

from calibrate_default import Sources  # noqa: E402

from vpr_ros.describe import Describer  # noqa: E402
from vpr_ros.evaluation import Tolerance  # noqa: E402
from vpr_ros.training.adapting import Division, PosedDescriptors, adapt, judge  # noqa: E402
from vpr_ros.training.held_out import LEVEL, AdaptationError  # noqa: E402

CASES = (
    # map, drives, metres within which an answer is right
    ('gardens-day_right', ('gardens-day_left',), 2.0),
    ('gardens-day_left', ('gardens-day_right',), 2.0),
    ('gardens-day_right', ('gardens-night_right',), 2.0),
    ('gardens-day_left', ('gardens-night_right',), 2.0),
    ('gardens-day_left', ('gardens-day_right', 'gardens-night_right'), 2.0),
    ('lake-1', ('lake-2',), 2.5),
    ('lake-2', ('lake-1',), 2.5),
    ('corridor-1', ('corridor-2',), 4.0),
    ('airsim-1', ('airsim-3',), 5.0),
)
HALVES = ('left', (0.0, 0.5)), ('right', (0.5, 1.0))


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('model', nargs='?', default='d2vpr-nano')
    parser.add_argument('--work', type=Path, default=Path('build/adaptation'))
    arguments = parser.parse_args()
    data = Path(os.environ.get('VPR_TEST_DATA', ROOT.parent / 'shared' / 'data'))
    arguments.work.mkdir(parents=True, exist_ok=True)
    describer = Describer(arguments.model)
    sources, known = Sources(data, arguments.work), {}

    def described(name: str) -> PosedDescriptors:
        if name not in known:
            frames = [(rgb, pose.as_array()) for rgb, pose, _ in sources.frames(name)]
            values = [describer.describe([rgb])[0].descriptor for rgb, _ in frames]
            poses = np.array([pose for _, pose in frames])
            known[name] = PosedDescriptors(np.array(values, np.float64), poses)
        return known[name]

    print('| map | drives | judged by | images | before | after | won, lost | chance | |')
    print('|---|---|---|---|---|---|---|---|---|')
    for map_name, names, metres in CASES:
        places, drives = described(map_name), [described(name) for name in names]
        tolerance = Tolerance(metres, math.radians(45))
        drive = PosedDescriptors(
            np.concatenate([each.values for each in drives]),
            np.concatenate([each.poses for each in drives]),
        )
        shares = np.concatenate([np.arange(n := len(each.poses)) / n for each in drives])
        for half, (start, stop) in HALVES:
            held = (shares >= start) & (shares < stop)
            about = f'| {map_name} | {", ".join(names)} | {half} half'
            try:
                division = Division.of(places.poses, drive.poses, held, tolerance)
            except AdaptationError as error:
                print(f'{about} | {held.sum()} | | | | | refused: {error} |')
                continue
            adaptation = adapt(places, drive.part(division.fitting), tolerance, 0)
            both = places, drive.part(division.judging)
            found = judge(both, both, adaptation, tolerance)
            verdict = (
                'written' if found.after > found.before and found.chance < LEVEL else 'refused'
            )
            print(
                f'{about} | {found.images} | {found.before:.1%} | {found.after:.1%} | '
                f'{found.won}, {found.lost} | {found.chance:.0%} | {verdict} |',
                flush=True,
            )
    return 0


if __name__ == '__main__':
    sys.exit(main())
