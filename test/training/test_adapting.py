# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch
from camera_bags import write_drive
from commands import run

from vpr_ros.cli.main import main
from vpr_ros.describe import Describer
from vpr_ros.describe.loading import resolve
from vpr_ros.evaluation.metrics import Tolerance
from vpr_ros.training.adapting import (
    AdaptationError,
    PosedDescriptors,
    adapt,
    require_adaptable,
    write_adapted,
)

NEAR = Tolerance(1.5)
HELD = np.arange(120) >= 60


def _drives(dim, nuisance, noise=0.02, seed=0):
    """Return a map and a drive whose pictures differ along a few directions, by so much."""
    rng = np.random.default_rng(seed)
    places = rng.standard_normal((120, dim)) / np.sqrt(dim)
    light = rng.standard_normal((4, dim)) / np.sqrt(dim)
    drives = []
    for _ in range(2):
        seen = places + nuisance * rng.standard_normal((120, 4)) @ light
        seen += noise * rng.standard_normal(seen.shape)
        poses = np.zeros((120, 7))
        poses[:, 0], poses[:, 6] = 2 * np.arange(120), 1
        drives.append(PosedDescriptors(seen / np.linalg.norm(seen, axis=1, keepdims=True), poses))
    return drives


def test_what_differs_between_pictures_of_a_place_counts_less():
    _, found = adapt(*_drives(64, nuisance=1.5), HELD, NEAR, 64)
    assert found.images == 60
    assert found.after > found.before + 0.1
    assert (found.won - found.lost) / found.images == pytest.approx(found.after - found.before)


def test_a_model_that_is_not_better_is_refused_with_the_figures():
    with pytest.raises(AdaptationError, match=r'nothing is written: of 60 .*100.0%.*won 0'):
        adapt(*_drives(64, nuisance=0.0), HELD, NEAR, 64)


def test_too_few_held_out_images_are_refused():
    places, drive = _drives(32, nuisance=1.0)
    with pytest.raises(AdaptationError, match='120 images to fit to and 0 held-out'):
        adapt(places, drive, np.zeros(120, bool), NEAR, 32)


@pytest.mark.parametrize('name', ['hog', 'd2vpr-pico'])
def test_the_written_model_describes_as_it_was_fitted(name, tmp_path):
    entry = resolve(name)
    before = Describer(name, threads=1, backend='torch')
    dim = before.model_info.descriptor_dim
    rng = np.random.default_rng(2)
    shapes = {
        'projection.mean': (dim,),
        'projection.directions': (dim, dim),
        'hash_head.linear.weight': (64, dim),
        'hash_head.linear.bias': (64,),
    }
    state = {
        key: torch.from_numpy(rng.standard_normal(shape).astype(np.float32) / dim**0.5)
        for key, shape in shapes.items()
    }
    path = tmp_path / 'own.safetensors'
    write_adapted(entry, state, path, {'recall': 0.9})
    after = Describer(str(path), threads=1, backend='torch')
    assert (after.model_info.name, after.model_info.code_bits) == ('own', 64)
    picture = np.random.default_rng(1).integers(0, 256, (96, 128, 3), np.uint8)
    (old,), (new,) = before.describe([picture]), after.describe([picture])
    wanted = state['projection.directions'].numpy() @ (
        old.descriptor - state['projection.mean'].numpy()
    )
    assert new.descriptor == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-4)
    logits = state['hash_head.linear.weight'].numpy() @ new.descriptor
    logits += state['hash_head.linear.bias'].numpy()
    sure = np.abs(logits) > 1e-4
    assert (np.unpackbits(new.code)[sure] == (logits >= 0)[sure]).all()
    with pytest.raises(AdaptationError, match='without a projection'):
        require_adaptable(resolve(str(path)))


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (('--hold-out', '0.5', '0.2'), 'two rising shares'),
        (('--hold-out', '0', '1'), 'two rising shares'),
        (('-o', 'd2vpr-nano.safetensors'), 'a file of its own'),
        (('-o', 'own.pt'), 'a file of its own'),
    ],
)
def test_wrong_options_are_told_before_the_work(words, said, tmp_path, capsys):
    given = 'train', 'adapt', str(tmp_path / 'm.vprmap'), '--bag', 'drive'
    output = () if '-o' in words else ('-o', str(tmp_path / 'own.safetensors'))
    with pytest.raises(SystemExit) as end:
        main([*given, *output, *words])
    assert end.value.code == 2
    assert said in ' '.join(capsys.readouterr().err.split())


def test_a_bag_that_is_recognised_already_adapts_nothing(tmp_path, capsys):
    bag, place_map = write_drive(tmp_path / 'drive', seconds=20), tmp_path / 'day.vprmap'
    topics = '--image-topic', '/front/image_raw'
    spacing = '--keyframe-distance', '0.1'
    assert run('map', 'build', place_map, bag, '--model', 'hog', *topics, *spacing) == 0
    target = tmp_path / 'own.safetensors'
    given = '--bag', bag, '-o', target, '--tolerance', 0.15
    assert run('train', 'adapt', place_map, *given, *topics) == 1
    error = ' '.join(capsys.readouterr().err.split())
    assert 'nothing is written: of 30 held-out images 100.0% were recognised before' in error
    assert not target.exists()
