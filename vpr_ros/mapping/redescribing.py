# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Describes the places of a map anew with another model, from bags or from their thumbnails."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from vpr_ros.errors import BagError, ImageError, MapError, VprError
from vpr_ros.inputs.bags import IMAGE_TYPES, choose_image
from vpr_ros.inputs.frames import DynamicRange, Frame
from vpr_ros.inputs.frames.thumbnail_codec import decode_thumbnail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from vpr_ros.describe import Describer
    from vpr_ros.inputs.bags import Bag
    from vpr_ros.maps import MapWriter
    from vpr_ros.maps.snapshot import Snapshot
    from vpr_ros.types import Description, ModelInfo

_log = logging.getLogger(__name__)

_BATCH = 32
"""Images that are held at a time; a GPU describes them in one batch."""

_COMPRESSED = '/compressed'
_Key = tuple[str, int]
"""Name of the camera, and stamp."""
_Item = TypeVar('_Item')


@dataclass(frozen=True)
class Redescribed:
    """Where the images of the places came from.

    Attributes:
        from_bags: Places described from the images of bags.
        from_thumbnails: Places described from their thumbnails.
        dropped: Places deleted, because there was no image of them.
    """

    from_bags: int
    from_thumbnails: int
    dropped: int


@dataclass(frozen=True)
class PlaceImages:
    """Images that may show places of a map.

    Attributes:
        frames: Iterated twice.
        name: Of the bag.
        session: Identity of the session of the map that they show, None if that is not known.
    """

    frames: Iterable[Frame]
    name: str = ''
    session: int | None = None


@dataclass(frozen=True)
class BagImages:
    """The images of a bag.

    Attributes:
        bag: An open bag.
        cameras: Name of the camera in the map, by topic.
    """

    bag: Bag
    cameras: Mapping[str, str]

    def __iter__(self) -> Iterator[Frame]:
        """Yield every readable message of these topics; nothing is decoded yet."""
        values = {topic: DynamicRange(topic) for topic in self.cameras}
        for message in self.bag.messages(list(self.cameras)):
            camera = self.cameras[message.topic]
            try:
                frame = Frame(message.raw, message.type, camera, values=values[message.topic])
            except VprError as error:
                _log.warning('%s: message left out: %s', message.topic, error)
            else:
                yield frame


def images_of(bag: Bag, cameras: Iterable[str], topics: Mapping[str, str]) -> BagImages:
    """Choose the topics of a bag for the cameras of a map.

    A camera without a topic of its own takes the one that has its name as a part, such as
    /front/image; the only camera, or the one without a name, takes the only topic with images.

    Args:
        bag: An open bag.
        cameras: Names of the cameras in the map.
        topics: Topics by name of the camera; the empty name stands for the only camera, too. Those
            that are not in the bag are passed over, since another bag may have them.

    Raises:
        BagError: A topic holds no images, or there is no choice, or no single one.
    """
    names = sorted(set(cameras), key=lambda name: (not name, name))
    chosen: dict[str, str] = {}
    for name in names:
        topic = topics.get(name) or (topics.get('') if len(names) == 1 else None)
        if topic is not None:
            if not {topic, topic.removesuffix(_COMPRESSED), topic + _COMPRESSED} & set(bag.topics):
                continue
        elif name:
            topic = _named_like(bag, name)
        if topic is not None or len(names) == 1 or not name:
            chosen.setdefault(choose_image(bag, topic).name, name)
    if names and not chosen:
        msg = (
            f'the bag {bag.path} has no images of the cameras of the map ({", ".join(names)}): '
            f'name their topics as CAMERA=TOPIC; it has: {bag.describe_topics()}'
        )
        raise BagError(msg)
    return BagImages(bag, chosen)


