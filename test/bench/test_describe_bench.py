# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json

import cv2
import numpy as np
import pytest

from vpr_ros import models
from vpr_ros.bench import describe_bench as bench
from vpr_ros.bench.describe_bench import ExecutionMode, bench_describe, multiplications, ways
from vpr_ros.cli.main import main
from vpr_ros.errors import ModelError
from vpr_ros.models import registry
from vpr_ros.models.vit import ViTConfig


@pytest.fixture(autouse=True)
def _small_network(monkeypatch, tmp_path):
    """Let the registry have a network whose weights are not here, and no others be there."""
    options = {'vit': ViTConfig(width=96, depth=3, heads=3), 'taps': (3,), 'code_bits': 64}
    entry = dataclasses.replace(models.spec('d2vpr'), name='small', options=options)
    monkeypatch.setitem(registry._BY_NAME, 'small', entry)
    monkeypatch.setenv('VPR_WEIGHTS', str(tmp_path / 'weights'))


@pytest.fixture
def folder(tmp_path):
    """Return a folder of three smooth pictures."""
    generator = np.random.default_rng(0)
    for index in range(3):
        colours = generator.integers(0, 256, (6, 8, 3), np.uint8)
        cv2.imwrite(str(tmp_path / f'{index}.png'), cv2.resize(colours, (160, 120)))
    return tmp_path


def test_d2vpr_costs_less_than_published():
    # Published code: 9.64; with its offset generator computed once instead of 13 times: 7.22.
    assert 7.0e9 < multiplications(models.create('d2vpr'), 224) <= 7.3e9


@pytest.mark.slow
@pytest.mark.parametrize(
    ('name', 'size', 'expected'),
    [
        ('cricavpr', 224, 25.658),
        ('selavprpp-base', 224, 28.15),
        ('selavprpp-base', 322, 60.7),
        ('salad', 322, 50.90),
        ('boq-dinov2', 322, 54.62),
        ('boq-resnet50', 384, 17.55),
        ('image-gsv', 322, 51.13),
        ('mixvpr', 320, 8.42),
        ('eigenplaces-resnet50', 224, 4.09),
        ('cosplace-resnet18', 224, 1.814),
    ],
)
def test_cost_is_that_known_of_the_published_networks(name, size, expected):
    found = multiplications(models.create(name), size) / 1e9

    assert found == pytest.approx(expected, rel=2e-3)


def test_every_way_of_the_cpu_is_offered_float32_first():
    offered = ways(['d2vpr-nano', 'hog'], ['cpu'])

    assert [way[1:] for way in offered if way.model == 'd2vpr-nano'] == [
        ('cpu', 'torch', 'fp32'),
        ('cpu', 'torch', 'bf16'),
        ('cpu', 'onnx', 'fp32'),
        ('cpu', 'onnx', 'int8'),
    ]
    assert [way[1:] for way in offered if way.model == 'hog'] == [('cpu', 'torch', 'fp32')]


def test_command_measures_and_compares(folder, capsys, monkeypatch):
    monkeypatch.setattr(bench, '_peak_memory', lambda *_: 1.0)
    arguments = ['--backend', 'torch', '--batch', '1', '--batch', '2', '--rounds', '2']
    arguments += ['--images', str(folder), '--json']
    with pytest.raises(SystemExit) as end:
        main(['bench', 'describe', '--model', 'small', *arguments])
    assert end.value.code == 0
    rows = json.loads(capsys.readouterr().out)

    assert [(row['precision'], row['batch']) for row in rows] == [
        (precision, batch) for precision in ('fp32', 'bf16') for batch in (1, 2)
    ]
    for row in rows:
        assert 0 < row['median_ms'] <= row['p95_ms']
        assert row['images_per_s'] == pytest.approx(1e3 * row['batch'] / row['median_ms'])
        assert row['cosine_min'] > 0.999
    assert [row['speedup'] for row in rows[:2]] == [1, 1]
    assert rows[0]['bits_changed'] == 0


def test_weights_that_are_absent_are_random_and_say_so(monkeypatch):
    monkeypatch.setattr(bench, '_peak_memory', lambda *_: 1.0)
    (row,) = bench_describe([ExecutionMode('small', 'cpu', 'torch', 'fp32')], rounds=1)

    assert row.weights == 'random'
    assert row.cosine_min is None
    assert row.speedup == 1


def test_memory_is_that_of_a_process_of_its_own():
    taken = np.ones(1 << 30, np.uint8)
    (row,) = bench_describe([ExecutionMode('hog', 'cpu', 'torch', 'fp32')], rounds=1)

    assert 100 < row.memory_mb < taken.nbytes / 1e6


def test_first_way_must_work():
    with pytest.raises(ModelError, match='depend on the other images'):
        bench_describe([ExecutionMode('cricavpr', 'cpu', 'torch', 'fp32')], rounds=1)


def test_changes_of_rank_are_counted():
    angles = np.deg2rad([0, 10, 30, 90])
    wanted = np.stack((np.cos(angles), np.sin(angles)), axis=1).astype(np.float32)
    angles = np.deg2rad([0, 25, 30, 90])  # the second is now nearest to the third
    found = np.stack((np.cos(angles), np.sin(angles)), axis=1).astype(np.float32)
    codes = np.zeros((4, 8), np.uint8)
    flipped = codes.copy()
    flipped[1, 0] = 1

    result = bench._agreement((found, flipped), (wanted, codes))
    assert result['cosine_min'] == pytest.approx(np.cos(np.deg2rad(15)), abs=1e-6)
    assert result['bits_changed'] == pytest.approx(100 / 32)
    assert result['first_changed'] == 25
    assert result['first_changed_mixed'] == 25
