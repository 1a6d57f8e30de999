#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measure on all test data how many single images a model recognises, as in its model card.

The commands that users have do the work: `vpr map build` and `vpr evaluate bag` with bags, and
`vpr evaluate dataset` with folders of images. Folders are laid out anew as links to the images,
with a table of poses along one axis. The test data are looked for in `$VPR_TEST_DATA`.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from vpr_ros.bench.demonstration import DAY, EVENING  # noqa: E402
from vpr_ros.cli.console import print_json  # noqa: E402
from vpr_ros.simulation import Conditions, Town, Traverse, write_bag  # noqa: E402
from vpr_ros.types import DEFAULT_MODEL  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Images = Sequence[tuple[Path, float]]  # each with its position along the axis

_FLOATS, _CODES, _RERANKED = 'float', 'binary', 'then-local-features'
_GARDENS = (
    ('Gardens Point, day left ← day right', 'day_left', 'day_right'),
    ('Gardens Point, day right ← night right', 'day_right', 'night_right'),
    ('Gardens Point, day left ← night right', 'day_left', 'night_right'),
)
_NOWHERE = math.nan


@dataclass
class Figures:
    """The results of a pair of map and queries.

    Attributes:
        pair: Its name.
        queries: How many images were looked up.
        alone: Share of queries whose first candidate is correct, by descriptors.
        codes: The same by codes compared exhaustively.
        reranked: The same after re-ranking by local features.
        accepted: Share of queries that the calibrated decision accepts after re-ranking.
        wrong: Accepted queries whose answer is not within the tolerance.
    """

    pair: str
    queries: int
    alone: float = math.nan
    codes: float = math.nan
    reranked: float = math.nan
    accepted: float = math.nan
    wrong: float = math.nan

    def row(self) -> str:
        """Return a row of a table in Markdown."""
        shares = (self.alone, self.codes, self.reranked, self.accepted)
        cells = ['' if math.isnan(share) else f'{100 * share:.1f}' for share in shares]
        cells += ['' if math.isnan(self.wrong) else f'{self.wrong:.0f}']
        return f'| {self.pair} | {self.queries} | {" | ".join(cells)} |'


@dataclass
class Bench:
    """Runs `vpr` for one model.

    Attributes:
        data: The test data.
        work: Takes bags, maps, links and descriptions.
        model: Options that choose it.
        rerank: Places that local features compare; 0 for none.
        maps: Made already, by bag.
    """

    data: Path
    work: Path
    model: list[str]
    rerank: int
    maps: dict[Path, Path] = field(default_factory=dict)

    @property
    def verification(self) -> list[str]:
        """The options that re-rank."""
        return ['--rerank', str(self.rerank)] if self.rerank else ['--verify', 'none']

    def bags(self, pair: str, mapped: Path, asked: Path, tolerance: float) -> Figures:
        """Build a map of one bag and look the other one up; no position is right at NaN."""
        if mapped not in self.maps:
            path = self.work / f'{mapped.name}.vprmap'
            _vpr('map', 'build', path, mapped, *self.model, '--json')
            self.maps[mapped] = path
        known = not math.isnan(tolerance)
        options = ['--tolerance', str(tolerance)] if known else []
        weights = self.model[2:]
        command = 'evaluate', 'bag', self.maps[mapped], asked, *options, *weights
        summary = _vpr(*command, *self.verification, '--json')['summary']
        figures = Figures(pair, summary['judged'])
        if known:
            recall = summary['recall']['1']
            figures.alone = summary['recall_alone']['1'] if self.rerank else recall
        if self.rerank:
            figures.reranked = recall if known else math.nan
            figures.accepted = summary['accepted'] / summary['judged']
            right = summary['accepted_right'] if known else 0
            figures.wrong = summary['accepted'] - right
        return figures

    def images(
        self, pair: str, mapped: Images, asked: Images, tolerance: float, *, rerank: bool = True
    ) -> Figures:
        """Look some images up in others."""
        folder = Path(tempfile.mkdtemp(dir=self.work))
        poses: list[str | Path] = []
        for name, images in (('database', mapped), ('queries', asked)):
            poses += [f'--{name}-poses', _lay_out(folder / name, images)]
        options = ['--format', 'csv', '--tolerance', str(tolerance), '--cache', folder / 'cache']
        verification = self.verification if rerank else ['--verify', 'none']
        command = ('evaluate', 'dataset', folder, *options, *poses, *self.model, *verification)
        summary = _vpr(*command, '--json')['summary']
        recall = {method: found['recall']['1'] for method, found in summary.items()}
        return Figures(
            pair, len(asked), recall[_FLOATS], recall[_CODES], recall.get(_RERANKED, math.nan)
        )


def _vpr(*arguments: str | Path) -> Any:
    """Run a command and return what it prints, JSON."""
    command = [sys.executable, '-m', 'vpr_ros.cli.main', *map(str, arguments)]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603
    return json.loads(run.stdout)


def _lay_out(folder: Path, images: Images) -> Path:
    """Link to images in their order, and return a table of their poses."""
    folder.mkdir()
    table = folder.with_suffix('.csv')
    with table.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(('file', 'x', 'y', 'yaw'))
        for number, (path, x) in enumerate(images):
            link = folder / f'{number:06}{path.suffix}'
            link.symlink_to(path.resolve())
            writer.writerow((link.name, x, 0, 0))
    return table


def _numbered(folder: Path) -> list[tuple[Path, float]]:
    return [(path, float(index)) for index, path in enumerate(sorted(folder.iterdir()))]


