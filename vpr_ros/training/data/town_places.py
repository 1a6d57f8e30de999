# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The synthetic town as training data: the same places in many lights, weathers and seasons."""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.describe.runtime import available_cpus
from vpr_ros.geometry import Pose
from vpr_ros.simulation import Conditions, SimulatedCamera, Town
from vpr_ros.training.data.source import TrainingDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

_log = logging.getLogger(__name__)

_HELD_BACK = 0
"""The town of the demonstration, in which nothing is trained."""
_SPEED = 8.0
"""Speed of traffic, metres a second."""


@dataclass(frozen=True)
class Visits:
    """How often and how exactly the places of a town are visited; lengths in metres.

    Attributes:
        traverses: How many times; the first by summer's day, the others in random conditions.
        conditions: Names of the conditions of each traverse, in place of random ones.
        spacing: From place to place along the route.
        lateral: Largest shift to either side.
        along: Largest shift along the route.
        yaw: Largest turn of the head to either side, radians.
        camera: Of all views.
    """

    traverses: int = 12
    conditions: tuple[str, ...] = ()
    spacing: float = 5.0
    lateral: float = 1.2
    along: float = 2.0
    yaw: float = float(np.deg2rad(6.0))
    camera: SimulatedCamera = field(default_factory=SimulatedCamera)

    def __post_init__(self) -> None:
        if self.traverses < 1 or not self.spacing > 0:
            msg = (
                f'traverses and spacing must be positive, not {self.traverses} and {self.spacing}'
            )
            raise TrainingDataError(msg)
        if min(self.lateral, self.along, self.yaw) < 0:
            msg = 'lateral, along and yaw are largest deviations and must not be negative'
            raise TrainingDataError(msg)

    def conditions_of(self, town: int) -> list[Conditions]:
        """Return the conditions of each traverse of a town."""
        if self.conditions:
            return [Conditions.named(name) for name in self.conditions]
        rng = np.random.default_rng([town, 41])
        return [Conditions(), *(Conditions.random(rng) for _ in range(self.traverses - 1))]


@dataclass(frozen=True)
class _Drive:
    """One traverse of one town, rendered and kept as a whole."""

    seed: int
    traverse: int
    conditions: Conditions
    visits: Visits

    def view(self, index: int) -> NDArray[np.uint8]:
        """Render the place with this index, as near as this traverse comes to it."""
        visits = self.visits
        rng = np.random.default_rng([self.seed, self.traverse, index])
        lateral, along, yaw = rng.uniform(-1, 1, 3) * (visits.lateral, visits.along, visits.yaw)
        town = _town(self.seed, visits.camera)
        # Not the route of another lane: distances along that are others.
        on_route = town.route().pose(index * visits.spacing + along)
        pose = on_route @ Pose.planar(0, lateral, yaw)
        # Who is in the streets belongs to the traverse.
        return town.view(pose, self.conditions, self.traverse, index * visits.spacing / _SPEED)

    @property
    def name(self) -> str:
        """A file name that another drive does not have."""
        digest = hashlib.sha256(repr(self).encode()).hexdigest()[:12]
        return f'town{self.seed}-{self.traverse:03d}-{self.conditions.name}-{digest}.npy'


