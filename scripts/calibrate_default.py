#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fit the calibration of a network that is shipped in vpr_ros/localize/calibrations.

It learns from synthetic towns 5 to 8 (town 0 is kept for tests, 1 to 3 trained the network), from
the first half of the second lap of `bags/airsim_track` in its first lap, and from traverses in
maps of somewhere else. The bags of Gardens Point, EuRoC and the corridor are not touched: they
are for tests. Queries are kept as pictures of a thumbnail's size, which is what local features
see of them.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

import vpr_ros.localize.calibration as shipped  # noqa: E402
from vpr_ros.cli.calibrate_command import show  # noqa: E402
from vpr_ros.cli.console import console  # noqa: E402
from vpr_ros.describe import Describer  # noqa: E402
from vpr_ros.evaluation import Evaluation, Setup, Tolerance  # noqa: E402
from vpr_ros.evaluation.bag_evaluation import place_table, query_result  # noqa: E402
from vpr_ros.evaluation.calibration_data import AnsweredTraverse  # noqa: E402
from vpr_ros.evaluation.calibration_figure import draw  # noqa: E402
from vpr_ros.evaluation.calibration_fit import calibrate  # noqa: E402
from vpr_ros.inputs.bags import Bag, choose_topics  # noqa: E402
from vpr_ros.inputs.frames.thumbnail_codec import (  # noqa: E402
    decode_thumbnail,
    encode_thumbnail,
)
from vpr_ros.inputs.replay import replay_frames  # noqa: E402
from vpr_ros.localize import Localizer, Verifier  # noqa: E402
from vpr_ros.localize.verification import XFeatDetector  # noqa: E402
from vpr_ros.mapping import KeyframeConfig, MapBuilder  # noqa: E402
from vpr_ros.maps import MapWriter, PlaceMap  # noqa: E402
from vpr_ros.search import Retriever  # noqa: E402
from vpr_ros.simulation import Conditions, Town, Traverse, write_bag  # noqa: E402
from vpr_ros.types import THUMBNAIL_SIZE  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from vpr_ros.inputs.poses import PoseReading
    from vpr_ros.types import Description

DRIVES = {
    # town, conditions: metres to the left of the lane, seed of traffic and noise
    (5, 'day'): (0.0, 1),
    (5, 'evening-rain'): (1.0, 2),
    (5, 'night-rain'): (-0.5, 3),
    (6, 'day'): (0.0, 1),
    (6, 'night'): (0.5, 2),
    (6, 'day-overcast-autumn'): (1.0, 3),
    (7, 'overcast'): (0.0, 1),
    (7, 'morning-winter'): (-0.5, 2),
    (8, 'day'): (0.0, 1),
    (8, 'evening'): (0.7, 2),
}
FIRST_LAP, HALF_LAP = (0, 598), (598, 868)
KNOWN = (
    ('town5-day', 'town5-evening-rain'),
    ('town5-day', 'town5-night-rain'),
    ('town6-day', 'town6-night'),
    ('town6-day', 'town6-day-overcast-autumn'),
    ('town7-overcast', 'town7-morning-winter'),
    ('town8-day', 'town8-evening'),
    ('airsim-lap', 'airsim-half-lap'),
)
ELSEWHERE = (
    ('town5-day', 'town6-night'),
    ('town7-overcast', 'town8-evening'),
    ('airsim-lap', 'town5-evening-rain'),
    ('town6-day', 'campus'),
    ('campus', 'town7-morning-winter'),
    ('campus', 'airsim-half-lap'),
    ('town8-day', 'airsim-half-lap'),
)
TOLERANCE = Tolerance(5.0, math.radians(45))
CANDIDATES = 100


