#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fit the calibration of a network that is shipped in vpr_ros/localize/calibrations.

It learns from eleven worlds, each judged by a fit on the others: towns 5 to 8, two parks and two
buildings of the simulation (town 0 is kept for tests, 1 to 3 trained the network), and the shared
real traverses. What is
fitted are some ten numbers a stage, none of which is about a place. Described traverses and
comparisons of local features are kept in the work folder.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from vpr_ros.cli.calibrate_command import show  # noqa: E402
from vpr_ros.cli.console import console, progress_bar  # noqa: E402
from vpr_ros.describe import Describer  # noqa: E402
from vpr_ros.evaluation import Evaluation, Setup, Tolerance  # noqa: E402
from vpr_ros.evaluation.bag_evaluation import place_table  # noqa: E402
from vpr_ros.evaluation.calibration_data import AnsweredTraverse  # noqa: E402
from vpr_ros.evaluation.calibration_figure import draw  # noqa: E402
from vpr_ros.evaluation.calibration_fit import calibrate  # noqa: E402
from vpr_ros.evaluation.calibration_states import smaller_maps  # noqa: E402
from vpr_ros.evaluation.summary import QueryResult  # noqa: E402
from vpr_ros.geometry import Pose  # noqa: E402
from vpr_ros.inputs.bags import Bag, choose_topics  # noqa: E402
from vpr_ros.inputs.frames import ImageFile  # noqa: E402
from vpr_ros.inputs.frames.information import emptiness  # noqa: E402
from vpr_ros.inputs.frames.thumbnail_codec import shrunk  # noqa: E402
from vpr_ros.inputs.replay import replay_frames  # noqa: E402
from vpr_ros.localize.verification import XFeatDetector, related  # noqa: E402
from vpr_ros.localize.verification.fixed_edges import FixedEdges, sampled_places  # noqa: E402
from vpr_ros.localize.verification.local_features import LocalFeatures  # noqa: E402
from vpr_ros.localize.verification.parallax import (  # noqa: E402
    neighbouring_places,
    parallax,
)
from vpr_ros.mapping import KeyframeConfig  # noqa: E402
from vpr_ros.mapping.keyframes import KeyframeGate  # noqa: E402
from vpr_ros.maps import MapWriter, NewPlace  # noqa: E402
from vpr_ros.search import Retriever  # noqa: E402
from vpr_ros.simulation import Conditions, Layout, Town, Traverse, write_bag  # noqa: E402
from vpr_ros.types import THUMBNAIL_SIZE, Description  # noqa: E402

if TYPE_CHECKING:
    from vpr_ros.geometry.two_view import TwoView

Frames = Iterator[tuple[NDArray[np.uint8], Pose, int]]

