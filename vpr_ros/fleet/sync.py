# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Following a fleet: a map's file is kept like the server's map, or the part about the robot."""

from __future__ import annotations

import logging
import random
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from psycopg import errors

from vpr_ros.errors import FleetError, VprError
from vpr_ros.fleet.fleet_map import FleetMap
from vpr_ros.fleet.publishing import CHANNEL
from vpr_ros.fleet.pulling import PullReport, open_copy, pull, remove
from vpr_ros.fleet.server_connection import connected, explained, one_moment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from psycopg import Connection
    from typing_extensions import LiteralString, Self

    from vpr_ros.fleet.fleet_map import FleetSession
    from vpr_ros.fleet.region import MapRegion
    from vpr_ros.geometry import GeoPoint
    from vpr_ros.maps import MapWriter

_log = logging.getLogger(__name__)

_INTERVAL = 10.0
"""Seconds between two looks at the server, whatever it tells by itself."""
_SLICE = 0.25
"""Seconds within which an end, or a region that moved, is noticed."""
_STATEMENT = 60.0
"""Seconds that the server may take for one statement."""
_PAUSES = 1.0, 60.0
"""Seconds from one attempt to connect to the next, at first and at most."""
_MOVED = 0.25
"""Share of the radius from the centre beyond which the region moves along."""


@dataclass(frozen=True)
class SyncState:
    """How far a map is behind the server.

    Attributes:
        connected: Whether the server answers.
        checked: `time.monotonic` of when the map last was as the server's; None: never.
        lag: Seconds from the last change on the server until it was in the file, None: none yet.
        changes: How many times something was written.
        places: Of the file.
        fault: Why the map cannot be followed; empty if it can.
        refused: Why sessions are not followed, each of which makes no sense.
    """

    connected: bool = False
    checked: float | None = None
    lag: float | None = None
    changes: int = 0
    places: int = 0
    fault: str = ''
    refused: tuple[str, ...] = ()

    @property
    def age(self) -> float | None:
        """Seconds since the map was as the server's; None where it never was."""
        return None if self.checked is None else time.monotonic() - self.checked


class FleetSync:
    """Keeps the file of a map like a map on the server, in a thread of its own.

    Sessions that the server does not know are left alone. While the server cannot be reached, the
    file stays as it is; attempts to reach it grow rarer, up to one a minute.

    Args:
        path: The file, made where there is none; no other process may write it.
        url: Of the server, see `connected`.
        name: Of the map there.
        region: Which part is wanted; None for all.
        interval: Seconds between two looks at the server.
        changed: Called in the thread after each time that something was written.
    """

    def __init__(
        self,
        path: Path,
        url: str,
        name: str,
        region: MapRegion | None = None,
        *,
        interval: float = _INTERVAL,
        changed: Callable[[PullReport], None] = lambda _report: None,
    ) -> None:
        self._path, self._url, self._name = path, url, name
        self._region, self._interval, self._changed = region, interval, changed
        self._followed: tuple[MapRegion | None] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name='vpr-fleet-sync', daemon=True)
        self.state = SyncState()

    def start(self) -> Self:
        """Begin to follow; return at once."""
        self._thread.start()
        return self

    def stop(self, patience: float | None = None) -> None:
        """End, at the latest when the session in progress is written or the server fails.

        Args:
            patience: Seconds to wait for that, None for any number.
        """
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(patience)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_raised: object) -> None:
        self.stop()

    def move(self, point: GeoPoint) -> None:
        """Tell where the robot is; the region moves once that is away from its centre."""
        if self._region is not None and self._region.left_by(point, _MOVED):
            self._region = replace(self._region, centre=point)

    def once(self) -> PullReport:
        """Bring the file up to date, and end; without `start`.

        Raises:
            VprError: The server fails, or the file cannot be written.
        """
        with ExitStack() as stack:
            return _Follower(self._open(stack), self._name, self._path, stack).look(self._region)

    def _open(self, stack: ExitStack) -> Connection:
        connection = stack.enter_context(connected(self._url, seconds=_STATEMENT))
        stack.enter_context(explained(self._url))
        return connection

    def _run(self) -> None:
        pause = _PAUSES[0]
        while not self._stopping.is_set():
            try:
                with ExitStack() as stack:
                    self._follow(self._open(stack), stack)
            except VprError as error:
                fault = str(error)
            except Exception as error:  # noqa: BLE001  a robot goes on
                _log.exception('following the fleet failed')
                fault = f'{type(error).__name__}: {error}'
            else:
                return
            if self.state.connected:
                pause = _PAUSES[0]
            self.state = replace(self.state, connected=False, fault=fault)
            # Robots that lost the server together do not come back together.
            self._stopping.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(2 * pause, _PAUSES[1])

    def _follow(self, connection: Connection, stack: ExitStack) -> None:
        follower = _Follower(connection, self._name, self._path, stack)
        listening = _listen(connection)
        while not self._stopping.is_set():
            region = self._region
            report = follower.look(region)
            # What came because the region is new here was late nowhere.
            late = follower.lag if self._followed == (region,) else None
            self._followed = (region,)
            self.state = replace(
                self.state,
                connected=True,
                fault='',
                checked=time.monotonic(),
                lag=self.state.lag if late is None else late,
                changes=self.state.changes + report.changed,
                places=follower.places,
                refused=tuple(follower.refused.values()),
            )
            if report.changed:
                self._changed(report)
            deadline = time.monotonic() + self._interval
            while (
                time.monotonic() < deadline
                and not self._stopping.is_set()
                and self._region is region
                and not (listening and _told(connection))
            ):
                if not listening:
                    self._stopping.wait(_SLICE)


