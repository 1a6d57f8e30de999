# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The search of a map, wherever the map is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from vpr_ros.search.candidates import Candidates
    from vpr_ros.search.window import Window
    from vpr_ros.types import Description


class Searcher(Protocol):
    """Searches one map; `Retriever` one in a file, `fleet.RemoteRetriever` one on a server."""

    def search(
        self,
        description: Description,
        k: int = 10,
        candidates: int = 100,
        window: Window | None = None,
    ) -> Candidates:
        """Return the best places for a description.

        Args:
            description: Made by the map's model.
            k: How many at most.
            candidates: How many the first stage passes to the second, at least `k`.
            window: Which places may be returned.

        Returns:
            At most `k`, best first.

        Raises:
            MapError: The description is not of the map's model, or the map cannot be searched.
        """

    def refresh(self) -> bool:
        """See what was committed to the map since; return whether there was anything."""