class Library:
    """Traverses by name, described once.

    Args:
        describer: The network.
        data: Folder of the test data.
        work: Folder for rendered bags and maps.
    """

    def __init__(self, describer: Describer, data: Path, work: Path) -> None:
        self._describer = describer
        self._detector = XFeatDetector()
        self._work = work
        self._known: dict[str, list[_Described]] = {}
        airsim = data / 'bags' / 'airsim_track'
        self._bags = {
            'campus': (data / 'bags' / 'campus_route_toshiki', (0, None)),
            'airsim-lap': (airsim, FIRST_LAP),
            'airsim-half-lap': (airsim, HALF_LAP),
        }

    def render(self) -> None:
        """Drive through the towns where that was not done yet."""
        for (town, conditions), (shift, seed) in DRIVES.items():
            path = self._work / f'town{town}-{conditions}'
            self._bags[path.name] = (path, (0, None))
            if not path.exists():
                print(f'rendering {path.name}', flush=True)
                way = Traverse(Town(town), Conditions.named(conditions), seed, lateral_shift=shift)
                write_bag(way, path, storage='mcap', encoding='jpeg')

    def frames(self, name: str) -> list[_Described]:
        """Return the described frames of a traverse."""
        if name not in self._known:
            path, part = self._bags[name]
            print(f'describing {name}', flush=True)
            with Bag(path) as bag:
                topics = choose_topics(bag)
                replayed = replay_frames(bag, topics.image.name, topics.pose.name)
                self._known[name] = [
                    _Described(
                        frame.stamp,
                        *self._describer.describe([frame.rgb]),
                        reading,
                        encode_thumbnail(frame.rgb, THUMBNAIL_SIZE),
                    )
                    for frame, reading in islice(replayed, *part)
                    if reading is not None
                ]
        return self._known[name]

    def session(self, map_name: str, query_name: str, *, known: bool) -> AnsweredTraverse:
        """Look a traverse up in the map of another."""
        place_map = self._map(map_name)
        with place_map:
            remembered = _Remembered()
            localizer = Localizer(
                remembered,
                Retriever(place_map),
                candidates=CANDIDATES,
                verifier=Verifier(place_map, self._detector),
            )
            queries = []
            for frame in self.frames(query_name):
                remembered.description = frame.description
                found = localizer.localize(frame, k=CANDIDATES)
                queries.append(query_result(found, frame.reading.pose))
            setup = Setup(
                query_name,
                map_name,
                place_map.model,
                TOLERANCE,
                CANDIDATES,
                detector=localizer.detector,
            )
            evaluation = Evaluation(setup, place_table(place_map), tuple(queries))
            return AnsweredTraverse(evaluation, known)

    def _map(self, name: str) -> PlaceMap:
        path = self._work / f'{name}.{self._describer.model_info.name}.vprmap'
        path.unlink(missing_ok=True)
        place_map = MapWriter.create(path, model=self._describer.model_info)
        builder = MapBuilder(place_map, self._describer, KeyframeConfig())
        for frame in self.frames(name):
            if builder.due(frame, frame.reading):
                builder.add(frame, frame.reading, frame.description)
        builder.finish()
        return place_map


class _Described:
    """A frame that was described, and kept as a thumbnail."""

    def __init__(
        self, stamp: int, description: Description, reading: PoseReading, jpeg: bytes
    ) -> None:
        self.stamp, self.description, self.reading = stamp, description, reading
        self.camera = ''
        self._jpeg = jpeg

    @property
    def rgb(self) -> NDArray[np.uint8]:
        return decode_thumbnail(self._jpeg)


class _Remembered:
    """A describer of one frame at a time, whose description is known already."""

    description: Description

    def describe(self, images: list[NDArray[np.uint8]]) -> list[Description]:
        return [self.description for _ in images]


def sessions(library: Library) -> Iterator[AnsweredTraverse]:
    """Yield the training examples."""
    for names, known in ((KNOWN, True), (ELSEWHERE, False)):
        for map_name, query_name in names:
            yield library.session(map_name, query_name, known=known)


def main() -> int:
    """Fit, write and show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('model')
    parser.add_argument('--weights', type=Path)
    parser.add_argument('--work', type=Path, default=Path('build/calibration'))
    parser.add_argument('--figure', type=Path)
    arguments = parser.parse_args()
    data = Path(os.environ.get('VPR_TEST_DATA', ROOT.parent / 'shared' / 'data'))
    arguments.work.mkdir(parents=True, exist_ok=True)
    describer = Describer(arguments.model, weights=arguments.weights)
    library = Library(describer, data, arguments.work)
    library.render()
    result = calibrate(list(sessions(library)), TOLERANCE)
    folder = Path(shipped.__file__).parent / 'calibrations'
    folder.mkdir(exist_ok=True)
    result.calibration.save(folder / f'{arguments.model}.yaml')
    if arguments.figure is not None:
        draw(result, arguments.figure)
    show(result, console())
    return 0


if __name__ == '__main__':
    sys.exit(main())
