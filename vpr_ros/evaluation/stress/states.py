# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The states, each a function of a traverse and the places of its map, listed in `STATES`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.evaluation.dead_reckoning import OdometryErrors
from vpr_ros.evaluation.stress import alterations
from vpr_ros.evaluation.stress.scenario import Scenario, driven, metres_along
from vpr_ros.geometry import Pose
from vpr_ros.geometry.pose import FARTHEST
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vpr_ros.evaluation.stress.recording import Pixels, Recording, Shot
    from vpr_ros.evaluation.stress.scenario import StressFrame

    Places = NDArray[np.float64]
    """Poses (N, 7) of the places of the map."""
    Alteration = Callable[[Pixels, np.random.Generator], Pixels]

_LEAD, _ALTERED, _SPOTS = 5, 10, 4
"""Frames before the camera fails, frames after it, and where along the traverse it happens."""
_STANDING, _STANDING_SPOTS, _VARIANTS = 20, 8, 5
"""Frames at rest, spots, and different pictures of one spot."""


@dataclass(frozen=True)
class State:
    """A state that a robot meets.

    Attributes:
        name: As it is chosen by.
        meaning: In a few words.
        make: Returns the scenario.
    """

    name: str
    meaning: str
    make: Callable[[Recording, Places], Scenario]


def as_it_is(recording: Recording, _places: Places) -> Scenario:
    """Change nothing."""
    return Scenario((driven(recording, range(len(recording))),))


def beyond_the_end(recording: Recording, places: Places) -> Scenario:
    """Leave the map half-way."""
    along = metres_along(recording, places)
    return _mapped(recording, ~(along > recording.way[-1] / 2))


def gaps_of_places(recording: Recording, places: Places) -> Scenario:
    """Leave out three of every fifteen places along the way."""
    along = metres_along(recording, places)
    kept = np.ones(len(places), np.bool_)
    order = np.argsort(along, kind='stable')[: np.count_nonzero(~np.isnan(along))]
    kept[order[np.arange(len(order)) % 15 >= 12]] = False
    return _mapped(recording, kept)