class _Follower:
    """Brings a file up to date, by what changed since it last looked."""

    def __init__(self, connection: Connection, name: str, path: Path, stack: ExitStack) -> None:
        self._fleet = FleetMap(connection, name)
        self._file: MapWriter = stack.enter_context(open_copy(path, self._fleet))
        self._seen: tuple[str, MapRegion | None] | None = None
        self.lag: float | None = None
        self.refused: dict[str, str] = {}

    @property
    def places(self) -> int:
        """How many the file has."""
        return len(self._file)

    def look(self, region: MapRegion | None) -> PullReport:
        """Bring the file up to date."""
        moment, sessions, deleted = self._news(region)
        report = pull(self._fleet, self._file, sessions, region=region)
        remove(self._file, deleted, report)
        for uid in (*deleted, *(each.uid for each in sessions)):
            self.refused.pop(uid, None)
        self.refused.update(report.refused)
        self._seen = moment, region
        self.lag = self._lag(sessions) if report.changed else None
        return report

    def _news(self, region: MapRegion | None) -> tuple[str, list[FleetSession], set[str]]:
        """Return the moment, the sessions to be compared, and the UUIDs of those deleted."""
        fleet = self._fleet
        with one_moment(fleet.connection):
            # Transactions that are not over yet may change sessions later than newer ones do.
            row = fleet.connection.execute(
                'SELECT pg_snapshot_xmin(pg_current_snapshot())::text'
            ).fetchone()
            moment = str(row and row[0])
            since = self._seen[0] if self._seen and self._seen[1] == region else None
            found, within = fleet.changed_since(since or '0'), None
            if since is None:
                fleet.refresh()
                within = None if region is None else self._within(region)
        wanted = [each for each in found if not each.deleted]
        if within is not None:
            here = {uid for _, _, uid in self._file.snapshot.names.values()}
            wanted = [each for each in wanted if each.key in within or each.uid in here]
        return moment, wanted, {each.uid for each in found if each.deleted}

    def _within(self, region: MapRegion) -> set[int]:
        """Return the keys of the sessions with places in a region."""
        condition = region.condition(self._fleet.rules)
        # Of the text only the condition varies, which is one of ours.
        query: LiteralString = (
            f'SELECT DISTINCT session FROM places WHERE map = ANY (%(maps)s) AND {condition.text}'  # noqa: S608
        )
        values = {**condition.values, 'maps': self._fleet.ids}
        found = {key for (key,) in self._fleet.connection.execute(query, values)}
        if not found and self._fleet.rules.meta.datum is None:
            self._require_positions()
        return found

    def _require_positions(self) -> None:
        """Refuse a region of a map none of whose places is known to be anywhere on Earth."""
        row = self._fleet.connection.execute(
            'SELECT count(*), count(ground_x) FROM places WHERE map = ANY (%s)', [self._fleet.ids]
        ).fetchone()
        if row and row[0] and not row[1]:
            msg = (
                f'map {self._fleet.name!r} has no datum, and its places no geographic position: '
                'no part of it is about a point. Follow all of it, without a region'
            )
            raise FleetError(msg)

    def _lag(self, sessions: list[FleetSession]) -> float | None:
        row = self._fleet.connection.execute('SELECT clock_timestamp()').fetchone()
        if row is None or not sessions:
            return None
        return max(0.0, float((row[0] - max(each.pushed_at for each in sessions)).total_seconds()))


def _listen(connection: Connection) -> bool:
    """Ask to be told of changes; return whether the server does, which replicas do not."""
    try:
        connection.execute(f'LISTEN {CHANNEL}')
    except (errors.ReadOnlySqlTransaction, errors.FeatureNotSupported):
        return False
    return True


def _told(connection: Connection) -> bool:
    """Wait for a moment; return whether the server told of a change."""
    return any(True for _ in connection.notifies(timeout=_SLICE, stop_after=1))
