# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the poses of a new session are in the frame of a map (REP 105)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from vpr_ros.errors import MapFrameError

if TYPE_CHECKING:
    from vpr_ros.maps import PlaceMap

_log = logging.getLogger(__name__)


def frame_of_session(place_map: PlaceMap, begun: str) -> str:
    """Return the frame to store with a new session, see `Session.frame`.

    The poses of the first session may begin anywhere: they make the frame of the map.

    Args:
        place_map: That the session is going to be added to.
        begun: Frame of its poses where that began with them; empty where it is that of a map.

    Raises:
        MapFrameError: Its poses, or those of the map, are in a frame that begins anew with each
            run, so that they cannot be related; with the ways out.
    """
    # A datum says where the beginning was.
    ours = [] if place_map.datum is not None else sorted(place_map.snapshot.begun_frames)
    if not place_map.has_poses:
        if begun and place_map.datum is None:
            _log.warning(
                'the poses are in the frame %r, which begins anew with each run: the map begins '
                'where this one began. A later session has to be registered '
                'on it (`vpr map register`)',
                begun,
            )
        return begun
    if not (ours or begun):
        return ''
    whose = f'of this session are in {begun!r}' if begun else f'of the map are in {ours[0]!r}'
    msg = (
        f'{place_map.path} holds places, and the poses {whose}, a frame that begins anew with '
        'each run: nobody knows how the two are related. Let the pictures tell (register the '
        'session on the map), add it without poses, or say that all poses are in one frame '
        '(anchored)'
    )
    raise MapFrameError(msg)
