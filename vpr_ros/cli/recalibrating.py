# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Calibrates an adapted model: by what was held out of the own drives, and by other worlds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.cli.calibrate_command import answered
from vpr_ros.cli.console import progress_bar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vpr_ros.describe import Describer
    from vpr_ros.evaluation import Tolerance
    from vpr_ros.evaluation.calibration_data import AnsweredTraverse
    from vpr_ros.evaluation.calibration_fit import Calibrated

_LEAST_WORLDS = 2
"""Of drives in known places, and of drives elsewhere: each is judged by a fit to the others."""
_ODOMETRY = None, '/odom'
"""Topics of simulated drives."""


@dataclass(frozen=True)
class OwnDrives:
    """The held-out stretches of drives in a map.

    Attributes:
        map: Of the adapted model.
        bags: The drives.
        topics: Of images and poses; None for the only ones of a bag.
        stretch: Beginning and end of what was held out, shares of each bag.
    """

    map: Path
    bags: Sequence[Path]
    topics: tuple[str | None, str | None]
    stretch: tuple[float, float]

    @property
    def world(self) -> str:
        """Name of the world of the map."""
        return f'the map {self.map.stem}'

    def judged(self, result: Calibrated) -> dict[str, Any]:
        """Return what fits to others accept of these drives, in the stage that accepts most.

        The precision is the bound above which it is with 95 % confidence (Clopper and Pearson).
        """
        from scipy.stats import binomtest

        found = []
        for stage, seen in result.predictions.items():
            worlds, states = (np.array(each)[seen.sessions] for each in (seen.worlds, seen.states))
            own = np.isin(worlds, [self.world, *(bag.name for bag in self.bags)])
            # Not as they are looked up in the maps of other worlds.
            here = [seen.mapped[seen.sessions == i].any() for i in range(len(seen.worlds))]
            own &= (states == '') & np.array(here)[seen.sessions]
            accepted = own & (seen.probabilities >= result.calibration.stages[stage].threshold)
            right, count = int((accepted & seen.right).sum()), int(accepted.sum())
            least = binomtest(right, count).proportion_ci(0.9).low if count else 0.0
            found.append((right, stage, int(own.sum()), count, float(least)))
        right, stage, images, count, least = max(found)
        return {
            'stage': stage,
            'images': images,
            'accepted': count,
            'wrong': count - right,
            'precision': least,
        }

    def answered(
        self, map_path: Path, tolerance: Tolerance, *, known: bool, **means: Any
    ) -> list[AnsweredTraverse]:
        """Return the answers of a map."""
        more = {'topics': self.topics, 'stretch': self.stretch, **means}
        return [answered(map_path, bag, tolerance, known=known, **more) for bag in self.bags]


def recalibrate(
    own: OwnDrives,
    elsewhere: Sequence[Path],
    describer: Describer,
    tolerance: Tolerance,
    folder: Path | None,
    **means: Any,
) -> Calibrated:
    """Fit a calibration of an adapted model.

    Args:
        own: The drives in the own map.
        elsewhere: Bags of places that the map does not show.
        describer: Of the adapted model.
        tolerance: Of correct answers.
        folder: For simulated worlds; None for none. With them the own world is judged by fits to
            others alone; without, one drive by the others.
        means: Keywords of `localizing`.

    Raises:
        CalibrationError: There are too few worlds, or answers, for a calibration.
    """
    from vpr_ros.evaluation.calibration_fit import calibrate

    def of(world: str, where: str, found: AnsweredTraverse) -> AnsweredTraverse:
        return found if folder is None else replace(found, worlds=(world, where))

    given = [
        of(own.world, own.world, found)
        for found in own.answered(own.map, tolerance, known=True, **means)
    ]
    given += [
        of(bag.name, own.world, answered(own.map, bag, tolerance, known=False, **means))
        for bag in elsewhere
    ]
    if folder is not None:
        given += _simulated(own, describer, tolerance, folder, **means)
    _require_worlds(given)
    with progress_bar('fitting') as progress:
        return calibrate(given, tolerance, progress=progress)


def _simulated(
    own: OwnDrives, describer: Describer, tolerance: Tolerance, folder: Path, **means: Any
) -> list[AnsweredTraverse]:
    """Return answers in simulated worlds, in each other and in the own, and of the own in them."""
    from vpr_ros.evaluation.simulated_worlds import SIMULATED_WORLDS, map_drive

    maps, drives = [], []
    for world in SIMULATED_WORLDS:
        bags = []
        for again in (False, True):
            with progress_bar(f'rendering the {world.name}') as progress:
                bags.append(world.render(folder, again=again, progress=progress))
        maps.append(folder / f'{world.name}.vprmap')
        drives.append(bags[1])
        with progress_bar(f'mapping the {world.name}') as progress:
            map_drive(bags[0], maps[-1], describer, progress)
    found = []
    for i, world in enumerate(SIMULATED_WORLDS):
        before = SIMULATED_WORLDS[i - 1].name
        for path, where in ((maps[i], world.name), (maps[i - 1], before), (own.map, own.world)):
            known = where == world.name
            seen = answered(path, drives[i], tolerance, known=known, topics=_ODOMETRY, **means)
            found.append(replace(seen, worlds=(world.name, where)))
        lost = own.answered(maps[i], tolerance, known=False, **means)
        found += [replace(seen, worlds=(own.world, world.name)) for seen in lost]
    return found


def _require_worlds(traverses: Sequence[AnsweredTraverse]) -> None:
    """Refuse a calibration that nothing could judge.

    Raises:
        CalibrationError: There are too few worlds.
    """
    from vpr_ros.localize import CalibrationError

    counts = [
        len({(t.worlds or (t.evaluation.setup.query,))[0] for t in traverses if t.known == known})
        for known in (True, False)
    ]
    if min(counts) < _LEAST_WORLDS:
        msg = (
            f'too few worlds for a calibration: {counts[0]} of drives in known places and '
            f'{counts[1]} of drives elsewhere; {_LEAST_WORLDS} of each are the least, for each is '
            'judged by a fit to the others. Give more bags (--bag, --elsewhere), or let worlds be '
            'simulated (--simulate)'
        )
        raise CalibrationError(msg)
