# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fixes of GNSS, near which the places of an image are looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpr_ros.inputs.poses import PoseSource
from vpr_ros.localize import Prior
from vpr_ros.nodes.subscriptions import PoseInput
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from typing import Any

    from vpr_ros.geometry.geodesy import Datum
    from vpr_ros.inputs.poses import PoseReading
    from vpr_ros.localize import Localization
    from vpr_ros.nodes.node import VprNode

_AGE = 2 * SECOND
"""Largest difference of the stamps of a fix and an image at the same place, nanoseconds."""


class FixGate:
    """Listens to fixes where a gate is asked for and the map has a datum.

    Args:
        node: That listens, and warns.
        metres: Around a fix, in which places are looked for; 0 for no gate.
        datum: Of the map.
    """

    def __init__(self, node: VprNode[Any], metres: float, datum: Datum | None) -> None:
        self._node = node
        self._metres = metres if datum is not None else 0.0
        self._fix: PoseReading | None = None
        self._contradictions = 0
        if self._metres:
            fixes = PoseInput(
                node, 'fix', lambda typename: PoseSource(typename, datum), self._on_fix, node.fail
            )
            node.listening.append(fixes)
        elif metres:
            node.get_logger().warning('fix_gate has no effect: the map has no datum')

    def prior(self, stamp: int) -> Prior | None:
        """Return the circle about the last fix; None if it is too old or there is none."""
        fix = self._fix
        if fix is None or abs(stamp - fix.stamp) > _AGE:
            return None
        return Prior.around(fix.pose.position, fix.covariance, self._metres)

    def note(self, result: Localization) -> None:
        """Warn if accepted places and fixes contradict each other."""
        self._contradictions = self._contradictions + 1 if result.contradicted else 0
        if result.contradicted:
            self._node.get_logger().warning(
                f'the last {self._contradictions} images were at places farther than fix_gate from'
                ' the fix: check the fixes and the datum of the map',
                throttle_duration_sec=5.0,
            )

    def report(self) -> dict[str, str]:
        """Return whether fixes and images agree; nothing without a gate."""
        if not self._metres:
            return {}
        count = self._contradictions
        return {'fix': f'contradicted by the last {count} images' if count else 'agrees'}

    def _on_fix(self, readings: list[PoseReading]) -> None:
        self._fix = readings[-1] if readings else self._fix
