# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A bag: its topics, the choice among them, and its messages in order."""

from __future__ import annotations

import heapq
import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vpr_ros.errors import BagError
from vpr_ros.inputs.bags.bag_files import open_storages
from vpr_ros.inputs.bags.storage import explain
from vpr_ros.inputs.bags.unpacking import ZSTD, unpack_message
from vpr_ros.inputs.frames import UnsetStamps, deserialize

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from vpr_ros.inputs.bags.storage import Storage
    from vpr_ros.inputs.poses import TreeFrames

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Topic:
    """One topic of a bag.

    Attributes:
        name: As recorded.
        type: For example ``sensor_msgs/msg/Image``.
        count: Number of messages, as far as the bag knows.
        latched: Its publishers kept the last messages for late subscribers (transient local).
        frames: Of a chosen topic of tf, between which the robot's pose is.
    """

    name: str
    type: str
    count: int
    latched: bool = False
    frames: TreeFrames | None = None


class Message(NamedTuple):
    """One recorded message: topic, time of recording in ns, type and CDR bytes.

    A stamp that was never set (0) is the time of recording in the bytes, see ``UnsetStamps``.
    """

    topic: str
    time: int
    type: str
    raw: bytes


class Bag:
    """A bag of rosbag2 or ROS 1 (as CDR): a folder, or one of its files.

    Files whose recording was cut off are read as far as they go, and what a bag promises and does
    not hold is said, with warnings. No file of the bag is ever changed.

    Args:
        path: The bag.

    Raises:
        BagError: There is no bag, it cannot be read or holds no message.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._storages: list[Storage] = open_storages(self.path)
        """By the times of their first messages."""
        filled = [storage for storage in self._storages if storage.start <= storage.end]
        if not filled:
            self.close()
            msg = f'the bag {self.path} holds no messages'
            raise BagError(msg)
        self._unset = UnsetStamps()
        self.start = min(storage.start for storage in filled)
        """Time of the first message, ns."""
        self.end = max(storage.end for storage in filled)
        """Time of the last message, ns."""
        self.topics = self._collect_topics()
        """Every topic by its name, sorted."""

    @property
    def duration(self) -> int:
        """Time from the first message to the last, ns."""
        return self.end - self.start

    def topics_of(self, kinds: tuple[str, ...]) -> list[Topic]:
        """Return the topics with messages of some types, those of the first type first."""
        found = [topic for topic in self.topics.values() if topic.type in kinds and topic.count]
        return sorted(found, key=lambda topic: kinds.index(topic.type))

    def messages(
        self,
        topics: Collection[str] | None = None,
        start: int | None = None,
        stop: int | None = None,
    ) -> Iterator[Message]:
        """Yield messages in the order of recording; iterate once at a time.

        A damaged part ends with a warning, and the next part of the bag follows.

        Args:
            topics: Names of the topics wanted, all when None.
            start: Leave out messages recorded before this time, ns.
            stop: Leave out messages recorded at this time or later, ns.

        Raises:
            BagError: A topic that is not in the bag was asked for.
        """
        for name in topics or ():
            self.require(name)
        return self._read(topics, start, stop)

    def require(self, name: str) -> Topic:
        """Return a topic by its name.

        Raises:
            BagError: It is not in the bag; the text lists those that are.
        """
        if name in self.topics:
            return self.topics[name]
        msg = f'the bag {self.path} has no topic {name}; it has: {self.describe_topics()}'
        raise BagError(msg)

    def describe_topics(self) -> str:
        """Return the topics with their types as one line."""
        return ', '.join(f'{topic.name} ({topic.type})' for topic in self.topics.values())

    @staticmethod
    def deserialize(message: Message) -> Any:
        """Decode a message of one of the standard packages.

        Raises:
            MessageError: The bytes are damaged or the type is unknown.
        """
        return deserialize(message.raw, message.type)

    def close(self) -> None:
        """Release the files."""
        while self._storages:
            self._storages.pop().close()

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def _read(
        self, topics: Collection[str] | None, start: int | None, stop: int | None
    ) -> Iterator[Message]:
        read: Counter[str] = Counter()
        parts = [self._part(storage, topics, start, stop) for storage in self._storages]
        for _, message in heapq.merge(*parts, key=lambda entry: entry[0]):
            if message is not None:
                read[message.topic] += 1
                yield message
        if start is None and stop is None:
            self._compare(self.topics if topics is None else topics, read)

    def _part(
        self,
        storage: Storage,
        topics: Collection[str] | None,
        start: int | None,
        stop: int | None,
    ) -> Iterator[tuple[int, Message | None]]:
        """Yield the messages of one file with their times."""
        wanted = [c for c in storage.connections if topics is None or c.topic in topics]
        if not wanted:  # which rosbags takes for all
            return
        # The file is not read before its first message is due.
        yield storage.start, None
        records, count = storage.read(wanted, start, stop), 0
        while True:
            try:
                record = next(records, None)
                if record is None:
                    return
                connection, time, raw = record
                # Only the metadata, which may be gone, say whether messages are compressed.
                raw = unpack_message(raw) if raw[:4] == ZSTD else bytes(raw)
                raw = self._unset.mend(connection.topic, connection.msgtype, raw, time)
            except Exception as error:  # noqa: BLE001  rosbags raises all kinds on damaged files
                _LOG.warning(
                    '%s is damaged after %d messages: %s; the rest of the file is lost',
                    storage.path,
                    count,
                    explain(error),
                )
                return
            yield time, Message(connection.topic, time, connection.msgtype, raw)
            count += 1

    def _compare(self, topics: Iterable[str], read: Mapping[str, int]) -> None:
        """Say which messages the files promise and did not give."""
        for name in topics:
            promised = self.topics[name].count
            if read.get(name, 0) < promised:
                text = '%s: %d of the %d messages on %s are missing'
                _LOG.warning(text, self.path, promised - read.get(name, 0), promised, name)

    def _collect_topics(self) -> dict[str, Topic]:
        topics: dict[str, Topic] = {}
        for storage in self._storages:
            for connection in storage.connections:
                name = connection.topic
                before = topics.get(name, Topic(name, connection.msgtype, 0, latched=True))
                topics[name] = Topic(
                    name,
                    before.type,
                    before.count + connection.msgcount,
                    before.latched and _is_latched(connection),
                )
        return dict(sorted(topics.items()))


def _is_latched(connection: Any) -> bool:
    """Tell whether every publisher of a recorded topic was transient local, or latched (ROS 1)."""
    if getattr(connection.ext, 'latching', None):
        return True
    offered = getattr(connection.ext, 'offered_qos_profiles', ())
    if not offered:
        return str(connection.topic) == '/tf_static'
    return all(qos.durability.name == 'TRANSIENT_LOCAL' for qos in offered)
