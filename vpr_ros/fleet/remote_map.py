# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A map whose sessions lie in a collection of a Qdrant server."""

from __future__ import annotations

import base64
import itertools
import tempfile
import uuid
import warnings
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qdrant_client import models
from qdrant_client.http.exceptions import ApiException

from vpr_ros.errors import MapError
from vpr_ros.fleet.points import CODE, DESCRIPTOR, INDEXED, columns_of, points_of
from vpr_ros.maps import Camera, MapWriter, PlaceMap, Session, merge
from vpr_ros.maps.columns import concatenate, empty

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from numpy.typing import NDArray
    from qdrant_client import QdrantClient

    from vpr_ros.maps import Snapshot

_AT_ONCE = 256
_SESSION_BITS = 32
"""Place i of session s has the identity s * 2**32 + i: never used twice, ascending."""
_PART_BYTES = 4 << 20
"""Of the rules in one point; a request may have 32 MiB."""
_NAMESPACE = uuid.UUID('6f5b1b0e-5d0c-4f0e-9d3a-7f1f6c9a2b11')


@contextmanager
def explained(collection: str) -> Iterator[None]:
    """Turn the client's exceptions into a MapError that names the collection."""
    try:
        yield
    except (ApiException, ConnectionError, ValueError) as error:
        if isinstance(error, MapError):
            raise
        msg = f'collection {collection!r}: the Qdrant server cannot do that: {error}'
        raise MapError(msg) from error