DRIVES = {
    # simulated traverse: metres to the left of the way, seed of traffic and noise
    'town-5-day': (0.0, 1),
    'town-5-evening-rain': (1.0, 2),
    'town-5-night-rain': (-0.5, 3),
    'town-6-day': (0.0, 1),
    'town-6-night': (0.5, 2),
    'town-6-day-overcast-autumn': (1.0, 3),
    'town-7-overcast': (0.0, 1),
    'town-7-morning-winter': (-0.5, 2),
    'town-8-day': (0.0, 1),
    'town-8-evening': (0.7, 2),
    'park-1-day': (0.0, 1),
    'park-1-day-overcast-autumn': (0.6, 2),
    'park-2-day-overcast': (0.0, 1),
    'park-2-morning-winter': (-0.5, 2),
    'building-1-day': (0.0, 1),
    'building-1-night': (0.3, 2),
    'building-2-day': (-0.2, 1),
}
ON_FOOT = {'spacing': 1.0, 'speed': 1.5}
"""Metres from frame to frame, and metres a second, of a robot in a building."""
LAPS = {'airsim-1': (0, 598), 'airsim-2': (598, 868), 'airsim-3': (868, 1270)}
LAPS['airsim-4'] = (1270, 10**6)
KNOWN = (
    ('gardens-day_left', 'gardens-day_right'),
    ('gardens-day_right', 'gardens-night_right'),
    ('gardens-day_left', 'gardens-night_right'),
    ('corridor-1', 'corridor-2'),
    ('lake-1', 'lake-2'),
    ('lake-2', 'lake-1'),
    ('railway-summer', 'railway-winter'),
    ('railway-winter', 'railway-summer'),
    ('airsim-1', 'airsim-2'),
    ('airsim-1', 'airsim-3'),
    ('airsim-1', 'airsim-4'),
    ('town-5-day', 'town-5-evening-rain'),
    ('town-5-day', 'town-5-night-rain'),
    ('town-6-day', 'town-6-night'),
    ('town-6-day', 'town-6-day-overcast-autumn'),
    ('town-7-overcast', 'town-7-morning-winter'),
    ('town-8-day', 'town-8-evening'),
    ('park-1-day', 'park-1-day-overcast-autumn'),
    ('park-2-day-overcast', 'park-2-morning-winter'),
    ('building-1-day', 'building-1-night'),
    ('cameras-ref', 'cameras-query'),
)
ELSEWHERE = (
    ('town-5-day', 'town-6-night'),
    ('town-7-overcast', 'town-8-evening'),
    ('airsim-1', 'town-5-evening-rain'),
    ('town-6-day', 'campus-0'),
    ('campus-0', 'town-7-morning-winter'),
    ('campus-0', 'airsim-2'),
    ('town-8-day', 'airsim-3'),
    ('gardens-day_left', 'corridor-2'),
    ('corridor-1', 'gardens-day_right'),
    ('corridor-1', 'room-0'),
    ('gardens-day_left', 'room-0'),
    ('railway-summer', 'lake-2'),
    ('lake-1', 'railway-winter'),
    ('gardens-day_left', 'campus-0'),
    ('campus-0', 'gardens-day_right'),
    ('airsim-1', 'lake-2'),
    ('lake-1', 'airsim-2'),
    ('lake-1', 'campus-0'),
    ('town-6-day', 'gardens-night_right'),
    ('gardens-day_left', 'town-6-night'),
    ('town-7-overcast', 'lake-1'),
    ('cameras-ref', 'gardens-day_right'),
    ('corridor-1', 'cameras-query'),
    ('railway-summer', 'airsim-2'),
    ('park-1-day', 'park-2-day-overcast'),
    ('building-1-day', 'building-2-day'),
    ('building-2-day', 'corridor-2'),
    ('gardens-day_left', 'park-2-day-overcast'),
)
TOLERANCE = Tolerance(5.0, math.radians(45))
KEYFRAMES = KeyframeConfig(distance=2.0, angle=0.35)
CANDIDATES, COMPARED = 100, 10
LAP = 1130.0
"""Metres of a lap of the lake track."""
TWICE = ('000142', '000201', '000202')
"""Cameras that are among the fixed ones a second time."""
APART = 1000.0
"""Metres between the places of fixed cameras, none of which is near another."""


def world_of(name: str) -> str:
    """Return the world of a traverse, which its name begins with."""
    return name.partition('-')[0]