def gardens(bench: Bench) -> Iterator[Figures]:
    """Three traverses of a campus of 200 images each, within 2 frames."""
    for pair, mapped, asked in _GARDENS:
        bags, images = bench.data / 'bags', bench.data / 'gardens_point'
        figures = bench.bags(pair, bags / f'gardens_{mapped}', bags / f'gardens_{asked}', 2)
        folders = _numbered(images / mapped), _numbered(images / asked)
        figures.codes = bench.images(pair, *folders, 2, rerank=False).codes
        yield figures


def corridor(bench: Bench) -> Iterator[Figures]:
    """The second lap of an indoor corridor in the first, within 2 frames."""
    folder = bench.data / 'rtabmap_corridor'
    with (folder / 'loop_pairs_derived.csv').open() as file:
        pairs = [(int(row['query']), float(row['match'])) for row in csv.DictReader(file)]
    lap = range(1, pairs[0][0])
    mapped = [(folder / 'images' / f'{n}.jpg', float(n)) for n in lap]
    asked = [(folder / 'images' / f'{n}.jpg', x) for n, x in pairs]
    yield bench.images('RTAB-Map corridor, lap 1 ← lap 2', mapped, asked[: len(lap)], 2)


def railway(bench: Bench) -> Iterator[Figures]:
    """A railway in two seasons, pictures of 64 x 32 pixels, within a frame."""
    folder = bench.data / 'nordland_64x32'
    summer, winter = (_numbered(folder / season) for season in ('summer', 'winter'))
    yield bench.images('Nordland, 64 x 32 pixels, summer ← winter', summer, winter, 1)
    yield bench.images('Nordland, 64 x 32 pixels, winter ← summer', winter, summer, 1)


def cameras(bench: Bench) -> Iterator[Figures]:
    """Fixed cameras in other seasons; only the very pair is correct."""
    folder = bench.data / 'sped_thumbs'
    pair = 'SPED, 300 cameras of about 95 pixels'
    yield bench.images(pair, _numbered(folder / 'ref'), _numbered(folder / 'query'), 0)


def michigan(bench: Bench) -> Iterator[Figures]:
    """Five places at twelve visits over a year: the mean over the pairs of visits."""
    visits: dict[str, list[tuple[Path, float]]] = {}
    for path in sorted((bench.data / 'grief_michigan' / 'images').iterdir()):
        visits.setdefault(path.stem[:2], []).append((path, float(path.stem[2:])))
    pair = f'GRIEF Michigan, mean over the pairs of {len(visits)} visits'
    found = [
        bench.images(
            pair, mapped, [i for other in visits if other != visit for i in visits[other]], 0
        )
        for visit, mapped in visits.items()
    ]
    queries = sum(each.queries for each in found)
    means = {
        name: sum(getattr(each, name) * each.queries for each in found) / queries
        for name in ('alone', 'codes', 'reranked')
    }
    yield Figures(pair, queries, **means)


def lake(bench: Bench) -> Iterator[Figures]:
    """Two laps of a simulator's track, 2.5 m from image to image, within 5 m."""
    laps = []
    for lap in ('lap1', 'lap2'):
        with (bench.data / 'lake_laps' / f'poses_{lap}.csv').open() as file:
            rows = list(csv.DictReader(file))
        laps.append([(bench.data / 'lake_laps' / row['file'], float(row['x'])) for row in rows])
    yield bench.images('lake track, lap 1 ← lap 2', *laps, 5)


def town(bench: Bench) -> Iterator[Figures]:
    """The two drives of the demonstration, within 5 m."""
    bags = []
    for drive in (DAY, EVENING):
        bags.append(bench.work / drive.name)
        conditions = Conditions.named(drive.conditions)
        traverse = Traverse(Town(0), conditions, drive.seed, lateral_shift=drive.lateral_shift)
        write_bag(traverse, bags[-1], encoding='jpeg')
    yield bench.bags('town 0, day ← rainy evening', *bags, 5)
    night = bench.data / 'bags' / 'gardens_night_right'
    yield bench.bags('foreign: town 0 ← Gardens Point by night', bags[0], night, _NOWHERE)


def foreign(bench: Bench) -> Iterator[Figures]:
    """A room in the map of a campus, where no answer is right."""
    bags = bench.data / 'bags'
    mapped, asked = bags / 'gardens_day_left', bags / 'euroc_v101_micro'
    yield bench.bags('foreign: Gardens Point, day left ← EuRoC V1_01', mapped, asked, _NOWHERE)


WORLDS: dict[str, Callable[[Bench], Iterator[Figures]]] = {
    world.__name__: world
    for world in (gardens, corridor, railway, cameras, michigan, lake, town, foreign)
}


def main() -> int:
    """Measure and print a table in Markdown, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('model', nargs='?', default=DEFAULT_MODEL)
    parser.add_argument('--weights', type=Path, help='File of weights.')
    parser.add_argument('--rerank', type=int, default=10, help='Places to re-rank; 0 for none.')
    parser.add_argument('--only', choices=WORLDS, nargs='+', default=list(WORLDS))
    parser.add_argument('--json', action='store_true', help='Print JSON instead of a table.')
    arguments = parser.parse_args()
    data = Path(os.environ.get('VPR_TEST_DATA', ROOT.parent / 'shared' / 'data'))
    model = ['--model', arguments.model]
    if arguments.weights is not None:
        model += ['--weights', str(arguments.weights)]
    found = []
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(data, Path(work), model, arguments.rerank)
        for world in arguments.only:
            for figures in WORLDS[world](bench):
                print(figures.row(), file=sys.stderr, flush=True)
                found.append(figures)
    if arguments.json:
        print_json([asdict(figures) for figures in found])
    else:
        print('| map ← query | queries | alone | codes | re-ranked | accepted | wrong |')
        print('|---|---|---|---|---|---|---|')
        print('\n'.join(figures.row() for figures in found))
    return 0


if __name__ == '__main__':
    sys.exit(main())