class RemoteMap:
    """Sessions of many robots, all of one model, in one frame, under one coder.

    The data of a map beside its places (model, frame, datum, coder) comes from the first that is
    pushed, and lies in the collection as an empty map file. Sessions appear when all their
    places are there. Let one process push at a time; any number may search and pull.

    Args:
        client: Connected to the server.
        collection: Name of the collection; made by the first push.

    Attributes:
        client: The client.
        collection: Name of the collection.
    """

    def __init__(self, client: QdrantClient, collection: str) -> None:
        self.client = client
        self.collection = collection
        self._rules: Snapshot | None = None
        self.refresh()

    @property
    def rules(self) -> Snapshot:
        """The data common to all places, and the sessions; without places.

        Raises:
            MapError: Nothing was pushed yet.
        """
        if self._rules is None:
            msg = f'there is no map in collection {self.collection!r}: push one'
            raise MapError(msg)
        return self._rules

    def refresh(self) -> bool:
        """See which sessions were pushed or deleted; return whether there was anything."""
        rules = self._rules
        known = None if rules is None else rules.names
        if rules is None:
            rules = self._read_rules()
        if rules is not None:
            self._rules = rules = replace(rules, names=self._read_sessions())
        return rules is not None and rules.names != known

    def session_list(self) -> tuple[Session, ...]:
        """Return every session in order."""
        with explained(self.collection):
            return tuple(
                Session(key, name, started, self._count(key), uid)
                for key, (name, started, uid) in sorted(self.rules.names.items())
            )

    def push(
        self,
        place_map: PlaceMap,
        sessions: Collection[int] | None = None,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> dict[int, int]:
        """Add sessions of a map, under the rules of the collection; see `MapWriter.merge`.

        Args:
            place_map: Made with the same model.
            sessions: Identities there, None for all.
            progress: Told how many places are done, and of how many.

        Returns:
            The identity in the collection of each session, by its identity in the map.

        Raises:
            MapError: The maps do not go together, a session is in the collection already, or the
                server fails; then the session it failed at is not seen by anyone.
        """
        with tempfile.TemporaryDirectory(prefix='vpr-push-') as folder, explained(self.collection):
            file = Path(folder) / 'rules.vprmap'
            if not self._fetch_rules(file):
                merge(file, [(place_map.path, [])])
                self._create(file)
            self.refresh()
            chosen = sorted(place_map.snapshot.names) if sessions is None else sorted(sessions)
            self._require_new(place_map, chosen)
            with MapWriter.open(file, memory_budget=0) as ours:
                keys = ours.merge(place_map, chosen)
                numbers = itertools.count(max(self.rules.names, default=0) + 1)
                pushed = {key: next(numbers) for key in chosen}
                done = 0
                for key, number in pushed.items():
                    for points in _points(ours, keys[key], number):
                        self._upsert(points, number, first=points[0].id == number << _SESSION_BITS)
                        done += len(points)
                        progress(done, len(ours))
                    self._upsert_session(number, ours.snapshot.names[keys[key]])
            self.refresh()
            return pushed

    def pull(
        self,
        path: Path,
        sessions: Collection[int] | None = None,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> dict[int, int]:
        """Add sessions of the collection to a map file, which is made if there is none.

        Args:
            path: The map.
            sessions: Identities in the collection, None for all.
            progress: Told how many places are done, and of how many.

        Returns:
            The identity in the map of each session, by its identity in the collection.

        Raises:
            MapError: The maps do not go together, a session is in the map already or not in the
                collection, or the server fails.
        """
        self.refresh()
        chosen = sorted(self.rules.names) if sessions is None else sorted(sessions)
        source = _Download(self, chosen)
        if path.exists():
            with MapWriter.open(path, memory_budget=0) as place_map:
                return place_map.merge(source, chosen, progress)
        meta = self.rules.meta
        with MapWriter.create(path, meta.model, meta.frame_id, meta.datum, 0) as place_map:
            try:
                return place_map.merge(source, chosen, progress)
            except BaseException:
                path.unlink()
                raise

    def delete_session(self, session: int) -> None:
        """Delete a session and its places.

        Raises:
            MapError: There is no such session, or the server fails.
        """
        if session not in self.rules.names:
            msg = f'collection {self.collection!r} has no session {session}'
            raise MapError(msg)
        with explained(self.collection):
            self._delete([models.HasIdCondition(has_id=[self.rules.names[session][2]])])
            self._delete([_of_session(session)])
        self.refresh()

    def scroll(
        self, wanted: models.Filter, fields: list[str] | None = None, *, with_vectors: bool = False
    ) -> Iterator[list[models.Record]]:
        """Yield all points that fulfil a filter, some at a time, in the order of their identities.

        Args:
            wanted: The filter.
            fields: Of the payload, None for all.
            with_vectors: Whether descriptors are wanted, too.
        """
        offset = None
        vectors: bool | list[str] = [DESCRIPTOR] if with_vectors else False
        while True:
            with explained(self.collection):
                points, offset = self.client.scroll(
                    self.collection, wanted, _AT_ONCE, None, offset, fields or True, vectors
                )
            if points:
                yield points
            if offset is None:
                return

    # Inside

    def _create(self, rules: Path) -> None:
        with PlaceMap.open(rules, memory_budget=0) as place_map:
            meta = place_map.snapshot.meta
        # Without a graph every search is exhaustive, and so exact.
        exhaustive = models.HnswConfigDiff(m=0)
        half = models.Datatype.FLOAT16
        vectors = {
            DESCRIPTOR: models.VectorParams(
                size=meta.packing.dim,
                distance=models.Distance.DOT,
                datatype=half,
                on_disk=True,
                hnsw_config=exhaustive,
            )
        }
        if meta.code_bits:
            vectors[CODE] = models.VectorParams(
                size=meta.code_bits,
                distance=models.Distance.DOT,
                datatype=half,
                on_disk=True,
                hnsw_config=exhaustive,
                quantization_config=models.BinaryQuantization(
                    binary=models.BinaryQuantizationConfig(always_ram=True)
                ),
            )
        if not self.client.collection_exists(self.collection):
            self.client.create_collection(self.collection, vectors)
            for field, kind in INDEXED.items():
                with warnings.catch_warnings():
                    # The client's local mode says that it has no indices.
                    warnings.simplefilter('ignore')
                    self.client.create_payload_index(self.collection, field, kind)
        data = rules.read_bytes()
        parts = [data[i : i + _PART_BYTES] for i in range(0, len(data), _PART_BYTES)]
        # The first part last: with it the rules are there.
        for number, part in reversed(list(enumerate(parts))):
            text = base64.b64encode(part).decode()
            payload = {'kind': 'rules', 'parts': len(parts), 'data': text}
            self._upsert_one(_rules_id(number), payload)

    def _fetch_rules(self, path: Path) -> bool:
        """Write the empty map of the collection; return whether there is one."""
        if not self.client.collection_exists(self.collection):
            return False
        found = self.client.retrieve(self.collection, [_rules_id(0)])
        if not found:
            return False
        count = (found[0].payload or {})['parts']
        with path.open('wb') as file:
            for number in range(count):
                (part,) = self.client.retrieve(self.collection, [_rules_id(number)])
                file.write(base64.b64decode((part.payload or {})['data']))
        return True

    def _read_rules(self) -> Snapshot | None:
        with tempfile.TemporaryDirectory(prefix='vpr-rules-') as folder:
            path = Path(folder) / 'rules.vprmap'
            with explained(self.collection):
                if not self._fetch_rules(path):
                    return None
            with PlaceMap.open(path, memory_budget=0) as place_map:
                return place_map.snapshot

    def _read_sessions(self) -> dict[int, tuple[str, int, str]]:
        kind = models.FieldCondition(key='kind', match=models.MatchValue(value='session'))
        names = {}
        for points in self.scroll(models.Filter(must=[kind])):
            for point in points:
                payload = point.payload or {}
                uid = str(uuid.UUID(str(point.id)))
                names[payload['number']] = (payload['name'], int(payload['started']), uid)
        return names

    def _require_new(self, place_map: PlaceMap, chosen: Sequence[int]) -> None:
        here = {uid: key for key, (_, _, uid) in self.rules.names.items()}
        for session in chosen:
            name, _, uid = place_map.snapshot.names.get(session, ('', 0, ''))
            if uid in here:
                msg = (
                    f'session {session} ({name!r}) is in collection {self.collection!r} already, '
                    f'as session {here[uid]}: leave it out'
                )
                raise MapError(msg)

    def _upsert(self, points: list[models.PointStruct], session: int, *, first: bool) -> None:
        if first:
            # An interrupted push may have left points.
            self._delete([_of_session(session)])
        self.client.upsert(self.collection, points, wait=True)

    def _upsert_session(self, number: int, session: tuple[str, int, str]) -> None:
        name, started, uid = session
        # As a text, for it is in nanoseconds.
        payload = {'kind': 'session', 'number': number, 'name': name, 'started': str(started)}
        self._upsert_one(uid, payload)

    def _upsert_one(self, key: str, payload: dict[str, Any]) -> None:
        point = models.PointStruct(id=key, vector={}, payload=payload)
        self.client.upsert(self.collection, [point], wait=True)

    def _delete(self, conditions: list[models.Condition]) -> None:
        selector = models.FilterSelector(filter=models.Filter(must=conditions))
        self.client.delete(self.collection, selector, wait=True)

    def _count(self, session: int) -> int:
        wanted = models.Filter(must=[_of_session(session)])
        return self.client.count(self.collection, count_filter=wanted, exact=True).count


class _Download:
    """Sessions of a collection, as a source that `MapWriter.merge` takes."""

    def __init__(self, remote: RemoteMap, sessions: Sequence[int]) -> None:
        rules = remote.rules
        cameras: dict[Camera, int] = {}
        columns, vectors = [empty(rules.meta.code_bits // 8)], []
        for session in sessions:
            wanted = models.Filter(must=[_of_session(session)])
            for points in remote.scroll(wanted, with_vectors=True):
                columns.append(columns_of(points, cameras, rules.meta.code_bits // 8))
                vectors.append(_packed(rules, points))
        self._packed = np.concatenate(vectors) if vectors else np.empty((0, 0), np.uint8)
        self.snapshot = replace(
            rules,
            columns=concatenate(columns),
            cameras={key: camera for camera, key in cameras.items()},
        )

    def packed_descriptors(self, _snapshot: Snapshot, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Return the descriptors (n, bytes) of rows."""
        return self._packed[rows]


def _packed(rules: Snapshot, points: Sequence[models.Record]) -> NDArray[np.uint8]:
    vectors = [point.vector[DESCRIPTOR] for point in points if isinstance(point.vector, dict)]
    return rules.meta.packing.pack(np.array(vectors, np.float32))


def _points(place_map: PlaceMap, session: int, number: int) -> Iterator[list[models.PointStruct]]:
    snapshot = place_map.snapshot
    rows = np.flatnonzero(snapshot.columns.sessions == session)
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        ids = (number << _SESSION_BITS) + np.arange(start, start + len(part))
        vectors = place_map.descriptors(part)
        yield points_of(snapshot, part, vectors, {session: number}, ids)


def _of_session(session: int) -> models.FieldCondition:
    return models.FieldCondition(key='session', match=models.MatchValue(value=session))


def _rules_id(part: int) -> str:
    return str(uuid.uuid5(_NAMESPACE, str(part)))