class Sources:
    """The pictures of each traverse, with poses and stamps.

    Args:
        data: Folder of the shared data.
        work: Folder for rendered bags.
    """

    def __init__(self, data: Path, work: Path) -> None:
        self._data, self._work = data, work

    def frames(self, name: str) -> Frames:
        """Yield picture, pose and stamp (nanoseconds) of each frame that shows something."""
        world, _, part = name.partition('-')
        bags = self._data / 'bags'
        readers: dict[str, Callable[[], Frames]] = {
            'gardens': lambda: self._bag(bags / f'gardens_{part}'),
            'airsim': lambda: self._bag(bags / 'airsim_track', *LAPS[name]),
            'campus': lambda: self._bag(bags / 'campus_route_toshiki'),
            'room': lambda: self._bag(bags / 'euroc_v101_micro'),
            **{layout: lambda: self._bag(self._rendered(name)) for layout in get_args(Layout)},
            'corridor': lambda: self._corridor(int(part)),
            'lake': lambda: self._lake(part),
            'railway': lambda: self._numbered('nordland_64x32', part, 4.0),
            'cameras': lambda: self._numbered('sped_thumbs', part, APART, TWICE),
        }
        return (frame for frame in readers[world]() if not emptiness(frame[0]))

    def _bag(self, path: Path, first: int = 0, last: int | None = None) -> Frames:
        with Bag(path) as bag:
            topics = choose_topics(bag)
            replayed = replay_frames(bag, topics.image.name, topics.pose.name)
            for frame, reading in islice(replayed, first, last):
                if reading is not None:
                    yield frame.rgb, reading.pose, frame.stamp

    def _rendered(self, name: str) -> Path:
        layout, number, conditions = name.split('-', 2)
        path = self._work / name
        if not path.exists():
            print(f'rendering {name}', flush=True)
            shift, seed = DRIVES[name]
            pace = ON_FOOT if layout == 'building' else {}
            way = Traverse(
                Town(int(number), layout=layout),
                Conditions.named(conditions),
                seed,
                lateral_shift=shift,
                **pace,
            )
            partial_bag = path.with_name(f'{name}.partial')
            shutil.rmtree(partial_bag, ignore_errors=True)
            write_bag(way, partial_bag, storage='mcap', encoding='jpeg')
            partial_bag.rename(path)
        return path

    def _numbered(
        self, folder: str, part: str, metres: float, without: tuple[str, ...] = ()
    ) -> Frames:
        paths = sorted((self._data / folder / part).glob('*.*'))
        paths = [path for path in paths if path.stem not in without]
        return self._files(paths, [_ahead(metres * i) for i in range(len(paths))])

    def _lake(self, part: str) -> Frames:
        with (self._data / 'lake_laps' / f'poses_lap{part}.csv').open() as table:
            rows = list(csv.DictReader(table))[::2]
        paths = [self._data / 'lake_laps' / row['file'] for row in rows]
        return self._files(paths, [_on_ring(float(row['x'])) for row in rows], 0.5)

    def _corridor(self, lap: int) -> Frames:
        """Two metres a frame; a frame of the second lap is where its match of the first is."""
        folder = self._data / 'rtabmap_corridor'
        with (folder / 'loop_pairs_derived.csv').open() as table:
            matches = {int(row['query']): int(row['match']) for row in csv.DictReader(table)}
        first = {number: number for number in range(1, 43)}
        second = {number: match for number, match in matches.items() if number > 42}
        numbers = first if lap == 1 else dict(sorted(second.items()))
        paths = [folder / 'images' / f'{number}.jpg' for number in numbers]
        return self._files(paths, [_ahead(2.0 * place) for place in numbers.values()])

    @staticmethod
    def _files(paths: list[Path], poses: list[Pose], seconds: float = 1.0) -> Frames:
        for i, (path, pose) in enumerate(zip(paths, poses, strict=True)):
            yield ImageFile(path).rgb, pose, round(i * seconds * 1e9)


def _ahead(metres: float) -> Pose:
    """Return the pose so many metres along a straight way."""
    return Pose.planar(metres, 0.0, 0.0)


def _on_ring(metres: float) -> Pose:
    """Return the pose so many metres along the lake track, whose end is its beginning."""
    angle = 2 * math.pi * metres / LAP
    radius = LAP / (2 * math.pi)
    return Pose.planar(radius * math.sin(angle), radius * (1 - math.cos(angle)), angle)


@dataclass(frozen=True, eq=False)
class Described:
    """A traverse of N frames as it is kept in the work folder.

    Attributes:
        descriptors: (N, D) float32.
        codes: (N, bits / 8) uint8, empty where the network makes none.
        poses: (N, 7).
        stamps: (N,) nanoseconds.
        points: (P, 2) local features of all frames, one after another.
        features: (P, 64) their descriptors.
        counts: (N,) local features of each frame.
        sizes: (N, 2) pixels that points are measured in.
    """

    descriptors: NDArray[np.float32]
    codes: NDArray[np.uint8]
    poses: NDArray[np.float64]
    stamps: NDArray[np.int64]
    points: NDArray[np.float32]
    features: NDArray[np.int8]
    counts: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def description(self, i: int) -> Description:
        """Return the description of a frame."""
        return Description(self.descriptors[i], self.codes[i] if self.codes.size else None)

    def local(self, i: int) -> LocalFeatures:
        """Return the local features of a frame."""
        end = int(self.counts[: i + 1].sum())
        part = slice(end - int(self.counts[i]), end)
        width, height = self.sizes[i].tolist()
        return LocalFeatures(self.points[part], self.features[part], (width, height))