class TownPlaces:
    """Places every few metres along the drives through towns.

    The first so many areas hold places of every town, since towns are never neighbours.

    Args:
        seeds: The towns; 0 is held back for the demonstration.
        visits: How they are visited.
        apart: Metres between the places of an area, at least.
        cache: Folder in which rendered views are kept, some 230 kB each at 320x240; without it
            every image is rendered when asked for, in 0.04 s, or 0.4 s where the light is new.
        progress: Told how many drives are rendered, of how many.

    Raises:
        TrainingDataError: The seeds are none, negative, repeated or held back.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        visits: Visits | None = None,
        apart: float = 20.0,
        cache: Path | None = None,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> None:
        _check(seeds)
        self._visits = visits or Visits()
        self._drives: list[list[_Drive]] = []
        self._first: list[int] = []
        self.areas: list[list[int]] = []
        first = 0
        for seed in seeds:
            self._first.append(first)
            conditions = enumerate(self._visits.conditions_of(seed))
            self._drives.append([_Drive(seed, i, found, self._visits) for i, found in conditions])
            positions = _positions(seed, self._visits)
            for i, area in enumerate(spread(positions, apart)):
                if i == len(self.areas):
                    self.areas.append([])
                self.areas[i] += [first + index for index in area]
            first += len(positions)
        self._first.append(first)
        self._cache = cache
        if cache is not None:
            counts = np.diff(self._first).tolist()
            towns = zip(self._drives, counts, strict=True)
            _render(cache, [(drive, n) for drives, n in towns for drive in drives], progress)

    def views(self, place: int) -> int:
        """Return the number of traverses."""
        return len(self._drives[self._town_of(place)])

    def image(self, place: int, view: int) -> NDArray[np.uint8]:
        """Return the view of a place on a traverse, RGB (H, W, 3) uint8."""
        town = self._town_of(place)
        drive, index = self._drives[town][view], place - self._first[town]
        if self._cache is None:
            return drive.view(index)
        kept: NDArray[np.uint8] = np.load(self._cache / drive.name, mmap_mode='r')
        return np.array(kept[index])

    def _town_of(self, place: int) -> int:
        return int(np.searchsorted(self._first, place, side='right')) - 1


def _check(seeds: Sequence[int]) -> None:
    if _HELD_BACK in seeds:
        msg = f'town {_HELD_BACK} is held back for the demonstration: train on others'
        raise TrainingDataError(msg)
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        msg = f'the seeds of the towns must be different positive numbers, not {list(seeds)}'
        raise TrainingDataError(msg)


@lru_cache(maxsize=2)
def _town(seed: int, camera: SimulatedCamera) -> Town:
    """Return a town with its painted textures, some 800 MB after a while."""
    return Town(seed, camera, scenes=4)


def _positions(seed: int, visits: Visits) -> NDArray[np.float64]:
    """Return (N, 2) the places along the route, metres."""
    route = Town(seed, visits.camera).route()
    count = max(1, int(route.length / visits.spacing))
    return np.array([route.pose(i * visits.spacing).position[:2] for i in range(count)])


def _render(
    cache: Path, jobs: list[tuple[_Drive, int]], progress: Callable[[int, int], None]
) -> None:
    """Render the missing traverses, one at a time on every processor."""
    cache.mkdir(parents=True, exist_ok=True)
    missing = [(drive, count) for drive, count in jobs if not (cache / drive.name).exists()]
    progress(len(jobs) - len(missing), len(jobs))
    if not missing:
        return
    processes = min(len(missing), available_cpus())
    _log.info('rendering %d of %d drives to %s', len(missing), len(jobs), cache)
    if processes == 1:
        for i, (drive, count) in enumerate(missing):
            _render_drive(cache, drive, count)
            progress(len(jobs) - len(missing) + i + 1, len(jobs))
        return
    context = multiprocessing.get_context('spawn')  # Forks of a process with threads may hang.
    with ProcessPoolExecutor(processes, context) as pool:
        drives, counts = zip(*missing, strict=True)
        done = pool.map(_render_drive, [cache] * len(missing), drives, counts)
        for i, _ in enumerate(done):
            progress(len(jobs) - len(missing) + i + 1, len(jobs))


def _render_drive(cache: Path, drive: _Drive, count: int) -> None:
    """Render a drive to a file, which is there only when it is whole."""
    part = cache / f'{drive.name}.{os.getpid()}.part'
    camera = drive.visits.camera
    shape = (count, camera.height, camera.width, 3)
    views = np.lib.format.open_memmap(part, mode='w+', dtype=np.uint8, shape=shape)
    for i in range(count):
        views[i] = drive.view(i)
    views.flush()
    part.replace(cache / drive.name)


def spread(positions: ArrayLike, apart: float) -> list[list[int]]:
    """Divide places into areas in which any two are at least so far apart.

    Each place goes to the first area that has none too close, so the first areas are the fullest.

    Args:
        positions: (N, 2) or (N, 3), metres.
        apart: Metres.

    Returns:
        Indices of the places of each area.
    """
    points = np.asarray(positions, np.float64)
    areas: list[list[int]] = []
    for i, point in enumerate(points):
        for area in areas:
            if (np.linalg.norm(points[area] - point, axis=1) >= apart).all():
                area.append(i)
                break
        else:
            areas.append([i])
    return areas
