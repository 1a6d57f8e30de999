# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from vpr_ros.inputs.folders import FolderError
from vpr_ros.training.data import TrainingDataError, open_source
from vpr_ros.training.data.source import Photographs

if TYPE_CHECKING:
    from pathlib import Path


def test_every_photograph_of_the_tree_is_a_place(photos: Path) -> None:
    source = open_source({'kind': 'photos', 'folder': str(photos)})
    assert [len(area) for area in source.areas] == [30]
    assert source.views(3) == 1
    pictures = {source.image(place, 0).tobytes() for place in source.areas[0]}
    assert len(pictures) == 30


def test_crops_are_the_same_each_time_and_parts_of_the_photograph(photos: Path) -> None:
    source = Photographs(photos, crops=4, smallest=0.3)
    assert source.views(0) == 5
    whole = source.image(7, 0)
    for view in range(1, 5):
        crop = source.image(7, view)
        assert np.array_equal(crop, Photographs(photos, crops=4, smallest=0.3).image(7, view))
        assert crop.shape[0] <= whole.shape[0]
        assert crop.shape[1] <= whole.shape[1]
        windows = np.lib.stride_tricks.sliding_window_view(whole, crop.shape)
        assert (windows == crop).all((3, 4, 5)).any()
    assert len({source.image(7, view).tobytes() for view in range(5)}) == 5


def test_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match='no images'):
        open_source({'kind': 'photos', 'folder': str(tmp_path)})


@pytest.mark.parametrize(
    ('config', 'reason'),
    [
        ({'kind': 'photo'}, 'known: photos, town, gsv-cities, poses, bags'),
        ({}, 'unknown kind'),
        ({'kind': 'photos'}, 'lacks folder'),
        ({'kind': 'photos', 'folder': '/nowhere'}, 'there is no folder /nowhere'),
        ({'kind': 'photos', 'folder': '/', 'folders': '/'}, 'does not know folders; it takes'),
        ({'kind': 'photos', 'folder': '/tmp', 'crops': 'x'}, 'cannot be opened'),
        ({'kind': 'town', 'seeds': [1], 'visits': {'travers': 3}}, 'travers'),
        ({'kind': 'poses', 'folder': '/tmp', 'form': 'tum'}, 'needs a file of poses'),
        ({'kind': 'poses', 'folder': '/tmp', 'form': 'xyz'}, 'unknown form'),
    ],
)
def test_sources_that_cannot_be_opened_say_why(config, reason) -> None:
    with pytest.raises(TrainingDataError, match=reason):
        open_source(config)