class Library:
    """Described traverses and comparisons, kept in the work folder.

    Args:
        describer: The network.
        sources: Of the pictures.
        work: Folder.
    """

    def __init__(self, describer: Describer, sources: Sources, work: Path) -> None:
        self._describer, self._sources, self._work = describer, sources, work
        self._detector = XFeatDetector()
        self._known: dict[str, Described] = {}

    def described(self, name: str) -> Described:
        """Return a traverse, described now or before."""
        if name not in self._known:
            path = self._work / f'{self._describer.model_info.name}-{name}.npz'
            if not path.exists():
                print(f'describing {name}', flush=True)
                np.savez(path, **vars(self._describe(name)))
            with np.load(path, allow_pickle=False) as stored:
                self._known[name] = Described(**stored)
        return self._known[name]

    def _fixed_edges(self, name: str, shown: list[int]) -> FixedEdges:
        """Return what the camera of a traverse shows everywhere, from some of its frames."""
        frames = enumerate(self._sources.frames(name))
        return FixedEdges([shrunk(rgb, THUMBNAIL_SIZE) for i, (rgb, *_) in frames if i in shown])

    def _describe(self, name: str) -> Described:
        descriptions, poses, stamps, local = [], [], [], []
        for rgb, pose, stamp in self._sources.frames(name):
            descriptions += self._describer.describe([rgb])
            local += self._detector.detect([shrunk(rgb, THUMBNAIL_SIZE)])
            poses.append(pose.as_array())
            stamps.append(stamp)
        codes = [each.code for each in descriptions if each.code is not None]
        return Described(
            np.array([each.descriptor for each in descriptions]),
            np.array(codes, np.uint8),
            np.array(poses),
            np.array(stamps, np.int64),
            np.concatenate([each.points for each in local]),
            np.concatenate([each.descriptors for each in local]),
            np.array([len(each.points) for each in local]),
            np.array([each.size for each in local]),
        )

    def answered(self, map_name: str, query_name: str, *, known: bool) -> AnsweredTraverse:
        """Look a traverse up in the map of another."""
        mapped, asked = self.described(map_name), self.described(query_name)
        kept = keyframes(mapped) if world_of(map_name) in _DRIVEN else np.arange(len(mapped.poses))
        path = self._work / 'calibration.vprmap'
        path.unlink(missing_ok=True)
        with MapWriter.create(path, model=self._describer.model_info) as place_map:
            session = place_map.begin_session(map_name, int(mapped.stamps[0]))
            place_map.add(
                [
                    NewPlace(
                        mapped.description(i),
                        session,
                        int(mapped.stamps[i]),
                        Pose.from_array(mapped.poses[i]),
                    )
                    for i in kept.tolist()
                ]
            )
            if not asked.codes.size:
                place_map.recode()
            columns = place_map.snapshot.columns
            sample = sampled_places(columns, session, int(columns.cameras[0]))
            shown = kept[np.searchsorted(columns.ids, sample)].tolist()
            comparisons = Comparisons(
                self._work / f'{query_name}.in.{map_name}.npy',
                mapped,
                asked,
                self._detector,
                partial(self._fixed_edges, map_name, shown),
            )
            pairs = neighbouring_places(columns, int(columns.cameras[0]))
            shift = comparisons.parallax(
                [(*kept[np.searchsorted(columns.ids, both)].tolist(), d) for *both, d in pairs]
            )
            retriever = Retriever(place_map)
            maps = [np.full(len(kept), fill_value=True)]
            maps += smaller_maps(len(kept)).values() if known else []
            queries = []
            for i, stamp in enumerate(asked.stamps.tolist()):
                found = retriever.search(asked.description(i), CANDIDATES, CANDIDATES)
                rows = np.searchsorted(place_map.ids, found.ids)
                figures = np.full((len(found), 3), np.nan)
                for on_map in maps:
                    for j in np.flatnonzero(on_map[rows])[:COMPARED].tolist():
                        figures[j] = comparisons.figures(i, int(kept[rows[j]]))
                inliers, matches, deformations = figures.T
                candidates = replace(
                    found,
                    inliers=inliers,
                    matches=matches,
                    deformations=deformations,
                    parallaxes=np.where(np.isnan(inliers), np.nan, shift),
                    snapshot=None,
                    rows=None,
                )
                truth = Pose.from_array(asked.poses[i])
                queries.append(QueryResult(stamp, '', truth, candidates))
            places = place_table(place_map)
        comparisons.save()
        setup = Setup(
            query_name,
            map_name,
            self._describer.model_info,
            TOLERANCE,
            CANDIDATES,
            detector=self._detector.rule.detector,
        )
        evaluation = Evaluation(setup, places, tuple(queries))
        worlds = world_of(query_name), world_of(map_name)
        exact = worlds[0] not in _DERIVED
        return AnsweredTraverse(evaluation, known, worlds, exact, compared=COMPARED)


