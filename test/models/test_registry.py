# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The models by name, and those that other packages register."""

import functools

import cv2
import numpy as np
import pytest
import torch
import typer

from vpr_ros import models
from vpr_ros.cli.options import check_model
from vpr_ros.describe import Describer
from vpr_ros.errors import ModelError
from vpr_ros.geometry.pose import Pose
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.models.registry import _MODELS
from vpr_ros.models.weights_file import convert
from vpr_ros.search import Retriever

MODULE = """
import torch
from torch import nn
from torch.nn import functional

from vpr_ros.models import ModelOutput, ModelSpec, Preprocessing, PublishedWeights


class Tiny(nn.Module):
    def __init__(self, side=4):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(side)
        self.mix = nn.Linear(3 * side * side, 3 * side * side)

    def forward(self, images):
        return ModelOutput(functional.normalize(self.mix(self.pool(images).flatten(1)), dim=1))


MODELS = (
    ModelSpec(
        'tiny',
        Tiny,
        Preprocessing(32),
        weights=PublishedWeights(
            'tiny.pth',
            'https://example.org/tiny',
            'MIT',
            size=10_000,
            page='https://example.org/tiny/file',
            rename=lambda key: key.replace('head.', 'mix.'),
        ),
        untrained=True,
    ),
)
"""


@pytest.fixture
def others(install, tmp_path, monkeypatch):
    """Return a function that installs a package with models."""
    monkeypatch.setenv('VPR_WEIGHTS', str(tmp_path / 'weights'))
    return functools.partial(install, _MODELS, 'vpr_ros.models', 'MODELS')


def look(seed):
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3)).astype(np.uint8)
    return cv2.resize(coarse, (80, 60), interpolation=cv2.INTER_CUBIC)


def test_model_of_another_package_describes_images_into_a_map_that_is_searched(others, tmp_path):
    others('other_models', MODULE)

    assert 'tiny' in models.names()
    assert len(models.create('tiny', side=2).mix.weight) == 12
    describer = Describer('tiny', device='cpu')
    described = describer.describe([look(seed) for seed in range(5)])
    with MapWriter.create(tmp_path / 'm.vprmap', describer.model_info) as place_map:
        session = place_map.begin_session('run', 0)
        ids = place_map.add(
            [
                NewPlace(d, session, stamp, Pose.of((stamp, 0, 0)))
                for stamp, d in enumerate(described)
            ]
        )
        found = Retriever(place_map).search(describer.describe([look(3)])[0], k=2)
    assert found.ids[0] == ids[3]


def test_weights_of_another_package_are_converted_with_its_keys(others, tmp_path):
    others('other_models', MODULE)
    state = models.create('tiny', seed=4).state_dict()
    path = tmp_path / 'tiny.pth'
    torch.save({key.replace('mix.', 'head.'): value for key, value in state.items()}, path)

    written = convert(path, 'tiny')

    assert models.find_weights('tiny') == written
    assert Describer('tiny', device='cpu').model_info.trained
    assert check_model('tiny') == 'tiny'
    with pytest.raises(typer.BadParameter, match='tiny'):
        check_model('tinier')


@pytest.mark.parametrize(
    ('source', 'reason'),
    [
        ('1 / 0', 'division by zero'),
        ('MODELS = 3', 'not iterable'),
        (MODULE.replace("'tiny',", "'d2vpr',"), "'d2vpr' of broken:MODELS is left out"),
    ],
)
def test_package_that_cannot_register_is_named_and_the_others_work(others, caplog, source, reason):
    own = models.spec('d2vpr')
    others('broken', source)

    assert models.spec('d2vpr') is own
    assert 'hog' in models.names()
    assert reason in caplog.text


def test_backbones_have_weights_and_describe_nothing():
    backbone = 'dinov2-vits14'
    assert backbone in models.registered()
    assert backbone not in models.names()
    for use in (models.create, models.spec, Describer):
        with pytest.raises(ModelError, match='there is no model'):
            use(backbone)
