# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Maps as killed processes leave them, and what is said of them."""

from __future__ import annotations

import os
import shutil
import signal

import numpy as np

from vpr_ros.errors import MapError
from vpr_ros.geometry import Pose
from vpr_ros.maps import MapWriter, NewPlace, PlaceMap, verify
from vpr_ros.types import Description, ModelInfo

MODEL = ModelInfo('log-net', 'none', 64, 0, 'none', trained=False)
OF_ONE_MAP = ('', '-wal', '-shm', '-lock')


def place(stamp):
    vector = np.random.default_rng(stamp).standard_normal(64).astype(np.float32)
    description = Description(vector / np.linalg.norm(vector))
    return NewPlace(description, 1, stamp, Pose.planar(stamp, 0, 0))


def write(path, places, *, kill=False, first=0):
    """Add places one by one, in a process of its own that is killed or closes the map."""
    child = os.fork()
    if child == 0:
        try:
            if path.exists():
                place_map = MapWriter.open(path)
            else:
                place_map = MapWriter.create(path, MODEL)
                place_map.begin_session('morning', 0)
            for stamp in range(first, first + places):
                place_map.add([place(stamp)])
            if kill:
                os.kill(os.getpid(), signal.SIGKILL)
            place_map.close()
            os._exit(0)
        finally:
            os._exit(3)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) if kill else status == 0
    return path


def copied(path, folder, endings=OF_ONE_MAP):
    """Copy a map with what lies beside it."""
    folder.mkdir()
    for ending in endings:
        if (file := path.with_name(path.name + ending)).exists():
            shutil.copy(file, folder)
    return folder / path.name


def beside(path, ending):
    return path.with_name(path.name + ending)


def stamps_of(path):
    with PlaceMap.open(path) as place_map:
        place_map.descriptors(range(len(place_map)))
        return place_map.stamps.tolist()


def said_of(path):
    """Return the stamps of the places, or None, and all that is said to be wrong."""
    problems = verify(path)
    try:
        return stamps_of(path), problems
    except MapError as error:
        assert problems
        return None, [*problems, str(error)]
