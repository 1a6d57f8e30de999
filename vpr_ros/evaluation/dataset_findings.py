# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Findings about a data set, and the files and names of the data set that is checked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.evaluation.datasets import ImageSet
from vpr_ros.geometry import Pose
from vpr_ros.inputs.folders import UtmName

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vpr_ros.evaluation.metrics import Floats, Tolerance

ERROR, WARNING, NOTE = 'error', 'warning', 'note'
"""Levels: the figures would be wrong; they may be wrong; good to know."""


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        level: `error`, `warning` or `note`.
        code: Short name for programs.
        what: In words.
        count: How many images or other things; 0 where that means nothing.
        example: One of them, or empty.
        advice: The remedy.
    """

    level: str
    code: str
    what: str
    count: int
    example: str
    advice: str


@dataclass(frozen=True, eq=False)
class Subject:
    """The data set to check.

    Attributes:
        root: Where the user said the data set is.
        form: Its folder format.
        database: Image files.
        queries: Image files.
        tolerance: When an answer will count as correct.
        unread: Pictures beside them whose kind is not read.
    """

    root: Path
    form: str
    database: Sequence[Path]
    queries: Sequence[Path]
    tolerance: Tolerance
    unread: Sequence[Path] = ()

    @property
    def sets(self) -> tuple[tuple[str, Sequence[Path]], ...]:
        """Both sets with their names."""
        return ('database', self.database), ('queries', self.queries)

    @cached_property
    def names(self) -> dict[Path, UtmName]:
        """The parsed names of the images whose names can be parsed."""
        found = ((path, _name(path)) for path in (*self.database, *self.queries))
        return {path: name for path, name in found if name is not None}

    @cached_property
    def coordinates(self) -> Floats:
        """(N, 2) east and north in metres, of all images whose names say it."""
        pairs = [(name.east, name.north) for name in self.names.values()]
        return np.array(pairs, np.float64).reshape(-1, 2)

    @cached_property
    def mock(self) -> bool:
        """Whether the coordinates are no places on Earth but a row of numbers."""
        zones = any(name.zone is not None for name in self.names.values())
        one_line = bool((np.ptp(self.coordinates, axis=0) == 0).any()) if self.names else False
        return len(self.names) > 1 and one_line and not zones

    def positions(self, paths: Sequence[Path]) -> ImageSet:
        """Return the images whose names say where they are."""
        known = [path for path in paths if path in self.names]
        poses = [Pose.planar(self.names[p].east, self.names[p].north, 0).as_array() for p in known]
        return ImageSet(self.root, tuple(known), np.array(poses, np.float64).reshape(-1, 7))


def _name(path: Path) -> UtmName | None:
    try:
        return UtmName.parse(path.name)
    except ValueError:
        return None
