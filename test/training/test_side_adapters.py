# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch
from pictures import blocks

from vpr_ros.describe import Describer
from vpr_ros.describe.loading import load_network, resolve
from vpr_ros.evaluation.metrics import Tolerance
from vpr_ros.geometry import Pose
from vpr_ros.inputs.frames.thumbnail_codec import encode_thumbnail
from vpr_ros.maps import MapWriter, NewPlace, PlaceMap
from vpr_ros.training.held_out import AdaptationError
from vpr_ros.training.side_adapters import (
    CellPictures,
    PosedPictures,
    side_adapted,
    train_side_adapters,
    with_side_adapters,
)

NEAR = Tolerance(1.0)


def _pictures(places, drives=2, spacing=2.0):
    """Return pictures of places along x, each seen in several drives, where little is alike."""
    jpegs, poses = [], []
    for place in range(places):
        for drive in range(drives):
            shade = (0.4 + 0.6 * drive) * blocks(place)
            jpegs.append(encode_thumbnail(shade.astype(np.uint8), 320))
            poses.append(Pose.of((spacing * place, 0, 0)).as_array())
    return PosedPictures(jpegs, np.array(poses))


def test_areas_hold_places_that_are_no_neighbours():
    source = CellPictures(_pictures(30), NEAR)
    assert [len(area) for area in source.areas] == [10, 10, 10]
    assert all(source.views(place) == 2 for area in source.areas for place in area)
    assert source.image(0, 0).shape == (96, 128, 3)
    assert not np.array_equal(source.image(0, 0), source.image(1, 0))


@pytest.mark.parametrize('given', [_pictures(30, drives=1), _pictures(6)])
def test_too_few_pictures_are_refused(given):
    with pytest.raises(AdaptationError, match='nothing to train side adapters on'):
        CellPictures(given, NEAR)


@pytest.mark.parametrize('model', ['hog', 'cosplace-resnet18'])
def test_networks_without_side_adapters_are_refused(model, monkeypatch):
    if model != 'hog':
        from vpr_ros import models

        net = models.create(model)
        monkeypatch.setattr(
            'vpr_ros.training.side_adapters.load_network', lambda _entry: (net, '')
        )
    with pytest.raises(AdaptationError, match='has no side adapters to train'):
        with_side_adapters(resolve(model))


def test_adapters_change_nothing_before_they_are_trained_and_alone_are_trained():
    entry = resolve('d2vpr-pico')
    before = load_network(entry)[0]
    adapted, net, names = with_side_adapters(entry)
    images = torch.randn(2, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted, found = before(images).descriptor, net(images).descriptor
    assert (wanted - found).abs().max() < 1e-5
    kept = {key: value.clone() for key, value in net.state_dict().items()}
    told = []
    source = CellPictures(_pictures(12, spacing=4.0), NEAR)
    train_side_adapters(net, names, source, adapted.input_size, 2, lambda *of: told.append(of))
    assert told == [(1, 2), (2, 2)]
    changed = {key for key, value in net.state_dict().items() if not torch.equal(value, kept[key])}
    assert changed
    assert all(key.startswith(tuple(names)) for key in changed)
    assert not net.training


def test_map_and_file_are_of_the_side_adapted_model(tmp_path, monkeypatch):
    monkeypatch.setattr('vpr_ros.training.side_adapters._STEPS', 1)
    describer, pictures = Describer('d2vpr-pico', threads=1), _pictures(12, 1, 4.0)
    path = tmp_path / 'day.vprmap'
    with MapWriter.create(path, describer.model_info) as place_map:
        session = place_map.begin_session('day', 0)
        for i, jpeg in enumerate(pictures.jpegs):
            (description,) = describer.describe([blocks(i)])
            pose = Pose.from_array(pictures.poses[i])
            place_map.add([NewPlace(description, session, i, pose, thumbnail=jpeg)])
    entry, told = resolve('d2vpr-pico'), []
    model, adapted = side_adapted(
        entry, path, pictures, NEAR, tmp_path, 'cpu', lambda *of: told.append(of)
    )
    assert told == [(1, 1)]
    info = Describer(str(model), threads=1).model_info
    assert info.descriptor_dim == describer.model_info.descriptor_dim
    assert info.weights_id != describer.model_info.weights_id
    with PlaceMap.open(adapted, model=info) as place_map:
        assert len(place_map) == 12


def test_map_without_thumbnails_is_refused(tmp_path):
    path = tmp_path / 'bare.vprmap'
    describer = Describer('d2vpr-pico', threads=1)
    with MapWriter.create(path, describer.model_info) as place_map:
        session = place_map.begin_session('day', 0)
        (description,) = describer.describe([blocks(1)])
        place_map.add([NewPlace(description, session, 0, Pose.of((0, 0, 0)))])
    given = resolve('d2vpr-pico'), path, _pictures(12), NEAR, tmp_path, 'cpu', print
    with pytest.raises(AdaptationError, match='no thumbnails'):
        side_adapted(*given)
