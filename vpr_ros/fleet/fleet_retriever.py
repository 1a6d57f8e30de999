# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Search on the server: exact, in two stages, in one statement."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from pgvector import Bit, Vector

from vpr_ros.errors import FleetContentsError
from vpr_ros.fleet.fleet_background import FleetBackground, unpacked_of
from vpr_ros.fleet.place_rows import FETCHED
from vpr_ros.fleet.window_conditions import Condition, conditions_of
from vpr_ros.search import Candidates

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import LiteralString

    from vpr_ros.fleet.fleet_map import FleetMap
    from vpr_ros.search import Window
    from vpr_ros.types import Description

_log = logging.getLogger(__name__)

# Adding 0 keeps any index of an approximate search out of it. Ties are broken as in a file. What
# has another length would stop the search for all: it comes last, and is left out. A condition
# instead would let the front of several servers misjudge how many places remain.
_HAMMING: LiteralString = (
    'CASE WHEN length(code) = %(bits)s THEN ((code <~> %(code)s) + 0)::int END AS hamming'
)
_NO_CODES: LiteralString = '-1 AS hamming'
_NEAREST: LiteralString = ' ORDER BY hamming, session, number LIMIT %(candidates)s'
# Names of columns are all that is put into the text.
_RANKED: LiteralString = (
    '), ranked AS (SELECT nearest.*, '  # noqa: S608
    'd.data, d.step, CASE WHEN vector_dims(d.data) = %(dim)s '
    'THEN -(d.data::vector <#> %(query)s) * d.step END AS similarity '
    'FROM nearest JOIN descriptors d USING (session, number)) '
    f'SELECT {FETCHED}, data, step, hamming, similarity FROM ranked '
    'ORDER BY similarity DESC NULLS LAST, session, number LIMIT %(k)s'
)


class FleetRetriever:
    """Searches a map on the server as `vpr_ros.search.Retriever` does one in a file.

    Sessions in windows and in the answer are those of the server. Similarities can differ from
    those of a file in the last bit, as sums in another order do.

    Args:
        fleet: The map.
    """

    def __init__(self, fleet: FleetMap) -> None:
        self._fleet = fleet
        self._background = FleetBackground(fleet)

    def search(
        self,
        description: Description,
        k: int = 10,
        candidates: int = 100,
        window: Window | None = None,
    ) -> Candidates:
        """Return the best places for a description; see `Searcher.search`.

        Raises:
            MapError: The description is not of the map's model.
            psycopg.Error: The server fails; `explained` says what that means.
        """
        fleet, rules = self._fleet, self._fleet.rules
        query, code = rules.query_of(description)
        condition = Condition('true', {})
        if window is not None:
            cameras = [(key, camera.name) for key, camera in rules.cameras.items()]
            condition = conditions_of(window, rules.names, cameras)
        values = {**condition.values, 'maps': fleet.ids, 'query': Vector(query), 'k': k}
        values['dim'] = len(query)
        coded, limited = _NO_CODES, ''
        if code is not None:
            coded, limited = _HAMMING, _NEAREST
            values.update(
                code=Bit(code.tobytes()), bits=8 * len(code), candidates=max(candidates, k)
            )
        statement = (
            f'WITH nearest AS MATERIALIZED (SELECT {FETCHED}, {coded} FROM places '  # noqa: S608
            f'WHERE map = ANY (%(maps)s) AND {condition.text}{limited}{_RANKED}'
        )
        with fleet.connection.cursor(binary=True) as cursor:
            rows = cursor.execute(statement, values).fetchall()
        return self._found(rows)

    def refresh(self) -> bool:
        """See which sessions were pushed or deleted since; return whether there was anything."""
        return self._fleet.refresh()

    def _found(self, rows: list[tuple[object, ...]]) -> Candidates:
        """Return rows of the answer, best first, as candidates."""
        rows = [row for row in rows if None not in row[-2:]]
        try:
            columns = self._fleet.columns_of([row[:-4] for row in rows])
        except FleetContentsError:
            return self._found([row for row in rows if self._makes_sense(row)])
        if not rows:
            return Candidates.none()
        rules = self._fleet.rules
        if not set(columns.cameras.tolist()) <= set(rules.cameras):
            self._fleet.refresh()
            rules = self._fleet.rules
        hamming, similarities = (np.array([row[i] for row in rows], np.float64) for i in (-2, -1))
        snapshot = replace(rules, columns=columns)
        ranks: NDArray[np.intp] = np.arange(len(rows))
        descriptors = unpacked_of([row[-4:-2] for row in rows], rules.meta.packing.dim)
        standings = self._background.standings(columns, descriptors, similarities)
        return Candidates.found(snapshot, ranks, similarities, hamming.astype(np.int64), standings)

    def _makes_sense(self, row: tuple[object, ...]) -> bool:
        try:
            self._fleet.columns_of([row[:-4]])
        except FleetContentsError as error:
            _log.warning('left out of an answer: %s', error)
            return False
        return True
