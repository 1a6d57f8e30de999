# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Opens the map that a command adds places to."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from vpr_ros.errors import MapFrameError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vpr_ros.maps import MapWriter
    from vpr_ros.types import ModelInfo


@contextmanager
def adding_to(path: Path, model: ModelInfo, ways: str = '') -> Iterator[MapWriter]:
    """Open the map of a path, or make it; one that is still empty after an error is removed.

    Args:
        path: The map.
        model: Of the descriptions.
        ways: Options that add poses which cannot be related to those of the map.
    """
    from vpr_ros.maps import MapWriter

    made = not path.exists()
    place_map = MapWriter.open_or_create(path, model)
    try:
        with place_map:
            yield place_map
    except BaseException as error:
        if made and not len(place_map):
            path.unlink(missing_ok=True)
        if ways and isinstance(error, MapFrameError):
            msg = f'{error}: {ways}'
            raise MapFrameError(msg) from error
        raise
