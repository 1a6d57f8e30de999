# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Visual place recognition for ROS 2: tells a robot where it is from its camera image.

The names below are the public interface. Each is imported at its first use, so that
``import vpr_ros`` loads neither torch nor OpenCV.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from vpr_ros.version import VERSION

if TYPE_CHECKING:
    from vpr_ros.describe import Describer
    from vpr_ros.geometry import Datum, GeoPoint, Pose
    from vpr_ros.inputs.bags import Bag
    from vpr_ros.inputs.frames import ImageFile
    from vpr_ros.localize import Localizer
    from vpr_ros.loops import LoopDetector
    from vpr_ros.mapping import KeyframeConfig, MapBuilder, map_bag
    from vpr_ros.maps import MapWriter, NewPlace, Place, PlaceMap
    from vpr_ros.search import Retriever, Window
    from vpr_ros.types import Description, ModelInfo

# The threads of torch and faiss wait for each other, by default by spinning. Where other
# processes want the processors too, as on every robot, each wait then lasts until the scheduler
# comes round: describing an image took 20 times longer. OpenMP reads this when it is loaded, so
# it is set here, before any module of ours imports either.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

__version__ = VERSION

_PACKAGES = {
    'describe': ('Describer',),
    'geometry': ('Datum', 'GeoPoint', 'Pose'),
    'inputs.bags': ('Bag',),
    'inputs.frames': ('ImageFile',),
    'localize': ('Localizer',),
    'loops': ('LoopDetector',),
    'mapping': ('KeyframeConfig', 'MapBuilder', 'map_bag'),
    'maps': ('MapWriter', 'NewPlace', 'Place', 'PlaceMap'),
    'search': ('Retriever', 'Window'),
    'types': ('Description', 'ModelInfo'),
}
_HOMES = {name: package for package, names in _PACKAGES.items() for name in names}
"""The package that each public name is imported from."""

__all__ = [
    'Bag',
    'Datum',
    'Describer',
    'Description',
    'GeoPoint',
    'ImageFile',
    'KeyframeConfig',
    'Localizer',
    'LoopDetector',
    'MapBuilder',
    'MapWriter',
    'ModelInfo',
    'NewPlace',
    'Place',
    'PlaceMap',
    'Pose',
    'Retriever',
    'Window',
    'map_bag',
]


def __getattr__(name: str) -> object:
    """Import a public name at its first use (PEP 562)."""
    if name not in _HOMES:
        msg = f'module {__name__!r} has no attribute {name!r}'
        raise AttributeError(msg)
    value = getattr(import_module(f'{__name__}.{_HOMES[name]}'), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names beside the module's own."""
    return sorted({*globals(), *__all__})
