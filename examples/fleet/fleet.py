#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Three robots share a town: each maps a part of it, and recognises the streets of the others.

See README.md beside this file.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.describe import Describer
from vpr_ros.fleet import connected, initialise, push
from vpr_ros.fleet.local_server import LocalServer
from vpr_ros.fleet.region import MapRegion
from vpr_ros.fleet.roles import grant
from vpr_ros.fleet.sync import FleetSync
from vpr_ros.geometry import GeoPoint
from vpr_ros.inputs.frames.thumbnail_codec import encode_thumbnail
from vpr_ros.localize import Localizer, Status, calibration_for
from vpr_ros.maps import MapWriter, NewPlace, PlaceMap
from vpr_ros.search import Retriever
from vpr_ros.simulation import DATUM, Conditions, SimulatedCamera, Town, Traverse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vpr_ros.geometry import Pose
    from vpr_ros.simulation import RenderedFrame

ROBOTS = ('robot_1', 'robot_2', 'robot_3')
NAME = 'town'
RADIUS = 1000.0
"""Metres about the middle of the town that each robot keeps."""
TOLERANCE = 5.0
"""Metres within which an answer counts as correct."""


@dataclass(frozen=True)
class Seen:
    """An image that a robot takes.

    Attributes:
        stamp: Nanoseconds.
        rgb: (H, W, 3) uint8.
        pose: Where it was taken, in truth.
        camera: Name of the camera.
    """

    stamp: int
    rgb: NDArray[np.uint8]
    pose: Pose
    camera: str = ''


@dataclass
class Drive:
    """What became of the images of one robot in the street of another.

    Attributes:
        robot: That drives.
        street: Robot that mapped it.
        images: How many.
        alone: Of them recognised by the robot's own map.
        correct: Recognised by the synced map.
        wrong: Put elsewhere by the synced map.
        milliseconds: Median time of an answer with the synced map.
        positions: (n, 2) where the images were taken.
        recognised: (n,) which of them were.
    """

    robot: str
    street: str
    images: int
    alone: int
    correct: int
    wrong: int
    milliseconds: float
    positions: NDArray[np.float64]
    recognised: NDArray[np.bool_]


def part_of(traverse: Traverse, robot: int, step: int = 1) -> Iterator[RenderedFrame]:
    """Yield the images of the part of a drive that is a robot's."""
    third = len(traverse) // len(ROBOTS)
    return (traverse[i] for i in range(robot * third, (robot + 1) * third, step))


def map_part(path: Path, describer: Describer, traverse: Traverse, robot: int) -> int:
    """Let a robot map its part of the town; return how many places it made."""
    with MapWriter.create(path, describer.model_info, datum=DATUM) as place_map:
        session = place_map.begin_session(f'{ROBOTS[robot]} by day', traverse.stamp(0))
        for frame in part_of(traverse, robot):
            (description,) = describer.describe([frame.rgb])
            thumbnail = encode_thumbnail(frame.rgb, 320)
            place = NewPlace(description, session, frame.stamp, frame.pose, thumbnail=thumbnail)
            place_map.add([place])
        return len(place_map)


def drive(
    describer: Describer, maps: tuple[Path, Path], images: list[Seen], robot: int, street: int
) -> Drive:
    """Let a robot drive through a street of another, with its own map and with the fleet's."""
    counts, times = [], []
    right = np.zeros(len(images), np.bool_)
    for path in maps:
        with PlaceMap.open(path) as place_map:
            calibration = calibration_for(place_map.model)
            localizer = Localizer(describer, Retriever(place_map), calibration=calibration)
            accepted, times = np.zeros(len(images), np.bool_), []
            for i, image in enumerate(images):
                start = time.perf_counter()
                decision = localizer.localize(image).decision
                times.append(time.perf_counter() - start)
                accepted[i] = decision.status == Status.ACCEPTED
                right[i] = accepted[i] and decision.pose.distance_to(image.pose) <= TOLERANCE
            counts.append((int(right.sum()), int((accepted & ~right).sum())))
    (alone, _), (correct, wrong) = counts
    return Drive(
        ROBOTS[robot],
        ROBOTS[street],
        len(images),
        alone,
        correct,
        wrong,
        1e3 * float(np.median(times)),
        np.array([image.pose.position[:2] for image in images]),
        right.copy(),
    )


