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
    """The data of a recording, without what Rerun writes about itself.

    Components are named as in ``Points3D:positions``, paths without the first slash; stamps are
    nanoseconds.
    """

    def __init__(self, path: Path) -> None:
        reader = RrdReader(path)
        assert len(reader.recordings()) == 1
        self.blueprints = len(reader.blueprints())
        self._rows: dict[tuple[str, str], list[tuple[dict[str, Any], Any]]] = defaultdict(list)
        for chunk in reader.stream():
            if chunk.entity_path.startswith('/__'):
                continue
            batch = chunk.to_record_batch()
            lines = {line: batch[line].cast('int64').to_pylist() for line in chunk.timeline_names}
            for name in batch.schema.names:
                if ':' not in name:
                    continue
                for row, value in enumerate(batch[name].to_pylist()):
                    if value is not None:
                        when = {line: times[row] for line, times in lines.items()}
                        self._rows[chunk.entity_path[1:], name].append((when, value))

    @property
    def entities(self) -> dict[str, set[str]]:
        """The archetypes at each path."""
        found = defaultdict(set)
        for path, name in self._rows:
            found[path].add(name.partition(':')[0])
        return dict(found)

    def values(self, path: str, component: str) -> list[Any]:
        """Return what is at a path, in order of time."""
        found = self._rows[path, component]
        return [value for _, value in sorted(found, key=lambda row: list(row[0].values()))]

    def static(self, path: str, component: str) -> list[Any]:
        """Return what is at a path at all times."""
        ((when, value),) = self._rows[path, component]
        assert when == {}
        return value

    def moments(self, path: str, component: str, line: str) -> list[Any]:
        """Return when there is something at a path, and not nothing."""
        return sorted(when[line] for when, value in self._rows[path, component] if value)