def _named_like(bag: Bag, camera: str) -> str | None:
    """Return the topic that has the name of a camera as one of its parts, None without one."""
    names = {
        topic.name.removesuffix(_COMPRESSED)
        for topic in bag.topics_of(IMAGE_TYPES)
        if f'/{camera}/' in f'/{topic.name}/' and not topic.name.endswith('/compressedDepth')
    }
    if len(names) > 1:
        listed = ', '.join(sorted(names))
        msg = f'the bag {bag.path} has several topics of the camera {camera!r}, name one: {listed}'
        raise BagError(msg)
    return names.pop() if names else None


def redescribe(
    place_map: MapWriter,
    describer: Describer,
    sources: Sequence[PlaceImages],
    *,
    drop_missing: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Redescribed:
    """Replace the descriptions of all places of a map by those of a model, all at once.

    A place is described from the image with its stamp and camera, else from its thumbnail.
    The file does not change before all is described.

    Args:
        place_map: Open for writing, made with any model.
        describer: Of the model to come.
        sources: The images; none to take the thumbnails alone. Where several have the stamps of
            one session, the one that names it, or has its name, is taken.
        drop_missing: Delete the places of which there is no image; without, and where there is an
            image of none, that is an error.
        progress: Told after each portion how many places are described, and of how many.

    Raises:
        MapError: The images are not of this map, it is not clear which are of a session, or there
            is no image of some places; the map is as it was.
    """
    now = place_map.snapshot
    rows = _rows_by_key(now)
    chosen = _sources_by_row(now, rows, sources)
    if sources and rows and not chosen:
        msg = (
            'no image of the bags has the stamp of a place: they are not those that the map was '
            'made from, or the topics are others'
        )
        raise MapError(msg)
    # Refused before the long work, not after it.
    without = [
        row
        for row, key in enumerate(now.columns.ids.tolist())
        if row not in chosen and not place_map.thumbnail(key)
    ]
    if without and (not drop_missing or len(without) == len(now)):
        raise _missing(place_map, without)
    collected = _Descriptions(len(now), describer.model_info, progress)
    for number, source in enumerate(sources):

        def shown(frame: Frame, number: int = number) -> list[int]:
            named = rows.get(_key(frame), ())
            return [row for row in named if chosen.get(row) == number and collected.lacks(row)]

        for portion in _portions(frame for frame in source.frames if shown(frame)):
            seen = [(shown(frame), rgb) for frame in portion if (rgb := _rgb(frame)) is not None]
            collected.take(describer, seen)
    from_bags = collected.done
    ids = now.columns.ids.tolist()
    for missing in _portions(iter(collected.missing())):
        seen = [
            ([row], rgb) for row in missing if (rgb := _shown(place_map, ids[row])) is not None
        ]
        collected.take(describer, seen)
    from_thumbnails = collected.done - from_bags
    if from_thumbnails:
        _log.warning(
            '%d of %d places are described from their thumbnails, which show less than the '
            'images: the bags they were mapped from give better descriptions',
            from_thumbnails,
            len(now),
        )
    left = collected.missing()
    if left and not drop_missing:
        raise _missing(place_map, left)
    with place_map.transaction():
        if left:
            place_map.delete(now.columns.ids[left])
        place_map.redescribe(describer.model_info, *collected.taken())
    return Redescribed(from_bags, from_thumbnails, len(left))


class _Descriptions:
    """Descriptions by row of the map, in the float16 in which a map stores them."""

    def __init__(self, count: int, model: ModelInfo, progress: Callable[[int, int], None]) -> None:
        self._descriptors = np.zeros((count, model.descriptor_dim), np.float16)
        self._codes = np.zeros((count, model.code_bits // 8), np.uint8)
        self._taken = np.zeros(count, np.bool_)
        self._progress = progress

    @property
    def done(self) -> int:
        return int(self._taken.sum())

    def lacks(self, row: int) -> bool:
        return not self._taken[row]

    def missing(self) -> list[int]:
        return [int(row) for row in np.flatnonzero(~self._taken)]

    def take(
        self, describer: Describer, seen: Sequence[tuple[list[int], NDArray[np.uint8]]]
    ) -> None:
        """Describe pictures, each with the rows that it shows."""
        descriptions = _described(describer, [rgb for _, rgb in seen])
        for (named, _), description in zip(seen, descriptions, strict=True):
            if description is None:
                continue
            self._descriptors[named] = description.descriptor
            if description.code is not None:
                self._codes[named] = description.code
            self._taken[named] = True
        self._progress(self.done, len(self._taken))

    def taken(self) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
        return self._descriptors[self._taken], self._codes[self._taken]


def _described(
    describer: Describer, pictures: Sequence[NDArray[np.uint8]]
) -> list[Description | None]:
    """Describe pictures; None stands for one that the network fails on."""
    try:
        return [*describer.describe(pictures)]
    except ImageError as error:
        if len(pictures) > 1:
            return [one for picture in pictures for one in _described(describer, [picture])]
        _log.warning('image left out: %s', error)
        return [None]


def _key(frame: Frame) -> _Key:
    return frame.camera, frame.stamp


def _rows_by_key(now: Snapshot) -> dict[_Key, list[int]]:
    """Return the rows of each camera and stamp.

    A bag that was mapped in two sessions gives two places of one image. Two places of one session
    with one stamp, such as photographs without times, cannot be told apart: they are left out.
    """
    columns = now.columns
    rows: dict[_Key, list[int]] = {}
    names = (now.cameras[key].name for key in columns.cameras.tolist())
    for row, key in enumerate(zip(names, columns.stamps.tolist(), strict=True)):
        rows.setdefault(key, []).append(row)
    sessions = columns.sessions.tolist()
    return {
        key: named
        for key, named in rows.items()
        if max(Counter(sessions[row] for row in named).values()) == 1
    }


def _sources_by_row(
    now: Snapshot, rows: Mapping[_Key, list[int]], sources: Sequence[PlaceImages]
) -> dict[int, int]:
    """Return the number of the source for each row that one has an image of.

    Raises:
        MapError: Several have, as drives in a simulator that begins at zero, and none is of the
            session more than the others.
    """
    sessions = now.columns.sessions.tolist()
    having: defaultdict[int, set[int]] = defaultdict(set)
    for number, source in enumerate(sources):
        for frame in source.frames:
            for row in rows.get(_key(frame), ()):
                if source.session in (None, sessions[row]):
                    having[row].add(number)
    chosen = {}
    for row, numbers in having.items():
        session = sessions[row]
        name = now.names[session][0]
        told = {number for number in numbers if sources[number].session is not None}
        alike = {number for number in numbers if sources[number].name == name}
        best = told or alike or numbers
        if len(best) > 1:
            bags = ', '.join(sources[number].name for number in sorted(best))
            msg = (
                f'several bags ({bags}) have the stamps of session {session} ({name!r}): name '
                f'the one that is of it, as {session}=BAG'
            )
            raise MapError(msg)
        chosen[row] = best.pop()
    return chosen


def _portions(items: Iterator[_Item]) -> Iterator[list[_Item]]:
    while portion := list(islice(items, _BATCH)):
        yield portion


def _rgb(frame: Frame) -> NDArray[np.uint8] | None:
    try:
        return frame.rgb
    except VprError as error:
        _log.warning('frame at %d ns left out: %s', frame.stamp, error)
        return None


def _shown(place_map: MapWriter, place_id: int) -> NDArray[np.uint8] | None:
    jpeg = place_map.thumbnail(place_id)
    try:
        return None if jpeg is None else decode_thumbnail(jpeg)
    except ImageError as error:
        _log.warning('place %d: %s', place_id, error)
        return None


def _missing(place_map: MapWriter, rows: Sequence[int]) -> MapError:
    now = place_map.snapshot
    (first,) = now.places_at(np.array(rows[:1]))
    return MapError(
        f'there is no image of {len(rows)} of {len(now)} places, neither in the '
        f'bags nor as a thumbnail; the first is place {first.id} of camera {first.camera!r} at '
        f'{first.stamp} ns. Give all bags that the map was made from, or have these places '
        'deleted (drop-missing). The map is as it was'
    )