class Comparisons:
    """Figures of frames of two traverses, kept in the work folder: they are of no network.

    Args:
        path: Of the file that keeps them.
        mapped: Traverse whose frames are places.
        asked: Traverse whose frames are queries.
        detector: Of the local features.
        fixed: Returns what the camera of the places shows everywhere.
    """

    def __init__(
        self,
        path: Path,
        mapped: Described,
        asked: Described,
        detector: XFeatDetector,
        fixed: Callable[[], FixedEdges],
    ) -> None:
        self._path, self._mapped, self._asked, self._detector = path, mapped, asked, detector
        self._fixed = cache(fixed)
        shape = len(asked.poses), len(mapped.poses), 3
        self._figures = np.full(shape, np.nan, np.float32)
        if self._path.exists():
            self._figures = np.load(self._path, allow_pickle=False)

    def figures(self, query: int, place: int) -> NDArray[np.float32]:
        """Return the inliers and matches of a query and a place, and the deformation."""
        if np.isnan(self._figures[query, place, 0]):
            both = self._asked.local(query), self._mapped.local(place)
            matches, view = related(self._detector, *both, self._fixed())
            self._figures[query, place] = view.inliers, len(matches), view.deformation
        return np.asarray(self._figures[query, place])

    def parallax(self, pairs: list[tuple[int, int, float]]) -> float:
        """Return that of the map by pairs of its frames and the metres between them."""

        def view(first: int, second: int) -> TwoView:
            both = self._mapped.local(first), self._mapped.local(second)
            return related(self._detector, *both, self._fixed())[1]

        return parallax(pairs, view, self._detector.rule.chance)

    def save(self) -> None:
        """Keep what was compared."""
        np.save(self._path, self._figures)


_DERIVED = ('corridor',)
"""Worlds whose truth was derived from the pictures, to two frames."""
_DRIVEN = ('airsim', 'campus', 'room', *get_args(Layout))
"""Worlds whose frames are closer together than places; others are places already."""


def keyframes(traverse: Described) -> NDArray[np.intp]:
    """Return the frames of a traverse that become places."""
    gate, kept = KeyframeGate(KEYFRAMES), []
    for i, (seven, stamp) in enumerate(zip(traverse.poses, traverse.stamps.tolist(), strict=True)):
        pose = Pose.from_array(seven)
        if gate.due(stamp, pose):
            gate.take(stamp, pose)
            kept.append(i)
    return np.array(kept, np.intp)


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
    library = Library(describer, Sources(data, arguments.work), arguments.work)
    answered = [library.answered(*names, known=True) for names in KNOWN]
    answered += [library.answered(*names, known=False) for names in ELSEWHERE]
    with progress_bar('fitting') as progress:
        result = calibrate(answered, TOLERANCE, progress=progress)
    folder = ROOT / 'vpr_ros' / 'localize' / 'calibrations'
    result.calibration.save(folder / f'{arguments.model}.yaml')
    if arguments.figure is not None:
        draw(result, arguments.figure)
    show(result, console())
    return 0


if __name__ == '__main__':
    sys.exit(main())