def gaps_of_metres(recording: Recording, places: Places) -> Scenario:
    """Leave out the places of 2 to 5 m in every 20 m of the way."""
    along = metres_along(recording, places)
    widths = np.random.default_rng(0).uniform(2, 5, int(recording.way[-1] // 20) + 1)
    known = np.nan_to_num(along, nan=0.0)
    gap = (known % 20 >= 10) & (known % 20 < 10 + widths[(known // 20).astype(int)])
    return _mapped(recording, ~gap | np.isnan(along))


def look_alikes(recording: Recording, places: Places) -> Scenario:
    """Let the map have the middle third of the way a second time, 1 km away."""
    along = metres_along(recording, places)
    third = recording.way[-1] / 3
    return replace(as_it_is(recording, places), copied=(along >= third) & (along <= 2 * third))


def carried_away(recording: Recording, _places: Places) -> Scenario:
    """Carry the robot over a third of the way, at three places, and back to the start once."""
    rows, count = list(range(len(recording))), len(recording)
    if count < 6:
        return Scenario(())
    runs = []
    for start in (count // 6, count // 3, count // 2):
        spliced = rows[:start] + rows[start + count // 3 :]
        runs.append(driven(recording, spliced, carried={start}))
    half = count // 2
    runs.append(driven(recording, rows[half:] + rows[:half], carried={count - half}))
    return Scenario(tuple(runs))


def switched_on_standing(recording: Recording, _places: Places) -> Scenario:
    """Stand still from the first frame on."""
    return Scenario(
        tuple(_standing(recording, row, 0) for row in _spread(recording, _STANDING_SPOTS, 0, 1))
    )


def stopped(recording: Recording, _places: Places) -> Scenario:
    """Stand still after some frames of driving."""
    spots = _spread(recording, _SPOTS, _LEAD, 1)
    return Scenario(tuple(_standing(recording, row, min(_LEAD, row)) for row in spots))


def frozen(recording: Recording, _places: Places) -> Scenario:
    """Let the camera repeat its last picture while the robot drives on."""
    return _frozen(recording, lambda shot, _i: shot)


def frozen_noisy(recording: Recording, _places: Places) -> Scenario:
    """Let the camera repeat its last picture with new noise while the robot drives on."""
    return _frozen(recording, lambda shot, i: shot.altered(alterations.noisy, i % _VARIANTS))


def black(recording: Recording, _places: Places) -> Scenario:
    """Let the camera see no light."""
    return _altered(recording, alterations.black, blind=True)


def white(recording: Recording, _places: Places) -> Scenario:
    """Let the camera be overexposed."""
    return _altered(recording, alterations.white, blind=True)


def noise(recording: Recording, _places: Places) -> Scenario:
    """Let the camera send random pixels."""
    return _altered(recording, alterations.noise, blind=True)


def covered(recording: Recording, _places: Places) -> Scenario:
    """Let something lie on the lens."""
    return _altered(recording, alterations.covered, blind=True)


def wall(recording: Recording, _places: Places) -> Scenario:
    """Let the camera see a plain wall and nothing else."""
    return _altered(recording, alterations.wall, blind=True)


def blurred(recording: Recording, _places: Places) -> Scenario:
    """Let the camera lose its focus."""
    return _altered(recording, alterations.blurred)


def upside_down(recording: Recording, _places: Places) -> Scenario:
    """Turn the camera by half a turn; the place can be known, the pose cannot."""
    return replace(_altered(recording, alterations.upside_down), place_only=True)


def reverse_gear(recording: Recording, _places: Places) -> Scenario:
    """Drive backwards from the end to the start."""
    return Scenario((driven(recording, range(len(recording) - 1, -1, -1)),))


def odometry_drops_out(recording: Recording, _places: Places) -> Scenario:
    """Let the middle third of the way have no odometry."""
    frames = driven(recording, range(len(recording)))
    third = len(frames) // 3
    lost = [
        replace(frame, odometry=None) if third <= i < 2 * third else frame
        for i, frame in enumerate(frames)
    ]
    return Scenario((tuple(lost),), needs_odometry=True)


def odometry_slips(recording: Recording, _places: Places) -> Scenario:
    """Let odometry have 5 % scale error, and measure every twentieth step half too long."""
    errors = OdometryErrors(scale=1.05, slip_every=20)
    frames = driven(recording, range(len(recording)), errors=errors)
    return Scenario((frames,), needs_odometry=True)


def odometry_absurd(recording: Recording, _places: Places) -> Scenario:
    """Let one odometry message be finite and absurd."""
    frames = list(driven(recording, range(len(recording))))
    middle = len(frames) // 2
    frames[middle] = replace(frames[middle], odometry=Pose.of((FARTHEST, 0.0, 0.0)))
    return Scenario((tuple(frames),), needs_odometry=True)


def stale_stamps(recording: Recording, _places: Places) -> Scenario:
    """Let one stamp lie ten seconds in the past, and another an hour in the future."""
    frames = list(driven(recording, range(len(recording))))
    third = len(frames) // 3
    for i, seconds in ((third, -10), (2 * third, 3600)):
        frames[i] = replace(frames[i], stamp=max(0, frames[i].stamp + seconds * SECOND))
    return Scenario((tuple(frames),))


def elsewhere(recording: Recording) -> Scenario:
    """Drive where nothing was mapped; no answer is right."""
    frames = driven(recording, range(len(recording)))
    return Scenario((tuple(replace(frame, truth=None) for frame in frames),))


STATES = (
    State('as-it-is', 'nothing is changed', as_it_is),
    State('beyond-the-end', 'the map ends half-way', beyond_the_end),
    State('gaps-of-places', '3 of every 15 places are missing', gaps_of_places),
    State('gaps-of-metres', '2 to 5 m of every 20 m are not mapped', gaps_of_metres),
    State('look-alikes', 'a third of the places exists twice, 1 km apart', look_alikes),
    State('carried-away', 'the robot is carried over a third of the way', carried_away),
    State('switched-on-standing', 'at rest from the first frame', switched_on_standing),
    State('stopped', 'at rest after some frames of driving', stopped),
    State('frozen', 'the last picture again and again while driving on', frozen),
    State('frozen-noisy', 'the same with new noise each time', frozen_noisy),
    State('black', 'no light', black),
    State('white', 'overexposed', white),
    State('noise', 'random pixels', noise),
    State('covered', 'something lies on the lens', covered),
    State('wall', 'a plain wall and nothing else', wall),
    State('blurred', 'far out of focus', blurred),
    State('upside-down', 'the camera turned by half a turn', upside_down),
    State('reverse-gear', 'the way backwards, with the same heading', reverse_gear),
    State('odometry-drops-out', 'no odometry in the middle third', odometry_drops_out),
    State('odometry-slips', '5 % scale error, a slip in every 20th step', odometry_slips),
    State('odometry-absurd', f'one message with x = {FARTHEST:.0e} m', odometry_absurd),
    State('stale-stamps', 'one stamp goes back, one jumps an hour ahead', stale_stamps),
)
"""Every state, in the order of the table."""


def _mapped(recording: Recording, kept: NDArray[np.bool_]) -> Scenario:
    """Drive the whole way with a part of the map."""
    return Scenario((driven(recording, range(len(recording))),), kept=kept)


def _spread(recording: Recording, count: int, before: int, after: int) -> list[int]:
    """Return rows, evenly along the traverse, each with some frames before and after it."""
    last = max(len(recording) - after, 0)
    rows = np.linspace(min(before, last), last, min(count, max(len(recording), 1)))
    return [int(row) for row in np.unique(rows.astype(int))]


def _altered(recording: Recording, how: Alteration, *, blind: bool = False) -> Scenario:
    """Alter the pictures of some stretches, each after some frames that are good."""
    runs = []
    for row in _spread(recording, _SPOTS, _LEAD, _ALTERED):
        rows = range(max(row - _LEAD, 0), min(row + _ALTERED, len(recording)))
        shots = [
            recording.shots[i] if i < row else recording.shots[i].altered(how, i) for i in rows
        ]
        runs.append(driven(recording, rows, shots=shots, lead=row - rows[0], blind=blind))
    return Scenario(tuple(runs))


def _standing(recording: Recording, row: int, lead: int) -> tuple[StressFrame, ...]:
    """Drive up to a frame and stay there."""
    rows = [*range(row - lead, row), *[row] * _STANDING]
    again = [
        recording.shots[row].altered(alterations.seen_again, i % _VARIANTS)
        for i in range(_STANDING)
    ]
    shots = [*recording.shots[row - lead : row], *again]
    return driven(recording, rows, shots=shots, lead=lead)


def _frozen(recording: Recording, repeat: Callable[[Shot, int], Shot]) -> Scenario:
    """Freeze the camera at the start of each third of the way, until the third ends."""
    runs = []
    for part in np.array_split(np.arange(len(recording)), 3):
        rows = part.tolist()
        lead = min(2 * _LEAD, len(rows) // 2)
        if not lead:
            continue
        last = recording.shots[rows[lead - 1]]
        shots = [recording.shots[row] for row in rows[:lead]]
        shots += [repeat(last, i) for i in range(len(rows) - lead)]
        runs.append(driven(recording, rows, shots=shots, lead=lead))
    return Scenario(tuple(runs))