def change_arrives(server: LocalServer, path: Path, source: Path) -> float:
    """Return after how many seconds poses that were optimised again are in a robot's file."""
    url = server.url_of(ROBOTS[1])
    with FleetSync(path, url, NAME, interval=60) as sync:
        while sync.state.checked is None:
            time.sleep(0.01)
        with MapWriter.open(source) as place_map:
            moved = [place.pose for place in place_map.places(place_map.ids)]
            place_map.update_poses(place_map.ids[:1], moved[1:2])
            with connected(server.url_of(ROBOTS[0])) as connection:
                push(connection, NAME, place_map)
        while sync.state.lag is None:
            time.sleep(0.01)
        return sync.state.lag


def draw(path: Path, drives: list[Drive]) -> None:
    """Draw who recognised the streets of whom."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(12, 4.2), layout='constrained')
    colours = dict(zip(ROBOTS, ('tab:blue', 'tab:orange', 'tab:green'), strict=True))
    for axes, robot in zip(figure.subplots(1, 3, sharex=True, sharey=True), ROBOTS, strict=True):
        for each in (one for one in drives if one.robot == robot):
            x, y = each.positions.T
            axes.plot(x, y, color=colours[each.street], linewidth=8, alpha=0.25)
            found = each.recognised
            axes.plot(x[found], y[found], '.', color=colours[each.street], label=each.street)
            axes.plot(x[~found], y[~found], 'x', color='0.4', markersize=4)
        axes.set_title(f'{robot} in the streets of the others')
        axes.set_aspect('equal')
        axes.legend(title='recognised, of')
    figure.savefig(path, dpi=110)


def main() -> None:
    """Map, push, sync, drive, and tell what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--picture', type=Path, help='Where to draw what was recognised.')
    parser.add_argument('--spacing', type=float, default=4.0, help='Metres between two places.')
    parser.add_argument('--seed', type=int, default=1, help='Of the town.')
    wanted = parser.parse_args()
    began = time.monotonic()
    town = Town(seed=wanted.seed, camera=SimulatedCamera(width=320, height=240))
    by_day = Traverse(town, Conditions.named('day'), seed=1, spacing=wanted.spacing)
    in_evening = Traverse(
        town, Conditions.named('evening'), seed=2, lateral_shift=0.5, spacing=3 * wanted.spacing
    )
    describer = Describer()
    with tempfile.TemporaryDirectory(prefix='vpr-fleet-') as name, LocalServer() as server:
        folder = Path(name)
        with connected(server.url, checked=False) as connection:
            initialise(connection)
            for robot in ROBOTS:
                grant(connection, robot, 'robot')
        own = [folder / f'{robot}.vprmap' for robot in ROBOTS]
        for robot, path in enumerate(own):
            places = map_part(path, describer, by_day, robot)
            start = time.perf_counter()
            with (
                connected(server.url_of(ROBOTS[robot])) as connection,
                PlaceMap.open(path) as mine,
            ):
                (answer,) = push(connection, NAME, mine)
            taken = time.perf_counter() - start
            print(
                f'{ROBOTS[robot]} mapped {places} places and pushed them in {taken:.2f} s: '
                f'{answer.outcome}'
            )
        synced = [folder / f'{robot}-fleet.vprmap' for robot in ROBOTS]
        region = MapRegion(GeoPoint(DATUM.lat, DATUM.lon), RADIUS)
        for robot, path in zip(ROBOTS, synced, strict=True):
            start = time.perf_counter()
            report = FleetSync(path, server.url_of(robot), NAME, region).once()
            taken = time.perf_counter() - start
            print(
                f'{robot} synced {len(report.added)} sessions, {report.places} places, in '
                f'{taken:.2f} s'
            )
        evening = [
            [Seen(f.stamp, f.rgb, f.pose) for f in part_of(in_evening, robot)]
            for robot in range(len(ROBOTS))
        ]
        drives = [
            drive(describer, (own[robot], synced[robot]), evening[street], robot, street)
            for robot in range(len(ROBOTS))
            for street in range(len(ROBOTS))
            if street != robot
        ]
        lag = change_arrives(server, synced[1], own[0])
    for each in drives:
        print(
            f'{each.robot} in the evening in the street of {each.street}: recognised '
            f'{each.correct} of {each.images} images, {each.wrong} wrong '
            f'(with its own map {each.alone}), {each.milliseconds:.0f} ms each'
        )
    print(f'poses that were optimised again were in the file of {ROBOTS[1]} after {lag:.2f} s')
    print(f'all took {time.monotonic() - began:.0f} s')
    if wanted.picture is not None:
        draw(wanted.picture, drives)


if __name__ == '__main__':
    main()
