# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The plan of a park without houses: paths between lawns, groves, hedges and benches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.simulation.plan import Block, Plan, Standing, grid, outline
from vpr_ros.simulation.sprites import FURNITURE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.simulation.sprites import Furniture

_BEYOND = 36.0
"""Metres of lawn and trees around the outer paths."""
_BESIDE_PATHS: tuple[Furniture, ...] = ('bench', 'bench', 'bin', 'sign', 'planter')


def park_plan(seed: int) -> Plan:
    """Lay out a park of three by two lawns; most trees look like others."""
    rng = np.random.default_rng([seed, 31])

    def shape() -> tuple[float, float]:
        half = float(rng.uniform(1.3, 1.9))
        return half, half

    def look() -> tuple[bool, float]:
        return True, 0.0

    streets, corners = grid(rng, ((54.0, 62.0, 50.0), (48.0, 52.0)), shape, look)
    park = Plan(streets, corners, lane=0.0, turn=3.0)
    (west, *_, east), (south, *_, north) = corners
    # The lawn goes on beyond the outer paths, and under the trees there.
    around = (
        (west - _BEYOND, south - _BEYOND, east + _BEYOND, south - streets[-1].half),
        (west - _BEYOND, north + streets[-1].half, east + _BEYOND, north + _BEYOND),
        (west - _BEYOND, south - _BEYOND, west - streets[0].half, north + _BEYOND),
        (east + streets[0].half, south - _BEYOND, east + _BEYOND, north + _BEYOND),
    )
    for block in (*park.between(), *around):
        _Gardener(park, block, rng).plant()
    for street in streets:
        for along in np.arange(9.0, street.length - 4, 28.0):
            x, y = street.point(float(along), street.half + 0.5)
            park.standing.append(Standing(x, y, 1.0, 5.0, 'lamp', 0))
            park.lamps.append((x, y, 4.5))
    park.pave(seed, (*park.between(), *around), _BEYOND)
    return park


class _Gardener:
    """Plants a lawn."""

    def __init__(self, park: Plan, block: Block, rng: np.random.Generator) -> None:
        self._park, self._block, self._rng = park, block, rng
        x0, y0, x1, y1 = block
        self._low, self._high = np.array([x0 + 2, y0 + 2]), np.array([x1 - 2, y1 - 2])
        self._area = float(np.prod(self._high - self._low))

    def plant(self) -> None:
        """Plant groves of one kind of tree, single trees, bushes, a hedge; set benches."""
        rng = self._rng
        for _ in range(int(self._area / 600) + 1):
            middle, kind = self._anywhere(), int(rng.integers(9))
            for at in middle + rng.normal(0, 4.0, (int(rng.integers(3, 8)), 2)):
                if ((at > self._low) & (at < self._high)).all():
                    self._tree(at, kind)
        for _ in range(int(self._area / 180)):
            self._tree(self._anywhere(), int(rng.integers(9)))
        for _ in range(int(self._area / 250)):
            x, y = self._anywhere().tolist()
            self._stand(x, y, 'shrub')
        hedged = float(rng.uniform(0.0, 0.8))
        for x, y in outline(self._block, 2.2, 1.0):
            if rng.random() < hedged:
                self._stand(x, y, 'shrub')
        for x, y in outline(self._block, 12.0, 0.5):
            if rng.random() < 0.5:
                self._stand(x, y, _BESIDE_PATHS[int(rng.integers(len(_BESIDE_PATHS)))])

    def _anywhere(self) -> NDArray[np.float64]:
        return self._rng.uniform(self._low, self._high)

    def _tree(self, at: NDArray[np.float64], variant: int) -> None:
        size = float(self._rng.uniform(0.6, 1.3))
        x, y = at.tolist()
        self._park.standing.append(Standing(x, y, 6.0 * size, 8.0 * size, 'tree', variant))

    def _stand(self, x: float, y: float, kind: Furniture) -> None:
        variant = int(self._rng.integers(12))
        self._park.standing.append(Standing(x, y, *FURNITURE[kind], kind, variant))
