# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads a recording with the reader of Rerun."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from rerun.chunk import RrdReader

if TYPE_CHECKING:
    from pathlib import Path


class Recorded:
    """The data of a recording, without what Rerun writes about itself."""

    def __init__(self, path: Path) -> None:
        reader = RrdReader(path)
        assert [entry.kind for entry in reader.recordings()] == ['recording']
        self.blueprints = len(reader.blueprints())
        self._values: dict[tuple[str, str], list[tuple[dict[str, Any], Any]]] = defaultdict(list)
        for chunk in reader.stream():
            if chunk.entity_path.startswith('/__'):
                continue
            batch = chunk.to_record_batch().to_pydict()
            lines = chunk.timeline_names
            for row in range(chunk.num_rows):
                when = {line: batch[line][row] for line in lines}
                for name, column in batch.items():
                    if ':' in name and column[row] is not None:
                        self._values[chunk.entity_path, name].append((when, column[row]))

    @property
    def paths(self) -> set[str]:
        return {path for path, _ in self._values}

    def rows(self, path: str, component: str) -> list[Any]:
        """Return what is at a path, in order of time."""
        found = self._values['/' + path, component]
        found = sorted(found, key=lambda each: [str(type(v)) for v in each[0].values()] and
                       tuple(v for v in each[0].values()))
        return [value for _, value in found]

    def moments(self, path: str, component: str, line: str) -> list[Any]:
        """Return when there is something at a path, and not nothing."""
        found = self._values['/' + path, component]
        return sorted(when[line] for when, value in found if value)
